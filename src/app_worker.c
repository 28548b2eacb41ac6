/* The controller and its worker: requests, events, deaths. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_private.h"
#include "base/clock.h"
#include "base/str.h"
#include "profiler/memory.h"
#include "profiler/stats.h"

#define QUICK_DEATH_NS                                                                   \
	10000000000 /* a worker that lives shorter than this died early                  \
		     */
#define MAX_DEATHS 3
#define PATIENCE_S 2      /* for an answer to a cancel: an op takes much less */
#define LIVE_NS 50000000  /* the running summary is made 20 times a second */
#define SCREEN_BUDGET_S 4 /* of one measurement: a person waits for it */

static struct spec spec_of(const struct app *app, const struct knobs *k)
{
	return (struct spec){ .model = str_dup(app->opt.model),
			      .input = input_source_copy(&app->input),
			      .knobs = *k };
}

static void send_command(struct app *app, enum command_type type, int64_t id,
			 const struct knobs *k)
{
	struct command c = { .type = type, .id = id, .measure = measure_defaults() };
	if (k) {
		c.n_specs = 1;
		c.specs = mem_alloc(sizeof(*c.specs));
		c.specs[0] = spec_of(app, k);
	}
	c.measure.budget_s =
		isnan(app->opt.budget_s) ? SCREEN_BUDGET_S : app->opt.budget_s;
	if (!isnan(app->opt.noise))
		c.measure.noise = app->opt.noise;
	if (type == COMMAND_RUN && app->private->cell >= 0 && isnan(app->opt.budget_s) &&
	    !isnan(app->private->sweep_budget_s))
		c.measure.budget_s = app->private->sweep_budget_s;
	c.measure.samples = app->opt.samples;
	c.measure.warmup = app->opt.warmup;
	if (handle_send(&app->private->worker, &c))
		app_say(app, APP_ERROR, "%s", err_message());
	command_release(&c);
}

static void set_progress(struct app *app, const char *what, double done, double total)
{
	snprintf(app->progress.what, sizeof(app->progress.what), "%s", what);
	app->progress.done = done;
	app->progress.total = total;
}

static void start_job(struct app *app, enum purpose purpose, const struct knobs *k)
{
	struct app_private *p = app->private;
	p->purpose = purpose;
	p->job_id = p->next_id++;
	p->job_knobs = *k;
	p->job_start_ns = (double)clock_wall_ns();
	app->measuring_base = purpose == FOR_BASE;
	app->sweep.measuring = purpose == FOR_SWEEP;
	app->live.n = 0;
	app->live.p50_ns = app->live.lo_ns = app->live.hi_ns = (double)NAN;
	set_progress(app, purpose == FOR_LOAD ? "reading the model" : "starting", 0, 0);
	send_command(app, purpose == FOR_LOAD ? COMMAND_LOAD : COMMAND_RUN, p->job_id, k);
}

static void end_job(struct app *app)
{
	app->private->purpose = FOR_NOTHING;
	app->private->cell = app->sweep.row = -1;
	app->measuring_base = app->sweep.measuring = false;
	set_progress(app, "", 0, 0);
	if (app->has_model)
		app->phase = APP_IDLE;
}

enum err app_start_worker(struct app *app)
{
	struct app_private *p = app->private;
	p->loaded = false;
	p->worker_start_ns = clock_now_ns();
	enum err e = handle_start(&p->worker, app->opt.worker);
	if (e)
		return e;
	app->phase = APP_STARTING;
	p->cancelled_id = 0;
	start_job(app, FOR_LOAD, app->opened ? &p->present : &app->knobs);
	return OK;
}

void app_load(struct app *app)
{
	struct app_private *p = app->private;
	p->deaths = 0;
	if (p->worker.pid && app->phase != APP_STARTING) {
		start_job(app, FOR_LOAD, &app->knobs); /* supersedes what is under way */
		app->phase = APP_LOADING;
		return;
	}
	handle_stop(&p->worker, 200);
	if (app_start_worker(app)) {
		app->phase = APP_BROKEN;
		app_say(app, APP_ERROR, "%s", err_message());
	}
}

