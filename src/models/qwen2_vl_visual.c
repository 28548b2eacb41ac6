/* The vision tower of Qwen2-VL or Qwen2.5-VL alone (models/qwen_visual.h). */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/language.h"
#include "models/model.h"
#include "models/qwen_visual.h"

static const struct qwen_visual *visual_of(const struct model *m) { return m->state; }

static enum err visual_configure(struct model *m, const struct hfconfig *config)
{
	struct qwen_visual *v = mem_alloc(sizeof(*v));
	m->state = v;
	bool gated = !strcmp(hfconfig_str(config, "model_type", ""), "qwen2_5_vl");
	const struct hfconfig *text = qwen_text_config(config);
	int64_t out = hfconfig_int(text, "hidden_size", gated ? 2048 : 1536, 1, 65536);
	enum err e = qwen_visual_configure(v, m, hfconfig_sub(config, "vision_config"),
					   gated, out);
	/* Who the tokens are for; a tower without one costs nobody anything. */
	const char *reader = hfconfig_str(config, "language_model", NULL);
	if (!e && hfconfig_has(text, "num_hidden_layers"))
		e = model_read_language(m, text);
	else if (!e && reader && language_by_name(reader))
		m->language = language_by_name(reader)->sizes;
	return e;
}

static void visual_bind(struct model *m) { qwen_visual_bind(m->state, m->tensors); }

static enum err visual_each_linear(struct model *m, const struct knobs *k,
				   enum err (*fn)(void *, struct linear *), void *ctx)
{
	return qwen_visual_each_linear(m->state, k, fn, ctx);
}

static void visual_release(struct model *m)
{
	if (m->state)
		qwen_visual_release(m->state);
	free(m->state);
	m->state = NULL;
}

static enum err visual_check(const struct model *m, const struct knobs *k)
{
	struct reduction r;
	enum err e = language_check(knob_text(k, KNOB_LANGUAGE_MODEL));
	return e ? e : qwen_visual_check(visual_of(m), m, k, &r);
}

static enum err visual_shape(const struct model *m, const struct input_facts *facts,
			     const struct knobs *k, struct input *out)
{
	return qwen_visual_shape(visual_of(m), m, facts, k, out);
}

static void visual_forward(struct pass *p, const struct model *m, const struct input *in,
			   const struct knobs *k, struct outputs *out)
{
	struct qwen_visual_pass vp;
	qwen_visual_forward(p, visual_of(m), m, in, k, out, &vp, NULL);
}

static const char *const visual_types[] = { "qwen2_vl", "qwen2_5_vl", NULL };

const struct family qwen2_vl_visual_family = {
	.name = "qwen2_vl_visual",
	.model_types = visual_types,
	.takes = INPUT_PICTURES,
	.knobs = QWEN_VISUAL_KNOBS | KNOB_BIT(KNOB_LANGUAGE_MODEL),
	.why_not = qwen_visual_why_not,
	.configure = visual_configure,
	.bind = visual_bind,
	.each_linear = visual_each_linear,
	.release = visual_release,
	.check = visual_check,
	.preprocess = qwen_visual_preprocess,
	.shape = visual_shape,
	.fill = qwen_visual_fill,
	.forward = visual_forward,
};
