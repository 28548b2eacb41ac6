/* GGUF: what is read, and everything that a file can get wrong. */
#include "check.h"

#include <fcntl.h>

#include "gguf_writer.h"

static char dir[64], path[96];

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	snprintf(path, sizeof(path), "%s/w.gguf", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

/* ---- what is read ---- */

/* Every type of value, and tensors of every type that can be read. */
static struct gguf_writer good(void)
{
	static const char *const words[] = { "one", "", "three" };
	static const float f32[] = { 1, -2, 3.5F, 0, 5, 6 };
	static const uint16_t f16[] = { 0x3C00, 0xC000 }, bf16[] = { 0x3F80, 0xC000 };
	struct gguf_writer w = { 0 };
	gguf_key_int(&w, "u8", GGUF_U8, 0xFF, 1);
	gguf_key_int(&w, "i8", GGUF_I8, 0xFF, 1);
	gguf_key_int(&w, "u16", GGUF_U16, 0xFFFE, 2);
	gguf_key_int(&w, "i16", GGUF_I16, 0xFFFE, 2);
	gguf_key_u32(&w, "u32", 0xFFFFFFFD);
	gguf_key_int(&w, "i32", GGUF_I32, 0xFFFFFFFD, 4);
	gguf_key_f32(&w, "f32", 0.5F);
	gguf_key_int(&w, "bool", GGUF_BOOL, 1, 1);
	gguf_key_text(&w, "text", "GGUF\xc3\xa9");
	gguf_key_int(&w, "u64", GGUF_U64, UINT64_MAX, 8);
	gguf_key_int(&w, "i64", GGUF_I64, (uint64_t)-7, 8);
	gguf_key_int(&w, "f64", GGUF_F64, 0x3FD0000000000000, 8);
	gguf_key_texts(&w, "words", 3, words);
	gguf_key_list(&w, "ids", GGUF_I32, 2);
	put_le(&w.keys, 3, 4);
	put_le(&w.keys, 0xFFFFFFFF, 4);
	gguf_key_list(&w, "nothing", GGUF_U8, 0);
	gguf_tensor(&w, "wide", 0, GGUF_DIMS(3, 2), f32, sizeof(f32));
	gguf_tensor(&w, "half", 1, GGUF_DIMS(2), f16, sizeof(f16));
	gguf_tensor(&w, "brain", 30, GGUF_DIMS(1, 2, 1), bf16, sizeof(bf16));
	gguf_tensor(&w, "packed", 8, GGUF_DIMS(64, 2), NULL, 4 * 34);
	gguf_tensor(&w, "empty", 0, GGUF_DIMS(0, 7), NULL, 0);
	gguf_tensor(&w, "scalar", 0, 0, NULL, f32, 4);
	return w;
}

static void values_of_every_type(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		int64_t value;
	} ints[] = { { "u8", 255 },        { "i8", -1 },          { "u16", 65534 },
		     { "i16", -2 },        { "u32", 4294967293 }, { "i32", -3 },
		     { "u64", INT64_MAX }, { "i64", -7 } };
	struct gguf_writer w = good();
	struct gguf *g;
	int64_t n = 0;
	double number = 0;
	bool yes = false;
	const struct gguf_value *v;
	gguf_write(path, &w);
	assert_true(gguf_is(path));
	check_ok(gguf_open(path, &g));
	for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
		check_ok(gguf_int(g, ints[i].key, INT64_MIN, INT64_MAX, &n));
		assert_int_equal(n, ints[i].value);
	}
	check_ok(gguf_num(g, "f32", 0, 1, &number));
	assert_true(number == 0.5);
	check_ok(gguf_num(g, "f64", 0, 1, &number));
	assert_true(number == 0.25);
	check_ok(gguf_bool(g, "bool", false, &yes));
	assert_true(yes);
	check_ok(gguf_bool(g, "no such", true, &yes));
	assert_true(yes);
	check_ok(gguf_string(g, "text", &v));
	assert_true(gguf_string_is(v, "GGUF\xc3\xa9"));
	assert_false(gguf_string_is(v, "GGUF"));
	check_ok(gguf_array(g, "ids", GGUF_I32, &v));
	assert_int_equal(v->count, 2);
	assert_int_equal(gguf_element(v, 1), -1);
	check_ok(gguf_array(g, "nothing", GGUF_U8, &v));
	assert_int_equal(v->count, 0);
	gguf_free(g);
}

