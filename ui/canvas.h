/*
 * A grid of cells that views draw on. It knows nothing of the terminal: term.c puts it on
 * the screen, tests dump it as text.
 *
 * Every primitive clips, whatever its arguments; a canvas may be 0x0. Text is UTF-8; what
 * is not (or is a control character) is drawn as '?'. A character of two columns takes
 * two cells, the second with ch 0.
 */
#ifndef UI_CANVAS_H
#define UI_CANVAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* A style is one colour, or-ed with attributes. Meaning never hangs on the colour alone.
 */
enum style {
	STYLE_NORMAL = 0,
	STYLE_GOOD = 1,
	STYLE_BAD = 2,
	STYLE_WARN = 3,
	STYLE_ACCENT = 4,
	STYLE_COLOR = 0x0f,
	STYLE_DIM = 1 << 4,
	STYLE_BOLD = 1 << 5,
	STYLE_REVERSE = 1 << 6,
	STYLE_UNDERLINE = 1 << 7
};

struct cell {
	uint32_t ch; /* code point; 0: right half of a wide character */
	uint16_t style;
	uint8_t fg, bg; /* xterm's 256 colours, for pictures; 0: as the style says */
};

struct canvas {
	struct cell *cells; /* of the top left corner */
	int width, height, stride;
	bool ascii;  /* no character above 126 */
	bool plain;  /* for screen readers: no lines, boxes, bars */
	bool colors; /* 256 colours: pictures can be drawn */
};

enum glyph {
	GLYPH_HLINE,
	GLYPH_VLINE,
	GLYPH_TOP_LEFT,
	GLYPH_TOP_RIGHT,
	GLYPH_BOTTOM_LEFT,
	GLYPH_BOTTOM_RIGHT,
	GLYPH_ELLIPSIS,
	GLYPH_PLUS_MINUS,
	GLYPH_FOLDED,
	GLYPH_UNFOLDED,
	GLYPH_ASCENDING,
	GLYPH_DESCENDING,
	GLYPH_FILLED, /* the part of a slider left of its handle */
	GLYPH_HANDLE,
	GLYPH_TRACK,
	GLYPH_COUNT
};

/* Cells of its own, blank; sizes below 0 count as 0. */
void canvas_init(struct canvas *, int width, int height);
void canvas_release(struct canvas *);
void canvas_resize(struct canvas *, int width, int height); /* blank again */
void canvas_clear(struct canvas *);

/* A window on part of a canvas, clipped to it; shares its cells, needs no release. */
struct canvas canvas_window(const struct canvas *, int x, int y, int width, int height);

const char *canvas_glyph(const struct canvas *, enum glyph);

/* Columns a text takes here. */
int canvas_text_width(const struct canvas *, const char *text);

/* Draws at most `max` columns (below 0: to the edge); returns the columns it took. */
int canvas_text(struct canvas *, int x, int y, int max, unsigned style, const char *text);
int canvas_printf(struct canvas *, int x, int y, unsigned style, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Text in a field of `width`: what is too long ends in an ellipsis. */
void canvas_field(struct canvas *, int x, int y, int width, unsigned style,
		  const char *text);
/* Text over at most `rows` rows of `width`, broken at blanks where there are some; what
 * is left ends in an ellipsis. Returns the rows it takes. */
int canvas_wrap(struct canvas *, int x, int y, int width, int rows, unsigned style,
		const char *text);
void canvas_field_right(struct canvas *, int x, int y, int width, unsigned style,
			const char *text);
void canvas_glyphs(struct canvas *, int x, int y, int n, unsigned style, enum glyph);

void canvas_put(struct canvas *, int x, int y, struct cell);
void canvas_fill(struct canvas *, int x, int y, int width, int height, unsigned style,
		 uint32_t ch);
/* Ors a style into cells already drawn. */
void canvas_mark(struct canvas *, int x, int y, int width, int height, unsigned style);
unsigned canvas_style_at(const struct canvas *, int x, int y); /* outside: normal */
void canvas_hline(struct canvas *, int x, int y, int width, unsigned style);
void canvas_vline(struct canvas *, int x, int y, int height, unsigned style);
void canvas_box(struct canvas *, int x, int y, int width, int height, unsigned style);

/* A bar that fills `fraction` of `width`, to an eighth of a column. NaN draws nothing. */
void canvas_bar(struct canvas *, int x, int y, int width, double fraction,
		unsigned style);
/* One column a value, from the smallest to the largest; more values than columns are
 * averaged. */
void canvas_spark(struct canvas *, int x, int y, int width, const double *values, int n,
		  unsigned style);

/* Rows as text, trailing blanks cut, a newline after each. */
void canvas_dump(const struct canvas *, struct str *out);
/* The same shape with a letter for each style: . normal, d dim, b bold, r reverse, g w x
 * a colours; the strongest attribute wins (r, then b, then d). */
void canvas_dump_styles(const struct canvas *, struct str *out);

#endif
