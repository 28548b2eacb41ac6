/*
 * Byte-level tokenizers: ids equal to those of the tokenizers library (tests/oracle), the
 * scanners of their words, a tokenizer.json that is broken in every way, which file of a
 * folder counts.
 */
#include "check.h"

#include "base/json.h"
#include "base/str.h"
#include "text/byte_words.h"
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

static const char *put(const char *name, const char *text)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path); /* some file systems flush what is written over */
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	fclose(f);
	return path;
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

static void check_case(const struct tokenizer *t, const json_t *item)
{
	enum { MAX = 512 };
	const char *text = json_string_value(json_object_get(item, "text"));
	const char *decoded = json_string_value(json_object_get(item, "decoded"));
	int32_t ids[MAX];
	int count;
	struct str got = STR_INIT;
	check_ok(tokenizer_encode(t, text, strlen(text), ids, MAX, &count));
	check_ids(json_object_get(item, "ids"), ids, count, text);
	for (int i = 0; i < count; i++)
		tokenizer_decode(t, ids[i], &got);
	assert_string_equal(str_get(&got), decoded ? decoded : text);
	str_release(&got);
}

/* The tokenizer of a file or folder and the cases of byte_bpe/NAME.json. */
static void check_cases_of(const char *tokenizer, const char *name, size_t least)
{
	char path[64];
	struct tokenizer *t;
	json_t *all;
	check_ok(tokenizer_open(tokenizer, &t));
	snprintf(path, sizeof(path), "byte_bpe/%s.json", name);
	check_ok(json_read_file(fixture(path), 1 << 20, &all));
	assert_true(tokenizer_is_byte_level(t));
	assert_int_equal(tokenizer_size(t),
			 json_integer_value(json_object_get(all, "size")));
	assert_int_equal(tokenizer_bos(t), -1);
	assert_int_equal(tokenizer_eos(t), -1);
	json_t *list = json_object_get(all, "cases"), *item;
	assert_true(json_array_size(list) >= least);
	size_t i;
	json_array_foreach(list, i, item) check_case(t, item);
	json_decref(all);
	tokenizer_free(t);
}

static void check_cases(const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "byte_bpe/%s", name);
	check_cases_of(fixture(path), name, 400);
}

static void qwen2_as_the_reference(void **state)
{
	(void)state;
	check_cases("qwen2");
}

static void gpt2_as_the_reference(void **state)
{
	(void)state;
	check_cases("gpt2");
}

static void neox_as_the_reference(void **state)
{
	(void)state;
	check_cases("neox");
}

static void llama3_as_the_reference(void **state)
{
	(void)state;
	check_cases("llama3");
}

static void a_prefix_space_as_the_reference(void **state)
{
	(void)state;
	check_cases("prefixed");
}

/* The same vocabularies in GGUF, each split as its name says. */
static void gguf_as_the_reference(void **state)
{
	(void)state;
	check_cases_of(fixture("byte_bpe/qwen2.gguf"), "qwen2", 400);
	check_cases_of(fixture("byte_bpe/gpt2.gguf"), "gpt2", 400);
	check_cases_of(fixture("byte_bpe/neox.gguf"), "neox", 400);
	check_cases_of(fixture("byte_bpe/llama3.gguf"), "llama3", 400);
}

static void the_published_gpt_neox_as_the_reference(void **state)
{
	(void)state;
	const char *path = getenv("SPARSETOP_GPT_NEOX_VOCAB");
	if (!path)
		skip_because(
			"SPARSETOP_GPT_NEOX_VOCAB names no ggml-vocab-gpt-neox.gguf");
	check_cases_of(path, "gpt_neox", 200);
}

/* --- what JSON cannot hold, and the rest of the interface -------------------------- */

