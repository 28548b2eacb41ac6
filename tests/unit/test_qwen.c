/* Bad input to Qwen's vision-language models: checkpoints that contradict themselves,
 * pictures that no grid fits, knobs that mean nothing here, prompts that do not fit. */
#include "check.h"

#include <dirent.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/str.h"
#include "models/input.h"
#include "models/model.h"
#include "models/prompt.h"
#include "models/qwen_plan.h"

static char dir[64];

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

static const char *in_dir(const char *file)
{
	static char path[4][384];
	static unsigned turn;
	char *p = path[turn++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", dir, file);
	return p;
}

static void put(const char *file, const char *text)
{
	FILE *f = fopen(in_dir(file), "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* ---- checkpoints ---- */

/* A fixture's folder, without one of its files. */
static void link_folder(const char *folder, const char *without)
{
	struct dirent *entry;
	DIR *d = opendir(fixture(folder));
	assert_non_null(d);
	while ((entry = readdir(d))) {
		char from[640];
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, without))
			continue;
		snprintf(from, sizeof(from), "%s/%s", fixture(folder), entry->d_name);
		assert_int_equal(symlink(from, in_dir(entry->d_name)), 0);
	}
	closedir(d);
}

/* A JSON file of the fixture with one value changed, of an object in it unless NULL; a
 * NULL value is taken out. Takes the value. */
static void put_value(const char *folder, const char *file, const char *object,
		      const char *key, json_t *value)
{
	char path[128];
	json_t *o;
	snprintf(path, sizeof(path), "%s/%s", folder, file);
	check_ok(json_read_file(fixture(path), 1 << 20, &o));
	json_t *in = object ? json_object_get(o, object) : o;
	if (value)
		json_object_set_new(in, key, value);
	else
		json_object_del(in, key);
	char *line = json_line(o);
	put(file, line);
	free(line);
	json_decref(o);
}

static void put_changed(const char *folder, const char *file, const char *object,
			const char *key, int64_t value)
{
	put_value(folder, file, object, key, json_integer(value));
}

struct contradiction {
	const char *object, *key;
	int64_t value;
	const char *part, *other; /* of the message */
};

/* Refused by one line with both numbers that names both files. */
static void check_contradictions(const char *folder, enum input_kind kind,
				 const struct contradiction *c, size_t n)
{
	link_folder(folder, "config.json");
	for (size_t i = 0; i < n; i++) {
		struct model *m;
		put_changed(folder, "config.json", c[i].object, c[i].key, c[i].value);
		enum err e = model_open_for(dir, 0, kind, &m);
		const char *text = e ? err_message() : "accepted";
		if (e != ERR_FORMAT || !strstr(text, c[i].part) ||
		    !strstr(text, c[i].other) || !strstr(text, "config.json") ||
		    !strstr(text, ".safetensors") || strchr(text, '\n'))
			fail_msg("%s %s = %d: %s (want \"%s\" and \"%s\")", folder,
				 c[i].key, (int)c[i].value, text, c[i].part, c[i].other);
	}
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void qwen2_contradicts_its_tensors(void **state)
{
	static const struct contradiction cases[] = {
		{ "vision_config", "depth", 3, "depth is 3", "visual.blocks.3." },
		{ "vision_config", "depth", 5, "visual.blocks.4.", "no tensor" },
		{ "vision_config", "embed_dim", 64, "[32, 3, 2, 4, 4]", "[64, " },
		{ "vision_config", "mlp_ratio", 2, "[128, 32]", "[64, 32]" },
		{ "vision_config", "hidden_size", 40, "[48, 128]", "[40, 128]" },
		{ "vision_config", "patch_size", 8, "2, 4, 4]", "2, 8, 8]" },
		{ "vision_config", "spatial_merge_size", 4, "[128, 128]", "[512, 512]" },
	};
	(void)state;
	check_contradictions("qwen2_tiny", INPUT_PICTURES, cases, COUNT(cases));
}

static void qwen25_contradicts_its_tensors(void **state)
{
	static const struct contradiction cases[] = {
		{ "vision_config", "depth", 5, "visual.blocks.4.", "no tensor" },
		{ "vision_config", "hidden_size", 36, "[24, 3, 2, 4, 4]", "[36, " },
		{ "vision_config", "intermediate_size", 64, "[60, 24]", "[64, 24]" },
		{ "vision_config", "out_hidden_size", 64, "[48, 96]", "[64, 96]" },
	};
	(void)state;
	check_contradictions("qwen25_tiny", INPUT_PICTURES, cases, COUNT(cases));
}

/* The names of later releases; shards, of which the index is the file. */
static void others_contradict_their_tensors(void **state)
{
	static const struct contradiction later[] = {
		{ "vision_config", "depth", 2, "depth is 2", "model.visual.blocks.2." },
	};
	static const struct contradiction shards[] = {
		{ "vision_config", "depth", 2, "depth is 2", "visual.blocks.2." },
		{ "vision_config", "out_hidden_size", 32, "[24, 128]", "[32, 128]" },
	};
	(void)state;
	check_contradictions("qwen2_visual_f16", INPUT_PICTURES, later, COUNT(later));
	tear_down(NULL);
	set_up(NULL);
	check_contradictions("qwen25_visual_bf16", INPUT_PICTURES, shards, COUNT(shards));
}

static void language_model_contradicts_its_tensors(void **state)
{
	static const struct contradiction cases[] = {
		{ NULL, "num_hidden_layers", 2, "num_hidden_layers is 2",
		  "model.layers.2." },
		{ NULL, "num_hidden_layers", 4, "model.layers.3.", "no tensor" },
		{ NULL, "intermediate_size", 96, "[80, 48]", "[96, 48]" },
		{ NULL, "vocab_size", 400, "[320, 48]", "[400, 48]" },
		{ NULL, "num_key_value_heads", 1, "[16, 48]", "[8, 48]" },
	};
	(void)state;
	check_contradictions("qwen2_tiny", INPUT_PROMPT, cases, COUNT(cases));
}

static void refused(enum input_kind kind, enum err code, const char *part)
{
	struct model *m;
	check_err(model_open_for(dir, 0, kind, &m), code, part);
	assert_null(m);
	assert_null(strchr(err_message(), '\n'));
}

static void configurations(void **state)
{
	(void)state;
	link_folder("qwen25_tiny", "config.json");
	put_changed("qwen25_tiny", "config.json", "vision_config", "num_heads", 5);
	refused(INPUT_PICTURES, ERR_FORMAT, "24 channels in 5 heads");
	put_changed("qwen25_tiny", "config.json", "vision_config", "window_size", 4);
	refused(INPUT_PICTURES, ERR_FORMAT, "window_size is less than one token");
	put_changed("qwen25_tiny", "config.json", NULL, "num_attention_heads", 4);
	refused(INPUT_PROMPT, ERR_FORMAT, "half of a head, 6");
	put_changed("qwen25_tiny", "config.json", NULL, "image_token_id", 320);
	refused(INPUT_PROMPT, ERR_FORMAT, "image_token_id");
}

/* What the language model would compute otherwise, or could not look up at all. */
static void configurations_of_language_models(void **state)
{
	static const char *const config = "config.json", *const folder = "qwen2_tiny";
	static const char *const marks[] = { "image_token_id", "vision_start_token_id",
					     "vision_end_token_id" };
	(void)state;
	link_folder(folder, config);
	for (size_t i = 0; i < COUNT(marks); i++) {
		put_value(folder, config, NULL, marks[i], NULL);
		refused(INPUT_PROMPT, ERR_FORMAT, marks[i]);
		assert_non_null(strstr(err_message(), "vocabulary of 320"));
	}
	put_changed(folder, config, NULL, "num_attention_heads", 64);
	refused(INPUT_PICTURES, ERR_FORMAT, "64 attention heads of 0");
	put_value(folder, config, NULL, "hidden_act", json_string("gelu"));
	refused(INPUT_PROMPT, ERR_UNSUPPORTED, "hidden_act \"gelu\"");
	put_value(folder, config, NULL, "use_sliding_window", json_true());
	refused(INPUT_PROMPT, ERR_UNSUPPORTED, "use_sliding_window");
	put_value(folder, config, "rope_scaling", "type", json_string("yarn"));
	refused(INPUT_PROMPT, ERR_UNSUPPORTED, "rope_scaling.type \"yarn\"");
	put_value(folder, config, "rope_scaling", "mrope_section", json_integer(4));
	refused(INPUT_PROMPT, ERR_FORMAT, "mrope_section: want 3 numbers");
	put_value(folder, config, "rope_scaling", "mrope_section",
		  json_pack("[s, i, i]", "", 2, 2));
	refused(INPUT_PROMPT, ERR_FORMAT, "mrope_section: want 3 numbers");
}

static void channels_of_pictures(void **state)
{
	static const char *const names[] = { "in_chans", "in_channels" };
	(void)state;
	link_folder("qwen2_tiny", "config.json");
	for (size_t i = 0; i < COUNT(names); i++) {
		put_changed("qwen2_tiny", "config.json", "vision_config", names[i], 4);
		refused(INPUT_PICTURES, ERR_UNSUPPORTED, names[i]);
		put_value("qwen2_tiny", "config.json", "vision_config", names[i],
			  json_string("x"));
		refused(INPUT_PICTURES, ERR_FORMAT, names[i]);
	}
}

static void processor_cuts_otherwise(void **state)
{
	static const char *const file = "preprocessor_config.json";
	(void)state;
	link_folder("qwen2_tiny", file);
	put_changed("qwen2_tiny", file, NULL, "patch_size", 8);
	refused(INPUT_PICTURES, ERR_FORMAT, "cuts patches of 8 x 8");
	assert_non_null(strstr(err_message(), file));
	assert_non_null(strstr(err_message(), "/config.json"));
	put_changed("qwen2_tiny", file, NULL, "merge_size", 4);
	refused(INPUT_PICTURES, ERR_FORMAT, "merges 4 x 4");
	put_changed("qwen2_tiny", file, NULL, "temporal_patch_size", 1);
	refused(INPUT_PICTURES, ERR_FORMAT, "in 1 frames");
}

static void missing_shard(void **state)
{
	(void)state;
	link_folder("qwen25_visual_bf16", "model-00002-of-00002.safetensors");
	refused(INPUT_PICTURES, ERR_NOTFOUND, "model-00002-of-00002.safetensors");
	assert_non_null(strstr(err_message(), "model.safetensors.index.json"));
	assert_non_null(strstr(err_message(), "visual."));
}

static void no_language_model(void **state)
{
	struct model *m;
	(void)state;
	check_err(model_open_for("qwen2-vl-2b-visual:tiny", 0, INPUT_PROMPT, &m),
		  ERR_UNSUPPORTED, "without a language model");
}

/* ---- pictures ---- */

static void put_picture(const char *file, int width, int height)
{
	FILE *f = fopen(in_dir(file), "wb");
	assert_non_null(f);
	fprintf(f, "P5\n%d %d\n255\n", width, height);
	for (int i = 0; i < width * height; i++)
		fputc(i % 251, f);
	fclose(f);
}

static enum err load(const struct model *m, char *const *files, int n, const char *batch,
		     struct input *in, struct str *note)
{
	struct input_list list;
	struct input_facts facts;
	struct knobs k;
	char *paths[2];
	for (int i = 0; i < n; i++)
		paths[i] = str_dup(in_dir(files[i]));
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_BATCH, batch));
	check_ok(input_list_make(&(struct input_source){ .images = paths, .n_images = n },
				 &list));
	enum err e = input_facts_read(m, &list, false, 0, &k, &facts);
	if (!e)
		e = input_load(m, &list, false, 0, &k, &facts, in, NULL, note, NULL);
	input_facts_release(&facts);
	input_list_release(&list);
	for (int i = 0; i < n; i++)
		free(paths[i]);
	return e;
}

