/* model_source: folders, files and the layouts of a hub cache. */
#include "check.h"

#include <sys/stat.h>

#include "tensor/hub_cache.h"
#include "tensor/model_source.h"

static char dir[64];

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	unsetenv("HF_HOME");
	unsetenv("XDG_CACHE_HOME");
	setenv("HF_HUB_CACHE", dir, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

/* A path in the test's folder, one of the last four. */
static const char *in_dir(const char *below)
{
	static char path[4][320];
	static unsigned turn;
	char *p = path[turn++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", dir, below);
	return p;
}

/* Writes a file and the folders above it. */
static void put(const char *below, const char *text)
{
	char path[320];
	snprintf(path, sizeof(path), "%s", in_dir(below));
	for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = 0;
		mkdir(path, 0755);
	}
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_folder(void **state)
{
	(void)state;
	put("my clip/config.json", "{}");
	put("my clip/model.safetensors", "");
	struct model_source s;
	check_ok(model_source_resolve(in_dir("my clip"), &s));
	assert_string_equal(s.name, "my clip");
	assert_string_equal(s.folder, in_dir("my clip"));
	assert_string_equal(s.config, in_dir("my clip/config.json"));
	assert_string_equal(s.weights, in_dir("my clip/model.safetensors"));
	assert_null(s.preprocessor);
	assert_string_equal(s.format, "safetensors");
	model_source_release(&s);
	model_source_release(&s);
	put("my clip/preprocessor_config.json", "{}");
	check_ok(model_source_resolve(in_dir("my clip//"), &s));
	assert_string_equal(s.name, "my clip");
	assert_string_equal(s.preprocessor, in_dir("my clip/preprocessor_config.json"));
	model_source_release(&s);
	/* By ".", the folder still has a name. */
	char here[512];
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(in_dir("my clip")), 0);
	enum err e = model_source_resolve(".", &s);
	assert_int_equal(chdir(here), 0);
	check_ok(e);
	assert_string_equal(s.name, "my clip");
	model_source_release(&s);
	/* A name cannot command a terminal. */
	put("red\033[31m/config.json", "{}");
	put("red\033[31m/model.safetensors", "");
	check_ok(model_source_resolve(in_dir("red\033[31m"), &s));
	assert_string_equal(s.name, "red\\x1b[31m");
	model_source_release(&s);
}

static void a_file(void **state)
{
	(void)state;
	put("clip/config.json", "{}");
	put("clip/other.safetensors", "");
	struct model_source s;
	check_ok(model_source_resolve(in_dir("clip/other.safetensors"), &s));
	assert_string_equal(s.name, "other.safetensors");
	assert_string_equal(s.weights, in_dir("clip/other.safetensors"));
	assert_string_equal(s.config, in_dir("clip/config.json"));
	model_source_release(&s);
	put("alone/model.safetensors", "");
	check_err(model_source_resolve(in_dir("alone/model.safetensors"), &s),
		  ERR_NOTFOUND, "alone: there is no config.json beside the weights");
	put("clip/pytorch_model.bin", "");
	check_ok(model_source_resolve(in_dir("clip/pytorch_model.bin"), &s));
	assert_string_equal(s.name, "pytorch_model.bin");
	assert_string_equal(s.format, "pytorch");
	model_source_release(&s);
	check_err(model_source_resolve("/dev/null", &s), ERR_UNSUPPORTED,
		  "/dev/null: neither a folder nor a kind of checkpoint");
	put("clip/model.onnx", "");
	check_err(model_source_resolve(in_dir("clip/model.onnx"), &s), ERR_UNSUPPORTED,
		  "named like model.safetensors, pytorch_model.bin, model.gguf, or like "
		  "an index");
}

/* It needs no config.json, and takes none. */
static void a_gguf_file(void **state)
{
	(void)state;
	struct model_source s;
	put("mamba/small.gguf", "");
	put("mamba/readme.md", "");
	for (int config = 0; config < 2; config++) {
		check_ok(model_source_resolve(in_dir("mamba/small.gguf"), &s));
		assert_string_equal(s.format, "gguf");
		assert_null(s.config);
		assert_string_equal(s.files[0], in_dir("mamba/small.gguf"));
		assert_null(s.files[1]);
		model_source_release(&s);
		check_ok(model_source_resolve(in_dir("mamba"), &s));
		assert_string_equal(s.name, "mamba");
		assert_string_equal(s.weights, in_dir("mamba/small.gguf"));
		assert_null(s.config);
		model_source_release(&s);
		put("mamba/config.json", "{}");
	}
	/* Other weights come first. */
	put("mamba/pytorch_model.bin", "");
	check_ok(model_source_resolve(in_dir("mamba"), &s));
	assert_string_equal(s.format, "pytorch");
	assert_non_null(s.config);
	model_source_release(&s);
	assert_int_equal(unlink(in_dir("mamba/pytorch_model.bin")), 0);
	put("mamba/large.gguf", "");
	check_err(model_source_resolve(in_dir("mamba"), &s), ERR_USAGE,
		  "large.gguf is one of 2 such files in its folder: give one");
	put("folder/x.gguf/y", "");
	check_err(model_source_resolve(in_dir("folder"), &s), ERR_NOTFOUND,
		  "folder: no model: there is no config.json");
}

/* From the last to the first that a folder may hold: each hides those before it. */
static void the_first_kind_of_weights_wins(void **state)
{
	(void)state;
	static const struct {
		const char *file, *format, *last;
		int files;
	} cases[] = {
		{ "pytorch_model.bin.index.json", "pytorch", "shard-2", 3 },
		{ "pytorch_model.bin", "pytorch", "pytorch_model.bin", 1 },
		{ "model.safetensors.index.json", "safetensors", "shard-2", 3 },
		{ "model.safetensors", "safetensors", "model.safetensors", 1 },
	};
	put("m/config.json", "{}");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[96], last[96];
		struct model_source s, same;
		snprintf(path, sizeof(path), "m/%s", cases[i].file);
		snprintf(last, sizeof(last), "m/%s", cases[i].last);
		put(path, "{\"weight_map\":{\"a\":\"shard-2\",\"b\":\"shard-1\"}}");
		check_ok(model_source_resolve(in_dir("m"), &s));
		assert_string_equal(s.weights, in_dir(path));
		assert_string_equal(s.format, cases[i].format);
		int n = 0;
		while (s.files[n])
			n++;
		assert_int_equal(n, cases[i].files);
		assert_string_equal(s.files[0], s.weights);
		assert_string_equal(s.files[n - 1], in_dir(last));
		check_ok(model_source_resolve(in_dir(path), &same));
		assert_string_equal(same.weights, s.weights);
		assert_string_equal(same.format, s.format);
		model_source_release(&same);
		model_source_release(&s);
	}
}

