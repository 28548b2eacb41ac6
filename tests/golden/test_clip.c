/* CLIP against transformers: the fixtures of tests/oracle, every layer of every backend.
 */
#include "bench.h"

#include "reduce/method.h"

#define BATCH 2

static const char *const folders[] = { "clip_tiny", "clip_tiny_f16", "clip_tiny_bf16",
				       "clip_gelu", "clip_odd" };
static const struct {
	const char *name, *keep;
} keeps[] = { { "keep100", "1" }, { "keep070", "0.7" }, { "keep050", "0.5" } };

static struct knobs knobs_of(const struct bench *b, const char *keep, const char *method,
			     const char *seed)
{
	return bench_knobs(b, BATCH,
			   (const char *const[]){ "keep", keep, "method", method, "seed",
						  seed, NULL });
}

static struct input pixels_of(const struct bench *b)
{
	return (struct input){ .pixels = bench_copy(bench_want(b, "", "pixel_values")) };
}

static void same_layers(const char *what, const struct bench *b, const char *group)
{
	const struct bench_norm *n = b->norms;
	char key[32];
	int last = b->n_norms - 1, depth = (b->n_norms - 2) / 2;
	bench_same(what, "hidden.0", n[0].out, n[0].out_count,
		   bench_want(b, group, "hidden.0"));
	for (int i = 0; i <= depth; i++) {
		/* What a layer leaves is what the next block's (or the head's) norm
		 * reads. */
		const struct bench_norm *next = &n[1 + 2 * i];
		snprintf(key, sizeof(key), "hidden.%d", i);
		bench_same(what, key, next->in, next->in_count,
			   bench_want(b, group, key));
	}
	snprintf(key, sizeof(key), "hidden.%d", depth + 1);
	assert_null(bench_find(b, group, key));
	bench_same(what, "pooled", n[last].out, n[last].out_count,
		   bench_want(b, group, "pooled"));
}

static void check_folder(const char *folder, const struct bench_way *way)
{
	struct bench b;
	bench_open(&b, folder, "oracle", INPUT_PICTURES, way);
	struct input in = pixels_of(&b);
	for (size_t i = 0; i < sizeof(keeps) / sizeof(keeps[0]); i++) {
		struct setting s;
		const char *group = keeps[i].name, *what = bench_what(&b, group);
		struct knobs k = knobs_of(&b, keeps[i].keep, "auto", "0");
		bench_run(&b, &s, &in, &k);
		bench_same_kept(what, &s.out.trace, bench_want(&b, group, "kept"));
		same_layers(what, &b, group);
		bench_same(what, "image_embeds", tensor_f32(&s.out.image_embeds),
			   tensor_count(&s.out.image_embeds),
			   bench_want(&b, group, "image_embeds"));
		setting_release(&s);
	}
	free(in.pixels.data);
	bench_close(&b);
}

static void every_backend(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++)
		for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
			check_folder(folders[i], way);
}

static struct run *predict(const struct model *m, struct knobs *k)
{
	struct run *run = run_create();
	check_ok(model_check_knobs(m, k));
	check_ok(setting_predict(m, NULL, k, NULL, NULL, run, NULL));
	return run;
}

/* ---- methods ---- */

/* Kept indices and embeddings of one pass; both the caller's. */
static int32_t *kept_of(const char *backend, int threads, const char *method,
			const char *keep, const char *seed, float **embeds,
			int64_t *count)
{
	struct bench b;
	struct setting s;
	const struct bench_way way = { backend, "ref", threads, "on", "packed" };
	bench_open(&b, "clip_odd", "oracle", INPUT_PICTURES, &way);
	struct input in = pixels_of(&b);
	struct knobs k = knobs_of(&b, keep, method, seed);
	bench_run(&b, &s, &in, &k);
	int64_t patches = s.out.trace.patches;
	int32_t *kept = malloc(sizeof(*kept) * (size_t)(BATCH * patches));
	*count = trace_kept(&s.out.trace, 0, kept);
	*count += trace_kept(&s.out.trace, 1, kept + *count);
	if (embeds)
		*embeds = bench_copy(&s.out.image_embeds).data;
	setting_release(&s);
	free(in.pixels.data);
	bench_close(&b);
	return kept;
}

