/*
 * The store: a list of sessions, and inside one its runs. Rows are read page by page, by
 * key, before a frame and never while drawing; the next page when the selection comes
 * near the end. The stops of the slider that nobody kept are one line, the trail, until
 * it is unfolded.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/format.h"
#include "ui/view.h"
#include "ui/widgets/table.h"

#define PAGE 64
#define RELOAD_MAX 512 /* rows read again at once when the store has changed */

struct sessions {
	struct table list, inner;
	struct session_row *sessions;
	struct run_row *runs;
	int n_sessions, cap_sessions, n_runs, cap_runs;
	bool more_sessions, more_runs; /* there may be another page */
	bool inside, trail_open, stale;
	int64_t current; /* id of the session we are in */
	uint64_t revision;
	char search[128], problem[300];
};

/* ---- reading ---- */

static const struct session_row *current(const struct sessions *st)
{
	for (int i = 0; i < st->n_sessions; i++)
		if (st->sessions[i].id == st->current)
			return &st->sessions[i];
	return NULL;
}

static enum err read_sessions(struct sessions *st, struct store *store)
{
	const struct session_row *last =
		st->n_sessions ? &st->sessions[st->n_sessions - 1] : NULL;
	int n = 0;
	if (st->n_sessions + PAGE > st->cap_sessions) {
		st->cap_sessions = 2 * st->cap_sessions + PAGE;
		st->sessions = mem_grow(st->sessions, (size_t)st->cap_sessions,
					sizeof(struct session_row));
		last = st->n_sessions ? &st->sessions[st->n_sessions - 1] : NULL;
	}
	enum err e = session_page(store, last ? last->created_ns : 0, last ? last->id : 0,
				  PAGE, st->sessions + st->n_sessions, &n);
	st->n_sessions += e ? 0 : n;
	st->more_sessions = !e && n == PAGE;
	return e;
}

static enum err read_runs(struct sessions *st, struct store *store)
{
	int n = 0;
	if (st->n_runs + PAGE > st->cap_runs) {
		st->cap_runs = 2 * st->cap_runs + PAGE;
		st->runs =
			mem_grow(st->runs, (size_t)st->cap_runs, sizeof(struct run_row));
	}
	const struct run_row *last = st->n_runs ? &st->runs[st->n_runs - 1] : NULL;
	enum err e = session_run_page(store, st->current, st->trail_open,
				      last ? last->started_ns : 0, last ? last->id : 0,
				      PAGE, st->runs + st->n_runs, &n);
	st->n_runs += e ? 0 : n;
	st->more_runs = !e && n == PAGE;
	return e;
}

/* Reads at least the rows that were there before. */
static enum err reload(struct sessions *st, struct store *store)
{
	int sessions = st->n_sessions, runs = st->n_runs;
	enum err e;
	st->n_sessions = st->n_runs = 0;
	do
		e = read_sessions(st, store);
	while (!e && st->more_sessions && st->n_sessions < sessions &&
	       st->n_sessions < RELOAD_MAX);
	while (!e && st->inside) {
		e = read_runs(st, store);
		if (e || !st->more_runs || st->n_runs >= runs || st->n_runs >= RELOAD_MAX)
			break;
	}
	return e;
}

static bool near_end(const struct table *t, int n)
{
	return t->selected + t->page + 1 >= n;
}

/* Rows of the runs table that come before the runs: the line of the trail. */
static int head_rows(const struct sessions *st)
{
	const struct session_row *s = current(st);
	return s && s->trail > 0;
}

static bool refresh(void *state, struct app *app)
{
	struct sessions *st = state;
	enum err e = OK;
	st->problem[0] = 0;
	if (!app->store)
		return false;
	if (st->stale || st->revision != app->revision) {
		e = reload(st, app->store);
		st->revision = app->revision;
		st->stale = e != OK;
	}
	if (!e && st->inside && st->more_runs &&
	    near_end(&st->inner, st->n_runs + head_rows(st)))
		e = read_runs(st, app->store);
	else if (!e && !st->inside && st->more_sessions &&
		 near_end(&st->list, st->n_sessions))
		e = read_sessions(st, app->store);
	if (e && e != ERR_BUSY)
		snprintf(st->problem, sizeof(st->problem), "%s", err_message());
	else if (e)
		snprintf(st->problem, sizeof(st->problem),
			 "another program is writing to the database; trying again");
	return e == ERR_BUSY;
}

