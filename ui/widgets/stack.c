#include "ui/widgets/stack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BLACK 16
#define BRIGHT 229

/* Bright enough for black words, and no two next to each other alike. */
static const uint8_t palette[] = { 75, 114, 179, 176, 80, 210, 151, 147 };
#define HUES ((int)sizeof(palette))

/* ---- where the parts are ---- */

static double length(const struct stack *s, int i)
{
	return s->part[i].value > 0 ? s->part[i].value : 0;
}

static double sum(const struct stack *s, int n)
{
	double all = 0;
	for (int i = 0; i < n; i++)
		all += length(s, i);
	return all;
}

/* The column where part i begins; of n: where the bar ends. */
static int edge(const struct stack *s, int width, int i)
{
	double all = isnan(s->scale) ? sum(s, s->n) : s->scale;
	double at = sum(s, i) / all * width;
	return at > 0 ? at < width ? (int)lround(at) : width : 0;
}

int stack_at(const struct stack *s, int width, int column)
{
	for (int i = 0; i < s->n; i++)
		if (column >= edge(s, width, i) && column < edge(s, width, i + 1))
			return i;
	return -1;
}

/* ---- how they look ---- */

static uint32_t pattern(const struct canvas *c, int hue)
{
	static const char ascii[] = "=.-:";
	static const uint32_t shades[] = { 0x2592, 0xb7, 0x2591, 0x2d };
	return c->ascii ? (uint32_t)ascii[hue % 4] : shades[hue % 4];
}

static struct cell look(const struct canvas *c, const struct stack *s, int i)
{
	const struct stack_part *p = &s->part[i];
	int hue = p->hue < 0 ? -p->hue : p->hue;
	struct cell cell = { .ch = ' ' };
	if (c->colors && !c->ascii && !s->estimate) {
		cell.fg = BLACK;
		cell.bg = p->selected ? BRIGHT : palette[hue % HUES];
		cell.style = p->selected ? STYLE_BOLD : STYLE_NORMAL;
		return cell;
	}
	cell.ch = p->selected ? ' ' : pattern(c, hue);
	cell.style = (s->estimate ? STYLE_DIM : 0) | (p->selected ? STYLE_REVERSE : 0);
	return cell;
}

/* The longest words that fit, after the letter. */
static void words(const struct canvas *c, const struct stack *s, int i, int width,
		  char *buf, size_t size)
{
	const struct stack_part *p = &s->part[i];
	double percent = 100 * length(s, i) / sum(s, s->n);
	snprintf(buf, size, "%c %s %.*f%%", p->letter, p->label, percent < 9.95, percent);
	if (canvas_text_width(c, buf) + 1 > width)
		snprintf(buf, size, "%c %s", p->letter, p->label);
	if (canvas_text_width(c, buf) + 1 > width)
		snprintf(buf, size, "%c %.0f%%", p->letter, percent);
	if (canvas_text_width(c, buf) + 1 > width)
		snprintf(buf, size, "%c", p->letter);
}

static void draw_part(struct canvas *c, int x, int y, int width, int height,
		      const struct stack *s, int i)
{
	struct cell cell = look(c, s, i);
	char text[120];
	words(c, s, i, width, text, sizeof(text));
	for (int dy = 0; dy < height; dy++)
		for (int dx = 0; dx < width; dx++)
			canvas_put(c, x + dx, y + dy, cell);
	/* Letter by letter: the words keep the colours below them. */
	struct canvas label = canvas_window(c, x, y, width, 1);
	canvas_text(&label, 0, 0, width, cell.style, text);
	for (int dx = 0; dx < canvas_text_width(c, text) && dx < label.width; dx++) {
		label.cells[dx].fg = cell.fg;
		label.cells[dx].bg = cell.bg;
	}
}

void stack_draw(struct canvas *c, int x, int y, int width, int height,
		const struct stack *s)
{
	struct canvas bar = canvas_window(c, x, y, width, height);
	if (c->plain || !(sum(s, s->n) > 0))
		return;
	for (int i = 0; i < s->n; i++) {
		int from = edge(s, bar.width, i), to = edge(s, bar.width, i + 1);
		if (to > from)
			draw_part(&bar, from, 0, to - from, bar.height, s, i);
	}
}
