#include "profiler/metric.h"

#include <math.h>
#include <stdio.h>

const struct metric metric_table[METRIC_COUNT] = {
#define METRIC(id, lab, un, bet, hlp)                                                    \
	[METRIC_##id] = { .name = #id,                                                   \
			  .label = lab,                                                  \
			  .unit = UNIT_##un,                                             \
			  .better = BETTER_##bet,                                        \
			  .help = hlp },
#include "profiler/metric.def"
#undef METRIC
};

/* Three significant digits, with the prefix that keeps the number below a thousand. */
static void scaled(double v, double base, char *buf, size_t size)
{
	static const char prefix[] = "\0kMGTPE";
	size_t i = 0;
	while (fabs(v) >= 999.5 && i < sizeof(prefix) - 2) {
		v /= base;
		i++;
	}
	double a = fabs(v);
	int digits = a == floor(a) && i == 0 ? 0 : a < 9.995 ? 2 : a < 99.95 ? 1 : 0;
	snprintf(buf, size, "%.*f%.1s", digits, v, prefix + i);
}

static void milliseconds(double ms, char *buf, size_t size)
{
	double a = fabs(ms);
	if (a >= 99999.5)
		scaled(ms, 1000, buf, size);
	else
		snprintf(buf, size, "%.*f",
			 a < 0.9995  ? 3
			 : a < 9.995 ? 2
			 : a < 99.95 ? 1
				     : 0,
			 ms);
}

const char *metric_text(enum metric_unit unit, double v, char *buf, size_t size)
{
	double a = fabs(v);
	if (isnan(v))
		snprintf(buf, size, "--");
	else if (unit == UNIT_NS)
		milliseconds(v / 1e6, buf, size);
	else if (unit == UNIT_RATIO)
		snprintf(buf, size, "%.*f",
			 a < 0.99995  ? 4
			 : a < 9.9995 ? 3
			 : a < 99.995 ? 2
				      : 1,
			 v);
	else
		scaled(v, unit == UNIT_BYTES ? 1024 : 1000, buf, size);
	return buf;
}
