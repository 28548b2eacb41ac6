/*
 * The controller: what the front knows and does, without a screen. It owns the knobs, the
 * worker and the open session; views read the fields of struct app and ask for changes
 * through the functions below. Single-threaded, and nothing in it waits: the owner of the
 * event loop polls app_fds() and calls app_handle() when something is ready or
 * app_timeout_ms() is over.
 */
#ifndef APP_H
#define APP_H

#include <poll.h>

#include "models/input_source.h"
#include "profiler/run.h"
#include "sessions/store.h"

struct app_options {
	const char *model;                /* as the user wrote it */
	const struct input_source *input; /* NULL: the built-in scene */
	struct knobs knobs;
	const char *db;         /* NULL: the default */
	const char *session;    /* name to append to; NULL: a new session */
	const char *worker;     /* command that starts a worker; NULL: this program */
	double budget_s, noise; /* NaN: defaults */
	double samples, warmup; /* NaN: defaults */
	bool readonly;          /* store nothing */
	/* How long a cancel may go unanswered before the worker is replaced; 0: 2 s. */
	double patience_s;
};

enum app_phase {
	APP_STARTING, /* the worker has not said hello */
	APP_LOADING,  /* reading the model; progress tells how far */
	APP_IDLE,     /* nothing runs */
	APP_RUNNING,  /* measuring the knobs as they are (or the base) */
	APP_BROKEN    /* no model: the message says why; another can be chosen */
};

/* How far the worker is; total 0: unknown. */
struct app_progress {
	char what[32]; /* "reading weights", "warming up", "measuring", "hashing" */
	double done, total;
};

/* What `loaded` said of the model. */
struct app_model {
	char name[128], family[32], format[32];
	double params, bytes;
	bool random_weights;
	uint64_t knob_mask;
	char *why_not[KNOB_COUNT]; /* for knobs outside the mask: why, in words */
	int64_t tokens; /* prunable tokens of an item at keep 1 (CLS not counted) */
	int patches_per_token; /* of these so many go or stay together: 1, or 4 of a
				  2 x 2 merger */
	/* The preprocessed picture, RGB8; NULL while there is none. */
	uint8_t *picture;
	int picture_width, picture_height;
};

/* The samples of the measurement that is running, as they come. */
struct app_live {
	double *samples_ns; /* uninstrumented passes */
	int n, cap;
	int64_t summed_ns;           /* when the following were computed */
	double p50_ns, lo_ns, hi_ns; /* median and its 95 % interval; NaN: too few */
};

/*
 * A sweep: settings that are measured one after another in the background, each stored as
 * a run of the session. The sliders come first: a setting they are moved to is measured
 * before the next cell (and instead of the one at work, which is measured later).
 */
struct app_sweep {
	char title[64];    /* "sweep of keep", "study vtp"; "": there was none yet */
	bool running;      /* some cells are still to be measured */
	unsigned serial;   /* grows with each start */
	enum knob_id knob; /* the first number it goes through; KNOB_COUNT: none */
	int n, done;       /* cells; those that are measured, known or failed */
	int known, failed;
	int row;          /* of the study: the cell at work; -1: none */
	bool measuring;   /* what runs now is a cell, not the knobs as they stand */
	double cell_s;    /* a cell takes so long, mean of those so far; NaN */
	int64_t begin_ns; /* of the cell at work */
};

/* One measured setting on a curve over a knob. Not measured is NaN. */
struct app_point {
	double x;       /* the knob's value */
	int64_t run_id; /* 0: not stored */
	bool here;      /* measured in this session */
	bool base;      /* every technique off */
	double p50_ns, lo_ns, hi_ns, cosine, top1, flops, kept, started_ns;
};

/*
 * Where a technique stops paying: the value between two measured points, by medians on
 * the way from its strongest setting to the base. Several crossings are noise, or a
 * cliff: the first is given, and how many there are.
 */
enum app_break_kind { BREAK_UNKNOWN, BREAK_AT, BREAK_ALWAYS, BREAK_NEVER };
struct app_break {
	enum app_break_kind kind;
	double x;
	int crossings;
	bool noisy; /* on one side of x the interval reaches into the base's */
};

/* Measured settings that differ in one knob; all others are as they stand. */
struct app_curve {
	enum knob_id knob;
	struct app_point *points; /* [n], by x; one for each setting, the latest of this
				     session if there is one */
	int n;
	struct app_point base; /* its p50_ns is NaN: none */
	struct app_break breaks;
	bool busy;         /* the database was: stored points are missing */
	char problem[256]; /* why it could not be read; "" */
};

/* A setting that was measured, of whichever model. Not known is NaN. */
struct app_setting {
	char model[96];
	struct knobs knobs;
	uint64_t knob_mask;
	int64_t run_id; /* 0: not stored */
	double tokens;  /* of an item */
	double p50_ns, lo_ns, hi_ns, flops, started_ns;
};