static void random_is_seeded(void **state)
{
	int64_t n, m;
	(void)state;
	int32_t *one = kept_of("cpu", 1, "random", "0.5", "7", NULL, &n);
	for (int threads = 1; threads <= 3; threads++) {
		int32_t *again = kept_of(threads == 3 ? "ref" : "cpu", threads, "random",
					 "0.5", "7", NULL, &m);
		assert_int_equal(n, m);
		assert_memory_equal(one, again, sizeof(*one) * (size_t)n);
		free(again);
	}
	/* Items of a batch draw their own, and so does another seed. */
	assert_memory_not_equal(one, one + n / BATCH, sizeof(*one) * (size_t)n / BATCH);
	int32_t *other = kept_of("cpu", 1, "random", "0.5", "8", NULL, &m);
	assert_memory_not_equal(one, other, sizeof(*one) * (size_t)n);
	for (int64_t i = 1; i < n; i++)
		assert_true(i % (n / BATCH) == 0 || one[i] > one[i - 1]);
	free(other);
	free(one);
}

static void keeping_all_drops_nothing(void **state)
{
	int64_t n;
	float *embeds;
	struct bench b;
	(void)state;
	int32_t *kept = kept_of("cpu", 2, "l2", "1", "0", &embeds, &n);
	for (int64_t i = 0; i < n; i++)
		assert_int_equal(kept[i], i % (n / BATCH));
	bench_open(&b, "clip_odd", "oracle", INPUT_PICTURES, bench_ways);
	const struct tensor *ref = bench_want(&b, "keep100", "image_embeds");
	bench_same("l2 at keep 1", "image_embeds", embeds, tensor_count(ref), ref);
	bench_close(&b);
	free(embeds);
	free(kept);
}

static bool has_layer(const struct run *run, const char *path)
{
	for (int i = 0; i < run->n_layers; i++)
		if (!strcmp(run->layers[i].path, path))
			return true;
	return false;
}

static void none_runs_no_technique(void **state)
{
	static const struct {
		const char *method, *keep;
		bool prunes;
	} cases[] = { { "none", "1", false },
		      { "auto", "1", false },
		      { "l2", "1", true },
		      { "auto", "0.5", true },
		      { "random", "0.5", true } };
	struct model *m;
	(void)state;
	check_ok(model_open("clip-vit-b16:tiny", 0, &m));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct knobs k;
		knobs_init(&k);
		check_ok(knobs_set(&k, KNOB_METHOD, cases[i].method));
		check_ok(knobs_set(&k, KNOB_KEEP, cases[i].keep));
		struct run *run = predict(m, &k);
		assert_true(has_layer(run, "embeddings.patch"));
		assert_int_equal(has_layer(run, "embeddings.prune"), cases[i].prunes);
		run_free(run);
	}
	model_free(m);
}

/* Every keep ratio leaves max(1, (int)(N keep)) tokens and one CLS in every block. */
static void fewest_tokens(void **state)
{
	struct model *m;
	struct knobs k;
	(void)state;
	check_ok(model_open("clip-vit-b32:tiny", 0, &m)); /* 16 patches */
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_KEEP, "0.01"));
	struct run *run = predict(m, &k);
	assert_int_equal(run->tokens.n_layers, 2);
	for (int i = 0; i < run->tokens.n_layers; i++)
		assert_int_equal((int)run->tokens.per_layer[i], 2);
	run_free(run);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_backend),
		cmocka_unit_test(random_is_seeded),
		cmocka_unit_test(keeping_all_drops_nothing),
		cmocka_unit_test(none_runs_no_technique),
		cmocka_unit_test(fewest_tokens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