static void sides_too_unequal(void **state)
{
	char *tall[] = { (char[]){ "tall.pgm" } }, *just[] = { (char[]){ "just.pgm" } };
	struct model *m;
	struct input in;
	(void)state;
	check_ok(model_open(fixture("qwen2_tiny"), 0, &m));
	put_picture("tall.pgm", 4, 804);
	check_err(load(m, tall, 1, "1", &in, NULL), ERR_FORMAT, "4 x 804");
	assert_non_null(strstr(err_message(), "200 times"));
	assert_non_null(strstr(err_message(), in_dir("tall.pgm")));
	put_picture("just.pgm", 4, 800);
	check_ok(load(m, just, 1, "1", &in, NULL));
	input_release(&in);
	model_free(m);
}

/* More pixels than the processor allows: resized, and said so. */
static void over_the_limit(void **state)
{
	char *large[] = { (char[]){ "large.pgm" } }, *fits[] = { (char[]){ "fits.pgm" } };
	struct model *m;
	struct input in;
	struct str note = STR_INIT;
	(void)state;
	check_ok(model_open(fixture("qwen2_tiny"), 0, &m));
	put_picture("large.pgm", 520, 260);
	check_ok(load(m, large, 1, "1", &in, &note));
	assert_true((int64_t)in.grids[0].width * in.grids[0].height <= 65536);
	assert_true(in.grids[0].width > in.grids[0].height);
	assert_non_null(strstr(str_get(&note), "large.pgm: 520 x 260 pixels are over the "
					       "limit of 65536: resized to "));
	input_release(&in);
	str_clear(&note);
	put_picture("fits.pgm", 64, 32);
	check_ok(load(m, fits, 1, "1", &in, &note));
	assert_int_equal(note.len, 0);
	assert_int_equal(in.grids[0].columns, 16);
	assert_int_equal(in.grids[0].rows, 8);
	input_release(&in);
	str_release(&note);
	model_free(m);
}

