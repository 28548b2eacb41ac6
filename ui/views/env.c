/* What the figures rest on: samples, protocol, model, input, machine, libraries,
 * warnings. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ui/format.h"
#include "ui/views/env.h"

struct env {
	struct lines lines;
	char search[128];
};

#define LONG_LINE 52 /* what the narrower pane of a wide screen shows */

/* A percentile of fewer samples than this says nothing. */
#define P95_SAMPLES 20

static void add_name(struct lines *l, const char *label, const char *name)
{
	char text[300];
	lines_add(l, STYLE_NORMAL, label, "%s", format_name(name, text, sizeof(text)));
}

/* Over as many lines as it takes, broken at blanks. */
static void add_long(struct lines *l, unsigned style, const char *label, const char *text)
{
	while (*text) {
		size_t n = strlen(text);
		if (n > LONG_LINE) {
			for (n = LONG_LINE; n > 0 && text[n] != ' ';)
				n--;
			if (!n) /* no blank: between two characters */
				for (n = LONG_LINE;
				     n > 1 && ((unsigned char)text[n] & 0xc0) == 0x80;)
					n--;
		}
		lines_add(l, style, label, "%.*s", (int)n, text);
		label = "";
		text += n;
		text += strspn(text, " ");
	}
}

static void add_hash(struct lines *l, const char *label, const char *hash)
{
	char text[80];
	lines_add(l, STYLE_NORMAL, label, "%.16s", format_name(hash, text, sizeof(text)));
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Nearest rank; NaN for too few. */
static double p95(const double *samples, int n)
{
	if (n < P95_SAMPLES)
		return (double)NAN;
	double *sorted = mem_alloc((size_t)n * sizeof(double));
	memcpy(sorted, samples, (size_t)n * sizeof(double));
	qsort(sorted, (size_t)n, sizeof(double), compare_doubles);
	double v = sorted[(int)ceil(0.95 * n) - 1];
	free(sorted);
	return v;
}

static void add_times(struct lines *l, const double *samples, int n,
		      const struct run_wall *w)
{
	char a[16], b[16], c[16], d[16];
	lines_add(l, STYLE_NORMAL, "ms", "min %s   median %s   p95 %s   max %s",
		  format_ms(w->min_ns, a, sizeof(a)), format_ms(w->p50_ns, b, sizeof(b)),
		  n < P95_SAMPLES ? "-- (n<20)"
				  : format_ms(p95(samples, n), c, sizeof(c)),
		  format_ms(w->max_ns, d, sizeof(d)));
	lines_add(l, STYLE_NORMAL, "", "mean %s   sd %s",
		  format_ms(w->mean_ns, a, sizeof(a)), format_ms(w->sd_ns, b, sizeof(b)));
	lines_add(l, STYLE_NORMAL, "95 % of median", "%s .. %s",
		  format_ms(w->ci95_lo_ns, a, sizeof(a)),
		  format_ms(w->ci95_hi_ns, b, sizeof(b)));
}

static void add_live(struct lines *l, const struct app *app)
{
	char a[16], b[16], c[16];
	lines_heading(l, app->measuring_base ? "Samples of the base, coming in"
			 : app->sweep.measuring
				 ? "Samples of a setting of the sweep, coming in"
				 : "Samples, coming in");
	if (app->live.n)
		lines_spark(l, "in order", app->live.samples_ns, app->live.n);
	lines_add(l, STYLE_NORMAL, "ms", "n %d   median %s   95 %% interval %s .. %s",
		  app->live.n, format_ms(app->live.p50_ns, a, sizeof(a)),
		  format_ms(app->live.lo_ns, b, sizeof(b)),
		  format_ms(app->live.hi_ns, c, sizeof(c)));
}

static void add_samples(struct lines *l, const struct run *run)
{
	const struct run_wall *w = &run->wall;
	char stopped[32], sum[16], whole[16], share[16], over[16], n[16], warm[16];
	lines_heading(l, "Samples: whole passes without instruments");
	if (w->n_samples)
		lines_spark(l, "in order", w->samples_ns, w->n_samples);
	add_times(l, w->samples_ns, w->n_samples, w);
	lines_add(l, STYLE_NORMAL, "protocol", "warm-up %s   n %s   stopped by %s",
		  format_count(w->warmup, warm, sizeof(warm)),
		  format_count(w->n, n, sizeof(n)),
		  format_name(w->stopped_by, stopped, sizeof(stopped)));
	lines_add(l, STYLE_NORMAL, "layer sum", "%s of %s ms = %s %%",
		  format_ms(run->whole.layer_sum_ns, sum, sizeof(sum)),
		  format_ms(run->whole.p50_ns, whole, sizeof(whole)),
		  format_percent(run->whole.layer_sum_ns / run->whole.p50_ns, share,
				 sizeof(share)));
	lines_add(l, STYLE_NORMAL, "instruments", "%s %% slower with them",
		  format_percent(run->whole.overhead_ratio - 1, over, sizeof(over)));
}

static void add_outcome(struct lines *l, const struct run *run)
{
	const struct run_rusage *u = &run->rusage;
	char a[24], b[24], c[24], d[24];
	lines_heading(l, "Work and memory");
	lines_add(l, STYLE_NORMAL, "throughput", "%s items/s   %s tokens/s",
		  format_count(run->throughput.items_per_s, a, sizeof(a)),
		  format_count(run->throughput.tokens_per_s, b, sizeof(b)));
	lines_add(l, STYLE_NORMAL, "FLOPs", "%s ours   %s as fvcore   %s as torch counts",
		  format_count(run->flops.ours, a, sizeof(a)),
		  format_count(run->flops.fvcore, b, sizeof(b)),
		  format_count(run->flops.torch, c, sizeof(c)));
	lines_add(l, STYLE_NORMAL, "bytes", "%s read   %s written",
		  format_bytes(run->bytes.read, a, sizeof(a)),
		  format_bytes(run->bytes.written, b, sizeof(b)));
	lines_add(l, STYLE_NORMAL, "peak memory",
		  "%s resident   model %s   activations %s",
		  format_bytes(run->memory.peak_rss_bytes, a, sizeof(a)),
		  format_bytes(run->memory.model_bytes, b, sizeof(b)),
		  format_bytes(run->memory.peak_activation_bytes, c, sizeof(c)));
	lines_add(l, STYLE_NORMAL, "CPU ms", "user %s   system %s",
		  format_ms(u->user_ns, a, sizeof(a)),
		  format_ms(u->sys_ns, b, sizeof(b)));
	lines_add(l, STYLE_NORMAL, "faults",
		  "%s minor   %s major   switches %s voluntary   %s not",
		  format_count(u->minor_faults, a, sizeof(a)),
		  format_count(u->major_faults, b, sizeof(b)),
		  format_count(u->voluntary_switches, c, sizeof(c)),
		  format_count(u->involuntary_switches, d, sizeof(d)));
}

static void add_fidelity(struct lines *l, const struct run *run)
{
	const struct run_fidelity *f = &run->fidelity;
	char a[16], b[16], c[16], reference[200];
	if (isnan(f->cosine) && (!f->reference || !isnan(f->kl)))
		return; /* of a text other figures say it */
	lines_heading(l, run->model.random_weights ? "Fidelity (random weights)"
						   : "Fidelity");
	lines_add(l, STYLE_NORMAL, "cosine", "%s   p5 %s   min %s",
		  format_cosine(f->cosine, a, sizeof(a)),
		  format_cosine(f->cosine_p5, b, sizeof(b)),
		  format_cosine(f->cosine_min, c, sizeof(c)));
	lines_add(l, STYLE_NORMAL, "relative L2", "%s",
		  format_cosine(f->rel_l2, a, sizeof(a)));
	lines_add(l, STYLE_NORMAL, "against", "%s",
		  format_name(f->reference, reference, sizeof(reference)));
}

static void add_model(struct lines *l, const struct run *run)
{
	const struct run_model *m = &run->model;
	char a[24], b[24], name[140];
	struct str knobs = STR_INIT;
	lines_heading(l, "Model and input");
	lines_add(l, STYLE_NORMAL, "model", "%s%s",
		  format_name(m->name, name, sizeof(name)),
		  m->random_weights ? "   (seeded random weights)" : "");
	add_name(l, "source", m->source);
	add_name(l, "format", m->format);
	lines_add(l, STYLE_NORMAL, "size", "%s parameters   %s bytes",
		  format_count(m->params, a, sizeof(a)),
		  format_bytes(m->bytes, b, sizeof(b)));
	add_hash(l, "sha256", m->sha256);
	lines_add(l, STYLE_NORMAL, "input", "%s   batch %s   tokens %s",
		  format_name(run->input.kind, name, sizeof(name)),
		  format_count(run->input.batch, a, sizeof(a)),
		  format_tokens(run->input.tokens, b, sizeof(b)));
	add_name(l, "from", run->input.source ? run->input.source : "built in");
	if (run->prompt.text)
		add_name(l, "text", run->prompt.text);
	if (run->prompt.file)
		add_name(l, "ids", run->prompt.file);
	add_hash(l, "sha256", run->input.sha256);
	knobs_canonical(&run->knobs, run->knob_mask, &knobs);
	add_name(l, "knobs", str_get(&knobs));
	str_release(&knobs);
}

/* What a language model gets, what that would cost there, or how it went on. */
static void add_visual(struct lines *l, const struct run *run)
{
	const struct run_visual *v = &run->visual;
	const struct run_language *lm = &run->language;
	const struct run_generated *g = &run->generated;
	char a[24], b[24], c[24], name[64];
	if (isnan(v->tokens))
		return;
	lines_heading(l, "Visual tokens");
	lines_add(l, STYLE_NORMAL, "handed on",
		  "%.0f of a grid of %.0f x %.0f   %s ms each", v->tokens, v->rows,
		  v->columns, format_ms(v->ns_per_token, a, sizeof(a)));
	if (lm->name)
		lines_add(l, STYLE_NORMAL, "cost there",
			  "in %s: ~%s ms   %s FLOP   %s of keys and values",
			  format_name(lm->name, name, sizeof(name)),
			  format_ms(lm->estimated_ns, a, sizeof(a)),
			  format_count(lm->flops, b, sizeof(b)),
			  format_bytes(lm->kv_bytes, c, sizeof(c)));
	if (!isnan(g->prompt_tokens))
		lines_add(l, STYLE_NORMAL, "prompt", "%.0f tokens   %d more, %s ms each",
			  g->prompt_tokens, g->n_ids,
			  format_ms(g->ns_per_token, a, sizeof(a)));
}

static void add_machine(struct lines *l, const struct run *run)
{
	const struct run_env *e = &run->env;
	char a[24], b[24], name[3][120];
	lines_heading(l, "Machine");
	lines_add(l, STYLE_NORMAL, "host", "%s   %s",
		  format_name(e->host, name[0], sizeof(name[0])),
		  format_name(e->os, name[1], sizeof(name[1])));
	lines_add(l, STYLE_NORMAL, "cpu", "%s   %s CPUs",
		  format_name(e->cpu, name[0], sizeof(name[0])),
		  format_count(e->n_cpu, a, sizeof(a)));
	add_name(l, "isa", e->isa);
	add_name(l, "governor", e->governor);
	lines_add(l, STYLE_NORMAL, "threads", "%s on %s",
		  format_count(e->threads, b, sizeof(b)),
		  format_name(run->device, name[0], sizeof(name[0])));
	lines_add(l, STYLE_NORMAL, "blas", "%s %s   core %s",
		  format_name(e->blas_name, name[0], sizeof(name[0])),
		  format_name(e->blas_version, name[1], sizeof(name[1])),
		  format_name(e->blas_core, name[2], sizeof(name[2])));
	lines_add(l, STYLE_NORMAL, "gpu", "%s   driver %s",
		  format_name(e->gpu, name[0], sizeof(name[0])),
		  format_name(e->driver, name[1], sizeof(name[1])));
	add_name(l, "sparsetop", e->version);
}

static void add_warnings(struct lines *l, const struct run *run)
{
	char text[400];
	if (!run->n_warnings)
		return;
	lines_heading(l, "Warnings");
	for (int i = 0; i < run->n_warnings; i++)
		add_long(l, STYLE_WARN, "!",
			 format_name(run->warnings[i], text, sizeof(text)));
}

static void add_front(struct lines *l, const struct app *app)
{
	char *command = app_command_line(app);
	lines_heading(l, "This program");
	lines_add(l, STYLE_NORMAL, "devices", "%s", app->worker_devices);
	add_name(l, "database",
		 app->store ? store_path(app->store) : "none: nothing is stored");
	add_name(l, "session", app->session_name);
	if (app->unstored)
		lines_add(l, STYLE_WARN, "not stored",
			  "%d runs wait for the database or a hash", app->unstored);
	add_name(l, "as a command", command);
	if (app->message[0]) {
		char said[2100];
		str_escaped(said, sizeof(said), app->message, strlen(app->message));
		add_long(l, STYLE_NORMAL, "last message", said);
	}
	free(command);
}

static void build(struct env *st, const struct app *app)
{
	struct lines *l = &st->lines;
	const struct run *run = app_shown(app);
	lines_clear(l);
	if (app->phase == APP_RUNNING && !app->opened)
		add_live(l, app);
	if (run) {
		add_warnings(l, run);
		if (run->state == RUN_DONE)
			add_samples(l, run);
		add_outcome(l, run);
		add_fidelity(l, run);
		env_add_sequence(l, run);
		add_model(l, run);
		add_visual(l, run);
		add_machine(l, run);
	}
	add_front(l, app);
}

static void draw(void *state, const struct app *app, struct canvas *c, bool focus)
{
	struct env *st = state;
	const struct run *run = app_shown(app);
	char age[24];
	(void)focus;
	build(st, app);
	if (!run)
		canvas_text(c, 1, 0, -1, STYLE_DIM, "nothing measured yet");
	else if (run->state == RUN_ESTIMATE)
		canvas_text(c, 1, 0, -1, STYLE_DIM,
			    "~ estimate: nothing here is measured");
	else if (run->id)
		canvas_printf(c, 1, 0, STYLE_DIM, "run #%lld   %s", (long long)run->id,
			      format_ago(run->started_ns, age, sizeof(age)));
	else
		canvas_printf(c, 1, 0, STYLE_DIM, "not stored   %s",
			      format_ago(run->started_ns, age, sizeof(age)));
	struct canvas body = canvas_window(c, 0, 1, c->width, c->height - 1);
	lines_draw(&st->lines, &body, 14);
}

static enum reaction search(struct env *st, int step)
{
	if (!st->search[0])
		return REACT_SAME;
	lines_search(&st->lines, st->search, step, view_matches);
	return REACT_REDRAW;
}

static enum reaction on_request(void *state, struct app *app, enum request request)
{
	struct env *st = state;
	(void)app;
	if (lines_move(&st->lines, request))
		return REACT_REDRAW;
	if (request == REQ_SEARCH_NEXT || request == REQ_SEARCH_PREVIOUS)
		return search(st, request == REQ_SEARCH_NEXT ? 1 : -1);
	return REACT_NONE;
}

static enum reaction on_text(void *state, struct app *app, enum request request,
			     const char *text)
{
	struct env *st = state;
	(void)app;
	if (request != REQ_SEARCH)
		return REACT_NONE;
	snprintf(st->search, sizeof(st->search), "%s", text);
	return search(st, 1);
}

static enum reaction on_mouse(void *state, struct app *app, const struct key *key)
{
	struct env *st = state;
	(void)app;
	if (key->action != MOUSE_WHEEL_UP && key->action != MOUSE_WHEEL_DOWN)
		return REACT_SAME;
	lines_scroll(&st->lines, key->action == MOUSE_WHEEL_UP ? -3 : 3);
	return REACT_REDRAW;
}

static void copy(void *state, const struct app *app, struct str *markdown)
{
	struct env *st = state;
	build(st, app);
	lines_markdown(&st->lines, markdown);
}

static void release(void *state)
{
	struct env *st = state;
	lines_release(&st->lines);
}

const struct view env_view = {
	.name = "env",
	.title = "Env",
	.state_size = sizeof(struct env),
	.release = release,
	.on_request = on_request,
	.on_text = on_text,
	.on_mouse = on_mouse,
	.draw = draw,
	.copy = copy,
};
