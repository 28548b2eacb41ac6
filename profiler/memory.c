#include "profiler/memory.h"

#include <ctype.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#define FILE_MAX 16384 /* of a kernel's file: they have some thousand bytes */
#define KIB 1024.0

/* ---- texts ---- */

/* Digits and a fraction, whatever the locale; NaN: there are none. */
static double number_at(const char *p, const char **end)
{
	double value = 0, unit = 1;
	const char *begin = p;
	for (; isdigit((unsigned char)*p); p++)
		value = value * 10 + (*p - '0');
	bool digits = p > begin;
	if (digits && *p == '.')
		for (p++; isdigit((unsigned char)*p); p++)
			value += (*p - '0') * (unit /= 10);
	*end = p;
	return digits ? value : (double)NAN;
}

static const char *skip_blanks(const char *p) { return p + strspn(p, " \t\n"); }

static const char *next_line(const char *p)
{
	p += strcspn(p, "\n");
	return *p ? p + 1 : p;
}

double memory_field(const char *text, const char *key)
{
	size_t n = strlen(key);
	for (const char *line = text; *line; line = next_line(line)) {
		size_t gap = strncmp(line, key, n) ? 0 : strspn(line + n, ": \t");
		if (!gap)
			continue;
		const char *unit;
		double value = number_at(line + n + gap, &unit);
		return strncmp(unit, " kB", 3) ? value : value * KIB;
	}
	return (double)NAN;
}

double memory_parse(const char *text)
{
	static const char prefixes[] = "kmgt";
	const char *p;
	double value = number_at(skip_blanks(text), &p);
	p = skip_blanks(p);
	const char *prefix = *p ? strchr(prefixes, tolower((unsigned char)*p)) : NULL;
	if (prefix) {
		for (const char *q = prefixes; q <= prefix; q++)
			value *= KIB;
		p += p[1] == 'i' ? 2 : 1;
	}
	if (*p == 'B' || *p == 'b')
		p++;
	return *skip_blanks(p) ? (double)NAN : value;
}

const char *memory_text(double bytes, char *buf, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	int unit = 0;
	if (!isfinite(bytes) || bytes < 0) {
		snprintf(buf, size, "--");
		return buf;
	}
	for (; unit < 4 && bytes >= KIB - 0.5; unit++)
		bytes /= KIB;
	int digits = unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
	snprintf(buf, size, "%.*f %s", digits, bytes, units[unit]);
	return buf;
}

/* ---- control groups ---- */

