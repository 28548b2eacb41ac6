/*
 * Language models without labels: how far the distributions of the next token are from
 * those of the base, and how well a text is expected. All in double, natural logarithms:
 *
 *   log p(v) = x_v - log sum_w exp x_w
 *   KL       = mean over positions of sum_v p_base(v) (log p_base(v) - log p(v))
 *   loss     = mean over tokens of -log p(token | those before it)
 *
 * Rows of a picture in the middle of a text are no positions: a technique may have
 * dropped some, and nobody asks what comes after them; the token behind them is predicted
 * all the same. A value that is no number makes the figures it enters not known; one of
 * -inf is a token that cannot come.
 */
#ifndef PROFILER_LIKELIHOOD_H
#define PROFILER_LIKELIHOOD_H

#include "base/pool.h"
#include "profiler/run.h"
#include "tensor/tensor.h"

/* The text of the items, P tokens each; logits [B, T, V] have T - P rows of a picture
 * after the first `before`. */
struct likelihood_text {
	struct tensor ids; /* I32 [B, P] */
	int64_t before;
	/* A text that is shorter than the sequence comes again: only the first `once`
	 * tokens count to the loss, and each position to the others. 0: all of them. */
	int64_t once;
};

/* Zeroed: nothing was counted. */
struct likelihood {
	int64_t positions, agree;   /* compared with the base; equal likeliest tokens */
	int64_t predicted;          /* tokens */
	double kl, loss, base_loss; /* sums */
	bool counted, has_base;
};

/*
 * Adds the first `items` items. base [B, T', V] of the same text, T' >= P; ndim 0: there
 * is none. Beyond a few numbers for each position nothing is held. ERR_NOMEM; ERR_FORMAT
 * where the shapes do not go together.
 */
enum err likelihood_add(struct likelihood *, const struct tensor *logits,
			const struct tensor *base, const struct likelihood_text *,
			int64_t items, struct pool *) MUST_CHECK;

/* fidelity.kl and top1_agree of what was compared, and run->likelihood: of the base alone
 * there is no other base. What is infinite is not known, with a warning. */
void likelihood_report(const struct likelihood *, struct run *);

#endif
