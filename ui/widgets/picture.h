/* An RGB picture in half blocks, two pixels a cell; needs 256 colours and UTF-8. */
#ifndef UI_WIDGETS_PICTURE_H
#define UI_WIDGETS_PICTURE_H

#include "ui/canvas.h"

struct picture {
	const uint8_t *rgb;
	int width, height;
	/* A grid of patches, row by row; those false in `bright` are drawn dim. NULL: all
	 * are. */
	const bool *bright;
	int patches_x, patches_y;
};

/* Rows it takes when it is `width` columns wide. */
int picture_rows(const struct picture *, int width);
void picture_draw(struct canvas *, int x, int y, int width, int height,
		  const struct picture *);

#endif
