/*
 * Pictures: 8-bit RGB in memory, read from files whose content says what they are (the
 * suffix does not matter).
 *
 * Pixels are those of Pillow's Image.open(path).convert("RGB"), because the published
 * results of the models rest on them: alpha is dropped and never blended, palettes are
 * expanded, ICC profiles and gamma are ignored, 16-bit grey is clipped at 255 while other
 * 16-bit samples keep their high byte, CMYK is read with Adobe's polarity.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Pillow's own limit against decompression bombs (twice its MAX_IMAGE_PIXELS). */
#define IMAGE_MAX_PIXELS INT64_C(178956970)

struct image {
	int width, height; /* at least 1 of a picture that was read or drawn */
	uint8_t *rgb;      /* owned: height rows of width * 3 bytes without gaps */
};

/*
 * Reads a PNG, JPEG, PPM (P6) or PGM (P5). `exif` turns the picture as its EXIF
 * orientation asks; without it (the reference's way) the orientation is ignored.
 *
 * The message names the file and the fact. ERR_NOTFOUND, ERR_IO (directory, not a regular
 * file, unreadable), ERR_FORMAT (empty, truncated, damaged, too many pixels, not a
 * picture), ERR_UNSUPPORTED (another picture format), ERR_NOMEM. After an error *out is
 * empty.
 */
enum err image_load(const char *path, bool exif, struct image *out) MUST_CHECK;

/*
 * The size of the picture that image_load() would make of a whole file, by its header
 * alone: so with `exif` the sides may be swapped. The same errors, but for those of the
 * pixels: a damaged or truncated rest is not seen. After an error both are 0.
 */
enum err image_size(const char *path, bool exif, int *width, int *height) MUST_CHECK;

/* True when the path is a regular file whose first bytes are those of a format that
 * image_load() reads; says nothing of the rest. */
bool image_sniff(const char *path);

/* An empty picture may be released too, and is what a released one becomes. */
void image_release(struct image *);

/*
 * Memory for width x height pixels, contents undefined. ERR_FORMAT "NAME: ..." for a zero
 * side or more than IMAGE_MAX_PIXELS, before anything is allocated; ERR_NOMEM.
 */
enum err image_alloc(const char *name, int64_t width, int64_t height,
		     struct image *out) MUST_CHECK;

#endif
