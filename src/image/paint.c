#include "image/paint.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/*
 * A row of pixels is covered by LINES sub-lines, each by spans in 1/UNIT of a pixel: a
 * pixel that is inside altogether collects FULL.
 */
enum { UNIT = 16, LINES = 4, FULL = LINES * UNIT };

uint32_t paint_hash(int x, int y)
{
	uint32_t h =
		(uint32_t)x * 0x9e3779b1u ^ ((uint32_t)y * 0x85ebca77u + 0x165667b1u);
	h = (h ^ h >> 15) * 0x2c1b3c6du;
	h = (h ^ h >> 12) * 0x297a2d39u;
	return h ^ h >> 15;
}

/* a + (b - a) * part / whole, rounded: many sheer layers would drift if it were cut. */
static int mix(int a, int b, int part, int whole)
{
	int half = b < a ? -whole / 2 : whole / 2;
	return a + ((b - a) * part + half) / whole;
}

static uint8_t clip(int v) { return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v; }

static int grain_at(const struct brush *b, int x, int y)
{
	int cell = b->cell ? b->cell : 1;
	if (!b->grain)
		return 0;
	return (int)(paint_hash(x / cell, y / cell) % (2 * (unsigned)b->grain + 1)) -
	       b->grain;
}

/* The brush's colour on row y, before the grain. */
struct tone {
	int c[3];
};

static struct tone tone_at(const struct brush *b, int y)
{
	int whole = b->y_bottom > b->y_top ? b->y_bottom - b->y_top : 1;
	int part = y < b->y_top ? 0 : y - b->y_top > whole ? whole : y - b->y_top;
	return (struct tone){ { mix(b->top.r, b->bottom.r, part, whole),
				mix(b->top.g, b->bottom.g, part, whole),
				mix(b->top.b, b->bottom.b, part, whole) } };
}

static void blend(uint8_t *px, struct tone t, int rough, int alpha)
{
	for (int c = 0; c < 3; c++) {
		uint8_t v = clip(t.c[c] + rough);
		px[c] = alpha == FULL * 255 ? v : clip(mix(px[c], v, alpha, FULL * 255));
	}
}

/* What one row of a shape covers. */
struct cover {
	int width;
	int *amount; /* [width], 0..FULL */
};

static void blend_row(struct image *im, const struct cover *c, const struct brush *b,
		      int y)
{
	uint8_t *px = im->rgb + (size_t)y * (size_t)im->width * 3;
	const struct tone tone = tone_at(b, y);
	int alpha = b->alpha ? b->alpha : 255;
	for (int x = 0; x < im->width; x++, px += 3)
		if (c->amount[x])
			blend(px, tone, grain_at(b, x, y), c->amount[x] * alpha);
}

/* Adds the span [from, to), in units. */
static void add_span(struct cover *c, int from, int to)
{
	from = from < 0 ? 0 : from;
	to = to > c->width * UNIT ? c->width * UNIT : to;
	for (int x = from / UNIT; x * UNIT < to; x++) {
		int left = from > x * UNIT ? from : x * UNIT;
		int right = to < (x + 1) * UNIT ? to : (x + 1) * UNIT;
		c->amount[x] += right - left;
	}
}

/* Adds to the cover what the shape has on the sub-line at height y, in units. */
typedef void line_fn(const void *shape, int y, struct cover *);

static void paint_shape(struct image *im, int y_begin, int y_end, line_fn *line,
			const void *shape, const struct brush *b)
{
	struct cover c = { im->width, mem_alloc((size_t)im->width * sizeof(int)) };
	y_begin = y_begin < 0 ? 0 : y_begin;
	y_end = y_end > im->height ? im->height : y_end;
	for (int y = y_begin; y < y_end; y++) {
		memset(c.amount, 0, (size_t)im->width * sizeof(int));
		for (int i = 0; i < LINES; i++)
			line(shape, y * UNIT + i * UNIT / LINES + UNIT / LINES / 2, &c);
		blend_row(im, &c, b, y);
	}
	free(c.amount);
}

struct polygon {
	const struct point *at;
	int n;
};

