/* getrusage: faults and context switches are exact, times move in the scheduler's ticks.
 */
#include <sys/resource.h>
#include <unistd.h>

#include "profiler/probe.h"

static int64_t timeval_ns(struct timeval t)
{
	return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_usec * 1000;
}

static void rusage_read(const struct pool *pool, int64_t *values)
{
	(void)pool;
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	values[0] = timeval_ns(u.ru_utime);
	values[1] = timeval_ns(u.ru_stime);
	values[2] = u.ru_minflt;
	values[3] = u.ru_majflt;
	values[4] = u.ru_nvcsw + u.ru_nivcsw;
}

static double tick_ns(void) { return 1e9 / (double)sysconf(_SC_CLK_TCK); }

const struct probe rusage_probe = {
	.name = "rusage",
	.n = 5,
	.metrics = { METRIC_user_ns, METRIC_sys_ns, METRIC_minor_faults,
		     METRIC_major_faults, METRIC_switches },
	.coarse = 3,
	.resolution_ns = tick_ns,
	.read = rusage_read,
};
