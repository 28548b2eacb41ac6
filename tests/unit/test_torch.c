/* torch.save's files: what is read and equals its twin, what is refused and how. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tensor/file_source.h"
#include "tensor/safetensors.h"
#include "tensor/torch_file.h"
#include "tensor/torch_pickle.h"
#include "torch_writer.h"

static char dir[64];
static char path[128];

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	snprintf(path, sizeof(path), "%s/pytorch_model.bin", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

/* Opens what must not open; the message names the file and the fact. */
static void refused(const char *file, enum err code, const char *fact)
{
	struct torch_file *f = NULL;
	check_err(torch_file_open(file, &f), code, fact);
	assert_non_null(strstr(err_message(), file));
	assert_null(f);
}

/* Reads every element of what opened. */
static void walk(const struct torch_file *f)
{
	for (size_t i = 0; i < torch_file_count(f); i++) {
		const struct torch_entry *e = torch_file_at(f, i);
		int64_t n = tensor_count(&e->tensor);
		float *out = malloc((size_t)n * sizeof(*out) + 1);
		torch_entry_read(e, 0, n, out);
		free(out);
	}
}

static void open_and_walk(void)
{
	struct torch_file *f;
	if (torch_file_open(path, &f)) {
		assert_non_null(strstr(err_message(), path));
		return;
	}
	walk(f);
	torch_file_free(f);
}

/* ---- what torch wrote ---- */

static bool is_float(const struct tensor *t) { return t->dtype != DT_I64; }

static void same_tensor(const struct torch_entry *e, const struct tensor *twin)
{
	assert_int_equal(e->tensor.dtype, twin->dtype);
	assert_int_equal(e->tensor.ndim, twin->ndim);
	for (int i = 0; i < twin->ndim; i++)
		assert_int_equal(e->tensor.dim[i], twin->dim[i]);
	int64_t n = tensor_count(twin);
	if (!is_float(twin)) {
		assert_memory_equal(e->tensor.data, twin->data, tensor_bytes(twin));
		return;
	}
	float *want = calloc((size_t)n + 1, 4), *got = calloc((size_t)n + 1, 4);
	dtype_to_f32(twin->dtype, twin->data, want, (size_t)n);
	/* Any part of it, as threads ask for them. */
	for (int64_t begin = 0; begin < n; begin += 5)
		for (int64_t end = begin; end <= n; end += 3) {
			got[end - begin] = 12345;
			torch_entry_read(e, begin, end, got);
			assert_memory_equal(got, want + begin, (size_t)(end - begin) * 4);
			assert_true(got[end - begin] == 12345);
		}
	free(want);
	free(got);
}

static void equals_its_twin(void **state)
{
	(void)state;
	struct torch_file *f;
	struct safetensors *st;
	check_ok(torch_file_open(fixture("torch/weights.bin"), &f));
	check_ok(safetensors_open(fixture("torch/weights.safetensors"), &st));
	assert_int_equal(torch_file_count(f), safetensors_count(st));
	assert_true(torch_file_count(f) >= 16);
	for (size_t i = 0; i < torch_file_count(f); i++) {
		const struct safetensors_entry *twin = safetensors_at(st, i);
		assert_string_equal(torch_file_at(f, i)->name, twin->name);
		assert_ptr_equal(torch_file_find(f, twin->name), torch_file_at(f, i));
		same_tensor(torch_file_at(f, i), &twin->tensor);
	}
	/* Views of one storage are views of the file; what is turned is no such thing. */
	const char *all = torch_file_find(f, "shared.all")->tensor.data;
	assert_ptr_equal(torch_file_find(f, "shared.rows")->tensor.data,
			 all + 2 * 10 * 4);
	assert_null(torch_file_find(f, "shared.block")->tensor.data);
	assert_null(torch_file_find(f, "transposed")->tensor.data);
	assert_null(torch_file_find(f, "expanded")->tensor.data);
	assert_non_null(torch_file_find(f, "of_ones")->tensor.data);
	assert_null(torch_file_find(f, "missing"));
	check_ok(torch_file_check(f));
	torch_file_free(f);
	safetensors_free(st);
}

