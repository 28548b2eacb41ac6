/* A picture format: internal to this folder. One file each, registered in meson.build. */
#ifndef IMAGE_FORMAT_H
#define IMAGE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "image/image.h"

struct image_source {
	const char *name; /* the path, escaped: for messages */
	FILE *file;       /* at its first byte; buffered, closed by the caller */
	int64_t size;     /* bytes, when it was opened */
};

struct image_format {
	const char *name; /* "PNG" */
	bool (*knows)(const uint8_t *head, size_t n);
	/*
	 * Fills an empty *out, or leaves it to the caller to release after an error.
	 * *orientation (1 before) may become 2..8 when the file has one.
	 */
	enum err (*read)(struct image_source *, struct image *out, int *orientation);
	/*
	 * The stored size, checked by image_check_size(), of which nothing is turned yet.
	 * *orientation as above; NULL: it is not wanted, and not searched for.
	 */
	enum err (*size)(struct image_source *, int *width, int *height,
			 int *orientation);
};

extern const struct image_format *const image_formats[]; /* ends with NULL */

/*
 * Reads exactly n bytes; false at the end of the file or after a read error, which
 * image_source_end() then tells apart.
 */
bool image_source_read(struct image_source *, void *buf, size_t n);
/* ERR_FORMAT as of image_alloc(), for who allocates nothing. */
enum err image_check_size(const char *name, int64_t width, int64_t height) MUST_CHECK;
/* "NAME: truncated FORMAT" or "NAME: cannot read: REASON". */
enum err image_source_end(const struct image_source *, const char *format);

#endif
