/* tensor: shapes, views and the conversions to F32. */
#include "check.h"

#include <math.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes_count_and_overflow),
		cmocka_unit_test(columns_are_a_view),
		cmocka_unit_test(half_floats_convert_exactly),
		cmocka_unit_test(wide_floats_round_and_narrow_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
