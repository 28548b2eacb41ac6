#include "profiler/generate.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "profiler/memory.h"
#include "profiler/stats.h"

#define STEP_ROOM ((size_t)4 << 20) /* of a step without its logits */

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

/* A pass that leaves behind what decoding goes on from. */
static enum err prefill(struct setting *s, struct decoding *state, int32_t *next)
{
	struct input with = *s->input;
	const struct input *plain = s->input;
	with.state = state;
	s->input = &with;
	enum err e = setting_pass(s, false, NULL);
	s->input = plain;
	if (!e)
		*next = next_token(&s->out.token_logits);
	return e;
}

static enum err step(struct setting *s, struct arena *arena, struct decoding *state,
		     int32_t token, int32_t *next, double *ns)
{
	struct outputs out = { 0 };
	struct pass p = { .backend = s->backend,
			  .self = s->backend_self,
			  .arena = arena,
			  .still_wanted = s->still_wanted,
			  .still_ctx = s->ctx };
	arena_reset(arena, 0);
	int64_t start = clock_now_ns();
	s->model->family->decode(&p, s->model, state, token, &out);
	*ns = (double)(clock_now_ns() - start);
	enum err e = pass_end(&p);
	if (!e)
		*next = next_token(&out.token_logits);
	return e;
}

/* A step's activations: a row through one layer after the other, and the scores of all
 * tokens; more than enough of each. */
static size_t room_for_step(const struct setting *s)
{
	const struct decoder_sizes *l = &s->model->language;
	int64_t row = l->mlp + l->width + l->heads * l->head_dim;
	return STEP_ROOM + sizeof(float) * (size_t)(l->vocab + 8 * row);
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
	for (int i = 0; !e && i < GENERATE_TOKENS; i++) {
		ids[i] = token;
		e = step(s, arena, state, token, &token, &ns[i]);
	}
	if (e)
		return e;
	run->generated.ids = run_doubles(run, ids, GENERATE_TOKENS);
	run->generated.n_ids = GENERATE_TOKENS;
	run->generated.ns_per_token = median_of(ns, GENERATE_TOKENS);
	put_text(prompt, ids, run);
	return OK;
}

enum err generate_report(struct setting *s, const struct prompt *prompt, struct run *run)
{
	const struct family *f = s->model->family;
	struct decoding *state;
	struct arena arena;
	if (!f->decode_begin)
		return OK;
	run->generated.prompt_tokens = (double)s->out.token_logits.dim[1];
	if (s->input->items != 1)
		return OK;
	enum err e = f->decode_begin(s->model, s->input, GENERATE_TOKENS, &state);
	if (e)
		return e;
	e = arena_init(&arena, room_for_step(s));
	if (!e)
		e = generate(s, state, &arena, prompt, run);
	arena_release(&arena);
	decoding_free(state);
	return e;
}
