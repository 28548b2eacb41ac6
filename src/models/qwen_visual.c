#include "models/qwen_visual.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "image/scene.h"
#include "models/input.h"
#include "models/model.h"
#include "models/vision.h"

#define EPS 1e-6f /* of all norms of both towers, not in their configurations */

/* ---- configuration ---- */

const struct hfconfig *qwen_text_config(const struct hfconfig *root)
{
	return hfconfig_has(root, "text_config") ? hfconfig_sub(root, "text_config")
						 : root;
}

bool qwen_visual_is_whole(const struct qwen_visual *v, int64_t block)
{
	return !v->layout.window || v->whole[block / 64] >> (block % 64) & 1;
}

/* fullatt_block_indexes: the blocks of Qwen2.5 that have no windows. */
static enum err read_whole(struct qwen_visual *v, const struct hfconfig *c)
{
	static const int64_t published[] = { 7, 15, 23, 31 };
	const char *key = "fullatt_block_indexes", *what = hfconfig_label(c);
	const json_t *list =
		hfconfig_has(c, key) ? json_object_get(hfconfig_json(c), key) : NULL;
	size_t n = list ? json_array_size(list) : sizeof(published) / sizeof(*published);
	if (list && !json_is_array(list))
		return err_set(ERR_FORMAT, "%s: %s is no list", what, key);
	for (size_t i = 0; i < n; i++) {
		const json_t *item = list ? json_array_get(list, i) : NULL;
		int64_t block = list ? json_integer_value(item) : published[i];
		if (list && (!json_is_integer(item) || block < 0 || block >= v->depth))
			return err_set(ERR_FORMAT, "%s: %s: want blocks from 0 to %d",
				       what, key, (int)v->depth - 1);
		if (block < v->depth)
			v->whole[block / 64] |= UINT64_C(1) << (block % 64);
	}
	return OK;
}

static enum err check_act(const struct qwen_visual *v, const struct hfconfig *c)
{
	const char *want = v->gated ? "silu" : "quick_gelu";
	const char *act = hfconfig_str(c, "hidden_act", want);
	char shown[64];
	return strcmp(act, want)
		       ? err_set(ERR_UNSUPPORTED,
				 "%s: hidden_act \"%s\": this tower has %s",
				 hfconfig_label(c),
				 str_escaped(shown, sizeof(shown), act, strlen(act)),
				 want)
		       : OK;
}

/* What the published files say under other names in either version. */
static void read_sizes(struct qwen_visual *v, const struct hfconfig *c, int64_t out)
{
	const char *width = v->gated ? "hidden_size" : "embed_dim";
	v->width = hfconfig_int(c, width, 1280, 4, 65536);
	v->depth = hfconfig_int(c, "depth", 32, 1, 1024);
	v->heads = hfconfig_int(c, "num_heads", 16, 1, 1024);
	v->patch = hfconfig_int(c, "patch_size", 14, 1, 256);
	v->temporal = hfconfig_int(c, "temporal_patch_size", 2, 1, 16);
	v->layout.merge = hfconfig_int(c, "spatial_merge_size", 2, 1, 16);
	if (v->gated) {
		v->mlp = hfconfig_int(c, "intermediate_size", 3420, 1, 262144);
		v->out = hfconfig_int(c, "out_hidden_size", out, 1, 65536);
		v->layout.window = hfconfig_int(c, "window_size", 112, 1, 8192) /
				   v->layout.merge / v->patch;
	} else {
		double ratio = hfconfig_num(c, "mlp_ratio", 4, 0.01, 64);
		v->mlp = (int64_t)((double)v->width * ratio);
		v->out = hfconfig_int(c, "hidden_size", out, 1, 65536);
	}
}

static enum err check_sizes(const struct qwen_visual *v, const struct hfconfig *c)
{
	static const char *const channels[] = { "in_channels", "in_chans" };
	const char *what = hfconfig_label(c);
	for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++)
		if (hfconfig_int(c, channels[i], 3, 1, 64) != 3)
			return err_set(ERR_UNSUPPORTED, "%s: vision_config.%s is not 3",
				       what, channels[i]);
	if (v->mlp < 1)
		return err_set(ERR_FORMAT, "%s: mlp_ratio leaves no channel of %d", what,
			       (int)v->width);
	if (v->width % v->heads || v->width / v->heads % 4)
		return err_set(ERR_FORMAT,
			       "%s: %d channels in %d heads: rotary positions want heads "
			       "of a multiple of 4",
			       what, (int)v->width, (int)v->heads);
	if (v->gated && v->layout.window < 1)
		return err_set(ERR_FORMAT,
			       "%s: window_size is less than one token of %d x %d pixels",
			       what, (int)(v->patch * v->layout.merge),
			       (int)(v->patch * v->layout.merge));
	return OK;
}

