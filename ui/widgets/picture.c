#include "ui/widgets/picture.h"

int picture_rows(const struct picture *p, int width)
{
	if (p->width <= 0 || width <= 0)
		return 0;
	return (int)(((int64_t)width * p->height / p->width + 1) / 2);
}

/* Mean colour of a box of pixels. */
static void mean(const struct picture *p, int x0, int x1, int y0, int y1, int rgb[3])
{
	int n = 0;
	rgb[0] = rgb[1] = rgb[2] = 0;
	for (int y = y0; y < y1; y++)
		for (int x = x0; x < x1; x++, n++)
			for (int i = 0; i < 3; i++)
				rgb[i] += p->rgb[((int64_t)y * p->width + x) * 3 + i];
	for (int i = 0; i < 3; i++)
		rgb[i] = n ? rgb[i] / n : 0;
}

uint8_t picture_color(const int rgb[3])
{
	static const int steps[] = { 0, 95, 135, 175, 215, 255 };
	int cube[3], far = 0;
	for (int i = 0; i < 3; i++) {
		int v = rgb[i];
		cube[i] = v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40;
		far += (v - steps[cube[i]]) * (v - steps[cube[i]]);
	}
	int grey = ((rgb[0] + rgb[1] + rgb[2]) / 3 - 3) / 10;
	grey = grey < 0 ? 0 : grey > 23 ? 23 : grey;
	int off = 0;
	for (int i = 0; i < 3; i++)
		off += (rgb[i] - 8 - 10 * grey) * (rgb[i] - 8 - 10 * grey);
	return (uint8_t)(off < far ? 232 + grey
				   : 16 + 36 * cube[0] + 6 * cube[1] + cube[2]);
}

void picture_pixel(const struct picture *p, int x, int y, int width, int height,
		   int rgb[3])
{
	int x0 = (int)((int64_t)x * p->width / width);
	int x1 = (int)((int64_t)(x + 1) * p->width / width);
	int y0 = (int)((int64_t)y * p->height / height);
	int y1 = (int)((int64_t)(y + 1) * p->height / height);
	mean(p, x0, x1 > x0 ? x1 : x0 + 1, y0, y1 > y0 ? y1 : y0 + 1, rgb);
}

static uint8_t pixel(const struct picture *p, int x, int y, int width, int height)
{
	int rgb[3];
	picture_pixel(p, x, y, width, height, rgb);
	return picture_color(rgb);
}

void picture_draw(struct canvas *c, int x, int y, int width, int height,
		  const struct picture *p)
{
	while (width > 1 && picture_rows(p, width) > height)
		width--;
	int rows = picture_rows(p, width);
	if (!c->colors || c->ascii || c->plain || rows <= 0)
		return;
	for (int j = 0; j < rows; j++)
		for (int i = 0; i < width; i++)
			canvas_put(
				c, x + i, y + j,
				(struct cell){
					.ch = 0x2580,
					.fg = pixel(p, i, 2 * j, width, 2 * rows),
					.bg = pixel(p, i, 2 * j + 1, width, 2 * rows) });
}
