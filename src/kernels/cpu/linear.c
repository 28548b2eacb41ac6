/*
 * Products: who multiplies what. A product of few rows is a walk over the weights, W's
 * rows divided among the threads; any other is cut into one rectangle per thread, which
 * an engine multiplies alone.
 */
#include "kernels/cpu/cpu.h"

#define GEMV_ROWS 2 /* at most; above, an engine is faster */

struct product {
	struct cpu *cpu;
	struct gemm gemm;
	int across, down; /* threads along n and along m */
};

/*
 * Every thread reads its rows of A and its rows of W whole (engines pack or stream them),
 * so the best grid is the one whose parts have the least m + n; parts along n win a tie,
 * because rows of C stay contiguous for whoever reads them next.
 */
static void choose_grid(struct product *p)
{
	int threads = p->cpu->threads;
	double least = 0;
	p->across = threads, p->down = 1;
	for (int down = 1; down <= threads; down++) {
		if (threads % down)
			continue;
		int across = threads / down;
		double sides = (double)p->gemm.m / down + (double)p->gemm.n / across;
		if (down == 1 || sides < least) {
			least = sides;
			p->across = across, p->down = down;
		}
	}
}

static void run_part(void *ctx, int thread, int threads)
{
	const struct product *p = ctx;
	const struct gemm_engine *engine = p->cpu->engine;
	struct gemm_part part;
	int across = threads == 1 ? 1 : p->across, down = threads == 1 ? 1 : p->down;
	pool_share(p->gemm.n, engine->n_grain, thread % across, across, &part.n_begin,
		   &part.n_end);
	pool_share(p->gemm.m, engine->m_grain, thread / across, down, &part.m_begin,
		   &part.m_end);
	if (part.m_begin < part.m_end && part.n_begin < part.n_end)
		engine->run(p->cpu->engine_self, &p->gemm, part, p->cpu->scratch[thread]);
}

static void run_gemv(void *ctx, int thread, int threads)
{
	const struct product *p = ctx;
	const struct gemm *g = &p->gemm;
	int64_t begin, end;
	pool_share(g->n, 16, thread, threads, &begin, &end);
	if (begin == end)
		return;
	g->vec->gemv(g->c + begin, g->ldc, g->a, g->lda, g->m, g->w + begin * g->ldw,
		     g->ldw, end - begin, g->k, g->epilogue.accumulate);
	g->vec->finish(g->c + begin, g->ldc, g->m, end - begin,
		       g->bias ? g->bias + begin : NULL, g->epilogue.act);
}

void cpu_linear(void *self, struct tensor y, struct tensor x, const struct linear *l,
		struct epilogue e)
{
	struct cpu *c = self;
	struct product p = {
		.cpu = c,
		.gemm = {
			.vec = c->vec,
			.m = tensor_rows(&x),
			.n = tensor_cols(&y),
			.k = tensor_cols(&x),
			.a = tensor_f32(&x),
			.lda = x.ld,
			.w = tensor_f32(&l->weight),
			.ldw = l->weight.ld,
			.prepared = l->prepared,
			.c = tensor_f32(&y),
			.ldc = y.ld,
			.bias = l->bias.ndim ? tensor_f32(&l->bias) : NULL,
			.epilogue = e,
		},
	};
	int64_t work = p.gemm.m * p.gemm.n * p.gemm.k / 16;
	if (p.gemm.m <= GEMV_ROWS) {
		cpu_run(c, work, run_gemv, &p);
		return;
	}
	choose_grid(&p);
	cpu_run(c, work, run_part, &p);
}
