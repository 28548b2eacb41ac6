/* Elapsed time. */
#include "base/clock.h"
#include "profiler/probe.h"

static void clock_read(const struct pool *pool, int64_t *values)
{
	(void)pool;
	values[0] = clock_now_ns();
}

const struct probe clock_probe = {
	.name = "clock",
	.n = 1,
	.metrics = { METRIC_wall_ns },
	.read = clock_read,
};
