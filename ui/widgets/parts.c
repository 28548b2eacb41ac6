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

static int width_of(const struct parts *p, const struct canvas *c, const bool *shown,
		    bool brief)
{
	int w = 0;
	for (int i = 0; i < p->n; i++) {
		if (!shown[i])
			continue;
		w += w ? canvas_text_width(c, separator(c, &p->part[i])) : 0;
		w += canvas_text_width(c, text_of(&p->part[i], brief));
	}
	return w;
}

/* What is shortened when nothing may be left out; not what has a brief form already.
 * -1: nothing is `least` columns long. */
static int longest(const struct parts *p, const struct canvas *c, const bool *shown,
		   int least)
{
	int at = -1, most = least - 1;
	for (int i = 0; i < p->n; i++) {
		int w = canvas_text_width(c, p->part[i].text);
		if (shown[i] && !p->part[i].brief[0] && w > most) {
			most = w;
			at = i;
		}
	}
	return at;
}

/* The end of what is joined to the part that it stands with. */
static int group_end(const struct parts *p, int from)
{
	int end = from + 1;
	while (end < p->n && p->part[end].joined)
		end++;
	return end;
}

/* The parts of that priority in a group belong together: a figure without what is said
 * of it would be another figure. */
static bool show_group(const struct parts *p, const struct canvas *c, int from,
		       int priority, int width, bool *shown)
{
	bool some = false, headless = !shown[from] && p->part[from].priority != priority;
	int end = group_end(p, from);
	for (int i = from; i < end && !headless; i++)
		if (p->part[i].priority == priority)
			some = shown[i] = true;
	if (!some || width_of(p, c, shown, false) <= width)
		return true;
	for (int i = from; i < end; i++)
		if (p->part[i].priority == priority)
			shown[i] = false;
	return false;
}

/* Of the first priority that does not fit as a whole, as many as do, from the left. */
static void choose(const struct parts *p, const struct canvas *c, int width, bool *shown)
{
	int last = 0;
	bool all = true;
	for (int i = 0; i < p->n; i++) {
		shown[i] = p->part[i].priority == 0;
		last = p->part[i].priority > last ? p->part[i].priority : last;
	}
	for (int priority = 1; all && priority <= last; priority++)
		for (int i = 0; i < p->n; i = group_end(p, i))
			all = show_group(p, c, i, priority, width, shown) && all;
}

int parts_draw(const struct parts *p, struct canvas *c, int x, int y, int width)
{
	struct canvas row = canvas_window(c, x, y, width, 1);
	bool shown[PARTS_MAX];
	int at = 0;
	choose(p, c, width, shown);
	bool brief = width_of(p, c, shown, false) > width;
	int over = brief ? width_of(p, c, shown, true) - width : 0;
	int victim = over > 0 ? longest(p, c, shown, over + 4) : -1;
	for (int i = 0; i < p->n; i++) {
		const struct part *part = &p->part[i];
		const char *text = text_of(part, brief);
		int w = canvas_text_width(c, text);
		if (!shown[i])
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
