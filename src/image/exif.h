/* EXIF orientation (CIPA DC-008, tag 0x0112): internal to this folder. */
#ifndef IMAGE_EXIF_H
#define IMAGE_EXIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

/*
 * The orientation in a TIFF block (what follows "Exif\0\0" in a JPEG, the eXIf chunk of a
 * PNG): 1..8, and 1 where there is none or the block is damaged.
 */
int exif_orientation(const uint8_t *tiff, size_t n);

/* True of an orientation under which width and height change places. */
bool exif_transposes(int orientation);

/* Turns and mirrors so that the picture stands upright. ERR_NOMEM leaves it as it was. */
enum err exif_apply(struct image *, int orientation) MUST_CHECK;

#endif
