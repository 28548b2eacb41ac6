/*
 * Products by oneDNN, F32 or BF16 into F32, of weights as they lie: a packed second copy
 * would take 0.90 to 0.97 of the time (Zen 5, BF16, M = 50 to 1576).
 *
 * Its fast kernels (brgemm) want a destination whose rows follow each other, so a part is
 * computed block by block into memory that stays in the L2 cache; there it gets its bias
 * and activation and then goes where it belongs. Straight into rows that lie apart takes
 * 1.03 to 1.09 of the time at M = 50 to 197.
 *
 * Each thread keeps what the library made for the shapes it met last. Making one takes
 * milliseconds, finding it a few comparisons, and nothing is locked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/onednn.h"
#include "kernels/cpu/tiles.h"

#define BLOCK (1 << 18) /* floats of a block of the result */
#define BLOCK_ROWS 2048
#define PAD (1 << 18)        /* floats for the library's own use */
#define PANEL_SIZE (1 << 20) /* floats of weights that are widened at a time ... */
#define PANEL_DEPTH 1536     /* ... and columns of them, see openblas.c */
#define SHAPES 192 /* a dozen for each number of rows, which differ where tokens go */

/* What a primitive is made for, all as integers: compared as bytes. */
struct shape {
	int64_t type, m, n, k, lda, ldw, add;
};

struct recipe {
	struct shape shape;
	uint64_t used; /* when last; 0: never made */
	dnnl_primitive_t primitive;
	dnnl_memory_t a, w, c, pad;
};

/* Of one thread. */
struct worker {
	dnnl_stream_t stream;
	uint64_t now;
	struct recipe recipe[SHAPES];
};

struct onednn {
	const struct onednn_library *lib;
	const struct vec *vec;
	dnnl_engine_t engine;
	int threads;
	struct worker *worker; /* [threads] */
};

/* ---- opening ---- */

static void release_recipe(const struct onednn *o, struct recipe *m)
{
	const struct onednn_library *lib = o->lib;
	const dnnl_memory_t memory[] = { m->a, m->w, m->c, m->pad };
	for (size_t i = 0; i < sizeof(memory) / sizeof(*memory); i++)
		if (memory[i])
			lib->dnnl_memory_destroy(memory[i]);
	if (m->primitive)
		lib->dnnl_primitive_destroy(m->primitive);
	*m = (struct recipe){ 0 };
}

static void onednn_close(void *self)
{
	struct onednn *o = self;
	for (int i = 0; i < o->threads; i++) {
		for (int j = 0; j < SHAPES; j++)
			release_recipe(o, &o->worker[i].recipe[j]);
		if (o->worker[i].stream)
			o->lib->dnnl_stream_destroy(o->worker[i].stream);
	}
	if (o->engine)
		o->lib->dnnl_engine_destroy(o->engine);
	free(o->worker);
	free(o);
}

static enum err onednn_open(const struct vec *vec, int threads, void **self)
{
	const struct onednn_library *lib;
	enum err e = onednn_library(&lib);
	if (e)
		return e;
	onednn_enter(lib);
	struct onednn *o = mem_alloc(sizeof(*o));
	*o = (struct onednn){ .lib = lib, .vec = vec, .threads = threads };
	o->worker = mem_alloc(sizeof(*o->worker) * (size_t)threads);
	dnnl_status_t s = lib->dnnl_engine_create(&o->engine, dnnl_cpu, 0);
	for (int i = 0; i < threads && s == dnnl_success; i++)
		s = lib->dnnl_stream_create(&o->worker[i].stream, o->engine,
					    dnnl_stream_default_flags);
	if (s != dnnl_success) {
		onednn_close(o);
		return err_set(ERR_UNAVAILABLE, "oneDNN does not start (status %d)", s);
	}
	*self = o;
	return OK;
}

static const char *isa_text(dnnl_cpu_isa_t isa)
{
	switch ((unsigned)isa) {
	case dnnl_cpu_isa_avx512_core_amx:
		return "avx512_core_amx";
	case dnnl_cpu_isa_avx512_core_bf16:
		return "avx512_core_bf16";
	case dnnl_cpu_isa_avx512_core_vnni:
		return "avx512_core_vnni";
	case dnnl_cpu_isa_avx512_core:
		return "avx512_core";
	case dnnl_cpu_isa_avx2_vnni:
		return "avx2_vnni";
	case dnnl_cpu_isa_avx2:
		return "avx2";
	default:
		return "another";
	}
}

