/* Where a pass goes: stacked bars of the parts of a run, of time against what is counted,
 * beside the base's, one level of the tree after the other. */
#include "ui/views/shares.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ui/format.h"
#include "ui/widgets/parts.h"
#include "ui/widgets/stack.h"

#define TABLE_LEAST 3 /* rows of the table, with more in it, that bars leave ... */
#define TABLE_ROWS 6  /* ... and where there is room */
#define LOW 14        /* rows of a canvas below which there is none */

const char *const share_metric_names[SHARE_METRICS] = { "ms", "FLOPs", "bytes" };

const char *share_text(enum share_metric metric, double value, char *buf, size_t size)
{
	if (metric == SHARE_NS)
		return format_ms(value, buf, size);
	return metric == SHARE_FLOPS ? format_count(value, buf, size)
				     : format_bytes(value, buf, size);
}

const char *share_name(const struct share_part *part, char *buf, size_t size)
{
	char name[160];
	format_name(part->name, name, sizeof(name));
	if (part->family && part->members > 1)
		snprintf(buf, size, "%s (%d)", name, part->members);
	else
		snprintf(buf, size, "%s", name);
	return buf;
}

/* ---- what is shown ---- */

static int compare_parts(const void *a, const void *b, void *context)
{
	const struct shares_rows *r = context;
	int i = *(const int *)a, j = *(const int *)b;
	double x = r->s->now.part[i].v[r->st->metric];
	double y = r->s->now.part[j].v[r->st->metric];
	if (isnan(x) || isnan(y) || x == y)
		return isnan(x) != isnan(y) ? (isnan(x) ? 1 : -1) : i - j;
	return x > y ? -1 : 1;
}

/* Where the cursor begins: what is largest is what a user comes for. */
static int largest_part(const struct shares *st, const struct share_map *m)
{
	int at = -1;
	for (int i = 0; i < m->n; i++)
		if (!isnan(m->part[i].v[st->metric]) &&
		    (at < 0 || m->part[i].v[st->metric] > m->part[at].v[st->metric]))
			at = i;
	return at;
}

static void make_rows(struct shares *st, struct shares_shown *s)
{
	struct shares_rows context = { st, s };
	st->n_rows = 0;
	for (int i = 0; i < s->now.n; i++)
		if (view_matches(s->now.part[i].name, st->filter))
			st->rows[st->n_rows++] = i;
	if (st->by_size)
		qsort_r(st->rows, (size_t)st->n_rows, sizeof(int), compare_parts,
			&context);
	st->table.sort = st->by_size ? shares_column(st->metric) : -1;
	int at = st->chosen ? share_map_find(&s->now, st->selected)
			    : largest_part(st, &s->now);
	for (int i = 0; i < st->n_rows && at >= 0; i++)
		if (st->rows[i] == at)
			st->table.selected = i;
	table_select(&st->table, st->table.selected, st->n_rows);
	s->cursor = st->n_rows ? st->rows[st->table.selected] : -1;
}

static void look_inside(const struct shares *st, struct shares_shown *s)
{
	const struct share_part *part = s->cursor < 0 ? NULL : &s->now.part[s->cursor];
	if (!part || !part->inside)
		return;
	share_map_make(&s->in_now, s->run, part->path);
	if (s->base)
		share_map_make(&s->in_before, s->base, part->path);
	if (!part->family)
		return;
	s->profile = share_profile(s->run, part->path, st->metric, &s->n_profile);
	if (s->base)
		s->profile_before = share_profile(s->base, part->path, st->metric,
						  &s->n_profile_before);
}

bool shares_rebuild(struct shares *st, const struct app *app, struct shares_shown *s)
{
	const struct run *run = app_shown(app);
	*s = (struct shares_shown){ .app = app, .run = run, .cursor = -1 };
	st->n_rows = 0;
	if (!run || !run->n_layers)
		return false;
	s->base = view_base(app);
	share_map_make(&s->now, run, st->level);
	while (!s->now.n && st->level[0]) {
		share_map_release(&s->now);
		share_path_up(st->level);
		share_map_make(&s->now, run, st->level);
	}
	if (s->base)
		share_map_make(&s->before, s->base, st->level);
	make_rows(st, s);
	look_inside(st, s);
	return true;
}

void shares_release(struct shares_shown *s)
{
	share_map_release(&s->now);
	share_map_release(&s->before);
	share_map_release(&s->in_now);
	share_map_release(&s->in_before);
	free(s->profile);
	free(s->profile_before);
}

/* ---- drawing ---- */

/* "the pass > visual > blocks" */
static void level_words(const char *level, char *buf, size_t size)
{
	struct str s = STR_INIT;
	str_add(&s, "the pass");
	for (const char *at = level; *at;) {
		size_t n = strcspn(at, "/"), shown = n;
		if (n > 2 && !strncmp(at + n - 2, ".*", 2))
			shown -= 2;
		str_add(&s, " > ");
		str_add_escaped(&s, at, shown, 64);
		at += n + (at[n] == '/');
	}
	snprintf(buf, size, "%s", str_get(&s));
	str_release(&s);
}

