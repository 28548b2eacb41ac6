/* The workbench: measuring and reporting. */
#include "profiler/workbench_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "profiler/accuracy.h"
#include "profiler/env.h"
#include "profiler/generate.h"
#include "profiler/kept.h"
#include "profiler/memory.h"
#include "profiler/mrss.h"
#include "profiler/output.h"
#include "profiler/stats.h"
#include "profiler/steps.h"
#include "profiler/visual.h"

#define INSTRUMENTS_MUCH 0.05 /* from here on their cost is worth a warning */
/* Times the median: worth a word to whoever starts a process for each picture. */
#define FIRST_PASS_SLOW 3

static void watch_setting(struct setting *s, const struct work_watch *watch)
{
	s->still_wanted = watch->still_wanted;
	s->ctx = watch->ctx;
}

/* What was measured stays, also where the comparison fails: a picture further down the
 * list may be broken. Only a cancelled run is no run. */
static enum err report_fidelity(struct workbench *w, struct setting *s,
				const struct work_watch *watch, struct run *run)
{
	bool scored = workbench_classes(w) && w->list.cifar;
	bool language = s->out.token_logits.ndim && !w->seeded;
	if (w->no_classes && w->list.cifar)
		run_warn(run, "accuracy is not known: %s", w->no_classes);
	if (!scored && !language && !workbench_has_technique(w->model, &s->knobs))
		return OK;
	enum err e = workbench_compare(w, s, watch, run);
	if (e && e != ERR_CANCELLED) {
		run_warn(run, "%s not known: %s",
			 scored     ? "fidelity and accuracy are"
			 : language ? "fidelity and likelihood are"
				    : "fidelity is",
			 err_message());
		e = OK;
	}
	return e;
}

static double *doubles_of(struct run *run, const int64_t *from, int64_t n)
{
	double *to = run_doubles(run, NULL, (int)n);
	for (int64_t i = 0; i < n; i++)
		to[i] = (double)from[i];
	return to;
}

static void report_site(const char *blocks, const struct trace *trace, int i,
			struct run *run, struct run_site *site)
{
	struct trace_story s;
	char path[48] = "embed";
	trace_tell(trace, i, 0, &s);
	if (s.layer >= 0)
		snprintf(path, sizeof(path), "%s.%d", blocks, s.layer);
	*site = (struct run_site){
		.path = run_str(run, path),
		.layer = s.layer,
		.alive = doubles_of(run, s.alive, s.n_alive),
		.n_alive = (int)s.n_alive,
		.kept = doubles_of(run, s.kept, s.n_kept),
		.n_kept = (int)s.n_kept,
	};
	if (s.scores) {
		site->scores = run_doubles(run, NULL, (int)s.n_alive);
		site->n_scores = (int)s.n_alive;
		for (int64_t j = 0; j < s.n_alive; j++)
			site->scores[j] = (double)s.scores[j];
	}
	if (s.groups) {
		site->groups = doubles_of(run, s.groups, trace->patches);
		site->n_groups = (int)trace->patches;
	}
	trace_story_release(&s);
}

/* Item 0 stands for the batch. */
static void report_tokens(const struct model *m, const struct outputs *out,
			  struct run *run)
{
	const char *blocks = m->family->blocks ? m->family->blocks : "blocks";
	const struct trace *trace = &out->trace;
	if (!trace->n)
		return;
	int32_t *index =
		mem_alloc(sizeof(*index) * (size_t)(trace->patches * trace->unit + 1));
	int64_t n = trace_kept_patches(trace, 0, index);
	run->tokens.kept = run_doubles(run, NULL, (int)n);
	run->tokens.n_kept = (int)n;
	for (int64_t i = 0; i < n; i++)
		run->tokens.kept[i] = index[i];
	free(index);
	run->tokens.n_sites = trace->n;
	run->tokens.sites =
		scratch_alloc(&run->mem, sizeof(*run->tokens.sites) * (size_t)trace->n);
	for (int i = 0; i < trace->n; i++)
		report_site(blocks, trace, i, run, &run->tokens.sites[i]);
}

