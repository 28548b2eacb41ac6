/* The post-norm encoder against torch's own layers (tests/oracle), whole and with tokens
 * dropped below a threshold. */
#include <math.h>

#include "bench.h"

#include "models/input.h"
#include "profiler/kept.h"

static const char *const names[] = { "all",    "some",     "one_left",    "nothing",
				     "single", "quantile", "quantile_top" };
#define N_NAMES (sizeof(names) / sizeof(names[0]))

static struct input input_of(const struct bench *b, const char *name)
{
	const struct tensor *x = bench_want(b, name, "x");
	return (struct input){ .items = x->dim[0], .sequence = bench_copy(x) };
}

/* With the threshold of a case, or whole. */
static struct knobs knobs_of(const struct bench *b, const char *name,
			     const struct input *in, bool pruned)
{
	char seq[24], threshold[24];
	struct tensor t = bench_copy(bench_want(b, name, "threshold"));
	bool quantile = !strncmp(name, "quantile", 8);
	snprintf(seq, sizeof(seq), "%d", (int)in->sequence.dim[1]);
	snprintf(threshold, sizeof(threshold), "%.9g", (double)*tensor_f32(&t));
	free(t.data);
	struct knobs k = bench_knobs(
		b, in->items,
		(const char *const[]){ "seq", seq, "threshold",
				       pruned ? threshold : "off", "threshold-scale",
				       quantile ? "quantile" : "absolute", NULL });
	knobs_resolve_method(&k);
	return k;
}

static void same_counts(const char *what, const struct outputs *out,
			const struct tensor *want)
{
	int64_t *counts = kept_counts(&out->trace, out->kept_layers);
	assert_int_equal(want->dim[0], out->kept_layers);
	assert_int_equal(want->dim[1], out->trace.items);
	for (int64_t i = 0; i < tensor_count(want); i++) {
		int64_t ref;
		memcpy(&ref, (const char *)want->data + i * 8, 8);
		if (counts[i] != ref)
			fail_msg("%s: count %d is %d, want %d", what, (int)i,
				 (int)counts[i], (int)ref);
	}
	free(counts);
}

static void check_case(struct bench *b, const char *name)
{
	struct input in = input_of(b, name);
	struct setting s;
	struct knobs k = knobs_of(b, name, &in, true);
	const char *what = bench_what(b, name);
	struct tensor before = bench_copy(&in.sequence);
	check_ok(model_check_knobs(b->model, &k));
	bench_run(b, &s, &in, &k);
	same_counts(what, &s.out, bench_want(b, name, "kept_counts"));
	bench_same_kept(what, &s.out.trace, bench_want(b, name, "kept"));
	bench_same(what, "pooled", tensor_f32(&s.out.pooled), tensor_count(&s.out.pooled),
		   bench_want(b, name, "pooled"));
	bench_same(what, "class_logits", tensor_f32(&s.out.class_logits),
		   tensor_count(&s.out.class_logits),
		   bench_want(b, name, "class_logits"));
	/* Layers work in place, but not on the input. */
	assert_memory_equal(before.data, in.sequence.data, (size_t)tensor_bytes(&before));
	setting_release(&s);
	free(before.data);
	input_release(&in);
}

static void thresholds(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct bench b;
		bench_open(&b, "encoder_tiny", "oracle", INPUT_SEQUENCE, way);
		for (size_t i = 0; i < N_NAMES; i++)
			check_case(&b, names[i]);
		bench_close(&b);
	}
}

/* A threshold that everything exceeds changes nothing. */
static void a_threshold_of_nothing(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct bench b;
		struct setting whole, all;
		bench_open(&b, "encoder_tiny", "oracle", INPUT_SEQUENCE, way);
		struct input in = input_of(&b, "all");
		const struct knobs off = knobs_of(&b, "all", &in, false);
		const struct knobs on = knobs_of(&b, "all", &in, true);
		assert_string_equal(knob_text(&off, KNOB_METHOD), "none");
		bench_run(&b, &whole, &in, &off);
		bench_same(bench_what(&b, "none"), "pooled",
			   tensor_f32(&whole.out.pooled), tensor_count(&whole.out.pooled),
			   bench_want(&b, "all", "pooled"));
		same_counts("none", &whole.out, bench_want(&b, "all", "kept_counts"));
		bench_run(&b, &all, &in, &on);
		assert_int_equal(all.out.trace.n, 2);
		setting_release(&all);
		setting_release(&whole);
		input_release(&in);
		bench_close(&b);
	}
}

/* ---- counts ---- */

