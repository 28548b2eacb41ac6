#include "ui/view.h"

#include <string.h>
#include <strings.h>

static bool contains(const char *text, const char *word, size_t n)
{
	for (; *text; text++)
		if (!strncasecmp(text, word, n))
			return true;
	return false;
}

bool view_matches(const char *text, const char *pattern)
{
	bool any = false;
	while (*pattern) {
		size_t n = strcspn(pattern, "|");
		if (n && contains(text, pattern, n))
			return true;
		any |= n > 0;
		pattern += n + (pattern[n] == '|');
	}
	return !any;
}
