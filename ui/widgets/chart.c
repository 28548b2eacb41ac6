#include "ui/widgets/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BRAILLE 0x2800

/* ---- axes ---- */

/* 1, 2 or 5 times a power of ten, at least `least`. */
static double round_step(double least)
{
	double power = pow(10, floor(log10(least)));
	double f = least / power;
	return (f <= 1 + 1e-9 ? 1 : f <= 2 + 1e-9 ? 2 : f <= 5 + 1e-9 ? 5 : 10) * power;
}

static int count_ticks(double lo, double hi, double step)
{
	return (int)(floor(hi / step + 1e-9) - ceil(lo / step - 1e-9)) + 1;
}

struct chart_axis chart_axis(double lo, double hi, int most, bool outward)
{
	struct chart_axis a = { .lo = lo, .hi = hi };
	most = most > CHART_TICKS_MAX ? CHART_TICKS_MAX : most;
	if (!isfinite(lo) || !isfinite(hi) || most < 2)
		return a;
	if (!(hi > lo)) { /* one value: room around it */
		double room = fabs(lo) > 0 ? fabs(lo) * 0.1 : 1;
		a.lo = lo = lo - room;
		a.hi = hi = hi + room;
	}
	a.step = round_step((hi - lo) / most);
	for (;; a.step = round_step(a.step * 1.5)) {
		if (outward) {
			a.lo = floor(lo / a.step + 1e-9) * a.step;
			a.hi = ceil(hi / a.step - 1e-9) * a.step;
		}
		if (count_ticks(a.lo, a.hi, a.step) <= most)
			break;
	}
	double first = ceil(a.lo / a.step - 1e-9);
	a.n = count_ticks(a.lo, a.hi, a.step);
	for (int i = 0; i < a.n; i++)
		a.tick[i] = (first + i) * a.step;
	double decimals = -floor(log10(a.step) + 1e-9);
	a.decimals = decimals < 0 ? 0 : decimals > 6 ? 6 : (int)decimals;
	return a;
}

struct chart_axis chart_axis_log(double lo, double hi, int most)
{
	struct chart_axis a = { .lo = lo, .hi = hi };
	most = most > CHART_TICKS_MAX ? CHART_TICKS_MAX : most;
	if (!isfinite(lo) || !isfinite(hi) || !(lo > 0) || hi < lo || most < 2)
		return a;
	a.log = true;
	if (!(hi > lo)) { /* one value: room around it */
		a.lo = lo = lo / 2;
		a.hi = hi = hi * 2;
	}
	for (int powers = 1;; powers++) {
		double first = ceil(log2(lo) / powers - 1e-9);
		double last = floor(log2(hi) / powers + 1e-9);
		if (last - first + 1 > most)
			continue;
		a.step = exp2(powers);
		for (double i = first; i <= last; i++)
			a.tick[a.n++] = exp2(i * powers);
		return a;
	}
}

/* In what the way along the axis is even. */
static double even(const struct chart_axis *a, double v) { return a->log ? log2(v) : v; }

static double from_even(const struct chart_axis *a, double v)
{
	return a->log ? exp2(v) : v;
}

/* "0.25", "512", "16k" */
static int tick_label(const struct chart_axis *a, double v, char *buf, size_t size)
{
	if (a->log && v >= 16384)
		return snprintf(buf, size, "%.0fk", v / 1024);
	if (a->log)
		return snprintf(buf, size, "%.4g", v);
	return snprintf(buf, size, "%.*f", a->decimals, v);
}

int chart_place(const struct chart_axis *a, double v, int n)
{
	double at = (even(a, v) - even(a, a->lo)) / (even(a, a->hi) - even(a, a->lo));
	if (n <= 0 || !(at >= -1e-9 && at <= 1 + 1e-9))
		return -1;
	return (int)lround(at * (n - 1));
}

/* ---- drawing ---- */

struct plot {
	struct canvas area;
	const struct chart *chart;
};

static int column(const struct plot *p, double x)
{
	return chart_place(&p->chart->x, x, p->area.width);
}

/* Rows count downwards. */
static int row(const struct plot *p, double y)
{
	int at = chart_place(&p->chart->y, y, p->area.height);
	return at < 0 ? -1 : p->area.height - 1 - at;
}

static void put(struct plot *p, int x, int y, uint32_t ch, unsigned style)
{
	if (x >= 0 && y >= 0)
		canvas_put(&p->area, x, y,
			   (struct cell){ .ch = ch, .style = (uint16_t)style });
}

