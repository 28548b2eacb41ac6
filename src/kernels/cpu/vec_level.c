/*
 * One table of vec.h, for the level that meson names:
 *   VEC_TABLE  its symbol         VEC_ISA    its enum isa
 *   VEC_LANES  floats of a register   VEC_ROWS   rows of a tile: 2 VEC_ROWS accumulators,
 * two registers of b and one of a must fit
 *   VEC_SEQUENCE  the symbol of the level's table in vec_sequence.c
 * Tiles are written with the compiler's vector types, because they must stay in
 * registers; the rest is plain loops that it vectorises by itself.
 */
#include "kernels/cpu/vec.h"

#include <math.h>

#include "base/rng.h"
#include "kernels/cpu/vec_math.h"
#include "kernels/cpu/vec_reg.h"

#define PANEL (2 * VEC_LANES)
#define GEMV_STEP 3 /* rows at a time: 12 accumulators */

_Static_assert(VEC_ROWS <= TILE_MAX_ROWS && PANEL <= TILE_MAX_PANEL &&
		       TILE_K % PANEL == 0,
	       "what the callers' buffers are made for");

/* VEC_LANES of F16 or BF16, of any alignment to 2 bytes. */
typedef uint16_t half_mem
	__attribute__((vector_size(2 * VEC_LANES), aligned(2), may_alias));
typedef uint16_t half __attribute__((may_alias));

INLINE mask load_half(const half *p)
{
	return __builtin_convertvector(*(const half_mem *)p, mask);
}

INLINE reg load_bf16(const half *p) { return (reg)(load_half(p) << 16); }

#ifdef __AVX512F__
INLINE reg load_f16(const half *p)
{
	return (reg)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)p));
}
#else
/* As f16_to_f32() of tensor.h; what is subnormal is the difference of two normal numbers,
 * so that threads that take denormals for zero get it too. */
INLINE reg load_f16(const half *p)
{
	mask h = load_half(p), magnitude = (h & 0x7FFF) << 13, sign = (h & 0x8000) << 16;
	mask tiny = magnitude < (1 << 23), special = magnitude >= (31 << 23);
	mask normal = magnitude + (112 << 23) + (special & (112 << 23));
	mask subnormal = (mask)((reg)(magnitude + (113 << 23)) - 0x1p-14f);
	return (reg)(sign | (tiny & subnormal) | (~tiny & normal));
}
#endif

INLINE void tile_of(const int rows, int64_t k, const float *a, const float *b, float *c,
		    int64_t ldc, bool add)
{
	reg sum[VEC_ROWS][2];
	UNROLL
	for (int r = 0; r < rows; r++)
		sum[r][0] = sum[r][1] = (reg){ 0 };
	for (int64_t i = 0; i < k; i++) {
		reg b0 = load(b + i * PANEL), b1 = load(b + i * PANEL + VEC_LANES);
		UNROLL
		for (int r = 0; r < rows; r++) {
			sum[r][0] += a[r * TILE_LDA + i] * b0;
			sum[r][1] += a[r * TILE_LDA + i] * b1;
		}
	}
	UNROLL
	for (int r = 0; r < rows; r++) {
		float *to = c + r * ldc;
		store(to, add ? load(to) + sum[r][0] : sum[r][0]);
		to += VEC_LANES;
		store(to, add ? load(to) + sum[r][1] : sum[r][1]);
	}
}

static void tile(int rows, int64_t k, const float *a, const float *b, float *c,
		 int64_t ldc, bool add)
{
	switch (rows) {
#define ROWS(n)                                                                          \
	case n:                                                                          \
		if (n <= VEC_ROWS)                                                       \
			tile_of(n <= VEC_ROWS ? n : 1, k, a, b, c, ldc, add);            \
		break;
		ROWS(1)
		ROWS(2)
		ROWS(3)
		ROWS(4)
		ROWS(5)
		ROWS(6)
		ROWS(7)
		ROWS(8)
		ROWS(9)
		ROWS(10)
		ROWS(11)
		ROWS(12)
#undef ROWS
	}
}

