#include "ui/input.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define ESC 0x1b

size_t input_feed(struct input *in, const char *bytes, size_t n)
{
	size_t room = sizeof(in->buf) - in->n;
	if (n > room)
		n = room;
	memcpy(in->buf + in->n, bytes, n);
	in->n += n;
	return n;
}

bool input_pending(const struct input *in) { return in->n > 0 && !in->pasting; }

static void drop(struct input *in, size_t n)
{
	in->n -= n;
	memmove(in->buf, in->buf + n, in->n);
}

static uint32_t final_key(char final)
{
	static const struct {
		char final;
		uint32_t code;
	} keys[] = {
		{ 'A', KEYC_UP },     { 'B', KEYC_DOWN },    { 'C', KEYC_RIGHT },
		{ 'D', KEYC_LEFT },   { 'H', KEYC_HOME },    { 'F', KEYC_END },
		{ 'M', KEYC_ENTER },  { 'Z', KEYC_BACKTAB }, { 'P', KEYC_F0 + 1 },
		{ 'Q', KEYC_F0 + 2 }, { 'R', KEYC_F0 + 3 },  { 'S', KEYC_F0 + 4 },
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].final == final)
			return keys[i].code;
	return KEYC_NONE;
}

/* CSI number ~ */
static uint32_t numbered_key(int number)
{
	static const uint32_t keys[] = {
		[1] = KEYC_HOME,     [2] = KEYC_INSERT,   [3] = KEYC_DELETE,
		[4] = KEYC_END,      [5] = KEYC_PAGE_UP,  [6] = KEYC_PAGE_DOWN,
		[7] = KEYC_HOME,     [8] = KEYC_END,      [11] = KEYC_F0 + 1,
		[12] = KEYC_F0 + 2,  [13] = KEYC_F0 + 3,  [14] = KEYC_F0 + 4,
		[15] = KEYC_F0 + 5,  [17] = KEYC_F0 + 6,  [18] = KEYC_F0 + 7,
		[19] = KEYC_F0 + 8,  [20] = KEYC_F0 + 9,  [21] = KEYC_F0 + 10,
		[23] = KEYC_F0 + 11, [24] = KEYC_F0 + 12,
	};
	if (number < 1 || number >= (int)(sizeof(keys) / sizeof(keys[0])) ||
	    !keys[number])
		return KEYC_NONE;
	return keys[number];
}

/* xterm's button byte: 32 is motion, 64 the wheel; modifiers are ignored. */
static struct key mouse_key(int button, int x, int y, bool release)
{
	struct key k = { .code = KEYC_MOUSE, .x = x - 1, .y = y - 1 };
	if (button & 64)
		k.action = button & 1 ? MOUSE_WHEEL_DOWN : MOUSE_WHEEL_UP;
	else if (release)
		k.action = MOUSE_RELEASE;
	else
		k.action = button & 32 ? MOUSE_DRAG : MOUSE_PRESS;
	if (!(button & 64) && (button & 3) != 0 && !release)
		k.code = KEYC_NONE; /* only the left button does anything */
	return k;
}

/* "<B;X;Y" of an SGR report; the final byte tells press from release. */
static struct key sgr_mouse(const char *params, char final)
{
	char *end;
	long button = strtol(params + 1, &end, 10);
	long x = *end == ';' ? strtol(end + 1, &end, 10) : 0;
	long y = *end == ';' ? strtol(end + 1, &end, 10) : 0;
	if (x < 1 || y < 1 || x > 10000 || y > 10000)
		return (struct key){ .code = KEYC_NONE };
	return mouse_key((int)button, (int)x, (int)y, final == 'm');
}

static struct key csi_key(struct input *in, const char *params, char final)
{
	struct key k = { .code = KEYC_NONE };
	if (params[0] == '<' && (final == 'M' || final == 'm'))
		return sgr_mouse(params, final);
	if (final == '~') {
		int number = atoi(params);
		in->pasting = number == 200;
		k.code = numbered_key(number);
		return k;
	}
	k.code = final_key(final);
	return k;
}

/* Length of the CSI sequence at the start of the buffer, 0 while it is not whole. */
static size_t csi_length(const struct input *in)
{
	for (size_t i = 2; i < in->n; i++)
		if ((unsigned char)in->buf[i] < 0x20 || (unsigned char)in->buf[i] > 0x3f)
			return i + 1;
	return 0;
}

