/* Plain loops: what remains when no library can be opened, and something to compare with.
 */
#include "kernels/cpu/gemm.h"

static enum err plain_open(const struct vec *vec, int threads, void **self)
{
	(void)vec, (void)threads;
	*self = NULL;
	return OK;
}

static void plain_close(void *self) { (void)self; }

static float weight_at(const struct gemm *g, int64_t n, int64_t k)
{
	float w;
	if (g->w_type == DT_F32)
		return ((const float *)g->w)[n * g->ldw + k];
	dtype_to_f32(g->w_type, gemm_weights(g, n, k), &w, 1);
	return w;
}

static void plain_run(void *self, const struct gemm *g, struct gemm_part part,
		      void *scratch)
{
	(void)self, (void)scratch;
	for (int64_t i = part.m_begin; i < part.m_end; i++) {
		float *c = part.c + (i - part.m_begin) * part.ldc;
		for (int64_t j = part.n_begin; j < part.n_end; j++, c++) {
			float sum = 0;
			for (int64_t k = 0; k < g->k; k++)
				sum += g->a[i * g->lda + k] * weight_at(g, j, k);
			*c = g->epilogue.accumulate ? *c + sum : sum;
		}
	}
	g->vec->finish(part.c, part.ldc, part.m_end - part.m_begin,
		       part.n_end - part.n_begin, g->bias ? g->bias + part.n_begin : NULL,
		       g->epilogue.act);
}

const struct gemm_engine ref_engine = {
	.name = "ref",
	.open = plain_open,
	.close = plain_close,
	.m_grain = 1,
	.n_grain = 1,
	.run = plain_run,
};
