/* plan: lists and ranges, the grid, duplicates, bases, labels, the order of measuring. */
#include "check.h"

#include "profiler/plan.h"
#include "reduce/reduction.h"

static struct plan plan;

static int set_up(void **state)
{
	struct knobs k;
	(void)state;
	knobs_init(&k);
	plan_init(&plan, &k);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	plan_release(&plan);
	return 0;
}

/* Every point's label, the bases that nobody asked for in brackets. */
static void want_points(const char *want)
{
	struct str s = STR_INIT, label = STR_INIT;
	check_ok(plan_build(&plan));
	uint64_t varies = plan_varies(&plan);
	for (int i = 0; i < plan.n_points; i++) {
		str_clear(&label);
		plan_label(&plan, i, varies, &label);
		str_addf(&s, plan.points[i].asked ? "%s%s" : "%s[%s]", i ? "; " : "",
			 str_get(&label));
	}
	assert_string_equal(str_get(&s), want);
	str_release(&s);
	str_release(&label);
}

static void want_values(enum knob_id id, const char *list, const char *want)
{
	struct str s = STR_INIT;
	check_ok(plan_add(&plan, id, list));
	for (int i = 0; i < plan.axes[0].n; i++)
		str_addf(&s, "%s%s", i ? " " : "", plan.axes[0].values[i]);
	assert_string_equal(str_get(&s), want);
	str_release(&s);
}

static void lists(void **state)
{
	(void)state;
	want_values(KNOB_KEEP, "1,.9,.70", "1 0.9 0.7");
	want_values(KNOB_KEEP, "0.5..0.9/0.1", "0.5 0.6 0.7 0.8 0.9");
	want_values(KNOB_KEEP, ".5...9/.2", "0.5 0.7 0.9");
	want_values(KNOB_KEEP, "1..0.1/0.3,.05", "1 0.7 0.4 0.1 0.05");
	want_values(KNOB_KEEP, "0.1..1/0.4", "0.1 0.5 0.9"); /* the end between steps */
	want_values(KNOB_KEEP, "1..1/1", "1");
	assert_int_equal(plan.n_axes, 1); /* the same knob again replaces its axis */
}

static void more_lists(void **state)
{
	(void)state;
	want_values(KNOB_BATCH, "1..16x2", "1 2 4 8 16");
	want_values(KNOB_BATCH, "16..1x4,3", "16 4 1 3");
	want_values(KNOB_BATCH, "1..8/1", "1 2 3 4 5 6 7 8");
}

static void names(void **state)
{
	(void)state;
	want_values(KNOB_METHOD, "l2,knorm,auto", "l2 knorm auto");
	check_ok(plan_add(&plan, KNOB_PRUNE_AT, "embed,3+6+9"));
	check_ok(plan_add(&plan, KNOB_THREADS, "auto,1"));
	assert_int_equal(plan.n_axes, 3);
}

static void bad_lists(void **state)
{
	(void)state;
	check_err(plan_add(&plan, KNOB_KEEP, ""), ERR_USAGE, "--keep: an empty value");
	check_err(plan_add(&plan, KNOB_KEEP, "1,,.5"), ERR_USAGE, "empty value");
	check_err(plan_add(&plan, KNOB_KEEP, "1,"), ERR_USAGE, "empty value");
	check_err(plan_add(&plan, KNOB_KEEP, "1,2"), ERR_USAGE,
		  "--keep 2: want a number");
	check_err(plan_add(&plan, KNOB_KEEP, "1 ,.5"), ERR_USAGE, "--keep 1 ");
	check_err(plan_add(&plan, KNOB_KEEP, "0.1..1"), ERR_USAGE, "LO..HI/STEP");
	check_err(plan_add(&plan, KNOB_KEEP, "0.1..1/0"), ERR_USAGE, "LO..HI/STEP");
	check_err(plan_add(&plan, KNOB_KEEP, "0.1..1/-1"), ERR_USAGE, "LO..HI/STEP");
	check_err(plan_add(&plan, KNOB_KEEP, "0.1..1x1"), ERR_USAGE, "LO..HI/STEP");
	check_err(plan_add(&plan, KNOB_KEEP, "..1/1"), ERR_USAGE, "LO..HI/STEP");
	check_err(plan_add(&plan, KNOB_KEEP, "inf..1/1"), ERR_USAGE, "LO..HI/STEP");
	check_err(plan_add(&plan, KNOB_KEEP, "1..nan/1"), ERR_USAGE, "LO..HI/STEP");
	check_err(plan_add(&plan, KNOB_KEEP, "0.1..1/0.1y"), ERR_USAGE, "LO..HI/STEP");
	check_err(plan_add(&plan, KNOB_KEEP, "0..1/0.1"), ERR_USAGE, "--keep 0: want");
	check_err(plan_add(&plan, KNOB_KEEP, "0.01..1/0.00001"), ERR_USAGE, "1024");
	check_err(plan_add(&plan, KNOB_BATCH, "1..2/0.5"), ERR_USAGE, "an integer");
	check_err(plan_add(&plan, KNOB_METHOD, "l2..x/1,\033"), ERR_USAGE, "\\x1b");
	check_err(plan_add(&plan, KNOB_SUMMARY, "off,maybe"), ERR_USAGE,
		  "off|dropped|all");
	assert_int_equal(plan.n_axes, 0);
	check_ok(plan_add(&plan, KNOB_KEEP, "1,.5"));
	check_err(plan_add(&plan, KNOB_KEEP, "x"), ERR_USAGE, "--keep x");
	assert_int_equal(plan.axes[0].n, 2); /* what was there stays */
}