static void is_a_source_of_weights(void **state)
{
	(void)state;
	struct tensors *t, *twin;
	check_ok(tensors_open_file(fixture("torch/weights.bin"), &t));
	check_ok(tensors_open_file(fixture("torch/weights.safetensors"), &twin));
	assert_string_equal(tensors_format(t), "pytorch");
	static const char *const names[] = { "f32", "f16", "bf16", "transposed",
					     "shared.block" };
	struct tensor got[5], want[5];
	for (int i = 0; i < 5; i++) {
		struct tensor stored;
		assert_true(tensors_find(twin, names[i], &stored));
		got[i] = tensors_get(t, names[i], stored.ndim, stored.dim);
		want[i] = tensors_get(twin, names[i], stored.ndim, stored.dim);
	}
	check_ok(tensors_prepare(t, NULL));
	check_ok(tensors_prepare(twin, NULL));
	for (int i = 0; i < 5; i++)
		assert_memory_equal(got[i].data, want[i].data, tensor_bytes(&want[i]));
	tensors_get(t, "absent", DIMS(1));
	check_err(tensors_error(t), ERR_FORMAT, "weights.bin: there is no tensor absent");
	tensors_free(t);
	tensors_free(twin);
}

static void refuses_more_than_weights(void **state)
{
	(void)state;
	static const struct {
		const char *file, *fact;
	} cases[] = {
		{ "torch/parameter.bin", "wants torch._utils._rebuild_parameter;" },
		{ "torch/module.bin", "wants torch.nn.modules.linear.Linear;" },
		{ "torch/protocol4.bin", "instruction 0x95 FRAME at byte 2" },
		{ "torch/list.bin", "holds no dictionary of tensors" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		refused(fixture(cases[i].file), ERR_UNSUPPORTED, cases[i].fact);
		assert_non_null(strstr(err_message(), "save_file(model.state_dict()"));
	}
}

static void copy_fixture(const char *name, struct str *out)
{
	char chunk[4096];
	FILE *f = fopen(fixture(name), "rb");
	assert_non_null(f);
	for (size_t n; (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
		str_add_n(out, chunk, n);
	fclose(f);
}

static void refuses_every_truncation(void **state)
{
	(void)state;
	struct str bytes = STR_INIT;
	copy_fixture("torch/weights.bin", &bytes);
	write_str(path, &bytes);
	for (size_t n = bytes.len; n-- > 0;) {
		struct torch_file *f;
		assert_int_equal(truncate(path, (off_t)n), 0);
		assert_int_equal(torch_file_open(path, &f), ERR_FORMAT);
		assert_non_null(strstr(err_message(), path));
	}
	str_add(&bytes, "x");
	write_str(path, &bytes);
	refused(path, ERR_FORMAT, "not a zip archive, or cut off");
	str_release(&bytes);
}

/* ---- archives made here ---- */

static const float four[] = { 1, 2, 3, 4 };
static const struct pickle_tensor pair = {
	.name = "w",
	.type = "FloatStorage",
	.storage = "0",
	.count = 4,
	.ndim = 2,
	.dim = { 2, 2 },
	.stride = { 2, 1 },
};

static struct str state_dict(const struct pickle_tensor *t, int n)
{
	struct str p = STR_INIT;
	pickle_begin(&p);
	for (int i = 0; i < n; i++)
		pickle_tensor_of(&p, &t[i]);
	pickle_end(&p);
	return p;
}

/* An archive that opens, but for its end. */
static struct zip_writer good_entries(void)
{
	struct zip_writer z = { 0 };
	struct str p = state_dict(&pair, 1);
	zip_add(&z, "m/data.pkl", p.s, p.len);
	zip_add(&z, "m/data/0", four, sizeof(four));
	str_release(&p);
	return z;
}

static void write_zip(struct zip_writer *z)
{
	write_str(path, &z->file);
	str_release(&z->file);
}

/* A file of this pickle and a storage of four floats. */
static void write_pickle(const struct str *p)
{
	struct zip_writer z = { 0 };
	zip_add(&z, "m/data.pkl", p->s, p->len);
	zip_add(&z, "m/data/0", four, sizeof(four));
	zip_end(&z);
	write_zip(&z);
}

static void pickle_refused(const struct str *p, enum err code, const char *fact)
{
	write_pickle(p);
	refused(path, code, fact);
}

static void reads_what_is_made_here(void **state)
{
	(void)state;
	struct zip_writer z = good_entries();
	zip_end(&z);
	write_zip(&z);
	struct torch_file *f;
	check_ok(torch_file_open(path, &f));
	assert_memory_equal(torch_file_find(f, "w")->tensor.data, four, sizeof(four));
	torch_file_free(f);
	/* Nothing in it is legal too. */
	struct str p = STR_INIT;
	str_add(&p, "\x80\x02}.");
	write_pickle(&p);
	check_ok(torch_file_open(path, &f));
	assert_int_equal(torch_file_count(f), 0);
	torch_file_free(f);
	str_release(&p);
}

static void survives_every_flipped_byte(void **state)
{
	(void)state;
	static const unsigned char flips[] = { 0x01, 0x04, 0x10, 0x80, 0xFF };
	struct zip_writer z = good_entries();
	zip_end64(&z, 2, z.directory.len, z.file.len);
	write_str(path, &z.file);
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	for (size_t at = 0; at < z.file.len; at++) {
		for (size_t k = 0; k < sizeof(flips); k++) {
			char flipped = (char)(z.file.s[at] ^ flips[k]);
			assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at), 1);
			open_and_walk();
		}
		assert_int_equal(pwrite(fd, z.file.s + at, 1, (off_t)at), 1);
	}
	close(fd);
	str_release(&z.file);
}

static void refuses_what_is_no_archive(void **state)
{
	(void)state;
	static const struct {
		const char *bytes, *fact;
		size_t n;
		enum err code;
	} cases[] = {
		{ "", "empty file", 0, ERR_FORMAT },
		{ "PK", "not a zip archive", 2, ERR_FORMAT },
		{ "PK\3\4", "cut off", 4, ERR_FORMAT },
		{ "\x80\x02\x8a\nl\xfc\x9c", "that torch wrote before version 1.6", 7,
		  ERR_UNSUPPORTED },
		{ "\x80\x02\x8a\nl\xfc\x9c", "torch.save(torch.load(", 7,
		  ERR_UNSUPPORTED },
		{ "version https://git-lfs.github.com/spec/v1\n", "not a zip archive", 43,
		  ERR_FORMAT },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str s = STR_INIT;
		str_add_n(&s, cases[i].bytes, cases[i].n);
		write_str(path, &s);
		refused(path, cases[i].code, cases[i].fact);
		str_release(&s);
	}
	assert_int_equal(unlink(path), 0);
	refused(path, ERR_NOTFOUND, "No such file");
}

/* ---- zip ---- */

static void refuses_lengths_near_the_limit(void **state)
{
	(void)state;
	static const uint64_t large[] = { UINT64_MAX,        UINT64_MAX - 1,
					  UINT64_MAX - 21,   UINT64_MAX - 45,
					  (uint64_t)1 << 63, (uint64_t)1 << 32,
					  UINT32_MAX,        1 << 20 };
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		for (int field = 0; field < 3; field++) {
			struct zip_writer z = good_entries();
			uint64_t v[3] = { 2, z.directory.len, z.file.len };
			v[field] = large[i];
			zip_end64(&z, v[0], v[1], v[2]);
			write_zip(&z);
			refused(path, ERR_FORMAT, "damaged zip archive: its directory");
		}
	/* The same in an entry's own zip64 field: size, packed size, place. */
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		struct zip_writer z = good_entries();
		struct str extra = STR_INIT;
		put_le(&extra, 1, 2);
		put_le(&extra, 16, 2);
		put_le(&extra, large[i], 8);
		put_le(&extra, large[i], 8);
		memset(z.directory.s + 20, 0xFF, 8); /* both sizes of the first */
		z.directory.s[30] = (char)extra.len;
		struct str d = STR_INIT;
		str_add_n(&d, z.directory.s, 46 + 10);
		str_add_n(&d, extra.s, extra.len);
		str_add_n(&d, z.directory.s + 56, z.directory.len - 56);
		str_release(&z.directory);
		str_release(&extra);
		z.directory = d;
		zip_end(&z);
		write_zip(&z);
		refused(path, ERR_FORMAT,
			"zip entry m/data.pkl ends past the end of the data");
	}
}