static void tokens_are_found_by_name(void **state)
{
	(void)state;
	struct tokenizer *t;
	int32_t ids[2];
	int count;
	check_ok(tokenizer_open(fixture("byte_bpe/qwen2/tokenizer.json"), &t));
	assert_int_equal(tokenizer_id(t, "<|endoftext|>"), 700);
	assert_int_equal(tokenizer_id(t, "<|image_pad|>"), 705);
	assert_int_equal(tokenizer_id(t, "!"), 0);
	assert_int_equal(tokenizer_id(t, "<|im_|>"), -1);
	assert_int_equal(tokenizer_id(t, ""), -1);
	check_ok(tokenizer_encode(t, " photo", 6, ids, 2, &count));
	assert_int_equal(count, 1);
	assert_int_equal(tokenizer_id(t, "\xc4\xa0photo"), ids[0]);
	tokenizer_free(t);
	check_ok(tokenizer_open(fixture("tokens/tiny"), &t));
	assert_false(tokenizer_is_byte_level(t));
	assert_int_equal(tokenizer_id(t, "<|endoftext|>"), tokenizer_eos(t));
	assert_int_equal(tokenizer_id(t, "nothing"), -1);
	tokenizer_free(t);
}

static void ids_are_cut_at_the_maximum(void **state)
{
	(void)state;
	struct tokenizer *t;
	int32_t ids[] = { -2, -2, -2, -2 };
	int count;
	check_ok(tokenizer_bytes(&t));
	check_ok(tokenizer_encode(t, "abc", 3, ids, 0, &count));
	assert_int_equal(count, 0);
	assert_int_equal(ids[0], -2);
	check_ok(tokenizer_encode(t, "abc", 3, ids, 2, &count));
	assert_int_equal(count, 2);
	assert_int_equal(ids[1], 'b' - '!');
	assert_int_equal(ids[2], -2);
	check_ok(tokenizer_encode(t, "", 0, ids, 2, &count));
	assert_int_equal(count, 0);
	check_err(tokenizer_encode(t, "a\xff", 2, ids, 4, &count), ERR_FORMAT,
		  "\"a\\xff\": byte 2 (0xff) is not UTF-8");
	tokenizer_free(t);
}

static void the_built_in_bytes_are_those_of_the_reference(void **state)
{
	(void)state;
	struct tokenizer *bytes, *reference;
	struct str a = STR_INIT, b = STR_INIT;
	check_ok(tokenizer_bytes(&bytes));
	check_ok(tokenizer_open(fixture("byte_bpe/prefixed"), &reference));
	assert_int_equal(tokenizer_size(bytes), 256);
	assert_true(tokenizer_is_byte_level(bytes));
	for (int32_t id = 0; id < 256; id++) {
		str_clear(&a);
		str_clear(&b);
		tokenizer_decode(bytes, id, &a);
		tokenizer_decode(reference, id, &b);
		assert_int_equal(a.len, 1);
		assert_int_equal(b.len, 1);
		assert_int_equal(a.s[0], b.s[0]);
	}
	tokenizer_decode(bytes, -1, &a);
	tokenizer_decode(bytes, 256, &a);
	assert_int_equal(a.len, 1);
	str_release(&a);
	str_release(&b);
	tokenizer_free(reference);
	tokenizer_free(bytes);
}

/* --- words ------------------------------------------------------------------------- */

static void check_lengths(const json_t *item, const char *name, enum byte_pattern pattern)
{
	const json_t *want = json_object_get(item, name);
	const char *text = json_string_value(json_object_get(item, "text")), *word;
	struct byte_words words = { text, strlen(text), pattern };
	size_t i = 0;
	for (size_t n; byte_words_next(&words, &word, &n); i++)
		if ((json_int_t)n != json_integer_value(json_array_get(want, i)))
			fail_msg("\"%s\", %s: word %zu has %zu bytes", text, name, i, n);
	assert_int_equal(i, json_array_size(want));
}

static void words_as_the_reference(void **state)
{
	(void)state;
	json_t *all, *item;
	size_t i;
	check_ok(json_read_file(fixture("byte_bpe/words.json"), 1 << 20, &all));
	json_t *list = json_object_get(all, "cases");
	assert_true(json_array_size(list) > 400);
	json_array_foreach(list, i, item)
	{
		check_lengths(item, "gpt2", BYTE_PATTERN_GPT2);
		check_lengths(item, "qwen2", BYTE_PATTERN_QWEN2);
		check_lengths(item, "llama3", BYTE_PATTERN_LLAMA3);
	}
	json_decref(all);
}

