/*
 * CLIP's vision tower (Radford et al. 2021, ViT of Dosovitskiy et al. 2021), with visual
 * tokens pruned before the encoder.
 *
 *   patches [B, N, 3pp] -> W_patch -> [B, N, D]
 *   prune: score the patch embeddings, keep K of N, each with its own position row
 *   x = [cls; kept patches] + pos                     [B, 1 + K, D]
 *   x = pre_layrnorm(x)
 *   per block: x += out(softmax(q k^T / sqrt(dh)) v), q, k, v of LN1(x)
 *              x += fc2(act(fc1(LN2(x))))
 *   embed = W_visual post_layernorm(x[:, 0])          [B, P]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/family.h"
#include "models/model.h"
#include "reduce/token_set.h"

struct block {
	struct norm ln1, ln2;
	struct linear qkv, out, fc1, fc2; /* qkv: q, k and v stacked into one [3D, D] */
};

struct clip_vit {
	int64_t width, mlp, depth, heads, patch, image, projection, tokens;
	float eps;
	enum act act;
	struct linear patch_embed, head; /* without bias */
	struct tensor cls, pos;          /* [D], [1 + N, D] */
	struct norm pre, post;
	struct block *blocks;
};

static const struct clip_vit *clip_of(const struct model *m) { return m->state; }

static enum err read_act(const struct hfconfig *vision, enum act *act)
{
	const char *name = hfconfig_str(vision, "hidden_act", "quick_gelu");
	char shown[64];
	if (!strcmp(name, "quick_gelu"))
		*act = ACT_QUICK_GELU;
	else if (!strcmp(name, "gelu"))
		*act = ACT_GELU;
	else
		return err_set(ERR_UNSUPPORTED,
			       "%s: hidden_act \"%s\": this version has "
			       "quick_gelu and gelu",
			       hfconfig_label(vision),
			       str_escaped(shown, sizeof(shown), name, strlen(name)));
	return OK;
}

/* A checkpoint with more blocks than its configuration names is not the model it says. */
static enum err check_depth(const struct model *m, const struct clip_vit *c)
{
	char name[96];
	struct tensor stored;
	if (tensors_is_generated(m->tensors))
		return OK;
	snprintf(name, sizeof(name), "vision_model.encoder.layers.%d.layer_norm1.weight",
		 (int)c->depth);
	if (tensors_find(m->tensors, name, &stored))
		return err_set(ERR_FORMAT,
			       "%s: num_hidden_layers is %d, but the weights hold "
			       "%s too",
			       hfconfig_label(m->config), (int)c->depth, name);
	return OK;
}

static enum err clip_configure(struct model *m, const struct hfconfig *config)
{
	struct clip_vit *c = mem_alloc(sizeof(*c));
	m->state = c;
	/* CLIPModel nests the tower's configuration, CLIPVisionModel is it. */
	bool nested = !strcmp(hfconfig_str(config, "model_type", ""), "clip");
	const struct hfconfig *vision =
		nested ? hfconfig_sub(config, "vision_config") : config;
	c->width = hfconfig_int(vision, "hidden_size", 768, 1, 65536);
	c->mlp = hfconfig_int(vision, "intermediate_size", 3072, 1, 262144);
	c->depth = hfconfig_int(vision, "num_hidden_layers", 12, 1, 1024);
	c->heads = hfconfig_int(vision, "num_attention_heads", 12, 1, 1024);
	c->patch = hfconfig_int(vision, "patch_size", 32, 1, 1024);
	c->image = hfconfig_int(vision, "image_size", 224, 1, 8192);
	c->eps = (float)hfconfig_num(vision, "layer_norm_eps", 1e-5, 0, 1);
	c->projection =
		hfconfig_int(nested ? config : vision, "projection_dim", 512, 1, 65536);
	enum err e = hfconfig_error(config);
	if (!e)
		e = read_act(vision, &c->act);
	if (e)
		return e;
	const char *what = hfconfig_label(config);
	if (hfconfig_int(vision, "num_channels", 3, 1, 64) != 3)
		return err_set(ERR_UNSUPPORTED, "%s: num_channels is not 3", what);
	if (c->width % c->heads)
		return err_set(ERR_FORMAT,
			       "%s: hidden_size %d is not a multiple of "
			       "num_attention_heads %d",
			       what, (int)c->width, (int)c->heads);
	if (c->image < c->patch)
		return err_set(ERR_FORMAT, "%s: image_size %d is less than patch_size %d",
			       what, (int)c->image, (int)c->patch);
	c->tokens = (c->image / c->patch) * (c->image / c->patch);
	m->tokens = c->tokens;
	m->image_size = c->image;
	return check_depth(m, c);
}

static struct linear bind_linear(struct tensors *t, const char *prefix, int64_t in,
				 int64_t out, bool bias)
{
	char name[128];
	struct linear l = { 0 };
	snprintf(name, sizeof(name), "%s.weight", prefix);
	l.weight = tensors_get(t, name, DIMS(out, in));
	if (bias) {
		snprintf(name, sizeof(name), "%s.bias", prefix);
		l.bias = tensors_get(t, name, DIMS(out));
	}
	return l;
}

