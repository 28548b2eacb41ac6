/* Summaries: against values worked out by hand, and exact binomial sums in integers. */
#include "check.h"

#include <math.h>

#include "base/rng.h"
#include "profiler/stats.h"

static void small_samples(void **state)
{
	const double v[] = { 5, 1, 4, 2, 3 };
	(void)state;
	struct summary s = summarize(v, 5);
	assert_int_equal(s.n, 5);
	assert_true(s.min == 1 && s.max == 5 && s.p50 == 3 && fabs(s.mean - 3) < 1e-12);
	assert_true(fabs(s.sd - sqrt(2.5)) < 1e-12);
	assert_true(isnan(s.ci95_lo) && isnan(s.ci95_hi) && isnan(summary_noise(&s)));
	s = summarize(v, 4); /* 5 1 4 2 */
	assert_true(s.p50 == 3);
	s = summarize(v, 1);
	assert_true(s.p50 == 5 && s.min == 5 && isnan(s.sd));
	s = summarize(NULL, 0);
	assert_true(s.n == 0 && isnan(s.p50) && isnan(s.mean) && isnan(s.min));
	assert_true(isnan(median_of(NULL, 0)) && median_of(v, 2) == 3);
	assert_true(v[0] == 5 && v[4] == 3); /* the order of the samples is kept */
}

/* The ranks of textbooks (sign test, 95 %), counted from 1: lower end of n = 6 ... 20. */
static void interval_ranks(void **state)
{
	static const int rank[] = { 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 6 };
	double v[20];
	(void)state;
	for (int n = 6; n <= 20; n++) {
		for (int i = 0; i < n; i++)
			v[i] = i + 1;
		struct summary s = summarize(v, n);
		assert_int_equal((int)s.ci95_lo, rank[n - 6]);
		assert_int_equal((int)s.ci95_hi, n + 1 - rank[n - 6]);
	}
	for (int n = 1; n < 6; n++)
		assert_true(isnan(summarize(v, n).ci95_lo));
}

/* The largest rank r with 2^n * 2.5 % >= sum of C(n, 0..r), in exact integers. */
static void interval_ranks_exactly(void **state)
{
	double v[60];
	(void)state;
	for (int i = 0; i < 60; i++)
		v[i] = i;
	for (int n = 6; n <= 56; n++) {
		uint64_t choose = 1, sum = 0, all = UINT64_C(1) << n;
		int rank = -1;
		for (int r = 0; r < n / 2; r++) {
			sum += choose;
			choose = choose * (unsigned)(n - r) / (unsigned)(r + 1);
			if (sum * 40 <= all)
				rank = r;
		}
		struct summary s = summarize(v, n);
		if ((int)s.ci95_lo != rank || (int)s.ci95_hi != n - 1 - rank)
			fail_msg("n = %d: %g..%g, want %d..%d", n, s.ci95_lo, s.ci95_hi,
				 rank, n - 1 - rank);
	}
}

/* Thousands of samples must not underflow: about n/2 -+ 0.98 sqrt(n). */
static void interval_of_many(void **state)
{
	enum { N = 20000 };
	double *v = malloc(sizeof(*v) * N);
	(void)state;
	for (int i = 0; i < N; i++)
		v[i] = i;
	struct summary s = summarize(v, N);
	assert_true(fabs(s.ci95_lo - (N / 2.0 - 0.98 * sqrt(N))) < 3);
	assert_true(fabs(s.ci95_hi - (N / 2.0 + 0.98 * sqrt(N))) < 3);
	assert_true(fabs(summary_noise(&s) - 0.98 * sqrt(N) / (N / 2.0)) < 1e-3);
	free(v);
}

/* Nearest rank; a percentile without a sample beyond it is refused. */
static void percentiles(void **state)
{
	double v[1000];
	(void)state;
	for (int i = 0; i < 1000; i++)
		v[i] = i + 1;
	assert_true(isnan(percentile_of(v, 19, 5)) && isnan(percentile_of(v, 19, 95)));
	assert_true(isnan(percentile_of(v, 0, 50)) && isnan(percentile_of(v, 99, 99)));
	for (int n = 20; n <= 1000; n++)
		for (int p = 5; p <= 95; p += 45) {
			int rank = (n * p + 99) / 100;
			double got = percentile_of(v, n, p);
			if (got != rank)
				fail_msg("p%d of %d: %g, want %d", p, n, got, rank);
		}
}

/* About 95 of 100 intervals hold the true median: seeded, so the count is exact. */
static void coverage(void **state)
{
	int held = 0;
	(void)state;
	for (uint32_t trial = 0; trial < 400; trial++) {
		double v[15];
		for (uint32_t i = 0; i < 15; i++) {
			double u = (double)rng_uniform(11, trial * 15 + i);
			v[i] = u * u; /* skewed; the median is 0.25 */
		}
		struct summary s = summarize(v, 15);
		held += s.ci95_lo <= 0.25 && 0.25 <= s.ci95_hi;
	}
	assert_true(held >= 376 &&
		    held < 400); /* 94 % and up: the ranks are conservative */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_samples),
		cmocka_unit_test(interval_ranks),
		cmocka_unit_test(interval_ranks_exactly),
		cmocka_unit_test(interval_of_many),
		cmocka_unit_test(percentiles),
		cmocka_unit_test(coverage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
