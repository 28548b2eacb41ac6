#include "text/clip_words.h"

#include <stdint.h>
#include <string.h>

#include "text/unicode.h"

/* White space is not collapsed, as the reference does here: no word contains any, so it
 * cannot show in the ids. */
enum err clip_normalise(struct str *out, const char *text, size_t n)
{
	struct str composed = STR_INIT;
	enum err e = unicode_add_nfc(&composed, text, n);
	if (!e)
		unicode_add_lower(out, str_get(&composed), composed.len);
	str_release(&composed);
	return e;
}

/* The length of the contraction that the text begins with, or 0. */
static size_t contraction(const char *s, size_t n)
{
	static const char *const all[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (n >= strlen(all[i]) && !memcmp(s, all[i], strlen(all[i])))
			return strlen(all[i]);
	return 0;
}

static size_t word_length(const char *s, size_t n)
{
	size_t len = contraction(s, n);
	if (len > 0)
		return len;
	enum char_class class = unicode_class(s, n, &len);
	return class == CHAR_NUMBER ? len : unicode_run(s, n, class, SIZE_MAX);
}

bool clip_words_next(struct clip_words *w, const char **word, size_t *n)
{
	size_t space = unicode_run(w->at, w->left, CHAR_SPACE, SIZE_MAX);
	w->at += space;
	w->left -= space;
	if (w->left == 0)
		return false;
	*word = w->at;
	*n = word_length(w->at, w->left);
	w->at += *n;
	w->left -= *n;
	return true;
}