/* What item 0 of the measured pass shows. */
static void report_zero_shot(const struct workbench *w, const struct outputs *out,
			     struct run *run)
{
	if (!out->logits.ndim)
		return;
	int best = accuracy_likeliest(tensor_f32(&out->logits), out->logits.dim[1],
				      &run->zero_shot.probability);
	if (best >= 0 && best < w->labels.count)
		run->zero_shot.label = run_str(run, w->labels.names[best]);
}

/* What singular values of a large matrix are shown of it, beyond the limit of a run. */
#define MOST_SINGULAR_VALUES 4096

static void report_low_rank(const struct outputs *out, struct run *run)
{
	const struct low_rank_facts *f = &out->low_rank;
	if (!f->matrices)
		return;
	int n = (int)(f->n_spectrum < MOST_SINGULAR_VALUES ? f->n_spectrum
							   : MOST_SINGULAR_VALUES);
	run->low_rank = (struct run_low_rank){
		.matrices = f->matrices,
		.rel_error = f->rel_error,
		.break_even = (double)f->break_even,
		.full = f->full,
		.stored = f->stored,
		.spectrum = run_doubles(run, NULL, n),
		.n_spectrum = n,
	};
	for (int i = 0; i < n; i++)
		run->low_rank.spectrum[i] = (double)f->spectrum[i];
}

/* Work and memory break even at ranks of their own. */
static void doubt_low_rank(struct run *run)
{
	const struct run_low_rank *l = &run->low_rank;
	double rank = knob_num(&run->knobs, KNOB_RANK);
	if (rank > l->break_even)
		run_warn(run,
			 "rank %g: from rank %g on the factors take more multiply-adds "
			 "than what they replace",
			 rank, l->break_even + 1);
	if (l->stored > l->full)
		run_warn(run,
			 "rank %g: from rank %g on the factors hold more values than "
			 "what they replace",
			 rank, floor(rank * l->full / l->stored + 1e-9) + 1);
}

static void report_embeddings(const struct outputs *out, struct run *run)
{
	const struct embedding_facts *f = &out->embeddings;
	if (!f->source)
		return;
	run->embeddings = (struct run_embeddings){
		.source = run_str(run, f->source),
		.rows = (double)f->rows,
		.shared = (double)f->shared,
		.coverage = (double)f->shared / (double)f->rows,
		.rel_error = f->rel_error,
	};
}

static void report_wall(const struct measured *m, struct run *run)
{
	struct summary s = summarize(m->plain_ns, m->n);
	run->wall = (struct run_wall){
		.n = m->n,
		.warmup = m->warmup,
		.min_ns = s.min,
		.p50_ns = s.p50,
		.mean_ns = s.mean,
		.sd_ns = s.sd,
		.ci95_lo_ns = s.ci95_lo,
		.ci95_hi_ns = s.ci95_hi,
		.max_ns = s.max,
		.stopped_by = run_str(run, m->stopped_by),
		.samples_ns = run_doubles(run, m->plain_ns, m->n),
		.n_samples = m->n,
	};
	run->whole.p50_ns = s.p50;
	run->whole.overhead_ratio = median_of(m->watched_ns, m->n) / s.p50;
	run->whole.layer_sum_ns = 0;
	for (int i = 0; i < run->n_layers; i++)
		if (run_layer_is_leaf(run, i))
			run->whole.layer_sum_ns += run->layers[i].v[METRIC_wall_ns];
	run->throughput.items_per_s = run->input.batch / s.p50 * 1e9;
	run->rusage = m->rusage;
}