static void folders_that_cannot_be_read_say_why(void **state)
{
	(void)state;
	struct model_source s;
	put("model/README.md", "");
	check_err(model_source_resolve(in_dir("model"), &s), ERR_NOTFOUND,
		  "model: no model: there is no config.json");
	put("model/config.json", "{}");
	check_err(model_source_resolve(in_dir("model"), &s), ERR_NOTFOUND,
		  "model: there are no weights: none of model.safetensors, "
		  "pytorch_model.bin, model.gguf, nor an index");
	assert_null(s.name);
	put("weights/pytorch_model.bin", "");
	check_err(model_source_resolve(in_dir("weights"), &s), ERR_NOTFOUND,
		  "weights: there is no config.json beside the weights");
	put("model/model.safetensors.index.json", "{}");
	check_err(model_source_resolve(in_dir("model"), &s), ERR_FORMAT,
		  "model.safetensors.index.json: there is no weight_map");
	assert_null(s.name);
	assert_null(s.files);
	check_err(model_source_resolve(in_dir("nothing/here"), &s), ERR_NOTFOUND,
		  "no such file or folder");
	check_err(model_source_resolve("clip-vit-b99", &s), ERR_NOTFOUND,
		  "clip-vit-b99: no such file or folder");
	check_err(model_source_resolve("clip-vit-b99", &s), ERR_NOTFOUND,
		  "`sparsetop models` lists the presets");
	check_err(model_source_resolve("", &s), ERR_NOTFOUND, "no such file or folder");
}

#define HASH "eb9627a53e9b850607c264b6407c8ea54b23a5c3"

static void cache_model(const char *owner, const char *name, const char *weights)
{
	char file[256];
	snprintf(file, sizeof(file), "models--%s--%s/refs/main", owner, name);
	put(file, HASH "\n");
	snprintf(file, sizeof(file), "models--%s--%s/snapshots/" HASH "/config.json",
		 owner, name);
	put(file, "{}");
	/* The hub's tools keep the bytes in blobs/ and link to them. */
	snprintf(file, sizeof(file), "models--%s--%s/blobs/1234", owner, name);
	put(file, "");
	snprintf(file, sizeof(file), "models--%s--%s/snapshots/" HASH "/%s", owner, name,
		 weights);
	assert_int_equal(symlink("../../blobs/1234", in_dir(file)), 0);
}

