/* Draws the whole interface on its canvas, and says what lies under a point of it. */
#ifndef UI_SCREEN_H
#define UI_SCREEN_H

#include "ui/state.h"

/* Draws ui->canvas, sets ui->layout. The cursor's column is -1 while nobody types. */
void screen_draw(struct ui *, int *cursor_x, int *cursor_y);
int screen_slider_at(const struct ui *, int y); /* index of a slider, -1: none */
/* The view that stands beside the active one where there is room. */
int screen_side_view(const struct ui *);

#endif
