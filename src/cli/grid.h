/* A table of texts: columns as wide as what stands in them, numbers to the right. */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include <stdbool.h>

struct grid {
	int n_cols, n_cells;
	char **cells; /* row by row, the header first */
	bool *left;   /* [n_cols] */
};

void grid_init(struct grid *, int n_cols);
void grid_release(struct grid *);
void grid_left(struct grid *, int col); /* this column stands to the left */

/* The next cell, from left to right and row by row. */
void grid_add(struct grid *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * To stdout. Where that is a terminal and the columns are wider than `width` together
 * they are printed in parts, each beginning with the first `n_fixed` columns; columns are
 * broken up only where breaks[col] says that one may begin a part (NULL: anywhere).
 */
void grid_print(const struct grid *, int n_fixed, const bool *breaks, int width);

#endif
