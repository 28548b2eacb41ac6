/* Maps between rows of numbers: exact where there is one, least where there is none. */
#include <math.h>

#include "check.h"

#include "bed.h"
#include "kernels/least_squares.h"

static struct tensor map_of(const struct tensor *a, const struct tensor *b)
{
	struct least_squares l;
	struct tensor w = bed_random(0, 0, 0, DIMS(a->dim[1], b->dim[1]));
	check_ok(least_squares_init(&l, a->dim[1], b->dim[1]));
	for (int64_t i = 0; i < a->dim[0]; i++)
		least_squares_add(&l, tensor_row(a, i), tensor_row(b, i));
	check_ok(least_squares_solve(&l, &w));
	least_squares_release(&l);
	return w;
}

/* a W by the definition */
static struct tensor product(const struct tensor *a, const struct tensor *w)
{
	struct tensor p = bed_random(0, 0, 0, DIMS(a->dim[0], w->dim[1]));
	for (int64_t i = 0; i < a->dim[0]; i++)
		for (int64_t j = 0; j < w->dim[1]; j++) {
			double sum = 0;
			for (int64_t k = 0; k < w->dim[0]; k++)
				sum += (double)tensor_row(a, i)[k] *
				       (double)tensor_row(w, k)[j];
			tensor_row(&p, i)[j] = (float)sum;
		}
	return p;
}

static double off(const struct tensor *x, const struct tensor *y)
{
	double diff = 0, norm = 0;
	for (int64_t i = 0; i < tensor_count(x); i++) {
		double v = (double)tensor_f32(y)[i], d = (double)tensor_f32(x)[i] - v;
		diff += d * d;
		norm += v * v;
	}
	return sqrt(diff / norm);
}

/* More rows than a block has, and b is a map of a: it is found. The ridge shrinks it by
 * 1e-6 of its length or so. */
static void the_map_that_there_is(void **state)
{
	(void)state;
	struct tensor a = bed_random(0, -1, 1, DIMS(700, 12)),
		      true_w = bed_random(0, -1, 1, DIMS(12, 5));
	struct tensor b = product(&a, &true_w), w = map_of(&a, &b);
	assert_true(off(&w, &true_w) < 2e-5);
	bed_clear();
}

/* No other map is closer: the rest is at right angles to what went in. */
static void the_least_there_is(void **state)
{
	(void)state;
	struct tensor a = bed_random(0, -1, 1, DIMS(300, 7)),
		      b = bed_random(0, -1, 1, DIMS(300, 9));
	struct tensor w = map_of(&a, &b), p = product(&a, &w);
	for (int64_t i = 0; i < 7; i++)
		for (int64_t j = 0; j < 9; j++) {
			double dot = 0;
			for (int64_t r = 0; r < 300; r++)
				dot += (double)tensor_row(&a, r)[i] *
				       ((double)tensor_row(&b, r)[j] -
					(double)tensor_row(&p, r)[j]);
			assert_true(fabs(dot) < 1e-3);
		}
	assert_true(off(&p, &b) > 0.5);
	bed_clear();
}

/* Fewer rows than columns: all of them are met. */
static void few_rows(void **state)
{
	(void)state;
	struct tensor a = bed_random(0, -1, 1, DIMS(4, 20)),
		      b = bed_random(0, -1, 1, DIMS(4, 8));
	struct tensor w = map_of(&a, &b), p = product(&a, &w);
	assert_true(off(&p, &b) < 1e-4);
	struct tensor q = bed_random(0, 0, 0, DIMS(4, 8));
	least_squares_map(&w, tensor_f32(&a), tensor_f32(&q), 4);
	assert_true(off(&q, &p) < 1e-6);
	bed_clear();
}

static void nothing_and_no_numbers(void **state)
{
	(void)state;
	struct least_squares l;
	struct tensor w = bed_random(0, -1, 1, DIMS(2, 2));
	const float zero[2] = { 0, 0 }, nan[2] = { NAN, 0 }, one[2] = { 1, 2 };
	check_ok(least_squares_init(&l, 2, 2));
	check_ok(least_squares_solve(&l, &w));
	assert_true(tensor_f32(&w)[0] == 0 && tensor_f32(&w)[3] == 0);
	least_squares_release(&l);
	check_ok(least_squares_init(&l, 2, 2));
	least_squares_add(&l, zero, one);
	check_ok(least_squares_solve(&l, &w));
	assert_true(tensor_f32(&w)[1] == 0);
	least_squares_release(&l);
	check_ok(least_squares_init(&l, 2, 2));
	least_squares_add(&l, nan, one);
	check_err(least_squares_solve(&l, &w), ERR_FORMAT, "NaN");
	least_squares_release(&l);
	check_ok(least_squares_init(&l, 2, 2));
	least_squares_add(&l, one, nan);
	check_err(least_squares_solve(&l, &w), ERR_FORMAT, "NaN");
	least_squares_release(&l);
	bed_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_map_that_there_is),
		cmocka_unit_test(the_least_there_is),
		cmocka_unit_test(few_rows),
		cmocka_unit_test(nothing_and_no_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
