#include "profiler/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double *sorted(const double *samples, int n)
{
	double *s = mem_alloc(sizeof(double) * (size_t)n);
	if (n)
		memcpy(s, samples, sizeof(double) * (size_t)n);
	qsort(s, (size_t)n, sizeof(double), by_value);
	return s;
}

static double middle(const double *s, int n)
{
	if (!n)
		return (double)NAN;
	return n % 2 ? s[n / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
}

/*
 * The rank (counted from 0) of the lower end of a 95 % interval of the median by the sign
 * test: the largest r with P(Binomial(n, 1/2) <= r) <= 2.5 %; -1 where there is none. The
 * upper end is its mirror. Log terms keep thousands of samples from underflowing.
 */
static int interval_rank(int n)
{
	double sum = 0;
	for (int r = 0; r < n / 2; r++) {
		sum += exp(lgamma(n + 1.0) - lgamma(r + 1.0) - lgamma(n - r + 1.0) -
			   n * 0.69314718055994530942);
		if (sum > 0.025)
			return r - 1;
	}
	return -1;
}

struct summary summarize(const double *samples, int n)
{
	const double nan = (double)NAN;
	struct summary m = { n, nan, nan, nan, nan, nan, nan, nan };
	if (n <= 0)
		return m;
	double *s = sorted(samples, n);
	m.min = s[0];
	m.max = s[n - 1];
	m.p50 = middle(s, n);
	m.mean = 0;
	for (int i = 0; i < n; i++)
		m.mean += s[i] / n;
	double squares = 0;
	for (int i = 0; i < n; i++)
		squares += (s[i] - m.mean) * (s[i] - m.mean);
	if (n > 1)
		m.sd = sqrt(squares / (n - 1));
	int rank = interval_rank(n);
	if (rank >= 0) {
		m.ci95_lo = s[rank];
		m.ci95_hi = s[n - 1 - rank];
	}
	free(s);
	return m;
}

double median_of(const double *samples, int n)
{
	double *s = sorted(samples, n > 0 ? n : 0);
	double m = middle(s, n > 0 ? n : 0);
	free(s);
	return m;
}

double percentile_of(const double *samples, int n, double p)
{
	double beyond = n * (p < 50 ? p : 100 - p) / 100;
	if (beyond < 1)
		return (double)NAN;
	double *s = sorted(samples, n);
	int rank = (int)ceil(p / 100 * n) - 1;
	double v = s[rank < 0 ? 0 : rank];
	free(s);
	return v;
}

double summary_noise(const struct summary *m)
{
	return (m->ci95_hi - m->ci95_lo) / 2 / m->p50;
}
