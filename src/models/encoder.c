/*
 * A post-norm transformer encoder (Vaswani et al. 2017), as torch.nn.TransformerEncoder
 * stores it, over raw sequences [B, T, D]:
 *
 *   x = norm1(x + out(softmax(q k^T / sqrt(dh)) v))
 *   x = norm2(x + linear2(relu(linear1(x))))
 *   pooled = mean of the tokens, logits = mean of head(token)
 *
 * With dynamic token pruning: before each layer the tokens whose L2 norm does not exceed
 * a threshold leave for good (reduce/threshold.c); those that stay are gathered, so that
 * a layer computes nothing for the others.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kernels/op_sequence.h"
#include "models/model.h"
#include "models/vit.h"

#define EPS 1e-5F
#define DEFAULT_TOKENS 128
#define MAX_DEPTH 1024

struct encoder_block {
	struct projection in;
	struct linear out, fc1, fc2;
	struct norm norm1, norm2;
};

struct encoder {
	int64_t width, mlp, depth, heads;
	int64_t classes;              /* of the head; 0: there is none */
	struct encoder_block *blocks; /* [depth], owned */
	struct linear head;
};

static const struct encoder *encoder_of(const struct model *m) { return m->state; }

/* ---- sizes ---- */

/* The shape of a tensor of this name that is a matrix; false: there is none. */
static bool find_matrix(const struct model *m, const char *name, int64_t *rows,
			int64_t *cols)
{
	struct tensor t;
	if (!tensors_find(m->tensors, name, &t) || t.ndim != 2)
		return false;
	*rows = t.dim[0];
	*cols = t.dim[1];
	return true;
}

static bool has_layer(const struct model *m, int64_t layer)
{
	char name[64];
	int64_t rows, cols;
	snprintf(name, sizeof(name), "layers.%lld.linear1.weight", (long long)layer);
	return find_matrix(m, name, &rows, &cols);
}

/* All but the number of heads is in the weights. */
static enum err sizes_from_weights(struct encoder *c, const struct model *m)
{
	const char *label = tensors_label(m->tensors);
	struct tensor t;
	int64_t width;
	if (!find_matrix(m, "layers.0.linear1.weight", &c->mlp, &c->width))
		return err_set(ERR_FORMAT, "%s: no matrix layers.0.linear1.weight",
			       label);
	if (tensors_find(m->tensors, "norm.weight", &t))
		return err_set(ERR_UNSUPPORTED,
			       "%s: a norm after the layers: this version has encoders "
			       "without",
			       label);
	while (c->depth < MAX_DEPTH && has_layer(m, c->depth))
		c->depth++;
	if (c->depth == MAX_DEPTH || has_layer(m, c->depth + 1))
		return err_set(ERR_FORMAT, "%s: layers.%d is %s", label, (int)c->depth,
			       c->depth == MAX_DEPTH ? "one too many" : "missing");
	if (!find_matrix(m, "head.weight", &c->classes, &width))
		c->classes = 0;
	return OK;
}

static void sizes_from_config(struct encoder *c, const struct hfconfig *config)
{
	c->width = hfconfig_int(config, "hidden_size", 512, 1, 65536);
	c->mlp = hfconfig_int(config, "intermediate_size", 4 * c->width, 1, 262144);
	c->depth = hfconfig_int(config, "num_hidden_layers", 2, 1, MAX_DEPTH);
	c->classes = hfconfig_int(config, "num_labels", 0, 0, 65536);
}

static enum err encoder_configure(struct model *m, const struct hfconfig *config)
{
	struct encoder *c = mem_alloc(sizeof(*c));
	m->state = c;
	m->tokens = DEFAULT_TOKENS;
	c->heads = hfconfig_int(config, "num_attention_heads", 0, 1, 1024);
	if (!hfconfig_error(config) && !hfconfig_has(config, "num_attention_heads"))
		return err_set(ERR_FORMAT, "%s: no num_attention_heads",
			       hfconfig_label(config));
	enum err e = OK;
	if (tensors_is_generated(m->tensors))
		sizes_from_config(c, config);
	else
		e = sizes_from_weights(c, m);
	if (!e)
		e = hfconfig_error(config);
	if (!e && c->width % c->heads)
		e = err_set(ERR_FORMAT,
			    "%s: rows of %lld are not a multiple of "
			    "num_attention_heads %d",
			    hfconfig_label(config), (long long)c->width, (int)c->heads);
	return e;
}

