/*
 * study: the built-in ones hold what was published; files of others are read strictly and
 * survive nothing that is wrong.
 */
#include "check.h"

#include <math.h>

#include "base/str.h"
#include "profiler/study.h"

#define MINIMAL "\"name\":\"x\",\"title\":\"t\",\"model\":\"m\",\"columns\":[\"ms\"]"
#define ROW "{\"label\":\"a\"}"

static enum err parse(const char *text, struct study *s)
{
	return study_parse(text, strlen(text), "my.json", s);
}

#define REFUSED(part, text)                                                              \
	do {                                                                             \
		struct study s_;                                                         \
		check_err(parse(text, &s_), ERR_FORMAT, part);                           \
		assert_true(!strncmp(err_message(), "my.json: ", 9));                    \
		assert_int_equal(s_.n_rows, 0);                                          \
	} while (0)

static const struct study_row *row(const struct study *s, const char *label)
{
	for (int i = 0; i < s->n_rows; i++)
		if (!strcmp(s->rows[i].label, label))
			return &s->rows[i];
	fail_msg("%s has no row \"%s\"", s->name, label);
	return NULL;
}

static void published(const char *study, const char *label, enum figure_id id,
		      double want)
{
	struct study s;
	check_ok(study_builtin(study, &s));
	double got = row(&s, label)->published[id];
	if (!(fabs(got - want) < 1e-9))
		fail_msg("%s, %s, %s: %g, want %g", study, label, figure_table[id].name,
			 got, want);
	study_release(&s);
}

static void built_in(void **state)
{
	static const char *const names[] = {
		"vtp",         "vtp-knorm", "vit-resolution",    "tome",          "evit",
		"lora-fusion", "fused-qkv", "scan-vs-attention", "kernel-distill"
	};
	(void)state;
	struct study s;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		check_ok(study_builtin(names[i], &s));
		assert_string_equal(s.name, names[i]);
		assert_true(s.n_rows > 0 && s.n_columns > 0);
		study_release(&s);
	}
	check_err(study_builtin("nope\033", &s), ERR_USAGE, "vit-resolution");
}

/* What a row is called in the list is what its file calls itself. */
static void every_text_is_a_study(void **state)
{
	(void)state;
	for (int i = 0; study_texts[i]; i++) {
		struct study s;
		check_ok(study_builtin(study_texts[i]->name, &s));
		assert_string_equal(s.name, study_texts[i]->name);
		double seconds = s.n_rows * (isnan(s.budget_s) ? 10 : s.budget_s);
		if (seconds > 8 * 60)
			fail_msg("%s takes up to %g s", s.name, seconds);
		for (int r = 0; r < s.n_rows; r++)
			assert_true(s.rows[r].against >= 0 &&
				    s.rows[r].against < s.n_rows);
		study_release(&s);
	}
}

static void figures_of_vtp(void **state)
{
	(void)state;
	static const struct {
		const char *label;
		double ms, items_per_s, mib;
	} want[] = { { "no VTP", 81.0, 100.0, 420 },
		     { "keep 1.0", 82.0, 100.4, 425 },
		     { "keep 0.9", 79.0, 106.0, 420 },
		     { "keep 0.7", 63.0, 125.0, 400 },
		     { "keep 0.5", 46.0, 170.0, 380 } };
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		published("vtp", want[i].label, FIGURE_ms, want[i].ms);
		published("vtp", want[i].label, FIGURE_items_per_s, want[i].items_per_s);
		published("vtp", want[i].label, FIGURE_memory_mib, want[i].mib);
	}
	published("vtp", "keep 0.7", FIGURE_cosine, 0.89);
	published("vtp", "keep 0.5", FIGURE_cosine_mixed, 0.47);
}

static void figures_of_sequences(void **state)
{
	(void)state;
	static const struct {
		const char *label;
		double ms, items_per_s, mib, gflop;
	} want[] = { { "baseline", 30.50, 262.25, 521.2, 38.59 },
		     { "both, r = 1", 62.84, 127.32, 908.5, 111.53 },
		     { "both, r = 2", 51.33, 155.84, 972.5, 92.24 },
		     { "both, r = 4", 45.68, 175.13, 940.5, 82.59 } };
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		published("mrss", want[i].label, FIGURE_ms, want[i].ms);
		published("mrss", want[i].label, FIGURE_items_per_s, want[i].items_per_s);
		published("mrss", want[i].label, FIGURE_memory_mib, want[i].mib);
		published("mrss", want[i].label, FIGURE_gflop_torch, want[i].gflop);
	}
	published("dtp", "all tokens", FIGURE_ms, 12.490);
	published("dtp", "all tokens", FIGURE_gflop_fvcore, 12.908);
	published("dtp", "13.0, padded", FIGURE_ms, 9.968);
	published("dtp", "13.0, padded", FIGURE_gflop_fvcore, 8.874);
}

