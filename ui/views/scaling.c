/* Time over the length of a sequence, both logarithmic: a straight line is a power, and
 * where two lines cross one model becomes the faster. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/format.h"
#include "ui/scaling_map.h"
#include "ui/view.h"
#include "ui/widgets/chart.h"
#include "ui/widgets/parts.h"
#include "ui/widgets/table.h"

#define WIDE 100       /* columns from which the table stands beside the chart */
#define TABLE_WIDTH 52 /* of it there */
#define ROWS_MAX 5     /* of the table below the chart, with its header */
#define CHART_ROWS 7   /* below that rows of figures say more */
#define PAIRS_ALL 3    /* series of which every pair is told */
#define POINTS_MAX 512

struct scaling {
	struct view_measured measured;
	struct scaling_map map;
	struct table table;
};

static bool applies(const struct app *app)
{
	return app->has_model &&
	       (app->model.knob_mask & (KNOB_BIT(KNOB_SEQ) | KNOB_BIT(KNOB_IMAGE_SIZE)));
}

static bool refresh(void *state, struct app *app)
{
	struct scaling *st = state;
	if (!view_measured_read(&st->measured, app))
		return false;
	scaling_map_release(&st->map);
	scaling_map_make(&st->map, st->measured.list, st->measured.n);
	table_select(&st->table, st->table.selected, st->map.n);
	return false;
}

/* ---- the table ---- */

enum column { C_SERIES, C_POINTS, C_FROM, C_TO, C_SLOPE, C_LAST };
#define N_COLUMNS (C_LAST + 1)

static const struct table_column columns[N_COLUMNS] = {
	[C_SERIES] = { "series", 16, 0, true, true },
	[C_POINTS] = { "n", 3, 2, false, false },
	[C_FROM] = { "from", 5, 3, false, false },
	[C_TO] = { "to", 5, 1, false, false },
	[C_SLOPE] = { "slope", 5, 0, false, false },
	[C_LAST] = { "ms at it", 8, 1, false, false },
};

static void cell_of(const void *context, int row, int column, struct table_cell *cell)
{
	const struct scaling_map *m = context;
	const struct scaling_series *s = &m->series[row];
	char *text = cell->text;
	size_t size = sizeof(cell->text);
	switch (column) {
	case C_SERIES:
		snprintf(text, size, "%c %s", format_letter(row), s->label);
		break;
	case C_POINTS:
		snprintf(text, size, "%d", s->n);
		break;
	case C_FROM:
		format_tokens(s->points[0].tokens, text, size);
		break;
	case C_TO:
		format_tokens(s->points[s->n - 1].tokens, text, size);
		break;
	case C_SLOPE:
		snprintf(text, size, isnan(s->slope) ? "--" : "%.2f", s->slope);
		break;
	default:
		format_ms(s->points[s->n - 1].p50_ns, text, size);
	}
}

static struct table_source source_of(const struct scaling_map *m)
{
	return (struct table_source){ .columns = columns,
				      .n_columns = N_COLUMNS,
				      .n_rows = m->n,
				      .context = m,
				      .cell = cell_of };
}

/* ---- crossings ---- */

static void cross_words(const struct scaling_map *m, int i, int k, char *buf, size_t size)
{
	struct scaling_cross x = scaling_cross(&m->series[i], &m->series[k]);
	char tokens[16], ms[16], from[16], to[16], often[32] = "";
	int n = snprintf(buf, size, "%c and %c ", format_letter(i), format_letter(k));
	if (x.n > 1)
		snprintf(often, sizeof(often), ", %d times", x.n);
	if (x.n)
		snprintf(buf + n, size - (size_t)n, "cross at %s tokens, %s ms%s",
			 format_tokens(x.tokens, tokens, sizeof(tokens)),
			 format_ms(x.ns, ms, sizeof(ms)), often);
	else if (isnan(x.from))
		snprintf(buf + n, size - (size_t)n, "have no lengths in common");
	else
		snprintf(buf + n, size - (size_t)n, "do not cross in range, %s..%s",
			 format_tokens(x.from, from, sizeof(from)),
			 format_tokens(x.to, to, sizeof(to)));
}

