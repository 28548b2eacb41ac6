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

void parts_brief(struct parts *p, const char *text)
{
	if (p->n)
		snprintf(p->part[p->n - 1].brief, sizeof(p->part[0].brief), "%s", text);
}

static const char *text_of(const struct part *part, bool brief)
{
	return brief && part->brief[0] ? part->brief : part->text;
}

static int width_up_to(const struct parts *p, const struct canvas *c, int priority,
		       bool brief)
{
	int w = 0;
	for (int i = 0; i < p->n; i++) {
		if (p->part[i].priority > priority)
			continue;
		w += w ? canvas_text_width(c, separator(c, &p->part[i])) : 0;
		w += canvas_text_width(c, text_of(&p->part[i], brief));
	}
	return w;
}

/* What is shortened when nothing may be left out; not what has a brief form already.
 * -1: nothing is `least` columns long. */
static int longest(const struct parts *p, const struct canvas *c, int priority, int least)
{
	int at = -1, most = least - 1;
	for (int i = 0; i < p->n; i++) {
		int w = canvas_text_width(c, p->part[i].text);
		if (p->part[i].priority <= priority && !p->part[i].brief[0] && w > most) {
			most = w;
			at = i;
		}
	}
	return at;
}

int parts_draw(const struct parts *p, struct canvas *c, int x, int y, int width)
{
	struct canvas row = canvas_window(c, x, y, width, 1);
	int limit = 0, at = 0;
	for (int i = 0; i < p->n; i++)
		limit = p->part[i].priority > limit ? p->part[i].priority : limit;
	while (limit > 0 && width_up_to(p, c, limit, false) > width)
		limit--;
	bool brief = width_up_to(p, c, limit, false) > width;
	int over = brief ? width_up_to(p, c, limit, true) - width : 0;
	int victim = over > 0 ? longest(p, c, limit, over + 4) : -1;
	for (int i = 0; i < p->n; i++) {
		const struct part *part = &p->part[i];
		const char *text = text_of(part, brief);
		int w = canvas_text_width(c, text);
		if (part->priority > limit)
			continue;
		if (at)
			at += canvas_text(&row, at, 0, -1, STYLE_DIM, separator(c, part));
		if (i == victim)
			w = w > over ? w - over : 0;
		canvas_field(&row, at, 0, w, part->style, text);
		at += w;
	}
	return at < width ? at : width;
}
