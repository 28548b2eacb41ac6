/*
 * One table of vec_sequence.h, for the level that meson names: VEC_SEQUENCE its symbol,
 * the rest as in vec_level.c.
 */
#include "kernels/cpu/vec_sequence.h"

#include <stdbool.h>

#include "kernels/cpu/vec_math.h"
#include "kernels/cpu/vec_reg.h"

INLINE reg all(float v) { return (reg){ 0 } + v; }

/* ---- between rows and blocks ---- */

INLINE void turn_4_by_4(float *to, int64_t ld_to, const float *x, int64_t ldx, __m128 by)
{
	__m128 row[4];
	UNROLL
	for (int i = 0; i < 4; i++)
		row[i] = _mm_loadu_ps(x + i * ldx) * by;
	_MM_TRANSPOSE4_PS(row[0], row[1], row[2], row[3]);
	UNROLL
	for (int i = 0; i < 4; i++)
		_mm_storeu_ps(to + i * ld_to, row[i]);
}

/* to[j][i] = x[i][j] by; the compiler would gather, which takes four times as long. */
static void turn(float *to, int64_t ld_to, const float *x, int64_t ldx, int64_t rows,
		 int64_t cols, float by)
{
	int64_t i = 0;
	for (; i + 4 <= rows; i += 4) {
		int64_t j = 0;
		for (; j + 4 <= cols; j += 4)
			turn_4_by_4(to + j * ld_to + i, ld_to, x + i * ldx + j, ldx,
				    _mm_set1_ps(by));
		for (; j < cols; j++)
			for (int q = 0; q < 4; q++)
				to[j * ld_to + i + q] = x[(i + q) * ldx + j] * by;
	}
	for (; i < rows; i++)
		for (int64_t j = 0; j < cols; j++)
			to[j * ld_to + i] = x[i * ldx + j] * by;
}

static void to_lanes(float *to, const float *x, int64_t ldx, int64_t count, int64_t n,
		     float by)
{
	if (count < VEC_LANES)
		memset(to, 0, sizeof(float) * (size_t)(n * VEC_LANES));
	turn(to, VEC_LANES, x, ldx, count, n, by);
}

static void from_lanes(float *y, int64_t ldy, const float *from, int64_t count, int64_t n)
{
	turn(y, ldy, from, VEC_LANES, n, count, 1);
}

/* The next block is asked for, whose rows the hardware does not foresee: with y's rows in
 * conv(), 0.77 of the time at k 63, T 8192, D 512 (Zen 4, one thread). */
static void lift(float *to, const float *x, int64_t ldx, int64_t count, int64_t rows)
{
	for (int64_t i = 0; i < rows && count == VEC_LANES; i++) {
		store(to + i * VEC_LANES, load(x + i * ldx));
		__builtin_prefetch(x + i * ldx + VEC_LANES);
	}
	for (int64_t i = 0; i < rows && count < VEC_LANES; i++)
		store(to + i * VEC_LANES, load_some(x + i * ldx, count));
}

/* ---- the selective scan ---- */

/*
 * 2^z = 2^n 2^r with |r| <= 1/2 and a polynomial that was fitted for the least relative
 * error (9.2e-8) among those that are 1 at 0: what decays slowly must not drift. NaN goes
 * through.
 */
INLINE reg exp2_tail(reg r)
{
	reg p = all(1.32647273e-3f);
	p = p * r + 9.67151299e-3f;
	p = p * r + 5.55073359e-2f;
	p = p * r + 2.40222424e-1f;
	p = p * r + 6.93147004e-1f;
	return p * r + 1;
}

#ifdef __AVX512F__
INLINE reg exp2_approx(reg z)
{
	reg r = (reg)_mm512_reduce_ps((__m512)z, 0); /* z - round(z) */
	return (reg)_mm512_scalef_ps((__m512)exp2_tail(r), (__m512)(z - r));
}
#else
#ifdef __AVX__
INLINE reg least(reg a, reg b) { return (reg)_mm256_min_ps((__m256)a, (__m256)b); }
INLINE reg most(reg a, reg b) { return (reg)_mm256_max_ps((__m256)a, (__m256)b); }
#else
INLINE reg least(reg a, reg b) { return (reg)_mm_min_ps((__m128)a, (__m128)b); }
INLINE reg most(reg a, reg b) { return (reg)_mm_max_ps((__m128)a, (__m128)b); }
#endif
/* Rounded as exp_approx does. Where a bound is met r is 0, so that the exponent alone
 * makes 0 or infinity; of two operands the second goes through where one is NaN. */
