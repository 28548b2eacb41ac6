/* What the files of op.h share: the span around an op, and what is counted of tensors. */
#ifndef KERNELS_OP_SPAN_H
#define KERNELS_OP_SPAN_H

#include "kernels/op.h"

/* Opens an op's span; false when the pass has failed or was cancelled. */
bool op_begin(struct pass *, const char *name);
void op_end(struct pass *, const struct op_count *);

/* Tokens of an item of a [B, T, D], or of the mean item of a ragged [1, R, D]. */
int64_t tokens_of(const struct pass *, const struct tensor *);

static inline double bytes_of(const struct tensor *t) { return (double)tensor_bytes(t); }

#endif
