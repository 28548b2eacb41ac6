#include "image/scene.h"

#include <stddef.h>

#include "image/paint.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define POINTS(...)                                                                      \
	(const struct point[]){ __VA_ARGS__ },                                           \
		COUNT(((const struct point[]){ __VA_ARGS__ }))

/* One colour, slightly rough. */
static struct brush plain(struct colour c, int grain)
{
	return (struct brush){ .top = c, .bottom = c, .grain = grain };
}

static struct brush sheer(struct colour c, int alpha)
{
	return (struct brush){ .top = c, .bottom = c, .alpha = alpha };
}

static void fill_rect(struct image *im, int x, int y, int w, int h, struct brush b)
{
	paint_polygon(im, POINTS({ x, y }, { x + w, y }, { x + w, y + h }, { x, y + h }),
		      &b);
}

static void draw_sky(struct image *im)
{
	const struct brush sky = { { 74, 138, 208 }, { 232, 238, 232 }, 0, 230, 0, 0, 0 };
	static const int whole_picture[] = { 0, 0 };
	paint_below(im, whole_picture, COUNT(whole_picture), &sky);
}

static void draw_sun(struct image *im)
{
	const struct point center = { 124, 66 };
	const struct brush glow = sheer((struct colour){ 255, 243, 196 }, 14);
	const struct brush disc = {
		{ 255, 250, 214 }, { 255, 226, 130 }, 42, 90, 0, 0, 0
	};
	for (int radius = 68; radius >= 26; radius -= 3)
		paint_ellipse(im, center, radius, radius, &glow);
	paint_ellipse(im, center, 23, 23, &disc);
}

static void draw_clouds(struct image *im)
{
	static const struct {
		struct point at;
		int rx, ry;
	} puffs[] = {
		{ { 252, 62 }, 40, 9 },   { { 238, 55 }, 18, 11 },
		{ { 262, 51 }, 20, 14 },  { { 46, 118 }, 44, 8 },
		{ { 34, 111 }, 20, 11 },  { { 60, 110 }, 15, 9 },
		{ { 470, 128 }, 48, 8 },  { { 456, 121 }, 19, 10 },
		{ { 484, 119 }, 22, 13 },
	};
	for (int i = 0; i < COUNT(puffs); i++) {
		const struct brush white = { { 255, 255, 255 },
					     { 236, 241, 245 },
					     puffs[i].at.y - 8,
					     puffs[i].at.y + 9,
					     0,
					     0,
					     215 };
		paint_ellipse(im, puffs[i].at, puffs[i].rx, puffs[i].ry, &white);
	}
}

static void draw_hills(struct image *im)
{
	static const int far[] = { 196, 178, 158, 172, 186, 168,
				   150, 164, 184, 176, 166, 182 };
	static const int near[] = { 186, 196, 206, 196, 188, 198, 208, 200, 186, 194 };
	static const int back[] = { 214, 206, 212, 226, 232, 222, 208, 204, 212 };
	static const int front[] = { 232, 244, 256, 262, 258, 250, 246, 250, 258, 250 };
	const struct brush blue = {
		{ 152, 176, 202 }, { 196, 208, 214 }, 150, 215, 0, 0, 0
	};
	const struct brush pale = {
		{ 132, 166, 166 }, { 168, 190, 160 }, 185, 225, 0, 0, 0
	};
	const struct brush green = {
		{ 146, 182, 104 }, { 112, 158, 82 }, 204, 262, 0, 0, 0
	};
	const struct brush meadow = {
		{ 130, 176, 82 }, { 76, 128, 50 }, 244, 384, 2, 2, 0
	};
	paint_below(im, far, COUNT(far), &blue);
	paint_below(im, near, COUNT(near), &pale);
	paint_below(im, back, COUNT(back), &green);
	paint_below(im, front, COUNT(front), &meadow);
}

/* From the door, winding, wider as it comes near. */
static void draw_path(struct image *im)
{
	const struct brush edge = {
		{ 168, 152, 108 }, { 146, 124, 82 }, 292, 384, 8, 2, 0
	};
	const struct brush sand = {
		{ 222, 206, 164 }, { 204, 180, 134 }, 292, 384, 7, 2, 0
	};
	paint_polygon(im,
		      POINTS({ 281, 291 }, { 273, 301 }, { 256, 312 }, { 240, 324 },
			     { 230, 338 }, { 226, 356 }, { 218, 384 }, { 306, 384 },
			     { 292, 358 }, { 288, 340 }, { 292, 326 }, { 302, 312 },
			     { 306, 301 }, { 304, 291 }),
		      &edge);
	paint_polygon(im,
		      POINTS({ 284, 290 }, { 276, 302 }, { 260, 313 }, { 245, 325 },
			     { 236, 339 }, { 233, 357 }, { 226, 384 }, { 298, 384 },
			     { 285, 358 }, { 282, 340 }, { 286, 325 }, { 297, 312 },
			     { 302, 302 }, { 302, 290 }),
		      &sand);
}

