/* Singular values: both ways against the definition, and against each other. */
#include <math.h>

#include "check.h"

#include "bed.h"
#include "kernels/svd.h"

typedef enum err (*way)(const struct tensor *, struct tensor *, float *, struct tensor *);

struct result {
	struct tensor left, right, sigma;
};

static struct result decompose(way by, struct tensor w)
{
	int64_t m = w.dim[0], n = w.dim[1], k = m < n ? m : n;
	struct result r = { .left = bed_random(2, 0, 0, DIMS(m, k)),
			    .right = bed_random(0, 0, 0, DIMS(k, n)),
			    .sigma = bed_random(0, 0, 0, DIMS(k)) };
	check_ok(by(&w, &r.left, tensor_f32(&r.sigma), &r.right));
	return r;
}

/* Vectors are rounded to F32 once (EPS / 2 of each element of at most 1, so EPS of a
 * product of two unit vectors), and so is sigma: U S V is off by less than 2 EPS of the
 * greatest sigma in the norm of a row. Errors in double are nothing beside it. */
#define TOLERANCE (4 * EPS)

static struct tensor transposed(struct tensor x)
{
	struct tensor t = bed_random(0, 0, 0, DIMS(x.dim[1], x.dim[0]));
	for (int64_t i = 0; i < x.dim[0]; i++)
		for (int64_t j = 0; j < x.dim[1]; j++)
			tensor_row(&t, j)[i] = tensor_row(&x, i)[j];
	return t;
}

static double dot(const float *x, const float *y, int64_t n)
{
	double sum = 0;
	for (int64_t i = 0; i < n; i++)
		sum += (double)x[i] * (double)y[i];
	return sum;
}

static void rows_are_orthonormal(const char *what, struct tensor x)
{
	for (int64_t i = 0; i < x.dim[0]; i++)
		for (int64_t j = 0; j <= i; j++) {
			double product =
				dot(tensor_row(&x, i), tensor_row(&x, j), x.dim[1]);
			if (!(fabs(product - (i == j)) < TOLERANCE))
				fail_msg("%s: vectors %d and %d: %.9g", what, (int)i,
					 (int)j, product);
		}
}

static void is_decomposition(const char *what, struct tensor w, const struct result *r)
{
	const float *sigma = r->sigma.data;
	int64_t k = tensor_count(&r->sigma);
	struct tensor scaled = bed_random(0, 0, 0, DIMS(w.dim[0], k));
	struct tensor columns = transposed(r->right);
	for (int64_t i = 0; i < k; i++)
		if (!(sigma[i] >= 0) || (i && sigma[i] > sigma[i - 1]))
			fail_msg("%s: sigma %d is %.9g", what, (int)i, (double)sigma[i]);
	rows_are_orthonormal(what, r->right);
	rows_are_orthonormal(what, transposed(r->left));
	for (int64_t i = 0; i < w.dim[0]; i++)
		for (int64_t j = 0; j < k; j++)
			tensor_row(&scaled, i)[j] = tensor_row(&r->left, i)[j] * sigma[j];
	for (int64_t i = 0; i < w.dim[0]; i++)
		for (int64_t j = 0; j < w.dim[1]; j++) {
			double got =
				dot(tensor_row(&scaled, i), tensor_row(&columns, j), k);
			double off = fabs(got - (double)tensor_row(&w, i)[j]);
			if (!(off <= TOLERANCE * (double)sigma[0]))
				fail_msg("%s: [%d, %d] is off by %.3g", what, (int)i,
					 (int)j, off);
		}
}

/* Of rank `rank`: a product of two random factors. */
static struct tensor of_rank(int64_t m, int64_t n, int64_t rank)
{
	struct tensor a = bed_random(0, -1, 1, DIMS(m, rank));
	struct tensor b = bed_random(0, -1, 1, DIMS(n, rank));
	struct tensor w = bed_random(3, 0, 0, DIMS(m, n));
	for (int64_t i = 0; i < m; i++)
		for (int64_t j = 0; j < n; j++)
			tensor_row(&w, i)[j] =
				(float)dot(tensor_row(&a, i), tensor_row(&b, j), rank);
	return w;
}

static void each_way(const char *what, struct tensor w)
{
	struct result lapack = decompose(svd, w), jacobi = decompose(svd_jacobi, w);
	is_decomposition(what, w, &lapack);
	is_decomposition(what, w, &jacobi);
	double most = (double)tensor_f32(&lapack.sigma)[0];
	bed_same(what, lapack.sigma, jacobi.sigma, EPS, 1e-12 * most);
	bed_clear();
}

