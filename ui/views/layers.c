/*
 * The layer tree of the run on the screen. Rows are indices into the run's layers,
 * rebuilt from the run before each use; what must survive a new run (selection, folding)
 * is kept by path.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/format.h"
#include "ui/view.h"
#include "ui/widgets/table.h"

#define PATH_SIZE 256

struct layers {
	struct table table;
	char filter[128], search[128];
	char selected[PATH_SIZE]; /* path of the selected row */
	char **unfolded;          /* paths of groups that are open */
	int n_unfolded, cap_unfolded;
	/* Made by rebuild(). */
	int *rows, *base_of,
		*depth; /* base_of: index of the same layer in the base; -1 */
	bool *group;    /* has children */
	int n_rows, cap;
};

/* What a cell is made from. */
struct shown {
	const struct layers *state;
	const struct run *run, *base; /* base NULL: none, or it is the run itself */
	double whole_ns, base_sum_ns;
	double total[METRIC_COUNT]; /* sums over leaves */
};

enum column {
	COL_NAME,
	COL_TOKENS,
	COL_MS,
	COL_SHARE,
	COL_BASE,
	COL_CPU,
	COL_FLOPS,
	COL_RATE,
	COL_BYTES,
	COL_FAULTS,
	COL_SWITCHES,
	COL_MIN,
	COL_AI,
	COL_BANDWIDTH,
	COL_GEMM,
	COL_KIND,
	COL_COUNT
};

static const struct table_column columns[COL_COUNT] = {
	[COL_NAME] = { "layer", 14, 0, true, true },
	[COL_TOKENS] = { "tok", 4, 3, false, false },
	[COL_MS] = { "ms", 5, 0, false, false },
	[COL_SHARE] = { "%", 5, 1, false, false },
	[COL_BASE] = { "vs base", 7, 2, false, false },
	[COL_CPU] = { "cpu ms", 6, 4, false, false },
	[COL_FLOPS] = { "FLOP", 5, 3, false, false },
	[COL_RATE] = { "GF/s", 4, 3, false, false },
	[COL_BYTES] = { "bytes", 5, 5, false, false },
	[COL_FAULTS] = { "faults", 6, 6, false, false },
	[COL_SWITCHES] = { "switch", 6, 6, false, false },
	[COL_MIN] = { "min ms", 6, 7, false, false },
	[COL_AI] = { "FLOP/B", 6, 8, false, false },
	[COL_BANDWIDTH] = { "GB/s", 5, 8, false, false },
	[COL_GEMM] = { "M x N x K", 15, 9, false, false },
	[COL_KIND] = { "kind", 10, 10, false, false },
};

/* ---- values ---- */

static double bytes_of(const double *v)
{
	return v[METRIC_bytes_read] + v[METRIC_bytes_written];
}

/* Which layers have children. */
static void find_groups(const struct run *run, bool *group)
{
	memset(group, 0, (size_t)run->n_layers * sizeof(bool));
	for (int i = 0; i < run->n_layers; i++)
		if (run->layers[i].parent >= 0)
			group[run->layers[i].parent] = true;
}

/* Sum of a metric over the leaves that have it; NaN when none has. */
static double leaf_sum(const struct run *run, const bool *group, enum metric_id id)
{
	double sum = (double)NAN;
	for (int i = 0; i < run->n_layers; i++) {
		double v = run->layers[i].v[id];
		if (!isnan(v) && !group[i])
			sum = isnan(sum) ? v : sum + v;
	}
	return sum;
}

static double base_ratio(const struct shown *s, int layer)
{
	int b = s->base ? s->state->base_of[layer] : -1;
	if (b < 0)
		return (double)NAN;
	return s->run->layers[layer].v[METRIC_wall_ns] /
	       s->base->layers[b].v[METRIC_wall_ns];
}

