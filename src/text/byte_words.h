/*
 * The words of byte-level tokenizers. Their files give a regular expression; a few are in
 * use, and each is scanned by hand here. The words partition a text: nothing is dropped.
 */
#ifndef TEXT_BYTE_WORDS_H
#define TEXT_BYTE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum byte_pattern {
	BYTE_PATTERN_GPT2, /* also of GPT-NeoX; what ByteLevel has without a Split */
	BYTE_PATTERN_QWEN2,
	BYTE_PATTERN_LLAMA3, /* Qwen2's with up to three digits a word */
};

/* By the exact text of the expression; false where it is none of these. */
bool byte_pattern_find(const char *regex, enum byte_pattern *);

/* A walk over the words of valid UTF-8; start with { text, length, pattern }. */
struct byte_words {
	const char *at;
	size_t left;
	enum byte_pattern pattern;
};

/* False after the last. The word is borrowed, n > 0. */
bool byte_words_next(struct byte_words *, const char **word, size_t *n);

#endif
