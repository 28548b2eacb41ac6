/*
 * Published experiments: the list, and inside one its rows: what was published beside
 * what is measured here, both also as ratios to the row they are compared with, for
 * figures of another machine compare in no other way. Right and left go through the
 * figures where not all have room.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/format.h"
#include "ui/view.h"
#include "ui/widgets/table.h"

#define FIGURES_MAX 5 /* beside each other */
#define NOTES_SHARE 2 /* at most one part of so many of the height is for notes */

/* What a column of the inner table is. */
enum part { PART_LABEL, PART_PUBLISHED, PART_HERE, PART_PUBLISHED_X, PART_HERE_X };

struct studies {
	struct table list, inner;
	const struct app_study *all; /* the app's */
	int n, current;              /* current: the one we are in; -1: the list */
	int first;                   /* figure that is shown first */
	unsigned sweep;              /* the one that was looked for here last */
	char search[128];            /* in the list */
	struct table_column columns[TABLE_COLUMNS_MAX];
	char titles[TABLE_COLUMNS_MAX][24];
	struct {
		enum part part;
		int figure;
	} of[TABLE_COLUMNS_MAX];
	int n_columns;
};

struct rows {
	const struct studies *st;
	const struct app *app;
};

/* ---- the list ---- */

enum { L_NAME, L_ROWS, L_DONE, L_MODEL, L_TITLE, L_COUNT };

static const struct table_column list_columns[L_COUNT] = {
	[L_NAME] = { "study", 15, 0, true, false },
	[L_ROWS] = { "rows", 4, 0, false, false },
	[L_DONE] = { "here", 8, 0, false, false },
	[L_MODEL] = { "model", 20, 2, true, false },
	[L_TITLE] = { "", 20, 1, true, true },
};

static void list_cell(const void *context, int row, int column, struct table_cell *cell)
{
	const struct rows *r = context;
	const struct app_study *s = &r->st->all[row];
	switch (column) {
	case L_NAME:
		format_name(s->name, cell->text, sizeof(cell->text));
		break;
	case L_ROWS:
		snprintf(cell->text, sizeof(cell->text), "%d", s->n_rows);
		break;
	case L_DONE:
		snprintf(cell->text, sizeof(cell->text), "%s%d", s->running ? "RUN " : "",
			 s->n_done);
		cell->style = s->running ? STYLE_ACCENT | STYLE_BOLD : STYLE_NORMAL;
		break;
	case L_MODEL:
		format_name(s->model, cell->text, sizeof(cell->text));
		break;
	default:
		format_name(s->title, cell->text, sizeof(cell->text));
	}
}

/* ---- one study ---- */

static void add_column(struct studies *st, enum part part, int figure, int priority,
		       const char *title, int width)
{
	int i = st->n_columns;
	if (i == TABLE_COLUMNS_MAX)
		return;
	snprintf(st->titles[i], sizeof(st->titles[i]), "%s", title);
	st->columns[i] = (struct table_column){ .title = st->titles[i],
						.width = width,
						.priority = priority,
						.left = part == PART_LABEL };
	st->of[i].part = part;
	st->of[i].figure = figure;
	st->n_columns++;
}

#define FIGURE_WIDTH 11 /* of a column with figures, at least */
#define LABEL_LEAST 16  /* of the names of rows ... */
#define LABEL_MOST 24
#define LABEL_MARK 2 /* ... with the mark of the one that is measured */

static void add_values(struct studies *st, enum part part, int figure, int priority,
		       const char *title)
{
	int width = (int)strlen(title);
	add_column(st, part, figure, priority, title,
		   width > FIGURE_WIDTH ? width : FIGURE_WIDTH);
}

static int label_width(const struct app *app, int study, int n_rows)
{
	int width = LABEL_LEAST;
	for (int i = 0; i < n_rows; i++) {
		int w = LABEL_MARK + (int)strlen(app_study_row(app, study, i).label);
		width = w > width ? w : width;
	}
	return width < LABEL_MOST ? width : LABEL_MOST;
}