static void pack(float *panel, const float *x, int64_t ldx, int64_t count, int64_t k)
{
	for (int64_t i = 0; i < k; i++)
		for (int64_t j = 0; j < PANEL; j++)
			panel[i * PANEL + j] = j < count ? x[j * ldx + i] : 0;
}

/* VEC_LANES of any of the types of weights. */
INLINE reg load_as(const enum dtype type, const void *p, int64_t i)
{
	return type == DT_BF16  ? load_bf16((const half *)p + i)
	       : type == DT_F16 ? load_f16((const half *)p + i)
				: load((const float *)p + i);
}

INLINE float one_as(const enum dtype type, const void *p, int64_t i)
{
	return type == DT_BF16  ? bf16_to_f32(((const half *)p)[i])
	       : type == DT_F16 ? f16_to_f32(((const half *)p)[i])
				: ((const float *)p)[i];
}

/*
 * s[r][q] = x[r] w[q]: a register of each of four rows of w is read once for all rows.
 * Rows in half precision are too short for the hardware to keep up with: the next four,
 * `ahead` elements from here, are asked for (0.8 of the time; F32 gains nothing).
 */
INLINE void dots(const enum dtype type, const int rows, float s[GEMV_STEP][4],
		 const float *x, int64_t ldx, const void *const w[4], int64_t k,
		 int64_t ahead)
{
	reg sum[GEMV_STEP][4];
	int64_t i = 0;
	UNROLL
	for (int r = 0; r < rows; r++)
		sum[r][0] = sum[r][1] = sum[r][2] = sum[r][3] = (reg){ 0 };
	for (; i + VEC_LANES <= k; i += VEC_LANES) {
		UNROLL
		for (int q = 0; q < 4; q++) {
			if (type != DT_F32)
				__builtin_prefetch((const half *)w[q] + i + ahead);
			reg v = load_as(type, w[q], i);
			UNROLL
			for (int r = 0; r < rows; r++)
				sum[r][q] += load(x + r * ldx + i) * v;
		}
	}
	for (int r = 0; r < rows; r++)
		for (int q = 0; q < 4; q++) {
			s[r][q] = sum_lanes(sum[r][q]);
			for (int64_t t = i; t < k; t++)
				s[r][q] += x[r * ldx + t] * one_as(type, w[q], t);
		}
}

INLINE void gemv_of(const enum dtype type, float *y, int64_t ldy, const float *x,
		    int64_t ldx, int64_t rows, const char *w, int64_t ldw, int64_t n,
		    int64_t k, bool add)
{
	const int64_t step = ldw * (type == DT_F32 ? 4 : 2); /* bytes */
	for (int64_t j = 0; j < n; j += 4) {
		const void *of[4]; /* past the last row: the last row again */
		float s[GEMV_STEP][4];
		for (int64_t q = 0; q < 4; q++)
			of[q] = w + (j + q < n ? j + q : n - 1) * step;
		for (int64_t r = 0; r < rows;) {
			int64_t count = rows - r < GEMV_STEP ? rows - r : GEMV_STEP;
			const float *from = x + r * ldx;
			if (count == 1)
				dots(type, 1, s, from, ldx, of, k, 4 * ldw);
			else if (count == 2)
				dots(type, 2, s, from, ldx, of, k, 4 * ldw);
			else
				dots(type, GEMV_STEP, s, from, ldx, of, k, 4 * ldw);
			for (int64_t i = 0; i < count; i++, r++)
				for (int64_t q = 0; q < 4 && j + q < n; q++) {
					float *to = y + r * ldy + j + q;
					*to = add ? *to + s[i][q] : s[i][q];
				}
		}
	}
}

