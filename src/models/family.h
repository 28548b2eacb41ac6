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

/* What decoding goes on from, the base of a family's own: keys and values of a
 * transformer, states of a state-space model. */
struct decoding {
	int64_t length; /* tokens so far */
	double bytes;   /* of what is kept of them */
	void (*free)(struct decoding *);
};

static inline void decoding_free(struct decoding *d)
{
	if (d)
		d->free(d);
}

/* Logits of every position up to so many of them; of more, of the last position alone. */
#define LOGITS_MOST (1 << 28) /* 1 GiB: 5338 tokens of 50,280 rows */
static inline bool logits_of_all(int64_t items, int64_t length, int64_t vocab)
{
	return (double)items * (double)length * (double)vocab <= LOGITS_MOST;
}

/* What is known of an input before its values: what shapes follow from. Zeroed: nothing,
 * and shapes are those of the model's own example. */
struct input_facts {
	struct picture_size {
		int width, height;
	} * pictures; /* [n_pictures] of the batch, which go around; owned by its maker */
	int64_t n_pictures;
	/* Of a prompt about pictures: its tokens, theirs not counted, and how many of
	 * them come before the picture. */
	int64_t prompt, before;
	/* Of texts, ids and raw sequences that were given: items, and tokens of each; the
	 * knobs batch and seq rule where they are set otherwise. */
	int64_t items, length;
};

/* What goes in, data-less in a dry pass; what a model does not take has ndim 0. */
struct input {
	int64_t items;        /* of the batch */
	struct tensor pixels; /* [B, 3, S, S] */
	/* [R, K]: patches of pictures of any size, one picture after the other, in the
	 * order that the model wants them. */
	struct tensor patches;
	struct patch_grid *grids; /* [B] of these; NULL: the model takes pixels */
	/* That order where it is not the pictures' own, of all groups of patches that
	 * make a token: its number in its picture; borrowed from `plan`. */
	const int32_t *order;
	struct tensor ids;      /* I32 [B, T]: text tokens */
	struct tensor sequence; /* F32 [B, T, D]: a raw sequence */
	/* The family's own, made by shape() and filled by fill(); it knows how many rows
	 * of `patches` a picture has and in what order. Not changed by a pass. */
	void *plan;
	void (*plan_free)(void *plan);
	/* What decoding goes on from, filled by the pass; NULL: it does not. Borrowed. */
	struct decoding *state;
	/* [L, P]: what the embeddings of pictures are compared with: normalised
	 * embeddings of labels, times the logit scale; borrowed. */
	struct linear classes;
};

/* Token embeddings that came from another checkpoint (models/embedding_swap.h). */
struct embedding_facts {
	const char *source;   /* NULL: they are the model's own */
	int64_t rows, shared; /* of the table; those that were replaced */
	double rel_error;     /* of the map between widths; NaN: they are alike */
};

/* What comes out, in the arena of the pass; what a model does not give has ndim 0. */
struct outputs {
	/* [B, P], not normalised; or with by_token [R, P]: a row for each token that is
	 * left, named by trace_left(), item after item. */
	struct tensor image_embeds;
	bool by_token;
	/* [B, T, V]: of what comes after each token; [B, 1, V], after the last one, where
	 * all would be too many (logits_of_all). */
	struct tensor token_logits;
	/* [B, D], of a class token: the last state before its norm, and after it (or of a
	 * model without one the mean of its tokens). Published figures compare one with
	 * the other (models/clip_vit.c). */
	struct tensor unnormed, pooled;
	struct tensor text_embeds; /* [B, P], not normalised */
	/* [B, C] of a model's own head; with it `pooled` [B, D] is the mean of tokens. */
	struct tensor class_logits;
	/* Of a model whose tokens are counted after every layer: its layers; else 0. */
	int64_t kept_layers;
	struct tensor sequence; /* [B, T, D] */
	/* Multi-resolution scanning: what its gates open to the coarse branch on average
	 * (NaN: there is none), and the factor of each item (I32 [B]; ndim 0: none). */
	double gate_mean;
	struct tensor factors;
	struct tensor logits; /* [B, L] of the classes */
	struct trace trace;   /* which tokens went where */
	int64_t tokens;       /* of an item at the start, CLS not counted */
	struct low_rank_facts low_rank;
	struct embedding_facts embeddings;
};

