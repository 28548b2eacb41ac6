#include "models/decoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/projection.h"
#include "tensor/hfconfig.h"

/* ---- configuration and weights ---- */

static enum err check_act(const struct hfconfig *c)
{
	const char *act = hfconfig_str(c, "hidden_act", "silu");
	char shown[64];
	return strcmp(act, "silu") != 0
		       ? err_set(ERR_UNSUPPORTED,
				 "%s: hidden_act \"%s\": this language model has silu",
				 hfconfig_label(c),
				 str_escaped(shown, sizeof(shown), act, strlen(act)))
		       : OK;
}

enum err decoder_configure(struct decoder *d, const struct hfconfig *c)
{
	/* What the libraries take where a sparse file says nothing. */
	static const struct decoder_sizes llama = { 4096, 11008, 32,    32,   32,
						    128,  32000, false, false },
					  qwen = { 8192, 29568,  80,   64,   8,
						   128,  152064, true, false };
	const char *what = hfconfig_label(c);
	const char *type = hfconfig_str(c, "model_type", "llama");
	struct decoder_sizes *s = &d->s;
	bool is_llama = strncmp(type, "qwen", 4) != 0;
	const struct decoder_sizes missing = is_llama ? llama : qwen;
	s->width = hfconfig_int(c, "hidden_size", missing.width, 4, 65536);
	s->mlp = hfconfig_int(c, "intermediate_size", missing.mlp, 1, 1 << 20);
	s->layers = hfconfig_int(c, "num_hidden_layers", missing.layers, 1, 1024);
	s->heads = hfconfig_int(c, "num_attention_heads", missing.heads, 1, 1024);
	s->kv_heads = hfconfig_int(c, "num_key_value_heads", s->heads, 1, 1024);
	s->vocab = hfconfig_int(c, "vocab_size", missing.vocab, 1, 1 << 24);
	s->head_dim = hfconfig_int(c, "head_dim", s->width / s->heads, 2, 65536);
	s->qkv_bias = missing.qkv_bias;
	s->tied = hfconfig_bool(c, "tie_word_embeddings", false);
	d->eps = (float)hfconfig_num(c, "rms_norm_eps", is_llama ? 1e-6 : 1e-5, 0, 1);
	d->theta = hfconfig_num(c, "rope_theta", 1e6, 1, 1e12);
	enum err e = hfconfig_error(c);
	if (!e && (s->heads % s->kv_heads || s->head_dim < 2 || s->head_dim % 2))
		e = err_set(ERR_FORMAT,
			    "%s: %d attention heads of %d, %d of keys: they do not "
			    "divide",
			    what, (int)s->heads, (int)s->head_dim, (int)s->kv_heads);
	return e ? e : check_act(c);
}

static struct norm bind_norm(const struct decoder *d, struct tensors *t, const char *name)
{
	return (struct norm){ .weight = tensors_get(t, name, DIMS(d->s.width)),
			      .eps = d->eps };
}

static void bind_layer(struct decoder *d, struct tensors *t, const char *root, int i)
{
	const struct decoder_sizes *s = &d->s;
	struct decoder_layer *l = &d->layers[i];
	int64_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
	char name[160];
#define NAME(suffix) (snprintf(name, sizeof(name), "%s.layers.%d." suffix, root, i), name)
	l->norm1 = bind_norm(d, t, NAME("input_layernorm.weight"));
	l->q = linear_bind(t, NAME("self_attn.q_proj"), s->width, q, s->qkv_bias);
	l->k = linear_bind(t, NAME("self_attn.k_proj"), s->width, kv, s->qkv_bias);
	l->v = linear_bind(t, NAME("self_attn.v_proj"), s->width, kv, s->qkv_bias);
	l->o = linear_bind(t, NAME("self_attn.o_proj"), q, s->width, false);
	l->norm2 = bind_norm(d, t, NAME("post_attention_layernorm.weight"));
	l->gate = linear_bind(t, NAME("mlp.gate_proj"), s->width, s->mlp, false);
	l->up = linear_bind(t, NAME("mlp.up_proj"), s->width, s->mlp, false);
	l->down = linear_bind(t, NAME("mlp.down_proj"), s->mlp, s->width, false);
#undef NAME
}

