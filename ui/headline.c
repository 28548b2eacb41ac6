#include "ui/headline.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ui/format.h"

/* ---- what runs ---- */

/* Seconds until a sweep is over, as those cells went that it has measured; NaN. */
static double sweep_eta(const struct app_sweep *s)
{
	double left = (s->n - s->done) * s->cell_s;
	if (s->measuring)
		left -= fmin((double)(clock_now_ns() - s->begin_ns) / 1e9, s->cell_s);
	return left;
}

static void sweep_state(const struct app *app, char *buf, size_t size)
{
	const struct app_sweep *s = &app->sweep;
	double eta = sweep_eta(s);
	int n = snprintf(buf, size, "SWEEP %d/%d", s->done + 1, s->n);
	if (!isnan(eta) && n > 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n,
			 eta < 100 ? " eta %.0f s" : " eta %.0f min",
			 eta < 100 ? eta : eta / 60);
}

static void running_state(const struct app *app, const struct canvas *c, char *buf,
			  size_t size)
{
	const struct app_live *live = &app->live;
	const struct app_progress *p = &app->progress;
	struct str s = STR_INIT;
	char what[48];
	if (app->sweep.measuring) {
		sweep_state(app, buf, size);
		return;
	}
	str_addf(&s, "RUN%s", app->measuring_base ? " base" : "");
	if (p->total > 0 && p->done > p->total) /* the least is there; noise goes on */
		str_addf(&s, " n %.0f", p->done);
	else if (p->total > 0)
		str_addf(&s, " %.0f/%.0f", p->done, p->total);
	else if (p->what[0])
		str_addf(&s, " %s",
			 str_escaped(what, sizeof(what), p->what, strlen(p->what)));
	double half = (live->hi_ns - live->lo_ns) / 2 / live->p50_ns;
	if (!isnan(half))
		str_addf(&s, " %s%.1f%%", canvas_glyph(c, GLYPH_PLUS_MINUS), half * 100);
	double eta = (p->total - p->done) * live->p50_ns / 1e9;
	if (live->n && p->total > 0 && eta >= 0.5)
		str_addf(&s, " eta %.0fs", eta);
	if (app->sweep.running)
		str_addf(&s, ", sweep %d/%d waits", app->sweep.done, app->sweep.n);
	snprintf(buf, size, "%s", str_get(&s));
	str_release(&s);
}

void headline_state(const struct app *app, const struct canvas *c, char *buf, size_t size)
{
	const struct app_progress *p = &app->progress;
	char what[48];
	switch (app->phase) {
	case APP_STARTING:
		snprintf(buf, size, "starting");
		break;
	case APP_LOADING:
		str_escaped(what, sizeof(what), p->what, strlen(p->what));
		if (p->total > 0)
			snprintf(buf, size, "LOAD %s %.0f%%", what,
				 100 * p->done / p->total);
		else
			snprintf(buf, size, "LOAD %s", what);
		break;
	case APP_RUNNING:
		running_state(app, c, buf, size);
		break;
	case APP_BROKEN:
		snprintf(buf, size, "NO MODEL");
		break;
	default:
		if (app->sweep.running)
			snprintf(buf, size, "%s %d/%d",
				 app_is_paused(app) ? "PAUSED sweep" : "sweep",
				 app->sweep.done, app->sweep.n);
		else
			snprintf(buf, size, app_is_paused(app) ? "PAUSED" : "idle");
	}
}

