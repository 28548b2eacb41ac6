/*
 * The size that Qwen2-VL gives a picture: both sides multiples of one factor, the area
 * between two limits, the shape as it was but for the rounding. transformers'
 * smart_resize (models/qwen2_vl/image_processing_qwen2_vl.py), in the same doubles.
 */
#ifndef IMAGE_SMART_RESIZE_H
#define IMAGE_SMART_RESIZE_H

#include <stdint.h>

#include "base/err.h"

/* Which limit changed the size beyond rounding it to the factor. */
enum smart_resize_limit {
	SMART_RESIZE_ROUNDED, /* none */
	SMART_RESIZE_SHRUNK,  /* more than max_pixels */
	SMART_RESIZE_GROWN,   /* fewer than min_pixels */
};

/*
 * The size of a picture of height x width (1..IMAGE_MAX_PIXELS each), a factor of at
 * least 1 and 1 <= min_pixels <= max_pixels. The limits are of the area after rounding.
 * No side becomes less than the factor, nor is a grown one ever cut: near the limits the
 * area may lie outside of them, as the reference's does. `limit` may be NULL.
 *
 * ERR_FORMAT where one side is more than 200 times the other: "a picture of W x H
 * pixels: ...", without a file's name, which the caller knows.
 */
enum err smart_resize(int64_t height, int64_t width, int factor, int64_t min_pixels,
		      int64_t max_pixels, int64_t *out_h, int64_t *out_w,
		      enum smart_resize_limit *limit) MUST_CHECK;

#endif
