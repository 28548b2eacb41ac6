/* Summaries of repeated measurements. Nothing is dropped: outliers stay in. */
#ifndef PROFILER_STATS_H
#define PROFILER_STATS_H

struct summary {
	int n;
	double min, p50, mean, sd, max;
	double ci95_lo, ci95_hi; /* of the median; NaN below six samples */
};

/* All NaN for n = 0; sd is NaN for n = 1. */
struct summary summarize(const double *samples, int n);

double median_of(const double *samples, int n); /* NaN for n = 0 */

/*
 * The p-th percentile (nearest rank), NaN where n is too small to have one sample beyond
 * it: p5 and p95 need 20.
 */
double percentile_of(const double *samples, int n, double p);

/* Half the interval of the median as a share of it; NaN where there is no interval. */
double summary_noise(const struct summary *);

#endif
