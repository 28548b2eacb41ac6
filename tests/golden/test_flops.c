/*
 * What is counted, under the conventions of two tools: equal to what those tools count
 * for the same work (tests/oracle/flops_fixtures.py, vlm_flops_fixtures.py), and to what
 * was published.
 */
#include <math.h>

#include "bench.h"

#include "models/language.h"
#include "profiler/spans.h"

static const char *text_of(const json_t *row, const char *key)
{
	return json_string_value(json_object_get(row, key));
}

static double number_of(const json_t *row, const char *key)
{
	return json_number_value(json_object_get(row, key));
}

static void set_knobs(struct knobs *k, const json_t *object)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)object);
	const char *option;
	json_t *value;
	knobs_init(k);
	json_object_foreach(copy, option, value)
		check_ok(knobs_set(k, knob_find(option), json_string_value(value)));
	json_decref(copy);
}

/* Rows that enter each block's MLP, as the rows of its product say. */
static void check_rows(const char *what, const struct run *run, const json_t *rows)
{
	size_t block;
	json_t *want;
	json_array_foreach(rows, block, want)
	{
		char path[40];
		const struct layer *fc1 = NULL;
		snprintf(path, sizeof(path), "blocks.%zu.mlp.fc1", block);
		for (int i = 0; i < run->n_layers; i++)
			if (!strcmp(run->layers[i].path, path))
				fc1 = &run->layers[i];
		if (!fc1)
			fail_msg("%s: no layer %s", what, path);
		if ((int64_t)fc1->v[METRIC_m] != json_integer_value(want))
			fail_msg("%s: m of %s is %g, want %g", what, path,
				 fc1->v[METRIC_m], json_number_value(want));
	}
}

static void same_count(const char *what, const char *tool, double got, const json_t *row)
{
	double want = number_of(row, tool);
	if (!(got >= want && got <= want))
		fail_msg("%s: %s counts %.0f, we %.0f: %+.0f", what, tool, want, got,
			 got - want);
}

static void as_the_tools_count(void **state)
{
	size_t i;
	json_t *row, *rows = bench_json("flops.json");
	(void)state;
	assert_true(json_array_size(rows) > 0);
	json_array_foreach(rows, i, row)
	{
		const char *preset = text_of(row, "preset");
		const char *name = text_of(row, "name");
		char what[96];
		struct model *m;
		struct knobs k;
		struct run *run = run_create();
		snprintf(what, sizeof(what), "%s %s", preset, name);
		enum input_kind kind = strcmp(name, "text") ? INPUT_PICTURES : INPUT_TEXT;
		check_ok(model_open_for(preset, 0, kind, &m));
		set_knobs(&k, json_object_get(row, "knobs"));
		check_ok(model_check_knobs(m, &k));
		check_ok(setting_predict(m, NULL, &k, NULL, NULL, run, NULL));
		check_rows(what, run, json_object_get(row, "rows"));
		same_count(what, "torch", run->flops.torch, row);
		same_count(what, "fvcore", run->flops.fvcore, row);
		run_free(run);
		model_free(m);
	}
	json_decref(rows);
}

/* The figures of the literature, to their last digit: GMAC by torch, G by fvcore. */
static void as_published(void **state)
{
	static const struct {
		const char *preset, *name;
		double torch, torch_digit, fvcore; /* fvcore 0: not published */
	} published[] = {
		{ "clip-vit-b16", "dense", 17.5635, 5e-5, 16.867 },
		{ "clip-vit-b16", "l2.0.9", 15.727, 5e-4, 15.166 },
		{ "clip-vit-b16", "l2.0.7", 12.188, 5e-4, 11.850 },
		{ "clip-vit-b16", "l2.0.5", 8.705, 5e-4, 8.534 },
		{ "clip-vit-b16", "l2.0.9.dropped", 15.818, 5e-4, 0 },
		{ "clip-vit-b16", "l2.0.7.dropped", 12.278, 5e-4, 0 },
		{ "clip-vit-b16", "l2.0.5.dropped", 8.794, 5e-4, 0 },
		{ "clip-vit-b16", "tome.8", 13.11, 5e-3, 0 },
		{ "clip-vit-b16", "tome.13", 10.37, 5e-3, 0 },
		{ "clip-vit-b16", "tome.16", 8.77, 5e-3, 0 },
		{ "clip-vit-b16", "text", 2.980, 5e-4, 0 },
		{ "clip-vit-b32", "dense", 4.409, 5e-4, 0 },
		{ "clip-vit-l14", "dense", 81.01, 5e-3, 0 },
	};
	size_t i, found = 0, n = sizeof(published) / sizeof(published[0]);
	json_t *row, *rows = bench_json("flops.json");
	(void)state;
	json_array_foreach(rows, i, row) for (size_t j = 0; j < n; j++)
	{
		if (strcmp(text_of(row, "preset"), published[j].preset) ||
		    strcmp(text_of(row, "name"), published[j].name))
			continue;
		found++;
		double torch = number_of(row, "torch") / 2e9;
		double fvcore = number_of(row, "fvcore") / 1e9;
		if (fabs(torch - published[j].torch) > published[j].torch_digit)
			fail_msg("%s: %.6f GMAC", published[j].name, torch);
		if (published[j].fvcore > 0 && fabs(fvcore - published[j].fvcore) > 5e-4)
			fail_msg("%s: fvcore %.6f G", published[j].name, fvcore);
	}
	assert_int_equal(found, n);
	json_decref(rows);
}

