/*
 * exp and the normal distribution for loops that the compiler turns into vectors: no
 * branches, no calls, no conversions that could trap. Included by the sources of a level
 * only.
 */
#ifndef KERNELS_CPU_VEC_MATH_H
#define KERNELS_CPU_VEC_MATH_H

#include <math.h>
#include <stdint.h>

#define EXP_LOWEST (-87.33f) /* below: 0, where the true value is near a denormal */
#define EXP_HIGHEST 88.37f   /* above: infinity, where the true value passes 2.4e38 */

static inline float float_of(uint32_t bits)
{
	union {
		uint32_t bits;
		float value;
	} u = { bits };
	return u.value;
}

static inline uint32_t bits_of(float value)
{
	union {
		float value;
		uint32_t bits;
	} u = { value };
	return u.bits;
}

/*
 * e^x = 2^n e^r with |r| <= ln(2) / 2 and the Taylor polynomial of degree 7 (its
 * remainder is 6e-9); the relative error is below 2e-7. Adding 1.5 * 2^23 rounds x /
 * ln(2) to an integer and leaves it in the low bits of the sum.
 */
static inline float exp_approx(float x)
{
	const float magic = 0x1.8p23f;
	float z = x < EXP_LOWEST ? EXP_LOWEST : x; /* NaN stays NaN */
	z = z > EXP_HIGHEST ? EXP_HIGHEST : z;
	float shifted = z * 1.44269504088896341f + magic;
	float n = shifted - magic;
	float r = z - n * 0.693359375f; /* ln(2) in two parts, the first exact times n */
	r = r + n * 2.12194440054690583e-4f;
	float p = 1.98412698e-4f;
	p = p * r + 1.38888889e-3f;
	p = p * r + 8.33333333e-3f;
	p = p * r + 4.16666667e-2f;
	p = p * r + 1.66666667e-1f;
	p = p * r + 0.5f;
	p = p * (r * r) + (r + 1);
	float e = p * float_of((bits_of(shifted) << 23) + 0x3F800000u);
	e = x < EXP_LOWEST ? 0 : e;
	return x > EXP_HIGHEST ? INFINITY : e;
}

static inline float silu(float u) { return u / (1 + exp_approx(-u)); }

/*
 * log(1 + e^u) = max(u, 0) + log(1 + w) with w = e^-|u|, and log(1 + w) = 2 artanh(w / (w
 * + 2)), whose argument is at most 1/3: P was fitted for the least relative error (4e-9).
 * That of all is below 4e-7, also where the value is tiny; from 17 on it is u itself.
 */
static inline float softplus(float u)
{
	float w = exp_approx(-fabsf(u));
	float s = w / (w + 2), q = s * s;
	float p = 0.281783342f;
	p = p * q + 0.279606015f;
	p = p * q + 0.400249094f;
	p = p * q + 0.66666317f;
	p = p * q + 2;
	return p * s + (u > 0 ? u : 0); /* NaN comes by way of w */
}

static inline float quick_gelu(float u) { return u / (1 + exp_approx(-1.702f * u)); }

/* u (1 + tanh z) / 2 = u / (1 + e^-2z) with z = sqrt(2 / pi) (u + 0.044715 u^3) */
static inline float gelu_tanh(float u)
{
	return u / (1 + exp_approx(-1.59576912160573f * (u + 0.044715f * u * u * u)));
}

/*
 * u Phi(u) with Phi(-z) = erfc(z / sqrt(2)) / 2 and erfc(a) = e^(-a a) P(1 / (1 + a /
 * 2)). P was fitted by the Remez exchange for the least relative error on a in [0, 10]
 * (4.3e-8), so the small values on the negative side keep their relative accuracy (1e-6
 * for u > -6), which 1 + erf(u) in single precision loses.
 */
static inline float gelu(float u)
{
	float a = fabsf(u) * 0.70710678118654752f;
	float t = 1 / (1 + 0.5f * a);
	float p = -0.0590689392f;
	p = p * t + 0.284574865f;
	p = p * t - 0.487199708f;
	p = p * t + 0.278066959f;
	p = p * t - 0.0266255413f;
	p = p * t + 0.202686823f;
	p = p * t + 0.243103772f;
	p = p * t + 0.282375307f;
	p = p * t + 0.282086418f;
	float tail = 0.5f * t * p * exp_approx(-0.5f * u * u); /* Phi(-|u|) */
	return u * (u < 0 ? tail : 1 - tail);
}

#endif
