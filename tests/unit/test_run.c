/* The result object: complete, exact, and deaf to what is not one. */
#include "check.h"

#include <math.h>

#include "base/rng.h"
#include "run_sample.h"

static enum err decode(const char *text, size_t n, struct run **out)
{
	json_t *v;
	*out = NULL;
	enum err e = json_read(text, n, "line", &v);
	if (e)
		return e;
	e = run_from_json(v, "line", out);
	json_decref(v);
	return e;
}

static void check_round_trip(const struct run *r)
{
	char *first = sample_line(r);
	struct run *back;
	check_ok(decode(first, strlen(first), &back));
	char *second = sample_line(back);
	assert_string_equal(first, second);
	run_free(back);
	free(first);
	free(second);
}

static void round_trip_is_exact(void **state)
{
	(void)state;
	struct run *r = sample_run(3);
	check_round_trip(r);
	/* Values whose twelve digits are an integer, or beyond the integers. */
	r->wall.p50_ns = 123456789012.5;
	r->wall.mean_ns = 2.0000000000001;
	r->wall.sd_ns = 9007199254740993.0;
	r->wall.min_ns = 1e300;
	r->wall.max_ns = (double)INFINITY;
	r->flops.ours = -0.0;
	check_round_trip(r);
	run_free(r);
}

static void empty_run_has_every_key(void **state)
{
	(void)state;
	struct run *r = run_create();
	json_t *o = run_to_json(r);
	static const char *const keys[] = {
		"result_version", "uid",    "session",    "started_ns", "state",
		"error",          "model",  "input",      "device",     "knobs",
		"wall",           "whole",  "throughput", "memory",     "rusage",
		"flops",          "bytes",  "fidelity",   "accuracy",   "zero_shot",
		"low_rank",       "visual", "language",   "generated",  "tokens",
		"layers",         "env",    "warnings",   "prompt",     "likelihood",
		"mrss",           "ssm",    "embeddings", "layouts",
	};
	size_t n = sizeof(keys) / sizeof(keys[0]);
	for (size_t i = 0; i < n; i++)
		if (!json_object_get(o, keys[i]))
			fail_msg("%s is missing", keys[i]);
	assert_int_equal(json_object_size(o), n);
	assert_true(json_is_null(json_object_get(o, "uid")));
	assert_true(json_is_null(json_object_get(o, "fidelity")));
	assert_true(json_is_null(json_object_get(o, "accuracy")));
	assert_true(json_is_null(json_object_get(o, "low_rank")));
	assert_true(json_is_null(json_object_get(o, "prompt")));
	assert_true(json_is_null(json_object_get(o, "visual")));
	assert_true(json_is_null(json_object_get(o, "language")));
	assert_true(json_is_null(json_object_get(o, "generated")));
	json_t *tokens = json_object_get(o, "tokens");
	assert_true(json_is_null(json_object_get(tokens, "sites")));
	json_t *wall = json_object_get(o, "wall");
	assert_true(json_is_null(json_object_get(wall, "p50_ns")));
	assert_true(json_is_null(json_object_get(wall, "samples_ns")));
	json_t *blas = json_object_get(json_object_get(o, "env"), "blas");
	assert_int_equal(json_object_size(blas), 3);
	json_decref(o);
	check_round_trip(r);
	run_free(r);
}

static void knobs_and_layers_read_well(void **state)
{
	(void)state;
	struct run *r = sample_run(1);
	char *line = sample_line(r);
	assert_non_null(strstr(line,
			       "\"knobs\":{\"method\":\"l2\",\"keep\":0.7,"
			       "\"prune_at\":\"embed\",\"dtype\":\"fp32\",\"batch\":1,"
			       "\"threads\":\"auto\",\"device\":\"cpu\",\"kept\":3}"));
	assert_non_null(
		strstr(line, "{\"path\":\"blocks.0\",\"parent\":null,\"kind\":\"group\","
			     "\"calls\":null"));
	assert_non_null(
		strstr(line, "{\"path\":\"blocks.0.attn.qkv\",\"parent\":\"blocks.0\""));
	assert_non_null(strstr(line, "\"started_ns\":1751328000123456768,"));
	assert_non_null(strstr(line, "\"blas\":{\"name\":\"env.blas.name\""));
	assert_non_null(strstr(line, "\"warnings\":[\"the governor is powersave\""));

	struct run *back;
	check_ok(decode(line, strlen(line), &back));
	assert_int_equal(back->layers[2].parent, 0);
	assert_string_equal(back->layers[2].name, "attn.qkv");
	assert_true(back->knob_mask == r->knob_mask);
	assert_true(isnan(knob_num(&back->knobs, KNOB_THREADS)));
	assert_int_equal(back->wall.n_samples, 30);
	assert_true(isnan(back->layers[0].v[METRIC_wall_ns]));
	run_free(back);
	run_free(r);
	free(line);
}