static bool take_csi(struct input *in, bool flush, struct key *out)
{
	if (in->n >= 3 && in->buf[2] == '[') { /* Linux console: ESC [ [ A is F1 */
		if (in->n < 4 && !flush)
			return false;
		char c = in->n >= 4 ? in->buf[3] : 0;
		out->code = c >= 'A' && c <= 'E' ? KEYC_F0 + 1u + (uint32_t)(c - 'A')
						 : KEYC_NONE;
		drop(in, in->n >= 4 ? 4 : in->n);
		return true;
	}
	if (in->n >= 3 && in->buf[2] == 'M') { /* X10 mouse: three bytes follow */
		if (in->n < 6 && !flush)
			return false;
		const unsigned char *b = (const unsigned char *)in->buf + 3;
		if (in->n >= 6)
			*out = mouse_key(b[0] - 32, b[1] - 32, b[2] - 32,
					 (b[0] & 3) == 3);
		drop(in, in->n >= 6 ? 6 : in->n);
		return true;
	}
	size_t len = csi_length(in);
	if (!len && !flush && in->n < 64)
		return false;
	if (!len) { /* cut off, or too long to be one: swallow; bare "ESC [" was Esc */
		out->code = in->n == 2 ? KEYC_ESC : KEYC_NONE;
		drop(in, in->n);
		return true;
	}
	char params[64] = "";
	size_t n = len - 3 < sizeof(params) - 1 ? len - 3 : sizeof(params) - 1;
	memcpy(params, in->buf + 2, n);
	*out = csi_key(in, params, in->buf[len - 1]);
	drop(in, len);
	return true;
}

static bool take_escape(struct input *in, bool flush, struct key *out)
{
	if (in->n == 1 && !flush)
		return false;
	if (in->n == 1 || (in->buf[1] != '[' && in->buf[1] != 'O')) {
		drop(in, 1);
		out->code = KEYC_ESC;
		return true;
	}
	if (in->buf[1] == '[')
		return take_csi(in, flush, out);
	if (in->n < 3 && !flush)
		return false;
	out->code = in->n < 3 ? KEYC_ESC : final_key(in->buf[2]);
	drop(in, in->n < 3 ? in->n : 3);
	return true;
}

static uint32_t control_key(unsigned char c)
{
	switch (c) {
	case '\r':
	case '\n':
		return KEYC_ENTER;
	case '\t':
		return KEYC_TAB;
	case 0x08:
	case 0x7f:
		return KEYC_BACKSPACE;
	case 0:
		return KEYC_NONE;
	default:
		return c;
	}
}

static bool take_char(struct input *in, bool flush, struct key *out)
{
	const unsigned char *p = (const unsigned char *)in->buf;
	size_t want = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (in->n < want && !flush)
		return false;
	int len = utf8_len(in->buf, in->n);
	out->code = KEYC_NONE;
	if (len == 1) {
		out->code = p[0] < 0x20 || p[0] == 0x7f ? control_key(p[0]) : p[0];
	} else if (len > 1) {
		out->code = p[0] & (0xffu >> (len + 1));
		for (int i = 1; i < len; i++)
			out->code = out->code << 6 | (p[i] & 0x3f);
	}
	drop(in, len ? (size_t)len : 1);
	return true;
}

/* Throws pasted bytes away; true once the end of the paste was seen. */
static bool skip_paste(struct input *in)
{
	static const char end[] = "\033[201~";
	char *found = memmem(in->buf, in->n, end, sizeof(end) - 1);
	if (found) {
		drop(in, (size_t)(found - in->buf) + sizeof(end) - 1);
		in->pasting = false;
		return true;
	}
	if (in->n >= sizeof(end)) /* the end may be cut in two */
		drop(in, in->n - (sizeof(end) - 2));
	return false;
}

bool input_next(struct input *in, bool flush, struct key *out)
{
	while (in->n) {
		if (in->pasting && !skip_paste(in))
			return false;
		if (!in->n)
			return false;
		*out = (struct key){ .code = KEYC_NONE };
		bool got = in->buf[0] == ESC ? take_escape(in, flush, out)
					     : take_char(in, flush, out);
		if (!got)
			return false;
		if (out->code != KEYC_NONE)
			return true;
	}
	return false;
}
