/* A threshold layer by layer: how the saliencies lie, where the cut is, how many tokens
 * of each sequence stay. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/format.h"
#include "ui/patch_map.h"
#include "ui/view.h"
#include "ui/widgets/columns.h"
#include "ui/widgets/histogram.h"
#include "ui/widgets/parts.h"
#include "ui/widgets/table.h"

#define ROWS_MIN 3      /* of the table, with its header, that charts leave ... */
#define ROWS_SHARE 2    /* ... and at most one row in so many */
#define CHART_WIDTH 48  /* columns of the histogram, at most ... */
#define COUNTS_WIDTH 24 /* ... if the counts have so many beside it */
#define BARS_MAX 14     /* rows of a chart */
#define PER_BIN 4       /* saliencies, at least on the average ... */
#define BINS_MIN 12     /* ... if there are so many bins then */

struct threshold {
	struct table table;
	bool chosen; /* the user chose a layer; else it is the first that drops some */
};

/* ---- reading ---- */

static bool applies(const struct app *app)
{
	return app->has_model && (app->model.knob_mask & KNOB_BIT(KNOB_THRESHOLD));
}

static bool is_on(const struct run *run)
{
	return run && !isnan(knob_num(&run->knobs, KNOB_THRESHOLD));
}

/* Sites that have saliencies; of no other setting than a threshold. */
static int count_sites(const struct run *run)
{
	int n = 0;
	for (int i = 0; is_on(run) && i < run->tokens.n_sites; i++)
		n += run->tokens.sites[i].n_scores > 0;
	return n;
}

static const struct run_site *site_of(const struct run *run, int row)
{
	for (int i = 0; i < run->tokens.n_sites; i++)
		if (run->tokens.sites[i].n_scores > 0 && row-- == 0)
			return &run->tokens.sites[i];
	return NULL;
}

/* What stays of each item behind the layer of a site; NULL and *n = 0: not known. */
static const double *counts_of(const struct run *run, const struct run_site *site, int *n)
{
	const struct run_tokens *t = &run->tokens;
	int items = t->n_layers > 0 ? t->n_counts / t->n_layers : 0;
	bool known = items > 0 && site->layer >= 0 && site->layer < t->n_layers;
	*n = known ? items : 0;
	return known ? t->counts + (ptrdiff_t)site->layer * items : NULL;
}

struct spread {
	double sum, longest; /* NaN: not known */
	int n;
};

static struct spread spread_of(const struct run *run, const struct run_site *site)
{
	struct spread s = { .sum = (double)NAN, .longest = (double)NAN };
	const double *count = counts_of(run, site, &s.n);
	for (int i = 0; i < s.n; i++) {
		s.sum = i ? s.sum + count[i] : count[i];
		s.longest = i && s.longest > count[i] ? s.longest : count[i];
	}
	return s;
}

/* ---- the table ---- */

enum column {
	C_LAYER,
	C_IN,
	C_MIN,
	C_MEDIAN,
	C_MAX,
	C_CUT,
	C_STAY,
	C_MEAN,
	C_LONGEST,
	C_SHARE
};
#define N_COLUMNS (C_SHARE + 1)

static const struct table_column columns[N_COLUMNS] = {
	[C_LAYER] = { "before", 10, 0, true, true },
	[C_IN] = { "in", 5, 1, false, false },
	[C_MIN] = { "min", 6, 2, false, false },
	[C_MEDIAN] = { "median", 6, 2, false, false },
	[C_MAX] = { "max", 6, 2, false, false },
	[C_CUT] = { "cut", 6, 0, false, false },
	[C_STAY] = { "stay", 5, 0, false, false },
	[C_MEAN] = { "mean", 6, 1, false, false },
	[C_LONGEST] = { "longest", 7, 1, false, false },
	[C_SHARE] = { "stay %", 6, 3, false, false },
};

