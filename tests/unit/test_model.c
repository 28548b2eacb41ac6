/* Opening a model: what a checkpoint folder can get wrong, and knobs it does not have. */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "models/input.h"
#include "models/model.h"
#include "models/preset.h"
#include "models/texts.h"
#include "tensor/safetensors.h"

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
	static char path[4][128];
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

static json_t *fixture_json(const char *file)
{
	char path[64];
	json_t *o;
	snprintf(path, sizeof(path), "clip_tiny/%s", file);
	check_ok(json_read_file(fixture(path), 1 << 20, &o));
	return o;
}

static void put_json(const char *file, json_t *o)
{
	char *line = json_line(o);
	put(file, line);
	free(line);
	json_decref(o);
}

/* The fixture's weights but one: left out (dim 0), or cut to its first `rows` rows. */
static void put_weights(const char *but, int64_t rows)
{
	struct safetensors *st;
	check_ok(safetensors_open(fixture("clip_tiny/model.safetensors"), &st));
	size_t n = safetensors_count(st), kept = 0;
	struct safetensors_entry *all = calloc(n, sizeof(*all));
	for (size_t i = 0; i < n; i++) {
		all[kept] = *safetensors_at(st, i);
		if (!strcmp(all[kept].name, but) && !rows)
			continue;
		if (!strcmp(all[kept].name, but))
			all[kept].tensor.dim[0] = rows;
		kept++;
	}
	check_ok(safetensors_write(in_dir("model.safetensors"), all, kept, NULL));
	free(all);
	safetensors_free(st);
}

static void refused(enum err code, const char *part)
{
	struct model *m;
	check_err(model_open(dir, 0, &m), code, part);
	assert_null(m);
	/* One line that says which file. */
	assert_non_null(strstr(err_message(), dir));
	assert_null(strchr(err_message(), '\n'));
}

static void whole_folder(void **state)
{
	struct model *m;
	(void)state;
	put_weights("", 0);
	put_json("config.json", fixture_json("config.json"));
	check_ok(model_open(dir, 0, &m)); /* no preprocessor: CLIP's defaults */
	assert_string_equal(m->family->name, "clip_vit");
	assert_int_equal(m->tokens, 16);
	assert_int_equal(m->preprocess.shortest_edge, 32);
	assert_false(m->random_weights);
	assert_true(model_params(m) > 100000 && model_bytes(m) == 4 * model_params(m));
	model_free(m);
}

static void missing_files(void **state)
{
	(void)state;
	refused(ERR_NOTFOUND, "config.json");
	put_json("config.json", fixture_json("config.json"));
	refused(ERR_NOTFOUND, "model.safetensors");
	put("pytorch_model.bin", "");
	refused(ERR_FORMAT, "pytorch_model.bin: empty file");
}

static void wrong_tensors(void **state)
{
	(void)state;
	put_json("config.json", fixture_json("config.json"));
	put_weights("vision_model.post_layernorm.bias", 0);
	refused(ERR_FORMAT, "vision_model.post_layernorm.bias");
	put_weights("visual_projection.weight", 31);
	refused(ERR_FORMAT, "config.json makes it [32, 64]");
	put_weights("vision_model.encoder.layers.1.self_attn.k_proj.weight", 60);
	refused(ERR_FORMAT, "layers.1.self_attn.k_proj.weight is [60, 64]");
	put_weights("vision_model.embeddings.position_embedding.weight", 10);
	refused(ERR_FORMAT, "config.json makes it [17, 64]");
}

