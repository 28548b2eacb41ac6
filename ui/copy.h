/* What y and Y put on the clipboard, through the terminal (OSC 52). */
#ifndef UI_COPY_H
#define UI_COPY_H

#include "ui/state.h"

void copy_command(struct ui *); /* also printed when the program ends */
void copy_table(struct ui *);

/* The escape sequence that carries a text, for tests too. */
void copy_sequence(const char *text, struct str *out);

#endif
