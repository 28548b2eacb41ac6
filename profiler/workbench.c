/* The workbench: opening, preparing, describing, estimating. */
#include "profiler/workbench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/texts.h"
#include "profiler/memory.h"
#include "profiler/mrss.h"
#include "profiler/visual.h"
#include "profiler/workbench_private.h"
#include "tensor/file_hash.h"
#include "tensor/random_source.h"

struct workbench *workbench_create(void)
{
	struct workbench *w = mem_alloc(sizeof(*w));
	w->guard = guard_create();
	w->rates = rates_create();
	return w;
}

static void close_backend(struct workbench *w)
{
	workbench_drop_linears(w);
	if (w->backend)
		w->backend->close(w->backend_self);
	w->backend = NULL;
	pool_free(w->pool);
	w->pool = NULL;
	/* Rates are those of these threads and this engine. */
	guard_enter(w->guard);
	w->threads = 0;
	w->calibrated = 0;
	rates_forget(w->rates);
	rates_calibrate(w->rates, (double)NAN, (double)NAN);
	guard_leave(w->guard);
}

void workbench_free(struct workbench *w)
{
	if (!w)
		return;
	workbench_drop_model(w);
	close_backend(w);
	rates_free(w->rates);
	guard_free(w->guard);
	free(w->known_key);
	free(w->known_sha256);
	free(w);
}

/* ---- opening ---- */

enum err workbench_open(struct workbench *w, const struct spec *s, bool *changed)
{
	enum err e = OK;
	*changed = false;
	if (!workbench_same_model(w->model, s)) {
		e = workbench_open_model(w, s);
		*changed = e == OK;
	} else {
		e = workbench_switch(w, s, changed);
	}
	if (!e && workbench_same_input(w, s))
		return *changed ? workbench_keep_input(w, s) : OK;
	if (!e)
		e = workbench_open_input(w, s);
	*changed = *changed || e == OK;
	return e;
}

/* ---- preparing ---- */

static bool hash_progress(void *ctx, int64_t done, int64_t total)
{
	const struct work_watch *watch = ctx;
	watch->on_progress(watch->ctx, "hashing weights", (double)done, (double)total);
	return watch->still_wanted(watch->ctx);
}

/* Where it runs; what only computes shapes is no place. */
static enum err find_backend(const struct knobs *k, const struct backend **out)
{
	const char *name = knob_text(k, KNOB_DEVICE);
	*out = backend_by_name(name);
	if (*out && !(*out)->dry)
		return OK;
	if (!strcmp(name, "cuda"))
		return err_set(ERR_UNAVAILABLE,
			       "--device cuda: this version has no GPU backend; use cpu");
	return err_set(ERR_USAGE, "--device %s: no such device; there are cpu and cuda",
		       name);
}

static int threads_wanted(const struct knobs *k)
{
	double threads = knob_num(k, KNOB_THREADS);
	return isnan(threads) ? pool_cpus_allowed() : (int)threads;
}

/* Threads and backend as the knobs say; another number of threads is another pool. */
static enum err open_backend(struct workbench *w, const struct knobs *k)
{
	int want = threads_wanted(k);
	const char *gemm = knob_text(k, KNOB_GEMM);
	const struct backend *backend;
	enum err e = find_backend(k, &backend);
	if (e)
		return e;
	if (w->backend == backend && pool_size(w->pool) == want && !strcmp(w->gemm, gemm))
		return OK;
	close_backend(w);
	e = pool_create(want, &w->pool);
	if (e)
		return e;
	e = backend->open(&(struct backend_opts){ w->pool, gemm }, &w->backend_self);
	if (e) {
		pool_free(w->pool);
		w->pool = NULL;
		return e;
	}
	w->backend = backend;
	guard_enter(w->guard);
	snprintf(w->gemm, sizeof(w->gemm), "%s", gemm);
	w->threads = want;
	guard_leave(w->guard);
	return OK;
}

bool workbench_runs_on(const struct workbench *w, const struct knobs *k)
{
	return str_equal(w->backend->name, knob_text(k, KNOB_DEVICE)) &&
	       w->threads == threads_wanted(k) &&
	       !strcmp(w->gemm, knob_text(k, KNOB_GEMM));
}

