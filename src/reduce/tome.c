/*
 * Token merging (Bolya et al. 2023, "Token Merging: Your ViT But Faster"): in every layer
 * the r most similar pairs become one token each; attention counts merged tokens by their
 * size. What it does is op_match and op_merge (kernels/backend.h).
 */
#include "base/knobs.h"
#include "reduce/method.h"

const struct method tome_method = {
	.name = "tome",
	.help = "in every layer the r most similar pairs of tokens merge (--merge-r)",
	.cost = "N^2 D / (4 H) + 2 N D, in every layer",
	.source = "ToMe, Bolya et al. 2023",
	.stage = STAGE_ATTENDED,
	.needs = NEEDS_KEYS,
	.places = PLACES_ALL,
	.merges = true,
	.knobs = KNOB_BIT(KNOB_MERGE_R),
};
