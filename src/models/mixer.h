/* What mixers that stand alone share: models of raw sequences [B, T, D], one mixer each.
 */
#ifndef MODELS_MIXER_H
#define MODELS_MIXER_H

#include "models/model.h"

/* [B, T, D] for these knobs. */
struct input mixer_shape(const struct model *, const struct knobs *, int64_t width);
/* Rows [first, first + n) of item b of a [B, T, D], as [1, n, D]; no data of none. */
struct tensor mixer_rows(struct tensor, int64_t b, int64_t first, int64_t n);
/* Why a mixer drops no tokens and reads no pictures; NULL: the plain words. */
const char *mixer_why_not(enum knob_id);

#endif
