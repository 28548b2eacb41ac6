#include "profiler/run.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "base/str.h"

#define FIELD(group, kind, member)                                                       \
	{                                                                                \
#group, #member, FIELD_##kind, offsetof(struct run, group.member), 0     \
	}
#define FIELD_ARRAY(group, member, count)                                                \
	{                                                                                \
#group, #member, FIELD_NUMS, offsetof(struct run, group.member),         \
			offsetof(struct run, group.count)                                \
	}
#define FIELD_BLAS(key)                                                                  \
	{                                                                                \
		"env.blas", #key, FIELD_TEXT, offsetof(struct run, env.blas_##key), 0    \
	}

const struct run_field run_fields[] = {
	FIELD(model, TEXT, name),
	FIELD(model, TEXT, family),
	FIELD(model, TEXT, source),
	FIELD(model, TEXT, format),
	FIELD(model, TEXT, sha256),
	FIELD(model, COUNT, params),
	FIELD(model, COUNT, bytes),
	FIELD(model, BOOL, random_weights),
	FIELD(input, TEXT, kind),
	FIELD(input, TEXT, source),
	FIELD(input, TEXT, sha256),
	FIELD(input, COUNT, batch),
	FIELD(input, COUNT, tokens),
	FIELD(prompt, COUNT, tokens),
	FIELD(prompt, TEXT, text),
	FIELD(prompt, TEXT, file),
	FIELD(wall, COUNT, n),
	FIELD(wall, COUNT, warmup),
	FIELD(wall, NUM, min_ns),
	FIELD(wall, NUM, p50_ns),
	FIELD(wall, NUM, mean_ns),
	FIELD(wall, NUM, sd_ns),
	FIELD(wall, NUM, ci95_lo_ns),
	FIELD(wall, NUM, ci95_hi_ns),
	FIELD(wall, NUM, max_ns),
	FIELD_ARRAY(wall, samples_ns, n_samples),
	FIELD(wall, TEXT, stopped_by),
	FIELD(whole, NUM, p50_ns),
	FIELD(whole, NUM, layer_sum_ns),
	FIELD(whole, NUM, overhead_ratio),
	FIELD(throughput, NUM, items_per_s),
	FIELD(throughput, NUM, tokens_per_s),
	FIELD(memory, COUNT, peak_rss_bytes),
	FIELD(memory, COUNT, model_bytes),
	FIELD(memory, COUNT, peak_activation_bytes),
	FIELD(memory, COUNT, gpu_peak_bytes),
	FIELD(rusage, NUM, user_ns),
	FIELD(rusage, NUM, sys_ns),
	FIELD(rusage, NUM, minor_faults),
	FIELD(rusage, NUM, major_faults),
	FIELD(rusage, NUM, voluntary_switches),
	FIELD(rusage, NUM, involuntary_switches),
	FIELD(flops, NUM, ours),
	FIELD(flops, NUM, fvcore),
	FIELD(flops, NUM, torch),
	FIELD(bytes, NUM, read),
	FIELD(bytes, NUM, written),
	FIELD(fidelity, TEXT, reference),
	FIELD(fidelity, COUNT, images),
	FIELD(fidelity, NUM, cosine),
	FIELD(fidelity, NUM, cosine_p5),
	FIELD(fidelity, NUM, cosine_min),
	FIELD(fidelity, NUM, cosine_mixed),
	FIELD(fidelity, NUM, rel_l2),
	FIELD(fidelity, NUM, top1_agree),
	FIELD(fidelity, NUM, kl),
	FIELD(fidelity, TEXT, worst),
	FIELD(accuracy, COUNT, images),
	FIELD(accuracy, NUM, top1),
	FIELD(zero_shot, TEXT, label),
	FIELD(zero_shot, NUM, probability),
	FIELD(zero_shot, TEXT, base_label),
	FIELD(low_rank, COUNT, matrices),
	FIELD(low_rank, NUM, rel_error),
	FIELD(low_rank, NUM, break_even),
	FIELD(low_rank, COUNT, full),
	FIELD(low_rank, COUNT, stored),
	FIELD_ARRAY(low_rank, spectrum, n_spectrum),
	FIELD(likelihood, COUNT, tokens),
	FIELD(likelihood, NUM, loss),
	FIELD(likelihood, NUM, perplexity),
	FIELD(likelihood, NUM, base_loss),
	FIELD(likelihood, NUM, base_perplexity),
	FIELD(mrss, NUM, work_ratio),
	FIELD(mrss, NUM, gate_mean),
	FIELD_ARRAY(mrss, factors, n_factors),
	FIELD(ssm, COUNT, state_bytes),
	FIELD_ARRAY(ssm, state_at, n_state_at),
	FIELD_ARRAY(ssm, state_error, n_state_error),
	FIELD(embeddings, TEXT, source),
	FIELD(embeddings, COUNT, rows),
	FIELD(embeddings, COUNT, shared),
	FIELD(embeddings, NUM, coverage),
	FIELD(embeddings, NUM, rel_error),
	FIELD(visual, COUNT, rows),
	FIELD(visual, COUNT, columns),
	FIELD(visual, COUNT, patches_per_token),
	FIELD(visual, COUNT, tokens),
	FIELD(visual, NUM, ns_per_token),
	FIELD(visual, COUNT, batch_tokens),
	FIELD(language, TEXT, name),
	FIELD(language, COUNT, params),
	FIELD(language, NUM, flops),
	FIELD(language, COUNT, kv_bytes),
	FIELD(language, NUM, estimated_ns),
	FIELD(generated, COUNT, prompt_tokens),
	FIELD_ARRAY(generated, ids, n_ids),
	FIELD(generated, TEXT, text),
	FIELD(generated, NUM, ns_per_token),
	FIELD(generated, COUNT, state_bytes),
	FIELD_ARRAY(tokens, per_layer, n_layers),
	FIELD_ARRAY(tokens, counts, n_counts),
	FIELD_ARRAY(tokens, kept, n_kept),
	FIELD(layouts, COUNT, longest),
	FIELD(layouts, NUM, mean),
	FIELD(layouts, NUM, packed),
	FIELD(layouts, NUM, packed_fvcore),
	FIELD(layouts, NUM, padded),
	FIELD(layouts, NUM, padded_fvcore),
	FIELD(env, TEXT, host),
	FIELD(env, TEXT, cpu),
	FIELD(env, TEXT, isa),
	FIELD(env, COUNT, n_cpu),
	FIELD(env, COUNT, threads),
	FIELD(env, TEXT, governor),
	FIELD_BLAS(name),
	FIELD_BLAS(core),
	FIELD_BLAS(version),
	FIELD(env, TEXT, os),
	FIELD(env, TEXT, version),
	FIELD(env, TEXT, gpu),
	FIELD(env, TEXT, driver),
	{ NULL, NULL, FIELD_NUM, 0, 0 },
};

