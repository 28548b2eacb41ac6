#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "pty_harness.h"

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the program and its session ---- */

static void exec_program(const char *const *args, const char *const *env)
{
	const char *argv[16] = { getenv("TUI_FAKE") };
	for (int i = 0; args[i] && i < 14; i++)
		argv[i + 1] = args[i];
	setenv("TERM", "xterm-256color", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("TZ", "UTC", 1);
	unsetenv("LC_ALL");
	unsetenv("LC_CTYPE");
	unsetenv("NO_COLOR");
	for (int i = 0; env[i]; i++)
		putenv(str_dup(env[i]));
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Waits like a shell: tells of stops and of the end. */
static void lead(pid_t program, int report)
{
	int status;
	while (waitpid(program, &status, WUNTRACED) == program) {
		if (write(report, &status, sizeof(status)) != sizeof(status))
			_exit(1);
		if (!WIFSTOPPED(status))
			_exit(0);
	}
	_exit(1);
}

static void become_leader(struct pty *p, int report, int tell, const char *const *args,
			  const char *const *env)
{
	setsid();
	ioctl(p->slave, TIOCSCTTY, 0);
	signal(SIGTTOU, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	pid_t program = fork();
	if (program == 0) {
		setpgid(0, 0);
		tcsetpgrp(p->slave, getpid());
		signal(SIGTTOU, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
		for (int fd = 0; fd <= 2; fd++)
			dup2(p->slave, fd);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		exec_program(args, env);
	}
	setpgid(program, program);
	tcsetpgrp(p->slave, program);
	close(p->slave);
	close(p->master);
	if (write(tell, &program, sizeof(program)) != sizeof(program))
		_exit(1);
	lead(program, report);
}

static void new_screen(struct pty *p, int width, int height)
{
	if (p->vt)
		vterm_free(p->vt);
	p->vt = vterm_new(height, width);
	p->width = width;
	p->height = height;
	vterm_set_utf8(p->vt, 1);
	p->screen = vterm_obtain_screen(p->vt);
	vterm_screen_enable_altscreen(p->screen, 1);
	vterm_screen_reset(p->screen, 1);
}

void pty_start(struct pty *p, int width, int height, const char *const *args,
	       const char *const *env)
{
	struct winsize ws = { .ws_row = (unsigned short)height,
			      .ws_col = (unsigned short)width };
	int report[2], tell[2];
	memset(p, 0, sizeof(*p));
	assert_int_equal(openpty(&p->master, &p->slave, NULL, NULL, &ws), 0);
	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	assert_int_equal(tcgetattr(p->slave, &p->before), 0);
	fcntl(p->master, F_SETFL, O_NONBLOCK);
	new_screen(p, width, height);
	p->leader = fork();
	if (p->leader == 0)
		become_leader(p, report[1], tell[1], args, env);
	close(report[1]);
	close(tell[1]);
	p->report = report[0];
	assert_int_equal(read(tell[0], &p->program, sizeof(p->program)),
			 sizeof(p->program));
	close(tell[0]);
}

void pty_close(struct pty *p)
{
	kill(p->program, SIGKILL);
	kill(p->program, SIGCONT);
	waitpid(p->leader, NULL, 0);
	if (p->master >= 0)
		close(p->master);
	if (p->slave >= 0)
		close(p->slave);
	close(p->report);
	vterm_free(p->vt);
	str_release(&p->raw);
}

/* ---- in and out ---- */

/* Takes in what comes within `ms`; true when something came. */
static bool pump(struct pty *p, int ms)
{
	struct pollfd fd = { .fd = p->master, .events = POLLIN };
	char buf[4096];
	if (p->master < 0 || poll(&fd, 1, ms) <= 0)
		return false;
	ssize_t n = read(p->master, buf, sizeof(buf));
	if (n <= 0)
		return false;
	str_add_n(&p->raw, buf, (size_t)n);
	vterm_input_write(p->vt, buf, (size_t)n);
	return true;
}

void pty_keys(struct pty *p, const char *bytes)
{
	size_t n = strlen(bytes);
	while (n) {
		ssize_t w = write(p->master, bytes, n);
		if (w < 0 && errno == EAGAIN) {
			pump(p, 10);
			continue;
		}
		assert_true(w > 0);
		bytes += w;
		n -= (size_t)w;
	}
}

void pty_resize(struct pty *p, int width, int height)
{
	struct winsize ws = { .ws_row = (unsigned short)height,
			      .ws_col = (unsigned short)width };
	while (pump(p, 0)) /* what was meant for the old size */
		;
	new_screen(p, width, height);
	assert_int_equal(ioctl(p->slave, TIOCSWINSZ, &ws), 0);
}

void pty_hang_up(struct pty *p)
{
	close(p->slave);
	close(p->master);
	p->slave = p->master = -1;
}

bool pty_is_quiet(struct pty *p, int ms)
{
	while (pump(p, 0))
		;
	return !pump(p, ms);
}

static void fail_with_screen(const struct pty *p, const char *what, const char *text)
{
	struct str s = STR_INIT;
	pty_dump(p, &s);
	fail_msg("%s \"%s\"; the screen is\n%s", what, text, str_get(&s));
}

/* No use in waiting for a program that is no more. */
static bool has_ended(const struct pty *p)
{
	struct pollfd fd = { .fd = p->report, .events = POLLIN };
	return poll(&fd, 1, 0) > 0;
}

void pty_wait(struct pty *p, const char *text)
{
	int64_t end = now_ms() + PTY_DEADLINE_MS;
	while (pty_row_of(p, text) < 0) {
		if (now_ms() > end || (has_ended(p) && !pump(p, 0)))
			fail_with_screen(p, "never shown:", text);
		pump(p, 50);
	}
}

void pty_wait_gone(struct pty *p, const char *text)
{
	int64_t end = now_ms() + PTY_DEADLINE_MS;
	while (pty_row_of(p, text) >= 0) {
		if (now_ms() > end)
			fail_with_screen(p, "still shown:", text);
		pump(p, 50);
	}
}

int pty_wait_status(struct pty *p)
{
	int64_t end = now_ms() + PTY_DEADLINE_MS;
	struct pollfd fd = { .fd = p->report, .events = POLLIN };
	int status;
	while (poll(&fd, 1, 0) == 0) {
		if (now_ms() > end)
			fail_with_screen(p, "neither ended nor stopped", "");
		pump(p, 20);
	}
	while (pump(p, 0)) /* its last words */
		;
	assert_int_equal(read(p->report, &status, sizeof(status)), sizeof(status));
	return status;
}

void pty_wait_exit(struct pty *p, int exit_code)
{
	int status = pty_wait_status(p);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), exit_code);
}

/* ---- the screen ---- */

VTermScreenCell pty_cell(const struct pty *p, int x, int y)
{
	VTermScreenCell cell;
	VTermPos pos = { .row = y, .col = x };
	memset(&cell, 0, sizeof(cell));
	vterm_screen_get_cell(p->screen, pos, &cell);
	return cell;
}

bool pty_cell_is_colored(const struct pty *p, int x, int y)
{
	VTermScreenCell cell = pty_cell(p, x, y);
	return !VTERM_COLOR_IS_DEFAULT_FG(&cell.fg) ||
	       !VTERM_COLOR_IS_DEFAULT_BG(&cell.bg);
}

static void add_char(struct str *out, uint32_t ch)
{
	char b[4];
	if (ch < 0x80) {
		b[0] = (char)ch;
		str_add_n(out, b, 1);
	} else if (ch < 0x800) {
		b[0] = (char)(0xc0 | ch >> 6);
		b[1] = (char)(0x80 | (ch & 63));
		str_add_n(out, b, 2);
	} else {
		b[0] = (char)(0xe0 | ch >> 12);
		b[1] = (char)(0x80 | (ch >> 6 & 63));
		b[2] = (char)(0x80 | (ch & 63));
		str_add_n(out, b, 3);
	}
}

static void dump_row(const struct pty *p, int y, struct str *out)
{
	int end = p->width;
	for (; end > 0; end--) {
		uint32_t ch = pty_cell(p, end - 1, y).chars[0];
		if (ch && ch != ' ')
			break;
	}
	for (int x = 0; x < end; x++) {
		uint32_t ch = pty_cell(p, x, y).chars[0];
		if (ch != (uint32_t)-1) /* right half of a wide character */
			add_char(out, ch ? ch : ' ');
	}
}

void pty_dump(const struct pty *p, struct str *out)
{
	for (int y = 0; y < p->height; y++) {
		dump_row(p, y, out);
		str_add(out, "\n");
	}
}

int pty_row_of(const struct pty *p, const char *text)
{
	struct str row = STR_INIT;
	int found = -1;
	for (int y = 0; y < p->height && found < 0; y++) {
		str_clear(&row);
		dump_row(p, y, &row);
		if (strstr(str_get(&row), text))
			found = y;
	}
	str_release(&row);
	return found;
}

static char *read_text(const char *path)
{
	FILE *f = fopen(path, "r");
	struct str s = STR_INIT;
	char buf[4096];
	size_t n;
	if (!f)
		return str_dup("");
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		str_add_n(&s, buf, n);
	fclose(f);
	return str_detach(&s);
}

static void write_golden(struct pty *p, const char *path)
{
	struct str s = STR_INIT;
	while (!pty_is_quiet(p, 400))
		;
	pty_dump(p, &s);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(str_get(&s), f) >= 0);
	assert_int_equal(fclose(f), 0);
	str_release(&s);
}

void pty_golden(struct pty *p, const char *name)
{
	char path[600];
	struct str s = STR_INIT;
	int64_t end = now_ms() + PTY_DEADLINE_MS;
	snprintf(path, sizeof(path), "%s/%s.txt", getenv("TUI_SCREENS"), name);
	if (getenv("UPDATE_SCREENS")) {
		write_golden(p, path);
		return;
	}
	char *want = read_text(path);
	for (;;) {
		str_clear(&s);
		pty_dump(p, &s);
		if (!strcmp(str_get(&s), want))
			break;
		if (now_ms() > end || (has_ended(p) && !pump(p, 0)))
			fail_msg("%s: the screen is\n%s\nbut should be\n%s", name,
				 str_get(&s), want);
		pump(p, 50);
	}
	free(want);
	str_release(&s);
}

/* ---- restoration ---- */

static void check_sent_late(const struct pty *p, const char *bytes)
{
	size_t tail = p->raw.len > 600 ? p->raw.len - 600 : 0;
	if (!memmem(p->raw.s + tail, p->raw.len - tail, bytes, strlen(bytes)))
		fail_msg("not among the last bytes: ESC%s", bytes + 1);
}

void pty_check_restored(struct pty *p)
{
	struct termios now;
	assert_int_equal(tcgetattr(p->slave, &now), 0);
	assert_int_equal(now.c_lflag, p->before.c_lflag);
	assert_int_equal(now.c_iflag, p->before.c_iflag);
	assert_int_equal(now.c_oflag, p->before.c_oflag);
	assert_memory_equal(now.c_cc, p->before.c_cc, sizeof(now.c_cc));
	check_sent_late(p, "\033[?1049l");
	check_sent_late(p, "\033[?25h");
	check_sent_late(p, "\033[?1006l");
	check_sent_late(p, "\033[?1002l");
	check_sent_late(p, "\033[?2004l");
}
