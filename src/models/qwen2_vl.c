/*
 * Qwen2-VL and Qwen2.5-VL: a prompt about a picture.
 *
 *   visual      the picture as tokens [B K, D]             (models/qwen_visual.h)
 *   embeddings  x = text before, picture, text behind      [B, P + K, D]
 *   decoder     all layers (models/decoder.h); positions on three axes: time, row and
 *               column, each turning its section of a head (M-RoPE). A token of the
 *               picture keeps its place where others are dropped.
 *   head        logits [B, P + K, V], of every position
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/decoder.h"
#include "models/input.h"
#include "models/model.h"
#include "models/qwen_visual.h"

#define EXAMPLE_PROMPT 16 /* tokens, where nobody gave a text yet */

struct qwen2_vl {
	struct qwen_visual visual;
	struct decoder text;
};

static const struct qwen2_vl *qwen_of(const struct model *m) { return m->state; }

/* ---- configuration and weights ---- */

/* Others stretch the angles, for contexts longer than it was trained with. */
static enum err check_scaling(const struct hfconfig *scaling)
{
	static const char *const keys[] = { "type", "rope_type" };
	char shown[64];
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *type = hfconfig_str(scaling, keys[i], "mrope");
		if (strcmp(type, "mrope") != 0 && strcmp(type, "default") != 0)
			return err_set(
				ERR_UNSUPPORTED,
				"%s: rope_scaling.%s \"%s\": this version has "
				"mrope",
				hfconfig_label(scaling), keys[i],
				str_escaped(shown, sizeof(shown), type, strlen(type)));
	}
	return OK;
}

static enum err read_sections(struct qwen2_vl *q, const struct hfconfig *text)
{
	static const int64_t published[3] = { 16, 24, 24 };
	struct qwen_layout *l = &q->visual.layout;
	const struct hfconfig *scaling = hfconfig_sub(text, "rope_scaling");
	const bool given = hfconfig_has(scaling, "mrope_section");
	const json_t *list = json_object_get(hfconfig_json(scaling), "mrope_section");
	int64_t sum = 0, most = q->text.s.head_dim;
	enum err e = check_scaling(scaling);
	if (e)
		return e;
	bool right = !given || json_array_size(list) == 3;
	for (size_t i = 0; i < 3; i++) {
		const json_t *item = json_array_get(list, i);
		int64_t angles = given ? json_integer_value(item) : published[i];
		right = right && angles >= 0 && angles <= most &&
			(!given || json_is_integer(item));
		l->sections[i] = angles;
		sum += right ? angles : 0;
	}
	l->text_head_dim = q->text.s.head_dim;
	l->theta = q->text.theta;
	return right && sum == most / 2
		       ? OK
		       : err_set(ERR_FORMAT,
				 "%s: rope_scaling.mrope_section: want 3 numbers of "
				 "angles that add up to half of a head, %d",
				 hfconfig_label(text), (int)most / 2);
}

/* The published ids where the file says nothing: a small vocabulary has no such rows. */
static enum err read_marks(struct model *m, const struct hfconfig *c)
{
	const struct {
		const char *key;
		int64_t published;
		int32_t *to;
	} marks[] = {
		{ "image_token_id", 151655, &m->marks.picture },
		{ "vision_start_token_id", 151652, &m->marks.start },
		{ "vision_end_token_id", 151653, &m->marks.end },
	};
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		int64_t id = hfconfig_int(c, marks[i].key, marks[i].published, 0,
					  m->vocab - 1);
		if (id >= m->vocab && !hfconfig_error(c))
			return err_set(ERR_FORMAT,
				       "%s: no %s, and a vocabulary of %lld has no "
				       "token %lld, which it would be",
				       hfconfig_label(c), marks[i].key,
				       (long long)m->vocab, (long long)id);
		*marks[i].to = (int32_t)id;
	}
	return hfconfig_error(c);
}

/* Older checkpoints say "model.layers", newer ones put the language model beside the
 * tower. */
static const char *root_of(const struct tensors *t)
{
	struct tensor stored;
	return tensors_find(t, "model.language_model.embed_tokens.weight", &stored)
		       ? "model.language_model"
		       : "model";
}

/* More layers in the weights than the configuration says. */
static enum err check_layers(const struct model *m, const struct hfconfig *text,
			     int64_t layers)
{
	char name[96];
	struct tensor stored;
	snprintf(name, sizeof(name), "%s.layers.%d.input_layernorm.weight",
		 root_of(m->tensors), (int)layers);
	if (!tensors_is_generated(m->tensors) && tensors_find(m->tensors, name, &stored))
		return err_set(ERR_FORMAT,
			       "%s: num_hidden_layers is %d, but %s holds %s too",
			       hfconfig_label(text), (int)layers,
			       tensors_label(m->tensors), name);
	return OK;
}

