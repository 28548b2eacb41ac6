/* The layer tree of the run on the screen: drawing, folding, searching, sorting. */
#include <stdio.h>
#include <string.h>

#include "ui/view.h"
#include "ui/views/layer_table.h"

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
		why = "";
	str_escaped(text, sizeof(text), why, strlen(why));
	canvas_text(c, 2, 1, c->width - 2, run ? STYLE_BAD : STYLE_DIM, text);
}

/* What stands behind an estimate: rates of ops like these, or a calibration. */
static const char *estimate_words(const struct run *run)
{
	for (int i = 0; i < run->n_warnings; i++)
		if (strstr(run->warnings[i], "calibrated rates"))
			return "~ estimate from calibrated rates";
	return "~ estimate";
}

static void draw_status(const struct layers *st, const struct layers_shown *s,
			struct canvas *c)
{
	char left[200] = "", right[96], filter[140];
	const char *sort =
		st->table.sort < 0 ? "as run" : layer_columns[st->table.sort].title;
	if (s->run->state == RUN_ESTIMATE)
		snprintf(left, sizeof(left), "%s", estimate_words(s->run));
	else if (st->search[0])
		snprintf(left, sizeof(left), "search: %s",
			 str_escaped(filter, sizeof(filter), st->search,
				     strlen(st->search)));
	if (st->filter[0])
		snprintf(left, sizeof(left), "%s%sfilter: %s",
			 s->run->state == RUN_ESTIMATE ? estimate_words(s->run) : "",
			 s->run->state == RUN_ESTIMATE ? "  " : "",
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
static void draw_marks(const struct layers *st, const struct layers_shown *s,
		       struct canvas *c)
{
	for (int i = 0; i < st->table.page && st->table.top + i < st->n_rows; i++) {
		int layer = st->rows[st->table.top + i];
		bool taken = c->plain && i + st->table.top == st->table.selected;
		if (!st->group[layer] || st->filter[0] || taken)
			continue;
		bool open = layers_is_unfolded(st, s->run->layers[layer].path);
		int x = 2 * st->depth[layer];
		canvas_text(c, x, i + 1, 1, canvas_style_at(c, x + 1, i + 1),
			    canvas_glyph(c, open ? GLYPH_UNFOLDED : GLYPH_FOLDED));
	}
}

static void draw(void *state, const struct app *app, struct canvas *c, bool focus)
{
	struct layers *st = state;
	struct layers_shown s;
	if (!layers_rebuild(st, app, &s)) {
		draw_nothing(app, c);
		return;
	}
	s.cut = c->ascii ? ".." : canvas_glyph(c, GLYPH_ELLIPSIS);
	struct table_source source = layer_source(&s);
	struct canvas body = canvas_window(c, 0, 1, c->width, c->height - 2);
	draw_status(st, &s, c);
	table_draw(&st->table, &body, &source, focus);
	draw_marks(st, &s, &body);
	source = layer_total_source(&s);
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
		if (layers_unfold(st, run->layers[layer].path, open))
			return REACT_REDRAW;
	int parent = run->layers[layer].parent;
	if (open || parent < 0)
		return REACT_NONE;
	layers_unfold(st, run->layers[parent].path,
		      false); /* out of a leaf: fold its parent */
	snprintf(st->selected, sizeof(st->selected), "%s", run->layers[parent].path);
	return REACT_REDRAW;
}

static void fold_all(struct layers *st, const struct run *run)
{
	bool open = st->n_unfolded == 0;
	layers_fold_everything(st);
	for (int i = 0; open && i < run->n_layers; i++)
		if (st->group[i])
			layers_unfold(st, run->layers[i].path, true);
}

/* Opens the groups above a layer so that it has a row. */
static void reveal(struct layers *st, const struct run *run, int layer)
{
	for (int p = run->layers[layer].parent; p >= 0; p = run->layers[p].parent)
		layers_unfold(st, run->layers[p].path, true);
	snprintf(st->selected, sizeof(st->selected), "%s", run->layers[layer].path);
}

/* The next layer that matches, folded ones too, from the selected one on. */
static enum reaction search(struct layers *st, const struct app *app, int step, bool here)
{
	struct layers_shown s;
	if (!st->search[0] || !layers_rebuild(st, app, &s) || !st->n_rows)
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
		bool open = layers_is_unfolded(st, run->layers[layer].path);
		if (open)
			return fold(st, run, false);
		return fold(st, run, true) ? REACT_REDRAW : REACT_SAME;
	}
	case REQ_IN:
		if (fold(st, run, true) == REACT_REDRAW)
			return REACT_REDRAW;
		if (st->group[st->rows[st->table.selected]])
			select_row(st, run, st->table.selected + 1);
		return REACT_REDRAW;
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
	struct layers_shown s;
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
	if (!layers_rebuild(st, app, &s) || !st->n_rows)
		return REACT_NONE;
	return on_row_request(st, s.run, request);
}

static enum reaction on_text(void *state, struct app *app, enum request request,
			     const char *text)
{
	struct layers *st = state;
	struct table_source source = { .columns = layer_columns, .n_columns = COL_COUNT };
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
	struct layers_shown s;
	if (!layers_rebuild(st, app, &s))
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
	struct layers_shown s;
	if (!layers_rebuild(st, app, &s))
		return;
	struct table_source source = layer_source(&s);
	table_markdown(&st->table, &source, markdown);
}

static void init(void *state)
{
	struct layers *st = state;
	table_init(&st->table);
	st->table.first_sort = COL_MS;
}

static void release(void *state) { layers_release(state); }

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
