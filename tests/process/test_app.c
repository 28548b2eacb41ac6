/*
 * The controller without a screen: what it shows after a key, what it stores, and how it
 * goes on when its worker dies. Its worker is the real one.
 */
#include "check.h"

#include <math.h>
#include <signal.h>

#include "app.h"
#include "app_private.h"
#include "base/clock.h"
#include "base/str.h"
#include "proc.h"
#include "sessions/session.h"

#define TINY "clip-vit-b32:tiny" /* 16 patches */

static char dir[64], db[96], command[512];
static struct app *app;

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	snprintf(db, sizeof(db), "%s/s.db", dir);
	snprintf(command, sizeof(command), "exec '%s' worker", program());
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	app_free(app);
	app = NULL;
	temp_dir_remove(dir);
	return 0;
}

static void start(const char *model, const char *worker, double samples)
{
	struct app_options o = { .model = model, .db = db, .worker = worker };
	knobs_init(&o.knobs);
	o.budget_s = 1000;
	o.noise = (double)NAN;
	o.samples = samples;
	o.warmup = 1;
	check_ok(app_create(&o, &app));
}

/* Turns the loop until `done`; a hang fails with the app's own words. */
static void until(bool (*done)(void))
{
	int64_t deadline = proc_now_s() + DEADLINE_S;
	while (!done()) {
		struct pollfd fds[3];
		int n = app_fds(app, fds, 3), ms = app_timeout_ms(app);
		poll(fds, (nfds_t)n, ms < 0 || ms > 1000 ? 1000 : ms);
		app_handle(app);
		if (proc_now_s() > deadline)
			fail_msg("phase %d, message: %s", app->phase, app->message);
	}
}

static bool measured(void) { return app->result && app->phase == APP_IDLE; }
static bool based(void) { return measured() && app->base; }
static bool estimated(void) { return app->estimate != NULL; }
static bool broken(void) { return app->phase == APP_BROKEN; }
static bool running(void) { return app->live.n > 0; }
static bool quiet(void) { return app_timeout_ms(app) < 0; }
static bool said(void) { return app->message[0] != 0; }

static int runs(const char *state)
{
	struct run_row rows[32];
	int n, count = 0;
	check_ok(session_run_page(app->store, 0, true, 0, 0, 32, rows, &n));
	for (int i = 0; i < n; i++)
		count += !strcmp(rows[i].state, state);
	return count;
}

static void a_slider(void **state)
{
	(void)state;
	start(TINY, command, 3);
	until(measured);
	assert_true(app->has_model && app->model.random_weights);
	assert_int_equal(app->model.tokens, 16);
	assert_non_null(app->model.picture);
	assert_true(app->result_fresh && app->result_stored && app->result->id > 0);
	assert_non_null(app->base); /* the first setting is the base itself */
	assert_true(fabs(app_speedup(app, app->result) - 1) < 1e-9);

	assert_true(app_knob_step(app, KNOB_KEEP, -1)); /* one token */
	assert_null(app->result);
	assert_int_equal(knob_kept(16, knob_num(&app->knobs, KNOB_KEEP)), 15);
	until(estimated);
	assert_true(app->estimate->wall.p50_ns > 0 && app_shown(app) == app->estimate);
	until(based);
	assert_true(app_shown(app) == app->result);
	assert_true(app_flops_ratio(app, app->result) > 1);
	assert_true(app_speedup(app, app->result) > 0);
	assert_false(isnan(app->estimate_error));
	assert_true(app->result->trail);
	assert_int_equal(runs("done"), 2);
	int64_t id = app->result->id;
	app_keep_stop(app);
	assert_false(app->result->trail);

	/* Back: what was measured is there at once, from the store. */
	assert_true(app_undo(app));
	assert_true(app->result && !app->result_fresh && app->result->id != id);
	assert_true(app_redo(app));
	assert_true(app->result && app->result->id == id);
	assert_int_equal(runs("done"), 2);
	app_measure_again(app);
	until(measured);
	assert_int_equal(runs("done"), 3);
}