/* Byte `at` of the directory (negative: of the file) of a good archive is changed. */
static void patched_refused(long at, const void *bytes, size_t n, enum err code,
			    const char *fact)
{
	struct zip_writer z = good_entries();
	memcpy(at < 0 ? z.file.s - at : z.directory.s + at, bytes, n);
	zip_end(&z);
	write_zip(&z);
	refused(path, code, fact);
}

static void refuses_bad_archives(void **state)
{
	(void)state;
	patched_refused(10, "\x08", 1, ERR_UNSUPPORTED,
			"m/data.pkl is compressed (method 8, DEFLATE)");
	patched_refused(10, "\x63", 1, ERR_UNSUPPORTED, "is compressed (method 99)");
	patched_refused(8, "\x01", 1, ERR_FORMAT, "m/data.pkl is encrypted");
	patched_refused(34, "\x01", 1, ERR_FORMAT, "is in another part");
	patched_refused(20, "\x01", 1, ERR_FORMAT, "its two sizes are different");
	patched_refused(42, "\xFF\xFF\xFF\x7F", 4, ERR_FORMAT, "begins past the end");
	patched_refused(42, "\x01", 1, ERR_FORMAT, "has no header where it should be");
	patched_refused(46, "x", 1, ERR_FORMAT, "has another name in its header");
	patched_refused(46, "\0", 1, ERR_FORMAT, "no proper name");
	patched_refused(28, "\0", 1, ERR_FORMAT, "damaged zip archive");
	patched_refused(28, "\xFF\xFF", 2, ERR_FORMAT, "is cut off");
	patched_refused(-28, "\xFF\xFF", 2, ERR_FORMAT, "a header that does not fit");
	patched_refused(0, "X", 1, ERR_FORMAT, "fewer entries than it says");

	struct zip_writer z = good_entries();
	zip_add(&z, "m/data/0", four, sizeof(four));
	zip_end(&z);
	write_zip(&z);
	refused(path, ERR_FORMAT, "zip entry m/data/0 is there twice");

	z = good_entries();
	zip_add(&z, "n/data.pkl", "}.", 2);
	zip_end(&z);
	write_zip(&z);
	refused(path, ERR_FORMAT, "two checkpoints in one archive");

	z = good_entries();
	zip_add(&z, "m/byteorder", "big", 3);
	zip_end(&z);
	write_zip(&z);
	refused(path, ERR_UNSUPPORTED, "not little-endian");

	z = (struct zip_writer){ 0 };
	zip_add(&z, "word/document.xml", "x", 1);
	zip_add(&z, "a/b/data.pkl", "x", 1);
	zip_end(&z);
	write_zip(&z);
	refused(path, ERR_FORMAT, "but not of torch.save");

	/* One entry fewer, one more. */
	for (unsigned count = 1; count <= 3; count += 2) {
		z = good_entries();
		size_t at = z.file.len, size = z.directory.len;
		str_add_n(&z.file, z.directory.s, size);
		zip_add_end(&z.file, count, size, at);
		str_release(&z.directory);
		write_zip(&z);
		refused(path, ERR_FORMAT, "damaged zip archive: its directory");
	}
}