void decoder_bind(struct decoder *d, struct tensors *t, const char *root,
		  const char *head)
{
	char name[160];
	d->layers = mem_alloc(sizeof(*d->layers) * (size_t)d->s.layers);
	snprintf(name, sizeof(name), "%s.embed_tokens.weight", root);
	d->embed = tensors_get_stored(t, name, DIMS(d->s.vocab, d->s.width));
	for (int i = 0; i < d->s.layers; i++)
		bind_layer(d, t, root, i);
	snprintf(name, sizeof(name), "%s.norm.weight", root);
	d->norm = bind_norm(d, t, name);
	if (d->s.tied)
		d->head.weight = d->embed;
	else
		d->head = linear_bind(t, head, d->s.width, d->s.vocab, false);
}

static struct linear linear_shape(int64_t in, int64_t out, bool bias)
{
	struct linear l = { .weight = tensor_of(DT_F32, NULL, DIMS(out, in)) };
	if (bias)
		l.bias = tensor_of(DT_F32, NULL, DIMS(out));
	return l;
}

void decoder_shape(struct decoder *d, const struct decoder_sizes *s)
{
	int64_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
	const struct norm norm = { .weight = tensor_of(DT_F32, NULL, DIMS(s->width)) };
	const struct decoder_layer layer = {
		.norm1 = norm,
		.norm2 = norm,
		.q = linear_shape(s->width, q, s->qkv_bias),
		.k = linear_shape(s->width, kv, s->qkv_bias),
		.v = linear_shape(s->width, kv, s->qkv_bias),
		.o = linear_shape(q, s->width, false),
		.gate = linear_shape(s->width, s->mlp, false),
		.up = linear_shape(s->width, s->mlp, false),
		.down = linear_shape(s->mlp, s->width, false),
	};
	*d = (struct decoder){ .s = *s, .norm = norm };
	d->embed = tensor_of(DT_F32, NULL, DIMS(s->vocab, s->width));
	d->head = linear_shape(s->width, s->vocab, false);
	d->layers = mem_alloc(sizeof(*d->layers) * (size_t)s->layers);
	for (int i = 0; i < s->layers; i++)
		d->layers[i] = layer;
}

enum err decoder_each_linear(struct decoder *d, enum err (*fn)(void *, struct linear *),
			     void *ctx)
{
	enum err e = OK;
	for (int i = 0; !e && i < d->s.layers; i++) {
		struct decoder_layer *l = &d->layers[i];
		struct linear *const all[] = { &l->q,    &l->k,  &l->v,   &l->o,
					       &l->gate, &l->up, &l->down };
		for (size_t j = 0; !e && j < sizeof(all) / sizeof(all[0]); j++)
			e = fn(ctx, all[j]);
	}
	return e ? e : fn(ctx, &d->head);
}

void decoder_release(struct decoder *d)
{
	free(d->layers);
	d->layers = NULL;
}

double decoder_params(const struct decoder_sizes *s)
{
	double d = (double)s->width, q = (double)(s->heads * s->head_dim),
	       kv = (double)(s->kv_heads * s->head_dim), f = (double)s->mlp;
	double layer = 2 * d + 2 * d * q + 2 * d * kv + 3 * d * f +
		       (s->qkv_bias ? q + 2 * kv : 0);
	return (double)s->layers * layer + d + (s->tied ? 1 : 2) * d * (double)s->vocab;
}

/* ---- what decoding carries ---- */

static void kv_free(struct decoding *base)
{
	struct kv_cache *s = (struct kv_cache *)base;
	for (int64_t i = 0; i < s->layers; i++) {
		free(s->k[i].data);
		free(s->v[i].data);
	}
	free(s->k);
	free(s->v);
	free(s);
}

