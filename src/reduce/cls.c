/* The class token's attention, after the layer: what it looked at stays. */
#include "base/knobs.h"
#include "reduce/method.h"

/* Its row of the attention map is computed once more: the fused attention stays. */
static void cls_score(struct pass *p, const struct site *site, struct tensor score)
{
	op_cls_scores(p, "prune.score", score, site->q, site->k, site->heads,
		      site->scale);
}

const struct method cls_method = {
	.name = "cls",
	.help = "tokens that the class token attends to most stay",
	.cost = "N D: one row of the attention map once more",
	.source = "class attention as importance (Liang et al. 2022 and others)",
	.stage = STAGE_AFTER,
	.needs = NEEDS_CLS | NEEDS_QUERIES | NEEDS_KEYS,
	.places = PLACES_QUARTERS,
	.score = cls_score,
	.knobs = KNOB_BIT(KNOB_KEEP),
};