static void draw_status(const struct shares *st, const struct shares_shown *s,
			struct canvas *c)
{
	struct parts p = { .n = 0 };
	char level[300], right[96], text[140];
	enum share_metric m = st->metric;
	level_words(st->level, level, sizeof(level));
	parts_add(&p, 0, STYLE_BOLD, "%s", level);
	if (st->level[0])
		parts_add(&p, 1, STYLE_NORMAL, "%s %% of the %s",
			  format_percent(s->now.whole[m] / s->now.pass[m], text,
					 sizeof(text)),
			  share_metric_names[m]);
	if (s->run->state == RUN_ESTIMATE)
		parts_add(&p, 0, STYLE_DIM, "~ estimate");
	if (st->filter[0])
		parts_add(
			&p, 0, STYLE_DIM, "filter: %s",
			str_escaped(text, sizeof(text), st->filter, strlen(st->filter)));
	else if (st->search[0])
		parts_add(
			&p, 2, STYLE_DIM, "search: %s",
			str_escaped(text, sizeof(text), st->search, strlen(st->search)));
	snprintf(right, sizeof(right), "bars: %s   %s", share_metric_names[m],
		 st->by_size ? "largest first" : "as run");
	int w = canvas_text_width(c, right);
	parts_draw(&p, c, 1, 0, c->width - w - 4);
	canvas_text(c, c->width - w - 1, 0, w, STYLE_DIM, right);
}

static void draw_nothing(const struct app *app, struct canvas *c)
{
	const struct run *run = app_shown(app);
	char text[600];
	const char *why = run && run->error ? run->error : "nothing measured yet";
	if (app->phase == APP_BROKEN)
		why = "";
	str_escaped(text, sizeof(text), why, strlen(why));
	canvas_text(c, 2, 1, c->width - 2, STYLE_DIM, text);
}

/* Rows of the table that the bars leave, with its header. */
static int table_rows(const struct shares *st, const struct canvas *c)
{
	int most = c->height < LOW ? TABLE_LEAST : TABLE_ROWS;
	if (c->plain || c->height > 2 * LOW)
		most = c->height;
	return 1 + (st->n_rows < most ? st->n_rows : most);
}

static void draw(void *state, const struct app *app, struct canvas *c, bool focus)
{
	struct shares *st = state;
	struct shares_shown s;
	if (!shares_rebuild(st, app, &s)) {
		draw_nothing(app, c);
		return;
	}
	draw_status(st, &s, c);
	struct canvas body = canvas_window(c, 0, 1, c->width, c->height - 1);
	int used = shares_draw_bars(st, &s, &body, table_rows(st, c));
	st->bar_y += 1;
	st->table_y = 1 + used;
	struct canvas rest =
		canvas_window(c, 0, st->table_y, c->width, c->height - st->table_y);
	const struct shares_rows rows = { st, &s };
	struct table_source source = shares_table(&rows);
	table_draw(&st->table, &rest, &source, focus);
	shares_release(&s);
}

/* ---- requests ---- */

static void select_part(struct shares *st, const struct shares_shown *s, int part)
{
	st->chosen = true;
	snprintf(st->selected, sizeof(st->selected), "%s", s->now.part[part].path);
	for (int i = 0; i < st->n_rows; i++)
		if (st->rows[i] == part)
			st->table.selected = i;
}

static void go_in(struct shares *st, const struct shares_shown *s)
{
	snprintf(st->level, sizeof(st->level), "%s", s->now.part[s->cursor].path);
	st->filter[0] = 0;
	st->chosen = false;
}

/* The part that was gone into is selected. */
static enum reaction go_out(struct shares *st)
{
	if (!st->level[0])
		return REACT_NONE;
	st->chosen = true;
	memcpy(st->selected, st->level, sizeof(st->selected));
	share_path_up(st->level);
	st->filter[0] = 0;
	return REACT_REDRAW;
}

/* The next part that matches, wherever it is. */
static enum reaction search(struct shares *st, const struct shares_shown *s, int step,
			    bool here)
{
	if (s->cursor >= 0)
		memcpy(st->selected, s->now.part[s->cursor].path, sizeof(st->selected));
	if (!st->search[0] ||
	    !share_search(s->run, st->search, view_matches, step, here, st->selected))
		return REACT_SAME;
	st->chosen = true;
	memcpy(st->level, st->selected, sizeof(st->level));
	share_path_up(st->level);
	st->filter[0] = 0;
	return REACT_REDRAW;
}