static double number(const struct bench *b, const char *group, const char *key)
{
	int64_t n;
	memcpy(&n, bench_want(b, group, key)->data, sizeof(n));
	return (double)n;
}

static struct run *predict(const struct model *m, const struct knobs *k)
{
	struct run *run = run_create();
	check_ok(setting_predict(m, NULL, k, NULL, NULL, run, NULL));
	return run;
}

static void same_number(const char *what, double got, double want)
{
	if (got < want || got > want)
		fail_msg("%s: counted %.0f, want %.0f", what, got, want);
}

static void flops(void **state)
{
	(void)state;
	struct bench b;
	bench_open(&b, "encoder_tiny", "oracle", INPUT_SEQUENCE, bench_ways);
	for (size_t i = 0; i < N_NAMES; i++) {
		struct input in = input_of(&b, names[i]);
		const struct knobs k = knobs_of(&b, names[i], &in, false);
		struct run *run = predict(b.model, &k);
		same_number(names[i], run->flops.fvcore,
			    number(&b, names[i], "flops.fvcore"));
		same_number(names[i], run->flops.torch,
			    number(&b, names[i], "flops.torch"));
		run_free(run);
		input_release(&in);
	}
	bench_close(&b);
}

static void published_flops(void **state)
{
	(void)state;
	struct bench b;
	struct model *m;
	struct knobs k;
	bench_open(&b, "encoder_tiny", "oracle", INPUT_SEQUENCE, bench_ways);
	check_ok(model_open_for("encoder-2l", 0, INPUT_SEQUENCE, &m));
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_METHOD, "none"));
	check_ok(knobs_set(&k, KNOB_BATCH, "16"));
	check_ok(knobs_set(&k, KNOB_SEQ, "128"));
	struct run *run = predict(m, &k);
	same_number("fvcore", run->flops.fvcore, 12907970560.0);
	same_number("fvcore", run->flops.fvcore, number(&b, "published", "fvcore"));
	same_number("torch", run->flops.torch, number(&b, "published", "torch"));
	/* Multiply-adds of the attention's products are half of what torch counts. */
	double attention = 0;
	for (int i = 0; i < run->n_layers; i++)
		if (!strcmp(run->layers[i].kind, "attention"))
			attention += 2 * 16.0 * 128 * 128 * 512;
	same_number("with attention", run->flops.fvcore + attention,
		    number(&b, "published", "attention"));
	run_free(run);
	check_ok(knobs_set(&k, KNOB_SEQ, "88"));
	run = predict(m, &k);
	same_number("88", run->flops.fvcore, number(&b, "published", "padded"));
	run_free(run);
	model_free(m);
	bench_close(&b);
}

/* What a run in each layout tells of both. */
static void tell_layouts(struct bench *b, const char *summary, struct run *told[2])
{
	static const char *const words[] = { "packed", "padded" };
	struct input in = input_of(b, "some");
	struct setting s;
	struct knobs k = knobs_of(b, "some", &in, true);
	check_ok(knobs_set(&k, KNOB_SUMMARY, summary));
	for (int i = 0; i < 2; i++) {
		told[i] = run_create();
		check_ok(knobs_set(&k, KNOB_LAYOUT, words[i]));
		bench_run(b, &s, &in, &k);
		spans_release(&s.spans);
		spans_init(&s.spans, b->pool);
		check_ok(setting_pass(&s, true, NULL));
		spans_report(&s.spans, told[i]);
		kept_report(&s, told[i]);
		setting_release(&s);
	}
	input_release(&in);
}

/* What both layouts cost, told by either of them. */
static void layouts(void **state)
{
	(void)state;
	struct run *told[2];
	struct bench b;
	bench_open(&b, "encoder_tiny", "oracle", INPUT_SEQUENCE, &bench_ways[2]);
	tell_layouts(&b, "off", told);
	const struct run_layouts *l = &told[0]->layouts, *other = &told[1]->layouts;
	/* [24, 19, 16, 14, 22] and [13, 12, 11, 5, 10] of 40. */
	assert_true(l->longest == 13 && fabs(l->mean - 10.2) < 1e-9);
	assert_true(l->packed == told[0]->flops.ours &&
		    other->padded == told[1]->flops.ours);
	assert_true(l->packed_fvcore < l->padded_fvcore);
	same_number("packed", other->packed_fvcore, l->packed_fvcore);
	same_number("padded", l->padded_fvcore, other->padded_fvcore);
	const double row = 2 * 5.0 * 32 + 4.0 * 32 * 32 + 2.0 * 32 * 80, head = 2.0 * 32;
	same_number("rows", l->packed_fvcore, 95 * row + 51 * row + 51 * head);
	same_number("rows", l->padded_fvcore, 120 * row + 65 * row + 65 * head);
	assert_int_equal(told[0]->tokens.n_counts, 10);
	assert_true(told[0]->tokens.counts[3] == 14 && told[1]->tokens.counts[8] == 5);
	assert_int_equal(told[0]->n_warnings, 0);
	run_free(told[0]);
	run_free(told[1]);
	bench_close(&b);
}