/* What a preset brings is brought where the study says nothing of it. */
static void knobs_that_are_given(void **state)
{
	(void)state;
	static const char text[] =
		"{\"name\":\"x\",\"title\":\"t\",\"model\":\"m\",\"columns\":[\"ms\"],"
		"\"knobs\":{\"batch\":2},\"rows\":[{\"label\":\"a\"},"
		"{\"label\":\"b\",\"knobs\":{\"mrss\":\"off\"}}],"
		"\"grid\":{\"seq\":\"8,16\"}}";
	const uint64_t batch = KNOB_BIT(KNOB_BATCH), mrss = KNOB_BIT(KNOB_MRSS);
	struct study s;
	check_ok(study_parse(text, sizeof(text) - 1, "x", &s));
	assert_int_equal(s.n_rows, 4);
	assert_true(s.rows[0].given == batch);
	assert_true(s.rows[1].given == (batch | mrss));
	/* Rows of a grid have their base among them: every technique is said. */
	assert_true((s.rows[2].given & (batch | mrss | KNOB_BIT(KNOB_SEQ))) ==
		    (batch | mrss | KNOB_BIT(KNOB_SEQ)));
	assert_false(s.rows[2].given & KNOB_BIT(KNOB_IMAGE_SIZE));
	study_release(&s);
}

static void figures_of_others(void **state)
{
	(void)state;
	published("tome", "r=8", FIGURE_gmac, 13.11);
	published("tome", "r=13", FIGURE_gmac, 10.37);
	published("tome", "r=16", FIGURE_gmac, 8.77);
	published("tome", "r=0", FIGURE_items_per_s, 309);
	published("tome", "r=13", FIGURE_items_per_s, 511);
	published("tome", "r=13", FIGURE_top1, 0.8260);
	published("evit", "keep 0.7", FIGURE_items_per_s, 4385);
	published("fused-qkv", "three, batch 1", FIGURE_ms, 1520);
	published("fused-qkv", "one, batch 1", FIGURE_ms, 1490);
	published("fused-qkv", "one, batch 1", FIGURE_top1, 0.7006);
}

static void knobs_of_rows(void **state)
{
	(void)state;
	struct study s;
	check_ok(study_builtin("vtp", &s));
	assert_string_equal(knob_text(&row(&s, "no VTP")->knobs, KNOB_METHOD), "none");
	assert_string_equal(knob_text(&row(&s, "keep 1.0")->knobs, KNOB_METHOD), "l2");
	assert_true(knob_num(&row(&s, "keep 0.7")->knobs, KNOB_KEEP) == 0.7);
	assert_true(knob_num(&row(&s, "keep 0.7")->knobs, KNOB_BATCH) == 8);
	study_release(&s);
	check_ok(study_builtin("vit-resolution", &s));
	assert_int_equal(s.n_rows, 12);
	const struct study_row *half = row(&s, "image-size=800 keep=0.5 method=l2");
	const struct study_row *base = &s.rows[half->against];
	assert_true(knob_num(&base->knobs, KNOB_IMAGE_SIZE) == 800);
	assert_true(knob_num(&base->knobs, KNOB_KEEP) == 1);
	study_release(&s);
	check_ok(study_builtin("vtp-knorm", &s));
	assert_int_equal(s.n_rows, 1 + 4 * 2 * 3);
	study_release(&s);
	check_ok(study_builtin("fused-qkv", &s));
	assert_string_equal(s.rows[row(&s, "one, batch 8")->against].label,
			    "three, batch 8");
	study_release(&s);
}

static void a_file(void **state)
{
	(void)state;
	struct study s;
	check_ok(parse("{" MINIMAL ",\"knobs\":{\"batch\":2,\"seed\":\"7\"},"
		       "\"claims\":[\"one\\u001b[2J\"],\"hardware\":\"h\","
		       "\"slopes\":[{\"x\":\"kept\",\"y\":\"ms\"}],"
		       "\"rows\":[" ROW ",{\"label\":\"b\",\"model\":\"n\","
		       "\"knobs\":{\"keep\":0.5,\"prune_at\":\"embed\"},"
		       "\"published\":{\"ms\":3},\"note\":\"why\",\"against\":\"b\"}],"
		       "\"grid\":{\"keep\":\".9,.7\"}}",
		       &s));
	assert_int_equal(s.n_rows, 5); /* two, the grid's base, two */
	assert_string_equal(s.claims[0], "one\\x1b[2J");
	assert_int_equal(s.rows[1].against, 1);
	assert_string_equal(s.rows[1].model, "n");
	assert_true(s.rows[1].published[FIGURE_ms] == 3);
	assert_true(isnan(s.rows[1].published[FIGURE_top1]));
	assert_true(knob_num(&s.rows[1].knobs, KNOB_SEED) == 7);
	assert_int_equal(s.rows[4].against, 2);
	assert_true(isnan(s.budget_s));
	study_release(&s);
}

