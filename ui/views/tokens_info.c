/* What stands beside the picture of the tokens view. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/format.h"
#include "ui/keymap.h"
#include "ui/view.h"
#include "ui/views/tokens_shown.h"
#include "ui/widgets/histogram.h"

#define BARS_MIN 3
#define BARS_MAX 8
#define WRAP_MAX 3     /* rows of a line of the card */
#define LABEL_WIDTH 11 /* of a line of the card */
#define CHART_WIDTH 48 /* columns of the histogram */
#define PER_BIN 8      /* scores, at least on the average ... */
#define BINS_MIN 8     /* ... if there are so many bins then */
#define LIST_BAR 12    /* columns of the bar of a group */

/* Rows from the top down; what has no room is not drawn. */
struct pen {
	struct canvas *c;
	int y;
};

static int room(const struct pen *p) { return p->c->height - p->y; }

__attribute__((format(printf, 3, 4))) static void say(struct pen *p, unsigned style,
						      const char *fmt, ...)
{
	char text[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	canvas_field(p->c, 0, p->y++, p->c->width, style, text);
}

static void gap(struct pen *p) { p->y += p->y > 0; }

static const char *site_name(const struct run_site *site, char *buf, size_t size)
{
	return format_name(site->path, buf, size);
}

/* ---- the patch under the cursor ---- */

static void say_fate(struct pen *p, const struct tokens_shown *s,
		     const struct patch_info *i)
{
	const struct run_tokens *t = &s->run->tokens;
	char text[240], name[64], score[64] = "";
	if (!s->now.known) {
		say(p, STYLE_DIM, "whether it stays is not known yet");
		return;
	}
	if (i->rank)
		snprintf(score, sizeof(score), ": score %.4g, rank %d of %d", i->score,
			 i->rank, i->ranked);
	if (i->fate == PATCH_STAYS)
		snprintf(text, sizeof(text), "stays%s", score);
	else if (i->fate == PATCH_DROPPED)
		snprintf(text, sizeof(text), "dropped%s%s", s->site ? " here" : "",
			 score);
	else
		snprintf(text, sizeof(text), "dropped at %s%s",
			 site_name(&t->sites[i->site], name, sizeof(name)), score);
	p->y += canvas_wrap(p->c, 0, p->y, p->c->width, 2,
			    i->fate == PATCH_STAYS ? STYLE_NORMAL : STYLE_DIM, text);
}

static void say_group(struct pen *p, const struct tokens_shown *s, int patch)
{
	int g = tokens_group_of(s, patch);
	if (!s->now.grouped || s->now.patch[patch].fate != PATCH_STAYS)
		return;
	if (g < 0)
		say(p, STYLE_NORMAL, "a token of its own");
	else
		say(p, STYLE_NORMAL, "in token %c, of %d %s", format_letter(g),
		    s->groups[g].size, s->many);
}

static void draw_cursor(struct pen *p, const struct tokens_shown *s)
{
	int i = s->grid.cursor, columns = s->grid.columns;
	const struct patch *patch = &s->patch[i];
	if (s->sequence)
		say(p, STYLE_BOLD, "token %d of %d", i, s->now.n);
	else
		say(p, STYLE_BOLD, "%s %d: row %d, column %d", s->one, i, i / columns,
		    i % columns);
	say_fate(p, s, &s->now.patch[i]);
	say_group(p, s, i);
	if (s->compared && (patch->mark == '+' || patch->mark == '-'))
		say(p, STYLE_WARN, "%c %s in the pinned run", patch->mark,
		    patch->mark == '+' ? "dropped" : "stays");
}

/* ---- the pinned run ---- */

static void draw_pinned(struct pen *p, const struct tokens_shown *s)
{
	const struct run *pinned = s->app->pinned;
	char id[32] = "", name[64], at[80] = "", overlap[16];
	if (!pinned)
		return;
	gap(p);
	if (pinned->id)
		snprintf(id, sizeof(id), " #%lld", (long long)pinned->id);
	if (s->pinned_site)
		snprintf(at, sizeof(at), " at %s",
			 site_name(s->pinned_site, name, sizeof(name)));
	if (!s->compared) {
		say(p, STYLE_DIM, "pin%s: not known, or of other %s", id, s->many);
		return;
	}
	say(p, STYLE_BOLD, "against pin%s%s", id, at);
	if (s->now.grouped && s->pinned.grouped)
		say(p, STYLE_NORMAL, "%d %s are in another token", s->change.moved,
		    s->many);
	else
		say(p, STYLE_NORMAL, "+%d  -%d  Jaccard %s", s->change.added,
		    s->change.lost,
		    format_cosine(s->change.jaccard, overlap, sizeof(overlap)));
}

/* ---- what the language model gets ---- */

/* "530 G" and "FLOP" instead of "530G": the prefix goes with the unit. */
static const char *with_unit(enum metric_unit kind, double v, const char *unit, char *buf,
			     size_t size)
{
	char text[24];
	size_t n = strlen(metric_text(kind, v, text, sizeof(text)));
	bool prefixed = n > 1 && text[n - 1] > '9';
	snprintf(buf, size, "%.*s %s%s", (int)(n - prefixed), text,
		 prefixed ? text + n - 1 : "", unit);
	return buf;
}

static void say_cost(struct pen *p, const struct run_language *l)
{
	char name[64], ms[16], flop[40], bytes[40];
	struct str s = STR_INIT;
	if (!l->name)
		return;
	str_addf(&s, "in %s they cost ", format_name(l->name, name, sizeof(name)));
	str_addf(&s, isnan(l->estimated_ns) ? "%s ms" : "~%s ms",
		 format_ms(l->estimated_ns, ms, sizeof(ms)));
	if (!isnan(l->flops))
		str_addf(&s, ", %s",
			 with_unit(UNIT_FLOPS, l->flops, "FLOP", flop, sizeof(flop)));
	if (!isnan(l->kv_bytes))
		str_addf(&s, ", %s of KV",
			 with_unit(UNIT_BYTES, l->kv_bytes, "iB", bytes, sizeof(bytes)));
	p->y += canvas_wrap(p->c, 0, p->y, p->c->width, 2, STYLE_DIM, str_get(&s));
	str_release(&s);
}

static void say_generated(struct pen *p, const struct run *run)
{
	struct str s = STR_INIT;
	str_add(&s, "goes on: ");
	if (view_generated(run, &s))
		p->y += canvas_wrap(p->c, 0, p->y, p->c->width, WRAP_MAX, STYLE_NORMAL,
				    str_get(&s));
	str_release(&s);
}

static void draw_handed(struct pen *p, const struct run *run)
{
	const struct run_visual *v = &run->visual;
	char text[160], each[48] = "", ms[16];
	const struct run_generated *g = &run->generated;
	if (isnan(v->tokens) && !run->language.name && !g->text && g->n_ids < 1)
		return;
	gap(p);
	if (!isnan(v->ns_per_token))
		snprintf(each, sizeof(each), ", %s%s ms each",
			 run->state == RUN_ESTIMATE ? "~" : "",
			 format_ms(v->ns_per_token, ms, sizeof(ms)));
	if (!isnan(v->tokens)) {
		snprintf(text, sizeof(text), "to the language model: %.0f tokens%s",
			 v->tokens, each);
		p->y += canvas_wrap(p->c, 0, p->y, p->c->width, 2, STYLE_BOLD, text);
	}
	say_cost(p, &run->language);
	say_generated(p, run);
}

/* ---- scores ---- */

static void draw_scores(struct pen *p, const struct tokens_shown *s, int rows)
{
	struct histogram h;
	int n = s->site->n_scores;
	int width = p->c->width < CHART_WIDTH ? p->c->width : CHART_WIDTH;
	int wanted = n / PER_BIN < BINS_MIN ? BINS_MIN : n / PER_BIN;
	int columns = (width + wanted - 1) / wanted;
	gap(p);
	if (room(p) < 2)
		return;
	bool *stays = patch_site_stays(s->site);
	histogram_make(&h, s->site->scores, stays, n,
		       width / (columns > 0 ? columns : 1));
	free(stays);
	if (h.n_stay < h.n && !isnan(h.cut))
		say(p, STYLE_BOLD, "scores: %d go, %d stay, cut %.3g", h.n - h.n_stay,
		    h.n_stay, h.cut);
	else
		say(p, STYLE_BOLD, "scores: %d of %d stay", h.n_stay, h.n);
	int height = rows + HISTOGRAM_LABEL_ROWS;
	height = p->c->plain ? 1 : height < room(p) ? height : room(p);
	histogram_draw(p->c, 0, p->y, width, height, &h);
	p->y += height;
}

/* ---- groups ---- */

static void draw_group(struct pen *p, const struct tokens_shown *s, int g)
{
	const struct patch_group *group = &s->groups[g];
	double most = s->groups[0].size;
	bool here = tokens_group_of(s, s->grid.cursor) == g;
	unsigned style = here ? STYLE_REVERSE : STYLE_NORMAL;
	char text[120];
	snprintf(text, sizeof(text), "%c %4d %s %5.1f %%", format_letter(g), group->size,
		 s->many, 100.0 * group->size / s->now.n);
	int x = canvas_text(p->c, 0, p->y, -1, style, text) + 2;
	if (x + LIST_BAR <= p->c->width)
		canvas_bar(p->c, x, p->y, LIST_BAR, group->size / most, STYLE_ACCENT);
	x += p->c->plain ? 0 : LIST_BAR + 2;
	snprintf(text, sizeof(text), "from row %d, column %d",
		 group->first / s->grid.columns, group->first % s->grid.columns);
	if (x + canvas_text_width(p->c, text) <= p->c->width)
		canvas_text(p->c, x, p->y, -1, STYLE_DIM, text);
	p->y++;
}

/* `rows` with the heading. */
static void draw_groups(struct pen *p, const struct tokens_shown *s, int rows)
{
	int end = p->y + rows, single = s->now.stay - s->n_groups;
	gap(p);
	say(p, STYLE_BOLD, "%d tokens of several %s, %d of one", s->n_groups, s->many,
	    single);
	/* The list begins so that the group of the cursor is in it. */
	int n = end - p->y, here = tokens_group_of(s, s->grid.cursor);
	int from = here >= n ? here - n + 1 : 0;
	for (int g = from; g < s->n_groups && p->y < end; g++)
		draw_group(p, s, g);
}

/* ---- the method ---- */

#define OF_THE_PASS " of the pass"

static void say_time(struct pen *p, const struct run *run)
{
	char text[80], ms[16], percent[16];
	double share, ns = patch_selection_ns(run, &share);
	bool estimate = run->state == RUN_ESTIMATE;
	if (isnan(ns))
		return;
	int n = snprintf(text, sizeof(text), "selection %s%s ms, %s %%",
			 estimate ? "~" : "", format_ms(ns, ms, sizeof(ms)),
			 format_percent(share, percent, sizeof(percent)));
	bool fits = n + (int)strlen(OF_THE_PASS) <= p->c->width;
	say(p, estimate ? STYLE_DIM : STYLE_NORMAL, "%s%s", text,
	    fits ? OF_THE_PASS : "");
}

static void say_wrapped(struct pen *p, const char *label, const char *text)
{
	int left = *label ? LABEL_WIDTH : 0, width = p->c->width - left;
	if (!text || !*text || room(p) < 1 || width < 8)
		return;
	canvas_text(p->c, 0, p->y, left - 1, STYLE_DIM, label);
	p->y += canvas_wrap(p->c, left, p->y, width,
			    room(p) < WRAP_MAX ? room(p) : WRAP_MAX, STYLE_NORMAL, text);
}

static void draw_card(struct pen *p, const struct run *run, const struct app_card *card,
		      bool whole)
{
	char text[300];
	gap(p);
	snprintf(text, sizeof(text), "%s: %s", card->name, card->help);
	say_wrapped(p, "", text);
	say_time(p, run);
	if (!whole)
		return;
	say_wrapped(p, "needs", card->needs);
	say_wrapped(p, "attention", card->attention);
	say_wrapped(p, "where", card->where);
	say_wrapped(p, "cost", card->cost);
	say_wrapped(p, "from", card->source);
}

/* Rows of the short card, with the blank one above. */
static int brief_rows(const struct pen *p, const struct app_card *card)
{
	int w = canvas_text_width(p->c, card->name) + 2 +
		canvas_text_width(p->c, card->help);
	return 2 + (w > p->c->width ? 2 : 1);
}

/* A method of another version may have no card. */
static struct app_card card_of(const struct run *run, char name[KNOB_TEXT_SIZE])
{
	struct app_card card;
	if (!app_method_card(tokens_method(run, name), &card))
		card = (struct app_card){ .name = name, .help = "of another version" };
	return card;
}

/* ---- all of it ---- */

#define WHOLE_CARD 14 /* rows that a card may take */

static void draw_choice(struct pen *p, const struct tokens_shown *s, int rows)
{
	if (s->now.grouped && rows > 2)
		draw_groups(p, s, rows);
	else if (s->site && s->now.scored && rows > 2) {
		rows -= 2 + HISTOGRAM_LABEL_ROWS;
		draw_scores(p, s, rows > BARS_MAX ? BARS_MAX : rows);
	}
}

void tokens_draw_info(const struct tokens *st, const struct tokens_shown *s,
		      struct canvas *c)
{
	struct pen p = { c, 0 };
	char name[KNOB_TEXT_SIZE], shown[64];
	struct app_card card = card_of(s->run, name);
	card.name = format_name(card.name, shown, sizeof(shown));
	draw_cursor(&p, s);
	draw_pinned(&p, s);
	draw_handed(&p, s->run);
	if (st->card) {
		draw_card(&p, s->run, &card, true);
		draw_choice(&p, s, room(&p));
		return;
	}
	int brief = brief_rows(&p, &card);
	bool whole = room(&p) >= 2 + BARS_MIN + HISTOGRAM_LABEL_ROWS + WHOLE_CARD;
	draw_choice(&p, s, room(&p) - (whole ? WHOLE_CARD : brief));
	if (room(&p) >= brief)
		draw_card(&p, s->run, &card, whole);
}
