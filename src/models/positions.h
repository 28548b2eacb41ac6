/* Position rows, for the trained image size and for another one. */
#ifndef MODELS_POSITIONS_H
#define MODELS_POSITIONS_H

#include "base/err.h"
#include "tensor/tensor.h"

struct positions {
	struct tensor trained; /* [lead + side * side, D]; borrowed */
	int lead;              /* rows before the grid: of the class token */
	int64_t side;
	struct tensor resized; /* owned; data NULL: none yet */
	int64_t resized_side;
};

/*
 * Has rows for a grid of `side` ready: the first `lead` as they are, the grid resized
 * bicubically as PyTorch's interpolate does (a = -0.75, pixel centres, no antialiasing,
 * edges repeated), which is what transformers' interpolate_pos_encoding calls. One other
 * size at a time. ERR_NOMEM.
 */
enum err positions_adapt(struct positions *, int64_t side) MUST_CHECK;
/* Rows for a grid of `side`; without data in a dry pass, which needs no adapting. */
struct tensor positions_for(const struct positions *, int64_t side, bool dry);
void positions_release(struct positions *);

#endif
