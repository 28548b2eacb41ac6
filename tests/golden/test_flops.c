/*
 * What is counted, under the conventions of two tools: equal to what those tools count
 * for the same work (tests/oracle/flops_fixtures.py), and to what was published.
 */
#include <math.h>

#include "bench.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_tools_count),
		cmocka_unit_test(as_published),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
