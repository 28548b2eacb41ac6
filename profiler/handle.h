/*
 * A worker as the front sees it: a child process and its three pipes. Nothing here waits
 * but handle_stop(). A worker that dies is an event like any other.
 */
#ifndef PROFILER_HANDLE_H
#define PROFILER_HANDLE_H

#include <poll.h>
#include <sys/types.h>

#include "base/lines.h"
#include "profiler/protocol.h"

struct handle {
	pid_t pid;         /* 0: not running */
	int to, from, err; /* pipes; -1: closed */
	struct line_reader events, errors;
	struct str queue;     /* commands the pipe would not take yet */
	char last_words[256]; /* the last line it wrote to stderr */
};

/*
 * Starts `command` (a shell command line) or, with NULL, this program as `sparsetop
 * worker`, in a process group of its own so that keys of the terminal do not reach it.
 */
enum err handle_start(struct handle *, const char *command) MUST_CHECK;

/* Closes its stdin, then SIGTERM, then SIGKILL, within `patience_ms`; reaps it. */
void handle_stop(struct handle *, int patience_ms);

enum err handle_send(struct handle *, const struct command *) MUST_CHECK;

/* What to poll for: up to 3 entries. */
int handle_fds(const struct handle *, struct pollfd *fds);

/* Reads and writes what is possible now. */
enum err handle_pump(struct handle *) MUST_CHECK;

/*
 * The next event; false: none yet. A line that is not of the protocol is ERR_WORKER in
 * *e.
 */
bool handle_next(struct handle *, struct event *, enum err *e);

/*
 * True once the worker has ended and all it said was read; then reaps it and fills `why`
 * with what happened in words ("the worker was killed (signal 9; out of memory?)").
 */
bool handle_ended(struct handle *, char *why, size_t size);

#endif
