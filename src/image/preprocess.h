/*
 * From a picture to the values that enter a vision model: resize, crop, rescale,
 * normalise, as transformers' CLIPImageProcessor and Qwen2VLImageProcessor do (those on
 * Pillow). The resized picture equals the reference's in every bit, and so do the values.
 *
 * Two kinds: CLIP's makes every picture the same size; Qwen's (`grid`) keeps each
 * picture's own, rounded, and cuts it into rows of patches.
 */
#ifndef IMAGE_PREPROCESS_H
#define IMAGE_PREPROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "image/image.h"
#include "image/smart_resize.h"

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

	bool grid; /* the fields below instead of shortest_edge ... crop_height */
	int patch_size, temporal_patch_size, merge_size;
	int64_t min_pixels, max_pixels; /* as in smart_resize() */
};

/* CLIP's own: bicubic, shortest edge and crop of `side` (1..PREPROCESS_MAX_SIDE). */
struct preprocess_config preprocess_clip_defaults(int side);
/* SigLIP's own: bicubic to exactly side x side, mean and deviation 0.5. */
struct preprocess_config preprocess_siglip_defaults(int side);
/*
 * Qwen2-VL's and Qwen2.5-VL's own: patches of 14 x 14 in 2 frames, merged 2 x 2, and the
 * limits that their files name, 3136 and 12845056 pixels (the processor's own limit,
 * where a file has none, is 1003520).
 */
struct preprocess_config preprocess_qwen_defaults(void);
/* The same processing for pictures of another side: what it was made for is `trained`.
 * Not of a grid, which is given its side at use. */
struct preprocess_config preprocess_at(const struct preprocess_config *, int trained,
				       int side);

/*
 * Reads the object of a preprocessor_config.json; a missing key has the reference's
 * default, a missing processor's name is CLIP's. `what` names it in messages "WHAT: KEY
 * ...". ERR_FORMAT; ERR_UNSUPPORTED for another processor, a grid's too (the message
 * names it and those that are known), or another resampling filter than bicubic.
 */
enum err preprocess_read(const json_t *object, const char *what,
			 struct preprocess_config *out) MUST_CHECK;
/* The same of a file; also ERR_NOTFOUND, ERR_IO. */
enum err preprocess_read_file(const char *path, struct preprocess_config *out) MUST_CHECK;
/*
 * The same for a model that takes a grid: Qwen's processors are known, CLIP's are
 * refused. The limits are min_pixels and max_pixels, else those of `size` under either of
 * its spellings; a missing processor's name is Qwen's.
 */
enum err preprocess_read_grid(const json_t *object, const char *what,
			      struct preprocess_config *out) MUST_CHECK;
enum err preprocess_read_grid_file(const char *path,
				   struct preprocess_config *out) MUST_CHECK;

/*
 * The size of what comes out for a picture of width x height: the crop's, or without a
 * crop the resized picture's, which may be very large. Not of a grid.
 */
void preprocess_size(const struct preprocess_config *, int width, int height,
		     int64_t *out_width, int64_t *out_height);

/*
 * `out` [3, H, W] with H and W by preprocess_size. `shown`, unless NULL, becomes the
 * cropped picture before the arithmetic, the caller's to release. ERR_NOMEM, ERR_FORMAT
 * (more than IMAGE_MAX_PIXELS would come out). Not of a grid.
 */
enum err preprocess_run(const struct preprocess_config *, const struct image *,
			float *out, struct image *shown) MUST_CHECK;

/* How a picture is cut. */
struct patch_grid {
	int width, height; /* of the resized picture, in pixels */
	int columns, rows; /* in patches: multiples of merge_size */
	enum smart_resize_limit limit;
};

/*
 * The grid of a picture of width x height. `side` 0: by smart_resize(), or as it is
 * without do_resize. Else a multiple of patch_size * merge_size: the shortest edge
 * becomes `side`, and the centred square of it stays, whatever do_resize and the limits
 * say. ERR_FORMAT: sides too unequal; not a multiple where nothing may be resized; more
 * than IMAGE_MAX_PIXELS would come out. The messages name the size, not the file.
 */
enum err preprocess_grid(const struct preprocess_config *, int width, int height,
			 int side, struct patch_grid *out) MUST_CHECK;

/* Floats of one patch: 3 * T * P * P with T = temporal_patch_size, P = patch_size. */
size_t preprocess_patch_floats(const struct preprocess_config *);

/*
 * `out` [rows * columns, 3, T, P, P] with rows and columns by preprocess_grid() of this
 * picture and `side`. Merged patches are neighbours: the order is [rows / M, columns / M,
 * M, M] with M = merge_size. A still picture fills all T frames alike. `shown`, unless
 * NULL, becomes the resized picture, the caller's to release. The errors of
 * preprocess_grid(), ERR_NOMEM.
 */
enum err preprocess_patches(const struct preprocess_config *, const struct image *,
			    int side, float *out, struct image *shown) MUST_CHECK;

#endif
