/* Seeded chance: the control that any criterion has to beat. */
#include <stdio.h>

#include "base/knobs.h"
#include "base/rng.h"
#include "reduce/method.h"

/* Each site draws from a stream of its own. */
static void random_score(struct pass *p, const struct site *site, struct tensor score)
{
	char stream[48] = "reduce/random";
	if (site->layer >= 0)
		snprintf(stream, sizeof(stream), "reduce/random/%d", site->layer);
	op_random_scores(p, "score", score, site->tokens, rng_key(site->seed, stream));
}

const struct method random_method = {
	.name = "random",
	.help = "tokens chosen by chance, seeded",
	.cost = "N",
	.source = "a control",
	.stage = STAGE_BEFORE,
	.places = PLACES_EMBED,
	.score = random_score,
	.knobs = KNOB_BIT(KNOB_KEEP),
};
