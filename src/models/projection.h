/*
 * The projection of an attention: q, k and v of one matrix [3D, D], as one product or
 * three; or, where keys or queries choose which tokens stay, those first, of all tokens,
 * and the rest of those that stay.
 */
#ifndef MODELS_PROJECTION_H
#define MODELS_PROJECTION_H

#include "kernels/op.h"
#include "reduce/token_set.h"
#include "tensor/tensors.h"

/* Products of some of q, k and v use some of the rows of `qkv`. */
struct projection {
	int64_t width;
	int heads;
	struct linear qkv, qk, q, k, v;
};

/* PREFIX.weight as it is stored, and PREFIX.bias. */
struct linear linear_bind(struct tensors *, const char *prefix, int64_t in, int64_t out,
			  bool bias);

struct projection projection_of(struct linear qkv, int64_t width, int heads);
/* Outputs [begin, begin + count) of a linear, as a view of its rows. */
struct linear linear_rows(const struct linear *, int64_t begin, int64_t count);

/* What the method of these knobs projects apart (enum needs); NULL: with any knobs. */
unsigned projection_needs(const struct knobs *);
/* For every linear that a pass may use with one projection, or with three, and with a
 * choice that needs some of them (enum needs) apart. */
enum err projection_each_linear(struct projection *, bool fused, unsigned needs,
				enum err (*fn)(void *ctx, struct linear *), void *ctx);

/* [B, T, D] each; views of one tensor [B, T, 3D] where the product was one. */
struct qkv {
	struct tensor q, k, v;
};

/* Of h, the normed set->x, which loses its dropped rows where this layer chooses by keys
 * or queries. `fused`: one product. */
struct qkv project(struct pass *, const struct projection *, struct tensor h,
		   struct token_set *, int layer, bool fused);

#endif
