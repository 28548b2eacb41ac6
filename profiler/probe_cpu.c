/*
 * CPU time of the compute threads, each by its own clock: getrusage is too coarse for
 * spans of some hundred microseconds on several threads.
 */
#include "profiler/probe.h"

static void cpu_read(const struct pool *pool, int64_t *values)
{
	values[0] = pool_cpu_ns(pool);
}

const struct probe cpu_probe = {
	.name = "cpu",
	.n = 1,
	.metrics = { METRIC_cpu_ns },
	.read = cpu_read,
};