/* Real checkpoints say "visual.", those of newer libraries "model.visual.". */
static const char *root_of(const struct tensors *t)
{
	struct tensor stored;
	return tensors_find(t, "model.visual.patch_embed.proj.weight", &stored)
		       ? "model.visual"
		       : "visual";
}

/* More blocks in the weights than the configuration says. */
static enum err check_depth(const struct qwen_visual *v, const struct model *m)
{
	char name[96];
	struct tensor stored;
	snprintf(name, sizeof(name), "%s.blocks.%d.norm1.weight", root_of(m->tensors),
		 (int)v->depth);
	if (!tensors_is_generated(m->tensors) && tensors_find(m->tensors, name, &stored))
		return err_set(ERR_FORMAT,
			       "%s: vision_config.depth is %d, but %s holds %s too",
			       hfconfig_label(m->config), (int)v->depth,
			       tensors_label(m->tensors), name);
	return OK;
}

enum err qwen_visual_configure(struct qwen_visual *v, struct model *m,
			       const struct hfconfig *c, bool gated, int64_t out)
{
	v->gated = gated;
	read_sizes(v, c, out);
	enum err e = hfconfig_error(c);
	if (!e)
		e = check_sizes(v, c);
	if (!e)
		e = check_act(v, c);
	if (!e && gated)
		e = read_whole(v, c);
	v->layout.head_dim = v->width / v->heads;
	m->cut = (struct model_cut){ (int)v->patch, (int)v->temporal,
				     (int)v->layout.merge };
	m->image_size = 0; /* as large as the picture */
	m->patches_per_token = (int)(v->layout.merge * v->layout.merge);
	return e ? e : check_depth(v, m);
}

/* ---- weights ---- */

static struct norm bind_norm(const struct qwen_visual *v, struct tensors *t,
			     const char *prefix)
{
	char name[160];
	if (!v->gated)
		return vit_bind_norm(t, prefix, v->width, EPS);
	snprintf(name, sizeof(name), "%s.weight", prefix);
	return (struct norm){ .weight = tensors_get(t, name, DIMS(v->width)),
			      .eps = EPS };
}

static void bind_block(const struct qwen_visual *v, struct tensors *t, const char *root,
		       int i, struct qwen_block *b)
{
	char name[128];
	int64_t d = v->width, f = v->mlp;
#define NAME(suffix) (snprintf(name, sizeof(name), "%s.blocks.%d." suffix, root, i), name)
	b->norm1 = bind_norm(v, t, NAME("norm1"));
	b->in = projection_of(linear_bind(t, NAME("attn.qkv"), d, 3 * d, true), d,
			      (int)v->heads);
	b->out = linear_bind(t, NAME("attn.proj"), d, d, true);
	b->norm2 = bind_norm(v, t, NAME("norm2"));
	if (v->gated) {
		b->gate = linear_bind(t, NAME("mlp.gate_proj"), d, f, true);
		b->up = linear_bind(t, NAME("mlp.up_proj"), d, f, true);
		b->down = linear_bind(t, NAME("mlp.down_proj"), f, d, true);
	} else {
		b->fc1 = linear_bind(t, NAME("mlp.fc1"), d, f, true);
		b->fc2 = linear_bind(t, NAME("mlp.fc2"), f, d, true);
	}
#undef NAME
}

void qwen_visual_bind(struct qwen_visual *v, struct tensors *t)
{
	const char *root = root_of(t);
	char name[128];
	int64_t joined = v->width * v->layout.merge * v->layout.merge, p = v->patch;
#define NAME(suffix) (snprintf(name, sizeof(name), "%s." suffix, root), name)
	struct tensor w = tensors_get_stored(t, NAME("patch_embed.proj.weight"),
					     DIMS(v->width, 3, v->temporal, p, p));
	/* The convolution as a matrix: its kernels lie row by row already. */
	v->patch_embed.weight =
		tensor_of(w.dtype, w.data, DIMS(v->width, 3 * v->temporal * p * p));
	v->blocks = mem_alloc(sizeof(*v->blocks) * (size_t)v->depth);
	for (int i = 0; i < v->depth; i++)
		bind_block(v, t, root, i, &v->blocks[i]);
	v->merger_norm = bind_norm(v, t, NAME("merger.ln_q"));
	v->merger1 = linear_bind(t, NAME("merger.mlp.0"), joined, joined, true);
	v->merger2 = linear_bind(t, NAME("merger.mlp.2"), joined, v->out, true);
#undef NAME
}

