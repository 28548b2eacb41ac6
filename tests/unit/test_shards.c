/* Checkpoints in several files: their index, what is opened when, what is missing. */
#include "check.h"

#include <errno.h>
#include <sys/stat.h>

#include "tensor/file_hash.h"
#include "tensor/file_source.h"
#include "tensor/safetensors.h"
#include "tensor/shard_index.h"
#include "torch_writer.h"

#define ONE "model-00001-of-00002.safetensors"
#define TWO "model-00002-of-00002.safetensors"
#define INDEX "model.safetensors.index.json"

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

/* A path in the test's folder, one of the last four. */
static const char *in_dir(const char *name)
{
	static char path[4][160];
	static unsigned turn;
	char *p = path[turn++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void put(const char *name, const char *text)
{
	struct str s = STR_INIT;
	str_add(&s, text);
	write_str(in_dir(name), &s);
	str_release(&s);
}

/* A file of one F32 tensor [2]. */
static void put_tensor(const char *file, const char *name, float first)
{
	float x[2] = { first, first + 1 };
	struct safetensors_entry e = { name, tensor_of(DT_F32, x, DIMS(2)) };
	check_ok(safetensors_write(in_dir(file), &e, 1, NULL));
}

static void put_index(const char *a_file, const char *b_file)
{
	char text[256];
	snprintf(text, sizeof(text), "{\"weight_map\":{\"a\":\"%s\",\"b\":\"%s\"}}",
		 a_file, b_file);
	put(INDEX, text);
}

static void equals_the_single_file(void **state)
{
	(void)state;
	struct tensors *t, *whole;
	struct safetensors *twin;
	check_ok(tensors_open_file(fixture("torch/sharded/" INDEX), &t));
	check_ok(tensors_open_file(fixture("torch/weights.safetensors"), &whole));
	check_ok(safetensors_open(fixture("torch/weights.safetensors"), &twin));
	assert_string_equal(tensors_format(t), "safetensors");
	assert_int_equal(safetensors_count(twin), 16);
	struct tensor got[16], want[16];
	for (size_t i = 0; i < 16; i++) {
		const struct safetensors_entry *e = safetensors_at(twin, i);
		struct tensor stored;
		assert_true(tensors_find(t, e->name, &stored));
		assert_int_equal(stored.dtype, e->tensor.dtype);
		bool weight = e->tensor.dtype != DT_I64 && tensor_count(&e->tensor) > 0;
		got[i] = want[i] = (struct tensor){ 0 };
		if (!weight)
			continue;
		got[i] = tensors_get(t, e->name, stored.ndim, stored.dim);
		want[i] = tensors_get(whole, e->name, stored.ndim, stored.dim);
	}
	check_ok(tensors_prepare(t, NULL));
	check_ok(tensors_prepare(whole, NULL));
	for (size_t i = 0; i < 16; i++)
		if (want[i].data)
			assert_memory_equal(got[i].data, want[i].data,
					    tensor_bytes(&want[i]));
	check_ok(tensors_error(t));
	tensors_free(t);
	tensors_free(whole);
	safetensors_free(twin);
}

static void names_each_file_once(void **state)
{
	(void)state;
	put("x.index.json",
	    "{\"metadata\":{\"total_size\":3},\"weight_map\":{\"a\":\"2\","
	    "\"b\":\"1\",\"c\":\"2\",\"d\":\".hidden\"}}");
	struct shard_index *x;
	check_ok(shard_index_open(in_dir("x.index.json"), &x));
	assert_int_equal(shard_index_count(x), 3);
	assert_string_equal(shard_index_path(x, 0), in_dir(".hidden"));
	assert_string_equal(shard_index_path(x, 1), in_dir("1"));
	assert_string_equal(shard_index_path(x, 2), in_dir("2"));
	assert_int_equal(shard_index_find(x, "a"), 2);
	assert_int_equal(shard_index_find(x, "b"), 1);
	assert_int_equal(shard_index_find(x, "c"), 2);
	assert_int_equal(shard_index_find(x, "e"), -1);
	assert_string_equal(shard_index_label(x), in_dir("x.index.json"));
	shard_index_free(x);
	/* In the current folder, paths have no folder. */
	char here[512];
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(dir), 0);
	enum err e = shard_index_open("x.index.json", &x);
	assert_int_equal(chdir(here), 0);
	check_ok(e);
	assert_string_equal(shard_index_path(x, 1), "1");
	shard_index_free(x);
}

static void refuses_bad_indices(void **state)
{
	(void)state;
	static const struct {
		const char *json, *fact;
	} cases[] = {
		{ "", "bad JSON" },
		{ "{", "bad JSON" },
		{ "[]", "there is no weight_map" },
		{ "{}", "there is no weight_map" },
		{ "{\"weight_map\":[]}", "there is no weight_map" },
		{ "{\"weight_map\":{}}", "its weight_map is empty" },
		{ "{\"weight_map\":{\"a\":7}}", "weight_map: a is in no named file" },
		{ "{\"weight_map\":{\"a\":\"x\",\"a\":\"y\"}}", "duplicate" },
		{ "{\"weight_map\":{\"a\":\"\"}}", "a is in \"\", which is no name" },
		{ "{\"weight_map\":{\"a\":\".\"}}", "which is no name" },
		{ "{\"weight_map\":{\"a\":\"..\"}}", "which is no name" },
		{ "{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "\"/etc/passwd\", which" },
		{ "{\"weight_map\":{\"a\":\"../x.safetensors\"}}", "which is no name" },
		{ "{\"weight_map\":{\"a\":\"x/y\"}}", "which is no name" },
		{ "{\"weight_map\":{\"a\":\"x\\\\y\"}}", "\"x\\\\y\", which is no name" },
		{ "{\"weight_map\":{\"a\":\"x..y\"}}", "which is no name" },
		{ "{\"weight_map\":{\"a\":\"x\",\"\\u001b\":\"\\u001b/\"}}",
		  "\\x1b is in \"\\x1b/\"" },
		{ "{\"weight_map\":{\"a\":\"x\\u0000y\"}}", "bad JSON" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tensors *t;
		put(INDEX, cases[i].json);
		check_err(tensors_open_file(in_dir(INDEX), &t), ERR_FORMAT,
			  cases[i].fact);
		assert_non_null(strstr(err_message(), in_dir(INDEX)));
		assert_null(t);
	}
	struct tensors *t;
	check_err(tensors_open_file(in_dir("no.index.json"), &t), ERR_NOTFOUND,
		  in_dir("no.index.json"));
	assert_int_equal(mkfifo(in_dir("fifo.index.json"), 0644), 0);
	check_err(tensors_open_file(in_dir("fifo.index.json"), &t), ERR_FORMAT,
		  "fifo.index.json: not a regular file"); /* and does not wait */
}

static void refuses_every_truncation(void **state)
{
	(void)state;
	static const char json[] = "{\"weight_map\":{\"a\":\"x\",\"b\":\"y\"}}";
	char text[sizeof(json)];
	for (size_t n = 0; n < strlen(json); n++) {
		struct shard_index *x;
		snprintf(text, n + 1, "%s", json);
		put(INDEX, text);
		check_err(shard_index_open(in_dir(INDEX), &x), ERR_FORMAT, "bad JSON");
	}
}

static void opens_only_what_is_asked_for(void **state)
{
	(void)state;
	put_index(ONE, TWO);
	put_tensor(ONE, "a", 1);
	struct tensors *t;
	check_ok(tensors_open_file(in_dir(INDEX), &t));
	struct tensor a = tensors_get(t, "a", DIMS(2));
	check_ok(tensors_prepare(t, NULL)); /* the other file is not even there */
	assert_true(tensor_f32(&a)[1] == 2);
	struct tensor stored;
	assert_false(tensors_find(t, "c", &stored)); /* not listed: nothing to open */
	check_ok(tensors_error(t));
	tensors_get(t, "b", DIMS(2));
	check_err(tensors_error(t), ERR_NOTFOUND, TWO);
	assert_non_null(strstr(err_message(), in_dir(INDEX)));
	assert_non_null(strstr(err_message(), "download the model again"));
	tensors_free(t);
	/* Asking whether a tensor is there does not hide that its file is missing. */
	check_ok(tensors_open_file(in_dir(INDEX), &t));
	assert_false(tensors_find(t, "b", &stored));
	check_err(tensors_error(t), ERR_NOTFOUND, TWO);
	tensors_free(t);
}

/* Asks for a tensor [2], as it is stored or as F32, and expects an error that names the
 * file, the fact, who needed it and the index that says so. */
static void useless_shard(const char *file, enum err code, const char *fact)
{
	for (int stored = 0; stored < 2; stored++) {
		struct tensors *t;
		char whole[256];
		check_ok(tensors_open_file(in_dir(INDEX), &t));
		check_ok(tensors_error(t)); /* opening asks for no shard */
		struct tensor b = stored ? tensors_get_stored(t, "b", DIMS(2))
					 : tensors_get(t, "b", DIMS(2));
		assert_null(b.data);
		snprintf(whole, sizeof(whole), "%s: %s", in_dir(file), fact);
		check_err(tensors_error(t), code, whole);
		check_err(tensors_prepare(t, NULL), code, "tensor b");
		assert_non_null(strstr(err_message(), in_dir(INDEX)));
		tensors_free(t);
	}
}

static void names_the_shard_and_who_needed_it(void **state)
{
	(void)state;
	put_index(ONE, TWO);
	put_tensor(ONE, "a", 1);
	useless_shard(TWO, ERR_NOTFOUND, "No such file or directory; tensor b should be");
	assert_non_null(strstr(err_message(), "missing; download the model again"));
	put_tensor(TWO, "b", 1);
	struct stat st;
	assert_int_equal(stat(in_dir(TWO), &st), 0);
	/* A download that broke off, at every length. */
	for (off_t n = st.st_size - 1; n >= 0; n--) {
		assert_int_equal(truncate(in_dir(TWO), n), 0);
		useless_shard(TWO, ERR_FORMAT, "");
		assert_null(strstr(err_message(), "download")); /* it is there */
	}
	put_tensor(TWO, "b", 1);
	assert_int_equal(truncate(in_dir(TWO), st.st_size - 1), 0);
	useless_shard(TWO, ERR_FORMAT,
		      "tensor b: its data end past the end of the file;");
	put_tensor(TWO, "x", 1); /* of another model */
	useless_shard(TWO, ERR_FORMAT, "there is no tensor b, though");
	assert_int_equal(unlink(in_dir(TWO)), 0);
	assert_int_equal(mkdir(in_dir(TWO), 0755), 0);
	useless_shard(TWO, ERR_FORMAT, "not a regular file; tensor b should be in it");
	/* A name of a tensor cannot command a terminal. */
	struct tensors *t;
	struct tensor stored;
	put(INDEX, "{\"weight_map\":{\"\\u001b[31m\":\"gone\"}}");
	check_ok(tensors_open_file(in_dir(INDEX), &t));
	assert_false(tensors_find(t, "\033[31m", &stored));
	check_err(tensors_error(t), ERR_NOTFOUND, "tensor \\x1b[31m should be in it");
	tensors_free(t);
}

static void half_weights_of_shards_stay_in_their_files(void **state)
{
	(void)state;
	static const char one[] = "{\"a\":{\"dtype\":\"BF16\",\"shape\":[2],"
				  "\"data_offsets\":[0,4]}}";
	const uint16_t half[2] = { 0x3FC0, 0xC000 };
	uint64_t n = sizeof(one) - 1;
	struct str s = STR_INIT;
	str_add_n(&s, (const char *)&n, sizeof(n));
	str_add(&s, one);
	str_add_n(&s, n % 2 ? " " : "", n % 2); /* the data at an even place */
	n += n % 2;
	memcpy(s.s, &n, sizeof(n));
	str_add_n(&s, (const char *)half, sizeof(half));
	write_str(in_dir(ONE), &s);
	str_release(&s);
	put_index(ONE, TWO);
	put_tensor(TWO, "b", 1);
	struct tensors *t;
	struct tensor in_file;
	check_ok(tensors_open_file(in_dir(INDEX), &t));
	struct tensor a = tensors_get_stored(t, "a", DIMS(2));
	struct tensor b = tensors_get_stored(t, "b", DIMS(2));
	struct tensor wide = tensors_get(t, "a", DIMS(2));
	check_ok(tensors_prepare(t, NULL));
	assert_int_equal(a.dtype, DT_BF16);
	assert_true(tensors_find(t, "a", &in_file));
	assert_ptr_equal(a.data, in_file.data);
	assert_memory_equal(a.data, half, sizeof(half));
	assert_true(tensor_f32(&wide)[0] == 1.5f && tensor_f32(&wide)[1] == -2);
	assert_int_equal(b.dtype, DT_F32);
	assert_int_equal(tensors_bytes(t), 4 + 8 + 8);
	assert_int_equal(tensors_params(t), 4);
	tensors_free(t);
}

static void names_the_file_that_breaks_its_promise(void **state)
{
	(void)state;
	struct tensors *t;
	put_index(ONE, TWO);
	put_tensor(ONE, "a", 1);
	put_tensor(TWO, "x", 1);
	check_ok(tensors_open_file(in_dir(INDEX), &t));
	tensors_get(t, "a", DIMS(2));
	tensors_get(t, "b", DIMS(2));
	check_err(tensors_error(t), ERR_FORMAT, TWO ": there is no tensor b, though");
	tensors_free(t);
	/* A tensor that is in a file, but not where the index says. */
	put_index(TWO, TWO);
	check_ok(tensors_open_file(in_dir(INDEX), &t));
	tensors_get(t, "a", DIMS(2));
	check_err(tensors_error(t), ERR_FORMAT, TWO ": there is no tensor a, though");
	tensors_free(t);
	put_index(ONE, TWO);
	put(TWO, "short");
	check_ok(tensors_open_file(in_dir(INDEX), &t));
	tensors_get(t, "b", DIMS(2));
	check_err(tensors_error(t), ERR_FORMAT, TWO ": 5 bytes are too few");
	tensors_free(t);
	/* The wrong shape is the set's own finding. */
	put_tensor(TWO, "b", 1);
	check_ok(tensors_open_file(in_dir(INDEX), &t));
	tensors_get(t, "b", DIMS(3));
	check_err(tensors_error(t), ERR_FORMAT,
		  TWO ": tensor b is [2], the model needs [3]");
	tensors_free(t);
	/* A file that shrinks, whichever it is. */
	check_ok(tensors_open_file(in_dir(INDEX), &t));
	tensors_get(t, "a", DIMS(2));
	tensors_get(t, "b", DIMS(2));
	assert_int_equal(truncate(in_dir(TWO), 20), 0);
	check_err(tensors_prepare(t, NULL), ERR_IO, TWO ": shrank");
	tensors_free(t);
}

static void shards_of_torch(void **state)
{
	(void)state;
	const float x[2] = { 5, 6 };
	struct tensor shape = tensor_of(DT_F32, NULL, DIMS(2));
	struct pickle_tensor p = pickle_f32("a", "0", &shape);
	struct str s = STR_INIT;
	struct zip_writer z = { 0 };
	pickle_begin(&s);
	pickle_tensor_of(&s, &p);
	pickle_end(&s);
	zip_add(&z, "m/data.pkl", s.s, s.len);
	zip_add(&z, "m/data/0", x, sizeof(x));
	zip_end(&z);
	write_str(in_dir("pytorch_model-00001-of-00001.bin"), &z.file);
	put("pytorch_model.bin.index.json",
	    "{\"weight_map\":{\"a\":\"pytorch_model-00001-of-00001.bin\"}}");
	struct tensors *t;
	check_ok(tensors_open_file(in_dir("pytorch_model.bin.index.json"), &t));
	assert_string_equal(tensors_format(t), "pytorch");
	struct tensor a = tensors_get(t, "a", DIMS(2));
	check_ok(tensors_prepare(t, NULL));
	assert_memory_equal(a.data, x, sizeof(x));
	tensors_free(t);
	str_release(&s);
	str_release(&z.file);
}

/* ---- one hash for all files ---- */

static int64_t last_done, last_total;
static bool note(void *ctx, int64_t done, int64_t total)
{
	assert_true(done >= last_done && done <= total);
	last_done = done;
	last_total = total;
	return ctx == NULL;
}

static void hash_of(const char *a, const char *b, char hex[SHA256_HEX])
{
	char paths[2][160];
	snprintf(paths[0], sizeof(paths[0]), "%s", in_dir(a));
	snprintf(paths[1], sizeof(paths[1]), "%s", b ? in_dir(b) : "");
	char *list[] = { paths[0], b ? paths[1] : NULL, NULL };
	last_done = last_total = 0;
	check_ok(files_sha256(list, note, NULL, hex));
}

static void one_hash_covers_all(void **state)
{
	(void)state;
	char one[SHA256_HEX], alone[SHA256_HEX], both[SHA256_HEX], other[SHA256_HEX];
	put("a", "first");
	put("b", "second");
	put("c", "seconD");
	check_ok(file_sha256(in_dir("a"), NULL, NULL, one));
	hash_of("a", NULL, alone);
	assert_string_equal(one, alone);
	hash_of("a", "b", both);
	assert_int_equal(last_done, 11);
	assert_int_equal(last_total, 11);
	assert_string_not_equal(both, one);
	hash_of("b", "a", other);
	assert_string_not_equal(both, other);
	hash_of("a", "c", other);
	assert_string_not_equal(both, other);
	hash_of("a", "missing", other); /* nobody needed it */
	assert_string_not_equal(both, other);
	hash_of("a", "b", other);
	assert_string_equal(both, other);
	char *none[] = { dir, NULL, NULL }, nowhere[] = "/nowhere/x";
	check_err(files_sha256(none, NULL, NULL, other), ERR_FORMAT, "not a regular");
	none[0] = nowhere;
	none[1] = dir;
	check_err(files_sha256(none, NULL, NULL, other), ERR_NOTFOUND, "/nowhere/x");
	char path[160];
	snprintf(path, sizeof(path), "%s", in_dir("a"));
	char *list[] = { path, path, NULL };
	last_done = 0;
	check_err(files_sha256(list, note, path, other), ERR_CANCELLED, "cancelled");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(equals_the_single_file),
		CASE(names_each_file_once),
		CASE(refuses_bad_indices),
		CASE(refuses_every_truncation),
		CASE(opens_only_what_is_asked_for),
		CASE(names_the_shard_and_who_needed_it),
		CASE(half_weights_of_shards_stay_in_their_files),
		CASE(names_the_file_that_breaks_its_promise),
		CASE(shards_of_torch),
		CASE(one_hash_covers_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