/* One number of vision_config changed: refused, and the message has both numbers. */
static void contradictions(void **state)
{
	static const struct {
		const char *key;
		int value;
		const char *part, *other;
	} cases[] = {
		{ "hidden_size", 32, "64", "32" },
		{ "intermediate_size", 128, "256", "128" },
		{ "num_hidden_layers", 1, "num_hidden_layers is 1", "layers.1" },
		{ "num_hidden_layers", 3, "layers.2", "no tensor" },
		{ "patch_size", 4, "8, 8]", "4, 4]" },
		{ "image_size", 64, "[17, 64]", "[65, 64]" },
		{ "num_attention_heads", 5, "hidden_size 64", "num_attention_heads 5" },
		{ "num_channels", 1, "num_channels", "3" },
		{ "image_size", 4, "image_size 4", "patch_size 8" },
		{ "patch_size", 0, "patch_size\" is 0", "1 ... 1024" },
	};
	(void)state;
	put_weights("", 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *config = fixture_json("config.json");
		json_object_set_new(json_object_get(config, "vision_config"),
				    cases[i].key, json_integer(cases[i].value));
		put_json("config.json", config);
		struct model *m;
		enum err e = model_open(dir, 0, &m);
		if (!e || !strstr(err_message(), cases[i].part) ||
		    !strstr(err_message(), cases[i].other))
			fail_msg("%s = %d: %s (want \"%s\" and \"%s\")", cases[i].key,
				 cases[i].value, e ? err_message() : "accepted",
				 cases[i].part, cases[i].other);
	}
	json_t *config = fixture_json("config.json");
	json_object_set_new(config, "projection_dim", json_integer(16));
	put_json("config.json", config);
	refused(ERR_FORMAT, "config.json makes it [16, 64]");
}

static void wrong_words(void **state)
{
	(void)state;
	put_weights("", 0);
	put("config.json", "{\"model_type\": \"bert\\u001b[31m\"}");
	refused(ERR_UNSUPPORTED, "\"bert\\x1b[31m\"");
	assert_non_null(strstr(err_message(), "clip"));
	put("config.json", "{}");
	refused(ERR_FORMAT, "model_type");
	put("config.json", "{\"model_type\": 3}");
	refused(ERR_FORMAT, "model_type");
	put("config.json", "[]");
	refused(ERR_FORMAT, "config.json");
	put("config.json", "{\"model_type\": \"clip\"");
	refused(ERR_FORMAT, "config.json");
	json_t *config = fixture_json("config.json");
	json_object_set_new(json_object_get(config, "vision_config"), "hidden_act",
			    json_string("swish"));
	put_json("config.json", config);
	refused(ERR_UNSUPPORTED, "hidden_act \"swish\"");
	put("config.json", "{\"model_type\": \"clip\", \"vision_config\": 7}");
	refused(ERR_FORMAT, "vision_config");
}

/* The preprocessor makes 24 x 24 of any picture, the model wants 32 x 32. */
static void preprocessor(void **state)
{
	struct model *m;
	struct input in;
	struct input_list list;
	struct knobs k;
	char picture[160];
	(void)state;
	put_weights("", 0);
	put_json("config.json", fixture_json("config.json"));
	put("preprocessor_config.json", "{\"size\": 24, \"crop_size\": 24}");
	check_ok(model_open(dir, 0, &m));
	snprintf(picture, sizeof(picture), "%s/a\x1b[31m.ppm", dir);
	FILE *f = fopen(picture, "wb");
	fputs("P6\n2 2\n255\n012345678901", f);
	fclose(f);
	char *paths[] = { picture };
	knobs_init(&k);
	check_ok(input_list_make(&(struct input_source){ .images = paths, .n_images = 1 },
				 &list));
	check_err(input_load(m, &list, false, 0, &k, NULL, &in, NULL, NULL, NULL),
		  ERR_FORMAT, "24 x 24");
	assert_non_null(strstr(err_message(), "32 x 32"));
	assert_non_null(strstr(err_message(), "preprocessor_config.json"));
	assert_null(strchr(err_message(), '\x1b'));
	input_list_release(&list);
	model_free(m);
	put("preprocessor_config.json", "{\"size\": 32, \"resample\": 0}");
	refused(ERR_UNSUPPORTED, "resample");
	put("preprocessor_config.json", "{\"size\": -1}");
	refused(ERR_FORMAT, "size");
}

