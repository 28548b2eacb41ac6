/*
 * The tokens that are alive at a point of a model: [class token] patches [summaries], per
 * item of the batch. Dropping and merging go through here, so that every method selects,
 * gathers and counts the same way, and rows are physically gone.
 *
 * A token has one row of x, or several that go and stay together (`unit`: the patches
 * that a merger will join). Choosing sees tokens as rows of unit * D, so that gathering
 * one moves all of its rows; models see x in rows.
 *
 * Order of calls in a pass, all of them doing nothing without a method:
 *   begin, embed, start, then per layer: before, [projected], attended, after
 * or, where tokens are placed by what is carried along and not by a table of positions:
 *   begin, carry ..., enter, then per layer the same
 */
#ifndef REDUCE_TOKEN_SET_H
#define REDUCE_TOKEN_SET_H

#include "reduce/reduction.h"
#include "reduce/trace.h"

/* Tensors that follow the tokens. */
#define TOKEN_SET_CARRIES 5
struct token_carry {
	const char *name;
	struct tensor now, spare[2];
};

/* What a pass starts with. */
struct token_start {
	int64_t items;
	int64_t tokens; /* of an item, the class token not counted; of the largest */
	bool cls;
	/* Where items are of different sizes: rows in tokens, with data also in a dry
	 * pass; and all of them together. Else empty. */
	struct segments rows;
	int64_t total;
	/* The number in its picture of each token, item after item; NULL: in order. */
	const int32_t *order;
};

struct token_set {
	const struct reduction *reduction;
	struct trace *trace;
	int64_t items, most; /* tokens there can be at most, of all items */
	int front, back;     /* rows of an item that are no candidates; rows.back rules */
	int unit;            /* rows of x that a token has */
	bool uneven;         /* items began with different numbers of tokens */
	struct tensor x;     /* [B, T unit, D], or [1, R unit, D] where ragged */
	struct segments rows; /* of x, in tokens */
	struct token_carry carry[TOKEN_SET_CARRIES];
	int n_carries;
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
 * lies in the pass's arena, and in what `start` borrows. */
void token_set_begin(struct token_set *, struct pass *, const struct reduction *,
		     struct trace *, const struct token_start *start);
/* A tensor of 4-byte elements with a row for each token, [B, T, C] or [1, R, C], is
 * gathered along whenever tokens go. Returns what token_set_carried() wants. Before
 * enter. */
int token_set_carry(struct token_set *, struct pass *, const char *name, struct tensor);
struct tensor token_set_carried(const struct token_set *, int carry);
/* Starts with x, and drops tokens where the technique does so at the embedding. */
void token_set_enter(struct token_set *, struct pass *, struct tensor x);
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
/* projected [B, T unit, D or 2 D]: drops by it; then what else the caller made of x's
 * rows follows. A token made of several has the mean of what they had. */
void token_set_projected(struct token_set *, struct pass *, int layer,
			 struct tensor projected, int heads);
struct tensor token_set_follow(struct token_set *, struct pass *, const char *name,
			       struct tensor);
void token_set_attended(struct token_set *, struct pass *, int layer, struct tensor q,
			struct tensor k, int heads, float scale);
void token_set_after(struct token_set *, struct pass *);

#endif