static void walks_over_strings(void **state)
{
	(void)state;
	static const char *const want[] = { "one", "", "three" };
	struct gguf_writer w = good();
	struct gguf *g;
	const struct gguf_value *v;
	const char *s;
	size_t n;
	gguf_write(path, &w);
	check_ok(gguf_open(path, &g));
	check_ok(gguf_array(g, "words", GGUF_STRING, &v));
	struct gguf_strings walk = gguf_strings(v);
	for (int i = 0; i < 3; i++) {
		assert_true(gguf_strings_next(&walk, &s, &n));
		assert_int_equal(n, strlen(want[i]));
		assert_memory_equal(s, want[i], n);
	}
	assert_false(gguf_strings_next(&walk, &s, &n));
	gguf_free(g);
}

static void getters_say_what_is_there(void **state)
{
	(void)state;
	struct gguf_writer w = good();
	struct gguf *g;
	int64_t n;
	double number;
	bool yes;
	const struct gguf_value *v;
	gguf_write(path, &w);
	check_ok(gguf_open(path, &g));
	check_err(gguf_int(g, "none", 0, 1, &n), ERR_FORMAT,
		  "w.gguf: there is no key none");
	check_err(gguf_int(g, "text", 0, 1, &n), ERR_FORMAT,
		  "key text is a string, not an integer");
	check_err(gguf_int(g, "f32", 0, 1, &n), ERR_FORMAT, "an F32, not an integer");
	check_err(gguf_int(g, "bool", 0, 1, &n), ERR_FORMAT, "a bool, not an integer");
	check_err(gguf_int(g, "u8", 0, 254, &n), ERR_FORMAT,
		  "key u8 is 255, which is not in 0 ... 254");
	check_err(gguf_num(g, "u8", 0, 1, &number), ERR_FORMAT, "a number with a point");
	check_err(gguf_num(g, "f32", 1, 2, &number), ERR_FORMAT,
		  "key f32 is 0.5, which is not in 1 ... 2");
	check_err(gguf_bool(g, "u8", true, &yes), ERR_FORMAT, "a U8, not a bool");
	check_err(gguf_string(g, "words", &v), ERR_FORMAT, "a list, not a string");
	check_err(gguf_array(g, "text", GGUF_STRING, &v), ERR_FORMAT, "not a list");
	check_err(gguf_array(g, "words", GGUF_I32, &v), ERR_FORMAT,
		  "an element of key words is a string, not an I32");
	gguf_free(g);
}

static void check_shape(const struct gguf *g, const char *name, const char *type,
			const char *shape)
{
	char text[64];
	const struct gguf_entry *e = gguf_find(g, name);
	assert_non_null(e);
	assert_string_equal(e->type, type);
	assert_string_equal(shape_text(e->tensor.ndim, e->tensor.dim, text, sizeof(text)),
			    shape);
}