/* The words of a text with a bar after each. */
static void check_words(enum byte_pattern pattern, const char *text, const char *want)
{
	struct str got = STR_INIT;
	struct byte_words words = { text, strlen(text), pattern };
	const char *word;
	size_t n;
	while (byte_words_next(&words, &word, &n)) {
		str_add_n(&got, word, n);
		str_add(&got, "|");
	}
	assert_string_equal(str_get(&got), want);
	str_release(&got);
}

/* The same to be read: what the order of the alternatives decides. */
static void words_are_what_the_patterns_say(void **state)
{
	(void)state;
	check_words(BYTE_PATTERN_GPT2, "I'm I'M  a1234\n\n b \n",
		    "I|'m| I|'|M| | a|1234|\n\n| b| \n|");
	check_words(BYTE_PATTERN_QWEN2, "I'm I'M  a1234\n\n b \n",
		    "I|'m| I|'M| | a|1|2|3|4|\n\n| b| \n|");
	check_words(BYTE_PATTERN_LLAMA3, "12345 1 123", "123|45| |1| |123|");
	check_words(BYTE_PATTERN_QWEN2, "(a !!\n\n \n  x", "(a| !!\n\n| \n| | x|");
	check_words(BYTE_PATTERN_QWEN2,
		    "'\xc5\xbf'\xc5\xbf"
		    "a '\xc5\xbe",
		    "'\xc5\xbf|'\xc5\xbf|a| '|\xc5\xbe|");
	check_words(BYTE_PATTERN_GPT2, "'\xc5\xbf", "'|\xc5\xbf|");
	check_words(BYTE_PATTERN_GPT2,
		    "a\xc2\xa0\xc2\xa0"
		    "b",
		    "a|\xc2\xa0|\xc2\xa0|b|");
	check_words(BYTE_PATTERN_QWEN2,
		    "a\xc2\xa0\xc2\xa0"
		    "b",
		    "a|\xc2\xa0|\xc2\xa0"
		    "b|");
}

/* --- a tokenizer.json with one value changed --------------------------------------- */

/* What opens with `key` ("model.type") of the smallest fixture set to this JSON. */
static enum err open_with(const char *key, const char *value, struct tokenizer **t)
{
	json_t *root, *at, *set = json_loads(value, JSON_DECODE_ANY, NULL);
	assert_non_null(set);
	check_ok(json_read_file(fixture("byte_bpe/prefixed/tokenizer.json"), 1 << 16,
				&root));
	const char *dot = strchr(key, '.');
	at = dot ? json_object_get(root, "model") : root;
	json_put(at, dot ? dot + 1 : key, set);
	char *text = json_line(root);
	enum err e = tokenizer_open(put("tokenizer.json", text), t);
	free(text);
	json_decref(root);
	return e;
}

static void refuse(const char *key, const char *value, enum err code, const char *message)
{
	struct tokenizer *t;
	check_err(open_with(key, value, &t), code, message);
	assert_null(t);
	if (!strstr(err_message(), dir))
		fail_msg("no file is named: %s", err_message());
}

static void accept(const char *key, const char *value)
{
	struct tokenizer *t;
	check_ok(open_with(key, value, &t));
	tokenizer_free(t);
}

#define SPLIT(regex, behavior, more)                                                     \
	"{\"type\":\"Split\",\"pattern\":" regex ",\"behavior\":\"" behavior "\"" more "}"
#define GPT2                                                                             \
	"{\"Regex\":\"'s|'t|'re|'ve|'m|'ll|'d| ?\\\\p{L}+| ?\\\\p{N}+| "                 \
	"?[^\\\\s\\\\p{L}\\\\p{N}]+|\\\\s+(?!\\\\S)|\\\\s+\"}"
#define BYTES "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"
#define SEQUENCE(list, parts) "{\"type\":\"Sequence\",\"" list "\":[" parts "]}"

