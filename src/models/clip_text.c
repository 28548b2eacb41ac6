/*
 * CLIP's text tower (Radford et al. 2021): a causal transformer.
 *
 *   x = token_embedding[ids] + pos                    [B, T, D]
 *   blocks (models/vit.h), each token seeing itself and those before it
 *   pooled = final_layer_norm(x[:, end of the text])  [B, D]
 *   embed = W_text pooled                             [B, P]
 *
 * What follows the end cannot change the result: texts are padded with anything, and T
 * may be as short as the longest of them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/model.h"
#include "models/vit.h"

/* Configurations older than the field's meaning say 2, and mean the highest id. */
#define OLD_EOS 2

struct clip_text {
	struct vit vit;
	int64_t vocab, context, projection;
	int32_t end;               /* as op_ends takes it */
	struct tensor tokens, pos; /* [vocab, D], [context, D] */
	struct norm norm;
	struct low_rank head; /* without bias */
};

static const struct clip_text *text_of(const struct model *m) { return m->state; }

static enum err text_configure(struct model *m, const struct hfconfig *config)
{
	static const struct vit_defaults defaults = {
		512, 2048, 12, 8, 1e-5, "quick_gelu"
	};
	struct clip_text *c = mem_alloc(sizeof(*c));
	m->state = c;
	/* CLIPModel nests the tower's configuration, CLIPTextModel is it. */
	bool nested = !strcmp(hfconfig_str(config, "model_type", ""), "clip");
	const struct hfconfig *text =
		nested ? hfconfig_sub(config, "text_config") : config;
	c->vocab = hfconfig_int(text, "vocab_size", 49408, 1, 1 << 24);
	c->context = hfconfig_int(text, "max_position_embeddings", 77, 2, 1 << 20);
	c->end = (int32_t)hfconfig_int(text, "eos_token_id", 49407, 0, 1 << 24);
	c->projection =
		hfconfig_int(nested ? config : text, "projection_dim", 512, 1, 65536);
	if (c->end == OLD_EOS)
		c->end = -1;
	c->vit.causal = true;
	m->tokens = c->context;
	m->vocab = c->vocab;
	enum err e = vit_configure(&c->vit, m, text, &defaults);
	return e ? e : vit_check_depth(&c->vit, m, "text_model.encoder.layers");
}

static void text_bind(struct model *m)
{
	struct clip_text *c = m->state;
	struct tensors *t = m->tensors;
	int64_t width = c->vit.width;
	c->tokens = tensors_get_stored(t, "text_model.embeddings.token_embedding.weight",
				       DIMS(c->vocab, width));
	c->pos = tensors_get(t, "text_model.embeddings.position_embedding.weight",
			     DIMS(c->context, width));
	vit_bind(&c->vit, t, "text_model.encoder.layers");
	c->norm = vit_bind_norm(t, "text_model.final_layer_norm", width, c->vit.eps);
	low_rank_init(&c->head,
		      linear_bind(t, "text_projection", width, c->projection, false));
}

static enum err text_each_linear(struct model *m, const struct knobs *k,
				 enum err (*fn)(void *, struct linear *), void *ctx)
{
	struct clip_text *c = m->state;
	enum err e = OK;
	if (!k || vit_is_fused(k))
		e = vit_each_linear(&c->vit, true, 0, fn, ctx);
	if (!e && (!k || !vit_is_fused(k)))
		e = vit_each_linear(&c->vit, false, 0, fn, ctx);
	return e ? e : fn(ctx, &c->head.full);
}

static struct tensor text_embeddings(const struct model *m)
{
	const struct clip_text *c = m->state;
	return c->tokens;
}

static void text_release(struct model *m)
{
	struct clip_text *c = m->state;
	if (c) {
		vit_release(&c->vit);
		low_rank_release(&c->head);
	}
	free(c);
	m->state = NULL;
}