enum err qwen_visual_each_linear(struct qwen_visual *v, const struct knobs *k,
				 enum err (*fn)(void *, struct linear *), void *ctx)
{
	enum err e = fn(ctx, &v->patch_embed);
	for (int i = 0; !e && i < v->depth; i++) {
		struct qwen_block *b = &v->blocks[i];
		struct linear *const plain[] = { &b->out, &b->fc1, &b->fc2 };
		struct linear *const gated[] = { &b->out, &b->gate, &b->up, &b->down };
		size_t n = v->gated ? 4 : 3;
		e = projection_each_linear(&b->in, !k || vit_is_fused(k),
					   projection_needs(k), fn, ctx);
		for (size_t j = 0; !e && j < n; j++)
			e = fn(ctx, v->gated ? gated[j] : plain[j]);
	}
	if (!e)
		e = fn(ctx, &v->merger1);
	return e ? e : fn(ctx, &v->merger2);
}

void qwen_visual_release(struct qwen_visual *v)
{
	free(v->blocks);
	v->blocks = NULL;
}

/* ---- knobs and shapes ---- */

struct tower qwen_visual_tower(const struct qwen_visual *v, const struct model *m)
{
	return (struct tower){ .name = m->name,
			       .depth = v->depth,
			       .unit = (int)(v->layout.merge * v->layout.merge),
			       .placed = true };
}

enum err qwen_visual_check(const struct qwen_visual *v, const struct model *m,
			   const struct knobs *k, struct reduction *out)
{
	const struct tower tower = qwen_visual_tower(v, m);
	enum err e = input_check_side(m, k);
	return e ? e : reduction_read(k, &tower, out);
}

/* Of picture b of the batch, or of the built-in scene's size. */
static enum err grid_of(const struct model *m, const struct input_facts *facts, int64_t b,
			const struct knobs *k, struct patch_grid *out)
{
	double side = knob_num(k, KNOB_IMAGE_SIZE);
	struct picture_size size = { SCENE_WIDTH, SCENE_HEIGHT };
	if (facts && facts->n_pictures)
		size = facts->pictures[b % facts->n_pictures];
	return preprocess_grid(&m->preprocess, size.width, size.height,
			       isnan(side) ? 0 : (int)side, out);
}

/* Lists of the plan are made before anybody asks what fits into memory; patches alone
 * would take 300 GB here. */
#define MOST_PATCHES ((int64_t)1 << 26)

static enum err check_patches(const struct model *m, const struct input *in)
{
	int64_t patches = 0;
	for (int64_t b = 0; b < in->items; b++)
		patches += (int64_t)in->grids[b].rows * in->grids[b].columns;
	return patches <= MOST_PATCHES
		       ? OK
		       : err_set(ERR_USAGE,
				 "%lld patches of %s in one pass, %lld at most: a "
				 "smaller --batch has less",
				 (long long)patches, m->name, (long long)MOST_PATCHES);
}

enum err qwen_visual_shape(const struct qwen_visual *v, const struct model *m,
			   const struct input_facts *facts, const struct knobs *k,
			   struct input *out)
{
	int64_t items = (int64_t)knob_num(k, KNOB_BATCH);
	enum err e = OK;
	*out = (struct input){
		.items = items,
		.grids = mem_alloc(sizeof(*out->grids) * (size_t)items),
		.plan_free = qwen_plan_free,
	};
	for (int64_t b = 0; !e && b < items; b++)
		e = grid_of(m, facts, b, k, &out->grids[b]);
	if (!e)
		e = check_patches(m, out);
	if (e) {
		input_release(out);
		return e;
	}
	struct qwen_plan *plan = qwen_plan_create(&v->layout, out->grids, items, facts);
	out->plan = plan;
	out->order = plan->order;
	out->patches = tensor_of(DT_F32, NULL,
				 DIMS(plan->tokens * m->patches_per_token,
				      3 * v->temporal * v->patch * v->patch));
	return OK;
}

enum err qwen_visual_fill(const struct model *m, struct input *in)
{
	(void)m;
	return qwen_plan_fill(in->plan, in->grids);
}

struct preprocess_config qwen_visual_preprocess(const struct model *m, int side)
{
	(void)m, (void)side; /* that of the picture */
	return preprocess_qwen_defaults();
}

const char *qwen_visual_why_not(enum knob_id id)
{
	switch (id) {
	case KNOB_MERGE_R:
	case KNOB_SUMMARY:
		return "tokens carry rotary rows of their place in the picture, and one "
		       "made of several has none";
	case KNOB_LAYOUT:
		return "pictures of different sizes are always packed";
	default:
		return vision_why_not(id);
	}
}
