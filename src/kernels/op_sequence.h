/*
 * Ops on sequences: what state-space models and multi-resolution scans are made of. As
 * op.h has it: each opens a span, calls the backend and counts; x [B, T, D], items after
 * one another, each row after those before it.
 */
#ifndef KERNELS_OP_SEQUENCE_H
#define KERNELS_OP_SEQUENCE_H

#include "kernels/op.h"

/* act of a causal convolution of every channel; `past` [B, k - 1, D] is what came before
 * and becomes what comes before the next call; ndim 0: nothing did. 2 k FLOPs an element,
 * and those of bias and act. */
struct tensor op_conv1d(struct pass *, const char *name, struct tensor x,
			const struct conv *, enum act, struct tensor past);
/*
 * The selective scan (backend.h), delta [B, T, D], b, c [B, T, N]; `step` stretches time.
 * `state` [B, D, N]: where it goes on from and what it leaves behind; ndim 0: it starts
 * from zero and leaves nothing. 9 FLOPs for each of B T D N (models.md), none by the
 * other conventions: nobody counts a fused scan.
 */
struct tensor op_scan(struct pass *, const char *name, struct tensor x,
		      struct tensor delta, struct tensor b, struct tensor c,
		      const struct ssm *, float step, struct tensor state);
/* y *= silu(z), in place */
void op_gate(struct pass *, const char *name, struct tensor y, struct tensor z);
/* x once more, for what works in place. */
struct tensor op_copy(struct pass *, const char *name, struct tensor x);
/* Every r-th row of an item from its first on: [B, ceil(T / r), D]. Where r does not
 * divide T the last one stands for fewer. */
struct tensor op_downsample(struct pass *, const char *name, struct tensor x, int r);
/* Each row r times, cut to T rows an item. */
struct tensor op_upsample(struct pass *, const char *name, struct tensor x, int r,
			  int64_t length);
/* The same to the memory of y. */
void op_upsample_to(struct pass *, const char *name, struct tensor y, struct tensor x,
		    int r);
/*
 * How much rows vary: adds to sums [B, VARIATION_SUMS + D] (backend.h) what x [B, t, D]
 * has of it, whose first row is row 0, 16, 32 ... of the item. 3 FLOPs for each element
 * and factor, 3 more for energy and mean.
 */
void op_variation(struct pass *, const char *name, struct tensor sums, struct tensor x);
/* y = g up(low) + (1 - g) y, in place; g [B, T, D] or [D] */
void op_blend(struct pass *, const char *name, struct tensor y, struct tensor low,
	      struct tensor g, int r);
/* The mean of each item's rows: [B, D] */
struct tensor op_mean_rows(struct pass *, const char *name, struct tensor x,
			   int64_t items, const struct segments *rows);
/* Each of r filters `taps` [r, L] over every channel: [B, T, r D] */
struct tensor op_taps(struct pass *, const char *name, struct tensor x,
		      struct tensor taps);

/*
 * A convolution over all channels as a product: y[t] = W (rows t ... t + w - 1 of x, one
 * after the other), x [B, T + w - 1, D], W [out, w D] -> [B, T, out]. The windows are
 * views: x is read once, and counted so.
 */
struct tensor op_windows(struct pass *, const char *name, struct tensor x,
			 const struct linear *);

/* Rows of a coarse sequence. */
static inline int64_t coarse_length(int64_t length, int r)
{
	return (length + r - 1) / r;
}

#endif
