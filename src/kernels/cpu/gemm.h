/*
 * Engines of matrix products. An engine multiplies a rectangle of
 *   C [m, n] (+)= A [m, k] W [n, k]^T, then act(C + bias)
 * on the calling thread; who computes which rectangle and where to is linear.c's business
 * (and so is epilogue.multiply, which an engine never sees), so an engine never has
 * threads of its own. Weights in half precision are widened exactly and multiplied in
 * F32, never all of them at a time unless an engine prepares its own form of them; or,
 * where both operands are BF16 and the engine can, multiplied as they are. One file per
 * engine, one word in meson.build; the list there is the order of preference of `auto`.
 */
#ifndef KERNELS_CPU_GEMM_H
#define KERNELS_CPU_GEMM_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/cpu/vec.h"

struct gemm {
	const struct vec *vec;
	int64_t m, n, k;
	const float *a; /* [m, k], rows lda apart, rounded where the product says so */
	int64_t lda;
	/* The same in BF16, rows k apart, instead of `a`; w is BF16 then and the engine
	 * takes that. NULL: `a` counts. */
	const uint16_t *narrow;
	const void *w;     /* [n, k], rows ldw apart, as checkpoints hold it */
	enum dtype w_type; /* F32, F16 or BF16 */
	int64_t ldw;
	const void *prepared; /* of w, by the engine; NULL when it prepares nothing */
	const float *bias;    /* [n] or NULL */
	struct epilogue epilogue;
};

/* Row n of W from column k on. */
static inline const void *gemm_weights(const struct gemm *g, int64_t n, int64_t k)
{
	return (const char *)g->w + (size_t)(n * g->ldw + k) * dtype_size(g->w_type);
}

/* Rows [n, n + rows) of W, columns [k, k + columns), as F32. */
static inline void gemm_widen(const struct gemm *g, float *to, int64_t n, int64_t rows,
			      int64_t k, int64_t columns)
{
	for (int64_t i = 0; i < rows; i++)
		g->vec->widen(to + i * columns, gemm_weights(g, n + i, k), g->w_type,
			      columns);
}

struct gemm_part {
	int thread; /* whose it is: no two at a time have the same */
	int64_t m_begin, m_end, n_begin, n_end;
	float *c; /* the rectangle alone, rows ldc apart */
	int64_t ldc;
};

struct gemm_engine {
	const char *name;
	/* For parts of `threads` threads. ERR_UNAVAILABLE when what it needs is not on
	 * this machine; the message says why. */
	enum err (*open)(const struct vec *, int threads, void **self);
	void (*close)(void *self);
	/* What the library says of itself; NULL: there is no library. */
	void (*describe)(void *self, struct blas_info *);
	/* Whether `auto` takes it on this CPU before those that stand above it; NULL: it
	 * does not. */
	bool (*suits)(void);
	/* Whether it multiplies BF16 by BF16 as they are, into F32; NULL: it does not. */
	bool (*takes_bf16)(void *self);

	/* Packs W once, ERR_NOMEM; NULL entries: it multiplies W as it lies. */
	enum err (*prepare)(void *self, const struct tensor *w, void **prepared);
	void (*unprepare)(void *self, void *prepared);

	size_t scratch; /* bytes that run() may use, 64-aligned, one per thread */
	int64_t m_grain, n_grain; /* parts begin at multiples of these */
	/* Parts of one product are disjoint and run at the same time on several threads.
	 */
	void (*run)(void *self, const struct gemm *, struct gemm_part, void *scratch);
};

extern const struct gemm_engine *const gemm_engines[]; /* NULL-terminated */

struct gemm_choice {
	const struct gemm_engine *engine;
	void *self;
	char warning[256]; /* why it is not what one would wish for; "" */
};

/* Whether a name leaves the choice to us: NULL, "", "auto". */
bool gemm_is_auto(const char *name);

/*
 * Opens the engine of that name. For `auto` one that suits this CPU, else the first of
 * the list that can be opened; when that is not the first, the warning says why.
 * ERR_USAGE for a name that does not exist, ERR_UNAVAILABLE for one that cannot be opened
 * here.
 */
enum err gemm_open(const char *name, const struct vec *, int threads,
		   struct gemm_choice *) MUST_CHECK;

/* The same of `auto` for products of BF16 by BF16: the first that takes them as they are,
 * on a CPU that has instructions for it. False: none does, and the warning says why. */
bool gemm_open_bf16(const struct vec *, int threads, struct gemm_choice *);

#endif