static enum err hash_weights(struct workbench *w, const struct work_watch *watch)
{
	struct work_watch work = *watch;
	guard_enter(w->guard);
	if (!w->sha256[0] && str_equal(w->key, w->known_key) && w->key)
		snprintf(w->sha256, sizeof(w->sha256), "%s", w->known_sha256);
	bool known = w->sha256[0] != 0;
	guard_leave(w->guard);
	if (known)
		return OK;
	char hex[SHA256_HEX];
	enum err e = files_sha256(w->model->weights_files, hash_progress, &work, hex);
	if (e)
		return e;
	guard_enter(w->guard);
	memcpy(w->sha256, hex, sizeof(hex));
	guard_leave(w->guard);
	return OK;
}

void workbench_know_hash(struct workbench *w, const char *key, const char *sha256)
{
	if (!key || !sha256 || strlen(sha256) != SHA256_HEX - 1)
		return;
	guard_enter(w->guard);
	free(w->known_key);
	free(w->known_sha256);
	w->known_key = str_dup(key);
	w->known_sha256 = str_dup(sha256);
	guard_leave(w->guard);
}

enum err workbench_prepare(struct workbench *w, const struct knobs *k,
			   const struct work_watch *watch)
{
	struct knobs settled = *k;
	enum err e = workbench_settle(w, &settled);
	if (!e)
		e = open_backend(w, &settled);
	workbench_keep_variants(w, 0);
	if (!e)
		e = workbench_prepare_variant(w, workbench_current(w), &settled, watch);
	if (!e)
		e = workbench_prepare_classes(w, watch);
	if (!e)
		e = hash_weights(w, watch);
	return e;
}

/* ---- describing and estimating ---- */

static const char *input_word(const struct workbench *w)
{
	const struct input_source *in = &w->source.input;
	if (w->model->family->takes == INPUT_PROMPT)
		return "prompt";
	if (w->seeded)
		return "seeded";
	if (in->input)
		return "sequence";
	return in->text       ? "text"
	       : in->tokens   ? "tokens"
	       : in->dataset  ? "dataset"
	       : in->n_images ? "image"
			      : "scene";
}

void workbench_describe_setting(const struct workbench *w, const struct model *m,
				const struct knobs *k, struct run *run)
{
	run->model.name = run_str(run, m->name);
	run->model.family = m->family->name;
	run->model.source = run_str(run, m->source);
	run->model.format = run_str(run, m->format);
	run->model.sha256 = run_str(run, w->sha256[0] ? w->sha256 : NULL);
	run->model.params = model_params(m);
	run->model.bytes = model_bytes(m);
	run->model.random_weights = m->random_weights;
	const struct input_source *in = &w->source.input;
	bool prompt = m->family->takes == INPUT_PROMPT;
	run->input.kind = input_word(w);
	const char *picture = in->dataset    ? in->dataset
			      : in->n_images ? in->images[0]
					     : NULL;
	const char *text = in->text ? in->text : in->tokens;
	run->input.source = run_str(run, in->input         ? in->input
					 : text && !prompt ? text
							   : picture);
	if (prompt)
		run->prompt = (struct run_prompt){ .tokens = (double)w->facts.prompt,
						   .text = run_str(run, in->text),
						   .file = run_str(run, in->tokens) };
	run->input.sha256 = run_str(run, w->input_sha256[0] ? w->input_sha256 : NULL);
	run->input.batch = knob_num(k, KNOB_BATCH);
	run->input.tokens = (double)m->tokens;
	run->device = run_str(run, knob_text(k, KNOB_DEVICE));
	run->knobs = *k;
	run->knob_mask = m->family->knobs;
}

/* Tokens follow from the size of the picture, which the knobs may set. */
static void describe_tokens(const struct workbench *w, struct run *run)
{
	const struct model *m = w->model;
	const struct knobs *k = &w->source.knobs;
	struct knobs resolved = *k;
	struct run *predicted = run_create();
	/* Knobs that a run will refuse say nothing of the model. */
	bool fits = !model_check_knobs(m, &resolved);
	if (!fits) {
		resolved = knobs_base(k);
		fits = !model_check_knobs(m, &resolved);
	}
	if (fits &&
	    !setting_predict(m, &w->facts, &resolved, NULL, NULL, predicted, NULL))
		run->input.tokens = predicted->input.tokens;
	run->visual = predicted->visual;
	run->memory.peak_activation_bytes = predicted->memory.peak_activation_bytes;
	run->memory.model_bytes = model_bytes(m);
	run_free(predicted);
}

