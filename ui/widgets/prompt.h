/* One line that the user types: a label, the text, a cursor at its end, words to
 * complete. */
#ifndef UI_WIDGETS_PROMPT_H
#define UI_WIDGETS_PROMPT_H

#include "ui/canvas.h"
#include "ui/key.h"

#define PROMPT_SIZE 256

struct prompt {
	bool open;
	char label[32];
	char text[PROMPT_SIZE];
	char last[PROMPT_SIZE]; /* what was accepted before: Up brings it back */
	/* Calls add() with each word that could stand at the end of `text`; NULL: none.
	 */
	void (*words)(const void *context, const char *text,
		      void (*add)(void *to, const char *word), void *to);
	const void *context;
};

enum prompt_result { PROMPT_MORE, PROMPT_CHANGED, PROMPT_ACCEPTED, PROMPT_LEFT };

void prompt_open(struct prompt *, const char *label, const char *text);
enum prompt_result prompt_key(struct prompt *, const struct key *);
/* Returns the column of the cursor. */
int prompt_draw(const struct prompt *, struct canvas *, int x, int y, int width);

#endif