static void onednn_describe(void *self, struct blas_info *info)
{
	const struct onednn *o = self;
	const dnnl_version_t *v = o->lib->dnnl_version();
	snprintf(info->name, sizeof(info->name), "oneDNN");
	snprintf(info->core, sizeof(info->core), "%s",
		 isa_text(o->lib->dnnl_get_effective_cpu_isa()));
	snprintf(info->version, sizeof(info->version), "%d.%d.%d", v->major, v->minor,
		 v->patch);
}

/*
 * F32, two threads, of the time of OpenBLAS 0.3.21 (Cooperlake) on a Zen 5: the blocks of
 * ViT-B/16 0.84 at M = 99, 0.86 at 138, 0.88 at 197, 0.93 at 1576; products alone 0.82 at
 * M = 50. On the first CPU with AMX the tables turn: 1.1 to 1.3 at M = 99 and more.
 */
static bool onednn_suits(void) { return cpu_isa() == ISA_AVX512_BF16; }

static bool onednn_takes_bf16(void *self)
{
	(void)self;
	return cpu_isa() >= ISA_AVX512_BF16;
}

/* ---- what the library makes for a shape ---- */

/* [rows, cols], or its transpose as the library counts. */
static bool describe(const struct onednn *o, dnnl_memory_desc_t *d, dnnl_data_type_t type,
		     int64_t rows, int64_t cols, int64_t down, int64_t across)
{
	const dnnl_dims_t dims = { rows, cols }, strides = { down, across };
	return o->lib->dnnl_memory_desc_init_by_strides(d, 2, dims, type, strides) ==
	       dnnl_success;
}

/* Its own memory is ours to give; the result is added to what is there. */
static dnnl_primitive_attr_t make_attributes(const struct onednn *o, bool add)
{
	const struct onednn_library *lib = o->lib;
	dnnl_primitive_attr_t attr = NULL;
	dnnl_post_ops_t after = NULL;
	if (lib->dnnl_primitive_attr_create(&attr) != dnnl_success)
		return NULL;
	bool good = lib->dnnl_primitive_attr_set_scratchpad_mode(
			    attr, dnnl_scratchpad_mode_user) == dnnl_success;
	if (good && add)
		good = lib->dnnl_post_ops_create(&after) == dnnl_success &&
		       lib->dnnl_post_ops_append_sum(after, 1) == dnnl_success &&
		       lib->dnnl_primitive_attr_set_post_ops(attr, after) == dnnl_success;
	if (after)
		lib->dnnl_post_ops_destroy(after);
	if (good)
		return attr;
	lib->dnnl_primitive_attr_destroy(attr);
	return NULL;
}

/* The plan of a product; NULL: there is none, or it wants more memory than it gets. */
static dnnl_primitive_desc_t make_plan(const struct onednn *o, const struct shape *s,
				       const dnnl_memory_desc_t *a,
				       const dnnl_memory_desc_t *w,
				       const dnnl_memory_desc_t *c)
{
	const struct onednn_library *lib = o->lib;
	dnnl_matmul_desc_t op;
	dnnl_primitive_desc_t plan = NULL;
	dnnl_primitive_attr_t attr = make_attributes(o, s->add);
	if (attr && lib->dnnl_matmul_desc_init(&op, a, w, NULL, c) == dnnl_success &&
	    lib->dnnl_primitive_desc_create(&plan, &op, attr, o->engine, NULL) !=
		    dnnl_success)
		plan = NULL;
	if (attr)
		lib->dnnl_primitive_attr_destroy(attr);
	if (!plan)
		return NULL;
	const dnnl_memory_desc_t *pad =
		lib->dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0);
	if (lib->dnnl_memory_desc_get_size(pad) <= PAD * sizeof(float))
		return plan;
	lib->dnnl_primitive_desc_destroy(plan);
	return NULL;
}

