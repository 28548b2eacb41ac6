#include "profiler/measure.h"

#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/str.h"
#include "profiler/stats.h"

#define WARMUP_S 0.5       /* a warm-up lasts at least this long ... */
#define WARMUP_SLOW_RUNS 3 /* ... or so many passes of a slow model */
#define WARMUP_AGREE 0.05  /* two batches whose medians are this close are stable */
#define WARMUP_SHARE 0.3   /* of the budget at most */
#define SAMPLES_LEAST 10   /* before the noise target may stop a measurement */

struct measurement {
	struct setting *const *settings;
	int n;
	bool abba;
	const struct measure_options *opt;
	const struct measure_watch *watch;
	struct measured *out;
	int64_t start_ns;
};

struct measure_options measure_defaults(void)
{
	return (struct measure_options){ 10, (double)NAN, (double)NAN, 0.01 };
}

void measured_release(struct measured *m)
{
	free(m->plain_ns);
	free(m->watched_ns);
	*m = (struct measured){ 0 };
}

static double elapsed_s(const struct measurement *m)
{
	return (double)(clock_now_ns() - m->start_ns) * 1e-9;
}

static void tell_progress(const struct measurement *m, const char *what, double done,
			  double total)
{
	if (m->watch->on_progress)
		m->watch->on_progress(m->watch->ctx, what, done, total);
}

static enum err warm_batch(struct measurement *m, int variant, int passes, double *median)
{
	double *ns = mem_alloc(sizeof(double) * (size_t)passes);
	struct measured *out = &m->out[variant];
	enum err e = OK;
	for (int i = 0; !e && i < passes; i++) {
		int64_t wall;
		e = setting_pass(m->settings[variant], false, &wall);
		ns[i] = (double)wall;
		if (!e && !out->warmup++)
			out->first_ns = ns[i];
		tell_progress(m, "warming up", out->warmup, 0);
	}
	*median = e ? (double)NAN : median_of(ns, passes);
	free(ns);
	return e;
}

/* The next batch: twice as long, but not beyond what is left of the warm-up's time. */
static int more_passes(int passes, double pass_ns, double left_s)
{
	double fit = left_s * 1e9 / pass_ns;
	passes = passes < 64 ? 2 * passes : passes;
	return fit >= passes ? passes : fit >= 1 ? (int)fit : 1;
}

/* Batches of 1, 2, 4, ... passes until two medians agree and half a second has gone. */
static enum err warm_until_stable(struct measurement *m, int variant)
{
	int64_t start = clock_now_ns();
	double before = (double)NAN, now;
	double limit_s;
	for (int passes = 1;; passes = more_passes(passes, now, limit_s)) {
		enum err e = warm_batch(m, variant, passes, &now);
		if (e)
			return e;
		double spent_s = (double)(clock_now_ns() - start) * 1e-9;
		limit_s = m->opt->budget_s * WARMUP_SHARE / m->n - spent_s;
		bool agree = fabs(now - before) <= WARMUP_AGREE * now;
		bool slow = now * 1e-9 * WARMUP_SLOW_RUNS > WARMUP_S;
		if (limit_s <= 0 || (spent_s >= WARMUP_S && agree) ||
		    (slow && m->out[variant].warmup >= WARMUP_SLOW_RUNS))
			return OK;
		before = now;
	}
}

/* So many passes as were asked for, one at least, within this setting's part of the
 * budget. */
static enum err warm_passes(struct measurement *m, int variant, int passes)
{
	double median, until_s = m->opt->budget_s * (variant + 1) / m->n;
	enum err e = OK;
	for (int i = 0; !e && i < passes; i++) {
		if (i && elapsed_s(m) >= until_s)
			break;
		e = warm_batch(m, variant, 1, &median);
	}
	return e;
}

static enum err warm_up(struct measurement *m, int variant)
{
	return isnan(m->opt->warmup) ? warm_until_stable(m, variant)
				     : warm_passes(m, variant, (int)m->opt->warmup);
}

static double seconds_ns(struct timeval a, struct timeval b)
{
	return ((double)(a.tv_sec - b.tv_sec) * 1e6 + (double)(a.tv_usec - b.tv_usec)) *
	       1e3;
}