/* Dimensions are torch's; data lie aligned in the map. */
static void tensors_of_every_type(void **state)
{
	(void)state;
	float out[6];
	struct gguf *g;
	for (unsigned version = 2; version < 4; version++) {
		struct gguf_writer w = good();
		w.version = version;
		gguf_write(path, &w);
		check_ok(gguf_open(path, &g));
		assert_int_equal(gguf_count(g), 6);
		check_shape(g, "wide", "F32", "[2, 3]");
		check_shape(g, "half", "F16", "[2]");
		check_shape(g, "brain", "BF16", "[1, 2, 1]");
		check_shape(g, "packed", "Q8_0", "[2, 64]");
		check_shape(g, "empty", "F32", "[7, 0]");
		check_shape(g, "scalar", "F32", "[]");
		const float *wide = gguf_find(g, "wide")->tensor.data;
		assert_int_equal((uintptr_t)wide % 32, 0);
		assert_true(wide[2] == 3.5F && wide[5] == 6);
		const struct tensor *half = &gguf_find(g, "half")->tensor;
		dtype_to_f32(half->dtype, half->data, out, 2);
		assert_true(out[0] == 1 && out[1] == -2);
		const struct tensor *brain = &gguf_find(g, "brain")->tensor;
		dtype_to_f32(brain->dtype, brain->data, out, 2);
		assert_true(out[0] == 1 && out[1] == -2);
		assert_false(gguf_find(g, "packed")->readable);
		assert_null(gguf_find(g, "packed")->tensor.data);
		assert_null(gguf_find(g, "pack"));
		check_ok(gguf_check(g));
		gguf_free(g);
	}
}

static void another_alignment(void **state)
{
	(void)state;
	static const uint32_t alignments[] = { 1, 8, 64, 4096 };
	static const float f32[] = { 1, 2, 3 };
	for (size_t i = 0; i < sizeof(alignments) / sizeof(alignments[0]); i++) {
		struct gguf_writer w = { .alignment = alignments[i] };
		struct gguf *g;
		float out[3];
		gguf_key_u32(&w, "general.alignment", alignments[i]);
		gguf_tensor(&w, "a", 1, GGUF_DIMS(1), f32, 2);
		gguf_tensor(&w, "b", 0, GGUF_DIMS(3), f32, 12);
		gguf_write(path, &w);
		check_ok(gguf_open(path, &g));
		dtype_to_f32(DT_F32, gguf_find(g, "b")->tensor.data, out, 3);
		assert_memory_equal(out, f32, sizeof(f32));
		gguf_free(g);
	}
}

/* ---- what is refused ---- */

static void refused(struct gguf_writer *w, enum err code, const char *fact)
{
	struct gguf *g;
	gguf_write(path, w);
	check_err(gguf_open(path, &g), code, fact);
	assert_null(g);
	if (!strstr(err_message(), "w.gguf"))
		fail_msg("no file is named: %s", err_message());
	for (const char *p = err_message(); *p; p++)
		if ((unsigned char)*p < ' ')
			fail_msg("a control byte in: %s", err_message());
}

static void refuses_what_is_no_gguf(void **state)
{
	(void)state;
	static const struct {
		const char *bytes, *fact;
		size_t n;
		enum err code;
	} cases[] = {
		{ "", "empty file", 0, ERR_FORMAT },
		{ "GG", "not GGUF: it begins with \"GG\"", 2, ERR_FORMAT },
		{ "ggjt\3\0\0\0", "it begins with \"ggjt\"", 8, ERR_FORMAT },
		{ "\033[2J....", "it begins with \"\\x1b[2J\"", 8, ERR_FORMAT },
		{ "GGUF\3\0\0\0", "cut off: 8 bytes are too few", 8, ERR_FORMAT },
		{ "GGUF\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "GGUF version 1", 24,
		  ERR_UNSUPPORTED },
		{ "GGUF\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "GGUF version 4", 24,
		  ERR_UNSUPPORTED },
		{ "GGUF\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "GGUF version 0", 24,
		  ERR_UNSUPPORTED },
		{ "GGUF\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "big-endian GGUF", 24,
		  ERR_UNSUPPORTED },
	};
	struct gguf *g;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str s = STR_INIT;
		str_add_n(&s, cases[i].bytes, cases[i].n);
		write_str(path, &s);
		check_err(gguf_open(path, &g), cases[i].code, cases[i].fact);
		assert_int_equal(gguf_is(path), i >= 4);
		str_release(&s);
	}
	assert_int_equal(unlink(path), 0);
	check_err(gguf_open(path, &g), ERR_NOTFOUND, "No such file");
	check_err(gguf_open(dir, &g), ERR_FORMAT, "not a regular file");
	assert_false(gguf_is(path));
	assert_false(gguf_is(dir));
}

