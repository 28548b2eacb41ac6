#include "ui/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "profiler/metric.h"

static const char *unmeasured(char *buf, size_t size)
{
	snprintf(buf, size, "--");
	return buf;
}

const char *format_ms(double ns, char *buf, size_t size)
{
	return metric_text(UNIT_NS, ns, buf, size);
}

const char *format_bytes(double bytes, char *buf, size_t size)
{
	return metric_text(UNIT_BYTES, bytes, buf, size);
}

const char *format_count(double count, char *buf, size_t size)
{
	return metric_text(UNIT_COUNT, count, buf, size);
}

const char *format_tokens(double tokens, char *buf, size_t size)
{
	if (tokens < 999.5 || isnan(tokens))
		return format_count(tokens, buf, size);
	if (tokens < 9999.5)
		snprintf(buf, size, "%.0f", tokens);
	else if (tokens < 999500)
		snprintf(buf, size, "%.0fk", tokens / 1000);
	else
		return format_count(tokens, buf, size);
	return buf;
}

const char *format_spread(double ns, char *buf, size_t size)
{
	double ms = ns / 1e6;
	if (isnan(ms))
		return unmeasured(buf, size);
	snprintf(buf, size, ms < 99.5 ? "%.2g" : "%.0f", ms);
	return buf;
}

const char *format_percent(double fraction, char *buf, size_t size)
{
	double percent = fraction * 100;
	if (isnan(percent))
		return unmeasured(buf, size);
	if (percent > 0 && percent < 0.05)
		snprintf(buf, size, "<.1");
	else
		snprintf(buf, size, "%.1f", percent);
	return buf;
}

const char *format_change(double ratio, char *buf, size_t size)
{
	if (isnan(ratio))
		return unmeasured(buf, size);
	double percent = (ratio - 1) * 100;
	if (fabs(percent) < 0.5)
		snprintf(buf, size, "0%%");
	else if (percent > 999)
		snprintf(buf, size, "x%.0f", ratio);
	else
		snprintf(buf, size, "%+.0f%%", percent);
	return buf;
}

const char *format_rate(double rate, char *buf, size_t size)
{
	if (!isfinite(rate))
		return unmeasured(buf, size);
	snprintf(buf, size, rate < 9.95 ? "%.1f" : "%.0f", rate);
	return buf;
}

char format_letter(int i)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	return i >= 0 && i < (int)sizeof(letters) - 1 ? letters[i] : '*';
}

const char *format_cosine(double cosine, char *buf, size_t size)
{
	if (isnan(cosine))
		return unmeasured(buf, size);
	char text[32];
	snprintf(text, sizeof(text), "%.4f", cosine);
	snprintf(buf, size, "%s", text[0] == '0' ? text + 1 : text);
	return buf;
}

const char *format_age(double since_ns, char *buf, size_t size)
{
	double s = ((double)clock_wall_ns() - since_ns) / 1e9;
	if (isnan(s))
		return unmeasured(buf, size);
	if (s < 5)
		snprintf(buf, size, "now");
	else if (s < 60)
		snprintf(buf, size, "%.0f s", floor(s));
	else if (s < 3600)
		snprintf(buf, size, "%.0f min", floor(s / 60));
	else if (s < 48 * 3600)
		snprintf(buf, size, "%.0f h", floor(s / 3600));
	else
		snprintf(buf, size, "%.0f d", floor(s / 86400));
	return buf;
}

const char *format_ago(double since_ns, char *buf, size_t size)
{
	char age[24];
	format_age(since_ns, age, sizeof(age));
	if (!strcmp(age, "now"))
		snprintf(buf, size, "just now");
	else
		snprintf(buf, size, "%s ago", age);
	return buf;
}

const char *format_name(const char *name, char *buf, size_t size)
{
	if (!name || !*name)
		return unmeasured(buf, size);
	return str_escaped(buf, size, name, strlen(name));
}
