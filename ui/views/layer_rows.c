#include "ui/views/layer_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ui/view.h"

#define PATH_WIDTH_MAX 28 /* columns that paths may claim */

static int find_unfolded(const struct layers *st, const char *path)
{
	for (int i = 0; i < st->n_unfolded; i++)
		if (!strcmp(st->unfolded[i], path))
			return i;
	return -1;
}

bool layers_is_unfolded(const struct layers *st, const char *path)
{
	return find_unfolded(st, path) >= 0;
}

bool layers_unfold(struct layers *st, const char *path, bool open)
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
	const struct layers_shown *s = context;
	const struct table *t = &s->state->table;
	int i = *(const int *)a, j = *(const int *)b, order;
	if (t->sort == COL_NAME || t->sort == COL_KIND) {
		order = strcmp(s->run->layers[i].name, s->run->layers[j].name);
	} else {
		double x = layer_value(s, i, (enum layer_column)t->sort);
		double y = layer_value(s, j, (enum layer_column)t->sort);
		if (isnan(x) || isnan(y)) /* not measured: last, whatever the direction */
			return isnan(x) != isnan(y) ? (isnan(x) ? 1 : -1) : i - j;
		order = (x > y) - (x < y);
	}
	if (!order)
		return i - j;
	return t->descending ? -order : order;
}

static void sort_rows(struct layers *st, struct layers_shown *s, int from)
{
	if (st->table.sort >= 0)
		qsort_r(st->rows + from, (size_t)(st->n_rows - from), sizeof(int),
			compare_rows, s);
}

/* Children of `parent` in order, each followed by its own where it is unfolded. */
static void add_children(struct layers *st, struct layers_shown *s, int parent, int depth)
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
		if (layers_is_unfolded(st, s->run->layers[children[i]].path))
			add_children(st, s, children[i], depth + 1);
	}
	free(children);
}

static void add_matching(struct layers *st, struct layers_shown *s)
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

/* Groups and sums, of the base first: both use st->group. */
static void add_up(struct layers *st, struct layers_shown *s)
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

/* Paths want more room than names; other columns make it. */
static void set_columns(struct layers_shown *s)
{
	const struct layers *st = s->state;
	int width = layer_columns[COL_NAME].width;
	memcpy(s->columns, layer_columns, sizeof(s->columns));
	for (int i = 0; st->filter[0] && i < st->n_rows; i++) {
		int len = (int)strlen(s->run->layers[st->rows[i]].path);
		width = len > width ? len : width;
	}
	s->columns[COL_NAME].width = width < PATH_WIDTH_MAX ? width : PATH_WIDTH_MAX;
}

/* False when there is no run with layers to show. */
bool layers_rebuild(struct layers *st, const struct app *app, struct layers_shown *s)
{
	const struct run *run = app_shown(app);
	*s = (struct layers_shown){ .state = st, .run = run };
	st->n_rows = 0;
	if (!run || !run->n_layers)
		return false;
	s->base = view_base(app);
	add_up(st, s);
	find_base_layers(st, run, s->base);
	for (int i = 0; i < run->n_layers; i++)
		st->depth[i] = 0;
	if (st->filter[0])
		add_matching(st, s);
	else
		add_children(st, s, -1, 0);
	restore_selection(st, run);
	set_columns(s);
	return true;
}

void layers_fold_everything(struct layers *st)
{
	while (st->n_unfolded)
		free(st->unfolded[--st->n_unfolded]);
}

void layers_release(struct layers *st)
{
	layers_fold_everything(st);
	free(st->unfolded);
	free(st->rows);
	free(st->base_of);
	free(st->depth);
	free(st->group);
}