/* The columns of one figure: those that say something. */
static void add_figure(struct studies *st, const struct app *app, int figure,
		       int priority)
{
	char title[24];
	struct app_study_column c = app_study_column(app, st->current, figure);
	if (c.is_published) {
		snprintf(title, sizeof(title), "%s publ", c.label);
		add_values(st, PART_PUBLISHED, figure, priority, title);
	}
	snprintf(title, sizeof(title), "%s here", c.label);
	add_values(st, PART_HERE, figure, priority, title);
	if (c.has_ratio && c.is_published)
		add_column(st, PART_PUBLISHED_X, figure, priority, "publ x", 6);
	if (c.has_ratio)
		add_column(st, PART_HERE_X, figure, priority, "here x", 6);
}

static void make_columns(struct studies *st, const struct app *app)
{
	const struct app_study *s = &st->all[st->current];
	st->n_columns = 0;
	add_column(st, PART_LABEL, 0, 0, "row", label_width(app, st->current, s->n_rows));
	for (int i = 0; i < s->n_columns && i < FIGURES_MAX; i++)
		add_figure(st, app, (st->first + i) % s->n_columns, i);
}

static const char *ratio_text(double v, char *buf, size_t size)
{
	buf[0] = 0; /* blank: it does not apply */
	if (!isnan(v))
		snprintf(buf, size, "%.2f", v);
	return buf;
}

static void label_cell(const struct app_study_row *row, struct table_cell *cell)
{
	char label[200];
	snprintf(cell->text, sizeof(cell->text), "%s%s", row->now ? "> " : "",
		 format_name(row->label, label, sizeof(label)));
	cell->style = row->now ? STYLE_ACCENT | STYLE_BOLD : STYLE_NORMAL;
}

static void row_cell(const void *context, int at, int column, struct table_cell *cell)
{
	const struct rows *r = context;
	const struct studies *st = r->st;
	int figure = st->of[column].figure;
	struct app_study_row row = app_study_row(r->app, st->current, at);
	struct app_study_figure f = app_study_figure(r->app, st->current, at, figure);
	size_t size = sizeof(cell->text);
	switch (st->of[column].part) {
	case PART_LABEL:
		label_cell(&row, cell);
		break;
	case PART_PUBLISHED:
		app_study_text(r->app, st->current, figure, f.published, cell->text,
			       size);
		break;
	case PART_HERE:
		if (row.why)
			snprintf(cell->text, size, "failed");
		else
			app_study_text(r->app, st->current, figure, f.measured,
				       cell->text, size);
		cell->style = row.why ? STYLE_BAD : STYLE_BOLD;
		break;
	case PART_PUBLISHED_X:
		ratio_text(f.published_ratio, cell->text, size);
		break;
	case PART_HERE_X:
		ratio_text(f.measured_ratio, cell->text, size);
		cell->style = STYLE_BOLD;
		break;
	}
}

/* ---- the view ---- */

static bool inside(const struct studies *st) { return st->current >= 0; }

static struct table *table_of(struct studies *st)
{
	return inside(st) ? &st->inner : &st->list;
}

static struct table_source source_of(const struct studies *st, const struct rows *rows)
{
	if (inside(st))
		return (struct table_source){ .columns = st->columns,
					      .n_columns = st->n_columns,
					      .n_rows = st->all[st->current].n_rows,
					      .context = rows,
					      .cell = row_cell };
	return (struct table_source){ .columns = list_columns,
				      .n_columns = L_COUNT,
				      .n_rows = st->n,
				      .context = rows,
				      .cell = list_cell };
}

static int n_rows(const struct studies *st)
{
	return inside(st) ? st->all[st->current].n_rows : st->n;
}

static void go_inside(struct studies *st, const struct app *app, int study)
{
	st->current = study;
	st->first = 0;
	st->inner.selected = st->inner.top = 0;
	make_columns(st, app);
}

