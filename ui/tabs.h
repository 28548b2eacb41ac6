/* The row of tabs: one for each view that has something to say of the open model, and for
 * the active one. The first nine have a number, which is their key. */
#ifndef UI_TABS_H
#define UI_TABS_H

#include "ui/state.h"

#define TABS_NOTICE                                                                      \
	17 /* columns right of the tabs that a notice needs to say something */

/* Returns the column behind the last tab. */
int tabs_draw(struct ui *, struct canvas *, int y);
/* The view of a number, from 1; -1: there is none. */
int tabs_view(const struct ui *, int number);
/* The view of the next tab (+1) or the one before (-1), cyclic. */
int tabs_next(const struct ui *, int direction);
/* View under a point, -1: none. */
int tabs_at(const struct ui *, int x, int y);

#endif
