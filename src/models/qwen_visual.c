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

#define EPS 1e-6f /* of all norms of both towers, not in their configurations */

/* ---- configuration ---- */

const struct hfconfig *qwen_text_config(const struct hfconfig *root)
{
	return hfconfig_has(root, "text_config") ? hfconfig_sub(root, "text_config")
						 : root;
}

static bool is_whole(const struct qwen_visual *v, int64_t block)
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

/* What the method of these knobs projects apart; with any knobs: everything. */
static unsigned projected_by(const struct knobs *k)
{
	const struct method *m = k ? method_by_name(knob_text(k, KNOB_METHOD)) : NULL;
	if (!k)
		return NEEDS_QUERIES | NEEDS_KEYS;
	return m && m->stage == STAGE_PROJECTED ? m->needs : 0;
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
		e = projection_each_linear(&b->in, !k || vit_is_fused(k), projected_by(k),
					   fn, ctx);
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

static struct tower tower_of(const struct qwen_visual *v, const struct model *m)
{
	return (struct tower){ .name = m->name,
			       .depth = v->depth,
			       .unit = (int)(v->layout.merge * v->layout.merge),
			       .placed = true };
}

enum err qwen_visual_check(const struct qwen_visual *v, const struct model *m,
			   const struct knobs *k, struct reduction *out)
{
	const struct tower tower = tower_of(v, m);
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
	case KNOB_DOWNSAMPLE:
	case KNOB_MRSS:
		return "a vision transformer has no scan to run at a coarser resolution";
	case KNOB_SEQ:
		return "its sequence is the picture's patches";
	case KNOB_MERGE_R:
	case KNOB_SUMMARY:
		return "tokens carry rotary rows of their place in the picture, and one "
		       "made of several has none";
	case KNOB_LAYOUT:
		return "pictures of different sizes are always packed";
	default:
		return NULL;
	}
}

/* ---- the pass ---- */

static struct tensor ints(const int32_t *data, int64_t n)
{
	return tensor_of(DT_I32, (void *)(uintptr_t)data, DIMS(n));
}

/* A list with a row for each token, to be carried along. */
static int carry_ints(struct qwen_visual_pass *vp, struct pass *p, const char *name,
		      const int32_t *list, int64_t tokens)
{
	struct tensor t = tensor_of(DT_I32, (void *)(uintptr_t)list, DIMS(1, tokens, 1));
	return list ? token_set_carry(&vp->set, p, name, t) : -1;
}

static bool drops_anything(const struct reduction *r) { return reduction_sites(r) > 0; }

/* What goes with the tokens: as little as is needed, since each is gathered. */
static void carry_all(struct qwen_visual_pass *vp, struct pass *p,
		      const struct qwen_visual *v, const struct qwen_plan *plan,
		      bool text)
{
	int64_t patches = vp->set.unit, width = v->layout.head_dim;
	bool ragged = plan->uneven || reduction_is_ragged(&vp->reduction);
	vp->turn = token_set_carry(
		&vp->set, p, "turn",
		tensor_of(DT_F32, plan->turn, DIMS(1, plan->tokens, patches * width)));
	vp->window = carry_ints(vp, p, "window", plan->window, plan->tokens);
	vp->number = carry_ints(vp, p, "number", plan->order ? plan->number : NULL,
				plan->tokens);
	vp->item = carry_ints(vp, p, "item", ragged ? plan->item : NULL, plan->tokens);
	vp->text = -1;
	if (text)
		vp->text = token_set_carry(
			&vp->set, p, "text_turn",
			tensor_of(DT_F32, plan->picture_turn,
				  DIMS(1, plan->tokens, v->layout.text_head_dim)));
}

/* As the input says, before any token is gone. */
static void first_segments(struct qwen_visual_pass *vp, const struct qwen_plan *plan)
{
	if (plan->uneven)
		vp->pictures = (struct segments){
			.start = ints(plan->row_start, plan->items),
			.length = ints(plan->row_length, plan->items),
		};
	if (plan->window)
		vp->windows = (struct segments){
			.start = ints(plan->window_start, plan->windows),
			.length = ints(plan->window_length, plan->windows),
		};
}

static struct segments room(struct pass *p, int64_t n)
{
	return (struct segments){ .start = pass_tensor(p, DT_I32, DIMS(n)),
				  .length = pass_tensor(p, DT_I32, DIMS(n)) };
}

/* In a dry pass nobody knows what is left of each: *now stays what it was, of which op.c
 * takes the proportions. */