/* How the two versions of them name the same things. */
static const struct group_kind {
	const char *controller, *mount, *limit, *usage, *inactive;
} group_kinds[] = {
	{ "", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file" },
	{ "memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes",
	  "memory.usage_in_bytes", "total_inactive_file" },
};

/* Whether a word is one of n bytes of words with commas between; "" is in an empty list.
 */
static bool lists(const char *list, size_t n, const char *word)
{
	size_t length = strlen(word);
	while (n >= length) {
		if (!strncmp(list, word, length) && (n == length || list[length] == ','))
			return true;
		const char *comma = memchr(list, ',', n);
		if (!comma)
			return false;
		n -= (size_t)(comma + 1 - list);
		list = comma + 1;
	}
	return false;
}

/* Lines are ID:CONTROLLERS:PATH; a path may hold colons. */
bool memory_group(const char *text, const char *controller, char *buf, size_t size)
{
	for (const char *line = text; *line; line = next_line(line)) {
		size_t n = strcspn(line, "\n");
		const char *list = memchr(line, ':', n), *end = line + n;
		const char *path =
			list ? memchr(list + 1, ':', (size_t)(end - list - 1)) : NULL;
		if (!path || !lists(list + 1, (size_t)(path - list - 1), controller))
			continue;
		path++;
		n = (size_t)(end - path);
		if (n >= size || *path != '/')
			return false;
		memcpy(buf, path, n);
		buf[n] = 0;
		return true;
	}
	return false;
}

double memory_group_left(const char *limit, const char *usage, double inactive)
{
	const char *end;
	double most = number_at(skip_blanks(limit), &end);
	double used = number_at(skip_blanks(usage), &end);
	if (isnan(most))
		return most; /* "max" */
	if (inactive > 0)
		used -= inactive;
	return used > 0 ? fmax(most - used, 0) : most;
}

/* The text of the file whose path is formatted; "" where it cannot be read. */
static void read_text(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void read_text(char *buf, size_t size, const char *fmt, ...)
{
	struct str path = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_addv(&path, fmt, ap);
	va_end(ap);
	size_t n = 0;
	FILE *f = fopen(str_get(&path), "re");
	if (f) {
		n = fread(buf, 1, size - 1, f);
		fclose(f);
	}
	buf[n] = 0;
	str_release(&path);
}

static double group_left(const char *root, const struct group_kind *k, const char *group)
{
	char limit[64], usage[64], stat[FILE_MAX];
	read_text(limit, sizeof(limit), "%s%s%s/%s", root, k->mount, group, k->limit);
	read_text(usage, sizeof(usage), "%s%s%s/%s", root, k->mount, group, k->usage);
	read_text(stat, sizeof(stat), "%s%s%s/memory.stat", root, k->mount, group);
	return memory_group_left(limit, usage, memory_field(stat, k->inactive));
}

/* A group is limited by those above it, too. In a container the path may be that of the
 * world outside, and only its root be there: so a group that is not there is no limit. */
double memory_groups_left(const char *root)
{
	char groups[FILE_MAX], group[4096];
	double left = (double)NAN;
	read_text(groups, sizeof(groups), "%s/proc/self/cgroup", root);
	for (size_t i = 0; i < sizeof(group_kinds) / sizeof(group_kinds[0]); i++) {
		const struct group_kind *k = &group_kinds[i];
		if (!memory_group(groups, k->controller, group, sizeof(group)))
			continue;
		for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
			*end = 0;
			left = fmin(left, group_left(root, k, group)); /* NaN: other */
		}
	}
	return left;
}

/* ---- this process ---- */

bool memory_reset_peak(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool done = write(fd, "5", 1) == 1;
	close(fd);
	return done;
}

static double proc_field(const char *path, const char *key)
{
	char text[FILE_MAX];
	read_text(text, sizeof(text), "%s", path);
	return memory_field(text, key);
}

double memory_peak_bytes(void) { return proc_field("/proc/self/status", "VmHWM"); }

double memory_available_bytes(void)
{
	const char *as_if = getenv("SPARSETOP_MEMORY");
	double left = proc_field("/proc/meminfo", "MemAvailable");
	left = fmin(left, memory_groups_left(""));
	return fmin(left, as_if ? memory_parse(as_if) : (double)NAN);
}

/* ---- checks ---- */

enum err memory_check(const char *what, double bytes)
{
	double have = memory_available_bytes();
	if (!(bytes > have))
		return OK;
	return err_set(ERR_NOMEM, "%s: %.0f MiB are needed, %.0f MiB are available", what,
		       bytes / 0x1p20, have / 0x1p20);
}

enum err memory_check_load(const char *model, double weights, double activations,
			   const char *others)
{
	char need[16], of_weights[16], of_activations[16], left[16];
	double have = memory_available_bytes();
	double bytes = weights + (activations > 0 ? activations : 0);
	if (!(bytes > have))
		return OK;
	bool others_fit = others && *others;
	return err_set(ERR_NOMEM,
		       "%s: %s are needed (%s of weights, %s of activations), %s are "
		       "available%s%s",
		       model, memory_text(bytes, need, sizeof(need)),
		       memory_text(weights, of_weights, sizeof(of_weights)),
		       memory_text(activations, of_activations, sizeof(of_activations)),
		       memory_text(have, left, sizeof(left)),
		       others_fit ? "; presets that would fit: " : "",
		       others_fit ? others : "");
}
