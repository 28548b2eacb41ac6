/*
 * Vision towers of Qwen2-VL (Wang et al. 2024) and Qwen2.5-VL (Bai et al. 2025): pictures
 * of any size in patches of p x p, rotary positions, a merger that joins 2 x 2 patches to
 * a token of a language model.
 *
 *   x = patches W^T                          [R, D]: R patches of all pictures
 *
 *   per block, q, k and v of norm1(x), q and k turned by their place (op_rotary):
 *
 *   x += proj(attention)                     within a picture; in most blocks of 2.5
 *                                            within a window
 *   x += fc2(quick_gelu(fc1(norm2(x))))      Qwen2: LayerNorm
 *   x += down(silu(gate(n)) up(n))           Qwen2.5: RMSNorm, n = norm2(x)
 *
 *   merged = mlp.2(gelu(mlp.0(n)))           [R / 4, out], n = ln_q(x) as [R / 4, 4 D]
 *
 * Whole tokens are dropped: the 4 patches of one stay together, with their rotary rows,
 * in their window.
 */
#ifndef MODELS_QWEN_VISUAL_H
#define MODELS_QWEN_VISUAL_H

#include "models/qwen_plan.h"
#include "models/vit.h"

struct qwen_block {
	struct norm norm1, norm2;
	struct projection in;
	struct linear out;
	struct linear fc1, fc2;       /* Qwen2 */
	struct linear gate, up, down; /* Qwen2.5 */
};

struct qwen_visual {
	bool gated; /* Qwen2.5: RMS norms, gated MLP, windows */
	int64_t width, mlp, depth, heads, out;
	int64_t patch, temporal;
	uint64_t whole[16]; /* bits: blocks that attend to a whole picture */
	struct qwen_layout layout;
	struct linear patch_embed;
	struct qwen_block *blocks; /* [depth], owned */
	struct norm merger_norm;
	struct linear merger1, merger2;
};

#define QWEN_VISUAL_KNOBS                                                                \
	(FAMILY_KNOBS | KNOB_BIT(KNOB_METHOD) | KNOB_BIT(KNOB_KEEP) |                    \
	 KNOB_BIT(KNOB_PRUNE_AT) | KNOB_BIT(KNOB_THRESHOLD) |                            \
	 KNOB_BIT(KNOB_THRESHOLD_SCALE) | KNOB_BIT(KNOB_FUSED_QKV) |                     \
	 KNOB_BIT(KNOB_IMAGE_SIZE))

/* Where the keys of the language model are: at the top, as in published files, or in
 * text_config. */
const struct hfconfig *qwen_text_config(const struct hfconfig *root);
/* `out` is the width of the language model where the configuration does not say. Sets
 * model->tokens and model->image_size. */
enum err qwen_visual_configure(struct qwen_visual *, struct model *,
			       const struct hfconfig *vision, bool gated,
			       int64_t out) MUST_CHECK;
void qwen_visual_bind(struct qwen_visual *, struct tensors *);
enum err qwen_visual_each_linear(struct qwen_visual *, const struct knobs *,
				 enum err (*fn)(void *ctx, struct linear *), void *ctx);
void qwen_visual_release(struct qwen_visual *);

enum err qwen_visual_check(const struct qwen_visual *, const struct model *,
			   const struct knobs *, struct reduction *out) MUST_CHECK;
/* Fills everything but ids. */
enum err qwen_visual_shape(const struct qwen_visual *, const struct model *,
			   const struct input_facts *, const struct knobs *,
			   struct input *) MUST_CHECK;
/* Angles of the input's plan. */
enum err qwen_visual_fill(const struct model *, struct input *) MUST_CHECK;
struct preprocess_config qwen_visual_preprocess(const struct model *, int side);
const char *qwen_visual_why_not(enum knob_id);
/* Block i attends to whole pictures, not to windows. */
bool qwen_visual_is_whole(const struct qwen_visual *, int64_t block);
struct tower qwen_visual_tower(const struct qwen_visual *, const struct model *);

/* The tower of a pass: lives as long as it. */
struct qwen_visual_pass {
	struct reduction reduction;
	struct token_set set;
	int turn, window, number, item, text; /* what is carried; -1: nothing */
	/* Of patches: as they are now, and room for those of what is left. */
	struct segments pictures, windows, pictures_left, windows_left;
	int drops; /* sites that they have seen */
	bool fused;
};
/* [tokens left, out], in the order of the picture; `text`: their turn [.., W] goes along
 * to *turn (NULL: nobody wants it). */
struct tensor qwen_visual_forward(struct pass *, const struct qwen_visual *,
				  const struct model *, const struct input *,
				  const struct knobs *, struct outputs *,
				  struct qwen_visual_pass *, struct tensor *turn);

#endif
