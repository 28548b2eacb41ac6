/*
 * Kernel distillation: a transform of weights. A long convolution
 *   y[t] = sum over l < L of K[l] x[t - l],  K [L, D, D]
 * whose kernel, as a matrix [L, D D], is cut to rank r by its singular value
 * decomposition, becomes r filters with a scalar tap for every l, the same for all
 * channels, and one mix of what they give:
 *   y[t] = sum over i < r of M[i] (sum over l of f[i][l] x[t - l]),  M [r, D, D]
 * r (L D + D^2) multiply-adds a step instead of L D^2, r (L + D^2) values instead of L
 * D^2.
 */
#ifndef REDUCE_DISTILL_H
#define REDUCE_DISTILL_H

#include "kernels/op.h"
#include "reduce/low_rank.h"

/* Factors of every rank, once it was factored. */
struct distilled {
	int64_t length, width; /* L, D */
	int64_t most;          /* ranks there are: min(L, D^2) */
	float *sigma;          /* [most], descending; NULL: not factored yet */
	struct tensor taps;    /* [most, L], scaled by sigma; owned */
	struct tensor mix;     /* [D, most D]: those of filter i from column i D on */
};

void distill_init(struct distilled *, int64_t length, int64_t width);
/* Memory that the factors take while they are made. */
double distill_bytes(const struct distilled *);
/* Factors the kernel [L, D, D], once. ERR_NOMEM; ERR_FORMAT where it is not finite. */
enum err distill(struct distilled *, const struct tensor *kernel) MUST_CHECK;
void distill_release(struct distilled *);

/* ERR_USAGE beyond the ranks there are. */
enum err distill_check(const struct distilled *, int64_t rank,
		       const char *model) MUST_CHECK;
/* The mix of the first `rank` filters as a view; before it was factored, and where only
 * the shape is wanted, without data. */
struct linear distill_mix(const struct distilled *, int64_t rank, bool shape_only);

/*
 * x [B, T, D] through the first `rank` filters and their mix (which may be prepared), in
 * spans NAME.taps and NAME.mix; tells the facts. A dry pass needs no factors.
 */
struct tensor op_distilled(struct pass *, const char *name, struct tensor x,
			   const struct distilled *, int64_t rank,
			   const struct linear *mix, struct low_rank_facts *);

#endif
