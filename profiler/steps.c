#include "profiler/steps.h"

#include "base/clock.h"
#include "profiler/stats.h"

/* The same row again and again: what it is costs nothing. */
static struct tensor last_row(const struct input *in)
{
	const struct tensor *s = &in->sequence;
	return tensor_of(DT_F32, tensor_row(s, tensor_rows(s) - 1),
			 DIMS(1, 1, tensor_cols(s)));
}

static enum err step(const struct setting *s, struct pass p, struct decoding *state,
		     double *ns)
{
	struct outputs out = { 0 };
	arena_reset(p.arena, 0);
	int64_t start = clock_now_ns();
	s->model->family->decode_row(&p, s->model, state, last_row(s->input), &out);
	*ns = (double)(clock_now_ns() - start);
	return pass_end(&p);
}

/* Memory for a step, as a dry one predicts it; this changes no state. */
static enum err room_for_step(const struct setting *s, struct decoding *state,
			      struct arena *arena)
{
	struct arena dry;
	double ns;
	enum err e = step(s, setting_dry_beside(s, &dry), state, &ns);
	return e ? e : arena_init(arena, dry.peak);
}

static enum err walk(struct setting *s, struct decoding *state, struct arena *arena,
		     struct run *run)
{
	double ns[STEPS];
	enum err e = setting_prefill(s, state);
	double bytes = state->bytes;
	if (!e)
		e = room_for_step(s, state, arena);
	for (int i = 0; !e && i < STEPS; i++)
		e = step(s, setting_beside(s, arena), state, &ns[i]);
	if (e)
		return e;
	run->generated.prompt_tokens = (double)s->input->sequence.dim[1];
	run->generated.ns_per_token = median_of(ns, STEPS);
	run->generated.state_bytes = bytes;
	return OK;
}

enum err steps_report(struct setting *s, struct run *run)
{
	const struct family *f = s->model->family;
	struct decoding *state;
	struct arena arena = { 0 };
	if (!f->decode_row || s->input->items != 1)
		return OK;
	enum err e = f->decode_begin(s->model, s->input, STEPS, &state);
	if (e)
		return e;
	e = walk(s, state, &arena, run);
	arena_release(&arena);
	decoding_free(state);
	return e;
}
