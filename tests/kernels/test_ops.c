/* Every op of the cpu backend that is not a product, against the reference. */
#include <math.h>

#include "check.h"

#include "bed.h"
#include "kernels/cpu/vec.h"

/* Runs a case without a pool and on one, two and three threads. */
static void on_threads(void (*run)(void))
{
	for (int threads = 0; threads <= 3; threads++) {
		bed_open(threads, "ref");
		run();
		bed_close();
	}
}

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
	on_threads(run_layernorm);
}

/*
 * A score is off by `width` roundings in sqrt of their number times the sum of magnitudes
 * (at most width * spread^2 * scale here), its exponential relatively by as much, and the
 * output, a mean of values, by twice that of the highest |v|, which is 1.
 */
static double attention_tolerance(int64_t width, double spread, double scale)
{
	double magnitude = (double)width * spread * spread * fabs(scale);
	return EPS * (8 + 2 * magnitude * (2 + sqrt((double)width) / 2));
}

static void compare_attention(int64_t b, int64_t tq, int64_t tk, int heads, int64_t width,
			      double spread, float scale)
{
	char what[128];
	int64_t d = heads * width;
	snprintf(what, sizeof(what), "attention B %d, %d x %d, %d heads of %d", (int)b,
		 (int)tq, (int)tk, heads, (int)width);
	struct attn_opts opts = { .heads = heads, .scale = scale };
	struct tensor q, k, v;
	if (tq == tk) { /* views of a fused [B, T, 3D] */
		struct tensor qkv = bed_random(0, -spread, spread, DIMS(b, tq, 3 * d));
		q = tensor_columns(qkv, 0, d);
		k = tensor_columns(qkv, d, d);
		v = tensor_columns(qkv, 2 * d, d);
	} else {
		q = bed_random(3, -spread, spread, DIMS(b, tq, d));
		k = bed_random(0, -spread, spread, DIMS(b, tk, d));
		v = bed_random(7, -spread, spread, DIMS(b, tk, d));
	}
	struct tensor y = bed_random(0, 0, 0, DIMS(b, tq, d)), want = bed_copy(y);
	bed_cpu->attention(bed_self, y, q, k, v, &opts);
	bed_ref->attention(NULL, want, q, k, v, &opts);
	bed_same(what, y, want, 0,
		 spread * attention_tolerance(width, spread, (double)scale));
	bed_clear();
}

static void run_attention(void)
{
	static const int64_t widths[] = { 1, 8, 20, 32, 33, 64, 80, 128, 300 };
	static const int64_t tokens[] = { 1, 2, 13, 50, 67 };
	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++)
		for (size_t j = 0; j < sizeof(tokens) / sizeof(*tokens); j++)
			compare_attention(1 + (int64_t)((i + j) % 3), tokens[j],
					  tokens[j], 1 + (int)((i + 2 * j) % 4),
					  widths[i], 1, 1 / sqrtf((float)widths[i]));
	compare_attention(2, 1, 40, 3, 20, 1, 0.2f);
	compare_attention(1, 30, 7, 2, 64, 4, 0.125f);
	compare_attention(1, 5, 600, 2, 24, 2, -0.2f); /* more keys than one block */
	compare_attention(1, 9, 256, 1, 16, 8, 1);     /* a peaked softmax */
	compare_attention(1, 9, 257, 1, 16, 1, 0);
}

static void attention(void **state)
{
	(void)state;
	on_threads(run_attention);
}

static void run_attention_poison(void)
{
	static const float poisons[] = { NAN, INFINITY, -INFINITY };
	struct attn_opts opts = { .heads = 2, .scale = 0.3f };
	for (int i = 0; i < 9; i++) {
		struct tensor t[3], y = bed_random(0, 0, 0, DIMS(2, 18, 40));
		struct tensor want = bed_copy(y);
		for (int j = 0; j < 3; j++)
			t[j] = bed_random(0, 0.1, 1, DIMS(2, 18, 40));
		tensor_row(&t[i / 3], 5)[25] = poisons[i % 3];
		bed_cpu->attention(bed_self, y, t[0], t[1], t[2], &opts);
		bed_ref->attention(NULL, want, t[0], t[1], t[2], &opts);
		bed_same("attention of NaN", y, want, 0, 1e-5);
		bed_clear();
	}
}

static void attention_passes_nan_on(void **state)
{
	(void)state;
	on_threads(run_attention_poison);
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
	on_threads(run_patches);
}

static void compare_embed(int64_t b, int64_t n, int64_t count, int64_t d)
{
	struct tensor x = bed_random(2, -1, 1, DIMS(b, n, d)), kept = { 0 };
	struct tensor cls = bed_random(0, -1, 1, DIMS(d));
	struct tensor pos = bed_random(0, -1, 1, DIMS(1 + n, d));
	if (count < n) {
		kept = bed_i32(DIMS(b, count));
		for (int64_t i = 0; i < b * count; i++)
			((int32_t *)kept.data)[i] = (int32_t)bed_pick(0, n - 1);
	}
	struct tensor y = bed_random(0, 0, 0, DIMS(b, 1 + count, d)), want = bed_copy(y);
	bed_cpu->embed(bed_self, y, x, kept, cls, pos);
	bed_ref->embed(NULL, want, x, kept, cls, pos);
	bed_same("embed", y, want, 0, 0);
	bed_clear();
}

static void run_embed(void)
{
	compare_embed(1, 1, 1, 1);
	compare_embed(3, 50, 50, 33);
	compare_embed(2, 196, 98, 100);
	compare_embed(8, 49, 1, 17);
}

