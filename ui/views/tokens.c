/* The patches of a picture: which stay, site by site, by what score, in which groups. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/format.h"
#include "ui/view.h"
#include "ui/views/tokens_shown.h"
#include "ui/widgets/parts.h"

#define INFO_WIDTH 30  /* at least, beside the picture */
#define PLAIN_WIDTH 34 /* of the rows of text that stand for the picture */

/* ---- drawing ---- */

static void draw_nothing(const struct app *app, struct canvas *c)
{
	const struct run *run = app_shown(app);
	const char *why = run ? "there are no patches in what this model reads"
			      : "nothing measured yet";
	if (app->phase == APP_BROKEN)
		why = "";
	canvas_text(c, 2, 1, c->width - 2, STYLE_DIM, why);
}

static void add_each(const struct tokens_shown *s, struct parts *p)
{
	if (s->each[0])
		parts_join(p, 2, STYLE_NORMAL, "(%s)", s->each);
}

/* What stays at the site; what is made of the others counts as one beside the patches. */
static void add_site(const struct tokens_shown *s, struct parts *p)
{
	const struct patch_map *m = &s->now;
	const char *what = s->stays;
	char name[80], percent[16], made[32] = "";
	parts_add(p, 0, STYLE_BOLD, "%s", format_name(s->site->path, name, sizeof(name)));
	if (m->made > 0)
		snprintf(made, sizeof(made), " (+%d made)", m->made);
	if (m->stay == m->in)
		parts_add(p, 0, STYLE_NORMAL, "all %d %s%s stay", m->in, what, made);
	else
		parts_add(p, 0, STYLE_NORMAL, "%d of %d %s%s stay", m->stay, m->in, what,
			  made);
	add_each(s, p);
	parts_add(p, 3, STYLE_NORMAL, "%s %% of %d",
		  format_percent((double)m->stay / m->n, percent, sizeof(percent)), m->n);
}

static void add_scrubbing(const struct tokens_shown *s, struct parts *p)
{
	char up[16], down[16];
	keymap_key(REQ_PAGE_UP, false, up, sizeof(up));
	keymap_key(REQ_PAGE_DOWN, false, down, sizeof(down));
	if (s->run->tokens.n_sites > 1)
		parts_add(p, 2, STYLE_DIM, "site %d/%d: %s %s", s->at + 1,
			  s->run->tokens.n_sites, up, down);
}

static void add_whole(const struct tokens_shown *s, struct parts *p)
{
	const struct patch_map *m = &s->now;
	if (!m->known && s->run->state == RUN_ESTIMATE)
		parts_add(p, 0, STYLE_DIM,
			  "~ estimate: which of the %d %s stay is not known yet", m->n,
			  s->many);
	else if (!m->known)
		parts_add(p, 0, STYLE_DIM, "which of the %d %s stay is not known", m->n,
			  s->many);
	else if (m->stay == m->n)
		parts_add(p, 0, STYLE_NORMAL, "all %d %s stay", m->n, s->many);
	else
		parts_add(p, 0, STYLE_NORMAL, "%d of %d %s stay to the end", m->stay,
			  m->n, s->many);
	add_each(s, p);
}

static void draw_header(const struct tokens_shown *s, const struct patches_fit *fit,
			struct canvas *c)
{
	struct parts p = { .n = 0 };
	char key[16], words[48];
	if (s->site) {
		add_site(s, &p);
		add_scrubbing(s, &p);
	} else {
		add_whole(s, &p);
	}
	patches_fit_words(fit, s->many, words, sizeof(words));
	if (words[0])
		parts_add(&p, 1, STYLE_DIM, "%s", words);
	parts_add(&p, 4, STYLE_DIM, "card: %s",
		  keymap_key(REQ_ENTER, false, key, sizeof(key)));
	parts_draw(&p, c, 1, 0, c->width - 2);
}

/* For screen readers; begins so that the row of the cursor is there. */
static void draw_ranges(const struct tokens_shown *s, struct canvas *c, int width)
{
	int here = s->grid.cursor / s->grid.columns, rows = c->height - 1;
	int from = here >= rows ? here - rows + 1 : 0;
	for (int i = 0; i < rows && from + i < s->grid.rows; i++) {
		char ranges[400], text[440];
		patches_ranges(&s->grid, from + i, ranges, sizeof(ranges));
		snprintf(text, sizeof(text), "row %2d: %s", from + i, ranges);
		canvas_field(c, 1, 1 + i, width, STYLE_NORMAL, text);
	}
}

/* The columns it took. */
static int draw_picture(struct tokens *st, const struct tokens_shown *s, struct canvas *c)
{
	int width = c->width - 3 - INFO_WIDTH;
	if (c->plain) {
		width = PLAIN_WIDTH < c->width / 2 ? PLAIN_WIDTH : c->width / 2;
		st->fit = (struct patches_fit){ 0 };
		draw_ranges(s, c, width);
		return width;
	}
	st->grid_x = 1;
	st->grid_y = 1;
	st->fit = patches_draw(c, st->grid_x, st->grid_y, width, c->height - 1, &s->grid);
	return st->fit.width;
}

static void draw(void *state, const struct app *app, struct canvas *c, bool focus)
{
	struct tokens *st = state;
	struct tokens_shown s;
	if (!tokens_rebuild(st, app, &s)) {
		draw_nothing(app, c);
		return;
	}
	if (!focus)
		s.grid.cursor = -1;
	int x = draw_picture(st, &s, c) + 3;
	s.grid.cursor = st->cursor;
	draw_header(&s, &st->fit, c);
	struct canvas info = canvas_window(c, x, 1, c->width - x - 1, c->height - 1);
	tokens_draw_info(st, &s, &info);
	tokens_shown_release(&s);
}

