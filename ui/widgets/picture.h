/* An RGB picture in half blocks, two pixels a cell; needs 256 colours and UTF-8. */
#ifndef UI_WIDGETS_PICTURE_H
#define UI_WIDGETS_PICTURE_H

#include "ui/canvas.h"

struct picture {
	const uint8_t *rgb;
	int width, height;
};

/* Rows it takes when it is `width` columns wide. */
int picture_rows(const struct picture *, int width);
void picture_draw(struct canvas *, int x, int y, int width, int height,
		  const struct picture *);

/* Mean colour of pixel (x, y) of the picture scaled to width x height. */
void picture_pixel(const struct picture *, int x, int y, int width, int height,
		   int rgb[3]);
/* The nearest of xterm's 6x6x6 cube or its 24 greys. */
uint8_t picture_color(const int rgb[3]);

#endif