static void a_model_in_the_hub_cache(void **state)
{
	(void)state;
	cache_model("acme", "clip-b.16_x", "model.safetensors");
	struct model_source s;
	check_ok(model_source_resolve("acme/clip-b.16_x", &s));
	assert_string_equal(s.name, "acme/clip-b.16_x");
	assert_string_equal(s.weights, in_dir("models--acme--clip-b.16_x/snapshots/" HASH
					      "/model.safetensors"));
	model_source_release(&s);

	check_err(model_source_resolve("acme/other", &s), ERR_NOTFOUND,
		  "hf download acme/other");
	assert_non_null(strstr(err_message(), "huggingface-cli download acme/other"));
	assert_non_null(strstr(err_message(), dir));
	cache_model("acme", "bin", "pytorch_model.bin");
	check_ok(model_source_resolve("acme/bin", &s));
	assert_string_equal(s.format, "pytorch");
	model_source_release(&s);
	/* A download that was cut off leaves links to nothing. */
	cache_model("acme", "cut", "model.safetensors");
	assert_int_equal(unlink(in_dir("models--acme--cut/blobs/1234")), 0);
	check_err(model_source_resolve("acme/cut", &s), ERR_NOTFOUND,
		  "To download it again: hf download acme/cut");
	/* A folder of that name comes first. */
	char here[512];
	assert_non_null(getcwd(here, sizeof(here)));
	put("acme/clip-b.16_x/config.json", "{}");
	put("acme/clip-b.16_x/model.safetensors", "");
	assert_int_equal(chdir(dir), 0);
	enum err e = model_source_resolve("acme/clip-b.16_x", &s);
	assert_int_equal(chdir(here), 0);
	check_ok(e);
	assert_string_equal(s.folder, "acme/clip-b.16_x");
	model_source_release(&s);
}

static void revisions_stay_in_the_cache(void **state)
{
	(void)state;
	put("outside/config.json", "{}");
	put("outside/model.safetensors", "");
	put("models--a--b/snapshots/x/config.json", "{}");
	static const char *const bad[] = { "../../../outside", "..", ".", "/", "", "\n",
					   "x/../../../o",     "a b" };
	struct model_source s;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("models--a--b/refs/main", bad[i]);
		check_err(model_source_resolve("a/b", &s), ERR_NOTFOUND,
			  "hf download a/b");
	}
}

static void names_are_owner_and_name(void **state)
{
	(void)state;
	static const char *const good[] = { "a/b", "openai/clip-vit-base-patch16",
					    "A_1/x.y-z", "state-spaces/mamba-130m" };
	static const char *const bad[] = { "",      "a",      "/",         "a/",
					   "/b",    "a/b/c",  "../b",      "a/..",
					   "./b",   "a/.",    "a b/c",     "a/b\n",
					   "a/-b",  "a--b/c", "a/b..c",    "a\\b/c",
					   "a/b:c", "~/b",    "a/\xc3\xa9" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(hub_cache_is_name(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (hub_cache_is_name(bad[i]))
			fail_msg("\"%s\" passes as a name", bad[i]);
	char name[512];
	memset(name, 'a', sizeof(name));
	name[1] = '/';
	name[300] = 0;
	assert_false(hub_cache_is_name(name));
}

static void the_environment_says_where_the_cache_is(void **state)
{
	(void)state;
	static const struct {
		const char *variable, *value, *folder;
	} steps[] = {
		{ "HOME", "/home/u", "/home/u/.cache/huggingface/hub" },
		{ "XDG_CACHE_HOME", "/cache", "/cache/huggingface/hub" },
		{ "HF_HOME", "/hf", "/hf/hub" },
		{ "HF_HUB_CACHE", "/hub", "/hub" },
		{ "HF_HUB_CACHE", "", "/hf/hub" }, /* empty is unset */
	};
	char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
	unsetenv("HF_HUB_CACHE");
	unsetenv("HOME");
	assert_null(hub_cache_folder());
	struct model_source s;
	check_err(model_source_resolve("a/b", &s), ERR_NOTFOUND, "hf download a/b");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		setenv(steps[i].variable, steps[i].value, 1);
		char *folder = hub_cache_folder();
		assert_string_equal(folder, steps[i].folder);
		free(folder);
	}
	if (home)
		setenv("HOME", home, 1);
	else
		unsetenv("HOME");
	free(home);
}

static void note(void *ctx, const struct model_source *s)
{
	char *seen = ctx;
	snprintf(seen + strlen(seen), 256 - strlen(seen), "%s ", s->name);
}

static void the_cache_can_be_listed(void **state)
{
	(void)state;
	char seen[256] = "";
	cache_model("zeta", "last", "model.safetensors");
	cache_model("acme", "clip", "model.safetensors");
	cache_model("acme", "bin", "tf_model.h5"); /* skipped, as is all below */
	put("models--acme--empty/refs/main", HASH);
	put("models--nameless", "");
	put("models--/x", "");
	put("models--a--b--c/refs/main", HASH);
	put("datasets--acme--pictures/refs/main", HASH);
	put("version.txt", "1");
	model_source_list_hub(note, seen);
	assert_string_equal(seen, "acme/clip zeta/last ");
	setenv("HF_HUB_CACHE", in_dir("nowhere"), 1);
	model_source_list_hub(note, seen);
	assert_string_equal(seen, "acme/clip zeta/last ");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_folder),
		CASE(a_file),
		CASE(a_gguf_file),
		CASE(the_first_kind_of_weights_wins),
		CASE(folders_that_cannot_be_read_say_why),
		CASE(a_model_in_the_hub_cache),
		CASE(revisions_stay_in_the_cache),
		CASE(names_are_owner_and_name),
		CASE(the_environment_says_where_the_cache_is),
		CASE(the_cache_can_be_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
