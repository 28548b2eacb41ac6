/*
 * Measuring one or several settings: warm-up, then rounds. In a round every setting runs
 * once uninstrumented and once instrumented, in turns, so that a machine whose speed
 * drifts treats all of them alike. With ABBA order every second round runs backwards.
 */
#ifndef PROFILER_MEASURE_H
#define PROFILER_MEASURE_H

#include "profiler/setting.h"

#define MEASURE_MAX_SAMPLES 100000 /* a bound on memory, far beyond any use */

struct measure_options {
	double budget_s; /* upper bound, warm-up included; at least one sample is taken */
	double samples;  /* NaN: at least 10, then until the noise target; else exactly so
			    many */
	double warmup; /* NaN: until stable; else so many passes, if the budget permits */
	double noise; /* target: half the 95 % interval of the median, as a share of it */
};

/* Budget 10 s, noise 1 %, the rest NaN. */
struct measure_options measure_defaults(void);

struct measure_sample {
	int variant;
	bool watched;
	int64_t start_ns, wall_ns;
};

/* Told of every pass; what is NULL is not told. */
struct measure_watch {
	void *ctx;
	void (*on_sample)(void *ctx, const struct measure_sample *);
	/* what: "warming up" or "measuring"; done and total in samples (total 0: unknown)
	 */
	void (*on_progress)(void *ctx, const char *what, double done, double total);
};

/* Of one setting. */
struct measured {
	double *plain_ns, *watched_ns; /* owned */
	int n;                         /* of each */
	int warmup;
	double first_ns;          /* the very first pass */
	struct run_rusage rusage; /* sums over the plain passes */
	const char *stopped_by;
};

/*
 * out[n] must be zeroed; it is filled also when the run is cancelled half-way (release it
 * either way). Order: "abab" or "abba".
 */
enum err measure(struct setting *const *settings, int n, bool abba,
		 const struct measure_options *, const struct measure_watch *,
		 struct measured *out) MUST_CHECK;
void measured_release(struct measured *);

#endif