static void an_unknown_pre_tokenizer_is_named(void **state)
{
	(void)state;
	refuse("pre_tokenizer", "null", ERR_UNSUPPORTED, "the pre-tokenizer \"\"");
	refuse("pre_tokenizer", "{\"type\":\"Metaspace\"}", ERR_UNSUPPORTED,
	       "\"Metaspace\"");
	refuse("pre_tokenizer", BYTES, ERR_UNSUPPORTED, "ByteLevel without use_regex");
	refuse("pre_tokenizer", SPLIT(GPT2, "Isolated", ""), ERR_UNSUPPORTED,
	       "the pre-tokenizer \"\"");
#define PRE(parts) SEQUENCE("pretokenizers", parts)
	refuse("pre_tokenizer", PRE(""), ERR_UNSUPPORTED, "the pre-tokenizer \"\"");
	refuse("pre_tokenizer", PRE("{\"type\":\"Digits\"}," BYTES), ERR_UNSUPPORTED,
	       "the pre-tokenizer \"Digits\"");
	refuse("pre_tokenizer",
	       PRE(SPLIT("{\"Regex\":\"a+\"}", "Isolated", "") "," BYTES),
	       ERR_UNSUPPORTED, "the pattern of the Split \"a+\"");
	refuse("pre_tokenizer",
	       PRE(SPLIT("{\"String\":\" \"}", "Isolated", "") "," BYTES),
	       ERR_UNSUPPORTED, "the pattern of the Split \"no Regex\"");
	refuse("pre_tokenizer", PRE(SPLIT(GPT2, "Removed", "") "," BYTES),
	       ERR_UNSUPPORTED, "the behavior of the Split \"Removed\"");
	refuse("pre_tokenizer",
	       PRE(SPLIT(GPT2, "Isolated", ",\"invert\":true") "," BYTES),
	       ERR_UNSUPPORTED, "the behavior of the Split \"invert\"");
	refuse("pre_tokenizer",
	       PRE(SPLIT(GPT2, "Isolated", "") ",{\"type\":\"ByteLevel\"}"),
	       ERR_UNSUPPORTED, "Split, ByteLevel with use_regex");
	refuse("pre_tokenizer",
	       PRE(SPLIT(GPT2, "Isolated",
			 "") ",{\"type\":\"ByteLevel\",\"use_regex\":false,"
			     "\"add_prefix_space\":true}"),
	       ERR_UNSUPPORTED, "ByteLevel with add_prefix_space");
	refuse("pre_tokenizer",
	       PRE(SPLIT(GPT2, "Isolated", "") "," BYTES ",{\"type\":\"Digits\"}"),
	       ERR_UNSUPPORTED, "the pre-tokenizer after ByteLevel \"Digits\"");
	accept("pre_tokenizer", PRE(SPLIT(GPT2, "Isolated", "") "," BYTES));
	accept("pre_tokenizer", PRE("{\"type\":\"ByteLevel\"}"));
#undef PRE
}

static void other_unknown_parts_are_named(void **state)
{
	(void)state;
	refuse("normalizer", "{\"type\":\"Lowercase\"}", ERR_UNSUPPORTED,
	       "the normalizer \"Lowercase\"");
	refuse("normalizer",
	       SEQUENCE("normalizers", "{\"type\":\"NFC\"},{\"type\":\"\\u001b\"}"),
	       ERR_UNSUPPORTED, "the normalizer \"\\x1b\"");
	refuse("normalizer", "{\"type\":\"Sequence\"}", ERR_UNSUPPORTED, "\"Sequence\"");
	refuse("normalizer", "7", ERR_UNSUPPORTED, "the normalizer \"\"");
	refuse("post_processor", "{\"type\":\"RobertaProcessing\"}", ERR_UNSUPPORTED,
	       "the post-processor \"RobertaProcessing\"");
#define TEMPLATE(single) "{\"type\":\"TemplateProcessing\",\"single\":[" single "]}"
#define TEXT "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}"
	refuse("post_processor",
	       SEQUENCE("processors",
			"{\"type\":\"ByteLevel\"}," TEMPLATE(
				"{\"SpecialToken\":{\"id\":\"<s>\"}}," TEXT)),
	       ERR_UNSUPPORTED, "TemplateProcessing that adds tokens");
	refuse("post_processor", TEMPLATE(TEXT "," TEXT), ERR_UNSUPPORTED,
	       "TemplateProcessing that adds tokens");
	accept("post_processor", TEMPLATE(TEXT));
	accept("post_processor", "null");
	refuse("decoder", "null", ERR_UNSUPPORTED, "the decoder \"\"");
	refuse("decoder", "{\"type\":\"BPEDecoder\"}", ERR_UNSUPPORTED, "\"BPEDecoder\"");
	refuse("decoder",
	       SEQUENCE("decoders", "{\"type\":\"ByteLevel\"},{\"type\":\"Strip\"}"),
	       ERR_UNSUPPORTED, "the decoder after ByteLevel \"Strip\"");
	refuse("model.type", "\"Unigram\"", ERR_UNSUPPORTED, "the model \"Unigram\"");
	refuse("model.dropout", "0.1", ERR_UNSUPPORTED, "BPE with dropout");
	refuse("model.continuing_subword_prefix", "\"##\"", ERR_UNSUPPORTED,
	       "the continuing_subword_prefix \"##\"");
	refuse("model.end_of_word_suffix", "\"</w>\"", ERR_UNSUPPORTED,
	       "the end_of_word_suffix \"</w>\"");
	accept("model.end_of_word_suffix", "\"\"");
	accept("model.byte_fallback", "true");
}

