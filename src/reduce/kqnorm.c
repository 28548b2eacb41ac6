/* The norms of a token's key and query together. */
#include "base/knobs.h"
#include "reduce/norms.h"

const struct method kqnorm_method = {
	.name = "kqnorm",
	.help = "tokens with the largest mean norm of their keys and queries stay",
	.cost = "2 N D; at that layer keys and queries of the dropped too, 2 N D^2",
	.source = "pruning by key and query norms in vision encoders",
	.stage = STAGE_PROJECTED,
	.needs = NEEDS_KEYS | NEEDS_QUERIES,
	.places = PLACES_EMBED,
	.score = score_projected,
	.knobs = KNOB_BIT(KNOB_KEEP),
};
