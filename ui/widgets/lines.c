#include "ui/widgets/lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lines_clear(struct lines *l)
{
	while (l->n) {
		struct line *line = &l->line[--l->n];
		free(line->label);
		free(line->text);
		free(line->spark);
	}
}

void lines_release(struct lines *l)
{
	lines_clear(l);
	free(l->line);
	*l = (struct lines){ 0 };
}

static struct line *add(struct lines *l)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->line = mem_grow(l->line, (size_t)l->cap, sizeof(struct line));
	}
	struct line *line = &l->line[l->n++];
	*line = (struct line){ 0 };
	return line;
}

void lines_heading(struct lines *l, const char *text)
{
	struct line *line = add(l);
	line->text = str_dup(text);
	line->style = STYLE_BOLD;
}

void lines_add(struct lines *l, unsigned style, const char *label, const char *fmt, ...)
{
	char text[1024]; /* more than any screen is wide */
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	struct line *line = add(l);
	line->label = str_dup(label);
	line->text = str_dup(text);
	line->style = style;
}

void lines_spark(struct lines *l, const char *label, const double *values, int n)
{
	struct line *line = add(l);
	line->label = str_dup(label);
	line->text = str_dup("");
	line->spark = mem_alloc((size_t)n * sizeof(double));
	memcpy(line->spark, values, (size_t)n * sizeof(double));
	line->n_spark = n;
}

void lines_scroll(struct lines *l, int by)
{
	l->top += by;
	if (l->top > l->n - l->page)
		l->top = l->n - l->page;
	if (l->top < 0)
		l->top = 0;
}

void lines_draw(struct lines *l, struct canvas *c, int label_width)
{
	l->page = c->height > 0 ? c->height : 1;
	lines_scroll(l, 0);
	for (int i = 0; i < l->page && l->top + i < l->n; i++) {
		const struct line *line = &l->line[l->top + i];
		int x = 1, w = c->width - 1;
		if (line->label) {
			canvas_field(c, 2, i, label_width, STYLE_DIM, line->label);
			x = label_width + 4;
			w = c->width - x;
		}
		if (line->spark)
			canvas_spark(c, x, i, w < 60 ? w : 60, line->spark, line->n_spark,
				     STYLE_ACCENT);
		else
			canvas_field(c, x, i, w, line->style, line->text);
	}
	if (l->top + l->page < l->n && c->width > 12)
		canvas_printf(c, c->width - 10, c->height - 1, STYLE_DIM, " %3d more ",
			      l->n - l->top - l->page);
}

bool lines_move(struct lines *l, enum request request)
{
	switch (request) {
	case REQ_UP:
		lines_scroll(l, -1);
		return true;
	case REQ_DOWN:
		lines_scroll(l, 1);
		return true;
	case REQ_PAGE_UP:
		lines_scroll(l, -l->page);
		return true;
	case REQ_PAGE_DOWN:
		lines_scroll(l, l->page);
		return true;
	case REQ_FIRST:
		lines_scroll(l, -l->n);
		return true;
	case REQ_LAST:
		lines_scroll(l, l->n);
		return true;
	default:
		return false;
	}
}

bool lines_search(struct lines *l, const char *pattern, int step,
		  bool (*matches)(const char *text, const char *pattern))
{
	for (int k = 1; k <= l->n; k++) {
		int i = ((l->top + step * k) % l->n + l->n) % l->n;
		const struct line *line = &l->line[i];
		if (matches(line->text, pattern) ||
		    (line->label && matches(line->label, pattern))) {
			l->top = i;
			return true;
		}
	}
	return false;
}

void lines_markdown(const struct lines *l, struct str *out)
{
	for (int i = 0; i < l->n; i++) {
		const struct line *line = &l->line[i];
		if (line->spark)
			continue;
		if (!line->label && line->text[0])
			str_addf(out, "%s### %s\n\n", out->len ? "\n" : "", line->text);
		else if (line->label)
			str_addf(out, "- %s: %s\n", line->label, line->text);
	}
}
