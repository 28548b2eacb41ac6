/*
 * OpenBLAS, opened at run time: three functions, one thread each.
 *
 * The library chooses its kernels in its constructor, from OPENBLAS_CORETYPE where that
 * is set, and Debian's guesses newer CPUs wrong (base/cpu_isa.h): so the variable is set
 * first and the library opened after. Threads are ours: its own would spin beside the
 * pool. The first opening changes the process's environment: no other thread may be
 * reading it then.
 */
#include <assert.h>
#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "kernels/cpu/gemm.h"

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 }; /* of the C interface */

static struct {
	char core[32]; /* asked for, "" for the library's own choice */
	void *library; /* never closed: a second constructor would not choose again */
	void (*sgemm)(int order, int trans_a, int trans_b, int m, int n, int k,
		      float alpha, const float *a, int lda, const float *b, int ldb,
		      float beta, float *c, int ldc);
	void (*set_num_threads)(int);
	const char *(*get_corename)(void);
	const char *(*get_config)(void);
} blas;

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

static bool find_functions(void *library)
{
	*(void **)&blas.sgemm = dlsym(library, "cblas_sgemm");
	*(void **)&blas.set_num_threads = dlsym(library, "openblas_set_num_threads");
	*(void **)&blas.get_corename = dlsym(library, "openblas_get_corename");
	*(void **)&blas.get_config = dlsym(library, "openblas_get_config");
	return blas.sgemm && blas.set_num_threads && blas.get_corename;
}

static enum err unavailable(const char *why)
{
	char shown[160];
	return err_set(ERR_UNAVAILABLE, "OpenBLAS cannot be used: %s",
		       str_escaped(shown, sizeof(shown), why, strlen(why)));
}

static enum err openblas_open(const struct vec *vec, void **self)
{
	(void)vec;
	*self = NULL;
	if (blas.library)
		return OK;
	prepare_environment();
	void *library = open_library();
	if (!library)
		return unavailable(dlerror());
	if (!find_functions(library)) {
		dlclose(library);
		return unavailable("the library lacks cblas_sgemm or its own functions");
	}
	blas.set_num_threads(1);
	blas.library = library;
	return OK;
}

static void openblas_close(void *self) { (void)self; }

/* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..." -> "0.3.21" */
static void openblas_describe(void *self, struct blas_info *info)
{
	(void)self;
	const char *config = blas.get_config ? blas.get_config() : "";
	const char *space = strchr(config, ' ');
	const char *version = space ? space + 1 : config;
	snprintf(info->name, sizeof(info->name), "OpenBLAS");
	snprintf(info->core, sizeof(info->core), "%s", blas.get_corename());
	snprintf(info->version, sizeof(info->version), "%.*s", (int)strcspn(version, " "),
		 version);
	if (blas.core[0] && strcasecmp(blas.core, info->core))
		snprintf(info->warning, sizeof(info->warning),
			 "OpenBLAS was asked for its %s kernels and uses %s", blas.core,
			 info->core);
}

/* One call for the whole part: calls of 192 to 1024 columns with the epilogue after each
 * took 0.98 to 1.04 of the time (Zen 4), since each packs A again. */
static void openblas_run(void *self, const struct gemm *g, struct gemm_part part,
			 void *scratch)
{
	(void)self, (void)scratch;
	int64_t m = part.m_end - part.m_begin, n = part.n_end - part.n_begin;
	float *c = g->c + part.m_begin * g->ldc + part.n_begin;
	const float *bias = g->bias ? g->bias + part.n_begin : NULL;
	assert(m <= INT_MAX && n <= INT_MAX && g->k <= INT_MAX);
	blas.sgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, (int)m, (int)n, (int)g->k, 1,
		   g->a + part.m_begin * g->lda, (int)g->lda,
		   g->w + part.n_begin * g->ldw, (int)g->ldw,
		   g->epilogue.accumulate ? 1 : 0, c, (int)g->ldc);
	g->vec->finish(c, g->ldc, m, n, bias, g->epilogue.act);
}

const struct gemm_engine openblas_engine = {
	.name = "openblas",
	.open = openblas_open,
	.close = openblas_close,
	.describe = openblas_describe,
	.m_grain = 8,
	.n_grain = 16,
	.run = openblas_run,
};
