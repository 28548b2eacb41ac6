#include "ui/widgets/parts.h"

#include <stdarg.h>
#include <stdio.h>

static void add(struct parts *p, int priority, unsigned style, bool joined,
		const char *fmt, va_list ap) __attribute__((format(printf, 5, 0)));

static void add(struct parts *p, int priority, unsigned style, bool joined,
		const char *fmt, va_list ap)
{
	if (p->n == PARTS_MAX)
		return;
	struct part *part = &p->part[p->n++];
	part->priority = priority;
	part->style = style;
	part->joined = joined;
	vsnprintf(part->text, sizeof(part->text), fmt, ap);
}

void parts_add(struct parts *p, int priority, unsigned style, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add(p, priority, style, false, fmt, ap);
	va_end(ap);
}

void parts_join(struct parts *p, int priority, unsigned style, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add(p, priority, style, true, fmt, ap);
	va_end(ap);
}

static const char *separator(const struct canvas *c, const struct part *part)
{
	if (part->joined)
		return " ";
	return c->ascii ? " | " : " │ ";
}

static int width_up_to(const struct parts *p, const struct canvas *c, int priority)
{
	int w = 0;
	for (int i = 0; i < p->n; i++) {
		if (p->part[i].priority > priority)
			continue;
		w += w ? canvas_text_width(c, separator(c, &p->part[i])) : 0;
		w += canvas_text_width(c, p->part[i].text);
	}
	return w;
}

int parts_draw(const struct parts *p, struct canvas *c, int x, int y, int width)
{
	struct canvas row = canvas_window(c, x, y, width, 1);
	int limit = 0, at = 0;
	for (int i = 0; i < p->n; i++)
		limit = p->part[i].priority > limit ? p->part[i].priority : limit;
	while (limit > 0 && width_up_to(p, c, limit) > width)
		limit--;
	for (int i = 0; i < p->n; i++) {
		const struct part *part = &p->part[i];
		if (part->priority > limit)
			continue;
		if (at)
			at += canvas_text(&row, at, 0, -1, STYLE_DIM, separator(c, part));
		at += canvas_text(&row, at, 0, -1, part->style, part->text);
	}
	return at;
}
