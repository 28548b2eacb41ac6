/*
 * What ops on sequences do with registers of channels: vec_sequence.c, compiled for each
 * level as vec.h says. A block is `lanes` neighbouring channels; data of a block lies as
 * [rows][lanes]. Rows outside a block are any distance apart and need no alignment.
 */
#ifndef KERNELS_CPU_VEC_SEQUENCE_H
#define KERNELS_CPU_VEC_SEQUENCE_H

#include <stdint.h>

#define LOG2_E 1.44269504088896341f

/* Some steps of the scan of some channels of one item (backend.h): pointers to the first
 * channel of the first step. */
struct scan_part {
	const float *x, *delta, *b, *c, *skip;
	float *y;
	int64_t ld_x, ld_delta, ld_b, ld_c, ld_y;
	int64_t steps, channels, n;
	float step;
	const float *a; /* as each function says */
	int64_t ld_a;
	float *state;
};

struct vec_sequence {
	int lanes;

	/* to[i][j] = x[j][i] by for i < n, j < count; zero for other lanes. */
	void (*to_lanes)(float *to, const float *x, int64_t ldx, int64_t count, int64_t n,
			 float by);
	/* y[j][i] = from[i][j], the way back. */
	void (*from_lanes)(float *y, int64_t ldy, const float *from, int64_t count,
			   int64_t n);
	/* to[i][j] = x[i][j] for i < rows, j < count; zero for other lanes. */
	void (*lift)(float *to, const float *x, int64_t ldx, int64_t count, int64_t rows);

	/*
	 * Of one block, at most `lanes` channels: a [n][lanes] = A log2(e), state
	 * [n][lanes]. The relative error of exp(z) is below 2e-7 + |z| 1.2e-7.
	 */
	void (*scan_block)(const struct scan_part *);
	/* Of any number of channels, for a few steps: lanes are states, and nothing need
	 * be transposed. a [channels][n], state [channels][n]. */
	void (*scan_steps)(const struct scan_part *);

	/* y[t] = bias + sum over j < k of w[j] x[t + j], of one block: w [k][lanes], bias
	 * [lanes]; x is a block, or as long as `count` is `lanes` any rows. */
	void (*conv)(float *y, int64_t ldy, const float *x, int64_t ldx, const float *w,
		     const float *bias, int64_t k, int64_t steps, int64_t count);

	void (*gate_silu)(float *y, const float *z, int64_t n); /* y *= silu(z) */
	/* y = g low + (1 - g) y */
	void (*blend)(float *y, const float *low, const float *g, int64_t n);
	/* y[i] = mean of x[r][i] over the rows, summed in double in their order. */
	void (*mean_rows)(float *y, const float *x, int64_t ldx, int64_t rows, int64_t n);
};

#endif