static void knob_limits(void **state)
{
	(void)state;
	start(TINY, command, 1);
	until(measured);
	assert_false(app_knob_step(app, KNOB_KEEP, +1)); /* at its end */
	assert_true(app_knob_set_fraction(app, KNOB_KEEP, 0));
	assert_int_equal(knob_kept(16, knob_num(&app->knobs, KNOB_KEEP)), 1);
	assert_false(app_knob_step(app, KNOB_KEEP, -1));
	assert_true(app_knob_set_fraction(app, KNOB_KEEP, .5));
	assert_int_equal(knob_kept(16, knob_num(&app->knobs, KNOB_KEEP)), 8);
	assert_true(app_knob_step_large(app, KNOB_KEEP, +1));
	assert_true(fabs(knob_num(&app->knobs, KNOB_KEEP) - .6) < 1e-9);
	for (int keep = 16; keep >= 1; keep--) { /* every stop is reachable, one by one */
		assert_true(app_knob_set_fraction(app, KNOB_KEEP, keep / 16.0) ||
			    keep == knob_kept(16, knob_num(&app->knobs, KNOB_KEEP)));
		assert_int_equal(knob_kept(16, knob_num(&app->knobs, KNOB_KEEP)), keep);
	}
	app->message[0] = 0;
	assert_false(app_knob_step(app, KNOB_DOWNSAMPLE, +1));
	assert_non_null(strstr(app->message, "scan"));
	assert_non_null(app_knob_why_not(app, KNOB_MRSS));
	assert_null(app_knob_why_not(app, KNOB_KEEP));
	assert_false(app_knob_set(app, KNOB_KEEP, "7"));
	assert_non_null(strstr(app->message, "0.01 to 1"));
	for (int i = 0; i < 600; i++) /* more than undo remembers */
		app_knob_set(app, KNOB_SEED, i % 2 ? "1" : "2");
	for (int i = 0; i < 600; i++)
		app_undo(app);
	assert_false(app_undo(app));
	assert_true(app_redo(app));
}

/* Before the first language model is the model's own; they do not go around. */
static void language_models_in_steps(void **state)
{
	(void)state;
	start("llava-1.5-7b-visual:tiny", command, 1);
	until(measured);
	assert_false(app_knob_step(app, KNOB_LANGUAGE_MODEL, -1));
	assert_true(app_knob_step(app, KNOB_LANGUAGE_MODEL, +1));
	assert_string_equal(knob_text(&app->knobs, KNOB_LANGUAGE_MODEL), "qwen2-0.5b");
	until(measured);
	assert_string_equal(app->result->language.name, "qwen2-0.5b");
	assert_true(app_knob_step(app, KNOB_LANGUAGE_MODEL, +99));
	assert_false(app_knob_step(app, KNOB_LANGUAGE_MODEL, +1));
	assert_true(app_knob_step(app, KNOB_LANGUAGE_MODEL, -99));
	assert_true(knobs_is_default(&app->knobs, KNOB_LANGUAGE_MODEL));
}

/* Of what it lacks merging is worth a row: why not is what a user wants to know. */
static void sliders_of_a_tower(void **state)
{
	enum knob_id ids[4];
	(void)state;
	start("qwen2-vl-2b-visual:tiny", command, 1);
	until(measured);
	assert_int_equal(app_sliders(app, ids, 4), 3);
	assert_int_equal(ids[0], KNOB_KEEP);
	assert_int_equal(ids[1], KNOB_THRESHOLD);
	assert_int_equal(ids[2], KNOB_MERGE_R);
	assert_non_null(strstr(app_knob_why_not(app, KNOB_MERGE_R), "rotary"));
}

static void expect_knob(enum knob_id id, const char *want)
{
	char text[KNOB_TEXT_SIZE];
	assert_string_equal(knobs_get(&app->knobs, id, text), want);
}

