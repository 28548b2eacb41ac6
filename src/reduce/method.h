/*
 * A reduction method: how the tokens that stay are chosen, or how tokens are merged. One
 * file per method, one word in meson.build. What is kept, gathered and made of the rest
 * is the business of struct token_set: a method only scores, and may say how many stay.
 */
#ifndef REDUCE_METHOD_H
#define REDUCE_METHOD_H

#include "base/str.h"
#include "kernels/op.h"

struct reduction; /* reduce/reduction.h */

/* What a method looks at, beyond the tokens. */
enum needs { NEEDS_QUERIES = 1 << 0, NEEDS_KEYS = 1 << 1, NEEDS_CLS = 1 << 2 };

/* When, within a layer, tokens go. */
enum stage {
	STAGE_BEFORE,    /* before the layer, or at the embedding */
	STAGE_PROJECTED, /* between projection and attention */
	STAGE_ATTENDED,  /* between attention and MLP */
	STAGE_AFTER      /* after the layer; scored where its attention is */
};

/* Where a method applies when no layers are given. */
enum places {
	PLACES_EMBED,    /* to the patch embeddings, or the first projection */
	PLACES_QUARTERS, /* at layers L/4, L/2 and 3L/4, as EViT does: 3, 6, 9 of 12 */
	PLACES_ALL       /* at every layer */
};

/* What a method may look at; what its stage does not have is data-less. */
struct site {
	int layer;            /* -1: embed */
	struct tensor tokens; /* [B, T, D], or [1, R, D] ragged */
	/* Equal parts of a token's row that are scored alike, and averaged: 1, or the
	 * patches that go together. */
	int parts;
	/* STAGE_PROJECTED: what `needs` names, side by side: [B, T, D] or [B, T, 2D] */
	struct tensor projected;
	int projected_heads; /* of all parts */
	struct tensor q, k;  /* STAGE_ATTENDED and _AFTER: [B, T, D] */
	int heads;
	float scale;
	uint64_t seed;
};

struct method {
	const char *name, *help;
	/* For the criterion card: the cost of a choice in N tokens of D channels, and who
	 * proposed it. */
	const char *cost, *source;
	enum stage stage;
	unsigned needs; /* enum needs */
	enum places places;
	/* Higher stays; to `score` [R], a row of tokens each. The cost is in the spans of
	 * its own ops. NULL: it drops nothing. */
	void (*score)(struct pass *, const struct site *, struct tensor score);
	/* How many of `candidates` stay (of every item) where `extra` other rows enter
	 * the layers; NULL: max(1, (int)(candidates * keep)). */
	void (*rule)(const struct reduction *, int64_t candidates, int64_t extra,
		     struct select_opts *);
	/* The dropped become one token, weighted by their scores, which is a candidate
	 * from then on. */
	bool fuses;
	bool merges; /* does not drop: pairs of tokens become one (token_set_merge) */
	/* KNOB_BITs of keep, merge-r and threshold: the amount it uses; the others have
	 * to be at their defaults. */
	uint64_t knobs;
};

extern const struct method *const methods[]; /* NULL-terminated */

const struct method *method_by_name(const char *name); /* NULL: none */
/* Adds "none, l2, random": for messages. */
void method_names(struct str *);

#endif
