/*
 * A bar made of parts side by side, each as long as its value. Every part begins with its
 * letter and says its name and share where they fit. With 256 colours each has its own;
 * without, and for an estimate, a pattern that its neighbours do not have. The selected
 * one is in reverse, or bright.
 */
#ifndef UI_WIDGETS_STACK_H
#define UI_WIDGETS_STACK_H

#include "ui/canvas.h"

struct stack_part {
	double value; /* NaN, or not above 0: it has no place in the bar */
	char letter;
	int hue; /* same number, same colour and pattern */
	const char *label;
	bool selected;
};

struct stack {
	const struct stack_part *part;
	int n;
	double scale;  /* the value that the whole width stands for; NaN: the sum */
	bool estimate; /* dim, without colours */
};

/* Plain: nothing. `height` rows, the words in the first of them. */
void stack_draw(struct canvas *, int x, int y, int width, int height,
		const struct stack *);
/* The part at a column of a bar `width` wide, -1: none. */
int stack_at(const struct stack *, int width, int column);

#endif