static void refuses_counts_that_do_not_fit(void **state)
{
	(void)state;
	static const uint64_t counts[] = {
		16, 1000, UINT32_MAX, (uint64_t)1 << 60, (uint64_t)INT64_MAX, UINT64_MAX
	};
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct gguf_writer w = good();
		w.key_count = counts[i];
		refused(&w, ERR_FORMAT, counts[i] > 16 ? "too many for the" : "");
		w = good();
		w.tensor_count = counts[i];
		refused(&w, ERR_FORMAT, counts[i] > 16 ? "too many for the" : "tensor");
	}
}

static void refuses_bad_keys(void **state)
{
	(void)state;
	struct gguf_writer w = { 0 };
	gguf_key_u32(&w, "", 1);
	refused(&w, ERR_FORMAT, "key 0 has an empty name");
	w = (struct gguf_writer){ 0 };
	gguf_key_u32(&w, "a", 1);
	gguf_key_u32(&w, "b\033", 1);
	gguf_key_u32(&w, "b\033", 2);
	refused(&w, ERR_FORMAT, "key b\\x1b is there twice");
	w = (struct gguf_writer){ .key_count = 1 };
	put_gguf_text_n(&w.keys, "a\0b", 3);
	put_le(&w.keys, 0, 16);
	refused(&w, ERR_FORMAT, "key 0 has a name with a zero byte");
	char *name = malloc(65537);
	memset(name, 'k', 65536);
	name[65536] = 0;
	w = (struct gguf_writer){ 0 };
	gguf_key_u32(&w, name, 1);
	refused(&w, ERR_FORMAT, "has a name of 65536 bytes: at most 65535");
	name[65535] = 0;
	w = (struct gguf_writer){ 0 };
	gguf_key_u32(&w, name, 1);
	gguf_key(&w, "x", 13);
	refused(&w, ERR_FORMAT, "key x has the type 13, which is none");
	free(name);
	w = (struct gguf_writer){ 0 };
	gguf_key(&w, "\033[2J", UINT32_MAX);
	refused(&w, ERR_FORMAT, "key \\x1b[2J has the type 4294967295");
	w = (struct gguf_writer){ 0 };
	gguf_key_int(&w, "flag", GGUF_BOOL, 2, 1);
	refused(&w, ERR_FORMAT, "key flag is a bool of 2");
}

/* Lengths up to those whose sum with anything overflows. */
static void refuses_lengths_past_the_end(void **state)
{
	(void)state;
	static const uint64_t lengths[] = { 9,
					    1 << 20,
					    (uint64_t)1 << 30,
					    ((uint64_t)1 << 30) + 1,
					    (uint64_t)1 << 61,
					    (uint64_t)1 << 63,
					    UINT64_MAX - 7,
					    UINT64_MAX };
	static const unsigned elements[] = { GGUF_U8, GGUF_U16, GGUF_F32, GGUF_F64,
					     GGUF_STRING };
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const char *fact =
			lengths[i] > (uint64_t)1 << 30 ? "the limit is 2^30" : "cut off";
		struct gguf_writer w = { .key_count = 1 };
		put_le(&w.keys, lengths[i], 8); /* of a key */
		put_le(&w.keys, 0, 8);
		refused(&w, ERR_FORMAT, fact);
		w = (struct gguf_writer){ 0 };
		gguf_key(&w, "text", GGUF_STRING);
		put_le(&w.keys, lengths[i], 8);
		put_le(&w.keys, 0, 8);
		refused(&w, ERR_FORMAT, fact);
		w = (struct gguf_writer){ .tensor_count = 1 };
		put_le(&w.tensors, lengths[i], 8); /* of a tensor's name */
		put_le(&w.tensors, 0, 17);
		refused(&w, ERR_FORMAT, lengths[i] == 9 ? "a zero byte" : fact);
		for (size_t k = 0; k < 5; k++) {
			w = (struct gguf_writer){ 0 };
			gguf_key_list(&w, "list", elements[k], lengths[i]);
			put_le(&w.keys, 0, 8);
			refused(&w, ERR_FORMAT, fact);
		}
	}
	struct gguf_writer w = { 0 };
	gguf_key_list(&w, "words", GGUF_STRING, 2);
	put_gguf_text(&w.keys, "a");
	put_le(&w.keys, UINT64_MAX, 8); /* of the second */
	refused(&w, ERR_FORMAT, "key words: a string of 18446744073709551615");
}

