/*
 * The controller as a process: it starts workers that measure nothing and misbehave on
 * request (fake_worker.c), and stores what they say. What is waited for is an event; a
 * hang fails past a deadline.
 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "app.h"
#include "app_study.h"
#include "base/clock.h"

#define DEADLINE_NS                                                                      \
	INT64_C(30000000000) /* of anything; a hang fails, slowness does not */
#define PASS_NS 1e7          /* of the fake worker at keep 1 */

static struct app *app;
static char dir[64], db[96], worker[1024];
static struct app_options options;
static struct str said; /* every message there was, a line each */
static int gate = -1;
static sqlite3 *other; /* another process that holds the database */
static int64_t deadline;

/* ---- a case ---- */

static char *in_dir(char path[96], const char *name)
{
	snprintf(path, 96, "%s/%s", dir, name);
	return path;
}

static int set_up(void **state)
{
	char path[96];
	(void)state;
	temp_dir(dir);
	in_dir(db, "runs.db");
	/* Both ends are held here, so that the worker's opening it never waits. */
	assert_int_equal(mkfifo(in_dir(path, "gate"), 0600), 0);
	gate = open(path, O_RDWR | O_CLOEXEC);
	assert_true(gate >= 0);
	options = (struct app_options){ .model = "fake",
					.db = db,
					.worker = worker,
					.budget_s = (double)NAN,
					.noise = (double)NAN,
					.samples = (double)NAN,
					.warmup = (double)NAN,
					.patience_s = 1000 };
	knobs_init(&options.knobs);
	deadline = clock_now_ns() + DEADLINE_NS;
	return 0;
}

static void leave(void)
{
	app_free(app);
	app = NULL;
}

static int tear_down(void **state)
{
	(void)state;
	sqlite3_close(other);
	other = NULL;
	leave();
	close(gate);
	str_release(&said);
	temp_dir_remove(dir);
	return 0;
}

/* Starts the controller; each rule is one of fake_worker.c, NULL ends them. */
#define ENTER(...) enter((const char *const[]){ __VA_ARGS__, NULL })

static void enter(const char *const *rules)
{
	const char *fake = getenv("FAKE_WORKER");
	if (!fake)
		fail_msg("FAKE_WORKER, the scripted worker, is not set");
	int n = snprintf(worker, sizeof(worker), "exec '%s' '%s'", fake, dir);
	for (; *rules; rules++)
		n += snprintf(worker + n, sizeof(worker) - (size_t)n, " '%s'", *rules);
	assert_true(n < (int)sizeof(worker));
	check_ok(app_create(&options, &app));
}

/* ---- the loop ---- */

static void note_message(void)
{
	static char last[sizeof(app->message)];
	if (!said.len)
		last[0] = 0;
	if (!strcmp(last, app->message))
		return;
	snprintf(last, sizeof(last), "%s", app->message);
	str_addf(&said, "%s\n", last);
}

static bool has_been_said(const char *part) { return strstr(str_get(&said), part); }

static double keep_of(const struct run *r) { return knob_num(&r->knobs, KNOB_KEEP); }

/* What is shown belongs to the knobs as they stand, at every moment. */
static void check_shown(void)
{
	const double keep = knob_num(&app->knobs, KNOB_KEEP);
	if (app->opened)
		return;
	if (app->result && keep_of(app->result) != keep)
		fail_msg("keep is %g, the result shown is of %g", keep,
			 keep_of(app->result));
	if (app->estimate && keep_of(app->estimate) != keep)
		fail_msg("keep is %g, the estimate shown is of %g", keep,
			 keep_of(app->estimate));
}

static void handle(void)
{
	app_handle(app);
	note_message();
	check_shown();
}

/* Waits as the screen does; `longest`: at most so many ms, -1: until the deadline. */
static void step(const char *what, int longest)
{
	struct pollfd fds[3];
	int n = app_fds(app, fds, 3), ms = app_timeout_ms(app);
	int64_t left = (deadline - clock_now_ns()) / 1000000;
	if (left <= 0)
		fail_msg("never: %s; phase %d, messages:\n%s", what, (int)app->phase,
			 str_get(&said));
	if (longest >= 0 && longest < left)
		left = longest;
	poll(fds, (nfds_t)n, ms < 0 || ms > left ? (int)left : ms);
	handle();
}

