/*
 * A probe reads counters that only grow; a span's value is the difference between its two
 * edges. One file per probe, one word in meson.build. A probe that cannot work here says
 * why, and its metrics are not measured (NaN), never 0.
 */
#ifndef PROFILER_PROBE_H
#define PROFILER_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "profiler/metric.h"

#define PROBE_METRICS 6

struct probe {
	const char *name;
	int n; /* metrics it reads */
	enum metric_id metrics[PROBE_METRICS];
	/* Spans shorter than this read NaN for metrics marked coarse: the counter moves
	 * in steps of this size. 0: exact. */
	double (*resolution_ns)(void);
	uint32_t coarse; /* bit i: metrics[i] is subject to resolution_ns */
	/* False, with the reason in words; NULL: always there. */
	bool (*available)(char *reason, size_t size);
	/* values[n]; called at every edge, so it must be cheap. */
	void (*read)(const struct pool *, int64_t *values);
};

/*
 * In the order they are read when a span closes and the reverse of the order when it
 * opens, so that the first, the clock, encloses nothing but the span.
 */
extern const struct probe *const probes[];

#endif
