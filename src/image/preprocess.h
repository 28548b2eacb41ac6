/*
 * From a picture to the values that enter a vision model: resize, crop, rescale,
 * normalise, as transformers' CLIPImageProcessor does. The cropped picture equals the
 * reference's in every bit, and so do the values.
 */
#ifndef IMAGE_PREPROCESS_H
#define IMAGE_PREPROCESS_H

#include <stdbool.h>

#include "base/json.h"
#include "image/image.h"

#define PREPROCESS_MAX_SIDE 8192

struct preprocess_config {
	bool do_resize;
	int shortest_edge; /* 0: exactly resize_width x resize_height */
	int resize_width, resize_height;
	bool do_crop; /* centred; what lies outside the picture is black */
	int crop_width, crop_height;
	bool do_rescale;
	double rescale_factor;
	bool do_normalize;
	float mean[3], std[3];
};

/* CLIP's own: bicubic, shortest edge and crop of `side` (1..PREPROCESS_MAX_SIDE). */
struct preprocess_config preprocess_clip_defaults(int side);
/* SigLIP's own: bicubic to exactly side x side, mean and deviation 0.5. */
struct preprocess_config preprocess_siglip_defaults(int side);
/* The same processing for pictures of another side: what it was made for is `trained`. */
struct preprocess_config preprocess_at(const struct preprocess_config *, int trained,
				       int side);

/*
 * Reads the object of a preprocessor_config.json; a missing key has the reference's
 * default. `what` names it in messages "WHAT: KEY ...". ERR_FORMAT; ERR_UNSUPPORTED for
 * another processor or another resampling filter than bicubic.
 */
enum err preprocess_read(const json_t *object, const char *what,
			 struct preprocess_config *out) MUST_CHECK;
/* The same of a file; also ERR_NOTFOUND, ERR_IO. */
enum err preprocess_read_file(const char *path, struct preprocess_config *out) MUST_CHECK;

/*
 * The size of what comes out for a picture of width x height: the crop's, or without a
 * crop the resized picture's, which may be very large.
 */
void preprocess_size(const struct preprocess_config *, int width, int height,
		     int64_t *out_width, int64_t *out_height);

/*
 * `out` [3, H, W] with H and W by preprocess_size. `shown`, unless NULL, becomes the
 * cropped picture before the arithmetic, the caller's to release. ERR_NOMEM, ERR_FORMAT
 * (more than IMAGE_MAX_PIXELS would come out).
 */
enum err preprocess_run(const struct preprocess_config *, const struct image *,
			float *out, struct image *shown) MUST_CHECK;

#endif
