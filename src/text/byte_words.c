#include "text/byte_words.h"

#include <stdint.h>
#include <string.h>

#include "text/unicode.h"

static const char *const regexes[] = {
	[BYTE_PATTERN_GPT2] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| "
			      "?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
	[BYTE_PATTERN_QWEN2] =
		"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
		"?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
	[BYTE_PATTERN_LLAMA3] =
		"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
		"?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
};

bool byte_pattern_find(const char *regex, enum byte_pattern *pattern)
{
	for (size_t i = 0; i < sizeof(regexes) / sizeof(regexes[0]); i++) {
		if (!strcmp(regex, regexes[i])) {
			*pattern = (enum byte_pattern)i;
			return true;
		}
	}
	return false;
}

/* How many bytes at s are this small letter, in either case where that does not matter;
 * 0 where they are not. U+017F, the long s, is an s in another case too. */
static size_t letter(const char *s, size_t n, char small, bool any_case)
{
	if (n > 0 && (s[0] == small || (any_case && s[0] == small - 'a' + 'A')))
		return 1;
	return any_case && small == 's' && n > 1 && !memcmp(s, "\xc5\xbf", 2) ? 2 : 0;
}

/* 's|'t|'re|'ve|'m|'ll|'d: the length of the one that the text begins with, or 0. */
static size_t contraction(const char *s, size_t n, bool any_case)
{
	static const char *const all[] = { "s", "t", "re", "ve", "m", "ll", "d" };
	if (n == 0 || s[0] != '\'')
		return 0;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		size_t at = 1, len = 1;
		const char *c = all[i];
		for (; *c && (len = letter(s + at, n - at, *c, any_case)); c++)
			at += len;
		if (!*c)
			return at;
	}
	return 0;
}

static bool is_class(const char *s, size_t n, enum char_class class)
{
	size_t len;
	return n > 0 && unicode_class(s, n, &len) == class;
}

/* \s+(?!\S)|\s+: white space, without its last character where a word follows. */
static size_t space(const char *s, size_t n)
{
	size_t run = unicode_run(s, n, CHAR_SPACE, SIZE_MAX), last = run;
	if (run == n)
		return run;
	do
		last--;
	while (((unsigned char)s[last] & 0xC0) == 0x80);
	return last > 0 ? last : run;
}

static size_t gpt2_word(const char *s, size_t n)
{
	size_t lead = s[0] == ' ', len = contraction(s, n, false);
	if (len > 0)
		return len;
	if (lead == n || is_class(s + lead, n - lead, CHAR_SPACE))
		return space(s, n);
	enum char_class class = unicode_class(s + lead, n - lead, &len);
	return lead + unicode_run(s + lead, n - lead, class, SIZE_MAX);
}

static bool is_line_end(char c) { return c == '\r' || c == '\n'; }

/* \s*[\r\n]+: up to the last end of a line in the white space, or 0. */
static size_t lines(const char *s, size_t n)
{
	size_t run = unicode_run(s, n, CHAR_SPACE, SIZE_MAX);
	while (run > 0 && !is_line_end(s[run - 1]))
		run--;
	return run;
}

/* A word that begins with neither a letter nor a number; `first` bytes are its first
 * character. */
static size_t qwen2_other(const char *s, size_t n, size_t first)
{
	if (!is_line_end(s[0]) && is_class(s + first, n - first, CHAR_LETTER))
		return first + unicode_run(s + first, n - first, CHAR_LETTER, SIZE_MAX);
	size_t len = s[0] == ' ';
	if (is_class(s + len, n - len, CHAR_OTHER)) {
		len += unicode_run(s + len, n - len, CHAR_OTHER, SIZE_MAX);
		while (len < n && is_line_end(s[len]))
			len++;
		return len;
	}
	len = lines(s, n);
	return len > 0 ? len : space(s, n);
}

static size_t qwen2_word(const char *s, size_t n, size_t digits)
{
	size_t first, len = contraction(s, n, true);
	if (len > 0)
		return len;
	switch (unicode_class(s, n, &first)) {
	case CHAR_LETTER:
		return unicode_run(s, n, CHAR_LETTER, SIZE_MAX);
	case CHAR_NUMBER:
		return unicode_run(s, n, CHAR_NUMBER, digits);
	default:
		return qwen2_other(s, n, first);
	}
}

static size_t word_length(const struct byte_words *w)
{
	switch (w->pattern) {
	case BYTE_PATTERN_QWEN2:
		return qwen2_word(w->at, w->left, 1);
	case BYTE_PATTERN_LLAMA3:
		return qwen2_word(w->at, w->left, 3);
	default:
		return gpt2_word(w->at, w->left);
	}
}

bool byte_words_next(struct byte_words *w, const char **word, size_t *n)
{
	if (w->left == 0)
		return false;
	*word = w->at;
	*n = word_length(w);
	w->at += *n;
	w->left -= *n;
	return true;
}
