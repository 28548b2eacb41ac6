#include "image/preprocess.h"

#include <assert.h>
#include <string.h>

#include "image/resize.h"

/* The whole picture as it is after the resize. */
static void resized_size(const struct preprocess_config *cfg, int width, int height,
			 int64_t *out_width, int64_t *out_height)
{
	*out_width = width;
	*out_height = height;
	if (!cfg->do_resize)
		return;
	int64_t edge = cfg->shortest_edge;
	if (!edge) {
		*out_width = cfg->resize_width;
		*out_height = cfg->resize_height;
	} else if (width <= height) {
		*out_width = edge;
		*out_height = edge * height / width;
	} else {
		*out_width = edge * width / height;
		*out_height = edge;
	}
}

void preprocess_size(const struct preprocess_config *cfg, int width, int height,
		     int64_t *out_width, int64_t *out_height)
{
	assert(!cfg->grid);
	resized_size(cfg, width, height, out_width, out_height);
	if (cfg->do_crop) {
		*out_width = cfg->crop_width;
		*out_height = cfg->crop_height;
	}
}

/* One axis of the centred crop. */
struct span {
	int64_t from; /* the first kept pixel of the picture */
	int64_t to;   /* where it comes to lie */
	int count;
};

/* The origin is floor((have - want) / 2), also where that is negative. */
static struct span crop_span(int64_t have, int64_t want)
{
	int64_t margin = have - want;
	int64_t origin = margin >= 0 ? margin / 2 : -((1 - margin) / 2);
	if (origin < 0)
		return (struct span){ 0, -origin, (int)have };
	return (struct span){ origin, 0, (int)want };
}

/* The picture at (x, y) of a black one. */
static enum err paste(const struct image *in, int64_t width, int64_t height, int64_t x,
		      int64_t y, struct image *out)
{
	enum err e = image_alloc("crop", width, height, out);
	if (e)
		return e;
	memset(out->rgb, 0, (size_t)width * (size_t)height * 3);
	size_t row_bytes = (size_t)in->width * 3;
	for (int row = 0; row < in->height; row++)
		memcpy(out->rgb + ((size_t)(y + row) * (size_t)width + (size_t)x) * 3,
		       in->rgb + (size_t)row * row_bytes, row_bytes);
	return OK;
}

static enum err check_size(int from_width, int from_height, int64_t width, int64_t height)
{
	if (width <= IMAGE_MAX_PIXELS / height)
		return OK;
	return err_set(ERR_FORMAT,
		       "a picture of %d x %d becomes %lld x %lld pixels, more than the "
		       "limit of %lld",
		       from_width, from_height, (long long)width, (long long)height,
		       (long long)IMAGE_MAX_PIXELS);
}

/* Resize and crop; only the pixels that survive the crop are ever computed. */
static enum err crop(const struct preprocess_config *cfg, const struct image *in,
		     struct image *out)
{
	int64_t width, height, full_width, full_height;
	*out = (struct image){ 0 };
	preprocess_size(cfg, in->width, in->height, &width, &height);
	resized_size(cfg, in->width, in->height, &full_width, &full_height);
	enum err e = check_size(in->width, in->height, width, height);
	if (e)
		return e;
	struct span x = crop_span(full_width, width), y = crop_span(full_height, height);
	const struct image_window kept = { x.from, y.from, x.count, y.count };
	e = image_resize_window(in, full_width, full_height, kept, out);
	if (e || (x.count == width && y.count == height))
		return e;
	struct image smaller = *out;
	e = paste(&smaller, width, height, x.to, y.to, out);
	image_release(&smaller);
	return e;
}

/*
 * The value of each byte in one channel. Rescaling is done in double and rounded to float
 * once, normalising in float: the reference's order.
 */
static void fill_values(const struct preprocess_config *cfg, int channel, float *value)
{
	for (int i = 0; i < 256; i++) {
		value[i] = (float)i;
		if (cfg->do_rescale)
			value[i] = (float)((double)i * cfg->rescale_factor);
		if (cfg->do_normalize)
			value[i] = (value[i] - cfg->mean[channel]) / cfg->std[channel];
	}
}

static void to_values(const struct preprocess_config *cfg, const struct image *im,
		      float *out)
{
	size_t n = (size_t)im->width * (size_t)im->height;
	for (int c = 0; c < 3; c++) {
		float value[256];
		fill_values(cfg, c, value);
		for (size_t i = 0; i < n; i++)
			*out++ = value[im->rgb[3 * i + (size_t)c]];
	}
}

