#include "reduce/norms.h"

void score_tokens(struct pass *p, const struct site *site, struct tensor score)
{
	op_token_norms(p, "score", score, site->tokens, site->parts);
}

void score_projected(struct pass *p, const struct site *site, struct tensor score)
{
	op_token_norms(p, "score", score, site->projected, site->projected_heads);
}