static void embed(void **state)
{
	(void)state;
	on_threads(run_embed);
}

/* Sums in double: at most the last bit of F32 may differ, and only where the exact root
 * lies at a rounding boundary. */
static void run_row_norms(void)
{
	for (int64_t d = 1; d < 800; d = d * 2 + 1)
		for (int64_t n = 1; n < 200; n = n * 5 + 2) {
			struct tensor x = bed_random(d % 3, -3, 3, DIMS(2, n, d));
			struct tensor score = bed_random(0, 0, 0, DIMS(2, n));
			struct tensor want = bed_copy(score);
			if (n == 7)
				tensor_row(&x, 3)[d / 2] = NAN;
			if (n == 37)
				tensor_row(&x, 30)[d - 1] =
					1e38f; /* its square is not F32 */
			bed_cpu->row_norms(bed_self, score, x);
			bed_ref->row_norms(NULL, want, x);
			bed_same("row norms", score, want, EPS, 0);
			bed_clear();
		}
}

static void row_norms(void **state)
{
	(void)state;
	on_threads(run_row_norms);
}

static void run_random_scores(void)
{
	for (int64_t n = 1; n < 40000; n = n * 7 + 3) {
		struct tensor score = bed_random(0, 0, 0, DIMS(3, n)),
			      want = bed_copy(score);
		bed_cpu->random_scores(bed_self, score, 0x123456789ABCDEFu + (uint64_t)n);
		bed_ref->random_scores(NULL, want, 0x123456789ABCDEFu + (uint64_t)n);
		bed_same("random scores", score, want, 0, 0);
		bed_clear();
	}
}

static void random_scores(void **state)
{
	(void)state;
	on_threads(run_random_scores);
}

static void compare_select(struct tensor score, int64_t count)
{
	struct tensor kept = bed_i32(DIMS(score.dim[0], count));
	struct tensor want = bed_i32(DIMS(score.dim[0], count));
	bed_cpu->select(bed_self, kept, score);
	bed_ref->select(NULL, want, score);
	for (int64_t i = 0; i < tensor_count(&kept); i++)
		if (((int32_t *)kept.data)[i] != ((int32_t *)want.data)[i])
			fail_msg("select %d of %d: [%d] is %d, wanted %d", (int)count,
				 (int)score.dim[1], (int)i, ((int32_t *)kept.data)[i],
				 ((int32_t *)want.data)[i]);
}

static void run_select(void)
{
	for (int64_t n = 1; n < 300; n += n / 3 + 1) {
		struct tensor plain = bed_random(0, -1, 1, DIMS(3, n));
		struct tensor ties = bed_random(0, -1, 1, DIMS(3, n));
		struct tensor odd = bed_random(0, -1, 1, DIMS(3, n));
		static const float values[] = { NAN,  -NAN,      0.0f,  -0.0f,  INFINITY,
						0.5f, -INFINITY, 1e30f, -1e-30f };
		for (int64_t i = 0; i < 3 * n; i++) {
			tensor_f32(&ties)[i] = (float)bed_pick(-2, 2) / 4;
			tensor_f32(&odd)[i] = values[bed_pick(0, 8)];
		}
		for (int64_t count = 1; count <= n; count += 1 + n / 9) {
			compare_select(plain, count);
			compare_select(ties, count);
			compare_select(odd, count);
		}
		compare_select(ties, n);
		bed_clear();
	}
}

static void select_breaks_ties_by_index(void **state)
{
	(void)state;
	on_threads(run_select);
}

/* The stated errors of the activations, over all magnitudes, against libm in double. */
static void activations_are_as_exact_as_stated(void **state)
{
	(void)state;
	const struct vec *vec = vec_for(cpu_isa());
	double worst_quick = 0, worst_gelu = 0;
	for (double u = -80; u < 80; u += 0.00137) {
		float quick = (float)u, full = (float)u;
		double x = (double)quick;
		vec->finish(&quick, 1, 1, 1, NULL, ACT_QUICK_GELU);
		vec->finish(&full, 1, 1, 1, NULL, ACT_GELU);
		double want = x / (1 + exp(-1.702 * x));
		if (fabs(want) > 1e-30)
			worst_quick = fmax(worst_quick, fabs((double)quick / want - 1));
		want = 0.5 * x * erfc(-x * 0.70710678118654752440);
		if (x > -6)
			worst_gelu = fmax(worst_gelu, fabs((double)full / want - 1));
		else
			assert_true(fabs((double)full - want) < 1e-14);
	}
	/* exp of an argument of 70 is off by half a rounding of the argument. */
	if (!(worst_quick < 6e-6) || !(worst_gelu < 2e-6))
		fail_msg("quick_gelu %.3g, gelu %.3g", worst_quick, worst_gelu);
}

static void activations_pass_nan_on(void **state)
{
	(void)state;
	const struct vec *vec = vec_for(cpu_isa());
	for (enum act act = ACT_QUICK_GELU; act <= ACT_GELU; act++) {
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
		cmocka_unit_test(attention),
		cmocka_unit_test(attention_passes_nan_on),
		cmocka_unit_test(patches),
		cmocka_unit_test(embed),
		cmocka_unit_test(row_norms),
		cmocka_unit_test(random_scores),
		cmocka_unit_test(select_breaks_ties_by_index),
		cmocka_unit_test(activations_are_as_exact_as_stated),
		cmocka_unit_test(activations_pass_nan_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
