/*
 * SigLIP's vision tower (Zhai et al. 2023): a ViT without a class token whose tokens are
 * pooled by attention to a learnt probe.
 *
 *   x = patches + pos                                  [B, K, D], see models/vision.h
 *   blocks, then x = post_layernorm(x)
 *   pooled = out(softmax(q k^T / sqrt(dh)) v)          [B, 1, D]; q of the probe, k, v of
 * x embed = pooled + fc2(gelu(fc1(LN(pooled))))        [B, D]
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/model.h"
#include "models/vision.h"

struct siglip {
	struct vision vision;
	struct norm post, head_norm;
	struct tensor probe; /* [1, 1, D] */
	struct linear in_q, in_kv, out, fc1, fc2;
};

static const struct siglip *siglip_of(const struct model *m) { return m->state; }

static enum err siglip_configure(struct model *m, const struct hfconfig *config)
{
	static const struct vit_defaults defaults = { 768, 3072, 12,
						      12,  1e-6, "gelu_pytorch_tanh" };
	struct siglip *s = mem_alloc(sizeof(*s));
	m->state = s;
	bool nested = !strcmp(hfconfig_str(config, "model_type", ""), "siglip");
	const struct hfconfig *vision =
		nested ? hfconfig_sub(config, "vision_config") : config;
	return vision_configure(&s->vision, m, vision, &defaults, 16);
}

static void siglip_bind(struct model *m)
{
	struct siglip *s = m->state;
	struct tensors *t = m->tensors;
	const struct vit *v = &s->vision.vit;
	int64_t d = v->width;
	vision_bind(&s->vision, t, false, true);
	s->post = vit_bind_norm(t, "vision_model.post_layernorm", d, v->eps);
	s->probe = tensors_get(t, "vision_model.head.probe", DIMS(1, 1, d));
	struct tensor weight = tensors_get_stored(
		t, "vision_model.head.attention.in_proj_weight", DIMS(3 * d, d));
	struct tensor bias =
		tensors_get(t, "vision_model.head.attention.in_proj_bias", DIMS(3 * d));
	const struct linear in = { .weight = weight, .bias = bias };
	s->in_q = linear_rows(&in, 0, d);
	s->in_kv = linear_rows(&in, d, 2 * d);
	s->out = linear_bind(t, "vision_model.head.attention.out_proj", d, d, true);
	s->head_norm = vit_bind_norm(t, "vision_model.head.layernorm", d, v->eps);
	s->fc1 = linear_bind(t, "vision_model.head.mlp.fc1", d, v->mlp, true);
	s->fc2 = linear_bind(t, "vision_model.head.mlp.fc2", v->mlp, d, true);
}

static enum err siglip_each_linear(struct model *m, const struct knobs *k,
				   enum err (*fn)(void *, struct linear *), void *ctx)
{
	struct siglip *s = m->state;
	struct linear *const head[] = { &s->in_q, &s->in_kv, &s->out, &s->fc1, &s->fc2 };
	enum err e = vision_each_linear(&s->vision, k, fn, ctx);
	for (size_t i = 0; !e && i < sizeof(head) / sizeof(head[0]); i++)
		e = fn(ctx, head[i]);
	return e;
}

static void siglip_release(struct model *m)
{
	struct siglip *s = m->state;
	if (s)
		vision_release(&s->vision);
	free(s);
	m->state = NULL;
}

static enum err siglip_check(const struct model *m, const struct knobs *k)
{
	return vision_check(&siglip_of(m)->vision, m, k);
}

static enum err siglip_shape(const struct model *m, const struct input_facts *facts,
			     const struct knobs *k, struct input *out)
{
	(void)facts;
	*out = vision_shape(&siglip_of(m)->vision, k);
	return OK;
}

static struct preprocess_config siglip_preprocess(const struct model *m, int side)
{
	(void)m;
	return preprocess_siglip_defaults(side);
}

static enum err siglip_adapt(struct model *m, const struct knobs *k)
{
	struct siglip *s = m->state;
	return vision_adapt(&s->vision, k);
}

/* The probe's query [1, 1, D], the same for every item: as a view of B rows. */
static struct tensor probe_query(struct pass *p, const struct siglip *s, int64_t items)
{
	struct tensor q = op_linear(p, "attn.q", s->probe, &s->in_q, ACT_NONE);
	q.dim[0] = items;
	q.ld = 0;
	return q;
}

/* x of all tokens to [B, D]. */
static struct tensor pool(struct pass *p, const struct siglip *s,
			  const struct token_set *set, struct tensor x)
{
	const struct vit *v = &s->vision.vit;
	const struct attn_opts attn = {
		.heads = (int)v->heads,
		.scale = 1 / sqrtf((float)(v->width / v->heads)),
		.key_rows = set->rows,
		.key_size = set->size,
	};
	struct tensor q = probe_query(p, s, set->items);
	struct tensor kv = op_linear(p, "attn.kv", x, &s->in_kv, ACT_NONE);
	x = op_attention(p, "attn.sdpa", q, tensor_columns(kv, 0, v->width),
			 tensor_columns(kv, v->width, v->width), &attn);
	struct tensor pooled = op_linear(p, "attn.out", x, &s->out, ACT_NONE);
	x = op_layernorm(p, "layernorm", pooled, &s->head_norm);
	x = op_linear(p, "mlp.fc1", x, &s->fc1, v->act);
	op_linear_add(p, "mlp.fc2", pooled, x, &s->fc2);
	return tensor_of(DT_F32, pooled.data, DIMS(set->items, v->width));
}

static void siglip_forward(struct pass *p, const struct model *m, const struct input *in,
			   const struct knobs *k, struct outputs *out)
{
	const struct siglip *s = siglip_of(m);
	struct vision_pass vp;
	struct tensor x = vision_embed(p, &s->vision, m, in, k, out, &vp);
	vision_encode(p, &s->vision, &vp, x);
	span_open(p, "head", -1);
	x = op_layernorm(p, "post_layernorm", vp.set.x, &s->post);
	out->image_embeds = pool(p, s, &vp.set, x);
	span_close(p);
}

static const char *const siglip_types[] = { "siglip", "siglip_vision_model", NULL };

const struct family siglip_family = {
	.name = "siglip",
	.model_types = siglip_types,
	.takes = INPUT_PICTURES,
	.knobs = VISION_KNOBS,
	.why_not = vision_why_not,
	.configure = siglip_configure,
	.bind = siglip_bind,
	.each_linear = siglip_each_linear,
	.adapt = siglip_adapt,
	.release = siglip_release,
	.check = siglip_check,
	.preprocess = siglip_preprocess,
	.shape = siglip_shape,
	.forward = siglip_forward,
};
