#include "tensor/tensor.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	size_t size;
} dtypes[DT_COUNT] = {
	[DT_F32] = { "F32", 4 }, [DT_F16] = { "F16", 2 }, [DT_BF16] = { "BF16", 2 },
	[DT_F64] = { "F64", 8 }, [DT_I64] = { "I64", 8 }, [DT_I32] = { "I32", 4 },
	[DT_U8] = { "U8", 1 },
};

const char *dtype_name(enum dtype t) { return t < DT_COUNT ? dtypes[t].name : "?"; }

size_t dtype_size(enum dtype t) { return t < DT_COUNT ? dtypes[t].size : 0; }

struct tensor tensor_of(enum dtype dtype, void *data, int ndim, const int64_t *dim)
{
	assert(ndim >= 0 && ndim <= TENSOR_MAX_DIMS);
	struct tensor t = { .dtype = dtype, .ndim = ndim, .data = data };
	for (int i = 0; i < ndim; i++)
		t.dim[i] = dim[i];
	t.ld = tensor_cols(&t);
	return t;
}

int64_t tensor_count(const struct tensor *t)
{
	int64_t n = 1;
	for (int i = 0; i < t->ndim; i++)
		n *= t->dim[i];
	return n;
}

int64_t tensor_rows(const struct tensor *t)
{
	int64_t n = 1;
	for (int i = 0; i + 1 < t->ndim; i++)
		n *= t->dim[i];
	return n;
}

int64_t tensor_cols(const struct tensor *t) { return t->ndim ? t->dim[t->ndim - 1] : 1; }

int64_t tensor_bytes(const struct tensor *t)
{
	return tensor_count(t) * (int64_t)dtype_size(t->dtype);
}

struct tensor tensor_columns(struct tensor t, int64_t begin, int64_t width)
{
	assert(t.dtype == DT_F32 && t.ndim > 0 && begin >= 0 && width >= 0);
	assert(begin + width <= tensor_cols(&t));
	if (t.data)
		t.data = (float *)t.data + begin;
	t.dim[t.ndim - 1] = width;
	return t; /* ld stays: that is the point */
}

bool shape_count(int ndim, const int64_t *dim, int64_t *count)
{
	*count = 1;
	for (int i = 0; i < ndim; i++)
		if (dim[i] < 0 || __builtin_mul_overflow(*count, dim[i], count))
			return false;
	return true;
}

const char *shape_text(int ndim, const int64_t *dim, char *buf, size_t size)
{
	size_t at = 0;
	at += (size_t)snprintf(buf, size, "[");
	for (int i = 0; i < ndim && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%lld", i ? ", " : "",
				       (long long)dim[i]);
	if (at < size)
		snprintf(buf + at, size - at, "]");
	return buf;
}

static float from_bits(uint32_t bits)
{
	float f;
	memcpy(&f, &bits, sizeof(f));
	return f;
}

static uint32_t bits_of(float f)
{
	uint32_t bits;
	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

float bf16_to_f32(uint16_t h) { return from_bits((uint32_t)h << 16); }

/* Every case is computed and one is picked, so that a loop of these vectorises. The
 * product is exact and normal: threads that flush denormals get the same numbers. */
float f16_to_f32(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16;
	uint32_t exponent = h & 0x7C00, magnitude = (uint32_t)(h & 0x7FFF) << 13;
	uint32_t normal = magnitude + (112u << 23); /* only the bias differs */
	uint32_t special = magnitude | 0x7F800000u; /* infinity and NaN */
	float tiny = (float)(h & 0x3FF) * 0x1p-24f; /* zero and subnormal */
	uint32_t bits = exponent == 0x7C00 ? special : normal;
	bits = exponent == 0 ? bits_of(tiny) : bits;
	return from_bits(sign | bits);
}

void dtype_to_f32(enum dtype type, const void *from, float *to, size_t n)
{
	const char *p = from;
	uint16_t half;
	double wide;
	switch (type) {
	case DT_F32:
		memcpy(to, from, n * 4);
		return;
	case DT_F16:
		for (size_t i = 0; i < n; i++) {
			memcpy(&half, p + 2 * i, 2);
			to[i] = f16_to_f32(half);
		}
		return;
	case DT_BF16:
		for (size_t i = 0; i < n; i++) {
			memcpy(&half, p + 2 * i, 2);
			to[i] = bf16_to_f32(half);
		}
		return;
	case DT_F64:
		for (size_t i = 0; i < n; i++) {
			memcpy(&wide, p + 8 * i, 8);
			to[i] = (float)wide;
		}
		return;
	default:
		assert(!"a float type");
	}
}

/* Half of what is cut off is added, less one where what stays is even: a carry goes where
 * it should, from the fraction to the exponent and from that to infinity. */
uint16_t f32_to_bf16(float f)
{
	uint32_t bits = bits_of(f);
	uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
	uint32_t quiet = bits >> 16 | 0x40;
	return (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? quiet : rounded);
}

/* As f16_to_f32, so that a loop of these vectorises. Below the normal numbers the sum
 * with 0.5 rounds: its last bit weighs 2^-24, as that of a subnormal does. */
uint16_t f32_to_f16(float f)
{
	uint32_t bits = bits_of(f), sign = bits >> 16 & 0x8000;
	uint32_t magnitude = bits & 0x7FFFFFFF;
	uint32_t normal =
		((magnitude + 0xFFF + (magnitude >> 13 & 1)) >> 13) - (112u << 10);
	uint32_t subnormal = bits_of(from_bits(magnitude) + 0.5f) - bits_of(0.5f);
	uint32_t quiet = 0x7E00 | (magnitude >> 13 & 0x3FF);
	uint32_t h = magnitude < 0x38800000 ? subnormal : normal; /* 2^-14 */
	h = magnitude >= 0x47800000 ? 0x7C00 : h;                 /* 2^16 */
	h = magnitude > 0x7F800000 ? quiet : h;
	return (uint16_t)(sign | h);
}

void dtype_from_f32(enum dtype type, const float *restrict from, void *restrict to,
		    size_t n)
{
	uint16_t *half = to;
	switch (type) {
	case DT_F32:
		memcpy(to, from, n * 4);
		return;
	case DT_F16:
		for (size_t i = 0; i < n; i++)
			half[i] = f32_to_f16(from[i]);
		return;
	case DT_BF16:
		for (size_t i = 0; i < n; i++)
			half[i] = f32_to_bf16(from[i]);
		return;
	default:
		assert(!"F32 or half of it");
	}
}