static void draw_window(struct image *im, int x, int y, int w, int h)
{
	const struct brush glass = {
		{ 70, 104, 140 }, { 158, 196, 216 }, y, y + h, 0, 0, 0
	};
	const struct brush frame = plain((struct colour){ 250, 247, 238 }, 0);
	const struct brush sill = plain((struct colour){ 150, 116, 84 }, 0);
	fill_rect(im, x - 2, y - 2, w + 4, h + 4, frame);
	fill_rect(im, x, y, w, h, glass);
	fill_rect(im, x + w / 2 - 1, y, 2, h, frame);
	fill_rect(im, x, y + h / 2 - 1, w, 2, frame);
	fill_rect(im, x - 4, y + h + 2, w + 8, 3, sill);
}

static void draw_door(struct image *im)
{
	const struct brush frame = plain((struct colour){ 250, 247, 238 }, 0);
	const struct brush wood = { { 132, 62, 44 }, { 104, 44, 32 }, 252, 290, 4, 1, 0 };
	const struct brush panel = plain((struct colour){ 86, 36, 28 }, 0);
	const struct brush knob = plain((struct colour){ 238, 204, 104 }, 0);
	const struct brush step = plain((struct colour){ 170, 164, 156 }, 5);
	fill_rect(im, 281, 250, 24, 40, frame);
	fill_rect(im, 283, 252, 20, 38, wood);
	fill_rect(im, 286, 256, 6, 12, panel);
	fill_rect(im, 294, 256, 6, 12, panel);
	fill_rect(im, 286, 273, 6, 12, panel);
	fill_rect(im, 294, 273, 6, 12, panel);
	paint_ellipse(im, (struct point){ 300, 271 }, 2, 2, &knob);
	fill_rect(im, 278, 289, 30, 4, step);
}

static void draw_chimney(struct image *im)
{
	const struct brush brick = {
		{ 164, 82, 64 }, { 132, 62, 50 }, 150, 185, 14, 3, 0
	};
	const struct brush cap = plain((struct colour){ 92, 76, 72 }, 0);
	fill_rect(im, 362, 152, 16, 36, brick);
	fill_rect(im, 360, 149, 20, 5, cap);
	for (int i = 0; i < 5; i++) {
		const struct brush smoke =
			sheer((struct colour){ 240, 240, 242 }, 120 - 20 * i);
		paint_ellipse(im, (struct point){ 371 + i * i, 141 - 9 * i }, 4 + 2 * i,
			      3 + i, &smoke);
	}
}

/* Rows of tiles: a line for each, joints in every other place. */
static void draw_tiles(struct image *im)
{
	const struct brush line = sheer((struct colour){ 96, 30, 26 }, 90);
	for (int row = 0; row < 8; row++) {
		int y = 178 + row * 7, x = 297 + row * 5;
		fill_rect(im, x, y, 90, 1, line);
		for (int tile = 0; tile < 9; tile++)
			fill_rect(im, x + 6 + tile * 10 + row % 2 * 5, y, 1, 7, line);
	}
}

static void draw_roof(struct image *im)
{
	const struct brush roof = { { 202, 84, 62 }, { 164, 56, 46 }, 170, 234, 8, 3, 0 };
	const struct brush verge = plain((struct colour){ 120, 44, 38 }, 0);
	paint_polygon(im, POINTS({ 292, 170 }, { 388, 170 }, { 428, 234 }, { 334, 234 }),
		      &roof);
	draw_tiles(im);
	paint_polygon(im,
		      POINTS({ 292, 168 }, { 340, 236 }, { 332, 239 }, { 292, 180 },
			     { 252, 239 }, { 244, 236 }),
		      &verge);
}

