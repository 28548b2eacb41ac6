/* The terminal interface: shows an app and lets the user drive it. */
#ifndef UI_UI_H
#define UI_UI_H

#include "app.h"

struct ui_options {
	bool ascii, no_mouse, no_color;
	bool plain; /* for screen readers: ASCII, no lines, no bars */
};

/*
 * Runs until the user quits or the terminal goes away: OK. ERR_CANCELLED when SIGTERM or
 * SIGHUP ended it, ERR_USAGE when there is no terminal to draw on. The terminal is as it
 * was, in every case; the app is the caller's. NO_COLOR in the environment counts as
 * no_color.
 */
enum err ui_run(struct app *, const struct ui_options *) MUST_CHECK;

#endif
