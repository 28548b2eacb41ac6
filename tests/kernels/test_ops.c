/* Layer norm, patches and activations of the cpu backend against the reference. */
#include <math.h>

#include "check.h"

#include "bed.h"
#include "kernels/cpu/vec.h"

static struct norm norm_of(int64_t d)
{
	return (struct norm){ .weight = bed_random(0, 0.5, 2, DIMS(d)),
			      .bias = bed_random(0, -1, 1, DIMS(d)),
			      .eps = 1e-5f };
}

static void compare_layernorm(int64_t rows, int64_t d, double mean, int64_t gap)
{
	struct norm norm = norm_of(d);
	struct tensor x = bed_random(gap, mean - 1, mean + 1, DIMS(1, rows, d));
	struct tensor y = bed_random(0, 0, 0, DIMS(1, rows, d)), want = bed_copy(y);
	bed_cpu->layernorm(bed_self, y, x, &norm);
	bed_ref->layernorm(NULL, want, x, &norm);
	/* The mean is known to a few roundings of itself, divided by the deviation of
	 * 0.58 and times the weight: but a row of one or two channels may deviate far
	 * less, down to sqrt(eps). */
	double deviation = d < 16 ? 0.003 : 0.5;
	double absolute =
		2 * (4 + sqrt((double)d) / 4) * EPS * (1 + fabs(mean)) / deviation;
	bed_same("layernorm", y, want, 4e-6 / (d < 16 ? deviation : 1), absolute);
	struct tensor in_place = bed_copy(x);
	bed_cpu->layernorm(bed_self, in_place, in_place, &norm);
	bed_same("layernorm in place", in_place, y, 0, 0);
	bed_clear();
}

static void run_layernorm(void)
{
	static const int64_t widths[] = {
		1, 2, 3, 15, 16, 17, 31, 63, 100, 257, 768, 1024
	};
	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++) {
		compare_layernorm(1, widths[i], 0, 0);
		compare_layernorm(53, widths[i], i & 1 ? 30 : -3, (int64_t)i);
	}
	struct norm norm = norm_of(20);
	struct tensor x = bed_random(0, -1, 1, DIMS(3, 20));
	struct tensor y = bed_random(0, 0, 0, DIMS(3, 20)), want = bed_copy(y);
	tensor_row(&x, 1)[7] = NAN;
	tensor_row(&x, 2)[19] = INFINITY;
	bed_cpu->layernorm(bed_self, y, x, &norm);
	bed_ref->layernorm(NULL, want, x, &norm);
	bed_same("layernorm of NaN", y, want, 1e-5, 1e-5);
}

static void layernorm(void **state)
{
	(void)state;
	bed_on_threads(run_layernorm);
}

/*
 * In place and not, of views. The sum of d squares is off by a few roundings that grow
 * with sqrt(d), the rest by a few.
 */
static void compare_rmsnorm(int64_t rows, int64_t d, int64_t gap)
{
	struct norm norm = { .weight = bed_random(0, -2, 2, DIMS(d)), .eps = 1e-6f };
	struct tensor x = bed_random(gap, -3, 3, DIMS(1, rows, d));
	struct tensor y = bed_random(0, 0, 0, DIMS(1, rows, d)), want = bed_copy(y);
	bed_cpu->rmsnorm(bed_self, y, x, &norm);
	bed_ref->rmsnorm(NULL, want, x, &norm);
	bed_same("rmsnorm", y, want, (4 + sqrt((double)d) / 4) * EPS, 0);
	struct tensor in_place = bed_copy(x);
	bed_cpu->rmsnorm(bed_self, in_place, in_place, &norm);
	bed_same("rmsnorm in place", in_place, y, 0, 0);
	bed_clear();
}

static void run_rmsnorm(void)
{
	static const int64_t widths[] = { 1, 2, 15, 16, 17, 33, 100, 257, 1280, 1536 };
	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++) {
		compare_rmsnorm(1, widths[i], 0);
		compare_rmsnorm(43, widths[i], (int64_t)i);
	}
	struct norm norm = norm_of(20);
	norm.bias = (struct tensor){ 0 };
	struct tensor x = bed_random(0, -1, 1, DIMS(4, 20));
	struct tensor y = bed_random(0, 1, 2, DIMS(4, 20)), want = bed_copy(y);
	tensor_row(&x, 1)[7] = NAN;
	tensor_row(&x, 2)[19] = INFINITY;
	memset(tensor_row(&x, 3), 0, 20 * sizeof(float));
	bed_cpu->rmsnorm(bed_self, y, x, &norm);
	bed_ref->rmsnorm(NULL, want, x, &norm);
	bed_same("rmsnorm of NaN", y, want, 1e-5, 0);
}

static void rmsnorm(void **state)
{
	(void)state;
	bed_on_threads(run_rmsnorm);
}

