#include "ui/term.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include <curses.h>
#include <term.h>

#include "base/str.h"

/* Button events with drags (1002), in SGR coordinates (1006); pastes marked (2004). */
#define MOUSE_ON "\033[?1002h\033[?1006h"
#define MOUSE_OFF "\033[?1006l\033[?1002l"
#define PASTE_ON "\033[?2004h"
#define PASTE_OFF "\033[?2004l"

#define PICTURE_PAIRS 4096

static struct {
	bool on, ascii, mouse, color, many_colors;
	SCREEN *screen;
	struct termios saved;
	int wake[2]; /* self-pipe */
	int width, height;
	char restore[512]; /* what gives the terminal back, ready for a signal handler */
	size_t restore_n;
	short pictures; /* pairs handed out to pictures */
	uint16_t pair_of[256][256];
} term = { .wake = { -1, -1 } };

static volatile sig_atomic_t pending;

/* ---- signals ---- */

static const int soft_signals[] = { SIGWINCH, SIGCONT, SIGTSTP, SIGINT, SIGTERM, SIGHUP };
static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
#define N_SOFT (sizeof(soft_signals) / sizeof(soft_signals[0]))
#define N_FATAL (sizeof(fatal_signals) / sizeof(fatal_signals[0]))
static struct sigaction old_soft[N_SOFT], old_fatal[N_FATAL], old_pipe;
static char fatal_stack[64 * 1024];

static int signal_flag(int sig)
{
	switch (sig) {
	case SIGWINCH:
		return TERM_RESIZED;
	case SIGCONT:
		return TERM_CONTINUED;
	case SIGTSTP:
		return TERM_STOP;
	case SIGINT:
		return TERM_INTERRUPT;
	default:
		return TERM_END;
	}
}

static void on_soft(int sig)
{
	int saved = errno;
	pending |= signal_flag(sig);
	if (write(term.wake[1], "", 1) < 0) { /* full: it wakes anyway */
	}
	errno = saved;
}

static void write_all(const char *bytes, size_t n)
{
	while (n) {
		ssize_t w = write(STDOUT_FILENO, bytes, n);
		if (w < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (w > 0) {
			bytes += w;
			n -= (size_t)w;
		}
	}
}

/* Only what a signal handler may call. */
static void on_fatal(int sig)
{
	if (write(STDOUT_FILENO, term.restore, term.restore_n) <
	    0) { /* nothing left to do */
	}
	tcsetattr(STDIN_FILENO, TCSANOW, &term.saved);
	raise(sig); /* SA_RESETHAND: its default action, once this returns */
}

static void catch_signals(void)
{
	struct sigaction soft = { .sa_handler = on_soft, .sa_flags = SA_RESTART };
	struct sigaction fatal = { .sa_handler = on_fatal,
				   .sa_flags = SA_ONSTACK | (int)SA_RESETHAND };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	stack_t stack = { .ss_sp = fatal_stack, .ss_size = sizeof(fatal_stack) };
	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < N_SOFT; i++)
		sigaction(soft_signals[i], &soft, &old_soft[i]);
	for (size_t i = 0; i < N_FATAL; i++)
		sigaction(fatal_signals[i], &fatal, &old_fatal[i]);
	sigaction(SIGPIPE, &ignore, &old_pipe);
}

static void release_signals(void)
{
	for (size_t i = 0; i < N_SOFT; i++)
		sigaction(soft_signals[i], &old_soft[i], NULL);
	for (size_t i = 0; i < N_FATAL; i++)
		sigaction(fatal_signals[i], &old_fatal[i], NULL);
	sigaction(SIGPIPE, &old_pipe, NULL);
}

unsigned term_signals(void)
{
	char sink[64];
	while (read(term.wake[0], sink, sizeof(sink)) > 0)
		;
	sigset_t all, old;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	unsigned flags = (unsigned)pending;
	pending = 0;
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (flags & TERM_RESIZED) {
		struct winsize ws;
		if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_row && ws.ws_col) {
			term.width = ws.ws_col;
			term.height = ws.ws_row;
			resizeterm(term.height, term.width);
			clearok(curscr, TRUE);
		}
	}
	return flags;
}

/* ---- start and stop ---- */

