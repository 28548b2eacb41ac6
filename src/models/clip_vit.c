/*
 * CLIP's vision tower (Radford et al. 2021, ViT of Dosovitskiy et al. 2021).
 *
 *   x = pre_layrnorm([cls; patches] + pos)            [B, 1 + K, D], see models/vision.h
 *   blocks
 *   embed = W_visual post_layernorm(x[:, 0])          [B, P]
 *     (a published comparison took the unpruned x[:, 0] before that norm and the pruned
 * one after it: both are outputs, so that its figure can be repeated) logits = W_classes
 * embed / |embed|                [B, L], where there are labels
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/model.h"
#include "models/vision.h"

struct clip_vit {
	struct vision vision;
	int64_t projection;
	struct norm pre, post;
	struct low_rank head; /* without bias */
};

static const struct clip_vit *clip_of(const struct model *m) { return m->state; }

static enum err clip_configure(struct model *m, const struct hfconfig *config)
{
	static const struct vit_defaults defaults = { 768, 3072, 12,
						      12,  1e-5, "quick_gelu" };
	struct clip_vit *c = mem_alloc(sizeof(*c));
	m->state = c;
	/* CLIPModel nests the tower's configuration, CLIPVisionModel is it. */
	bool nested = !strcmp(hfconfig_str(config, "model_type", ""), "clip");
	const struct hfconfig *vision =
		nested ? hfconfig_sub(config, "vision_config") : config;
	c->projection =
		hfconfig_int(nested ? config : vision, "projection_dim", 512, 1, 65536);
	return vision_configure(&c->vision, m, vision, &defaults, 32);
}

static void clip_bind(struct model *m)
{
	struct clip_vit *c = m->state;
	struct tensors *t = m->tensors;
	int64_t width = c->vision.vit.width;
	float eps = c->vision.vit.eps;
	vision_bind(&c->vision, t, true, false);
	c->pre = vit_bind_norm(t, "vision_model.pre_layrnorm", width, eps); /* sic */
	c->post = vit_bind_norm(t, "vision_model.post_layernorm", width, eps);
	low_rank_init(&c->head,
		      linear_bind(t, "visual_projection", width, c->projection, false));
}

static enum err clip_each_linear(struct model *m, const struct knobs *k,
				 enum err (*fn)(void *, struct linear *), void *ctx)
{
	struct clip_vit *c = m->state;
	enum err e = vision_each_linear(&c->vision, k, fn, ctx);
	return e ? e : fn(ctx, &c->head.full);
}

static void clip_release(struct model *m)
{
	struct clip_vit *c = m->state;
	if (c) {
		vision_release(&c->vision);
		low_rank_release(&c->head);
	}
	free(c);
	m->state = NULL;
}

static enum err clip_check(const struct model *m, const struct knobs *k)
{
	const struct clip_vit *c = clip_of(m);
	enum err e = low_rank_check(&c->head, low_rank_wanted(k), m->name);
	return e ? e : vision_check(&c->vision, m, k);
}

static enum err clip_shape(const struct model *m, const struct input_facts *facts,
			   const struct knobs *k, struct input *out)
{
	(void)facts;
	*out = vision_shape(&clip_of(m)->vision, k);
	return OK;
}

static struct preprocess_config clip_preprocess(const struct model *m, int side)
{
	(void)m;
	return preprocess_clip_defaults(side);
}

static enum err clip_adapt(struct model *m, const struct knobs *k)
{
	struct clip_vit *c = m->state;
	enum err e = low_rank_wanted(k) ? low_rank_factor(&c->head) : OK;
	return e ? e : vision_adapt(&c->vision, k);
}

/* The class token of every item [B, D]. */
static struct tensor cls_rows(struct pass *p, const struct token_set *set)
{
	struct tensor x = set->x;
	int64_t width = tensor_cols(&x);
	struct tensor rows = tensor_of(DT_F32, x.data, DIMS(set->items, width));
	if (!segments_ragged(&set->rows)) {
		rows.ld = x.dim[1] * width; /* a view */
		return rows;
	}
	const struct selection firsts = { .rows = set->rows.start, .items = set->items };
	rows = op_gather(p, "cls", pass_tensor(p, DT_F32, 2, rows.dim), x, &firsts);
	return tensor_of(DT_F32, rows.data, DIMS(set->items, width));
}

static void clip_forward(struct pass *p, const struct model *m, const struct input *in,
			 const struct knobs *k, struct outputs *out)
{
	const struct clip_vit *c = clip_of(m);
	struct vision_pass vp;
	struct tensor x = vision_embed(p, &c->vision, m, in, k, out, &vp);
	vision_encode(p, &c->vision, &vp, op_layernorm(p, "pre_layrnorm", x, &c->pre));
	span_open(p, "head", -1);
	out->unnormed = cls_rows(p, &vp.set);
	out->pooled = x = op_layernorm(p, "post_layernorm", out->unnormed, &c->post);
	out->low_rank = (struct low_rank_facts){ 0 };
	out->image_embeds = op_low_rank(p, "projection", x, &c->head, low_rank_wanted(k),
					&out->low_rank);
	if (in->classes.weight.ndim) {
		x = op_normalize(p, "normalize", out->image_embeds);
		out->logits = op_linear(p, "logits", x, &in->classes, ACT_NONE);
	}
	span_close(p);
}

static const char *const clip_types[] = { "clip", "clip_vision_model", NULL };

const struct family clip_vit_family = {
	.name = "clip_vit",
	.model_types = clip_types,
	.takes = INPUT_PICTURES,
	.knobs = VISION_KNOBS | KNOB_BIT(KNOB_RANK),
	.why_not = vision_why_not,
	.configure = clip_configure,
	.bind = clip_bind,
	.each_linear = clip_each_linear,
	.adapt = clip_adapt,
	.release = clip_release,
	.check = clip_check,
	.preprocess = clip_preprocess,
	.shape = clip_shape,
	.forward = clip_forward,
};