/* ---- weights ---- */

static void bind_block(const struct encoder *c, struct tensors *t, int i,
		       struct encoder_block *b)
{
	char name[128];
	int64_t d = c->width;
#define NAME(suffix) (snprintf(name, sizeof(name), "layers.%d." suffix, i), name)
	struct linear qkv = { 0 };
	qkv.weight =
		tensors_get_stored(t, NAME("self_attn.in_proj_weight"), DIMS(3 * d, d));
	qkv.bias = tensors_get(t, NAME("self_attn.in_proj_bias"), DIMS(3 * d));
	b->in = projection_of(qkv, d, (int)c->heads);
	b->out = linear_bind(t, NAME("self_attn.out_proj"), d, d, true);
	b->fc1 = linear_bind(t, NAME("linear1"), d, c->mlp, true);
	b->fc2 = linear_bind(t, NAME("linear2"), c->mlp, d, true);
	b->norm1 = vit_bind_norm(t, NAME("norm1"), d, EPS);
	b->norm2 = vit_bind_norm(t, NAME("norm2"), d, EPS);
#undef NAME
}

static void encoder_bind(struct model *m)
{
	struct encoder *c = m->state;
	c->blocks = mem_alloc(sizeof(*c->blocks) * (size_t)c->depth);
	for (int i = 0; i < c->depth; i++)
		bind_block(c, m->tensors, i, &c->blocks[i]);
	if (c->classes)
		c->head = linear_bind(m->tensors, "head", c->width, c->classes, true);
}

static enum err encoder_each_linear(struct model *m, const struct knobs *k,
				    enum err (*fn)(void *, struct linear *), void *ctx)
{
	struct encoder *c = m->state;
	enum err e = OK;
	for (int i = 0; !e && i < c->depth; i++) {
		struct encoder_block *b = &c->blocks[i];
		struct linear *const rest[] = { &b->out, &b->fc1, &b->fc2 };
		e = projection_each_linear(&b->in, !k || vit_is_fused(k),
					   projection_needs(k), fn, ctx);
		for (size_t j = 0; !e && j < sizeof(rest) / sizeof(rest[0]); j++)
			e = fn(ctx, rest[j]);
	}
	return e || !c->classes ? e : fn(ctx, &c->head);
}

static void encoder_release(struct model *m)
{
	struct encoder *c = m->state;
	if (c)
		free(c->blocks);
	free(c);
	m->state = NULL;
}

/* ---- knobs and input ---- */

static enum err read_reduction(const struct model *m, const struct knobs *k,
			       struct reduction *r)
{
	const struct tower tower = { .name = m->name, .depth = encoder_of(m)->depth };
	return reduction_read(k, &tower, r);
}

static enum err encoder_check(const struct model *m, const struct knobs *k)
{
	struct reduction r;
	enum err e = read_reduction(m, k, &r);
	if (!e && r.method->merges)
		e = err_set(ERR_USAGE,
			    "--method %s: %s ends with the mean of its tokens, which "
			    "would count a merged one once",
			    r.method->name, m->name);
	return e;
}

static enum err encoder_shape(const struct model *m, const struct input_facts *facts,
			      const struct knobs *k, struct input *out)
{
	(void)facts; /* batch and seq have been settled by them */
	double seq = knob_num(k, KNOB_SEQ);
	int64_t items = (int64_t)knob_num(k, KNOB_BATCH);
	int64_t length = isnan(seq) ? DEFAULT_TOKENS : (int64_t)seq;
	*out = (struct input){
		.items = items,
		.sequence = tensor_of(DT_F32, NULL,
				      DIMS(items, length, encoder_of(m)->width)),
	};
	return OK;
}

/* ---- the pass ---- */

