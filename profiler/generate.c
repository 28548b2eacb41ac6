#include "profiler/generate.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "profiler/memory.h"
#include "profiler/stats.h"

/* The likeliest token after the last of them. */
static int32_t next_token(const struct tensor *logits)
{
	const float *row = tensor_row(logits, tensor_rows(logits) - 1);
	int32_t best = 0;
	for (int64_t i = 1; i < tensor_cols(logits); i++)
		if (row[i] > row[best])
			best = (int32_t)i;
	return best;
}

/* And the first token after what is there. */
static enum err prefill(struct setting *s, struct decoding *state, int32_t *next)
{
	enum err e = setting_prefill(s, state);
	if (!e)
		*next = next_token(&s->out.token_logits);
	return e;
}

static enum err step(struct setting *s, struct arena *arena, struct decoding *state,
		     int32_t token, int32_t *next, double *ns)
{
	struct outputs out = { 0 };
	struct pass p = setting_beside(s, arena);
	arena_reset(arena, 0);
	int64_t start = clock_now_ns();
	s->model->family->decode(&p, s->model, state, token, &out);
	*ns = (double)(clock_now_ns() - start);
	enum err e = pass_end(&p);
	if (!e)
		*next = next_token(&out.token_logits);
	return e;
}

/* Memory for a step, as a dry one predicts it; this changes no state. */
static enum err room_for_step(const struct setting *s, struct decoding *state,
			      struct arena *arena)
{
	struct arena dry;
	struct outputs out = { 0 };
	struct pass p = setting_dry_beside(s, &dry);
	s->model->family->decode(&p, s->model, state, 0, &out);
	enum err e = pass_end(&p);
	return e ? e : arena_init(arena, dry.peak);
}

static void put_text(const struct prompt *prompt, const double *ids, struct run *run)
{
	struct str text = STR_INIT, clean = STR_INIT;
	if (!prompt->tokenizer || prompt->bytes)
		return;
	for (int i = 0; i < GENERATE_TOKENS; i++)
		tokenizer_decode(prompt->tokenizer, (int32_t)ids[i], &text);
	/* A character may have been cut off in its middle. */
	str_add_escaped(&clean, str_get(&text), text.len, 1024);
	run->generated.text = run_str(run, str_get(&clean));
	str_release(&text);
	str_release(&clean);
}

static enum err generate(struct setting *s, struct decoding *state, struct arena *arena,
			 const struct prompt *prompt, struct run *run)
{
	double ns[GENERATE_TOKENS], ids[GENERATE_TOKENS];
	int32_t token;
	enum err e = prefill(s, state, &token);
	if (!e)
		e = room_for_step(s, state, arena);
	for (int i = 0; !e && i < GENERATE_TOKENS; i++) {
		ids[i] = token;
		e = step(s, arena, state, token, &token, &ns[i]);
	}
	if (e)
		return e;
	run->generated.ids = run_doubles(run, ids, GENERATE_TOKENS);
	run->generated.n_ids = GENERATE_TOKENS;
	run->generated.ns_per_token = median_of(ns, GENERATE_TOKENS);
	run->generated.state_bytes = state->bytes;
	put_text(prompt, ids, run);
	return OK;
}

/* With those of a picture: of a language model that takes texts alone there are as many
 * as ids, and its logits may be of the last position only. */
static double prompt_tokens(const struct setting *s)
{
	int64_t tokens = s->model->family->takes == INPUT_TEXT
				 ? s->input->ids.dim[1]
				 : s->out.token_logits.dim[1];
	return (double)tokens;
}

/* Of every token. */
static double logits_bytes(const struct setting *s)
{
	const struct tensor *l = &s->out.token_logits;
	return (double)tensor_bytes(l) / (double)l->dim[1] * prompt_tokens(s);
}

enum err generate_report(struct setting *s, const struct prompt *prompt, struct run *run)
{
	const struct family *f = s->model->family;
	struct decoding *state;
	struct arena arena = { 0 };
	if (!f->decode)
		return OK;
	run->generated.prompt_tokens = prompt_tokens(s);
	if ((double)s->out.token_logits.dim[1] < run->generated.prompt_tokens)
		run_warn(run,
			 "logits of the last token only: those of all %g would be %.3g "
			 "GB",
			 run->generated.prompt_tokens, logits_bytes(s) * 1e-9);
	if (s->input->items != 1)
		return OK;
	enum err e = f->decode_begin(s->model, s->input, GENERATE_TOKENS, &state);
	if (e)
		return e;
	e = generate(s, state, &arena, prompt, run);
	arena_release(&arena);
	decoding_free(state);
	return e;
}
