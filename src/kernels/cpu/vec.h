/*
 * The arithmetic that is compiled once per instruction set: vec_level.c is the one
 * source, meson.build compiles it with the flags of each level, and each copy fills one
 * table. The rest of the backend is compiled for the baseline and calls through the
 * table, so the program runs on every x86-64 and uses what it finds. The scalar table is
 * the same code for the baseline's four lanes: there is no second version of anything.
 *
 * NaN and infinities go through as in the reference. Denormals are zero wherever the
 * calling thread says so (base/pool.h). Pointers need no alignment unless said.
 */
#ifndef KERNELS_CPU_VEC_H
#define KERNELS_CPU_VEC_H

#include <stdint.h>

#include "base/cpu_isa.h"
#include "kernels/backend.h"
#include "kernels/cpu/vec_sequence.h"

/*
 * `tile` multiplies a few rows by one panel:
 *   c[r][0..panel) (+)= sum over i < k of a[r][i] b[i][0..panel)
 * Rows of `a` are TILE_LDA floats apart and k is at most TILE_K: one pointer then reaches
 * all rows with constant offsets, and rows of a tile fall into different sets of the L1
 * cache whatever the width of the matrix they were copied from.
 */
#define TILE_K 256
#define TILE_LDA (TILE_K + 16)
#define TILE_MAX_ROWS 12
#define TILE_MAX_PANEL 32

struct vec {
	enum isa isa;
	int rows;  /* of a full tile */
	int panel; /* its columns; divides TILE_K */

	/* 1 <= rows <= vec->rows; `add` keeps what c holds, else it is overwritten. */
	void (*tile)(int rows, int64_t k, const float *a, const float *b, float *c,
		     int64_t ldc, bool add);
	/* panel[i][j] = x[j][i] for j < count, zero for the other columns: `count` rows
	 * of a matrix as columns of a panel of k rows. */
	void (*pack)(float *panel, const float *x, int64_t ldx, int64_t count, int64_t k);

	/* y[r][j] (+)= sum over i of x[r][i] w[j][i], the plain product of few rows; w
	 * F32, F16 or BF16, widened in registers. */
	void (*gemv)(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows,
		     const void *w, enum dtype, int64_t ldw, int64_t n, int64_t k,
		     bool add);
	/* c = act(c + bias) for rows x cols; bias NULL: none. */
	void (*finish)(float *c, int64_t ldc, int64_t rows, int64_t cols,
		       const float *bias, enum act act);
	/* c *= x + bias of one row; bias NULL: none. */
	void (*gate)(float *c, const float *x, const float *bias, int64_t n);

	/* One row of d; y may be x. Two passes, sums in F32 over the lanes. */
	void (*layernorm)(float *y, const float *x, const float *weight,
			  const float *bias, int64_t d, float eps);
	/* One row of d; y may be x: y = weight x / sqrt(mean of x^2 + eps) */
	void (*rmsnorm)(float *y, const float *x, const float *weight, int64_t d,
			float eps);
	/* Every head of one row in place, (a, b) to (a c - b s, b c + a s): turn [width]
	 * = [c | s]. */
	void (*rotate)(float *x, const float *turn, int heads, int64_t width);
	/* y = x, n elements of F32, F16 or BF16; exact. */
	void (*widen)(float *y, const void *x, enum dtype, int64_t n);

	/* y = x rounded to F16 or BF16 and back, or kept as BF16; as dtype_from_f32(). */
	void (*round)(float *y, const float *x, enum dtype, int64_t n);
	void (*narrow)(uint16_t *y, const float *x, int64_t n);

	/* s *= scale; the highest of them and `top`. */
	float (*scale_max)(float *s, int64_t n, float scale, float top);
	/* The same of s = s scale + plus. */
	float (*scale_add_max)(float *s, const float *plus, int64_t n, float scale,
			       float top);
	/* s = exp(s - top); their sum. */
	float (*exp_sum)(float *s, int64_t n, float top);
	/* The index of the first of those that are highest and higher than `top`, which
	 * becomes its value; -1: none is. NaN is passed over. */
	int64_t (*highest)(const float *s, int64_t n, float *top);
	/* Of short rows: memcpy is a call for each, or microcode where the compiler knows
	 * that they are short. */
	void (*copy)(float *y, const float *x, int64_t n);
	void (*scale)(float *y, const float *x, float by, int64_t n); /* y = x by */
	void (*add)(float *y, const float *a, const float *b, int64_t n);
	void (*add_scaled)(float *y, const float *x, float by, int64_t n); /* += x by */
	/* y[0..d) (+)= sum over i < n of by[i] x[i][0..d) */
	void (*weigh)(float *y, const float *x, int64_t ldx, const float *by, int64_t n,
		      int64_t d, bool add);
	/* y[i] = mean over p < parts of x[p n + i] */
	void (*mean)(float *y, const float *x, int parts, int64_t n);
	/* The L2 norm, summed in double: the order of two scores never depends on the
	 * number of lanes unless they are within one rounding of each other. */
	double (*norm)(const float *x, int64_t n);
	void (*divide)(float *y, const float *x, double by, int64_t n); /* y = x / by */
	/* y[i] = rng_uniform(key, first + i) */
	void (*uniform)(float *y, int64_t n, uint64_t key, uint32_t first);

	const struct vec_sequence *sequence; /* of ops on sequences */
};

extern const struct vec *const vecs[]; /* NULL-terminated, lowest level first */

/* The best table for this level. */
const struct vec *vec_for(enum isa);

#endif
