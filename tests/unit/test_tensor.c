/* tensor: shapes, views and the conversions to F32 and from it. */
#include "check.h"

#include <math.h>

#include "base/pool.h"
#include "base/rng.h"
#include "tensor/tensor.h"

static void shapes_count_and_overflow(void **state)
{
	(void)state;
	int64_t n;
	assert_true(shape_count(DIMS(2, 3, 4), &n));
	assert_int_equal(n, 24);
	assert_true(shape_count(0, NULL, &n));
	assert_int_equal(n, 1);
	assert_true(shape_count(DIMS(INT64_MAX, 0), &n));
	assert_int_equal(n, 0);
	assert_false(shape_count(DIMS(INT64_MAX, 2), &n));
	assert_false(shape_count(DIMS(INT64_C(1) << 32, INT64_C(1) << 31), &n));
	assert_false(shape_count(DIMS(-1), &n));
	char buf[64];
	assert_string_equal(shape_text(DIMS(2, 197, 768), buf, sizeof(buf)),
			    "[2, 197, 768]");
	assert_string_equal(shape_text(0, NULL, buf, sizeof(buf)), "[]");
	char small[6];
	assert_string_equal(shape_text(DIMS(12, 34), small, sizeof(small)), "[12, ");
}

static void columns_are_a_view(void **state)
{
	(void)state;
	float x[2 * 6] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
	struct tensor t = tensor_of(DT_F32, x, DIMS(1, 2, 6));
	struct tensor k = tensor_columns(t, 2, 2);
	assert_int_equal(tensor_rows(&k), 2);
	assert_int_equal(tensor_cols(&k), 2);
	assert_int_equal(tensor_bytes(&k), 16);
	assert_true(tensor_row(&k, 1) == x + 8);
	assert_null(tensor_columns(tensor_of(DT_F32, NULL, DIMS(2, 6)), 2, 2).data);
}

static void rows_of_any_type_have_an_address(void **state)
{
	(void)state;
	static const enum dtype types[] = { DT_F32, DT_F16, DT_BF16, DT_F64, DT_U8 };
	char bytes[2 * 6 * 8];
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct tensor t = tensor_of(types[i], bytes, DIMS(2, 6));
		size_t row = 6 * dtype_size(types[i]);
		assert_ptr_equal(tensor_row_any(&t, 0), bytes);
		assert_ptr_equal(tensor_row_any(&t, 1), bytes + row);
		t.data = NULL;
		assert_null(tensor_row_any(&t, 1));
	}
	float x[12];
	struct tensor k = tensor_columns(tensor_of(DT_F32, x, DIMS(2, 6)), 2, 2);
	assert_ptr_equal(tensor_row_any(&k, 1), x + 8); /* rows lie 6 apart */
}

/* IEEE 754 binary16 and bfloat16 by their definition: (-1)^s * 1.f * 2^(e - bias). */
static float defined(uint16_t h, int exponent_bits, int fraction_bits)
{
	int bias = (1 << (exponent_bits - 1)) - 1;
	int e = (h >> fraction_bits) & ((1 << exponent_bits) - 1);
	int f = h & ((1 << fraction_bits) - 1);
	double sign = h & 0x8000 ? -1.0 : 1.0;
	if (e == (1 << exponent_bits) - 1)
		return f ? (float)NAN : (float)(sign * (double)INFINITY);
	if (e == 0)
		return (float)(sign * ldexp(f, 1 - bias - fraction_bits));
	return (float)(sign * ldexp((1 << fraction_bits) + f, e - bias - fraction_bits));
}

static void same_bits(float got, float wanted, uint16_t h)
{
	if (isnan(wanted) && isnan(got) && !signbit(got) == !(h >> 15))
		return;
	if (memcmp(&got, &wanted, 4))
		fail_msg("0x%04x: %a, wanted %a", h, (double)got, (double)wanted);
}

static void half_floats_convert_exactly(void **state)
{
	(void)state;
	/* From an odd address: files guarantee no alignment. */
	static unsigned char bytes[2 * 65536 + 1];
	static float f16[65536], bf16[65536];
	for (int i = 0; i < 65536; i++) {
		uint16_t h = (uint16_t)i;
		memcpy(bytes + 1 + 2 * i, &h, 2);
	}
	dtype_to_f32(DT_F16, bytes + 1, f16, 65536);
	dtype_to_f32(DT_BF16, bytes + 1, bf16, 65536);
	for (int i = 0; i < 65536; i++) {
		uint16_t h = (uint16_t)i;
		same_bits(f16[i], defined(h, 5, 10), h);
		same_bits(bf16[i], defined(h, 8, 7), h);
		same_bits(f16_to_f32(h), f16[i], h);
		same_bits(bf16_to_f32(h), bf16[i], h);
	}
}

static void wide_floats_round_and_narrow_copy(void **state)
{
	(void)state;
	double d[4] = { 1.0 / 3.0, 1e300, -0.0, (double)NAN };
	float to[4];
	unsigned char odd[33];
	memcpy(odd + 1, d, sizeof(d));
	dtype_to_f32(DT_F64, odd + 1, to, 4);
	assert_true(to[0] == (float)(1.0 / 3.0));
	assert_true(isinf(to[1]));
	assert_true(to[2] == 0 && signbit(to[2]));
	assert_true(isnan(to[3]));
	float f[2] = { 1.5f, -2.0f };
	memcpy(odd + 1, f, sizeof(f));
	dtype_to_f32(DT_F32, odd + 1, to, 2);
	assert_memory_equal(to, f, sizeof(f));
	assert_string_equal(dtype_name(DT_BF16), "BF16");
	assert_int_equal(dtype_size(DT_I64), 8);
}

