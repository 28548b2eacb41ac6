/*
 * The tokens that are alive at a point of a model: [class token] patches [summaries], per
 * item of the batch. Dropping and merging go through here, so that every method selects,
 * gathers and counts the same way, and rows are physically gone.
 *
 * Order of calls in a pass, all of them doing nothing without a method:
 *   begin, embed, start, then per layer: before, [projected], attended, after
 */
#ifndef REDUCE_TOKEN_SET_H
#define REDUCE_TOKEN_SET_H

#include "reduce/reduction.h"
#include "reduce/trace.h"

struct token_set {
	const struct reduction *reduction;
	struct trace *trace;
	int64_t items;
	int front, back; /* rows of an item that are no candidates; rows.back rules */
	struct tensor x; /* [B, T, D], or [1, R, D] where rows are ragged */
	struct segments rows;     /* of x */
	struct tensor size;       /* F32 [B, T] of merged tokens; ndim 0: all 1 */
	struct tensor spare[2];   /* where the next x goes, in turns */
	struct tensor spare_size; /* [2, rows]: where the next sizes go */
	int turn;
	struct select_opts pending; /* of STAGE_AFTER: scored, not yet dropped */
	bool is_pending;
	struct trace_site last; /* that dropped between projection and attention */
	int last_made;
};

/* `trace` belongs to the caller and tells afterwards who went where; what it points to
 * lies in the pass's arena. */
void token_set_begin(struct token_set *, struct pass *, const struct reduction *,
		     struct trace *, int64_t items, int64_t patches, bool cls);
/* patches [B, N, D] -> x with positions, pruned before them where the technique says so.
 */
struct tensor token_set_embed(struct token_set *, struct pass *, struct tensor patches,
			      struct tensor cls, struct tensor pos);
/* x as it enters the layers (after a norm, say). */
void token_set_start(struct token_set *, struct pass *, struct tensor x);

/* Each may replace set->x. */
void token_set_before(struct token_set *, struct pass *, int layer);
/* What the projection of this layer has to bring first (enum needs); 0: nothing. */
unsigned token_set_wants(const struct token_set *, int layer);
/* projected [B, T, D or 2 D]: drops by it; then what else the caller made of x's rows
 * follows. A token made of several has the mean of what they had. */
void token_set_projected(struct token_set *, struct pass *, int layer,
			 struct tensor projected, int heads);
struct tensor token_set_follow(struct token_set *, struct pass *, const char *name,
			       struct tensor);
void token_set_attended(struct token_set *, struct pass *, int layer, struct tensor q,
			struct tensor k, int heads, float scale);
void token_set_after(struct token_set *, struct pass *);

#endif
