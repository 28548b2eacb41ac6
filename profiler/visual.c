#include "profiler/visual.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/language.h"
#include "profiler/spans.h"
#include "reduce/trace.h"

/* ---- the tokens of a pass ---- */

/* Its part of all that came out, where it is not known which they are. */
static double expect_left(const struct outputs *out)
{
	const struct trace *t = &out->trace;
	double all = 0;
	for (int64_t b = 0; b < t->items; b++)
		all += (double)trace_count(t, b);
	return round((double)tensor_rows(&out->image_embeds) * (double)trace_count(t, 0) /
		     all);
}

/* Of item 0. */
static double count_left(const struct outputs *out)
{
	const struct trace *t = &out->trace;
	int64_t *names, n;
	if (!out->image_embeds.data)
		return expect_left(out);
	names = mem_alloc(sizeof(*names) * (size_t)(t->patches + TRACE_MAX_SITES));
	n = trace_left(t, 0, names);
	free(names);
	return (double)n;
}

void visual_report(const struct model *m, const struct input *in,
		   const struct outputs *out, struct run *run)
{
	struct run_visual *v = &run->visual;
	if (!out->by_token)
		return;
	int64_t merge = m->preprocess.grid ? m->cut.merge : 1;
	double side = sqrt((double)out->tokens);
	v->patches_per_token = m->patches_per_token;
	v->rows = in->grids ? (double)(in->grids[0].rows / merge) : side;
	v->columns = in->grids ? (double)(in->grids[0].columns / merge) : side;
	v->tokens = count_left(out);
	v->batch_tokens = (double)tensor_rows(&out->image_embeds);
}

/* Of the tower alone where a language model runs behind it. */
static double tower_ns(const struct run *run)
{
	for (int i = 0; i < run->n_layers; i++)
		if (run->layers[i].parent < 0 && !strcmp(run->layers[i].path, "visual"))
			return run->layers[i].v[METRIC_wall_ns];
	return run->wall.p50_ns;
}

void visual_report_time(struct run *run)
{
	struct run_visual *v = &run->visual;
	if (v->batch_tokens > 0)
		v->ns_per_token = tower_ns(run) / v->batch_tokens;
}

/* ---- what a language model would make of them ---- */

/* A prompt of `tokens` through shapes alone, all it costs in the layers of `run`. */
static enum err predict(const struct decoder *d, int64_t tokens, struct run *run)
{
	struct arena arena;
	struct spans spans;
	arena_init_dry(&arena);
	spans_init(&spans, NULL);
	struct pass p = { .backend = backend_by_name("dry"),
			  .arena = &arena,
			  .tracer = &spans.tracer,
			  .items = 1 };
	spans_begin(&spans);
	struct tensor x = pass_tensor(&p, DT_F32, DIMS(1, tokens, d->s.width));
	struct tensor turn = pass_tensor(&p, DT_F32, DIMS(tokens, d->s.head_dim));
	x = decoder_forward(&p, d, x, turn, NULL);
	/* What comes next is asked of the last token alone. */
	x.dim[1] = 1;
	op_linear(&p, "head", x, &d->head, ACT_NONE);
	enum err e = pass_end(&p);
	if (spans_end(&spans, e == OK))
		spans_report(&spans, run);
	spans_release(&spans);
	return e;
}

static enum err estimate(const struct decoder_sizes *s, const struct knobs *k,
			 const struct rates *rates, struct run *run)
{
	struct run_language *l = &run->language;
	struct decoder d;
	struct run *predicted = run_create();
	predicted->input.batch = 1;
	predicted->knobs = *k;
	decoder_shape(&d, s);
	enum err e = predict(&d, (int64_t)run->visual.tokens, predicted);
	decoder_release(&d);
	if (!e) {
		rates_estimate_calibrated(rates, predicted);
		l->params = decoder_params(s);
		l->flops = predicted->flops.ours;
		l->kv_bytes = 2.0 * 2 * (double)(s->layers * s->kv_heads * s->head_dim) *
			      run->visual.tokens; /* of 2 bytes, as they are kept */
		l->estimated_ns = predicted->wall.p50_ns;
	}
	run_free(predicted);
	return e;
}

enum err visual_report_language(const struct model *m, const struct knobs *k,
				const struct rates *rates, struct run *run)
{
	const char *name = knob_text(k, KNOB_LANGUAGE_MODEL);
	const struct language_model *named = language_by_name(name);
	const struct decoder_sizes *sizes = named ? &named->sizes : &m->language;
	if (!(m->family->knobs & KNOB_BIT(KNOB_LANGUAGE_MODEL)) ||
	    !(run->visual.tokens > 0))
		return OK;
	enum err e = language_check(name);
	if (e || !sizes->layers)
		return e;
	if (!named)
		named = language_by_sizes(sizes);
	run->language.name = run_str(run, named ? named->name : "its own language model");
	return estimate(sizes, k, rates, run);
}
