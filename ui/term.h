/*
 * The terminal, and the only file that knows curses. There is one terminal a process,
 * hence no handle.
 *
 * Between term_start and term_stop the screen is ours. Whatever ends the process gives it
 * back: term_stop, or, for SIGSEGV, SIGBUS, SIGABRT, SIGFPE and SIGILL, a handler that
 * writes bytes prepared at the start and raises the signal again. Soft signals are flags
 * that term_signals hands out; the descriptors of term_fds wake a poll() for them.
 */
#ifndef UI_TERM_H
#define UI_TERM_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "ui/canvas.h"
#include "ui/input.h"

struct term_options {
	bool ascii, no_mouse, no_color;
};

/*
 * ERR_USAGE with advice when stdin or stdout is no terminal, or TERM names none that can
 * address its cursor. Sets the process's LC_CTYPE from the environment.
 */
enum err term_start(const struct term_options *) MUST_CHECK;
void term_stop(void); /* gives the terminal back; again: nothing */

bool term_is_ascii(void);   /* asked for, or the locale is not UTF-8 */
bool term_has_colors(void); /* 256 of them */
void term_size(int *width, int *height);

/* Shows a canvas of the terminal's size; only what changed is sent. The cursor is hidden
 * where cursor_x is below 0. */
void term_present(const struct canvas *, int cursor_x, int cursor_y);
void term_redraw(void); /* the next term_present sends everything */

/* A line for whoever reads the terminal later; only after term_stop. */
void term_print(const char *line);

/* Bytes to the terminal beside the screen (OSC 52). */
void term_send(const char *bytes, size_t n);

#define TERM_FDS 2
void term_fds(struct pollfd fds[TERM_FDS]);
/* Reads what is there into `in`; false: the terminal is gone. */
bool term_read(struct input *in);

enum term_signal {
	TERM_RESIZED = 1 << 0,
	TERM_CONTINUED = 1 << 1, /* after a stop: the screen has to be drawn again */
	TERM_STOP = 1 << 2,      /* SIGTSTP: answer with term_suspend */
	TERM_INTERRUPT = 1 << 3, /* SIGINT */
	TERM_END = 1 << 4        /* SIGTERM, SIGHUP */
};
unsigned term_signals(void); /* those since the last call */

/* Gives the terminal back, stops the whole job, and takes it again when continued. */
void term_suspend(void);
/* Takes the terminal again after a stop that was not asked for (TERM_CONTINUED). */
void term_resume(void);

#endif
