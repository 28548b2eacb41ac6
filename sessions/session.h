/*
 * Sessions as a reader sees them: rows of lists. Lists are paged by key, never by offset,
 * so that a million runs cost what fifty do: pass the last row's key to get the next
 * page.
 */
#ifndef SESSIONS_SESSION_H
#define SESSIONS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/knobs.h"
#include "base/uid.h"

struct store;

struct session_row {
	int64_t id;
	char uid[UID_SIZE];
	char name[96];
	int64_t created_ns, last_ns; /* last_ns: start of its latest run; 0: none */
	int64_t runs, trail; /* runs in it; of these stops of the slider not kept */
	char model[96];      /* of its latest run; "" */
};

struct run_row {
	int64_t id, session_id;
	char uid[UID_SIZE];
	int64_t started_ns;
	char model[96], device[16], state[8]; /* state: done, failed */
	char knobs[384];                      /* canonical */
	double keep, kept, cosine, p50_ns, min_ns, batch;
	bool trail;
	char error[160];
	double top1; /* accuracy against labels; NaN: none */
};

/* A done run as a point of a curve; not measured is NaN, a hash not known "". */
struct point_row {
	int64_t id, session_id, started_ns;
	struct knobs knobs;
	uint64_t knob_mask;
	double kept, cosine, p50_ns, lo_ns, hi_ns, flops, top1;
	char model_sha256[65], input_sha256[65], input_source[200], host[64];
};

/* Texts that do not fit are cut. */

/* Names are typed again on a command line and shown in lists: as they are, or not at all
 * (ERR_USAGE). */
enum err session_check_name(const char *name) MUST_CHECK;

/* Newest first. `before_ns`/`before_id` of the last row seen; 0, 0 for the first page. */
enum err session_page(struct store *, int64_t before_ns, int64_t before_id, int max,
		      struct session_row *rows, int *n) MUST_CHECK;
/* Runs of one session (0: of all), newest first; `trail` false leaves slider stops out.
 */
enum err session_run_page(struct store *, int64_t session_id, bool trail,
			  int64_t before_ns, int64_t before_id, int max,
			  struct run_row *rows, int *n) MUST_CHECK;

/*
 * The done runs of a model (by its name, or its hash where that is known) among the
 * `latest` runs of the whole store, at most `max`, in no order: what is read is bounded,
 * however much is stored.
 */
enum err session_points(struct store *, const char *model, const char *sha256, int latest,
			int max, struct point_row *rows, int *n) MUST_CHECK;

#endif