/* Tokens of a text that these knobs ask for. */
static int64_t length_of(const struct clip_text *c, const struct knobs *k)
{
	double seq = knob_num(k, KNOB_SEQ);
	return isnan(seq) ? c->context : (int64_t)seq;
}

static enum err text_adapt(struct model *m, const struct knobs *k)
{
	struct clip_text *c = m->state;
	return low_rank_wanted(k) ? low_rank_factor(&c->head) : OK;
}

static enum err text_check(const struct model *m, const struct knobs *k)
{
	const struct clip_text *c = text_of(m);
	if (length_of(c, k) <= c->context)
		return low_rank_check(&c->head, low_rank_wanted(k), m->name);
	return err_set(ERR_USAGE, "--seq %lld: %s has positions for %lld tokens",
		       (long long)length_of(c, k), m->name, (long long)c->context);
}

static enum err text_shape(const struct model *m, const struct input_facts *facts,
			   const struct knobs *k, struct input *out)
{
	(void)facts;
	int64_t items = (int64_t)knob_num(k, KNOB_BATCH);
	*out = (struct input){
		.items = items,
		.ids = tensor_of(DT_I32, NULL, DIMS(items, length_of(text_of(m), k))),
	};
	return OK;
}

/* The row of x [B, T, D] at which each text ends: [B, D]. */
static struct tensor end_rows(struct pass *p, const struct clip_text *c, struct tensor x,
			      struct tensor ids)
{
	const struct selection ends = { .rows = op_ends(p, "ends", ids, c->end),
					.items = ids.dim[0] };
	struct tensor y = pass_tensor(p, DT_F32, DIMS(ids.dim[0], c->vit.width));
	op_gather(p, "gather", y, x, &ends);
	return y;
}

static void text_forward(struct pass *p, const struct model *m, const struct input *in,
			 const struct knobs *k, struct outputs *out)
{
	const struct clip_text *c = text_of(m);
	const struct reduction all = { .method = method_by_name("none"),
				       .keep = 1,
				       .unit = 1 };
	struct token_set set;
	out->tokens = in->ids.dim[1];
	const struct token_start start = { .items = in->ids.dim[0],
					   .tokens = out->tokens };
	token_set_begin(&set, p, &all, &out->trace, &start);
	span_open(p, "embeddings", -1);
	struct tensor x = op_lookup(p, "lookup", c->tokens, in->ids, c->pos);
	span_close(p);
	token_set_start(&set, p, x);
	vit_forward(p, &c->vit, &set, vit_is_fused(k));
	span_open(p, "head", -1);
	x = end_rows(p, c, set.x, in->ids);
	x = op_layernorm(p, "final_layer_norm", x, &c->norm);
	out->low_rank = (struct low_rank_facts){ 0 };
	out->text_embeds = op_low_rank(p, "projection", x, &c->head, low_rank_wanted(k),
				       &out->low_rank);
	span_close(p);
}

static const char *text_why_not(enum knob_id id)
{
	if (knob_takes_tokens(id))
		return "a text tower drops no tokens";
	switch (id) {
	case KNOB_DOWNSAMPLE:
	case KNOB_MRSS:
		return "a transformer has no scan to run at a coarser resolution";
	case KNOB_IMAGE_SIZE:
		return "its input is text";
	default:
		return NULL;
	}
}

static const char *const text_types[] = { "clip", "clip_text_model", NULL };

const struct family clip_text_family = {
	.name = "clip_text",
	.model_types = text_types,
	.takes = INPUT_TEXT,
	.knobs = FAMILY_KNOBS | KNOB_BIT(KNOB_FUSED_QKV) | KNOB_BIT(KNOB_SEQ) |
		 KNOB_BIT(KNOB_RANK),
	.why_not = text_why_not,
	.configure = text_configure,
	.bind = text_bind,
	.each_linear = text_each_linear,
	.adapt = text_adapt,
	.embeddings = text_embeddings,
	.release = text_release,
	.check = text_check,
	.shape = text_shape,
	.forward = text_forward,
};