static void find_runs(struct qwen_visual_pass *vp, struct pass *p, const char *name,
		      int carry, struct segments room, struct segments *now)
{
	struct tensor ids = token_set_carried(&vp->set, carry);
	ids = tensor_of(DT_I32, ids.data, DIMS(tensor_rows(&ids)));
	op_runs(p, name, &room, ids, vp->set.unit);
	if (!p->backend->dry || !now->length.data)
		*now = room;
}

/* What attends to each other, once tokens are gone. */
static void refresh_segments(struct qwen_visual_pass *vp, struct pass *p)
{
	if (vp->drops == vp->set.trace->n || (vp->item < 0 && vp->window < 0))
		return;
	vp->drops = vp->set.trace->n;
	if (vp->item >= 0)
		find_runs(vp, p, "prune.pictures", vp->item, vp->pictures_left,
			  &vp->pictures);
	if (vp->window >= 0)
		find_runs(vp, p, "prune.windows", vp->window, vp->windows_left,
			  &vp->windows);
}

static void begin(struct qwen_visual_pass *vp, struct pass *p,
		  const struct qwen_visual *v, const struct model *m,
		  const struct input *in, const struct knobs *k, struct outputs *out,
		  bool text)
{
	const struct qwen_plan *plan = in->plan;
	const struct tower tower = tower_of(v, m);
	*vp = (struct qwen_visual_pass){ .fused = vit_is_fused(k) };
	enum err e = reduction_read(k, &tower, &vp->reduction);
	if (e && !p->err) /* qwen_visual_check() has seen these knobs */
		p->err = e;
	struct token_start start = { .items = plan->items,
				     .tokens = plan->largest,
				     .total = plan->tokens,
				     .order = plan->order };
	if (plan->uneven)
		start.rows = (struct segments){
			.start = ints(plan->start, plan->items),
			.length = ints(plan->length, plan->items),
		};
	out->tokens = plan->length[0] * tower.unit;
	token_set_begin(&vp->set, p, &vp->reduction, &out->trace, &start);
	carry_all(vp, p, v, plan, text);
	first_segments(vp, plan);
	if (!drops_anything(&vp->reduction))
		return;
	/* Room for what tokens leave behind, which outlives the blocks' temporaries. */
	if (vp->item >= 0)
		vp->pictures_left = room(p, plan->items);
	if (vp->window >= 0)
		vp->windows_left = room(p, plan->windows);
}

/* [R, head_dim]: a row for each row of x. */
static struct tensor turn_rows(const struct qwen_visual_pass *vp, int64_t width)
{
	struct tensor t = token_set_carried(&vp->set, vp->turn);
	return tensor_of(DT_F32, t.data, DIMS(tensor_rows(&t) * vp->set.unit, width));
}

/* q and k in place: side by side of one product, or apart. */
static void turn(struct pass *p, const struct qwen_visual *v,
		 const struct qwen_visual_pass *vp, struct qkv t)
{
	struct tensor rows = turn_rows(vp, v->layout.head_dim), both = t.q;
	int heads = (int)v->heads;
	bool together = t.q.ld == t.k.ld && t.q.ld >= 2 * v->width;
	if (together) {
		both.dim[both.ndim - 1] = 2 * v->width;
		op_rotary(p, "attn.rotary", both, rows, 2 * heads);
		return;
	}
	op_rotary(p, "attn.rotary_q", t.q, rows, heads);
	op_rotary(p, "attn.rotary_k", t.k, rows, heads);
}

static struct tensor normed(struct pass *p, const struct qwen_visual *v, const char *name,
			    struct tensor x, const struct norm *n)
{
	return v->gated ? op_rmsnorm(p, name, x, n) : op_layernorm(p, name, x, n);
}

/* All rows of all items as one: the shape of what segments cut up. */
static struct tensor in_a_row(struct tensor t)
{
	t.dim[1] *= t.dim[0];
	t.dim[0] = 1;
	return t;
}

static void attend(struct pass *p, const struct qwen_visual *v,
		   struct qwen_visual_pass *vp, int i)
{
	const struct qwen_block *b = &v->blocks[i];
	struct tensor h = normed(p, v, "norm1", vp->set.x, &b->norm1);
	struct qkv t = project(p, &b->in, h, &vp->set, i, vp->fused);
	refresh_segments(vp, p);
	turn(p, v, vp, t);
	const struct segments *s = is_whole(v, i) ? &vp->pictures : &vp->windows;
	const struct attn_opts attn = {
		.heads = (int)v->heads,
		.scale = 1 / sqrtf((float)v->layout.head_dim),
		.query_rows = *s,
		.key_rows = *s,
	};
	if (segments_ragged(s))
		h = op_attention(p, "attn.sdpa", in_a_row(t.q), in_a_row(t.k),
				 in_a_row(t.v), &attn);
	else
		h = op_attention(p, "attn.sdpa", t.q, t.k, t.v, &attn);
	op_linear_add(p, "attn.out", vp->set.x, h, &b->out);
}

