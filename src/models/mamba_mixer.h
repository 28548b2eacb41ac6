/*
 * The mixer of Mamba (Gu and Dao 2023), E = expand D channels, N states of each:
 *
 *   u, z = in_proj(h)                               [B, T, E] each
 *   u = silu(conv1d(u))                             causal, every channel by itself
 *   dt, b, c = x_proj(u)                            [B, T, R], [B, T, N], [B, T, N]
 *   delta = softplus(dt_proj(dt))                   [B, T, E]
 *   S = exp(delta a) S + delta u b; y = S c + d u   the selective scan
 *   x += out_proj(y silu(z))
 *
 * With a multi-resolution scan (models/mrss.h) conv1d, x_proj, dt_proj and scan run on
 * u[::r], or there too; both branches have the same weights.
 */
#ifndef MODELS_MAMBA_MIXER_H
#define MODELS_MAMBA_MIXER_H

#include "kernels/op_sequence.h"
#include "models/mrss.h"
#include "tensor/tensors.h"

struct mamba_sizes {
	int64_t width, inner, states, kernel, rank; /* D, E, N, convolution, R */
	bool bias, conv_bias;
};

struct mamba_mixer {
	struct linear in, x, dt, out;
	struct conv conv;
	struct ssm ssm;      /* ssm.a without data until mamba_mixer_adapt() */
	struct tensor a_log; /* [E, N]: a = -exp(a_log); ndim 0: a came as it is */
};

/* PREFIX.in_proj and so on; PREFIX.A instead of PREFIX.A_log where a file has it. */
void mamba_mixer_bind(struct mamba_mixer *, struct tensors *, const char *prefix,
		      const struct mamba_sizes *);
enum err mamba_mixer_each_linear(struct mamba_mixer *,
				 enum err (*fn)(void *ctx, struct linear *),
				 void *ctx) MUST_CHECK;
/* Makes a of a_log, once; ERR_NOMEM. */
enum err mamba_mixer_adapt(struct mamba_mixer *) MUST_CHECK;
void mamba_mixer_release(struct mamba_mixer *);

/* What one branch knows of the rows so far: past [B, k - 1, E], state [B, E, N]. */
struct mamba_branch {
	struct tensor past, state;
};
struct mamba_memory {
	struct mamba_branch high, low;
	/* [B, E]: what the coarse branch gave last, for a step inside of a block; ndim 0:
	 * there will be no step. */
	struct tensor held;
};

/* How the scans of a pass run. */
struct mamba_scans {
	struct mrss mrss;
	const int32_t *factors; /* [B], of adaptive; NULL: all as mrss.factor */
	struct tensor gate;     /* [E] of this layer; ndim 0 but in `both` */
	/* Rows of an item that went before: a multiple of 16, or there is one row. */
	int64_t first;
};

/* x += mixer(h), both [B, T, D]; `memory` goes along. */
void mamba_mixer_forward(struct pass *, const struct mamba_mixer *, struct tensor x,
			 struct tensor h, const struct mamba_scans *,
			 const struct mamba_memory *memory);

#endif
