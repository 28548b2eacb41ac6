/*
 * A histogram of values of which some stay: bars, and under them an axis that is a double
 * line where values stay and a thin one where they go, with the cut between.
 */
#ifndef UI_WIDGETS_HISTOGRAM_H
#define UI_WIDGETS_HISTOGRAM_H

#include "ui/canvas.h"

#define HISTOGRAM_BINS_MAX 64

struct histogram {
	int n_bins;
	int stay[HISTOGRAM_BINS_MAX], go[HISTOGRAM_BINS_MAX];
	int n, n_stay; /* values that are not NaN */
	double min, median, max;
	double cut; /* the lowest that stays; NaN: none does */
};

/* `stays` may be NULL: all do. NaN is left out; bins are equally wide from min to max. */
void histogram_make(struct histogram *, const double *values, const bool *stays, int n,
		    int n_bins);
/* The bin of a value between min and max. */
int histogram_bin(const struct histogram *, double value);

#define HISTOGRAM_LABEL_ROWS 2 /* the axis and its labels, below the bars */
/* Bars above, the axis and the labels last; as many columns a bin as there is room for.
 * Plain: the labels only. */
void histogram_draw(struct canvas *, int x, int y, int width, int height,
		    const struct histogram *);

#endif