static void shapes(void **state)
{
	(void)state;
	static const int64_t shape[][2] = { { 48, 64 }, { 64, 48 }, { 1, 1 },  { 1, 50 },
					    { 50, 1 },  { 33, 33 }, { 17, 90 } };
	for (size_t i = 0; i < sizeof(shape) / sizeof(*shape); i++)
		each_way("random", bed_random(3, -1, 1, 2, shape[i]));
}

/* As a projection of CLIP is: by LAPACK where there is one. */
static void a_projection(void **state)
{
	(void)state;
	struct tensor w = bed_random(0, -0.05, 0.05, DIMS(512, 768));
	struct result r = decompose(svd, w);
	is_decomposition("512 x 768", w, &r);
	bed_clear();
}

static void deficient(void **state)
{
	(void)state;
	each_way("rank 3", of_rank(20, 30, 3));
	each_way("rank 1", of_rank(30, 20, 1));
	each_way("zero", bed_random(0, 0, 0, DIMS(12, 9)));
	each_way("zero", bed_random(0, 0, 0, DIMS(1, 9)));
	struct tensor w = bed_random(0, -1, 1, DIMS(9, 14)); /* rows that are alike */
	for (int64_t i = 3; i < 6; i++)
		memcpy(tensor_row(&w, i), tensor_row(&w, 0), sizeof(float) * 14);
	each_way("alike", w);
	w = bed_random(0, 0, 0, DIMS(7, 7)); /* one value, many times */
	for (int64_t i = 0; i < 7; i++)
		tensor_row(&w, i)[(i * 3) % 7] = i & 1 ? 2 : -2;
	each_way("a permutation", w);
	w = bed_random(0, 0, 0, DIMS(5, 6)); /* the first vectors to try are taken */
	tensor_row(&w, 0)[2] = 1;
	tensor_row(&w, 1)[3] = 2;
	each_way("two entries", w);
	w = bed_random(0, -1e30, 1e30, DIMS(8, 6)); /* squares are no F32 */
	each_way("large", w);
}

/* Q1 diag(s) Q2 with reflections Q = I - 2 v v': sigma is s. */
static void known_values(void **state)
{
	(void)state;
	static const double s[5] = { 7, 3, 1.5, 0.25, 0.0625 };
	double u[5], v[8], uu = 0, vv = 0;
	struct tensor w = bed_random(0, 0, 0, DIMS(5, 8));
	for (int i = 0; i < 5; i++)
		u[i] = i - 1.5, uu += u[i] * u[i];
	for (int i = 0; i < 8; i++)
		v[i] = 2.5 - i, vv += v[i] * v[i];
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 8; j++) {
			double sum = 0;
			for (int k = 0; k < 5; k++)
				sum += ((i == k) - 2 * u[i] * u[k] / uu) * s[k] *
				       ((j == k) - 2 * v[j] * v[k] / vv);
			tensor_row(&w, i)[j] = (float)sum;
		}
	const way ways[] = { svd, svd_jacobi };
	for (int k = 0; k < 2; k++) {
		struct result r = decompose(ways[k], w);
		for (int i = 0; i < 5; i++)
			if (fabs((double)tensor_f32(&r.sigma)[i] - s[i]) > 8 * EPS * s[0])
				fail_msg("sigma %d is %.9g", i,
					 (double)tensor_f32(&r.sigma)[i]);
	}
	bed_clear();
}

static void halves_are_what_they_stand_for(void **state)
{
	(void)state;
	for (enum dtype type = DT_F16; type <= DT_BF16; type++) {
		struct tensor half = bed_narrow(bed_random(3, -1, 1, DIMS(9, 7)), type);
		struct tensor wide = bed_widen(half);
		struct result got = decompose(svd_jacobi, half);
		bed_same("sigma", got.sigma, decompose(svd_jacobi, wide).sigma, 0, 0);
		is_decomposition("a matrix in half precision", wide, &got);
		bed_clear();
	}
}

static void what_is_not_finite_is_refused(void **state)
{
	(void)state;
	const float bad[] = { NAN, INFINITY };
	const way ways[] = { svd, svd_jacobi };
	for (int i = 0; i < 4; i++) {
		struct tensor w = bed_random(0, -1, 1, DIMS(4, 6));
		struct tensor left = bed_random(0, 0, 0, DIMS(4, 4));
		struct tensor right = bed_random(0, 0, 0, DIMS(4, 6));
		float sigma[4];
		tensor_row(&w, 2)[3] = bad[i / 2];
		check_err(ways[i % 2](&w, &left, sigma, &right), ERR_FORMAT, "NaN");
	}
	bed_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes),
		cmocka_unit_test(a_projection),
		cmocka_unit_test(deficient),
		cmocka_unit_test(known_values),
		cmocka_unit_test(halves_are_what_they_stand_for),
		cmocka_unit_test(what_is_not_finite_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