static void broken_models_are_refused(void **state)
{
	(void)state;
	refuse("model", "null", ERR_FORMAT, "not a tokenizer.json: no \"model\"");
	refuse("model", "[]", ERR_FORMAT, "\"model\" is not an object");
	refuse("model.type", "7", ERR_FORMAT, "\"type\" is not a string");
	refuse("model.dropout", "\"\"", ERR_FORMAT, "\"dropout\" is not a number");
	refuse("model.ignore_merges", "1", ERR_FORMAT,
	       "\"ignore_merges\" is not true or");
	refuse("model.vocab", "[]", ERR_FORMAT, "\"vocab\" is not {token: id}");
	refuse("model.vocab", "{}", ERR_FORMAT, "\"vocab\" is not {token: id}");
	refuse("model.vocab", "{\"a\":\"0\"}", ERR_FORMAT, "\"a\" is not an integer");
	refuse("model.vocab", "{\"a\":-1}", ERR_FORMAT, "the id of \"a\" is -1");
	refuse("model.vocab", "{\"a\":1048576}", ERR_FORMAT,
	       "the id of \"a\" is 1048576");
	refuse("model.vocab", "{\"a\":9223372036854775807}", ERR_FORMAT,
	       "is 92233720368");
	refuse("model.vocab", "{\"a\":0,\"b\":0}", ERR_FORMAT, "has the id 0 of another");
	refuse("model.vocab", "{\"\":0}", ERR_FORMAT, "a token without text");
	refuse("model.vocab", "{\"a\":0,\"b\":1}", ERR_UNSUPPORTED,
	       "no token for the byte 0x00");
	refuse("model.merges", "null", ERR_FORMAT, "the model has no \"merges\"");
	refuse("model.merges", "{}", ERR_FORMAT, "\"merges\" is not an array");
#define BAD_MERGE(merge)                                                                 \
	refuse("model.merges", "[" merge "]", ERR_FORMAT, "merge 0 is not two tokens")
	BAD_MERGE("\"ab\"");
	BAD_MERGE("\"a b c\"");
	BAD_MERGE("\"a  b\"");
	BAD_MERGE("\" b\"");
	BAD_MERGE("\"a \"");
	BAD_MERGE("\"\"");
	BAD_MERGE("7");
	BAD_MERGE("[]");
	BAD_MERGE("[\"a\"]");
	BAD_MERGE("[\"a\",\"\"]");
	BAD_MERGE("[\"a\",7]");
	BAD_MERGE("[\"a\",\"b\",\"c\"]");
#undef BAD_MERGE
	refuse("model.merges", "[\"a b\"]", ERR_FORMAT,
	       "merge 0: the token \"ab\" is not in the vocabulary");
	refuse("model.merges", "[[\"a\",\"\\u732b\"]]", ERR_FORMAT,
	       "the token \"\xe7\x8c\xab\" is not");
}

/* Two merges of a pair: the later would win there; here the file is called broken. */
static void a_merge_twice_is_refused(void **state)
{
	(void)state;
	json_t *root;
	struct tokenizer *t;
	check_ok(json_read_file(fixture("byte_bpe/gpt2/tokenizer.json"), 1 << 16, &root));
	json_t *merges = json_object_get(json_object_get(root, "model"), "merges");
	json_array_append(merges, json_array_get(merges, 3));
	char *text = json_line(root);
	check_err(tokenizer_open(put("tokenizer.json", text), &t), ERR_FORMAT,
		  "is the same as merge 3");
	free(text);
	json_decref(root);
}

