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

/* FAKE_SSM: a selective scan; `encoder`: layers that drop tokens by a threshold. */
uint64_t fake_ssm_mask(void);
const char *fake_ssm_name(void);
void fake_ssm_fill(struct run *, const struct knobs *);
/* Settings over the length of a sequence; the caller frees. */
struct app_setting *fake_ssm_measured(const struct knobs *present, int *n);

struct run *fake_run(const struct knobs *, bool estimate); /* the caller frees */

#endif