/* What a model can be asked to look at; PROMPT: a text about a picture; SEQUENCE: rows of
 * numbers (--input), or seeded ones. */
enum input_kind { INPUT_PICTURES, INPUT_TEXT, INPUT_PROMPT, INPUT_SEQUENCE };

struct family {
	const char *name; /* "clip_vit" */
	const char *const
		*model_types; /* config.json model_type it accepts; NULL-terminated */
	/* Whether a config.json without a model_type is this family's; NULL: none is. */
	bool (*knows)(const struct hfconfig *);
	enum input_kind takes; /* of two families with one model_type, this decides */
	/* A text comes again and again to fill --seq, and may be as long as that; else it
	 * is padded with the mark of its end. */
	bool repeats_text;
	const char *blocks; /* the path of its vision blocks: "blocks" where NULL */
	uint64_t knobs;     /* KNOB_BITs that mean something here */
	/* Why a knob outside the mask means nothing here: a phrase, or NULL for the plain
	 * one. */
	const char *(*why_not)(enum knob_id);

	/* Weights of a preset that are more than independent random numbers; NULL: they
	 * are not. */
	struct tensors *(*generate)(const struct hfconfig *, uint64_t seed,
				    const char *label);
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
	/* The table of token embeddings [V, D], bound; NULL: it has none. */
	struct tensor (*embeddings)(const struct model *);
	void (*release)(struct model *);

	/* Knob values that are allowed in general but not for this model: ERR_USAGE. */
	enum err (*check)(const struct model *, const struct knobs *);
	/* How pictures of `side` become pixels where no file says so (0: of any size);
	 * NULL: it takes none. */
	struct preprocess_config (*preprocess)(const struct model *, int side);
	/* The shape of the input for these knobs (batch, sizes), data-less;
	 * input_release() is the caller's. ERR_FORMAT: pictures that this model cannot
	 * take; ERR_USAGE: more of them than it can. */
	enum err (*shape)(const struct model *, const struct input_facts *,
			  const struct knobs *, struct input *out);
	/* Makes tables that follow from the shape and that a pass reads, once; not for a
	 * dry pass. NULL: there are none. ERR_NOMEM. */
	enum err (*fill)(const struct model *, struct input *);
	void (*forward)(struct pass *, const struct model *, const struct input *,
			const struct knobs *, struct outputs *);
	/*
	 * Language models only, else NULL. Memory for a pass over this input (B = 1) to
	 * leave what it knows behind, with room for `more` tokens; ERR_NOMEM. Then one
	 * token after the other: out->token_logits [1, 1, V]. A dry step costs what the
	 * dearest one does and leaves the state as it was.
	 */
	enum err (*decode_begin)(const struct model *, const struct input *, int64_t more,
				 struct decoding **out);
	void (*decode)(struct pass *, const struct model *, struct decoding *,
		       int32_t token, struct outputs *);
	/* The same of a model of raw sequences, which has no `decode`: after row [1, 1,
	 * D] comes out->sequence [1, 1, D]. */
	void (*decode_row)(struct pass *, const struct model *, struct decoding *,
			   struct tensor row, struct outputs *);
};

/* What every family has: the type of its products, and how and where it runs. */
#define FAMILY_KNOBS                                                                     \
	(KNOB_BIT(KNOB_DTYPE) | KNOB_BIT(KNOB_BATCH) | KNOB_BIT(KNOB_SEED) |             \
	 KNOB_BIT(KNOB_THREADS) | KNOB_BIT(KNOB_GEMM) | KNOB_BIT(KNOB_DEVICE))

/* That drop or merge tokens: what a family whose tokens all stay has one reason against.
 */
static inline bool knob_takes_tokens(enum knob_id id)
{
	return KNOB_BIT(id) & (KNOB_BIT(KNOB_METHOD) | KNOB_BIT(KNOB_KEEP) |
			       KNOB_BIT(KNOB_MERGE_R) | KNOB_BIT(KNOB_PRUNE_AT) |
			       KNOB_BIT(KNOB_SUMMARY) | KNOB_BIT(KNOB_THRESHOLD));
}

extern const struct family *const families[]; /* NULL-terminated */

/* Whether the family is the one for this kind of input: texts are a prompt too. */
static inline bool family_takes(const struct family *f, enum input_kind kind)
{
	return f->takes == kind || (f->takes == INPUT_PROMPT && kind == INPUT_TEXT);
}

#endif
