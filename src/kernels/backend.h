/*
 * A backend: one table of functions that compute, with the shapes of the ops in op.h.
 * What is counted (FLOPs, bytes, tokens) and what is allocated is op.c's business and the
 * same for all of them; a kernel only computes. Kernels do not allocate, log or know
 * layers.
 *
 * All tensors are F32 unless said otherwise; B items, T or N tokens, D channels, H heads.
 * Rows of inputs may be `ld` apart (views); outputs are contiguous unless said otherwise.
 * Outputs never overlap inputs except where said.
 */
#ifndef KERNELS_BACKEND_H
#define KERNELS_BACKEND_H

#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"
#include "tensor/tensor.h"

enum act { ACT_NONE, ACT_QUICK_GELU, ACT_GELU };

/* y = x W^T + b: weight [out, in] as checkpoints hold it; bias [out] or data-less. */
struct linear {
	struct tensor weight, bias;
	void *prepared; /* the backend's, by prepare(); NULL: none */
};

struct norm {
	struct tensor weight, bias; /* [D] */
	float eps;
};

struct attn_opts {
	int heads;
	float scale; /* of q k^T, usually 1 / sqrt(D / heads) */
};

/* What is done to a matrix product while it is still in the cache: act(x W^T + b), or
 * with `accumulate` y + x W^T + b (a residual connection; act must be ACT_NONE then). */
struct epilogue {
	enum act act;
	bool accumulate;
};

struct backend_opts {
	struct pool *pool; /* borrowed for the backend's life; ref and dry ignore it */
	const char *gemm;  /* engine by name; "" or "auto": the backend's choice */
};

/* What multiplies matrices, for the environment of a run; "" where it is not known. */
struct blas_info {
	char name[32]; /* the library, or our engine */
	char core[32]; /* the kernels that are in use, as the library calls them */
	char version[32];
	char warning[256]; /* why this is not what it should be; "" */
};

struct backend {
	const char *name;
	bool dry; /* computes nothing: data of its tensors is NULL */

	enum err (*open)(const struct backend_opts *, void **self);
	void (*close)(void *self);
	/* What multiplies a matrix of so many rows ("openblas"), as stored with a layer.
	 */
	const char *(*engine)(void *self, int64_t rows);
	void (*describe)(void *self, struct blas_info *); /* NULL: nothing to say */
	/* Packs or uploads a weight once; ERR_NOMEM. NULL entries: nothing to prepare. */
	enum err (*prepare)(void *self, struct linear *);
	void (*unprepare)(void *self, struct linear *);

	/* y [.., out] (may have any ld when accumulating), x [.., in] */
	void (*linear)(void *self, struct tensor y, struct tensor x,
		       const struct linear *, struct epilogue);
	/* y, x [.., D]; y may be x. Two-pass variance, over D. */
	void (*layernorm)(void *self, struct tensor y, struct tensor x,
			  const struct norm *);
	/* y [B, Tq, D]; q [B, Tq, D], k, v [B, Tk, D], heads side by side in D; the
	 * softmax over Tk is exact F32. */
	void (*attention)(void *self, struct tensor y, struct tensor q, struct tensor k,
			  struct tensor v, const struct attn_opts *);
	/* y [B, N, 3 p p] of image [B, 3, S, S'], patches row by row, each as (c, y, x).
	 */
	void (*patches)(void *self, struct tensor y, struct tensor image, int patch);
	/* y [B, 1 + K, D]: row 0 is cls [D] + pos[0]; row 1 + i is x[kept[i]] + pos[1 +
	 * kept[i]]. x [B, N, D], pos [1 + N, D], kept I32 [B, K] or data-less for all N
	 * in order (dry: K is y's). */
	void (*embed)(void *self, struct tensor y, struct tensor x, struct tensor kept,
		      struct tensor cls, struct tensor pos);
	/* score [B, N]: the L2 norm of each row of x [B, N, D]. */
	void (*row_norms)(void *self, struct tensor score, struct tensor x);
	/* score [B, N]: uniform [0, 1), rng_uniform(key, b * N + n) (base/rng.h). */
	void (*random_scores)(void *self, struct tensor score, uint64_t key);
	/* kept I32 [B, K], ascending: the K highest of score [B, N]; among equals the
	 * lowest index first. NaN counts as the lowest score. */
	void (*select)(void *self, struct tensor kept, struct tensor score);
};

extern const struct backend *const backends[];           /* NULL-terminated */
const struct backend *backend_by_name(const char *name); /* NULL: none */

#endif