static void kept_count_without_the_list(void **state)
{
	(void)state;
	struct run *r = sample_run(1);
	r->tokens.kept = NULL;
	r->tokens.n_kept = 137;
	r->state = RUN_ESTIMATE;
	char *line = sample_line(r);
	assert_non_null(strstr(line, "\"kept\":137"));
	assert_non_null(strstr(line, "\"kept\":null"));
	assert_non_null(strstr(line, "\"state\":\"estimate\""));
	check_round_trip(r);
	free(line);
	run_free(r);
}

static void sites_read_well(void **state)
{
	(void)state;
	struct run *r = sample_run(1), *back;
	char *line = sample_line(r);
	assert_non_null(
		strstr(line, "\"sites\":[{\"path\":\"embed\",\"layer\":-1,"
			     "\"alive\":[0,1,2,3],\"scores\":[0.5,2,-0.333333333333,2],"
			     "\"kept\":[1,3],\"groups\":null},{\"path\":\"blocks.0\","));
	assert_non_null(strstr(line, "\"groups\":[0,1,null,1]}]"));
	check_ok(decode(line, strlen(line), &back));
	assert_int_equal(back->tokens.n_sites, 2);
	const struct run_site *s = back->tokens.sites;
	assert_string_equal(s[1].path, "blocks.0");
	assert_true(s[0].layer == -1 && s[0].scores[1] == 2 && s[0].kept[1] == 3);
	assert_null(s[0].groups);
	assert_null(s[1].scores);
	assert_true(isnan(s[1].groups[2]));
	run_free(back);
	free(line);

	r->tokens.n_sites = 0; /* measured: there was none */
	line = sample_line(r);
	assert_non_null(strstr(line, "\"sites\":[]"));
	check_round_trip(r);
	free(line);
	run_free(r);
}

/* Groups that are null where their first field is not known. */
static void groups_may_be_missing(void **state)
{
	(void)state;
	struct run *r = sample_run(1), *back;
	r->accuracy.images = r->low_rank.matrices = (double)NAN;
	r->visual.rows = r->generated.prompt_tokens = (double)NAN;
	r->likelihood.tokens = r->mrss.work_ratio = r->ssm.state_bytes = (double)NAN;
	r->fidelity.reference = r->zero_shot.label = r->language.name = NULL;
	r->embeddings.source = NULL;
	r->layouts.longest = (double)NAN;
	char *line = sample_line(r);
	static const char *const groups[] = {
		"fidelity", "accuracy",  "zero_shot",  "low_rank",
		"visual",   "language",  "likelihood", "mrss",
		"ssm",      "generated", "embeddings", "layouts",
	};
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		char want[32];
		snprintf(want, sizeof(want), "\"%s\":null", groups[i]);
		if (!strstr(line, want))
			fail_msg("%s is there", groups[i]);
	}
	check_ok(decode(line, strlen(line), &back));
	assert_true(isnan(back->accuracy.top1) && isnan(back->low_rank.rel_error));
	assert_null(back->fidelity.worst);
	assert_null(back->zero_shot.base_label);
	assert_true(isnan(back->fidelity.cosine_min));
	run_free(back);
	free(line);
	run_free(r);
}

/* Figures of a group that is not there are not believed, lists neither. */
static void figures_need_their_group(void **state)
{
	(void)state;
	static const char line[] =
		"{\"result_version\":1,\"state\":\"done\","
		"\"language\":{\"params\":7},\"visual\":{\"tokens\":3},"
		"\"generated\":{\"ids\":[1,2],\"text\":\"a\"}}";
	struct run *back;
	check_ok(decode(line, strlen(line), &back));
	assert_true(isnan(back->language.params) && isnan(back->visual.tokens));
	assert_null(back->generated.ids);
	assert_int_equal(back->generated.n_ids, 0);
	assert_null(back->generated.text);
	check_round_trip(back);
	run_free(back);
}