/* One amount at a time: the slider that moves takes over. */
static void amounts_take_turns(void **state)
{
	(void)state;
	start(TINY, command, 1);
	until(measured);
	assert_true(app_knob_set(app, KNOB_KEEP, "0.5"));
	assert_true(app_knob_set(app, KNOB_MERGE_R, "2"));
	expect_knob(KNOB_KEEP, "1");
	assert_non_null(strstr(app->message, "keep is 1 again"));
	assert_true(app_knob_set(app, KNOB_METHOD, "knorm"));
	expect_knob(KNOB_MERGE_R, "0");
	assert_true(app_knob_set(app, KNOB_KEEP, "0.5"));
	expect_knob(KNOB_METHOD, "knorm");
	assert_true(app_knob_set(app, KNOB_THRESHOLD, "3"));
	expect_knob(KNOB_KEEP, "1");
	expect_knob(KNOB_METHOD, "auto");
	until(measured);
	assert_string_equal(knob_text(&app->result->knobs, KNOB_METHOD), "threshold");
	assert_true(app_knob_step(app, KNOB_METHOD, +1));
	expect_knob(KNOB_METHOD, "l2"); /* none would take the amount away */
	expect_knob(KNOB_THRESHOLD, "off");
	assert_true(app_knob_step(app, KNOB_METHOD, -1));
	expect_knob(KNOB_METHOD, "none");
	assert_true(app_knob_step(app, KNOB_METHOD, +2));
	expect_knob(KNOB_METHOD, "knorm");
	assert_true(app_undo(app));
	expect_knob(KNOB_METHOD, "none");
}

/* Once there are saliencies the slider goes from the lowest to the highest. */
static void a_threshold_over_its_saliencies(void **state)
{
	double lo = (double)INFINITY, hi = 0;
	(void)state;
	start(TINY, command, 1);
	until(measured);
	assert_true(app_knob_step(app, KNOB_THRESHOLD, +1));
	expect_knob(KNOB_THRESHOLD, "0.5"); /* nothing is known of them yet */
	while (app->knob != KNOB_THRESHOLD)
		app_knob_select(app, +1);
	char *blind = app_sweep_suggestion(app);
	assert_string_equal(blind, "threshold-scale quantile threshold 0.25,0.5,0.75");
	free(blind);
	until(measured);
	for (int i = 0; i < app->result->tokens.n_sites; i++) {
		const struct run_site *s = &app->result->tokens.sites[i];
		for (int k = 0; k < s->n_scores; k++) {
			lo = fmin(lo, s->scores[k]);
			hi = fmax(hi, s->scores[k]);
		}
	}
	assert_true(lo < hi);
	/* From below all of them to the first step that may drop one. */
	assert_true(app_knob_step(app, KNOB_THRESHOLD, +1));
	double now = knob_num(&app->knobs, KNOB_THRESHOLD);
	assert_true(lo > 1 && now > lo && now <= lo + 0.5 + 1e-9);
	assert_true(app_undo(app));
	assert_true(app_knob_set_fraction(app, KNOB_THRESHOLD, 1));
	assert_true(fabs(knob_num(&app->knobs, KNOB_THRESHOLD) - hi) <= 0.25 + 1e-9);
	/* The range is that of the latest run that has one. */
	assert_true(app_knob_set_fraction(app, KNOB_THRESHOLD, 0.5));
	assert_true(fabs(knob_num(&app->knobs, KNOB_THRESHOLD) - (lo + hi) / 2) <=
		    0.25 + 1e-9);
	char *suggestion = app_sweep_suggestion(app);
	assert_int_equal(strncmp(suggestion, "threshold off,", 14), 0);
	const char *at = suggestion + 14;
	for (int i = 1; i <= 3; i++, at += strcspn(at, ",") + 1) {
		double v = strtod(at, NULL), wanted = lo + (hi - lo) * i / 4;
		if (!(fabs(v - wanted) < 0.006 * wanted))
			fail_msg("%s: %g .. %g", suggestion, lo, hi);
	}
	free(suggestion);
	assert_true(app_knob_set_fraction(app, KNOB_THRESHOLD, 0));
	expect_knob(KNOB_THRESHOLD, "off");
}