static double from_values(const struct shown *s, const double *v, enum column column)
{
	switch (column) {
	case COL_TOKENS:
		return v[METRIC_tokens_out];
	case COL_MS:
		return v[METRIC_wall_ns];
	case COL_SHARE:
		return v[METRIC_wall_ns] / s->whole_ns;
	case COL_CPU:
		return v[METRIC_cpu_ns];
	case COL_FLOPS:
		return v[METRIC_flops];
	case COL_RATE:
		return v[METRIC_flops] / v[METRIC_wall_ns];
	case COL_BYTES:
		return bytes_of(v);
	case COL_FAULTS:
		return v[METRIC_minor_faults];
	case COL_SWITCHES:
		return v[METRIC_switches];
	case COL_MIN:
		return v[METRIC_wall_min_ns];
	case COL_AI:
		return v[METRIC_flops] / bytes_of(v);
	case COL_BANDWIDTH:
		return bytes_of(v) / v[METRIC_wall_ns];
	case COL_GEMM:
		return v[METRIC_m] * v[METRIC_n] * v[METRIC_k];
	default:
		return (double)NAN;
	}
}

static double value_of(const struct shown *s, int layer, enum column column)
{
	if (column == COL_BASE)
		return base_ratio(s, layer);
	return from_values(s, s->run->layers[layer].v, column);
}

static void format_value(enum column column, double v, char *buf, size_t size)
{
	switch (column) {
	case COL_MS:
	case COL_CPU:
	case COL_MIN:
		format_ms(v, buf, size);
		break;
	case COL_SHARE:
		format_percent(v, buf, size);
		break;
	case COL_BYTES:
		format_bytes(v, buf, size);
		break;
	case COL_RATE:
	case COL_BANDWIDTH:
	case COL_AI:
		if (isnan(v) || isinf(v))
			snprintf(buf, size, "--");
		else
			snprintf(buf, size, v < 9.95 ? "%.1f" : "%.0f", v);
		break;
	default:
		format_count(v, buf, size);
	}
}

/* ---- cells ---- */

static void name_cell(const struct shown *s, int layer, struct table_cell *cell)
{
	const struct layer *l = &s->run->layers[layer];
	char name[160];
	bool flat = s->state->filter[0] != 0;
	const char *text = flat ? l->path : l->name;
	str_escaped(name, sizeof(name), text, strlen(text));
	snprintf(cell->text, sizeof(cell->text), "%*s%s",
		 flat ? 0 : 2 * s->state->depth[layer], "", name);
}

static void gemm_cell(const double *v, struct table_cell *cell)
{
	if (!isnan(v[METRIC_m])) /* others have no shape, rather than one not measured */
		snprintf(cell->text, sizeof(cell->text), "%.0fx%.0fx%.0f", v[METRIC_m],
			 v[METRIC_n], v[METRIC_k]);
}

static void kind_cell(const struct shown *s, int layer, struct table_cell *cell)
{
	const struct layer *l = &s->run->layers[layer];
	if (!s->state->group[layer])
		format_name(l->engine ? l->engine : l->kind, cell->text,
			    sizeof(cell->text));
}

static void base_cell(const struct shown *s, int layer, struct table_cell *cell)
{
	double ratio = base_ratio(s, layer);
	char change[16];
	if (!s->base)
		return;
	if (s->state->base_of[layer] < 0)
		snprintf(cell->text, sizeof(cell->text), "NEW");
	else
		snprintf(cell->text, sizeof(cell->text), "%s%s",
			 s->run->state == RUN_ESTIMATE && !isnan(ratio) ? "~" : "",
			 format_change(ratio, change, sizeof(change)));
	cell->style = ratio < 0.95 ? STYLE_GOOD : ratio > 1.05 ? STYLE_BAD : STYLE_NORMAL;
}

static void layer_cell(const void *context, int row, int column, struct table_cell *cell)
{
	const struct shown *s = context;
	int layer = s->state->rows[row];
	const struct layer *l = &s->run->layers[layer];
	if (column == COL_NAME)
		name_cell(s, layer, cell);
	else if (column == COL_BASE)
		base_cell(s, layer, cell);
	else if (column == COL_GEMM)
		gemm_cell(l->v, cell);
	else if (column == COL_KIND)
		kind_cell(s, layer, cell);
	else
		format_value((enum column)column, value_of(s, layer, (enum column)column),
			     cell->text, sizeof(cell->text));
}

static void total_cell(const void *context, int row, int column, struct table_cell *cell)
{
	const struct shown *s = context;
	(void)row;
	if (column == COL_NAME)
		snprintf(cell->text, sizeof(cell->text), "sum of layers");
	else if (column == COL_BASE && !s->base)
		return;
	else if (column == COL_BASE)
		format_change(s->total[METRIC_wall_ns] / s->base_sum_ns, cell->text,
			      sizeof(cell->text));
	else if (column != COL_GEMM && column != COL_KIND && column != COL_TOKENS)
		format_value((enum column)column,
			     from_values(s, s->total, (enum column)column), cell->text,
			     sizeof(cell->text));
}