static void nothing_swept(void **state)
{
	(void)state;
	want_points("");
	assert_int_equal(plan.n_points, 1);
	assert_int_equal(plan.points[0].base, 0);
	assert_true(plan.points[0].asked);
}

static void one_axis(void **state)
{
	(void)state;
	check_ok(plan_add(&plan, KNOB_KEEP, "1,.9,.5"));
	want_points("keep=1 method=none; keep=0.9 method=l2; keep=0.5 method=l2");
	for (int i = 0; i < 3; i++)
		assert_int_equal(plan.points[i].base, 0);
}

static void base_is_added(void **state)
{
	(void)state;
	check_ok(plan_add(&plan, KNOB_KEEP, ".9,.5"));
	want_points("[keep=1 method=none]; keep=0.9 method=l2; keep=0.5 method=l2");
}

/* It was asked for, only later: it moves to the front. */
static void base_comes_first(void **state)
{
	(void)state;
	check_ok(plan_add(&plan, KNOB_KEEP, ".5,1"));
	want_points("keep=1 method=none; keep=0.5 method=l2");
}

/* A technique that is on and drops nothing is not the base. */
static void grid(void **state)
{
	(void)state;
	check_ok(plan_add(&plan, KNOB_KEEP, "1,.5"));
	check_ok(plan_add(&plan, KNOB_METHOD, "l2,knorm"));
	want_points("[keep=1 method=none]; keep=1 method=l2; keep=1 method=knorm; "
		    "keep=0.5 method=l2; keep=0.5 method=knorm");
}

/* At keep 1 nothing is dropped: the point is the base, wherever the others drop. */
static void nothing_dropped_is_the_base(void **state)
{
	(void)state;
	check_ok(knobs_set(&plan.fixed, KNOB_SUMMARY, "dropped"));
	check_ok(plan_add(&plan, KNOB_KEEP, "1,.5"));
	check_ok(plan_add(&plan, KNOB_PRUNE_AT, "embed,3+6"));
	want_points("keep=1 prune-at=embed method=none summary=off; "
		    "keep=0.5 prune-at=embed method=l2 summary=dropped; "
		    "keep=0.5 prune-at=3+6 method=l2 summary=dropped");
	/* Who asks for none, or for no amount at all, is told that it cannot be. */
	check_ok(plan_add(&plan, KNOB_METHOD, "none"));
	check_ok(plan_add(&plan, KNOB_KEEP, "1"));
	check_ok(plan_add(&plan, KNOB_PRUNE_AT, "3+6"));
	want_points("[prune-at=embed summary=off]; prune-at=3+6 summary=dropped");
}

static void base_per_workload(void **state)
{
	(void)state;
	check_ok(plan_add(&plan, KNOB_KEEP, ".5,.7"));
	check_ok(plan_add(&plan, KNOB_BATCH, "1,8"));
	want_points("[keep=1 batch=1 method=none]; keep=0.5 batch=1 method=l2; "
		    "[keep=1 batch=8 method=none]; keep=0.5 batch=8 method=l2; "
		    "keep=0.7 batch=1 method=l2; keep=0.7 batch=8 method=l2");
	assert_int_equal(plan.points[4].base, 0);
	assert_int_equal(plan.points[5].base, 2);
}

static void duplicates(void **state)
{
	(void)state;
	check_ok(plan_add(&plan, KNOB_KEEP, ".5,0.50,.5,1,1.0"));
	check_ok(plan_add(&plan, KNOB_METHOD, "auto,l2"));
	want_points("keep=1 method=none; keep=0.5 method=l2; keep=1 method=l2");
	check_ok(plan_build(&plan)); /* again: the same */
	assert_int_equal(plan.n_points, 3);
}

