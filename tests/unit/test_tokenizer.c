/*
 * Tokenizers: ids equal to transformers' CLIPTokenizerFast (tests/oracle), vocabularies
 * that are broken in every way, labels.
 */
#include "check.h"

#include "base/json.h"
#include "base/str.h"
#include "text/tokenizer.h"

static char dir[64];

static int up(void **state)
{
	(void)state;
	temp_dir(dir);
	return 0;
}

static int down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

static const char *in_dir(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *p = path[turn++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static const char *put(const char *name, const char *bytes, size_t n)
{
	const char *path = in_dir(name);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
	return path;
}

static struct str slurp(const char *path)
{
	struct str s = STR_INIT;
	char chunk[4096];
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	for (size_t n; (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
		str_add_n(&s, chunk, n);
	fclose(f);
	return s;
}

/* --- the reference ----------------------------------------------------------------- */

static void check_ids(const json_t *expected, const int32_t *ids, int count,
		      const char *text)
{
	if ((size_t)count != json_array_size(expected))
		fail_msg("\"%s\": %d ids, wanted %zu", text, count,
			 json_array_size(expected));
	for (int i = 0; i < count; i++) {
		json_int_t id = json_integer_value(json_array_get(expected, (size_t)i));
		if (ids[i] != id)
			fail_msg("\"%s\": id %d is %d, wanted %d", text, i, (int)ids[i],
				 (int)id);
	}
}

/* Without the marks, and white space at both ends removed, as the reference does. */
static void check_decoded(const struct tokenizer *t, const char *expected,
			  const int32_t *ids, int count)
{
	struct str got = STR_INIT;
	for (int i = 0; i < count; i++)
		if (ids[i] != tokenizer_bos(t) && ids[i] != tokenizer_eos(t))
			tokenizer_decode(t, ids[i], &got);
	while (got.len > 0 && got.s[got.len - 1] == ' ')
		got.s[--got.len] = '\0';
	/* It replaces bytes that are cut within a character; ours stay. */
	if (!strstr(expected, "\xef\xbf\xbd"))
		assert_string_equal(str_get(&got), expected);
	str_release(&got);
}

static void check_cases(const char *vocab, const char *cases)
{
	struct tokenizer *t;
	json_t *all;
	check_ok(tokenizer_open(vocab, &t));
	check_ok(json_read_file(fixture(cases), 1 << 20, &all));
	assert_int_equal(tokenizer_size(t),
			 json_integer_value(json_object_get(all, "vocab")));
	assert_int_equal(tokenizer_bos(t), tokenizer_size(t) - 2);
	assert_int_equal(tokenizer_eos(t), tokenizer_size(t) - 1);
	json_t *list = json_object_get(all, "cases"), *item;
	assert_true(json_array_size(list) > 300);
	size_t i;
	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(json_object_get(item, "text"));
		int max = (int)json_integer_value(json_object_get(item, "max"));
		int32_t ids[80];
		int count;
		check_ok(tokenizer_encode(t, text, strlen(text), ids, max, &count));
		check_ids(json_object_get(item, "ids"), ids, count, text);
		check_decoded(t, json_string_value(json_object_get(item, "decoded")), ids,
			      count);
	}
	json_decref(all);
	tokenizer_free(t);
}

static void a_tiny_vocabulary_as_the_reference(void **state)
{
	(void)state;
	check_cases(fixture("tokens/tiny"), "tokens/tiny.json");
}

static void unknown_bytes_become_eos_as_in_the_reference(void **state)
{
	(void)state;
	check_cases(fixture("clip_tiny"), "tokens/clip_tiny.json");
}

static void the_published_vocabulary_as_the_reference(void **state)
{
	(void)state;
	const char *path = getenv("SPARSETOP_TEST_VOCAB");
	if (!path)
		skip_because(
			"SPARSETOP_TEST_VOCAB names no bpe_simple_vocab_16e6.txt.gz");
	check_cases(path, "tokens/full.json");
}

/* --- what JSON cannot hold --------------------------------------------------------- */

static void a_zero_byte_is_a_character(void **state)
{
	(void)state;
	struct tokenizer *t;
	int32_t ids[8];
	int count;
	struct str text = STR_INIT;
	check_ok(tokenizer_open(fixture("tokens/tiny"), &t));
	check_ok(tokenizer_encode(t, "a\0b", 3, ids, 8, &count));
	assert_int_equal(count, 5);
	for (int i = 1; i < 4; i++)
		tokenizer_decode(t, ids[i], &text);
	assert_int_equal(text.len, 6);
	assert_memory_equal(text.s, "a \0 b ", 6);
	tokenizer_decode(t, -1, &text);
	tokenizer_decode(t, tokenizer_size(t), &text);
	assert_int_equal(text.len, 6);
	str_release(&text);
	tokenizer_free(t);
}

static void what_is_not_utf8_is_refused_with_its_place(void **state)
{
	(void)state;
	struct tokenizer *t;
	int32_t ids[8];
	int count;
	check_ok(tokenizer_open(fixture("tokens/tiny"), &t));
	check_err(tokenizer_encode(t, "ab\xff", 3, ids, 8, &count), ERR_FORMAT,
		  "\"ab\\xff\": byte 3 (0xff) is not UTF-8");
	check_err(tokenizer_encode(t, "caf\xc3", 4, ids, 8, &count), ERR_FORMAT,
		  "byte 4 (0xc3)");
	check_err(tokenizer_encode(t, "\xed\xa0\x80", 3, ids, 8, &count), ERR_FORMAT,
		  "byte 1");
	tokenizer_free(t);
}

static void a_long_word_takes_no_long_time(void **state)
{
	(void)state;
	enum { BYTES = 1 << 20 };
	struct tokenizer *t;
	int32_t *ids = mem_alloc(BYTES * sizeof(*ids));
	char *text = mem_alloc(BYTES);
	int count;
	memset(text, 'a', BYTES);
	check_ok(tokenizer_open(fixture("tokens/tiny"), &t));
	check_ok(tokenizer_encode(t, text, BYTES, ids, BYTES, &count));
	assert_int_equal(count, BYTES / 8 + 2 + 2); /* ... aaaaaaaa aaaa aa aa</w> */
	check_err(tokenizer_encode(t, text, TOKENIZER_TEXT_MAX + 1, ids, 8, &count),
		  ERR_FORMAT, "the limit is");
	free(text);
	free(ids);
	tokenizer_free(t);
}

/* --- broken vocabularies ----------------------------------------------------------- */

static void refuse(const char *vocab, const char *merges, const char *message)
{
	struct tokenizer *t;
	put("vocab.json", vocab, strlen(vocab));
	put("merges.txt", merges, strlen(merges));
	check_err(tokenizer_open(dir, &t), ERR_FORMAT, message);
	assert_null(t);
	if (!strstr(err_message(), dir))
		fail_msg("no file is named: %s", err_message());
}

#define MARKS ",\"<|startoftext|>\":3,\"<|endoftext|>\":4}"
#define ABC "{\"a\":0,\"b\":1,\"ab\":2" MARKS
#define VERSION "#version: 0.2\n"

static void broken_folders_are_refused(void **state)
{
	(void)state;
	struct tokenizer *t;
	check_err(tokenizer_open(dir, &t), ERR_NOTFOUND, "vocab.json");
	put("vocab.json", ABC, strlen(ABC));
	check_err(tokenizer_open(dir, &t), ERR_NOTFOUND, "merges.txt");

	refuse("", VERSION, "vocab.json: empty file");
	refuse("{\"a\":0,", VERSION, "vocab.json: line 1: bad JSON");
	refuse("{\"a\":0,\"a\":1}", VERSION, "duplicate");
	refuse("[]", VERSION, "not an object {token: id}");
	refuse("{}", VERSION, "not an object {token: id}");
	refuse("{\"\":0}", VERSION, "a token without text");
	refuse("{\"a\":\"0\"}", VERSION, "the id of \"a\" is not an integer");
	refuse("{\"a\":0.5}", VERSION, "the id of \"a\" is not an integer");
	refuse("{\"a\":-1}", VERSION, "the id of \"a\" is -1, and the 1 tokens need");
	refuse("{\"a\":0,\"b\":2}", VERSION, "the id of \"b\" is 2, and the 2 tokens");
	refuse("{\"a\":9223372036854775807}", VERSION, "is 9223372036854775807");
	refuse("{\"a\":0,\"b\":0}", VERSION, "\"b\" has the id 0 of another token");
	refuse("{\"a\":0}", VERSION, "no <|startoftext|>");
	refuse("{\"<|startoftext|>\":0}", VERSION, "no <|endoftext|>");

	refuse(ABC, "a b\n", "merges.txt: line 1: no #version");
	refuse(ABC, "", "merges.txt: empty file");
	refuse(ABC, VERSION "a b\nab\n", "merges.txt: line 3: not two tokens");
	refuse(ABC, VERSION "a  b\n", "line 2: not two tokens");
	refuse(ABC, VERSION "a b \n", "line 2: not two tokens");
	refuse(ABC, VERSION " b\n", "line 2: not two tokens");
	refuse(ABC, VERSION "a b\n\na b\n", "line 3: not two tokens");
	refuse(ABC, VERSION "a b\na b\n", "line 3: the same merge as line 2");
	refuse(ABC, VERSION "x\x1b b\n",
	       "line 2: the token \"x\\x1b\" is not in the vocabulary");
	refuse(ABC, VERSION "a x\n", "line 2: the token \"x\" is not");
	refuse(ABC, VERSION "b a\n", "line 2: the token \"ba\" is not");

	put("merges.txt", VERSION "a b\r\n\r\n\n", strlen(VERSION "a b\r\n\r\n\n"));
	check_ok(tokenizer_open(dir, &t));
	tokenizer_free(t);
}

static void broken_files_of_merges_are_refused(void **state)
{
	(void)state;
	struct tokenizer *t;
	struct str s = STR_INIT;
	check_err(tokenizer_open(in_dir("none.gz"), &t), ERR_NOTFOUND,
		  "none.gz: No such");
	check_err(tokenizer_open("/dev/null", &t), ERR_FORMAT, "not a regular file");
#define TRY(text, message)                                                               \
	check_err(tokenizer_open(put("bpe.txt", text, strlen(text)), &t), ERR_FORMAT,    \
		  message)
	TRY("", "bpe.txt: empty file");
	TRY("a b\n", "line 1: no #version");
	TRY(VERSION "a b\nabc\n", "line 3: not two tokens");
	TRY(VERSION "a b\nab\xff c\n", "line 3: the token \"ab\\xff\" is not");
	TRY(VERSION "a b\na bc\nab c\nb c\n",
	    "line 4: the token \"abc\" is there already");
	TRY(VERSION "a b\na b\n", "line 3: the token \"ab\" is there already");
	TRY(VERSION "<|startof text|>\n",
	    "line 2: the token \"<|startoftext|>\" is there already");
	TRY("\x1f\x8b", "bpe.txt: ");
	TRY("\x1f\x8b\x08garbage that is no gzip", "bpe.txt: ");
#undef TRY
	/* Every merge once, 33 MiB of them: more than is read. */
	str_add(&s, VERSION);
	for (int i = 0; i < 33 << 10; i++)
		str_addf(&s, "%01023d\n", i);
	check_err(tokenizer_open(put("big.txt", s.s, s.len), &t), ERR_FORMAT,
		  "big.txt: more than 32768 KiB of text");
	str_release(&s);
}

/* CLIP's order: 256 bytes, 256 that end a word, merges, marks. */
static void a_plain_file_of_merges_makes_the_vocabulary(void **state)
{
	(void)state;
	struct tokenizer *t;
	struct str text = STR_INIT;
	const char *merges = "\"a.txt" VERSION "a b\nab c</w>\n";
	int32_t ids[8];
	int count;
	check_ok(tokenizer_open(put("a.txt", merges, strlen(merges)), &t));
	assert_int_equal(tokenizer_size(t), 516);
	check_ok(tokenizer_encode(t, "! ABC ab", 8, ids, 8, &count));
	const int32_t wanted[] = { 514, 256, 513, 64, 256 + 65, 515 };
	assert_int_equal(count, 6);
	assert_memory_equal(ids, wanted, sizeof(wanted));
	tokenizer_decode(t, 513, &text);
	tokenizer_decode(t, 188, &text); /* the first byte that is no character: 0 */
	assert_int_equal(text.len, 5);
	assert_memory_equal(text.s, "abc \0", 5);
	str_release(&text);
	tokenizer_free(t);
}

/* Opens what the first n bytes of a file are, for every n; whatever comes of it. */
static void cut_everywhere(const char *name, const struct str *bytes, const char *path)
{
	for (size_t n = 0; n < bytes->len; n++) {
		struct tokenizer *t;
		put(name, bytes->s, n);
		enum err e = tokenizer_open(path, &t);
		if (e && e != ERR_FORMAT)
			fail_msg("%zu bytes of %s: %s: %s", n, name, err_name(e),
				 err_message());
		tokenizer_free(t);
	}
	put(name, bytes->s, bytes->len);
}

static void files_cut_at_every_byte_do_no_harm(void **state)
{
	(void)state;
	struct str vocab = slurp(fixture("clip_tiny/vocab.json"));
	struct str merges = slurp(fixture("clip_tiny/merges.txt"));
	put("vocab.json", vocab.s, vocab.len);
	put("merges.txt", merges.s, merges.len);
	cut_everywhere("vocab.json", &vocab, dir);
	cut_everywhere("merges.txt", &merges, dir);
	cut_everywhere("bpe.txt", &merges, in_dir("bpe.txt"));
	str_release(&vocab);
	str_release(&merges);
}

/* "#version: 0.2\na b\nab c</w>\n" by gzip -9n. */
static const char gzipped[] =
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x53\x2e\x4b\x2d\x2a\xce\xcc\xcf\xb3\x52"
	"\x30\xd0\x33\xe2\x4a\x54\x48\xe2\x4a\x4c\x52\x48\xb6\xd1\x2f\xb7\xe3\x02\x00\x1f"
	"\xb0\x0e\xe8\x1b\x00\x00\x00";

static void a_gzip_is_whole_or_refused(void **state)
{
	(void)state;
	struct tokenizer *t;
	const size_t all = sizeof(gzipped) - 1;
	check_ok(tokenizer_open(put("v.gz", gzipped, all), &t));
	assert_int_equal(tokenizer_size(t), 516);
	tokenizer_free(t);
	for (size_t n = 0; n < all; n++)
		check_err(tokenizer_open(put("v.gz", gzipped, n), &t), ERR_FORMAT,
			  "v.gz: ");
	check_err(tokenizer_open(put("v.gz", gzipped, 20), &t), ERR_FORMAT,
		  "truncated gzip");
	char bytes[sizeof(gzipped)];
	for (size_t i = 0; i < all; i++) {
		memcpy(bytes, gzipped, all);
		bytes[i] ^= 0x55;
		if (tokenizer_open(put("v.gz", bytes, all), &t) == OK)
			tokenizer_free(t); /* the header holds a time and the like */
	}
	memcpy(bytes, gzipped, all);
	bytes[all - 6] ^= 1;
	check_err(tokenizer_open(put("v.gz", bytes, all), &t), ERR_FORMAT,
		  "damaged gzip");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tiny_vocabulary_as_the_reference),
		cmocka_unit_test(unknown_bytes_become_eos_as_in_the_reference),
		cmocka_unit_test(the_published_vocabulary_as_the_reference),
		cmocka_unit_test(a_zero_byte_is_a_character),
		cmocka_unit_test(what_is_not_utf8_is_refused_with_its_place),
		cmocka_unit_test(a_long_word_takes_no_long_time),
		cmocka_unit_test_setup_teardown(broken_folders_are_refused, up, down),
		cmocka_unit_test_setup_teardown(broken_files_of_merges_are_refused, up,
						down),
		cmocka_unit_test_setup_teardown(
			a_plain_file_of_merges_makes_the_vocabulary, up, down),
		cmocka_unit_test_setup_teardown(files_cut_at_every_byte_do_no_harm, up,
						down),
		cmocka_unit_test_setup_teardown(a_gzip_is_whole_or_refused, up, down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