static void draw_house(struct image *im)
{
	const struct brush gable = {
		{ 250, 238, 208 }, { 232, 214, 176 }, 176, 290, 2, 2, 0
	};
	const struct brush side = {
		{ 214, 194, 156 }, { 190, 168, 130 }, 230, 290, 2, 2, 0
	};
	const struct brush stone = plain((struct colour){ 150, 142, 132 }, 16);
	const struct brush attic = {
		{ 70, 104, 140 }, { 158, 196, 216 }, 198, 218, 0, 0, 0
	};
	const struct brush white = plain((struct colour){ 250, 247, 238 }, 0);
	const struct brush shadow = sheer((struct colour){ 30, 60, 24 }, 80);
	paint_ellipse(im, (struct point){ 356, 291 }, 92, 9, &shadow);
	draw_chimney(im);
	fill_rect(im, 332, 230, 86, 60, side);
	paint_polygon(im,
		      POINTS({ 292, 172 }, { 334, 232 }, { 334, 290 }, { 252, 290 },
			     { 252, 232 }),
		      &gable);
	fill_rect(im, 252, 284, 82, 7, stone);
	fill_rect(im, 334, 284, 84, 7, stone);
	draw_roof(im);
	paint_ellipse(im, (struct point){ 292, 209 }, 11, 11, &white);
	paint_ellipse(im, (struct point){ 292, 209 }, 9, 9, &attic);
	fill_rect(im, 291, 200, 2, 18, white);
	fill_rect(im, 283, 208, 18, 2, white);
	draw_window(im, 259, 247, 16, 22);
	draw_window(im, 312, 247, 16, 22);
	draw_window(im, 348, 246, 20, 22);
	draw_window(im, 386, 246, 20, 22);
	draw_door(im);
}

static void draw_crown(struct image *im)
{
	static const struct {
		struct point at;
		int radius;
		struct colour colour;
	} leaves[] = {
		{ { 128, 226 }, 30, { 44, 88, 40 } },
		{ { 178, 222 }, 32, { 40, 82, 38 } },
		{ { 152, 196 }, 40, { 50, 98, 44 } },
		{ { 154, 240 }, 26, { 38, 78, 36 } },
		{ { 120, 206 }, 26, { 66, 118, 52 } },
		{ { 184, 198 }, 26, { 56, 106, 46 } },
		{ { 150, 172 }, 28, { 78, 132, 58 } },
		{ { 134, 188 }, 22, { 98, 152, 66 } },
		{ { 164, 190 }, 18, { 86, 140, 60 } },
		{ { 112, 214 }, 15, { 96, 148, 64 } },
		{ { 144, 168 }, 16, { 120, 172, 78 } },
		{ { 128, 190 }, 11, { 132, 182, 86 } },
		{ { 170, 214 }, 14, { 76, 126, 54 } },
	};
	for (int i = 0; i < COUNT(leaves); i++) {
		struct brush b = plain(leaves[i].colour, 22);
		b.cell = 3;
		paint_ellipse(im, leaves[i].at, leaves[i].radius, leaves[i].radius, &b);
	}
}

static void draw_apples(struct image *im)
{
	static const struct point apples[] = { { 118, 220 }, { 140, 206 }, { 164, 228 },
					       { 182, 206 }, { 152, 186 }, { 176, 238 },
					       { 132, 240 }, { 196, 224 } };
	const struct brush red = plain((struct colour){ 206, 44, 38 }, 0);
	const struct brush shine = plain((struct colour){ 250, 180, 160 }, 0);
	for (int i = 0; i < COUNT(apples); i++) {
		paint_ellipse(im, apples[i], 4, 4, &red);
		fill_rect(im, apples[i].x - 2, apples[i].y - 2, 2, 2, shine);
	}
}

static void draw_tree(struct image *im)
{
	const struct brush shadow = sheer((struct colour){ 30, 60, 24 }, 90);
	const struct brush bark = { { 92, 66, 44 }, { 120, 86, 56 }, 230, 312, 14, 2, 0 };
	paint_ellipse(im, (struct point){ 172, 313 }, 58, 9, &shadow);
	paint_polygon(im,
		      POINTS({ 145, 238 }, { 163, 238 }, { 165, 280 }, { 169, 304 },
			     { 180, 315 }, { 132, 315 }, { 142, 304 }, { 145, 280 }),
		      &bark);
	draw_crown(im);
	draw_apples(im);
}

static void draw_fence(struct image *im)
{
	const struct brush white = {
		{ 250, 248, 240 }, { 214, 208, 194 }, 266, 296, 0, 0, 0
	};
	for (int rail = 0; rail < 2; rail++)
		fill_rect(im, 420, 275 + rail * 10, 92, 3, white);
	for (int x = 424; x < SCENE_WIDTH; x += 11)
		paint_polygon(im,
			      POINTS({ x, 270 }, { x + 3, 266 }, { x + 6, 270 },
				     { x + 6, 295 }, { x, 295 }),
			      &white);
}

