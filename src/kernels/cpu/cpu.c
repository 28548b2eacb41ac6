/*
 * The cpu backend: opening, threads, and the ops that are one loop over rows. Products
 * are in linear.c, attention and selection in files of their own.
 */
#include "kernels/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/str.h"

#define SCRATCH_ALIGN 64
#define WORTH_WAKING 16384 /* elements: one thread's work while another wakes */

static enum err cpu_open(const struct backend_opts *opts, void **self)
{
	struct cpu *c = mem_alloc(sizeof(*c));
	c->pool = opts->pool;
	c->threads = opts->pool ? pool_size(opts->pool) : 1;
	c->vec = vec_for(cpu_isa());
	enum err e = gemm_open(opts->gemm, c->vec, &c->engine, &c->engine_self,
			       c->warning, sizeof(c->warning));
	if (e) {
		free(c);
		return e;
	}
	c->scratch = mem_alloc(sizeof(*c->scratch) * (size_t)c->threads);
	if (c->engine->scratch)
		cpu_reserve(c, c->engine->scratch);
	*self = c;
	return OK;
}

static void cpu_close(void *self)
{
	struct cpu *c = self;
	if (!c)
		return;
	c->engine->close(c->engine_self);
	for (int i = 0; i < c->threads; i++)
		free(c->scratch[i]);
	free(c->scratch);
	free(c);
}

static void cpu_describe(void *self, struct blas_info *info)
{
	const struct cpu *c = self;
	*info = (struct blas_info){ 0 };
	snprintf(info->name, sizeof(info->name), "%s", c->engine->name);
	snprintf(info->core, sizeof(info->core), "%s", isa_name(c->vec->isa));
	if (c->engine->describe)
		c->engine->describe(c->engine_self, info);
	snprintf(info->warning, sizeof(info->warning), "%s", c->warning);
}

void cpu_reserve(struct cpu *c, size_t bytes)
{
	if (bytes <= c->scratch_size)
		return;
	bytes = (bytes + 4095) / 4096 * 4096;
	for (int i = 0; i < c->threads; i++) {
		free(c->scratch[i]);
		c->scratch[i] = mem_alloc(bytes + SCRATCH_ALIGN);
	}
	c->scratch_size = bytes;
}

void *cpu_scratch(const struct cpu *c, int thread)
{
	uintptr_t at = (uintptr_t)c->scratch[thread];
	return (char *)c->scratch[thread] + (SCRATCH_ALIGN - at % SCRATCH_ALIGN);
}

void cpu_run(struct cpu *c, int64_t work, cpu_job fn, void *ctx)
{
	if (c->pool && work >= WORTH_WAKING)
		pool_run(c->pool, fn, ctx);
	else
		fn(ctx, 0, 1);
}

static enum err cpu_prepare(void *self, struct linear *l)
{
	struct cpu *c = self;
	l->prepared = NULL;
	if (!c->engine->prepare)
		return OK;
	return c->engine->prepare(c->engine_self, &l->weight, &l->prepared);
}

static void cpu_unprepare(void *self, struct linear *l)
{
	struct cpu *c = self;
	if (l->prepared)
		c->engine->unprepare(c->engine_self, l->prepared);
	l->prepared = NULL;
}

/* An op that treats every row alike: each thread takes a run of rows. */
struct rows {
	const struct vec *vec;
	void (*of_row)(const struct rows *, int64_t row);
	int64_t count;
	struct tensor y, x, kept, cls, pos;
	const struct norm *norm;
	int64_t patch;
};

static void run_rows(void *ctx, int thread, int threads)
{
	const struct rows *r = ctx;
	int64_t begin, end;
	pool_share(r->count, 1, thread, threads, &begin, &end);
	for (int64_t i = begin; i < end; i++)
		r->of_row(r, i);
}

static void all_rows(struct cpu *c, struct rows r)
{
	r.vec = c->vec;
	r.count = tensor_rows(&r.y);
	cpu_run(c, tensor_count(&r.y), run_rows, &r);
}

