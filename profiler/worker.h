/*
 * The worker process: reads commands from stdin, computes, writes events to stdout, until
 * stdin ends or `quit` comes. It owns all heavy memory and never touches terminal or
 * database.
 */
#ifndef PROFILER_WORKER_H
#define PROFILER_WORKER_H

#include "base/err.h"

/* Takes over fd 0 and 1; what libraries print goes to stderr. */
enum err worker_main(void) MUST_CHECK;

#endif
