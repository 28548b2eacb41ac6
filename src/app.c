#include "app.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_private.h"
#include "app_study.h"
#include "base/clock.h"
#include "base/str.h"

#define REST_NS 60000000 /* without another key before a setting is measured */

void app_say(struct app *app, enum app_severity severity, const char *fmt, ...)
{
	char text[sizeof(app->message)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(app->message, text, sizeof(text));
	app->severity = severity;
	app->message_ns = clock_now_ns();
}

enum err app_create(const struct app_options *opt, struct app **out)
{
	struct app *app = mem_alloc(sizeof(*app));
	app->private = mem_alloc(sizeof(*app->private));
	app->opt = *opt;
	if (opt->input)
		app->input = input_source_copy(opt->input);
	app_name_model(app, opt->model);
	app->knobs = opt->knobs;
	app->knob = KNOB_KEEP;
	app->estimate_error = (double)NAN;
	app->live.p50_ns = app->live.lo_ns = app->live.hi_ns = (double)NAN;
	app->private->next_id = 1;
	app->private->cell = app->private->study = -1;
	app->private->sweep_budget_s = (double)NAN;
	app->sweep.knob = KNOB_COUNT;
	app->sweep.cell_s = (double)NAN;
	app->private->undo[0] = app->knobs;
	app->private->n_undo = 1;
	enum err e = app_start_worker(app);
	if (e) {
		app_free(app);
		return e;
	}
	app_open_store(app);
	*out = app;
	return OK;
}

void app_free(struct app *app)
{
	if (!app)
		return;
	struct app_private *p = app->private;
	handle_stop(&p->worker, 300);
	store_close(app->store);
	run_free(app->estimate);
	run_free(app->result);
	run_free(app->base);
	run_free(app->opened);
	run_free(app->pinned);
	run_free(p->described);
	for (int i = 0; i < p->n_queue; i++)
		run_free(p->queue[i]);
	free(p->queue);
	for (int i = 0; i < p->n_memory; i++)
		run_free(p->memory[i]);
	free(p->file_key);
	app_sweep_release(app);
	app_studies_release(app);
	free(p->model_name);
	free(p->good_model);
	free(p->models);
	for (int i = 0; i < KNOB_COUNT; i++)
		free(app->model.why_not[i]);
	free(app->model.picture);
	free(app->live.samples_ns);
	input_source_release(&app->input);
	input_source_release(&p->good_input);
	input_source_release(&p->all_input);
	free(p);
	free(app);
}

/* ---- the loop ---- */

int app_fds(const struct app *app, struct pollfd *fds, int max)
{
	return max >= 3 ? handle_fds(&app->private->worker, fds) : 0;
}

static int ms_until(int64_t ns)
{
	int64_t left = ns - clock_now_ns();
	return left <= 0 ? 0 : (int)(left / 1000000) + 1;
}

int app_timeout_ms(const struct app *app)
{
	const struct app_private *p = app->private;
	int wait = -1;
	if (p->loaded && p->purpose == FOR_NOTHING && app->phase == APP_IDLE &&
	    !p->paused && !app->opened && !app->result &&
	    !app_is_refused(app, &app->knobs))
		wait = ms_until(p->due_ns);
	else if (app_sweep_is_due(app))
		wait = 0;
	const int64_t retries[] = { p->retry_ns, p->open_ns,
				    p->cancelled_id ? p->patience_ns : 0 };
	for (int i = 0; i < 3; i++) {
		int retry = retries[i] ? ms_until(retries[i]) : -1;
		if (retry >= 0 && (wait < 0 || retry < wait))
			wait = retry;
	}
	if (p->worker.pid && p->worker.from < 0) /* it is ending: ask again soon */
		wait = wait < 0 || wait > 10 ? 10 : wait;
	return wait;
}

bool app_handle(struct app *app)
{
	bool changed = app_pump(app);
	changed = app_store_retry(app, false) || changed;
	return app_start_due(app) || changed;
}

/* ---- the setting ---- */

bool app_is_base(const struct app *app, const struct knobs *k)
{
	struct knobs mine = *k, base = knobs_base(k);
	knobs_resolve_method(&mine);
	return knobs_equal(&mine, &base, app->model.knob_mask);
}

bool app_is_present_base(const struct app *app, const struct knobs *k)
{
	struct knobs base = knobs_base(&app->knobs);
	return app_is_base(app, k) && knobs_equal(k, &base, app->model.knob_mask);
}

static void recall_base(struct app *app)
{
	char mine[RUN_CELL_SIZE], wanted[RUN_CELL_SIZE];
	struct knobs base = knobs_base(&app->knobs);
	if (app->base && run_cell(app->base, mine) && app_cell_of(app, &base, wanted) &&
	    !strcmp(mine, wanted))
		return; /* the workload is the same */
	run_free(app->base);
	app->base = app_recall(app, &base);
}

bool app_is_refused(const struct app *app, const struct knobs *k)
{
	const struct app_private *p = app->private;
	return p->has_refused && app_same_setting(app, k, &p->refused);
}

void app_refuse(struct app *app, const struct knobs *k)
{
	app->private->refused = *k;
	app->private->has_refused = true;
}

bool app_same_setting(const struct app *app, const struct knobs *a, const struct knobs *b)
{
	struct knobs x = *a, y = *b;
	knobs_resolve_method(&x);
	knobs_resolve_method(&y);
	return knobs_equal(&x, &y, app->model.knob_mask);
}

/* What runs may be what is wanted now, or in nobody's way. */
static bool is_wanted(struct app *app)
{
	struct app_private *p = app->private;
	bool same = app_same_setting(app, &p->job_knobs, &app->knobs);
	if (p->purpose == FOR_SWEEP && same && !app->result) {
		p->purpose = FOR_SETTING; /* the cell is on the screen now */
		app->sweep.measuring = false;
	}
	switch (p->purpose) {
	case FOR_SETTING:
		return same;
	case FOR_SWEEP:
		return app->result != NULL;
	default:
		return p->purpose == FOR_LOAD;
	}
}

void app_show_setting(struct app *app)
{
	struct app_private *p = app->private;
	app->key_ns = clock_now_ns();
	p->due_ns = app->key_ns + REST_NS;
	app_follow_workload(app);
	run_free(app->estimate);
	run_free(app->result);
	app->estimate = NULL;
	app->estimate_error = (double)NAN;
	app->result = app_recall(app, &app->knobs);
	app->result_fresh = false;
	app->result_stored = app->result && app->result->id;
	recall_base(app);
	if (!is_wanted(app))
		app_forget_job(app);
	app_ask_estimate(app);
}

/* ---- measuring ---- */

void app_measure_again(struct app *app)
{
	struct app_private *p = app->private;
	if (app->opened) { /* an old run again: its knobs become the present ones */
		struct knobs k = app->opened->knobs;
		app_set_knobs(app, &k);
	}
	p->has_refused = false;
	p->due_ns = 0;
	if (app->phase == APP_BROKEN) {
		p->deaths = 0;
		handle_stop(&p->worker, 200);
		if (app_start_worker(app))
			app_say(app, APP_ERROR, "%s", err_message());
		return;
	}
	app_forget_job(app);
	run_free(app->result);
	app->result = NULL;
	if (p->paused)
		app_pause(app, false);
}

void app_cancel(struct app *app)
{
	enum purpose purpose = app->private->purpose;
	if (purpose == FOR_LOAD) {
		int64_t job = app->private->job_id;
		app_sweep_stop(app);
		if (app->private->job_id == job) /* else another load took its place */
			app_cancel_load(app);
		return;
	}
	if (purpose == FOR_SWEEP || purpose == FOR_NOTHING) {
		app_sweep_stop(app);
		return;
	}
	app_refuse(app, &app->private->job_knobs);
	/* What is on the screen is a cell, too. */
	if (app->private->cell >= 0 && app->sweep.running)
		app_sweep_stop(app);
	else
		app_say(app, APP_INFO, "cancelled; r measures again");
	app_forget_job(app);
}

void app_pause(struct app *app, bool on)
{
	app->private->paused = on;
	if (on)
		app_forget_job(app);
	app_say(app, APP_INFO,
		on ? "paused: settings are estimated, not measured" : "measuring");
}

bool app_is_paused(const struct app *app) { return app->private->paused; }

void app_keep_stop(struct app *app)
{
	struct run *run = app->opened ? app->opened : app->result;
	if (!run || !app->store) {
		app_say(app, APP_WARNING, "nothing measured to keep yet");
		return;
	}
	if (!run->id) {
		app_say(app, APP_WARNING, "this run is not stored yet");
		return;
	}
	run->trail = false;
	app_keep_run(app, run->id);
}

bool app_keep_quietly(struct app *app, int64_t run_id)
{
	struct app_private *p = app->private;
	if (!app->store || store_keep(app->store, run_id))
		return false;
	for (int i = 0; i < p->n_memory; i++)
		if (p->memory[i]->id == run_id)
			p->memory[i]->trail = false;
	app->revision++;
	return true;
}

void app_keep_run(struct app *app, int64_t run_id)
{
	if (!app->store)
		return;
	if (app_keep_quietly(app, run_id))
		app_say(app, APP_INFO, "run %lld is kept", (long long)run_id);
	else
		app_say(app, APP_ERROR, "%s", err_message());
}

void app_pin(struct app *app)
{
	const struct run *run = app_shown(app);
	if (!run || run->state != RUN_DONE) {
		app_say(app, APP_WARNING, "nothing measured to pin yet");
		return;
	}
	bool again = app->pinned && !strcmp(app->pinned->uid, run->uid);
	run_free(app->pinned);
	app->pinned = again ? NULL : app_copy_run(run);
	if (app->pinned) {
		app->pinned->id = run->id;
		app_say(app, APP_INFO, "pinned: other runs are compared with this one");
	} else if (again) {
		app_say(app, APP_INFO, "no run is pinned");
	}
}

void app_open_run(struct app *app, int64_t run_id)
{
	struct run *run;
	if (!app->store)
		return;
	if (store_get(app->store, run_id, &run)) {
		app_say(app, APP_ERROR, "%s", err_message());
		return;
	}
	if (app->private->purpose != FOR_SWEEP)
		app_forget_job(app);
	if (!app->opened)
		app->private->present = app->knobs;
	run_free(app->opened);
	app->opened = run;
	app->knobs = run->knobs;
	app_say(app, APP_INFO, "run %lld of %s: q goes back to the present",
		(long long)run_id, run->model.name ? run->model.name : "?");
}

void app_drop_opened(struct app *app)
{
	run_free(app->opened);
	app->opened = NULL;
}

void app_close_run(struct app *app)
{
	if (!app->opened)
		return;
	app->knobs = app->private->present;
	app_drop_opened(app);
	app_show_setting(app);
}

const struct run *app_shown(const struct app *app)
{
	return app->opened ? app->opened : app->result ? app->result : app->estimate;
}

static bool comparable(const struct app *app, const struct run *run)
{
	char mine[RUN_CELL_SIZE], base[RUN_CELL_SIZE];
	return app->base && run && run_base_cell(run, mine) &&
	       run_cell(app->base, base) && !strcmp(mine, base);
}

double app_speedup(const struct app *app, const struct run *run)
{
	return comparable(app, run) ? app->base->wall.p50_ns / run->wall.p50_ns
				    : (double)NAN;
}

double app_flops_ratio(const struct app *app, const struct run *run)
{
	return comparable(app, run) ? app->base->flops.ours / run->flops.ours
				    : (double)NAN;
}

/* One word of a shell command. */
static void add_quoted(struct str *s, const char *word)
{
	if (word[strspn(word,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			"_-./:,+=@%")] == 0 &&
	    *word) {
		str_add(s, word);
		return;
	}
	str_add(s, "'");
	for (; *word; word++)
		if (*word == '\'')
			str_add(s, "'\\''");
		else
			str_add_n(s, word, 1);
	str_add(s, "'");
}

/* What is known of the input of a run of another time. */
static struct input_source input_of(const struct run *run)
{
	struct input_source in = { 0 };
	const char *kind = run->input.kind, *source = run->input.source;
	in.text = str_dup(run->prompt.text);
	in.tokens = str_dup(run->prompt.file);
	if (!source)
		return in;
	if (str_equal(kind, "dataset"))
		in.dataset = str_dup(source);
	else if (str_equal(kind, "text"))
		in.text = str_dup(source);
	else if (str_equal(kind, "tokens"))
		in.tokens = str_dup(source);
	else if (str_equal(kind, "sequence"))
		in.input = str_dup(source);
	else
		input_source_add_image(&in, source);
	return in;
}

static void add_input(struct str *s, const struct input_source *in)
{
	for (int i = 0; i < in->n_images; i++) {
		str_add(s, i ? " " : " -i ");
		add_quoted(s, in->images[i]);
	}
	if (in->exif)
		str_add(s, " --exif");
	for (const struct input_text *t = input_texts; t->name; t++) {
		if (!input_text_const(in, t))
			continue;
		str_addf(s, " --%s ", t->name);
		add_quoted(s, input_text_const(in, t));
	}
	if (in->limit > 0)
		str_addf(s, " --limit %.0f", in->limit);
}

char *app_command_line(const struct app *app)
{
	struct str s = STR_INIT;
	const struct run *opened = app->opened;
	struct input_source in =
		opened ? input_of(opened) : input_source_copy(&app->input);
	const struct knobs *k = opened ? &opened->knobs : &app->knobs;
	str_add(&s, "sparsetop run -m ");
	add_quoted(&s,
		   opened && opened->model.name ? opened->model.name : app->opt.model);
	add_input(&s, &in);
	struct knobs start = app_start_knobs(
		opened && opened->model.name ? opened->model.name : app->opt.model, &in);
	input_source_release(&in);
	uint64_t mask = opened           ? opened->knob_mask
			: app->has_model ? app->model.knob_mask
					 : ~UINT64_C(0);
	knobs_command_line(k, &start, mask, &s);
	return str_detach(&s);
}
