/*
 * One causal attention, alone:
 *
 *   q, k, v = h W_q^T, h W_k^T, h W_v^T      [B, T, D] each, heads of 64 side by side
 *   y = softmax(q k^T / sqrt(dh)) v W_o^T    [B, T, D]; a row sees itself and those
 * before
 *
 * No positions, no norm, no residual connection: what is compared with a selective scan
 * of the same width (scan_mixer.c) is what mixes tokens.
 */
#include <math.h>
#include <stdlib.h>

#include "base/str.h"
#include "models/mixer.h"
#include "models/projection.h"
#include "models/vit.h"

#define HEAD 64

struct attention_mixer {
	int64_t width, heads;
	struct linear qkv, q, k, v, out;
};

static const struct attention_mixer *mixer_of(const struct model *m) { return m->state; }

static enum err attention_configure(struct model *m, const struct hfconfig *config)
{
	struct attention_mixer *x = mem_alloc(sizeof(*x));
	m->state = x;
	x->width = hfconfig_int(config, "hidden_size", 768, 1, 65536);
	int64_t heads = x->width / HEAD > 1 ? x->width / HEAD : 1;
	x->heads = hfconfig_int(config, "num_attention_heads", heads, 1, 1024);
	m->tokens = hfconfig_int(config, "seq_length", 2048, 1, 1 << 20);
	if (x->width % x->heads)
		return err_set(ERR_FORMAT,
			       "%s: hidden_size %lld is no multiple of "
			       "num_attention_heads %lld",
			       hfconfig_label(config), (long long)x->width,
			       (long long)x->heads);
	return hfconfig_error(config);
}

static void attention_bind(struct model *m)
{
	static const char *const names[] = { "attn.q_proj.weight", "attn.k_proj.weight",
					     "attn.v_proj.weight" };
	struct attention_mixer *x = m->state;
	int64_t d = x->width;
	x->qkv.weight = tensors_get_stacked_stored(m->tensors, names, 3, DIMS(3 * d, d));
	x->q = linear_rows(&x->qkv, 0, d);
	x->k = linear_rows(&x->qkv, d, d);
	x->v = linear_rows(&x->qkv, 2 * d, d);
	x->out = linear_bind(m->tensors, "attn.o_proj", d, d, false);
}

static enum err attention_each_linear(struct model *m, const struct knobs *k,
				      enum err (*fn)(void *, struct linear *), void *ctx)
{
	struct attention_mixer *x = m->state;
	bool one = !k || vit_is_fused(k), three = !k || !vit_is_fused(k);
	enum err e = one ? fn(ctx, &x->qkv) : OK;
	if (!e && three)
		e = fn(ctx, &x->q);
	if (!e && three)
		e = fn(ctx, &x->k);
	if (!e && three)
		e = fn(ctx, &x->v);
	return e ? e : fn(ctx, &x->out);
}

static void attention_release(struct model *m)
{
	free(m->state);
	m->state = NULL;
}

static enum err attention_check(const struct model *m, const struct knobs *k)
{
	(void)m, (void)k;
	return OK;
}

static enum err attention_shape(const struct model *m, const struct input_facts *facts,
				const struct knobs *k, struct input *out)
{
	(void)facts;
	*out = mixer_shape(m, k, mixer_of(m)->width);
	return OK;
}

/* ---- the pass ---- */

static struct qkv project_rows(struct pass *p, const struct attention_mixer *x,
			       struct tensor h, bool fused)
{
	if (!fused)
		return (struct qkv){
			.q = op_linear(p, "attn.q", h, &x->q, ACT_NONE),
			.k = op_linear(p, "attn.k", h, &x->k, ACT_NONE),
			.v = op_linear(p, "attn.v", h, &x->v, ACT_NONE),
		};
	struct tensor all = op_linear(p, "attn.qkv", h, &x->qkv, ACT_NONE);
	return (struct qkv){
		.q = tensor_columns(all, 0, x->width),
		.k = tensor_columns(all, x->width, x->width),
		.v = tensor_columns(all, 2 * x->width, x->width),
	};
}

/* h [B, T, D]; with a cache T more rows of its one item. */
static struct tensor attend(struct pass *p, const struct attention_mixer *x,
			    struct tensor h, bool fused, struct kv_cache *cache)
{
	const struct attn_opts attn = {
		.heads = (int)x->heads,
		.scale = 1 / sqrtf((float)(x->width / x->heads)),
		.causal = true,
	};
	struct qkv r = project_rows(p, x, h, fused);
	if (cache) {
		r.k = kv_cache_add(p, cache, &cache->k[0], r.k);
		r.v = kv_cache_add(p, cache, &cache->v[0], r.v);
		kv_cache_count(p, cache, h.dim[1]);
	}
	h = op_attention(p, "attn.sdpa", r.q, r.k, r.v, &attn);
	return op_linear(p, "attn.out", h, &x->out, ACT_NONE);
}

static void attention_forward(struct pass *p, const struct model *m,
			      const struct input *in, const struct knobs *k,
			      struct outputs *out)
{
	struct kv_cache *cache = (struct kv_cache *)in->state;
	out->tokens = in->sequence.dim[1];
	out->gate_mean = (double)NAN;
	out->sequence = attend(p, mixer_of(m), in->sequence, vit_is_fused(k), cache);
}

static enum err attention_decode_begin(const struct model *m, const struct input *in,
				       int64_t more, struct decoding **out)
{
	const struct attention_mixer *x = mixer_of(m);
	const struct decoder_sizes s = { .layers = 1,
					 .kv_heads = x->heads,
					 .head_dim = x->width / x->heads };
	struct kv_cache *cache;
	*out = NULL;
	if (in->items != 1)
		return err_set(ERR_USAGE, "a sequence goes on alone: --batch 1");
	enum err e = kv_cache_create(&s, in->sequence.dim[1] + more, &cache);
	if (!e)
		*out = &cache->base;
	return e;
}

/* One product or three makes no difference to a row: the weights are read once. */
static void attention_decode_row(struct pass *p, const struct model *m,
				 struct decoding *state, struct tensor row,
				 struct outputs *out)
{
	out->sequence = attend(p, mixer_of(m), row, true, (struct kv_cache *)state);
}

static const char *attention_why_not(enum knob_id id)
{
	if (id == KNOB_DOWNSAMPLE || id == KNOB_MRSS)
		return "attention has no scan to run at a coarser resolution";
	return mixer_why_not(id);
}

static const char *const attention_types[] = { "attention_mixer", NULL };

const struct family attention_mixer_family = {
	.name = "attention_mixer",
	.model_types = attention_types,
	.takes = INPUT_SEQUENCE,
	.knobs = KNOB_BIT(KNOB_FUSED_QKV) | KNOB_BIT(KNOB_BATCH) | KNOB_BIT(KNOB_SEQ) |
		 KNOB_BIT(KNOB_SEED) | KNOB_BIT(KNOB_THREADS) | KNOB_BIT(KNOB_GEMM) |
		 KNOB_BIT(KNOB_DEVICE),
	.why_not = attention_why_not,
	.configure = attention_configure,
	.bind = attention_bind,
	.each_linear = attention_each_linear,
	.release = attention_release,
	.check = attention_check,
	.shape = attention_shape,
	.forward = attention_forward,
	.decode_begin = attention_decode_begin,
	.decode_row = attention_decode_row,
};