static void refuses_lists_of_lists(void **state)
{
	(void)state;
	struct gguf_writer w = { 0 };
	gguf_key_list(&w, "deep", GGUF_ARRAY, 1);
	put_le(&w.keys, GGUF_ARRAY, 4);
	put_le(&w.keys, 1, 8);
	put_le(&w.keys, 0, 32);
	refused(&w, ERR_UNSUPPORTED, "key deep is a list of lists");
	w = (struct gguf_writer){ 0 };
	gguf_key_list(&w, "what", 77, 0);
	refused(&w, ERR_FORMAT, "key what has the type 77");
}

static void refuses_bad_alignments(void **state)
{
	(void)state;
	static const struct {
		uint32_t value;
		const char *fact;
	} cases[] = {
		{ 0, "general.alignment is 0, which is not in 1 ... 1048576" },
		{ 3, "general.alignment is 3, which is no power of two" },
		{ 48, "is 48, which is no power of two" },
		{ 1 << 21, "is 2097152, which is not in" },
		{ 1u << 31, "is 2147483648, which is not in" },
		{ UINT32_MAX, "is 4294967295, which is not in" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gguf_writer w = good();
		gguf_key_u32(&w, "general.alignment", cases[i].value);
		refused(&w, ERR_FORMAT, cases[i].fact);
	}
	struct gguf_writer w = good();
	gguf_key_text(&w, "general.alignment", "32");
	refused(&w, ERR_FORMAT, "general.alignment is a string, not an integer");
}

static void refuses_bad_tensors(void **state)
{
	(void)state;
	const uint64_t max = INT64_MAX, big = (uint64_t)1 << 62;
	const struct {
		const char *name;
		unsigned type, ndim;
		uint64_t dim[5], offset;
		const char *fact;
		enum err code;
	} cases[] = {
		{ "w",
		  0,
		  5,
		  { 1, 1, 1, 1, 1 },
		  0,
		  "tensor w has 5 dimensions, at most 4",
		  ERR_FORMAT },
		{ "w", 0, UINT32_MAX, { 1 }, 0, "has 4294967295 dimensions", ERR_FORMAT },
		{ "w",
		  0,
		  1,
		  { UINT64_MAX },
		  0,
		  "dimension 0 is 18446744073709551615",
		  ERR_FORMAT },
		{ "w",
		  0,
		  1,
		  { max + 1 },
		  0,
		  "dimension 0 is 9223372036854775808",
		  ERR_FORMAT },
		{ "w",
		  0,
		  2,
		  { max, 2 },
		  0,
		  "the size of its shape overflows",
		  ERR_FORMAT },
		{ "w",
		  0,
		  4,
		  { 65536, 65536, 65536, 65536 },
		  0,
		  "the size of its shape overflows",
		  ERR_FORMAT },
		{ "w", 0, 1, { big }, 0, "the size of its shape overflows", ERR_FORMAT },
		{ "w", 1, 1, { big }, 0, "the size of its shape overflows", ERR_FORMAT },
		{ "w", 1, 1, { big - 1 }, 0, "data end past the end", ERR_FORMAT },
		{ "w", 0, 1, { 17 }, 0, "data end past the end", ERR_FORMAT },
		{ "w",
		  0,
		  1,
		  { 4 },
		  32,
		  "its data are at 32, where 0 is next",
		  ERR_FORMAT },
		{ "w",
		  0,
		  1,
		  { 4 },
		  UINT64_MAX,
		  "its data are at 18446744073709551615",
		  ERR_FORMAT },
		{ "w",
		  8,
		  1,
		  { 33 },
		  0,
		  "rows of 33 are not whole blocks of Q8_0",
		  ERR_FORMAT },
		{ "w",
		  12,
		  2,
		  { 128, 2 },
		  0,
		  "rows of 128 are not whole blocks of Q4_K",
		  ERR_FORMAT },
		{ "w", 8, 1, { 64 }, 0, "data end past the end", ERR_FORMAT },
		{ "w",
		  4,
		  1,
		  { 32 },
		  0,
		  "is of type 4, which this version does not know",
		  ERR_UNSUPPORTED },
		{ "w", 99, 1, { 1 }, 0, "is of type 99", ERR_UNSUPPORTED },
		{ "w",
		  UINT32_MAX,
		  1,
		  { 1 },
		  0,
		  "is of type 4294967295",
		  ERR_UNSUPPORTED },
		{ "", 0, 1, { 1 }, 0, "tensor 0 has an empty name", ERR_FORMAT },
		{ "\033]0;x\007",
		  0,
		  1,
		  { 99 },
		  0,
		  "tensor \\x1b]0;x\\x07: its data end",
		  ERR_FORMAT },
		{ "0123456789012345678901234567890123456789012345678901234567890123",
		  0,
		  1,
		  { 1 },
		  0,
		  "has a name of 64 bytes: at most 63",
		  ERR_FORMAT },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gguf_writer w = { 0 };
		unsigned ndim = cases[i].ndim < 5 ? cases[i].ndim : 5;
		gguf_describe(&w, cases[i].name, cases[i].type, cases[i].offset, ndim,
			      cases[i].dim);
		if (ndim != cases[i].ndim)
			memcpy(w.tensors.s + 9, &cases[i].ndim, 4);
		for (int k = 0; k < 64; k++)
			put_le(&w.data, 0, 1);
		refused(&w, cases[i].code, cases[i].fact);
	}
}

/* What several tensors can get wrong together. */
static void refuses_bad_layouts(void **state)
{
	(void)state;
	static const uint64_t offsets[] = { 0, 12, 31, 33, 64, UINT64_MAX };
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct gguf_writer w = { 0 };
		gguf_tensor(&w, "a", 0, GGUF_DIMS(3), NULL, 12);
		gguf_describe(&w, "b", 0, offsets[i], GGUF_DIMS(3));
		for (int k = 0; k < 100; k++)
			put_le(&w.data, 0, 1);
		refused(&w, ERR_FORMAT, "where 32 is next");
	}
	struct gguf_writer w = { 0 };
	gguf_tensor(&w, "same", 0, GGUF_DIMS(8), NULL, 32);
	gguf_tensor(&w, "other", 0, GGUF_DIMS(8), NULL, 32);
	gguf_tensor(&w, "same", 0, GGUF_DIMS(8), NULL, 32);
	refused(&w, ERR_FORMAT, "tensor same is there twice");
	/* Sums of sizes, each of which is possible. */
	const uint64_t half = (uint64_t)1 << 62;
	w = (struct gguf_writer){ 0 };
	for (uint64_t k = 0; k < 4; k++)
		gguf_describe(&w, (const char[]){ (char)('a' + k), 0 }, 24, k * half,
			      GGUF_DIMS(half));
	gguf_describe(&w, "e", 24, 0, GGUF_DIMS(64));
	refused(&w, ERR_FORMAT, "tensor d: the end of its data overflows");
	w = (struct gguf_writer){ 0 };
	gguf_describe(&w, "a", 24, 0, GGUF_DIMS(INT64_MAX));
	gguf_describe(&w, "b", 24, (uint64_t)1 << 63, GGUF_DIMS(INT64_MAX));
	refused(&w, ERR_FORMAT, "tensor b: the end of its data overflows");
}