/* ---- the list of sessions ---- */

enum session_column { S_NAME, S_RUNS, S_TRAIL, S_LAST, S_MODEL, S_COUNT };
static const struct table_column session_columns[S_COUNT] = {
	[S_NAME] = { "session", 16, 0, true, true },
	[S_RUNS] = { "runs", 6, 0, false, false },
	[S_TRAIL] = { "trail", 6, 2, false, false },
	[S_LAST] = { "last", 8, 1, false, false },
	[S_MODEL] = { "model", 24, 3, true, false },
};

static void session_cell(const void *context, int row, int column,
			 struct table_cell *cell)
{
	const struct sessions *st = context;
	const struct session_row *s = &st->sessions[row];
	switch (column) {
	case S_NAME:
		format_name(s->name, cell->text, sizeof(cell->text));
		break;
	case S_RUNS:
		format_count((double)s->runs, cell->text, sizeof(cell->text));
		break;
	case S_TRAIL:
		format_count((double)s->trail, cell->text, sizeof(cell->text));
		break;
	case S_LAST:
		format_age(s->last_ns ? (double)s->last_ns : (double)NAN, cell->text,
			   sizeof(cell->text));
		break;
	default:
		format_name(s->model, cell->text, sizeof(cell->text));
	}
}

/* ---- the runs of one ---- */

enum run_column {
	R_ID,
	R_MODEL,
	R_MS,
	R_METHOD,
	R_KEEP,
	R_KEPT,
	R_COS,
	R_BATCH,
	R_DEVICE,
	R_AGE,
	R_KNOBS,
	R_COUNT
};
static const struct table_column run_columns[R_COUNT] = {
	[R_ID] = { "run", 6, 0, false, false },
	[R_MODEL] = { "model", 16, 0, true, true },
	[R_MS] = { "ms", 7, 0, false, false },
	[R_METHOD] = { "method", 9, 2, true, false },
	[R_KEEP] = { "keep", 6, 1, false, false },
	[R_KEPT] = { "kept", 5, 3, false, false },
	[R_COS] = { "cos", 6, 2, false, false },
	[R_BATCH] = { "batch", 5, 4, false, false },
	[R_DEVICE] = { "device", 6, 5, false, false },
	[R_AGE] = { "age", 7, 1, false, false },
	[R_KNOBS] = { "knobs", 40, 6, true, false },
};

static void trail_cell(const struct sessions *st, int column, struct table_cell *cell)
{
	const struct session_row *s = current(st);
	if (column == R_ID)
		snprintf(cell->text, sizeof(cell->text), "%s",
			 st->trail_open ? "-" : "+");
	else if (column == R_MODEL)
		snprintf(cell->text, sizeof(cell->text), "trail: %lld %s",
			 s ? (long long)s->trail : 0,
			 s && s->trail == 1 ? "stop" : "stops");
}

static void number_cell(double v, struct table_cell *cell)
{
	if (isnan(v))
		snprintf(cell->text, sizeof(cell->text), "--");
	else
		snprintf(cell->text, sizeof(cell->text), "%.4g", v);
}

/* "method=l2 keep=0.7 ...": the first word of canonical knobs that have a method. */
static void method_cell(const char *knobs, struct table_cell *cell)
{
	static const char name[] = "method=";
	char word[32] = "";
	if (!strncmp(knobs, name, sizeof(name) - 1))
		snprintf(word, sizeof(word), "%.*s",
			 (int)strcspn(knobs + sizeof(name) - 1, " "),
			 knobs + sizeof(name) - 1);
	format_name(word[0] ? word : "--", cell->text, sizeof(cell->text));
}