static void forget(struct run *r, const struct run_field *f)
{
	void *at = run_field(r, f);
	if (f->kind == FIELD_NUM || f->kind == FIELD_COUNT)
		*(double *)at = (double)NAN;
	else if (f->kind == FIELD_TEXT)
		*(const char **)at = NULL;
	else if (f->kind == FIELD_NUMS) {
		*(double **)at = NULL;
		*run_field_n(r, f) = 0;
	}
}

struct run *run_create(void)
{
	struct run *r = mem_alloc(sizeof(*r));
	r->started_ns = r->ended_ns = (double)NAN;
	for (const struct run_field *f = run_fields; f->group; f++)
		forget(r, f);
	knobs_init(&r->knobs);
	return r;
}

void run_forget_group(struct run *r, const char *group)
{
	for (const struct run_field *f = run_fields; f->group; f++)
		if (!strcmp(f->group, group))
			forget(r, f);
}

void run_free(struct run *r)
{
	if (!r)
		return;
	scratch_release(&r->mem);
	free(r);
}

const char *run_str(struct run *r, const char *text)
{
	return scratch_str(&r->mem, text);
}

double *run_doubles(struct run *r, const double *from, int n)
{
	double *to = scratch_alloc(&r->mem, (size_t)n * sizeof(*to));
	if (n && from)
		memcpy(to, from, (size_t)n * sizeof(*to));
	return to;
}

struct layer *run_add_layers(struct run *r, int n)
{
	r->layers = scratch_alloc(&r->mem, (size_t)n * sizeof(*r->layers));
	r->n_layers = n;
	for (int i = 0; i < n; i++) {
		r->layers[i].parent = -1;
		for (int m = 0; m < METRIC_COUNT; m++)
			r->layers[i].v[m] = (double)NAN;
	}
	return r->layers;
}