/* The estimate of a threshold that was never measured knows how many tokens it leaves. */
static void a_threshold_is_estimated(void **state)
{
	(void)state;
	start("encoder-2l:tiny", command, 1);
	until(measured);
	double all = app->result->flops.ours;
	app_pause(app, true);
	assert_true(app_knob_set(app, KNOB_THRESHOLD, "4.6"));
	until(estimated);
	double guess = app->estimate->flops.ours;
	assert_true(guess < 0.8 * all);
	app_pause(app, false);
	until(measured);
	assert_true(fabs(app->result->flops.ours / guess - 1) < 0.05);
}

/* ( and ) go through the sliders as they stand, then through the others. */
static void knobs_in_their_order(void **state)
{
	enum knob_id ids[8];
	(void)state;
	start("mamba-130m:tiny", command, 1);
	until(measured);
	int n = app_sliders(app, ids, 8);
	assert_true(n >= 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(app->knob, ids[i]);
		assert_true(app_knob_select(app, +1));
	}
	for (int i = 0; i < 3; i++)
		assert_true(app_knob_select(app, -1));
	assert_int_equal(app->knob, KNOB_DOWNSAMPLE);
	/* What is refused leaves no trace to come back to. */
	assert_false(app_knob_set(app, KNOB_DOWNSAMPLE, "3"));
	expect_knob(KNOB_DOWNSAMPLE, "1");
	assert_false(app_undo(app));
}

static const struct app_setting *find_setting(const struct app_setting *list, int n,
					      double keep)
{
	for (int i = 0; i < n; i++)
		if (knob_num(&list[i].knobs, KNOB_KEEP) == keep)
			return &list[i];
	return NULL;
}

/* Each setting once, the latest, whichever way it is known. */
static void what_was_measured(void **state)
{
	int n;
	(void)state;
	start(TINY, command, 1);
	until(measured);
	assert_true(app_knob_set(app, KNOB_KEEP, "0.5"));
	until(measured);
	app_measure_again(app);
	until(measured);
	struct app_setting *list = app_measured(app, &n);
	assert_int_equal(n, 2);
	const struct app_setting *half = find_setting(list, n, 0.5);
	assert_non_null(half);
	assert_non_null(find_setting(list, n, 1));
	assert_string_equal(half->model, app->model.name);
	assert_true(half->tokens == app->result->input.tokens);
	assert_true(half->p50_ns == app->result->wall.p50_ns);
	assert_true(half->started_ns == app->result->started_ns);
	free(list);
}

/* A burst of keys: one measurement in the end, of where the slider came to rest. */
static void a_burst(void **state)
{
	(void)state;
	start(TINY, command, 2);
	until(measured);
	for (int i = 0; i < 10; i++)
		app_knob_step(app, KNOB_KEEP, -1);
	until(measured);
	assert_true(app->result->tokens.n_kept == 6);
	assert_int_equal(runs("done"), 2);
}

static void cancel_and_pause(void **state)
{
	(void)state;
	start(TINY, command, 100000);
	until(running);
	app_cancel(app);
	assert_int_equal(app->phase, APP_IDLE);
	until(quiet); /* the worker has answered, and nothing runs again by itself */
	assert_int_equal(app->phase, APP_IDLE);
	assert_int_equal(runs("done") + runs("failed"), 0);
	app_pause(app, true);
	assert_true(app_knob_step(app, KNOB_KEEP, -1));
	until(estimated);
	until(quiet);
	assert_true(app_is_paused(app) && !app->result);
	app_measure_again(app);
	assert_false(app_is_paused(app));
	until(running);
}

