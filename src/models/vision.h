/*
 * What vision towers share: pictures to patches to positioned tokens, and the knobs that
 * follow from that.
 *
 *   patches [B, N, 3pp] -> W_patch -> [B, N, D]
 *   tokens dropped at `embed`: each that stays keeps its own position row
 *   x = [cls; patches] + pos                     [B, 1 + K, D], or [B, K, D]
 *   blocks (models/vit.h)
 */
#ifndef MODELS_VISION_H
#define MODELS_VISION_H

#include "models/positions.h"
#include "models/vit.h"

struct vision {
	struct vit vit;
	int64_t patch, image;
	const char
		*root; /* before "vision_model.": "", "vision_tower."; static; NULL: "" */
	struct linear patch_embed;
	struct tensor cls; /* [D]; ndim 0: none */
	struct positions pos;
};

#define VISION_KNOBS                                                                     \
	(FAMILY_KNOBS | KNOB_BIT(KNOB_METHOD) | KNOB_BIT(KNOB_KEEP) |                    \
	 KNOB_BIT(KNOB_MERGE_R) | KNOB_BIT(KNOB_PRUNE_AT) | KNOB_BIT(KNOB_SUMMARY) |     \
	 KNOB_BIT(KNOB_THRESHOLD) | KNOB_BIT(KNOB_THRESHOLD_SCALE) |                     \
	 KNOB_BIT(KNOB_LAYOUT) | KNOB_BIT(KNOB_FUSED_QKV) | KNOB_BIT(KNOB_IMAGE_SIZE))

/* Reads sizes, sets model->tokens and model->image_size. */
enum err vision_configure(struct vision *, struct model *, const struct hfconfig *vision,
			  const struct vit_defaults *, int64_t patch) MUST_CHECK;
/* vision_model.embeddings and .encoder.layers */
void vision_bind(struct vision *, struct tensors *, bool cls, bool patch_bias);
enum err vision_each_linear(struct vision *, const struct knobs *,
			    enum err (*fn)(void *ctx, struct linear *), void *ctx);
void vision_release(struct vision *);

enum err vision_check(const struct vision *, const struct model *,
		      const struct knobs *) MUST_CHECK;
/* Side of the picture that these knobs ask for. */
int64_t vision_side(const struct vision *, const struct knobs *);
struct input vision_shape(const struct vision *, const struct knobs *);
enum err vision_adapt(struct vision *, const struct knobs *) MUST_CHECK;
const char *vision_why_not(enum knob_id);

/* The tower of a pass: `reduction` and `set` live as long as it. */
struct vision_pass {
	struct reduction reduction;
	struct token_set set;
	bool fused;
};
/* Up to x with positions, which is returned (and set->x only once it is started). */
struct tensor vision_embed(struct pass *, const struct vision *, const struct model *,
			   const struct input *, const struct knobs *, struct outputs *,
			   struct vision_pass *);
/* All blocks, from x on; the result is vp->set.x. */
void vision_encode(struct pass *, const struct vision *, struct vision_pass *,
		   struct tensor x);

#endif
