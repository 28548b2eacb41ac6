/* Points of a curve: which belong to it, and where a technique stops paying. */
#include "check.h"

#include <math.h>

#include "app_points.h"

static struct app_point point(double x, double ms)
{
	return (struct app_point){
		.x = x,
		.p50_ns = ms * 1e6,
		.lo_ns = ms * 1e6 - 0.4e6,
		.hi_ns = ms * 1e6 + 0.4e6,
		.kept = (double)NAN,
		.started_ns = 1,
	};
}

static struct app_curve curve_of(enum knob_id knob, double base_ms)
{
	return (struct app_curve){ .knob = knob, .base = point(1, base_ms) };
}

static void add(struct app_curve *c, double x, double ms)
{
	struct app_point p = point(x, ms);
	app_curve_add(c, &p);
}

static void near(double got, double wanted)
{
	if (!(fabs(got - wanted) < 1e-9))
		fail_msg("%.12g, wanted %.12g", got, wanted);
}

static void breaks_even_between_two_points(void **state)
{
	(void)state;
	struct app_curve c = curve_of(KNOB_KEEP, 20);
	add(&c, 0.9, 21);
	add(&c, 0.5, 12);
	add(&c, 0.8, 18);
	app_curve_finish(&c);
	near(c.points[0].x, 0.5);
	near(c.points[2].x, 0.9);
	assert_int_equal(c.breaks.kind, BREAK_AT);
	near(c.breaks.x, 0.8 + 0.1 * 2 / 3);
	assert_int_equal(c.breaks.crossings, 1);
	assert_false(c.breaks.noisy);
	c.points[1].hi_ns = 19.7e6; /* into the base's interval */
	app_curve_finish(&c);
	assert_true(c.breaks.noisy);
	c.points[1].hi_ns = (double)NAN;
	app_curve_finish(&c);
	assert_true(c.breaks.noisy);
	app_curve_release(&c);
}

/* A knob that is off at 0: more of it is stronger. */
static void breaks_even_from_the_other_side(void **state)
{
	(void)state;
	struct app_curve c = curve_of(KNOB_MERGE_R, 20);
	add(&c, 16, 14);
	add(&c, 8, 19);
	add(&c, 4, 21);
	app_curve_finish(&c);
	assert_int_equal(c.breaks.kind, BREAK_AT);
	near(c.breaks.x, 6);
	app_curve_release(&c);
}

static void always_never_unknown(void **state)
{
	(void)state;
	struct app_curve c = curve_of(KNOB_KEEP, 20);
	app_curve_finish(&c);
	assert_int_equal(c.breaks.kind, BREAK_UNKNOWN);
	add(&c, 0.9, 19);
	add(&c, 0.5, 12);
	app_curve_finish(&c);
	assert_int_equal(c.breaks.kind, BREAK_ALWAYS);
	c.base.p50_ns = 10e6;
	app_curve_finish(&c);
	assert_int_equal(c.breaks.kind, BREAK_NEVER);
	c.base.p50_ns = (double)NAN;
	app_curve_finish(&c);
	assert_int_equal(c.breaks.kind, BREAK_UNKNOWN);
	app_curve_release(&c);
}

/* The base is no setting of the technique: it cannot be faster than itself. */
static void the_base_is_no_crossing(void **state)
{
	(void)state;
	struct app_curve c = curve_of(KNOB_KEEP, 20);
	struct app_point base = point(1, 20);
	base.base = true;
	app_curve_add(&c, &base);
	add(&c, 0.9, 19);
	app_curve_finish(&c);
	assert_int_equal(c.n, 2);
	assert_int_equal(c.breaks.kind, BREAK_ALWAYS);
	add(&c, 1, 20.5); /* the method at work, nothing dropped: its selection's cost */
	app_curve_finish(&c);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.breaks.kind, BREAK_AT);
	near(c.breaks.x, 0.9 + 0.1 * 2 / 3);
	app_curve_release(&c);
}

static void the_first_of_several_crossings(void **state)
{
	(void)state;
	struct app_curve c = curve_of(KNOB_KEEP, 20);
	add(&c, 0.5, 19);
	add(&c, 0.6, 21);
	add(&c, 0.7, 19);
	add(&c, 0.8, 21);
	app_curve_finish(&c);
	near(c.breaks.x, 0.55);
	assert_int_equal(c.breaks.crossings, 3);
	app_curve_release(&c);
}

static void a_workload_does_not_pay(void **state)
{
	(void)state;
	struct app_curve c = curve_of(KNOB_BATCH, 20);
	add(&c, 2, 35);
	add(&c, 4, 70);
	app_curve_finish(&c);
	assert_int_equal(c.breaks.kind, BREAK_UNKNOWN);
	app_curve_release(&c);
}

/* This session before another, the latest before the older; kept tokens are the setting.
 */
static void one_point_a_setting(void **state)
{
	(void)state;
	struct app_curve c = curve_of(KNOB_KEEP, 20);
	struct app_point p = point(0.7, 15);
	p.kept = 137;
	p.started_ns = 100;
	app_curve_add(&c, &p);
	p.x = 0.701;
	p.here = true;
	p.started_ns = 50;
	p.p50_ns = 14e6;
	app_curve_add(&c, &p);
	p.started_ns = 40;
	p.p50_ns = 13e6;
	app_curve_add(&c, &p);
	p.here = false;
	p.started_ns = 200;
	app_curve_add(&c, &p);
	assert_int_equal(c.n, 1);
	near(c.points[0].p50_ns, 14e6);
	p.kept = 138;
	app_curve_add(&c, &p);
	assert_int_equal(c.n, 2);
	p.x = (double)NAN; /* off is no place on an axis */
	app_curve_add(&c, &p);
	p.x = 0.5;
	p.p50_ns = (double)NAN;
	app_curve_add(&c, &p);
	assert_int_equal(c.n, 2);
	app_curve_release(&c);
}

static void set(struct knobs *k, enum knob_id id, const char *text)
{
	check_ok(knobs_set(k, id, text));
}

static void only_what_differs_in_the_knob(void **state)
{
	(void)state;
	struct knobs present, run;
	uint64_t all = KNOB_BIT(KNOB_METHOD) | KNOB_BIT(KNOB_KEEP) | KNOB_BIT(KNOB_BATCH);
	knobs_init(&present);
	run = present;
	set(&run, KNOB_KEEP, "0.5");
	set(&run, KNOB_METHOD, "l2"); /* what auto becomes there */
	assert_true(app_point_fits(&run, &present, all, KNOB_KEEP));
	assert_false(app_point_fits(&run, &present, all, KNOB_BATCH));
	set(&run, KNOB_METHOD, "random");
	assert_false(app_point_fits(&run, &present, all, KNOB_KEEP));
	set(&present, KNOB_METHOD, "random");
	assert_true(app_point_fits(&run, &present, all, KNOB_KEEP));
	set(&run, KNOB_BATCH, "2");
	assert_false(app_point_fits(&run, &present, all, KNOB_KEEP));
	assert_true(app_point_fits(&run, &present, all & ~KNOB_BIT(KNOB_BATCH),
				   KNOB_KEEP)); /* a knob that the model lacks */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(breaks_even_between_two_points),
		cmocka_unit_test(breaks_even_from_the_other_side),
		cmocka_unit_test(always_never_unknown),
		cmocka_unit_test(the_base_is_no_crossing),
		cmocka_unit_test(the_first_of_several_crossings),
		cmocka_unit_test(a_workload_does_not_pay),
		cmocka_unit_test(one_point_a_setting),
		cmocka_unit_test(only_what_differs_in_the_knob),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