static struct norm bind_norm(struct tensors *t, const char *prefix, int64_t width,
			     float eps)
{
	char name[128];
	struct norm n = { .eps = eps };
	snprintf(name, sizeof(name), "%s.weight", prefix);
	n.weight = tensors_get(t, name, DIMS(width));
	snprintf(name, sizeof(name), "%s.bias", prefix);
	n.bias = tensors_get(t, name, DIMS(width));
	return n;
}

/* q, k and v as one matrix [3D, D]: one product instead of three. */
static struct linear bind_qkv(struct tensors *t, const char *prefix, int64_t width)
{
	static const char *const kinds[] = { "weight", "bias" };
	struct tensor part[2];
	for (int i = 0; i < 2; i++) {
		char q[128], k[128], v[128];
		snprintf(q, sizeof(q), "%s.q_proj.%s", prefix, kinds[i]);
		snprintf(k, sizeof(k), "%s.k_proj.%s", prefix, kinds[i]);
		snprintf(v, sizeof(v), "%s.v_proj.%s", prefix, kinds[i]);
		const char *const names[] = { q, k, v };
		int64_t dim[2] = { 3 * width, width };
		part[i] = tensors_get_stacked(t, names, 3, i ? 1 : 2, dim);
	}
	return (struct linear){ .weight = part[0], .bias = part[1] };
}

static void bind_block(struct tensors *t, const struct clip_vit *c, int i,
		       struct block *b)
{
	char at[64], name[96];
	snprintf(at, sizeof(at), "vision_model.encoder.layers.%d", i);
#define NAME(suffix) (snprintf(name, sizeof(name), "%s." suffix, at), name)
	b->ln1 = bind_norm(t, NAME("layer_norm1"), c->width, c->eps);
	b->qkv = bind_qkv(t, NAME("self_attn"), c->width);
	b->out = bind_linear(t, NAME("self_attn.out_proj"), c->width, c->width, true);
	b->ln2 = bind_norm(t, NAME("layer_norm2"), c->width, c->eps);
	b->fc1 = bind_linear(t, NAME("mlp.fc1"), c->width, c->mlp, true);
	b->fc2 = bind_linear(t, NAME("mlp.fc2"), c->mlp, c->width, true);
#undef NAME
}

static void clip_bind(struct model *m)
{
	struct clip_vit *c = m->state;
	struct tensors *t = m->tensors;
	c->patch_embed.weight =
		tensors_get(t, "vision_model.embeddings.patch_embedding.weight",
			    DIMS(c->width, 3, c->patch, c->patch));
	/* The convolution as a matrix: its kernels lie row by row already. */
	c->patch_embed.weight = tensor_of(DT_F32, c->patch_embed.weight.data,
					  DIMS(c->width, 3 * c->patch * c->patch));
	c->cls =
		tensors_get(t, "vision_model.embeddings.class_embedding", DIMS(c->width));
	c->pos = tensors_get(t, "vision_model.embeddings.position_embedding.weight",
			     DIMS(1 + c->tokens, c->width));
	c->pre = bind_norm(t, "vision_model.pre_layrnorm", c->width, c->eps); /* sic */
	c->blocks = mem_alloc(sizeof(*c->blocks) * (size_t)c->depth);
	for (int i = 0; i < c->depth; i++)
		bind_block(t, c, i, &c->blocks[i]);
	c->post = bind_norm(t, "vision_model.post_layernorm", c->width, c->eps);
	c->head = bind_linear(t, "visual_projection", c->width, c->projection, false);
}

static enum err clip_each_linear(struct model *m, enum err (*fn)(void *, struct linear *),
				 void *ctx)
{
	struct clip_vit *c = m->state;
	enum err e = fn(ctx, &c->patch_embed);
	for (int i = 0; !e && i < c->depth; i++) {
		struct linear *const all[] = { &c->blocks[i].qkv, &c->blocks[i].out,
					       &c->blocks[i].fc1, &c->blocks[i].fc2 };
		for (int j = 0; !e && j < 4; j++)
			e = fn(ctx, all[j]);
	}
	return e ? e : fn(ctx, &c->head);
}

static void clip_release(struct model *m)
{
	struct clip_vit *c = m->state;
	if (c)
		free(c->blocks);
	free(c);
	m->state = NULL;
}

static enum err unknown_method(const char *name)
{
	struct str names = STR_INIT;
	method_names(&names);
	enum err e = err_set(ERR_USAGE, "--method %s: this version has %s", name,
			     str_get(&names));
	str_release(&names);
	return e;
}

static enum err clip_check(const struct model *m, const struct knobs *k)
{
	const char *name = knob_text(k, KNOB_METHOD);
	const struct method *method = method_by_name(name);
	if (!method)
		return unknown_method(name);
	if (!method->score && knob_num(k, KNOB_KEEP) < 1)
		return err_set(ERR_USAGE,
			       "--keep %.4g needs a method that drops tokens; "
			       "--method %s drops none",
			       knob_num(k, KNOB_KEEP), name);
	if (strcmp(knob_text(k, KNOB_PRUNE_AT), "embed"))
		return err_set(ERR_USAGE, "--prune-at %s: %s prunes at embed only",
			       knob_text(k, KNOB_PRUNE_AT), m->name);
	return OK;
}