/* Pictures that are not there are named, without what would drive a terminal. */
static void input_names(void **state)
{
	struct input_list list;
	(void)state;
	char *gone[] = { (char[]){ "no\x1b[31m\nsuch.png" } };
	check_err(input_list_make(&(struct input_source){ .images = gone, .n_images = 1 },
				  &list),
		  ERR_NOTFOUND, "no\\x1b[31m\\x0asuch.png");
	char folder[64];
	snprintf(folder, sizeof(folder), "%s", dir);
	char *empty[] = { folder };
	check_err(
		input_list_make(&(struct input_source){ .images = empty, .n_images = 1 },
				&list),
		ERR_NOTFOUND, "no pictures");
}

static void knobs_it_lacks(void **state)
{
	static const struct {
		enum knob_id id;
		const char *value, *who;
	} cases[] = {
		{ KNOB_DOWNSAMPLE, "2", "mamba, " },
		{ KNOB_MRSS, "low", "mamba, " },
	};
	struct model *m;
	char why[256];
	(void)state;
	check_ok(model_open("clip-vit-b16:tiny", 0, &m));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct knobs k;
		knobs_init(&k);
		check_ok(knobs_set(&k, cases[i].id, cases[i].value));
		check_err(model_check_knobs(m, &k), ERR_USAGE,
			  knob_table[cases[i].id].option);
		assert_non_null(strstr(err_message(), cases[i].who));
	}
	/* Where a family has it, it is named. */
	model_why_not(m->family, KNOB_KEEP, why, sizeof(why));
	assert_non_null(strstr(why, "clip_vit, siglip, "));
	model_free(m);
}

static void knob_values(void **state)
{
	struct model *m;
	struct knobs k;
	(void)state;
	check_ok(model_open("clip-vit-b16:tiny", 0, &m));
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_METHOD, "magic"));
	check_err(model_check_knobs(m, &k), ERR_USAGE, "none, l2, knorm");
	check_ok(knobs_set(&k, KNOB_METHOD, "none"));
	check_ok(knobs_set(&k, KNOB_KEEP, "0.5"));
	check_err(model_check_knobs(m, &k), ERR_USAGE, "none does not use it");
	check_ok(knobs_set(&k, KNOB_METHOD, "auto"));
	check_ok(model_check_knobs(m, &k));
	assert_string_equal(knob_text(&k, KNOB_METHOD), "l2");
	check_ok(knobs_set(&k, KNOB_PRUNE_AT, "3+6"));
	check_err(model_check_knobs(m, &k), ERR_USAGE, "--prune-at 3+6");
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_DTYPE, "bf16"));
	check_ok(model_check_knobs(m, &k));
	check_ok(knobs_set(&k, KNOB_RANK, "4"));
	check_err(model_check_knobs(m, &k), ERR_USAGE, "--rank with --dtype bf16");
	model_free(m);
}

static void all_presets(void **state)
{
	struct model *m;
	(void)state;
	for (const struct preset *p = presets; p->name; p++) {
		check_ok(model_open(p->name, 0, &m));
		assert_true(m->random_weights && m->tokens > 0 && p->help[0]);
		model_free(m);
	}
	check_err(model_open("clip-vit-b17", 0, &m), ERR_NOTFOUND, "clip-vit-b17");
	check_err(model_open("", 0, &m), ERR_NOTFOUND, "empty");
}

/* A folder of pictures may hold a README. */
static void folder_of_pictures(void **state)
{
	(void)state;
	struct input_list list;
	char *folder[] = { dir };
	put("README.txt", "where these are from");
	assert_int_equal(mkdir(in_dir("more.png"), 0755), 0);
	assert_int_equal(symlink(fixture("images/wide.png"), in_dir("b")), 0);
	assert_int_equal(symlink(fixture("images/rgb444.jpg"), in_dir("a.txt")), 0);
	assert_int_equal(symlink("/nowhere", in_dir("c.png")), 0);
	check_ok(input_list_make(
		&(struct input_source){ .images = folder, .n_images = 1 }, &list));
	assert_int_equal(list.n, 2);
	assert_non_null(strstr(list.paths[0], "/a.txt"));
	assert_non_null(strstr(list.paths[1], "/b"));
	input_list_release(&list);
	unlink(in_dir("a.txt"));
	unlink(in_dir("b"));
	check_err(
		input_list_make(&(struct input_source){ .images = folder, .n_images = 1 },
				&list),
		ERR_NOTFOUND, "no pictures");
}