static void one_run_cell(const struct run_row *r, int column, struct table_cell *cell)
{
	switch (column) {
	case R_ID:
		snprintf(cell->text, sizeof(cell->text), "%s%lld", r->trail ? "." : "#",
			 (long long)r->id);
		break;
	case R_MODEL:
		format_name(r->error[0] ? r->error : r->model, cell->text,
			    sizeof(cell->text));
		cell->style = r->error[0] ? STYLE_BAD : STYLE_NORMAL;
		break;
	case R_MS:
		if (strcmp(r->state, "failed") != 0)
			format_ms(r->p50_ns, cell->text, sizeof(cell->text));
		else
			snprintf(cell->text, sizeof(cell->text), "failed");
		break;
	case R_METHOD:
		method_cell(r->knobs, cell);
		break;
	case R_KEEP:
		number_cell(r->keep, cell);
		break;
	case R_KEPT:
		number_cell(r->kept, cell);
		break;
	case R_COS:
		format_cosine(r->cosine, cell->text, sizeof(cell->text));
		break;
	case R_BATCH:
		number_cell(r->batch, cell);
		break;
	case R_DEVICE:
		format_name(r->device, cell->text, sizeof(cell->text));
		break;
	case R_AGE:
		format_age((double)r->started_ns, cell->text, sizeof(cell->text));
		break;
	default:
		format_name(r->knobs, cell->text, sizeof(cell->text));
	}
}

static void run_cell_text(const void *context, int row, int column,
			  struct table_cell *cell)
{
	const struct sessions *st = context;
	int head = head_rows(st);
	if (row < head)
		trail_cell(st, column, cell);
	else
		one_run_cell(&st->runs[row - head], column, cell);
}

static unsigned run_style(const void *context, int row)
{
	const struct sessions *st = context;
	int head = head_rows(st);
	return row < head || st->runs[row - head].trail ? STYLE_DIM : STYLE_NORMAL;
}

/* ---- the view ---- */

static struct table *table_of(struct sessions *st)
{
	return st->inside ? &st->inner : &st->list;
}

static struct table_source source_of(const struct sessions *st)
{
	if (st->inside)
		return (struct table_source){ .columns = run_columns,
					      .n_columns = R_COUNT,
					      .n_rows = st->n_runs + head_rows(st),
					      .context = st,
					      .cell = run_cell_text,
					      .row_style = run_style };
	return (struct table_source){ .columns = session_columns,
				      .n_columns = S_COUNT,
				      .n_rows = st->n_sessions,
				      .context = st,
				      .cell = session_cell };
}

static void draw_status(const struct sessions *st, const struct app *app,
			struct canvas *c)
{
	const struct session_row *s = current(st);
	char name[120];
	if (st->problem[0])
		canvas_text(c, 1, 0, -1, STYLE_WARN, st->problem);
	else if (!app->store)
		canvas_text(c, 1, 0, -1, STYLE_WARN,
			    "there is no database: nothing is stored");
	else if (st->inside && s)
		canvas_printf(c, 1, 0, STYLE_DIM, "session %s   %lld runs   newest first",
			      format_name(s->name, name, sizeof(name)),
			      (long long)s->runs);
	else if (!st->n_sessions)
		canvas_text(c, 1, 0, -1, STYLE_DIM, "no session stored yet");
	else
		canvas_text(c, 1, 0, -1, STYLE_DIM, "sessions, newest first");
}

static void draw(void *state, const struct app *app, struct canvas *c, bool focus)
{
	struct sessions *st = state;
	struct table_source source = source_of(st);
	struct canvas body = canvas_window(c, 0, 1, c->width, c->height - 1);
	draw_status(st, app, c);
	if (source.n_rows)
		table_draw(table_of(st), &body, &source, focus);
}

static void enter_session(struct sessions *st)
{
	st->current = st->sessions[st->list.selected].id;
	st->inside = true;
	st->trail_open = false;
	st->n_runs = 0;
	st->stale = true;
	st->inner.selected = st->inner.top = 0;
}

static enum reaction toggle_trail(struct sessions *st)
{
	st->trail_open = !st->trail_open;
	st->n_runs = 0;
	st->stale = true;
	st->inner.selected = 0;
	return REACT_REDRAW;
}

