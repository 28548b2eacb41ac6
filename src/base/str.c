#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);
	if (!p)
		abort();
	return p;
}

void *mem_grow(void *p, size_t count, size_t size)
{
	void *q = reallocarray(p, count ? count : 1, size);
	if (!q)
		abort();
	return q;
}

char *str_dup(const char *s)
{
	if (!s)
		return NULL;
	size_t n = strlen(s) + 1;
	return memcpy(mem_alloc(n), s, n);
}

bool str_equal(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }

void str_release(struct str *s)
{
	free(s->s);
	*s = (struct str)STR_INIT;
}

void str_clear(struct str *s)
{
	s->len = 0;
	if (s->s)
		s->s[0] = 0;
}

static void reserve(struct str *s, size_t extra)
{
	size_t want = s->len + extra + 1;
	if (want <= s->cap)
		return;
	size_t cap = s->cap ? s->cap : 64;
	while (cap < want)
		cap *= 2;
	s->s = mem_grow(s->s, cap, 1);
	s->cap = cap;
}

void str_add_n(struct str *s, const char *bytes, size_t n)
{
	reserve(s, n);
	if (n)
		memcpy(s->s + s->len, bytes, n);
	s->len += n;
	s->s[s->len] = 0;
}

void str_add(struct str *s, const char *text) { str_add_n(s, text, strlen(text)); }

void str_addv(struct str *s, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	if (n > 0) {
		reserve(s, (size_t)n);
		vsnprintf(s->s + s->len, (size_t)n + 1, fmt, again);
		s->len += (size_t)n;
	}
	va_end(again);
}

void str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	str_addv(s, fmt, ap);
	va_end(ap);
}

const char *str_get(const struct str *s) { return s->s ? s->s : ""; }

char *str_detach(struct str *s)
{
	char *text = s->s ? s->s : str_dup("");
	*s = (struct str)STR_INIT;
	return text;
}

int utf8_len(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	if (n == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	int len = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
	if (s[0] < 0xC2 || s[0] > 0xF4 || n < (size_t)len)
		return 0;
	for (int i = 1; i < len; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	/* Overlong forms, surrogates and beyond U+10FFFF show in the second byte. */
	if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
	    (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
		return 0;
	return len;
}

void str_add_escaped(struct str *out, const char *text, size_t n, size_t max)
{
	size_t start = out->len;
	for (size_t i = 0; i < n;) {
		const unsigned char c = (unsigned char)text[i];
		int len = utf8_len(text + i, n - i);
		bool c1 = len == 2 && c == 0xC2 && (unsigned char)text[i + 1] < 0xA0;
		if (max && out->len - start + 4 > max) {
			str_add(out, "...");
			return;
		}
		if (c == '\\') {
			str_add(out, "\\\\");
			i++;
		} else if (len == 0 || c < 0x20 || c == 0x7F || c1) {
			str_addf(out, "\\x%02x", c);
			i++;
			if (c1)
				str_addf(out, "\\x%02x", (unsigned char)text[i++]);
		} else {
			str_add_n(out, text + i, (size_t)len);
			i += (size_t)len;
		}
	}
}

const char *str_escaped(char *buf, size_t size, const char *text, size_t n)
{
	struct str s = STR_INIT;
	str_add_escaped(&s, text, n, size > 4 ? size - 4 : 1);
	snprintf(buf, size, "%s", str_get(&s));
	str_release(&s);
	return buf;
}