/* What a language model says may be anything: bytes cut in mid character, too. */
static void generated_text_survives(void **state)
{
	(void)state;
	struct run *r = sample_run(1), *back;
	r->generated.text = "\xf0\x9f\x98 \x1b[2J \xf0\x9f\x98\x80";
	r->generated.n_ids = 0;
	char *line = sample_line(r);
	assert_non_null(strstr(line, "\"ids\":[],\"text\":\"\\\\xf0"));
	check_ok(decode(line, strlen(line), &back));
	assert_non_null(back->generated.ids);
	assert_int_equal(back->generated.n_ids, 0);
	assert_non_null(strstr(back->generated.text, "\xf0\x9f\x98\x80"));
	check_round_trip(r);
	run_free(back);
	free(line);
	run_free(r);
}

/* One thing of a good line replaced by a bad one. */
static void check_refused(const char *from, const char *to, const char *part)
{
	struct run *r = sample_run(1), *back;
	char *line = sample_line(r);
	const char *at = strstr(line, from);
	if (!at)
		fail_msg("the line has no %s", from);
	struct str s = STR_INIT;
	str_add_n(&s, line, (size_t)(at - line));
	str_add(&s, to);
	str_add(&s, at + strlen(from));
	check_err(decode(str_get(&s), s.len, &back), ERR_FORMAT, part);
	assert_null(back);
	assert_non_null(strstr(err_message(), "line"));
	str_release(&s);
	free(line);
	run_free(r);
}

static void bad_values_are_named(void **state)
{
	(void)state;
	check_refused("\"result_version\":1", "\"result_version\":2",
		      "this program reads 1");
	check_refused("\"result_version\":1,", "", "result_version is 0");
	check_refused("\"state\":\"done\"", "\"state\":\"fine\"", "\"state\"");
	check_refused("\"uid\":\"0190", "\"uid\":\"019x", "\"uid\"");
	check_refused("\"started_ns\":17", "\"started_ns\":-17", "\"started_ns\"");
	check_refused("\"keep\":0.7", "\"keep\":7", "--keep");
	check_refused("\"keep\":0.7", "\"keep\":null", "\"keep\"");
	check_refused("\"dtype\":\"fp32\"", "\"dt\\u001bype\":\"fp32\"", "dt\\x1bype");
	check_refused("\"kept\":3}", "\"kept\":4}", "\"kept\"");
	check_refused("\"kept\":[0,5,190]", "\"kept\":[0,5,5]", "ascending");
	check_refused("\"batch\":1011", "\"batch\":1.5", "\"batch\"");
	check_refused("\"batch\":1011", "\"batch\":-1", "\"batch\"");
	check_refused("\"batch\":1011", "\"batch\":\"8\"", "\"batch\"");
	check_refused("\"parent\":\"blocks.0\"", "\"parent\":\"blocks.1\"", "precede");
	check_refused("\"parent\":\"blocks.0\"", "\"parent\":7", "\"parent\"");
	check_refused("\"path\":\"blocks.0.ln1\"", "\"path\":\"blocks\"", "begin with");
	check_refused("\"path\":\"blocks.0.ln1\"", "\"path\":\"blocks.0\"", "not unique");
	check_refused("\"kind\":\"linear\",", "", "\"kind\" of a layer is missing");
	check_refused("\"kind\":\"group\"", "\"kind\":null", "\"kind\" of a layer");
	check_refused("\"layers\":[{", "\"layers\":[3,{", "\"layers\"");
	check_refused("\"random weights\"]", "{}]", "\"warnings\"");
	check_refused("\"sites\":[{", "\"sites\":[3,{", "\"sites\"");
	check_refused("\"sites\":[{", "\"sites\":{\"a\":[{", "JSON");
	check_refused("\"path\":\"embed\",", "", "\"path\" of a site");
	check_refused("\"layer\":-1,", "", "\"layer\" of a site");
	check_refused("\"layer\":-1", "\"layer\":-2", "\"layer\"");
	check_refused("\"layer\":-1", "\"layer\":0.5", "\"layer\"");
	check_refused("\"alive\":[0,1,2,3]", "\"alive\":[0,1,2,1e300]", "\"alive\"");
	check_refused("\"alive\":[0,1,2,3]", "\"alive\":[0,1,2,-1]", "\"alive\"");
	check_refused("\"alive\":[0,1,2,3]", "\"alive\":[0,1,2,null]", "\"alive\"");
	check_refused("\"alive\":[0,1,2,3]", "\"alive\":[0,1,2,2.5]", "\"alive\"");
	check_refused("\"alive\":[0,1,2,3]", "\"alive\":[0,1,2]", "\"scores\"");
	check_refused("\"alive\":[0,1,2,3]", "\"alive\":null", "\"scores\"");
	check_refused("\"kept\":[1,3]", "\"kept\":[1,3,0,0,0]", "more than came in");
	check_refused("\"kept\":[1,3]", "\"kept\":[1,\"3\"]", "\"kept\"");
	check_refused("\"groups\":[0,1,null,1]", "\"groups\":[0,1,null,4]", "\"groups\"");
	check_refused("\"ids\":[0,5,190]", "\"ids\":[0,-5,190]", "token ids");
	check_refused("\"ids\":[0,5,190]", "\"ids\":[0,5.5]", "token ids");
	check_refused("\"ids\":[0,5,190]", "\"ids\":[0,null]", "token ids");
	check_refused("\"ids\":[0,5,190]", "\"ids\":[3e9]", "token ids");
	check_refused("\"ids\":[0,5,190]", "\"ids\":\"0,5\"", "\"ids\"");
	check_refused("\"text\":\"generated.text\"", "\"text\":[7]", "\"text\"");
	check_refused("\"name\":\"language.name\"", "\"name\":7", "\"name\"");
	check_refused("\"visual\":{", "\"visual\":[],\"a\":{", "\"visual\"");
	check_refused("\"worst\":\"fidelity.worst\"", "\"worst\":7", "\"worst\"");
	check_refused("\"accuracy\":{", "\"accuracy\":[],\"a\":{", "\"accuracy\"");
	check_refused("\"wall\":{", "\"wall\":3,\"walled\":{", "\"wall\"");
}

