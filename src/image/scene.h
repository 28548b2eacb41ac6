/*
 * The built-in picture, for a first run without any file: a house, a tree and a balloon
 * before calm hills and sky, so that a few patches say much and many say little, which is
 * what token pruning lives on. All that matters lies in the centred square. Integer
 * arithmetic: the same bytes on every machine.
 */
#ifndef IMAGE_SCENE_H
#define IMAGE_SCENE_H

#include "image/image.h"

enum { SCENE_WIDTH = 512, SCENE_HEIGHT = 384 };

/* *out is new. ERR_NOMEM. */
enum err scene_draw(struct image *out) MUST_CHECK;

#endif
