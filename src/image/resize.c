#include "image/resize.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * A weight w (22 fraction bits) is kept as w = high * 2^SPLIT + low with both parts in 16
 * bits: products of 16-bit numbers are what every vector unit multiplies and adds
 * quickly, and the sum is still the exact integer that Pillow computes.
 */
enum {
	FRACTION_BITS = 22,
	SPLIT = 11,
	LANES = 8,    /* tap counts are padded with zero weights to a multiple */
	BLOCK = 4096, /* taps whose low parts cannot overflow: 255 * 2047 * 4096 < 2^31 */
};

/* Which source positions make the outputs of one axis of the window, and by what share.
 */
struct taps {
	int64_t first, end; /* source positions that are needed at all */
	int outputs;
	int64_t *start; /* [outputs] first source position */
	int64_t *count; /* [outputs] taps, unpadded */
	size_t *at;     /* [outputs] their place in the weights, padded lengths apart */
	int16_t *high, *low;
};

static void taps_release(struct taps *t)
{
	free(t->start);
	free(t->count);
	free(t->at);
	free(t->high);
	free(t->low);
}

static double cubic(double x)
{
	const double a = -0.5;
	x = fabs(x);
	if (x < 1.0)
		return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
	if (x < 2.0)
		return (((x - 5) * x + 8) * x - 4) * a;
	return 0.0;
}

struct axis {
	int64_t in, out; /* sizes */
	double scale, filter_scale;
};

static struct axis axis_of(int64_t in, int64_t out)
{
	double scale = (double)in / (double)out;
	return (struct axis){ in, out, scale, scale < 1.0 ? 1.0 : scale };
}

static double axis_center(const struct axis *a, int64_t i)
{
	return ((double)i + 0.5) * a->scale;
}

/* The source range [*start, *start + count) of output i. */
static int64_t axis_range(const struct axis *a, int64_t i, int64_t *start)
{
	double center = axis_center(a, i), support = 2.0 * a->filter_scale;
	int64_t begin = (int64_t)(center - support + 0.5);
	int64_t end = (int64_t)(center + support + 0.5);
	*start = begin < 0 ? 0 : begin;
	return (end > a->in ? a->in : end) - *start;
}

static double axis_weight(const struct axis *a, double center, int64_t source)
{
	double narrow =
		1.0 / a->filter_scale; /* multiplied, not divided: as Pillow does */
	return cubic(((double)source - center + 0.5) * narrow);
}

static void fill_weights(struct taps *t, const struct axis *a, int64_t first_output,
			 int i)
{
	double center = axis_center(a, first_output + i), sum = 0.0;
	int64_t start = t->start[i];
	for (int64_t k = 0; k < t->count[i]; k++)
		sum += axis_weight(a, center, start + k);
	for (int64_t k = 0; k < t->count[i]; k++) {
		double w = axis_weight(a, center, start + k);
		if (sum != 0.0)
			w /= sum;
		w *= 1 << FRACTION_BITS;
		int32_t fixed = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
		t->high[t->at[i] + (size_t)k] = (int16_t)(fixed >> SPLIT);
		t->low[t->at[i] + (size_t)k] = (int16_t)(fixed & ((1 << SPLIT) - 1));
	}
}

static size_t padded(int64_t count)
{
	return ((size_t)count + LANES - 1) / LANES * LANES;
}

/* Ranges of all outputs; returns how many padded weights they have. */
static size_t fill_ranges(struct taps *t, const struct axis *a, int64_t first_output)
{
	size_t total = 0;
	t->first = INT64_MAX;
	for (int i = 0; i < t->outputs; i++) {
		t->count[i] = axis_range(a, first_output + i, &t->start[i]);
		t->at[i] = total;
		total += padded(t->count[i]);
		if (t->start[i] < t->first)
			t->first = t->start[i];
		if (t->start[i] + t->count[i] > t->end)
			t->end = t->start[i] + t->count[i];
	}
	return total;
}

static enum err taps_init(struct taps *t, int64_t in, int64_t out, int64_t first_output,
			  int outputs)
{
	const struct axis a = axis_of(in, out);
	size_t n = (size_t)outputs, total = 0;
	*t = (struct taps){ .outputs = outputs };
	t->start = malloc(n * sizeof(*t->start));
	t->count = malloc(n * sizeof(*t->count));
	t->at = malloc(n * sizeof(*t->at));
	if (t->start && t->count && t->at) {
		total = fill_ranges(t, &a, first_output);
		t->high = calloc(total, sizeof(*t->high));
		t->low = calloc(total, sizeof(*t->low));
	}
	if (!t->high || !t->low) {
		taps_release(t);
		return err_set(ERR_NOMEM, "no memory to resize %lld to %lld pixels",
			       (long long)in, (long long)out);
	}
	for (int i = 0; i < outputs; i++)
		fill_weights(t, &a, first_output, i);
	return OK;
}

