/* Points of a curve, without any state or store: which belong to it, where it breaks
 * even. */
#ifndef APP_POINTS_H
#define APP_POINTS_H

#include "app.h"

/* The run differs from `present` in `knob` at most (and in what "auto" makes of it). */
bool app_point_fits(const struct knobs *run, const struct knobs *present, uint64_t mask,
		    enum knob_id knob);
/* Adds it, or puts it in the place of the same setting's if it is better: this session's
 * before another's, the latest before an older one. A NaN x is left out. */
void app_curve_add(struct app_curve *, const struct app_point *);
/* Sorts by x and looks for the break-even; once all points are there. */
void app_curve_finish(struct app_curve *);

#endif
