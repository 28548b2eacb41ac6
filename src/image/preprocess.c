#include "image/preprocess.h"

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

/* Resize and crop; only the pixels that survive the crop are ever computed. */
static enum err crop(const struct preprocess_config *cfg, const struct image *in,
		     struct image *out)
{
	int64_t width, height, full_width, full_height;
	*out = (struct image){ 0 };
	preprocess_size(cfg, in->width, in->height, &width, &height);
	resized_size(cfg, in->width, in->height, &full_width, &full_height);
	if (width > IMAGE_MAX_PIXELS / height)
		return err_set(ERR_FORMAT,
			       "a picture of %d x %d becomes %lld x %lld pixels, more "
			       "than the limit of %lld",
			       in->width, in->height, (long long)width, (long long)height,
			       (long long)IMAGE_MAX_PIXELS);
	struct span x = crop_span(full_width, width), y = crop_span(full_height, height);
	const struct image_window kept = { x.from, y.from, x.count, y.count };
	enum err e = image_resize_window(in, full_width, full_height, kept, out);
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