/* A study that has just begun is what this view is about. */
static void follow(struct studies *st, const struct app *app)
{
	if (st->sweep == app->sweep.serial)
		return;
	st->sweep = app->sweep.serial;
	for (int i = 0; i < st->n; i++)
		if (st->all[i].running && i != st->current)
			go_inside(st, app, i);
}

static bool refresh(void *state, struct app *app)
{
	struct studies *st = state;
	st->n = app_studies(app, &st->all);
	follow(st, app);
	if (inside(st))
		make_columns(st, app);
	return false;
}

static void draw_status(const struct studies *st, const struct app *app, struct canvas *c)
{
	char enter[16], in[16], cancel[16], title[200], text[400];
	keymap_key(REQ_ENTER, false, enter, sizeof(enter));
	keymap_key(REQ_IN, false, in, sizeof(in));
	keymap_key(REQ_CANCEL, false, cancel, sizeof(cancel));
	(void)app;
	if (!inside(st)) {
		snprintf(text, sizeof(text),
			 "published experiments: %s repeats one, %s looks at it", enter,
			 in);
	} else {
		const struct app_study *s = &st->all[st->current];
		snprintf(text, sizeof(text), "%s: %s   %d of %d rows%s", s->name,
			 format_name(s->title, title, sizeof(title)), s->n_done,
			 s->n_rows, s->running ? ", running" : "");
	}
	canvas_field(c, 1, 0, c->width - 2, STYLE_DIM, text);
}

/* What is to be said of the selected row, then of the study. */
static void notes_of(const struct studies *st, const struct app *app, struct str *out)
{
	int at = st->inner.selected;
	char in[16];
	if (!inside(st) || at >= n_rows(st))
		return;
	struct app_study_row row = app_study_row(app, st->current, at);
	struct app_study_column c = app_study_column(app, st->current, st->first);
	if (row.why)
		str_addf(out, "%s failed: %s\n", row.label, row.why);
	if (row.note)
		str_addf(out, "%s: %s\n", row.label, row.note);
	keymap_key(REQ_IN, false, in, sizeof(in));
	str_addf(out, "%s: %s (%s: the next figure)\n", c.label, c.help, in);
	app_study_notes(app, st->current, out);
}

