/*
 * Registers of the level that a source is compiled for (VEC_LANES floats), as the
 * compiler's vector types. Included by the sources of a level only (vec_levels in
 * meson.build).
 */
#ifndef KERNELS_CPU_VEC_REG_H
#define KERNELS_CPU_VEC_REG_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#define INLINE static inline __attribute__((always_inline))

/* A register, and one in memory of any alignment. */
typedef float reg __attribute__((vector_size(4 * VEC_LANES)));
typedef float mem __attribute__((vector_size(4 * VEC_LANES), aligned(4), may_alias));
typedef int32_t mask __attribute__((vector_size(4 * VEC_LANES)));

INLINE reg load(const float *p) { return *(const mem *)p; }
INLINE void store(float *p, reg v) { *(mem *)p = v; }

/* The first `count` lanes; the others are zero and not there in memory. */
INLINE reg load_some(const float *p, int64_t count)
{
	float lane[VEC_LANES] = { 0 };
	memcpy(lane, p, sizeof(float) * (size_t)count);
	return load(lane);
}

INLINE void store_some(float *p, reg v, int64_t count)
{
	float lane[VEC_LANES];
	store(lane, v);
	memcpy(p, lane, sizeof(float) * (size_t)count);
}

/* Halves are added to each other until one lane is left. */
INLINE float sum_lanes(reg v)
{
#if VEC_LANES == 16
	__m512 all = (__m512)v;
	__m256 half = _mm512_castps512_ps256(all) + _mm512_extractf32x8_ps(all, 1);
#elif VEC_LANES == 8
	__m256 half = (__m256)v;
#endif
#if VEC_LANES > 4
	__m128 sum = _mm256_castps256_ps128(half) + _mm256_extractf128_ps(half, 1);
#else
	__m128 sum = (__m128)v;
#endif
	sum += _mm_movehl_ps(sum, sum);
	return sum[0] + sum[1];
}

/* A pointer of which the compiler knows nothing: it then reaches what lies around it with
 * constant offsets, instead of keeping an address for each in the registers and spilling
 * them. */
INLINE const float *opaque(const float *p)
{
	__asm__("" : "+r"(p));
	return p;
}

#endif
