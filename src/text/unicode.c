#include "text/unicode.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

enum char_class unicode_class(const char *s, size_t n, size_t *len)
{
	ucs4_t c;
	*len = (size_t)u8_mbtouc(&c, (const uint8_t *)s, n);
	if (uc_is_property_white_space(c))
		return CHAR_SPACE;
	if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L))
		return CHAR_LETTER;
	if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_N))
		return CHAR_NUMBER;
	return CHAR_OTHER;
}

size_t unicode_run(const char *s, size_t n, enum char_class class, size_t most)
{
	size_t run = 0, len;
	for (; run < n && most > 0; most--, run += len)
		if (unicode_class(s + run, n - run, &len) != class)
			break;
	return run;
}

enum err unicode_add_nfc(struct str *out, const char *s, size_t n)
{
	size_t composed_len = 0;
	uint8_t *composed =
		u8_normalize(UNINORM_NFC, (const uint8_t *)s, n, NULL, &composed_len);
	if (!composed)
		return err_set(ERR_NOMEM, "no memory to normalise %zu bytes of text", n);
	str_add_n(out, (const char *)composed, composed_len);
	free(composed);
	return OK;
}

void unicode_add_lower(struct str *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		ucs4_t c;
		uint8_t lower[8];
		i += (size_t)u8_mbtouc(&c, (const uint8_t *)s + i, n - i);
		int len = u8_uctomb(lower, uc_tolower(c), sizeof(lower));
		str_add_n(out, (const char *)lower, len > 0 ? (size_t)len : 0);
		/* The one character whose lower case is two (SpecialCasing.txt). */
		if (c == 0x130)
			str_add(out, "\xcc\x87");
	}
}
