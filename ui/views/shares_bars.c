/* The bars above the table of shares: the level, the part under the cursor, its blocks.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/format.h"
#include "ui/views/shares.h"
#include "ui/widgets/columns.h"
#include "ui/widgets/parts.h"
#include "ui/widgets/stack.h"

#define LABEL_WIDTH 11 /* before a bar: "base FLOPs" */
#define TOTAL_WIDTH 8  /* behind it: " 12345" */
#define TALL 30        /* rows of a canvas where bars get air and height */
#define PROFILE_TALL 7 /* rows of the profile there, with its axis */
#define TALL_BAR 3     /* rows of a bar there, the last of them blank */
#define LEGEND_ROWS 2

/* ---- what there is room for ---- */

/* In the order of the screen. */
enum line {
	LEVEL_NOW,
	LEVEL_OTHER,
	LEVEL_BASE,
	HEADING,
	IN_NOW,
	IN_OTHER,
	IN_BASE,
	LEGEND,
	PROFILE,
	PROFILE_BASE,
	END_GAP,
	LINES
};

/* The rows that each line gets. */
struct plan {
	int rows[LINES];
};

static bool is_wanted(const struct shares_shown *s, const struct canvas *c,
		      enum line line)
{
	bool inside = s->in_now.n > 0, base = s->base && s->before.n;
	switch (line) {
	case LEVEL_NOW:
	case LEVEL_OTHER:
		return !c->plain;
	case LEVEL_BASE:
		return !c->plain && base;
	case HEADING:
		return s->cursor >= 0;
	case IN_NOW:
	case IN_OTHER:
		return !c->plain && inside;
	case IN_BASE:
		return !c->plain && inside && base && s->in_before.n;
	case LEGEND:
		return inside;
	case PROFILE:
		return !c->plain && s->n_profile > 1;
	case PROFILE_BASE:
		return !c->plain && s->n_profile_before > 1 && c->height < TALL;
	default:
		return c->height >= TALL && !c->plain;
	}
}

static struct plan make_plan(const struct shares_shown *s, const struct canvas *c,
			     int room)
{
	static const enum line order[] = { LEVEL_NOW, LEVEL_OTHER, HEADING,     IN_NOW,
					   IN_OTHER,  PROFILE,     LEVEL_BASE,  IN_BASE,
					   END_GAP,   LEGEND,      PROFILE_BASE };
	bool tall = c->height >= TALL;
	struct plan plan = { .rows = { 0 } };
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		enum line line = order[i];
		int rows = 1;
		if (line <= LEVEL_BASE || (line >= IN_NOW && line <= IN_BASE))
			rows = tall ? TALL_BAR : 1;
		if (line == PROFILE && tall)
			rows = PROFILE_TALL;
		if (line == LEGEND)
			rows = room < LEGEND_ROWS ? room : LEGEND_ROWS;
		if (rows > room || !is_wanted(s, c, line))
			continue;
		plan.rows[line] = rows;
		room -= rows;
	}
	return plan;
}

/* ---- one bar ---- */

struct bars {
	struct shares *st;
	const struct shares_shown *s;
	struct canvas *c;
	int y;
};

static double largest(double a, double b) { return !(a >= b) ? b : a; }

static int bar_width(const struct canvas *c)
{
	return c->width - 1 - LABEL_WIDTH - TOTAL_WIDTH;
}

/* Letters and colours are those of the same part in `named`. */
static int letter_of(const struct share_map *named, const struct share_part *part, int i)
{
	int at = share_map_match(named, part);
	return at >= 0 ? at : named->n + i;
}

static void draw_stack(struct bars *b, const struct share_map *m,
		       const struct share_map *named, enum share_metric metric,
		       double scale, int cursor, int rows)
{
	struct stack_part part[SHARE_PARTS_MAX];
	char names[SHARE_PARTS_MAX][80], label[32], total[24];
	bool base = m != named, estimate = !base && b->s->run->state == RUN_ESTIMATE;
	unsigned style = estimate || base ? STYLE_DIM : STYLE_NORMAL;
	for (int i = 0; i < m->n; i++) {
		int at = base ? letter_of(named, &m->part[i], i) : i;
		part[i] = (struct stack_part){
			.value = m->part[i].v[metric],
			.letter = at < named->n ? format_letter(at) : '-',
			.hue = at,
			.label = share_name(&m->part[i], names[i], sizeof(names[i])),
			.selected = at == cursor
		};
	}
	struct stack stack = { part, m->n, scale, estimate };
	snprintf(label, sizeof(label), "%s%s%s", base ? "base " : "",
		 estimate && metric == SHARE_NS ? "~" : "", share_metric_names[metric]);
	canvas_field(b->c, 1, b->y, LABEL_WIDTH - 1, style, label);
	stack_draw(b->c, 1 + LABEL_WIDTH, b->y, bar_width(b->c), rows - (rows > 1),
		   &stack);
	canvas_field_right(b->c, b->c->width - TOTAL_WIDTH, b->y, TOTAL_WIDTH - 1, style,
			   share_text(metric, m->whole[metric], total, sizeof(total)));
	b->y += rows;
}

/* The metric and another whose shares stand under it: what takes time against what was
 * counted. */
static enum share_metric other_metric(enum share_metric metric)
{
	return metric == SHARE_NS ? SHARE_FLOPS : SHARE_NS;
}

/* Rows of the run's metric, of the other one, of the base: all as long as the whole is
 * beside the base's. */
