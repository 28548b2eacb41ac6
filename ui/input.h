/*
 * Bytes from a terminal into keys: UTF-8, the CSI and SS3 sequences of the xterm family
 * and of the Linux console, SGR and X10 mouse reports. Bracketed pastes and unknown
 * sequences are swallowed. Pure: no terminal needed.
 */
#ifndef UI_INPUT_H
#define UI_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/key.h"

/* How long the rest of a sequence may take: then an Esc was the Esc key. */
#define INPUT_ESC_MS 25

struct input {
	char buf[512];
	size_t n;
	bool pasting;
};

/* Takes as many bytes as fit; returns how many. */
size_t input_feed(struct input *, const char *bytes, size_t n);
/*
 * The next key. False: none, or only the beginning of one (input_pending); with `flush`
 * that beginning is taken as it is.
 */
bool input_next(struct input *, bool flush, struct key *out);
bool input_pending(const struct input *);

#endif
