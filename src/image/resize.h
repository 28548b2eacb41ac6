/*
 * Resizing, equal to Pillow's Image.resize(size, BICUBIC) in every bit: Keys' kernel with
 * a = -0.5, widened when shrinking; first along rows, then along columns, with bytes in
 * between; weights in 22-bit fixed point.
 */
#ifndef IMAGE_RESIZE_H
#define IMAGE_RESIZE_H

#include "image/image.h"

/* A part of a picture, in its pixels. */
struct image_window {
	int64_t x, y;
	int width, height;
};

/*
 * The window of `in` resized to width x height (any size from 1 x 1); only what the
 * window needs is computed, so a crop of a strip blown up to billions of pixels is cheap.
 * The window must lie inside. *out is new. ERR_NOMEM, ERR_FORMAT (window over
 * IMAGE_MAX_PIXELS).
 */
enum err image_resize_window(const struct image *in, int64_t width, int64_t height,
			     struct image_window, struct image *out) MUST_CHECK;

/* The whole of it. */
enum err image_resize(const struct image *in, int width, int height,
		      struct image *out) MUST_CHECK;

#endif
