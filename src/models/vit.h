/*
 * The transformer that CLIP, SigLIP and their text towers share: pre-norm blocks,
 *   x += out(softmax(q k^T / sqrt(dh)) v), q, k, v of LN1(x)
 *   x += fc2(act(fc1(LN2(x))))
 * with tokens dropped or merged on the way (reduce/token_set.h).
 */
#ifndef MODELS_VIT_H
#define MODELS_VIT_H

#include "models/family.h"
#include "models/projection.h"

struct vit_block {
	struct norm ln1, ln2;
	struct projection in;
	struct linear out, fc1, fc2;
};

struct vit {
	int64_t width, mlp, depth, heads;
	float eps;
	enum act act;
	bool causal;
	struct vit_block *blocks; /* [depth], owned */
};

/* hidden_size and its kin, with these defaults; hfconfig_error() is the caller's. */
struct vit_defaults {
	int64_t width, mlp, depth, heads;
	double eps;
	const char *act;
};
enum err vit_configure(struct vit *, const struct model *, const struct hfconfig *,
		       const struct vit_defaults *) MUST_CHECK;
/* Blocks named PREFIX.0, PREFIX.1, ...; more of them than `depth` in the weights are an
 * error (vit_check_depth). */
enum err vit_check_depth(const struct vit *, const struct model *,
			 const char *prefix) MUST_CHECK;
void vit_bind(struct vit *, struct tensors *, const char *prefix);
void vit_release(struct vit *);

struct norm vit_bind_norm(struct tensors *, const char *prefix, int64_t width, float eps);

bool vit_is_fused(const struct knobs *); /* one product for q, k and v, or three */
/* For every linear that a pass may use with one projection, or with three. */
enum err vit_each_linear(struct vit *, bool fused, unsigned needs,
			 enum err (*fn)(void *ctx, struct linear *), void *ctx);

/* All blocks on set->x; `fused`: one product for q, k and v. */
void vit_forward(struct pass *, const struct vit *, struct token_set *, bool fused);

#endif
