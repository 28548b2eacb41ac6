#include "profiler/setting.h"

#include "base/clock.h"
#include "models/input.h"
#include "profiler/memory.h"
#include "profiler/visual.h"

/* A forward pass of the same model code without arithmetic, on an arena without memory.
 */
static enum err dry_pass(const struct model *m, const struct knobs *k, struct input in,
			 const struct shares *expected, struct spans *spans,
			 struct outputs *out, size_t *peak, bool *depends)
{
	struct arena arena;
	arena_init_dry(&arena);
	in.pixels.data = in.patches.data = in.ids.data = in.sequence.data = NULL;
	in.classes.weight.data = NULL;
	in.state = NULL;
	struct pass p = {
		.backend = backend_by_name("dry"),
		.arena = &arena,
		.tracer = &spans->tracer,
		.dtype = m->dtype,
		.expected = expected ? expected->of : NULL,
		.n_expected = expected ? expected->n : 0,
	};
	spans_begin(spans);
	m->family->forward(&p, m, &in, k, out);
	enum err e = pass_end(&p);
	if (!spans_end(spans, e == OK) && !e)
		e = err_set(ERR_UNSUPPORTED, "%s: spans do not nest", m->name);
	*peak = arena.peak;
	if (depends)
		*depends = p.n_selected > 0;
	return e;
}

/* What every item gets at a site is no share of what came in: the class token at the
 * embedding, a summary (which an item that drops nothing does without). */
static int64_t rows_added(const struct trace *t, const struct trace_site *site)
{
	const int32_t *row = site->sel.rows.data;
	int64_t made = 0;
	for (int64_t i = 0; !made && i < site->sel.rows.dim[0]; i++)
		made = row[i] == ROW_MADE;
	return t->items * (made + (site->layer < 0 ? t->cls : 0));
}

void setting_shares(const struct setting *s, struct shares *shares)
{
	const struct trace *t = &s->out.trace;
	shares->n = 0;
	for (int i = 0; i < t->n; i++) {
		const struct trace_site *site = &t->sites[i];
		if (!site->sel.by_value || !site->score.dim[0])
			continue;
		shares->of[shares->n++] =
			(double)(site->sel.rows.dim[0] - rows_added(t, site)) /
			(double)site->score.dim[0];
	}
}

enum err setting_predict(const struct model *m, const struct input_facts *facts,
			 const struct knobs *k, const struct tensor *classes,
			 const struct shares *expected, struct run *run, bool *depends)
{
	struct spans spans;
	struct input in;
	struct outputs out = { 0 };
	size_t peak;
	enum err e = m->family->shape(m, facts, k, &in);
	if (e)
		return e;
	if (classes)
		in.classes.weight = *classes;
	spans_init(&spans, NULL);
	e = dry_pass(m, k, in, expected, &spans, &out, &peak, depends);
	if (!e) {
		spans_report(&spans, run);
		run->memory.peak_activation_bytes = (double)peak;
		run->input.tokens = (double)out.tokens;
		visual_report(m, &in, &out, run);
	}
	spans_release(&spans);
	input_release(&in);
	return e;
}

enum err setting_init(struct setting *s, const struct model *m,
		      const struct backend *backend, void *backend_self,
		      struct pool *pool, const struct input *in, const struct knobs *k)
{
	*s = (struct setting){
		.model = m,
		.backend = backend,
		.backend_self = backend_self,
		.pool = pool,
		.input = in,
		.knobs = *k,
	};
	size_t peak;
	spans_init(&s->spans, pool);
	/* The dry pass tells the size of the arena and teaches the tracer its tree. */
	enum err e = dry_pass(m, k, *in, NULL, &s->spans, &s->out, &peak, NULL);
	if (!e)
		e = memory_check(MEMORY_OF_BATCH, (double)peak);
	if (!e)
		e = arena_init(&s->arena, peak);
	return e;
}

void setting_release(struct setting *s)
{
	spans_release(&s->spans);
	arena_release(&s->arena);
}

enum err setting_pass(struct setting *s, bool watched, int64_t *wall_ns)
{
	struct pass p = {
		.backend = s->backend,
		.self = s->backend_self,
		.arena = &s->arena,
		.tracer = watched ? &s->spans.tracer : NULL,
		.witness = s->witness,
		.dtype = s->model->dtype,
		.still_wanted = s->still_wanted,
		.still_ctx = s->ctx,
	};
	arena_reset(&s->arena, 0);
	pool_watch(s->pool, watched);
	if (watched)
		spans_begin(&s->spans);
	int64_t start = clock_now_ns();
	s->model->family->forward(&p, s->model, s->input, &s->knobs, &s->out);
	int64_t end = clock_now_ns();
	enum err e = pass_end(&p);
	if (watched && !spans_end(&s->spans, e == OK) && !e)
		e = err_set(ERR_UNSUPPORTED, "%s: its spans differ from pass to pass",
			    s->model->name);
	if (wall_ns)
		*wall_ns = end - start;
	return e;
}

struct pass setting_beside(const struct setting *s, struct arena *arena)
{
	return (struct pass){
		.backend = s->backend,
		.self = s->backend_self,
		.arena = arena,
		.dtype = s->model->dtype,
		.still_wanted = s->still_wanted,
		.still_ctx = s->ctx,
	};
}

struct pass setting_dry_beside(const struct setting *s, struct arena *arena)
{
	arena_init_dry(arena);
	return (struct pass){ .backend = backend_by_name("dry"),
			      .arena = arena,
			      .dtype = s->model->dtype };
}

enum err setting_prefill(struct setting *s, struct decoding *state)
{
	struct input with = *s->input;
	const struct input *plain = s->input;
	with.state = state;
	s->input = &with;
	enum err e = setting_pass(s, false, NULL);
	s->input = plain;
	return e;
}
