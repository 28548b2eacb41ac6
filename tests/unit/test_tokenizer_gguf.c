/* The tokenizer in a GGUF file: what its keys decide, and what they can get wrong. That
 * the ids are right, test_byte_bpe shows. */
#include "check.h"

#include "gguf_writer.h"
#include "text/bpe_file.h"
#include "text/tokenizer.h"

#define KEY "tokenizer.ggml."
#define COUNT 264

static char dir[64], path[96];

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	snprintf(path, sizeof(path), "%s/v.gguf", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

/* A file to be: every key but those that are NULL or 0. */
struct file {
	const char *arch, *model, *pre;
	const char *token[COUNT]; /* NULL: the byte's own, or [PADn] above */
	int32_t type[COUNT];      /* 0: normal, or a user's own of [PADn] */
	int count, types;         /* of the lists */
	const char *merge[4];
	int merges;
	const char *flag; /* a bool that is set */
	bool flag_value;
	uint32_t bos;
};

static struct file good(void)
{
	struct file f = { .arch = "gpt2",
			  .model = "gpt2",
			  .pre = "gpt-2",
			  .count = COUNT,
			  .types = COUNT,
			  .merge = { "a b", "ab c" },
			  .merges = 2 };
	f.token[256] = "ab";
	f.token[257] = "abc";
	f.token[258] = "<|end|>";
	f.type[258] = 3;
	f.token[259] = "  ";
	f.type[259] = 4;
	return f;
}

static void put_tokens(struct gguf_writer *w, const struct file *f)
{
	struct vocab bytes;
	vocab_init(&bytes, 256);
	bpe_set_bytes(&bytes, 0, "");
	gguf_key_list(w, KEY "tokens", GGUF_STRING, (uint64_t)f->count);
	for (int32_t id = 0; id < f->count; id++) {
		char filler[16];
		size_t n;
		const char *byte = id < 256 ? vocab_text(&bytes, id, &n) : filler;
		if (id >= 256)
			n = (size_t)snprintf(filler, sizeof(filler), "[PAD%d]", (int)id);
		if (f->token[id])
			put_gguf_text(&w->keys, f->token[id]);
		else
			put_gguf_text_n(&w->keys, byte, n);
	}
	vocab_release(&bytes);
	if (f->types)
		gguf_key_list(w, KEY "token_type", GGUF_I32, (uint64_t)f->types);
	for (int32_t id = 0; id < f->types; id++) {
		int32_t plain = id < 256 || f->token[id] ? 1 : 4;
		put_le(&w->keys, (uint32_t)(f->type[id] ? f->type[id] : plain), 4);
	}
}

static void put(const struct file *f)
{
	struct gguf_writer w = { 0 };
	if (f->arch)
		gguf_key_text(&w, "general.architecture", f->arch);
	if (f->model)
		gguf_key_text(&w, KEY "model", f->model);
	if (f->pre)
		gguf_key_text(&w, KEY "pre", f->pre);
	if (f->count)
		put_tokens(&w, f);
	if (f->merges >= 0)
		gguf_key_texts(&w, KEY "merges", (size_t)f->merges, f->merge);
	if (f->flag)
		gguf_key_int(&w, f->flag, GGUF_BOOL, f->flag_value, 1);
	if (f->bos)
		gguf_key_u32(&w, KEY "bos_token_id", f->bos);
	gguf_write(path, &w);
}

static struct tokenizer *open_file(const struct file *f)
{
	struct tokenizer *t;
	put(f);
	check_ok(tokenizer_open(path, &t));
	return t;
}

static void refused(const struct file *f, enum err code, const char *fact)
{
	struct tokenizer *t;
	put(f);
	check_err(tokenizer_open(path, &t), code, fact);
	assert_null(t);
	if (!strstr(err_message(), "v.gguf: "))
		fail_msg("no file is named: %s", err_message());
	for (const char *p = err_message(); *p; p++)
		if ((unsigned char)*p < ' ')
			fail_msg("a control byte in: %s", err_message());
}

/* The ids of a text, as "1 2 3". */
static void check_ids(const struct file *f, const char *text, const char *want)
{
	struct tokenizer *t = open_file(f);
	struct str got = STR_INIT;
	int32_t ids[64];
	int count;
	check_ok(tokenizer_encode(t, text, strlen(text), ids, 64, &count));
	for (int i = 0; i < count; i++)
		str_addf(&got, "%s%d", i ? " " : "", (int)ids[i]);
	assert_string_equal(str_get(&got), want);
	str_release(&got);
	tokenizer_free(t);
}

/* ---- what the keys decide ---- */

static void tokens_and_merges(void **state)
{
	(void)state;
	struct file f = good();
	struct tokenizer *t = open_file(&f);
	struct str text = STR_INIT;
	assert_true(tokenizer_is_byte_level(t));
	assert_int_equal(tokenizer_size(t), 260); /* the fillers do not count */
	assert_int_equal(tokenizer_id(t, "<|end|>"), 258);
	assert_int_equal(tokenizer_id(t, "abc"), 257);
	assert_int_equal(tokenizer_id(t, "[PAD260]"), -1);
	tokenizer_decode(t, 257, &text);
	tokenizer_decode(t, 259, &text);
	tokenizer_decode(t, 258, &text);
	assert_string_equal(str_get(&text), "abc  <|end|>");
	str_release(&text);
	tokenizer_free(t);
	check_ids(&f, "ab<|end|>  abc", "256 258 259 257");
}

/* Without types there are no added tokens. */
static void types_make_tokens_added(void **state)
{
	(void)state;
	struct file f = good();
	f.types = 0;
	check_ids(&f, "<|e", "27 91 68");
	check_ids(&f, "  ", "220 220");
	f = good();
	f.type[256] = 4; /* a token that a merge makes, and that is found as it is */
	check_ids(&f, "abc", "256 66");
	f = good();
	f.type[259] = 5;
	check_ids(&f, "  ", "220 220");
	struct tokenizer *t = open_file(&f);
	assert_int_equal(tokenizer_size(t), 259);
	tokenizer_free(t);
	/* A filler before the last token keeps its place. */
	f = good();
	f.token[263] = "last";
	f.type[263] = 3;
	check_ids(&f, "last", "263");
	check_ids(&f, "[PAD260]", "58 47 32 35 17 21 15 60");
}

/* e and an accent, as one character of two bytes or as three. */
static void names_of_patterns(void **state)
{
	(void)state;
	static const struct {
		const char *arch, *pre, *composed;
	} cases[] = {
		{ "gpt2", "gpt-2", "68 136 223" },   { "gpt2", NULL, "68 136 223" },
		{ "gpt2", "default", "68 136 223" }, { "gpt2", "mpt", "127 102" },
		{ "gpt2", "olmo", "127 102" },       { "gpt2", "qwen2", "127 102" },
		{ "mamba", NULL, "127 102" },        { "gptneox", "default", "127 102" },
		{ "mamba", "gpt-2", "68 136 223" },  { NULL, NULL, "68 136 223" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct file f = good();
		f.arch = cases[i].arch;
		f.pre = cases[i].pre;
		check_ids(&f, "e\xcc\x81", cases[i].composed);
	}
	/* Digits stand alone with qwen2: no merge joins them. */
	struct file f = good();
	f.merge[0] = "1 2";
	f.token[256] = "12";
	f.merges = 1;
	check_ids(&f, "12", "256");
	f.pre = "qwen2";
	check_ids(&f, "12", "16 17");
	/* llama-bpe: a word that is a token needs no merges. */
	f = good();
	f.pre = "llama-bpe";
	f.merges = 1;
	f.flag = KEY "add_bos_token";
	check_ids(&f, "abc abc", "257 220 256 66");
}

/* ---- what is refused ---- */

static void what_is_not_known_is_named(void **state)
{
	(void)state;
	struct file f = good();
	f.model = "llama";
	refused(&f, ERR_UNSUPPORTED, "tokenizer.ggml.model is \"llama\"");
	f = good();
	f.model = "b\033";
	refused(&f, ERR_UNSUPPORTED, "tokenizer.ggml.model is \"b\\x1b\"");
	f = good();
	f.pre = "deepseek-llm";
	refused(&f, ERR_UNSUPPORTED,
		"tokenizer.ggml.pre is \"deepseek-llm\", which is not known here");
	f = good();
	f.pre = "llama-bpe";
	refused(&f, ERR_UNSUPPORTED,
		"tokenizer.ggml.add_bos_token: a tokenizer that adds");
	static const char *const flags[] = { KEY "add_bos_token", KEY "add_eos_token",
					     KEY "add_space_prefix" };
	for (size_t i = 0; i < 3; i++) {
		f = good();
		f.flag = flags[i];
		f.flag_value = true;
		refused(&f, ERR_UNSUPPORTED, flags[i]);
		f.flag_value = false;
		tokenizer_free(open_file(&f));
	}
	f = good();
	f.type[3] = 6;
	refused(&f, ERR_UNSUPPORTED, "token 3 is of type 6, a byte");
	f = good();
	f.token[10] = "ten";
	refused(&f, ERR_UNSUPPORTED, "no token for the byte 0x2b");
}

static void broken_vocabularies_are_refused(void **state)
{
	(void)state;
	char large[300];
	struct file f = good();
	f.count = 0;
	refused(&f, ERR_NOTFOUND, "it holds no vocabulary");
	f = good();
	f.model = NULL;
	refused(&f, ERR_FORMAT, "there is no key tokenizer.ggml.model");
	f = good();
	f.types--;
	refused(&f, ERR_FORMAT, "264 tokens and 263 types of tokens");
	static const int32_t types[] = { -1, 7, INT32_MAX, INT32_MIN };
	for (size_t i = 0; i < 4; i++) {
		f = good();
		f.type[9] = types[i];
		refused(&f, ERR_FORMAT, "token 9 is of a type that is none");
	}
	f = good();
	f.token[257] = "";
	refused(&f, ERR_FORMAT, "token 257 has no text");
	f = good();
	f.token[257] = "\xc3(";
	refused(&f, ERR_FORMAT, "token 257 is not UTF-8");
	f = good();
	f.token[257] = "\xed\xa0\x80"; /* a surrogate */
	refused(&f, ERR_FORMAT, "token 257 is not UTF-8");
	f = good();
	f.token[258] = "ab";
	refused(&f, ERR_FORMAT, "tokens 256 and 258 have the same text");
	memset(large, 'x', 257);
	large[257] = 0;
	f = good();
	f.token[258] = large;
	refused(&f, ERR_FORMAT, "a content of 1 to 256 bytes");
	f = good();
	f.bos = COUNT;
	refused(&f, ERR_FORMAT, "bos_token_id is 264, which is not in 0 ... 263");
	f = good();
	f.count = f.types = 260;
	for (int i = 0; i < 260; i++)
		f.type[i] = 5;
	refused(&f, ERR_UNSUPPORTED, "no token for the byte 0x00");
}

static void broken_merges_are_refused(void **state)
{
	(void)state;
	struct file f = good();
	f.merges = -1;
	refused(&f, ERR_FORMAT, "there is no key tokenizer.ggml.merges");
	static const struct {
		const char *merge, *fact;
	} cases[] = {
		{ "ab", "merge 1 is not two tokens with a space between: \"ab\"" },
		{ "", "merge 1 is not two tokens" },
		{ " ", "merge 1 is not two tokens" },
		{ "a ", "merge 1 is not two tokens" },
		{ " a", "merge 1 is not two tokens" },
		{ "a b c", "merge 1 is not two tokens" },
		{ "\033 b", "merge 1: the token \"\\x1b\" is not in the vocabulary" },
		{ "b c", "merge 1: the token \"bc\" is not in the vocabulary" },
		{ "a b", "merge 1 is the same as merge 0" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f = good();
		f.merge[1] = cases[i].merge;
		refused(&f, ERR_FORMAT, cases[i].fact);
	}
}

static void lists_of_other_types_are_refused(void **state)
{
	(void)state;
	struct tokenizer *t;
	struct gguf_writer w = { 0 };
	gguf_key_text(&w, KEY "model", "gpt2");
	gguf_key_text(&w, KEY "tokens", "a");
	gguf_write(path, &w);
	check_err(tokenizer_open(path, &t), ERR_FORMAT, "tokens is a string, not a list");
	gguf_key_text(&w, KEY "model", "gpt2");
	gguf_key_list(&w, KEY "tokens", GGUF_U8, 1);
	put_le(&w.keys, 0, 1);
	w.key_count = 2;
	gguf_write(path, &w);
	check_err(tokenizer_open(path, &t), ERR_FORMAT,
		  "an element of key tokenizer.ggml.tokens is a U8, not a string");
	gguf_key_text(&w, KEY "model", "gpt2");
	gguf_key_list(&w, KEY "tokens", GGUF_STRING, 1);
	put_gguf_text(&w.keys, "a");
	gguf_key_list(&w, KEY "token_type", GGUF_F32, 1);
	put_le(&w.keys, 0, 4);
	w.key_count = 3;
	gguf_write(path, &w);
	check_err(tokenizer_open(path, &t), ERR_FORMAT, "an F32, not an I32");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(tokens_and_merges),
		CASE(types_make_tokens_added),
		CASE(names_of_patterns),
		CASE(what_is_not_known_is_named),
		CASE(broken_vocabularies_are_refused),
		CASE(broken_merges_are_refused),
		CASE(lists_of_other_types_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
