#include "ui/canvas.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static const struct {
	const char *utf8, *ascii;
} glyphs[GLYPH_COUNT] = {
	[GLYPH_HLINE] = { "─", "-" },       [GLYPH_VLINE] = { "│", "|" },
	[GLYPH_TOP_LEFT] = { "┌", "+" },    [GLYPH_TOP_RIGHT] = { "┐", "+" },
	[GLYPH_BOTTOM_LEFT] = { "└", "+" }, [GLYPH_BOTTOM_RIGHT] = { "┘", "+" },
	[GLYPH_ELLIPSIS] = { "…", ">" },    [GLYPH_PLUS_MINUS] = { "±", "+-" },
	[GLYPH_FOLDED] = { "▸", "+" },      [GLYPH_UNFOLDED] = { "▾", "-" },
	[GLYPH_ASCENDING] = { "↑", "^" },   [GLYPH_DESCENDING] = { "↓", "v" },
	[GLYPH_FILLED] = { "━", "#" },      [GLYPH_HANDLE] = { "●", "#" },
	[GLYPH_TRACK] = { "─", "-" },
};

static const struct cell blank = { .ch = ' ' };

void canvas_init(struct canvas *c, int width, int height)
{
	*c = (struct canvas){ 0 };
	canvas_resize(c, width, height);
}

void canvas_release(struct canvas *c)
{
	free(c->cells);
	c->cells = NULL;
	c->width = c->height = 0;
}

void canvas_resize(struct canvas *c, int width, int height)
{
	c->width = width > 0 ? width : 0;
	c->height = height > 0 ? height : 0;
	c->stride = c->width;
	c->cells = mem_grow(c->cells, (size_t)c->width * (size_t)c->height,
			    sizeof(struct cell));
	canvas_clear(c);
}

void canvas_clear(struct canvas *c) { canvas_fill(c, 0, 0, c->width, c->height, 0, ' '); }

static struct cell *at(const struct canvas *c, int x, int y)
{
	return &c->cells[(ptrdiff_t)y * c->stride + x];
}

/* Cuts [*at, *at + *n) to [0, limit). */
static void clip(int *from, int *n, int limit)
{
	if (*n < 0)
		*n = 0;
	if (*from < 0) {
		*n = *n > -*from ? *n + *from : 0;
		*from = 0;
	}
	if (*from > limit)
		*from = limit;
	if (*n > limit - *from)
		*n = limit - *from;
}

struct canvas canvas_window(const struct canvas *c, int x, int y, int width, int height)
{
	struct canvas w = *c;
	clip(&x, &width, c->width);
	clip(&y, &height, c->height);
	w.width = width;
	w.height = height;
	if (width && height)
		w.cells = at(c, x, y);
	else
		w.width = w.height = 0;
	return w;
}

const char *canvas_glyph(const struct canvas *c, enum glyph g)
{
	return c->ascii ? glyphs[g].ascii : glyphs[g].utf8;
}

/* The next character of a text; moves *s behind it. Never a control character. */
static uint32_t next_char(const char **s, const struct canvas *c)
{
	const unsigned char *p = (const unsigned char *)*s;
	int len = utf8_len(*s, strlen(*s));
	uint32_t ch = p[0];
	if (len > 1) {
		ch = p[0] & (0xffu >> (len + 1));
		for (int i = 1; i < len; i++)
			ch = ch << 6 | (p[i] & 0x3f);
	}
	*s += len ? len : 1;
	bool bad =
		!len || ch < 0x20 || (ch >= 0x7f && ch < 0xa0) || (c->ascii && ch > 0x7e);
	return bad ? '?' : ch;
}

static int char_width(uint32_t ch)
{
	if (ch >= 0x20 && ch < 0x7f)
		return 1;
	int w = wcwidth((wchar_t)ch);
	return w < 0 ? 1 : w;
}

int canvas_text_width(const struct canvas *c, const char *text)
{
	int w = 0;
	while (*text)
		w += char_width(next_char(&text, c));
	return w;
}

/* Half a wide character that is overwritten leaves a blank. */
static void break_wide(struct canvas *c, int x, int y)
{
	struct cell *p = at(c, x, y);
	if (!p->ch && x > 0)
		p[-1].ch = ' ';
	if (x + 1 < c->width && !p[1].ch)
		p[1].ch = ' ';
}

void canvas_put(struct canvas *c, int x, int y, struct cell cell)
{
	if (x < 0 || y < 0 || x >= c->width || y >= c->height)
		return;
	break_wide(c, x, y);
	*at(c, x, y) = cell;
}