/* Pairs to tell of: all of a few, else those of the selected series. */
static bool is_told(const struct scaling *st, int i, int k)
{
	return st->map.n <= PAIRS_ALL || i == st->table.selected ||
	       k == st->table.selected;
}

static int count_pairs(const struct scaling *st)
{
	int n = 0;
	for (int i = 0; i < st->map.n; i++)
		for (int k = i + 1; k < st->map.n; k++)
			n += is_told(st, i, k);
	return n;
}

/* Rows it took. */
static int draw_crossings(const struct scaling *st, struct canvas *c, int x, int y,
			  int width)
{
	int from = y;
	for (int i = 0; i < st->map.n; i++)
		for (int k = i + 1; k < st->map.n; k++) {
			char text[120];
			if (!is_told(st, i, k))
				continue;
			cross_words(&st->map, i, k, text, sizeof(text));
			canvas_field(c, x, y++, width, STYLE_NORMAL, text);
		}
	return y - from;
}

/* ---- the chart ---- */

struct points {
	struct chart_mark mark[POINTS_MAX];
	double x[2 * POINTS_MAX], y[2 * POINTS_MAX]; /* of lines, NaN between two */
	int n, n_line;
	double lo_x, hi_x, lo_y, hi_y;
};

static void add_point(struct points *p, double x, double y, char letter, bool bold)
{
	p->mark[p->n++] = (struct chart_mark){ .x = x,
					       .y = y,
					       .lo = (double)NAN,
					       .hi = (double)NAN,
					       .letter = letter,
					       .style = bold ? STYLE_ACCENT | STYLE_BOLD
							     : STYLE_NORMAL };
	p->x[p->n_line] = x;
	p->y[p->n_line++] = y;
	p->lo_x = fmin(p->lo_x, x);
	p->hi_x = fmax(p->hi_x, x);
	p->lo_y = fmin(p->lo_y, y);
	p->hi_y = fmax(p->hi_y, y);
}

/* The selected series last: it lies above the others. */
static void collect(struct points *p, const struct scaling *st, bool focus)
{
	const struct scaling_map *m = &st->map;
	p->lo_x = p->lo_y = (double)INFINITY;
	p->hi_x = p->hi_y = 0;
	for (int k = 1; k <= m->n; k++) {
		int i = (st->table.selected + k) % m->n;
		const struct scaling_series *s = &m->series[i];
		for (int j = 0; j < s->n && p->n < POINTS_MAX; j++)
			add_point(p, s->points[j].tokens, s->points[j].p50_ns / 1e6,
				  format_letter(i), focus && i == st->table.selected);
		p->x[p->n_line] = p->y[p->n_line] = (double)NAN;
		p->n_line++;
	}
}

static void draw_chart(const struct scaling *st, const struct app *app, struct canvas *c,
		       bool focus)
{
	struct points *p = mem_alloc(sizeof(*p));
	const struct run *run = app_shown(app);
	struct scaling_cross cross = { .tokens = (double)NAN };
	collect(p, st, focus);
	if (st->map.n == 2)
		cross = scaling_cross(&st->map.series[0], &st->map.series[1]);
	struct chart chart = {
		.title = "ms",
		.x = chart_axis_log(p->lo_x, p->hi_x, (c->width - CHART_GUTTER) / 7),
		.y = chart_axis_log(p->lo_y, p->hi_y, c->height / 2 + 1),
		.marks = p->mark,
		.n_marks = p->n,
		.line_x = p->x,
		.line_y = p->y,
		.n_line = p->n_line,
		.level = (double)NAN,
		.upright = cross.tokens,
		.selected = (double)NAN,
		.you = run ? run->input.tokens : (double)NAN,
		.x_labels = true,
	};
	chart_draw(c, &chart);
	free(p);
}

/* ---- drawing ---- */