static unsigned row_style(const void *context, int row)
{
	const struct shown *s = context;
	(void)row;
	return s->run->state == RUN_ESTIMATE ? STYLE_DIM : STYLE_NORMAL;
}

/* ---- rows ---- */

static int find_unfolded(const struct layers *st, const char *path)
{
	for (int i = 0; i < st->n_unfolded; i++)
		if (!strcmp(st->unfolded[i], path))
			return i;
	return -1;
}

static bool set_unfolded(struct layers *st, const char *path, bool open)
{
	int at = find_unfolded(st, path);
	if (open == (at >= 0))
		return false;
	if (!open) {
		free(st->unfolded[at]);
		st->unfolded[at] = st->unfolded[--st->n_unfolded];
		return true;
	}
	if (st->n_unfolded == st->cap_unfolded) {
		st->cap_unfolded = st->cap_unfolded ? 2 * st->cap_unfolded : 16;
		st->unfolded =
			mem_grow(st->unfolded, (size_t)st->cap_unfolded, sizeof(char *));
	}
	st->unfolded[st->n_unfolded++] = str_dup(path);
	return true;
}

static bool same_path(const struct run *a, int i, const struct run *b, int j)
{
	return j >= 0 && j < b->n_layers && !strcmp(a->layers[i].path, b->layers[j].path);
}

/* Layers of two runs mostly correspond in order, so the search starts behind the last
 * hit. */
static void find_base_layers(struct layers *st, const struct run *run,
			     const struct run *base)
{
	int next = 0;
	for (int i = 0; i < run->n_layers; i++) {
		st->base_of[i] = -1;
		for (int k = 0; base && k < base->n_layers; k++) {
			int j = (next + k) % base->n_layers;
			if (same_path(run, i, base, j)) {
				st->base_of[i] = j;
				next = j + 1;
				break;
			}
		}
	}
}

static int compare_rows(const void *a, const void *b, void *context)
{
	const struct shown *s = context;
	const struct table *t = &s->state->table;
	int i = *(const int *)a, j = *(const int *)b, order;
	if (t->sort == COL_NAME || t->sort == COL_KIND) {
		order = strcmp(s->run->layers[i].name, s->run->layers[j].name);
	} else {
		double x = value_of(s, i, (enum column)t->sort);
		double y = value_of(s, j, (enum column)t->sort);
		if (isnan(x) || isnan(y)) /* not measured: last, whatever the direction */
			return isnan(x) != isnan(y) ? (isnan(x) ? 1 : -1) : i - j;
		order = (x > y) - (x < y);
	}
	if (!order)
		return i - j;
	return t->descending ? -order : order;
}

static void sort_rows(struct layers *st, struct shown *s, int from)
{
	if (st->table.sort >= 0)
		qsort_r(st->rows + from, (size_t)(st->n_rows - from), sizeof(int),
			compare_rows, s);
}

/* Children of `parent` in order, each followed by its own where it is unfolded. */
static void add_children(struct layers *st, struct shown *s, int parent, int depth)
{
	int from = st->n_rows;
	for (int i = parent + 1; i < s->run->n_layers; i++)
		if (s->run->layers[i].parent == parent) {
			st->depth[i] = depth;
			st->rows[st->n_rows++] = i;
		}
	sort_rows(st, s, from);
	int n = st->n_rows - from;
	int *children = mem_alloc((size_t)n * sizeof(int));
	memcpy(children, st->rows + from, (size_t)n * sizeof(int));
	st->n_rows = from;
	for (int i = 0; i < n; i++) {
		st->rows[st->n_rows++] = children[i];
		if (find_unfolded(st, s->run->layers[children[i]].path) >= 0)
			add_children(st, s, children[i], depth + 1);
	}
	free(children);
}

static void add_matching(struct layers *st, struct shown *s)
{
	for (int i = 0; i < s->run->n_layers; i++)
		if (view_matches(s->run->layers[i].path, st->filter))
			st->rows[st->n_rows++] = i;
	sort_rows(st, s, 0);
}

