/*
 * The L2 norm again, but the number of rows that enter the matrix products of an item
 * (class token and summaries included) is rounded up to whole tiles: the rows between
 * cost nothing where a tile is computed anyway.
 */
#include "reduce/norms.h"
#include "reduce/reduction.h"

#define TILE_ROWS 16 /* of AMX, and of OpenBLAS's AVX-512 kernels */

static void aligned_rule(const struct reduction *r, int64_t candidates, int64_t extra,
			 struct select_opts *o)
{
	int64_t tile = TILE_ROWS > r->unit ? TILE_ROWS / r->unit : 1;
	int64_t rows = knob_kept(candidates, r->keep) + extra;
	rows = (rows + tile - 1) / tile * tile;
	o->count = rows - extra < candidates ? rows - extra : candidates;
	if (!extra) /* of items of different sizes each fills its own tiles */
		o->tile = tile;
}

const struct method aligned_method = {
	.name = "aligned",
	.help = "l2, with the number of rows rounded up to tiles of 16",
	.cost = "N D",
	.source = "l2, fitted to the tiles of matrix products",
	.stage = STAGE_BEFORE,
	.places = PLACES_EMBED,
	.score = score_tokens,
	.rule = aligned_rule,
	.knobs = KNOB_BIT(KNOB_KEEP),
};
