#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_check(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

const char *fuzz_file(const uint8_t *data, size_t n)
{
	static int fd = -1;
	static char path[64];
	if (fd < 0)
		fd = memfd_create("input", MFD_CLOEXEC);
	fuzz_check(fd >= 0, "a file in memory");
	fuzz_check(ftruncate(fd, 0) == 0, "the file can be emptied");
	for (size_t at = 0; at < n;) {
		ssize_t k = pwrite(fd, data + at, n - at, (off_t)at);
		fuzz_check(k > 0, "the file can be written");
		at += (size_t)k;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

char *fuzz_text(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	fuzz_check(text != NULL, "memory");
	if (n)
		memcpy(text, data, n);
	text[n] = 0;
	return text;
}