static void report_doubts(const struct workbench *w, const struct run *from,
			  const struct measured *m, const struct measure_options *opt,
			  struct run *run)
{
	double sum = from->whole.layer_sum_ns / from->whole.p50_ns - 1;
	double half =
		(from->wall.ci95_hi_ns - from->wall.ci95_lo_ns) / 2 / from->wall.p50_ns;
	if (w->note && w->note[0])
		run_warn(run, "%s", w->note);
	if (w->model->published_layers)
		run_warn(run,
			 "the language model is cut to %d of %d layers: so are its time "
			 "and its share",
			 (int)w->model->language.layers, (int)w->model->published_layers);
	if (from->model.random_weights)
		run_warn(run, "random weights: fidelity figures mean nothing for a "
			      "trained model");
	if (isnan(half))
		run_warn(run, "%g sample%s: too few for an interval", from->wall.n,
			 from->wall.n > 1 ? "s" : "");
	else if (half > opt->noise)
		run_warn(run, "noisy: the median is known to +-%.1f %% only", 100 * half);
	if (m->warmup && m->first_ns > FIRST_PASS_SLOW * from->wall.p50_ns)
		run_warn(run, "the first pass took %.3g ms, %.1f times the median",
			 m->first_ns * 1e-6, m->first_ns / from->wall.p50_ns);
	if (from->whole.overhead_ratio > 1 + INSTRUMENTS_MUCH)
		run_warn(run,
			 "instruments slow this model down by %.0f %%: its layers are "
			 "short",
			 100 * (from->whole.overhead_ratio - 1));
	doubt_low_rank(run);
	if (from->env.threads > from->env.n_cpu)
		run_warn(run, "%g threads on %g CPUs wait for each other",
			 from->env.threads, from->env.n_cpu);
	if (!strcmp(knob_text(&from->knobs, KNOB_METHOD), "tome") &&
	    !knob_num(&from->knobs, KNOB_MERGE_R))
		run_warn(run, "--merge-r is 0: nothing merges");
	if (fabs(sum) > 0.02)
		run_warn(run, "the layers sum to %+.1f %% of the whole pass", 100 * sum);
}

/* Tokens before any is dropped, of the mean item: pictures of a batch differ in size. */
static double mean_tokens(const struct setting *s)
{
	const struct input *in = s->input;
	return in->grids ? (double)tensor_rows(&in->patches) / (double)in->items
			 : (double)s->out.tokens;
}

/* Everything that one setting's measurement says. */
static enum err report(struct workbench *w, struct setting *s, const struct measured *t,
		       const struct command *c, const struct work_watch *watch,
		       double peak_rss, struct run *run)
{
	const struct model *m = s->model;
	guard_enter(w->guard);
	workbench_describe_setting(w, m, &s->knobs, run);
	guard_leave(w->guard);
	run->input.tokens = (double)s->out.tokens;
	run->state = RUN_DONE;
	spans_report(&s->spans, run);
	report_wall(t, run);
	run->throughput.tokens_per_s = run->throughput.items_per_s * mean_tokens(s);
	run->memory.peak_rss_bytes = peak_rss;
	run->memory.model_bytes = model_bytes(m);
	run->memory.peak_activation_bytes = (double)s->arena.peak;
	report_tokens(m, &s->out, run);
	visual_report(m, s->input, &s->out, run);
	visual_report_time(run);
	kept_report(s, run);
	report_low_rank(&s->out, run);
	report_embeddings(&s->out, run);
	report_zero_shot(w, &s->out, run);
	env_describe(run, w->backend, w->backend_self, m->dtype, pool_size(w->pool));
	report_doubts(w, run, t, &c->measure, run);
	/* The file may have shrunk meanwhile: looked at before and after the comparison.
	 */
	enum err e = visual_report_language(m, &s->knobs, w->rates, run);
	if (!e)
		e = mrss_report(m, &w->facts, &s->knobs, &s->out, run);
	if (!e)
		e = tensors_error(m->tensors);
	if (!e)
		e = generate_report(s, &w->prompt, run);
	if (!e)
		e = steps_report(s, run);
	if (!e)
		e = report_fidelity(w, s, watch, run);
	if (!e)
		e = tensors_error(m->tensors);
	if (e) /* the base may have seen damaged weights too */
		workbench_drop_references(w);
	return e;
}

struct run_plan {
	struct setting settings[64];
	struct setting *order[64];
	struct measured measured[64];
	int n;          /* settings that were initialised */
	unsigned types; /* of their models: 1 << DT_ */
};

static enum err plan_settings(struct workbench *w, const struct command *c,
			      const struct work_watch *watch, struct run_plan *plan)
{
	for (int i = 0; i < c->n_specs; i++) {
		struct knobs k = c->specs[i].knobs;
		if (!workbench_same_model(w->model, &c->specs[i]) ||
		    !workbench_same_input(w, &c->specs[i]) || !workbench_runs_on(w, &k))
			return err_set(ERR_USAGE,
				       "interleaved settings must share model, "
				       "input, batch, device, threads and engine");
		struct variant *v;
		enum err e = workbench_settle(w, &k);
		if (!e)
			e = model_check_knobs(w->model, &k);
		if (!e)
			e = workbench_variant(w, model_dtype(&k), &v);
		if (!e)
			e = workbench_prepare_variant(w, v, &k, watch);
		if (e)
			return e;
		plan->types |= 1u << v->model->dtype;
		e = setting_init(&plan->settings[i], v->model, w->backend,
				 w->backend_self, w->pool, &w->input, &k);
		plan->n++;
		if (e)
			return e;
		watch_setting(&plan->settings[i], watch);
		plan->order[i] = &plan->settings[i];
	}
	return OK;
}

