/*
 * The words of CLIP's tokenizer: normalisation form C, lower case, then what
 *
 *   's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
 *
 * finds. This is transformers' CLIPTokenizerFast; the slow CLIPTokenizer repairs the text
 * with ftfy or splits CJK characters first, and so differs where those do something.
 */
#ifndef TEXT_CLIP_WORDS_H
#define TEXT_CLIP_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/* Adds the normalised text. The input must be UTF-8. ERR_NOMEM. */
enum err clip_normalise(struct str *out, const char *text, size_t n) MUST_CHECK;

/* A walk over the words of a normalised text; start with { text, length }. */
struct clip_words {
	const char *at;
	size_t left;
};

/* False after the last. The word is borrowed, n > 0. */
bool clip_words_next(struct clip_words *, const char **word, size_t *n);

#endif
