/*
 * The program as a process: spawned, talked to through pipes, never waited for beyond a
 * deadline. Include after check.h. SPARSETOP is the program under test.
 */
#ifndef TESTS_PROC_H
#define TESTS_PROC_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/json.h"
#include "base/str.h"

#define DEADLINE_S 100 /* of anything; a hang fails, slowness does not */

struct proc {
	pid_t pid;
	bool started;     /* else the descriptors below mean nothing */
	int in, out, err; /* ours; -1: closed */
	struct str out_text, err_text;
	size_t read_to; /* of out_text: lines that were handed out */
	int64_t deadline;
};

static inline int64_t proc_now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static inline const char *program(void)
{
	const char *p = getenv("SPARSETOP");
	if (!p)
		fail_msg("SPARSETOP, the program under test, is not set");
	return p;
}

static inline void proc_start(struct proc *p, const char *const *argv)
{
	int in[2], out[2], err[2];
	*p = (struct proc){ .started = true, .deadline = proc_now_s() + DEADLINE_S };
	assert_int_equal(
		pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (!p->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	p->in = in[1];
	p->out = out[0];
	p->err = err[0];
}

static inline void proc_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void proc_take(int *fd, struct str *to)
{
	char chunk[65536];
	ssize_t n = read(*fd, chunk, sizeof(chunk));
	if (n > 0)
		str_add_n(to, chunk, (size_t)n);
	else if (n == 0 || errno != EINTR)
		proc_close(fd);
}

/* Reads what comes; fails the test past the deadline. False: both ends are closed. */
static inline bool proc_pump(struct proc *p)
{
	struct pollfd fds[2] = { { .fd = p->out, .events = POLLIN },
				 { .fd = p->err, .events = POLLIN } };
	if (p->out < 0 && p->err < 0)
		return false;
	poll(fds, 2, 1000);
	if (p->out >= 0 && fds[0].revents)
		proc_take(&p->out, &p->out_text);
	if (p->err >= 0 && fds[1].revents)
		proc_take(&p->err, &p->err_text);
	if (proc_now_s() > p->deadline) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
		fail_msg("no end within %d s; stderr: %s", DEADLINE_S,
			 str_get(&p->err_text));
	}
	return true;
}

/* Closes its stdin, reads to the end; the exit status, or 1000 + the signal. */
static inline int proc_finish(struct proc *p)
{
	int status;
	proc_close(&p->in);
	while (proc_pump(p))
		;
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	p->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline void proc_release(struct proc *p)
{
	if (!p->started)
		return;
	p->started = false;
	proc_close(&p->in);
	proc_close(&p->out);
	proc_close(&p->err);
	str_release(&p->out_text);
	str_release(&p->err_text);
}

static inline void proc_write(struct proc *p, const char *text)
{
	size_t n = strlen(text);
	assert_int_equal(write(p->in, text, n), (ssize_t)n);
}

/* The next line of its stdout as JSON, the caller's; NULL: its stdout has ended. */
static inline json_t *proc_line(struct proc *p)
{
	for (;;) {
		const char *all = str_get(&p->out_text);
		const char *end =
			memchr(all + p->read_to, '\n', p->out_text.len - p->read_to);
		if (end) {
			json_t *o;
			size_t at = p->read_to, n = (size_t)(end - all) - at;
			p->read_to = at + n + 1;
			check_ok(json_read(all + at, n, "stdout", &o));
			return o;
		}
		if (p->out < 0)
			return NULL;
		proc_pump(p);
	}
}

/* Runs the program with these arguments to its end; NULL ends them. */
#define PROGRAM(p, ...)                                                                  \
	program_run(p, (const char *const[]){ program(), __VA_ARGS__, NULL })
static inline int program_run(struct proc *p, const char *const *argv)
{
	proc_start(p, argv);
	return proc_finish(p);
}

#endif
