/* The cpu backend: opening, threads and their scratch, the table of its ops. */
#include "kernels/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define SCRATCH_ALIGN 64
#define WORTH_WAKING 16384 /* elements: one thread's work while another wakes */

static enum err cpu_open(const struct backend_opts *opts, void **self)
{
	struct cpu *c = mem_alloc(sizeof(*c));
	c->pool = opts->pool;
	c->threads = opts->pool ? pool_size(opts->pool) : 1;
	c->vec = vec_for(cpu_isa());
	enum err e = gemm_open(opts->gemm, c->vec, c->threads, &c->gemm);
	if (e) {
		free(c);
		return e;
	}
	c->scratch = mem_alloc(sizeof(*c->scratch) * (size_t)c->threads);
	c->seeks_bf16 = gemm_is_auto(opts->gemm);
	if (c->gemm.engine->scratch)
		cpu_reserve(c, c->gemm.engine->scratch);
	*self = c;
	return OK;
}

static void cpu_close(void *self)
{
	struct cpu *c = self;
	if (!c)
		return;
	c->gemm.engine->close(c->gemm.self);
	if (c->bf16.engine)
		c->bf16.engine->close(c->bf16.self);
	free(c->rounded);
	for (int i = 0; i < c->threads; i++)
		free(c->scratch[i]);
	free(c->scratch);
	free(c);
}

const struct gemm_choice *cpu_bf16(struct cpu *c)
{
	if (c->seeks_bf16 && gemm_open_bf16(c->vec, c->threads, &c->bf16))
		cpu_reserve(c, c->bf16.engine->scratch);
	c->seeks_bf16 = false;
	return c->bf16.engine ? &c->bf16 : &c->gemm;
}

static void cpu_describe(void *self, enum dtype type, struct blas_info *info)
{
	struct cpu *c = self;
	const struct gemm_choice *g = type == DT_BF16 ? cpu_bf16(c) : &c->gemm;
	const char *warning = type == DT_BF16 ? c->bf16.warning : "";
	*info = (struct blas_info){ 0 };
	snprintf(info->name, sizeof(info->name), "%s", g->engine->name);
	snprintf(info->core, sizeof(info->core), "%s", isa_name(c->vec->isa));
	if (g->engine->describe)
		g->engine->describe(g->self, info);
	if (g->warning[0] || warning[0])
		snprintf(info->warning, sizeof(info->warning), "%s",
			 g->warning[0] ? g->warning : warning);
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
	if (!at)
		return NULL; /* nothing was reserved: the job needs none this time */
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
	if (!c->gemm.engine->prepare)
		return OK;
	return c->gemm.engine->prepare(c->gemm.self, &l->weight, &l->prepared);
}

static void cpu_unprepare(void *self, struct linear *l)
{
	struct cpu *c = self;
	if (l->prepared)
		c->gemm.engine->unprepare(c->gemm.self, l->prepared);
	l->prepared = NULL;
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
	.rmsnorm = cpu_rmsnorm,
	.rotary = cpu_rotary,
	.attention = cpu_attention,
	.patches = cpu_patches,
	.embed = cpu_embed,
	.gather = cpu_gather,
	.token_norms = cpu_token_norms,
	.random_scores = cpu_random_scores,
	.cls_scores = cpu_cls_scores,
	.select = cpu_select,
	.make = cpu_make,
	.match = cpu_match,
	.merge = cpu_merge,
	.normalize = cpu_normalize,
	.lookup = cpu_lookup,
	.ends = cpu_ends,
	.splice = cpu_splice,
	.skip_first = cpu_skip_first,
	.runs = cpu_runs,
	.order = cpu_order,
	.conv1d = cpu_conv1d,
	.scan = cpu_scan,
	.gate = cpu_gate,
	.downsample = cpu_downsample,
	.upsample = cpu_upsample,
	.blend = cpu_blend,
	.variation = cpu_variation,
	.mean_rows = cpu_mean_rows,
	.taps = cpu_taps,
};