static void restore_selection(struct layers *st, const struct run *run)
{
	for (int i = 0; i < st->n_rows; i++)
		if (!strcmp(run->layers[st->rows[i]].path, st->selected)) {
			st->table.selected = i;
			return;
		}
	table_select(&st->table, st->table.selected, st->n_rows);
}

static void reserve(struct layers *st, int n)
{
	if (n <= st->cap)
		return;
	st->cap = n;
	st->rows = mem_grow(st->rows, (size_t)n, sizeof(int));
	st->base_of = mem_grow(st->base_of, (size_t)n, sizeof(int));
	st->depth = mem_grow(st->depth, (size_t)n, sizeof(int));
	st->group = mem_grow(st->group, (size_t)n, sizeof(bool));
}

/* Groups and sums, of the base first: both use st->group. */
static void add_up(struct layers *st, struct shown *s)
{
	const struct run *run = s->run;
	int n_base = s->base ? s->base->n_layers : 0;
	reserve(st, run->n_layers > n_base ? run->n_layers : n_base);
	if (s->base) {
		find_groups(s->base, st->group);
		s->base_sum_ns = leaf_sum(s->base, st->group, METRIC_wall_ns);
	}
	find_groups(run, st->group);
	for (int i = 0; i < METRIC_COUNT; i++)
		s->total[i] = leaf_sum(run, st->group, (enum metric_id)i);
	bool measured = !isnan(run->wall.p50_ns);
	s->whole_ns = measured ? run->wall.p50_ns : s->total[METRIC_wall_ns];
}

/* False when there is no run with layers to show. */
static bool rebuild(struct layers *st, const struct app *app, struct shown *s)
{
	const struct run *run = app_shown(app);
	*s = (struct shown){ .state = st, .run = run };
	st->n_rows = 0;
	if (!run || !run->n_layers)
		return false;
	s->base = app->base && app->base != run && app->base->id != run->id ? app->base
									    : NULL;
	if (app->base && run->state == RUN_ESTIMATE)
		s->base = app->base;
	add_up(st, s);
	find_base_layers(st, run, s->base);
	for (int i = 0; i < run->n_layers; i++)
		st->depth[i] = 0;
	if (st->filter[0])
		add_matching(st, s);
	else
		add_children(st, s, -1, 0);
	restore_selection(st, run);
	return true;
}

static struct table_source source_of(const struct shown *s)
{
	return (struct table_source){ .columns = columns,
				      .n_columns = COL_COUNT,
				      .n_rows = s->state->n_rows,
				      .context = s,
				      .cell = layer_cell,
				      .row_style = row_style };
}

/* ---- drawing ---- */

static void draw_nothing(const struct app *app, struct canvas *c)
{
	const struct run *run = app_shown(app);
	const char *why = "no layers yet";
	char text[600];
	if (run && run->state == RUN_FAILED && run->error)
		why = run->error;
	else if (app->phase == APP_STARTING)
		why = "the worker is starting";
	else if (app->phase == APP_LOADING)
		why = "the model is being read";
	else if (app->phase == APP_BROKEN)
		why = "no model; the message below says why";
	str_escaped(text, sizeof(text), why, strlen(why));
	canvas_text(c, 2, 1, c->width - 2, run ? STYLE_BAD : STYLE_DIM, text);
}

static void draw_status(const struct layers *st, const struct shown *s, struct canvas *c)
{
	char left[200] = "", right[96], filter[140];
	const char *sort = st->table.sort < 0 ? "as run" : columns[st->table.sort].title;
	if (s->run->state == RUN_ESTIMATE)
		snprintf(left, sizeof(left), "~ estimate");
	else if (st->search[0])
		snprintf(left, sizeof(left), "search: %s",
			 str_escaped(filter, sizeof(filter), st->search,
				     strlen(st->search)));
	if (st->filter[0])
		snprintf(left, sizeof(left), "%sfilter: %s",
			 s->run->state == RUN_ESTIMATE ? "~ estimate  " : "",
			 str_escaped(filter, sizeof(filter), st->filter,
				     strlen(st->filter)));
	snprintf(right, sizeof(right), "order: %s%s   %d of %d rows", sort,
		 st->table.sort < 0
			 ? ""
			 : canvas_glyph(c, st->table.descending ? GLYPH_DESCENDING
								: GLYPH_ASCENDING),
		 st->n_rows, s->run->n_layers);
	int w = canvas_text_width(c, right);
	canvas_text(c, c->width - w, 0, w, STYLE_DIM, right);
	canvas_field(c, 1, 0, c->width - w - 2, STYLE_DIM, left);
}

