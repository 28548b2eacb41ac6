/* What the files of the cpu backend share: the opened backend and its threads. */
#ifndef KERNELS_CPU_CPU_H
#define KERNELS_CPU_CPU_H

#include <stddef.h>

#include "kernels/backend.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/vec.h"

struct cpu {
	struct pool *pool; /* borrowed; NULL: the caller's thread only */
	int threads;
	const struct vec *vec;
	struct gemm_choice gemm;
	/* `auto`: of BF16 by BF16, looked for at the first such product, since what it
	 * loads is of use for nothing else; engine NULL: the same as of the rest. */
	struct gemm_choice bf16;
	bool seeks_bf16;
	void **scratch; /* [threads], see cpu_scratch */
	size_t scratch_size;
	void *rounded; /* x of the product at hand, in its type; grows as scratch does */
	size_t rounded_size;
};

typedef void (*cpu_job)(void *ctx, int thread, int threads);

/* Runs fn on every thread, or as (ctx, 0, 1) on this one when `work` (elements touched,
 * or multiply-adds / 16) is not worth waking the others. */
void cpu_run(struct cpu *, int64_t work, cpu_job fn, void *ctx);

/*
 * At least `bytes` of scratch for every thread. It grows at the first call with a new
 * shape and never shrinks, so a pass that was run once (the warm-up) allocates nothing.
 * Aborts without memory: what is asked for is of the size of a few rows of activations.
 */
void cpu_reserve(struct cpu *, size_t bytes);
void *cpu_scratch(const struct cpu *, int thread); /* aligned to 64 bytes */

/* Who multiplies BF16 by BF16. */
const struct gemm_choice *cpu_bf16(struct cpu *);

/* Entries of struct backend; self is a struct cpu. */
const char *cpu_engine(void *self, int64_t rows, const struct linear *, enum dtype round);
void cpu_linear(void *self, struct tensor y, struct tensor x, const struct linear *,
		struct epilogue);
/* The same where rows of x overlap and the engine multiplies what lies apart; the first
 * `used` bytes of scratch are the engine's. */
void cpu_linear_overlapping(struct cpu *, struct tensor y, struct tensor x,
			    const struct linear *, struct epilogue, size_t used);
void cpu_attention(void *self, struct tensor y, struct tensor q, struct tensor k,
		   struct tensor v, const struct attn_opts *);
void cpu_layernorm(void *self, struct tensor y, struct tensor x, const struct norm *);
void cpu_rmsnorm(void *self, struct tensor y, struct tensor x, const struct norm *);
void cpu_rotary(void *self, struct tensor x, struct tensor turn, int heads);
void cpu_patches(void *self, struct tensor y, struct tensor image, int patch);
void cpu_embed(void *self, struct tensor y, struct tensor x, struct tensor rows,
	       struct tensor cls, struct tensor pos);
void cpu_gather(void *self, struct tensor y, struct tensor x, struct tensor rows);
void cpu_normalize(void *self, struct tensor y, struct tensor x);
void cpu_lookup(void *self, struct tensor y, struct tensor table, struct tensor ids,
		struct tensor pos);
void cpu_token_norms(void *self, struct tensor score, struct tensor x, int heads);
void cpu_random_scores(void *self, struct tensor score, uint64_t key);
void cpu_cls_scores(void *self, struct tensor score, struct tensor q, struct tensor k,
		    int heads, float scale);
int64_t cpu_select(void *self, struct selection *, struct tensor score,
		   const struct select_opts *);
void cpu_make(void *self, struct tensor y, struct tensor x, const struct selection *,
	      enum made, struct tensor score);
void cpu_match(void *self, struct tensor into, struct tensor k, int heads, int64_t r,
	       bool cls, struct tensor work);
void cpu_merge(void *self, struct tensor y, struct tensor y_size, struct tensor x,
	       struct tensor size, struct tensor into);
void cpu_ends(void *self, struct tensor rows, struct tensor ids, int32_t end);
void cpu_skip_first(void *self, struct tensor y, struct tensor x,
		    const struct segments *rows);
void cpu_splice(void *self, struct tensor y, struct tensor a, struct tensor b,
		int64_t before);
void cpu_runs(void *self, struct tensor start, struct tensor length, struct tensor ids,
	      int unit);
void cpu_order(void *self, struct tensor rows, struct tensor keys);
void cpu_conv1d(void *self, struct tensor y, struct tensor x, const struct conv *,
		enum act, struct tensor past);
void cpu_scan(void *self, struct tensor y, struct tensor x, struct tensor delta,
	      struct tensor b, struct tensor c, const struct ssm *, float step,
	      struct tensor state, bool fresh);
void cpu_gate(void *self, struct tensor y, struct tensor z);
void cpu_downsample(void *self, struct tensor y, struct tensor x, int r);
void cpu_upsample(void *self, struct tensor y, struct tensor x, int r);
void cpu_blend(void *self, struct tensor y, struct tensor low, struct tensor g, int r);
void cpu_variation(void *self, struct tensor sums, struct tensor x);
void cpu_mean_rows(void *self, struct tensor y, struct tensor x, const struct segments *);
void cpu_taps(void *self, struct tensor y, struct tensor x, struct tensor taps);

#endif
