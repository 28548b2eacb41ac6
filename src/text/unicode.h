/*
 * What tokenizers ask of Unicode, for valid UTF-8. The only home of libunistring.
 */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum char_class {
	CHAR_SPACE,  /* \s: White_Space */
	CHAR_LETTER, /* \p{L} */
	CHAR_NUMBER, /* \p{N} */
	CHAR_OTHER,
};

/* The class of the character at s (n > 0) and its length in bytes. */
enum char_class unicode_class(const char *s, size_t n, size_t *len);

/* The length in bytes of the run of characters of one class that the text begins with, of
 * at most `most` characters. */
size_t unicode_run(const char *s, size_t n, enum char_class, size_t most);

/* Adds the text in normalisation form C. ERR_NOMEM. */
enum err unicode_add_nfc(struct str *out, const char *s, size_t n) MUST_CHECK;

/* Adds the text in lower case, character by character: a sigma at the end of a word is no
 * exception, a dotted capital I becomes i and a dot. */
void unicode_add_lower(struct str *out, const char *s, size_t n);

#endif
