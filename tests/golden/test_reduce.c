/*
 * Every way to drop and merge tokens, and what changes weights, against the pass of
 * tests/oracle: which patches stay, by which scores, in which group a patch ends, how
 * many rows every block works on, and what the tower says of the picture.
 */
#include "bench.h"

#include "profiler/output.h"

static void every_method(void **state)
{
	(void)state;
	bench_cases("reduce_tiny", "cases");
}

/* The patches of ViT-B/32 and B/16: an even and an odd number of rows. */
static void merging_49_patches(void **state)
{
	(void)state;
	bench_cases("reduce_49", "cases");
}

static void merging_196_patches(void **state)
{
	(void)state;
	bench_cases("reduce_196", "cases");
}

static void siglip(void **state)
{
	(void)state;
	bench_cases("siglip_tiny", "cases");
}

/* Towers that hand their tokens on, through a projector. */
static void llava(void **state)
{
	(void)state;
	bench_cases("llava_tiny", "cases");
	bench_cases("llava_siglip_tiny", "cases");
}

static void image_sizes(void **state)
{
	(void)state;
	bench_cases("clip_tiny", "sizes");
}

static void low_rank(void **state)
{
	(void)state;
	bench_cases("clip_tiny", "rank");
}

/* --save-output: I64 `kept` [B, K], ascending, -1 behind the last of an item. */
static void check_saved(struct bench *b, const char *name, const struct input *input,
			const struct knobs *k)
{
	char dir[64], path[96];
	struct setting s;
	struct safetensors *saved;
	bench_run(b, &s, input, k);
	snprintf(path, sizeof(path), "%s/saved.safetensors", temp_dir(dir));
	check_ok(output_save(path, &s.out, NULL));
	check_ok(safetensors_open(path, &saved));
	const struct safetensors_entry *kept = safetensors_find(saved, "kept");
	if (strcmp(name, "none")) {
		const struct tensor *want = bench_want(b, name, "kept");
		assert_non_null(kept);
		assert_int_equal(kept->tensor.dtype, DT_I64);
		assert_int_equal(kept->tensor.dim[0], want->dim[0]);
		assert_int_equal(kept->tensor.dim[1], want->dim[1]);
		assert_memory_equal(kept->tensor.data, want->data,
				    (size_t)tensor_bytes(want));
	} else {
		assert_null(kept);
	}
	safetensors_free(saved);
	setting_release(&s);
	temp_dir_remove(dir);
}

static void saved_indices(void **state)
{
	(void)state;
	bench_each_case("reduce_tiny", "cases", INPUT_PICTURES, bench_ways, check_saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method),
		cmocka_unit_test(merging_49_patches),
		cmocka_unit_test(merging_196_patches),
		cmocka_unit_test(siglip),
		cmocka_unit_test(llava),
		cmocka_unit_test(image_sizes),
		cmocka_unit_test(low_rank),
		cmocka_unit_test(saved_indices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