/* Killed in the middle: said, stored as failed, and a new worker goes on. */
static void worker_dies(void **state)
{
	(void)state;
	start(TINY, command, 100000);
	until(running);
	app->message[0] = 0;
	kill(app->private->worker.pid, SIGKILL);
	until(said);
	assert_int_equal(app->severity, APP_ERROR);
	assert_non_null(strstr(app->message, "killed"));
	assert_non_null(strstr(app->message, "a new one runs"));
	assert_int_equal(runs("failed"), 1);
	app->opt.samples = 2;
	assert_true(app_knob_set(app, KNOB_KEEP, "0.5"));
	until(based);
	assert_int_equal(runs("done"), 2);
	assert_int_equal(runs("failed"), 1);
}

/* A worker that never works is tried a few times, not for ever; `r` tries again. */
static void no_worker(void **state)
{
	(void)state;
	start(TINY, "exit 3", 1);
	until(broken);
	assert_non_null(strstr(app->message, "status 3"));
	assert_true(app_timeout_ms(app) < 0);
	assert_int_equal(runs("failed"), 0);
	app->opt.worker = command;
	app_measure_again(app);
	until(measured);
}

static void garbage_worker(void **state)
{
	(void)state;
	start(TINY, "echo garbage; exec cat", 1);
	until(broken);
	assert_non_null(strstr(app->message, "broke the protocol"));
}

static void no_model(void **state)
{
	(void)state;
	start("/nowhere/at\x1b[31m", command, 1);
	until(broken);
	assert_non_null(strstr(app->message, "/nowhere/at\\x1b[31m"));
	assert_non_null(app_knob_why_not(app, KNOB_KEEP));
	assert_false(app_knob_step(app, KNOB_KEEP, -1));
	assert_null(app_shown(app));
}

/* Old runs are looked at without measuring anything. */
static void opened(void **state)
{
	(void)state;
	start(TINY, command, 2);
	until(measured);
	int64_t id = app->result->id;
	assert_true(app_knob_set(app, KNOB_KEEP, "0.5"));
	until(measured);
	app_open_run(app, id);
	assert_true(app->opened && app_shown(app) == app->opened);
	char *line = app_command_line(app);
	assert_null(strstr(line, "--keep"));
	free(line);
	app_close_run(app);
	line = app_command_line(app);
	assert_string_equal(line, "sparsetop run -m " TINY " --keep 0.5");
	free(line);
	app->message[0] = 0;
	app_open_run(app, 4711);
	assert_true(app->message[0] && !app->opened);
}

static void expect_command_of(int64_t id, const char *want)
{
	app_open_run(app, id);
	assert_non_null(app->opened);
	char *line = app_command_line(app);
	assert_string_equal(line, want);
	free(line);
	app_close_run(app);
}

/* Measures the first setting of an input and leaves; the run's id. */
static int64_t measure_input(const char *model, const struct input_source *in)
{
	struct app_options o = {
		.model = model, .db = db, .worker = command, .input = in
	};
	knobs_init(&o.knobs);
	check_ok(knobs_set(&o.knobs, KNOB_BATCH, "2"));
	o.budget_s = 1000;
	o.noise = (double)NAN;
	o.samples = o.warmup = 1;
	check_ok(app_create(&o, &app));
	until(measured);
	int64_t id = app->result->id;
	app_free(app);
	return id;
}

