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

/* Sliders the screen shows, in order: keep, downsample, threshold, then others. */
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

void app_measure_again(struct app *);  /* r */
void app_cancel(struct app *);         /* stops what runs; nothing is stored */
void app_pause(struct app *, bool on); /* no new measurements start */
bool app_is_paused(const struct app *);
void app_keep_stop(struct app *); /* m: the shown run leaves the trail */

/* b: the shown run is what others are compared with; the same once more: none is. */
void app_pin(struct app *);

void app_keep_run(struct app *, int64_t run_id); /* the same for a stored run of a list */

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