enum err kv_cache_create(const struct decoder_sizes *s, int64_t room,
			 struct kv_cache **out)
{
	struct kv_cache *state = mem_alloc(sizeof(*state));
	int64_t cols = s->kv_heads * s->head_dim;
	enum err e = OK;
	*state = (struct kv_cache){ .base.free = kv_free,
				    .room = room,
				    .layers = s->layers };
	state->k = mem_alloc(sizeof(struct tensor) * (size_t)s->layers);
	state->v = mem_alloc(sizeof(struct tensor) * (size_t)s->layers);
	for (int64_t i = 0; !e && i < 2 * s->layers; i++) {
		struct tensor *t =
			i < s->layers ? &state->k[i] : &state->v[i - s->layers];
		*t = tensor_of(DT_F32, NULL, DIMS(room, cols));
		t->data = malloc((size_t)tensor_bytes(t));
		if (!t->data)
			e = err_set(ERR_NOMEM,
				    "no memory for keys and values of %lld "
				    "tokens",
				    (long long)room);
	}
	if (e) {
		kv_free(&state->base);
		state = NULL;
	}
	*out = state;
	return e;
}

struct tensor kv_cache_add(const struct pass *p, const struct kv_cache *state,
			   const struct tensor *held, struct tensor rows)
{
	int64_t n = tensor_rows(&rows), cols = tensor_cols(&rows);
	int64_t length = state->base.length;
	for (int64_t i = 0; !p->err && !p->backend->dry && i < n; i++)
		memcpy(tensor_row(held, length + i), tensor_row(&rows, i),
		       sizeof(float) * (size_t)cols);
	return tensor_of(DT_F32, held->data, DIMS(1, length + n, cols));
}

void kv_cache_count(const struct pass *p, struct kv_cache *state, int64_t rows)
{
	if (p->backend->dry)
		return;
	state->base.length += rows;
	state->base.bytes = 2 * sizeof(float) * (double)state->base.length *
			    (double)(state->layers * tensor_cols(&state->k[0]));
}

/* ---- the pass ---- */

static void attend(struct pass *p, const struct decoder *d, const struct decoder_layer *l,
		   struct tensor x, struct tensor turn, struct kv_cache *state, int i)
{
	const struct attn_opts attn = {
		.heads = (int)d->s.heads,
		.kv_heads = (int)d->s.kv_heads,
		.scale = 1 / sqrtf((float)d->s.head_dim),
		.causal = true,
	};
	struct tensor h = op_rmsnorm(p, "norm1", x, &l->norm1);
	struct tensor q = op_linear(p, "attn.q", h, &l->q, ACT_NONE);
	struct tensor k = op_linear(p, "attn.k", h, &l->k, ACT_NONE);
	struct tensor v = op_linear(p, "attn.v", h, &l->v, ACT_NONE);
	op_rotary(p, "attn.rotary_q", q, turn, (int)d->s.heads);
	op_rotary(p, "attn.rotary_k", k, turn, (int)d->s.kv_heads);
	if (state) {
		k = kv_cache_add(p, state, &state->k[i], k);
		v = kv_cache_add(p, state, &state->v[i], v);
	}
	h = op_attention(p, "attn.sdpa", q, k, v, &attn);
	op_linear_add(p, "attn.out", x, h, &l->o);
}

struct tensor decoder_forward(struct pass *p, const struct decoder *d, struct tensor x,
			      struct tensor turn, struct kv_cache *state)
{
	for (int i = 0; i < d->s.layers; i++) {
		const struct decoder_layer *l = &d->layers[i];
		size_t mark = pass_mark(p);
		span_open(p, "layers", i);
		attend(p, d, l, x, turn, state, i);
		pass_release(p, mark);
		struct tensor h = op_rmsnorm(p, "norm2", x, &l->norm2);
		struct tensor gate = op_linear(p, "mlp.gate", h, &l->gate, ACT_SILU);
		op_linear_mul(p, "mlp.up", gate, h, &l->up);
		op_linear_add(p, "mlp.down", x, gate, &l->down);
		pass_release(p, mark);
		span_close(p);
	}
	if (state)
		kv_cache_count(p, state, tensor_rows(&x));
	return op_rmsnorm(p, "norm", x, &d->norm);
}
