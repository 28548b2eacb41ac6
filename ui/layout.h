/* Where things go on a screen of any size. */
#ifndef UI_LAYOUT_H
#define UI_LAYOUT_H

#include "ui/state.h"

void layout_make(struct layout *, const struct app *, int width, int height);

#endif
