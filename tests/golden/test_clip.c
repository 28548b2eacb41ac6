/*
 * CLIP against transformers: the fixtures of tests/oracle, every layer of every backend.
 * Tolerances: indices exact, layer outputs 1e-4 relative plus 1e-5 of the largest value.
 */
#include "check.h"

#include <math.h>

#include "kernels/op.h"
#include "models/model.h"
#include "profiler/setting.h"
#include "reduce/method.h"
#include "tensor/safetensors.h"

#define BATCH 2
#define MAX_DEPTH 8
#define MAX_PATCHES 64
#define RTOL 1e-4
#define ATOL 1e-5 /* of the largest value of the tensor */

static const char *const folders[] = { "clip_tiny", "clip_tiny_f16", "clip_tiny_bf16",
				       "clip_gelu", "clip_odd" };
static const struct {
	const char *name, *keep;
} keeps[] = { { "keep100", "1" }, { "keep070", "0.7" }, { "keep050", "0.5" } };

/* ---- a backend that records what goes through its layer norms ---- */

struct record {
	int n;
	float *in[2 * MAX_DEPTH + 2], *out[2 * MAX_DEPTH + 2]; /* owned copies */
	int64_t in_count[2 * MAX_DEPTH + 2], out_count[2 * MAX_DEPTH + 2];
};

static const struct backend *real;
static struct backend spy;
static struct record record;

static void record_clear(void)
{
	for (int i = 0; i < record.n; i++) {
		free(record.in[i]);
		free(record.out[i]);
	}
	record = (struct record){ 0 };
}

static float *copy_of(const float *from, int64_t n)
{
	float *to = malloc(sizeof(float) * (size_t)n);
	return memcpy(to, from, sizeof(float) * (size_t)n);
}

static void spy_layernorm(void *self, struct tensor y, struct tensor x,
			  const struct norm *norm)
{
	assert_true(record.n < 2 * MAX_DEPTH + 2);
	int i = record.n++;
	/* Rows may be a view of a larger tensor (CLS of every item): all of it counts. */
	record.in_count[i] = tensor_rows(&x) * x.ld;
	record.in[i] = copy_of(x.data, record.in_count[i]);
	real->layernorm(self, y, x, norm);
	record.out_count[i] = tensor_count(&y);
	record.out[i] = copy_of(y.data, record.out_count[i]);
}

/* ---- the bench: a model, its oracle, a backend ---- */

struct bench {
	struct model *model;
	struct safetensors *oracle;
	struct pool *pool;
	void *self;
	struct input input;
};

static const struct tensor *want(const struct bench *b, const char *group,
				 const char *key)
{
	char name[96];
	snprintf(name, sizeof(name), "%s%s%s", group, *group ? "." : "", key);
	const struct safetensors_entry *e = safetensors_find(b->oracle, name);
	if (!e)
		fail_msg("the oracle has no %s", name);
	return &e->tensor;
}

static void open_bench(struct bench *b, const char *folder, const char *backend,
		       const char *gemm, int threads)
{
	char path[128];
	*b = (struct bench){ 0 };
	check_ok(model_open(fixture(folder), 0, &b->model));
	snprintf(path, sizeof(path), "%s/oracle.safetensors", folder);
	check_ok(safetensors_open(fixture(path), &b->oracle));
	check_ok(pool_create(threads, &b->pool));
	real = backend_by_name(backend);
	spy = *real;
	spy.layernorm = spy_layernorm;
	check_ok(real->open(&(struct backend_opts){ b->pool, gemm }, &b->self));
	check_ok(tensors_prepare(b->model->tensors, NULL));
	struct knobs plain;
	knobs_init(&plain);
	check_ok(model_prepare(b->model, &plain, real, b->self));
	b->input.pixels = *want(b, "", "pixel_values");
	/* Mapped data has any alignment; the input of a pass is floats. */
	b->input.pixels.data =
		copy_of(b->input.pixels.data, tensor_count(&b->input.pixels));
}

static void close_bench(struct bench *b)
{
	model_unprepare(b->model, real, b->self);
	real->close(b->self);
	pool_free(b->pool);
	free(b->input.pixels.data);
	safetensors_free(b->oracle);
	model_free(b->model);
	record_clear();
}

static struct knobs knobs_of(const struct bench *b, const char *keep, const char *method,
			     const char *seed)
{
	struct knobs k;
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_BATCH, "2"));
	check_ok(knobs_set(&k, KNOB_KEEP, keep));
	check_ok(knobs_set(&k, KNOB_METHOD, method));
	check_ok(knobs_set(&k, KNOB_SEED, seed));
	check_ok(model_check_knobs(b->model, &k));
	return k;
}