static struct histogram histogram_of(const struct run_site *site, int bins)
{
	struct histogram h;
	bool *stays = patch_site_stays(site);
	int n = site->n_scores < site->n_alive ? site->n_scores : site->n_alive;
	histogram_make(&h, site->scores, stays, n, bins);
	free(stays);
	return h;
}

/* The threshold itself; of a quantile what it came to. */
static double cut_of(const struct run *run, const struct histogram *h)
{
	bool quantile = !strcmp(knob_text(&run->knobs, KNOB_THRESHOLD_SCALE), "quantile");
	return quantile ? h->cut : knob_num(&run->knobs, KNOB_THRESHOLD);
}

static void number(double v, const char *format, char *buf, size_t size)
{
	if (isnan(v))
		snprintf(buf, size, "--");
	else
		snprintf(buf, size, *format == '1' ? "%.1f" : "%.4g", v);
}

static void cell_of(const void *context, int row, int column, struct table_cell *cell)
{
	const struct run *run = context;
	const struct run_site *site = site_of(run, row);
	struct histogram h = histogram_of(site, 1);
	struct spread s = spread_of(run, site);
	char *text = cell->text;
	size_t size = sizeof(cell->text);
	switch (column) {
	case C_LAYER:
		format_name(site->path, text, size);
		break;
	case C_IN:
		format_tokens(site->n_alive, text, size);
		break;
	case C_MIN:
		number(h.min, "g", text, size);
		break;
	case C_MEDIAN:
		number(h.median, "g", text, size);
		break;
	case C_MAX:
		number(h.max, "g", text, size);
		break;
	case C_CUT:
		number(cut_of(run, &h), "g", text, size);
		break;
	case C_STAY:
		format_tokens(site->n_kept, text, size);
		break;
	case C_MEAN:
		number(s.n ? s.sum / s.n : (double)NAN, "1", text, size);
		break;
	case C_LONGEST:
		format_tokens(s.longest, text, size);
		break;
	default:
		format_percent(site->n_alive ? (double)site->n_kept / site->n_alive
					     : (double)NAN,
			       text, size);
	}
}

static struct table_source source_of(const struct run *run)
{
	return (struct table_source){ .columns = columns,
				      .n_columns = N_COLUMNS,
				      .n_rows = count_sites(run),
				      .context = run,
				      .cell = cell_of };
}

/* Where something is dropped, until the user chooses a layer. */
static void select_layer(struct threshold *st, const struct run *run)
{
	int n = count_sites(run), at = 0;
	while (at < n && site_of(run, at)->n_kept == site_of(run, at)->n_alive)
		at++;
	if (!st->chosen)
		table_select(&st->table, at < n ? at : 0, n);
	else
		table_select(&st->table, st->table.selected, n);
}

/* ---- words ---- */

/* Rows that products run on, over all layers: those that stay, or as many of each
 * sequence as the longest has. */
static void add_rows(const struct run *run, struct parts *p)
{
	double stay = 0, padded = 0, all = 0;
	char a[16], b[16];
	for (int i = 0; i < count_sites(run); i++) {
		struct spread s = spread_of(run, site_of(run, i));
		stay += s.sum;
		padded += s.longest * s.n;
		all += run->input.tokens * s.n;
	}
	if (!(all > 0) || isnan(stay))
		return;
	parts_add(p, 1, STYLE_NORMAL, "rows: packed %s %%, padded %s %%",
		  format_percent(stay / all, a, sizeof(a)),
		  format_percent(padded / all, b, sizeof(b)));
}

static void add_layouts(const struct run *run, struct parts *p)
{
	const struct run_layouts *l = &run->layouts;
	char a[24], b[24];
	if (!isnan(l->packed) && !isnan(l->padded))
		parts_add(p, 0, STYLE_NORMAL, "FLOPs: packed %s, padded %s",
			  format_count(l->packed, a, sizeof(a)),
			  format_count(l->padded, b, sizeof(b)));
}

