#include "profiler/memory.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool memory_reset_peak(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool done = write(fd, "5", 1) == 1;
	close(fd);
	return done;
}

/* The value of a line "KEY:  N kB" of a /proc file, in bytes. */
static double proc_kilobytes(const char *path, const char *key)
{
	double bytes = (double)NAN, kilobytes;
	char line[256];
	size_t n = strlen(key);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, n) && sscanf(line + n, ": %lf", &kilobytes) == 1)
			bytes = kilobytes * 1024;
	if (f)
		fclose(f);
	return bytes;
}

double memory_peak_bytes(void) { return proc_kilobytes("/proc/self/status", "VmHWM"); }

double memory_available_bytes(void)
{
	return proc_kilobytes("/proc/meminfo", "MemAvailable");
}

enum err memory_check(const char *what, double bytes)
{
	double have = memory_available_bytes();
	if (!(bytes > have))
		return OK;
	return err_set(ERR_NOMEM, "%s: %.0f MiB are needed, %.0f MiB are available", what,
		       bytes / 0x1p20, have / 0x1p20);
}