static void absurd_counts_are_refused(void **state)
{
	(void)state;
	struct str s = STR_INIT;
	struct run *back;
	str_add(&s, "{\"result_version\":1,\"state\":\"done\",\"layers\":[");
	for (int i = 0; i <= RUN_MAX_LAYERS; i++)
		str_add(&s, i ? ",0" : "0");
	str_add(&s, "]}");
	check_err(decode(str_get(&s), s.len, &back), ERR_FORMAT, "too many");
	str_clear(&s);
	str_add(&s, "{\"result_version\":1,\"state\":\"done\",\"tokens\":{\"sites\":[");
	for (int i = 0; i <= RUN_MAX_SITES; i++)
		str_add(&s, i ? ",0" : "0");
	str_add(&s, "]}}");
	check_err(decode(str_get(&s), s.len, &back), ERR_FORMAT, "too many");
	str_clear(&s);
	str_add(&s, "{\"result_version\":1,\"state\":\"done\",\"tokens\":{\"sites\":[");
	for (int i = 0; i < 3; i++) {
		str_addf(&s, "%s{\"path\":\"a\",\"layer\":0,\"alive\":[0", i ? "," : "");
		for (int v = 0; v < RUN_MAX_VALUES / 3; v++)
			str_add(&s, ",0");
		str_add(&s, "]}");
	}
	str_add(&s, "]}}");
	check_err(decode(str_get(&s), s.len, &back), ERR_FORMAT, "too many tokens");
	str_clear(&s);
	str_add(&s, "{\"result_version\":1,\"state\":\"done\",\"generated\":{\"ids\":[");
	for (int i = 0; i <= RUN_MAX_VALUES; i++)
		str_add(&s, i ? ",0" : "0");
	str_add(&s, "]}}");
	check_err(decode(str_get(&s), s.len, &back), ERR_FORMAT, "\"ids\" has too many");
	str_clear(&s);
	str_add(&s, "{\"result_version\":1,\"state\":\"done\",\"error\":\"");
	for (int i = 0; i <= RUN_MAX_TEXT; i++)
		str_add(&s, "a");
	str_add(&s, "\"}");
	check_err(decode(str_get(&s), s.len, &back), ERR_FORMAT, "too long");
	str_release(&s);
}