/* The tower takes what a batch of prompts of one length cannot hold. */
static void sizes_that_differ(void **state)
{
	char *two[] = { (char[]){ "a.pgm" }, (char[]){ "b.pgm" } };
	struct model *m;
	struct input in;
	(void)state;
	put_picture("a.pgm", 32, 32);
	put_picture("b.pgm", 64, 32);
	check_ok(model_open(fixture("qwen25_tiny"), 0, &m));
	check_ok(load(m, two, 2, "2", &in, NULL));
	assert_int_equal(in.patches.dim[0], 8 * 8 + 8 * 16);
	input_release(&in);
	model_free(m);
	check_ok(model_open_for(fixture("qwen25_tiny"), 0, INPUT_PROMPT, &m));
	check_err(load(m, two, 2, "2", &in, NULL), ERR_FORMAT,
		  "prompts of a batch have one length");
	assert_non_null(strstr(err_message(), "--batch 1"));
	check_ok(load(m, two, 2, "1", &in, NULL));
	input_release(&in);
	model_free(m);
}

/* As many tokens each, but of other sides: what comes behind the picture stands behind
 * its longer side, which is not the same for both. */
static void shapes_that_differ(void **state)
{
	char *two[] = { (char[]){ "a.pgm" }, (char[]){ "b.pgm" } };
	struct model *m;
	struct input both, alone;
	(void)state;
	put_picture("a.pgm", 48, 32);
	put_picture("b.pgm", 24, 64);
	check_ok(model_open_for(fixture("qwen2_tiny"), 0, INPUT_PROMPT, &m));
	check_ok(load(m, two, 2, "2", &both, NULL));
	check_ok(load(m, two + 1, 1, "1", &alone, NULL));
	const struct qwen_plan *p = both.plan, *q = alone.plan;
	size_t n = (size_t)(p->prompt * p->layout.text_head_dim);
	assert_int_equal(p->prompt, q->prompt);
	assert_memory_equal(p->prompt_turn + n, q->prompt_turn, n * sizeof(float));
	assert_memory_not_equal(p->prompt_turn, q->prompt_turn, n * sizeof(float));
	input_release(&both);
	input_release(&alone);
	model_free(m);
}

