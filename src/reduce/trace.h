/*
 * Who went where: what a token_set did, site by site, to be read after the pass. A pass
 * only leaves row numbers and scores behind; their meaning in patches is worked out here,
 * off the clock.
 */
#ifndef REDUCE_TRACE_H
#define REDUCE_TRACE_H

#include "kernels/op.h"

struct trace_site {
	int layer;            /* -1: embed */
	struct tensor score;  /* F32 [R] of the rows that came in; ndim 0: none */
	struct selection sel; /* of dropping */
	struct tensor into;   /* I32 [B T] of merging; ndim 0: it dropped */
	int64_t merged;       /* rows that went */
};

#define TRACE_MAX_SITES 129

struct trace {
	int64_t items, patches; /* tokens of an item at the start; of the largest */
	int cls;
	int unit;             /* patches of a token; 1: tokens are patches */
	struct segments rows; /* of items of different sizes, at the start; else empty */
	const int32_t *order; /* of token_start: names of tokens; NULL: their place */
	int n;
	struct trace_site sites[TRACE_MAX_SITES];
};

/*
 * Tokens are named by their patch (or by their group of `unit` patches); what was made of
 * several is named from `patches` on, in the order it was made in that item. All arrays
 * are the caller's to free().
 */
struct trace_story {
	int layer;
	int64_t *alive;  /* [n_alive]: names that came in, rows in order, or by name
			    where tokens have an order of their own */
	float *scores;   /* [n_alive] or NULL */
	int64_t *kept;   /* [n_kept]: of alive, those that went on as they were */
	int64_t *groups; /* [patches] or NULL: merging; the first patch of the token that
			    each patch is part of */
	int64_t n_alive, n_kept;
};
/* What site i did to an item. */
void trace_tell(const struct trace *, int site, int64_t item, struct trace_story *);
void trace_story_release(struct trace_story *);

/*
 * The tokens of an item that are left at the end as they were, ascending, to
 * out[patches]; returns how many. All of them where nothing was dropped; merging keeps a
 * patch as long as it is the first of its group.
 */
int64_t trace_kept(const struct trace *, int64_t item, int32_t *out);
/* The same as patches, to out[patches * unit]: patch i of token t is t * unit + i. */
int64_t trace_kept_patches(const struct trace *, int64_t item, int32_t *out);
/* Names of what is left of an item in the order of its rows, without the class token, to
 * out[patches + TRACE_MAX_SITES]; tokens with an order of their own by name. Returns how
 * many. */
int64_t trace_left(const struct trace *, int64_t item, int64_t *out);
/* The rows of an item as they are now, also in the middle of a pass: for each the row of
 * the item that it was at the start, the class token's counted, a merged one that of its
 * first; -1: it was made of several. To out[cls + patches + TRACE_MAX_SITES]; returns how
 * many. Rows are counted in tokens, `unit` of x each. */
int64_t trace_places(const struct trace *, int64_t item, int64_t *out);
/* Tokens of an item behind what layers up to this one dropped, without the class token:
 * made ones are counted. */
int64_t trace_count_behind(const struct trace *, int layer, int64_t item);
/* Tokens that an item started with. */
int64_t trace_count(const struct trace *, int64_t item);

#endif