static void forward_block(struct pass *p, const struct qwen_visual *v,
			  struct qwen_visual_pass *vp, int i)
{
	const struct qwen_block *b = &v->blocks[i];
	token_set_before(&vp->set, p, i);
	size_t mark = pass_mark(p);
	attend(p, v, vp, i);
	pass_release(p, mark);
	struct tensor h = normed(p, v, "norm2", vp->set.x, &b->norm2);
	if (v->gated) {
		struct tensor gate = op_linear(p, "mlp.gate", h, &b->gate, ACT_SILU);
		op_linear_mul(p, "mlp.up", gate, h, &b->up);
		op_linear_add(p, "mlp.down", vp->set.x, gate, &b->down);
	} else {
		h = op_linear(p, "mlp.fc1", h, &b->fc1, ACT_QUICK_GELU);
		op_linear_add(p, "mlp.fc2", vp->set.x, h, &b->fc2);
	}
	pass_release(p, mark);
}

/* Rows that bring tokens back into the order of the picture; ndim 0: they are in it. */
static struct tensor rows_in_order(struct pass *p, const struct qwen_visual_pass *vp,
				   const struct qwen_plan *plan)
{
	if (!plan->order)
		return (struct tensor){ 0 };
	if (!vp->set.trace->n)
		return ints(plan->inverse, plan->tokens);
	struct tensor keys = token_set_carried(&vp->set, vp->number);
	keys = tensor_of(DT_I32, keys.data, DIMS(tensor_rows(&keys)));
	return op_order(p, "order", keys);
}

static struct tensor in_order(struct pass *p, const char *name, struct tensor t,
			      struct tensor rows)
{
	const struct selection s = { .rows = rows, .items = 1 };
	if (!rows.ndim)
		return t;
	int64_t n = tensor_rows(&t), cols = tensor_cols(&t);
	t = tensor_of(DT_F32, t.data, DIMS(1, n, cols));
	t = op_gather(p, name, pass_tensor(p, DT_F32, DIMS(n, cols)), t, &s);
	return tensor_of(DT_F32, t.data, DIMS(n, cols));
}

static struct tensor merge(struct pass *p, const struct qwen_visual *v,
			   struct qwen_visual_pass *vp, const struct qwen_plan *plan,
			   struct tensor *text_turn)
{
	struct tensor x = vp->set.x;
	int64_t unit = vp->set.unit, tokens = tensor_rows(&x) / unit;
	span_open(p, "merger", -1);
	x = normed(p, v, "ln_q", x, &v->merger_norm);
	x = tensor_of(DT_F32, x.data, DIMS(x.dim[0], x.dim[1] / unit, unit * v->width));
	x = op_linear(p, "fc1", x, &v->merger1, ACT_GELU);
	x = op_linear(p, "fc2", x, &v->merger2, ACT_NONE);
	x = tensor_of(DT_F32, x.data, DIMS(tokens, v->out));
	struct tensor rows = rows_in_order(p, vp, plan);
	x = in_order(p, "gather", x, rows);
	if (text_turn)
		*text_turn = in_order(p, "text_turn",
				      token_set_carried(&vp->set, vp->text), rows);
	span_close(p);
	return x;
}

struct tensor qwen_visual_forward(struct pass *p, const struct qwen_visual *v,
				  const struct model *m, const struct input *in,
				  const struct knobs *k, struct outputs *out,
				  struct qwen_visual_pass *vp, struct tensor *text_turn)
{
	const struct qwen_plan *plan = in->plan;
	begin(vp, p, v, m, in, k, out, text_turn != NULL);
	span_open(p, "embeddings", -1);
	struct tensor x = in->patches; /* [R, K], here of items where they are alike */
	int64_t rows = tensor_rows(&x), items = plan->uneven ? 1 : plan->items;
	x = tensor_of(DT_F32, x.data, DIMS(items, rows / items, tensor_cols(&x)));
	token_set_enter(&vp->set, p, op_linear(p, "patch", x, &v->patch_embed, ACT_NONE));
	span_close(p);
	for (int i = 0; i < v->depth; i++) {
		span_open(p, "blocks", i);
		forward_block(p, v, vp, i);
		span_close(p);
	}
	out->by_token = true;
	out->image_embeds = merge(p, v, vp, plan, text_turn);
	return out->image_embeds;
}
