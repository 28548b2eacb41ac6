/*
 * Mamba-1 (Gu and Dao 2023), a language model without attention:
 *
 *   x = embeddings[ids]                  [B, T, D], kept in fp32
 *   x += mixer(norm(x)), L times         (models/mamba_mixer.h)
 *   logits = E norm_f(x)                 [B, T, V]
 *
 * A sequence goes through all layers in pieces, states and the past of the convolutions
 * carried from one to the next, so that its activations do not grow with its length. Of a
 * long one only the last logits are computed (logits_of_all).
 *
 * Checkpoints are those of transformers and the authors' own, whose config.json says
 * d_model and has no model_type.
 */
#include "models/mamba.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/projection.h"

#define CHUNK 512  /* tokens of a piece */
#define LENGTH 512 /* of an example */

/* ---- configuration and weights ---- */

static bool is_native(const struct hfconfig *c)
{
	return hfconfig_has(c, "d_model") && hfconfig_has(c, "n_layer") &&
	       hfconfig_has(c, "ssm_cfg");
}

/* A number, or "auto": ceil(D / 16). */
static int64_t read_rank(const struct hfconfig *c, const char *key, int64_t width)
{
	const json_t *value = json_object_get(hfconfig_json(c), key);
	int64_t rank = (width + 15) / 16;
	if (json_is_string(value) && !strcmp(json_string_value(value), "auto"))
		return rank;
	return hfconfig_int(c, key, rank, 1, 65536);
}

static void read_published(struct mamba *x, const struct hfconfig *c)
{
	struct mamba_sizes *s = &x->s;
	s->width = hfconfig_int(c, "hidden_size", 768, 1, 65536);
	x->layers = hfconfig_int(c, "num_hidden_layers", 32, 1, 1024);
	s->states = hfconfig_int(c, "state_size", 16, 1, 4096);
	s->kernel = hfconfig_int(c, "conv_kernel", 4, 1, 256);
	int64_t expand = hfconfig_int(c, "expand", 2, 1, 64);
	s->inner = hfconfig_int(c, "intermediate_size", expand * s->width, 1, 1 << 22);
	s->rank = read_rank(c, "time_step_rank", s->width);
	s->bias = hfconfig_bool(c, "use_bias", false);
	s->conv_bias = hfconfig_bool(c, "use_conv_bias", true);
	x->vocab = hfconfig_int(c, "vocab_size", 50280, 1, 1 << 24);
	x->tied = hfconfig_bool(c, "tie_word_embeddings", true);
	x->eps = (float)hfconfig_num(c, "layer_norm_epsilon", 1e-5, 0, 1);
}

static void read_native(struct mamba *x, const struct hfconfig *c)
{
	const struct hfconfig *ssm = hfconfig_sub(c, "ssm_cfg");
	struct mamba_sizes *s = &x->s;
	s->width = hfconfig_int(c, "d_model", 2560, 1, 65536);
	x->layers = hfconfig_int(c, "n_layer", 64, 1, 1024);
	s->states = hfconfig_int(ssm, "d_state", 16, 1, 4096);
	s->kernel = hfconfig_int(ssm, "d_conv", 4, 1, 256);
	s->inner = hfconfig_int(ssm, "expand", 2, 1, 64) * s->width;
	s->rank = read_rank(ssm, "dt_rank", s->width);
	s->bias = hfconfig_bool(ssm, "bias", false);
	s->conv_bias = hfconfig_bool(ssm, "conv_bias", true);
	int64_t vocab = hfconfig_int(c, "vocab_size", 50277, 1, 1 << 24);
	int64_t to = hfconfig_int(c, "pad_vocab_size_multiple", 8, 1, 1 << 16);
	x->vocab = (vocab + to - 1) / to * to;
	x->tied = hfconfig_bool(c, "tie_embeddings", true);
	x->eps = 1e-5F;
}

