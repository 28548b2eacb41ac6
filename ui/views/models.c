/*
 * The models there are: presets, the hub cache, the open one. What a model is (size,
 * knobs) is read row by row, those on the screen first, and only for a few milliseconds
 * before each frame.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ui/format.h"
#include "ui/view.h"
#include "ui/widgets/table.h"

#define LOOK_NS 10000000
#define FIRST_PAGE 24 /* rows looked at before it is known how many are on the screen */

struct models {
	struct table table;
	const struct app_model_row *rows; /* the app's */
	int n, open;
	char listed_for[128]; /* the model that was open then */
	bool listed;
	char search[128];
};

/* ---- reading ---- */

static void list(struct models *st, struct app *app)
{
	const char *open = app->has_model ? app->model.name : "";
	bool again = !st->listed || strcmp(st->listed_for, open) != 0;
	st->n = app_list_models(app, again, &st->rows);
	if (!again)
		return;
	st->open = app_open_model_row(app);
	if (!st->listed && st->open >= 0)
		st->table.selected = st->open;
	st->listed = true;
	snprintf(st->listed_for, sizeof(st->listed_for), "%s", open);
	table_select(&st->table, st->table.selected, st->n);
}

/* True: some rows on the screen are still to be looked at. */
static bool look(const struct models *st, struct app *app)
{
	int64_t until = clock_now_ns() + LOOK_NS;
	int page = st->table.page > FIRST_PAGE ? st->table.page : FIRST_PAGE;
	int end = st->table.top + page;
	for (int i = st->table.top; i < end && i < st->n; i++) {
		if (st->rows[i].looked)
			continue;
		if (clock_now_ns() >= until)
			return true;
		app_look_at_model(app, i);
	}
	return false;
}

static bool refresh(void *state, struct app *app)
{
	struct models *st = state;
	list(st, app);
	return look(st, app);
}

/* ---- the table ---- */

enum column { C_OPEN, C_NAME, C_KIND, C_PARAMS, C_BYTES, C_WEIGHTS, C_FORMAT, C_KNOBS };
#define N_COLUMNS (C_KNOBS + 1)

static const struct table_column columns[N_COLUMNS] = {
	[C_OPEN] = { "", 1, 0, true, false },
	[C_NAME] = { "model", 25, 0, true, false },
	[C_KIND] = { "kind", 6, 4, true, false },
	[C_PARAMS] = { "params", 7, 0, false, false },
	[C_BYTES] = { "size", 6, 1, false, false },
	[C_WEIGHTS] = { "weights", 7, 2, true, false },
	[C_FORMAT] = { "format", 11, 5, true, false },
	[C_KNOBS] = { "techniques", 20, 3, true, true },
};

/* The techniques that can be turned, by the names of their knobs. */
static void knob_words(uint64_t mask, char *buf, size_t size)
{
	struct str s = STR_INIT;
	for (int i = 0; i < KNOB_COUNT; i++)
		if ((mask & KNOB_BIT(i)) && knob_table[i].group == KNOB_TECHNIQUE)
			str_addf(&s, "%s%s", s.len ? " " : "", knob_table[i].option);
	snprintf(buf, size, "%s", s.len ? str_get(&s) : "none");
	str_release(&s);
}

static void fact_cell(const struct app_model_row *row, int column,
		      struct table_cell *cell)
{
	switch (column) {
	case C_PARAMS:
		format_count(row->params, cell->text, sizeof(cell->text));
		break;
	case C_BYTES:
		format_bytes(row->bytes, cell->text, sizeof(cell->text));
		break;
	case C_WEIGHTS:
		snprintf(cell->text, sizeof(cell->text), "%s",
			 row->random_weights ? "random" : "trained");
		break;
	case C_FORMAT:
		format_name(row->format, cell->text, sizeof(cell->text));
		break;
	case C_KNOBS:
		knob_words(row->knob_mask, cell->text, sizeof(cell->text));
		break;
	default:
		break;
	}
}

static void cell_of(const void *context, int at, int column, struct table_cell *cell)
{
	const struct models *st = context;
	const struct app_model_row *row = &st->rows[at];
	if (column == C_OPEN)
		snprintf(cell->text, sizeof(cell->text), "%s", at == st->open ? "*" : "");
	else if (column == C_NAME)
		format_name(row->name, cell->text, sizeof(cell->text));
	else if (column == C_KIND)
		snprintf(cell->text, sizeof(cell->text), "%s", row->kind);
	else if (row->looked && !row->problem[0])
		fact_cell(row, column, cell);
	else if (column == C_KNOBS && row->problem[0]) {
		format_name(row->problem, cell->text, sizeof(cell->text));
		cell->style = STYLE_WARN;
	} else
		snprintf(cell->text, sizeof(cell->text), "--");
}