/* ---- vision-language models ---- */

/* Models of flops_vlm.json; of published ones the tower is a preset. */
static const struct vlm {
	const char *name, *fixture, *tower, *language;
} vlms[] = {
	{ "qwen2_tiny", "qwen2_tiny", NULL, NULL },
	{ "qwen25_tiny", "qwen25_tiny", NULL, NULL },
	{ "Qwen2-VL-2B", NULL, "qwen2-vl-2b-visual", "qwen2-1.5b" },
	{ "Qwen2.5-VL-3B", NULL, "qwen2.5-vl-3b-visual", "qwen2.5-3b" },
};

static const struct vlm *vlm_of(const json_t *row)
{
	for (size_t i = 0; i < sizeof(vlms) / sizeof(vlms[0]); i++)
		if (!strcmp(vlms[i].name, text_of(row, "model")))
			return &vlms[i];
	fail_msg("no model %s", text_of(row, "model"));
	return NULL;
}

static struct model *open_tower(const struct vlm *v)
{
	struct model *m;
	check_ok(model_open(v->tower ? v->tower : fixture(v->fixture), 0, &m));
	return m;
}

/* "HEIGHTxWIDTH" in patches, as a picture of that many pixels. */
static struct picture_size picture_of(const json_t *row, const struct model *m)
{
	int rows, columns;
	assert_int_equal(sscanf(text_of(row, "grid"), "%dx%d", &rows, &columns), 2);
	return (struct picture_size){ columns * m->cut.patch, rows * m->cut.patch };
}

static void same_counts(const char *what, const struct model *m,
			const struct input_facts *facts, struct knobs *k,
			const json_t *row)
{
	struct run *run = run_create();
	check_ok(model_check_knobs(m, k));
	check_ok(setting_predict(m, facts, k, NULL, NULL, run, NULL));
	same_count(what, "torch", run->flops.torch, row);
	same_count(what, "fvcore", run->flops.fvcore, row);
	run_free(run);
}

/* By the picture's size, and a square by --image-size as well. */
static void check_tower(const char *what, const json_t *row)
{
	struct model *m = open_tower(vlm_of(row));
	struct picture_size picture = picture_of(row, m);
	const struct input_facts facts = { .pictures = &picture, .n_pictures = 1 };
	struct knobs k;
	char side[24];
	set_knobs(&k, json_object_get(row, "knobs"));
	same_counts(what, m, &facts, &k, row);
	snprintf(side, sizeof(side), "%d", picture.width);
	if (picture.width == picture.height) {
		check_ok(knobs_set(&k, KNOB_IMAGE_SIZE, side));
		same_counts(what, m, NULL, &k, row);
	}
	model_free(m);
}