static void gemv(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows,
		 const void *w, enum dtype type, int64_t ldw, int64_t n, int64_t k,
		 bool add)
{
	if (type == DT_F32)
		gemv_of(DT_F32, y, ldy, x, ldx, rows, w, ldw, n, k, add);
	else if (type == DT_BF16)
		gemv_of(DT_BF16, y, ldy, x, ldx, rows, w, ldw, n, k, add);
	else
		gemv_of(DT_F16, y, ldy, x, ldx, rows, w, ldw, n, k, add);
}

static void add_bias(float *c, int64_t n, const float *bias)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		c[i] += bias[i];
}

static void activate(float *c, int64_t n, enum act act)
{
	if (act == ACT_QUICK_GELU) {
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			c[i] = quick_gelu(c[i]);
	} else if (act == ACT_GELU) {
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			c[i] = gelu(c[i]);
	} else if (act == ACT_GELU_TANH) {
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			c[i] = gelu_tanh(c[i]);
	} else if (act == ACT_SILU) {
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			c[i] = silu(c[i]);
	} else if (act == ACT_RELU) {
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			c[i] = c[i] < 0 ? 0 : c[i];
	} else if (act == ACT_SIGMOID) {
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			c[i] = 1 / (1 + exp_approx(-c[i]));
	} else if (act == ACT_SOFTPLUS) {
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			c[i] = softplus(c[i]);
	}
}

static void finish(float *c, int64_t ldc, int64_t rows, int64_t cols, const float *bias,
		   enum act act)
{
	for (int64_t r = 0; r < rows; r++) {
		if (bias)
			add_bias(c + r * ldc, cols, bias);
		activate(c + r * ldc, cols, act);
	}
}

static void gate(float *c, const float *x, const float *bias, int64_t n)
{
	if (!bias) {
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			c[i] *= x[i];
		return;
	}
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		c[i] *= x[i] + bias[i];
}

static void layernorm(float *y, const float *x, const float *weight, const float *bias,
		      int64_t d, float eps)
{
	float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
	for (int64_t i = 0; i < d; i++)
		sum += x[i];
	const float mean = sum / (float)d;
#pragma omp simd reduction(+ : squares)
	for (int64_t i = 0; i < d; i++)
		squares += (x[i] - mean) * (x[i] - mean);
	const float by = 1 / sqrtf(squares / (float)d + eps);
#pragma omp simd
	for (int64_t i = 0; i < d; i++)
		y[i] = (x[i] - mean) * by * weight[i] + bias[i];
}

static void rmsnorm(float *y, const float *x, const float *weight, int64_t d, float eps)
{
	float squares = 0;
#pragma omp simd reduction(+ : squares)
	for (int64_t i = 0; i < d; i++)
		squares += x[i] * x[i];
	const float by = 1 / sqrtf(squares / (float)d + eps);
#pragma omp simd
	for (int64_t i = 0; i < d; i++)
		y[i] = x[i] * by * weight[i];
}

static void widen(float *y, const void *x, enum dtype type, int64_t n)
{
	const half *from = x;
	int64_t i = 0;
	if (type == DT_BF16)
		for (; i + VEC_LANES <= n; i += VEC_LANES)
			store(y + i, load_bf16(from + i));
	else if (type == DT_F16)
		for (; i + VEC_LANES <= n; i += VEC_LANES)
			store(y + i, load_f16(from + i));
	if (i < n)
		dtype_to_f32(type, (const char *)x + (size_t)i * dtype_size(type), y + i,
			     (size_t)(n - i));
}

/* The upper half of x, rounded: see f32_to_bf16() of tensor.h, whose numbers these are.
 */
INLINE uint32_t bf16_of(float x)
{
	uint32_t bits = bits_of(x);
	uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
	uint32_t quiet = bits >> 16 | 0x40;
	return (bits & 0x7FFFFFFF) > 0x7F800000 ? quiet : rounded;
}

/* The value of f32_to_f16(): ten digits are left of a normal number, multiples of 2^-24
 * of a smaller one. */