INLINE reg exp2_approx(reg z)
{
	const reg magic = all(0x1.8p23f);
	z = least(all(128), most(all(-127), z));
	reg shifted = z + magic;
	mask n = (mask)shifted << 23;
	return (reg)((mask)exp2_tail(z - (shifted - magic)) + n);
}
#endif

/* `count` of the states from `first` on, which stay in registers. */
INLINE void scan_states(const struct scan_part *p, int64_t first, const int count,
			const bool whole)
{
	const int64_t channels = p->channels, steps = p->steps;
	const reg skip = whole ? load(p->skip) : load_some(p->skip, channels);
	const float *a = p->a + first * VEC_LANES, *b = p->b + first, *c = p->c + first;
	const float *delta = p->delta, *x = p->x, step = p->step;
	float *y = p->y, *state = p->state + first * VEC_LANES;
	reg s[16];
	UNROLL
	for (int i = 0; i < count; i++)
		s[i] = load(state + i * VEC_LANES);
	for (int64_t t = 0; t < steps; t++) {
		reg u = whole ? load(x) : load_some(x, channels);
		reg d = (whole ? load(delta) : load_some(delta, channels)) * step;
		reg sum = !first ? skip * u : whole ? load(y) : load_some(y, channels);
		u *= d;
		a = opaque(a), b = opaque(b), c = opaque(c);
		UNROLL
		for (int i = 0; i < count; i++) {
			s[i] = exp2_approx(d * load(a + i * VEC_LANES)) * s[i] + u * b[i];
			sum += s[i] * c[i];
		}
		if (whole)
			store(y, sum);
		else
			store_some(y, sum, channels);
		x += p->ld_x, delta += p->ld_delta, y += p->ld_y;
		b += p->ld_b, c += p->ld_c;
	}
	UNROLL
	for (int i = 0; i < count; i++)
		store(state + i * VEC_LANES, s[i]);
}

/* Out of line, so that each has the registers to itself. */
#define SCAN_STATES(count)                                                               \
	__attribute__((noinline)) static void scan_##count(const struct scan_part *p,    \
							   int64_t first)                \
	{                                                                                \
		if (p->channels == VEC_LANES)                                            \
			scan_states(p, first, count, true);                              \
		else                                                                     \
			scan_states(p, first, count, false);                             \
	}
#if VEC_LANES == 16
SCAN_STATES(16)
#endif
SCAN_STATES(8)
SCAN_STATES(4)
SCAN_STATES(1)
#undef SCAN_STATES

static void scan_block(const struct scan_part *p)
{
	int64_t i = 0;
#if VEC_LANES == 16
	for (; i + 16 <= p->n; i += 16)
		scan_16(p, i);
#endif
	for (; i + 8 <= p->n; i += 8)
		scan_8(p, i);
	for (; i + 4 <= p->n; i += 4)
		scan_4(p, i);
	for (; i < p->n; i++)
		scan_1(p, i);
}

/* A register of states of one channel goes one step on; what it adds to y, by lanes. */
INLINE reg step_states(reg a, float *state, reg d, reg du, reg b, reg c, int64_t count)
{
	const bool whole = count == VEC_LANES;
	reg s = whole ? load(state) : load_some(state, count);
	s = exp2_approx(d * (a * LOG2_E)) * s + du * b;
	if (whole)
		store(state, s);
	else
		store_some(state, s, count);
	return s * c;
}

INLINE float step_channel(const struct scan_part *p, int64_t t, int64_t j)
{
	const float *a = p->a + j * p->ld_a, *b = p->b + t * p->ld_b;
	const float *c = p->c + t * p->ld_c;
	float *state = p->state + j * p->n;
	float d = p->delta[t * p->ld_delta + j] * p->step, u = p->x[t * p->ld_x + j];
	reg sum = { 0 };
	int64_t i = 0;
	for (; i + VEC_LANES <= p->n; i += VEC_LANES)
		sum += step_states(load(a + i), state + i, all(d), all(d * u),
				   load(b + i), load(c + i), VEC_LANES);
	if (i < p->n)
		sum += step_states(load_some(a + i, p->n - i), state + i, all(d),
				   all(d * u), load_some(b + i, p->n - i),
				   load_some(c + i, p->n - i), p->n - i);
	return sum_lanes(sum) + p->skip[j] * u;
}