/* A study: a published experiment, row by row. Texts may be NULL; live with the app. */
struct app_study {
	const char *name, *title, *model;
	int n_rows, n_columns;
	int n_done, n_failed; /* rows that this session has measured, or could not */
	bool running;
};

struct app_study_row {
	const char *label, *note;
	const char *why;       /* why it failed; NULL: it did not */
	const struct run *run; /* as measured; NULL: not yet */
	bool now;              /* it is being measured */
	int against;           /* the row that its ratios are to; its own index: none */
};

/* One figure of a row: NaN where it is not known, or a ratio says nothing. */
struct app_study_figure {
	double published, measured, published_ratio, measured_ratio;
};

struct app_study_column {
	const char *label, *help;
	bool has_ratio, is_published;
};

/* A model that can be opened by its name; what looking at it told. */
struct app_model_row {
	char name[128], kind[8]; /* kind: "preset", "cache", "open" (by a path) */
	char help[200];          /* a phrase, or where it is */
	bool looked;             /* false: nothing below is known yet */
	char problem[300];       /* why it cannot be opened; "" */
	char family[32], format[32];
	double params, bytes; /* NaN: unknown */
	bool random_weights;
	uint64_t knob_mask;
};

enum app_severity { APP_INFO, APP_WARNING, APP_ERROR };

struct app {
	struct app_options opt;
	struct input_source input; /* what goes in now */
	bool one_picture;          /* the worst of several is looked at alone */
	enum app_phase phase;
	struct app_progress progress;
	struct app_model model;
	bool has_model;

	struct knobs knobs; /* as the sliders stand */
	enum knob_id knob;  /* the slider that [ and ] move */

	/* For the knobs as they stand; either may be NULL. A view shows `result` if it is
	 * there and `estimate`, dimmed, if not. */
	struct run *estimate, *result;
	bool result_fresh; /* measured just now; else from the store, its age matters */
	bool result_stored;
	struct app_live live;
	bool measuring_base; /* what runs now is the base, not the knobs as they stand */
	struct app_sweep sweep;
	struct app_studies *studies; /* see app_studies() */

	struct run *base;      /* the latest base run of this workload; NULL: none yet */
	struct run *opened;    /* an old run the user looks at instead; NULL: none */
	struct run *pinned;    /* a copy of the run that others are compared with; NULL:
				  none */
	double estimate_error; /* estimated / measured time of the current setting - 1;
				  NaN */

	struct store *store; /* NULL: could not be opened; the message said why */
	int64_t session_id;  /* 0: none */
	char session_uid[UID_SIZE];
	char session_name[96]; /* "": no run is stored yet */
	int unstored; /* finished runs that wait for the database or for the model's hash
		       */
	uint64_t revision; /* grows whenever anything stored changed: lists read again */

	char message[512]; /* the last thing to tell the user; "" */
	enum app_severity severity;
	int64_t message_ns;

	char worker_devices[256]; /* what `hello` said, for people */
	int64_t key_ns,
		estimate_ns; /* of the last knob change and its estimate: latency */

	struct app_private *private;
};

/* Starts the worker and begins to load the model; returns at once. Borrows the options.
 */
enum err app_create(const struct app_options *, struct app **out) MUST_CHECK;
/*
 * Before the end, off the screen: tries to store what waits for a busy database for up to
 * wait_ms. Returns how many runs are lost for good; app->message says why.
 */
int app_flush(struct app *, int wait_ms);
void app_free(struct app *); /* ends the worker */

int app_fds(const struct app *, struct pollfd *fds,
	    int max); /* fills; returns how many */
int app_timeout_ms(
	const struct app *); /* until app_handle wants to be called; -1: never */
/* Reads what is there and does what is due; true when something visible changed. */
bool app_handle(struct app *);

/* Knobs. A step that leaves the range stops at its end. Each returns false when it
 * changes nothing; a knob the model lacks sets the message to the reason. */
bool app_knob_select(struct app *, int direction);         /* +1 next, -1 previous */
bool app_knob_step(struct app *, enum knob_id, int steps); /* keep: one token a step */
bool app_knob_step_large(struct app *, enum knob_id, int steps); /* keep: 10 % */
bool app_knob_set_fraction(struct app *, enum knob_id,
			   double at); /* mouse: 0..1 of the slider */
bool app_knob_set(struct app *, enum knob_id, const char *text);
bool app_undo(struct app *);
bool app_redo(struct app *);

/* Tokens of the open model that stay at a share: whole units of patches_per_token. */
int64_t app_kept(const struct app *, double keep);

/* Sliders the screen shows: those of the amounts that the model has, and what it lacks
 * only where there would be fewer than three. */
int app_sliders(const struct app *, enum knob_id *ids, int max);
/* NULL when the model has this knob, else why not (one line). */
const char *app_knob_why_not(const struct app *, enum knob_id);
/* Where the slider stands, 0..1; and its value for people ("0.65", "off"). */
double app_knob_fraction(const struct app *, enum knob_id);