/* A half type, and its function under test. */
struct half {
	enum dtype dtype;
	int exponent_bits, fraction_bits;
	uint16_t quiet; /* the bit that tells a quiet NaN */
	uint16_t (*narrow)(float);
};

static const struct half halves[] = { { DT_F16, 5, 10, 0x200, f32_to_f16 },
				      { DT_BF16, 8, 7, 0x40, f32_to_bf16 } };

/* To the nearest and to even by rint() of a double, which holds every step exactly. */
static float rounded(const struct half *h, float x)
{
	int last = (1 << (h->exponent_bits - 1)) - 1; /* the largest exponent, the bias */
	double magnitude = fabs((double)x);
	if (magnitude == 0 || isnan(x) || isinf(x))
		return x;
	int exponent = ilogb(magnitude) < 1 - last ? 1 - last : ilogb(magnitude);
	double ulp = ldexp(1, exponent - h->fraction_bits);
	double near = rint(magnitude / ulp) * ulp;
	if (near >= ldexp(1, last + 1))
		near = (double)INFINITY;
	return (float)copysign(near, (double)x);
}

static float float_of(uint32_t bits)
{
	float f;
	memcpy(&f, &bits, sizeof(f));
	return f;
}

static void check_rounding(const struct half *h, float x)
{
	uint16_t got = h->narrow(x);
	float back, wanted = rounded(h, x);
	dtype_to_f32(h->dtype, &got, &back, 1);
	if (isnan(x) ? !isnan(back) || !(got & h->quiet) || !signbit(back) != !signbit(x)
		     : memcmp(&back, &wanted, sizeof(back)))
		fail_msg("%s of %a is 0x%04x, %a, wanted %a", dtype_name(h->dtype),
			 (double)x, got, (double)back, (double)wanted);
}

/* Every half number comes back, and its neighbours in F32 and the ties between two of
 * them round as they should. */
static void floats_round_to_half(void **state)
{
	(void)state;
	for (size_t k = 0; k < 2; k++) {
		const struct half *h = &halves[k];
		uint32_t tie = UINT32_C(1) << (22 - h->fraction_bits);
		for (int i = 0; i < 65536; i++) {
			uint16_t half = (uint16_t)i, back;
			float x;
			uint32_t bits;
			dtype_to_f32(h->dtype, &half, &x, 1);
			back = h->narrow(x);
			if (back != (isnan(x) ? half | h->quiet : half))
				fail_msg("%s 0x%04x comes back as 0x%04x",
					 dtype_name(h->dtype), half, back);
			memcpy(&bits, &x, sizeof(bits));
			for (uint32_t d = 0; d < 3; d++) {
				check_rounding(h, float_of(bits + d - 1));
				check_rounding(h, float_of(bits + tie + d - 1));
			}
		}
		for (uint32_t i = 0; i < 1000000; i++) {
			check_rounding(h, float_of(rng_bits(k, i)));
			/* Around F16's subnormals, which few bit patterns are. */
			check_rounding(h, ldexpf(rng_uniform(9, i) - 0.5f, -13));
		}
	}
	assert_int_equal(f32_to_f16(65519.996f), 0x7BFF); /* the largest */
	assert_int_equal(f32_to_f16(65520.0f), 0x7C00);
	assert_int_equal(f32_to_f16(0x1p-25f), 0); /* a tie with the smallest */
	assert_int_equal(f32_to_f16(0x1.000002p-25f), 1);
	assert_int_equal(f32_to_bf16(0x1.ffp127f), 0x7F80);
	assert_int_equal(f32_to_bf16(0x1p-149f), 0);
	assert_int_equal(f32_to_f16(float_of(0xFF812345)), 0xFE09); /* a signalling NaN */
	assert_int_equal(f32_to_bf16(float_of(0xFF812345)), 0xFFC1);
}

enum { MANY = 50001 };
static float many[MANY];

static void narrow_many(void *out, int thread, int threads)
{
	int64_t begin, end;
	pool_share(MANY, 1, thread, threads, &begin, &end);
	for (size_t k = 0; k < 2; k++)
		dtype_from_f32(halves[k].dtype, many + begin,
			       (uint16_t *)out + k * MANY + begin, (size_t)(end - begin));
}

/* The loop gives what the function gives, also to threads that flush denormals. */
static void rows_of_floats_round_as_one_does(void **state)
{
	(void)state;
	static uint16_t wanted[2 * MANY], got[2 * MANY];
	struct pool *pool;
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t bits = rng_bits(3, i);
		many[i] = float_of(i % 4 ? bits : bits & 0x807FFFFF); /* denormals */
		wanted[i] = f32_to_f16(many[i]);
		wanted[MANY + i] = f32_to_bf16(many[i]);
	}
	check_ok(pool_create(2, &pool));
	pool_run(pool, narrow_many, got);
	assert_memory_equal(got, wanted, sizeof(got));
	pool_free(pool);
	float same[3];
	dtype_from_f32(DT_F32, many, same, 3);
	assert_memory_equal(same, many, sizeof(same));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes_count_and_overflow),
		cmocka_unit_test(columns_are_a_view),
		cmocka_unit_test(rows_of_any_type_have_an_address),
		cmocka_unit_test(half_floats_convert_exactly),
		cmocka_unit_test(wide_floats_round_and_narrow_copy),
		cmocka_unit_test(floats_round_to_half),
		cmocka_unit_test(rows_of_floats_round_as_one_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
