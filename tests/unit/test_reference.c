/* Outputs of the base that are kept: all of them, for their own key, or none. */
#include "check.h"

#include <stdlib.h>

#include "profiler/reference.h"

static struct tensor rows_of(float *data, int64_t rows, int64_t cols)
{
	return tensor_of(DT_F32, data, DIMS(rows, cols));
}

static void what_was_added_comes_back(void **state)
{
	float data[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct reference r = { 0 };
	struct tensor batch = rows_of(data, 2, 4), got;
	(void)state;
	assert_false(reference_holds(&r, "a"));
	reference_begin(&r, "a", 3);
	reference_add(&r, &batch, 2);
	assert_false(reference_holds(&r, "a")); /* half of it is nothing */
	reference_add(&r, &batch, 1);           /* the last batch goes around */
	assert_true(reference_holds(&r, "a"));
	assert_false(reference_holds(&r, "b"));
	got = reference_rows(&r, 0, 2);
	assert_memory_equal(got.data, data, sizeof(data));
	got = reference_rows(&r, 2, 2);
	assert_int_equal(got.dim[0], 1);
	assert_memory_equal(got.data, data, 4 * sizeof(float));
	reference_begin(&r, "b", 1);
	assert_false(reference_holds(&r, "a"));
	reference_release(&r);
	assert_false(reference_holds(&r, "b"));
}

/* Pictures of any size: rows of any length. */
static void rows_differ_in_length(void **state)
{
	float data[] = { 1, 2, 3, 4, 5, 6, 7 };
	struct reference r = { 0 };
	struct tensor longer = rows_of(data, 1, 4), shorter = rows_of(data + 4, 1, 3),
		      got;
	(void)state;
	reference_begin(&r, "a", 2);
	reference_add(&r, &longer, 1);
	reference_add(&r, &shorter, 1);
	assert_true(reference_holds(&r, "a"));
	got = reference_row(&r, 0);
	assert_int_equal(tensor_cols(&got), 4);
	assert_memory_equal(got.data, data, 4 * sizeof(float));
	got = reference_row(&r, 1);
	assert_int_equal(tensor_cols(&got), 3);
	assert_memory_equal(got.data, data + 4, 3 * sizeof(float));
	reference_release(&r);
}

static void too_much_is_not_kept(void **state)
{
	const int64_t cols = REFERENCE_MAX_BYTES / 2 / (int64_t)sizeof(float);
	struct reference r = { 0 };
	struct tensor row = rows_of(calloc((size_t)cols + 1, sizeof(float)), 1, cols + 1);
	(void)state;
	reference_begin(&r, "a", 2);
	reference_add(&r, &row, 1);
	reference_add(&r, &row, 1); /* one float too many */
	assert_null(r.values);
	assert_false(reference_holds(&r, "a"));
	/* Nor more rows than were said before. */
	reference_begin(&r, "a", 1);
	reference_add(&r, &row, 1);
	assert_true(reference_holds(&r, "a"));
	reference_add(&r, &row, 1);
	assert_false(reference_holds(&r, "a"));
	reference_release(&r);
	free(row.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_comes_back),
		cmocka_unit_test(rows_differ_in_length),
		cmocka_unit_test(too_much_is_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
