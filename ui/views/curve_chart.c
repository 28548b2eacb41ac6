/*
 * Two charts that share the axis of the knob: milliseconds above, agreement below. The
 * dotted line is what the base would take if time followed FLOPs; the upright one is
 * where the technique stops paying.
 */
#include <math.h>
#include <stdlib.h>

#include "ui/format.h"
#include "ui/views/curve.h"
#include "ui/widgets/chart.h"

#define AXIS_ROWS 2
#define MIN_ROWS 4 /* of a chart */
#define LARGE 12

struct range {
	double lo, hi;
};

static void widen(struct range *r, double v)
{
	if (isnan(v))
		return;
	r->lo = isnan(r->lo) || v < r->lo ? v : r->lo;
	r->hi = isnan(r->hi) || v > r->hi ? v : r->hi;
}

#define RANGE_LEAST 5e-3 /* of the value: less needs labels that have no room */

/* Small charts have no room for ends that are ticks. */
static struct chart_axis value_axis(struct range r, int rows)
{
	if (r.hi > r.lo)
		r.lo = fmin(r.lo, r.hi - RANGE_LEAST * fabs(r.hi));
	double room = (r.hi - r.lo) * 0.03;
	bool large = rows >= LARGE;
	return chart_axis(large ? r.lo : r.lo - room, large ? r.hi : r.hi + room,
			  rows / 2 + 1, large);
}

static struct range nothing(void) { return (struct range){ (double)NAN, (double)NAN }; }

/* Milliseconds if time followed FLOPs; NaN. */
static double expected_ms(const struct app_curve *c, const struct app_point *p)
{
	return c->base.p50_ns / 1e6 * p->flops / c->base.flops;
}

static struct chart_axis knob_axis(const struct app_curve *c, const struct app *app,
				   int width)
{
	struct range r = nothing();
	for (int i = 0; i < c->n; i++)
		widen(&r, c->points[i].x);
	widen(&r, knob_num(&app->knobs, c->knob));
	return chart_axis(r.lo, r.hi, width / 8, false);
}

static char letter_of(const struct app_curve *c, const struct app *app,
		      const struct app_point *p)
{
	bool you = fabs(p->x - knob_num(&app->knobs, c->knob)) < 1e-9;
	return p->base ? 'o' : you ? 'x' : p->here ? '*' : '+';
}

static struct chart_mark mark_of(const struct app_curve *c, const struct app *app,
				 const struct app_point *p)
{
	bool you = fabs(p->x - knob_num(&app->knobs, c->knob)) < 1e-9;
	return (struct chart_mark){ .x = p->x,
				    .lo = (double)NAN,
				    .hi = (double)NAN,
				    .letter = letter_of(c, app, p),
				    .style = you       ? STYLE_ACCENT | STYLE_BOLD
					     : p->here ? STYLE_BOLD
						       : STYLE_NORMAL };
}

static void draw_times(const struct app_curve *c, struct chart *chart,
		       const struct app *app, struct canvas *canvas)
{
	size_t n = (size_t)c->n;
	struct chart_mark *marks = mem_alloc(sizeof(*marks) * n);
	double *x = mem_alloc(sizeof(*x) * n), *y = mem_alloc(sizeof(*y) * n);
	struct range r = nothing();
	for (int i = 0; i < c->n; i++) {
		const struct app_point *p = &c->points[i];
		marks[i] = mark_of(c, app, p);
		marks[i].y = p->p50_ns / 1e6;
		marks[i].lo = p->lo_ns / 1e6;
		marks[i].hi = p->hi_ns / 1e6;
		x[i] = p->x;
		y[i] = expected_ms(c, p);
		widen(&r, marks[i].y);
		widen(&r, marks[i].lo);
		widen(&r, marks[i].hi);
		widen(&r, y[i]);
	}
	widen(&r, c->base.p50_ns / 1e6);
	chart->title = "ms";
	chart->y = value_axis(r, canvas->height);
	chart->marks = marks;
	chart->n_marks = c->n;
	chart->line_x = x;
	chart->line_y = y;
	chart->n_line = c->n;
	chart->level = c->base.p50_ns / 1e6;
	chart_draw(canvas, chart);
	free(marks);
	free(x);
	free(y);
}

/* Cosine, and top-1 where there are labels: both are shares of one. */
static void draw_agreement(const struct app_curve *c, struct chart *chart,
			   const struct app *app, struct canvas *canvas)
{
	struct chart_mark *marks = mem_alloc(sizeof(*marks) * 2 * (size_t)c->n);
	struct range r = nothing();
	int n = 0;
	for (int i = 0; i < c->n; i++) {
		const struct app_point *p = &c->points[i];
		struct chart_mark m = mark_of(c, app, p);
		m.y = p->base && isnan(p->cosine) ? 1 : p->cosine;
		widen(&r, m.y);
		widen(&r, p->top1);
		marks[n++] = m;
		m.y = p->top1;
		m.letter = '#';
		marks[n++] = m;
	}
	chart->title = "cos";
	chart->y = value_axis(r, canvas->height);
	chart->marks = marks;
	chart->n_marks = n;
	chart_draw(canvas, chart);
	free(marks);
}

static bool has_agreement(const struct app_curve *c)
{
	for (int i = 0; i < c->n; i++)
		if (!isnan(c->points[i].cosine) || !isnan(c->points[i].top1))
			return true;
	return false;
}

void curve_draw_charts(const struct curve *st, const struct app *app, struct canvas *c,
		       bool focus)
{
	const struct app_curve *curve = &st->data;
	int at = curve_at(st, app);
	struct chart chart = {
		.x = knob_axis(curve, app, c->width - CHART_GUTTER),
		.level = (double)NAN,
		.upright = curve->breaks.x,
		.you = knob_num(&app->knobs, curve->knob),
		.selected = focus && at >= 0 ? curve->points[at].x : (double)NAN,
	};
	bool two = has_agreement(curve) && c->height >= 2 * MIN_ROWS + AXIS_ROWS;
	int below = two ? (c->height - AXIS_ROWS) * 2 / 5 + AXIS_ROWS : 0;
	below = two && below < MIN_ROWS + AXIS_ROWS ? MIN_ROWS + AXIS_ROWS : below;
	struct canvas top = canvas_window(c, 0, 0, c->width, c->height - below - two);
	chart.x_labels = !two;
	draw_times(curve, &chart, app, &top);
	if (!two)
		return;
	struct canvas bottom = canvas_window(c, 0, c->height - below, c->width, below);
	chart.x_labels = true;
	chart.line_x = chart.line_y = NULL;
	chart.n_line = 0;
	chart.level = (double)NAN;
	draw_agreement(curve, &chart, app, &bottom);
}
