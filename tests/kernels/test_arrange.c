/* Placing rows, runs of equal ids and sorting, against the reference and against words.
 */
#include "check.h"

#include "bed.h"

static struct tensor ints(int64_t n, const int32_t *from)
{
	struct tensor t = bed_i32(DIMS(n));
	memcpy(t.data, from, sizeof(int32_t) * (size_t)n);
	return t;
}

/* A random order of [0, most) cut off after n: all different. */
static struct tensor some_of(int64_t n, int64_t most)
{
	struct tensor t = bed_i32(DIMS(most));
	int32_t *row = t.data;
	for (int64_t i = 0; i < most; i++) {
		int64_t j = bed_pick(0, i);
		row[i] = row[j];
		row[j] = (int32_t)i;
	}
	t.dim[0] = n;
	return t;
}

static void compare_splice(int64_t items, int64_t of_a, int64_t t, int64_t k, int64_t d)
{
	struct tensor a = bed_random(3, -1, 1, DIMS(of_a, t, d)),
		      b = bed_random(4, -1, 1, DIMS(items, k, d));
	struct tensor y = bed_random(2, -1, 1, DIMS(items, t + k, d)), want = bed_copy(y);
	int64_t before = bed_pick(0, t);
	bed_cpu->splice(bed_self, y, a, b, before);
	bed_ref->splice(NULL, want, a, b, before);
	bed_same("splice", y, want, 0, 0);
	bed_clear();
}

static void run_splice(void)
{
	compare_splice(1, 1, 1, 1, 1);
	compare_splice(1, 1, 7, 90, 33);
	compare_splice(3, 1, 5, 4, 128);
	compare_splice(3, 3, 5, 4, 65);
	compare_splice(2, 2, 200, 201, 128);
}

static void splice(void **state)
{
	(void)state;
	bed_on_threads(run_splice);
}

static void compare_skip_first(int64_t items, int64_t t, int64_t d, bool ragged)
{
	struct tensor start = bed_i32(DIMS(items)), length = bed_i32(DIMS(items));
	struct segments rows = { 0 };
	int64_t all = 0;
	for (int64_t b = 0; b < items; b++) {
		int32_t n = (int32_t)(ragged ? bed_pick(1, t) : t);
		((int32_t *)start.data)[b] = (int32_t)all;
		((int32_t *)length.data)[b] = n;
		all += n;
	}
	if (ragged)
		rows = (struct segments){ .start = start, .length = length };
	struct tensor x = ragged ? bed_random(0, -1, 1, DIMS(1, all, d))
				 : bed_random(0, -1, 1, DIMS(items, t, d));
	struct tensor y = bed_random(0, -1, 1, DIMS(1, all - items, d)),
		      want = bed_copy(y);
	bed_cpu->skip_first(bed_self, y, x, &rows);
	bed_ref->skip_first(NULL, want, x, &rows);
	bed_same("skip_first", y, want, 0, 0);
	bed_clear();
}

static void run_skip_first(void)
{
	compare_skip_first(1, 2, 1, false);
	compare_skip_first(1, 577, 33, false);
	compare_skip_first(3, 50, 64, false);
	compare_skip_first(4, 50, 65, true);
	compare_skip_first(40, 9, 7, true);
}

static void skip_first(void **state)
{
	(void)state;
	bed_on_threads(run_skip_first);
}

static void compare_runs(int64_t n, int64_t groups, int unit)
{
	struct tensor ids = bed_i32(DIMS(n));
	int32_t at = 0;
	for (int64_t i = 0; i < n; i++) {
		at += (int32_t)bed_pick(0, 2) * (bed_pick(0, 2) == 0);
		((int32_t *)ids.data)[i] = at < groups ? at : (int32_t)groups - 1;
	}
	struct tensor start = bed_i32(DIMS(groups)), length = bed_i32(DIMS(groups));
	struct tensor want[] = { bed_i32(DIMS(groups)), bed_i32(DIMS(groups)) };
	bed_cpu->runs(bed_self, start, length, ids, unit);
	bed_ref->runs(NULL, want[0], want[1], ids, unit);
	bed_same_i32("starts", start, want[0]);
	bed_same_i32("lengths", length, want[1]);
	bed_clear();
}

static void run_runs(void)
{
	compare_runs(0, 3, 4);
	for (int i = 0; i < 60; i++)
		compare_runs(bed_pick(1, 90), bed_pick(1, 40), (int)bed_pick(1, 4));
	const int32_t ids[] = { 1, 1, 1, 3 };
	const int32_t want[][5] = { { 0, 0, 12, 12, 16 }, { 0, 12, 0, 4, 0 } };
	struct tensor start = bed_i32(DIMS(5)), length = bed_i32(DIMS(5));
	bed_cpu->runs(bed_self, start, length, ints(4, ids), 4);
	bed_same_i32("starts by hand", start, ints(5, want[0]));
	bed_same_i32("lengths by hand", length, ints(5, want[1]));
}

static void runs(void **state)
{
	(void)state;
	bed_on_threads(run_runs);
}

static void compare_order(int64_t n, int64_t spread)
{
	struct tensor keys = some_of(n, n), rows = bed_i32(DIMS(n));
	struct tensor want = bed_i32(DIMS(n));
	for (int64_t i = 0; i < n; i++) /* of both signs and of every digit */
		((int32_t *)keys.data)[i] =
			(int32_t)((((int32_t *)keys.data)[i] - n / 2) * spread);
	bed_cpu->order(bed_self, rows, keys);
	bed_ref->order(NULL, want, keys);
	bed_same_i32("order", rows, want);
	bed_clear();
}

static void run_order(void)
{
	compare_order(0, 1);
	compare_order(1, 1);
	for (int64_t n = 2; n < 900; n = n * 3 + 1)
		for (int64_t spread = 1; spread < INT32_MAX / n; spread *= 251)
			compare_order(n, spread);
	const int32_t keys[] = { 5, INT32_MIN, -1, INT32_MAX, 0 };
	const int32_t want[] = { 1, 2, 4, 0, 3 };
	struct tensor rows = bed_i32(DIMS(5));
	bed_cpu->order(bed_self, rows, ints(5, keys));
	bed_same_i32("order by hand", rows, ints(5, want));
}

static void order(void **state)
{
	(void)state;
	bed_on_threads(run_order);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splice),
		cmocka_unit_test(skip_first),
		cmocka_unit_test(runs),
		cmocka_unit_test(order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
