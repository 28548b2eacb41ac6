/* Norms as scores: what several methods share. */
#ifndef REDUCE_NORMS_H
#define REDUCE_NORMS_H

#include "reduce/method.h"

/* The L2 norm of each token. */
void score_tokens(struct pass *, const struct site *, struct tensor score);
/* The mean over heads of the norm of what was projected. */
void score_projected(struct pass *, const struct site *, struct tensor score);

#endif
