#include "models/vit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/model.h"

static enum err read_act(const struct hfconfig *c, const char *missing, enum act *act)
{
	static const struct {
		const char *name;
		enum act act;
	} known[] = { { "quick_gelu", ACT_QUICK_GELU },
		      { "gelu", ACT_GELU },
		      { "gelu_pytorch_tanh", ACT_GELU_TANH } };
	const char *name = hfconfig_str(c, "hidden_act", missing);
	char shown[64];
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(name, known[i].name)) {
			*act = known[i].act;
			return OK;
		}
	return err_set(ERR_UNSUPPORTED,
		       "%s: hidden_act \"%s\": this version has quick_gelu, gelu and "
		       "gelu_pytorch_tanh",
		       hfconfig_label(c),
		       str_escaped(shown, sizeof(shown), name, strlen(name)));
}

enum err vit_configure(struct vit *v, const struct model *m, const struct hfconfig *c,
		       const struct vit_defaults *d)
{
	v->width = hfconfig_int(c, "hidden_size", d->width, 1, 65536);
	v->mlp = hfconfig_int(c, "intermediate_size", d->mlp, 1, 262144);
	v->depth = hfconfig_int(c, "num_hidden_layers", d->depth, 1, 1024);
	v->heads = hfconfig_int(c, "num_attention_heads", d->heads, 1, 1024);
	v->eps = (float)hfconfig_num(c, "layer_norm_eps", d->eps, 0, 1);
	enum err e = hfconfig_error(c);
	if (!e)
		e = read_act(c, d->act, &v->act);
	if (!e && v->width % v->heads)
		e = err_set(ERR_FORMAT,
			    "%s: hidden_size %d is not a multiple of "
			    "num_attention_heads %d",
			    hfconfig_label(m->config), (int)v->width, (int)v->heads);
	return e;
}

enum err vit_check_depth(const struct vit *v, const struct model *m, const char *prefix)
{
	char name[128];
	struct tensor stored;
	if (tensors_is_generated(m->tensors))
		return OK;
	snprintf(name, sizeof(name), "%s.%d.layer_norm1.weight", prefix, (int)v->depth);
	if (tensors_find(m->tensors, name, &stored))
		return err_set(ERR_FORMAT,
			       "%s: num_hidden_layers is %d, but the weights hold "
			       "%s too",
			       hfconfig_label(m->config), (int)v->depth, name);
	return OK;
}

/* ---- weights ---- */

struct norm vit_bind_norm(struct tensors *t, const char *prefix, int64_t width, float eps)
{
	char name[160];
	struct norm n = { .eps = eps };
	snprintf(name, sizeof(name), "%s.weight", prefix);
	n.weight = tensors_get(t, name, DIMS(width));
	snprintf(name, sizeof(name), "%s.bias", prefix);
	n.bias = tensors_get(t, name, DIMS(width));
	return n;
}

/* q, k and v as one matrix [3D, D]: one product instead of three. */
static struct projection bind_projection(struct tensors *t, const char *prefix,
					 int64_t width, int64_t heads)
{
	static const char *const kinds[] = { "weight", "bias" };
	struct tensor part[2];
	for (int i = 0; i < 2; i++) {
		char q[160], k[160], v[160];
		snprintf(q, sizeof(q), "%s.q_proj.%s", prefix, kinds[i]);
		snprintf(k, sizeof(k), "%s.k_proj.%s", prefix, kinds[i]);
		snprintf(v, sizeof(v), "%s.v_proj.%s", prefix, kinds[i]);
		const char *const names[] = { q, k, v };
		int64_t dim[2] = { 3 * width, width };
		part[i] = i ? tensors_get_stacked(t, names, 3, 1, dim)
			    : tensors_get_stacked_stored(t, names, 3, 2, dim);
	}
	const struct linear qkv = { .weight = part[0], .bias = part[1] };
	return projection_of(qkv, width, (int)heads);
}

void vit_bind(struct vit *v, struct tensors *t, const char *prefix)
{
	v->blocks = mem_alloc(sizeof(*v->blocks) * (size_t)v->depth);
	for (int i = 0; i < v->depth; i++) {
		struct vit_block *b = &v->blocks[i];
		char name[128];
#define NAME(suffix) (snprintf(name, sizeof(name), "%s.%d." suffix, prefix, i), name)
		b->ln1 = vit_bind_norm(t, NAME("layer_norm1"), v->width, v->eps);
		b->in = bind_projection(t, NAME("self_attn"), v->width, v->heads);
		b->out = linear_bind(t, NAME("self_attn.out_proj"), v->width, v->width,
				     true);
		b->ln2 = vit_bind_norm(t, NAME("layer_norm2"), v->width, v->eps);
		b->fc1 = linear_bind(t, NAME("mlp.fc1"), v->width, v->mlp, true);
		b->fc2 = linear_bind(t, NAME("mlp.fc2"), v->mlp, v->width, true);
#undef NAME
	}
}

void vit_release(struct vit *v)
{
	free(v->blocks);
	v->blocks = NULL;
}

bool vit_is_fused(const struct knobs *k)
{
	return !strcmp(knob_text(k, KNOB_FUSED_QKV), "on");
}

enum err vit_each_linear(struct vit *v, bool fused, unsigned needs,
			 enum err (*fn)(void *, struct linear *), void *ctx)
{
	enum err e = OK;
	for (int i = 0; !e && i < v->depth; i++) {
		struct vit_block *b = &v->blocks[i];
		struct linear *const rest[] = { &b->out, &b->fc1, &b->fc2 };
		e = projection_each_linear(&b->in, fused, needs, fn, ctx);
		for (size_t j = 0; !e && j < sizeof(rest) / sizeof(rest[0]); j++)
			e = fn(ctx, rest[j]);
	}
	return e;
}

/* ---- the pass ---- */

/* Attention of one layer on set->x, which is replaced where tokens go. */
static void attend(struct pass *p, const struct vit *v, const struct vit_block *b,
		   struct token_set *set, int layer, bool fused)
{
	struct tensor h = op_layernorm(p, "ln1", set->x, &b->ln1);
	struct qkv t = project(p, &b->in, h, set, layer, fused);
	const struct attn_opts attn = {
		.heads = (int)v->heads,
		.scale = 1 / sqrtf((float)(v->width / v->heads)),
		.causal = v->causal,
		.key_size = set->size,
		.query_rows = set->rows,
		.key_rows = set->rows,
	};
	h = op_attention(p, "attn.sdpa", t.q, t.k, t.v, &attn);
	op_linear_add(p, "attn.out", set->x, h, &b->out);
	token_set_attended(set, p, layer, t.q, t.k, attn.heads, attn.scale);
}

static void forward_block(struct pass *p, const struct vit *v, const struct vit_block *b,
			  struct token_set *set, int layer, bool fused)
{
	token_set_before(set, p, layer);
	size_t mark = pass_mark(p);
	attend(p, v, b, set, layer, fused);
	pass_release(p, mark);
	struct tensor h = op_layernorm(p, "ln2", set->x, &b->ln2);
	h = op_linear(p, "mlp.fc1", h, &b->fc1, v->act); /* [B, T, F] */
	op_linear_add(p, "mlp.fc2", set->x, h, &b->fc2);
	pass_release(p, mark);
	token_set_after(set, p);
}

void vit_forward(struct pass *p, const struct vit *v, struct token_set *set, bool fused)
{
	for (int i = 0; i < v->depth; i++) {
		span_open(p, "blocks", i);
		forward_block(p, v, &v->blocks[i], set, i, fused);
		span_close(p);
		pass_hidden(p, i, 0, &set->x);
	}
}
