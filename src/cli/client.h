/*
 * A worker for a command: one request at a time, waited for, with progress on stderr when
 * that is a terminal. ^C cancels.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <signal.h>

#include "cli/options.h"
#include "profiler/handle.h"

struct client {
	struct handle worker;
	struct store *store; /* or NULL: for hashes known from earlier; borrowed */
	struct event hello;  /* what the worker said first */
	uint64_t given;      /* KNOB_BITs that the user set */
	int64_t next_id;
	sigset_t while_waiting; /* signals blocked while it waits: not ^C */
	int64_t hello_by_ns; /* a worker that says nothing until then is none; 0: it has
			      */
	bool loaded;         /* the request got as far as a loaded model */
	struct run
		*described; /* model and input as loaded; for a run that failed later */
	char *file_key;     /* of its weights, or NULL */
	char prefix[64];    /* what a line of progress begins with */
};

enum err client_start(struct client *, const struct options *, struct store *) MUST_CHECK;
void client_stop(struct client *);

/*
 * Opens model and input of specs[0] and waits until they are described, with the model's
 * hash where the worker or the store knows it; not until its weights are ready.
 */
enum err client_load(struct client *, struct command *) MUST_CHECK;

/* Sends the run and waits; out[n_specs] are the caller's, each with a uid and the time it
 * ended. The worker's own errors come
 * back as they are, ERR_WORKER when it died. */
enum err client_run(struct client *, struct command *, struct run **out) MUST_CHECK;

#endif
