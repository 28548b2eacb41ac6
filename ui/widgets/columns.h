/*
 * Values as columns from zero up, to an eighth of a row; a row high, a profile in one
 * line. Beside them what they were before: a mark at its height above a column that has
 * become lower.
 */
#ifndef UI_WIDGETS_COLUMNS_H
#define UI_WIDGETS_COLUMNS_H

#include "ui/canvas.h"

struct columns {
	const double *value,
		*before; /* NaN: no column; before NULL: nothing to compare */
	int n, n_before;
	double top; /* what the full height stands for */
	unsigned style;
};

/* The largest of both; 0: there is none. */
double columns_top(const struct columns *);
/* Columns of the screen for a value: more than one where there is room, and then the last
 * is a gap; 0: more values than columns, neighbours are averaged. */
int columns_step(int n, int width);
/* Plain: nothing. */
void columns_draw(struct canvas *, int x, int y, int width, int height,
		  const struct columns *);
/* The numbers of the columns, from 0, under them where there is room. */
void columns_axis(struct canvas *, int x, int y, int width, int n);

#endif