static struct input clip_shape(const struct model *m, const struct knobs *k)
{
	int64_t side = clip_of(m)->image;
	return (struct input){
		.pixels =
			tensor_of(DT_F32, NULL,
				  DIMS((int64_t)knob_num(k, KNOB_BATCH), 3, side, side)),
	};
}

/* [B, 3, S, S] -> [B, 1 + K, D]; the temporaries lie below the result, as arenas go. */
static struct tensor embed(struct pass *p, const struct clip_vit *c,
			   const struct input *in, const struct knobs *k,
			   struct token_set *set)
{
	span_open(p, "embeddings", -1);
	struct tensor patches = op_patches(p, "unfold", in->pixels, (int)c->patch);
	struct tensor x = op_linear(p, "patch", patches, &c->patch_embed, ACT_NONE);
	struct site site = { .tokens = x, .seed = (uint64_t)knob_num(k, KNOB_SEED) };
	token_set_prune(set, p, method_by_name(knob_text(k, KNOB_METHOD)), &site,
			knob_num(k, KNOB_KEEP));
	x = op_embed(p, "position", x, set->kept, c->cls, c->pos);
	span_close(p);
	return op_layernorm(p, "pre_layrnorm", x, &c->pre);
}

/* One block on x [B, T, D], in place. */
static void forward_block(struct pass *p, const struct clip_vit *c, const struct block *b,
			  struct tensor x)
{
	const struct attn_opts attn = {
		.heads = (int)c->heads,
		.scale = 1 / sqrtf((float)(c->width / c->heads)),
	};
	size_t mark = pass_mark(p);
	struct tensor h = op_layernorm(p, "ln1", x, &b->ln1);
	struct tensor qkv =
		op_linear(p, "attn.qkv", h, &b->qkv, ACT_NONE); /* [B, T, 3D] */
	h = op_attention(p, "attn.sdpa", tensor_columns(qkv, 0, c->width),
			 tensor_columns(qkv, c->width, c->width),
			 tensor_columns(qkv, 2 * c->width, c->width), &attn);
	op_linear_add(p, "attn.out", x, h, &b->out);
	pass_release(p, mark);
	h = op_layernorm(p, "ln2", x, &b->ln2);
	h = op_linear(p, "mlp.fc1", h, &b->fc1, c->act); /* [B, T, F] */
	op_linear_add(p, "mlp.fc2", x, h, &b->fc2);
	pass_release(p, mark);
}

/* Row 0 of every item, as a view [B, D]. */
static struct tensor cls_rows(struct tensor x)
{
	struct tensor rows = tensor_of(DT_F32, x.data, DIMS(x.dim[0], x.dim[2]));
	rows.ld = x.dim[1] * x.dim[2];
	return rows;
}

static void clip_forward(struct pass *p, const struct model *m, const struct input *in,
			 const struct knobs *k, struct outputs *out)
{
	const struct clip_vit *c = clip_of(m);
	struct token_set set = token_set_all(c->tokens);
	struct tensor x = embed(p, c, in, k, &set);
	for (int i = 0; i < c->depth; i++) {
		span_open(p, "blocks", i);
		forward_block(p, c, &c->blocks[i], x);
		span_close(p);
	}
	span_open(p, "head", -1);
	struct tensor pooled = op_layernorm(p, "post_layernorm", cls_rows(x), &c->post);
	out->image_embeds = op_linear(p, "projection", pooled, &c->head, ACT_NONE);
	span_close(p);
	out->kept = set.kept;
	out->tokens = set.total;
	out->tokens_kept = set.count;
}

static const char *clip_why_not(enum knob_id id)
{
	switch (id) {
	case KNOB_DOWNSAMPLE:
	case KNOB_MRSS:
		return "a vision transformer has no scan to run at a coarser resolution";
	case KNOB_THRESHOLD:
	case KNOB_THRESHOLD_SCALE:
	case KNOB_LAYOUT:
		return "no saliency threshold here: this tower prunes once, by keep "
		       "ratio";
	case KNOB_SEQ:
		return "its sequence is the image's patches";
	default:
		return NULL;
	}
}

static const char *const clip_types[] = { "clip", "clip_vision_model", NULL };

const struct family clip_vit_family = {
	.name = "clip_vit",
	.model_types = clip_types,
	.knobs = KNOB_BIT(KNOB_METHOD) | KNOB_BIT(KNOB_KEEP) | KNOB_BIT(KNOB_PRUNE_AT) |
		 KNOB_BIT(KNOB_BATCH) | KNOB_BIT(KNOB_SEED) | KNOB_BIT(KNOB_THREADS) |
		 KNOB_BIT(KNOB_GEMM) | KNOB_BIT(KNOB_DEVICE),
	.why_not = clip_why_not,
	.configure = clip_configure,
	.bind = clip_bind,
	.each_linear = clip_each_linear,
	.release = clip_release,
	.check = clip_check,
	.shape = clip_shape,
	.forward = clip_forward,
};