void workbench_describe(struct workbench *w, struct event *loaded)
{
	char why[256];
	const struct model *m = w->model;
	loaded->run = run_create();
	loaded->run->state = RUN_ESTIMATE;
	guard_enter(w->guard);
	workbench_describe_setting(w, m, &w->source.knobs, loaded->run);
	describe_tokens(w, loaded->run);
	guard_leave(w->guard);
	for (int i = 0; i < KNOB_COUNT; i++) {
		if (m->family->knobs & KNOB_BIT(i))
			continue;
		model_why_not(m->family, (enum knob_id)i, why, sizeof(why));
		loaded->why_not[i] = str_dup(why);
	}
	loaded->file_key = str_dup(w->key);
	size_t bytes = 3 * (size_t)w->shown.width * (size_t)w->shown.height;
	if (!bytes)
		return;
	loaded->picture = memcpy(mem_alloc(bytes), w->shown.rgb, bytes);
	loaded->picture_width = w->shown.width;
	loaded->picture_height = w->shown.height;
}

/* Measured rates hold for the threads and the engine they were measured with. */
static void estimate_times(const struct workbench *w, const struct knobs *k,
			   struct run *run)
{
	bool same = w->threads == threads_wanted(k) &&
		    !strcmp(w->gemm, knob_text(k, KNOB_GEMM));
	if (!w->threads || same) {
		rates_estimate(w->rates, run);
		return;
	}
	rates_estimate_calibrated(w->rates, run);
	run_warn(run, "estimated from calibrated rates of %d threads and --gemm %s",
		 w->threads, w->gemm[0] ? w->gemm : "auto");
}

/* Counts that depend on values: what a threshold leaves of the saliencies that are
 * known, else what was left by the last measured run of the same method. */
static const char *guess_shares(const struct workbench *w, const struct knobs *k,
				struct shares *shares)
{
	const uint64_t method = KNOB_BIT(KNOB_METHOD) | KNOB_BIT(KNOB_PRUNE_AT);
	static const struct saliencies none = { 0 };
	bool same = knobs_equal(k, &w->saliencies_of, KNOB_BIT(KNOB_PRUNE_AT));
	if (saliencies_shares(same ? &w->saliencies : &none, k, shares))
		return "estimated from saliencies that were measured before";
	if (w->shares.n && knobs_equal(k, &w->shares_of, method)) {
		*shares = w->shares;
		return "estimated as they were in the last run of this method";
	}
	shares->n = 0;
	return "estimated as if all tokens stayed";
}

static enum err predict(const struct workbench *w, const struct model *m,
			const struct knobs *k, struct run *run)
{
	bool depends;
	struct shares shares;
	const char *how = guess_shares(w, k, &shares);
	enum err e = setting_predict(m, &w->facts, k, &w->classes_shape,
				     shares.n ? &shares : NULL, run, &depends);
	const struct outputs unknown = { .gate_mean = (double)NAN };
	if (!e)
		e = mrss_report(w->model, &w->facts, k, &unknown, run);
	if (!e && depends)
		run_warn(run, "token counts depend on the input: %s", how);
	return e;
}

/* Under the guard. What is counted does not depend on the seed, so another one needs no
 * other weights; the model's identity does. */
static enum err estimate(struct workbench *w, const struct spec *s, struct run *run)
{
	const struct backend *backend;
	const struct model *m = w->model;
	struct knobs k = s->knobs;
	char sha256[SHA256_HEX];
	if (!m || !str_equal(m->name, s->model) || !model_serves(m, workbench_kind(s)))
		return err_set(ERR_NOTFOUND, "%s is not loaded", s->model);
	enum err e = workbench_settle(w, &k);
	if (!e)
		e = model_check_knobs(m, &k);
	if (!e)
		e = find_backend(&k, &backend);
	if (e)
		return e;
	e = workbench_sketch(w, model_dtype(&k), &m);
	if (e)
		return e;
	workbench_describe_setting(w, m, &k, run);
	if (m->random_weights) {
		workbench_hash_preset(m, workbench_seed(&k), sha256);
		run->model.sha256 = run_str(run, sha256);
	}
	e = predict(w, m, &k, run);
	if (e)
		return e;
	run->state = RUN_ESTIMATE;
	estimate_times(w, &k, run);
	visual_report_time(run);
	return visual_report_language(m, &k, w->rates, run);
}

enum err workbench_estimate(struct workbench *w, const struct spec *s, struct run **out)
{
	struct run *run = run_create();
	guard_enter(w->guard);
	enum err e = estimate(w, s, run);
	guard_leave(w->guard);
	if (e) {
		run_free(run);
		run = NULL;
	}
	*out = run;
	return e;
}
