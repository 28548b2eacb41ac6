/*
 * A table with a header, a selected row, and as many columns as fit. Rows and cells come
 * from the view; which rows there are and in what order is the view's business.
 */
#ifndef UI_WIDGETS_TABLE_H
#define UI_WIDGETS_TABLE_H

#include "ui/canvas.h"
#include "ui/keymap.h"

#define TABLE_COLUMNS_MAX 24

struct table_column {
	const char *title;
	int width;    /* columns of its cells; of a column that stretches: at least */
	int priority; /* 0: always shown; the highest go first when it is narrow */
	bool left;    /* aligned left */
	bool stretch; /* takes the width that is left over; of one column */
};

struct table_cell {
	char text[256];
	unsigned style;
};

struct table_source {
	const struct table_column *columns;
	int n_columns, n_rows;
	const void *context;
	void (*cell)(const void *context, int row, int column, struct table_cell *);
	/* Style or-ed into the whole row; NULL: none. */
	unsigned (*row_style)(const void *context, int row);
};

struct table {
	int top, selected;
	int page;        /* rows of the screen it had when it was last drawn */
	int sort;        /* column, -1: as the rows come */
	int first_sort;  /* where table_next_sort begins */
	bool descending; /* of the sort */
	int x[TABLE_COLUMNS_MAX],
		width[TABLE_COLUMNS_MAX]; /* as drawn; width 0: hidden */
	int n_columns;
};

void table_init(struct table *);
/* Header, rows, no total. `focus`: the selection is shown. Scrolls to the selection. */
void table_draw(struct table *, struct canvas *, const struct table_source *, bool focus);
/* One more row under the same columns, drawn at `y` of the same canvas. */
void table_draw_row(const struct table *, struct canvas *, const struct table_source *,
		    int row, int y, unsigned style);
/* Moves the selection for UP, DOWN, PAGE_UP, ...; false: not such a request. */
bool table_move(struct table *, enum request, int n_rows);
void table_select(struct table *, int row, int n_rows);
/* The row at `y` of the canvas it was drawn on, -1: none; the column whose title is at x.
 */
int table_row_at(const struct table *, int y, int n_rows);
int table_title_at(const struct table *, int x, int y);
/* The next column to sort by: those shown, from first_sort around, then none. */
void table_next_sort(struct table *);
bool table_sort_by(struct table *, const struct table_source *, const char *title);
/* The columns that are shown; all of them. */
void table_markdown(const struct table *, const struct table_source *, struct str *out);
void table_markdown_whole(const struct table_source *, struct str *out);

#endif