/* Truncated at every byte and with seeded damage: an error or a run, never worse. */
static void damage_is_survived(void **state)
{
	(void)state;
	struct run *r = sample_run(1), *back;
	char *line = sample_line(r);
	size_t n = strlen(line);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(decode(line, i, &back), ERR_FORMAT);

	static const char spice[] = "\"{}[]:,.0-9eE\\ntfu\x80\xff";
	char *copy = str_dup(line);
	int refused = 0;
	for (uint32_t round = 0; round < 3000; round++) {
		memcpy(copy, line, n);
		for (uint32_t k = 0; k < 1 + round % 3; k++)
			copy[rng_bits(round, 2 * k) % n] =
				spice[rng_bits(round, 2 * k + 1) % (sizeof(spice) - 1)];
		if (decode(copy, n, &back)) {
			refused++;
			assert_null(back);
			continue;
		}
		check_round_trip(back);
		run_free(back);
	}
	assert_true(refused > 300);
	free(copy);
	free(line);
	run_free(r);
}

static void cells_tell_settings_apart(void **state)
{
	(void)state;
	struct run *r = sample_run(1);
	char a[RUN_CELL_SIZE], b[RUN_CELL_SIZE], base[RUN_CELL_SIZE];
	assert_true(run_cell(r, a));
	assert_true(run_base_cell(r, base));
	assert_string_not_equal(a, base);

	check_ok(knobs_set(&r->knobs, KNOB_METHOD, "auto")); /* is l2 at keep 0.7 */
	assert_true(run_cell(r, b));
	assert_string_equal(a, b);
	check_ok(knobs_set(&r->knobs, KNOB_KEEP, "1"));
	assert_true(run_cell(r, b));
	assert_string_equal(b, base);
	check_ok(knobs_set(&r->knobs, KNOB_BATCH, "8"));
	assert_true(run_cell(r, b));
	assert_string_not_equal(b, base);
	r->input.sha256 = NULL;
	assert_false(run_cell(r, b));
	assert_string_equal(b, "");
	run_free(r);
}

/* The cell of a run that came over the protocol is the cell it left with. */
static void cells_survive_the_trip(void **state)
{
	(void)state;
	struct run *r = sample_run(1), *back;
	char a[RUN_CELL_SIZE], b[RUN_CELL_SIZE];
	for (int64_t kept = 1; kept <= 196; kept++) {
		r->knobs.v[KNOB_KEEP].num = knob_keep_for(196, kept) + 1e-11 / 3;
		if (r->knobs.v[KNOB_KEEP].num > 1 || r->knobs.v[KNOB_KEEP].num < 0.01)
			continue;
		char *line = sample_line(r);
		check_ok(decode(line, strlen(line), &back));
		assert_true(run_cell(r, a) && run_cell(back, b));
		assert_string_equal(a, b);
		run_free(back);
		free(line);
	}
	run_free(r);
}

/* What keeps the same tokens is the same setting; where N is not known, the share is. */
static void equal_counts_are_one_cell(void **state)
{
	(void)state;
	struct run *r = sample_run(1);
	char a[RUN_CELL_SIZE], b[RUN_CELL_SIZE];
	r->input.tokens = 196;
	assert_true(run_cell(r, a));
	check_ok(knobs_set(&r->knobs, KNOB_KEEP, "0.701"));
	assert_true(run_cell(r, b));
	assert_string_equal(a, b);
	check_ok(knobs_set(&r->knobs, KNOB_KEEP, "0.71"));
	assert_true(run_cell(r, b));
	assert_string_not_equal(a, b);
	r->input.tokens = (double)NAN;
	assert_true(run_cell(r, a));
	check_ok(knobs_set(&r->knobs, KNOB_KEEP, "0.711"));
	assert_true(run_cell(r, b));
	assert_string_not_equal(a, b);
	run_free(r);
}

/* Patches that go in units of four: ratios that keep the same units are one setting. */
static void units_stay_together(void **state)
{
	(void)state;
	struct run *r = sample_run(1);
	char a[RUN_CELL_SIZE], b[RUN_CELL_SIZE];
	r->input.tokens = 256;
	check_ok(
		knobs_set(&r->knobs, KNOB_KEEP, "0.7")); /* 44 of 64 units, 179 patches */
	assert_true(run_cell(r, a));
	check_ok(knobs_set(&r->knobs, KNOB_KEEP, "0.699"));
	assert_true(run_cell(r, b)); /* 178 */
	assert_string_not_equal(a, b);
	r->visual.patches_per_token = 4;
	assert_true(run_cell(r, a));
	check_ok(knobs_set(&r->knobs, KNOB_KEEP, "0.7"));
	assert_true(run_cell(r, b));
	assert_string_equal(a, b);
	check_ok(knobs_set(&r->knobs, KNOB_KEEP, "0.704")); /* 45 */
	assert_true(run_cell(r, b));
	assert_string_not_equal(a, b);

	/* It counts patches: as many of them, one by one, are the same setting. */
	check_ok(knobs_set(&r->knobs, KNOB_KEEP, "0.6875"));
	assert_true(run_cell(r, a));
	r->visual.patches_per_token = (double)NAN;
	assert_true(run_cell(r, b));
	assert_string_equal(a, b);

	r->visual.patches_per_token = 1e300; /* nonsense of a stranger */
	assert_true(run_cell(r, b));
	assert_string_equal(a, b);
	r->visual.patches_per_token = 4;
	r->input.tokens = 3;
	assert_true(run_cell(r, a));
	run_free(r);
}

