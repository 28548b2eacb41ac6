#include "ui/widgets/histogram.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* min, median, max of what is not NaN. */
static void summarise(struct histogram *h, const double *values, int n)
{
	double *sorted = mem_alloc((size_t)n * sizeof(double));
	for (int i = 0; i < n; i++)
		if (!isnan(values[i]))
			sorted[h->n++] = values[i];
	qsort(sorted, (size_t)h->n, sizeof(double), compare);
	if (h->n) {
		h->min = sorted[0];
		h->max = sorted[h->n - 1];
		h->median = (sorted[(h->n - 1) / 2] + sorted[h->n / 2]) / 2;
	}
	free(sorted);
}

int histogram_bin(const struct histogram *h, double value)
{
	double at = (value - h->min) / (h->max - h->min) * h->n_bins;
	if (!(at > 0)) /* NaN too: all values are one, or one is infinite */
		return 0;
	return at >= h->n_bins ? h->n_bins - 1 : (int)at;
}

void histogram_make(struct histogram *h, const double *values, const bool *stays, int n,
		    int n_bins)
{
	const double none = (double)NAN;
	n_bins = n_bins < 1 ? 1 : n_bins;
	*h = (struct histogram){ .n_bins = n_bins > HISTOGRAM_BINS_MAX
						   ? HISTOGRAM_BINS_MAX
						   : n_bins,
				 .min = none,
				 .median = none,
				 .max = none,
				 .cut = none };
	summarise(h, values, n);
	for (int i = 0; i < n; i++) {
		if (isnan(values[i]))
			continue;
		bool stay = !stays || stays[i];
		(stay ? h->stay : h->go)[histogram_bin(h, values[i])]++;
		h->n_stay += stay;
		if (stay && !(values[i] >= h->cut))
			h->cut = values[i];
	}
}

/* ---- drawing ---- */

static int tallest(const struct histogram *h)
{
	int most = 1;
	for (int i = 0; i < h->n_bins; i++)
		if (h->stay[i] + h->go[i] > most)
			most = h->stay[i] + h->go[i];
	return most;
}

static void draw_bar(struct canvas *c, int x, int rows, int eighths, unsigned style,
		     char ascii)
{
	for (int row = 0; row < rows; row++) {
		int left = eighths - 8 * row;
		if (left <= 0)
			break;
		uint32_t ch = 0x2580 + (uint32_t)(left > 8 ? 8 : left);
		canvas_put(c, x, rows - 1 - row,
			   (struct cell){ .ch = c->ascii ? (uint32_t)ascii : ch,
					  .style = (uint16_t)style });
	}
}

/* A bin that has some of both is of the side that has more. */
static void draw_bars(struct canvas *c, int rows, int columns, const struct histogram *h)
{
	int most = tallest(h);
	for (int i = 0; i < h->n_bins; i++) {
		int count = h->stay[i] + h->go[i];
		bool stay = h->stay[i] >= h->go[i];
		int eighths = (int)((int64_t)count * rows * 8 / most);
		if (count && !eighths)
			eighths = 1;
		for (int k = 0; k < columns; k++)
			draw_bar(c, i * columns + k, rows, eighths,
				 stay ? STYLE_ACCENT : STYLE_DIM, stay ? '#' : ':');
	}
}

static void draw_axis(struct canvas *c, int y, int columns, const struct histogram *h)
{
	bool all = h->n_stay == h->n, none = isnan(h->cut);
	int cut = all ? 0 : none ? h->n_bins : histogram_bin(h, h->cut);
	for (int x = 0; x < h->n_bins * columns; x++) {
		bool stay = x >= cut * columns;
		uint32_t ch =
			stay ? (c->ascii ? '=' : 0x2550) : (c->ascii ? '-' : 0x2500);
		canvas_put(c, x, y,
			   (struct cell){ .ch = ch,
					  .style = stay ? STYLE_NORMAL : STYLE_DIM });
	}
	if (!all && !none)
		canvas_put(c, cut * columns, y,
			   (struct cell){ .ch = c->ascii ? '|' : 0x256b,
					  .style = STYLE_BOLD });
}

static void draw_labels(struct canvas *c, int y, const struct histogram *h)
{
	static const char *const gaps[] = { "   ", " " };
	char text[120];
	for (int i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "min %.3g%smedian %.3g%smax %.3g", h->min,
			 gaps[i], h->median, gaps[i], h->max);
		if (canvas_text_width(c, text) <= c->width)
			break;
	}
	canvas_field(c, 0, y, c->width, STYLE_NORMAL, text);
}

void histogram_draw(struct canvas *c, int x, int y, int width, int height,
		    const struct histogram *h)
{
	struct canvas inside = canvas_window(c, x, y, width, height);
	int rows = c->plain ? 0 : inside.height - HISTOGRAM_LABEL_ROWS;
	int columns = inside.width / (h->n_bins ? h->n_bins : 1);
	if (!h->n)
		return;
	if (rows > 0) {
		draw_bars(&inside, rows, columns > 0 ? columns : 1, h);
		draw_axis(&inside, rows, columns > 0 ? columns : 1, h);
	}
	draw_labels(&inside, rows > 0 ? rows + 1 : 0, h);
}