/* Patches are counted in 32 bits, and their lists come before any check of memory. */
static void more_than_a_pass_can_count(void **state)
{
	struct picture_size large = { 3584, 3584 };
	const struct input_facts facts = { .pictures = &large, .n_pictures = 1 };
	struct model *m;
	struct input in;
	struct knobs k;
	(void)state;
	knobs_init(&k);
	check_ok(model_open("qwen2-vl-2b-visual:tiny", 0, &m));
	check_ok(knobs_set(&k, KNOB_BATCH, "4096"));
	check_err(m->family->shape(m, &facts, &k, &in), ERR_USAGE, "smaller --batch");
	assert_null(in.plan);
	check_ok(knobs_set(&k, KNOB_BATCH, "16"));
	check_ok(m->family->shape(m, &facts, &k, &in));
	input_release(&in);
	model_free(m);
}

/* ---- knobs ---- */

static void knobs_that_mean_nothing(void **state)
{
	static const struct {
		const char *option, *value, *part;
	} cases[] = {
		{ "method", "tome", "rotary rows of their place" },
		{ "method", "evit", "attention of a class token" },
		{ "method", "cls", "attention of a class token" },
		{ "summary", "dropped", "one made of several has none" },
		{ "merge-r", "8", "one made of several has none" },
		{ "layout", "padded", "always packed" },
		{ "downsample", "2", "no scan" },
		{ "image-size", "100", "multiples of 28, such as 112" },
		{ "image-size", "13", "multiples of 28, such as 28" },
	};
	static const enum input_kind kinds[] = { INPUT_PICTURES, INPUT_PROMPT };
	(void)state;
	for (size_t i = 0; i < COUNT(cases) * COUNT(kinds); i++) {
		struct model *m;
		struct knobs k;
		size_t c = i / COUNT(kinds);
		check_ok(model_open_for("qwen2-vl-2b:tiny", 0, kinds[i % COUNT(kinds)],
					&m));
		knobs_init(&k);
		check_ok(knobs_set(&k, knob_find(cases[c].option), cases[c].value));
		check_err(model_check_knobs(m, &k), ERR_USAGE, cases[c].part);
		assert_non_null(strstr(err_message(), cases[c].option));
		model_free(m);
	}
}

