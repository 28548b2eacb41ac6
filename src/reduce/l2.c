/* The L2 norm of the token itself: cheap, and needs nothing but the tokens. */
#include "reduce/method.h"

static struct tensor l2_score(struct pass *p, const struct site *site)
{
	return op_row_norms(p, "score", site->tokens);
}

const struct method l2_method = {
	.name = "l2",
	.help = "tokens with the largest L2 norm stay",
	.score = l2_score,
};
