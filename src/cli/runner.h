/*
 * Runs the cells of a sweep or a study through a worker, one at a time, and stores each
 * as a run of one session. What that session holds already is taken from there, so an
 * interrupted command goes on where it was.
 */
#ifndef CLI_RUNNER_H
#define CLI_RUNNER_H

#include "cli/options.h"
#include "profiler/run.h"

enum cell_state {
	CELL_WAITING,  /* not reached: cancelled before */
	CELL_MEASURED, /* now */
	CELL_STORED,   /* by an earlier command */
	CELL_FAILED
};

struct cell {
	const char *model;  /* as the user wrote it; borrowed */
	const char *text;   /* goes in with the options' input; borrowed. NULL: theirs */
	struct knobs knobs; /* the method is resolved */
	const char *label;  /* "keep=0.7 method=l2"; borrowed */

	enum cell_state state;
	/* Owned. Of a failed cell: what is known of it, with its error. NULL: waiting. */
	struct run *run;
};

struct runner {
	const struct options *o;
	const char *session; /* NULL: a new one */
	double budget_s;     /* of a cell where --budget is not given; NaN: the default */
	struct cell *cells;
	int n;
	const int *order; /* [n]: in which order to measure */
	/* Called once per cell that is not waiting, in the order of `cells` whatever the
	 * order of measuring; an error ends it all. NULL: nobody listens. */
	enum err (*on_cell)(void *ctx, const struct cell *);
	void *ctx;

	char session_name[96]; /* "": nothing was stored */
	int measured, stored, failed;
};

/*
 * OK; ERR_CANCELLED, and the message says how to go on; another error when a cell failed
 * (the message says how many; each was reported on stderr) or when nothing can be run or
 * stored at all.
 */
enum err runner_run(struct runner *) MUST_CHECK;

/* Frees the runs of the cells, which the caller owns. */
void runner_release(struct runner *);

/* Whether a cell's weights are random: its fidelity is marked so. */
bool runner_is_random(const struct runner *);

/* Below a table: where the runs are, and which machine they are of. */
void runner_print_end(const struct runner *);

#endif