/* What goes in besides pictures: the row's, else the study's, as it was written. */
static void texts_of_rows(void **state)
{
	(void)state;
	struct study s;
	check_ok(parse("{" MINIMAL ",\"text\":\"Describe\\nthis.\",\"rows\":[" ROW
		       ",{\"label\":\"b\",\"text\":\"\\u001b\\u732b\"}],"
		       "\"grid\":{\"keep\":\"1,.5\"}}",
		       &s));
	assert_int_equal(s.n_rows, 4);
	assert_string_equal(s.rows[0].text, "Describe\nthis.");
	assert_string_equal(s.rows[1].text, "\033\xe7\x8c\xab");
	assert_string_equal(s.rows[3].text, "Describe\nthis.");
	study_release(&s);
	check_ok(parse("{" MINIMAL ",\"rows\":[" ROW
		       ",{\"label\":\"b\",\"text\":\"why\"}]}",
		       &s));
	assert_null(s.rows[0].text);
	assert_string_equal(s.rows[1].text, "why");
	study_release(&s);
}

/* A grid of one point is a row that is called by its knob. */
static void a_grid_of_one(void **state)
{
	(void)state;
	struct study s;
	check_ok(parse("{" MINIMAL ",\"grid\":{\"keep\":\"1.0..01/.3\"}}", &s));
	assert_int_equal(s.n_rows, 1);
	assert_string_equal(s.rows[0].label, "keep=1");
	study_release(&s);
}

static void bad_files(void **state)
{
	(void)state;
	REFUSED("bad JSON", "");
	REFUSED("line 2: bad JSON", "{\n\"name\":}");
	REFUSED("bad JSON", "{\"name\":\"a\",\"name\":\"b\"}");
	REFUSED("not an object", "[]");
	REFUSED("\"name\" is missing", "{}");
	REFUSED("\"name\" is not a string", "{\"name\":1}");
	REFUSED("\"name\": want", "{\"name\":\"a b\",\"title\":\"t\",\"model\":\"m\"}");
	REFUSED("\"name\": want", "{\"name\":\"../a\",\"title\":\"t\",\"model\":\"m\"}");
	REFUSED("\"title\" is missing", "{\"name\":\"x\"}");
	REFUSED("\"model\" is missing", "{\"name\":\"x\",\"title\":\"t\"}");
	REFUSED("unknown key \"rwos\\x1b\"", "{" MINIMAL ",\"rwos\\u001b\":[]}");
	REFUSED("my.json: \"text\" is empty", "{" MINIMAL ",\"text\":\"\"}");
	REFUSED("\"text\" is not a string", "{" MINIMAL ",\"text\":[\"a\"]}");
	REFUSED("neither", "{" MINIMAL "}");
	REFUSED("neither", "{" MINIMAL ",\"rows\":[]}");
	REFUSED("\"rows\" is not an array", "{" MINIMAL ",\"rows\":{}}");
	REFUSED("\"budget_s\"", "{" MINIMAL ",\"budget_s\":0,\"rows\":[" ROW "]}");
	REFUSED("\"budget_s\"", "{" MINIMAL ",\"budget_s\":1e9,\"rows\":[" ROW "]}");
	REFUSED("no knob \"kep\"", "{" MINIMAL ",\"knobs\":{\"kep\":1}}");
	REFUSED("no text and no number", "{" MINIMAL ",\"knobs\":{\"keep\":[1]}}");
	REFUSED("--keep 2: want", "{" MINIMAL ",\"knobs\":{\"keep\":2}}");
	REFUSED("claims[1]", "{" MINIMAL ",\"claims\":[\"a\",7]}");
	REFUSED("slopes[0]: not an object", "{" MINIMAL ",\"slopes\":[1]}");
	REFUSED("slopes[0]: x: \"\" is none",
		"{" MINIMAL ",\"slopes\":[{\"y\":\"ms\"}]}");
	REFUSED("no knob \"z\"", "{" MINIMAL ",\"slopes\":[{\"x\":\"ms\",\"y\":\"ms\","
				 "\"group\":\"z\"}]}");
	REFUSED("unknown key \"w\"", "{" MINIMAL ",\"slopes\":[{\"w\":1}]}");
}