void app_start_run(struct app *app, enum purpose purpose, const struct knobs *k)
{
	start_job(app, purpose, k);
	app->phase = APP_RUNNING;
}

void app_ask_estimate(struct app *app)
{
	struct app_private *p = app->private;
	if (!app->has_model || !p->worker.pid)
		return;
	p->estimate_id = p->next_id++;
	send_command(app, COMMAND_ESTIMATE, p->estimate_id, &app->knobs);
}

/* A worker that does not answer in time is wedged: app_pump() replaces it. */
static void cancel_job(struct app *app)
{
	struct app_private *p = app->private;
	double patience = app->opt.patience_s > 0 ? app->opt.patience_s : PATIENCE_S;
	send_command(app, COMMAND_CANCEL, p->job_id, NULL);
	p->cancelled_id = p->job_id;
	p->patience_ns = clock_now_ns() + (int64_t)(patience * 1e9);
}

void app_cancel_load(struct app *app) { cancel_job(app); }

void app_forget_job(struct app *app)
{
	struct app_private *p = app->private;
	if (p->purpose == FOR_NOTHING || p->purpose == FOR_LOAD)
		return;
	cancel_job(app);
	p->job_id = 0; /* whatever still comes of it is dropped */
	end_job(app);
}

/* ---- events ---- */

static void on_hello(struct app *app, const struct event *ev)
{
	struct str s = STR_INIT;
	for (int i = 0; i < ev->n_devices; i++) {
		const struct device *d = &ev->devices[i];
		const char *what = d->available ? d->detail : d->reason;
		str_addf(&s, "%s%s: %s", i ? "; " : "", d->name ? d->name : "?",
			 what           ? what
			 : d->available ? "available"
					: "not available");
	}
	snprintf(app->worker_devices, sizeof(app->worker_devices), "%s", str_get(&s));
	str_release(&s);
	if (ev->protocol != PROTOCOL_VERSION) {
		app_say(app, APP_ERROR, "the worker speaks protocol %d, this program %d",
			ev->protocol, PROTOCOL_VERSION);
		app->private->strange = true;
	}
	if (app->phase == APP_STARTING)
		app->phase = APP_LOADING;
}

static void forget_model(struct app_model *m)
{
	for (int i = 0; i < KNOB_COUNT; i++)
		free(m->why_not[i]);
	free(m->picture);
	*m = (struct app_model){ 0 };
}

/* Knobs that this model lacks go back to their defaults, and it is said. */
static void drop_foreign_knobs(struct app *app)
{
	struct knobs defaults;
	struct str lacks = STR_INIT;
	knobs_init(&defaults);
	for (int i = 0; i < KNOB_COUNT; i++) {
		enum knob_id id = (enum knob_id)i;
		if ((app->model.knob_mask & KNOB_BIT(i)) ||
		    knobs_is_default(&app->knobs, id))
			continue;
		str_addf(&lacks, "%s--%s is left out: %s", lacks.len ? "; " : "",
			 knob_table[i].option, app_knob_why_not(app, id));
		app->knobs.v[i] = defaults.v[i];
		for (int u = 0; u < app->private->n_undo; u++)
			app->private->undo[u].v[i] = defaults.v[i];
	}
	if (lacks.len)
		app_say(app, APP_WARNING, "%s", str_get(&lacks));
	str_release(&lacks);
}

/* What was said of one model says nothing of another. */
static void remember_good_model(struct app *app)
{
	struct app_private *p = app->private;
	if (p->good_model && !strcmp(p->good_model, app->opt.model))
		return;
	free(p->good_model);
	p->good_model = str_dup(app->opt.model);
	p->has_refused = false;
}

#define WORTH_SAYING 0x1p30 /* bytes: what a machine may not have left */