/* Two products of magnitudes below 3 and their sum: a rounding of each. */
static void compare_rotary(int64_t b, int64_t t, int heads, int64_t width, int64_t gap)
{
	struct tensor x = bed_random(gap, -3, 3, DIMS(b, t, heads * width));
	struct tensor turn = bed_random(gap, -1, 1, DIMS(b * t, width));
	struct tensor want = bed_copy(x);
	bed_cpu->rotary(bed_self, x, turn, heads);
	bed_ref->rotary(NULL, want, turn, heads);
	bed_same("rotary", x, want, EPS, 6 * EPS);
	bed_clear();
}

static void run_rotary(void)
{
	static const int64_t widths[] = { 2, 4, 6, 30, 32, 34, 66, 80, 128 };
	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++) {
		compare_rotary(1, 1, 1, widths[i], 0);
		compare_rotary(2, 33, (int)bed_pick(1, 5), widths[i], (int64_t)i);
	}
	compare_rotary(1, 400, 16, 80, 2560); /* as q lies among q, k and v */
}

static void rotary(void **state)
{
	(void)state;
	bed_on_threads(run_rotary);
}

/* A quarter turn takes the first half of a head to the second. */
static void a_quarter_turn(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		float x[] = { 1, 2, 3, 4, /**/ 5, 6, 7, 8 }, turn[] = { 0, 1, 1, 0 };
		const float want[] = { -3, 2, 1, 4, /**/ -7, 6, 5, 8 };
		bed_open(0, "ref");
		(i ? bed_cpu : bed_ref)
			->rotary(i ? bed_self : NULL, tensor_of(DT_F32, x, DIMS(1, 8)),
				 tensor_of(DT_F32, turn, DIMS(1, 4)), 2);
		bed_close();
		assert_memory_equal(x, want, sizeof(x));
	}
}

/* Every F16 and BF16 there is, and from any place in memory. */
static void halves_are_widened_exactly(void **state)
{
	(void)state;
	const struct vec *vec = vec_for(cpu_isa());
	static uint16_t half[65536 + 7];
	static float got[65536], want[65536];
	for (int i = 0; i < 65536 + 7; i++)
		half[i] = (uint16_t)(i * 40503);
	for (enum dtype type = DT_F16; type <= DT_BF16; type++)
		for (int from = 0; from < 7; from += 3) {
			vec->widen(got, half + from, type, 65536);
			dtype_to_f32(type, half + from, want, 65536);
			for (int i = 0; i < 65536; i++)
				if (!(isnan(got[i]) && isnan(want[i])))
					assert_memory_equal(&got[i], &want[i], 4);
			got[37] = 7;
			vec->widen(got, half + from, type, 37);
			assert_true(got[37] == 7);
		}
}