#define PROBE_MOST_NS 1e9 /* a pass that would take longer is not worth it */

static void keep_saliencies(struct workbench *w, const struct setting *s)
{
	guard_enter(w->guard);
	saliencies_learn(&w->saliencies, s);
	if (w->saliencies.n)
		w->saliencies_of = s->knobs;
	guard_leave(w->guard);
}

/* Of the pass that was measured or, so that the first move of a threshold has an
 * estimate, of one more that drops nothing. That is nobody's result: where it fails (for
 * memory, or cancelled) the estimate does without. */
static void learn_saliencies(struct workbench *w, const struct setting *s, double wall_ns)
{
	struct setting probe;
	struct knobs k;
	if (!saliencies_probe(s->model, &s->knobs, &k)) {
		keep_saliencies(w, s);
		return;
	}
	if (w->saliencies.n || !(wall_ns < PROBE_MOST_NS))
		return;
	if (!setting_init(&probe, s->model, s->backend, s->backend_self, s->pool,
			  s->input, &k)) {
		probe.still_wanted = s->still_wanted;
		probe.ctx = s->ctx;
		if (!setting_pass(&probe, false, NULL))
			keep_saliencies(w, &probe);
	}
	setting_release(&probe);
}

static enum err measure_plan(struct workbench *w, const struct command *c,
			     const struct work_watch *watch, struct run_plan *plan,
			     struct run **out)
{
	struct shares shares;
	const struct measure_watch mw = { watch->ctx, watch->on_sample,
					  watch->on_progress };
	double started = (double)clock_wall_ns();
	bool reset = memory_reset_peak();
	enum err e =
		measure(plan->order, plan->n, c->abba, &c->measure, &mw, plan->measured);
	double peak_rss = reset ? memory_peak_bytes() : (double)NAN;
	double ended = (double)clock_wall_ns();
	if (!e && c->save_output)
		e = output_save(c->save_output, &plan->settings[0].out,
				workbench_classes(w));
	bool several = plan->types & (plan->types - 1);
	for (int i = 0; !e && i < plan->n; i++) {
		out[i] = run_create();
		if (several)
			run_warn(out[i], "settings of several --dtype take turns: the "
					 "peak of memory is that of all their weights");
		out[i]->started_ns = started;
		out[i]->ended_ns = ended;
		e = report(w, &plan->settings[i], &plan->measured[i], c, watch, peak_rss,
			   out[i]);
		if (e)
			continue;
		guard_enter(w->guard);
		rates_learn(w->rates, out[i]);
		setting_shares(&plan->settings[i], &shares);
		if (shares.n) {
			w->shares = shares;
			w->shares_of = plan->settings[i].knobs;
		}
		guard_leave(w->guard);
		learn_saliencies(w, &plan->settings[i], out[i]->wall.p50_ns);
	}
	return e;
}

enum err workbench_run(struct workbench *w, const struct command *c,
		       const struct work_watch *watch, struct run **out)
{
	struct run_plan *plan = mem_alloc(sizeof(*plan));
	for (int i = 0; i < c->n_specs; i++)
		out[i] = NULL;
	enum err e = c->save_output ? output_check(c->save_output) : OK;
	if (!e)
		e = plan_settings(w, c, watch, plan);
	if (!e)
		e = measure_plan(w, c, watch, plan, out);
	for (int i = 0; i < plan->n; i++) {
		measured_release(&plan->measured[i]);
		setting_release(&plan->settings[i]);
	}
	free(plan);
	workbench_keep_variants(w, 0); /* the base is not waited for by anybody */
	for (int i = 0; e && i < c->n_specs; i++) {
		run_free(out[i]);
		out[i] = NULL;
	}
	return e;
}