/* The terminal description to use when TERM has no entry here: by family. */
static const char *fallback_terminal(const char *name)
{
	static const struct {
		const char *prefix, *use;
	} families[] = {
		{ "xterm", "xterm-256color" },   { "kitty", "xterm-256color" },
		{ "foot", "xterm-256color" },    { "alacritty", "xterm-256color" },
		{ "wezterm", "xterm-256color" }, { "ghostty", "xterm-256color" },
		{ "contour", "xterm-256color" }, { "konsole", "xterm-256color" },
		{ "gnome", "xterm-256color" },   { "vte", "xterm-256color" },
		{ "st-", "xterm-256color" },     { "iterm", "xterm-256color" },
		{ "rxvt", "xterm-256color" },    { "tmux", "screen-256color" },
		{ "screen", "screen" },
	};
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (!strncmp(name, families[i].prefix, strlen(families[i].prefix)))
			return families[i].use;
	return NULL;
}

static bool describes_screen(const char *name)
{
	int status;
	if (setupterm(name, STDOUT_FILENO, &status) != OK)
		return false;
	bool good = cursor_address && clear_screen;
	del_curterm(cur_term);
	return good;
}

/* The entry that TERM means, or NULL after err_set. */
static const char *choose_terminal(void)
{
	const char *name = getenv("TERM"), *advice = "set TERM, for example: export "
						     "TERM=xterm-256color";
	char shown[64];
	if (!name || !*name) {
		(void)!err_set(ERR_USAGE,
			       "TERM is not set, so the screen cannot be drawn; %s",
			       advice);
		return NULL;
	}
	str_escaped(shown, sizeof(shown), name, strlen(name));
	const char *use = describes_screen(name) ? name : fallback_terminal(name);
	if (use && (use == name || describes_screen(use)))
		return use;
	(void)!err_set(
		ERR_USAGE,
		"TERM=%s: no terminal of that name can address its cursor; %s (or use "
		"`sparsetop run`)",
		shown, advice);
	return NULL;
}

static int restore_byte(int c)
{
	if (term.restore_n < sizeof(term.restore))
		term.restore[term.restore_n++] = (char)c;
	return c;
}

static void build_restore(void)
{
	term.restore_n = 0;
	for (const char *p = term.mouse ? MOUSE_OFF PASTE_OFF : PASTE_OFF; *p; p++)
		restore_byte(*p);
	const char *const parts[] = { exit_attribute_mode, keypad_local, cursor_normal,
				      exit_ca_mode };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i])
			tputs(parts[i], 1, restore_byte);
}

static void start_colors(bool wanted)
{
	term.color = wanted && has_colors();
	if (!term.color)
		return;
	start_color();
	use_default_colors();
	static const short colors[] = { [STYLE_GOOD] = COLOR_GREEN,
					[STYLE_BAD] = COLOR_RED,
					[STYLE_WARN] = COLOR_YELLOW,
					[STYLE_ACCENT] = COLOR_CYAN };
	for (short i = STYLE_GOOD; i <= STYLE_ACCENT; i++)
		init_pair(i, colors[i], -1);
	init_pair(STYLE_DIM, COLORS >= 256 ? 245 : -1, -1);
	term.many_colors = COLORS >= 256 && COLOR_PAIRS > 2 * PICTURE_PAIRS;
}

static bool make_pipe(void) { return !pipe2(term.wake, O_CLOEXEC | O_NONBLOCK); }

enum err term_start(const struct term_options *opt)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(
			ERR_USAGE,
			"the screen needs a terminal, and %s is none; `sparsetop run` "
			"works without",
			isatty(STDIN_FILENO) ? "stdout" : "stdin");
	setlocale(LC_CTYPE, "");
	const char *name = choose_terminal();
	if (!name)
		return ERR_USAGE;
	if (tcgetattr(STDIN_FILENO, &term.saved) || !make_pipe())
		return err_set(ERR_IO, "terminal: %s", strerror(errno));
	catch_signals(); /* before curses, which leaves handlers alone that are not
			    default */
	term.screen = newterm(name, stdout, stdin);
	if (!term.screen) {
		release_signals();
		return err_set(ERR_USAGE, "TERM=%s: the terminal cannot be opened", name);
	}
	term.on = true;
	term.mouse = !opt->no_mouse;
	term.ascii = opt->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	build_restore();
	raw();
	noecho();
	nonl();
	typeahead(-1); /* input is ours: curses must not look whether there is some */
	curs_set(0);
	keypad(stdscr, TRUE);
	start_colors(!opt->no_color);
	getmaxyx(stdscr, term.height, term.width);
	refresh();
	term_send(PASTE_ON, sizeof(PASTE_ON) - 1);
	if (term.mouse)
		term_send(MOUSE_ON, sizeof(MOUSE_ON) - 1);
	if (keypad_xmit)
		putp(keypad_xmit);
	fflush(stdout);
	return OK;
}