/* A summary is made anew at every site: it is no survivor. */
static void layouts_with_a_summary(void **state)
{
	static const char *const summaries[] = { "dropped", "all" };
	(void)state;
	struct run *told[2];
	struct bench b;
	bench_open(&b, "encoder_tiny", "oracle", INPUT_SEQUENCE, &bench_ways[2]);
	for (int i = 0; i < 2; i++) {
		tell_layouts(&b, summaries[i], told);
		const struct run_layouts *packed = &told[0]->layouts,
					 *padded = &told[1]->layouts;
		same_number("packed", padded->packed_fvcore, packed->packed_fvcore);
		same_number("padded", packed->padded_fvcore, padded->padded_fvcore);
		run_free(told[0]);
		run_free(told[1]);
	}
	bench_close(&b);
}

static void nothing_kept(void **state)
{
	(void)state;
	static const struct {
		const char *name, *warning;
	} cases[] = {
		{ "nothing",
		  "the threshold keeps nothing in 2 of 2 sequences at layer 0: "
		  "the best token stays" },
		{ "quantile_top", "the threshold keeps nothing in 2 of 2 sequences at "
				  "layer 1: the best token stays" },
	};
	struct bench b;
	bench_open(&b, "encoder_tiny", "oracle", INPUT_SEQUENCE, bench_ways);
	for (size_t i = 0; i < 2; i++) {
		struct setting s;
		struct input in = input_of(&b, cases[i].name);
		const struct knobs k = knobs_of(&b, cases[i].name, &in, true);
		struct run *run = run_create();
		bench_run(&b, &s, &in, &k);
		kept_report(&s, run);
		assert_int_equal(run->n_warnings, 2);
		assert_string_equal(run->warnings[i], cases[i].warning);
		run_free(run);
		setting_release(&s);
		input_release(&in);
	}
	bench_close(&b);
}

/* Techniques that do not depend on values drop as many of every item. */
static void other_methods(void **state)
{
	(void)state;
	static const struct {
		const char *method, *at;
		int kept;
	} cases[] = { { "l2", "embed", 20 },  { "l2", "0+1", 10 },
		      { "random", "1", 20 },  { "knorm", "embed", 20 },
		      { "qnorm", "0+1", 10 }, { "kqnorm", "1", 20 } };
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct bench b;
		bench_open(&b, "encoder_tiny", "oracle", INPUT_SEQUENCE, way);
		struct input in = input_of(&b, "some");
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct setting s;
			const struct knobs k = bench_knobs(
				&b, in.items,
				(const char *const[]){ "seq", "40", "method",
						       cases[i].method, "keep", "0.5",
						       "prune-at", cases[i].at, NULL });
			bench_run(&b, &s, &in, &k);
			int64_t *counts = kept_counts(&s.out.trace, s.out.kept_layers);
			assert_int_equal(counts[5 + 4], cases[i].kept);
			free(counts);
			setting_release(&s);
		}
		input_release(&in);
		bench_close(&b);
	}
}

/* ---- checkpoints ---- */

static char dir[64];

