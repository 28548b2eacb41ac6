/*
 * A row made of parts with a separator between: when it is too narrow, the parts of the
 * highest priority number go first, and of one number the last ones.
 */
#ifndef UI_WIDGETS_PARTS_H
#define UI_WIDGETS_PARTS_H

#include "ui/canvas.h"

#define PARTS_MAX 24

struct part {
	char text[160];
	char brief[16]; /* said instead when only what is always there is left */
	unsigned style;
	int priority; /* 0: always there; the longest is cut when it must be */
	bool joined;  /* no separator before it, one blank */
};

struct parts {
	struct part part[PARTS_MAX];
	int n;
};

void parts_add(struct parts *, int priority, unsigned style, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void parts_join(struct parts *, int priority, unsigned style, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* A shorter text of the part added last. */
void parts_brief(struct parts *, const char *text);
/* Returns the columns it took. */
int parts_draw(const struct parts *, struct canvas *, int x, int y, int width);

#endif