/* One dot of a line: an eighth of a cell where there is braille. */
static void dot(struct plot *p, double x, double y)
{
	static const uint8_t bits[4][2] = {
		{ 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 }
	};
	int w = p->area.width, h = p->area.height;
	if (p->area.ascii) {
		put(p, column(p, x), row(p, y), '.', STYLE_DIM);
		return;
	}
	int dx = chart_place(&p->chart->x, x, 2 * w);
	int dy = chart_place(&p->chart->y, y, 4 * h);
	if (dx < 0 || dy < 0)
		return;
	dy = 4 * h - 1 - dy;
	struct cell *cell = &p->area.cells[(ptrdiff_t)(dy / 4) * p->area.stride + dx / 2];
	uint32_t was =
		cell->ch >= BRAILLE && cell->ch < BRAILLE + 256 ? cell->ch : BRAILLE;
	put(p, dx / 2, dy / 4, was | bits[dy % 4][dx % 2], STYLE_DIM);
}

static void draw_line(struct plot *p)
{
	const struct chart *c = p->chart;
	double wide = even(&c->x, c->x.hi) - even(&c->x, c->x.lo);
	for (int i = 1; i < c->n_line; i++) {
		double x = even(&c->x, c->line_x[i - 1]),
		       y = even(&c->y, c->line_y[i - 1]);
		double dx = even(&c->x, c->line_x[i]) - x;
		double dy = even(&c->y, c->line_y[i]) - y;
		if (!isfinite(dx) || !isfinite(dy))
			continue;
		double dots = 1 + floor(fabs(dx / wide) * p->area.width);
		for (int k = 0; k <= dots && dots < 10000; k++)
			dot(p, from_even(&c->x, x + dx * k / dots),
			    from_even(&c->y, y + dy * k / dots));
	}
}

static void draw_guides(struct plot *p)
{
	const struct chart *c = p->chart;
	int y = row(p, c->level), x = column(p, c->upright);
	for (int i = 0; y >= 0 && i < p->area.width; i += 2)
		put(p, i, y, '-', STYLE_DIM);
	for (int i = 0; x >= 0 && i < p->area.height; i++)
		put(p, x, i, ':', STYLE_BOLD);
}

static void draw_mark(struct plot *p, const struct chart_mark *m)
{
	int x = column(p, m->x), y = row(p, m->y);
	int top = row(p, m->hi), bottom = row(p, m->lo);
	bool selected = fabs(m->x - p->chart->selected) < 1e-12;
	if (x < 0 || y < 0)
		return;
	for (int i = top; top >= 0 && bottom >= 0 && i <= bottom; i++)
		put(p, x, i, '|', STYLE_DIM);
	put(p, x, y, (uint32_t)m->letter,
	    m->style | (selected ? STYLE_REVERSE : STYLE_NORMAL));
}

static void draw_y_axis(struct canvas *c, struct plot *p)
{
	const struct chart_axis *a = &p->chart->y;
	char label[32];
	canvas_vline(c, CHART_GUTTER - 1, 0, p->area.height, STYLE_DIM);
	for (int i = 0; i < a->n; i++) {
		int y = row(p, a->tick[i]);
		if (y < 0)
			continue;
		tick_label(a, a->tick[i], label, sizeof(label));
		canvas_field_right(c, 0, y, CHART_GUTTER - 2, STYLE_NORMAL, label);
		canvas_text(c, CHART_GUTTER - 1, y, 1, STYLE_DIM, "+");
	}
	canvas_text(c, 0, 0, CHART_GUTTER - 2, STYLE_BOLD, p->chart->title);
}

static void draw_x_axis(struct canvas *c, struct plot *p)
{
	const struct chart_axis *a = &p->chart->x;
	int y = p->area.height, end = 0;
	char label[32];
	canvas_hline(c, CHART_GUTTER - 1, y, p->area.width + 1, STYLE_DIM);
	for (int i = 0; i < a->n; i++) {
		int x = CHART_GUTTER + column(p, a->tick[i]);
		int n = tick_label(a, a->tick[i], label, sizeof(label));
		canvas_text(c, x, y, 1, STYLE_DIM, "+");
		int at = x - n / 2;
		at = at + n > c->width ? c->width - n : at;
		if (at <= end)
			continue; /* no room between two labels */
		canvas_text(c, at, y + 1, n, STYLE_NORMAL, label);
		end = at + n;
	}
	int you = column(p, p->chart->you);
	if (you >= 0)
		canvas_text(c, CHART_GUTTER + you, y, 1, STYLE_ACCENT | STYLE_BOLD, "x");
}

void chart_draw(struct canvas *c, const struct chart *chart)
{
	int below = chart->x_labels ? 2 : 0;
	struct plot p = { canvas_window(c, CHART_GUTTER, 0, c->width - CHART_GUTTER,
					c->height - below),
			  chart };
	bool drawable = chart->x.hi > chart->x.lo && chart->y.hi > chart->y.lo;
	if (p.area.width < 2 || p.area.height < 2 || !drawable)
		return;
	draw_y_axis(c, &p);
	if (chart->x_labels)
		draw_x_axis(c, &p);
	draw_guides(&p);
	draw_line(&p);
	for (int i = 0; i < chart->n_marks; i++)
		draw_mark(&p, &chart->marks[i]);
}
