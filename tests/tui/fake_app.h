/* What the fake app offers beside app.h. */
#ifndef TESTS_TUI_FAKE_APP_H
#define TESTS_TUI_FAKE_APP_H

#include "app.h"

uint64_t fake_knob_mask(void);
struct run *fake_run(const struct knobs *, bool estimate); /* the caller frees */

#endif