/* What the model will take, before it is taken. */
static void say_need(struct app *app, const struct run *r)
{
	double weights = r->memory.model_bytes, rest = r->memory.peak_activation_bytes;
	char size[2][16];
	if (!(weights + rest >= WORTH_SAYING))
		return;
	app_say(app, APP_INFO, "%s needs %s of weights and %s of activations",
		r->model.name, memory_text(weights, size[0], sizeof(size[0])),
		memory_text(rest, size[1], sizeof(size[1])));
}

static void on_loaded(struct app *app, struct event *ev)
{
	struct app_private *p = app->private;
	struct app_model *m = &app->model;
	const struct run_model *from = &ev->run->model;
	forget_model(m);
	snprintf(m->name, sizeof(m->name), "%s",
		 from->name ? from->name : app->opt.model);
	snprintf(m->family, sizeof(m->family), "%s", from->family ? from->family : "");
	snprintf(m->format, sizeof(m->format), "%s", from->format ? from->format : "");
	m->params = from->params;
	m->bytes = from->bytes;
	m->random_weights = from->random_weights;
	m->knob_mask = ev->run->knob_mask;
	m->tokens = isnan(ev->run->input.tokens) ? 0 : (int64_t)ev->run->input.tokens;
	double unit = ev->run->visual.patches_per_token;
	m->patches_per_token = unit >= 1 && unit <= (double)m->tokens ? (int)unit : 1;
	memcpy(m->why_not, ev->why_not, sizeof(m->why_not));
	memset(ev->why_not, 0, sizeof(ev->why_not));
	m->picture = ev->picture;
	m->picture_width = ev->picture_width;
	m->picture_height = ev->picture_height;
	ev->picture = NULL;
	run_free(p->described);
	p->described = ev->run;
	ev->run = NULL;
	free(p->file_key);
	p->file_key = ev->file_key;
	ev->file_key = NULL;
	app->has_model = true;
	say_need(app, p->described);
	app_note_workload(app);
	app_adopt_workload(app);
	app_follow_workload(app);
	drop_foreign_knobs(app);
	app_choose_knob(app);
	app->phase = p->purpose == FOR_LOAD ? APP_LOADING : APP_RUNNING;
	app_offer_hash(app);
	if (p->purpose == FOR_LOAD)
		app_show_setting(app);
}

static void on_sample(struct app *app, const struct measure_sample *s)
{
	struct app_live *live = &app->live;
	if (s->watched || s->variant != 0)
		return;
	if (live->n == live->cap) {
		live->cap = live->cap ? 2 * live->cap : 64;
		live->samples_ns =
			mem_grow(live->samples_ns, (size_t)live->cap, sizeof(double));
	}
	live->samples_ns[live->n++] = (double)s->wall_ns;
	if (live->n > 10 && clock_now_ns() - live->summed_ns < LIVE_NS)
		return;
	live->summed_ns = clock_now_ns();
	struct summary sum = summarize(live->samples_ns, live->n);
	live->p50_ns = sum.p50;
	live->lo_ns = sum.ci95_lo;
	live->hi_ns = sum.ci95_hi;
}

static void show_result(struct app *app, struct run *run)
{
	if (app->estimate)
		app->estimate_error = app->estimate->wall.p50_ns / run->wall.p50_ns - 1;
	run_free(app->result);
	app->result = run;
	app->result_fresh = true;
	app->result_stored = false;
}

static void on_result(struct app *app, struct event *ev)
{
	struct app_private *p = app->private;
	struct run *run = ev->run, *base = NULL;
	if (ev->variant != 0)
		return;
	ev->run = NULL;
	p->deaths = 0;
	if (p->purpose != FOR_SWEEP)
		p->has_refused = false;
	uid_make(run->uid);
	run->ended_ns = (double)clock_wall_ns();
	bool is_base = app_is_base(app, &run->knobs);
	run->trail = !is_base && p->cell < 0;
	run->session = run_str(run, app_sweep_session(app));
	app_remember_hash(app, run);
	app_remember(app, run);
	if (app_is_present_base(app, &run->knobs))
		base = app_copy_run(run);
	if (base) {
		run_free(app->base);
		app->base = base;
	}
	if (p->cell >= 0)
		app_sweep_measured(app, run);
	struct run *stored = app_copy_run(run);
	bool is_shown = p->purpose == FOR_SETTING ||
			(p->purpose == FOR_SWEEP && !app->result && !app->opened &&
			 app_same_setting(app, &run->knobs, &app->knobs));
	if (is_shown)
		show_result(app, run);
	else
		run_free(run);
	if (stored) /* the screen goes on showing its own, which learns its number */
		app_store_run(app, stored);
}