void term_stop(void)
{
	if (!term.on)
		return;
	term.on = false;
	endwin();
	fflush(stdout);
	write_all(term.restore, term.restore_n);
	tcsetattr(STDIN_FILENO, TCSANOW, &term.saved);
	release_signals();
	delscreen(term.screen);
	close(term.wake[0]);
	close(term.wake[1]);
	term.wake[0] = term.wake[1] = -1;
}

bool term_is_ascii(void) { return term.ascii; }
bool term_has_colors(void) { return term.many_colors; }

void term_size(int *width, int *height)
{
	*width = term.width;
	*height = term.height;
}

void term_suspend(void)
{
	struct sigaction now, stop = { .sa_handler = SIG_DFL };
	endwin();
	fflush(stdout);
	write_all(term.restore, term.restore_n);
	sigaction(SIGTSTP, &stop, &now);
	kill(0, SIGTSTP); /* the whole job, as the terminal's own ^Z would */
	sigaction(SIGTSTP, &now, NULL);
	term_resume();
}

void term_resume(void)
{
	reset_prog_mode();
	pending |= TERM_RESIZED; /* the size may have changed meanwhile */
	if (write(term.wake[1], "", 1) < 0) {
	}
	clearok(curscr, TRUE);
	refresh();
	term_send(PASTE_ON, sizeof(PASTE_ON) - 1);
	if (term.mouse)
		term_send(MOUSE_ON, sizeof(MOUSE_ON) - 1);
	if (keypad_xmit)
		putp(keypad_xmit);
	fflush(stdout);
}

/* ---- drawing ---- */

static int picture_pair(uint8_t fg, uint8_t bg)
{
	uint16_t *pair = &term.pair_of[fg][bg];
	if (!*pair && term.pictures < PICTURE_PAIRS) {
		*pair = (uint16_t)(STYLE_DIM + 1 + term.pictures++);
		init_extended_pair(*pair, fg ? fg : -1, bg ? bg : -1);
	}
	return *pair;
}

static attr_t cell_attributes(unsigned style)
{
	attr_t a = A_NORMAL;
	if (style & STYLE_BOLD)
		a |= A_BOLD;
	if (style & STYLE_REVERSE)
		a |= A_REVERSE;
	if (style & STYLE_UNDERLINE)
		a |= A_UNDERLINE;
	bool grey = term.color && COLORS >= 256; /* a colour does it better */
	if ((style & STYLE_DIM) && !grey && !(style & STYLE_REVERSE))
		a |= A_DIM;
	return a;
}

static int cell_pair(const struct cell *cell)
{
	if (!term.color)
		return 0;
	if ((cell->fg || cell->bg) && term.many_colors)
		return picture_pair(cell->fg, cell->bg);
	if (cell->style & STYLE_COLOR)
		return cell->style & STYLE_COLOR;
	return (cell->style & STYLE_DIM) && COLORS >= 256 ? STYLE_DIM : 0;
}

static void present_row(const struct canvas *c, int y)
{
	for (int x = 0; x < c->width && x < term.width; x++) {
		const struct cell *cell = &c->cells[(ptrdiff_t)y * c->stride + x];
		if (!cell->ch)
			continue;
		wchar_t text[2] = { (wchar_t)cell->ch, 0 };
		int pair = cell_pair(cell);
		cchar_t shown;
		if (setcchar(&shown, text, cell_attributes(cell->style), (short)pair,
			     &pair) != OK)
			continue;
		mvadd_wchnstr(y, x, &shown, 1);
	}
}

void term_present(const struct canvas *c, int cursor_x, int cursor_y)
{
	for (int y = 0; y < c->height && y < term.height; y++)
		present_row(c, y);
	curs_set(cursor_x >= 0);
	if (cursor_x >= 0)
		move(cursor_y, cursor_x);
	refresh();
}

void term_redraw(void) { clearok(curscr, TRUE); }

void term_send(const char *bytes, size_t n)
{
	fflush(stdout);
	write_all(bytes, n);
}

void term_print(const char *line)
{
	write_all(line, strlen(line));
	write_all("\n", 1);
}

/* ---- input ---- */

void term_fds(struct pollfd fds[TERM_FDS])
{
	fds[0] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = term.wake[0], .events = POLLIN };
}

bool term_read(struct input *in)
{
	char buf[256];
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
	size_t room = sizeof(in->buf) - in->n;
	if (!room || poll(&fd, 1, 0) <= 0)
		return true;
	if (!(fd.revents & POLLIN))
		return false; /* hung up */
	ssize_t n = read(STDIN_FILENO, buf, room < sizeof(buf) ? room : sizeof(buf));
	if (n > 0)
		input_feed(in, buf, (size_t)n);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}