#define ADDED(id, content, more) "{\"id\":" id ",\"content\":\"" content "\"" more "}"

static void broken_added_tokens_are_refused(void **state)
{
	(void)state;
	refuse("added_tokens", "{}", ERR_FORMAT, "\"added_tokens\" is not an array");
	refuse("added_tokens", "[7]", ERR_FORMAT, "an added token is not an object");
	refuse("added_tokens", "[{}]", ERR_FORMAT, "an added token needs an id");
	refuse("added_tokens", "[{\"id\":256}]", ERR_FORMAT,
	       "an added token needs an id");
	refuse("added_tokens", "[" ADDED("256", "", "") "]", ERR_FORMAT,
	       "a content of 1 to 256 bytes");
	refuse("added_tokens", "[" ADDED("-1", "x", "") "]", ERR_FORMAT,
	       "\"id\" is not an integer from 0");
	refuse("added_tokens", "[" ADDED("1048576", "x", "") "]", ERR_FORMAT,
	       "\"id\" is not an integer from 0");
	refuse("added_tokens", "[" ADDED("256", "<x>", ",\"lstrip\":true") "]",
	       ERR_UNSUPPORTED, "the added token \"<x>\" has lstrip");
	refuse("added_tokens", "[" ADDED("256", "<x>", ",\"rstrip\":true") "]",
	       ERR_UNSUPPORTED, "the added token \"<x>\" has rstrip");
	refuse("added_tokens", "[" ADDED("256", "<x>", ",\"single_word\":true") "]",
	       ERR_UNSUPPORTED, "the added token \"<x>\" has single_word");
	refuse("added_tokens", "[" ADDED("256", "<x>", ",\"normalized\":0") "]",
	       ERR_FORMAT, "\"normalized\" is not true or false");
	refuse("added_tokens", "[" ADDED("3", "<x>", "") "]", ERR_FORMAT,
	       "\"<x>\" has the id 3 of another token");
	refuse("added_tokens",
	       "[" ADDED("256", "<x>", "") "," ADDED("256", "<y>", "") "]", ERR_FORMAT,
	       "\"<y>\" has the id 256 of another token");
	refuse("added_tokens", "[" ADDED("256", "!", "") "]", ERR_FORMAT,
	       "\"!\" has the id 256, and 0 in the vocabulary");
	refuse("added_tokens",
	       "[" ADDED("256", "x y", "") "," ADDED("257", "x y", "") "]", ERR_FORMAT,
	       "256 and 257 have the same text");
	accept("added_tokens", "[" ADDED("0", "!", "") "]");
}

/* Ids that nobody has are holes; the longest of the added tokens counts. */
static void added_tokens_may_leave_ids_out(void **state)
{
	(void)state;
	struct tokenizer *t;
	struct str text = STR_INIT;
	int32_t ids[8];
	int count;
	check_ok(open_with("added_tokens",
			   "[" ADDED("300", "<x", "") "," ADDED("400", "<x>>", "") "]",
			   &t));
	assert_int_equal(tokenizer_size(t), 401);
	check_ok(tokenizer_encode(t, "<x>><x><", 8, ids, 8, &count));
	const int32_t wanted[] = { 400, 300, tokenizer_id(t, "\xc4\xa0"),
				   tokenizer_id(t, ">"), tokenizer_id(t, "<") };
	assert_int_equal(count, 5);
	assert_memory_equal(ids, wanted, sizeof(wanted));
	for (int32_t id = 256; id < 401; id++)
		tokenizer_decode(t, id, &text);
	assert_string_equal(str_get(&text), "<x<x>>");
	str_release(&text);
	tokenizer_free(t);
}

/* --- files ------------------------------------------------------------------------- */

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

static void copy(const char *from, const char *name)
{
	struct str s = slurp(fixture(from));
	put(name, str_get(&s));
	str_release(&s);
}