static void bad_rows(void **state)
{
	(void)state;
	REFUSED("rows[1]: not an object", "{" MINIMAL ",\"rows\":[" ROW ",3]}");
	REFUSED("rows[0]: \"label\" is missing", "{" MINIMAL ",\"rows\":[{}]}");
	REFUSED("rows[1]: a row above", "{" MINIMAL ",\"rows\":[" ROW "," ROW "]}");
	REFUSED("rows[0]: unknown key \"ms\"",
		"{" MINIMAL ",\"rows\":[{\"label\":\"a\",\"ms\":1}]}");
	REFUSED("rows[0]: --batch x", "{" MINIMAL ",\"rows\":[{\"label\":\"a\","
				      "\"knobs\":{\"batch\":\"x\"}}]}");
	REFUSED("rows[0]: \"against\": no row above is \"z\"",
		"{" MINIMAL ",\"rows\":[{\"label\":\"a\",\"against\":\"z\"}]}");
	REFUSED("rows[0]: \"text\" is empty",
		"{" MINIMAL ",\"rows\":[{\"label\":\"a\",\"text\":\"\"}]}");
	REFUSED("rows[0]: \"text\" is not a string",
		"{" MINIMAL ",\"rows\":[{\"label\":\"a\",\"text\":7}]}");
	REFUSED("\"mss\" is none of the figures",
		"{" MINIMAL ",\"rows\":[{\"label\":\"a\",\"published\":{\"mss\":1}}]}");
	REFUSED("\"ms\" is not a number",
		"{" MINIMAL
		",\"rows\":[{\"label\":\"a\",\"published\":{\"ms\":\"1\"}}]}");
	REFUSED("\"published\" is not an object",
		"{" MINIMAL ",\"rows\":[{\"label\":\"a\",\"published\":[]}]}");
	REFUSED("--keep: an empty value", "{" MINIMAL ",\"grid\":{\"keep\":\"\"}}");
	REFUSED("\"keep\" is no text", "{" MINIMAL ",\"grid\":{\"keep\":[1,2]}}");
	REFUSED("4096", "{" MINIMAL ",\"grid\":{\"seed\":\"1..100/1\","
			"\"batch\":\"1..100/1\"}}");
	REFUSED("1024 rows", "{" MINIMAL ",\"grid\":{\"seed\":\"1..1000/1\","
			     "\"keep\":\"1,.5\"}}");
	REFUSED("\"columns\"", "{\"name\":\"x\",\"title\":\"t\",\"model\":\"m\","
			       "\"rows\":[" ROW "]}");
	REFUSED("stands twice", "{\"name\":\"x\",\"title\":\"t\",\"model\":\"m\","
				"\"columns\":[\"ms\",\"ms\"]}");
}

/* Counts, lengths and depth that would eat the machine. */
static void hostile(void **state)
{
	(void)state;
	struct str s = STR_INIT;
	struct study study;
	str_add(&s, "{" MINIMAL ",\"rows\":[" ROW);
	for (int i = 0; i < 1100; i++)
		str_addf(&s, ",{\"label\":\"%d\"}", i);
	str_add(&s, "]}");
	REFUSED("more than 1024 rows", str_get(&s));
	str_clear(&s);
	str_add(&s, "{\"name\":\"x\",\"title\":\"");
	for (int i = 0; i < 3000; i++)
		str_add(&s, "t");
	str_add(&s, "\",\"model\":\"m\"}");
	REFUSED("longer than 2048 bytes", str_get(&s));
	str_clear(&s);
	str_add(&s, "{" MINIMAL ",\"text\":\"");
	for (int i = 0; i < 3000; i++)
		str_add(&s, "t");
	str_add(&s, "\"}");
	REFUSED("\"text\" is longer than 2048 bytes", str_get(&s));
	str_clear(&s);
	for (int i = 0; i < 100000; i++)
		str_add(&s, "[");
	REFUSED("bad JSON", str_get(&s));
	str_clear(&s);
	for (int i = 0; i < (1 << 20) + 1; i++)
		str_add(&s, " ");
	check_err(study_parse(str_get(&s), s.len, "big", &study), ERR_FORMAT, "1024 KiB");
	str_release(&s);
}

