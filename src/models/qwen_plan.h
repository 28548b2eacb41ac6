/*
 * Where the patches of a batch of pictures lie in Qwen's vision towers: pictures of any
 * size, one after the other, a token being `unit` patches (2 x 2 of them) that the merger
 * will join. Everything here follows from the sizes of the pictures, so it is made once
 * and lies in memory also for a dry pass; only tables of angles wait for plan_fill().
 *
 * Qwen2.5 walks a picture window by window: `order` is that sequence.
 */
#ifndef MODELS_QWEN_PLAN_H
#define MODELS_QWEN_PLAN_H

#include "models/family.h"

struct qwen_layout {
	int64_t merge;    /* side of a token, in patches: 2 */
	int64_t window;   /* side of a window, in tokens; 0: there are no windows */
	int64_t head_dim; /* of the tower */
	/* Of the language model that reads the tokens; head_dim 0: there is none. */
	int64_t text_head_dim;
	int64_t sections[3]; /* angles that tell time, row and column */
	double theta;
};

struct qwen_plan {
	struct qwen_layout layout;
	int64_t items, tokens; /* of all items */
	int64_t largest;       /* tokens of the largest item */
	bool uneven;           /* not all items have as many */
	/* Tokens in the sequence: [items] of each picture, [tokens] the rest. */
	int32_t *start, *length;
	int32_t *item;    /* whose it is */
	int32_t *order;   /* its number in its picture, row by row; NULL: they are that */
	int32_t *number;  /* the same over all items */
	int32_t *inverse; /* the place of each number; NULL as order */
	int32_t *window;  /* which window of all items; NULL: there are no windows */
	int32_t *row_start, *row_length;       /* [items]: of patches */
	int32_t *window_start, *window_length; /* [windows]: of patches */
	int64_t windows;
	int64_t prompt, before;
	int32_t *longest; /* [items]: the longer side of the grid, in tokens */
	/* By plan_fill(): [patches, head_dim], [tokens, text_head_dim], [items, prompt,
	 * text_head_dim]: what comes behind a picture stands behind its longer side. */
	float *turn, *picture_turn, *prompt_turn;
};

/* `grids` [items], in patches, sides multiples of merge. */
struct qwen_plan *qwen_plan_create(const struct qwen_layout *,
				   const struct patch_grid *grids, int64_t items,
				   const struct input_facts *);
void qwen_plan_free(void *plan);

/* Cosines and sines. ERR_NOMEM. */
enum err qwen_plan_fill(struct qwen_plan *, const struct patch_grid *grids) MUST_CHECK;

/* [cos | sin] of one position of a text, as row of backend.h's rotary. */
void qwen_text_turn(const struct qwen_layout *, const int64_t position[3], float *row);

#endif