/* The mark of a group goes before its name. */
static void draw_marks(const struct layers *st, const struct shown *s, struct canvas *c)
{
	for (int i = 0; i < st->table.page && st->table.top + i < st->n_rows; i++) {
		int layer = st->rows[st->table.top + i];
		bool taken = c->plain && i + st->table.top == st->table.selected;
		if (!st->group[layer] || st->filter[0] || taken)
			continue;
		bool open = find_unfolded(st, s->run->layers[layer].path) >= 0;
		struct canvas margin = canvas_window(c, 0, i + 1, c->width, 1);
		unsigned style = margin.width ? margin.cells[0].style : 0;
		canvas_text(&margin, 2 * st->depth[layer], 0, 1, style,
			    canvas_glyph(c, open ? GLYPH_UNFOLDED : GLYPH_FOLDED));
	}
}

static void draw(void *state, const struct app *app, struct canvas *c, bool focus)
{
	struct layers *st = state;
	struct shown s;
	if (!rebuild(st, app, &s)) {
		draw_nothing(app, c);
		return;
	}
	struct table_source source = source_of(&s);
	struct canvas body = canvas_window(c, 0, 1, c->width, c->height - 2);
	draw_status(st, &s, c);
	table_draw(&st->table, &body, &source, focus);
	draw_marks(st, &s, &body);
	source.cell = total_cell;
	struct canvas total = canvas_window(c, 1, c->height - 1, c->width - 1, 1);
	table_draw_row(&st->table, &total, &source, 0, 0,
		       s.run->state == RUN_ESTIMATE ? STYLE_DIM : STYLE_BOLD);
}

/* ---- requests ---- */

static void select_row(struct layers *st, const struct run *run, int row)
{
	table_select(&st->table, row, st->n_rows);
	if (st->n_rows)
		snprintf(st->selected, sizeof(st->selected), "%s",
			 run->layers[st->rows[st->table.selected]].path);
}

static enum reaction fold(struct layers *st, const struct run *run, bool open)
{
	int layer = st->rows[st->table.selected];
	if (st->group[layer])
		if (set_unfolded(st, run->layers[layer].path, open))
			return REACT_REDRAW;
	int parent = run->layers[layer].parent;
	if (open || parent < 0)
		return REACT_NONE;
	set_unfolded(st, run->layers[parent].path,
		     false); /* out of a leaf: fold its parent */
	snprintf(st->selected, sizeof(st->selected), "%s", run->layers[parent].path);
	return REACT_REDRAW;
}

static void fold_all(struct layers *st, const struct run *run)
{
	bool open = st->n_unfolded == 0;
	while (st->n_unfolded)
		free(st->unfolded[--st->n_unfolded]);
	for (int i = 0; open && i < run->n_layers; i++)
		if (st->group[i])
			set_unfolded(st, run->layers[i].path, true);
}

/* Opens the groups above a layer so that it has a row. */
static void reveal(struct layers *st, const struct run *run, int layer)
{
	for (int p = run->layers[layer].parent; p >= 0; p = run->layers[p].parent)
		set_unfolded(st, run->layers[p].path, true);
	snprintf(st->selected, sizeof(st->selected), "%s", run->layers[layer].path);
}

/* The next layer that matches, folded ones too, from the selected one on. */
static enum reaction search(struct layers *st, const struct app *app, int step, bool here)
{
	struct shown s;
	if (!st->search[0] || !rebuild(st, app, &s) || !st->n_rows)
		return REACT_SAME;
	int n = s.run->n_layers, at = st->rows[st->table.selected];
	for (int k = here ? 0 : 1; k <= n; k++) {
		int i = ((at + step * k) % n + n) % n;
		if (view_matches(s.run->layers[i].path, st->search)) {
			reveal(st, s.run, i);
			return REACT_REDRAW;
		}
	}
	return REACT_REDRAW;
}

