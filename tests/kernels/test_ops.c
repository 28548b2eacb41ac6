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
	double worst_quick = 0, worst_gelu = 0, worst_tanh = 0;
	for (double u = -80; u < 80; u += 0.00137) {
		float quick = (float)u, full = (float)u, by_tanh = (float)u;
		double x = (double)quick;
		vec->finish(&quick, 1, 1, 1, NULL, ACT_QUICK_GELU);
		vec->finish(&full, 1, 1, 1, NULL, ACT_GELU);
		vec->finish(&by_tanh, 1, 1, 1, NULL, ACT_GELU_TANH);
		double want = x / (1 + exp(-1.702 * x));
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
	if (!(worst_quick < 6e-6) || !(worst_gelu < 2e-6) || !(worst_tanh < 2e-5))
		fail_msg("quick_gelu %.3g, gelu %.3g, gelu_tanh %.3g", worst_quick,
			 worst_gelu, worst_tanh);
}

static void activations_pass_nan_on(void **state)
{
	(void)state;
	const struct vec *vec = vec_for(cpu_isa());
	for (enum act act = ACT_QUICK_GELU; act <= ACT_GELU_TANH; act++) {
		float u[40];
		for (int i = 0; i < 40; i++)
			u[i] = i % 4 == 0   ? NAN
			       : i % 4 == 1 ? INFINITY
			       : i % 4 == 2 ? 0
					    : -1000;
		vec->finish(u, 40, 1, 40, NULL, act);
		for (int i = 0; i < 40; i += 4) {
			assert_true(isnan(u[i]));
			assert_true(isinf(u[i + 1]) && u[i + 1] > 0);
			assert_true(u[i + 2] == 0);
			assert_true(u[i + 3] == 0);
		}
	}
}

int main(void)
{
	bed_require_isa();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layernorm),
		cmocka_unit_test(patches),
		cmocka_unit_test(activations_are_as_exact_as_stated),
		cmocka_unit_test(activations_pass_nan_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
