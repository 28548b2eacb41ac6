/* A slider on one row: name, track, value, a note. Knows nothing of knobs. */
#ifndef UI_WIDGETS_SLIDER_H
#define UI_WIDGETS_SLIDER_H

#include "ui/canvas.h"

struct slider {
	const char *label, *value, *note;
	double fraction; /* 0..1 */
	bool selected, disabled;
};

#define SLIDER_HEAD 9 /* columns before the track */

int slider_track_width(int width); /* columns of the track in a row of `width` */
void slider_draw(struct canvas *, int x, int y, int width, const struct slider *);
/* Where a click at column `x` of the row puts the slider: 0..1; NaN: beside the track. */
double slider_hit(int width, int x);

#endif
