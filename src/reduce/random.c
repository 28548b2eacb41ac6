/* Seeded chance: the control that any criterion has to beat. */
#include "base/rng.h"
#include "reduce/method.h"

static struct tensor random_score(struct pass *p, const struct site *site)
{
	return op_random_scores(p, "score", site->tokens,
				rng_key(site->seed, "reduce/random"));
}

const struct method random_method = {
	.name = "random",
	.help = "tokens chosen by chance, seeded",
	.score = random_score,
};
