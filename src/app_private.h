/* What the controller keeps to itself: the worker, requests in flight, undo. */
#ifndef APP_PRIVATE_H
#define APP_PRIVATE_H

#include "app.h"
#include "profiler/handle.h"

#define UNDO_DEPTH 256

/* What the running request is for. */
enum purpose { FOR_NOTHING, FOR_LOAD, FOR_SETTING, FOR_BASE };

struct app_private {
	struct handle worker;
	int64_t worker_start_ns;
	int deaths; /* of workers in quick succession */

	int64_t next_id, job_id, estimate_id;
	enum purpose purpose;
	struct knobs job_knobs; /* what the running request measures */
	double job_start_ns;
	bool loaded;      /* weights are ready: runs may start */
	bool failed_here; /* the knobs as they stand failed: not again by itself */
	bool paused;
	int64_t due_ns; /* when a changed setting is measured; 0: nothing is due */

	struct run *described; /* model and input as the worker loaded them */
	char *file_key;

	struct knobs present; /* what the sliders stood at before an old run was opened */

	struct run **queue; /* finished runs the database did not take yet */
	int n_queue;
	int64_t retry_ns; /* when to try again; 0: not waiting */
	int64_t open_ns;  /* when to try again to open a busy database; 0: not waiting */

	struct knobs undo[UNDO_DEPTH];
	int n_undo, at_undo; /* undo[at_undo] is the present */
};

/* app_worker.c */
enum err app_start_worker(struct app *) MUST_CHECK;
void app_ask_estimate(struct app *);
void app_cancel_load(struct app *); /* its answer is an error, after the op at work */
void app_forget_job(struct app *);  /* tells the worker that nobody waits any more */
bool app_pump(struct app *);      /* reads the worker; true: something visible changed */
bool app_start_due(struct app *); /* starts what is due */

/* app_store.c */
void app_open_store(struct app *);
void app_store_run(struct app *, struct run *); /* takes it */
bool app_store_retry(struct app *, bool now);
/* A stored or queued result of these knobs in this session; the caller frees. NULL: none.
 */
struct run *app_recall(struct app *, const struct knobs *);
/* Independent, by way of the one encoder and decoder; NULL (with a message) if it fails.
 */
struct run *app_copy_run(const struct run *);
void app_offer_hash(struct app *);
void app_remember_hash(struct app *, const struct run *);

/* app.c */
void app_show_setting(struct app *); /* the knobs changed: recall, estimate, schedule */
void app_drop_opened(struct app *);  /* the knobs stay those of the old run */
bool app_is_base(const struct app *, const struct knobs *);

#endif