static bool make(const struct onednn *o, struct recipe *m, const struct shape *s)
{
	const struct onednn_library *lib = o->lib;
	const dnnl_data_type_t type = (dnnl_data_type_t)s->type;
	dnnl_memory_desc_t a, w, c;
	if (!describe(o, &a, type, s->m, s->k, s->lda, 1) ||
	    !describe(o, &w, type, s->k, s->n, 1, s->ldw) ||
	    !describe(o, &c, dnnl_f32, s->m, s->n, s->n, 1))
		return false;
	dnnl_primitive_desc_t plan = make_plan(o, s, &a, &w, &c);
	if (!plan)
		return false;
	const dnnl_memory_desc_t *pad =
		lib->dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0);
	bool good =
		lib->dnnl_primitive_create(&m->primitive, plan) == dnnl_success &&
		lib->dnnl_memory_create(&m->a, &a, o->engine, NULL) == dnnl_success &&
		lib->dnnl_memory_create(&m->w, &w, o->engine, NULL) == dnnl_success &&
		lib->dnnl_memory_create(&m->c, &c, o->engine, NULL) == dnnl_success &&
		lib->dnnl_memory_create(&m->pad, pad, o->engine, NULL) == dnnl_success;
	lib->dnnl_primitive_desc_destroy(plan);
	m->shape = *s;
	return good;
}

/* NULL: the library has nothing for this shape. */
static struct recipe *recipe_for(const struct onednn *o, struct worker *w,
				 const struct shape *s)
{
	struct recipe *oldest = &w->recipe[0];
	w->now++;
	for (int i = 0; i < SHAPES; i++) {
		struct recipe *m = &w->recipe[i];
		if (m->used && !memcmp(&m->shape, s, sizeof(*s))) {
			m->used = w->now;
			return m;
		}
		if (m->used < oldest->used)
			oldest = m;
	}
	release_recipe(o, oldest);
	if (!make(o, oldest, s)) {
		release_recipe(o, oldest);
		return NULL;
	}
	oldest->used = w->now;
	return oldest;
}

/* ---- multiplying ---- */

/* A thread's memory, see onednn_engine.scratch. */
struct room {
	float *block, *pad, *panel;
};

static bool execute(const struct onednn *o, struct worker *w, struct recipe *m,
		    const void *a, const void *weights, float *c, float *pad)
{
	const struct onednn_library *lib = o->lib;
	/* The library takes no const; it writes to c and pad. */
	void *const in[] = { (void *)(uintptr_t)a, (void *)(uintptr_t)weights };
	const dnnl_exec_arg_t args[] = {
		{ DNNL_ARG_SRC, m->a },
		{ DNNL_ARG_WEIGHTS, m->w },
		{ DNNL_ARG_DST, m->c },
		{ DNNL_ARG_SCRATCHPAD, m->pad },
	};
	return lib->dnnl_memory_set_data_handle(m->a, in[0]) == dnnl_success &&
	       lib->dnnl_memory_set_data_handle(m->w, in[1]) == dnnl_success &&
	       lib->dnnl_memory_set_data_handle(m->c, c) == dnnl_success &&
	       lib->dnnl_memory_set_data_handle(m->pad, pad) == dnnl_success &&
	       lib->dnnl_primitive_execute(m->primitive, w->stream, 4, args) ==
		       dnnl_success;
}

/* What the library cannot do: row by row. */
static void multiply_rows(const struct onednn *o, const struct shape *s, const void *a,
			  const void *weights, const struct room *r)
{
	bool half = s->type == dnnl_bf16;
	for (int64_t i = 0; i < s->m; i++) {
		const float *row = (const float *)a + i * s->lda;
		for (int64_t k = 0; k < s->k; k += PAD) {
			int64_t n = least(s->k - k, PAD);
			const char *w = weights;
			if (half)
				o->vec->widen(r->pad,
					      (const uint16_t *)a + i * s->lda + k,
					      DT_BF16, n);
			o->vec->gemv(r->block + i * s->n, s->n, half ? r->pad : row + k,
				     n, 1, w + (size_t)k * (half ? 2 : 4),
				     half ? DT_BF16 : DT_F32, s->ldw, s->n, n,
				     s->add || k > 0);
		}
	}
}

