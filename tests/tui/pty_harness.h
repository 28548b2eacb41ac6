/*
 * A program on a pseudo-terminal, and what it shows.
 *
 * The program runs as the foreground job of a session of its own whose leader, a process
 * of the harness, tells how it ended or that it stopped; so ^Z and hang-ups are as in a
 * shell. Nothing here sleeps: every wait polls until what is wanted is there, or fails
 * the test after PTY_DEADLINE_MS.
 */
#ifndef TESTS_TUI_PTY_HARNESS_H
#define TESTS_TUI_PTY_HARNESS_H

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>
#include <vterm.h>

#include "base/str.h"

#define PTY_DEADLINE_MS 20000

struct pty {
	int master, slave; /* the harness holds the slave so that its modes can be read */
	int report;        /* wait statuses of the program, from the leader */
	pid_t leader, program;
	VTerm *vt;
	VTermScreen *screen;
	int width, height;
	struct str raw; /* every byte it sent */
	struct termios before;
};

/* `args` and `env` ("K=V") end with NULL; the program's path is in TUI_FAKE. TERM, LANG
 * and TZ are set unless `env` says otherwise. */
void pty_start(struct pty *, int width, int height, const char *const *args,
	       const char *const *env);
void pty_close(struct pty *); /* kills what is left */

void pty_keys(struct pty *, const char *bytes);
void pty_resize(struct pty *, int width, int height);
void pty_hang_up(struct pty *);

/* Until the text is on the screen / is no longer. */
void pty_wait(struct pty *, const char *text);
void pty_wait_gone(struct pty *, const char *text);
/* Until the program ends or stops; its wait status. */
int pty_wait_status(struct pty *);
void pty_wait_exit(struct pty *, int exit_code);
/* True when it sends nothing for `ms`. */
bool pty_is_quiet(struct pty *, int ms);

void pty_dump(const struct pty *, struct str *out);
/* The row that contains a text, -1: none. */
int pty_row_of(const struct pty *, const char *text);
VTermScreenCell pty_cell(const struct pty *, int x, int y);
bool pty_cell_is_colored(const struct pty *, int x, int y);

/* Waits until the screen is what tests/tui/screens/NAME.txt says. With UPDATE_SCREENS in
 * the environment writes the file instead. */
void pty_golden(struct pty *, const char *name);

/* The modes of the terminal are as before the program started, and it was told to leave
 * the alternate screen, to show its cursor and to report the mouse no longer, in the last
 * bytes. */
void pty_check_restored(struct pty *);

#endif
