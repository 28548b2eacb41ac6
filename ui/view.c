#include "ui/view.h"

#include <string.h>
#include <strings.h>

const struct run *view_base(const struct app *app)
{
	const struct run *run = app_shown(app), *base = app->base;
	if (!run || !base || run->state == RUN_ESTIMATE)
		return run ? base : NULL;
	return base != run && base->id != run->id ? base : NULL;
}

const char *view_kept_word(const struct app *app)
{
	return app->model.patches_per_token > 1 ? "patches" : "tokens";
}

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
