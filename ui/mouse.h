/* Clicks, drags and the wheel: on sliders, tabs, knobs and views. */
#ifndef UI_MOUSE_H
#define UI_MOUSE_H

#include "ui/key.h"
#include "ui/state.h"

void mouse_key(struct ui *, const struct key *);

#endif