/* A good file cut short anywhere, or with any byte replaced, never does harm. */
static void damaged(void **state)
{
	(void)state;
	const char *text = study_texts[0]->text;
	size_t n = strlen(text);
	char *copy = str_dup(text);
	for (size_t i = 0; i < n; i++) {
		struct study s;
		assert_int_not_equal(study_parse(text, i < n - 2 ? i : 0, "cut", &s), OK);
		for (int b = 0; b < 3; b++) {
			copy[i] = "\"\0z"[b];
			if (study_parse(copy, n, "odd", &s) == OK)
				study_release(&s);
		}
		copy[i] = text[i];
	}
	free(copy);
}

static void from_disk(void **state)
{
	(void)state;
	char dir[64], path[128];
	struct study s;
	temp_dir(dir);
	snprintf(path, sizeof(path), "%s/odd\033.json", dir);
	check_err(study_read(path, &s), ERR_NOTFOUND, "odd\\x1b.json");
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("{" MINIMAL ",\"rows\":[{}]}", f);
	fclose(f);
	check_err(study_read(path, &s), ERR_FORMAT, "odd\\x1b.json: rows[0]: \"label\"");
	temp_dir_remove(dir);
}

/* ---- figures and slopes ---- */

static struct run *made_run(double tokens, double ms)
{
	struct run *r = run_create();
	r->state = RUN_DONE;
	r->input.tokens = tokens;
	r->wall.p50_ns = ms * 1e6;
	return r;
}

static void figures(void **state)
{
	(void)state;
	char buf[32];
	struct run *r = made_run(196, 12.5);
	r->flops.torch = 2 * 8 * 17.5635e9;
	r->input.batch = 8;
	struct layer *l = run_add_layers(r, 4);
	static const char *const paths[] = { "blocks.0", "blocks.0.attn.sdpa",
					     "blocks.0.mlp.fc1", "head.projection" };
	for (int i = 0; i < 4; i++) {
		l[i].path = l[i].name = paths[i];
		l[i].kind = i == 0 ? "group" : i == 1 ? "attention" : "linear";
		l[i].parent = i == 1 || i == 2 ? 0 : -1;
		l[i].v[METRIC_wall_ns] = i == 0 ? 100 : 25 * i;
		l[i].v[METRIC_tokens_in] = 100 - i;
	}
	assert_true(figure_of(r, FIGURE_ms) == 12.5);
	assert_true(fabs(figure_of(r, FIGURE_gmac) - 17.5635) < 1e-9);
	assert_true(figure_of(r, FIGURE_tokens) == 196);
	assert_true(figure_of(r, FIGURE_sequence) == 99);
	assert_true(isnan(figure_of(r, FIGURE_cosine)));
	assert_true(fabs(figure_of(r, FIGURE_attention_time) - 25 / 150.0) < 1e-12);
	assert_true(fabs(figure_of(r, FIGURE_projection_time) - 75 / 150.0) < 1e-12);
	assert_true(isnan(figure_of(r, FIGURE_attention_work)));
	assert_string_equal(figure_text(FIGURE_ms, 81, buf, sizeof(buf)), "81.00");
	assert_string_equal(figure_text(FIGURE_ms, (double)NAN, buf, sizeof(buf)), "--");
	r->state = RUN_FAILED;
	assert_true(isnan(figure_of(r, FIGURE_ms)));
	run_free(r);
}

/* Groups and leaves of a tree, the time of each leaf. */
static struct run *made_tree(int n, const char *const *paths, const double *ms)
{
	struct run *r = made_run(256, 1);
	struct layer *l = run_add_layers(r, n);
	for (int i = 0; i < n; i++) {
		l[i].path = l[i].name = paths[i];
		l[i].kind = "linear";
		l[i].v[METRIC_wall_ns] = ms[i] * 1e6;
		for (int p = 0; p < i; p++) {
			size_t k = strlen(paths[p]);
			if (!strncmp(paths[i], paths[p], k) && paths[i][k] == '.')
				l[i].parent = p;
		}
	}
	return r;
}

static void check_figure(const struct run *r, enum figure_id id, double want)
{
	double got = figure_of(r, id);
	if (!(fabs(got - want) < 1e-9) && !(isnan(got) && isnan(want)))
		fail_msg("%s: %g, want %g", figure_table[id].name, got, want);
}