static void same(const char *what, const char *part, const float *got, int64_t n,
		 const struct tensor *ref)
{
	const float *r = ref->data;
	double largest = 0;
	if (n != tensor_count(ref))
		fail_msg("%s %s: %lld values, want %lld", what, part, (long long)n,
			 (long long)tensor_count(ref));
	for (int64_t i = 0; i < n; i++)
		largest = fmax(largest, fabs((double)r[i]));
	for (int64_t i = 0; i < n; i++) {
		double off = fabs((double)got[i] - (double)r[i]);
		if (!(off <= RTOL * fabs((double)r[i]) + ATOL * largest))
			fail_msg("%s %s: element %lld is %.9g, want %.9g", what, part,
				 (long long)i, (double)got[i], (double)r[i]);
	}
}

static void same_kept(const char *what, const struct bench *b, const char *group,
		      const struct outputs *out)
{
	const struct tensor *ref = want(b, group, "kept");
	const int64_t *r = ref->data;
	int32_t got[MAX_PATCHES];
	assert_true(out->trace.patches <= MAX_PATCHES);
	for (int64_t item = 0; item < ref->dim[0]; item++) {
		assert_int_equal(ref->dim[1], trace_kept(&out->trace, item, got));
		for (int64_t i = 0; i < ref->dim[1]; i++)
			if (got[i] != r[item * ref->dim[1] + i])
				fail_msg("%s kept: entry %lld of item %lld is %d, want "
					 "%lld",
					 what, (long long)i, (long long)item, got[i],
					 (long long)r[item * ref->dim[1] + i]);
	}
}

static void same_layers(const char *what, const struct bench *b, const char *group)
{
	char key[32];
	int depth = (record.n - 2) / 2;
	same(what, "hidden.0", record.out[0], record.out_count[0],
	     want(b, group, "hidden.0"));
	for (int i = 0; i <= depth; i++) {
		/* The layer's result is what the next block's (or the head's) norm reads.
		 */
		int at = 1 + 2 * i;
		snprintf(key, sizeof(key), "hidden.%d", i);
		same(what, key, record.in[at], record.in_count[at], want(b, group, key));
	}
	snprintf(key, sizeof(key), "%s.hidden.%d", group, depth + 1);
	assert_null(safetensors_find(b->oracle, key));
	same(what, "pooled", record.out[record.n - 1], record.out_count[record.n - 1],
	     want(b, group, "pooled"));
}

static void check_folder(const char *folder, const char *backend, const char *gemm,
			 int threads)
{
	struct bench b;
	char what[96];
	open_bench(&b, folder, backend, gemm, threads);
	for (size_t i = 0; i < sizeof(keeps) / sizeof(keeps[0]); i++) {
		struct setting s;
		struct knobs k = knobs_of(&b, keeps[i].keep, "auto", "0");
		snprintf(what, sizeof(what), "%s %s/%s x%d %s", folder, backend, gemm,
			 threads, keeps[i].name);
		record_clear();
		check_ok(setting_init(&s, b.model, &spy, b.self, b.pool, &b.input, &k));
		check_ok(setting_pass(&s, false, NULL));
		same_kept(what, &b, keeps[i].name, &s.out);
		same_layers(what, &b, keeps[i].name);
		same(what, "image_embeds", tensor_f32(&s.out.image_embeds),
		     tensor_count(&s.out.image_embeds),
		     want(&b, keeps[i].name, "image_embeds"));
		setting_release(&s);
	}
	close_bench(&b);
}

static void reference_backend(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		check_folder(folders[i], "ref", "", 1);
}

static void cpu_backend(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		check_folder(folders[i], "cpu", "auto", 1);
		check_folder(folders[i], "cpu", "native", 2);
		check_folder(folders[i], "cpu", "ref", 3);
	}
}

/* ---- what is counted ---- */

struct anchor {
	const char *preset, *keep;
	double torch_gmac, torch_digit; /* as published, and what its last digit allows */
	double fvcore_g;                /* NaN: not published */
};

static struct run *predict(const struct model *m, struct knobs *k)
{
	struct run *run = run_create();
	check_ok(model_check_knobs(m, k));
	check_ok(setting_predict(m, k, NULL, NULL, run, NULL));
	return run;
}

