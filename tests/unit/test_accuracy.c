/* Pictures told apart by classes: the nearest row, ties, what is not a number. */
#include "check.h"

#include <math.h>

#include "profiler/accuracy.h"

static struct tensor rows_of(const float *data, int64_t rows, int64_t cols)
{
	return tensor_of(DT_F32, (void *)(uintptr_t)data, DIMS(rows, cols));
}

static const float classes_data[] = { 10, 0, 0, 10, -10, 0 };

static void the_nearest_row(void **state)
{
	(void)state;
	const struct tensor classes = rows_of(classes_data, 3, 2);
	const float x[] = { 1, 0.5F }, y[] = { 0.5F, 1 }, z[] = { -3, 1 },
		    tie[] = { 1, 1 }, zero[] = { 0, 0 }, nan[] = { NAN, 1 },
		    inf[] = { INFINITY, 0 };
	assert_int_equal(accuracy_class(&classes, x), 0);
	assert_int_equal(accuracy_class(&classes, y), 1);
	assert_int_equal(accuracy_class(&classes, z), 2);
	assert_int_equal(accuracy_class(&classes, tie), 0); /* the first of equals */
	assert_int_equal(accuracy_class(&classes, zero), 0);
	assert_int_equal(accuracy_class(&classes, nan), -1);
	assert_int_equal(accuracy_class(&classes, inf), -1); /* infinity times 0 */
}

static void what_is_counted(void **state)
{
	(void)state;
	const struct tensor classes = rows_of(classes_data, 3, 2);
	const float data[] = { 1, 0, 0, 1, NAN, 1, -1, 0 };
	const float base_data[] = { 1, 0, 1, 0, NAN, 1, -1, 0 };
	const struct tensor embeds = rows_of(data, 4, 2), base = rows_of(base_data, 4, 2);
	const int labels[] = { 0, 0, 0, -1 };
	struct accuracy a = { 0 };
	struct run *run = run_create();

	accuracy_report(&a, run); /* of nothing, nothing is said */
	assert_true(isnan(run->accuracy.images) && isnan(run->accuracy.top1));
	assert_true(isnan(run->fidelity.top1_agree));

	accuracy_add(&a, &classes, &embeds, &base, labels, 4);
	accuracy_report(&a, run);
	assert_true(run->accuracy.images == 3); /* the last one's class nobody knows */
	assert_true(run->accuracy.top1 == 1 / 3.0); /* no number is never right */
	assert_true(run->fidelity.top1_agree == 0.5);
	run_free(run);

	/* A base alone agrees with nobody; rows beyond `items` are not looked at. */
	a = (struct accuracy){ 0 };
	run = run_create();
	accuracy_add(&a, &classes, &embeds, NULL, labels, 1);
	accuracy_add(&a, &classes, &embeds, NULL, NULL, 4);
	accuracy_report(&a, run);
	assert_true(run->accuracy.images == 1 && run->accuracy.top1 == 1);
	assert_true(isnan(run->fidelity.top1_agree));
	run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_row),
		cmocka_unit_test(what_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