/* What the authors' format can also say, and this is not. */
static enum err check_native(const struct hfconfig *c)
{
	const char *label = hfconfig_label(c);
	const char *layer = hfconfig_str(hfconfig_sub(c, "ssm_cfg"), "layer", "Mamba1");
	char shown[64];
	if (strcmp(layer, "Mamba1") != 0)
		return err_set(ERR_UNSUPPORTED,
			       "%s: ssm_cfg.layer \"%s\": this version has Mamba1", label,
			       str_escaped(shown, sizeof(shown), layer, strlen(layer)));
	if (!hfconfig_bool(c, "rms_norm", true))
		return err_set(ERR_UNSUPPORTED,
			       "%s: rms_norm false: this version has RMS norms", label);
	if (json_array_size(json_object_get(hfconfig_json(c), "attn_layer_idx")) ||
	    hfconfig_int(c, "d_intermediate", 0, 0, 1 << 24))
		return err_set(ERR_UNSUPPORTED,
			       "%s: a hybrid of Mamba with attention or MLPs: this "
			       "version has Mamba alone",
			       label);
	return OK;
}

static enum err check_act(const struct hfconfig *c)
{
	const char *act = hfconfig_str(c, "hidden_act", "silu");
	char shown[64];
	return !strcmp(act, "silu")
		       ? OK
		       : err_set(ERR_UNSUPPORTED, "%s: hidden_act \"%s\": Mamba has silu",
				 hfconfig_label(c),
				 str_escaped(shown, sizeof(shown), act, strlen(act)));
}

/* More layers in the weights than the configuration says. */
static enum err check_depth(const struct model *m, int64_t layers)
{
	char name[64];
	struct tensor stored;
	snprintf(name, sizeof(name), "backbone.layers.%d.norm.weight", (int)layers);
	if (!tensors_is_generated(m->tensors) && tensors_find(m->tensors, name, &stored))
		return err_set(ERR_FORMAT, "%s: there are %d layers, but %s holds %s too",
			       hfconfig_label(m->config), (int)layers,
			       tensors_label(m->tensors), name);
	return OK;
}

/* A bias in the weights that the configuration says is not there. */
static enum err check_bias(const struct model *m, bool said, const char *suffix)
{
	char name[64];
	struct tensor stored;
	snprintf(name, sizeof(name), "backbone.layers.0.mixer.%s", suffix);
	if (!said && !tensors_is_generated(m->tensors) &&
	    tensors_find(m->tensors, name, &stored))
		return err_set(ERR_FORMAT, "%s: it has no such bias, but %s holds %s",
			       hfconfig_label(m->config), tensors_label(m->tensors),
			       name);
	return OK;
}

static enum err check_weights(const struct model *m, const struct mamba *x)
{
	enum err e = check_depth(m, x->layers);
	if (!e)
		e = check_bias(m, x->s.conv_bias, "conv1d.bias");
	return e ? e : check_bias(m, x->s.bias, "in_proj.bias");
}

static enum err mamba_configure(struct model *m, const struct hfconfig *c)
{
	struct mamba *x = mem_alloc(sizeof(*x));
	m->state = x;
	bool native = is_native(c) && !hfconfig_has(c, "model_type");
	if (native)
		read_native(x, c);
	else
		read_published(x, c);
	m->tokens = LENGTH;
	m->vocab = x->vocab;
	m->context = INT32_MAX;
	m->chunk = CHUNK;
	enum err e = hfconfig_error(c);
	if (!e)
		e = native ? check_native(c) : check_act(c);
	return e ? e : check_weights(m, x);
}

static const char *embeddings_of(const struct tensors *t)
{
	static const char *const native = "backbone.embedding.weight";
	struct tensor stored;
	return !tensors_is_generated(t) && tensors_find(t, native, &stored)
		       ? native
		       : "backbone.embeddings.weight";
}

/* A file may hold a head of its own, whatever its configuration says of it, and one that
 * holds none has the table of embeddings for it. */
static void bind_head(struct mamba *x, struct tensors *t)
{
	struct tensor stored;
	bool there = tensors_is_generated(t) ? !x->tied
					     : tensors_find(t, "lm_head.weight", &stored);
	if (there)
		x->head = linear_bind(t, "lm_head", x->s.width, x->vocab, false);
	else
		x->head.weight = x->embed;
}