/* block [m, n] (+)= A W^T */
static void multiply(struct onednn *o, int thread, const struct shape *s, const void *a,
		     const void *weights, const struct room *r)
{
	struct worker *w = &o->worker[thread];
	struct recipe *m = recipe_for(o, w, s);
	if (!m || !execute(o, w, m, a, weights, r->block, r->pad))
		multiply_rows(o, s, a, weights, r);
}

/* Weights that are multiplied as they are. */
static void run_block(struct onednn *o, const struct gemm *g, const struct gemm_part *b,
		      const struct room *r)
{
	const struct shape s = {
		.type = g->narrow ? dnnl_bf16 : dnnl_f32,
		.m = b->m_end - b->m_begin,
		.n = b->n_end - b->n_begin,
		.k = g->k,
		.lda = g->narrow ? g->k : g->lda,
		.ldw = g->ldw,
	};
	const void *a = g->narrow ? (const void *)(g->narrow + b->m_begin * g->k)
				  : g->a + b->m_begin * g->lda;
	multiply(o, b->thread, &s, a, gemm_weights(g, b->n_begin, 0), r);
}

/* Halves that are to be F32: widened panel by panel. */
static void run_widened(struct onednn *o, const struct gemm *g, const struct gemm_part *b,
			int64_t depth, const struct room *r)
{
	struct shape s = {
		.type = dnnl_f32,
		.m = b->m_end - b->m_begin,
		.n = b->n_end - b->n_begin,
		.lda = g->lda,
	};
	for (int64_t k = 0; k < g->k; k += depth) {
		s.k = s.ldw = least(g->k - k, depth);
		s.add = k > 0;
		gemm_widen(g, r->panel, b->n_begin, s.n, k, s.k);
		multiply(o, b->thread, &s, g->a + b->m_begin * g->lda + k, r->panel, r);
	}
}

/* Bias and activation, then to where it belongs. */
static void finish(const struct gemm *g, const struct gemm_part *part,
		   const struct gemm_part *b, float *block)
{
	int64_t cols = b->n_end - b->n_begin;
	g->vec->finish(block, cols, b->m_end - b->m_begin, cols,
		       g->bias ? g->bias + b->n_begin : NULL, g->epilogue.act);
	for (int64_t i = b->m_begin; i < b->m_end; i++, block += cols) {
		float *c = part->c + (i - part->m_begin) * part->ldc + b->n_begin -
			   part->n_begin;
		if (g->epilogue.accumulate)
			g->vec->add(c, c, block, cols);
		else
			memcpy(c, block, sizeof(float) * (size_t)cols);
	}
}

static void onednn_run(void *self, const struct gemm *g, struct gemm_part part,
		       void *scratch)
{
	struct onednn *o = self;
	const struct room room = { scratch, (float *)scratch + BLOCK,
				   (float *)scratch + BLOCK + PAD };
	const bool widened = !g->narrow && g->w_type != DT_F32;
	const int64_t m = part.m_end - part.m_begin, down = ceil_div(m, BLOCK_ROWS);
	const int64_t depth = ceil_div(g->k, ceil_div(g->k, PANEL_DEPTH));
	int64_t most = BLOCK / ceil_div(m, down) / 64 * 64;
	if (widened)
		most = least(most, PANEL_SIZE / depth / 16 * 16);
	onednn_enter(o->lib);
	for (int64_t i = 0; i < down; i++)
		for (int64_t n = part.n_begin; n < part.n_end; n += most) {
			const struct gemm_part block = {
				.thread = part.thread,
				.m_begin = part.m_begin + m * i / down,
				.m_end = part.m_begin + m * (i + 1) / down,
				.n_begin = n,
				.n_end = least(n + most, part.n_end),
			};
			if (widened)
				run_widened(o, g, &block, depth, &room);
			else
				run_block(o, g, &block, &room);
			finish(g, &part, &block, room.block);
		}
}

const struct gemm_engine onednn_engine = {
	.name = "onednn",
	.open = onednn_open,
	.close = onednn_close,
	.describe = onednn_describe,
	.suits = onednn_suits,
	.takes_bf16 = onednn_takes_bf16,
	.scratch = sizeof(float) * (BLOCK + PAD + PANEL_SIZE),
	.m_grain = 8,
	.n_grain = 64,
	.run = onednn_run,
};
