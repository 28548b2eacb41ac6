/*
 * A model family: one file that reads a configuration, binds weights by name and computes
 * a forward pass with ops. It never knows that it is measured and never names a device.
 *
 * A model goes through: configure (config.json against the stored shapes), bind (names to
 * weights, shapes checked), then any number of forward passes. The same `bind` serves a
 * mapped file and a seeded generator.
 */
#ifndef MODELS_FAMILY_H
#define MODELS_FAMILY_H

#include "base/knobs.h"
#include "image/image.h"
#include "image/preprocess.h"
#include "kernels/op.h"
#include "tensor/hfconfig.h"
#include "tensor/tensors.h"

struct model; /* models/model.h */

/* What goes in: pixels [B, 3, S, S] for vision. Data-less in a dry pass. */
struct input {
	struct tensor pixels;
};

/* What comes out, in the arena of the pass. */
struct outputs {
	struct tensor image_embeds; /* [B, P], not normalised */
	struct tensor kept;         /* I32 [B, K]; ndim 0 where no token was dropped */
	int64_t tokens;             /* tokens of an item at the start, CLS not counted */
	int64_t tokens_kept;        /* at the end */
};

struct family {
	const char *name; /* "clip_vit" */
	const char *const
		*model_types; /* config.json model_type it accepts; NULL-terminated */
	uint64_t knobs;       /* KNOB_BITs that mean something here */
	/* Why a knob outside the mask means nothing here: a phrase, or NULL for the plain
	 * one. */
	const char *(*why_not)(enum knob_id);

	/* Fills model->state, sizes checked against the stored shapes. */
	enum err (*configure)(struct model *, const struct hfconfig *);
	/* Asks the model's tensors for all weights; the caller checks tensors_error(). */
	void (*bind)(struct model *);
	/* Calls fn for every linear, so that a backend can prepare them. */
	enum err (*each_linear)(struct model *,
				enum err (*fn)(void *ctx, struct linear *), void *ctx);
	void (*release)(struct model *);

	/* Knob values that are allowed in general but not for this model: ERR_USAGE. */
	enum err (*check)(const struct model *, const struct knobs *);
	/* The shape of the input for these knobs (batch, sizes), data-less. */
	struct input (*shape)(const struct model *, const struct knobs *);
	void (*forward)(struct pass *, const struct model *, const struct input *,
			const struct knobs *, struct outputs *);
};

extern const struct family *const families[]; /* NULL-terminated */

#endif
