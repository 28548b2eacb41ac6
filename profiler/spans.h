/*
 * Spans: the tracer behind the layer tree. It learns the tree in its first pass and
 * records every later one into the same rows; a pass that takes another path is an error
 * of ours. What opens again by the same path adds to its row (`calls`); m, n and k are
 * those of its first call.
 *
 * In a *counting* tracer (dry passes) no clock is read. Otherwise every edge of a span
 * reads the clock, the CPU clocks of the pool's threads and getrusage: about a
 * microsecond, whose sum is reported as the overhead ratio.
 */
#ifndef PROFILER_SPANS_H
#define PROFILER_SPANS_H

#include "base/pool.h"
#include "kernels/op.h"
#include "profiler/run.h"

struct spans {
	struct tracer tracer; /* hand &spans.tracer to a pass */
	struct span *nodes;
	int n, cap;
	int *opens; /* [n_opens]: rows in the order in which they open */
	int n_opens, cap_opens;
	int current, next; /* open span, -1: none; which of `opens` comes next */
	bool learnt, astray;
	const struct pool *pool; /* NULL: counting */
	struct span_pass *passes;
	int n_passes, cap_passes;
};

void spans_init(struct spans *, const struct pool *);
void spans_release(struct spans *);

/* Around each pass; end returns false (and forgets the pass) when it broke off or
 * strayed. */
void spans_begin(struct spans *);
bool spans_end(struct spans *, bool complete);
/* Wall time of the last complete pass: the sum over top-level spans is less than this. */
double spans_last_ns(const struct spans *);

/*
 * Fills the run's layers, FLOPs, bytes and tokens per layer. Timed rows are means over
 * the passes in the middle half by total time, so that the tree adds up: a parent is its
 * children plus its own. A counting tracer leaves times not measured.
 */
void spans_report(const struct spans *, struct run *);

#endif