static void attend(struct pass *p, const struct encoder *c, const struct encoder_block *b,
		   struct token_set *set, int layer, bool fused)
{
	struct qkv t = project(p, &b->in, set->x, set, layer, fused);
	const struct attn_opts attn = {
		.heads = (int)c->heads,
		.scale = 1 / sqrtf((float)(c->width / c->heads)),
		.query_rows = set->rows,
		.key_rows = set->rows,
	};
	struct tensor h = op_attention(p, "attn.sdpa", t.q, t.k, t.v, &attn);
	op_linear_add(p, "attn.out", set->x, h, &b->out);
	op_layernorm_in_place(p, "norm1", set->x, &b->norm1);
}

static void forward_block(struct pass *p, const struct encoder *c, int layer,
			  struct token_set *set, bool fused)
{
	const struct encoder_block *b = &c->blocks[layer];
	token_set_before(set, p, layer);
	size_t mark = pass_mark(p);
	attend(p, c, b, set, layer, fused);
	pass_release(p, mark);
	struct tensor h = op_linear(p, "mlp.fc1", set->x, &b->fc1, ACT_RELU);
	op_linear_add(p, "mlp.fc2", set->x, h, &b->fc2);
	op_layernorm_in_place(p, "norm2", set->x, &b->norm2);
	pass_release(p, mark);
	pass_hidden(p, layer, 0, &set->x);
}

/* A head looks at every token, as it was published; the mean of its answers is that of
 * the mean token. */
static void forward_head(struct pass *p, const struct encoder *c,
			 const struct token_set *set, struct outputs *out)
{
	span_open(p, "head", -1);
	out->pooled = op_mean_rows(p, "pooled", set->x, set->items, &set->rows);
	if (c->classes) {
		struct tensor each = op_linear(p, "classes", set->x, &c->head, ACT_NONE);
		out->class_logits = op_mean_rows(p, "mean", each, set->items, &set->rows);
	}
	span_close(p);
}

static void encoder_forward(struct pass *p, const struct model *m, const struct input *in,
			    const struct knobs *k, struct outputs *out)
{
	const struct encoder *c = encoder_of(m);
	struct reduction r;
	struct token_set set;
	enum err e = read_reduction(m, k, &r);
	if (e && !p->err) /* encoder_check() has seen these knobs */
		p->err = e;
	out->tokens = in->sequence.dim[1];
	out->kept_layers = c->depth;
	const struct token_start start = { .items = in->items, .tokens = out->tokens };
	token_set_begin(&set, p, &r, &out->trace, &start);
	/* Layers work in place: on what was gathered, or on a copy. */
	bool gathers = r.at_embed || reduction_at(&r, 0);
	struct tensor x = gathers ? in->sequence : op_copy(p, "input", in->sequence);
	token_set_enter(&set, p, x);
	for (int i = 0; i < c->depth; i++) {
		span_open(p, "blocks", i);
		forward_block(p, c, i, &set, vit_is_fused(k));
		span_close(p);
	}
	forward_head(p, c, &set, out);
}

static const char *encoder_why_not(enum knob_id id)
{
	switch (id) {
	case KNOB_DOWNSAMPLE:
	case KNOB_MRSS:
		return "a transformer has no scan to run at a coarser resolution";
	case KNOB_IMAGE_SIZE:
		return "its input is a sequence";
	default:
		return NULL;
	}
}

static const char *const encoder_types[] = { "transformer_encoder", NULL };

const struct family encoder_family = {
	.name = "encoder",
	.model_types = encoder_types,
	.takes = INPUT_SEQUENCE,
	.knobs = FAMILY_KNOBS | KNOB_BIT(KNOB_METHOD) | KNOB_BIT(KNOB_KEEP) |
		 KNOB_BIT(KNOB_PRUNE_AT) | KNOB_BIT(KNOB_SUMMARY) |
		 KNOB_BIT(KNOB_THRESHOLD) | KNOB_BIT(KNOB_THRESHOLD_SCALE) |
		 KNOB_BIT(KNOB_LAYOUT) | KNOB_BIT(KNOB_FUSED_QKV) | KNOB_BIT(KNOB_SEQ),
	.why_not = encoder_why_not,
	.configure = encoder_configure,
	.bind = encoder_bind,
	.each_linear = encoder_each_linear,
	.release = encoder_release,
	.check = encoder_check,
	.shape = encoder_shape,
	.forward = encoder_forward,
};