int canvas_text(struct canvas *c, int x, int y, int max, unsigned style, const char *text)
{
	int from = x, limit = c->width - x;
	if (max >= 0 && max < limit)
		limit = max;
	if (y < 0 || y >= c->height)
		return 0;
	while (*text) {
		uint32_t ch = next_char(&text, c);
		int w = char_width(ch);
		if (w == 0) /* combining marks: the base character must do */
			continue;
		if (x - from + w > limit)
			break;
		canvas_put(c, x, y, (struct cell){ .ch = ch, .style = (uint16_t)style });
		if (w == 2)
			canvas_put(c, x + 1, y,
				   (struct cell){ .style = (uint16_t)style });
		if (w == 2 && x >= 0 && x + 1 < c->width)
			at(c, x, y)->ch = ch; /* put of its right half broke it */
		x += w;
	}
	return x - from;
}

int canvas_printf(struct canvas *c, int x, int y, unsigned style, const char *fmt, ...)
{
	char buf[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	return canvas_text(c, x, y, -1, style, buf);
}

void canvas_field(struct canvas *c, int x, int y, int width, unsigned style,
		  const char *text)
{
	if (width <= 0)
		return;
	if (canvas_text_width(c, text) <= width) {
		canvas_text(c, x, y, width, style, text);
		return;
	}
	int w = canvas_text(c, x, y, width - 1, style, text);
	canvas_text(c, x + w, y, 1, style, canvas_glyph(c, GLYPH_ELLIPSIS));
}

/* Bytes of the text that fit into `width`, up to a blank if there is one; at least one
 * character. */
static size_t line_bytes(const struct canvas *c, const char *text, int width)
{
	const char *p = text, *gap = text;
	int w = 0;
	while (*p) {
		const char *at = p;
		w += char_width(next_char(&p, c));
		if (*at == ' ')
			gap = at;
		if (w <= width)
			continue;
		const char *end = gap > text ? gap : at > text ? at : p;
		return (size_t)(end - text);
	}
	return (size_t)(p - text);
}

int canvas_wrap(struct canvas *c, int x, int y, int width, int rows, unsigned style,
		const char *text)
{
	int row = 0;
	for (; row < rows && width > 0 && *text; row++) {
		char line[2200];
		size_t n = line_bytes(c, text, width);
		if (row == rows - 1) {
			canvas_field(c, x, y + row, width, style, text);
			return rows;
		}
		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		canvas_text(c, x, y + row, width, style, line);
		text += n;
		text += strspn(text, " ");
	}
	return row;
}

void canvas_field_right(struct canvas *c, int x, int y, int width, unsigned style,
			const char *text)
{
	int w = canvas_text_width(c, text);
	if (w < width)
		x += width - w;
	canvas_field(c, x, y, w < width ? w : width, style, text);
}

void canvas_glyphs(struct canvas *c, int x, int y, int n, unsigned style, enum glyph g)
{
	for (int i = 0; i < n; i++)
		canvas_text(c, x + i, y, 1, style, canvas_glyph(c, g));
}

void canvas_fill(struct canvas *c, int x, int y, int width, int height, unsigned style,
		 uint32_t ch)
{
	clip(&x, &width, c->width);
	clip(&y, &height, c->height);
	struct cell cell = blank;
	cell.ch = ch;
	cell.style = (uint16_t)style;
	for (int j = 0; j < height; j++)
		for (int i = 0; i < width; i++)
			canvas_put(c, x + i, y + j, cell);
}

void canvas_mark(struct canvas *c, int x, int y, int width, int height, unsigned style)
{
	clip(&x, &width, c->width);
	clip(&y, &height, c->height);
	for (int j = 0; j < height; j++)
		for (int i = 0; i < width; i++)
			at(c, x + i, y + j)->style |= (uint16_t)style;
}

unsigned canvas_style_at(const struct canvas *c, int x, int y)
{
	bool inside = x >= 0 && y >= 0 && x < c->width && y < c->height;
	return inside ? at(c, x, y)->style : STYLE_NORMAL;
}

void canvas_hline(struct canvas *c, int x, int y, int width, unsigned style)
{
	if (!c->plain)
		canvas_glyphs(c, x, y, width, style, GLYPH_HLINE);
}

void canvas_vline(struct canvas *c, int x, int y, int height, unsigned style)
{
	for (int i = 0; i < height && !c->plain; i++)
		canvas_glyphs(c, x, y + i, 1, style, GLYPH_VLINE);
}

void canvas_box(struct canvas *c, int x, int y, int width, int height, unsigned style)
{
	if (c->plain || width < 2 || height < 2)
		return;
	canvas_hline(c, x + 1, y, width - 2, style);
	canvas_hline(c, x + 1, y + height - 1, width - 2, style);
	canvas_vline(c, x, y + 1, height - 2, style);
	canvas_vline(c, x + width - 1, y + 1, height - 2, style);
	canvas_glyphs(c, x, y, 1, style, GLYPH_TOP_LEFT);
	canvas_glyphs(c, x + width - 1, y, 1, style, GLYPH_TOP_RIGHT);
	canvas_glyphs(c, x, y + height - 1, 1, style, GLYPH_BOTTOM_LEFT);
	canvas_glyphs(c, x + width - 1, y + height - 1, 1, style, GLYPH_BOTTOM_RIGHT);
}

static int scaled(double fraction, int parts)
{
	if (!(fraction > 0))
		return 0;
	return fraction >= 1 ? parts : (int)lround(fraction * parts);
}

void canvas_bar(struct canvas *c, int x, int y, int width, double fraction,
		unsigned style)
{
	if (c->plain || width <= 0 || isnan(fraction))
		return;
	if (c->ascii) {
		canvas_fill(c, x, y, scaled(fraction, width), 1, style, '#');
		return;
	}
	int eighths = scaled(fraction, width * 8);
	struct cell cell = { .ch = 0x2588, .style = (uint16_t)style };
	for (int i = 0; i < eighths / 8; i++)
		canvas_put(c, x + i, y, cell);
	cell.ch = 0x2590 -
		  (uint32_t)(eighths % 8); /* U+258F, one eighth, to U+2589, seven */
	if (eighths % 8)
		canvas_put(c, x + eighths / 8, y, cell);
}

/* Mean of the values that fall into column i of `width`. */
static double binned(const double *values, int n, int width, int i)
{
	if (n <= width)
		return values[i];
	int from = (int)((int64_t)i * n / width),
	    to = (int)((int64_t)(i + 1) * n / width);
	double sum = 0;
	for (int j = from; j < to; j++)
		sum += values[j];
	return sum / (to - from);
}

void canvas_spark(struct canvas *c, int x, int y, int width, const double *values, int n,
		  unsigned style)
{
	static const char levels[] = "_.:-=+*#";
	if (c->plain || n <= 0 || width <= 0)
		return;
	int columns = n < width ? n : width;
	double lo = (double)INFINITY, hi = -lo;
	for (int i = 0; i < n; i++) {
		lo = values[i] < lo ? values[i] : lo;
		hi = values[i] > hi ? values[i] : hi;
	}
	for (int i = 0; i < columns; i++) {
		double v = binned(values, n, width, i);
		int level = hi > lo ? scaled((v - lo) / (hi - lo), 7) : 0;
		uint32_t ch =
			c->ascii ? (uint32_t)levels[level] : 0x2581 + (uint32_t)level;
		canvas_put(c, x + i, y,
			   (struct cell){ .ch = ch, .style = (uint16_t)style });
	}
}

static void add_utf8(struct str *out, uint32_t ch)
{
	char b[4];
	size_t n = 1;
	if (ch < 0x80) {
		b[0] = (char)ch;
	} else if (ch < 0x800) {
		b[0] = (char)(0xc0 | ch >> 6);
		n = 2;
	} else if (ch < 0x10000) {
		b[0] = (char)(0xe0 | ch >> 12);
		n = 3;
	} else {
		b[0] = (char)(0xf0 | ch >> 18);
		n = 4;
	}
	for (size_t i = 1; i < n; i++)
		b[i] = (char)(0x80 | ((ch >> (6 * (n - 1 - i))) & 0x3f));
	str_add_n(out, b, n);
}

void canvas_dump(const struct canvas *c, struct str *out)
{
	for (int y = 0; y < c->height; y++) {
		int end = c->width;
		while (end > 0 && at(c, end - 1, y)->ch == ' ')
			end--;
		for (int x = 0; x < end; x++)
			if (at(c, x, y)->ch)
				add_utf8(out, at(c, x, y)->ch);
		str_add(out, "\n");
	}
}

static char style_letter(unsigned style)
{
	if (style & STYLE_REVERSE)
		return 'r';
	if (style & STYLE_BOLD)
		return 'b';
	if (style & STYLE_DIM)
		return 'd';
	return ".gxwa"[style & STYLE_COLOR];
}

void canvas_dump_styles(const struct canvas *c, struct str *out)
{
	for (int y = 0; y < c->height; y++) {
		for (int x = 0; x < c->width; x++) {
			char letter = style_letter(at(c, x, y)->style);
			str_add_n(out, &letter, 1);
		}
		str_add(out, "\n");
	}
}
