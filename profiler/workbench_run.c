/* The workbench: measuring and reporting. */
#include "profiler/workbench_private.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "profiler/env.h"
#include "profiler/fidelity.h"
#include "profiler/memory.h"
#include "profiler/output.h"
#include "profiler/stats.h"

/* A technique is on when the knobs differ from their own base. */
static bool has_technique(const struct model *m, const struct knobs *k)
{
	struct knobs base = knobs_base(k);
	return !knobs_equal(k, &base, m->family->knobs);
}

static void watch_setting(struct setting *s, const struct work_watch *watch)
{
	s->still_wanted = watch->still_wanted;
	s->ctx = watch->ctx;
}

/*
 * Fidelity over all pictures of the source, batch by batch, outside of any timing: base
 * and technique on the same pixels. The last batch may go around; only new pictures
 * count.
 */
static enum err compare_with_base(struct workbench *w, const struct knobs *k,
				  const struct work_watch *watch, struct run *run)
{
	struct knobs base_knobs = knobs_base(k);
	struct setting base, technique;
	struct fidelity fidelity = { 0 };
	struct input in = w->input;
	int64_t batch = w->input.pixels.dim[0];
	enum err e = setting_init(&base, w->model, w->backend, w->backend_self, w->pool,
				  &in, &base_knobs);
	enum err e2 = setting_init(&technique, w->model, w->backend, w->backend_self,
				   w->pool, &in, k);
	e = e ? e : e2;
	watch_setting(&base, watch);
	watch_setting(&technique, watch);
	for (int64_t first = 0; !e && first < w->list.n; first += batch) {
		watch->on_progress(watch->ctx, "comparing with the base", (double)first,
				   (double)w->list.n);
		if (first)
			e = input_load(w->model, &w->list, w->source.exif, (int)first, k,
				       &in, NULL, NULL);
		if (!e)
			e = setting_pass(&base, false, NULL);
		if (!e)
			e = setting_pass(&technique, false, NULL);
		if (!e)
			fidelity_add(&fidelity, &technique.out.image_embeds,
				     &base.out.image_embeds,
				     batch < w->list.n - first ? batch
							       : w->list.n - first);
		if (first)
			input_release(&in);
	}
	if (!e) {
		struct str reference = STR_INIT;
		knobs_canonical(&base_knobs, w->model->family->knobs, &reference);
		fidelity_report(&fidelity, str_get(&reference), run);
		str_release(&reference);
	}
	fidelity_release(&fidelity);
	setting_release(&base);
	setting_release(&technique);
	return e;
}

static void report_kept(const struct outputs *out, struct run *run)
{
	if (!out->kept.ndim)
		return;
	int n = (int)out->kept.dim[1];
	const int32_t *index = out->kept.data;
	double *kept = mem_alloc(sizeof(double) * (size_t)n);
	for (int i = 0; i < n; i++)
		kept[i] = index[i];
	run->tokens.kept = run_doubles(run, kept, n);
	run->tokens.n_kept = n;
	free(kept);
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

static void report_doubts(const struct run *from, const struct measure_options *opt,
			  struct run *run)
{
	double sum = from->whole.layer_sum_ns / from->whole.p50_ns - 1;
	double half =
		(from->wall.ci95_hi_ns - from->wall.ci95_lo_ns) / 2 / from->wall.p50_ns;
	if (from->model.random_weights)
		run_warn(run, "random weights: fidelity figures mean nothing for a "
			      "trained model");
	if (isnan(half))
		run_warn(run, "%g samples: too few for an interval", from->wall.n);
	else if (half > opt->noise)
		run_warn(run, "noisy: the median is known to +-%.1f %% only", 100 * half);
	if (fabs(sum) > 0.02)
		run_warn(run, "the layers sum to %+.1f %% of the whole pass", 100 * sum);
}

/* Everything that one setting's measurement says. */
static enum err report(struct workbench *w, struct setting *s, const struct measured *m,
		       const struct command *c, const struct work_watch *watch,
		       double peak_rss, struct run *run)
{
	guard_enter(w->guard);
	workbench_describe_setting(w, &s->knobs, run);
	guard_leave(w->guard);
	run->state = RUN_DONE;
	spans_report(&s->spans, run);
	report_wall(m, run);
	run->throughput.tokens_per_s =
		run->throughput.items_per_s * (double)s->out.tokens;
	run->memory.peak_rss_bytes = peak_rss;
	run->memory.model_bytes = model_bytes(w->model);
	run->memory.peak_activation_bytes = (double)s->arena.peak;
	report_kept(&s->out, run);
	env_describe(run, w->backend, w->backend_self, pool_size(w->pool));
	report_doubts(run, &c->measure, run);
	enum err e =
		tensors_error(w->model->tensors); /* the file may have shrunk meanwhile */
	if (!e && has_technique(w->model, &s->knobs))
		e = compare_with_base(w, &s->knobs, watch, run);
	return e;
}

struct run_plan {
	struct setting settings[64];
	struct setting *order[64];
	struct measured measured[64];
	int n; /* settings that were initialised */
};

static enum err plan_settings(struct workbench *w, const struct command *c,
			      const struct work_watch *watch, struct run_plan *plan)
{
	for (int i = 0; i < c->n_specs; i++) {
		struct knobs k = c->specs[i].knobs;
		if (!workbench_same_model(w->model, &c->specs[i]) ||
		    !workbench_same_pictures(&w->source, &c->specs[i]))
			return err_set(ERR_USAGE,
				       "interleaved settings must share model, "
				       "images and batch");
		enum err e = model_check_knobs(w->model, &k);
		if (e)
			return e;
		e = setting_init(&plan->settings[i], w->model, w->backend,
				 w->backend_self, w->pool, &w->input, &k);
		plan->n++;
		if (e)
			return e;
		watch_setting(&plan->settings[i], watch);
		plan->order[i] = &plan->settings[i];
	}
	return OK;
}

static enum err measure_plan(struct workbench *w, const struct command *c,
			     const struct work_watch *watch, struct run_plan *plan,
			     struct run **out)
{
	const struct measure_watch mw = { watch->ctx, watch->on_sample,
					  watch->on_progress };
	double started = (double)clock_wall_ns();
	bool reset = memory_reset_peak();
	enum err e =
		measure(plan->order, plan->n, c->abba, &c->measure, &mw, plan->measured);
	double peak_rss = reset ? memory_peak_bytes() : (double)NAN;
	double ended = (double)clock_wall_ns();
	if (!e && c->save_output)
		e = output_save(c->save_output, &plan->settings[0].out);
	for (int i = 0; !e && i < plan->n; i++) {
		out[i] = run_create();
		out[i]->started_ns = started;
		out[i]->ended_ns = ended;
		e = report(w, &plan->settings[i], &plan->measured[i], c, watch, peak_rss,
			   out[i]);
		if (e)
			continue;
		guard_enter(w->guard);
		rates_learn(w->rates, out[i]);
		guard_leave(w->guard);
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
	for (int i = 0; e && i < c->n_specs; i++) {
		run_free(out[i]);
		out[i] = NULL;
	}
	return e;
}
