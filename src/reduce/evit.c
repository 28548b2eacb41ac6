/*
 * EViT (Liang et al. 2022, "Not All Patches are What You Need"): the patches that the
 * class token attends to most stay, the others become one token, weighted by that
 * attention, between attention and MLP of a few layers.
 */
#include <math.h>

#include "reduce/reduction.h"

static void evit_score(struct pass *p, const struct site *site, struct tensor score)
{
	op_cls_scores(p, "score", score, site->q, site->k, site->heads, site->scale);
}

/* Rounded up, as published. */
static void evit_rule(const struct reduction *r, int64_t candidates, int64_t extra,
		      struct select_opts *o)
{
	(void)extra;
	o->count = (int64_t)ceil(r->keep * (double)candidates);
	o->count = o->count < 1 ? 1 : o->count > candidates ? candidates : o->count;
}

const struct method evit_method = {
	.name = "evit",
	.help = "tokens the class token attends to stay, the others fuse into one",
	.cost = "2 N D: one row of the attention map once more, one weighted sum",
	.source = "EViT, Liang et al. 2022",
	.stage = STAGE_ATTENDED,
	.needs = NEEDS_CLS | NEEDS_QUERIES | NEEDS_KEYS,
	.places = PLACES_QUARTERS,
	.score = evit_score,
	.rule = evit_rule,
	.fuses = true,
	.knobs = KNOB_BIT(KNOB_KEEP),
};
