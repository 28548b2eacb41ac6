/* How a prompt goes on: a few greedy tokens, off the clock of the measurement. */
#ifndef PROFILER_GENERATE_H
#define PROFILER_GENERATE_H

#include "models/prompt.h"
#include "profiler/run.h"
#include "profiler/setting.h"

#define GENERATE_TOKENS 8

/*
 * run->generated: the length of the prompt of this setting's last pass, and with a batch
 * of one what the model says next: one pass more, then token by token with keys and
 * values (or states) kept, each step timed. Nothing for a model that has no such thing.
 * ERR_NOMEM, ERR_CANCELLED.
 */
enum err generate_report(struct setting *, const struct prompt *,
			 struct run *) MUST_CHECK;

#endif
