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
#include "reduce/low_rank.h"
#include "reduce/trace.h"
#include "tensor/hfconfig.h"
#include "tensor/tensors.h"

struct model; /* models/model.h */

/* What goes in, data-less in a dry pass; what a model does not take has ndim 0. */
struct input {
	struct tensor pixels; /* [B, 3, S, S] */
	struct tensor ids;    /* I32 [B, T]: text tokens */
	/* [L, P]: what the embeddings of pictures are compared with: normalised
	 * embeddings of labels, times the logit scale; borrowed. */
	struct linear classes;
};

/* What comes out, in the arena of the pass; what a model does not give has ndim 0. */
struct outputs {
	struct tensor image_embeds; /* [B, P], not normalised */
	/* [B, D], of a class token: the last state before its norm, and after it.
	 * Published figures compare one with the other (models/clip_vit.c). */
	struct tensor unnormed, pooled;
	struct tensor text_embeds; /* [B, P], not normalised */
	struct tensor logits;      /* [B, L] of the classes */
	struct trace trace;        /* which tokens went where */
	int64_t tokens;            /* of an item at the start, CLS not counted */
	struct low_rank_facts low_rank;
};

/* What a model can be asked to look at. */
enum input_kind { INPUT_PICTURES, INPUT_TEXT };

struct family {
	const char *name; /* "clip_vit" */
	const char *const
		*model_types;  /* config.json model_type it accepts; NULL-terminated */
	enum input_kind takes; /* of two families with one model_type, this decides */
	uint64_t knobs;        /* KNOB_BITs that mean something here */
	/* Why a knob outside the mask means nothing here: a phrase, or NULL for the plain
	 * one. */
	const char *(*why_not)(enum knob_id);

	/* Fills model->state, sizes checked against the stored shapes. */
	enum err (*configure)(struct model *, const struct hfconfig *);
	/* Asks the model's tensors for all weights; the caller checks tensors_error(). */
	void (*bind)(struct model *);
	/* Calls fn for every linear that a pass with these knobs uses (NULL: with any),
	 * so that a backend can prepare them. */
	enum err (*each_linear)(struct model *, const struct knobs *,
				enum err (*fn)(void *ctx, struct linear *), void *ctx);
	/*
	 * Makes what these knobs need beyond the weights: position rows of another image
	 * size, factors of low rank. After tensors_prepare(), before a pass that is not
	 * dry, with no other pass at work; again costs nothing. NULL: nothing is needed.
	 */
	enum err (*adapt)(struct model *, const struct knobs *);
	void (*release)(struct model *);

	/* Knob values that are allowed in general but not for this model: ERR_USAGE. */
	enum err (*check)(const struct model *, const struct knobs *);
	/* How pictures of `side` become pixels where no file says so; of INPUT_PICTURES.
	 */
	struct preprocess_config (*preprocess)(int side);
	/* The shape of the input for these knobs (batch, sizes), data-less. */
	struct input (*shape)(const struct model *, const struct knobs *);
	void (*forward)(struct pass *, const struct model *, const struct input *,
			const struct knobs *, struct outputs *);
};

extern const struct family *const families[]; /* NULL-terminated */

#endif