static void hash_of(const struct model *m, const char *const *pictures, int n,
		    char *batch, char sha256[SHA256_HEX])
{
	struct input_list list;
	struct input in;
	struct knobs k;
	char *paths[4];
	for (int i = 0; i < n; i++)
		paths[i] = str_dup(fixture(pictures[i]));
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_BATCH, batch));
	check_ok(input_list_make(&(struct input_source){ .images = paths, .n_images = n },
				 &list));
	check_ok(input_load(m, &list, false, 0, &k, NULL, &in, NULL, NULL, sha256));
	input_release(&in);
	input_list_release(&list);
	for (int i = 0; i < n; i++)
		free(paths[i]);
}

/* Pictures beyond the first batch are part of the input; repetitions are not. */
static void input_hashes(void **state)
{
	static const char *const ab[] = { "images/rgb.png", "images/wide.png" },
				 *const ac[] = { "images/rgb.png", "images/grey.png" };
	char one[SHA256_HEX], many[SHA256_HEX], more[SHA256_HEX], other[SHA256_HEX];
	struct model *m;
	char b1[] = "1", b2[] = "2", b3[] = "3";
	(void)state;
	check_ok(model_open("clip-vit-b32:tiny", 0, &m));
	hash_of(m, ab, 1, b1, one);
	hash_of(m, ab, 1, b3, many);
	assert_string_equal(one, many);
	hash_of(m, ab, 2, b1, many);
	hash_of(m, ac, 2, b1, more);
	assert_string_not_equal(one, many);
	assert_string_not_equal(many, more);
	hash_of(m, ab, 2, b2, many);
	hash_of(m, ab, 2, b3, other);
	assert_string_equal(many, other);
	model_free(m);
}

/* Of a GGUF file the vocabulary in it; where it has none, that of its folder. */
static void tokenizers_that_came_with_the_weights(void **state)
{
	(void)state;
	char *files[] = { str_dup(fixture("byte_bpe/neox.gguf")), NULL };
	char name[] = "neox.gguf";
	struct model m = { .family = families[0], .name = name, .weights_files = files };
	struct tokenizer *t, *other;
	check_ok(texts_open_tokenizer(&m, NULL, &t));
	check_ok(tokenizer_open(fixture("byte_bpe/neox"), &other));
	assert_int_equal(tokenizer_size(t), tokenizer_size(other));
	assert_int_equal(tokenizer_id(t, "foo\n"), tokenizer_id(other, "foo\n"));
	tokenizer_free(other);
	tokenizer_free(t);
	/* --vocab comes first. */
	check_ok(texts_open_tokenizer(&m, fixture("byte_bpe/gpt2.gguf"), &t));
	assert_int_equal(tokenizer_id(t, "foo\n"), -1);
	tokenizer_free(t);
	free(files[0]);
	files[0] = str_dup(fixture("gguf/mamba_f32.gguf"));
	check_err(texts_open_tokenizer(&m, NULL, &t), ERR_NOTFOUND,
		  "neox.gguf brings no tokenizer");
	free(files[0]);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(whole_folder),
		CASE(missing_files),
		CASE(wrong_tensors),
		CASE(contradictions),
		CASE(wrong_words),
		CASE(preprocessor),
		CASE(input_names),
		CASE(knobs_it_lacks),
		CASE(knob_values),
		CASE(all_presets),
		CASE(folder_of_pictures),
		CASE(input_hashes),
		CASE(tokenizers_that_came_with_the_weights),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
