/* The norm of a token's query, head by head, as the layer computes it anyway. */
#include "base/knobs.h"
#include "reduce/norms.h"

const struct method qnorm_method = {
	.name = "qnorm",
	.help = "tokens with the largest mean norm of their queries stay",
	.cost = "N D; at that layer the queries of the dropped too, N D^2",
	.source = "pruning by key and query norms in vision encoders",
	.stage = STAGE_PROJECTED,
	.needs = NEEDS_QUERIES,
	.places = PLACES_EMBED,
	.score = score_projected,
	.knobs = KNOB_BIT(KNOB_KEEP),
};