static const char *const vlm_paths[] = {
	"visual", /* groups hold the sum of theirs: not counted twice */
	"visual.embeddings.patch",
	"visual.blocks.3",
	"visual.blocks.3.attn.qkv",
	"visual.blocks.3.attn.rotary",
	"visual.blocks.3.attn.sdpa",
	"visual.blocks.3.attn.out",
	"visual.merger.fc1",
	"embeddings.lookup",
	"decoder",
	"decoder.layers.0.attn.q",
	"decoder.layers.0.attn.k",
	"decoder.layers.0.attn.v",
	"decoder.layers.0.attn.sdpa",
	"decoder.layers.0.attn.out",
	"decoder.layers.0.attn.out.a", /* a factor: its parent is no leaf */
	"decoder.layers.0.mlp.attn",
	"visually.unlike",
	"head.logits",
};
static const double vlm_ms[] = { 50, 5, 38, 10, 2, 20, 6,  7, 1, 30,
				 3,  1, 1,  4,  9, 2,  15, 0, 8 };

static void shares_of_a_language_model(void **state)
{
	(void)state;
	int n = (int)(sizeof(vlm_ms) / sizeof(vlm_ms[0]));
	struct run *r = made_tree(n, vlm_paths, vlm_ms);
	double all = 5 + 38 + 7 + 1 + 26 + 8, attention = 38 + 11;
	check_figure(r, FIGURE_visual_time, 50 / all);
	check_figure(r, FIGURE_embedding_time, 1 / all);
	check_figure(r, FIGURE_decoder_time, 26 / all);
	check_figure(r, FIGURE_head_time, 8 / all);
	check_figure(r, FIGURE_attn_sdpa, 24 / attention);
	check_figure(r, FIGURE_attn_qkv, 15 / attention);
	check_figure(r, FIGURE_attn_rotary, 2 / attention);
	check_figure(r, FIGURE_attn_out, 8 / attention);
	run_free(r);
}

/* A tower alone has no part that is called visual. */
static void shares_of_a_tower(void **state)
{
	(void)state;
	static const char *const paths[] = { "embeddings.patch", "blocks.0.attn.qkv",
					     "blocks.0.attn.sdpa", "merger.fc1" };
	static const double ms[] = { 1, 2, 6, 1 };
	struct run *r = made_tree(4, paths, ms);
	check_figure(r, FIGURE_visual_time, (double)NAN);
	check_figure(r, FIGURE_decoder_time, (double)NAN);
	check_figure(r, FIGURE_head_time, (double)NAN);
	check_figure(r, FIGURE_embedding_time, 0.1);
	check_figure(r, FIGURE_attn_sdpa, 0.75);
	check_figure(r, FIGURE_attn_qkv, 0.25);
	check_figure(r, FIGURE_attn_rotary, (double)NAN);
	check_figure(r, FIGURE_visual_tokens, (double)NAN);
	r->visual.tokens = 64;
	r->visual.ns_per_token = 1.93e6;
	r->language.flops = 0.24e12;
	r->language.kv_bytes = 55 * 1048576.0;
	r->language.estimated_ns = 640e6;
	check_figure(r, FIGURE_visual_tokens, 64);
	check_figure(r, FIGURE_us_per_token, 1930);
	check_figure(r, FIGURE_language_gflop, 240);
	check_figure(r, FIGURE_kv_mib, 55);
	check_figure(r, FIGURE_language_ms, 640);
	run_free(r);
	r = made_run(1, 1); /* nothing is known of its layers */
	check_figure(r, FIGURE_attn_sdpa, (double)NAN);
	run_free(r);
}

static void slopes(void **state)
{
	(void)state;
	struct study s;
	struct run *runs[8];
	struct str group = STR_INIT;
	double slope;
	int points;
	check_ok(parse("{" MINIMAL ",\"grid\":{\"image-size\":\"64,128,256,512\","
		       "\"keep\":\"1,.5\"},\"slopes\":[{\"x\":\"tokens\",\"y\":\"ms\","
		       "\"group\":\"keep\"}]}",
		       &s));
	assert_int_equal(s.n_rows, 8);
	for (int i = 0; i < 8; i++) {
		double side = knob_num(&s.rows[i].knobs, KNOB_IMAGE_SIZE);
		double keep = knob_num(&s.rows[i].knobs, KNOB_KEEP);
		runs[i] = made_run(side * side, keep < 1 ? side * side : pow(side, 3));
	}
	const struct run *const *all = (const struct run *const *)runs;
	assert_true(study_fit(&s, &s.slopes[0], all, 0, &group, &slope, &points));
	assert_string_equal(str_get(&group), "keep=1");
	assert_true(fabs(slope - 1.5) < 1e-9 && points == 4);
	str_clear(&group);
	assert_true(study_fit(&s, &s.slopes[0], all, 1, &group, &slope, &points));
	assert_string_equal(str_get(&group), "keep=0.5");
	assert_true(fabs(slope - 1) < 1e-9);
	assert_false(study_fit(&s, &s.slopes[0], all, 2, &group, &slope, &points));
	for (int i = 0; i < 8; i++) { /* two points are no slope */
		if (i > 2)
			run_free(runs[i]);
		runs[i] = i > 2 ? NULL : runs[i];
	}
	assert_true(study_fit(&s, &s.slopes[0], all, 0, &group, &slope, &points));
	assert_true(isnan(slope) && points == 2);
	for (int i = 0; i < 3; i++)
		run_free(runs[i]);
	str_release(&group);
	study_release(&s);
}