/* A name cannot command a terminal. */
static void escapes_names(void **state)
{
	(void)state;
	struct zip_writer z = { .method = 8 };
	zip_add(&z, "m/\033[31m", "x", 1);
	zip_end(&z);
	write_zip(&z);
	refused(path, ERR_UNSUPPORTED, "m/\\x1b[31m");
	struct pickle_tensor t = pair;
	t.name = "w\033[31m";
	t.offset = 9;
	struct str p = state_dict(&t, 1);
	pickle_refused(&p, ERR_FORMAT, "w\\x1b[31m");
	str_release(&p);
	p = (struct str)STR_INIT;
	str_add(&p, "\x80\x02"
		    "c\033[31m\nx\n.");
	pickle_refused(&p, ERR_UNSUPPORTED, "wants \\x1b[31m.x;");
	str_release(&p);
}

/* ---- pickles ---- */

static void calls_nothing(void **state)
{
	(void)state;
	static const char *const functions[][2] = {
		{ "os", "system" },
		{ "posix", "system" },
		{ "nt", "system" },
		{ "builtins", "eval" },
		{ "builtins", "exec" },
		{ "subprocess", "Popen" },
		{ "torch", "load" },
		{ "torch", "IntStorage" },
		{ "torch._utils", "_rebuild_tensor" },
		{ "collections", "deque" },
		{ "collections", "OrderedDict.fromkeys" },
		{ "collections.OrderedDict", "" },
	};
	char marker[128], command[192];
	snprintf(marker, sizeof(marker), "%s/executed", dir);
	snprintf(command, sizeof(command), "touch '%s'", marker);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		char fact[128];
		struct str p = STR_INIT;
		str_addf(&p,
			 "\x80\x02"
			 "c%s\n%s\n",
			 functions[i][0], functions[i][1]);
		pickle_text(&p, command);
		str_add(&p, "\x85R.");
		snprintf(fact, sizeof(fact),
			 "wants %s.%s; it was not called, nothing was", functions[i][0],
			 functions[i][1]);
		pickle_refused(&p, ERR_UNSUPPORTED, fact);
		assert_int_equal(access(marker, F_OK), -1);
		str_release(&p);
	}
}