/* A run that failed is stored with its error, so that a crash leaves a trace. */
static void store_failure(struct app *app, const char *message)
{
	struct app_private *p = app->private;
	if (!p->described || p->purpose == FOR_NOTHING || p->purpose == FOR_LOAD)
		return;
	struct run *failed = app_copy_run(p->described);
	if (!failed)
		return;
	failed->state = RUN_FAILED;
	failed->error = run_str(failed, message);
	failed->knobs = p->job_knobs;
	knobs_resolve_method(&failed->knobs);
	failed->started_ns = p->job_start_ns;
	failed->ended_ns = (double)clock_wall_ns();
	failed->session = run_str(failed, app_sweep_session(app));
	uid_make(failed->uid);
	app_store_run(app, failed);
}

/* To what could be opened before; false: what failed is that, or there was nothing. */
static bool go_back(struct app *app)
{
	bool model = app_back_to_good_model(app);
	return app_back_to_good_input(app) || model;
}

static void on_error(struct app *app, const struct event *ev)
{
	struct app_private *p = app->private;
	const char *message = ev->message ? ev->message : "the worker failed";
	if (ev->code == ERR_CANCELLED && p->purpose != FOR_LOAD) {
		end_job(app);
		return;
	}
	bool was_load = p->purpose == FOR_LOAD, was_sweep = p->purpose == FOR_SWEEP;
	if (was_load && ev->code != ERR_CANCELLED)
		app_sweep_model_failed(app, message);
	bool back = was_load && go_back(app);
	if (ev->code == ERR_CANCELLED)
		app_say(app, APP_INFO, "loading was cancelled%s",
			back ? "" : "; r loads again");
	else
		app_say(app, APP_ERROR, "%s", message);
	if (ev->code != ERR_USAGE)
		store_failure(app, message);
	if (!back && !was_sweep)
		app_refuse(app, &p->job_knobs);
	app_sweep_failed(app, message);
	end_job(app);
	if (was_load && !back) {
		app->phase = APP_BROKEN;
		app_sweep_broken(app);
	}
	if (back)
		app_load(app); /* it may not have been ready yet */
}

static void on_done(struct app *app)
{
	struct app_private *p = app->private;
	bool calibrated = p->purpose == FOR_LOAD;
	p->loaded = true;
	app_good_input(app); /* also what its labels mean is known now */
	remember_good_model(app);
	end_job(app);
	if (calibrated && !app->result) /* an earlier estimate had no rates to stand on */
		app_ask_estimate(app);
}

static void on_estimate(struct app *app, struct event *ev)
{
	run_free(app->estimate);
	app->estimate = ev->run;
	ev->run = NULL;
	app->estimate_ns = clock_now_ns();
}

static void on_event(struct app *app, struct event *ev)
{
	struct app_private *p = app->private;
	if (ev->type == EVENT_HELLO) {
		on_hello(app, ev);
		return;
	}
	if (ev->id == p->cancelled_id &&
	    (ev->type == EVENT_ERROR || ev->type == EVENT_DONE))
		p->cancelled_id = 0;
	if (ev->id == p->estimate_id) {
		if (ev->type == EVENT_ESTIMATE)
			on_estimate(app, ev);
		else if (ev->type == EVENT_ERROR && ev->code != ERR_NOTFOUND)
			app_say(app, APP_WARNING, "%s",
				ev->message ? ev->message : "no estimate");
		return;
	}
	if (ev->id != p->job_id || p->purpose == FOR_NOTHING)
		return; /* of a request that was superseded */
	switch (ev->type) {
	case EVENT_LOADED:
		on_loaded(app, ev);
		break;
	case EVENT_PROGRESS:
		set_progress(app, ev->what ? ev->what : "", ev->done, ev->total);
		break;
	case EVENT_SAMPLE:
		on_sample(app, &ev->sample);
		break;
	case EVENT_RESULT:
		on_result(app, ev);
		break;
	case EVENT_ERROR:
		on_error(app, ev);
		break;
	case EVENT_DONE:
		on_done(app);
		break;
	case EVENT_HELLO:
	case EVENT_ESTIMATE:
		break;
	}
}

