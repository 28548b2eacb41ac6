/*
 * A grid of patches over a picture: those that are kept show the picture, the others are
 * dim and hatched. Without 256 colours characters say it: a kept patch is shaded, a
 * dropped one a dot. For screen readers there are no shades: rows of text name the kept.
 */
#ifndef UI_WIDGETS_PATCHES_H
#define UI_WIDGETS_PATCHES_H

#include "ui/widgets/picture.h"

struct patch {
	bool kept;
	bool flat;      /* in this colour instead of the picture */
	bool lit;       /* its mark stands out: of the group under the cursor */
	uint8_t rgb[3]; /* of `flat` */
	char mark;      /* '+', '-', a letter; 0: none */
};

struct patches {
	struct picture picture; /* rgb NULL: none, shades are all the same */
	int columns, rows;      /* row by row from the top left */
	const struct patch *patch;
	int n;      /* may be less than columns * rows: the last ones are missing */
	int cursor; /* -1: none */
};

/*
 * How large a grid is drawn: whole cells for a patch where they fit, else two patches
 * above each other in a cell ("half cells"), and a half cell for several where even that
 * is too much.
 */
struct patches_fit {
	int cell_w, cell_h; /* cells of a patch; cell_h 0: half cells */
	int per;            /* a half cell stands for per x per patches */
	int width, height;  /* cells it takes; 0: nothing fits */
};
struct patches_fit patches_fit(int columns, int rows, int width, int height);
/* "a cell is 2 patches" for people, who call them `many`; "" where a patch has cells of
 * its own. */
const char *patches_fit_words(const struct patches_fit *, const char *many, char *buf,
			      size_t size);
/* The patch at a point of the drawing, -1: none. */
int patches_at(const struct patches_fit *, int columns, int rows, int n, int x, int y);

/* Draws within width x height of (x, y); returns how. Plain: nothing, width and height 0.
 */
struct patches_fit patches_draw(struct canvas *, int x, int y, int width, int height,
				const struct patches *);

/* "0-3 7 9-13": the kept columns of a row; "none", "all". */
const char *patches_ranges(const struct patches *, int row, char *buf, size_t size);
/* Mean colour of a patch in the picture; false: there is none. */
bool patches_mean(const struct patches *, int patch, int rgb[3]);

/* The grid of n patches of a picture this large (0: square): as many columns as rows for
 * a square one. */
void patches_grid(int n, int width, int height, int *columns, int *rows);

#endif
