#include "image/exif.h"

#include <string.h>

struct tiff {
	const uint8_t *at;
	size_t n;
	bool big_endian;
};

/* `bytes` (2 or 4) at `offset`; 0 beyond the end, which no valid field is. */
static uint32_t field(const struct tiff *t, size_t offset, size_t bytes)
{
	if (offset > t->n || bytes > t->n - offset)
		return 0;
	uint32_t v = 0;
	for (size_t i = 0; i < bytes; i++) {
		size_t at = t->big_endian ? i : bytes - 1 - i;
		v = v << 8 | t->at[offset + at];
	}
	return v;
}

int exif_orientation(const uint8_t *tiff, size_t n)
{
	enum { ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_SIZE = 12 };
	if (n < 8 || (memcmp(tiff, "MM\0*", 4) && memcmp(tiff, "II*\0", 4)))
		return 1;
	const struct tiff t = { tiff, n, tiff[0] == 'M' };
	size_t ifd = field(&t, 4, 4);
	uint32_t entries = field(&t, ifd, 2);
	for (uint32_t i = 0; i < entries; i++) {
		size_t entry = ifd + 2 + (size_t)i * ENTRY_SIZE;
		if (field(&t, entry, 2) != ORIENTATION)
			continue;
		uint32_t value = field(&t, entry + 8, 2);
		bool valid =
			field(&t, entry + 2, 2) == TYPE_SHORT && value >= 1 && value <= 8;
		return valid ? (int)value : 1;
	}
	return 1;
}

bool exif_transposes(int orientation) { return orientation >= 5 && orientation <= 8; }

/*
 * Where the stored pixel of an upright (x, y) lies. The eight orientations are a
 * transposition (5..8) followed by mirroring either axis.
 */
static size_t stored_at(const struct image *in, int orientation, int x, int y)
{
	bool transposed = exif_transposes(orientation);
	int sx = transposed ? y : x, sy = transposed ? x : y;
	if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
		sx = in->width - 1 - sx;
	if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
		sy = in->height - 1 - sy;
	return ((size_t)sy * (size_t)in->width + (size_t)sx) * 3;
}

enum err exif_apply(struct image *im, int orientation)
{
	if (orientation <= 1 || orientation > 8)
		return OK;
	bool transposed = exif_transposes(orientation);
	struct image turned;
	enum err e = image_alloc("EXIF orientation", transposed ? im->height : im->width,
				 transposed ? im->width : im->height, &turned);
	if (e)
		return e;
	uint8_t *to = turned.rgb;
	for (int y = 0; y < turned.height; y++)
		for (int x = 0; x < turned.width; x++, to += 3)
			memcpy(to, im->rgb + stored_at(im, orientation, x, y), 3);
	image_release(im);
	*im = turned;
	return OK;
}