static void everything_kept_is_counted(void **state)
{
	(void)state;
	struct run *r = sample_run(1);
	r->tokens.kept = NULL;
	r->tokens.n_kept = 0;
	r->input.tokens = 196;
	assert_true(isnan(run_kept(r))); /* keep 0.7, but nobody has counted */
	check_ok(knobs_set(&r->knobs, KNOB_KEEP, "1"));
	char *line = sample_line(r);
	assert_non_null(strstr(line, "\"kept\":196}"));
	check_round_trip(r);
	r->input.tokens = (double)NAN;
	assert_true(isnan(run_kept(r)));
	free(line);
	run_free(r);
}

static void leaves_have_no_children(void **state)
{
	(void)state;
	struct run *r = sample_run(2);
	assert_false(run_layer_is_leaf(r, 0));
	assert_true(run_layer_is_leaf(r, 1));
	assert_false(run_layer_is_leaf(r, 8));
	assert_true(run_layer_is_leaf(r, 15));
	run_free(r);
}

static void check_text(enum metric_unit unit, double v, const char *wanted)
{
	char buf[32];
	assert_string_equal(metric_text(unit, v, buf, sizeof(buf)), wanted);
}

static void metrics_as_text(void **state)
{
	(void)state;
	check_text(UNIT_NS, (double)NAN, "--");
	check_text(UNIT_NS, 21.44e6, "21.4");
	check_text(UNIT_NS, 12.3e3, "0.012");
	check_text(UNIT_NS, 9.996e6, "10.0");
	check_text(UNIT_NS, 1234.4e6, "1234");
	check_text(UNIT_NS, 123456e6, "123k");
	check_text(UNIT_NS, 0, "0.000");
	check_text(UNIT_COUNT, 137, "137");
	check_text(UNIT_COUNT, 0, "0");
	check_text(UNIT_COUNT, 0.25, "0.25");
	check_text(UNIT_COUNT, 1620, "1.62k");
	check_text(UNIT_COUNT, 999.6, "1.00k");
	check_text(UNIT_FLOPS, 17.56e9, "17.6G");
	check_text(UNIT_FLOPS, 999.9e6, "1.00G");
	check_text(UNIT_BYTES, 512, "512");
	check_text(UNIT_BYTES, 1024, "1.00k");
	check_text(UNIT_BYTES, 1000.0 * 1024 * 1024, "0.98G");
	check_text(UNIT_RATIO, 0.99871, "0.9987");
	check_text(UNIT_RATIO, 1, "1.000");
	check_text(UNIT_RATIO, 12.345, "12.35");
	check_text(UNIT_COUNT, -1620, "-1.62k");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip_is_exact),
		cmocka_unit_test(empty_run_has_every_key),
		cmocka_unit_test(knobs_and_layers_read_well),
		cmocka_unit_test(kept_count_without_the_list),
		cmocka_unit_test(sites_read_well),
		cmocka_unit_test(groups_may_be_missing),
		cmocka_unit_test(figures_need_their_group),
		cmocka_unit_test(generated_text_survives),
		cmocka_unit_test(bad_values_are_named),
		cmocka_unit_test(absurd_counts_are_refused),
		cmocka_unit_test(damage_is_survived),
		cmocka_unit_test(cells_tell_settings_apart),
		cmocka_unit_test(cells_survive_the_trip),
		cmocka_unit_test(equal_counts_are_one_cell),
		cmocka_unit_test(units_stay_together),
		cmocka_unit_test(everything_kept_is_counted),
		cmocka_unit_test(leaves_have_no_children),
		cmocka_unit_test(metrics_as_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