/* How many tokens stay differs from picture to picture. */
static void ragged_prompts(void **state)
{
	struct model *m;
	struct knobs k;
	(void)state;
	check_ok(model_open_for("qwen2-vl-2b:tiny", 0, INPUT_PROMPT, &m));
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_METHOD, "adaptive"));
	check_ok(knobs_set(&k, KNOB_KEEP, "0.5"));
	check_ok(model_check_knobs(m, &k));
	check_ok(knobs_set(&k, KNOB_BATCH, "2"));
	check_err(model_check_knobs(m, &k), ERR_USAGE, "--method adaptive");
	assert_non_null(strstr(err_message(), "--batch 1"));
	model_free(m);
}

/* ---- prompts ---- */

static enum err read_ids(const struct model *m, const char *ids, struct prompt *p)
{
	char path[384];
	put("ids.txt", ids);
	snprintf(path, sizeof(path), "%s", in_dir("ids.txt"));
	return prompt_read(m, &(struct input_source){ .tokens = path }, p);
}

static void where_the_picture_stands(void **state)
{
	struct model *m;
	struct prompt p;
	(void)state;
	check_ok(model_open_for(fixture("qwen2_tiny"), 0, INPUT_PROMPT, &m));
	check_err(read_ids(m, "1 2 312 315 315 313 3 315 4", &p), ERR_FORMAT,
		  "token 315, which stands for the picture, comes in several places");
	assert_non_null(strstr(err_message(), "ids.txt"));
	/* As many as it has, or one for all of them. */
	check_ok(read_ids(m, "1 2 312 315 315 315 313 3", &p));
	assert_int_equal(p.n, 5);
	assert_int_equal(p.before, 3);
	check_ok(prompt_check(m, &p, 3));
	check_err(prompt_check(m, &p, 15), ERR_FORMAT, "3 tokens stand for the picture");
	assert_non_null(strstr(err_message(), "15"));
	prompt_release(&p);
	check_ok(read_ids(m, "1 2 312 315 313 3", &p));
	check_ok(prompt_check(m, &p, 15));
	prompt_release(&p);
	/* And nothing else. */
	check_err(read_ids(m, "315", &p), ERR_FORMAT, "ids.txt: nothing but the picture");
	check_err(read_ids(m, "315 315", &p), ERR_FORMAT, "nothing but the picture");
	/* Nowhere: before everything, between its marks. */
	check_ok(read_ids(m, "1 2", &p));
	assert_int_equal(p.n, 4);
	assert_int_equal(p.before, 1);
	assert_int_equal(p.ids[0], 312);
	assert_int_equal(p.ids[1], 313);
	assert_int_equal(p.ids[2], 1);
	prompt_release(&p);
	model_free(m);
}