INLINE float f16_value(float x)
{
	uint32_t bits = bits_of(x), sign = bits & 0x80000000;
	uint32_t magnitude = bits & 0x7FFFFFFF;
	uint32_t normal = (magnitude + 0xFFF + (magnitude >> 13 & 1)) & ~0x1FFFu;
	uint32_t subnormal = bits_of((float_of(magnitude) + 0.5f) - 0.5f);
	uint32_t quiet = 0x7FC00000 | (magnitude & 0x007FE000);
	uint32_t v = magnitude < 0x38800000 ? subnormal : normal; /* 2^-14 */
	v = v >= 0x47800000 ? 0x7F800000 : v;                     /* 2^16 */
	v = magnitude > 0x7F800000 ? quiet : v;
	return float_of(sign | v);
}

static void narrow(uint16_t *y, const float *x, int64_t n)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] = (uint16_t)bf16_of(x[i]);
}

/* `round` is the name of a function of the C library. */
static void round_to(float *y, const float *x, enum dtype type, int64_t n)
{
	if (type == DT_BF16) {
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			y[i] = float_of(bf16_of(x[i]) << 16);
	} else {
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			y[i] = f16_value(x[i]);
	}
}

static void rotate(float *x, const float *turn, int heads, int64_t width)
{
	const int64_t middle = width / 2;
	for (int h = 0; h < heads; h++, x += width)
#pragma omp simd
		for (int64_t i = 0; i < middle; i++) {
			float a = x[i], b = x[middle + i];
			x[i] = a * turn[i] - b * turn[middle + i];
			x[middle + i] = b * turn[i] + a * turn[middle + i];
		}
}

/* Where a > b, a, else b: NaN in a is passed over. */
INLINE reg higher(reg a, reg b)
{
	mask from_a = a > b;
	return (reg)(((mask)a & from_a) | ((mask)b & ~from_a));
}

/* The highest lane, or top. */
INLINE float highest_lane(reg high, float top)
{
	for (int lane = 0; lane < VEC_LANES; lane++)
		top = high[lane] > top ? high[lane] : top;
	return top;
}

/* By hand, since not every compiler makes vectors of a highest of floats that may be NaN.
 * `plus` NULL: nothing is added. */
INLINE float scale_plus_max(float *s, const float *plus, int64_t n, float by, float top)
{
	reg high = (reg){ 0 } + top;
	int64_t i = 0;
	for (; i + VEC_LANES <= n; i += VEC_LANES) {
		reg v = load(s + i) * by;
		if (plus)
			v += load(plus + i);
		store(s + i, v);
		high = higher(v, high);
	}
	for (; i < n; i++) {
		s[i] = s[i] * by + (plus ? plus[i] : 0);
		top = s[i] > top ? s[i] : top;
	}
	return highest_lane(high, top);
}

static float scale_max(float *s, int64_t n, float by, float top)
{
	return scale_plus_max(s, NULL, n, by, top);
}

static float scale_add_max(float *s, const float *plus, int64_t n, float by, float top)
{
	return scale_plus_max(s, plus, n, by, top);
}

static int64_t highest(const float *s, int64_t n, float *top)
{
	reg high = (reg){ 0 } + *top;
	float best = *top;
	int64_t i = 0;
	for (; i + VEC_LANES <= n; i += VEC_LANES)
		high = higher(load(s + i), high);
	for (; i < n; i++)
		best = s[i] > best ? s[i] : best;
	best = highest_lane(high, best);
	if (!(best > *top))
		return -1;
	*top = best;
	i = 0;
	while (!(s[i] >= best))
		i++;
	return i;
}

static float exp_sum(float *s, int64_t n, float top)
{
	float sum = 0;
#pragma omp simd reduction(+ : sum)
	for (int64_t i = 0; i < n; i++) {
		s[i] = exp_approx(s[i] - top);
		sum += s[i];
	}
	return sum;
}