static void draw_status(const struct scaling *st, struct canvas *c)
{
	struct parts p = { .n = 0 };
	char key[16];
	int settings = 0;
	for (int i = 0; i < st->map.n; i++)
		settings += st->map.series[i].n;
	parts_add(&p, 0, STYLE_BOLD, "ms over tokens, both logarithmic");
	parts_add(&p, 1, STYLE_NORMAL, "%d series of %d settings", st->map.n, settings);
	if (st->map.more)
		parts_join(&p, 1, STYLE_WARN, "(%d more not shown)", st->map.more);
	parts_add(&p, 2, STYLE_DIM, "%s sweeps the chosen knob",
		  keymap_key(REQ_SWEEP, true, key, sizeof(key)));
	parts_draw(&p, c, 1, 0, c->width - 2);
}

static void draw_nothing(struct canvas *c)
{
	char key[16], text[200];
	snprintf(text, sizeof(text),
		 "no setting of this session has two lengths yet: %s on the knob %s "
		 "sweeps them, and so does the study scan-vs-attention",
		 keymap_key(REQ_SWEEP, true, key, sizeof(key)),
		 knob_table[KNOB_SEQ].option);
	canvas_wrap(c, 2, 1, c->width - 3, 3, STYLE_DIM, text);
}

static void draw_beside(struct scaling *st, const struct app *app, struct canvas *c,
			bool focus)
{
	struct table_source source = source_of(&st->map);
	int rows = st->map.n + 1, x = c->width - TABLE_WIDTH;
	int most = c->height / 2;
	rows = rows > most ? most : rows;
	struct canvas chart = canvas_window(c, 0, 2, x - 2, c->height - 2);
	struct canvas table = canvas_window(c, x, 2, TABLE_WIDTH, rows);
	draw_chart(st, app, &chart, focus);
	table_draw(&st->table, &table, &source, focus);
	draw_crossings(st, c, x + 1, 3 + rows, TABLE_WIDTH - 2);
}

static void draw_below(struct scaling *st, const struct app *app, struct canvas *c,
		       bool focus)
{
	struct table_source source = source_of(&st->map);
	int pairs = count_pairs(st), rows = st->map.n + 1;
	if (!c->plain && rows > ROWS_MAX)
		rows = ROWS_MAX;
	int height = c->height - 1 - rows - pairs;
	if (height < CHART_ROWS) /* crossings that have no room go */
		height += pairs;
	if (c->plain || height < CHART_ROWS)
		height = 0;
	struct canvas chart = canvas_window(c, 0, 1, c->width, height);
	struct canvas table = canvas_window(c, 0, 1 + height, c->width, rows);
	if (height)
		draw_chart(st, app, &chart, focus);
	table_draw(&st->table, &table, &source, focus);
	draw_crossings(st, c, 1, 1 + height + rows, c->width - 2);
}

static void draw(void *state, const struct app *app, struct canvas *c, bool focus)
{
	struct scaling *st = state;
	if (!st->map.n) {
		draw_nothing(c);
		return;
	}
	draw_status(st, c);
	if (c->width >= WIDE && !c->plain)
		draw_beside(st, app, c, focus);
	else
		draw_below(st, app, c, focus);
}

/* ---- requests ---- */

static enum reaction on_request(void *state, struct app *app, enum request request)
{
	struct scaling *st = state;
	(void)app;
	if (!st->map.n || !table_move(&st->table, request, st->map.n))
		return REACT_NONE;
	return REACT_REDRAW;
}

static void copy(void *state, const struct app *app, struct str *markdown)
{
	struct scaling *st = state;
	(void)app;
	if (!st->map.n)
		return;
	struct table_source source = source_of(&st->map);
	table_markdown_whole(&source, markdown);
}

static void init(void *state)
{
	struct scaling *st = state;
	table_init(&st->table);
}

static void release(void *state)
{
	struct scaling *st = state;
	scaling_map_release(&st->map);
	view_measured_release(&st->measured);
}

const struct view scaling_view = {
	.name = "scaling",
	.title = "Scaling",
	.state_size = sizeof(struct scaling),
	.init = init,
	.release = release,
	.applies = applies,
	.refresh = refresh,
	.on_request = on_request,
	.draw = draw,
	.copy = copy,
};
