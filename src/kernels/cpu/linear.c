/*
 * Products: who multiplies what. A product of few rows is a walk over the weights, W's
 * rows divided among the threads; any other is cut into one rectangle per thread, which
 * an engine multiplies alone. Where x is to be rounded, all threads do that first.
 */
#include <stdlib.h>

#include "base/str.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/tiles.h"

/*
 * Up to this many rows, dot products beat a library that packs W first. Measured on a Zen
 * 4, two threads, weights from memory, N x K = 3840 x 1280 and 1280 x 5120, of OpenBLAS's
 * time: F32 at M = 8 0.83 and 0.42, at 12 0.85 and 0.50; BF16 (which OpenBLAS gets in
 * panels) at 8 0.60 and 0.38, at 12 0.68 and 0.46, at 16 0.78 and 0.58, at 24 about 0.9
 * and 0.7. An engine with prepared weights needs no such help. BF16 by BF16, of the time
 * of oneDNN on a Zen 5: 0.8 to 1.1 at M = 6, 1.3 to 1.6 at 12.
 */
#define GEMV_ROWS 12
#define GEMV_ROWS_HALF 16
#define GEMV_ROWS_BF16 6
#define GEMV_GRAIN 16 /* rows of W */

/*
 * A product that multiplies what is there goes to a buffer first, in pieces of at most so
 * many rows and columns (multiples of every engine's grain).
 */
#define PIECE_ROWS 384
#define PIECE_COLS 512

struct product {
	struct cpu *cpu;
	const struct gemm_choice *by;
	struct gemm gemm;
	float *c; /* [m, n], rows ldc apart */
	int64_t ldc;
	bool by_gemv, multiply;
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
	double shortest = 0;
	p->across = threads, p->down = 1;
	for (int down = 1; down <= threads && !p->by_gemv; down++) {
		if (threads % down)
			continue;
		int across = threads / down;
		double sides = 2 * (double)p->gemm.m / down + (double)p->gemm.n / across;
		if (down == 1 || sides < shortest) {
			shortest = sides;
			p->across = across, p->down = down;
		}
	}
}

/* act(A W^T + bias) of one rectangle, or added to what is there. */
static void run_rectangle(const struct product *p, const struct gemm *g,
			  struct gemm_part part, void *scratch)
{
	if (!p->by_gemv) {
		p->by->engine->run(p->by->self, g, part, scratch);
		return;
	}
	int64_t rows = part.m_end - part.m_begin, cols = part.n_end - part.n_begin;
	g->vec->gemv(part.c, part.ldc, g->a + part.m_begin * g->lda, g->lda, rows,
		     gemm_weights(g, part.n_begin, 0), g->w_type, g->ldw, cols, g->k,
		     g->epilogue.accumulate);
	g->vec->finish(part.c, part.ldc, rows, cols,
		       g->bias ? g->bias + part.n_begin : NULL, g->epilogue.act);
}

static void gate_piece(const struct product *p, const struct gemm_part *piece)
{
	const float *bias = p->gemm.bias ? p->gemm.bias + piece->n_begin : NULL;
	for (int64_t i = piece->m_begin; i < piece->m_end; i++)
		p->gemm.vec->gate(p->c + i * p->ldc + piece->n_begin,
				  piece->c + (i - piece->m_begin) * piece->ldc, bias,
				  piece->n_end - piece->n_begin);
}

/* The rectangle times A W^T + bias, piece by piece. */
static void run_gated(const struct product *p, struct gemm_part part, char *scratch)
{
	struct gemm plain = p->gemm;
	plain.epilogue = (struct epilogue){ 0 };
	plain.bias = NULL;
	struct gemm_part piece = { .thread = part.thread,
				   .c = (float *)(void *)(scratch +
							  p->by->engine->scratch),
				   .ldc = PIECE_COLS };
	for (int64_t m = part.m_begin; m < part.m_end; m += PIECE_ROWS)
		for (int64_t n = part.n_begin; n < part.n_end; n += PIECE_COLS) {
			piece.m_begin = m,
			piece.m_end = least(m + PIECE_ROWS, part.m_end);
			piece.n_begin = n,
			piece.n_end = least(n + PIECE_COLS, part.n_end);
			run_rectangle(p, &plain, piece, scratch);
			gate_piece(p, &piece);
		}
}

static void run_part(void *ctx, int thread, int threads)
{
	const struct product *p = ctx;
	const struct gemm_engine *engine = p->by->engine;
	struct gemm_part part = { .thread = thread, .ldc = p->ldc };
	int across = threads == 1 ? 1 : p->across, down = threads == 1 ? 1 : p->down;
	pool_share(p->gemm.n, p->by_gemv ? GEMV_GRAIN : engine->n_grain, thread % across,
		   across, &part.n_begin, &part.n_end);
	pool_share(p->gemm.m, engine->m_grain, thread / across, down, &part.m_begin,
		   &part.m_end);
	if (part.m_begin == part.m_end || part.n_begin == part.n_end)
		return;
	part.c = p->c + part.m_begin * p->ldc + part.n_begin;
	if (p->multiply)
		run_gated(p, part, cpu_scratch(p->cpu, thread));
	else
		run_rectangle(p, &p->gemm, part, cpu_scratch(p->cpu, thread));
}