static void insert_sorted(int *x, int n, int value)
{
	for (; n > 0 && x[n - 1] > value; n--)
		x[n] = x[n - 1];
	x[n] = value;
}

/* Spans between the crossings of the outline: inside is where an odd number is passed. */
static void polygon_line(const void *shape, int y, struct cover *c)
{
	const struct polygon *p = shape;
	int x[PAINT_MAX_POINTS], n = 0;
	for (int i = 0; i < p->n; i++) {
		struct point a = p->at[i], b = p->at[(i + 1) % p->n];
		int ay = a.y * UNIT, by = b.y * UNIT;
		if ((ay <= y) != (by <= y))
			insert_sorted(x, n++,
				      a.x * UNIT + (y - ay) * ((b.x - a.x) * UNIT) /
							   (by - ay));
	}
	for (int i = 0; i + 1 < n; i += 2)
		add_span(c, x[i], x[i + 1]);
}

void paint_polygon(struct image *im, const struct point *at, int n, const struct brush *b)
{
	const struct polygon p = { at, n };
	assert(n <= PAINT_MAX_POINTS);
	int y_begin = at[0].y, y_end = at[0].y;
	for (int i = 1; i < n; i++) {
		y_begin = at[i].y < y_begin ? at[i].y : y_begin;
		y_end = at[i].y > y_end ? at[i].y : y_end;
	}
	paint_shape(im, y_begin, y_end, polygon_line, &p, b);
}

struct ellipse {
	int x, y, rx, ry; /* units */
};

static int64_t square_root(int64_t v)
{
	int64_t root = 0;
	for (int64_t bit = INT64_C(1) << 30; bit; bit >>= 1)
		if ((root + bit) * (root + bit) <= v)
			root += bit;
	return root;
}

static void ellipse_line(const void *shape, int y, struct cover *c)
{
	const struct ellipse *e = shape;
	int64_t dy = y - e->y, left = (int64_t)e->ry * e->ry - dy * dy;
	if (left <= 0)
		return;
	int half = (int)square_root((int64_t)e->rx * e->rx * left / (e->ry * e->ry));
	add_span(c, e->x - half, e->x + half);
}

void paint_ellipse(struct image *im, struct point center, int radius_x, int radius_y,
		   const struct brush *b)
{
	const struct ellipse e = { center.x * UNIT, center.y * UNIT, radius_x * UNIT,
				   radius_y * UNIT };
	paint_shape(im, center.y - radius_y, center.y + radius_y, ellipse_line, &e, b);
}

/*
 * Height in units of the Catmull-Rom curve through y at position `part` of `whole` from
 * point i to the next.
 */
static int curve(const int *y, int n, int i, int64_t part, int64_t whole)
{
	int64_t p0 = y[i > 0 ? i - 1 : 0], p1 = y[i];
	int64_t p2 = y[i + 1 < n ? i + 1 : n - 1], p3 = y[i + 2 < n ? i + 2 : n - 1];
	int64_t a = -p0 + 3 * p1 - 3 * p2 + p3, b = 2 * p0 - 5 * p1 + 4 * p2 - p3;
	int64_t cubed = whole * whole * whole;
	int64_t sum = a * part * part * part + b * part * part * whole +
		      (p2 - p0) * part * whole * whole;
	return (int)(p1 * UNIT + sum * UNIT / (2 * cubed));
}

struct skyline {
	const int *top; /* [width], units */
};

static void skyline_line(const void *shape, int y, struct cover *c)
{
	const struct skyline *s = shape;
	for (int x = 0; x < c->width; x++)
		c->amount[x] += s->top[x] <= y ? UNIT : 0;
}

void paint_below(struct image *im, const int *y, int n, const struct brush *b)
{
	int whole = im->width - 1, highest = im->height * UNIT;
	assert(n >= 2 && whole > 0);
	int *top = mem_alloc((size_t)im->width * sizeof(*top));
	for (int x = 0; x < im->width; x++) {
		int along = x * (n - 1), i = along / whole;
		top[x] = curve(y, n, i, along - i * whole, whole);
		highest = top[x] < highest ? top[x] : highest;
	}
	const struct skyline s = { top };
	paint_shape(im, highest / UNIT, im->height, skyline_line, &s, b);
	free(top);
}