static void add_rusage(struct run_rusage *sum, const struct rusage *after,
		       const struct rusage *before)
{
	sum->user_ns += seconds_ns(after->ru_utime, before->ru_utime);
	sum->sys_ns += seconds_ns(after->ru_stime, before->ru_stime);
	sum->minor_faults += (double)(after->ru_minflt - before->ru_minflt);
	sum->major_faults += (double)(after->ru_majflt - before->ru_majflt);
	sum->voluntary_switches += (double)(after->ru_nvcsw - before->ru_nvcsw);
	sum->involuntary_switches += (double)(after->ru_nivcsw - before->ru_nivcsw);
}

static enum err sample(struct measurement *m, int variant, bool watched)
{
	struct measured *out = &m->out[variant];
	struct measure_sample s = { variant, watched, clock_wall_ns(), 0 };
	struct rusage before, after;
	getrusage(RUSAGE_SELF, &before);
	enum err e = setting_pass(m->settings[variant], watched, &s.wall_ns);
	getrusage(RUSAGE_SELF, &after);
	if (e)
		return e;
	if (!watched)
		add_rusage(&out->rusage, &after, &before);
	(watched ? out->watched_ns : out->plain_ns)[out->n] = (double)s.wall_ns;
	if (m->watch->on_sample)
		m->watch->on_sample(m->watch->ctx, &s);
	return OK;
}

static void make_room(struct measured *out, int round)
{
	if (round & (round - 1)) /* grow at powers of two */
		return;
	size_t cap = round ? 2 * (size_t)round : 1;
	out->plain_ns = mem_grow(out->plain_ns, cap, sizeof(double));
	out->watched_ns = mem_grow(out->watched_ns, cap, sizeof(double));
}

static enum err run_round(struct measurement *m, int round)
{
	/* Which of the two passes comes first changes too. */
	bool watched_first = round & 1;
	enum err e = OK;
	for (int i = 0; i < m->n; i++)
		make_room(&m->out[i], round);
	for (int i = 0; !e && i < m->n; i++) {
		int variant = m->abba && (round & 1) ? m->n - 1 - i : i;
		e = sample(m, variant, watched_first);
		if (!e)
			e = sample(m, variant, !watched_first);
		if (!e)
			m->out[variant].n++;
	}
	return e;
}

static bool quiet_enough(const struct measurement *m)
{
	for (int i = 0; i < m->n; i++) {
		struct summary s = summarize(m->out[i].plain_ns, m->out[i].n);
		if (!(summary_noise(&s) <= m->opt->noise))
			return false;
	}
	return true;
}

/* Why the measurement should stop after `rounds`; NULL: go on. */
static const char *reason_to_stop(const struct measurement *m, int rounds, double round_s)
{
	if (rounds >= MEASURE_MAX_SAMPLES ||
	    (!isnan(m->opt->samples) && rounds >= m->opt->samples))
		return "samples";
	if (elapsed_s(m) + round_s > m->opt->budget_s) /* the next one would not fit */
		return "budget";
	if (isnan(m->opt->samples) && rounds >= SAMPLES_LEAST && quiet_enough(m))
		return "noise";
	return NULL;
}

enum err measure(struct setting *const *settings, int n, bool abba,
		 const struct measure_options *opt, const struct measure_watch *watch,
		 struct measured *out)
{
	struct measurement m = { settings, n, abba, opt, watch, out, clock_now_ns() };
	enum err e = OK;
	const char *why = NULL;
	for (int i = 0; !e && i < n; i++)
		e = warm_up(&m, i);
	for (int round = 0; !e && !why; round++) {
		double before_s = elapsed_s(&m);
		e = run_round(&m, round);
		why = reason_to_stop(&m, round + 1, elapsed_s(&m) - before_s);
		tell_progress(&m, "measuring", round + 1,
			      isnan(opt->samples) ? SAMPLES_LEAST : opt->samples);
	}
	for (int i = 0; i < n; i++)
		out[i].stopped_by = why;
	return e;
}
