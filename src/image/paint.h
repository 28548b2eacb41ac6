/*
 * Antialiased shapes by integer arithmetic alone, so that a drawing has the same bytes on
 * every machine: internal to this folder, for the built-in scene. Shapes may reach beyond
 * the picture.
 */
#ifndef IMAGE_PAINT_H
#define IMAGE_PAINT_H

#include "image/image.h"

struct colour {
	uint8_t r, g, b;
};

/* A vertical gradient, roughened by a grain of fixed random cells. */
struct brush {
	struct colour top, bottom;
	int y_top, y_bottom; /* where the gradient begins and ends, in pixels */
	int grain;           /* amplitude, 0..255 */
	int cell;            /* pixels a side of a grain cell; 0 means 1 */
	int alpha;           /* 1..255; 0 means 255 */
};

struct point {
	int x, y; /* pixels */
};

#define PAINT_MAX_POINTS 32

void paint_polygon(struct image *, const struct point *, int n, const struct brush *);
void paint_ellipse(struct image *, struct point center, int radius_x, int radius_y,
		   const struct brush *);
/*
 * All below a smooth line through n >= 2 points of equal distance, the first at x = 0 and
 * the last at the right edge; `y` are their heights.
 */
void paint_below(struct image *, const int *y, int n, const struct brush *);

/* A fixed random number of a place. */
uint32_t paint_hash(int x, int y);

#endif