/* Another model's vocabulary; and what comes out of bytes is no text. */
static void vocabularies_of_prompts(void **state)
{
	struct model *m;
	struct prompt p;
	char text[] = "x", vocab[384];
	(void)state;
	snprintf(vocab, sizeof(vocab), "%s", fixture("byte_bpe/qwen2/tokenizer.json"));
	check_ok(model_open_for("qwen2-vl-2b", 0, INPUT_PROMPT, &m));
	check_err(prompt_read(m, &(struct input_source){ .text = text, .vocab = vocab },
			      &p),
		  ERR_FORMAT, "<|image_pad|> is 705 in this vocabulary");
	assert_non_null(strstr(err_message(), "151655"));
	check_ok(prompt_read(m, &(struct input_source){ .text = text }, &p));
	assert_true(p.bytes);
	prompt_release(&p);
	check_ok(read_ids(m, "1 2", &p));
	assert_null(p.tokenizer);
	prompt_release(&p);
	model_free(m);
}

static void put_many(struct str *ids, int n)
{
	str_clear(ids);
	for (int i = 0; i < n; i++)
		str_addf(ids, "%d ", i % 300);
}

static void more_than_the_context(void **state)
{
	struct model *m;
	struct prompt p;
	struct str ids = STR_INIT;
	(void)state;
	check_ok(model_open_for(fixture("qwen2_tiny"), 0, INPUT_PROMPT, &m));
	put_many(&ids, 495); /* and two marks: 512 with a picture of 15 */
	check_ok(read_ids(m, str_get(&ids), &p));
	check_ok(prompt_check(m, &p, 15));
	check_err(prompt_check(m, &p, 16), ERR_USAGE, "has positions for 512");
	assert_non_null(
		strstr(err_message(), "497 tokens of text and 16 of the picture"));
	prompt_release(&p);
	put_many(&ids, 513);
	check_err(read_ids(m, str_get(&ids), &p), ERR_USAGE, "more than the 512");
	check_err(read_ids(m, "1 2 320", &p), ERR_FORMAT, "320");
	str_release(&ids);
	model_free(m);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(qwen2_contradicts_its_tensors),
		CASE(qwen25_contradicts_its_tensors),
		CASE(others_contradict_their_tensors),
		CASE(language_model_contradicts_its_tensors),
		CASE(configurations),
		CASE(configurations_of_language_models),
		CASE(channels_of_pictures),
		CASE(processor_cuts_otherwise),
		CASE(missing_shard),
		CASE(no_language_model),
		CASE(sides_too_unequal),
		CASE(over_the_limit),
		CASE(sizes_that_differ),
		CASE(shapes_that_differ),
		CASE(more_than_a_pass_can_count),
		CASE(knobs_that_mean_nothing),
		CASE(ragged_prompts),
		CASE(where_the_picture_stands),
		CASE(vocabularies_of_prompts),
		CASE(more_than_the_context),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
