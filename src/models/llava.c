/*
 * LLaVA (Liu et al. 2023) and models made like it, VILA's among them: the tower of CLIP
 * or SigLIP, cut off before its last layer or behind it, and two layers that make tokens
 * of a language model of its patches.
 *
 *   x = the tower's blocks on [cls;] patches + pos        [B, 1 + K, D], models/vision.h
 *   x = x without the class token                         [B K, D]
 *   tokens = linear_2(gelu(linear_1(x)))                  [B K, P]
 *
 * Layers behind the one that is looked at do not run: published code runs them and throws
 * their result away.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/language.h"
#include "models/model.h"
#include "models/vision.h"

struct llava {
	struct vision vision;
	int64_t tokens_width;
	struct norm pre; /* CLIP's, before the blocks; SigLIP has none */
	struct linear project1, project2;
	bool is_clip;
};

/* Newer libraries put everything under "model.". */
static bool llava_is_nested(const struct tensors *t)
{
	struct tensor stored;
	return tensors_find(t, "model.multi_modal_projector.linear_1.weight", &stored);
}

static const struct llava *llava_of(const struct model *m) { return m->state; }

/* ---- configuration ---- */

static enum err read_tower(struct llava *l, struct model *m, const struct hfconfig *c)
{
	static const struct vit_defaults clip = {
		1024, 4096, 24, 16, 1e-5, "quick_gelu"
	};
	static const struct vit_defaults siglip = { 1152, 4304, 27,
						    16,   1e-6, "gelu_pytorch_tanh" };
	const char *type = hfconfig_str(c, "model_type", "clip_vision_model");
	char shown[64];
	l->is_clip = !strcmp(type, "clip_vision_model");
	if (!l->is_clip && strcmp(type, "siglip_vision_model"))
		return err_set(ERR_UNSUPPORTED,
			       "%s: vision_config.model_type \"%s\": this version has "
			       "clip_vision_model and siglip_vision_model",
			       hfconfig_label(c),
			       str_escaped(shown, sizeof(shown), type, strlen(type)));
	l->vision.root =
		llava_is_nested(m->tensors) ? "model.vision_tower." : "vision_tower.";
	return vision_configure(&l->vision, m, c, l->is_clip ? &clip : &siglip, 14);
}

/* Which layer is looked at: -1 is the last, -2 the one before. */
static enum err cut_tower(struct llava *l, const struct hfconfig *c)
{
	struct vit *v = &l->vision.vit;
	const char *what = hfconfig_label(c);
	int64_t layer = hfconfig_int(c, "vision_feature_layer", -2, -1024, 1024);
	const char *select = hfconfig_str(c, "vision_feature_select_strategy", "default");
	int64_t depth = layer < 0 ? v->depth + 1 + layer : layer;
	if (depth < 1 || depth > v->depth)
		return err_set(ERR_FORMAT,
			       "%s: vision_feature_layer %d: the tower has %d layers",
			       what, (int)layer, (int)v->depth);
	if (strcmp(select, l->is_clip ? "default" : "full"))
		return err_set(
			ERR_UNSUPPORTED,
			"%s: vision_feature_select_strategy: the patches alone are "
			"handed on: want %s",
			what, l->is_clip ? "default" : "full");
	if (strcmp(hfconfig_str(c, "projector_hidden_act", "gelu"), "gelu"))
		return err_set(ERR_UNSUPPORTED, "%s: projector_hidden_act: want gelu",
			       what);
	v->depth = depth;
	return hfconfig_error(c);
}

static enum err llava_configure(struct model *m, const struct hfconfig *config)
{
	struct llava *l = mem_alloc(sizeof(*l));
	m->state = l;
	enum err e = read_tower(l, m, hfconfig_sub(config, "vision_config"));
	if (!e)
		e = cut_tower(l, config);
	if (!e)
		e = model_read_language(m, hfconfig_sub(config, "text_config"));
	l->tokens_width = m->language.width;
	return e;
}