static void draw_status(const struct run *run, struct canvas *c)
{
	struct parts p = { .n = 0 };
	char value[KNOB_TEXT_SIZE];
	int n = count_sites(run);
	const struct run_site *last = site_of(run, n - 1);
	struct spread s = spread_of(run, last);
	parts_add(&p, 0, STYLE_BOLD, "%s %s",
		  strcmp(knob_text(&run->knobs, KNOB_THRESHOLD_SCALE), "quantile")
			  ? "saliency >"
			  : "quantile",
		  knobs_get(&run->knobs, KNOB_THRESHOLD, value));
	parts_add(&p, 0, STYLE_NORMAL, "%d of %d stay", last->n_kept,
		  site_of(run, 0)->n_alive);
	if (s.n > 1)
		parts_add(&p, 1, STYLE_NORMAL, "mean %.1f longest %.0f of %d",
			  s.sum / s.n, s.longest, s.n);
	parts_draw(&p, c, 1, 0, c->width - 2);
}

/* What the layouts cost, of several sequences. */
static void draw_layouts(const struct run *run, struct canvas *c, int y)
{
	struct parts p = { .n = 0 };
	if (spread_of(run, site_of(run, 0)).n < 2)
		return;
	add_layouts(run, &p);
	add_rows(run, &p);
	parts_draw(&p, c, 1, y, c->width - 2);
}

static void draw_nothing(const struct app *app, struct canvas *c)
{
	const struct run *run = app_shown(app);
	const char *why = app_knob_why_not(app, KNOB_THRESHOLD);
	char text[400], shown[300], up[8];
	if (why)
		snprintf(text, sizeof(text), "no threshold here: %s",
			 format_name(why, shown, sizeof(shown)));
	else if (!is_on(run))
		snprintf(text, sizeof(text),
			 "the threshold is off: every token stays. Choose the slider "
			 "thr, %s raises it",
			 keymap_key(REQ_KNOB_UP, false, up, sizeof(up)));
	else if (run->state == RUN_ESTIMATE)
		snprintf(text, sizeof(text),
			 "~ estimate: the layers table has the tokens that are expected "
			 "to pass; their saliencies come with the measurement");
	else
		snprintf(text, sizeof(text),
			 "this run does not say which saliencies its tokens had");
	canvas_wrap(c, 2, 1, c->width - 3, 3, STYLE_DIM, text);
}

/* ---- charts ---- */

static void draw_histogram(const struct run *run, const struct run_site *site,
			   struct canvas *c)
{
	int n = site->n_scores, width = c->width < CHART_WIDTH ? c->width : CHART_WIDTH;
	int wanted = n / PER_BIN < BINS_MIN ? BINS_MIN : n / PER_BIN;
	int each = (width + wanted - 1) / wanted;
	struct histogram h = histogram_of(site, width / (each > 0 ? each : 1));
	char path[80], text[160], cut[16];
	number(cut_of(run, &h), "g", cut, sizeof(cut));
	snprintf(text, sizeof(text), "%s: %d go, %d stay above %s",
		 format_name(site->path, path, sizeof(path)), h.n - h.n_stay, h.n_stay,
		 cut);
	canvas_field(c, 0, 0, c->width, STYLE_BOLD, text);
	int rows = c->height - 1;
	if (rows > BARS_MAX)
		rows = BARS_MAX;
	if (rows > 0)
		histogram_draw(c, 0, 1, width, rows, &h);
}

/* A column for each sequence, as high as all of its tokens would be. */
static void draw_counts(const struct run *run, const struct run_site *site,
			struct canvas *c)
{
	int n;
	const double *count = counts_of(run, site, &n);
	double least = (double)NAN;
	struct columns k = {
		.value = count, .n = n, .top = run->input.tokens, .style = STYLE_ACCENT
	};
	struct spread s = spread_of(run, site);
	char text[120];
	if (!n)
		return;
	for (int i = 0; i < n; i++)
		least = isnan(least) || count[i] < least ? count[i] : least;
	snprintf(text, sizeof(text), "stay, each of %d: %.0f to %.0f", n, least,
		 s.longest);
	canvas_field(c, 0, 0, c->width, STYLE_BOLD, text);
	int rows = c->height - 2;
	if (rows > BARS_MAX - 1)
		rows = BARS_MAX - 1;
	if (rows < 1 || c->plain)
		return;
	columns_draw(c, 0, 1, c->width, rows, &k);
	columns_axis(c, 0, 1 + rows, c->width, n);
}