/* ---- requests ---- */

static enum reaction scrub(struct tokens *st, const struct tokens_shown *s, int to)
{
	const struct run_tokens *t = &s->run->tokens;
	if (!t->n_sites)
		return REACT_SAME;
	to = to < 0 ? 0 : to >= t->n_sites ? t->n_sites - 1 : to;
	st->scrubbed = to < t->n_sites - 1;
	st->layer = t->sites[to].layer;
	return REACT_REDRAW;
}

/* It stops at the edges of the grid. */
static enum reaction move(struct tokens *st, const struct tokens_shown *s, int dx, int dy)
{
	int columns = s->grid.columns;
	int x = st->cursor % columns + dx, y = st->cursor / columns + dy;
	int to = y * columns + x;
	if (x < 0 || y < 0 || x >= columns || to >= s->grid.n)
		return REACT_SAME;
	st->cursor = to;
	return REACT_REDRAW;
}

/* To the next patch that differs from the pinned run, or else is dropped at this site. */
static enum reaction seek(struct tokens *st, const struct tokens_shown *s, int step)
{
	int n = s->grid.n;
	for (int k = 1; k < n; k++) {
		int i = ((st->cursor + k * step) % n + n) % n;
		char mark = s->patch[i].mark;
		if (s->compared ? mark == '+' || mark == '-'
				: s->now.patch[i].fate == PATCH_DROPPED) {
			st->cursor = i;
			return REACT_REDRAW;
		}
	}
	return REACT_SAME;
}

static enum reaction answer(struct tokens *st, const struct tokens_shown *s,
			    enum request request)
{
	switch (request) {
	case REQ_UP:
		return move(st, s, 0, -1);
	case REQ_DOWN:
		return move(st, s, 0, 1);
	case REQ_IN:
		return move(st, s, 1, 0);
	case REQ_BACK:
		return move(st, s, -1, 0);
	case REQ_PAGE_UP:
	case REQ_FOLD:
		return scrub(st, s, s->at - 1);
	case REQ_PAGE_DOWN:
	case REQ_UNFOLD:
		return scrub(st, s, s->at + 1);
	case REQ_FIRST:
		return scrub(st, s, 0);
	case REQ_LAST:
		return scrub(st, s, s->run->tokens.n_sites);
	case REQ_SEARCH_NEXT:
		return seek(st, s, 1);
	case REQ_SEARCH_PREVIOUS:
		return seek(st, s, -1);
	case REQ_ENTER:
		st->card = !st->card;
		return REACT_REDRAW;
	default:
		return REACT_NONE;
	}
}

static enum reaction on_request(void *state, struct app *app, enum request request)
{
	struct tokens *st = state;
	struct tokens_shown s;
	if (!tokens_rebuild(st, app, &s))
		return REACT_NONE;
	enum reaction reaction = answer(st, &s, request);
	tokens_shown_release(&s);
	return reaction;
}

static enum reaction on_mouse(void *state, struct app *app, const struct key *key)
{
	struct tokens *st = state;
	struct tokens_shown s;
	enum reaction reaction = REACT_SAME;
	if (!tokens_rebuild(st, app, &s))
		return REACT_SAME;
	int patch = patches_at(&st->fit, s.grid.columns, s.grid.rows, s.grid.n,
			       key->x - st->grid_x, key->y - st->grid_y);
	if (key->action == MOUSE_WHEEL_UP || key->action == MOUSE_WHEEL_DOWN) {
		reaction = scrub(st, &s, s.at + (key->action == MOUSE_WHEEL_UP ? -1 : 1));
	} else if (key->action == MOUSE_PRESS && patch >= 0) {
		st->cursor = patch;
		reaction = REACT_REDRAW;
	}
	tokens_shown_release(&s);
	return reaction;
}

/* ---- as Markdown ---- */

static void copy_site(const struct run *run, int i, int n, struct str *out)
{
	const struct run_site *site = &run->tokens.sites[i];
	struct patch_map m;
	char name[80];
	double low = (double)NAN, high = (double)NAN;
	patch_map_make(&m, run, i, n);
	for (int k = 0; k < m.n; k++) {
		double score = m.patch[k].score;
		if (m.patch[k].fate == PATCH_STAYS && !(score >= low))
			low = score;
		if (m.patch[k].fate == PATCH_STAYS && !(score <= high))
			high = score;
	}
	str_addf(out, "| %s | %d | %d | %.1f |",
		 format_name(site->path, name, sizeof(name)), m.in, m.stay,
		 100.0 * m.stay / n);
	if (isnan(low))
		str_add(out, " -- | -- |\n");
	else
		str_addf(out, " %.4g | %.4g |\n", low, high);
	patch_map_release(&m);
}

static void copy(void *state, const struct app *app, struct str *markdown)
{
	struct tokens_shown s;
	if (!tokens_rebuild(state, app, &s))
		return;
	str_add(markdown, "| site | in | stay | % of all | cut | highest |\n"
			  "|---|---:|---:|---:|---:|---:|\n");
	for (int i = 0; i < s.run->tokens.n_sites; i++)
		copy_site(s.run, i, s.now.n, markdown);
	tokens_shown_release(&s);
}

/* A model that reads no picture and drops nothing has no patches. */
static bool applies(const struct app *app)
{
	return !app->has_model || app->model.picture ||
	       (app->model.knob_mask & KNOB_BIT(KNOB_KEEP));
}

const struct view tokens_view = {
	.name = "tokens",
	.title = "Tokens",
	.state_size = sizeof(struct tokens),
	.applies = applies,
	.on_request = on_request,
	.on_mouse = on_mouse,
	.draw = draw,
	.copy = copy,
};
