#include "ui/widgets/columns.h"

#include <math.h>
#include <stdio.h>

#define STEP_MAX 8
#define AXIS_GAP 2 /* blanks between numbers, at least */

double columns_top(const struct columns *p)
{
	double top = 0;
	for (int i = 0; i < p->n; i++)
		top = p->value[i] > top ? p->value[i] : top;
	for (int i = 0; p->before && i < p->n_before; i++)
		top = p->before[i] > top ? p->before[i] : top;
	return top;
}

int columns_step(int n, int width)
{
	int step = n > 0 ? width / n : 0;
	return step < STEP_MAX ? step : STEP_MAX;
}

/* Value i of `n`, or the mean of those that fall into column i of `width`. */
static double value_at(const double *v, int n, int width, int i)
{
	if (n <= width)
		return i < n ? v[i] : (double)NAN;
	int from = (int)((int64_t)i * n / width);
	int to = (int)((int64_t)(i + 1) * n / width);
	double all = 0;
	for (int k = from; k < to; k++)
		all += v[k];
	return all / (to - from);
}

static int eighths_of(const struct columns *p, double v, int height)
{
	if (!(v > 0) || !(p->top > 0))
		return 0;
	double at = v / p->top * height * 8;
	return at < 1 ? 1 : at < height * 8 ? (int)lround(at) : height * 8;
}

static uint32_t block(const struct canvas *c, int eighths, int height)
{
	static const char one_row[] = "_.:-=+*#";
	if (!c->ascii)
		return 0x2580 + (uint32_t)eighths;
	if (height == 1)
		return (uint32_t)one_row[eighths - 1];
	return eighths >= 4 ? '#' : '.';
}

static void draw_column(struct canvas *c, int x, int width, double v, double before,
			const struct columns *p)
{
	int now = eighths_of(p, v, c->height), was = eighths_of(p, before, c->height);
	for (int row = 0; row < c->height; row++) {
		int left = now - 8 * row, y = c->height - 1 - row;
		struct cell cell = { .style = (uint16_t)p->style };
		if (left > 0)
			cell.ch = block(c, left > 8 ? 8 : left, c->height);
		else if (was > 8 * row && was <= 8 * (row + 1) && c->height > 1)
			cell = (struct cell){ .ch = c->ascii ? '-' : 0x2500,
					      .style = STYLE_DIM };
		else
			continue;
		for (int dx = 0; dx < width; dx++)
			canvas_put(c, x + dx, y, cell);
	}
}

void columns_draw(struct canvas *c, int x, int y, int width, int height,
		  const struct columns *p)
{
	struct canvas area = canvas_window(c, x, y, width, height);
	int step = columns_step(p->n, area.width);
	int n = step ? p->n : area.width;
	if (c->plain || p->n <= 0)
		return;
	for (int i = 0; i < n; i++) {
		double v = value_at(p->value, p->n, n, i), before = (double)NAN;
		if (p->before && p->n_before > 0)
			before = value_at(p->before, p->n_before, n, i);
		draw_column(&area, i * (step ? step : 1), step > 1 ? step - 1 : 1, v,
			    before, p);
	}
}

void columns_axis(struct canvas *c, int x, int y, int width, int n)
{
	struct canvas row = canvas_window(c, x, y, width, 1);
	int step = columns_step(n, row.width), end = 0;
	for (int i = 0; i < n && !c->plain; i++) {
		char text[16];
		int at = step ? i * step : (int)((int64_t)i * row.width / n);
		snprintf(text, sizeof(text), "%d", i);
		if (i && at < end + AXIS_GAP)
			continue;
		end = at + canvas_text(&row, at, 0, -1, STYLE_DIM, text);
	}
}