static enum reaction answer(struct shares *st, struct shares_shown *s,
			    enum request request)
{
	if (s->cursor >= 0 && table_move(&st->table, request, st->n_rows)) {
		select_part(st, s, st->rows[st->table.selected]);
		return REACT_REDRAW;
	}
	switch (request) {
	case REQ_ENTER:
	case REQ_IN:
	case REQ_UNFOLD:
		if (s->in_now.n)
			go_in(st, s);
		return REACT_REDRAW;
	case REQ_BACK:
	case REQ_FOLD:
		return go_out(st);
	case REQ_SEARCH_NEXT:
		return search(st, s, 1, false);
	case REQ_SEARCH_PREVIOUS:
		return search(st, s, -1, false);
	default:
		return REACT_NONE;
	}
}

static enum reaction on_request(void *state, struct app *app, enum request request)
{
	struct shares *st = state;
	struct shares_shown s;
	switch (request) {
	case REQ_SORT:
		st->metric = (enum share_metric)((st->metric + 1) % SHARE_METRICS);
		return REACT_REDRAW;
	case REQ_INVERT:
		st->by_size = !st->by_size;
		return REACT_REDRAW;
	case REQ_CANCEL:
		if (!st->filter[0] && !st->search[0])
			return REACT_NONE;
		st->filter[0] = st->search[0] = 0;
		return REACT_REDRAW;
	default:
		break;
	}
	if (!shares_rebuild(st, app, &s))
		return REACT_NONE;
	enum reaction reaction = answer(st, &s, request);
	shares_release(&s);
	return reaction;
}

/* By the name of a metric: "ms", "FLOP", "bytes", "FLOP %". */
static enum reaction sort_by(struct shares *st, const char *name)
{
	for (int m = 0; m < SHARE_METRICS; m++)
		if (!strncasecmp(name, share_metric_names[m], m == SHARE_NS ? 2 : 4)) {
			st->metric = (enum share_metric)m;
			st->by_size = true;
			return REACT_REDRAW;
		}
	return REACT_NONE;
}

static enum reaction on_text(void *state, struct app *app, enum request request,
			     const char *text)
{
	struct shares *st = state;
	struct shares_shown s;
	enum reaction reaction = REACT_REDRAW;
	switch (request) {
	case REQ_FILTER:
		snprintf(st->filter, sizeof(st->filter), "%s", text);
		return REACT_REDRAW;
	case REQ_SORT:
		return sort_by(st, text);
	case REQ_SEARCH:
		snprintf(st->search, sizeof(st->search), "%s", text);
		if (!shares_rebuild(st, app, &s))
			return REACT_SAME;
		reaction = search(st, &s, 1, true);
		shares_release(&s);
		return reaction;
	default:
		return REACT_NONE;
	}
}

/* The part of the bar at a point, -1: none. */
static int part_at(const struct shares *st, const struct shares_shown *s, int x, int y)
{
	struct stack_part part[SHARE_PARTS_MAX];
	double whole = s->now.whole[st->metric], before = (double)NAN;
	if (y < st->bar_y || y >= st->bar_y + st->bar_height)
		return -1;
	for (int i = 0; i < s->now.n; i++)
		part[i] = (struct stack_part){ .value = s->now.part[i].v[st->metric] };
	if (s->before.n)
		before = s->before.whole[st->metric];
	struct stack stack = { part, s->now.n, before > whole ? before : whole, false };
	return stack_at(&stack, st->bar_width, x - st->bar_x);
}

static enum reaction click(struct shares *st, struct shares_shown *s, int x, int y)
{
	int row = table_row_at(&st->table, y - st->table_y, st->n_rows);
	int part = row >= 0 ? st->rows[row] : part_at(st, s, x, y);
	if (part < 0)
		return REACT_SAME;
	bool again = part == s->cursor;
	select_part(st, s, part);
	return again ? answer(st, s, REQ_ENTER) : REACT_REDRAW;
}

static enum reaction on_mouse(void *state, struct app *app, const struct key *key)
{
	struct shares *st = state;
	struct shares_shown s;
	enum reaction reaction = REACT_SAME;
	if (!shares_rebuild(st, app, &s))
		return REACT_SAME;
	if (key->action == MOUSE_WHEEL_UP || key->action == MOUSE_WHEEL_DOWN)
		reaction =
			answer(st, &s, key->action == MOUSE_WHEEL_UP ? REQ_UP : REQ_DOWN);
	else if (key->action == MOUSE_PRESS)
		reaction = click(st, &s, key->x, key->y);
	shares_release(&s);
	return reaction;
}

/* Every column, whether or not it was drawn. */
static void copy(void *state, const struct app *app, struct str *markdown)
{
	struct shares *st = state;
	struct shares_shown s;
	if (!shares_rebuild(st, app, &s))
		return;
	const struct shares_rows rows = { st, &s };
	struct table_source source = shares_table(&rows);
	table_markdown_whole(&source, markdown);
	shares_release(&s);
}

static void init(void *state)
{
	struct shares *st = state;
	table_init(&st->table);
}

const struct view shares_view = {
	.name = "shares",
	.title = "Shares",
	.state_size = sizeof(struct shares),
	.init = init,
	.on_request = on_request,
	.on_text = on_text,
	.on_mouse = on_mouse,
	.draw = draw,
	.copy = copy,
};