static void llava_bind(struct model *m)
{
	struct llava *l = m->state;
	struct tensors *t = m->tensors;
	const struct vit *v = &l->vision.vit;
	int64_t p = l->tokens_width;
	char name[128];
	bool bias = hfconfig_bool(m->config, "multimodal_projector_bias", true);
	const char *root = llava_is_nested(t) ? "model." : "";
	vision_bind(&l->vision, t, l->is_clip, !l->is_clip);
#define NAME(suffix) (snprintf(name, sizeof(name), "%s" suffix, root), name)
	if (l->is_clip)
		l->pre = vit_bind_norm(t, NAME("vision_tower.vision_model.pre_layrnorm"),
				       v->width, v->eps); /* sic */
	l->project1 =
		linear_bind(t, NAME("multi_modal_projector.linear_1"), v->width, p, bias);
	l->project2 = linear_bind(t, NAME("multi_modal_projector.linear_2"), p, p, bias);
#undef NAME
}

static enum err llava_each_linear(struct model *m, const struct knobs *k,
				  enum err (*fn)(void *, struct linear *), void *ctx)
{
	struct llava *l = m->state;
	enum err e = vision_each_linear(&l->vision, k, fn, ctx);
	if (!e)
		e = fn(ctx, &l->project1);
	return e ? e : fn(ctx, &l->project2);
}

static void llava_release(struct model *m)
{
	struct llava *l = m->state;
	if (l)
		vision_release(&l->vision);
	free(l);
	m->state = NULL;
}

/* ---- knobs and shapes ---- */

static enum err llava_check(const struct model *m, const struct knobs *k)
{
	enum err e = language_check(knob_text(k, KNOB_LANGUAGE_MODEL));
	return e ? e : vision_check(&llava_of(m)->vision, m, k);
}

static enum err llava_shape(const struct model *m, const struct input_facts *facts,
			    const struct knobs *k, struct input *out)
{
	(void)facts;
	*out = vision_shape(&llava_of(m)->vision, k);
	return OK;
}

static enum err llava_adapt(struct model *m, const struct knobs *k)
{
	struct llava *l = m->state;
	return vision_adapt(&l->vision, k);
}

/* SigLIP's towers and CLIP's differ in their pixels, and no file may say which. */
static struct preprocess_config llava_preprocess(const struct model *m, int side)
{
	return llava_of(m)->is_clip ? preprocess_clip_defaults(side)
				    : preprocess_siglip_defaults(side);
}

static const char *llava_why_not(enum knob_id id)
{
	return id == KNOB_LAYOUT ? "what is handed to a language model is packed"
				 : vision_why_not(id);
}

/* ---- the pass ---- */

static void llava_forward(struct pass *p, const struct model *m, const struct input *in,
			  const struct knobs *k, struct outputs *out)
{
	const struct llava *l = llava_of(m);
	struct vision_pass vp;
	struct tensor x = vision_embed(p, &l->vision, m, in, k, out, &vp);
	if (l->is_clip)
		x = op_layernorm(p, "pre_layrnorm", x, &l->pre);
	vision_encode(p, &l->vision, &vp, x);
	x = vp.set.x;
	span_open(p, "projector", -1);
	if (l->is_clip)
		x = op_skip_first(p, "patches", x, &vp.set.rows);
	x = op_linear(p, "fc1", x, &l->project1, ACT_GELU);
	x = op_linear(p, "fc2", x, &l->project2, ACT_NONE);
	span_close(p);
	out->by_token = true;
	out->image_embeds =
		tensor_of(DT_F32, x.data, DIMS(tensor_rows(&x), l->tokens_width));
}

static const char *const llava_types[] = { "llava", NULL };

const struct family llava_family = {
	.name = "llava",
	.model_types = llava_types,
	.takes = INPUT_PICTURES,
	.knobs = (VISION_KNOBS & ~KNOB_BIT(KNOB_LAYOUT)) | KNOB_BIT(KNOB_LANGUAGE_MODEL),
	.why_not = llava_why_not,
	.configure = llava_configure,
	.bind = llava_bind,
	.each_linear = llava_each_linear,
	.adapt = llava_adapt,
	.release = llava_release,
	.check = llava_check,
	.preprocess = llava_preprocess,
	.shape = llava_shape,
	.forward = llava_forward,
};