/* Two models over the same lengths, one cubic and one linear, with a knob's values. */
#define TWO_LINES                                                                        \
	"{" MINIMAL ",\"rows\":["                                                        \
	"{\"label\":\"a1\",\"knobs\":{\"seq\":10}},"                                     \
	"{\"label\":\"a2\",\"knobs\":{\"seq\":20}},"                                     \
	"{\"label\":\"a3\",\"knobs\":{\"seq\":40}},"                                     \
	"{\"label\":\"b3\",\"model\":\"n\",\"knobs\":{\"seq\":40}},"                     \
	"{\"label\":\"b1\",\"model\":\"n\",\"knobs\":{\"seq\":10}},"                     \
	"{\"label\":\"b2\",\"model\":\"n\",\"knobs\":{\"seq\":20}},"                     \
	"{\"label\":\"r1\",\"knobs\":{\"seq\":10,\"downsample\":4}},"                    \
	"{\"label\":\"r2\",\"knobs\":{\"seq\":20,\"downsample\":4}}],"                   \
	"\"slopes\":[{\"x\":\"tokens\",\"y\":\"ms\",\"group\":\"downsample\"}],"         \
	"\"crossings\":[{\"x\":\"tokens\",\"y\":\"ms\",\"a\":{\"name\":\"up\","          \
	"\"knobs\":{\"downsample\":1}},\"b\":{\"name\":\"flat\",\"model\":\"n\"}},"      \
	"{\"x\":\"tokens\",\"y\":\"ms\",\"a\":{\"name\":\"coarse\",\"knobs\":"           \
	"{\"downsample\":4}},\"b\":{\"name\":\"flat\",\"model\":\"n\"}}]}"

static struct run **runs_of(const struct study *s, double (*ms)(const struct study_row *))
{
	struct run **runs = calloc((size_t)s->n_rows, sizeof(*runs));
	for (int i = 0; i < s->n_rows; i++)
		runs[i] =
			made_run(knob_num(&s->rows[i].knobs, KNOB_SEQ), ms(&s->rows[i]));
	return runs;
}

static void free_runs(struct run **runs, int n)
{
	for (int i = 0; i < n; i++)
		run_free(runs[i]);
	free(runs);
}

/* Cubic through (20, 5), 5 throughout, and 1 below both. */
static double powers(const struct study_row *row)
{
	double seq = knob_num(&row->knobs, KNOB_SEQ);
	if (row->model)
		return 5;
	return knob_num(&row->knobs, KNOB_DOWNSAMPLE) > 1 ? 1 : pow(seq / 16, 3) * 5;
}

static void slopes_of_models(void **state)
{
	(void)state;
	struct study s;
	struct str group = STR_INIT;
	double slope;
	int points;
	check_ok(parse(TWO_LINES, &s));
	struct run **runs = runs_of(&s, powers);
	const struct run *const *all = (const struct run *const *)runs;
	assert_true(study_fit(&s, &s.slopes[0], all, 0, &group, &slope, &points));
	assert_string_equal(str_get(&group), "m downsample=1");
	assert_true(fabs(slope - 3) < 1e-9 && points == 3);
	str_clear(&group);
	assert_true(study_fit(&s, &s.slopes[0], all, 1, &group, &slope, &points));
	assert_string_equal(str_get(&group), "n downsample=1");
	assert_true(fabs(slope) < 1e-9 && points == 3);
	str_release(&group);
	free_runs(runs, s.n_rows);
	study_release(&s);
}

static const char *meeting(const struct study *s, int which, struct run **runs, int turn,
			   struct study_meeting *m)
{
	static char shown[256];
	struct str text = STR_INIT;
	if (!study_meet(s, &s->crossings[which], (const struct run *const *)runs, turn,
			m))
		return "";
	study_meeting_text(&s->crossings[which], m, &text);
	snprintf(shown, sizeof(shown), "%s", str_get(&text));
	str_release(&text);
	return shown;
}

