/* The cpu backend: opening, threads and their scratch, the table of its ops. */
#include "kernels/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kernels/ref/sequence.h"

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
	.conv1d = ref_conv1d,
	.scan = ref_scan,
	.gate = ref_gate,
	.downsample = ref_downsample,
	.upsample = ref_upsample,
	.blend = ref_blend,
	.mean_rows = ref_mean_rows,
	.taps = ref_taps,
};