/* Random bits, and what lies next to the ends and the middles of halves. */
static float any_float(int i)
{
	static const uint32_t edges[] = {
		0,          0x00000001, 0x33000000, 0x33000001, 0x387FE000, 0x387FFFFF,
		0x38800000, 0x3F808000, 0x3F818000, 0x477FEFFF, 0x477FF000, 0x7F7F7FFF,
		0x7F7F8000, 0x7F800000, 0x7F800001, 0x7FC12345
	};
	const size_t n = sizeof(edges) / sizeof(*edges);
	uint32_t bits = (uint32_t)i * 2654435761u ^ (uint32_t)i << 13;
	if ((size_t)i < 2 * n)
		bits = edges[(size_t)i % n] | ((size_t)i < n ? 0 : 0x80000000);
	float x;
	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* What a product rounds is what a file would hold. */
static void floats_are_rounded_as_halves_are(void **state)
{
	(void)state;
	const struct vec *vec = vec_for(cpu_isa());
	static float x[65536], got[65536], want[65536];
	static uint16_t half[65536], narrow[65536];
	for (int i = 0; i < 65536; i++)
		x[i] = any_float(i);
	for (enum dtype type = DT_F16; type <= DT_BF16; type++) {
		dtype_from_f32(type, x, half, 65536);
		dtype_to_f32(type, half, want, 65536);
		vec->round(got, x, type, 65535);
		for (int i = 0; i < 65535; i++)
			if (memcmp(&got[i], &want[i], 4))
				fail_msg("%s of %a is %a, wanted %a", dtype_name(type),
					 (double)x[i], (double)got[i], (double)want[i]);
	}
	vec->narrow(narrow, x, 65536);
	assert_memory_equal(narrow, half, sizeof(half));
}

static void compare_patches(int64_t b, int64_t height, int64_t width, int patch)
{
	struct tensor image = bed_random(0, 0, 1, DIMS(b, 3, height, width));
	int64_t n = (height / patch) * (width / patch);
	struct tensor y = bed_random(0, 0, 0, DIMS(b, n, 3 * patch * patch));
	struct tensor want = bed_copy(y);
	bed_cpu->patches(bed_self, y, image, patch);
	bed_ref->patches(NULL, want, image, patch);
	bed_same("patches", y, want, 0, 0);
	bed_clear();
}

static void run_patches(void)
{
	compare_patches(1, 4, 4, 4);
	compare_patches(2, 15, 10, 5);
	compare_patches(1, 3, 7, 1);
	compare_patches(3, 64, 48, 16);
	compare_patches(1, 29, 30, 14); /* what does not fill a patch is left out */
}

static void patches(void **state)
{
	(void)state;
	bed_on_threads(run_patches);
}

/* The stated errors of the activations, over all magnitudes, against libm in double. */
static void activations_are_as_exact_as_stated(void **state)
{
	(void)state;
	const struct vec *vec = vec_for(cpu_isa());
	double worst_quick = 0, worst_gelu = 0, worst_tanh = 0, worst_silu = 0;
	double worst_sigmoid = 0, worst_softplus = 0;
	for (double u = -80; u < 80; u += 0.00137) {
		float quick = (float)u, full = quick, by_tanh = quick, silu = quick;
		float sigmoid = quick, softplus = quick, relu = quick;
		double x = (double)quick;
		vec->finish(&quick, 1, 1, 1, NULL, ACT_QUICK_GELU);
		vec->finish(&full, 1, 1, 1, NULL, ACT_GELU);
		vec->finish(&by_tanh, 1, 1, 1, NULL, ACT_GELU_TANH);
		vec->finish(&silu, 1, 1, 1, NULL, ACT_SILU);
		vec->finish(&sigmoid, 1, 1, 1, NULL, ACT_SIGMOID);
		vec->finish(&softplus, 1, 1, 1, NULL, ACT_SOFTPLUS);
		vec->finish(&relu, 1, 1, 1, NULL, ACT_RELU);
		assert_true((double)relu == fmax(x, 0));
		worst_sigmoid =
			fmax(worst_sigmoid, fabs((double)sigmoid * (1 + exp(-x)) - 1));
		worst_softplus =
			fmax(worst_softplus, fabs((double)softplus / log1p(exp(x)) - 1));
		double want = x / (1 + exp(-x));
		if (fabs(want) > 1e-30)
			worst_silu = fmax(worst_silu, fabs((double)silu / want - 1));
		want = x / (1 + exp(-1.702 * x));
		if (fabs(want) > 1e-30)
			worst_quick = fmax(worst_quick, fabs((double)quick / want - 1));
		/* u (1 + tanh z) / 2 without its cancellation. */
		want = x / (1 + exp(-1.5957691216057307 * (x + 0.044715 * x * x * x)));
		if (fabs(want) > 1e-30)
			worst_tanh = fmax(worst_tanh, fabs((double)by_tanh / want - 1));
		want = 0.5 * x * erfc(-x * 0.70710678118654752440);
		if (x > -6)
			worst_gelu = fmax(worst_gelu, fabs((double)full / want - 1));
		else
			assert_true(fabs((double)full - want) < 1e-14);
	}
	/* exp of an argument of 70 is off by half a rounding of the argument. */
	if (!(worst_quick < 6e-6) || !(worst_gelu < 2e-6) || !(worst_tanh < 2e-5) ||
	    !(worst_silu < 6e-6) || !(worst_sigmoid < 6e-7) || !(worst_softplus < 4e-7))
		fail_msg("quick_gelu %.3g, gelu %.3g, gelu_tanh %.3g, silu %.3g, sigmoid "
			 "%.3g, softplus %.3g",
			 worst_quick, worst_gelu, worst_tanh, worst_silu, worst_sigmoid,
			 worst_softplus);
}

static void activations_pass_nan_on(void **state)
{
	(void)state;
	const struct vec *vec = vec_for(cpu_isa());
	for (enum act act = ACT_QUICK_GELU; act <= ACT_SOFTPLUS; act++) {
		float u[40];
		for (int i = 0; i < 40; i++)
			u[i] = i % 4 == 0   ? NAN
			       : i % 4 == 1 ? INFINITY
			       : i % 4 == 2 ? 0
					    : -1000;
		vec->finish(u, 40, 1, 40, NULL, act);
		for (int i = 0; i < 40; i += 4) {
			assert_true(isnan(u[i]));
			assert_true(act == ACT_SIGMOID ? u[i + 1] == 1
						       : isinf(u[i + 1]) && u[i + 1] > 0);
			assert_true(fabs((double)u[i + 2] - (act == ACT_SIGMOID ? 0.5
							     : act == ACT_SOFTPLUS
								     ? log(2)
								     : 0)) < 1e-7);
			assert_true(u[i + 3] == 0);
		}
	}
}

int main(void)
{
	bed_require_isa();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layernorm),
		cmocka_unit_test(rmsnorm),
		cmocka_unit_test(rotary),
		cmocka_unit_test(a_quarter_turn),
		cmocka_unit_test(halves_are_widened_exactly),
		cmocka_unit_test(floats_are_rounded_as_halves_are),
		cmocka_unit_test(patches),
		cmocka_unit_test(activations_are_as_exact_as_stated),
		cmocka_unit_test(activations_pass_nan_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
