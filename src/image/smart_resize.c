#include "image/smart_resize.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "image/image.h"

enum { MAX_ASPECT = 200 };

/* Python's round(side / factor): to the nearest, halves to the even one. */
static int64_t rounded(int64_t side, int factor)
{
	return (int64_t)rint((double)side / factor) * factor;
}

static int64_t shrunk(int64_t side, double beta, int factor)
{
	int64_t to = (int64_t)floor((double)side / beta / factor) * factor;
	return to < factor ? factor : to;
}

static int64_t grown(int64_t side, double beta, int factor)
{
	return (int64_t)ceil((double)side * beta / factor) * factor;
}

static enum err check_aspect(int64_t height, int64_t width)
{
	int64_t longer = height > width ? height : width;
	int64_t shorter = height > width ? width : height;
	if (longer <= MAX_ASPECT * shorter)
		return OK;
	return err_set(ERR_FORMAT,
		       "a picture of %lld x %lld pixels: one side is more than %d times "
		       "the other",
		       (long long)width, (long long)height, MAX_ASPECT);
}

enum err smart_resize(int64_t height, int64_t width, int factor, int64_t min_pixels,
		      int64_t max_pixels, int64_t *out_h, int64_t *out_w,
		      enum smart_resize_limit *limit)
{
	assert(height >= 1 && height <= IMAGE_MAX_PIXELS);
	assert(width >= 1 && width <= IMAGE_MAX_PIXELS);
	assert(factor >= 1 && min_pixels >= 1 && min_pixels <= max_pixels);
	enum err e = check_aspect(height, width);
	if (e)
		return e;
	enum smart_resize_limit which = SMART_RESIZE_ROUNDED;
	double area = (double)(height * width);
	*out_h = rounded(height, factor);
	*out_w = rounded(width, factor);
	if (*out_h * *out_w > max_pixels) {
		double beta = sqrt(area / (double)max_pixels);
		*out_h = shrunk(height, beta, factor);
		*out_w = shrunk(width, beta, factor);
		which = SMART_RESIZE_SHRUNK;
	} else if (*out_h * *out_w < min_pixels) {
		double beta = sqrt((double)min_pixels / area);
		*out_h = grown(height, beta, factor);
		*out_w = grown(width, beta, factor);
		which = SMART_RESIZE_GROWN;
	}
	if (limit)
		*limit = which;
	return OK;
}
