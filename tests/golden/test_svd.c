/* Singular values and best approximations against LAPACK in fp64 (tests/oracle). */
#include <math.h>

#include "bench.h"
#include "kernels/svd.h"

typedef enum err svd_fn(const struct tensor *, struct tensor *, float *, struct tensor *);

static const char *const names[] = { "wide", "tall", "six", "steep", "row", "twins" };

static struct tensor matrix(int64_t rows, int64_t cols)
{
	return tensor_of(DT_F32, malloc(sizeof(float) * (size_t)(rows * cols)),
			 DIMS(rows, cols));
}

/* U diag(sigma) V with the first `rank` of them. */
static void multiply(const struct tensor *u, const float *sigma, const struct tensor *v,
		     int64_t rank, struct tensor *out)
{
	for (int64_t i = 0; i < out->dim[0]; i++)
		for (int64_t j = 0; j < out->dim[1]; j++) {
			double sum = 0;
			for (int64_t r = 0; r < rank; r++)
				sum += (double)tensor_row(u, i)[r] * (double)sigma[r] *
				       (double)tensor_row(v, r)[j];
			tensor_row(out, i)[j] = (float)sum;
		}
}

static double norm_of_difference(const struct tensor *a, const struct tensor *b)
{
	double sum = 0;
	for (int64_t i = 0; i < tensor_count(a); i++)
		sum += pow((double)tensor_f32(a)[i] - (b ? (double)tensor_f32(b)[i] : 0),
			   2);
	return sqrt(sum);
}

static void check_matrix(const struct bench *b, const char *name, svd_fn *fn)
{
	struct tensor w = bench_copy(bench_want(b, "", name));
	int64_t m = w.dim[0], n = w.dim[1], most = m < n ? m : n;
	struct tensor u = matrix(m, most), v = matrix(most, n), best = matrix(m, n);
	float *sigma = malloc(sizeof(float) * (size_t)most);
	check_ok(fn(&w, &u, sigma, &v));
	bench_same(name, "sigma", sigma, most, bench_want(b, name, "sigma"));
	for (int64_t rank = 1; rank <= most; rank++) {
		char key[32];
		snprintf(key, sizeof(key), "rank.%d", (int)rank);
		const struct tensor *want = bench_find(b, name, key);
		multiply(&u, sigma, &v, rank, &best);
		if (!want)
			continue;
		bench_same(name, key, tensor_f32(&best), m * n, want);
		snprintf(key, sizeof(key), "error.%d", (int)rank);
		double error =
			norm_of_difference(&w, &best) / norm_of_difference(&w, NULL);
		if (fabs(error - (double)*tensor_f32(bench_want(b, name, key))) > 1e-6)
			fail_msg("%s %s is %g", name, key, error);
	}
	/* All of them: the matrix itself. */
	bench_same(name, "all ranks", tensor_f32(&best), m * n, &w);
	free(sigma);
	free(best.data);
	free(v.data);
	free(u.data);
	free(w.data);
}

static void check_all(svd_fn *fn)
{
	struct bench b = { .folder = "svd" };
	check_ok(safetensors_open(fixture("svd.safetensors"), &b.oracle));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_matrix(&b, names[i], fn);
	safetensors_free(b.oracle);
}

static void by_library(void **state)
{
	(void)state;
	check_all(svd);
}

static void by_rotations(void **state)
{
	(void)state;
	check_all(svd_jacobi);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_library),
		cmocka_unit_test(by_rotations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