/* ---- what it is about ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

static void add_input(const struct app *app, const struct run *run, struct parts *p)
{
	char name[80];
	const char *source = run && run->input.source ? run->input.source : NULL;
	const char *kind = run && run->input.kind ? run->input.kind : NULL;
	if (!source && !kind && app->input.n_images > 0)
		source = app->input.images[0];
	if (source)
		parts_add(p, 3, STYLE_NORMAL, "%s",
			  format_name(base_name(source), name, sizeof(name)));
	else if (kind)
		parts_add(p, 3, STYLE_NORMAL, "%s",
			  format_name(kind, name, sizeof(name)));
	if (run && run->prompt.text)
		parts_join(p, 4, STYLE_NORMAL, "\"%s\"",
			   format_name(run->prompt.text, name, sizeof(name)));
	else if (run && run->prompt.file)
		parts_join(p, 4, STYLE_NORMAL, "%s",
			   format_name(base_name(run->prompt.file), name, sizeof(name)));
}

static void add_device(const struct run *run, struct parts *p)
{
	char device[32], blas[32];
	if (!run || !run->device)
		return;
	parts_add(p, 2, STYLE_NORMAL, "%s",
		  format_name(run->device, device, sizeof(device)));
	if (run->env.blas_name)
		parts_join(p, 4, STYLE_NORMAL, "%s",
			   format_name(run->env.blas_name, blas, sizeof(blas)));
	if (!isnan(run->env.threads))
		parts_join(p, 2, STYLE_NORMAL, "t%.0f", run->env.threads);
}

static bool is_random(const struct app *app)
{
	if (app->opened)
		return app->opened->model.random_weights;
	return app->has_model && app->model.random_weights;
}

static void add_pinned(const struct app *app, struct parts *p)
{
	if (app->pinned && app->pinned->id)
		parts_add(p, 1, STYLE_NORMAL, "pin #%lld", (long long)app->pinned->id);
	else if (app->pinned)
		parts_add(p, 1, STYLE_NORMAL, "pinned");
}

void headline_subject(const struct app *app, struct parts *p)
{
	const struct run *run = app_shown(app);
	const char *model = app->has_model ? app->model.name : app->opt.model;
	char name[130];
	if (app->opened && run && run->model.name)
		model = run->model.name;
	parts_add(p, 0, STYLE_BOLD, "%s", format_name(model, name, sizeof(name)));
	if (is_random(app)) {
		parts_join(p, 0, STYLE_DIM, "(random weights)");
		parts_brief(p, "(random)");
	}
	add_input(app, run, p);
	add_device(run, p);
	if (app->opened)
		parts_add(p, 0, STYLE_WARN | STYLE_BOLD, "OLD RUN #%lld",
			  (long long)app->opened->id);
	else if (app->base && app->base->id)
		parts_add(p, 3, STYLE_NORMAL, "base #%lld", (long long)app->base->id);
	add_pinned(app, p);
}

/* ---- figures ---- */

/* Every technique off. */
static bool is_base(const struct run *run)
{
	struct knobs knobs = run->knobs, base = knobs_base(&run->knobs);
	knobs_resolve_method(&knobs);
	knobs_resolve_method(&base);
	return knobs_equal(&knobs, &base, run->knob_mask);
}

/* Times of the run: measured, coming in, or estimated. */
struct timing {
	double p50_ns, lo_ns, hi_ns;
	bool estimate, live;
};

static struct timing timing_of(const struct app *app, const struct run *run)
{
	const struct app_live *live = &app->live;
	bool estimate = !run || run->state == RUN_ESTIMATE;
	bool of_run = !app->measuring_base && !app->sweep.measuring;
	if (estimate && app->phase == APP_RUNNING && of_run && live->n > 0)
		return (struct timing){ live->p50_ns, live->lo_ns, live->hi_ns, false,
					true };
	struct timing t = { (double)NAN, (double)NAN, (double)NAN, estimate, false };
	if (run) {
		t.p50_ns = run->wall.p50_ns;
		t.lo_ns = run->wall.ci95_lo_ns;
		t.hi_ns = run->wall.ci95_hi_ns;
	}
	return t;
}

static void add_time(const struct canvas *c, const struct timing *t, struct parts *p)
{
	char ms[16];
	unsigned style = t->estimate ? STYLE_DIM : STYLE_BOLD;
	parts_add(p, 0, style, "%s%s ms", t->estimate && !isnan(t->p50_ns) ? "~" : "",
		  format_ms(t->p50_ns, ms, sizeof(ms)));
	if (!isnan(t->hi_ns - t->lo_ns) && !t->estimate)
		parts_join(p, 1, STYLE_NORMAL, "%s%s", canvas_glyph(c, GLYPH_PLUS_MINUS),
			   format_spread((t->hi_ns - t->lo_ns) / 2, ms, sizeof(ms)));
}

static double speedup_of(const struct app *app, const struct run *run,
			 const struct timing *t)
{
	return t->live && app->base ? app->base->wall.p50_ns / t->p50_ns
				    : app_speedup(app, run);
}

/* With ~ and without a verdict: the base ran at another time, and what the machine did
 * then is part of the ratio. */
static void add_speedup(const struct app *app, const struct run *run,
			const struct timing *t, struct parts *p)
{
	double speedup = speedup_of(app, run, t);
	if (is_base(run)) {
		parts_join(p, 0, t->estimate ? STYLE_DIM : STYLE_NORMAL, "base");
	} else if (!isnan(speedup)) {
		parts_join(p, 0, t->estimate ? STYLE_DIM : STYLE_BOLD, "~%.2fx", speedup);
	}
}

