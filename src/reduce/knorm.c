/* The norm of a token's key, head by head, as the layer computes it anyway. */
#include "base/knobs.h"
#include "reduce/norms.h"

const struct method knorm_method = {
	.name = "knorm",
	.help = "tokens with the largest mean norm of their keys stay",
	.cost = "N D; at that layer the keys of the dropped too, N D^2",
	.source = "pruning by key and query norms in vision encoders",
	.stage = STAGE_PROJECTED,
	.needs = NEEDS_KEYS,
	.places = PLACES_EMBED,
	.score = score_projected,
	.knobs = KNOB_BIT(KNOB_KEEP),
};