static void lines_that_meet(void **state)
{
	(void)state;
	struct study s;
	struct study_meeting m;
	check_ok(parse(TWO_LINES, &s));
	struct run **runs = runs_of(&s, powers);
	/* Powers are straight lines there: exact. */
	assert_string_equal(meeting(&s, 0, runs, 0, &m),
			    "up meets flat at tokens = 16 (between 10 and 20); up is "
			    "lower before");
	assert_true(fabs(m.at - 16) < 1e-9 && m.points == 3 && m.lower == 0);
	assert_string_equal(meeting(&s, 0, runs, 1, &m), "");
	assert_string_equal(meeting(&s, 1, runs, 0, &m),
			    "coarse and flat: no crossing in the range 10 ... 20; coarse "
			    "is lower");
	assert_true(isnan(m.at) && m.points == 2 && m.lower == 0);
	run_free(runs[6]);
	runs[6] = NULL;
	assert_string_equal(meeting(&s, 1, runs, 0, &m),
			    "coarse and flat: not measured at two of the same tokens");
	assert_true(m.points == 1 && m.lower < 0);
	free_runs(runs, s.n_rows);
	study_release(&s);
}

/* Up and down: above, below, above; and the same at one of the points. */
static double zigzag(const struct study_row *row)
{
	double seq = knob_num(&row->knobs, KNOB_SEQ);
	if (row->model || knob_num(&row->knobs, KNOB_DOWNSAMPLE) > 1)
		return 5;
	return seq > 15 && seq < 25 ? 2.5 : 10;
}

static void lines_that_meet_twice(void **state)
{
	(void)state;
	struct study s;
	struct study_meeting m;
	check_ok(parse(TWO_LINES, &s));
	struct run **runs = runs_of(&s, zigzag);
	assert_non_null(strstr(meeting(&s, 0, runs, 0, &m), "flat is lower before"));
	assert_true(fabs(m.at - sqrt(200)) < 1e-9 && m.after < 11 && m.before > 19);
	assert_non_null(strstr(meeting(&s, 0, runs, 1, &m), "up is lower before"));
	assert_true(fabs(m.at - sqrt(800)) < 1e-9);
	assert_string_equal(meeting(&s, 0, runs, 2, &m), "");
	assert_non_null(strstr(meeting(&s, 1, runs, 0, &m), "no crossing"));
	free_runs(runs, s.n_rows);
	study_release(&s);
}

static void crossings_of_files(void **state)
{
	(void)state;
#define CROSSING(text) "{" MINIMAL ",\"crossings\":[" text "],\"rows\":[" ROW "]}"
#define XY "\"x\":\"tokens\",\"y\":\"ms\""
	REFUSED("\"crossings\" is no", "{" MINIMAL ",\"crossings\":1}");
	REFUSED("crossings[0]: not an object", CROSSING("1"));
	REFUSED("crossings[0]: x: \"\" is none", CROSSING("{}"));
	REFUSED("crossings[0]: a is missing", CROSSING("{" XY "}"));
	REFUSED("crossings[0]: a: \"name\" is missing", CROSSING("{" XY ",\"a\":{}}"));
	REFUSED("crossings[0]: b is missing",
		CROSSING("{" XY ",\"a\":{\"name\":\"n\"}}"));
	REFUSED("crossings[0]: a: unknown key \"z\"",
		CROSSING("{" XY ",\"a\":{\"name\":\"n\",\"z\":1}}"));
	REFUSED("no knob \"z\"",
		CROSSING("{" XY ",\"a\":{\"name\":\"n\",\"knobs\":{\"z\":1}}}"));
	REFUSED("unknown key \"w\"", CROSSING("{" XY ",\"w\":1}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_in),
		cmocka_unit_test(every_text_is_a_study),
		cmocka_unit_test(figures_of_vtp),
		cmocka_unit_test(figures_of_sequences),
		cmocka_unit_test(knobs_that_are_given),
		cmocka_unit_test(figures_of_others),
		cmocka_unit_test(knobs_of_rows),
		cmocka_unit_test(a_file),
		cmocka_unit_test(texts_of_rows),
		cmocka_unit_test(a_grid_of_one),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(bad_rows),
		cmocka_unit_test(hostile),
		cmocka_unit_test(damaged),
		cmocka_unit_test(from_disk),
		cmocka_unit_test(figures),
		cmocka_unit_test(shares_of_a_language_model),
		cmocka_unit_test(shares_of_a_tower),
		cmocka_unit_test(slopes),
		cmocka_unit_test(slopes_of_models),
		cmocka_unit_test(lines_that_meet),
		cmocka_unit_test(lines_that_meet_twice),
		cmocka_unit_test(crossings_of_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
