/* The command line: ":keep 0.7", ":set KNOB VALUE", ":sort COLUMN", ":open RUN",
 * ":model NAME", ":sweep KNOB LIST", ":study NAME",
 * ":quit". */
#ifndef UI_COMMAND_H
#define UI_COMMAND_H

#include "ui/state.h"

/* What it cannot do becomes the app's message. */
void command_run(struct ui *, const char *text);
/* For prompt.words: what may stand at the end of `text`. */
void command_words(const void *context, const char *text,
		   void (*add)(void *to, const char *word), void *to);
/* A view by its number, name or the beginning of one; -1 (and the app says it): none. */
int command_find_view(const struct ui *, const char *text);
void command_views(const void *context, const char *text,
		   void (*add)(void *to, const char *word), void *to);
/* The same for a value of the knob that the prompt asks for. */
void command_values(const void *context, const char *text,
		    void (*add)(void *to, const char *word), void *to);

#endif
