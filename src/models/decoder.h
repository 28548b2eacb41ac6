/*
 * A decoder-only language model (Qwen2, LLaMA): pre-norm blocks with RMS norms, rotary
 * positions, grouped queries and a gated MLP.
 *
 *   x += o(softmax(q k^T / sqrt(W)) v); q, k turned, each token seeing those before it
 *   x += down(silu(gate(norm2(x))) up(norm2(x)))
 *   logits = E norm(x)
 *
 * Without weights (a dry pass) it tells what a model of a named size would cost.
 */
#ifndef MODELS_DECODER_H
#define MODELS_DECODER_H

#include "models/family.h"

struct decoder_sizes {
	int64_t width, mlp, layers, heads, kv_heads, head_dim, vocab;
	bool qkv_bias; /* Qwen2 has them, LLaMA has none */
	bool tied;     /* the table of embeddings is the head's weight */
};

struct decoder_layer {
	struct norm norm1, norm2;
	struct linear q, k, v, o, gate, up, down;
};

struct decoder {
	struct decoder_sizes s;
	float eps;
	double theta;
	struct tensor embed;          /* [vocab, width], as stored */
	struct decoder_layer *layers; /* [layers], owned */
	struct norm norm;
	struct linear head;
};

/* The keys of a config.json; hfconfig_error() included. */
enum err decoder_configure(struct decoder *, const struct hfconfig *) MUST_CHECK;
/* `root`: "model", under which layers.0, norm and embed_tokens lie; the head is
 * `head`.weight. */
void decoder_bind(struct decoder *, struct tensors *, const char *root, const char *head);
/* Shapes only: for a dry pass. */
void decoder_shape(struct decoder *, const struct decoder_sizes *);
enum err decoder_each_linear(struct decoder *, enum err (*fn)(void *ctx, struct linear *),
			     void *ctx);
void decoder_release(struct decoder *);

double decoder_params(const struct decoder_sizes *);

/* Keys and values of the tokens so far. */
struct kv_cache {
	struct decoding base;
	int64_t room, layers;
	int64_t position;     /* of the next token, on every axis */
	struct tensor *k, *v; /* [layers] of F32 [room, kv_heads W] */
};
/* Freed by decoding_free(). ERR_NOMEM. */
enum err kv_cache_create(const struct decoder_sizes *, int64_t room,
			 struct kv_cache **out) MUST_CHECK;
/* Adds rows to a layer's keys or values, `held` of the cache; all of them, as [1, length,
 * cols]. A dry pass adds none. */
struct tensor kv_cache_add(const struct pass *, const struct kv_cache *,
			   const struct tensor *held, struct tensor rows);
/* So many rows were added to every layer. */
void kv_cache_count(const struct pass *, struct kv_cache *, int64_t rows);

/*
 * All layers and the final norm: x [B, T, width] is changed; turn [B T, W]. `state`
 * (B = 1) takes keys and values along and lets x see those that it holds; NULL: x is all
 * there is.
 */
struct tensor decoder_forward(struct pass *, const struct decoder *, struct tensor x,
			      struct tensor turn, struct kv_cache *state);

#endif
