/* How a raw sequence goes on, row by row, off the clock of the measurement. */
#ifndef PROFILER_STEPS_H
#define PROFILER_STEPS_H

#include "profiler/run.h"
#include "profiler/setting.h"

#define STEPS 8

/*
 * Of a model of raw sequences that can be asked row by row, with a batch of one: one pass
 * more that leaves its state behind, then some steps, each timed: the length, the median
 * of a step and the bytes of the state after the sequence to run->generated. Nothing for
 * any other. ERR_NOMEM, ERR_CANCELLED.
 */
enum err steps_report(struct setting *, struct run *) MUST_CHECK;

#endif
