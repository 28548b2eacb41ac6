/* Where texts end: the cpu's against the reference's, and both against words. */
#include "check.h"

#include "base/rng.h"
#include "kernels/backend.h"

enum { MAX_IDS = 60 };

static void check_rows(const char *backend, const int32_t *ids, int64_t b, int64_t t,
		       int32_t end, const int32_t *want)
{
	int32_t rows[MAX_IDS], copy[MAX_IDS];
	memcpy(copy, ids, (size_t)(b * t) * sizeof(*ids));
	const struct backend *be = backend_by_name(backend);
	be->ends(NULL, tensor_of(DT_I32, rows, DIMS(b)),
		 tensor_of(DT_I32, copy, DIMS(b, t)), end);
	for (int64_t i = 0; i < b; i++)
		if (rows[i] != want[i])
			fail_msg("%s: text %d ends at row %d, want %d", backend, (int)i,
				 (int)rows[i], (int)want[i]);
}

static void the_first_end_or_the_highest_id(void **state)
{
	(void)state;
	const int32_t ids[] = { 9, 3, 7, 7, 7, /**/ 9, 1, 9, 8, 7, /**/ 1, 2, 3, 4, 5 };
	for (int i = 0; i < 2; i++) {
		const char *backend = i ? "cpu" : "ref";
		check_rows(backend, ids, 3, 5, 7, (const int32_t[]){ 2, 9, 10 });
		check_rows(backend, ids, 3, 5, 9, (const int32_t[]){ 0, 5, 10 });
		check_rows(backend, ids, 3, 5, -1, (const int32_t[]){ 0, 5, 14 });
		check_rows(backend, ids, 15, 1, -1,
			   (const int32_t[]){ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
					      13, 14 });
	}
}

static void cpu_is_the_reference(void **state)
{
	(void)state;
	int32_t ids[MAX_IDS], rows[MAX_IDS];
	for (uint64_t n = 0; n < 2000; n++) {
		int64_t t = 1 + (int64_t)(rng_uniform(n, 0) * 12);
		int64_t b = 1 + (int64_t)(rng_uniform(n, 1) * 5);
		int32_t end = (int32_t)(rng_uniform(n, 2) * 6) - 1;
		for (int64_t i = 0; i < b * t; i++)
			ids[i] = (int32_t)(rng_uniform(n, 3 + (uint64_t)i) * 5);
		backend_by_name("ref")->ends(NULL, tensor_of(DT_I32, rows, DIMS(b)),
					     tensor_of(DT_I32, ids, DIMS(b, t)), end);
		check_rows("cpu", ids, b, t, end, rows);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_end_or_the_highest_id),
		cmocka_unit_test(cpu_is_the_reference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