static void add_flops(const struct app *app, const struct run *run,
		      const struct timing *t, struct parts *p)
{
	double speedup = speedup_of(app, run, t), flops = app_flops_ratio(app, run);
	if (isnan(flops) || is_base(run))
		return;
	parts_add(p, 2, t->estimate ? STYLE_DIM : STYLE_NORMAL, "FLOPs %.2fx", flops);
	if (!isnan(speedup) && flops > 1.005 && !t->estimate)
		parts_join(p, 4, STYLE_NORMAL, "realised %.0f%%", 100 * speedup / flops);
	if (flops < 0.995)
		parts_join(p, 2, STYLE_WARN, "costs more");
}

static bool on_slider(const enum knob_id *sliders, int n, enum knob_id id)
{
	for (int i = 0; i < n; i++)
		if (sliders[i] == id)
			return true;
	return false;
}

/* What differs from the defaults and stands on no slider: nobody should change it, or
 * compare runs, without seeing it. */
static void add_knobs(const struct app *app, const struct run *run,
		      const enum knob_id *sliders, int n_sliders, struct parts *p)
{
	const struct knobs *knobs = app->opened ? &app->opened->knobs : &app->knobs;
	struct str s = STR_INIT;
	for (int i = 0; i < KNOB_COUNT; i++) {
		enum knob_id id = (enum knob_id)i;
		char value[KNOB_TEXT_SIZE], shown[KNOB_TEXT_SIZE];
		bool applies =
			run ? run->knob_mask & KNOB_BIT(i) : !app_knob_why_not(app, id);
		if (!applies || knobs_is_default(knobs, id) ||
		    on_slider(sliders, n_sliders, id))
			continue;
		knobs_get(knobs, id, value);
		str_addf(&s, "%s%s %s", s.len ? " " : "", knob_table[i].option,
			 str_escaped(shown, sizeof(shown), value, strlen(value)));
	}
	if (s.len)
		parts_add(p, 0, STYLE_ACCENT, "%s", str_get(&s));
	str_release(&s);
}

static void add_fidelity(const struct app *app, const struct run *run, struct parts *p)
{
	char cosine[16];
	bool random = run->model.random_weights ||
		      (app->has_model && app->model.random_weights);
	if (isnan(run->fidelity.cosine))
		return;
	parts_add(p, 2, STYLE_NORMAL, "cos %s",
		  format_cosine(run->fidelity.cosine, cosine, sizeof(cosine)));
	if (run->fidelity.images > 1) {
		parts_join(
			p, 5, STYLE_NORMAL, "min %s",
			format_cosine(run->fidelity.cosine_min, cosine, sizeof(cosine)));
		if (!isnan(run->fidelity.cosine_p5))
			parts_join(p, 5, STYLE_NORMAL, "p5 %s",
				   format_cosine(run->fidelity.cosine_p5, cosine,
						 sizeof(cosine)));
		parts_join(p, 5, STYLE_NORMAL, "of %.0f", run->fidelity.images);
	}
	if (random)
		parts_join(p, 2, STYLE_DIM, "(random)");
}

/* Of a text. What it is compared with is the same text read by the base. */
static void add_likelihood(const struct app *app, const struct run *run, struct parts *p)
{
	const struct run_likelihood *l = &run->likelihood;
	bool random = run->model.random_weights ||
		      (app->has_model && app->model.random_weights);
	bool cosine = !isnan(run->fidelity.cosine);
	if (isnan(l->loss) && isnan(run->fidelity.kl))
		return;
	if (!isnan(l->loss)) {
		parts_add(p, 2, STYLE_NORMAL, "ppl %.4g", l->perplexity);
		if (!isnan(l->base_perplexity))
			parts_join(p, 4, STYLE_NORMAL, "base %.4g", l->base_perplexity);
		else
			parts_join(p, 4, STYLE_NORMAL, "loss %.3f", l->loss);
	}
	if (!isnan(run->fidelity.kl))
		parts_add(p, cosine ? 3 : 2, STYLE_NORMAL, "KL %.3g", run->fidelity.kl);
	if (random && !cosine)
		parts_join(p, 2, STYLE_DIM, "(random)");
}

static bool is_text(const struct run *run)
{
	const char *kind = run->input.kind ? run->input.kind : "";
	return isnan(run->visual.tokens) &&
	       (!strcmp(kind, "text") || !strcmp(kind, "tokens"));
}

