/*
 * The tokens that are alive at a point of the model, per item of the batch: original
 * indices, ascending. Dropping goes through here, so that every method selects, gathers
 * and counts the same way.
 */
#ifndef REDUCE_TOKEN_SET_H
#define REDUCE_TOKEN_SET_H

#include "reduce/method.h"

struct token_set {
	int64_t total;      /* tokens at the start, CLS not counted */
	int64_t count;      /* alive */
	struct tensor kept; /* I32 [B, count]; ndim 0: all of them, in order */
};

struct token_set token_set_all(int64_t total);

/*
 * Keeps max(1, (int)(count * keep)) tokens of `site` by the method's score. A method
 * without a score leaves the set as it is and opens no span.
 */
void token_set_prune(struct token_set *, struct pass *, const struct method *,
		     const struct site *, double keep);

#endif
