/* Products by OpenBLAS, which packs both operands at every call. */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/openblas.h"

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 }; /* of the C interface */

static enum err openblas_open(const struct vec *vec, void **self)
{
	(void)vec;
	const struct openblas *blas;
	enum err e = openblas_library(&blas);
	*self = (void *)(uintptr_t)blas;
	return e;
}

static void openblas_close(void *self) { (void)self; }

/* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..." -> "0.3.21" */
static void openblas_describe(void *self, struct blas_info *info)
{
	const struct openblas *blas = self;
	const char *config = blas->get_config ? blas->get_config() : "";
	const char *space = strchr(config, ' ');
	const char *version = space ? space + 1 : config;
	snprintf(info->name, sizeof(info->name), "OpenBLAS");
	snprintf(info->core, sizeof(info->core), "%s", blas->get_corename());
	snprintf(info->version, sizeof(info->version), "%.*s", (int)strcspn(version, " "),
		 version);
	if (blas->core[0] && strcasecmp(blas->core, info->core))
		snprintf(info->warning, sizeof(info->warning),
			 "OpenBLAS was asked for its %s kernels and uses %s", blas->core,
			 info->core);
}

/* One call for the whole part: calls of 192 to 1024 columns with the epilogue after each
 * took 0.98 to 1.04 of the time (Zen 4), since each packs A again. */
static void openblas_run(void *self, const struct gemm *g, struct gemm_part part,
			 void *scratch)
{
	(void)scratch;
	const struct openblas *blas = self;
	int64_t m = part.m_end - part.m_begin, n = part.n_end - part.n_begin;
	const float *bias = g->bias ? g->bias + part.n_begin : NULL;
	assert(m <= INT_MAX && n <= INT_MAX && g->k <= INT_MAX);
	blas->sgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, (int)m, (int)n, (int)g->k, 1,
		    g->a + part.m_begin * g->lda, (int)g->lda,
		    g->w + part.n_begin * g->ldw, (int)g->ldw,
		    g->epilogue.accumulate ? 1 : 0, part.c, (int)part.ldc);
	g->vec->finish(part.c, part.ldc, m, n, bias, g->epilogue.act);
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
