/* The proxy of multi-resolution scanning against torch (tests/oracle), in every mode. */
#include "bench.h"

#include "models/input.h"

static const char *const names[] = { "one", "two", "odd", "even", "long" };
static const char *const modes[] = { "off", "both", "low", "adaptive" };

static struct input input_of(const struct bench *b, const char *name)
{
	const struct tensor *x = bench_want(b, name, "x");
	return (struct input){ .items = x->dim[0], .sequence = bench_copy(x) };
}

static struct knobs knobs_of(const struct bench *b, const struct input *in,
			     const char *mode, int r)
{
	char seq[24], down[24];
	snprintf(seq, sizeof(seq), "%d", (int)in->sequence.dim[1]);
	snprintf(down, sizeof(down), "%d", r);
	return bench_knobs(b, in->items,
			   (const char *const[]){ "seq", seq, "mrss", mode, "downsample",
						  down, NULL });
}

/* What each item was run at. */
static void same_factors(const char *what, const struct bench *b, const char *name,
			 const char *key, const struct outputs *out, int r)
{
	char factors[48];
	snprintf(factors, sizeof(factors), "%s.factors", key);
	const struct tensor *want = bench_find(b, name, factors);
	for (int64_t i = 0; i < out->factors.dim[0]; i++) {
		int64_t ref = r;
		if (want)
			memcpy(&ref, (const char *)want->data + i * 8, 8);
		if (((const int32_t *)out->factors.data)[i] != ref)
			fail_msg("%s: item %d has not the factor %d", what, (int)i,
				 (int)ref);
	}
}

static int check_setting(struct bench *b, const char *name, const struct input *in,
			 const char *mode, int r)
{
	char key[32];
	struct setting s;
	snprintf(key, sizeof(key), "%s.%d", mode, r);
	const struct tensor *want = bench_find(b, name, key);
	if (!want)
		return 0;
	const char *what = bench_what(b, key);
	struct knobs k = knobs_of(b, in, mode, r);
	check_ok(model_check_knobs(b->model, &k));
	bench_run(b, &s, in, &k);
	assert_int_equal(s.out.tokens, in->sequence.dim[1]);
	bench_same(what, name, tensor_f32(&s.out.sequence), tensor_count(&s.out.sequence),
		   want);
	if (strcmp(mode, "off") != 0)
		same_factors(what, b, name, key, &s.out, r);
	else
		assert_int_equal(s.out.factors.ndim, 0);
	setting_release(&s);
	return 1;
}

static void every_mode(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct bench b;
		int n = 0;
		bench_open(&b, "mrss_tiny", "oracle", INPUT_SEQUENCE, way);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			struct input in = input_of(&b, names[i]);
			for (int m = 0; m < 4; m++)
				for (int r = 1; r <= 16; r *= 2)
					n += check_setting(&b, names[i], &in, modes[m],
							   r);
			input_release(&in);
		}
		assert_int_equal(n, 3 * 11 + 1 + 3 + 3);
		bench_close(&b);
	}
}

static void published_flops(void **state)
{
	static const struct {
		const char *mode, *down, *key;
		double published;
	} cases[] = {
		{ "off", "1", "off", 38.5876e9 },
		{ "both", "1", "both.1", 111.5349e9 },
		{ "both", "2", "both.2", 92.2411e9 },
		{ "both", "4", "both.4", 82.5942e9 },
	};
	(void)state;
	struct bench b;
	struct model *m;
	bench_open(&b, "mrss_tiny", "oracle", INPUT_SEQUENCE, bench_ways);
	check_ok(model_open_for("mrss-proxy", 0, INPUT_SEQUENCE, &m));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t want;
		struct run *run = run_create();
		struct knobs k;
		knobs_init(&k);
		check_ok(knobs_set(&k, KNOB_BATCH, "8"));
		check_ok(knobs_set(&k, KNOB_SEQ, "8192"));
		check_ok(knobs_set(&k, KNOB_MRSS, cases[i].mode));
		check_ok(knobs_set(&k, KNOB_DOWNSAMPLE, cases[i].down));
		check_ok(setting_predict(m, NULL, &k, NULL, NULL, run, NULL));
		memcpy(&want, bench_want(&b, "published", cases[i].key)->data, 8);
		if (run->flops.torch < (double)want || run->flops.torch > (double)want)
			fail_msg("%s: %.0f, want %.0f", cases[i].key, run->flops.torch,
				 (double)want);
		assert_true(run->flops.torch > cases[i].published - 0.5e5 &&
			    run->flops.torch < cases[i].published + 0.5e5);
		/* The output, and pieces: 137 MiB, where the published run took 520. */
		assert_true(run->memory.peak_activation_bytes < 140 * 1048576.0);
		run_free(run);
	}
	model_free(m);
	bench_close(&b);
}

static void predict(const struct model *m, const char *mode, const char *down,
		    struct run *run)
{
	struct knobs k;
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_MRSS, mode));
	check_ok(knobs_set(&k, KNOB_DOWNSAMPLE, down));
	check_ok(setting_predict(m, NULL, &k, NULL, NULL, run, NULL));
}

/* Of adaptive factors an estimate counts the largest, as its warning says, and finds room
 * for the smallest. */
static void estimates_of_adaptive_factors(void **state)
{
	struct model *m;
	(void)state;
	check_ok(model_open_for("mrss-proxy:tiny", 0, INPUT_SEQUENCE, &m));
	struct run *adaptive = run_create(), *coarse = run_create(), *fine = run_create();
	predict(m, "adaptive", "8", adaptive);
	predict(m, "low", "8", coarse);
	predict(m, "low", "1", fine);
	assert_int_equal(adaptive->flops.torch, coarse->flops.torch);
	assert_true(adaptive->memory.peak_activation_bytes >=
		    fine->memory.peak_activation_bytes);
	run_free(adaptive);
	run_free(coarse);
	run_free(fine);
	model_free(m);
}

static void factors_that_there_are_not(void **state)
{
	struct model *m;
	struct knobs k;
	(void)state;
	check_ok(model_open_for("mrss-proxy:tiny", 0, INPUT_SEQUENCE, &m));
	knobs_init(&k);
	check_err(knobs_set(&k, KNOB_DOWNSAMPLE, "3"), ERR_USAGE,
		  "--downsample 3: want 1, 2, 4");
	assert_true(knobs_is_default(&k, KNOB_DOWNSAMPLE));
	check_ok(knobs_set(&k, KNOB_DOWNSAMPLE, "4"));
	check_err(model_check_knobs(m, &k), ERR_USAGE, "does nothing with --mrss off");
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_KEEP, "0.5"));
	check_err(model_check_knobs(m, &k), ERR_USAGE, "keeps every token");
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mode),
		cmocka_unit_test(published_flops),
		cmocka_unit_test(estimates_of_adaptive_factors),
		cmocka_unit_test(factors_that_there_are_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
