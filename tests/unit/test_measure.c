/* Measuring a real model in miniature: how often, in which order, and why it stopped. */
#include "check.h"

#include <math.h>

#include "models/input.h"
#include "profiler/measure.h"

#define MAX_SEEN 4096

static struct bench {
	struct model *model;
	struct pool *pool;
	void *self;
	struct input input;
	struct setting settings[2];
	struct setting *order[2];
	struct measured out[2];
} b;

static struct measure_sample seen[MAX_SEEN];
static int n_seen, cancel_after;

static void on_sample(void *ctx, const struct measure_sample *s)
{
	(void)ctx;
	if (n_seen < MAX_SEEN)
		seen[n_seen] = *s;
	n_seen++;
}

static bool still_wanted(void *ctx)
{
	(void)ctx;
	return n_seen < cancel_after;
}

static int set_up(void **state)
{
	static const char *const keep[] = { "1", "0.5" };
	struct input_list list;
	struct knobs k;
	(void)state;
	b = (struct bench){ 0 };
	n_seen = 0;
	cancel_after = INT32_MAX;
	const struct backend *cpu = backend_by_name("cpu");
	check_ok(model_open("clip-vit-b32:tiny", 0, &b.model));
	check_ok(pool_create(1, &b.pool));
	check_ok(cpu->open(&(struct backend_opts){ b.pool, "native" }, &b.self));
	check_ok(tensors_prepare(b.model->tensors, NULL));
	knobs_init(&k);
	check_ok(model_prepare(b.model, &k, cpu, b.self));
	check_ok(input_list_make(&(struct input_source){ 0 }, &list));
	check_ok(input_load(b.model, &list, false, 0, &k, NULL, &b.input, NULL, NULL,
			    NULL));
	input_list_release(&list);
	for (int i = 0; i < 2; i++) {
		check_ok(knobs_set(&k, KNOB_KEEP, keep[i]));
		check_ok(model_check_knobs(b.model, &k));
		check_ok(setting_init(&b.settings[i], b.model, cpu, b.self, b.pool,
				      &b.input, &k));
		b.settings[i].still_wanted = still_wanted;
		b.order[i] = &b.settings[i];
		knobs_init(&k);
	}
	return 0;
}

static int tear_down(void **state)
{
	const struct backend *cpu = backend_by_name("cpu");
	(void)state;
	for (int i = 0; i < 2; i++) {
		measured_release(&b.out[i]);
		setting_release(&b.settings[i]);
	}
	input_release(&b.input);
	model_unprepare(b.model, cpu, b.self);
	cpu->close(b.self);
	pool_free(b.pool);
	model_free(b.model);
	return 0;
}

static enum err run(int n, bool abba, double budget_s, double samples, double warmup,
		    double noise)
{
	const struct measure_options opt = { budget_s, samples, warmup, noise };
	const struct measure_watch watch = { .on_sample = on_sample };
	return measure(b.order, n, abba, &opt, &watch, b.out);
}

static void check_samples(int n, int each)
{
	int plain[2] = { 0 }, watched[2] = { 0 };
	int64_t last = 0;
	assert_int_equal(n_seen, 2 * n * each);
	for (int i = 0; i < n_seen; i++) {
		int *count = seen[i].watched ? watched : plain, v = seen[i].variant;
		const double *kept =
			seen[i].watched ? b.out[v].watched_ns : b.out[v].plain_ns;
		assert_true(seen[i].wall_ns > 0 && seen[i].start_ns >= last);
		assert_true(kept[count[v]++] ==
			    (double)seen[i].wall_ns); /* none is lost */
		last = seen[i].start_ns;
	}
	for (int v = 0; v < n; v++) {
		assert_int_equal(b.out[v].n, each);
		assert_int_equal(plain[v], each);
		assert_int_equal(watched[v], each);
		assert_int_equal(b.settings[v].spans.n_passes, each);
	}
}

static void exactly_so_many(void **state)
{
	(void)state;
	check_ok(run(1, false, 1000, 13, 3, 0.01));
	assert_string_equal(b.out[0].stopped_by, "samples");
	assert_int_equal(b.out[0].warmup, 3);
	assert_true(b.out[0].first_ns > 0);
	check_samples(1, 13);
	assert_true(b.out[0].rusage.minor_faults >= 0);
	assert_true(b.out[0].rusage.user_ns + b.out[0].rusage.sys_ns >= 0);
}

static void at_least_one(void **state)
{
	(void)state;
	check_ok(run(1, false, 0, 50, 1, 0.01)); /* no time at all */
	assert_string_equal(b.out[0].stopped_by, "budget");
	check_samples(1, 1);
}

static void noise_stops(void **state)
{
	(void)state;
	check_ok(run(1, false, 1000, (double)NAN, 1, 1e9)); /* anything is quiet enough */
	assert_string_equal(b.out[0].stopped_by, "noise");
	check_samples(1, 10);
}

static void no_warm_up(void **state)
{
	(void)state;
	check_ok(run(1, false, 1000, 2, 0, 0.01));
	assert_int_equal(b.out[0].warmup, 0);
	check_samples(1, 2);
}

/* The order of variants, and that neither pass of a pair always comes first. */
static void interleaved(void **state)
{
	static const int turns[2][8] = { { 0, 1, 0, 1, 0, 1, 0, 1 },
					 { 0, 1, 1, 0, 0, 1, 1, 0 } };
	for (int abba = 0; abba < 2; abba++) {
		assert_int_equal(tear_down(state) | set_up(state), 0);
		check_ok(run(2, abba, 1000, 4, 1, 0.01));
		check_samples(2, 4);
		for (int i = 0; i < 8; i++) {
			assert_int_equal(seen[2 * i].variant, turns[abba][i]);
			assert_int_equal(seen[2 * i + 1].variant, turns[abba][i]);
			assert_int_equal(seen[2 * i].watched, i / 2 % 2);
			assert_int_not_equal(seen[2 * i].watched,
					     seen[2 * i + 1].watched);
		}
	}
}

static void cancelled(void **state)
{
	(void)state;
	cancel_after = 7;
	assert_int_equal(run(2, true, 1000, 1000, 1, 0.01), ERR_CANCELLED);
	assert_int_equal(n_seen, 7);
	/* Whole pairs only: three for the first variant's and the second's turns. */
	assert_int_equal(b.out[0].n + b.out[1].n, 3);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(exactly_so_many), CASE(at_least_one), CASE(noise_stops),
		CASE(no_warm_up),      CASE(interleaved),  CASE(cancelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
