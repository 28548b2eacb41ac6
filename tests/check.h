/*
 * What every test includes: cmocka, and the few things it lacks. Output is TAP; a test is
 * a C program whose cases are `static void name(void **state)`.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"

/* OK, or fails with the error's message. */
#define check_ok(expr)                                                                   \
	do {                                                                             \
		enum err check_e_ = (expr);                                              \
		if (check_e_)                                                            \
			fail_msg("%s: %s: %s", #expr, err_name(check_e_),                \
				 err_message());                                         \
	} while (0)

/* This error, with a message that contains `part`. */
#define check_err(expr, code, part)                                                      \
	do {                                                                             \
		enum err check_e_ = (expr);                                              \
		if (check_e_ != (code))                                                  \
			fail_msg("%s: %s, wanted %s (%s)", #expr, err_name(check_e_),    \
				 err_name(code), check_e_ ? err_message() : "");         \
		if (!strstr(err_message(), part))                                        \
			fail_msg("%s: message lacks \"%s\": %s", #expr, part,            \
				 err_message());                                         \
	} while (0)

/*
 * cmocka 1.1 reports a skipped case as "not ok N # SKIP", which TAP readers take for a
 * failure: the line is put right on its way out.
 */
static inline ssize_t check_tap_write(void *cookie, const char *line, size_t n)
{
	(void)cookie;
	size_t wrong =
		n > 4 && !strncmp(line, "not ok ", 7) && memmem(line, n, "# SKIP", 6) ? 4
										      : 0;
	for (size_t at = wrong; at < n;) {
		ssize_t k = write(STDOUT_FILENO, line + at, n - at);
		if (k <= 0)
			return 0;
		at += (size_t)k;
	}
	return (ssize_t)n;
}

static inline void check_tap(void)
{
	FILE *f = fopencookie(NULL, "w",
			      (cookie_io_functions_t){ .write = check_tap_write });
	if (!f)
		return;
	setvbuf(f, NULL, _IOLBF, BUFSIZ); /* a line is one write */
	stdout = f;
}

#undef cmocka_run_group_tests
#define cmocka_run_group_tests(tests, up, down)                                          \
	(check_tap(),                                                                    \
	 _cmocka_run_group_tests(#tests, tests, sizeof(tests) / sizeof((tests)[0]), up,  \
				 down))

/* Skips the rest of the case and says why. */
#define skip_because(...)                                                                \
	do {                                                                             \
		print_message("# SKIP ");                                                \
		print_message(__VA_ARGS__);                                              \
		print_message("\n");                                                     \
		skip();                                                                  \
	} while (0)

/* The path of a committed fixture. */
static inline const char *fixture(const char *name)
{
	static char path[4][512];
	static unsigned turn;
	const char *dir = getenv("SPARSETOP_FIXTURES");
	char *p = path[turn++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", dir ? dir : "tests/fixtures", name);
	return p;
}

/* A fresh folder, removed with all in it by temp_dir_remove. */
static inline char *temp_dir(char buf[64])
{
	snprintf(buf, 64, "/tmp/sparsetop-test-XXXXXX");
	if (!mkdtemp(buf))
		fail_msg("mkdtemp failed");
	return buf;
}

static inline void temp_dir_remove(const char *dir)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
}

#endif