/* One envelope of three stripes: narrower ellipses over the widest. */
static void draw_balloon(struct image *im)
{
	const struct point at = { 404, 62 };
	const struct brush red = { { 230, 74, 60 }, { 166, 36, 44 }, 28, 98, 0, 0, 0 };
	const struct brush yellow = {
		{ 255, 216, 96 }, { 226, 160, 40 }, 28, 98, 0, 0, 0
	};
	const struct brush rope = plain((struct colour){ 84, 66, 54 }, 0);
	const struct brush basket = plain((struct colour){ 148, 100, 56 }, 16);
	paint_polygon(im, POINTS({ 381, 80 }, { 427, 80 }, { 411, 104 }, { 397, 104 }),
		      &red);
	paint_ellipse(im, at, 31, 33, &red);
	paint_polygon(im, POINTS({ 389, 82 }, { 419, 82 }, { 408, 104 }, { 400, 104 }),
		      &yellow);
	paint_ellipse(im, at, 20, 33, &yellow);
	paint_polygon(im, POINTS({ 398, 84 }, { 410, 84 }, { 406, 104 }, { 402, 104 }),
		      &red);
	paint_ellipse(im, at, 8, 33, &red);
	fill_rect(im, 397, 104, 1, 10, rope);
	fill_rect(im, 410, 104, 1, 10, rope);
	fill_rect(im, 396, 113, 16, 11, basket);
	fill_rect(im, 395, 112, 18, 2, rope);
}

static void draw_birds(struct image *im)
{
	static const struct point birds[] = { { 196, 92 }, { 214, 102 }, { 224, 90 } };
	const struct brush ink = plain((struct colour){ 56, 66, 84 }, 0);
	for (int i = 0; i < COUNT(birds); i++) {
		int x = birds[i].x, y = birds[i].y;
		paint_polygon(im,
			      POINTS({ x - 8, y - 3 }, { x - 4, y - 4 }, { x, y },
				     { x + 4, y - 4 }, { x + 8, y - 3 }, { x + 4, y - 2 },
				     { x, y + 3 }, { x - 4, y - 2 }),
			      &ink);
	}
}

static void draw_bushes(struct image *im)
{
	static const struct {
		struct point at;
		int rx, ry;
		struct colour colour;
	} bushes[] = {
		{ { 248, 286 }, 15, 11, { 54, 104, 46 } },
		{ { 262, 289 }, 12, 8, { 74, 128, 56 } },
		{ { 376, 287 }, 15, 9, { 54, 104, 46 } },
		{ { 360, 289 }, 11, 7, { 80, 134, 60 } },
		{ { 412, 285 }, 17, 12, { 62, 114, 50 } },
	};
	for (int i = 0; i < COUNT(bushes); i++) {
		struct brush b = plain(bushes[i].colour, 18);
		b.cell = 2;
		paint_ellipse(im, bushes[i].at, bushes[i].rx, bushes[i].ry, &b);
	}
}

/* Scattered in two patches of the meadow, with a yellow heart. */
static void draw_flowers(struct image *im)
{
	static const struct colour petals[] = {
		{ 244, 244, 250 }, { 232, 86, 96 }, { 250, 214, 90 }, { 196, 130, 214 }
	};
	const struct brush stem = plain((struct colour){ 52, 98, 38 }, 0);
	const struct brush heart = plain((struct colour){ 240, 190, 60 }, 0);
	for (int i = 0; i < 34; i++) {
		uint32_t h = paint_hash(i, 77);
		int y = 332 + (int)(h % 44), x = (int)(h >> 8) % 108;
		x += i % 2 ? 84 : 336;
		const struct brush petal = plain(petals[(h >> 20) % 4], 0);
		fill_rect(im, x, y, 1, 7, stem);
		paint_ellipse(im, (struct point){ x, y }, 3, 3, &petal);
		fill_rect(im, x - 1, y - 1, 2, 2, heart);
	}
}

enum err scene_draw(struct image *out)
{
	enum err e = image_alloc("scene", SCENE_WIDTH, SCENE_HEIGHT, out);
	if (e)
		return e;
	draw_sky(out);
	draw_sun(out);
	draw_clouds(out);
	draw_hills(out);
	draw_birds(out);
	draw_balloon(out);
	draw_fence(out);
	draw_house(out);
	draw_path(out);
	draw_bushes(out);
	draw_tree(out);
	draw_flowers(out);
	return OK;
}
