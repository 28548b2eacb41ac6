/* What the files of op.h share: the span around an op, and what is counted of tensors. */
#ifndef KERNELS_OP_SPAN_H
#define KERNELS_OP_SPAN_H

#include "kernels/op.h"

/* Opens an op's span; false when the pass has failed or was cancelled. */
bool op_begin(struct pass *, const char *name);
void op_end(struct pass *, const struct op_count *);

/* Tokens of the mean item that so many rows are of (pass.unit). */
static inline int64_t tokens_per_item(const struct pass *p, int64_t rows, int64_t items)
{
	int64_t unit = p->unit > 1 ? p->unit : 1;
	return (rows * unit + items / 2) / items;
}
/* The same of a [B, T, D], or of a ragged [1, R, D]; 0 of what has no items. */
int64_t tokens_of(const struct pass *, const struct tensor *);

/* What x is rounded to in a product: the type of the pass, where its weights are held in
 * it (classes and factors are not). */
static inline enum dtype product_type(const struct pass *p, const struct linear *l)
{
	return l->weight.dtype == p->dtype ? p->dtype : DT_F32;
}

static inline double bytes_of(const struct tensor *t) { return (double)tensor_bytes(t); }

#endif
