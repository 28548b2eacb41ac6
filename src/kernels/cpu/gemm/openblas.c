/* Products by OpenBLAS, which packs both operands at every call. */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/openblas.h"
#include "kernels/cpu/tiles.h"

/*
 * Weights in half precision are widened in panels of at most so many columns and floats.
 * Every call packs all of A again, so a panel has many rows: on a Zen 4, one thread, K
 * 1280 and 5120, BF16 takes 0.98 to 1.01 of F32's time at M = 256 whatever the size; at
 * M = 1296 1.15 and 1.09 with 1 MiB, 1.07 and 1.02 with 2, 1.03 and 1.02 with 4 and with
 * 8. Panels as deep as K = 5120 cost 1.08 to 1.16.
 */
#define PANEL_DEPTH 1536
#define PANEL_SIZE (1 << 20)

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 }; /* of the C interface */

static enum err openblas_open(const struct vec *vec, int threads, void **self)
{
	(void)vec, (void)threads;
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

/* C [m, cols] (+)= A [m, k] W^T, rows of W from n on as F32. */
static void multiply(const struct openblas *blas, const struct gemm *g, const float *a,
		     int64_t m, const float *w, int64_t ldw, int64_t cols, int64_t k,
		     float *c, int64_t ldc, bool add)
{
	assert(m <= INT_MAX && cols <= INT_MAX && k <= INT_MAX);
	blas->sgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, (int)m, (int)cols, (int)k, 1, a,
		    (int)g->lda, w, (int)ldw, add ? 1 : 0, c, (int)ldc);
}

/* Weights in half precision: panel after panel is widened and multiplied. */
static void run_panels(const struct openblas *blas, const struct gemm *g,
		       const struct gemm_part *part, float *panel)
{
	const int64_t m = part->m_end - part->m_begin;
	const int64_t depth = ceil_div(g->k, ceil_div(g->k, PANEL_DEPTH));
	const int64_t most = PANEL_SIZE / depth / 16 * 16;
	for (int64_t n = part->n_begin; n < part->n_end; n += most) {
		int64_t cols = least(part->n_end - n, most);
		float *c = part->c + n - part->n_begin;
		for (int64_t k = 0; k < g->k; k += depth) {
			int64_t count = least(g->k - k, depth);
			gemm_widen(g, panel, n, cols, k, count);
			multiply(blas, g, g->a + part->m_begin * g->lda + k, m, panel,
				 count, cols, count, c, part->ldc,
				 k > 0 || g->epilogue.accumulate);
		}
		g->vec->finish(c, part->ldc, m, cols, g->bias ? g->bias + n : NULL,
			       g->epilogue.act);
	}
}

/* One call for the whole part: calls of 192 to 1024 columns with the epilogue after each
 * took 0.98 to 1.04 of the time (Zen 4), since each packs A again. */
static void openblas_run(void *self, const struct gemm *g, struct gemm_part part,
			 void *scratch)
{
	const struct openblas *blas = self;
	int64_t m = part.m_end - part.m_begin, n = part.n_end - part.n_begin;
	if (g->w_type != DT_F32) {
		run_panels(blas, g, &part, scratch);
		return;
	}
	multiply(blas, g, g->a + part.m_begin * g->lda, m,
		 gemm_weights(g, part.n_begin, 0), g->ldw, n, g->k, part.c, part.ldc,
		 g->epilogue.accumulate);
	g->vec->finish(part.c, part.ldc, m, n, g->bias ? g->bias + part.n_begin : NULL,
		       g->epilogue.act);
}

const struct gemm_engine openblas_engine = {
	.name = "openblas",
	.open = openblas_open,
	.close = openblas_close,
	.describe = openblas_describe,
	.scratch = sizeof(float) * PANEL_SIZE,
	.m_grain = 8,
	.n_grain = 16,
	.run = openblas_run,
};