static void on_death(struct app *app, const char *why)
{
	struct app_private *p = app->private;
	bool early = clock_now_ns() - p->worker_start_ns < QUICK_DEATH_NS;
	p->deaths = early ? p->deaths + 1 : 1;
	store_failure(app, why);
	if (p->purpose == FOR_SETTING || p->purpose == FOR_BASE)
		app_refuse(app, &p->job_knobs);
	app_sweep_failed(app, why);
	if (p->purpose == FOR_LOAD) {
		app_sweep_model_failed(app, why);
		go_back(app);
	}
	end_job(app);
	p->loaded = false;
	if (p->deaths >= MAX_DEATHS) {
		app->phase = APP_BROKEN;
		app_sweep_broken(app);
		app_say(app, APP_ERROR, "%s; that was worker %d in a row: r tries again",
			why, p->deaths);
	} else if (app_start_worker(app)) {
		app->phase = APP_BROKEN;
		app_say(app, APP_ERROR, "%s; no new worker: %s", why, err_message());
	} else {
		app_say(app, APP_ERROR, "%s; a new one runs", why);
	}
}

bool app_pump(struct app *app)
{
	struct app_private *p = app->private;
	struct event ev;
	char why[512];
	bool changed = false;
	enum err e = handle_pump(&p->worker);
	while (!e && handle_next(&p->worker, &ev, &e)) {
		if (!e)
			on_event(app, &ev);
		event_release(&ev);
		changed = true;
	}
	if (p->strange) { /* another would say the same: only `r` tries again */
		p->strange = false;
		handle_stop(&p->worker, 0);
		end_job(app);
		app->phase = APP_BROKEN;
		return true;
	}
	if (e) { /* it talks nonsense: it is of no use */
		app_say(app, APP_ERROR, "%s", err_message());
		snprintf(why, sizeof(why), "%s", err_message());
		handle_stop(&p->worker, 0);
		on_death(app, why);
		return true;
	}
	bool wedged =
		p->worker.pid && p->cancelled_id && clock_now_ns() >= p->patience_ns;
	if (wedged) { /* what was asked for since is not to blame, and is asked for again
		       */
		handle_stop(&p->worker, 0);
		end_job(app);
		snprintf(why, sizeof(why),
			 "the worker did not answer a cancel and was ended");
	}
	if (wedged || handle_ended(&p->worker, why, sizeof(why))) {
		on_death(app, why);
		return true;
	}
	return changed;
}

static void start_setting(struct app *app, enum purpose purpose, const struct knobs *k)
{
	app_sweep_claim(app, k);
	app_start_run(app, purpose, k);
}

/* What the sliders ask for, then what it is compared with. */
static bool start_wanted(struct app *app)
{
	struct knobs base = knobs_base(&app->knobs);
	if (!app->result && !app_is_refused(app, &app->knobs))
		start_setting(app, FOR_SETTING, &app->knobs);
	else if (app->result && !app->base && !app_is_refused(app, &base))
		start_setting(app, FOR_BASE, &base);
	else
		return false;
	return true;
}

bool app_start_due(struct app *app)
{
	struct app_private *p = app->private;
	bool free_now = p->loaded && p->purpose == FOR_NOTHING && app->phase == APP_IDLE;
	bool asked = !app->opened && !app->result && !app_is_refused(app, &app->knobs);
	if (!free_now || p->paused || (asked && clock_now_ns() < p->due_ns))
		return false;
	return (!app->opened && start_wanted(app)) || app_sweep_next(app);
}
