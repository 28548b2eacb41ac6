/* The lines of figures at the top: what runs, and what came of it. */
#ifndef UI_HEADLINE_H
#define UI_HEADLINE_H

#include "app.h"
#include "ui/canvas.h"
#include "ui/widgets/parts.h"

/* "RUN 14/30 ±0.6% eta 3s", "RUN n 513 ±0.6%" after more samples than the least,
 * "loading: reading weights 43%", "idle". */
void headline_state(const struct app *, const struct canvas *, char *buf, size_t size);
/* Milliseconds, speed-up, the knobs that are not at their default, FLOPs ratio, cosine,
 * memory of the run on the screen. `sliders`: knobs that stand on the screen anyway. */
void headline_parts(const struct app *, const enum knob_id *sliders, int n_sliders,
		    const struct canvas *, struct parts *);
/* Model, input, device, base. */
void headline_subject(const struct app *, struct parts *);

#endif