enum err preprocess_run(const struct preprocess_config *cfg, const struct image *im,
			float *out, struct image *shown)
{
	struct image cropped;
	enum err e = crop(cfg, im, &cropped);
	if (shown)
		*shown = (struct image){ 0 };
	if (e)
		return e;
	to_values(cfg, &cropped, out);
	if (shown)
		*shown = cropped;
	else
		image_release(&cropped);
	return OK;
}

static enum err check_multiple(int width, int height, int factor)
{
	if (width % factor == 0 && height % factor == 0)
		return OK;
	return err_set(
		ERR_FORMAT,
		"a picture of %d x %d pixels is no multiple of %d, and \"do_resize\" "
		"is false",
		width, height, factor);
}

enum err preprocess_grid(const struct preprocess_config *cfg, int width, int height,
			 int side, struct patch_grid *out)
{
	int factor = cfg->patch_size * cfg->merge_size;
	int64_t to_width = width, to_height = height;
	enum err e = OK;
	assert(cfg->grid && side >= 0 && side % factor == 0);
	*out = (struct patch_grid){ 0 };
	if (side)
		to_width = to_height = side;
	else if (cfg->do_resize)
		e = smart_resize(height, width, factor, cfg->min_pixels, cfg->max_pixels,
				 &to_height, &to_width, &out->limit);
	else
		e = check_multiple(width, height, factor);
	if (e == OK)
		e = check_size(width, height, to_width, to_height);
	if (e)
		return e;
	out->width = (int)to_width;
	out->height = (int)to_height;
	out->columns = out->width / cfg->patch_size;
	out->rows = out->height / cfg->patch_size;
	return OK;
}

size_t preprocess_patch_floats(const struct preprocess_config *cfg)
{
	size_t side = (size_t)cfg->patch_size;
	return 3 * (size_t)cfg->temporal_patch_size * side * side;
}

/* The picture that is cut into patches: CLIP's way to it with sizes that are known. */
static enum err resize_for_grid(const struct preprocess_config *cfg,
				const struct image *im, int side, struct image *out)
{
	struct patch_grid grid;
	struct preprocess_config fixed = { .do_resize = true };
	*out = (struct image){ 0 };
	enum err e = preprocess_grid(cfg, im->width, im->height, side, &grid);
	if (e)
		return e;
	fixed.shortest_edge = side;
	fixed.do_crop = side > 0;
	fixed.crop_width = fixed.crop_height = side;
	fixed.resize_width = grid.width;
	fixed.resize_height = grid.height;
	return crop(&fixed, im, out);
}

/* The patch with its first pixel at (left, top), [3, T, P, P]. */
static float *put_patch(const struct preprocess_config *cfg, const struct image *im,
			float values[3][256], int left, int top, float *to)
{
	size_t side = (size_t)cfg->patch_size, frame = side * side;
	size_t stride = (size_t)im->width * 3;
	const uint8_t *from = im->rgb + (size_t)top * stride + (size_t)left * 3;
	for (size_t c = 0; c < 3; c++) {
		const float *first = to;
		for (size_t y = 0; y < side; y++)
			for (size_t x = 0; x < side; x++)
				*to++ = values[c][from[y * stride + 3 * x + c]];
		for (int t = 1; t < cfg->temporal_patch_size; t++, to += frame)
			memcpy(to, first, frame * sizeof(*to));
	}
	return to;
}

/* The patches that become one token, row by row, with the first pixel at (left, top). */
static float *put_merged(const struct preprocess_config *cfg, const struct image *im,
			 float values[3][256], int left, int top, float *to)
{
	int patch = cfg->patch_size, merged = patch * cfg->merge_size;
	for (int y = 0; y < merged; y += patch)
		for (int x = 0; x < merged; x += patch)
			to = put_patch(cfg, im, values, left + x, top + y, to);
	return to;
}

enum err preprocess_patches(const struct preprocess_config *cfg, const struct image *im,
			    int side, float *out, struct image *shown)
{
	struct image resized;
	float values[3][256];
	int merged = cfg->patch_size * cfg->merge_size;
	enum err e = resize_for_grid(cfg, im, side, &resized);
	if (shown)
		*shown = (struct image){ 0 };
	if (e)
		return e;
	for (int c = 0; c < 3; c++)
		fill_values(cfg, c, values[c]);
	for (int y = 0; y < resized.height; y += merged)
		for (int x = 0; x < resized.width; x += merged)
			out = put_merged(cfg, &resized, values, x, y, out);
	if (shown)
		*shown = resized;
	else
		image_release(&resized);
	return OK;
}