/* Reads every byte that an open file gives. */
static void walk(const struct gguf *g)
{
	unsigned sum = 0;
	for (size_t i = 0; i < gguf_count(g); i++) {
		const struct gguf_entry *e = gguf_at(g, i);
		const unsigned char *p = e->tensor.data;
		assert_ptr_equal(gguf_find(g, e->name), e);
		for (int64_t k = 0; p && k < tensor_bytes(&e->tensor); k++)
			sum += p[k];
	}
	static const char *const keys[] = { "text", "words", "ids", "nothing" };
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct gguf_value *v = gguf_value(g, keys[i]);
		for (size_t k = 0; v && k < v->size; k++)
			sum += (unsigned char)v->bytes[k];
	}
	assert_true(sum < UINT32_MAX); /* so that it is computed */
}

static void open_and_walk(void)
{
	struct gguf *g;
	if (gguf_open(path, &g) == OK)
		walk(g);
	else
		assert_non_null(strstr(err_message(), "w.gguf"));
	gguf_free(g);
}

static void refuses_every_truncation(void **state)
{
	(void)state;
	struct gguf_writer w = good();
	struct str s = gguf_bytes(&w);
	struct gguf *g;
	write_str(path, &s);
	check_ok(gguf_open(path, &g));
	gguf_free(g);
	for (size_t n = s.len; n-- > 0;) {
		assert_int_equal(truncate(path, (off_t)n), 0);
		assert_true(gguf_open(path, &g) == ERR_FORMAT);
		assert_null(g);
	}
	str_release(&s);
}

