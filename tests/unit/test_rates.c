/* Estimates of time: what was measured comes back, between two sizes a straight line. */
#include "check.h"

#include <math.h>

#include "profiler/rates.h"

static struct run *run_of(double flops, double wall_ns, const char *path)
{
	struct run *r = run_create();
	struct layer *l = run_add_layers(r, 2);
	l[0].path = l[0].name = "blocks.0";
	l[0].kind = "group";
	l[1].path = run_str(r, path);
	l[1].name = "fc1";
	l[1].kind = "linear";
	l[1].parent = 0;
	l[1].v[METRIC_flops] = flops;
	l[1].v[METRIC_bytes_read] = 600;
	l[1].v[METRIC_bytes_written] = 400;
	l[1].v[METRIC_wall_ns] = wall_ns;
	r->input.batch = 4;
	return r;
}

static double estimate(const struct rates *rates, double flops, int *warnings)
{
	struct run *r = run_of(flops, (double)NAN, "blocks.0.fc1");
	rates_estimate(rates, r);
	double ns = r->wall.p50_ns;
	assert_true(isnan(ns) || r->layers[0].v[METRIC_wall_ns] == ns);
	assert_true(isnan(ns) || fabs(r->throughput.items_per_s - 4e9 / ns) < 1e-6);
	if (warnings)
		*warnings = r->n_warnings;
	run_free(r);
	return ns;
}

static void learn(struct rates *rates, double flops, double ns)
{
	struct run *r = run_of(flops, ns, "blocks.0.fc1");
	rates_learn(rates, r);
	run_free(r);
}

static void calibration(void **state)
{
	struct rates *r = rates_create();
	int warnings;
	(void)state;
	assert_true(isnan(estimate(r, 1000, NULL))); /* no rate at all: not 0 */
	rates_calibrate(r, 1e9, 1e12);
	assert_true(fabs(estimate(r, 5000, &warnings) - 5000) < 1e-9);
	assert_int_equal(warnings, 1); /* and it says that this is a guess */
	rates_calibrate(r, 1e12, 1e8); /* bound by its 1000 bytes */
	assert_true(fabs(estimate(r, 5000, NULL) - 1e4) < 1e-9);
	rates_free(r);
}

static void interpolation(void **state)
{
	struct rates *r = rates_create();
	int warnings;
	(void)state;
	rates_calibrate(r, 1, 1); /* absurd: a measurement must win */
	learn(r, 1000, 100);
	assert_true(fabs(estimate(r, 1000, &warnings) - 100) < 1e-9);
	assert_int_equal(warnings, 0);
	assert_true(fabs(estimate(r, 500, NULL) - 50) < 1e-9); /* outside: its rate */
	assert_true(fabs(estimate(r, 3000, NULL) - 300) < 1e-9);
	learn(r, 3000, 140);
	assert_true(fabs(estimate(r, 2000, NULL) - 120) < 1e-9); /* between */
	assert_true(fabs(estimate(r, 6000, NULL) - 280) < 1e-9);
	assert_true(fabs(estimate(r, 500, NULL) - 50) < 1e-9);
	learn(r, 3000, 200); /* measured again: the newer counts */
	assert_true(fabs(estimate(r, 3000, NULL) - 200) < 1e-9);
	for (int i = 0; i < 30; i++) /* more sizes than are remembered: the latest stay */
		learn(r, 10000 + i, 1000 + i);
	assert_true(fabs(estimate(r, 10029, NULL) - 1029) < 1e-6);
	struct run *other = run_of(1000, (double)NAN, "blocks.0.fc1");
	rates_estimate_calibrated(r, other); /* 1000 FLOPs and bytes at one a second */
	assert_true(fabs(other->wall.p50_ns - 1000e9) < 1);
	assert_int_equal(other->n_warnings, 0);
	run_free(other);
	rates_forget(r); /* another model: calibration again */
	(void)estimate(r, 1000, &warnings);
	assert_int_equal(warnings, 1);
	rates_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calibration),
		cmocka_unit_test(interpolation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