static enum err read_text(struct qwen2_vl *q, const struct hfconfig *config,
			  const struct hfconfig *text)
{
	enum err e = decoder_configure(&q->text, text);
	if (!hfconfig_has(text, "tie_word_embeddings")) /* newer files: outside of it */
		q->text.s.tied = hfconfig_bool(config, "tie_word_embeddings", false);
	if (!e && hfconfig_bool(text, "use_sliding_window", false))
		e = err_set(ERR_UNSUPPORTED,
			    "%s: use_sliding_window: every token sees all before it here",
			    hfconfig_label(config));
	return e;
}

static enum err qwen_configure(struct model *m, const struct hfconfig *config)
{
	struct qwen2_vl *q = mem_alloc(sizeof(*q));
	m->state = q;
	bool gated = !strcmp(hfconfig_str(config, "model_type", ""), "qwen2_5_vl");
	const struct hfconfig *text = qwen_text_config(config);
	if (!hfconfig_has(text, "num_hidden_layers"))
		return err_set(ERR_UNSUPPORTED,
			       "%s is a vision tower without a language model: leave out "
			       "--text and --tokens",
			       m->name);
	enum err e = read_text(q, config, text);
	if (!e)
		e = qwen_visual_configure(&q->visual, m,
					  hfconfig_sub(config, "vision_config"), gated,
					  q->text.s.width);
	if (!e && q->visual.out != q->text.s.width)
		e = err_set(ERR_FORMAT,
			    "%s: the vision tower gives tokens of %d, the language model "
			    "takes %d",
			    hfconfig_label(config), (int)q->visual.out,
			    (int)q->text.s.width);
	if (!e)
		e = check_layers(m, text, q->text.s.layers);
	if (!e)
		e = read_sections(q, text);
	m->vocab = q->text.s.vocab;
	m->context = hfconfig_int(text, "max_position_embeddings", 32768, 1, 1 << 24);
	m->language = q->text.s;
	m->published_layers =
		hfconfig_int(text, "published_num_hidden_layers", 0, 0, 1024);
	return e ? e : read_marks(m, config);
}

static void qwen_bind(struct model *m)
{
	struct qwen2_vl *q = m->state;
	qwen_visual_bind(&q->visual, m->tensors);
	decoder_bind(&q->text, m->tensors, root_of(m->tensors), "lm_head");
}

static enum err qwen_each_linear(struct model *m, const struct knobs *k,
				 enum err (*fn)(void *, struct linear *), void *ctx)
{
	struct qwen2_vl *q = m->state;
	enum err e = qwen_visual_each_linear(&q->visual, k, fn, ctx);
	return e ? e : decoder_each_linear(&q->text, fn, ctx);
}

static struct tensor qwen_embeddings(const struct model *m)
{
	return qwen_of(m)->text.embed;
}

static void qwen_release(struct model *m)
{
	struct qwen2_vl *q = m->state;
	if (q) {
		qwen_visual_release(&q->visual);
		decoder_release(&q->text);
	}
	free(q);
	m->state = NULL;
}

/* ---- knobs and shapes ---- */

static enum err qwen_check(const struct model *m, const struct knobs *k)
{
	struct reduction r;
	enum err e = qwen_visual_check(&qwen_of(m)->visual, m, k, &r);
	if (!e && knob_num(k, KNOB_BATCH) > 1 && reduction_is_ragged(&r))
		e = err_set(
			ERR_USAGE,
			"--method %s: pictures would keep different numbers of tokens, "
			"and prompts of a batch have one length: --batch 1",
			r.method->name);
	return e;
}

static enum err qwen_shape(const struct model *m, const struct input_facts *facts,
			   const struct knobs *k, struct input *out)
{
	struct input_facts example = facts ? *facts : (struct input_facts){ 0 };
	if (!example.prompt)
		example.prompt = EXAMPLE_PROMPT;
	enum err e = qwen_visual_shape(&qwen_of(m)->visual, m, &example, k, out);
	if (e)
		return e;
	const struct qwen_plan *plan = out->plan;
	out->ids = tensor_of(DT_I32, NULL, DIMS(plan->items, plan->prompt));
	if (!plan->uneven)
		return OK;
	input_release(out);
	return err_set(ERR_FORMAT,
		       "prompts of a batch have one length, and these pictures "
		       "have different numbers of tokens: --batch 1, or "
		       "--image-size");
}

/* ---- the pass ---- */