static void copy(float *y, const float *x, int64_t n)
{
	int64_t i = 0;
	for (; i + VEC_LANES <= n; i += VEC_LANES)
		store(y + i, load(x + i));
	for (; i < n; i++)
		y[i] = x[i];
}

static void scale(float *y, const float *x, float by, int64_t n)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] = x[i] * by;
}

static void add(float *y, const float *a, const float *b, int64_t n)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] = a[i] + b[i];
}

static void add_scaled(float *y, const float *x, float by, int64_t n)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] += x[i] * by;
}

/* Registers of columns at a time, which stay while the rows go by. */
INLINE void weigh_columns(float *y, const float *x, int64_t ldx, const float *by,
			  int64_t n, bool add, const int regs)
{
	reg sum[4];
	UNROLL
	for (int c = 0; c < regs; c++)
		sum[c] = add ? load(y + c * VEC_LANES) : (reg){ 0 };
	for (int64_t i = 0; i < n; i++) {
		UNROLL
		for (int c = 0; c < regs; c++)
			sum[c] += by[i] * load(x + i * ldx + c * VEC_LANES);
	}
	UNROLL
	for (int c = 0; c < regs; c++)
		store(y + c * VEC_LANES, sum[c]);
}

static void weigh(float *y, const float *x, int64_t ldx, const float *by, int64_t n,
		  int64_t d, bool add)
{
	int64_t c = 0;
	for (; c + 4 * VEC_LANES <= d; c += 4 * VEC_LANES)
		weigh_columns(y + c, x + c, ldx, by, n, add, 4);
	for (; c + VEC_LANES <= d; c += VEC_LANES)
		weigh_columns(y + c, x + c, ldx, by, n, add, 1);
	for (; c < d; c++) {
		float sum = add ? y[c] : 0;
		for (int64_t i = 0; i < n; i++)
			sum += by[i] * x[i * ldx + c];
		y[c] = sum;
	}
}

/* A register of columns at a time, so that y is written once. */
static void mean(float *y, const float *x, int parts, int64_t n)
{
	const float by = 1 / (float)parts;
	int64_t i = 0;
	for (; i + VEC_LANES <= n; i += VEC_LANES) {
		reg sum = load(x + i);
		for (int p = 1; p < parts; p++)
			sum += load(x + p * n + i);
		store(y + i, sum * by);
	}
	for (; i < n; i++) {
		float sum = x[i];
		for (int p = 1; p < parts; p++)
			sum += x[p * n + i];
		y[i] = sum * by;
	}
}

static double norm(const float *x, int64_t n)
{
	double sum = 0;
#pragma omp simd reduction(+ : sum)
	for (int64_t i = 0; i < n; i++)
		sum += (double)x[i] * (double)x[i];
	return sqrt(sum);
}

static void divide(float *y, const float *x, double by, int64_t n)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] = (float)((double)x[i] / by);
}

static void uniform(float *y, int64_t n, uint64_t key, uint32_t first)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] = rng_uniform(key, first + (uint32_t)i);
}

extern const struct vec VEC_TABLE;
extern const struct vec_sequence VEC_SEQUENCE;
const struct vec VEC_TABLE = {
	.isa = VEC_ISA,
	.rows = VEC_ROWS,
	.panel = PANEL,
	.tile = tile,
	.pack = pack,
	.gemv = gemv,
	.finish = finish,
	.gate = gate,
	.layernorm = layernorm,
	.rmsnorm = rmsnorm,
	.rotate = rotate,
	.widen = widen,
	.round = round_to,
	.narrow = narrow,
	.scale_max = scale_max,
	.scale_add_max = scale_add_max,
	.exp_sum = exp_sum,
	.highest = highest,
	.copy = copy,
	.scale = scale,
	.add = add,
	.add_scaled = add_scaled,
	.weigh = weigh,
	.mean = mean,
	.norm = norm,
	.divide = divide,
	.uniform = uniform,
	.sequence = &VEC_SEQUENCE,
};
