/* What the controller keeps to itself: the worker, requests in flight, undo. */
#ifndef APP_PRIVATE_H
#define APP_PRIVATE_H

#include "app.h"
#include "base/sha256.h"
#include "profiler/handle.h"

#define UNDO_DEPTH 256
#define MEMORY_RUNS 256
#define MAX_WORKLOADS 64

/* What the running request is for. */
enum purpose { FOR_NOTHING, FOR_LOAD, FOR_SETTING, FOR_BASE, FOR_SWEEP };

enum cell_state { CELL_WAITING, CELL_KNOWN, CELL_MEASURED, CELL_FAILED };

/* A setting of a sweep. */
struct sweep_cell {
	struct knobs knobs;
	char *label, *model; /* model NULL: whichever is open */
	char *text;          /* that goes in; NULL: the user's, or none */
	int row;             /* of the study */
	enum cell_state state;
};

/* What the worker said of the present model and input at one batch, image size, length
 * and seed: their identity depends on these, and so does that of a run. */
struct workload {
	struct knobs knobs, asked; /* batch and length may come from the input */
	char model_sha256[SHA256_HEX], input_sha256[SHA256_HEX];
	double tokens;
};

struct app_private {
	struct handle worker;
	int64_t worker_start_ns;
	int deaths; /* of workers in quick succession */

	int64_t next_id, job_id, estimate_id;
	enum purpose purpose;
	struct knobs job_knobs; /* what the running request measures */
	double job_start_ns;
	bool loaded; /* weights are ready: runs may start */
	struct knobs
		refused; /* a setting that failed or was cancelled: not again by itself */
	bool has_refused;
	bool strange; /* the worker speaks another protocol */
	bool paused;
	int64_t due_ns; /* when a changed setting is measured; 0: nothing is due */

	struct input_source good_input; /* the last that was ready to run */
	bool has_good_input;
	struct input_source all_input; /* of which app->input is one picture */
	char *model_name;              /* what app->opt.model points to */
	char *good_model; /* the last name that could be opened; NULL: none yet */
	struct app_model_row *models; /* [n_models], as listed last */
	int n_models;

	struct sweep_cell *cells; /* [app->sweep.n] */
	int cell;                 /* the one at work; -1: none */
	int study;                /* whose rows the cells are; -1: of none */
	/* What was open, with which text, and where the sliders stood, when the study
	 * opened another model or text; home_model NULL: it did not. */
	char *home_model, *home_text;
	struct knobs home_knobs;
	double sweep_budget_s; /* of one cell; NaN: as of any other */
	double spent_s;        /* on `n_spent` cells */
	int n_spent;
	char problem[256]; /* of the last cell that failed */

	/* Knobs batch and seq that came from the input: what was asked for, and what it
	 * has. */
	struct {
		uint64_t mask;
		struct knobs asked, found;
	} derived;

	struct run *described; /* model and input as the worker loaded them */
	char *file_key;
	struct workload workloads[MAX_WORKLOADS]; /* [n_workloads], the oldest go */
	int n_workloads;

	struct knobs present; /* what the sliders stood at before an old run was opened */

	struct run
		*memory[MEMORY_RUNS]; /* this session's latest results, stored or not */
	int n_memory, next_memory;
	int64_t cancelled_id; /* its end is awaited; 0: none */
	int64_t patience_ns;  /* when waiting for it ends */

	struct run **queue; /* finished runs the database did not take yet */
	int n_queue;
	int64_t retry_ns; /* when to try again; 0: not waiting */
	int64_t open_ns;  /* when to try again to open a busy database; 0: not waiting */

