/*
 * A text, through the scanners and to ids and back; where it begins with a brace, a
 * tokenizer.json too, and with GGUF a vocabulary in such a file. In JSON the tokens of
 * the 256 bytes, without which none opens, stand for the first @ of it: inputs stay
 * small, and a changed one is not lost at once.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "text/bpe_file.h"
#include "text/byte_words.h"
#include "text/tokenizer.h"

#define MOST 4096 /* ids */

static int is_utf8(const char *s, size_t n)
{
	int len = 1;
	for (size_t i = 0; i < n && len; i += (size_t)len)
		len = utf8_len(s + i, n - i);
	return len > 0;
}

/* Words are the text, cut between characters. */
static void walk_words(const char *text, size_t n, enum byte_pattern pattern)
{
	struct byte_words words = { text, n, pattern };
	const char *word, *at = text;
	for (size_t len; byte_words_next(&words, &word, &len); at += len) {
		fuzz_check(len > 0 && word == at, "a word follows the one before");
		fuzz_check(is_utf8(word, len), "a word is whole characters");
	}
	fuzz_check(at == text + n, "the words are all of the text");
}

static void walk_tokenizer(struct tokenizer *t, const char *text, size_t n)
{
	static int32_t ids[MOST];
	struct str back = STR_INIT;
	int count = 0;
	fuzz_check(tokenizer_encode(t, text, n, ids, MOST, &count) == OK,
		   "a text is encoded");
	fuzz_check(count >= 0 && count <= MOST, "it fits");
	for (int i = 0; i < count; i++) {
		fuzz_check(ids[i] >= 0 && ids[i] < tokenizer_size(t), "it is an id");
		tokenizer_decode(t, ids[i], &back);
	}
	str_release(&back);
}

/* With nothing that is normalised or added, what is decoded is what was encoded. */
static void there_and_back(const char *text, size_t n)
{
	static struct tokenizer *t;
	static int32_t ids[MOST];
	struct str back = STR_INIT;
	int count = 0;
	if (!t)
		fuzz_check(tokenizer_bytes(&t) == OK, "the bytes are built in");
	n = n < MOST ? n : 0;
	fuzz_check(tokenizer_encode(t, text, n, ids, MOST, &count) == OK,
		   "a text is encoded");
	for (int i = 0; i < count; i++)
		tokenizer_decode(t, ids[i], &back);
	fuzz_check(back.len == n && !memcmp(str_get(&back), text, n), "it comes back");
	str_release(&back);
}

/* "!":0,"\"":1, and so on, with a comma at the end. */
static void add_byte_tokens(struct str *out)
{
	struct vocab v;
	vocab_init(&v, 256);
	bpe_set_bytes(&v, 0, "");
	for (int32_t id = 0; id < 256; id++) {
		size_t n;
		const char *token = vocab_text(&v, id, &n);
		str_add(out, *token == '"' || *token == '\\' ? "\"\\" : "\"");
		str_add_n(out, token, n);
		str_addf(out, "\":%d,", (int)id);
	}
	vocab_release(&v);
}

static enum err open_json(const char *text, size_t n, struct tokenizer **t)
{
	struct str json = STR_INIT;
	const char *at = memchr(text, '@', n);
	size_t before = at ? (size_t)(at - text) : n;
	str_add_n(&json, text, before);
	if (at) {
		add_byte_tokens(&json);
		str_add_n(&json, at + 1, n - before - 1);
	}
	enum err e = tokenizer_open(fuzz_file((const uint8_t *)json.s, json.len), t);
	str_release(&json);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char prompt[] = "<|a|>it's\n\n  12 e\xcc\x81<|b|>  ab abc";
	char *text = fuzz_text(data, n);
	size_t valid = is_utf8(text, n) ? n : 0;
	walk_words(text, valid, BYTE_PATTERN_GPT2);
	walk_words(text, valid, BYTE_PATTERN_QWEN2);
	walk_words(text, valid, BYTE_PATTERN_LLAMA3);
	there_and_back(text, valid);
	struct tokenizer *t = NULL;
	if (n > 3 && !memcmp(data, "GGUF", 4) &&
	    tokenizer_open(fuzz_file(data, n), &t) == OK) {
		fuzz_check(tokenizer_is_byte_level(t), "GGUF is byte-level");
		walk_tokenizer(t, prompt, sizeof(prompt) - 1);
		tokenizer_free(t);
	}
	if (n > 0 && data[0] == '{' && open_json(text, n, &t) == OK) {
		fuzz_check(tokenizer_is_byte_level(t), "a brace begins a tokenizer.json");
		walk_tokenizer(t, prompt, sizeof(prompt) - 1);
		walk_tokenizer(t, text, valid);
		tokenizer_free(t);
	}
	free(text);
	return 0;
}