#define WAIT_FOR(what)                                                                   \
	do {                                                                             \
		note_message();                                                          \
		while (!(what))                                                          \
			step(#what, -1);                                                 \
	} while (0)

/* What a silent worker has read shows in its log alone. */
#define WAIT_ASKED(line, n)                                                              \
	do                                                                               \
		step(line, 5);                                                           \
	while (asked(line) != (n))

/* Nothing runs, and nothing would begin if nobody touched anything. */
static bool at_rest(void)
{
	return (app->phase == APP_IDLE || app->phase == APP_BROKEN) &&
	       app_timeout_ms(app) < 0;
}

/* ---- what the worker was asked ---- */

/* How often the log has this line; "start" also counts "start PID". *pid: of the last. */
static int asked_pid(const char *line, pid_t *pid)
{
	char path[96], got[256];
	int n = 0;
	size_t len = strlen(line);
	FILE *f = fopen(in_dir(path, "log"), "re");
	while (f && fgets(got, sizeof(got), f)) {
		if (strncmp(got, line, len) || (got[len] != '\n' && got[len] != ' '))
			continue;
		n++;
		*pid = (pid_t)atoi(got + len);
	}
	if (f)
		fclose(f);
	return n;
}

static int asked(const char *line)
{
	pid_t pid;
	return asked_pid(line, &pid);
}

static void open_gate(void) { assert_int_equal(write(gate, "", 1), 1); }

static void kill_worker(void)
{
	pid_t pid = 0;
	assert_true(asked_pid("start", &pid) > 0 && pid > 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
}

/* ---- what the database holds ---- */

static struct run_row rows[64];
static int n_rows;

static void read_rows(void)
{
	struct store *s;
	check_ok(store_open(&(struct store_options){ .path = db, .readonly = true }, &s));
	enum err e = session_run_page(s, 0, true, 0, 0, 64, rows, &n_rows);
	store_close(s);
	check_ok(e);
}

/* The latest row of this state and keep, and how many there are; NULL: none. */
static const struct run_row *find_row(const char *state, double keep, int *n)
{
	const struct run_row *found = NULL;
	*n = 0;
	for (int i = n_rows - 1; i >= 0; i--)
		if (!strcmp(rows[i].state, state) && rows[i].keep == keep) {
			found = &rows[i];
			++*n;
		}
	return found;
}

static void expect_rows(const char *state, double keep, int wanted)
{
	int n;
	find_row(state, keep, &n);
	if (n != wanted)
		fail_msg("%d %s runs of keep %g are stored, wanted %d", n, state, keep,
			 wanted);
}

/* Leaves, and counts what is in the database then. */
static void expect_stored(int wanted)
{
	assert_int_equal(app_flush(app, 0), 0);
	leave();
	read_rows();
	assert_int_equal(n_rows, wanted);
}

/* Another process that writes and does not finish. */
static void lock(void)
{
	if (!other)
		assert_int_equal(sqlite3_open(db, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL),
			 SQLITE_OK);
}

static void unlock(void)
{
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
}

static void make_database(void)
{
	struct store *s;
	check_ok(store_open(&(struct store_options){ .path = db }, &s));
	store_close(s);
}

/* ---- moving ---- */

static void set_keep(const char *keep)
{
	app_knob_set(app, KNOB_KEEP, keep);
	check_shown();
}

static void measure_base(void)
{
	WAIT_FOR(app->result && app->base && app->phase == APP_IDLE);
	assert_true(keep_of(app->base) == 1);
}

static void measure(const char *keep)
{
	set_keep(keep);
	WAIT_FOR(app->result && app->phase == APP_IDLE);
}

static void near(double got, double wanted)
{
	if (!(fabs(got - wanted) <= 1e-9 * fabs(wanted)))
		fail_msg("%.12g, wanted %.12g", got, wanted);
}

/* ---- measuring, remembering ---- */

static void first_is_the_base(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	WAIT_FOR(app->result_stored && at_rest());
	assert_true(app->result_fresh && !app->result->trail && app->result->id > 0);
	assert_int_equal(app->base->id, app->result->id);
	near(app_speedup(app, app->result), 1);
	assert_int_equal(asked("run 1"), 1);
	expect_stored(1);
	expect_rows("done", 1, 1);
	assert_false(rows[0].trail);
	near(rows[0].p50_ns, PASS_NS);
}

static void estimate_then_result(void **state)
{
	(void)state;
	ENTER("hold:run 0.5");
	measure_base();
	set_keep("0.5");
	assert_null(app->result);
	WAIT_FOR(app->estimate && app->phase == APP_RUNNING);
	assert_ptr_equal(app_shown(app), app->estimate);
	near(app_speedup(app, app->estimate), 2 / 1.1);
	open_gate();
	WAIT_FOR(app->result && app->phase == APP_IDLE);
	assert_ptr_equal(app_shown(app), app->result);
	assert_true(app->result_fresh && app->result->trail);
	near(1 + app->estimate_error, 1.1);
	near(app_speedup(app, app->result), 2);
	assert_int_equal(app->live.n, 3);
	expect_stored(2);
	int n;
	assert_true(find_row("done", 0.5, &n)->trail);
}

static void coming_back_is_remembered(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	measure("0.5");
	set_keep("1");
	assert_non_null(app->result);
	assert_true(!app->result_fresh && app->result_stored && app->result->id > 0);
	WAIT_FOR(app->estimate && at_rest());
	assert_int_equal(asked("run 1"), 1);
	app_measure_again(app);
	WAIT_FOR(app->result && app->phase == APP_IDLE);
	assert_true(app->result_fresh && app->result->id > 0);
	assert_int_equal(asked("run 1"), 2);
	int64_t newest = app->result->id;
	set_keep("0.5");
	set_keep("1");
	assert_true(app->result && app->result->id == newest);
	assert_true(app->base && app->base->id == newest);
	expect_stored(3);
	expect_rows("done", 1, 2);
	expect_rows("done", 0.5, 1);
}

static void stops_can_be_kept(void **state)
{
	(void)state;
	int n;
	ENTER(NULL);
	measure_base();
	measure("0.5");
	measure("0.25");
	set_keep("0.5");
	assert_non_null(app->result);
	uint64_t before = app->revision;
	app_keep_stop(app);
	assert_false(app->result->trail);
	assert_true(app->revision > before);
	set_keep("0.25");
	assert_true(app->result && app->result->trail);
	set_keep("0.5"); /* and stays kept */
	assert_true(app->result && !app->result->trail);
	expect_stored(3);
	assert_false(find_row("done", 0.5, &n)->trail);
	assert_true(find_row("done", 0.25, &n)->trail);
}

static void one_run_is_pinned(void **state)
{
	(void)state;
	ENTER("hold:run 0.25");
	measure_base();
	measure("0.5");
	app_pin(app);
	assert_non_null(app->pinned);
	assert_int_equal(app->pinned->id, app->result->id);
	near(keep_of(app->pinned), 0.5);
	set_keep("0.25"); /* an estimate is nothing to compare with */
	WAIT_FOR(app->estimate && app->phase == APP_RUNNING);
	app_pin(app);
	near(keep_of(app->pinned), 0.5);
	assert_int_equal(app->severity, APP_WARNING);
	open_gate();
	WAIT_FOR(app->result && at_rest());
	set_keep("1");
	app_pin(app); /* another one */
	near(keep_of(app->pinned), 1);
	app_pin(app); /* the same */
	assert_null(app->pinned);
}

/* A start elsewhere: what was asked for comes first, then what it is compared with. */
static void base_is_measured_after(void **state)
{
	(void)state;
	check_ok(knobs_set(&options.knobs, KNOB_KEEP, "0.5"));
	ENTER(NULL);
	WAIT_FOR(app->result);
	assert_true(keep_of(app->result) == 0.5);
	WAIT_FOR(app->base && at_rest());
	near(app_speedup(app, app->result), 2);
	near(app_flops_ratio(app, app->result), 2);
	assert_int_equal(asked("run 0.5"), 1);
	assert_int_equal(asked("run 1"), 1);
	expect_stored(2);
	int n;
	assert_true(find_row("done", 0.5, &n)->trail);
	assert_false(find_row("done", 1, &n)->trail);
}

/* The hash of a file is known with its first result; what comes later finds it. */
static void hash_that_comes_late(void **state)
{
	(void)state;
	ENTER("nohash:start");
	measure_base();
	measure("0.5");
	near(app_speedup(app, app->result), 2);
	set_keep("1");
	assert_non_null(app->result);
	WAIT_FOR(app->estimate && at_rest());
	assert_int_equal(asked("run 1"), 1);
	assert_int_equal(asked("hash"), 0);
	leave();
	ENTER("nohash:start"); /* the next program knows it from the database */
	measure_base();
	assert_int_equal(asked("hash"), 1);
}

/* ---- workers that die, and runs that fail ---- */

static void setting_that_kills(void **state)
{
	int n;
	(void)state;
	ENTER("die:run 0.5");
	measure_base();
	set_keep("0.5");
	WAIT_FOR(asked("start") == 2 && app->estimate && at_rest());
	assert_true(app->phase == APP_IDLE && !app->result);
	assert_int_equal(asked("run 0.5"), 1);
	assert_true(has_been_said("killed"));
	app_measure_again(app);
	WAIT_FOR(asked("start") == 3 && at_rest());
	assert_true(app->phase == APP_IDLE && !app->result);
	assert_int_equal(asked("run 0.5"), 2);
	measure("0.25");
	near(app_speedup(app, app->result), 4);
	assert_int_equal(asked("start"), 3);
	expect_stored(4);
	expect_rows("failed", 0.5, 2);
	expect_rows("done", 0.25, 1);
	assert_non_null(strstr(find_row("failed", 0.5, &n)->error, "killed"));
}

/* The base cannot be measured: no speed-up, but the setting's own result stays. */
static void base_that_kills(void **state)
{
	(void)state;
	check_ok(knobs_set(&options.knobs, KNOB_KEEP, "0.5"));
	ENTER("die:run 1");
	WAIT_FOR(asked("start") == 2 && app->result && at_rest());
	assert_int_equal(app->phase, APP_IDLE);
	assert_true(isnan(app_speedup(app, app->result)));
	assert_int_equal(asked("run 0.5"), 1);
	assert_int_equal(asked("run 1"), 1);
	expect_stored(2);
	expect_rows("done", 0.5, 1);
	expect_rows("failed", 1, 1);
}

static void run_that_fails(void **state)
{
	int n;
	(void)state;
	ENTER("fail:run 0.5#1");
	measure_base();
	set_keep("0.5");
	WAIT_FOR(asked("run 0.5") == 1 && at_rest());
	assert_null(app->result);
	assert_true(has_been_said("1000 GiB"));
	app_measure_again(app);
	WAIT_FOR(app->result && app->phase == APP_IDLE);
	assert_int_equal(asked("start"), 1);
	expect_stored(3);
	expect_rows("failed", 0.5, 1);
	assert_non_null(strstr(find_row("failed", 0.5, &n)->error, "1000 GiB"));
}

static void message_of_another_setting(void **state)
{
	(void)state;
	ENTER("fail:run 0.5#1");
	measure_base();
	set_keep("0.5");
	WAIT_FOR(asked("run 0.5") == 1 && at_rest());
	assert_non_null(strstr(app->message, "1000 GiB"));
	set_keep("0.25");
	assert_null(strstr(app->message, "1000 GiB"));
}

static void garbage(void **state)
{
	(void)state;
	ENTER("garbage:run 0.5");
	measure_base();
	set_keep("0.5");
	WAIT_FOR(asked("start") == 2 && at_rest());
	assert_int_equal(app->phase, APP_IDLE);
	assert_null(app->result);
	assert_int_equal(asked("run 0.5"), 1);
	measure("0.25");
	expect_stored(3);
	expect_rows("failed", 0.5, 1);
}

static void dies_while_loading(void **state)
{
	(void)state;
	ENTER("die:load");
	WAIT_FOR(app->phase == APP_BROKEN && at_rest());
	int starts = asked("start");
	assert_in_range(starts, 1, 5);
	assert_true(has_been_said("killed"));
	app_measure_again(app);
	WAIT_FOR(asked("start") > starts && app->phase == APP_BROKEN && at_rest());
	expect_stored(0);
}

static void never_says_hello(void **state)
{
	(void)state;
	ENTER("garbage:start");
	WAIT_FOR(app->phase == APP_BROKEN && at_rest());
	assert_in_range(asked("start"), 1, 5);
	assert_true(app->severity == APP_ERROR && app->message[0]);
}

static void idle_worker_dies(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	measure("0.5");
	kill_worker();
	WAIT_FOR(asked("start") == 2 && app->estimate && app->result && at_rest());
	near(app_speedup(app, app->result), 2);
	measure("0.25");
	expect_stored(3);
	expect_rows("done", 0.5, 1);
}

/* ---- old runs ---- */

static void opened_while_the_worker_dies(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	measure("0.5");
	int64_t old = app->result->id;
	measure("0.25");
	app_open_run(app, old);
	assert_non_null(app->opened);
	assert_ptr_equal(app_shown(app), app->opened);
	assert_true(knob_num(&app->knobs, KNOB_KEEP) == 0.5);
	kill_worker();
	WAIT_FOR(asked("start") == 2 && at_rest());
	assert_ptr_equal(app_shown(app), app->opened);
	app_close_run(app);
	assert_null(app->opened);
	assert_true(knob_num(&app->knobs, KNOB_KEEP) == 0.25);
	check_shown();
	WAIT_FOR(app->result && at_rest());
	assert_int_equal(asked("run 0.25"), 1);
	expect_stored(3);
}

/* Looking at an old run measures nothing, whatever was due. */
static void opened_measures_nothing(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	int64_t old = app->result->id;
	set_keep("0.5");
	app_open_run(app, old);
	assert_non_null(app->opened);
	WAIT_FOR(at_rest());
	assert_int_equal(asked("run 0.5"), 0);
	app_close_run(app);
	check_shown();
	WAIT_FOR(app->result);
	assert_int_equal(asked("run 0.5"), 1);
}

/* r on an old run measures its knobs, and those are the present then. */
static void opened_again(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	int64_t old = app->result->id;
	measure("0.5");
	app_open_run(app, old);
	app_measure_again(app);
	assert_null(app->opened);
	WAIT_FOR(app->result && app->phase == APP_IDLE);
	assert_true(app->result_fresh && keep_of(app->result) == 1);
	assert_int_equal(asked("run 1"), 2);
}

static void undo_and_redo(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	measure("0.5");
	measure("0.25");
	assert_true(app_undo(app));
	check_shown();
	assert_true(app->result && keep_of(app->result) == 0.5);
	assert_true(app_undo(app));
	assert_false(app_undo(app));
	assert_true(app->result && keep_of(app->result) == 1);
	assert_true(app_redo(app));
	assert_true(app->result && keep_of(app->result) == 0.5);
	WAIT_FOR(app->estimate && at_rest());
	assert_int_equal(asked("run 0.5"), 1);
	measure("0.75");
	assert_false(app_redo(app));
	assert_true(app_undo(app));
	assert_true(app->result && keep_of(app->result) == 0.5);
}

/* Moving a knob of an old run begins from it; undo goes back to the present there was. */
static void undo_from_an_old_run(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	int64_t old = app->result->id;
	measure("0.5");
	measure("0.25");
	app_open_run(app, old);
	measure("0.75");
	assert_null(app->opened);
	assert_true(app_undo(app));
	check_shown();
	assert_non_null(app->result);
	assert_true(keep_of(app->result) == 0.25);
	app_open_run(app, old);
	assert_true(app_undo(app)); /* the last thing done was to open it */
	assert_null(app->opened);
	assert_true(app->result && keep_of(app->result) == 0.25);
	assert_true(app_redo(app));
	assert_true(app->result && keep_of(app->result) == 0.75);
	WAIT_FOR(app->estimate && at_rest());
	assert_int_equal(asked("run 0.25"), 1);
	assert_int_equal(asked("run 0.75"), 1);
}

/* ---- the database ---- */

static void locked_at_start(void **state)
{
	(void)state;
	make_database();
	lock();
	ENTER(NULL);
	measure_base();
	assert_true(!app->result_stored && app->unstored == 1 && app->message[0]);
	measure("0.5");
	assert_int_equal(app->unstored, 2);
	near(app_speedup(app, app->result), 2);
	set_keep("1"); /* what waits is remembered, too */
	assert_non_null(app->result);
	assert_int_equal(asked("run 1"), 1);
	unlock();
	WAIT_FOR(!app->unstored && at_rest());
	assert_true(app->result_stored && app->result->id > 0);
	assert_true(app->base && app->base->id > 0);
	expect_stored(2);
}

static void *unlock_soon(void *unused)
{
	(void)unused;
	poll(NULL, 0, 200); /* nothing tells from outside that somebody waits for it */
	unlock();
	return NULL;
}

/* Who leaves while another process writes waits for it, for a while. */
static void locked_at_the_end(void **state)
{
	pthread_t thread;
	(void)state;
	ENTER(NULL);
	measure_base();
	WAIT_FOR(app->result_stored);
	lock();
	measure("0.5");
	assert_int_equal(asked("run 1"), 1); /* the base is not forgotten */
	assert_int_equal(app->unstored, 1);
	assert_int_equal(pthread_create(&thread, NULL, unlock_soon, NULL), 0);
	assert_int_equal(app_flush(app, 20000), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(app->unstored, 0);
	expect_stored(2);
}

static void locked_for_good(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	WAIT_FOR(app->result_stored);
	lock();
	measure("0.5");
	assert_int_equal(asked("run 1"), 1); /* the base is not forgotten */
	assert_int_equal(app->unstored, 1);
	assert_int_equal(app_flush(app, 100), 1);
	assert_true(clock_now_ns() < deadline);
	assert_non_null(strstr(app->message, "busy"));
	leave();
	unlock();
	read_rows();
	assert_int_equal(n_rows, 1);
}

/* Without a database this session still remembers. */
static void remembers_without_a_store(void)
{
	measure_base();
	measure("0.5");
	near(app_speedup(app, app->result), 2);
	set_keep("1");
	assert_non_null(app->result);
	assert_true(!app->result_fresh && !app->result_stored);
	assert_non_null(app->base);
	WAIT_FOR(app->estimate && at_rest());
	near(app_speedup(app, app->result), 1);
	assert_int_equal(asked("run 1"), 1);
	set_keep("0.5");
	assert_non_null(app->result);
	near(app_speedup(app, app->result), 2);
	WAIT_FOR(app->estimate && at_rest());
	assert_int_equal(asked("run 0.5"), 1);
	assert_int_equal(app->unstored, 0);
}

static void readonly(void **state)
{
	(void)state;
	make_database();
	options.readonly = true;
	ENTER(NULL);
	remembers_without_a_store();
	expect_stored(0);
}

static void readonly_without_a_file(void **state)
{
	(void)state;
	options.readonly = true;
	ENTER(NULL);
	remembers_without_a_store();
	leave();
	assert_int_equal(access(db, F_OK), -1);
}

static void no_database(void **state)
{
	(void)state;
	options.db = "/dev/null/runs.db";
	ENTER(NULL);
	remembers_without_a_store();
	assert_true(has_been_said("/dev/null/runs.db"));
}

/* ---- workers that do not listen ---- */

static void wedged(void **state)
{
	(void)state;
	options.patience_s = 0.1;
	ENTER("hang:run 0.5");
	measure_base();
	set_keep("0.5");
	WAIT_ASKED("run 0.5", 1);
	measure("0.25");
	assert_int_equal(asked("start"), 2);
	assert_int_equal(asked("run 0.5"), 1);
	near(app_speedup(app, app->result), 4);
	leave();
	read_rows();
	expect_rows("done", 0.25, 1);
	expect_rows("done", 0.5, 0);
	expect_rows("failed", 0.25, 0); /* it only stood behind the one that hangs */
}

/* The user does not wait for it either. */
static void wedged_and_cancelled(void **state)
{
	(void)state;
	options.patience_s = 0.1;
	ENTER("hang:run 0.5#1");
	measure_base();
	set_keep("0.5");
	WAIT_ASKED("run 0.5", 1);
	app_cancel(app);
	app_measure_again(app);
	WAIT_FOR(app->result && app->phase == APP_IDLE);
	assert_int_equal(asked("start"), 2);
	assert_int_equal(asked("run 0.5"), 2);
}

static void wedged_load(void **state)
{
	(void)state;
	options.patience_s = 0.1;
	ENTER("hang:load#1");
	WAIT_ASKED("load", 1);
	app_cancel(app);
	WAIT_FOR(at_rest());
	if (app->phase == APP_BROKEN)
		app_measure_again(app);
	measure_base();
	assert_int_equal(asked("start"), 2);
	expect_stored(1);
}

static void leaving_a_wedged_worker(void **state)
{
	(void)state;
	ENTER("hang:run 1");
	WAIT_ASKED("run 1", 1);
	leave();
	assert_true(clock_now_ns() < deadline);
}

static void other_protocol(void **state)
{
	(void)state;
	ENTER("protocol:start#1");
	WAIT_FOR(app->phase == APP_BROKEN);
	assert_true(has_been_said("protocol"));
	WAIT_FOR(at_rest());
	assert_int_equal(app->phase, APP_BROKEN);
	assert_int_equal(asked("run 1"), 0);
	assert_int_equal(asked("start"), 1);
	app_measure_again(app);
	measure_base();
	assert_int_equal(asked("start"), 2);
}

/* ---- asking for what cannot be, stopping, pausing ---- */

static void knob_the_model_lacks(void **state)
{
	(void)state;
	check_ok(knobs_set(&options.knobs, KNOB_RANK, "8"));
	ENTER(NULL);
	measure_base();
	assert_true(knobs_is_default(&app->knobs, KNOB_RANK));
	assert_true(has_been_said("rank"));
	measure("0.5");
	near(app_speedup(app, app->result), 2);
	while (app_undo(app))
		check_shown();
	assert_true(knobs_is_default(&app->knobs, KNOB_RANK));
	leave();
	read_rows();
	expect_rows("done", 1, 1);
	expect_rows("done", 0.5, 1);
}

static void expect_knob(enum knob_id id, const char *want)
{
	char text[KNOB_TEXT_SIZE];
	assert_string_equal(knobs_get(&app->knobs, id, text), want);
}

/* A factor starts a branch that none runs, and ends only what it has started. */
static void coarse_scan_by_the_slider(void **state)
{
	enum knob_id ids[8];
	(void)state;
	options.model = "scan";
	ENTER(NULL);
	measure_base();
	assert_int_equal(app_sliders(app, ids, 3), 3);
	assert_int_equal(ids[0], KNOB_DOWNSAMPLE);
	assert_int_equal(ids[1], KNOB_MRSS);
	assert_int_equal(ids[2], KNOB_SEQ);
	assert_false(app_knob_step(app, KNOB_DOWNSAMPLE, -1));
	for (int r = 2; r <= 16; r *= 2) {
		char text[16];
		snprintf(text, sizeof(text), "%d", r);
		assert_true(app_knob_step(app, KNOB_DOWNSAMPLE, +1));
		expect_knob(KNOB_DOWNSAMPLE, text);
		expect_knob(KNOB_MRSS, "low");
	}
	assert_false(app_knob_step(app, KNOB_DOWNSAMPLE, +1));
	assert_true(app_knob_step_large(app, KNOB_DOWNSAMPLE, -1));
	expect_knob(KNOB_DOWNSAMPLE, "4");
	assert_true(app_knob_set_fraction(app, KNOB_DOWNSAMPLE, 0.7));
	expect_knob(KNOB_DOWNSAMPLE, "8");
	near(app_knob_fraction(app, KNOB_DOWNSAMPLE), 0.75);
	assert_true(app_knob_set_fraction(app, KNOB_DOWNSAMPLE, 0));
	expect_knob(KNOB_MRSS, "off");
	assert_true(app_knob_set(app, KNOB_MRSS, "both"));
	assert_true(app_knob_step(app, KNOB_DOWNSAMPLE, +1));
	assert_true(app_knob_step(app, KNOB_DOWNSAMPLE, -1));
	expect_knob(KNOB_MRSS, "both"); /* chosen, it stays */
	assert_true(app_knob_set(app, KNOB_DOWNSAMPLE, "4"));
	assert_true(app_knob_set_fraction(app, KNOB_MRSS, 0));
	expect_knob(KNOB_MRSS, "off");
	expect_knob(KNOB_DOWNSAMPLE, "1"); /* of no branch */
	assert_non_null(strstr(app->message, "downsample is 1 again"));
}

/* Lengths go by multiples and by factors of two, from the model's own. */
static void lengths_and_thresholds_in_steps(void **state)
{
	(void)state;
	options.model = "scan";
	ENTER(NULL);
	measure_base(); /* of 100 tokens */
	assert_true(app_knob_step(app, KNOB_SEQ, +1));
	expect_knob(KNOB_SEQ, "128");
	assert_true(app_knob_step_large(app, KNOB_SEQ, +2));
	expect_knob(KNOB_SEQ, "512");
	near(app_knob_fraction(app, KNOB_SEQ), 0.3);
	assert_true(app_knob_set_fraction(app, KNOB_SEQ, 1));
	expect_knob(KNOB_SEQ, "65536");

	assert_false(app_knob_step(app, KNOB_THRESHOLD, -1)); /* it is off */
	assert_true(app_knob_step(app, KNOB_THRESHOLD, +1));
	expect_knob(KNOB_THRESHOLD, "0.5");
	assert_true(app_knob_step_large(app, KNOB_THRESHOLD, +1));
	expect_knob(KNOB_THRESHOLD, "2.5");
	assert_true(app_knob_set(app, KNOB_THRESHOLD_SCALE, "quantile"));
	expect_knob(KNOB_THRESHOLD, "off"); /* 2.5 is no quantile */
	assert_true(app_knob_set_fraction(app, KNOB_THRESHOLD, 0.25));
	expect_knob(KNOB_THRESHOLD, "0.25");
	assert_true(app_knob_step(app, KNOB_THRESHOLD, +1));
	expect_knob(KNOB_THRESHOLD, "0.26");
	assert_true(app_knob_step_large(app, KNOB_THRESHOLD, -1));
	expect_knob(KNOB_THRESHOLD, "0.21");
	assert_true(app_knob_set_fraction(app, KNOB_THRESHOLD, 0));
	expect_knob(KNOB_THRESHOLD, "off");
}

static void cancelled_load(void **state)
{
	(void)state;
	ENTER("slow:load#1");
	WAIT_ASKED("load", 1);
	WAIT_FOR(app->phase == APP_LOADING);
	app_cancel(app);
	WAIT_FOR(app->phase == APP_BROKEN);
	assert_true(has_been_said("cancelled"));
	WAIT_FOR(at_rest());
	assert_int_equal(asked("load"), 1);
	app_measure_again(app);
	measure_base();
	assert_int_equal(asked("load"), 2);
}

static void cancelled_run(void **state)
{
	(void)state;
	ENTER("slow:run 0.5#1");
	measure_base();
	set_keep("0.5");
	WAIT_FOR(app->phase == APP_RUNNING && app->live.n > 0);
	near(app->live.samples_ns[0], 0.5 * PASS_NS);
	app_cancel(app);
	WAIT_FOR(asked("cancel") == 1 && at_rest());
	assert_true(has_been_said("cancelled"));
	assert_true(!app->result && app->phase == APP_IDLE);
	assert_int_equal(asked("run 0.5"), 1);
	app_measure_again(app);
	WAIT_FOR(app->result && app->phase == APP_IDLE);
	assert_int_equal(asked("start"), 1);
	expect_stored(2);
	expect_rows("done", 0.5, 1);
}

static void paused(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	app_pause(app, true);
	set_keep("0.5");
	WAIT_FOR(app->estimate && at_rest());
	assert_true(app_is_paused(app) && !app->result);
	set_keep("0.25");
	WAIT_FOR(app->estimate && at_rest());
	assert_int_equal(asked("run 0.5"), 0);
	assert_int_equal(asked("run 0.25"), 0);
	app_pause(app, false);
	WAIT_FOR(app->result && app->phase == APP_IDLE);
	assert_true(app->result_fresh && !app_is_paused(app));
	expect_stored(2);
}

/* ---- sweeps ---- */

#define SWEPT(n) (!app->sweep.running && app->sweep.done == (n) && at_rest())

static void sweep_completes(void **state)
{
	int n;
	(void)state;
	ENTER(NULL);
	measure_base();
	measure("0.5");
	assert_true(app_sweep_start(app, "keep 1,.75,.5,.25"));
	assert_true(app->sweep.running && app->sweep.knob == KNOB_KEEP);
	WAIT_FOR(SWEPT(4));
	assert_int_equal(app->sweep.known, 2); /* the base, and a stop of the slider */
	assert_int_equal(app->sweep.failed, 0);
	assert_true(has_been_said("all 4 settings are there"));
	assert_true(keep_of(app->result) == 0.5);
	assert_int_equal(asked("run 0.5"), 1);
	assert_int_equal(asked("run 0.75"), 1);
	near(app_speedup(app, app->result), 2);
	expect_stored(4);
	assert_false(find_row("done", 0.25, &n)->trail);
	assert_false(find_row("done", 0.5, &n)->trail); /* asked for: no stop any more */
}

/* What it asks for is said before anything runs. */
static void sweep_of_nothing(void **state)
{
	static const char *const wrong[][2] = {
		{ "", "of which knob" },
		{ "frob 1,2", "no knob is called frob" },
		{ "keep", "over which values" },
		{ "keep 1,2", "--keep 2" },
		{ "rank 8,16", "its projections are dense" },
	};
	(void)state;
	ENTER(NULL);
	assert_false(app_sweep_start(app, "keep 1,.5")); /* no model yet */
	measure_base();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(app_sweep_start(app, wrong[i][0]));
		note_message();
		if (!has_been_said(wrong[i][1]))
			fail_msg("%s: %s", wrong[i][0], app->message);
		assert_true(!app->sweep.running && at_rest());
	}
	char *text = app_sweep_suggestion(app);
	assert_true(app_sweep_start(app, text));
	free(text);
	WAIT_FOR(SWEPT(8));
}

static void sweep_of_two_knobs(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	assert_true(app_sweep_start(app, "--keep=1,.5 batch=1,2"));
	WAIT_FOR(SWEPT(4));
	assert_string_equal(app->sweep.title, "sweep of keep, batch");
	assert_true(app->base && knob_num(&app->base->knobs, KNOB_BATCH) == 1);
	near(app_speedup(app, app->result), 1);
	expect_stored(4);
}

static void sweep_cancelled(void **state)
{
	(void)state;
	ENTER("slow:run 0.25#1");
	measure_base();
	app_sweep_start(app, "keep .25");
	WAIT_FOR(app->phase == APP_RUNNING && app->live.n > 0);
	assert_true(app->sweep.measuring);
	app_cancel(app);
	assert_false(app->sweep.running);
	WAIT_FOR(asked("cancel") == 1 && at_rest());
	assert_true(has_been_said("1 of 2 settings are there"));
	assert_true(app->result && keep_of(app->result) == 1);
	app_sweep_start(app, "keep .25"); /* goes on */
	WAIT_FOR(SWEPT(2));
	assert_int_equal(asked("run 1"), 1);
	expect_stored(2);
}

/* The slider comes first, and the cell it has interrupted is measured after. */
static void slider_moved_in_a_sweep(void **state)
{
	int n;
	(void)state;
	ENTER("slow:run 0.25#1");
	measure_base();
	app_sweep_start(app, "keep .25");
	WAIT_FOR(app->sweep.measuring && app->live.n > 0);
	set_keep("0.5");
	assert_false(app->sweep.measuring);
	WAIT_FOR(app->result);
	assert_true(keep_of(app->result) == 0.5 && app->result->trail);
	assert_true(app->sweep.running);
	WAIT_FOR(SWEPT(2));
	assert_true(keep_of(app->result) == 0.5);
	assert_int_equal(asked("run 0.25"), 2);
	expect_stored(3);
	assert_true(find_row("done", 0.5, &n)->trail);
	assert_false(find_row("done", 0.25, &n)->trail);
}

/* To where the sweep is at work: that is what is on the screen then. */
static void slider_moved_to_the_cell(void **state)
{
	(void)state;
	ENTER("hold:run 0.25");
	measure_base();
	app_sweep_start(app, "keep .25");
	WAIT_ASKED("run 0.25", 1);
	set_keep("0.25");
	assert_false(app->sweep.measuring);
	open_gate();
	WAIT_FOR(app->result && SWEPT(2));
	assert_true(app->result_fresh && !app->result->trail);
	assert_int_equal(asked("run 0.25"), 1);
	expect_stored(2);
}

/* Stopping what is on the screen and of the sweep is told as the latter's end. */
static void cancelled_on_the_cell(void **state)
{
	(void)state;
	ENTER("slow:run 0.25#1");
	measure_base();
	app_sweep_start(app, "keep .25");
	WAIT_FOR(app->sweep.measuring && app->live.n > 0);
	set_keep("0.25");
	assert_false(app->sweep.measuring);
	app_cancel(app);
	assert_false(app->sweep.running);
	WAIT_FOR(asked("cancel") == 1 && at_rest());
	assert_true(has_been_said("1 of 2 settings are there"));
	assert_false(has_been_said("cancelled"));
	assert_null(app->result); /* nor does it begin again by itself */
	assert_int_equal(asked("run 0.25"), 1);
}

/* Known settings are looked at while it goes on. */
static void looking_around_in_a_sweep(void **state)
{
	(void)state;
	ENTER("hold:run 0.25");
	measure_base();
	int64_t old = app->result->id;
	measure("0.5");
	app_sweep_start(app, "keep .25");
	WAIT_ASKED("run 0.25", 1);
	set_keep("1");
	app_open_run(app, old);
	app_close_run(app);
	assert_true(app->sweep.measuring);
	open_gate();
	WAIT_FOR(SWEPT(2));
	assert_int_equal(asked("run 0.25"), 1);
	assert_int_equal(asked("cancel"), 0);
	expect_stored(3);
}

static void worker_dies_in_a_sweep(void **state)
{
	(void)state;
	ENTER("die:run 0.5");
	measure_base();
	app_sweep_start(app, "keep .75,.5,.25");
	WAIT_FOR(SWEPT(4));
	assert_int_equal(app->sweep.failed, 1);
	assert_true(has_been_said("1 of 4 settings failed"));
	assert_true(has_been_said("keep=0.5"));
	assert_int_equal(asked("run 0.5"), 1);
	assert_int_equal(asked("start"), 2);
	assert_true(app->result && app->phase == APP_IDLE);
	expect_stored(4);
	expect_rows("failed", 0.5, 1);
	expect_rows("done", 0.75, 1);
	expect_rows("done", 0.25, 1);
}

/* A setting that fails is not tried again between two cells. */
static void refused_in_a_sweep(void **state)
{
	(void)state;
	ENTER("fail:run 0.5");
	measure_base();
	set_keep("0.5");
	WAIT_FOR(asked("run 0.5") == 1 && at_rest());
	app_sweep_start(app, "keep .75,.25");
	WAIT_FOR(SWEPT(3));
	assert_int_equal(asked("run 0.5"), 1);
	assert_null(app->result);
	expect_stored(4);
}

static void paused_sweep(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	app_pause(app, true);
	app_sweep_start(app, "keep .5");
	WAIT_FOR(at_rest());
	assert_int_equal(asked("run 0.5"), 0);
	app_pause(app, false);
	WAIT_FOR(SWEPT(2));
	expect_stored(2);
}

static void database_busy_in_a_sweep(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	WAIT_FOR(app->result_stored);
	lock();
	app_sweep_start(app, "keep .75,.5,.25");
	WAIT_FOR(!app->sweep.running && app->phase == APP_IDLE);
	assert_int_equal(app->unstored, 3);
	app_sweep_start(app, "keep .75,.5,.25"); /* remembered all the same */
	WAIT_FOR(!app->sweep.running && app->phase == APP_IDLE);
	assert_int_equal(app->sweep.known, 4);
	unlock();
	WAIT_FOR(!app->unstored && at_rest());
	expect_stored(4);
}

static void another_model_ends_a_sweep(void **state)
{
	(void)state;
	ENTER("slow:run 0.25");
	measure_base();
	app_sweep_start(app, "keep .25");
	WAIT_FOR(app->sweep.measuring && app->live.n > 0);
	app_open_model(app, "other");
	assert_false(app->sweep.running);
	WAIT_FOR(!strcmp(app->model.name, "other") && app->result && at_rest());
	expect_stored(2);
}

/* ---- studies ---- */

static const struct app_study *study_named(const char *name, int *at)
{
	const struct app_study *list;
	int n = app_studies(app, &list);
	for (*at = 0; *at < n; ++*at)
		if (!strcmp(list[*at].name, name))
			return &list[*at];
	fail_msg("no study %s", name);
	return NULL;
}

static void study_opens_its_model(void **state)
{
	int at;
	(void)state;
	ENTER(NULL);
	measure_base();
	assert_false(app_study_start(app, "no-such"));
	assert_true(app_study_start(app, "vtp"));
	assert_true(study_named("vtp", &at)->running);
	WAIT_FOR(!app->sweep.running && at_rest());
	assert_string_equal(app->model.name, "fake"); /* and what was open comes back */
	const struct app_study *s = study_named("vtp", &at);
	assert_int_equal(s->n_done, s->n_rows);
	assert_int_equal(s->n_failed, 0);
	assert_false(s->running);
	int last = s->n_rows - 1; /* keep 0.5 */
	struct app_study_figure f = app_study_figure(app, at, last, 0);
	near(f.published, 46);
	near(f.measured, 5);
	near(f.published_ratio, 46.0 / 81);
	near(f.measured_ratio, 0.5);
	assert_true(isnan(app_study_figure(app, at, 0, 0).measured_ratio));
	assert_int_equal(asked("load clip-vit-b16"), 1);
	app_study_start(app, "vtp"); /* all of it is known */
	WAIT_FOR(!app->sweep.running && at_rest());
	assert_int_equal(app->sweep.known, app->sweep.n);
	assert_true(app_study_row(app, at, last).run->id > 0);
}

/* What the user had: a model of his own, with a knob that the study's lacks. */
static void begin_away(void)
{
	measure_base();
	app_knob_set(app, KNOB_BATCH, "2");
	WAIT_FOR(app->result && app->base && at_rest());
	measure("0.75");
	app_study_start(app, "vtp");
}

static void expect_home(void)
{
	WAIT_FOR(!app->sweep.running && at_rest());
	assert_string_equal(app->model.name, "fake");
	assert_string_equal(app->opt.model, "fake");
	assert_true(knob_num(&app->knobs, KNOB_KEEP) == 0.75);
	assert_true(knob_num(&app->knobs, KNOB_BATCH) == 2);
	assert_true(app->result && keep_of(app->result) == 0.75);
	assert_string_equal(app->result->model.name, "fake");
	assert_int_equal(app->phase, APP_IDLE);
}

static void study_ends_at_home(void **state)
{
	(void)state;
	ENTER(NULL);
	begin_away();
	WAIT_FOR(!strcmp(app->model.name, "clip-vit-b16"));
	expect_home();
	assert_int_equal(app->sweep.failed, 0);
	assert_true(has_been_said("all 5 settings are there"));
}

static void study_stopped_goes_home(void **state)
{
	(void)state;
	ENTER("slow:run 0.5");
	begin_away();
	WAIT_FOR(app->sweep.measuring && app->live.n > 0);
	app_cancel(app);
	assert_false(app->sweep.running);
	expect_home();
	assert_true(has_been_said("study vtp stopped"));
}

static void study_stopped_while_it_loads(void **state)
{
	(void)state;
	ENTER("slow:load clip-vit-b16");
	begin_away();
	WAIT_ASKED("load clip-vit-b16", 1);
	app_cancel(app);
	expect_home();
}

static void study_that_fails_goes_home(void **state)
{
	(void)state;
	ENTER("fail:load clip-vit-b16");
	begin_away();
	expect_home();
	assert_int_equal(app->sweep.failed, app->sweep.n);
}

/* Another model is opened meanwhile: that one, with the user's knobs. */
static void study_left_for_another_model(void **state)
{
	(void)state;
	ENTER("slow:run 0.5");
	begin_away();
	WAIT_FOR(app->sweep.measuring && app->live.n > 0);
	assert_true(app_open_model(app, "other"));
	WAIT_FOR(!app->sweep.running && at_rest());
	assert_string_equal(app->model.name, "other");
	assert_true(app->result && keep_of(app->result) == 0.75);
}

static void study_whose_model_cannot_be_opened(void **state)
{
	int at;
	(void)state;
	ENTER("fail:load clip-vit-b16");
	measure_base();
	app_study_start(app, "vtp");
	WAIT_FOR(!app->sweep.running && at_rest());
	const struct app_study *s = study_named("vtp", &at);
	assert_int_equal(s->n_failed, s->n_rows);
	assert_non_null(strstr(app_study_row(app, at, 0).why, "1000 GiB"));
	assert_string_equal(app->model.name, "fake");
	assert_int_equal(app->phase, APP_IDLE);
	assert_int_equal(asked("load clip-vit-b16"), 1);
}

/* How many runs the session of that name holds; -1: there is none. */
static int runs_in(const char *session)
{
	struct store *s;
	int64_t id = 0;
	int n = -1;
	check_ok(store_open(&(struct store_options){ .path = db, .readonly = true }, &s));
	enum err e = store_find_session(s, session, &id);
	if (!e)
		e = session_run_page(s, id, true, 0, 0, 64, rows, &n);
	store_close(s);
	return e ? -1 : n;
}

/* Its rows are the study's, as from the command line; all else stays the user's. */
static void study_has_its_session(void **state)
{
	int at;
	(void)state;
	options.session = "mine";
	options.model = "clip-vit-b16";
	ENTER(NULL);
	measure_base();
	app_study_start(app, "vtp");
	WAIT_FOR(!app->sweep.running && at_rest());
	const int n = study_named("vtp", &at)->n_rows;
	measure("0.25");
	assert_string_equal(app->session_name, "mine");
	assert_int_equal(app_flush(app, 0), 0);
	leave();
	assert_int_equal(runs_in("mine"), 2);
	assert_int_equal(runs_in("vtp"), n);
	ENTER(NULL); /* later: what the session has is not measured again */
	app_study_start(app, "vtp");
	WAIT_FOR(!app->sweep.running && at_rest());
	assert_int_equal(app->sweep.known, n);
	leave();
	assert_int_equal(runs_in("vtp"), n);
}

/* A row that fails leaves its trace in the study's session, too. */
static void study_row_fails_in_its_session(void **state)
{
	(void)state;
	options.session = "mine";
	options.model = "clip-vit-b16";
	ENTER("fail:run 0.5");
	measure_base();
	app_study_start(app, "vtp");
	WAIT_FOR(!app->sweep.running && at_rest());
	assert_int_equal(app->sweep.failed, 1);
	int n = app->sweep.n;
	assert_int_equal(app_flush(app, 0), 0);
	leave();
	assert_int_equal(runs_in("mine"), 1);
	assert_int_equal(runs_in("vtp"), n);
}

/* The last two rows of a study ask a model something; the others do not. */
static void start_asking(const char *model)
{
	struct study *s = &app->studies->state[app_study_find(app, "vtp")].def;
	free(s->model);
	s->model = str_dup(model);
	for (int i = s->n_rows - 2; i < s->n_rows; i++)
		s->rows[i].text = str_dup("why?");
	assert_true(app_study_start(app, s->name));
}

static void study_brings_its_text(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	assert_true(app_study_find(app, "vtp") >= 0);
	start_asking("clip-vit-b16");
	WAIT_FOR(app->input.text != NULL);
	assert_string_equal(app->input.text, "why?");
	WAIT_FOR(!app->sweep.running && at_rest());
	assert_int_equal(app->sweep.failed, 0);
	assert_int_equal(asked("load clip-vit-b16"), 1);
	assert_int_equal(asked("load clip-vit-b16:why?"), 1);
	assert_null(app->input.text); /* the user's own is none */
	assert_string_equal(app->model.name, "fake");
}

/* Of the model that is open another text is another input all the same. */
static void study_asks_the_open_model(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	assert_true(app_study_find(app, "vtp") >= 0);
	start_asking("fake");
	WAIT_FOR(!app->sweep.running && at_rest());
	assert_int_equal(app->sweep.failed, 0);
	assert_int_equal(asked("load fake:why?"), 1);
	assert_int_equal(asked("load"), 3); /* at first, this, and back home */
	assert_null(app->input.text);
	measure_base();
}

static void study_whose_text_cannot_be_read(void **state)
{
	(void)state;
	ENTER("fail:load fake:why?");
	measure_base();
	assert_true(app_study_find(app, "vtp") >= 0);
	start_asking("fake");
	WAIT_FOR(!app->sweep.running && at_rest());
	assert_int_equal(app->sweep.failed, 2);
	assert_int_equal(asked("load fake:why?"), 1);
	assert_null(app->input.text);
	assert_int_equal(app->phase, APP_IDLE);
}

/* The setting on the screen is a row of the study: measured once, and no stop. */
static void setting_that_is_a_row(void **state)
{
	int at;
	(void)state;
	options.model = "clip-vit-b16";
	ENTER("slow:run 0.5#1");
	measure_base();
	set_keep("0.5"); /* this fake has no batch: it is the row */
	app_study_start(app, "vtp");
	WAIT_FOR(app->phase == APP_RUNNING && app->live.n > 0);
	app_cancel(app);
	assert_false(app->sweep.running);
	WAIT_FOR(at_rest());
	app_study_start(app, "vtp");
	WAIT_FOR(!app->sweep.running && at_rest());
	assert_int_equal(study_named("vtp", &at)->n_failed, 0);
	assert_int_equal(asked("run 0.5"), 2);
	assert_true(app->result && keep_of(app->result) == 0.5 && !app->result->trail);
}

static void study_cancelled(void **state)
{
	int at;
	(void)state;
	options.model = "clip-vit-b16";
	ENTER("slow:run 0.5");
	measure_base();
	app_study_start(app, "vtp");
	WAIT_FOR(app->sweep.measuring && app->live.n > 0);
	assert_true(
		app_study_row(app, study_named("vtp", &at) ? at : 0, app->sweep.row).now);
	app_cancel(app);
	WAIT_FOR(asked("cancel") == 1 && at_rest());
	assert_false(study_named("vtp", &at)->running);
	assert_true(keep_of(app->result) == 1); /* the sliders stayed */
}

/* ---- another model ---- */

static void another_model(void **state)
{
	(void)state;
	ENTER(NULL);
	measure_base();
	app_knob_set(app, KNOB_BATCH, "2");
	WAIT_FOR(app->result && app->base && at_rest());
	measure("0.5");
	assert_true(app_open_model(app, "other"));
	assert_false(app_open_model(app, "other"));
	WAIT_FOR(!strcmp(app->model.name, "other"));
	assert_null(app->result); /* the one there was is of the other model */
	assert_true(has_been_said("--batch is left out"));
	assert_true(knobs_is_default(&app->knobs, KNOB_BATCH));
	WAIT_FOR(app->result && app->base && at_rest());
	assert_string_equal(app->result->model.name, "other");
	assert_true(keep_of(app->result) == 0.5);
	near(app_speedup(app, app->result), 2);
	app_open_model(app, "fake"); /* what was measured of it is remembered */
	WAIT_FOR(!strcmp(app->model.name, "fake") && app->phase == APP_IDLE);
	set_keep("1");
	assert_non_null(app->result);
	assert_string_equal(app->result->model.name, "fake");
	WAIT_FOR(app->estimate && at_rest());
	assert_int_equal(asked("start"), 1);
	expect_stored(5);
}

/* Until the other model is there, nothing of the one before stands for it. */
static void another_model_takes_its_time(void **state)
{
	(void)state;
	ENTER("hold:load other");
	measure_base();
	measure("0.5");
	app_open_model(app, "other");
	WAIT_ASKED("load other", 1);
	assert_true(!app->result && !app->base && !app->estimate);
	set_keep("1"); /* measured, of the other */
	assert_true(!app->result && !app->base);
	open_gate();
	WAIT_FOR(app->result && app->base && at_rest());
	assert_string_equal(app->result->model.name, "other");
	expect_stored(3);
}

static void expect_the_old_model(const char *reason)
{
	WAIT_FOR(app->phase == APP_IDLE && at_rest());
	assert_true(has_been_said(reason));
	assert_string_equal(app->model.name, "fake");
	assert_string_equal(app->opt.model, "fake");
	assert_true(app->result && keep_of(app->result) == 1);
	measure("0.5");
	near(app_speedup(app, app->result), 2);
}

static void another_model_that_is_none(void **state)
{
	(void)state;
	ENTER("fail:load other");
	measure_base();
	app_open_model(app, "other");
	expect_the_old_model("1000 GiB");
	expect_stored(2);
}

/* What was said of it is not about the next one. */
static void message_of_another_model(void **state)
{
	(void)state;
	ENTER("fail:load other");
	measure_base();
	app_open_model(app, "other");
	WAIT_FOR(app->phase == APP_IDLE && at_rest());
	assert_non_null(strstr(app->message, "1000 GiB"));
	app_open_model(app, "third");
	WAIT_FOR(!strcmp(app->model.name, "third") && app->phase == APP_IDLE);
	assert_null(strstr(app->message, "1000 GiB"));
}

/* A knob may be why it cannot be loaded: another value is another try. */
static void knob_of_a_model_that_failed(void **state)
{
	(void)state;
	ENTER("fail:load#1");
	WAIT_FOR(app->phase == APP_BROKEN);
	assert_true(app_knob_set(app, KNOB_BATCH, "2"));
	WAIT_FOR(app->result && app->base && at_rest());
	assert_true(knob_num(&app->result->knobs, KNOB_BATCH) == 2);
	assert_int_equal(asked("load"), 2);
	assert_int_equal(asked("start"), 1);
	expect_stored(1);
}

static void another_model_that_kills(void **state)
{
	(void)state;
	ENTER("die:load other");
	measure_base();
	app_open_model(app, "other");
	expect_the_old_model("killed");
	assert_int_equal(asked("start"), 2);
	expect_stored(2);
}

static void another_model_cancelled(void **state)
{
	(void)state;
	ENTER("slow:load other");
	measure_base();
	app_open_model(app, "other");
	WAIT_ASKED("load other", 1);
	app_cancel(app);
	expect_the_old_model("cancelled");
	expect_stored(2);
}

/* Where the first cannot be opened another can. */
static void model_after_a_broken_one(void **state)
{
	(void)state;
	options.model = "broken";
	ENTER("fail:load broken");
	WAIT_FOR(app->phase == APP_BROKEN && at_rest());
	app_open_model(app, "fake");
	measure_base();
	assert_int_equal(asked("start"), 1);
	expect_stored(1);
}

static void list_of_models(void **state)
{
	const struct app_model_row *list;
	(void)state;
	ENTER(NULL);
	measure_base();
	int n = app_list_models(app, true, &list), open = app_open_model_row(app);
	assert_true(open == n - 1); /* known by no list: the worker knows it */
	assert_string_equal(list[open].name, "fake");
	assert_true(list[open].looked && list[open].params == 1000);
	assert_string_equal(list[0].name, "clip-vit-b16");
	assert_true(!list[0].looked && isnan(list[0].params));
	app_look_at_model(app, 0);
	assert_true(list[0].looked && list[0].params > 8e7 && list[0].random_weights);
	assert_true(list[0].knob_mask & KNOB_BIT(KNOB_KEEP));
}

/* ---- answers that come late ---- */

static void late_result(void **state)
{
	(void)state;
	ENTER("hold:run 0.5");
	measure_base();
	set_keep("0.5");
	WAIT_ASKED("run 0.5", 1);
	set_keep("0.25");
	open_gate();
	WAIT_FOR(app->result && app->phase == APP_IDLE);
	assert_true(keep_of(app->result) == 0.25);
	assert_int_equal(app->live.n, 3);
	near(app->live.samples_ns[0], 0.25 * PASS_NS);
	expect_stored(2);
	expect_rows("done", 0.5, 0);
}

static void late_estimate(void **state)
{
	(void)state;
	ENTER("hold:estimate 0.5#1");
	measure_base();
	set_keep("0.5");
	WAIT_ASKED("estimate 0.5", 1);
	set_keep("0.25");
	open_gate();
	WAIT_FOR(app->result && app->estimate && app->phase == APP_IDLE);
	near(app->estimate->wall.p50_ns, 1.1 * 0.25 * PASS_NS);
	expect_stored(2);
}

/* ---- other input ---- */

static bool ready(void) { return app->result && app->base && app->phase == APP_IDLE; }

/* The pictures of the case are borrowed by the options until the controller has them. */
static void enter_with_pictures(struct input_source *in, const char *const *rules)
{
	input_source_add_image(in, "a.png");
	input_source_add_image(in, "b.png");
	options.input = in;
	enter(rules);
	input_source_release(in);
	options.input = NULL;
}

static void the_worst_picture_and_back(void **state)
{
	struct input_source in = { .labels = str_dup("cat,dog") };
	(void)state;
	enter_with_pictures(&in, (const char *const[]){ NULL });
	measure_base();
	assert_false(app_open_worst(app)); /* nothing was compared */
	assert_non_null(strstr(app->message, "no picture is known"));
	assert_false(app_close_worst(app));
	measure("0.5");
	int64_t all = app->result->id;
	assert_true(app_open_worst(app));
	assert_true(app->one_picture && app->phase == APP_LOADING);
	assert_true(!app->result && !app->estimate && !app->base); /* not of this */
	set_keep("0.25"); /* while it loads, nothing old is found */
	assert_null(app->result);
	set_keep("0.5");
	assert_null(app->result);
	WAIT_FOR(ready());
	assert_int_equal(asked("load b.png"), 1);
	assert_true(app->input.n_images == 1 && keep_of(app->result) == 0.5);
	assert_string_equal(app->input.labels, "cat,dog");
	assert_string_equal(app->result->input.source, "b.png");
	assert_string_equal(app->base->input.source, "b.png");
	near(app_speedup(app, app->result), 2);
	assert_false(app_open_worst(app)); /* it is one picture */

	assert_true(app_close_worst(app));
	assert_false(app->one_picture);
	WAIT_FOR(ready());
	assert_int_equal(app->input.n_images, 2);
	assert_int_equal(app->result->id, all); /* found, not measured again */
	assert_int_equal(asked("run 0.5"), 2);
}

static void the_worst_of_a_dataset(void **state)
{
	struct input_source in = { .dataset = str_dup("cifar10:x"), .limit = 10 };
	(void)state;
	options.input = &in;
	ENTER(NULL);
	input_source_release(&in);
	measure_base();
	measure("0.5");
	assert_true(app_open_worst(app));
	WAIT_FOR(ready());
	assert_string_equal(app->input.dataset, "cifar10:x#9");
	assert_true(app->input.limit == 0);
	assert_int_equal(asked("load cifar10:x#9"), 1);
	assert_true(app_close_worst(app));
	assert_true(app->input.limit == 10);
	WAIT_FOR(ready());
	assert_string_equal(app->result->input.source, "cifar10:x");
}

/* From an old run: the picture was the worst at its knobs. */
static void the_worst_of_an_old_run(void **state)
{
	struct input_source in = { 0 };
	(void)state;
	enter_with_pictures(&in, (const char *const[]){ NULL });
	measure_base();
	measure("0.5");
	int64_t old = app->result->id;
	measure("1");
	app_open_run(app, old);
	assert_true(app_open_worst(app));
	assert_null(app->opened);
	WAIT_FOR(ready());
	assert_true(keep_of(app->result) == 0.5);
	assert_string_equal(app->result->input.source, "b.png");
}

static void input_that_cannot_be_opened(void **state)
{
	struct input_source in = { 0 }, bad = { 0 };
	(void)state;
	enter_with_pictures(&in, (const char *const[]){ "fail:load gone.png", NULL });
	measure_base();
	assert_false(app_set_input(app, &app->input)); /* it is what goes in */
	bad.dataset = str_dup("mnist:x");
	assert_false(app_set_input(app, &bad));
	assert_non_null(strstr(app->message, "cifar10:PATH"));
	assert_non_null(app->result);
	input_source_release(&bad);

	input_source_add_image(&bad, "gone.png");
	assert_true(app_set_input(app, &bad));
	input_source_release(&bad);
	WAIT_FOR(has_been_said("1000 GiB") && ready());
	assert_int_equal(app->input.n_images, 2);
	assert_string_equal(app->result->input.source, "a.png");
	measure("0.5"); /* and it works as before */
	assert_string_equal(app->result->input.source, "a.png");
	expect_stored(2);
}

static void input_that_kills(void **state)
{
	struct input_source in = { 0 }, bad = { 0 };
	(void)state;
	enter_with_pictures(&in, (const char *const[]){ "die:load bomb.png", NULL });
	measure_base();
	input_source_add_image(&bad, "bomb.png");
	assert_true(app_set_input(app, &bad));
	input_source_release(&bad);
	WAIT_FOR(has_been_said("a new one runs") && ready());
	assert_int_equal(app->input.n_images, 2);
	assert_int_equal(asked("load bomb.png"), 1);
}

/* Another input while the first one still loads: only the last counts. */
static void input_while_loading(void **state)
{
	struct input_source in = { 0 }, other_input = { 0 };
	(void)state;
	enter_with_pictures(&in, (const char *const[]){ "slow:load a.png", NULL });
	WAIT_ASKED("load a.png", 1);
	input_source_add_image(&other_input, "c.png");
	assert_true(app_set_input(app, &other_input));
	input_source_release(&other_input);
	WAIT_FOR(ready());
	assert_string_equal(app->result->input.source, "c.png");
}

static int group_set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(first_is_the_base),
		CASE(estimate_then_result),
		CASE(coming_back_is_remembered),
		CASE(stops_can_be_kept),
		CASE(one_run_is_pinned),
		CASE(base_is_measured_after),
		CASE(hash_that_comes_late),
		CASE(setting_that_kills),
		CASE(base_that_kills),
		CASE(run_that_fails),
		CASE(message_of_another_setting),
		CASE(garbage),
		CASE(dies_while_loading),
		CASE(never_says_hello),
		CASE(idle_worker_dies),
		CASE(opened_while_the_worker_dies),
		CASE(opened_measures_nothing),
		CASE(opened_again),
		CASE(undo_and_redo),
		CASE(undo_from_an_old_run),
		CASE(locked_at_start),
		CASE(locked_at_the_end),
		CASE(locked_for_good),
		CASE(readonly),
		CASE(readonly_without_a_file),
		CASE(no_database),
		CASE(wedged),
		CASE(wedged_and_cancelled),
		CASE(wedged_load),
		CASE(leaving_a_wedged_worker),
		CASE(other_protocol),
		CASE(knob_the_model_lacks),
		CASE(coarse_scan_by_the_slider),
		CASE(lengths_and_thresholds_in_steps),
		CASE(cancelled_load),
		CASE(cancelled_run),
		CASE(paused),
		CASE(sweep_completes),
		CASE(sweep_of_nothing),
		CASE(sweep_of_two_knobs),
		CASE(sweep_cancelled),
		CASE(slider_moved_in_a_sweep),
		CASE(slider_moved_to_the_cell),
		CASE(cancelled_on_the_cell),
		CASE(looking_around_in_a_sweep),
		CASE(worker_dies_in_a_sweep),
		CASE(refused_in_a_sweep),
		CASE(paused_sweep),
		CASE(database_busy_in_a_sweep),
		CASE(another_model_ends_a_sweep),
		CASE(study_opens_its_model),
		CASE(study_whose_model_cannot_be_opened),
		CASE(study_has_its_session),
		CASE(study_row_fails_in_its_session),
		CASE(study_brings_its_text),
		CASE(study_asks_the_open_model),
		CASE(study_whose_text_cannot_be_read),
		CASE(study_ends_at_home),
		CASE(study_stopped_goes_home),
		CASE(study_stopped_while_it_loads),
		CASE(study_that_fails_goes_home),
		CASE(study_left_for_another_model),
		CASE(study_cancelled),
		CASE(setting_that_is_a_row),
		CASE(another_model),
		CASE(another_model_takes_its_time),
		CASE(another_model_that_is_none),
		CASE(message_of_another_model),
		CASE(knob_of_a_model_that_failed),
		CASE(another_model_that_kills),
		CASE(another_model_cancelled),
		CASE(model_after_a_broken_one),
		CASE(list_of_models),
		CASE(late_result),
		CASE(late_estimate),
		CASE(the_worst_picture_and_back),
		CASE(the_worst_of_a_dataset),
		CASE(the_worst_of_an_old_run),
		CASE(input_that_cannot_be_opened),
		CASE(input_that_kills),
		CASE(input_while_loading),
	};
	return cmocka_run_group_tests(tests, group_set_up, NULL);
}