void run_warn(struct run *r, const char *fmt, ...)
{
	if (r->n_warnings == RUN_MAX_WARNINGS) /* a reader would refuse more */
		return;
	struct str s = STR_INIT, text = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_addv(&text, fmt, ap);
	va_end(ap);
	str_add_escaped(&s, str_get(&text), text.len, 1024);
	str_release(&text);

	/* Warnings are few: the list is copied rather than grown. */
	size_t n = (size_t)r->n_warnings;
	const char **list = scratch_alloc(&r->mem, (n + 1) * sizeof(*list));
	if (n)
		memcpy(list, r->warnings, n * sizeof(*list));
	list[n] = run_str(r, str_get(&s));
	r->warnings = list;
	r->n_warnings++;
	str_release(&s);
}

bool run_layer_is_leaf(const struct run *r, int layer)
{
	for (int i = layer + 1; i < r->n_layers; i++)
		if (r->layers[i].parent == layer)
			return false;
	return true;
}

double run_kept(const struct run *r)
{
	if (r->tokens.n_kept > 0)
		return r->tokens.n_kept;
	bool all = (r->knob_mask & KNOB_BIT(KNOB_KEEP)) &&
		   knob_num(&r->knobs, KNOB_KEEP) >= 1;
	return all && r->input.tokens > 0 && r->input.tokens <= INT32_MAX
		       ? r->input.tokens
		       : (double)NAN;
}

const char *run_state_name(enum run_state state)
{
	switch (state) {
	case RUN_DONE:
		return "done";
	case RUN_FAILED:
		return "failed";
	case RUN_ESTIMATE:
		return "estimate";
	}
	return NULL;
}

/* The patches that a keep ratio leaves of those of an item: in whole units where several
 * go together. */
static int64_t patches_kept(const struct run *r, double keep)
{
	int64_t tokens = (int64_t)r->input.tokens;
	double each = r->visual.patches_per_token; /* may be NaN */
	int64_t unit = each > 1 && each <= (double)tokens ? (int64_t)each : 1;
	return unit * knob_kept(tokens / unit, keep);
}

/*
 * Knobs as they tell settings apart: a share that keeps the same number of tokens is the
 * same setting. By way of its text, so that a trip through JSON changes nothing.
 */
static void cell_knobs(const struct run *r, const struct knobs *k, struct str *out)
{
	char text[KNOB_TEXT_SIZE];
	double tokens = r->input.tokens;
	bool counted = (r->knob_mask & KNOB_BIT(KNOB_KEEP)) && tokens >= 1 &&
		       tokens <= INT32_MAX;
	uint64_t mask = counted ? r->knob_mask & ~KNOB_BIT(KNOB_KEEP) : r->knob_mask;
	knobs_canonical(k, mask, out);
	if (!counted)
		return;
	double keep = strtod(knobs_get(k, KNOB_KEEP, text), NULL);
	str_addf(out, " kept=%lld", (long long)patches_kept(r, keep));
}

static bool cell_of(const struct run *r, const struct knobs *k, char cell[RUN_CELL_SIZE])
{
	static_assert(RUN_CELL_SIZE == SHA256_HEX, "a cell is a sha256");
	cell[0] = 0;
	if (!r->model.sha256 || !r->input.sha256)
		return false;
	struct knobs resolved = *k;
	knobs_resolve_method(&resolved);
	struct str knobs = STR_INIT;
	cell_knobs(r, &resolved, &knobs);
	struct sha256 s;
	sha256_start(&s);
	sha256_add_str(&s, r->model.sha256);
	sha256_add_str(&s, r->input.sha256);
	sha256_add_str(&s, str_get(&knobs));
	sha256_add_str(&s, r->device ? r->device : "");
	sha256_end(&s, cell);
	str_release(&knobs);
	return true;
}

bool run_cell(const struct run *r, char cell[RUN_CELL_SIZE])
{
	return cell_of(r, &r->knobs, cell);
}

bool run_base_cell(const struct run *r, char cell[RUN_CELL_SIZE])
{
	struct knobs base = knobs_base(&r->knobs);
	return cell_of(r, &base, cell);
}

void run_set_technique(struct run *r, const struct knobs *k)
{
	const struct knob_value batch = r->knobs.v[KNOB_BATCH],
				seq = r->knobs.v[KNOB_SEQ];
	r->knobs = *k;
	r->knobs.v[KNOB_BATCH] = batch;
	r->knobs.v[KNOB_SEQ] = seq;
}
