/* Axes with round ticks, and marks where they belong; no terminal. */
#include "check.h"

#include <math.h>

#include "base/rng.h"
#include "ui/widgets/chart.h"

static const double nan_ = (double)NAN;

/* The next of a fixed row of numbers in [0, 1). */
static double next(uint32_t *at) { return (double)rng_uniform(7, (*at)++); }

static void ticks_are_round(void **state)
{
	static const struct {
		double lo, hi;
		int most, n, decimals;
		double first, step;
		bool outward;
	} cases[] = {
		{ 0.1, 1, 10, 10, 1, 0.1, 0.1, false },
		{ 0.13, 0.97, 5, 4, 1, 0.2, 0.2, false },
		{ 21.3, 24.9, 6, 5, 0, 21, 1, true },
		{ 0.981, 0.9996, 4, 3, 2, 0.98, 0.01, true },
		{ 8, 512, 4, 4, 0, 0, 200, true },
		{ -3, 3, 4, 3, 0, -2, 2, false },
		{ 1e6, 5e6, 5, 5, 0, 1e6, 1e6, true },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct chart_axis a = chart_axis(cases[i].lo, cases[i].hi, cases[i].most,
						 cases[i].outward);
		if (a.n != cases[i].n || fabs(a.tick[0] - cases[i].first) > 1e-9 ||
		    fabs(a.step - cases[i].step) > 1e-9 ||
		    a.decimals != cases[i].decimals)
			fail_msg("%g .. %g: %d ticks from %g by %g, %d decimals",
				 cases[i].lo, cases[i].hi, a.n, a.tick[0], a.step,
				 a.decimals);
	}
}

/* Any range: at most as many ticks as wanted, all inside, and the data inside too. */
static void any_range_has_an_axis(void **state)
{
	uint32_t at = 0;
	(void)state;
	for (int i = 0; i < 20000; i++) {
		double lo = (next(&at) - 0.5) * pow(10, (int)(i % 13) - 6);
		double hi = lo + next(&at) * pow(10, (int)(i % 11) - 6);
		double slack = 1e-6 * (hi - lo);
		int most = 2 + i % 12;
		struct chart_axis a = chart_axis(lo, hi, most, i & 1);
		if (a.n > most || a.n > CHART_TICKS_MAX || a.lo > lo + slack ||
		    a.hi < hi - slack || !(a.hi > a.lo))
			fail_msg("%g .. %g, %d: %g .. %g, %d ticks", lo, hi, most, a.lo,
				 a.hi, a.n);
		for (int k = 0; k < a.n; k++)
			assert_true(chart_place(&a, a.tick[k], 50) >= 0);
	}
}

/* Powers of two, evenly placed, and no more of them than wanted. */
static void a_logarithmic_axis(void **state)
{
	struct chart_axis a = chart_axis_log(256, 8192, 8);
	uint32_t at = 0;
	(void)state;
	assert_int_equal(a.n, 6);
	assert_true(a.log && a.step == 2 && a.tick[0] == 256 && a.tick[5] == 8192);
	for (int i = 0; i < 6; i++)
		assert_int_equal(chart_place(&a, a.tick[i], 51), 10 * i);
	assert_int_equal(chart_place(&a, 255, 51), -1);
	a = chart_axis_log(0.3, 5000, 6);
	assert_int_equal(a.n, 5);
	assert_true(a.step == 8 && a.tick[0] == 1 && a.tick[4] == 4096);
	a = chart_axis_log(7, 7, 4); /* one value: room around it */
	assert_true(a.lo < 7 && a.hi > 7 && a.n >= 1);
	assert_false(chart_axis_log(0, 7, 4).log);
	assert_false(chart_axis_log(-1, nan_, 4).log);
	for (int i = 0; i < 5000; i++) {
		double lo = exp2(next(&at) * 60 - 30);
		int most = 2 + i % 13;
		a = chart_axis_log(lo, lo * exp2(next(&at) * 40), most);
		assert_true(a.n <= most && a.n <= CHART_TICKS_MAX);
		for (int k = 0; k < a.n; k++)
			assert_true(chart_place(&a, a.tick[k], 100) >= 0);
	}
}

static void what_is_no_range_has_none(void **state)
{
	(void)state;
	struct chart_axis a = chart_axis(nan_, nan_, 5, true);
	assert_int_equal(a.n, 0);
	assert_int_equal(chart_place(&a, 1, 10), -1);
	a = chart_axis(0.7, 0.7, 5, false); /* one value stands in the middle */
	assert_int_equal(chart_place(&a, 0.7, 11), 5);
	a = chart_axis(0, 0, 5, false);
	assert_int_equal(chart_place(&a, 0, 11), 5);
	assert_int_equal(chart_place(&a, nan_, 11), -1);
	assert_int_equal(chart_place(&a, 7, 11), -1);
}

static void marks_stand_where_they_belong(void **state)
{
	static const struct chart_mark marks[] = {
		{ .x = 0, .y = 0, .lo = nan_, .hi = nan_, .letter = 'a' },
		{ .x = 10, .y = 4, .lo = 2, .hi = 4, .letter = 'b' },
		{ .x = 5, .y = nan_, .lo = nan_, .hi = nan_, .letter = 'c' },
	};
	struct canvas c;
	struct str text = STR_INIT;
	(void)state;
	canvas_init(&c, CHART_GUTTER + 11, 7);
	c.ascii = true;
	struct chart chart = { .title = "ms",
			       .x = chart_axis(0, 10, 3, true),
			       .y = chart_axis(0, 4, 3, true),
			       .marks = marks,
			       .n_marks = 3,
			       .level = nan_,
			       .upright = 2,
			       .you = 8,
			       .selected = nan_,
			       .x_labels = true };
	chart_draw(&c, &chart);
	canvas_dump(&c, &text);
	assert_string_equal(str_get(&text), "ms      4 +  :       b\n"
					    "          |  :       |\n"
					    "        2 +  :       |\n"
					    "          |  :\n"
					    "        0 +a :\n"
					    "          -+----+--x-+\n"
					    "           0    5   10\n");
	str_release(&text);
	canvas_release(&c);
}

/* Whatever the figures and the size: nothing is drawn outside. */
static void any_chart_at_any_size(void **state)
{
	uint32_t at = 0;
	struct chart_mark marks[5];
	double x[5], y[5];
	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct canvas c;
		canvas_init(&c, i % 61, i / 61 % 23);
		c.ascii = i & 1;
		for (int k = 0; k < 5; k++) {
			x[k] = i % 7 == k ? nan_ : next(&at);
			y[k] = i % 11 == k ? (double)INFINITY : 1e3 * next(&at);
			marks[k] = (struct chart_mark){ x[k],       y[k], y[k] - 100,
							y[k] + 100, '*',  0 };
		}
		struct chart chart = { .title = "a long title",
				       .x = chart_axis(0, 1, c.width / 8, i & 2),
				       .y = chart_axis(0, 1e3, c.height / 2, i & 4),
				       .marks = marks,
				       .n_marks = 5,
				       .line_x = x,
				       .line_y = y,
				       .n_line = 5,
				       .level = 500,
				       .upright = x[2],
				       .you = x[3],
				       .selected = x[1],
				       .x_labels = i & 8 };
		chart_draw(&c, &chart);
		canvas_release(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_are_round),
		cmocka_unit_test(any_range_has_an_axis),
		cmocka_unit_test(a_logarithmic_axis),
		cmocka_unit_test(what_is_no_range_has_none),
		cmocka_unit_test(marks_stand_where_they_belong),
		cmocka_unit_test(any_chart_at_any_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
