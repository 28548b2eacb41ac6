/* The metrics of a layer: indices into struct layer's values, and how to show them. */
#ifndef PROFILER_METRIC_H
#define PROFILER_METRIC_H

#include <stddef.h>

enum metric_id {
#define METRIC(name, ...) METRIC_##name,
#include "profiler/metric.def"
#undef METRIC
	METRIC_COUNT
};

enum metric_unit { UNIT_NS, UNIT_BYTES, UNIT_FLOPS, UNIT_COUNT, UNIT_RATIO };
enum metric_better { BETTER_NEITHER, BETTER_LESS, BETTER_MORE };

struct metric {
	const char *name, *label;
	enum metric_unit unit;
	enum metric_better better;
	const char *help;
};

extern const struct metric metric_table[METRIC_COUNT];

/*
 * A value for people, about five characters ("21.4", "1.62k", "0.93G"): ns as
 * milliseconds, bytes in powers of 1024, FLOPs and counts in powers of 1000, ratios with
 * four digits. Not measured (NaN) is "--". Returns buf.
 */
const char *metric_text(enum metric_unit, double value, char *buf, size_t size);

#endif
