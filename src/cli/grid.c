#include "cli/grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#define GAP 2

void grid_init(struct grid *g, int n_cols)
{
	*g = (struct grid){ .n_cols = n_cols };
	g->left = mem_alloc(sizeof(*g->left) * (size_t)n_cols);
}

void grid_release(struct grid *g)
{
	for (int i = 0; i < g->n_cells; i++)
		free(g->cells[i]);
	free(g->cells);
	free(g->left);
	*g = (struct grid){ 0 };
}

void grid_left(struct grid *g, int col) { g->left[col] = true; }

void grid_add(struct grid *g, const char *fmt, ...)
{
	struct str s = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_addv(&s, fmt, ap);
	va_end(ap);
	if ((g->n_cells & (g->n_cells - 1)) == 0)
		g->cells = mem_grow(g->cells, 2 * (size_t)g->n_cells + 1, sizeof(char *));
	g->cells[g->n_cells++] = str_detach(&s);
}

/* In characters: what is not the middle of one. */
static int width_of(const char *text)
{
	int n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static int column_width(const struct grid *g, int col)
{
	int widest = 0;
	for (int i = col; i < g->n_cells; i += g->n_cols) {
		int w = width_of(g->cells[i]);
		widest = w > widest ? w : widest;
	}
	return widest;
}

/* Lines end with their last text, not with blanks. */
static void print_row(const struct grid *g, int row, const bool *shown, const int *width)
{
	int owed = 0; /* blanks before the next text */
	for (int c = 0; c < g->n_cols; c++) {
		if (!shown[c])
			continue;
		const char *text = g->cells[row * g->n_cols + c];
		int pad = width[c] - width_of(text);
		if (!*text) {
			owed += width[c] + GAP;
			continue;
		}
		printf("%*s%s", owed + (g->left[c] ? 0 : pad), "", text);
		owed = GAP + (g->left[c] ? pad : 0);
	}
	printf("\n");
}

/* The first column after those of a part that begins at `from`. */
static int part_end(const struct grid *g, int n_fixed, int from, const bool *breaks,
		    const int *width, int limit)
{
	int used = 0, last = 0;
	for (int c = 0; c < n_fixed; c++)
		used += width[c] + GAP;
	for (int c = from; c < g->n_cols; c++) {
		if (c > from && (!breaks || breaks[c]))
			last = c;
		used += width[c] + GAP;
		if (used - GAP > limit && last)
			return last;
	}
	return g->n_cols;
}

void grid_print(const struct grid *g, int n_fixed, const bool *breaks, int limit)
{
	bool whole = !isatty(STDOUT_FILENO); /* a file or program: any width will do */
	int *width = mem_alloc(sizeof(*width) * (size_t)g->n_cols);
	bool *shown = mem_alloc(sizeof(*shown) * (size_t)g->n_cols);
	for (int c = 0; c < g->n_cols; c++)
		width[c] = column_width(g, c);
	for (int from = n_fixed, end; from < g->n_cols; from = end) {
		end = whole ? g->n_cols
			    : part_end(g, n_fixed, from, breaks, width, limit);
		for (int c = 0; c < g->n_cols; c++)
			shown[c] = c < n_fixed || (c >= from && c < end);
		if (from > n_fixed)
			printf("\n");
		for (int r = 0; r < g->n_cells / g->n_cols; r++)
			print_row(g, r, shown, width);
	}
	free(width);
	free(shown);
}
