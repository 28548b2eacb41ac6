/*
 * The vision towers of Qwen2-VL and Qwen2.5-VL against transformers (tests/oracle): where
 * patches of grids of any shape stand and how far they turn, every block, what is handed
 * to the language model; and with whole tokens dropped.
 */
#include "bench.h"

#include "models/input.h"
#include "models/qwen_plan.h"
#include "models/qwen_visual.h"

static const struct qwen_visual *tower_of(const struct bench *b)
{
	return b->model->state; /* of qwen2_vl_visual */
}

/* ---- one pass over pictures, nothing dropped ---- */

static void same_ints(const char *what, const char *part, const int32_t *got, int64_t n,
		      const int64_t *want)
{
	for (int64_t i = 0; i < n; i++)
		if (got[i] != want[i])
			fail_msg("%s: %s %lld is %d, want %lld", what, part, (long long)i,
				 (int)got[i], (long long)want[i]);
}

/* The sequence of windows; their bounds are those of rows of patches. */
static void same_windows(const char *what, const struct bench *b, const char *group,
			 const struct qwen_plan *p)
{
	const struct tensor *index = bench_find(b, group, "window_index");
	const struct tensor *bounds = bench_find(b, group, "cu_window");
	assert_int_equal(index != NULL, p->order != NULL);
	if (!index)
		return;
	const int64_t *bound = bounds->data;
	assert_int_equal(p->tokens, tensor_count(index));
	same_ints(what, "window_index", p->number, p->tokens, index->data);
	assert_int_equal(p->windows + 1, tensor_count(bounds));
	same_ints(what, "cu_window", p->window_start, p->windows, bound);
	for (int64_t i = 0; i < p->windows; i++)
		assert_int_equal(p->window_length[i], bound[i + 1] - bound[i]);
	for (int64_t i = 0; i < p->tokens; i++)
		assert_int_equal(p->inverse[p->number[i]], i);
}

static void same_plan(const char *what, const struct bench *b, const char *group,
		      const struct qwen_plan *p)
{
	int64_t patches = p->tokens * b->model->patches_per_token;
	bench_same(what, "turn", p->turn, patches * p->layout.head_dim,
		   bench_want(b, group, "turn"));
	same_windows(what, b, group, p);
}

/* What a block leaves is what the norm of the next one, or of the merger, reads. */
static void same_blocks(const char *what, const struct bench *b, const char *group)
{
	int64_t depth = tower_of(b)->depth;
	char key[32];
	assert_int_equal(b->n_norms, 2 * depth + 1);
	for (int64_t i = 0; i < depth; i++) {
		const struct bench_norm *next = &b->norms[2 * i + 2];
		snprintf(key, sizeof(key), "blocks.%d", (int)i);
		bench_same(what, key, next->in, next->in_count,
			   bench_want(b, group, key));
	}
	snprintf(key, sizeof(key), "blocks.%d", (int)depth);
	assert_null(bench_find(b, group, key));
}

static void check_pictures(struct bench *b, const char *group)
{
	const char *what = bench_what(b, group);
	struct input in = bench_grids(b, group, NULL);
	struct knobs k = bench_knobs(b, in.items, (const char *const[]){ NULL });
	struct setting s;
	same_plan(what, b, group, in.plan);
	bench_run(b, &s, &in, &k);
	same_blocks(what, b, group);
	assert_true(s.out.by_token);
	bench_same(what, "merged", tensor_f32(&s.out.image_embeds),
		   tensor_count(&s.out.image_embeds), bench_want(b, group, "merged"));
	setting_release(&s);
	input_release(&in);
}

/* `groups` ends with NULL. */
static void check_folder(const char *folder, const char *const *groups)
{
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct bench b;
		bench_open(&b, folder, "oracle", INPUT_PICTURES, way);
		for (const char *const *group = groups; *group; group++)
			check_pictures(&b, *group);
		bench_close(&b);
	}
}

static void qwen2_grids(void **state)
{
	(void)state;
	check_folder("qwen2_tiny", (const char *const[]){ "8x8", "6x10", "4x14", NULL });
}

static void qwen25_grids(void **state)
{
	(void)state;
	check_folder("qwen25_tiny",
		     (const char *const[]){ "16x16", "10x14", "12x22", "6x4", NULL });
}

static void pictures_of_two_sizes(void **state)
{
	(void)state;
	check_folder("qwen2_tiny", (const char *const[]){ "B", NULL });
	check_folder("qwen25_tiny", (const char *const[]){ "B", NULL });
}

/* ---- as checkpoints are stored ---- */

static void check_stored(const char *folder, const char *group, enum dtype dtype,
			 size_t files)
{
	struct bench b;
	size_t n = 0;
	check_folder(folder, (const char *const[]){ group, NULL });
	bench_open(&b, folder, "oracle", INPUT_PICTURES, bench_ways);
	while (b.model->weights_files[n])
		n++;
	assert_int_equal(n, files);
	for (int64_t i = 0; i < tower_of(&b)->depth; i++) {
		const struct qwen_block *block = &tower_of(&b)->blocks[i];
		assert_int_equal(block->in.qkv.weight.dtype, dtype);
		assert_int_equal(block->out.weight.dtype, dtype);
	}
	assert_int_equal(tower_of(&b)->patch_embed.weight.dtype, dtype);
	assert_int_equal(tower_of(&b)->merger1.weight.dtype, dtype);
	bench_close(&b);
}

static void shards_in_bf16(void **state)
{
	(void)state;
	check_stored("qwen25_visual_bf16", "10x14", DT_BF16, 3);
}

static void names_of_later_releases(void **state)
{
	(void)state;
	check_stored("qwen2_visual_f16", "6x10", DT_F16, 1);
}

/* ---- tokens dropped ---- */

static void every_method(void **state)
{
	(void)state;
	bench_cases("qwen2_tiny", "cases");
	bench_cases("qwen25_tiny", "cases");
}

static void every_method_in_cut_windows(void **state)
{
	(void)state;
	bench_cases("qwen25_tiny", "ragged");
}

static void check_in_batch(struct bench *b, const char *name, const struct input *input,
			   const struct knobs *k)
{
	struct setting s;
	bench_same_case(b, name, input, k, &s);
	setting_release(&s);
}

static void every_picture_for_itself(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		bench_each_case("qwen2_tiny", "batch", INPUT_PICTURES, way,
				check_in_batch);
		bench_each_case("qwen25_tiny", "batch", INPUT_PICTURES, way,
				check_in_batch);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qwen2_grids),
		cmocka_unit_test(qwen25_grids),
		cmocka_unit_test(pictures_of_two_sizes),
		cmocka_unit_test(shards_in_bf16),
		cmocka_unit_test(names_of_later_releases),
		cmocka_unit_test(every_method),
		cmocka_unit_test(every_method_in_cut_windows),
		cmocka_unit_test(every_picture_for_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
