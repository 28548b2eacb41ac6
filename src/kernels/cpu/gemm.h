/*
 * Engines of matrix products. An engine multiplies a rectangle of
 *   C [m, n] (+)= A [m, k] W [n, k]^T, then act(C + bias)
 * on the calling thread; who computes which rectangle and where to is linear.c's business
 * (and so is epilogue.multiply, which an engine never sees), so an engine never has
 * threads of its own. Weights in half precision are widened exactly and multiplied in
 * F32, never all of them at a time unless an engine prepares its own form of them. One
 * file per engine, one word in meson.build; the list there is the order of preference of
 * `auto`.
 */
#ifndef KERNELS_CPU_GEMM_H
#define KERNELS_CPU_GEMM_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/cpu/vec.h"

struct gemm {
	const struct vec *vec;
	int64_t m, n, k;
	const float *a; /* [m, k], rows lda apart */
	int64_t lda;
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

struct gemm_part {
	int64_t m_begin, m_end, n_begin, n_end;
	float *c; /* the rectangle alone, rows ldc apart */
	int64_t ldc;
};

struct gemm_engine {
	const char *name;
	/* ERR_UNAVAILABLE when what it needs is not on this machine; the message says
	 * why. */
	enum err (*open)(const struct vec *, void **self);
	void (*close)(void *self);
	/* What the library says of itself; NULL: there is no library. */
	void (*describe)(void *self, struct blas_info *);

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

/*
 * Opens the engine of that name. NULL, "" or "auto": the first that can be opened; when
 * that is not the first of the list, `warning` says why (else it is empty). ERR_USAGE for
 * a name that does not exist, ERR_UNAVAILABLE for one that cannot be opened here.
 */
enum err gemm_open(const char *name, const struct vec *,
		   const struct gemm_engine **engine, void **self, char *warning,
		   size_t warning_size) MUST_CHECK;

#endif