static void scan_steps(const struct scan_part *part)
{
	const struct scan_part here = *part, *p = &here;
	for (int64_t t = 0; t < p->steps; t++)
		for (int64_t j = 0; j < p->channels; j++)
			p->y[t * p->ld_y + j] = step_channel(p, t, j);
}

/* ---- causal convolutions ---- */

/* So many outputs at a time and so many taps fit the registers beside a row of x. */
#define CONV_ROWS (VEC_LANES == 16 ? 16 : 8)
#define CONV_TAPS (VEC_LANES == 16 ? 8 : 4)

/* sum[r] += w[j] x[r + j]: a row of x is read once for all outputs that it meets. */
INLINE void conv_taps(reg *sum, const int rows, const int taps, const float *x,
		      int64_t ldx, const float *w)
{
	reg by[8];
	UNROLL
	for (int j = 0; j < taps; j++)
		by[j] = load(w + j * VEC_LANES);
	UNROLL
	for (int i = 0; i < rows + taps - 1; i++) {
		reg row = load(x);
		x = opaque(x + ldx);
		UNROLL
		for (int j = 0; j < taps; j++)
			if (i >= j && i - j < rows)
				sum[i - j] += by[j] * row;
	}
}

INLINE void conv_rows(const int rows, float *y, int64_t ldy, const float *x, int64_t ldx,
		      const float *w, reg bias, int64_t k, int64_t count)
{
	reg sum[16];
	int64_t j = 0;
	UNROLL
	for (int r = 0; r < rows; r++)
		sum[r] = bias;
	for (; j + CONV_TAPS <= k; j += CONV_TAPS)
		conv_taps(sum, rows, CONV_TAPS, x + j * ldx, ldx, w + j * VEC_LANES);
	for (; j + 4 <= k; j += 4)
		conv_taps(sum, rows, 4, x + j * ldx, ldx, w + j * VEC_LANES);
	for (; j < k; j++)
		conv_taps(sum, rows, 1, x + j * ldx, ldx, w + j * VEC_LANES);
	UNROLL
	for (int r = 0; r < rows; r++)
		if (count == VEC_LANES)
			store(y + r * ldy, sum[r]);
		else
			store_some(y + r * ldy, sum[r], count);
}

static void conv(float *y, int64_t ldy, const float *x, int64_t ldx, const float *w,
		 const float *bias, int64_t k, int64_t steps, int64_t count)
{
	const reg b = load(bias);
	int64_t t = 0;
	if (k > CONV_TAPS) /* long enough for the rows of y to come meanwhile */
		for (int64_t i = 0; i < steps; i++)
			__builtin_prefetch(y + i * ldy, 1);
	for (; t + CONV_ROWS <= steps; t += CONV_ROWS)
		conv_rows(CONV_ROWS, y + t * ldy, ldy, x + t * ldx, ldx, w, b, k, count);
	for (; t + 4 <= steps; t += 4)
		conv_rows(4, y + t * ldy, ldy, x + t * ldx, ldx, w, b, k, count);
	for (; t < steps; t++)
		conv_rows(1, y + t * ldy, ldy, x + t * ldx, ldx, w, b, k, count);
}

/* ---- rows ---- */

static void gate_silu(float *y, const float *z, int64_t n)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] *= silu(z[i]);
}

static void blend(float *y, const float *low, const float *g, int64_t n)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] = g[i] * low[i] + (1 - g[i]) * y[i];
}

static void mean_rows(float *y, const float *x, int64_t ldx, int64_t rows, int64_t n)
{
	enum { COLUMNS = 4 * VEC_LANES };
	for (int64_t first = 0; first < n; first += COLUMNS) {
		const int64_t count = n - first < COLUMNS ? n - first : COLUMNS;
		double sum[COLUMNS] = { 0 };
		for (int64_t r = 0; r < rows; r++)
#pragma omp simd
			for (int64_t i = 0; i < count; i++)
				sum[i] += (double)x[r * ldx + first + i];
		for (int64_t i = 0; i < count; i++)
			y[first + i] = (float)(sum[i] / (double)rows);
	}
}

extern const struct vec_sequence VEC_SEQUENCE;
const struct vec_sequence VEC_SEQUENCE = {
	.lanes = VEC_LANES,
	.to_lanes = to_lanes,
	.from_lanes = from_lanes,
	.lift = lift,
	.scan_block = scan_block,
	.scan_steps = scan_steps,
	.conv = conv,
	.gate_silu = gate_silu,
	.blend = blend,
	.mean_rows = mean_rows,
};