static enum reaction enter(struct sessions *st, struct app *app)
{
	if (!st->inside) {
		enter_session(st);
		return REACT_REDRAW;
	}
	int run = st->inner.selected - head_rows(st);
	if (run < 0)
		return toggle_trail(st);
	app_open_run(app, st->runs[run].id);
	return REACT_REDRAW;
}

static bool row_matches(const struct sessions *st, int row)
{
	struct table_source s = source_of(st);
	for (int i = 0; i < s.n_columns; i++) {
		struct table_cell cell = { .style = 0 };
		s.cell(s.context, row, i, &cell);
		if (view_matches(cell.text, st->search))
			return true;
	}
	return false;
}

/* Among the rows that were read. */
static enum reaction search(struct sessions *st, int step, bool here)
{
	struct table *t = table_of(st);
	int n = source_of(st).n_rows;
	if (!st->search[0])
		return REACT_REDRAW;
	for (int k = here ? 0 : 1; k <= n; k++) {
		int row = ((t->selected + step * k) % n + n) % n;
		if (row_matches(st, row)) {
			table_select(t, row, n);
			break;
		}
	}
	return REACT_REDRAW;
}

static enum reaction keep(struct sessions *st, struct app *app)
{
	int run = st->inner.selected - head_rows(st);
	if (!st->inside || run < 0 || run >= st->n_runs || !st->runs[run].trail)
		return REACT_NONE;
	app_keep_run(app, st->runs[run].id);
	return REACT_REDRAW;
}

static enum reaction on_request(void *state, struct app *app, enum request request)
{
	struct sessions *st = state;
	int n = source_of(st).n_rows;
	if (table_move(table_of(st), request, n))
		return REACT_REDRAW;
	switch (request) {
	case REQ_ENTER:
	case REQ_IN:
		return n ? enter(st, app) : REACT_SAME;
	case REQ_KEEP:
		return keep(st, app);
	case REQ_UNFOLD:
	case REQ_FOLD:
		if (st->inside && head_rows(st) &&
		    st->trail_open == (request == REQ_FOLD))
			return toggle_trail(st);
		return REACT_SAME;
	case REQ_BACK:
	case REQ_LEAVE:
		if (!st->inside)
			return REACT_NONE;
		st->inside = false;
		return REACT_REDRAW;
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
	struct sessions *st = state;
	(void)app;
	if (request != REQ_SEARCH)
		return REACT_NONE;
	snprintf(st->search, sizeof(st->search), "%s", text);
	return search(st, 1, true);
}

static enum reaction on_mouse(void *state, struct app *app, const struct key *key)
{
	struct sessions *st = state;
	struct table *t = table_of(st);
	int n = source_of(st).n_rows, row = table_row_at(t, key->y - 1, n);
	if (key->action == MOUSE_WHEEL_UP || key->action == MOUSE_WHEEL_DOWN) {
		table_select(t, t->selected + (key->action == MOUSE_WHEEL_UP ? -3 : 3),
			     n);
		return REACT_REDRAW;
	}
	if (key->action != MOUSE_PRESS || row < 0)
		return REACT_SAME;
	bool again = row == t->selected;
	table_select(t, row, n);
	return again ? enter(st, app) : REACT_REDRAW;
}

static void copy(void *state, const struct app *app, struct str *markdown)
{
	struct sessions *st = state;
	struct table_source source = source_of(st);
	(void)app;
	table_markdown(table_of(st), &source, markdown);
}

static void init(void *state)
{
	struct sessions *st = state;
	table_init(&st->list);
	table_init(&st->inner);
	st->stale = true;
}

static void release(void *state)
{
	struct sessions *st = state;
	free(st->sessions);
	free(st->runs);
}

const struct view sessions_view = {
	.name = "sessions",
	.title = "Sessions",
	.state_size = sizeof(struct sessions),
	.init = init,
	.release = release,
	.refresh = refresh,
	.on_request = on_request,
	.on_text = on_text,
	.on_mouse = on_mouse,
	.draw = draw,
	.copy = copy,
};