/* How fast a sequence is read. */
static void add_rate(const struct run *run, struct parts *p)
{
	char rate[24];
	if (is_text(run) && !isnan(run->throughput.tokens_per_s))
		parts_add(p, 3, STYLE_NORMAL, "%s tok/s",
			  format_count(run->throughput.tokens_per_s, rate, sizeof(rate)));
}

static void add_accuracy(const struct run *run, struct parts *p)
{
	if (run->accuracy.images > 0)
		parts_add(p, 2, STYLE_NORMAL, "top-1 %.1f%% of %.0f",
			  100 * run->accuracy.top1, run->accuracy.images);
}

static void add_zero_shot(const struct run *run, struct parts *p)
{
	char shown[64];
	if (run->zero_shot.label)
		parts_add(p, 3, STYLE_NORMAL, "%s %.0f%%",
			  format_name(run->zero_shot.label, shown, sizeof(shown)),
			  100 * run->zero_shot.probability);
	if (run->zero_shot.base_label &&
	    strcmp(run->zero_shot.label, run->zero_shot.base_label) != 0)
		parts_join(p, 3, STYLE_WARN, "base %s",
			   format_name(run->zero_shot.base_label, shown, sizeof(shown)));
}

/* What a language model gets, and what the tower took for each. */
static void add_visual(const struct run *run, const struct timing *t, struct parts *p)
{
	unsigned style = t->estimate ? STYLE_DIM : STYLE_NORMAL;
	char ms[16];
	if (isnan(run->visual.tokens))
		return;
	parts_add(p, 3, style, "%.0f visual tokens", run->visual.tokens);
	if (!isnan(run->visual.ns_per_token))
		parts_join(p, 3, style, "%s%s ms each", t->estimate ? "~" : "",
			   format_ms(run->visual.ns_per_token, ms, sizeof(ms)));
}

static void add_low_rank(const struct run *run, struct parts *p)
{
	double percent = 100 * run->low_rank.rel_error;
	if (run->low_rank.matrices > 0)
		parts_add(p, 2, STYLE_NORMAL, "rank error %.*g%%, even at %.0f",
			  percent < 1 ? 2 : 3, percent, run->low_rank.break_even);
}

static void add_memory(const struct run *run, unsigned style, struct parts *p)
{
	char text[16];
	if (!isnan(run->memory.peak_rss_bytes))
		parts_add(p, 3, style, "rss %s",
			  format_bytes(run->memory.peak_rss_bytes, text, sizeof(text)));
	else if (!isnan(run->memory.peak_activation_bytes))
		parts_add(p, 3, style, "act %s",
			  format_bytes(run->memory.peak_activation_bytes, text,
				       sizeof(text)));
}

static void add_origin(const struct app *app, const struct run *run, struct parts *p)
{
	char age[24];
	if (run->state == RUN_DONE && (app->opened || !app->result_fresh))
		parts_add(p, 1, STYLE_DIM, "%s",
			  format_ago(run->started_ns, age, sizeof(age)));
	else if (run->state == RUN_DONE && !isnan(app->estimate_error))
		parts_add(p, 6, STYLE_DIM, "est. %+.0f%%", app->estimate_error * 100);
}

void headline_parts(const struct app *app, const enum knob_id *sliders, int n_sliders,
		    const struct canvas *c, struct parts *p)
{
	const struct run *run = app_shown(app);
	struct timing t = timing_of(app, run);
	if (!run) {
		parts_add(p, 0, STYLE_DIM, "-- ms");
		add_knobs(app, run, sliders, n_sliders, p);
		return;
	}
	if (run->state == RUN_FAILED) {
		parts_add(p, 0, STYLE_BAD | STYLE_BOLD, "FAILED");
		add_knobs(app, run, sliders, n_sliders, p);
		return;
	}
	add_time(c, &t, p);
	add_speedup(app, run, &t, p);
	add_knobs(app, run, sliders, n_sliders, p);
	add_flops(app, run, &t, p);
	add_fidelity(app, run, p);
	add_likelihood(app, run, p);
	add_rate(run, p);
	add_accuracy(run, p);
	add_zero_shot(run, p);
	add_visual(run, &t, p);
	add_low_rank(run, p);
	add_memory(run, t.estimate ? STYLE_DIM : STYLE_NORMAL, p);
	add_origin(app, run, p);
}
