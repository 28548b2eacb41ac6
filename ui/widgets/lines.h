/* Lines of label and text under headings, that scroll: what env and help are made of. */
#ifndef UI_WIDGETS_LINES_H
#define UI_WIDGETS_LINES_H

#include "ui/canvas.h"
#include "ui/keymap.h"

struct line {
	char *label, *text; /* label NULL: a heading */
	unsigned style;
	double *spark; /* drawn instead of the text */
	int n_spark;
};

struct lines {
	struct line *line;
	int n, cap;
	int top, page;
};

void lines_clear(struct lines *); /* keeps the place */
void lines_release(struct lines *);
void lines_heading(struct lines *, const char *text);
void lines_add(struct lines *, unsigned style, const char *label, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void lines_spark(struct lines *, const char *label, const double *values, int n);
void lines_draw(struct lines *, struct canvas *, int label_width);
bool lines_move(struct lines *, enum request);
void lines_scroll(struct lines *, int by);
/* To the next line that matches, cyclic; false: none does. */
bool lines_search(struct lines *, const char *pattern, int step,
		  bool (*matches)(const char *text, const char *pattern));
void lines_markdown(const struct lines *, struct str *out);

#endif