static void survives_every_flipped_byte(void **state)
{
	(void)state;
	static const unsigned char flips[] = { 0x01, 0x04, 0x10, 0x80, 0xFF };
	struct gguf_writer w = good();
	struct str s = gguf_bytes(&w);
	write_str(path, &s);
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	for (size_t at = 0; at < s.len; at++) {
		for (size_t k = 0; k < sizeof(flips); k++) {
			char flipped = (char)(s.s[at] ^ flips[k]);
			assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at), 1);
			open_and_walk();
		}
		assert_int_equal(pwrite(fd, s.s + at, 1, (off_t)at), 1);
	}
	close(fd);
	str_release(&s);
}

static void a_shrinking_file_is_an_error_not_a_crash(void **state)
{
	(void)state;
	struct gguf_writer w = good();
	struct gguf *g;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	gguf_tensor(&w, "large", 0, GGUF_DIMS(3 * page), NULL, 12 * page);
	gguf_write(path, &w);
	check_ok(gguf_open(path, &g));
	assert_int_equal(truncate(path, 10), 0);
	walk(g);
	check_err(gguf_check(g), ERR_IO, "shrank while it was read");
	gguf_free(g);
}

/* The file is another's to change: lengths are looked at each time. */
static void a_changing_file_is_walked_within_its_bounds(void **state)
{
	(void)state;
	struct gguf_writer w = { 0 };
	struct gguf *g;
	const struct gguf_value *v;
	const char *t;
	size_t n;
	static const char *const words[] = { "abcd", "efgh" };
	gguf_key_texts(&w, "words", 2, words);
	gguf_write(path, &w);
	check_ok(gguf_open(path, &g));
	check_ok(gguf_array(g, "words", GGUF_STRING, &v));
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	/* magic ... keys, the name's length and the name, types, count */
	assert_int_equal(
		pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 24 + 8 + 5 + 4 + 4 + 8),
		8);
	close(fd);
	struct gguf_strings walk_of = gguf_strings(v);
	assert_false(gguf_strings_next(&walk_of, &t, &n));
	gguf_free(g);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(values_of_every_type),
		CASE(walks_over_strings),
		CASE(getters_say_what_is_there),
		CASE(tensors_of_every_type),
		CASE(another_alignment),
		CASE(refuses_what_is_no_gguf),
		CASE(refuses_counts_that_do_not_fit),
		CASE(refuses_bad_keys),
		CASE(refuses_lengths_past_the_end),
		CASE(refuses_lists_of_lists),
		CASE(refuses_bad_alignments),
		CASE(refuses_bad_tensors),
		CASE(refuses_bad_layouts),
		CASE(refuses_every_truncation),
		CASE(survives_every_flipped_byte),
		CASE(a_shrinking_file_is_an_error_not_a_crash),
		CASE(a_changing_file_is_walked_within_its_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