/* The command of an old run is of its own input and knobs, whatever is open now. */
static void command_line_of_an_old_run(void **state)
{
	struct input_source in = { .text = str_dup("which: a cat?") }, ids = { 0 };
	char want[700], file[128];
	(void)state;
	snprintf(file, sizeof(file), "%s.ids", db);
	FILE *f = fopen(file, "we");
	assert_non_null(f);
	assert_true(fputs("1 2 3", f) >= 0);
	assert_int_equal(fclose(f), 0);
	ids.tokens = str_dup(file);
	int64_t tokens = measure_input("clip-vit-b32:tiny", &ids);
	input_source_release(&ids);
	int64_t scene = measure_input("qwen2-vl-2b:tiny", &in);
	input_source_add_image(&in, fixture("crop224.png"));
	int64_t prompt = measure_input("qwen2-vl-2b:tiny", &in);
	input_source_release(&in);
	start("siglip-b16:tiny", command, 1);
	until(measured);
	snprintf(want, sizeof(want),
		 "sparsetop run -m clip-vit-b32:tiny --tokens %s --batch 2", file);
	expect_command_of(tokens, want);
	expect_command_of(scene,
			  "sparsetop run -m qwen2-vl-2b:tiny --text 'which: a cat?' "
			  "--method none --batch 2");
	snprintf(want, sizeof(want),
		 "sparsetop run -m qwen2-vl-2b:tiny -i %s --text 'which: a cat?' "
		 "--method none --batch 2",
		 fixture("crop224.png"));
	expect_command_of(prompt, want);
}

static void command_line_is_quoted(void **state)
{
	struct input_source in = { .limit = 0 };
	struct app_options o = { .model = "my model", .db = db, .worker = "exit 1" };
	(void)state;
	knobs_init(&o.knobs);
	input_source_add_image(&in, "it's a.png");
	input_source_add_image(&in, "b.png");
	input_source_add_image(&in, "");
	in.labels = str_dup("a cat,a dog");
	o.input = &in;
	check_ok(app_create(&o, &app));
	input_source_release(&in); /* it keeps its own */
	char *line = app_command_line(app);
	assert_string_equal(line,
			    "sparsetop run -m 'my model' -i 'it'\\''s a.png' b.png '' "
			    "--labels 'a cat,a dog'");
	free(line);
}

/* Nothing is stored where nothing may be, and everything works without a database. */
static void without_a_store(void **state)
{
	(void)state;
	snprintf(db, sizeof(db), "/dev/null/x.db");
	start(TINY, command, 2);
	assert_null(app->store);
	assert_non_null(strstr(app->message, "not stored"));
	until(based);
	assert_true(app_knob_set(app, KNOB_KEEP, "0.5"));
	until(based);
	assert_false(app->result_stored);
}

static bool swept(void) { return !app->sweep.running && app->phase == APP_IDLE; }

/* Pictures of another size are another input, and other seeds another model: what was
 * measured of them is known all the same once they were loaded. */
static void workloads_are_remembered(void **state)
{
	static const char *const sweeps[] = { "image-size 32,64,96", "batch 1,2",
					      "seed 0,1" };
	(void)state;
	start(TINY, command, 1);
	until(based);
	for (int i = 0; i < 3; i++) {
		assert_true(app_sweep_start(app, sweeps[i]));
		until(swept);
		assert_int_equal(app->sweep.failed, 0);
		int before = runs("done");
		assert_true(app_sweep_start(app, sweeps[i]));
		until(swept);
		assert_int_equal(app->sweep.known, app->sweep.n);
		assert_int_equal(runs("done"), before);
		assert_int_equal(app->model.tokens, 16); /* of the sliders, still */
	}
	/* And on the slider. */
	assert_true(app_knob_set(app, KNOB_IMAGE_SIZE, "96"));
	assert_non_null(app->result);
	assert_true(knob_num(&app->result->knobs, KNOB_IMAGE_SIZE) == 96);
	assert_int_equal(app->model.tokens, app->result->input.tokens);
}

static double knob(enum knob_id id) { return knob_num(&app->knobs, id); }

static void same_command_line(const char *want)
{
	char *line = app_command_line(app);
	assert_string_equal(line, want);
	free(line);
}