static enum reaction on_row_request(struct layers *st, const struct run *run,
				    enum request request)
{
	if (table_move(&st->table, request, st->n_rows)) {
		select_row(st, run, st->table.selected);
		return REACT_REDRAW;
	}
	switch (request) {
	case REQ_ENTER: {
		int layer = st->rows[st->table.selected];
		bool open = find_unfolded(st, run->layers[layer].path) >= 0;
		if (open)
			return fold(st, run, false);
		return fold(st, run, true) ? REACT_REDRAW : REACT_SAME;
	}
	case REQ_UNFOLD:
		return fold(st, run, true) ? REACT_REDRAW : REACT_SAME;
	case REQ_FOLD:
		return fold(st, run, false) ? REACT_REDRAW : REACT_SAME;
	case REQ_BACK:
		return fold(st, run, false);
	case REQ_FOLD_ALL:
		fold_all(st, run);
		return REACT_REDRAW;
	default:
		return REACT_NONE;
	}
}

static enum reaction on_request(void *state, struct app *app, enum request request)
{
	struct layers *st = state;
	struct shown s;
	switch (request) {
	case REQ_SEARCH_NEXT:
		return search(st, app, 1, false);
	case REQ_SEARCH_PREVIOUS:
		return search(st, app, -1, false);
	case REQ_SORT:
		table_next_sort(&st->table);
		return REACT_REDRAW;
	case REQ_INVERT:
		st->table.descending = !st->table.descending;
		return REACT_REDRAW;
	case REQ_CANCEL:
		if (!st->filter[0] && !st->search[0])
			return REACT_NONE;
		st->filter[0] = st->search[0] = 0;
		return REACT_REDRAW;
	default:
		break;
	}
	if (!rebuild(st, app, &s) || !st->n_rows)
		return REACT_NONE;
	return on_row_request(st, s.run, request);
}

static enum reaction on_text(void *state, struct app *app, enum request request,
			     const char *text)
{
	struct layers *st = state;
	struct table_source source = { .columns = columns, .n_columns = COL_COUNT };
	switch (request) {
	case REQ_SEARCH:
		snprintf(st->search, sizeof(st->search), "%s", text);
		return search(st, app, 1, true) ? REACT_REDRAW : REACT_SAME;
	case REQ_FILTER:
		snprintf(st->filter, sizeof(st->filter), "%s", text);
		return REACT_REDRAW;
	case REQ_SORT:
		return table_sort_by(&st->table, &source, text) ? REACT_REDRAW
								: REACT_NONE;
	default:
		return REACT_NONE;
	}
}

static enum reaction on_mouse(void *state, struct app *app, const struct key *key)
{
	struct layers *st = state;
	struct shown s;
	if (!rebuild(st, app, &s))
		return REACT_SAME;
	if (key->action == MOUSE_WHEEL_UP || key->action == MOUSE_WHEEL_DOWN) {
		int step = key->action == MOUSE_WHEEL_UP ? -3 : 3;
		select_row(st, s.run, st->table.selected + step);
		return REACT_REDRAW;
	}
	int title = table_title_at(&st->table, key->x, key->y - 1);
	int row = table_row_at(&st->table, key->y - 1, st->n_rows);
	if (key->action != MOUSE_PRESS || (title < 0 && row < 0))
		return REACT_SAME;
	if (title >= 0) {
		st->table.descending =
			st->table.sort == title ? !st->table.descending : true;
		st->table.sort = title;
		return REACT_REDRAW;
	}
	bool again = row == st->table.selected;
	select_row(st, s.run, row);
	return again ? on_row_request(st, s.run, REQ_ENTER) : REACT_REDRAW;
}

static void copy(void *state, const struct app *app, struct str *markdown)
{
	struct layers *st = state;
	struct shown s;
	if (!rebuild(st, app, &s))
		return;
	struct table_source source = source_of(&s);
	table_markdown(&st->table, &source, markdown);
}

static void init(void *state)
{
	struct layers *st = state;
	table_init(&st->table);
}

static void release(void *state)
{
	struct layers *st = state;
	while (st->n_unfolded)
		free(st->unfolded[--st->n_unfolded]);
	free(st->unfolded);
	free(st->rows);
	free(st->base_of);
	free(st->depth);
	free(st->group);
}

const struct view layers_view = {
	.name = "layers",
	.title = "Layers",
	.state_size = sizeof(struct layers),
	.init = init,
	.release = release,
	.on_request = on_request,
	.on_text = on_text,
	.on_mouse = on_mouse,
	.draw = draw,
	.copy = copy,
};
