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
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/mamba_mixer.h"
#include "models/model.h"
#include "models/projection.h"

#define CHUNK 512  /* tokens of a piece */
#define LENGTH 512 /* of an example */

struct mamba_layer {
	struct norm norm;
	struct mamba_mixer mixer;
};

struct mamba {
	struct mamba_sizes s;
	int64_t layers, vocab;
	bool tied;
	float eps;
	struct tensor embed; /* [V, D], as stored */
	struct mamba_layer *layer;
	struct norm norm;
	struct linear head;
};

static const struct mamba *mamba_of(const struct model *m) { return m->state; }

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
	return e ? e : check_depth(m, x->layers);
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
	enum err e = OK;
	(void)k;
	for (int i = 0; !e && i < x->layers; i++)
		e = mamba_mixer_adapt(&x->layer[i].mixer);
	return e;
}

static void mamba_release(struct model *m)
{
	struct mamba *x = m->state;
	for (int i = 0; x && x->layer && i < x->layers; i++)
		mamba_mixer_release(&x->layer[i].mixer);
	if (x)
		free(x->layer);
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

/* ---- what is carried ---- */

typedef struct tensor make_fn(void *ctx, int ndim, const int64_t *dim);

static struct mamba_branch make_branch(const struct mamba_sizes *s, int64_t items,
				       make_fn *make, void *ctx)
{
	return (struct mamba_branch){
		.past = make(ctx, DIMS(items, s->kernel - 1, s->inner)),
		.state = make(ctx, DIMS(items, s->inner, s->states)),
	};
}

static struct tensor make_in_pass(void *ctx, int ndim, const int64_t *dim)
{
	struct tensor t = pass_tensor(ctx, DT_F32, ndim, dim);
	return t;
}

static void clear(const struct tensor *t)
{
	if (t->ndim && t->data)
		memset(t->data, 0, (size_t)tensor_bytes(t));
}

static void forget(const struct mamba_memory *of)
{
	const struct tensor *const all[] = { &of->high.past, &of->high.state,
					     &of->low.past, &of->low.state, &of->held };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		clear(all[i]);
}

/* What one decoding keeps; both branches, since nobody knows yet which will run. */
struct mamba_decoding {
	struct decoding base;
	struct mamba_memory *memory; /* [layers] */
	int64_t layers;
	struct mrss mrss; /* of the pass that began it */
	int32_t factor;
};

static void decoding_release(struct decoding *base)
{
	struct mamba_decoding *d = (struct mamba_decoding *)base;
	for (int64_t i = 0; i < d->layers; i++) {
		free(d->memory[i].high.past.data);
		free(d->memory[i].high.state.data);
		free(d->memory[i].low.past.data);
		free(d->memory[i].low.state.data);
		free(d->memory[i].held.data);
	}
	free(d->memory);
	free(d);
}

static struct tensor make_on_heap(void *ctx, int ndim, const int64_t *dim)
{
	bool *ok = ctx;
	struct tensor t = tensor_of(DT_F32, NULL, ndim, dim);
	t.data = calloc((size_t)tensor_count(&t) + 1, sizeof(float)); /* may be empty */
	*ok = *ok && t.data;
	return t;
}

static enum err mamba_decode_begin(const struct model *m, const struct input *in,
				   int64_t more, struct decoding **out)
{
	const struct mamba *x = mamba_of(m);
	bool ok = true;
	(void)more; /* a state does not grow */
	*out = NULL;
	if (in->ids.dim[0] != 1)
		return err_set(ERR_USAGE, "a sequence goes on alone: --batch 1");
	struct mamba_decoding *d = mem_alloc(sizeof(*d));
	d->base.free = decoding_release;
	d->layers = x->layers;
	d->memory = mem_alloc(sizeof(*d->memory) * (size_t)x->layers);
	for (int64_t i = 0; i < x->layers; i++) {
		d->memory[i].high = make_branch(&x->s, 1, make_on_heap, &ok);
		d->memory[i].low = make_branch(&x->s, 1, make_on_heap, &ok);
		d->memory[i].held = make_on_heap(&ok, DIMS(1, x->s.inner));
	}
	if (ok) {
		*out = &d->base;
		return OK;
	}
	decoding_release(&d->base);
	return err_set(ERR_NOMEM, "no memory for the states of %d layers",
		       (int)x->layers);
}

/* ---- the pass ---- */

/* What goes through the chunks of a pass. */
struct mamba_pass {
	struct pass *p;
	const struct model *m;
	const struct mamba *x;
	struct tensor ids;           /* [B, T] */
	int64_t items, length, each; /* B, T, tokens of a chunk */
	struct mamba_scans scans;
	struct tensor gates;         /* [L, E], or ndim 0 */
	struct mamba_memory *memory; /* [L] */
	struct tensor rows;          /* [B, T or 1, D] that the head will see */
};

/* x [B, t, D] of tokens first ... first + t */
static struct tensor embed(const struct mamba_pass *mp, int64_t first, int64_t t)
{
	struct pass *p = mp->p;
	struct tensor ids = mp->ids;
	span_open(p, "embeddings", -1);
	if (t < mp->length) {
		ids = pass_tensor(p, DT_I32, DIMS(mp->items, t));
		for (int64_t b = 0; !p->err && ids.data && b < mp->items; b++)
			memcpy((int32_t *)ids.data + b * t,
			       (const int32_t *)mp->ids.data + b * mp->length + first,
			       sizeof(int32_t) * (size_t)t);
	}
	struct tensor x = op_lookup(p, "lookup", mp->x->embed, ids, (struct tensor){ 0 });
	span_close(p);
	return x;
}

static struct tensor gate_of(const struct mamba_pass *mp, int layer)
{
	if (!mp->gates.ndim)
		return mp->gates;
	return tensor_of(DT_F32, mp->gates.data ? tensor_row(&mp->gates, layer) : NULL,
			 DIMS(mp->x->s.inner));
}

static void tell(const struct mamba_pass *mp, int layer, const struct tensor *x)
{
	const struct witness *w = mp->p->witness;
	const struct mamba_memory *memory = &mp->memory[layer];
	bool low =
		mp->scans.mrss.mode == MRSS_LOW || mp->scans.mrss.mode == MRSS_ADAPTIVE;
	if (!w || mp->p->err || mp->p->backend->dry)
		return;
	if (w->hidden)
		w->hidden(w->ctx, layer, mp->scans.first, x);
	if (w->state)
		w->state(w->ctx, layer, mp->scans.first + x->dim[1],
			 low ? &memory->low.state : &memory->high.state);
}

static void through_layers(struct mamba_pass *mp, struct tensor x)
{
	struct pass *p = mp->p;
	for (int i = 0; i < mp->x->layers; i++) {
		const struct mamba_layer *l = &mp->x->layer[i];
		size_t mark = pass_mark(p);
		mp->scans.gate = gate_of(mp, i);
		span_open(p, "layers", i);
		struct tensor h = op_rmsnorm(p, "norm", x, &l->norm);
		mamba_mixer_forward(p, &l->mixer, x, h, &mp->scans, &mp->memory[i]);
		span_close(p);
		pass_release(p, mark);
		tell(mp, i, &x);
	}
}

/* Those rows of a chunk that the head will see. */
static void keep(const struct mamba_pass *mp, const struct tensor *x)
{
	int64_t t = x->dim[1], n = mp->rows.dim[1], d = mp->x->s.width;
	bool all = n == mp->length;
	if (mp->p->err || !mp->rows.data || !x->data)
		return;
	for (int64_t b = 0; b < mp->items; b++) {
		int64_t from = b * t + (all ? 0 : t - 1);
		int64_t to = b * n + (all ? mp->scans.first : 0);
		memcpy(tensor_row(&mp->rows, to), tensor_row(x, from),
		       sizeof(float) * (size_t)((all ? t : 1) * d));
	}
}

/* The rows of the last layer, [B, T or 1, D]. */
static struct tensor through_chunks(struct mamba_pass *mp, bool all)
{
	struct pass *p = mp->p;
	if (mp->length <= mp->each && all) {
		struct tensor x = embed(mp, 0, mp->length);
		through_layers(mp, x);
		return x;
	}
	mp->rows = pass_tensor(p, DT_F32,
			       DIMS(mp->items, all ? mp->length : 1, mp->x->s.width));
	for (int64_t first = 0; first < mp->length; first += mp->each) {
		int64_t left = mp->length - first, t = left < mp->each ? left : mp->each;
		size_t mark = pass_mark(p);
		mp->scans.first = first;
		struct tensor x = embed(mp, first, t);
		through_layers(mp, x);
		keep(mp, &x);
		pass_release(p, mark);
	}
	return mp->rows;
}

static struct tensor head(struct pass *p, const struct mamba *x, struct tensor rows)
{
	span_open(p, "head", -1);
	rows = op_rmsnorm(p, "norm_f", rows, &x->norm);
	struct tensor logits = op_linear(p, "logits", rows, &x->head, ACT_NONE);
	span_close(p);
	return logits;
}

/* ---- how the scans run ---- */

/* Each item's factor, from how its embeddings vary: I32 [B]. */
static struct tensor choose_factors(const struct mamba_pass *mp)
{
	struct pass *p = mp->p;
	int64_t width = mp->x->s.width;
	struct tensor factors = pass_tensor(p, DT_I32, DIMS(mp->items));
	struct tensor sums =
		pass_tensor(p, DT_F32, DIMS(mp->items, VARIATION_SUMS + width));
	if (!p->err)
		clear(&sums);
	span_open(p, "variation", -1);
	for (int64_t first = 0; first < mp->length; first += mp->each) {
		int64_t left = mp->length - first, t = left < mp->each ? left : mp->each;
		size_t mark = pass_mark(p);
		op_variation(p, "sums", sums, embed(mp, first, t));
		pass_release(p, mark);
	}
	span_close(p);
	for (int64_t b = 0; !p->err && sums.data && b < mp->items; b++)
		((int32_t *)factors.data)[b] = mrss_choose(
			tensor_row(&sums, b), mp->length, width, mp->scans.mrss.factor);
	return factors;
}

static struct tensor same_factors(struct pass *p, int64_t items, int factor)
{
	struct tensor factors = pass_tensor(p, DT_I32, DIMS(items));
	for (int64_t b = 0; !p->err && factors.data && b < items; b++)
		((int32_t *)factors.data)[b] = factor;
	return factors;
}

/* Of all layers [L, E], and their mean. */
static struct tensor draw_gates(struct pass *p, const struct mamba *x, uint64_t seed,
				double *mean)
{
	struct tensor g = pass_tensor(p, DT_F32, DIMS(x->layers, x->s.inner));
	double sum = 0;
	for (int i = 0; !p->err && g.data && i < x->layers; i++)
		sum += mrss_gates(seed, i, x->s.inner, tensor_row(&g, i));
	*mean = g.data ? sum / (double)tensor_count(&g) : (double)NAN;
	return g;
}

static void begin_scans(struct mamba_pass *mp, struct outputs *out)
{
	const struct mrss *mrss = &mp->scans.mrss;
	out->gate_mean = (double)NAN;
	out->factors = (struct tensor){ 0 };
	if (mrss->mode == MRSS_OFF)
		return;
	if (mrss->mode == MRSS_BOTH)
		mp->gates = draw_gates(mp->p, mp->x, mrss->seed, &out->gate_mean);
	out->factors = mrss->mode == MRSS_ADAPTIVE
			       ? choose_factors(mp)
			       : same_factors(mp->p, mp->items, mrss->factor);
	if (mrss->mode == MRSS_ADAPTIVE && !mp->p->err)
		mp->scans.factors = out->factors.data;
}

/* In the arena, or what decoding will go on from; all of it zero. */
static struct mamba_memory *begin_memory(struct mamba_pass *mp, struct decoding *state)
{
	const struct mamba *x = mp->x;
	struct mamba_memory *memory =
		state ? ((struct mamba_decoding *)state)->memory
		      : mem_alloc(sizeof(*memory) * (size_t)x->layers);
	enum mrss_mode mode = mp->scans.mrss.mode;
	for (int64_t i = 0; i < x->layers; i++) {
		if (!state && (mode == MRSS_OFF || mode == MRSS_BOTH))
			memory[i].high =
				make_branch(&x->s, mp->items, make_in_pass, mp->p);
		if (!state && mode != MRSS_OFF)
			memory[i].low =
				make_branch(&x->s, mp->items, make_in_pass, mp->p);
		if (!mp->p->err)
			forget(&memory[i]);
	}
	return memory;
}

static double branch_bytes(const struct mamba_branch *b)
{
	return (double)tensor_bytes(&b->past) + (double)tensor_bytes(&b->state);
}

static void end_memory(struct mamba_pass *mp, struct decoding *state)
{
	struct mamba_decoding *d = (struct mamba_decoding *)state;
	const struct mrss *mrss = &mp->scans.mrss;
	if (!state) {
		free(mp->memory);
		return;
	}
	const struct mamba_memory *one = &mp->memory[0];
	double low = branch_bytes(&one->low) + (double)tensor_bytes(&one->held);
	double high = branch_bytes(&one->high);
	d->mrss = *mrss;
	d->factor = mp->scans.factors ? mp->scans.factors[0] : mrss->factor;
	d->base.length = mp->length;
	d->base.bytes = (double)d->layers *
			((mrss->mode == MRSS_OFF || mrss->mode == MRSS_BOTH ? high : 0) +
			 (mrss->mode == MRSS_OFF ? 0 : low));
}

/* Shorter pieces where somebody wants to see the states more often. */
static int64_t chunk_of(const struct pass *p, const struct model *m)
{
	int64_t every = p->witness ? p->witness->every : 0;
	every = (every + MRSS_MOST - 1) / MRSS_MOST * MRSS_MOST;
	return every > 0 && every < m->chunk ? every : m->chunk;
}

static void mamba_forward(struct pass *p, const struct model *m, const struct input *in,
			  const struct knobs *k, struct outputs *out)
{
	struct mamba_pass mp = {
		.p = p,
		.m = m,
		.x = mamba_of(m),
		.ids = in->ids,
		.items = in->ids.dim[0],
		.length = in->ids.dim[1],
		.each = chunk_of(p, m),
		.scans = { .mrss = mrss_of(k) },
	};
	bool all = logits_of_all(mp.items, mp.length, mp.x->vocab);
	out->tokens = mp.length;
	begin_scans(&mp, out);
	mp.memory = begin_memory(&mp, in->state);
	struct tensor rows = through_chunks(&mp, all);
	out->token_logits = head(p, mp.x, rows);
	end_memory(&mp, in->state);
}

static void mamba_decode(struct pass *p, const struct model *m, struct decoding *base,
			 int32_t token, struct outputs *out)
{
	struct mamba_decoding *d = (struct mamba_decoding *)base;
	struct mamba_pass mp = {
		.p = p,
		.m = m,
		.x = mamba_of(m),
		.items = 1,
		.length = 1,
		.scans = { .mrss = d->mrss, .first = base->length },
		.memory = d->memory,
	};
	mp.ids = pass_tensor(p, DT_I32, DIMS(1, 1));
	if (!p->err && mp.ids.data)
		*(int32_t *)mp.ids.data = token;
	if (d->mrss.mode == MRSS_ADAPTIVE)
		mp.scans.factors = &d->factor;
	if (d->mrss.mode == MRSS_BOTH)
		mp.gates = draw_gates(p, mp.x, d->mrss.seed, &out->gate_mean);
	struct tensor x = embed(&mp, 0, 1);
	through_layers(&mp, x);
	out->token_logits = head(p, mp.x, x);
	base->length += !p->err && !p->backend->dry;
}

static const char *mamba_why_not(enum knob_id id)
{
	switch (id) {
	case KNOB_METHOD:
	case KNOB_KEEP:
	case KNOB_MERGE_R:
	case KNOB_PRUNE_AT:
	case KNOB_SUMMARY:
	case KNOB_THRESHOLD:
		return "a scan reads every token";
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
	.knobs = MRSS_KNOBS | KNOB_BIT(KNOB_BATCH) | KNOB_BIT(KNOB_SEQ) |
		 KNOB_BIT(KNOB_SEED) | KNOB_BIT(KNOB_THREADS) | KNOB_BIT(KNOB_GEMM) |
		 KNOB_BIT(KNOB_DEVICE),
	.why_not = mamba_why_not,
	.configure = mamba_configure,
	.bind = mamba_bind,
	.each_linear = mamba_each_linear,
	.adapt = mamba_adapt,
	.release = mamba_release,
	.check = mamba_check,
	.shape = mamba_shape,
	.forward = mamba_forward,
	.decode_begin = mamba_decode_begin,
	.decode = mamba_decode,
};