/* What a chosen method does not read makes no points of its own. */
static void settled(void **state)
{
	(void)state;
	plan.settle = reduction_settle;
	check_ok(plan_add(&plan, KNOB_METHOD, "l2,tome"));
	check_ok(plan_add(&plan, KNOB_KEEP, "1,.5"));
	check_ok(plan_add(&plan, KNOB_MERGE_R, "0,2"));
	want_points("[method=none keep=1 merge-r=0]; method=l2 keep=1 merge-r=0; "
		    "method=l2 keep=0.5 merge-r=0; method=tome keep=1 merge-r=0; "
		    "method=tome keep=1 merge-r=2");
	/* Nobody chose, or nobody knows it: the point says itself what is wrong. */
	check_ok(plan_add(&plan, KNOB_METHOD, "auto,nope"));
	check_ok(plan_add(&plan, KNOB_KEEP, ".5"));
	check_ok(plan_add(&plan, KNOB_MERGE_R, "2"));
	want_points("[method=none keep=1 merge-r=0]; method=l2 keep=0.5 merge-r=2; "
		    "method=nope keep=0.5 merge-r=2");
}

/* Factors alone are of the coarse branch; beside branches off has none. */
static void factors(void **state)
{
	(void)state;
	check_ok(plan_add(&plan, KNOB_DOWNSAMPLE, "1..4x2"));
	want_points(
		"downsample=1 mrss=off; downsample=2 mrss=low; downsample=4 mrss=low");
	check_ok(plan_add(&plan, KNOB_MRSS, "off,both"));
	want_points("downsample=1 mrss=off; downsample=1 mrss=both; "
		    "downsample=2 mrss=both; downsample=4 mrss=both");
}

static void settles_the_amounts(void **state)
{
	struct knobs k, want;
	(void)state;
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_METHOD, "threshold"));
	check_ok(knobs_set(&k, KNOB_THRESHOLD, ".25"));
	check_ok(knobs_set(&k, KNOB_SEED, "7"));
	want = k;
	check_ok(knobs_set(&k, KNOB_KEEP, ".5"));
	check_ok(knobs_set(&k, KNOB_MERGE_R, "2"));
	reduction_settle(&k);
	assert_true(knobs_equal(&k, &want, KNOB_BIT(KNOB_COUNT) - 1));
}

static void too_many(void **state)
{
	(void)state;
	check_ok(plan_add(&plan, KNOB_BATCH, "1..100/1"));
	check_ok(plan_add(&plan, KNOB_SEED, "1..100/1"));
	check_err(plan_build(&plan), ERR_USAGE, "4096");
}

static void order_of_measuring(void **state)
{
	(void)state;
	int order[200], again[200], at[200], moved = 0;
	check_ok(plan_add(&plan, KNOB_KEEP, "0.02..1/0.02"));
	check_ok(plan_add(&plan, KNOB_BATCH, "1,8"));
	check_ok(plan_build(&plan));
	assert_int_equal(plan.n_points, 100);
	plan_order(&plan, order);
	plan_order(&plan, again);
	assert_memory_equal(order, again, 100 * sizeof(int));
	memset(at, -1, sizeof(at));
	for (int i = 0; i < 100; i++) {
		assert_int_equal(at[order[i]], -1); /* each once */
		at[order[i]] = i;
		moved += order[i] != i;
	}
	for (int i = 0; i < 100; i++)
		assert_true(at[plan.points[i].base] <= at[i]);
	assert_true(moved > 50);
}

/* A row may be compared with one that is itself compared: each is measured once. */
static void order_of_chains(void **state)
{
	(void)state;
	static const int base[] = { 0, 0, 1, 2, 4, 4, 5, 0 };
	int order[8], at[8] = { 0 }, seen = 0;
	plan_order_of(base, 8, order);
	for (int i = 0; i < 8; i++) {
		seen |= 1 << order[i];
		at[order[i]] = i;
	}
	assert_int_equal(seen, 0xFF);
	assert_int_equal(at[0], 0);
	assert_int_equal(at[4], 5); /* behind the five that lead to 0 */
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(lists),
		CASE(more_lists),
		CASE(names),
		CASE(bad_lists),
		CASE(nothing_swept),
		CASE(one_axis),
		CASE(base_is_added),
		CASE(base_comes_first),
		CASE(grid),
		CASE(nothing_dropped_is_the_base),
		CASE(base_per_workload),
		CASE(duplicates),
		CASE(settled),
		CASE(settles_the_amounts),
		CASE(factors),
		CASE(too_many),
		CASE(order_of_measuring),
		CASE(order_of_chains),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
