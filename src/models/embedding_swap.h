/*
 * Token embeddings of another checkpoint in the place of a model's own (knob embeddings).
 *
 * Rows are matched by what their tokens stand for, by the tokenizers of both; a preset's
 * tokens are bytes, and two presets of one family and size of vocabulary are matched id
 * by id, as the checkpoints that they stand for would be. A token that the other
 * vocabulary lacks keeps its own row, as do rows beyond the tokenizer. Where the widths
 * differ, the other rows go through the matrix that brings those of all shared tokens
 * closest to the own ones (kernels/least_squares.h): what the rest of the model expects
 * to see. Where they are alike they are taken as they are.
 *
 * Only what goes in is replaced: a head that is tied to the table keeps the model's own
 * one, so that logits before and after are of the same head.
 */
#ifndef MODELS_EMBEDDING_SWAP_H
#define MODELS_EMBEDDING_SWAP_H

#include "base/knobs.h"
#include "models/family.h"

/* Those that a model was asked for so far; zeroed: none. */
struct embedding_swaps {
	struct embedding_swap *first;
};

void embedding_swaps_release(struct embedding_swaps *);

/*
 * Makes the table that these knobs ask for, once; for family->adapt. A preset is opened
 * with the seed after this model's. ERR_USAGE: it is the model itself; ERR_FORMAT: it has
 * no token embeddings, or no token in common; ERR_ as model_open() and
 * texts_open_tokenizer(); messages begin with the option.
 */
enum err embedding_swaps_adapt(struct embedding_swaps *, const struct model *,
			       const struct knobs *) MUST_CHECK;

/* The table that these knobs ask for, in the shape and dtype of `own`, and what is to say
 * of it; of a dry pass `own`, which costs the same. */
struct tensor embedding_swaps_table(const struct embedding_swaps *, const struct pass *,
				    const struct knobs *, struct tensor own,
				    struct embedding_facts *);

#endif
