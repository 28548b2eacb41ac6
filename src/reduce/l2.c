/* The L2 norm of the token itself: cheap, and needs nothing but the tokens. */
#include "base/knobs.h"
#include "reduce/norms.h"

const struct method l2_method = {
	.name = "l2",
	.help = "tokens with the largest L2 norm stay",
	.cost = "N D",
	.source = "visual token pruning by the norm of the patch embedding",
	.stage = STAGE_BEFORE,
	.places = PLACES_EMBED,
	.score = score_tokens,
	.knobs = KNOB_BIT(KNOB_KEEP),
};
