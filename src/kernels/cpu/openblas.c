#include "kernels/cpu/openblas.h"

#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu_isa.h"
#include "base/str.h"

static struct openblas blas;
static void *opened; /* never closed: a second constructor would not choose again */

/* The build with plain threads where there is one: under OpenMP the thread count belongs
 * to another runtime. Then whatever the system calls OpenBLAS. SPARSETOP_OPENBLAS names a
 * file to open instead of both. */
static void *open_library(void)
{
	const char *given = getenv("SPARSETOP_OPENBLAS");
	if (given && given[0])
		return dlopen(given, RTLD_NOW | RTLD_LOCAL);
	void *library = NULL;
	glob_t found;
	if (!glob("/usr/lib/*/openblas-pthread/libopenblas.so.0", 0, NULL, &found))
		for (size_t i = 0; i < found.gl_pathc && !library; i++)
			library = dlopen(found.gl_pathv[i], RTLD_NOW | RTLD_LOCAL);
	globfree(&found);
	return library ? library : dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
}

static void prepare_environment(void)
{
	const char *core = getenv("OPENBLAS_CORETYPE");
	if (!core || !core[0]) { /* an empty one would choose a third kind of kernels */
		if (cpu_openblas_core())
			setenv("OPENBLAS_CORETYPE", cpu_openblas_core(), 1);
		else
			unsetenv("OPENBLAS_CORETYPE");
	}
	setenv("OPENBLAS_NUM_THREADS", "1", 1);
	core = getenv("OPENBLAS_CORETYPE");
	snprintf(blas.core, sizeof(blas.core), "%s", core ? core : "");
}

/* All that are needed are there, and threads are off. */
static bool find_functions(void *library)
{
	void (*set_num_threads)(int);
	*(void **)&set_num_threads = dlsym(library, "openblas_set_num_threads");
	*(void **)&blas.sgemm = dlsym(library, "cblas_sgemm");
	*(void **)&blas.dgemm = dlsym(library, "cblas_dgemm");
	*(void **)&blas.dgesdd = dlsym(library, "dgesdd_");
	*(void **)&blas.get_corename = dlsym(library, "openblas_get_corename");
	*(void **)&blas.get_config = dlsym(library, "openblas_get_config");
	if (!set_num_threads || !blas.sgemm || !blas.get_corename)
		return false;
	set_num_threads(1);
	return true;
}

static enum err unavailable(const char *why)
{
	char shown[160];
	return err_set(ERR_UNAVAILABLE, "OpenBLAS cannot be used: %s",
		       str_escaped(shown, sizeof(shown), why, strlen(why)));
}

enum err openblas_library(const struct openblas **library)
{
	*library = &blas;
	if (opened)
		return OK;
	prepare_environment();
	void *found = open_library();
	if (!found)
		return unavailable(dlerror());
	if (!find_functions(found)) {
		dlclose(found);
		return unavailable("the library lacks cblas_sgemm or its own functions");
	}
	opened = found;
	return OK;
}
