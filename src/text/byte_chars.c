#include "text/byte_chars.h"

bool byte_is_visible(uint8_t byte)
{
	return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
}

/* Of the bytes below this one, those that do not stand for themselves. */
static unsigned hidden_below(unsigned byte)
{
	unsigned count = 0;
	for (unsigned c = 0; c < byte; c++)
		count += !byte_is_visible((uint8_t)c);
	return count;
}

static unsigned char_of(uint8_t byte)
{
	return byte_is_visible(byte) ? byte : 0x100 + hidden_below(byte);
}

/* -1 where no byte is written so. */
static int byte_of(unsigned c)
{
	if (c < 0x100)
		return byte_is_visible((uint8_t)c) ? (int)c : -1;
	unsigned hidden = 0x100;
	for (unsigned byte = 0; byte < 0x100; byte++)
		if (!byte_is_visible((uint8_t)byte) && hidden++ == c)
			return (int)byte;
	return -1;
}

void byte_char_add(struct str *out, uint8_t byte)
{
	unsigned c = char_of(byte); /* below U+0800: two bytes of UTF-8 at most */
	const char wide[2] = { (char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F)) };
	const char narrow = (char)c;
	if (c < 0x80)
		str_add_n(out, &narrow, 1);
	else
		str_add_n(out, wide, 2);
}

void byte_chars_decode(struct str *out, const char *token, size_t n)
{
	size_t start = out->len;
	for (size_t i = 0; i < n;) {
		const unsigned char *s = (const unsigned char *)token + i;
		int len = utf8_len(token + i, n - i);
		unsigned c = len == 2 ? (s[0] & 0x1Fu) << 6 | (s[1] & 0x3Fu) : s[0];
		int byte = len == 1 || len == 2 ? byte_of(c) : -1;
		if (byte < 0) {
			out->len = start;
			str_add_n(out, token, n);
			return;
		}
		const char decoded = (char)byte;
		str_add_n(out, &decoded, 1);
		i += (size_t)len;
	}
}
