#include "kernels/cpu/onednn.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* The name of a library whose interface is that of the header. */
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define LIBRARY "libdnnl.so." TEXT(DNNL_VERSION_MAJOR)

static struct onednn_library dnnl;
static void *opened; /* never closed: OpenMP's threads do not survive that */

static enum err unavailable(const char *why)
{
	char shown[160];
	return err_set(ERR_UNAVAILABLE,
		       "oneDNN cannot be used (Debian's package is libdnnl%d): %s",
		       DNNL_VERSION_MAJOR,
		       str_escaped(shown, sizeof(shown), why, strlen(why)));
}

/* The first function that is not there; NULL: all are. */
static const char *find_functions(void *library)
{
#define X(name)                                                                          \
	*(void **)&dnnl.name = dlsym(library, #name);                                    \
	if (!dnnl.name)                                                                  \
		return #name;
	ONEDNN_FUNCTIONS(X)
#undef X
	*(void **)&dnnl.omp_set_num_threads = dlsym(library, "omp_set_num_threads");
	return NULL;
}

/* Why this build of the library is of no use to us; NULL: it is. */
static const char *check_library(void *library, char *why, size_t size)
{
	const char *missing = find_functions(library);
	if (missing) {
		snprintf(why, size, "the library lacks %s", missing);
		return why;
	}
	const dnnl_version_t *v = dnnl.dnnl_version();
	if (v->major != DNNL_VERSION_MAJOR) {
		snprintf(why, size, "the library is version %d.%d, this build knows %d",
			 v->major, v->minor, DNNL_VERSION_MAJOR);
		return why;
	}
	if (v->cpu_runtime == DNNL_RUNTIME_SEQ)
		dnnl.omp_set_num_threads = NULL;
	else if (v->cpu_runtime != DNNL_RUNTIME_OMP || !dnnl.omp_set_num_threads)
		return "the library's threads are not those of OpenMP";
	return NULL;
}

enum err onednn_library(const struct onednn_library **library)
{
	char why[128];
	const char *given = getenv("SPARSETOP_ONEDNN");
	*library = &dnnl;
	if (opened)
		return OK;
	void *found = dlopen(given && given[0] ? given : LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!found)
		return unavailable(dlerror());
	const char *wrong = check_library(found, why, sizeof(why));
	if (wrong) {
		dlclose(found);
		return unavailable(wrong);
	}
	opened = found;
	return OK;
}

void onednn_enter(const struct onednn_library *library)
{
	static _Thread_local bool entered;
	if (!entered && library->omp_set_num_threads)
		library->omp_set_num_threads(1); /* of the calling thread */
	entered = true;
}
