/* What the fake app offers beside app.h. */
#ifndef TESTS_TUI_FAKE_APP_H
#define TESTS_TUI_FAKE_APP_H

#include "app.h"

uint64_t fake_knob_mask(void);
/* FAKE_VL: the model is a vision-language one with a ragged grid of merge units. */
#define FAKE_VL_ROWS 13
#define FAKE_VL_COLUMNS 14
/* Names, layers, sites and what there is of visual tokens; times come from the layers. */
void fake_vl_fill(struct run *, const struct knobs *);

struct run *fake_run(const struct knobs *, bool estimate); /* the caller frees */

#endif