static void published_flops(void **state)
{
	const double nan = (double)NAN;
	const struct anchor anchors[] = {
		{ "clip-vit-b16", "1", 17.5635, 5e-5, 16.867 },
		{ "clip-vit-b16", "0.9", 15.727, 5e-4, 15.166 },
		{ "clip-vit-b16", "0.7", 12.188, 5e-4, 11.850 },
		{ "clip-vit-b16", "0.5", 8.705, 5e-4, 8.534 },
		{ "clip-vit-b32", "1", 4.409, 5e-4, nan },
		{ "clip-vit-l14", "1", 81.01, 5e-3, nan },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(anchors) / sizeof(anchors[0]); i++) {
		const struct anchor *a = &anchors[i];
		struct model *m;
		struct knobs k;
		check_ok(model_open(a->preset, 0, &m));
		knobs_init(&k);
		check_ok(knobs_set(&k, KNOB_KEEP, a->keep));
		struct run *run = predict(m, &k);
		if (!(fabs(run->flops.torch / 2e9 - a->torch_gmac) <= a->torch_digit))
			fail_msg("%s keep %s: %.6f GMAC, want %g", a->preset, a->keep,
				 run->flops.torch / 2e9, a->torch_gmac);
		if (!isnan(a->fvcore_g) &&
		    !(fabs(run->flops.fvcore / 1e9 - a->fvcore_g) <= 5e-4))
			fail_msg("%s keep %s: fvcore %.6f G, want %g", a->preset, a->keep,
				 run->flops.fvcore / 1e9, a->fvcore_g);
		run_free(run);
		model_free(m);
	}
}

/* ---- a dry pass is the real one ---- */

static void prediction_is_what_happens(void **state)
{
	struct bench b;
	(void)state;
	open_bench(&b, "clip_odd", "cpu", "auto", 2);
	for (size_t i = 0; i < sizeof(keeps) / sizeof(keeps[0]); i++) {
		struct setting s;
		struct knobs k = knobs_of(&b, keeps[i].keep, "auto", "0");
		struct run *dry = predict(b.model, &k), *wet = run_create();
		check_ok(setting_init(&s, b.model, real, b.self, b.pool, &b.input, &k));
		assert_int_equal(s.arena.peak, 0);
		for (int pass = 0; pass < 3; pass++)
			check_ok(setting_pass(&s, true, NULL));
		spans_report(&s.spans, wet);
		assert_int_equal((size_t)dry->memory.peak_activation_bytes, s.arena.peak);
		assert_int_equal(dry->n_layers, wet->n_layers);
		for (int l = 0; l < dry->n_layers; l++) {
			const struct layer *x = &dry->layers[l], *y = &wet->layers[l];
			static const enum metric_id counted[] = {
				METRIC_flops,     METRIC_bytes_read, METRIC_bytes_written,
				METRIC_tokens_in, METRIC_tokens_out, METRIC_m,
				METRIC_n,         METRIC_k
			};
			assert_string_equal(x->path, y->path);
			for (size_t c = 0; c < sizeof(counted) / sizeof(counted[0]); c++)
				if (memcmp(&x->v[counted[c]], &y->v[counted[c]],
					   sizeof(double)) &&
				    !(isnan(x->v[counted[c]]) && isnan(y->v[counted[c]])))
					fail_msg("%s %s: dry %g, real %g", x->path,
						 metric_table[counted[c]].name,
						 x->v[counted[c]], y->v[counted[c]]);
		}
		run_free(dry);
		run_free(wet);
		setting_release(&s);
	}
	close_bench(&b);
}

/* ---- methods ---- */

/* Kept indices and embeddings of one pass; both the caller's. */
static int32_t *kept_of(const char *backend, int threads, const char *method,
			const char *keep, const char *seed, float **embeds,
			int64_t *count)
{
	struct bench b;
	struct setting s;
	open_bench(&b, "clip_odd", backend, "ref", threads);
	struct knobs k = knobs_of(&b, keep, method, seed);
	check_ok(setting_init(&s, b.model, real, b.self, b.pool, &b.input, &k));
	check_ok(setting_pass(&s, false, NULL));
	int64_t patches = s.out.trace.patches;
	int32_t *kept = malloc(sizeof(*kept) * (size_t)(BATCH * patches));
	*count = trace_kept(&s.out.trace, 0, kept);
	*count += trace_kept(&s.out.trace, 1, kept + *count);
	if (embeds)
		*embeds = copy_of(s.out.image_embeds.data,
				  tensor_count(&s.out.image_embeds));
	setting_release(&s);
	close_bench(&b);
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
	open_bench(&b, "clip_odd", "ref", "", 1);
	const struct tensor *ref = want(&b, "keep100", "image_embeds");
	same("l2 at keep 1", "image_embeds", embeds, tensor_count(ref), ref);
	close_bench(&b);
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
		cmocka_unit_test(reference_backend),
		cmocka_unit_test(cpu_backend),
		cmocka_unit_test(published_flops),
		cmocka_unit_test(prediction_is_what_happens),
		cmocka_unit_test(random_is_seeded),
		cmocka_unit_test(keeping_all_drops_nothing),
		cmocka_unit_test(none_runs_no_technique),
		cmocka_unit_test(fewest_tokens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
