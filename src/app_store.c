/* The controller and the database: nothing here waits, nothing that was measured is lost.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app_private.h"
#include "base/clock.h"
#include "base/str.h"

#define RETRY_NS 500000000

void app_open_store(struct app *app)
{
	const struct store_options o = {
		.path = app->opt.db,
		.readonly = app->opt.readonly,
		.busy_ms = 0,
	};
	enum err e = store_open(&o, &app->store);
	app->private->open_ns = 0;
	if (e) {
		app->store = NULL;
		if (e ==
		    ERR_BUSY) /* another program is writing: runs wait in the queue */
			app->private->open_ns = clock_now_ns() + RETRY_NS;
		app_say(app, e == ERR_BUSY ? APP_WARNING : APP_ERROR,
			e == ERR_BUSY ? "%s; trying again"
				      : "no database, runs are not stored: %s",
			err_message());
		return;
	}
	if (store_notice(app->store))
		app_say(app, APP_WARNING, "%s", store_notice(app->store));
}

static bool can_store(const struct app *app)
{
	return app->store && !app->opt.readonly && !store_is_readonly(app->store);
}

/* It can, or it will once the database is free. */
static bool will_store(const struct app *app)
{
	return can_store(app) || (app->private->open_ns && !app->opt.readonly);
}

/* A row of a study names its session already: that of the study, as the command line's.
 */
static enum err put_in_its_session(struct app *app, struct run *run)
{
	int64_t id;
	char uid[UID_SIZE];
	enum err e = store_session(app->store, run->session, &id, uid);
	return e ? e : store_put(app->store, id, run);
}

static enum err put(struct app *app, struct run *run)
{
	enum err e = OK;
	if (run->session)
		return put_in_its_session(app, run);
	if (!app->session_id)
		e = store_session(app->store, app->opt.session, &app->session_id,
				  app->session_uid);
	if (e)
		return e;
	e = store_put(app->store, app->session_id, run);
	if (!e && run->session)
		snprintf(app->session_name, sizeof(app->session_name), "%s",
			 run->session);
	return e;
}

/* A stored run may be on the screen: it learns its number. */
static void mark_stored(struct app *app, const struct run *run)
{
	struct app_private *p = app->private;
	struct run *const shown[] = { app->result, app->base, app->pinned };
	for (int i = 0; i < 3; i++)
		if (shown[i] && !strcmp(shown[i]->uid, run->uid))
			shown[i]->id = run->id;
	for (int i = 0; i < p->n_memory; i++)
		if (!strcmp(p->memory[i]->uid, run->uid))
			p->memory[i]->id = run->id;
	if (app->result && app->result->id)
		app->result_stored = true;
}

static void take_first(struct app *app)
{
	struct app_private *p = app->private;
	run_free(p->queue[0]);
	memmove(p->queue, p->queue + 1, sizeof(*p->queue) * (size_t)(p->n_queue - 1));
	p->n_queue--;
	app->unstored = p->n_queue;
	app->revision++;
}

static void say_not_stored(struct app *app, enum err e)
{
	if (e == ERR_BUSY)
		app_say(app, APP_WARNING,
			"the database is busy: %d run(s) wait to be stored",
			app->private->n_queue);
	else
		app_say(app, APP_ERROR, "%d run(s) not stored yet, trying again: %s",
			app->private->n_queue, err_message());
}

/* Time, or somebody who makes room, can help; anything else would block the queue for
 * ever. */
static bool worth_waiting(enum err e)
{
	return e == ERR_BUSY || e == ERR_FULL || e == ERR_IO || e == ERR_NOMEM;
}

int app_flush(struct app *app, int wait_ms)
{
	struct app_private *p = app->private;
	int64_t end = clock_now_ns() + (int64_t)wait_ms * 1000000;
	for (;;) {
		app_store_retry(app, true);
		if (!p->n_queue || clock_now_ns() >= end)
			return p->n_queue;
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	}
}

bool app_store_retry(struct app *app, bool now)
{
	struct app_private *p = app->private;
	bool waited = p->retry_ns != 0, changed = false;
	if (p->open_ns && (now || clock_now_ns() >= p->open_ns))
		app_open_store(app);
	if (!p->n_queue || !can_store(app) || (!now && clock_now_ns() < p->retry_ns))
		return false;
	p->retry_ns = 0;
	while (p->n_queue) {
		enum err e = put(app, p->queue[0]);
		if (e && worth_waiting(e)) {
			p->retry_ns = clock_now_ns() + RETRY_NS;
			say_not_stored(app, e);
			return true;
		}
		if (e)
			app_say(app, APP_ERROR, "a run is not stored: %s", err_message());
		else
			mark_stored(app, p->queue[0]);
		take_first(app);
		changed = true;
	}
	if (waited)
		app_say(app, APP_INFO, "stored");
	return changed;
}

void app_store_run(struct app *app, struct run *run)
{
	struct app_private *p = app->private;
	if (!will_store(app)) {
		run_free(run);
		return;
	}
	p->queue = mem_grow(p->queue, (size_t)p->n_queue + 1, sizeof(*p->queue));
	p->queue[p->n_queue++] = run;
	app->unstored = p->n_queue;
	app_store_retry(app, true);
}

struct run *app_copy_run(const struct run *run)
{
	struct run *copy;
	json_t *json = run_to_json(run);
	if (run_from_json(json, "run", &copy))
		copy = NULL;
	json_decref(json);
	if (copy) { /* what the object does not carry */
		copy->id = run->id;
		copy->trail = run->trail;
		copy->ended_ns = run->ended_ns;
	}
	return copy;
}

