/*
 * Low-rank projections: a transform of weights, not of tokens. W [out, in] ~ A B with A
 * [out, r] and B [r, in] from the truncated singular value decomposition, the best there
 * is of that rank. Two thin products replace one: r (out + in) multiply-adds a row
 * instead of out * in.
 */
#ifndef REDUCE_LOW_RANK_H
#define REDUCE_LOW_RANK_H

#include "base/knobs.h"
#include "kernels/op.h"

/* A linear and, once it was factored, its factors of every rank. */
struct low_rank {
	struct linear full;
	struct tensor left, right; /* [out, k] scaled by sigma, [k, in]; owned */
	float *sigma;              /* [k], descending; NULL: not factored yet */
	int64_t most;              /* k = min(out, in) */
};

/* What low-rank factors do to the weights; matrices 0: nothing. */
struct low_rank_facts {
	int matrices;
	double rel_error;      /* |W - A B| / |W|, Frobenius, over all of them */
	int64_t break_even;    /* rank from which the largest costs more than it did */
	double full, stored;   /* values of all of them, and of their factors */
	const float *spectrum; /* [n_spectrum]: singular values of the largest,
				  descending; borrowed from the model */
	int64_t n_spectrum;
};

/* |W - A B| / |W| (Frobenius) of the first `rank` of n singular values. */
double low_rank_error(const float *sigma, int64_t n, int64_t rank);

/* Takes the linear; `most` follows from its shape. */
void low_rank_init(struct low_rank *, struct linear full);
/* Factors, once; seconds for thousands of columns. ERR_NOMEM. */
enum err low_rank_factor(struct low_rank *) MUST_CHECK;
void low_rank_release(struct low_rank *);

int64_t low_rank_wanted(const struct knobs *); /* 0: off */
/* ERR_USAGE beyond what the matrix has. */
enum err low_rank_check(const struct low_rank *, int64_t rank,
			const char *model) MUST_CHECK;

/*
 * x W^T + b, or with rank > 0 its approximation in two spans NAME.down and NAME.up; adds
 * to the facts. A dry pass needs no factors.
 */
struct tensor op_low_rank(struct pass *, const char *name, struct tensor x,
			  const struct low_rank *, int64_t rank, struct low_rank_facts *);

#endif