static void draw_level(struct bars *b, const struct share_map *now,
		       const struct share_map *before, int cursor, const int rows[3])
{
	enum share_metric metric = b->st->metric, other = other_metric(metric);
	double whole = now->whole[metric], top = largest(whole, (double)NAN);
	if (before->n)
		top = largest(whole, before->whole[metric]);
	if (rows[0])
		draw_stack(b, now, now, metric, top, cursor, rows[0]);
	if (rows[1])
		draw_stack(b, now, now, other,
			   whole > 0 ? now->whole[other] * top / whole : (double)NAN,
			   cursor, rows[1]);
	if (rows[2])
		draw_stack(b, before, now, metric, top, -1, rows[2]);
}

/* ---- the part under the cursor ---- */

/* "b attn.sdpa: 11.2 % of the ms, 4.1 % of the FLOPs" */
static void draw_heading(struct bars *b)
{
	const struct shares_shown *s = b->s;
	const struct share_part *part = &s->now.part[s->cursor];
	struct parts p = { .n = 0 };
	char name[120], percent[16];
	parts_add(&p, 0, STYLE_BOLD, "%c %s", format_letter(s->cursor),
		  share_name(part, name, sizeof(name)));
	for (int m = 0; m < SHARE_METRICS; m++) {
		double share = share_of(&s->now, s->cursor, (enum share_metric)m);
		bool about = m == SHARE_NS && s->run->state == RUN_ESTIMATE;
		if (m != SHARE_NS && !part->members)
			continue;
		parts_add(&p, m == SHARE_BYTES, about ? STYLE_DIM : STYLE_NORMAL,
			  "%s%s %% of the %s", about && !isnan(share) ? "~" : "",
			  format_percent(share, percent, sizeof(percent)),
			  share_metric_names[m]);
	}
	parts_draw(&p, b->c, 1, b->y++, b->c->width - 2);
}

/* What is inside in words: letters alone need them, and screen readers have no bars. A
 * part is not broken over two rows. */
static void draw_legend(struct bars *b, int rows)
{
	const struct share_map *m = &b->s->in_now;
	struct canvas words = canvas_window(b->c, 1 + LABEL_WIDTH, b->y,
					    b->c->width - 2 - LABEL_WIDTH, rows);
	int x = 0, y = 0;
	canvas_field(b->c, 1, b->y, LABEL_WIDTH - 1, STYLE_DIM,
		     b->c->plain ? "inside, %" : "%");
	for (int i = 0; i < m->n; i++) {
		char name[120], percent[16], text[160];
		snprintf(text, sizeof(text), "%c %s %s", format_letter(i),
			 share_name(&m->part[i], name, sizeof(name)),
			 format_percent(share_of(m, i, b->st->metric), percent,
					sizeof(percent)));
		int w = canvas_text_width(&words, text);
		if (x && x + w > words.width && y + 1 < rows) {
			x = 0;
			y++;
		}
		canvas_field(&words, x, y, words.width - x, STYLE_DIM, text);
		x += w + 2;
	}
	b->y += rows;
}

static void draw_columns(struct bars *b, const struct columns *columns, int rows,
			 const char *label, unsigned style)
{
	char total[24];
	double most = 0;
	for (int i = 0; i < columns->n; i++)
		most = largest(columns->value[i], most);
	canvas_field(b->c, 1, b->y, LABEL_WIDTH - 1, style, label);
	int axis = rows > 2;
	columns_draw(b->c, 1 + LABEL_WIDTH, b->y, bar_width(b->c), rows - axis, columns);
	if (axis)
		columns_axis(b->c, 1 + LABEL_WIDTH, b->y + rows - 1, bar_width(b->c),
			     columns->n);
	canvas_field_right(b->c, b->c->width - TOTAL_WIDTH, b->y, TOTAL_WIDTH - 1, style,
			   share_text(b->st->metric, most, total, sizeof(total)));
	b->y += rows;
}

/* Each member of the family: where tokens are dropped, the columns step down. */
static void draw_profile(struct bars *b, int rows, int base_rows)
{
	const struct shares_shown *s = b->s;
	bool estimate = s->run->state == RUN_ESTIMATE;
	struct columns now = { .value = s->profile,
			       .n = s->n_profile,
			       .before = s->profile_before,
			       .n_before = s->n_profile_before,
			       .style = estimate ? STYLE_DIM : STYLE_ACCENT };
	struct columns before = { .value = s->profile_before,
				  .n = s->n_profile_before,
				  .style = STYLE_DIM };
	before.top = now.top = columns_top(&now);
	if (rows)
		draw_columns(b, &now, rows, estimate ? "~each" : "each",
			     estimate ? STYLE_DIM : STYLE_NORMAL);
	if (base_rows)
		draw_columns(b, &before, base_rows, "base each", STYLE_DIM);
}

/* ---- all of it ---- */

int shares_draw_bars(struct shares *st, const struct shares_shown *s, struct canvas *c,
		     int table_rows)
{
	struct plan plan = make_plan(s, c, c->height - table_rows);
	struct bars b = { st, s, c, 0 };
	st->bar_x = 1 + LABEL_WIDTH;
	st->bar_y = b.y;
	st->bar_width = bar_width(c);
	st->bar_height = plan.rows[LEVEL_NOW] + plan.rows[LEVEL_OTHER];
	draw_level(&b, &s->now, &s->before, s->cursor, plan.rows + LEVEL_NOW);
	if (plan.rows[HEADING])
		draw_heading(&b);
	draw_level(&b, &s->in_now, &s->in_before, -1, plan.rows + IN_NOW);
	if (plan.rows[LEGEND])
		draw_legend(&b, plan.rows[LEGEND]);
	draw_profile(&b, plan.rows[PROFILE], plan.rows[PROFILE_BASE]);
	return b.y + plan.rows[END_GAP];
}