/* ---- what goes in ---- */

/* x in the type of the product: F32 numbers of that type, or BF16 for who takes it. */
struct rounding {
	const struct cpu *cpu;
	const struct tensor *x;
	enum dtype type;
	bool narrow;
};

static void round_rows(void *ctx, int thread, int threads)
{
	const struct rounding *r = ctx;
	const struct vec *vec = r->cpu->vec;
	int64_t begin, end, k = tensor_cols(r->x);
	pool_share(tensor_rows(r->x), 1, thread, threads, &begin, &end);
	for (int64_t i = begin; i < end; i++)
		if (r->narrow)
			vec->narrow((uint16_t *)r->cpu->rounded + i * k,
				    tensor_row(r->x, i), k);
		else
			vec->round((float *)r->cpu->rounded + i * k, tensor_row(r->x, i),
				   r->type, k);
}

static void reserve_rounded(struct cpu *c, size_t bytes)
{
	if (bytes <= c->rounded_size)
		return;
	free(c->rounded);
	c->rounded = mem_alloc(bytes);
	c->rounded_size = bytes;
}

/* Whether x and W of a product of this type are multiplied as BF16. */
static bool multiplies_bf16(const struct gemm_choice *by, enum dtype round)
{
	return round == DT_BF16 && by->engine->takes_bf16 &&
	       by->engine->takes_bf16(by->self);
}

static void round_input(struct product *p, const struct tensor *x, enum dtype type)
{
	struct rounding r = { p->cpu, x, type, false };
	if (type == DT_F32)
		return;
	r.narrow = !p->by_gemv && multiplies_bf16(p->by, type);
	reserve_rounded(p->cpu, (size_t)tensor_count(x) * (r.narrow ? 2 : 4));
	cpu_run(p->cpu, tensor_count(x), round_rows, &r);
	p->gemm.a = r.narrow ? NULL : p->cpu->rounded;
	p->gemm.narrow = r.narrow ? p->cpu->rounded : NULL;
	p->gemm.lda = p->gemm.k;
}

/* ---- the op ---- */

/* A few rows are bound by reading W, which our own loop does at full speed. An engine
 * that packs W cannot multiply what nobody had it pack (factors made for one pass): then
 * too. */
static bool takes_gemv(const struct gemm_choice *by, int64_t rows, const struct linear *l,
		       enum dtype round)
{
	int64_t few = l->weight.dtype == DT_F32 ? GEMV_ROWS : GEMV_ROWS_HALF;
	if (multiplies_bf16(by, round))
		few = GEMV_ROWS_BF16;
	return by->engine->prepare ? !l->prepared : rows <= few;
}

static const struct gemm_choice *choose_engine(struct cpu *c, enum dtype round)
{
	return round == DT_BF16 ? cpu_bf16(c) : &c->gemm;
}

const char *cpu_engine(void *self, int64_t rows, const struct linear *l, enum dtype round)
{
	const struct gemm_choice *by = choose_engine(self, round);
	return takes_gemv(by, rows, l, round) ? "gemv" : by->engine->name;
}

void cpu_linear(void *self, struct tensor y, struct tensor x, const struct linear *l,
		struct epilogue e)
{
	struct cpu *c = self;
	const struct gemm_choice *by = choose_engine(c, e.round);
	/* An engine that packs W copies blocks of x by itself. */
	if (x.ld < tensor_cols(&x) && tensor_rows(&x) > 1 && !by->engine->prepare) {
		cpu_linear_overlapping(c, y, x, l, e, by->engine->scratch);
		return;
	}
	struct product p = {
		.cpu = c,
		.by = by,
		.gemm = {
			.vec = c->vec,
			.m = tensor_rows(&x),
			.n = tensor_cols(&y),
			.k = tensor_cols(&x),
			.a = tensor_f32(&x),
			.lda = x.ld,
			.w = l->weight.data,
			.w_type = l->weight.dtype,
			.ldw = l->weight.ld,
			.prepared = l->prepared,
			.bias = l->bias.ndim ? tensor_f32(&l->bias) : NULL,
			.epilogue = e,
		},
		.c = tensor_f32(&y),
		.ldc = y.ld,
		.by_gemv = takes_gemv(by, tensor_rows(&x), l, e.round),
		.multiply = e.multiply,
	};
	if (e.multiply)
		cpu_reserve(c, by->engine->scratch +
				       sizeof(float) * PIECE_ROWS * PIECE_COLS);
	round_input(&p, &x, e.round);
	choose_grid(&p);
	cpu_run(c, p.gemm.m * p.gemm.n * p.gemm.k / 16, run_part, &p);
}
