#include "models/projection.h"

#include <stdio.h>

struct linear linear_bind(struct tensors *t, const char *prefix, int64_t in, int64_t out,
			  bool bias)
{
	char name[160];
	struct linear l = { 0 };
	snprintf(name, sizeof(name), "%s.weight", prefix);
	l.weight = tensors_get_stored(t, name, DIMS(out, in));
	if (!bias)
		return l;
	snprintf(name, sizeof(name), "%s.bias", prefix);
	l.bias = tensors_get(t, name, DIMS(out));
	return l;
}

struct linear linear_rows(const struct linear *l, int64_t begin, int64_t count)
{
	struct linear part = *l;
	part.prepared = NULL;
	part.weight.dim[0] = count;
	part.bias.dim[0] = part.bias.ld = count;
	if (part.weight.data)
		part.weight.data =
			(char *)l->weight.data +
			(size_t)(begin * l->weight.ld) * dtype_size(l->weight.dtype);
	if (part.bias.data)
		part.bias.data = tensor_f32(&l->bias) + begin;
	return part;
}

struct projection projection_of(struct linear qkv, int64_t width, int heads)
{
	return (struct projection){
		.width = width,
		.heads = heads,
		.qkv = qkv,
		.qk = linear_rows(&qkv, 0, 2 * width),
		.q = linear_rows(&qkv, 0, width),
		.k = linear_rows(&qkv, width, width),
		.v = linear_rows(&qkv, 2 * width, width),
	};
}

unsigned projection_needs(const struct knobs *k)
{
	const struct method *m = k ? method_by_name(knob_text(k, KNOB_METHOD)) : NULL;
	if (!k)
		return NEEDS_QUERIES | NEEDS_KEYS;
	return m && m->stage == STAGE_PROJECTED ? m->needs : 0;
}

enum err projection_each_linear(struct projection *in, bool fused, unsigned needs,
				enum err (*fn)(void *, struct linear *), void *ctx)
{
	bool apart = !fused || needs;
	struct linear *const all[] = {
		fused ? &in->qkv : NULL,
		needs == (NEEDS_QUERIES | NEEDS_KEYS) ? &in->qk : NULL,
		apart ? &in->q : NULL,
		apart ? &in->k : NULL,
		apart ? &in->v : NULL,
	};
	enum err e = OK;
	for (size_t i = 0; !e && i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i])
			e = fn(ctx, all[i]);
	return e;
}

/* ---- the pass ---- */

static struct qkv project_all(struct pass *p, const struct projection *in,
			      struct tensor h, bool fused)
{
	if (!fused)
		return (struct qkv){
			.q = op_linear(p, "attn.q", h, &in->q, ACT_NONE),
			.k = op_linear(p, "attn.k", h, &in->k, ACT_NONE),
			.v = op_linear(p, "attn.v", h, &in->v, ACT_NONE),
		};
	struct tensor all = op_linear(p, "attn.qkv", h, &in->qkv, ACT_NONE);
	return (struct qkv){
		.q = tensor_columns(all, 0, in->width),
		.k = tensor_columns(all, in->width, in->width),
		.v = tensor_columns(all, 2 * in->width, in->width),
	};
}

/* What decides which tokens stay, of all of them: keys, queries or both side by side. */
static struct tensor project_first(struct pass *p, const struct projection *in,
				   struct tensor h, unsigned needs)
{
	if (needs == (NEEDS_QUERIES | NEEDS_KEYS))
		return op_linear(p, "attn.qk", h, &in->qk, ACT_NONE);
	return needs & NEEDS_KEYS ? op_linear(p, "attn.k", h, &in->k, ACT_NONE)
				  : op_linear(p, "attn.q", h, &in->q, ACT_NONE);
}

/* Keys or queries of all tokens, then tokens are dropped, then the rest for those that
 * stay. What was computed for them is kept. */
static struct qkv project_and_drop(struct pass *p, const struct projection *in,
				   struct tensor h, struct token_set *set, int layer,
				   unsigned needs)
{
	const bool both = needs == (NEEDS_QUERIES | NEEDS_KEYS);
	struct qkv out;
	struct tensor first = project_first(p, in, h, needs);
	token_set_projected(set, p, layer, first,
			    (int)(both ? 2 * in->heads : in->heads));
	first = token_set_follow(set, p, "prune.projected", first);
	h = token_set_follow(set, p, "prune.normed", h);
	if (both) {
		out.q = tensor_columns(first, 0, in->width);
		out.k = tensor_columns(first, in->width, in->width);
	} else {
		bool keys = needs & NEEDS_KEYS;
		out.q = keys ? op_linear(p, "attn.q", h, &in->q, ACT_NONE) : first;
		out.k = keys ? first : op_linear(p, "attn.k", h, &in->k, ACT_NONE);
	}
	out.v = op_linear(p, "attn.v", h, &in->v, ACT_NONE);
	return out;
}

struct qkv project(struct pass *p, const struct projection *in, struct tensor h,
		   struct token_set *set, int layer, bool fused)
{
	unsigned needs = token_set_wants(set, layer);
	return needs ? project_and_drop(p, in, h, set, layer, needs)
		     : project_all(p, in, h, fused);
}