/* Paragraphs from the top of a canvas, as far as they fit; rows they take. */
static int draw_notes(struct canvas *c, const char *text)
{
	int y = 0;
	while (*text && y < c->height) {
		char line[2200], shown[2200];
		size_t n = strcspn(text, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		str_escaped(shown, sizeof(shown), line, strlen(line));
		y += canvas_wrap(c, 1, y, c->width - 2, c->height - y, STYLE_DIM, shown);
		text += n + (text[n] == '\n');
	}
	return y;
}

static void draw(void *state, const struct app *app, struct canvas *c, bool focus)
{
	struct studies *st = state;
	const struct rows rows = { st, app };
	if (!st->n)
		return;
	struct table_source source = source_of(st, &rows);
	struct str notes = STR_INIT;
	int want = 1 + source.n_rows + 1, room = c->height - 1;
	notes_of(st, app, &notes);
	int below = room - want;
	if (notes.len && below < room / NOTES_SHARE)
		below = room / NOTES_SHARE;
	if (!notes.len || room < 6)
		below = 0;
	struct canvas body = canvas_window(c, 0, 1, c->width, room - below);
	struct canvas rest = canvas_window(c, 0, c->height - below, c->width, below);
	draw_status(st, app, c);
	table_draw(table_of(st), &body, &source, focus);
	draw_notes(&rest, str_get(&notes));
	str_release(&notes);
}

static enum reaction enter(struct studies *st, struct app *app)
{
	if (!inside(st)) {
		int study = st->list.selected;
		go_inside(st, app, study);
		app_study_start(app, st->all[study].name);
		return REACT_REDRAW;
	}
	struct app_study_row row = app_study_row(app, st->current, st->inner.selected);
	if (row.run && row.run->id)
		app_open_run(app, row.run->id);
	else if (!st->all[st->current].running)
		app_study_start(app, st->all[st->current].name);
	return REACT_REDRAW;
}

/* To the next figure, or the one before; before the first is outside. */
static enum reaction turn(struct studies *st, const struct app *app, int by)
{
	int n = st->all[st->current].n_columns;
	if (st->first + by < 0)
		st->current = -1;
	else if (st->first + by < n)
		st->first += by;
	if (inside(st))
		make_columns(st, app);
	return REACT_REDRAW;
}

static enum reaction search(struct studies *st, int step, bool here)
{
	for (int k = here ? 0 : 1; st->search[0] && !inside(st) && k <= st->n; k++) {
		int row = ((st->list.selected + step * k) % st->n + st->n) % st->n;
		if (view_matches(st->all[row].name, st->search) ||
		    view_matches(st->all[row].title, st->search)) {
			table_select(&st->list, row, st->n);
			break;
		}
	}
	return REACT_REDRAW;
}

static enum reaction on_text(void *state, struct app *app, enum request request,
			     const char *text)
{
	struct studies *st = state;
	(void)app;
	if (request != REQ_SEARCH || !st->n || inside(st))
		return REACT_NONE;
	snprintf(st->search, sizeof(st->search), "%s", text);
	return search(st, 1, true);
}

static enum reaction on_request(void *state, struct app *app, enum request request)
{
	struct studies *st = state;
	if (!st->n)
		return REACT_NONE;
	if (table_move(table_of(st), request, n_rows(st)))
		return REACT_REDRAW;
	switch (request) {
	case REQ_ENTER:
		return enter(st, app);
	case REQ_IN:
		if (inside(st))
			return turn(st, app, 1);
		go_inside(st, app, st->list.selected);
		return REACT_REDRAW;
	case REQ_SEARCH_NEXT:
		return search(st, 1, false);
	case REQ_SEARCH_PREVIOUS:
		return search(st, -1, false);
	case REQ_BACK:
		return inside(st) ? turn(st, app, -1) : REACT_NONE;
	case REQ_LEAVE:
		if (!inside(st))
			return REACT_NONE;
		st->current = -1;
		return REACT_REDRAW;
	default:
		return REACT_NONE;
	}
}

static enum reaction on_mouse(void *state, struct app *app, const struct key *key)
{
	struct studies *st = state;
	struct table *t = table_of(st);
	int n = n_rows(st), row = table_row_at(t, key->y - 1, n);
	if (key->action == MOUSE_WHEEL_UP || key->action == MOUSE_WHEEL_DOWN) {
		table_select(t, t->selected + (key->action == MOUSE_WHEEL_UP ? -3 : 3),
			     n);
		return REACT_REDRAW;
	}
	if (key->action != MOUSE_PRESS || row < 0)
		return REACT_SAME;
	if (row == t->selected && !inside(st)) /* looks: a click must not start hours */
		go_inside(st, app, row);
	table_select(t, row, n);
	return REACT_REDRAW;
}

static void copy(void *state, const struct app *app, struct str *markdown)
{
	struct studies *st = state;
	const struct rows rows = { st, app };
	if (!st->n)
		return;
	struct table_source source = source_of(st, &rows);
	table_markdown_whole(&source, markdown);
}

static void init(void *state)
{
	struct studies *st = state;
	table_init(&st->list);
	table_init(&st->inner);
	st->current = -1;
}

const struct view studies_view = {
	.name = "studies",
	.title = "Studies",
	.state_size = sizeof(struct studies),
	.init = init,
	.refresh = refresh,
	.on_request = on_request,
	.on_text = on_text,
	.on_mouse = on_mouse,
	.draw = draw,
	.copy = copy,
};