static void draw_charts(const struct run *run, const struct run_site *site,
			struct canvas *c)
{
	int n;
	bool several = counts_of(run, site, &n) && n > 1, beside = several && !c->plain;
	int left = beside && c->width - COUNTS_WIDTH - 2 < CHART_WIDTH
			   ? c->width - COUNTS_WIDTH - 2
			   : CHART_WIDTH;
	left = beside ? left : c->width - 1;
	struct canvas bars = canvas_window(c, 1, 0, left, c->plain ? 2 : c->height);
	struct canvas counts = canvas_window(c, beside ? left + 3 : 1, beside ? 0 : 2,
					     c->width - (beside ? left + 4 : 2),
					     beside ? c->height : c->height - 2);
	draw_histogram(run, site, &bars);
	if (several)
		draw_counts(run, site, &counts);
}

static void draw(void *state, const struct app *app, struct canvas *c, bool focus)
{
	struct threshold *st = state;
	const struct run *run = app_shown(app);
	int n = count_sites(run), rows = n + 1;
	if (!n) {
		draw_nothing(app, c);
		return;
	}
	draw_status(run, c);
	select_layer(st, run);
	if (rows > c->height / ROWS_SHARE - 1)
		rows = c->height / ROWS_SHARE - 1;
	rows = rows < ROWS_MIN ? ROWS_MIN : rows;
	struct canvas table = canvas_window(c, 0, 1, c->width, rows);
	struct canvas charts =
		canvas_window(c, 0, 2 + rows, c->width, c->height - rows - 2);
	struct table_source source = source_of(run);
	table_draw(&st->table, &table, &source, focus);
	draw_layouts(run, c, 1 + rows);
	draw_charts(run, site_of(run, st->table.selected), &charts);
}

/* ---- requests ---- */

static enum reaction on_request(void *state, struct app *app, enum request request)
{
	struct threshold *st = state;
	const struct run *run = app_shown(app);
	int n = count_sites(run);
	if (!n)
		return REACT_NONE;
	select_layer(st, run);
	if (!table_move(&st->table, request, n))
		return REACT_NONE;
	st->chosen = true;
	return REACT_REDRAW;
}

static enum reaction on_mouse(void *state, struct app *app, const struct key *key)
{
	struct threshold *st = state;
	int n = count_sites(app_shown(app));
	int row = table_row_at(&st->table, key->y - 1, n);
	if (key->action == MOUSE_WHEEL_UP || key->action == MOUSE_WHEEL_DOWN)
		return on_request(state, app,
				  key->action == MOUSE_WHEEL_UP ? REQ_UP : REQ_DOWN);
	if (key->action != MOUSE_PRESS || row < 0 || key->y > st->table.page + 1)
		return REACT_SAME;
	st->chosen = true;
	table_select(&st->table, row, n);
	return REACT_REDRAW;
}

static void copy(void *state, const struct app *app, struct str *markdown)
{
	const struct run *run = app_shown(app);
	(void)state;
	if (!count_sites(run))
		return;
	struct table_source source = source_of(run);
	table_markdown_whole(&source, markdown);
}

static void init(void *state)
{
	struct threshold *st = state;
	table_init(&st->table);
}

const struct view threshold_view = {
	.name = "threshold",
	.title = "Threshold",
	.state_size = sizeof(struct threshold),
	.init = init,
	.applies = applies,
	.on_request = on_request,
	.on_mouse = on_mouse,
	.draw = draw,
	.copy = copy,
};