static void refuses_bad_programs(void **state)
{
	(void)state;
	static const struct {
		const char *program, *fact;
	} cases[] = {
		{ "", "it is cut off" },
		{ "}", "it is cut off" },
		{ ".", "more or less than one value" },
		{ "}}.", "more or less than one value" },
		{ "(}.", "more or less than one value" },
		{ "}.}", "something after its end" },
		{ "t.", "there is no mark" },
		{ "u.", "there is no mark" },
		{ "e.", "there is no mark" },
		{ "\x85.", "its stack is empty" },
		{ "N\x86.", "its stack is empty" },
		{ "NN(\x86.", "its stack is empty" },
		{ "R.", "its stack is empty" },
		{ "b.", "its stack is empty" },
		{ "s.", "its stack is empty" },
		{ "}NNs", "it is cut off" },
		{ "NNNs.", "sets items of no dictionary" },
		{ "](NNu.", "sets items of no dictionary" },
		{ "}(Nu.", "a key without a value" },
		{ "}Na.", "appends to what is no list" },
		{ "}(NNe.", "appends to what is no list" },
		{ "N)R.", "calls what is no function" },
		{ "ccollections\nOrderedDict\n}R.", "calls what is no function" },
		{ "ccollections\nOrderedDict\nN\x85R.", "OrderedDict with arguments" },
		{ "ctorch._utils\n_rebuild_tensor_v2\n)R.", "with other arguments" },
		{ "ctorch\nFloatStorage\n)R.", "calls torch.FloatStorage" },
		{ "NQ.", "a persistent id that is no storage" },
		{ ")Q.", "a persistent id that is no storage" },
		{ "(NNNNNtQ.", "a persistent id that is no storage" },
		{ "]Nb.", "BUILD of something other" },
		{ "}Nb.", "BUILD of something other" },
		{ "h\1.", "recalls what it never remembered" },
		{ "}q\2h\1.", "recalls what it never remembered" },
		{ "j\xFF\xFF\xFF\xFF.", "recalls what it never remembered" },
		{ "}r\xFF\xFF\xFF\xFF.", "remembers more than 1048576 values" },
		{ "q\1.", "its stack is empty" },
		{ "X\xFF\xFF\xFF\xFFtext", "it is cut off" },
		{ "\x8a\x09\1\1\1\1\1\1\1\1\1.", "a number of 9 bytes" },
		{ "ccollections", "it is cut off" },
		{ "ccollections\nOrderedDict", "it is cut off" },
		{ "\x80\x09", "protocol 9" },
		{ "N.", "no dictionary of tensors" },
		{ "}NNs.", "holds no tensors by name" },
		{ "\x81", "0x81 NEWOBJ at byte 0" },
		{ "i", "0x69 INST at byte 0" },
		{ "\x01", "0x01 at byte 0" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct torch_pickle *p;
		const char *text = cases[i].program;
		enum err e = torch_pickle_read((const unsigned char *)text, strlen(text),
					       "label", &p);
		if (!e || !strstr(err_message(), cases[i].fact))
			fail_msg("case %zu: wanted \"%s\", got %s", i, cases[i].fact,
				 e ? err_message() : "OK");
		assert_true(strncmp(err_message(), "label: ", 7) == 0);
		assert_null(p);
	}
	struct torch_pickle *p;
	check_err(
		torch_pickle_read((const unsigned char *)"X\1\0\0\0\0.", 7, "label", &p),
		ERR_FORMAT, "a text with a NUL byte");
}

static void repeat(struct str *s, const char *text, int n)
{
	for (int i = 0; i < n; i++)
		str_add(s, text);
}

static void structures_cost_what_they_are_long(void **state)
{
	(void)state;
	enum { N = 900000 };
	struct torch_pickle *p;
	struct str s = STR_INIT;
	repeat(&s, "(", N); /* deep */
	repeat(&s, "t", N);
	str_add(&s, ".");
	check_err(torch_pickle_read((unsigned char *)s.s, s.len, "x", &p),
		  ERR_UNSUPPORTED, "no dictionary");
	str_clear(&s);
	str_add(&s, ")"); /* deep as well */
	repeat(&s, "\x85", N);
	str_add(&s, ".");
	check_err(torch_pickle_read((unsigned char *)s.s, s.len, "x", &p),
		  ERR_UNSUPPORTED, "no dictionary");
	str_clear(&s);
	repeat(&s, ")", 1100000); /* many */
	check_err(torch_pickle_read((unsigned char *)s.s, s.len, "x", &p), ERR_FORMAT,
		  "more than 1048576 values");
	/* A tuple of two of itself's elder, 200 times: 2^200 leaves, were they copied. */
	str_clear(&s);
	pickle_begin(&s);
	pickle_tensor_of(&s, &pair);
	pickle_text(&s, "bomb");
	str_add(&s, ")");
	repeat(&s, "q\1h\1\x86", 200);
	pickle_end(&s);
	check_ok(torch_pickle_read((unsigned char *)s.s, s.len, "x", &p));
	assert_int_equal(torch_pickle_count(p), 1);
	torch_pickle_free(p);
	/* A dictionary that holds itself, and is its own attributes. */
	str_clear(&s);
	str_add(&s, "}q\1");
	pickle_text(&s, "me");
	str_add(&s, "h\1s(");
	pickle_tensor_of(&s, &pair);
	str_add(&s, "uh\1b.");
	check_ok(torch_pickle_read((unsigned char *)s.s, s.len, "x", &p));
	assert_int_equal(torch_pickle_count(p), 1);
	torch_pickle_free(p);
	/* Many items from few values. */
	str_clear(&s);
	str_add(&s, "Nq\2}(");
	repeat(&s, "h\2h\2", 1100000);
	str_add(&s, "u.");
	check_err(torch_pickle_read((unsigned char *)s.s, s.len, "x", &p), ERR_FORMAT,
		  "sets more than 1048576 items");
	str_release(&s);
	unsigned char *large = calloc(1, TORCH_PICKLE_MAX_BYTES + 1);
	check_err(torch_pickle_read(large, TORCH_PICKLE_MAX_BYTES + 1, "x", &p),
		  ERR_FORMAT, "a pickle of 16777217 bytes");
	free(large);
}

/* ---- tensors ---- */

static void refuses_bad_tensors(void **state)
{
	(void)state;
	const int64_t max = INT64_MAX;
#define TENSOR(...)                                                                      \
	{                                                                                \
		.name = "w", .type = "FloatStorage", .storage = "0", __VA_ARGS__         \
	}
#define D(...) .dim = { __VA_ARGS__ }
#define S(...) .stride = { __VA_ARGS__ }
	const struct {
		struct pickle_tensor t;
		const char *fact;
		enum err code;
	} cases[] = {
		{ TENSOR(.count = 4, .ndim = 1, D(5), S(1)),
		  "reaches element 4 of a storage of 4", ERR_FORMAT },
		{ TENSOR(.count = 4, .offset = 1, .ndim = 1, D(4), S(1)),
		  "reaches element 4 of", ERR_FORMAT },
		{ TENSOR(.count = 4, .offset = 4), "reaches element 4 of", ERR_FORMAT },
		{ TENSOR(.count = 4, .ndim = 2, D(2, 2), S(3, 1)), "reaches element 4 of",
		  ERR_FORMAT },
		{ TENSOR(.count = 4, .offset = -1), "negative offset", ERR_FORMAT },
		{ TENSOR(.count = -4, .ndim = 1, D(0), S(1)),
		  "negative offset or storage", ERR_FORMAT },
		{ TENSOR(.count = 4, .ndim = 1, D(4), S(-1)), "no unsigned integer",
		  ERR_FORMAT },
		{ TENSOR(.count = 4, .ndim = 1, D(-4), S(1)), "no unsigned integer",
		  ERR_FORMAT },
		{ TENSOR(.count = 4, .ndim = 1, D(max), S(1)), "a size that overflows",
		  ERR_FORMAT },
		{ TENSOR(.count = 4, .ndim = 2, D(max, 2), S(0, 0)),
		  "a size that overflows", ERR_FORMAT },
		{ TENSOR(.count = 4, .ndim = 1, D(3), S(max)), "strides that overflow",
		  ERR_FORMAT },
		{ TENSOR(.count = 4, .offset = max, .ndim = 1, D(2), S(1)),
		  "strides that overflow", ERR_FORMAT },
		{ TENSOR(.count = 5, .ndim = 1, D(4), S(1)),
		  "another length than the pickle says", ERR_FORMAT },
		{ TENSOR(.count = 3, .ndim = 1, D(3), S(1)),
		  "another length than the pickle says", ERR_FORMAT },
		{ TENSOR(.count = max, .ndim = 1, D(4), S(1)),
		  "another length than the pickle says", ERR_FORMAT },
		{ TENSOR(.count = 4, .ndim = 6, D(1, 1, 1, 1, 1, 4), S(1, 1, 1, 1, 1, 1)),
		  "has 6 dimensions, at most 5", ERR_UNSUPPORTED },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str p = state_dict(&cases[i].t, 1);
		pickle_refused(&p, cases[i].code, cases[i].fact);
		assert_non_null(strstr(err_message(), "tensor w"));
		str_release(&p);
	}
}

static void refuses_bad_storages(void **state)
{
	(void)state;
	struct pickle_tensor t[2] = { pair, pair };
	t[1].name = "v";
	t[1].type = "HalfStorage"; /* 8 halves are as long as 4 floats */
	t[1].count = 8;
	struct str p = state_dict(t, 2);
	pickle_refused(&p, ERR_FORMAT, "storage data/0 is used as two kinds of numbers");
	str_release(&p);

	t[1] = pair;
	p = state_dict(t, 2);
	pickle_refused(&p, ERR_FORMAT, "tensor w is there twice");
	str_release(&p);

	static const char *const keys[] = { "1", "", "../data.pkl", "0/", "\033" };
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		t[0].storage = keys[i];
		p = state_dict(t, 1);
		pickle_refused(&p, ERR_FORMAT, "is not in the archive");
		str_release(&p);
	}
	/* What no name leads to need not be right. */
	t[0].offset = 99;
	p = (struct str)STR_INIT;
	pickle_begin(&p);
	str_add(&p, "N");
	pickle_value_of(&p, &t[0]);
	pickle_tensor_of(&p, &pair);
	pickle_end(&p);
	write_pickle(&p);
	struct torch_file *f;
	check_ok(torch_file_open(path, &f));
	assert_int_equal(torch_file_count(f), 1);
	torch_file_free(f);
	str_release(&p);
}