/* The sum of Pillow's fixed-point products, as its 32-bit accumulator would hold it. */
static int32_t dot(const int16_t *restrict px, const int16_t *restrict high,
		   const int16_t *restrict low, size_t n)
{
	uint32_t sum = 0;
	for (size_t begin = 0; begin < n; begin += BLOCK) {
		size_t end = n - begin > BLOCK ? begin + BLOCK : n;
		int32_t h = 0, l = 0;
		for (size_t i = begin; i < end; i++)
			h += px[i] * high[i];
		for (size_t i = begin; i < end; i++)
			l += px[i] * low[i];
		sum += ((uint32_t)h << SPLIT) + (uint32_t)l;
	}
	return (int32_t)sum;
}

static uint8_t to_byte(int32_t sum)
{
	int32_t v = (sum + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS;
	return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v;
}

/* One plane per colour, `plane` apart, of the columns that are needed. */
static void split_colours(const uint8_t *restrict rgb, int16_t *restrict out, size_t n,
			  size_t plane)
{
	for (size_t x = 0; x < n; x++)
		for (size_t c = 0; c < 3; c++)
			out[c * plane + x] = rgb[3 * x + c];
}

static void resize_row(const struct taps *t, const int16_t *planes, size_t plane,
		       uint8_t *to)
{
	for (int x = 0; x < t->outputs; x++, to += 3) {
		size_t from = (size_t)(t->start[x] - t->first);
		size_t n = padded(t->count[x]), at = t->at[x];
		for (size_t c = 0; c < 3; c++)
			to[c] = to_byte(dot(planes + c * plane + from, t->high + at,
					    t->low + at, n));
	}
}

/* Rows [rows->first, rows->end) of `in`, each shortened to t->outputs pixels. */
static enum err resize_rows(const struct image *in, const struct taps *t,
			    const struct taps *rows, struct image *out)
{
	enum err e =
		image_alloc("resized rows", t->outputs, rows->end - rows->first, out);
	if (e)
		return e;
	size_t n = (size_t)(t->end - t->first);
	size_t plane = n + LANES; /* padded taps read, and weigh with 0, what follows */
	int16_t *planes = calloc(3 * plane, sizeof(*planes));
	if (!planes) {
		image_release(out);
		return err_set(ERR_NOMEM, "no memory to resize a row of %zu pixels", n);
	}
	for (int y = 0; y < out->height; y++) {
		size_t source_row = (size_t)(rows->first + y) * (size_t)in->width;
		split_colours(in->rgb + (source_row + (size_t)t->first) * 3, planes, n,
			      plane);
		resize_row(t, planes, plane,
			   out->rgb + (size_t)y * (size_t)t->outputs * 3);
	}
	free(planes);
	return OK;
}

static void add_row(int32_t *restrict sum, const uint8_t *restrict row, int32_t weight,
		    size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += weight * row[i];
}

/* Output row y out of the rows that lie from t->first on in `in`. */
static void resize_column(const struct image *in, const struct taps *t, int y,
			  int32_t *sum, uint8_t *to)
{
	size_t n = (size_t)in->width * 3;
	const uint8_t *from = in->rgb + (size_t)(t->start[y] - t->first) * n;
	memset(sum, 0, n * sizeof(*sum));
	for (int64_t k = 0; k < t->count[y]; k++) {
		size_t at = t->at[y] + (size_t)k;
		int32_t weight = t->high[at] * (1 << SPLIT) + t->low[at];
		add_row(sum, from + (size_t)k * n, weight, n);
	}
	for (size_t i = 0; i < n; i++)
		to[i] = to_byte(sum[i]);
}

static enum err resize_columns(const struct image *in, const struct taps *t,
			       struct image *out)
{
	size_t n = (size_t)in->width * 3;
	enum err e = image_alloc("resized picture", in->width, t->outputs, out);
	if (e)
		return e;
	int32_t *sum = malloc(n * sizeof(*sum));
	if (!sum) {
		image_release(out);
		return err_set(ERR_NOMEM, "no memory to resize %d columns", in->width);
	}
	for (int y = 0; y < t->outputs; y++)
		resize_column(in, t, y, sum, out->rgb + (size_t)y * n);
	free(sum);
	return OK;
}

enum err image_resize_window(const struct image *in, int64_t width, int64_t height,
			     struct image_window window, struct image *out)
{
	assert(window.x >= 0 && window.width >= 1 && window.x + window.width <= width);
	assert(window.y >= 0 && window.height >= 1 && window.y + window.height <= height);
	struct taps across, down = { 0 };
	struct image rows = { 0 };
	*out = (struct image){ 0 };
	enum err e = taps_init(&across, in->width, width, window.x, window.width);
	if (e)
		return e;
	e = taps_init(&down, in->height, height, window.y, window.height);
	if (e == OK) {
		e = resize_rows(in, &across, &down, &rows);
		if (e == OK)
			e = resize_columns(&rows, &down, out);
		taps_release(&down);
	}
	image_release(&rows);
	taps_release(&across);
	return e;
}

enum err image_resize(const struct image *in, int width, int height, struct image *out)
{
	const struct image_window all = { 0, 0, width, height };
	return image_resize_window(in, width, height, all, out);
}