/* The workload of these knobs that was loaded, or NULL. */
static struct workload *find_workload(struct app_private *p, const struct knobs *k)
{
	const uint64_t shape = KNOB_BIT(KNOB_BATCH) | KNOB_BIT(KNOB_IMAGE_SIZE) |
			       KNOB_BIT(KNOB_SEQ) | KNOB_BIT(KNOB_SEED);
	for (int i = 0; i < p->n_workloads; i++)
		if (knobs_equal(&p->workloads[i].knobs, k, shape) ||
		    knobs_equal(&p->workloads[i].asked, k, shape))
			return &p->workloads[i];
	return NULL;
}

void app_forget_workloads(struct app *app) { app->private->n_workloads = 0; }

void app_note_workload(struct app *app)
{
	struct app_private *p = app->private;
	const struct run *run = p->described;
	struct workload *w = find_workload(p, &run->knobs);
	if (!run->input.sha256)
		return;
	if (!w && p->n_workloads == MAX_WORKLOADS)
		memmove(p->workloads, p->workloads + 1,
			sizeof(*w) * (size_t)--p->n_workloads);
	if (!w)
		w = &p->workloads[p->n_workloads++];
	*w = (struct workload){ .knobs = run->knobs,
				.asked = p->job_knobs,
				.tokens = run->input.tokens };
	snprintf(w->input_sha256, sizeof(w->input_sha256), "%s", run->input.sha256);
	if (run->model.random_weights && run->model.sha256) /* a file is one for all */
		snprintf(w->model_sha256, sizeof(w->model_sha256), "%s",
			 run->model.sha256);
}

void app_follow_workload(struct app *app)
{
	const struct workload *w = find_workload(app->private, &app->knobs);
	if (w && !isnan(w->tokens))
		app->model.tokens = (int64_t)w->tokens;
}

bool app_cell_of(struct app *app, const struct knobs *k, char cell[RUN_CELL_SIZE])
{
	struct run *run = app->private->described;
	if (!run)
		return false;
	struct run view = *run; /* borrows everything */
	const struct workload *w = find_workload(app->private, k);
	view.knobs = *k;
	knobs_resolve_method(&view.knobs);
	if (w) {
		view.knobs.v[KNOB_BATCH] = w->knobs.v[KNOB_BATCH];
		view.knobs.v[KNOB_SEQ] = w->knobs.v[KNOB_SEQ];
		view.input.sha256 = w->input_sha256;
		view.input.tokens = w->tokens;
	}
	if (w && w->model_sha256[0])
		view.model.sha256 = w->model_sha256;
	return run_cell(&view, cell);
}

void app_remember(struct app *app, const struct run *run)
{
	struct app_private *p = app->private;
	struct run *copy = app_copy_run(run);
	if (!copy)
		return;
	run_free(p->memory[p->next_memory]);
	p->memory[p->next_memory] = copy;
	p->next_memory = (p->next_memory + 1) % MEMORY_RUNS;
	p->n_memory += p->n_memory < MEMORY_RUNS;
}

/* The latest that is remembered of this cell; session NULL: of any. */
static struct run *recall_memory(struct app *app, const char *cell, const char *session)
{
	struct app_private *p = app->private;
	char other[RUN_CELL_SIZE];
	for (int i = 0; i < p->n_memory; i++) { /* newest first */
		int at = (p->next_memory - 1 - i + MEMORY_RUNS) % MEMORY_RUNS;
		struct run *run = p->memory[at];
		if (session && !str_equal(run->session, session))
			continue;
		if (run_cell(run, other) && !strcmp(cell, other))
			return app_copy_run(run);
	}
	return NULL;
}

static struct run *recall_stored(struct app *app, const char *cell, int64_t session_id)
{
	int64_t id = 0;
	struct run *run = NULL;
	if (!app->store || !session_id ||
	    store_find_cell(app->store, cell, session_id, &id) || !id ||
	    store_get(app->store, id, &run))
		return NULL;
	return run;
}

struct run *app_recall(struct app *app, const struct knobs *k)
{
	char cell[RUN_CELL_SIZE];
	if (!app_cell_of(app, k, cell))
		return NULL;
	struct run *run = recall_memory(app, cell, NULL);
	return run ? run : recall_stored(app, cell, app->session_id);
}

struct run *app_recall_in(struct app *app, const char *session, const struct knobs *k)
{
	int64_t id = 0;
	char cell[RUN_CELL_SIZE], uid[UID_SIZE];
	if (!app_cell_of(app, k, cell))
		return NULL;
	struct run *run = recall_memory(app, cell, session);
	/* What cannot be looked up is measured. */
	if (run || !can_store(app) || store_session(app->store, session, &id, uid))
		return run;
	return recall_stored(app, cell, id);
}

void app_offer_hash(struct app *app)
{
	struct app_private *p = app->private;
	char hex[65];
	if (!app->store || !p->file_key ||
	    store_file_hash_get(app->store, p->file_key, hex) || !hex[0])
		return;
	p->described->model.sha256 = run_str(p->described, hex);
	struct command know = { .type = COMMAND_HASH, .id = p->job_id };
	know.key = str_dup(p->file_key);
	know.sha256 = str_dup(hex);
	if (handle_send(&p->worker, &know))
		app_say(app, APP_ERROR, "%s", err_message());
	command_release(&know);
}

void app_remember_hash(struct app *app, const struct run *run)
{
	struct app_private *p = app->private;
	if (!p->described || !run->model.sha256 || p->described->model.sha256)
		return;
	p->described->model.sha256 = run_str(p->described, run->model.sha256);
	/* A cache that cannot be written costs a second next time, and no run. */
	if (can_store(app) && p->file_key &&
	    store_file_hash_put(app->store, p->file_key, run->model.sha256))
		return;
}