/* A tensor of no elements has any offset and strides, and no place. */
static void empty_tensors_reach_nothing(void **state)
{
	(void)state;
	struct pickle_tensor t = pair;
	t.dim[0] = 0;
	t.stride[1] = INT64_MAX;
	t.offset = INT64_MAX;
	struct str p = state_dict(&t, 1);
	write_pickle(&p);
	struct torch_file *f;
	check_ok(torch_file_open(path, &f));
	assert_int_equal(tensor_count(&torch_file_at(f, 0)->tensor), 0);
	walk(f);
	torch_file_free(f);
	str_release(&p);
}

static void a_shrinking_file_is_an_error_not_a_crash(void **state)
{
	(void)state;
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 3 * page;
	char *data = calloc(1, n);
	struct pickle_tensor t = pair;
	t.count = (int64_t)n / 4;
	struct str p = state_dict(&t, 1);
	struct zip_writer z = { 0 };
	zip_add(&z, "m/data/0", data, n);
	zip_add(&z, "m/data.pkl", p.s, p.len);
	zip_end(&z);
	write_zip(&z);
	struct torch_file *f;
	check_ok(torch_file_open(path, &f));
	assert_int_equal(truncate(path, 10), 0);
	walk(f);
	check_err(torch_file_check(f), ERR_IO, "shrank while it was read");
	torch_file_free(f);
	str_release(&p);
	free(data);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(equals_its_twin),
		CASE(is_a_source_of_weights),
		CASE(refuses_more_than_weights),
		CASE(refuses_every_truncation),
		CASE(reads_what_is_made_here),
		CASE(survives_every_flipped_byte),
		CASE(refuses_what_is_no_archive),
		CASE(refuses_lengths_near_the_limit),
		CASE(refuses_bad_archives),
		CASE(escapes_names),
		CASE(calls_nothing),
		CASE(refuses_bad_programs),
		CASE(structures_cost_what_they_are_long),
		CASE(refuses_bad_tensors),
		CASE(refuses_bad_storages),
		CASE(empty_tensors_reach_nothing),
		CASE(a_shrinking_file_is_an_error_not_a_crash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
