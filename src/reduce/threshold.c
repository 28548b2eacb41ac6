/*
 * A saliency threshold before every layer: what falls below leaves for good. How many
 * stay depends on the picture.
 */
#include "reduce/norms.h"
#include "reduce/reduction.h"

static void threshold_rule(const struct reduction *r, int64_t candidates, int64_t extra,
			   struct select_opts *o)
{
	(void)candidates, (void)extra;
	o->by = r->quantile ? SELECT_QUANTILE : SELECT_ABOVE;
	o->value = r->threshold;
}

const struct method threshold_method = {
	.name = "threshold",
	.help = "tokens whose L2 norm exceeds --threshold stay, layer by layer",
	.cost = "N D, in every layer",
	.source = "dynamic token pruning by saliency",
	.stage = STAGE_BEFORE,
	.places = PLACES_ALL,
	.score = score_tokens,
	.rule = threshold_rule,
	.knobs = KNOB_BIT(KNOB_THRESHOLD),
};
