/*
 * A chart: marks over two axes with round ticks. What a mark means is its letter, never
 * its colour alone; lines are dots (braille where there is UTF-8).
 */
#ifndef UI_WIDGETS_CHART_H
#define UI_WIDGETS_CHART_H

#include "ui/canvas.h"

#define CHART_GUTTER 11 /* columns left of the plot: title, labels, axis */
#define CHART_TICKS_MAX 12

/* NaN is not drawn. */
struct chart_mark {
	double x, y;
	double lo, hi; /* interval of y; NaN: none */
	char letter;
	unsigned style;
};

struct chart_axis {
	double lo, hi; /* the ends; equal or NaN: no axis */
	bool log;      /* the same factor is the same way; lo > 0 */
	double step;   /* between ticks; of a logarithmic one their ratio */
	double tick[CHART_TICKS_MAX];
	int n, decimals; /* of the labels */
};

struct chart {
	const char *title; /* of the y axis: "ms" */
	struct chart_axis x, y;
	const struct chart_mark *marks; /* later ones are drawn over earlier ones */
	int n_marks;
	const double *line_x, *line_y; /* a dotted line, NULL: none; a gap at NaN */
	int n_line;
	double level;    /* a dotted line across; NaN: none */
	double upright;  /* a dotted line up and down; NaN: none */
	double selected; /* x of the mark that is marked; NaN: none */
	double you;      /* an x on the axis; NaN: none */
	bool x_labels;   /* else only the ticks */
};

/* An axis over [lo, hi] with at most `most` ticks at round numbers (1, 2 or 5 times a
 * power of ten); `outward` moves the ends to ticks. */
struct chart_axis chart_axis(double lo, double hi, int most, bool outward);
/* A logarithmic one over [lo, hi], lo > 0, with ticks at powers of two. */
struct chart_axis chart_axis_log(double lo, double hi, int most);
/* Column or row 0 .. n-1 of a value; -1 outside or NaN. */
int chart_place(const struct chart_axis *, double v, int n);
void chart_draw(struct canvas *, const struct chart *);

#endif