static void layernorm_row(const struct rows *r, int64_t i)
{
	r->vec->layernorm(tensor_row(&r->y, i), tensor_row(&r->x, i),
			  tensor_f32(&r->norm->weight), tensor_f32(&r->norm->bias),
			  tensor_cols(&r->x), r->norm->eps);
}

static void cpu_layernorm(void *self, struct tensor y, struct tensor x,
			  const struct norm *norm)
{
	all_rows(self,
		 (struct rows){ .of_row = layernorm_row, .y = y, .x = x, .norm = norm });
}

/* One patch: 3 colours of `patch` runs of `patch` pixels. */
static void patches_row(const struct rows *r, int64_t i)
{
	int64_t height = r->x.dim[2], width = r->x.dim[3], patch = r->patch;
	int64_t b = i / r->y.dim[1], n = i % r->y.dim[1], across = width / patch;
	float *to = tensor_row(&r->y, i);
	for (int64_t c = 0; c < 3; c++) {
		int64_t row = (b * 3 + c) * height + n / across * patch;
		const float *from = tensor_f32(&r->x) + row * width + n % across * patch;
		for (int64_t j = 0; j < patch; j++, from += width, to += patch)
			memcpy(to, from, sizeof(float) * (size_t)patch);
	}
}

static void cpu_patches(void *self, struct tensor y, struct tensor image, int patch)
{
	all_rows(self,
		 (struct rows){
			 .of_row = patches_row, .y = y, .x = image, .patch = patch });
}

static void embed_row(const struct rows *r, int64_t i)
{
	int64_t tokens = r->y.dim[1], b = i / tokens, n = i % tokens - 1;
	const int32_t *kept = r->kept.data;
	if (n >= 0 && kept)
		n = kept[b * (tokens - 1) + n];
	const float *from =
		n < 0 ? tensor_f32(&r->cls) : tensor_row(&r->x, b * r->x.dim[1] + n);
	r->vec->add(tensor_row(&r->y, i), from, tensor_row(&r->pos, n + 1), r->y.dim[2]);
}

static void cpu_embed(void *self, struct tensor y, struct tensor x, struct tensor kept,
		      struct tensor cls, struct tensor pos)
{
	all_rows(self, (struct rows){ .of_row = embed_row,
				      .y = y,
				      .x = x,
				      .kept = kept,
				      .cls = cls,
				      .pos = pos });
}

struct scores {
	const struct vec *vec;
	struct tensor score, x;
	uint64_t key;
};

static void run_row_norms(void *ctx, int thread, int threads)
{
	const struct scores *s = ctx;
	int64_t begin, end;
	pool_share(tensor_rows(&s->x), 16, thread, threads, &begin, &end);
	for (int64_t i = begin; i < end; i++)
		tensor_f32(&s->score)[i] =
			s->vec->norm(tensor_row(&s->x, i), tensor_cols(&s->x));
}

static void cpu_row_norms(void *self, struct tensor score, struct tensor x)
{
	struct cpu *c = self;
	struct scores s = { .vec = c->vec, .score = score, .x = x };
	cpu_run(c, tensor_count(&x), run_row_norms, &s);
}

static void run_random_scores(void *ctx, int thread, int threads)
{
	const struct scores *s = ctx;
	int64_t begin, end;
	pool_share(tensor_count(&s->score), 16, thread, threads, &begin, &end);
	s->vec->uniform(tensor_f32(&s->score) + begin, end - begin, s->key,
			(uint32_t)begin);
}

static void cpu_random_scores(void *self, struct tensor score, uint64_t key)
{
	struct cpu *c = self;
	struct scores s = { .vec = c->vec, .score = score, .key = key };
	cpu_run(c, tensor_count(&score), run_random_scores, &s);
}

const struct backend cpu_backend = {
	.name = "cpu",
	.open = cpu_open,
	.close = cpu_close,
	.engine = cpu_engine,
	.describe = cpu_describe,
	.prepare = cpu_prepare,
	.unprepare = cpu_unprepare,
	.linear = cpu_linear,
	.layernorm = cpu_layernorm,
	.attention = cpu_attention,
	.patches = cpu_patches,
	.embed = cpu_embed,
	.row_norms = cpu_row_norms,
	.random_scores = cpu_random_scores,
	.select = cpu_select,
};