/*
 * Other input for this model: loads it in the background and measures; the knobs stay.
 * What cannot be opened is said so and leaves the input before in use. False: it is what
 * goes in already, or makes no sense (the message says why).
 */
bool app_set_input(struct app *, const struct input_source *);
/* The picture with the lowest cosine of the shown run alone, and back to all of them. */
bool app_open_worst(struct app *);
bool app_close_worst(struct app *);
/*
 * Another model in place of this one: loads it in the background; the knobs stay where it
 * has them, the session goes on. A model that cannot be opened is said so and leaves the
 * one before in use; where there is none, the phase is APP_BROKEN and another can be
 * chosen. False: it is open already.
 */
bool app_open_model(struct app *, const char *name);
/*
 * Models there are: presets, this machine's hub cache (unless the worker is on another),
 * and the open one. `again`: looks for them once more, a few stats; else the list as it
 * was made last, and still is. Returns how many.
 */
int app_list_models(struct app *, bool again, const struct app_model_row **rows);
/* Fills in a row of that list: opens the model's header, milliseconds. */
void app_look_at_model(struct app *, int row);
/* The row of that list that is open now; -1: none. */
int app_open_model_row(const struct app *);

void app_measure_again(struct app *);  /* r */
void app_cancel(struct app *);         /* stops what runs; nothing is stored */
void app_pause(struct app *, bool on); /* no new measurements start */
bool app_is_paused(const struct app *);
void app_keep_stop(struct app *); /* m: the shown run leaves the trail */

/* b: the shown run is what others are compared with; the same once more: none is. */
void app_pin(struct app *);

void app_keep_run(struct app *, int64_t run_id); /* the same for a stored run of a list */

/*
 * Sweeps. `text` is knobs and lists: "keep 1,.9,.7 method l2,knorm"; lists as plan_add()
 * takes them; the other knobs stay as they stand. What this session knows is not measured
 * again, so that the same sweep goes on where one was stopped. False: the message says
 * what is wrong.
 */
bool app_sweep_start(struct app *, const char *text);
void app_sweep_stop(struct app *); /* what is done stays */
/* A sensible text for the chosen knob. The caller frees. */
char *app_sweep_suggestion(const struct app *);

/*
 * Studies: the built-in ones. Starting one opens its model where another is open, and
 * measures its rows as a sweep does; the sliders stay where they are as long as the model
 * does. When it ends or is stopped, the user's model and knobs come back. Its runs go to
 * a session named after it.
 */
int app_studies(struct app *, const struct app_study **list);
bool app_study_start(struct app *, const char *name);
struct app_study_row app_study_row(const struct app *, int study, int row);
struct app_study_column app_study_column(const struct app *, int study, int column);
struct app_study_figure app_study_figure(const struct app *, int study, int row,
					 int column);
/* A figure for people; "--" for NaN. */
const char *app_study_text(const struct app *, int study, int column, double value,
			   char *buf, size_t size);
/* What stands below the table, a paragraph a line: hardware, slopes, claims. */
void app_study_notes(const struct app *, int study, struct str *out);

/*
 * The curve over a knob that is a number, for the open model and input: from this
 * session's memory and from the latest runs of the store on this machine. Estimates are
 * never part of it. Release it, whatever happened.
 */
void app_curve_read(struct app *, enum knob_id, struct app_curve *out);
void app_curve_release(struct app_curve *);

/*
 * What this session has measured, its studies included: each setting of each model once,
 * the latest, in no order. The caller frees.
 */
struct app_setting *app_measured(struct app *, int *n);

/* Old runs. Opening one shows it and sets the knobs to its own without measuring. */
void app_open_run(struct app *, int64_t run_id);
void app_close_run(struct app *); /* back to the present */

/* The run the screen is about: opened, else result, else estimate; NULL: nothing yet. */
const struct run *app_shown(const struct app *);

/* Speed-up of a run over the base (>1 is faster), FLOPs ratio base / run; NaN: unknown.
 */
double app_speedup(const struct app *, const struct run *);
double app_flops_ratio(const struct app *, const struct run *);

/* "sparsetop run -m ... --keep 0.65": what reproduces the screen. The caller frees. */
char *app_command_line(const struct app *);

/* What a reduction method is and asks for, in words; "" where it does not say. */
struct app_card {
	const char *name, *help;
	const char *cost, *source; /* "N D"; who proposed it */
	char needs[64];            /* "tokens, keys" */
	const char *attention;     /* whether a fused attention can stay */
	char where[96];            /* "at the embedding; any layer (--prune-at)" */
};
/* False: no method has this name. */
bool app_method_card(const char *method, struct app_card *);
/* The cards in the order of the registry; false at its end. */
bool app_method_card_at(int i, struct app_card *);

void app_say(struct app *, enum app_severity, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