	bool chose_knob;       /* the user did, not the model */
	bool branch_by_factor; /* mrss was off before downsample moved above 1 */

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

/* Loads app's model and input, by a new worker where none runs. */
void app_load(struct app *);

/* app_input.c */
/* What was measured and estimated is of the model or the input before: none of it is
 * shown or recalled until the next is loaded. */
void app_drop_results(struct app *);
void app_good_input(struct app *); /* app->input is ready to run */
/* Back to the input before one that cannot be opened; false: there was none. */
bool app_back_to_good_input(struct app *);

/* What holds for this model and input where nothing is said. */
struct knobs app_start_knobs(const char *model, const struct input_source *);
/* Model or input are others now: knobs that stand as `start` had them, or as the input
 * before had them, are as the new start has them. */
void app_change_workload(struct app *, const struct knobs *start);
/* Batch and length as the loaded input has them. */
void app_adopt_workload(struct app *);

/* Begins to measure; what runs must have been forgotten. */
void app_start_run(struct app *, enum purpose, const struct knobs *);

/* app_sweep.c */
/* Whether app_sweep_next() has something to do. */
bool app_sweep_is_due(const struct app *);
/* Starts the next cell, or settles those that are known; false: nothing to do. */
bool app_sweep_next(struct app *);
/* What runs next is a cell if the sweep waits for these knobs. */
void app_sweep_claim(struct app *, const struct knobs *);
/* The session that the cell at work belongs to; NULL: the user's. */
const char *app_sweep_session(const struct app *);
/* The cell at work has a result, or none for a reason. */
void app_sweep_measured(struct app *, const struct run *);
void app_sweep_failed(struct app *, const char *why);
/* The model that is being loaded cannot be: its cells fail. */
void app_sweep_model_failed(struct app *, const char *why);
/* No worker runs that could go on. */
void app_sweep_broken(struct app *);
/* Another model is asked for: the knobs are the user's again, whose model is not. */
void app_sweep_leave(struct app *);
void app_sweep_release(struct app *);

/* app_models.c */
void app_name_model(struct app *, const char *name);    /* app->opt.model becomes this */
void app_replace_model(struct app *, const char *name); /* a sweep goes on */
/* Back to the model before a name that cannot be opened; false: there was none. */
bool app_back_to_good_model(struct app *);

/* app_store.c */
void app_open_store(struct app *);
/* Takes it. It goes to the session that it names; where it names none, to the user's. */
void app_store_run(struct app *, struct run *);
bool app_store_retry(struct app *, bool now);
/* The cell of these knobs on what is loaded; false while a hash is not known. */
bool app_cell_of(struct app *, const struct knobs *, char cell[RUN_CELL_SIZE]);
/* Remembers a copy, whether or not it can be stored. */
void app_remember(struct app *, const struct run *);
/* A result of these knobs from this session; the caller frees. NULL: none. */
struct run *app_recall(struct app *, const struct knobs *);
/* The same from the session of that name alone: whoever filled it, whenever. */
struct run *app_recall_in(struct app *, const char *session, const struct knobs *);
/* Independent, by way of the one encoder and decoder; NULL (with a message) if it fails.
 */
struct run *app_copy_run(const struct run *);
/* Workloads: what was loaded is one; another model or input has none of them. */
void app_note_workload(struct app *);
void app_forget_workloads(struct app *);
/* The model's tokens are those at the sliders, whatever a sweep has loaded. */
void app_follow_workload(struct app *);
void app_offer_hash(struct app *);
void app_remember_hash(struct app *, const struct run *);

/* app.c and app_knobs.c */
/* True when this setting failed or was cancelled last: only `r` runs it again. */
bool app_is_refused(const struct app *, const struct knobs *);
/* Takes a stored run off the trail; says nothing, false with an error's message. */
bool app_keep_quietly(struct app *, int64_t run_id);
/* Every technique off, the same workload as the sliders'. */
bool app_is_present_base(const struct app *, const struct knobs *);
/* The same setting, whether or not "auto" was resolved. */
bool app_same_setting(const struct app *, const struct knobs *, const struct knobs *);
void app_refuse(struct app *, const struct knobs *);
/* The chosen knob is one that the model has: its first slider until the user chooses. */
void app_choose_knob(struct app *);
/* "threshold off,7,11,15": settings that show its range. */
void app_usual_thresholds(const struct app *, struct str *out);
/* False, and says why, where the model lacks the knob. */
bool app_has_knob(struct app *, enum knob_id);
void app_set_knobs(struct app *, const struct knobs *); /* a step that undo takes back */
void app_show_setting(struct app *); /* the knobs changed: recall, estimate, schedule */
void app_drop_opened(struct app *);  /* the knobs stay those of the old run */
bool app_is_base(const struct app *, const struct knobs *);

#endif