/* Presets bring their workload, and take it away again. */
static void workloads_of_presets(void **state)
{
	(void)state;
	start(TINY, command, 1);
	until(based);
	assert_true(app_open_model(app, "encoder-2l:tiny"));
	until(based);
	assert_true(knob(KNOB_BATCH) == 4 && knob(KNOB_SEQ) == 32);
	same_command_line("sparsetop run -m encoder-2l:tiny");
	assert_true(app_knob_set(app, KNOB_BATCH, "3"));
	assert_true(app_open_model(app, "mrss-proxy:tiny"));
	until(based);
	/* What the user has chosen stays; all else is the next preset's. */
	assert_true(knob(KNOB_BATCH) == 3 && knob(KNOB_SEQ) == 128);
	assert_string_equal(knob_text(&app->knobs, KNOB_MRSS), "both");
	same_command_line("sparsetop run -m mrss-proxy:tiny --batch 3");
	assert_true(app_knob_set(app, KNOB_MRSS, "off"));
	until(based);
	same_command_line("sparsetop run -m mrss-proxy:tiny --mrss off --batch 3");
	assert_true(app_knob_set(app, KNOB_MRSS, "both"));
	assert_true(app_knob_set(app, KNOB_BATCH, "2"));
	assert_true(app_open_model(app, TINY));
	until(based);
	assert_true(knob(KNOB_BATCH) == 1 && isnan(knob(KNOB_SEQ)));
	assert_string_equal(knob_text(&app->knobs, KNOB_MRSS), "off");
	/* One that is not there leaves everything as it was. */
	assert_true(app_open_model(app, "/nowhere"));
	until(based);
	assert_string_equal(app->opt.model, TINY);
	assert_true(knob(KNOB_BATCH) == 1 && isnan(knob(KNOB_SEQ)));
}

static void with_text(const char *text)
{
	char *copy = str_dup(text);
	const struct input_source in = { .text = copy };
	assert_true(app_set_input(app, &in));
	free(copy);
	until(based);
}

/* A text says how long it is, until another one does or somebody else has. */
static void the_length_of_a_text(void **state)
{
	(void)state;
	start("mamba-130m:tiny", command, 1);
	until(based);
	assert_true(isnan(knob(KNOB_SEQ)));
	with_text("hello");
	assert_true(knob(KNOB_SEQ) == 5 && app->result->input.tokens == 5);
	with_text("hello again");
	assert_true(knob(KNOB_SEQ) == 11);
	assert_true(knob_num(&app->result->knobs, KNOB_SEQ) == 11);
	assert_true(app_knob_set(app, KNOB_SEQ, "7"));
	until(based);
	assert_true(app->result->input.tokens == 7);
	with_text("hello");
	assert_true(knob(KNOB_SEQ) == 7);
	/* Nothing goes in: ids by the seed. */
	assert_true(app_knob_set(app, KNOB_SEQ, "model"));
	until(based);
	assert_true(knob(KNOB_SEQ) == 5);
	assert_true(app_set_input(app, &(struct input_source){ 0 }));
	until(based);
	assert_true(isnan(knob(KNOB_SEQ)));
	assert_string_equal(app->result->input.kind, "seeded");
	assert_int_equal(runs("failed"), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_slider),
		CASE(knob_limits),
		CASE(language_models_in_steps),
		CASE(sliders_of_a_tower),
		CASE(amounts_take_turns),
		CASE(a_threshold_over_its_saliencies),
		CASE(a_threshold_is_estimated),
		CASE(knobs_in_their_order),
		CASE(what_was_measured),
		CASE(a_burst),
		CASE(cancel_and_pause),
		CASE(worker_dies),
		CASE(no_worker),
		CASE(garbage_worker),
		CASE(no_model),
		CASE(opened),
		CASE(command_line_of_an_old_run),
		CASE(command_line_is_quoted),
		CASE(without_a_store),
		CASE(workloads_are_remembered),
		CASE(workloads_of_presets),
		CASE(the_length_of_a_text),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
