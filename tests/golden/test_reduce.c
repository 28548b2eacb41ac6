/*
 * Every way to drop and merge tokens, against the pass of tests/oracle: which patches
 * stay, by which scores, in which group a patch ends, how many rows every block works on,
 * and what the tower says of the picture.
 */
#include "bench.h"

static void all_ways(const char *folder, const char *stem)
{
	for (const struct bench_way *way = bench_ways; way->backend; way++)
		bench_cases(folder, stem, way);
}

static void every_method(void **state)
{
	(void)state;
	all_ways("reduce_tiny", "cases");
}

/* The counts of ViT-B/32 and B/16, which have an odd and an even number of rows. */
static void merging_49_patches(void **state)
{
	(void)state;
	all_ways("reduce_49", "cases");
}

static void merging_196_patches(void **state)
{
	(void)state;
	all_ways("reduce_196", "cases");
}

static void siglip(void **state)
{
	(void)state;
	all_ways("siglip_tiny", "cases");
}

static void image_sizes(void **state)
{
	(void)state;
	all_ways("clip_tiny", "sizes");
}

static void low_rank(void **state)
{
	(void)state;
	all_ways("clip_tiny", "rank");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method),
		cmocka_unit_test(merging_49_patches),
		cmocka_unit_test(merging_196_patches),
		cmocka_unit_test(siglip),
		cmocka_unit_test(image_sizes),
		cmocka_unit_test(low_rank),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