static void put_config(const char *text)
{
	char path[96];
	snprintf(path, sizeof(path), "%s/config.json", dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* The fixture's weights without those that begin with `leave`, and one more. */
static void put_weights(const char *leave, const struct safetensors_entry *more)
{
	char path[96];
	struct safetensors *from;
	struct safetensors_entry entries[64];
	size_t n = 0;
	check_ok(safetensors_open(fixture("encoder_tiny/model.safetensors"), &from));
	for (size_t i = 0; i < safetensors_count(from); i++) {
		const struct safetensors_entry *e = safetensors_at(from, i);
		if (!leave || strncmp(e->name, leave, strlen(leave)) != 0)
			entries[n++] = *e;
	}
	if (more)
		entries[n++] = *more;
	snprintf(path, sizeof(path), "%s/model.safetensors", dir);
	check_ok(safetensors_write(path, entries, n, NULL));
	safetensors_free(from);
}

static void begin(void)
{
	snprintf(dir, sizeof(dir), "/tmp/sparsetop-encoder-XXXXXX");
	assert_non_null(mkdtemp(dir));
}

static void end(void)
{
	static const char *const files[] = { "config.json", "model.safetensors" };
	char path[96];
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		remove(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

#define CONFIG "{\"model_type\": \"transformer_encoder\", \"num_attention_heads\": 4}"

static void refused(enum err code, const char *message)
{
	struct model *m;
	check_err(model_open_for(dir, 0, INPUT_SEQUENCE, &m), code, message);
}

static void damaged_checkpoints(void **state)
{
	float zeros[33] = { 0 };
	const struct safetensors_entry norm = { "norm.weight",
						tensor_of(DT_F32, zeros, DIMS(32)) };
	const struct safetensors_entry far = { "layers.3.linear1.weight",
					       tensor_of(DT_F32, zeros, DIMS(4, 8)) };
	const struct safetensors_entry wide = { "norm_x",
						tensor_of(DT_F32, zeros, DIMS(33)) };
	(void)state;
	begin();
	put_config(CONFIG);
	put_weights("layers.0.linear1", NULL);
	refused(ERR_FORMAT, "no matrix layers.0.linear1.weight");
	put_weights("layers.1.norm2", NULL);
	refused(ERR_FORMAT, "layers.1.norm2");
	put_weights("layers.0.self_attn.in_proj_b", NULL);
	refused(ERR_FORMAT, "layers.0.self_attn.in_proj_bias");
	put_weights("head.bias", NULL);
	refused(ERR_FORMAT, "head.bias");
	put_weights(NULL, &norm);
	refused(ERR_UNSUPPORTED, "a norm after the layers");
	put_weights(NULL, &far);
	refused(ERR_FORMAT, "layers.2 is missing");
	put_weights(NULL, &wide);
	put_config("{\"model_type\": \"transformer_encoder\"}");
	refused(ERR_FORMAT, "no num_attention_heads");
	put_config(
		"{\"model_type\": \"transformer_encoder\", \"num_attention_heads\": 5}");
	refused(ERR_FORMAT, "rows of 32 are not a multiple of num_attention_heads 5");
	put_config(
		"{\"model_type\": \"transformer_encoder\", \"num_attention_heads\": 0}");
	refused(ERR_FORMAT, "num_attention_heads");
	end();
}

static void without_a_head(void **state)
{
	struct model *m;
	struct knobs k;
	(void)state;
	begin();
	put_config(CONFIG);
	put_weights("head.", NULL);
	check_ok(model_open_for(dir, 0, INPUT_SEQUENCE, &m));
	knobs_init(&k);
	check_ok(model_check_knobs(m, &k));
	struct run *run = predict(m, &k);
	for (int i = 0; i < run->n_layers; i++)
		assert_null(strstr(run->layers[i].path, "classes"));
	run_free(run);
	model_free(m);
	end();
}

static void methods_that_make_no_sense(void **state)
{
	static const struct {
		const char *method, *message;
	} cases[] = { { "evit", "class token" }, { "cls", "class token" } };
	struct model *m;
	struct knobs k;
	(void)state;
	check_ok(model_open_for("encoder-2l:tiny", 0, INPUT_SEQUENCE, &m));
	for (size_t i = 0; i < 2; i++) {
		knobs_init(&k);
		check_ok(knobs_set(&k, KNOB_METHOD, cases[i].method));
		check_ok(knobs_set(&k, KNOB_KEEP, "0.5"));
		check_err(model_check_knobs(m, &k), ERR_USAGE, cases[i].message);
	}
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_METHOD, "tome"));
	check_err(model_check_knobs(m, &k), ERR_USAGE, "the mean of its tokens");
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_MERGE_R, "3"));
	check_err(model_check_knobs(m, &k), ERR_USAGE, "does not have this knob");
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_DOWNSAMPLE, "2"));
	check_err(model_check_knobs(m, &k), ERR_USAGE, "has no scan");
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thresholds),
		cmocka_unit_test(a_threshold_of_nothing),
		cmocka_unit_test(flops),
		cmocka_unit_test(published_flops),
		cmocka_unit_test(layouts),
		cmocka_unit_test(layouts_with_a_summary),
		cmocka_unit_test(nothing_kept),
		cmocka_unit_test(other_methods),
		cmocka_unit_test(damaged_checkpoints),
		cmocka_unit_test(without_a_head),
		cmocka_unit_test(methods_that_make_no_sense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
