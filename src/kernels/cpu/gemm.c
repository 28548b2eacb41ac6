#include "kernels/cpu/gemm.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static enum err unknown_engine(const char *name)
{
	char shown[64];
	struct str names = STR_INIT;
	for (int i = 0; gemm_engines[i]; i++)
		str_addf(&names, ", %s", gemm_engines[i]->name);
	enum err e = err_set(ERR_USAGE, "--gemm %s: no such engine; there are auto%s",
			     str_escaped(shown, sizeof(shown), name, strlen(name)),
			     str_get(&names));
	str_release(&names);
	return e;
}

/* The first that opens. What was wrong with those before it makes the warning. */
static enum err open_best(const struct vec *vec, const struct gemm_engine **engine,
			  void **self, char *warning, size_t warning_size)
{
	enum err e = ERR_UNAVAILABLE;
	char why[200] = "";
	for (int i = 0; gemm_engines[i] && e; i++) {
		*engine = gemm_engines[i];
		e = gemm_engines[i]->open(vec, self);
		if (e && !why[0])
			snprintf(why, sizeof(why), "%s", err_message());
	}
	if (!e && why[0])
		snprintf(warning, warning_size, "%s; using --gemm %s", why,
			 (*engine)->name);
	return e;
}

enum err gemm_open(const char *name, const struct vec *vec,
		   const struct gemm_engine **engine, void **self, char *warning,
		   size_t warning_size)
{
	warning[0] = '\0';
	if (!name || !name[0] || !strcmp(name, "auto"))
		return open_best(vec, engine, self, warning, warning_size);
	for (int i = 0; gemm_engines[i]; i++) {
		*engine = gemm_engines[i];
		if (!strcmp(gemm_engines[i]->name, name))
			return gemm_engines[i]->open(vec, self);
	}
	return unknown_engine(name);
}