/* [B, P + K, D] of the text [B or 1, P, D] and the pictures [B K, D]. */
static struct tensor splice(struct pass *p, const char *name,
			    const struct qwen_plan *plan, struct tensor text,
			    struct tensor pictures)
{
	int64_t kept = tensor_rows(&pictures) / plan->items;
	pictures = tensor_of(DT_F32, pictures.data,
			     DIMS(plan->items, kept, tensor_cols(&pictures)));
	return op_splice(p, name, text, pictures, plan->before);
}

/* [B (P + K), W] */
static struct tensor turn_of(struct pass *p, const struct qwen_plan *plan,
			     struct tensor pictures)
{
	int64_t width = plan->layout.text_head_dim;
	struct tensor turn = tensor_of(DT_F32, plan->prompt_turn,
				       DIMS(plan->items, plan->prompt, width));
	turn = splice(p, "positions", plan, turn, pictures);
	return tensor_of(DT_F32, turn.data, DIMS(tensor_rows(&turn), width));
}

static void qwen_forward(struct pass *p, const struct model *m, const struct input *in,
			 const struct knobs *k, struct outputs *out)
{
	const struct qwen2_vl *q = qwen_of(m);
	const struct qwen_plan *plan = in->plan;
	struct qwen_visual_pass vp;
	struct tensor picture_turn;
	span_open(p, "visual", -1);
	struct tensor pictures =
		qwen_visual_forward(p, &q->visual, m, in, k, out, &vp, &picture_turn);
	span_close(p);
	span_open(p, "embeddings", -1);
	struct tensor x =
		op_lookup(p, "lookup", q->text.embed, in->ids, (struct tensor){ 0 });
	x = splice(p, "splice", plan, x, pictures);
	struct tensor turn = turn_of(p, plan, picture_turn);
	span_close(p);
	span_open(p, "decoder", -1);
	x = decoder_forward(p, &q->text, x, turn, (struct kv_cache *)in->state);
	span_close(p);
	span_open(p, "head", -1);
	out->token_logits = op_linear(p, "logits", x, &q->text.head, ACT_NONE);
	span_close(p);
}

/* ---- one token after the other ---- */

static enum err qwen_decode_begin(const struct model *m, const struct input *in,
				  int64_t more, struct decoding **out)
{
	const struct qwen_plan *plan = in->plan;
	if (plan->items != 1)
		return err_set(ERR_USAGE, "a prompt goes on alone: --batch 1");
	struct kv_cache *state;
	enum err e = kv_cache_create(&qwen_of(m)->text.s,
				     plan->prompt + plan->tokens + more, &state);
	if (!e)
		state->position = plan->prompt + plan->longest[0];
	*out = e ? NULL : &state->base;
	return e;
}

static void qwen_decode(struct pass *p, const struct model *m, struct decoding *base,
			int32_t token, struct outputs *out)
{
	struct kv_cache *state = (struct kv_cache *)base;
	const struct qwen2_vl *q = qwen_of(m);
	const struct qwen_layout *l = &q->visual.layout;
	const int64_t at[3] = { state->position, state->position, state->position };
	struct tensor id = pass_tensor(p, DT_I32, DIMS(1, 1));
	struct tensor turn = pass_tensor(p, DT_F32, DIMS(1, l->text_head_dim));
	if (p->err)
		return;
	if (!p->backend->dry) {
		*(int32_t *)id.data = token;
		qwen_text_turn(l, at, turn.data);
	}
	struct tensor x = op_lookup(p, "lookup", q->text.embed, id, (struct tensor){ 0 });
	x = decoder_forward(p, &q->text, x, turn, state);
	out->token_logits = op_linear(p, "logits", x, &q->text.head, ACT_NONE);
	state->position += !p->backend->dry;
}

static const char *const qwen_types[] = { "qwen2_vl", "qwen2_5_vl", NULL };

const struct family qwen2_vl_family = {
	.name = "qwen2_vl",
	.model_types = qwen_types,
	.takes = INPUT_PROMPT,
	.blocks = "visual.blocks",
	.knobs = QWEN_VISUAL_KNOBS,
	.why_not = qwen_visual_why_not,
	.configure = qwen_configure,
	.bind = qwen_bind,
	.each_linear = qwen_each_linear,
	.embeddings = qwen_embeddings,
	.release = qwen_release,
	.check = qwen_check,
	.preprocess = qwen_visual_preprocess,
	.shape = qwen_shape,
	.fill = qwen_visual_fill,
	.forward = qwen_forward,
	.decode_begin = qwen_decode_begin,
	.decode = qwen_decode,
};