static unsigned row_style(const void *context, int at)
{
	const struct models *st = context;
	return at == st->open ? STYLE_BOLD : STYLE_NORMAL;
}

static struct table_source source_of(const struct models *st)
{
	return (struct table_source){ .columns = columns,
				      .n_columns = N_COLUMNS,
				      .n_rows = st->n,
				      .context = st,
				      .cell = cell_of,
				      .row_style = row_style };
}

/* ---- the view ---- */

static void draw_status(const struct models *st, const struct app *app, struct canvas *c)
{
	char enter[16];
	keymap_key(REQ_ENTER, false, enter, sizeof(enter));
	canvas_printf(c, 1, 0, STYLE_DIM, "%d models; * is open, %s opens another%s",
		      st->n, enter,
		      app->opt.worker ? "; of the worker's machine only presets are known"
				      : "");
}

/* What there is room for below the table: the selected one in words. */
static void draw_selected(const struct models *st, struct canvas *c, int y)
{
	const struct app_model_row *row = &st->rows[st->table.selected];
	char text[900];
	const char *words = row->problem[0] ? row->problem : row->help;
	str_escaped(text, sizeof(text), words, strlen(words));
	canvas_wrap(c, 1, y, c->width - 2, c->height - y,
		    row->problem[0] ? STYLE_WARN : STYLE_DIM, text);
}

static void draw(void *state, const struct app *app, struct canvas *c, bool focus)
{
	struct models *st = state;
	struct table_source source = source_of(st);
	int below = c->height >= 8 ? 2 : 0;
	struct canvas body = canvas_window(c, 0, 1, c->width, c->height - 1 - below);
	draw_status(st, app, c);
	if (!st->n)
		return;
	table_draw(&st->table, &body, &source, focus);
	if (below)
		draw_selected(st, c, c->height - below);
}

static enum reaction enter(struct models *st, struct app *app)
{
	if (st->table.selected < st->n)
		app_open_model(app, st->rows[st->table.selected].name);
	return REACT_REDRAW;
}

static enum reaction search(struct models *st, int step, bool here)
{
	for (int k = here ? 0 : 1; st->search[0] && k <= st->n; k++) {
		int row = ((st->table.selected + step * k) % st->n + st->n) % st->n;
		if (view_matches(st->rows[row].name, st->search) ||
		    view_matches(st->rows[row].help, st->search)) {
			table_select(&st->table, row, st->n);
			break;
		}
	}
	return REACT_REDRAW;
}

static enum reaction on_request(void *state, struct app *app, enum request request)
{
	struct models *st = state;
	if (table_move(&st->table, request, st->n))
		return REACT_REDRAW;
	switch (request) {
	case REQ_ENTER:
	case REQ_IN:
		return enter(st, app);
	case REQ_SEARCH_NEXT:
		return search(st, 1, false);
	case REQ_SEARCH_PREVIOUS:
		return search(st, -1, false);
	default:
		return REACT_NONE;
	}
}

static enum reaction on_text(void *state, struct app *app, enum request request,
			     const char *text)
{
	struct models *st = state;
	(void)app;
	if (request != REQ_SEARCH)
		return REACT_NONE;
	snprintf(st->search, sizeof(st->search), "%s", text);
	return search(st, 1, true);
}

static enum reaction on_mouse(void *state, struct app *app, const struct key *key)
{
	struct models *st = state;
	int row = table_row_at(&st->table, key->y - 1, st->n);
	if (key->action == MOUSE_WHEEL_UP || key->action == MOUSE_WHEEL_DOWN) {
		int step = key->action == MOUSE_WHEEL_UP ? -3 : 3;
		table_select(&st->table, st->table.selected + step, st->n);
		return REACT_REDRAW;
	}
	if (key->action != MOUSE_PRESS || row < 0)
		return REACT_SAME;
	bool again = row == st->table.selected;
	table_select(&st->table, row, st->n);
	return again ? enter(st, app) : REACT_REDRAW;
}

static void copy(void *state, const struct app *app, struct str *markdown)
{
	struct models *st = state;
	struct table_source source = source_of(st);
	(void)app;
	table_markdown(&st->table, &source, markdown);
}

static void init(void *state)
{
	struct models *st = state;
	table_init(&st->table);
	st->open = -1;
}

const struct view models_view = {
	.name = "models",
	.title = "Models",
	.state_size = sizeof(struct models),
	.init = init,
	.refresh = refresh,
	.on_request = on_request,
	.on_text = on_text,
	.on_mouse = on_mouse,
	.draw = draw,
	.copy = copy,
};
