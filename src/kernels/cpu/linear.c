/*
 * Products: who multiplies what. A product of few rows is a walk over the weights, W's
 * rows divided among the threads; any other is cut into one rectangle per thread, which
 * an engine multiplies alone.
 */
#include "kernels/cpu/cpu.h"

/*
 * Up to this many rows, dot products beat a library that packs W first: measured on a Zen
 * 4 (N 3072, K 768, weights from memory), 0.41, 0.56, 0.69, 0.75, 0.75 and 0.78 of
 * OpenBLAS's time at M = 1 to 6, and more than it from 8. An engine with prepared weights
 * needs no such help (native: 0.36 and less, at all of these).
 */
#define GEMV_ROWS 6

struct product {
	struct cpu *cpu;
	struct gemm gemm;
	int across, down; /* threads along n and along m */
};

/*
 * Every thread reads its rows of A and its rows of W whole (engines pack or stream them),
 * so the best grid is the one whose parts have the shortest sides. A side along m counts
 * twice: measured with two threads on a Zen 4, cutting m instead of n takes 1.03 to 1.29
 * of the time at M = 99 to 197 (OpenBLAS; 0.99 to 1.08 with native), 0.96 to 1.01 at M =
 * 792 to 1104 and 0.87 to 0.98 at M = 1416 and 1576, for any N of ViT-B/16.
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
		double sides = 2 * (double)p->gemm.m / down + (double)p->gemm.n / across;
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
		engine->run(p->cpu->engine_self, &p->gemm, part,
			    cpu_scratch(p->cpu, thread));
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

/* A few rows are bound by reading W, which our own loop does at full speed. An engine
 * that packs W cannot multiply what nobody had it pack (factors made for one pass): then
 * too. */
static bool takes_gemv(const struct cpu *c, int64_t rows, const struct linear *l)
{
	return c->engine->prepare ? !l->prepared : rows <= GEMV_ROWS;
}

const char *cpu_engine(void *self, int64_t rows, const struct linear *l)
{
	const struct cpu *c = self;
	return takes_gemv(c, rows, l) ? "gemv" : c->engine->name;
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
	if (takes_gemv(c, p.gemm.m, l)) {
		cpu_run(c, work, run_gemv, &p);
		return;
	}
	choose_grid(&p);
	cpu_run(c, work, run_part, &p);
}