static void mamba_bind(struct model *m)
{
	struct mamba *x = m->state;
	struct tensors *t = m->tensors;
	char name[64];
	x->embed = tensors_get_stored(t, embeddings_of(t), DIMS(x->vocab, x->s.width));
	x->layer = mem_alloc(sizeof(*x->layer) * (size_t)x->layers);
	for (int i = 0; i < x->layers; i++) {
		struct mamba_layer *l = &x->layer[i];
		snprintf(name, sizeof(name), "backbone.layers.%d.norm.weight", i);
		l->norm.weight = tensors_get(t, name, DIMS(x->s.width));
		l->norm.eps = x->eps;
		snprintf(name, sizeof(name), "backbone.layers.%d.mixer", i);
		mamba_mixer_bind(&l->mixer, t, name, &x->s);
	}
	x->norm.weight = tensors_get(t, "backbone.norm_f.weight", DIMS(x->s.width));
	x->norm.eps = x->eps;
	bind_head(x, t);
}

static enum err mamba_each_linear(struct model *m, const struct knobs *k,
				  enum err (*fn)(void *, struct linear *), void *ctx)
{
	struct mamba *x = m->state;
	enum err e = OK;
	(void)k;
	for (int i = 0; !e && i < x->layers; i++)
		e = mamba_mixer_each_linear(&x->layer[i].mixer, fn, ctx);
	return e ? e : fn(ctx, &x->head);
}

static enum err mamba_adapt(struct model *m, const struct knobs *k)
{
	struct mamba *x = m->state;
	enum err e = embedding_swaps_adapt(&x->swaps, m, k);
	for (int i = 0; !e && i < x->layers; i++)
		e = mamba_mixer_adapt(&x->layer[i].mixer);
	return e;
}

static struct tensor mamba_embeddings(const struct model *m)
{
	return mamba_of(m)->embed;
}

static void mamba_release(struct model *m)
{
	struct mamba *x = m->state;
	for (int i = 0; x && x->layer && i < x->layers; i++)
		mamba_mixer_release(&x->layer[i].mixer);
	if (x) {
		embedding_swaps_release(&x->swaps);
		free(x->layer);
	}
	free(x);
	m->state = NULL;
}

/* ---- knobs and shapes ---- */

static enum err mamba_check(const struct model *m, const struct knobs *k)
{
	(void)m;
	return mrss_check(k);
}

static enum err mamba_shape(const struct model *m, const struct input_facts *facts,
			    const struct knobs *k, struct input *out)
{
	double seq = knob_num(k, KNOB_SEQ);
	int64_t items = (int64_t)knob_num(k, KNOB_BATCH);
	int64_t length = facts && facts->length ? facts->length : m->tokens;
	*out = (struct input){ .items = items };
	out->ids =
		tensor_of(DT_I32, NULL, DIMS(items, isnan(seq) ? length : (int64_t)seq));
	return OK;
}

static const char *mamba_why_not(enum knob_id id)
{
	if (knob_takes_tokens(id))
		return "a scan reads every token";
	switch (id) {
	case KNOB_FUSED_QKV:
		return "there is no attention";
	case KNOB_IMAGE_SIZE:
		return "its input is text";
	default:
		return NULL;
	}
}

static const char *const mamba_types[] = { "mamba", NULL };

const struct family mamba_family = {
	.name = "mamba",
	.model_types = mamba_types,
	.knows = is_native,
	.takes = INPUT_TEXT,
	.blocks = "layers",
	.repeats_text = true,
	.knobs = FAMILY_KNOBS | MRSS_KNOBS | KNOB_BIT(KNOB_EMBEDDINGS) |
		 KNOB_BIT(KNOB_SEQ),
	.why_not = mamba_why_not,
	.configure = mamba_configure,
	.bind = mamba_bind,
	.each_linear = mamba_each_linear,
	.adapt = mamba_adapt,
	.embeddings = mamba_embeddings,
	.release = mamba_release,
	.check = mamba_check,
	.shape = mamba_shape,
	.forward = mamba_forward,
	.decode_begin = mamba_decode_begin,
	.decode = mamba_decode,
};
