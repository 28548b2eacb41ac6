/* As many tokens as hold a share of the total saliency: few for a plain picture, many for
 * a busy one. */
#include "reduce/norms.h"
#include "reduce/reduction.h"

static void adaptive_rule(const struct reduction *r, int64_t candidates, int64_t extra,
			  struct select_opts *o)
{
	(void)candidates, (void)extra;
	o->by = SELECT_SHARE;
	o->value = r->keep;
}

const struct method adaptive_method = {
	.name = "adaptive",
	.help = "the fewest tokens that hold --keep of the total L2 norm stay, per "
		"picture",
	.cost = "N D + N log N",
	.source = "adaptive token counts by saliency mass",
	.stage = STAGE_BEFORE,
	.places = PLACES_EMBED,
	.score = score_tokens,
	.rule = adaptive_rule,
	.knobs = KNOB_BIT(KNOB_KEEP),
};