/* A prompt through shapes alone, the head over its last `logits` rows. */
static void count_decoder(const struct decoder_sizes *sizes, int64_t prompt,
			  int64_t logits, struct run *run)
{
	struct arena arena;
	struct spans spans;
	struct decoder d;
	arena_init_dry(&arena);
	spans_init(&spans, NULL);
	decoder_shape(&d, sizes);
	struct pass p = { .backend = backend_by_name("dry"),
			  .arena = &arena,
			  .tracer = &spans.tracer,
			  .items = 1 };
	spans_begin(&spans);
	struct tensor x = pass_tensor(&p, DT_F32, DIMS(1, prompt, sizes->width));
	struct tensor turn = pass_tensor(&p, DT_F32, DIMS(prompt, sizes->head_dim));
	x = decoder_forward(&p, &d, x, turn, NULL);
	x.dim[1] = logits;
	op_linear(&p, "head", x, &d.head, ACT_NONE);
	check_ok(pass_end(&p));
	assert_true(spans_end(&spans, true));
	spans_report(&spans, run);
	decoder_release(&d);
	spans_release(&spans);
}

static void check_language(const char *what, const json_t *row)
{
	const struct vlm *v = vlm_of(row);
	struct model *m = open_tower(v);
	struct run *run = run_create();
	count_decoder(v->language ? &language_by_name(v->language)->sizes : &m->language,
		      (int64_t)number_of(row, "prompt"),
		      (int64_t)number_of(row, "logits"), run);
	same_count(what, "torch", run->flops.torch, row);
	same_count(what, "fvcore", run->flops.fvcore, row);
	run_free(run);
	model_free(m);
}

static void towers_and_language_models(void **state)
{
	size_t i;
	json_t *row, *rows = bench_json("flops_vlm.json");
	(void)state;
	assert_true(json_array_size(rows) > 0);
	json_array_foreach(rows, i, row)
	{
		bool visual = !strcmp(text_of(row, "part"), "visual");
		char what[128];
		snprintf(what, sizeof(what), "%s %s %s %s", text_of(row, "model"),
			 text_of(row, "part"), text_of(row, "grid"),
			 visual ? text_of(row, "name") : "");
		(visual ? check_tower : check_language)(what, row);
	}
	json_decref(rows);
}

/* The row of the tower over the picture that a row of the language model is about. */
static const json_t *tower_row(const json_t *rows, const json_t *language)
{
	size_t i;
	const json_t *row;
	json_array_foreach(
		rows, i,
		row) if (!strcmp(text_of(row, "part"), "visual") &&
			 !strcmp(text_of(row, "model"), text_of(language, "model")) &&
			 !strcmp(text_of(row, "grid"), text_of(language, "grid")) &&
			 !strcmp(text_of(row, "name"), "dense")) return row;
	fail_msg("%s: no row of its tower", text_of(language, "model"));
	return NULL;
}

static void check_whole(const json_t *tower, const json_t *language)
{
	struct model *m;
	struct knobs k;
	struct run *run = run_create();
	check_ok(model_open_for(fixture(vlm_of(language)->fixture), 0, INPUT_PROMPT, &m));
	struct picture_size picture = picture_of(language, m);
	int64_t tokens = (int64_t)(picture.width / m->cut.patch) *
			 (picture.height / m->cut.patch) / m->patches_per_token;
	const struct input_facts facts = {
		.pictures = &picture,
		.n_pictures = 1,
		.prompt = (int64_t)number_of(language, "prompt") - tokens,
		.before = 1,
	};
	knobs_init(&k);
	check_ok(model_check_knobs(m, &k));
	check_ok(setting_predict(m, &facts, &k, NULL, NULL, run, NULL));
	double torch = number_of(tower, "torch") + number_of(language, "torch");
	double fvcore = number_of(tower, "fvcore") + number_of(language, "fvcore");
	assert_true(run->flops.torch >= torch && run->flops.torch <= torch);
	assert_true(run->flops.fvcore >= fvcore && run->flops.fvcore <= fvcore);
	run_free(run);
	model_free(m);
}

/* A prompt costs its tower and its language model, whose head sees all positions. */
static void prompts_are_both(void **state)
{
	size_t i, whole = 0;
	json_t *row, *rows = bench_json("flops_vlm.json");
	(void)state;
	json_array_foreach(rows, i, row)
	{
		if (strcmp(text_of(row, "part"), "language") || !vlm_of(row)->fixture ||
		    json_integer_value(json_object_get(row, "prompt")) !=
			    json_integer_value(json_object_get(row, "logits")))
			continue;
		check_whole(tower_row(rows, row), row);
		whole++;
	}
	assert_int_equal(whole, 2);
	json_decref(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_tools_count),
		cmocka_unit_test(as_published),
		cmocka_unit_test(towers_and_language_models),
		cmocka_unit_test(prompts_are_both),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