/* As Qwen2's folder has all three; CLIP's has them too, and stays CLIP's. */
static void a_folder_is_what_its_tokenizer_json_says(void **state)
{
	(void)state;
	struct tokenizer *t;
	copy("byte_bpe/qwen2/tokenizer.json", "tokenizer.json");
	check_ok(tokenizer_open(dir, &t));
	assert_true(tokenizer_is_byte_level(t));
	tokenizer_free(t);
	copy("tokens/tiny/vocab.json", "vocab.json");
	copy("tokens/tiny/merges.txt", "merges.txt");
	check_ok(tokenizer_open(dir, &t));
	assert_true(tokenizer_is_byte_level(t));
	tokenizer_free(t);
	put("tokenizer.json", "{\"model\":{\"end_of_word_suffix\":\"</w>\"}}");
	check_ok(tokenizer_open(dir, &t));
	assert_false(tokenizer_is_byte_level(t));
	tokenizer_free(t);
	put("tokenizer.json", "{");
	check_err(tokenizer_open(dir, &t), ERR_FORMAT,
		  "tokenizer.json: line 1: bad JSON");
}

static void two_files_alone_have_to_be_clips(void **state)
{
	(void)state;
	struct tokenizer *t;
	put("vocab.json", "{\"a\":0,\"b\":1,\"ab\":2,\"<|endoftext|>\":3}");
	put("merges.txt", "#version: 0.2\na b\n");
	check_err(tokenizer_open(dir, &t), ERR_FORMAT,
		  "not that of a CLIP; others need a tokenizer.json");
	assert_null(t);
}

/* What would take a hundred times its size in memory. */
static void more_lists_than_any_tokenizer_has_are_refused(void **state)
{
	(void)state;
	enum { COUNT = 2 << 20 };
	struct tokenizer *t;
	char *text = mem_alloc(COUNT + 2);
	memset(text, '[', COUNT + 1);
	text[0] = '{';
	check_err(tokenizer_open(put("tokenizer.json", text), &t), ERR_FORMAT,
		  "2097153 lists and objects: the limit is 2097152");
	free(text);
}

static void a_file_cut_at_every_byte_does_no_harm(void **state)
{
	(void)state;
	struct str s = slurp(fixture("byte_bpe/prefixed/tokenizer.json"));
	while (s.len > 0 && s.s[s.len - 1] != '}')
		s.len--;
	while (s.len-- > 0) {
		struct tokenizer *t;
		s.s[s.len] = 0;
		check_err(tokenizer_open(put("tokenizer.json", s.s), &t), ERR_FORMAT,
			  dir);
		assert_null(t);
	}
	str_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qwen2_as_the_reference),
		cmocka_unit_test(gpt2_as_the_reference),
		cmocka_unit_test(neox_as_the_reference),
		cmocka_unit_test(llama3_as_the_reference),
		cmocka_unit_test(a_prefix_space_as_the_reference),
		cmocka_unit_test(gguf_as_the_reference),
		cmocka_unit_test(the_published_gpt_neox_as_the_reference),
		cmocka_unit_test(tokens_are_found_by_name),
		cmocka_unit_test(ids_are_cut_at_the_maximum),
		cmocka_unit_test(the_built_in_bytes_are_those_of_the_reference),
		cmocka_unit_test(words_as_the_reference),
		cmocka_unit_test(words_are_what_the_patterns_say),
		cmocka_unit_test_setup_teardown(an_unknown_pre_tokenizer_is_named, up,
						down),
		cmocka_unit_test_setup_teardown(other_unknown_parts_are_named, up, down),
		cmocka_unit_test_setup_teardown(broken_models_are_refused, up, down),
		cmocka_unit_test_setup_teardown(a_merge_twice_is_refused, up, down),
		cmocka_unit_test_setup_teardown(broken_added_tokens_are_refused, up,
						down),
		cmocka_unit_test_setup_teardown(added_tokens_may_leave_ids_out, up, down),
		cmocka_unit_test_setup_teardown(a_folder_is_what_its_tokenizer_json_says,
						up, down),
		cmocka_unit_test_setup_teardown(two_files_alone_have_to_be_clips, up,
						down),
		cmocka_unit_test_setup_teardown(
			more_lists_than_any_tokenizer_has_are_refused, up, down),
		cmocka_unit_test_setup_teardown(a_file_cut_at_every_byte_does_no_harm, up,
						down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
