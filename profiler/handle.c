#include "profiler/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define QUEUE_MAX (16u << 20)

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* In the child: stdin, stdout and stderr are the pipes, signals are at their defaults. */
static void become_worker(const int in[2], const int out[2], const int err[2],
			  const char *command)
{
	setpgid(0, 0);
	dup2(in[0], STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	dup2(err[1], STDERR_FILENO);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (command)
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	else
		execl("/proc/self/exe", "sparsetop", "worker", (char *)NULL);
	dprintf(STDERR_FILENO, "cannot start the worker: %s\n", strerror(errno));
	_exit(127);
}

/* A pipe beyond stdin, stdout and stderr, also where the caller runs without them: the
 * child's own take those numbers. */
static int make_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC))
		return -1;
	for (int i = 0; i < 2; i++) {
		int fd = fds[i];
		if (fd > STDERR_FILENO)
			continue;
		fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		close(fd);
	}
	return fds[0] < 0 || fds[1] < 0 ? -1 : 0;
}

enum err handle_start(struct handle *h, const char *command)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
	*h = (struct handle){ .to = -1, .from = -1, .err = -1 };
	if (make_pipe(in) || make_pipe(out) || make_pipe(err) || (h->pid = fork()) < 0) {
		enum err e =
			err_set(ERR_IO, "cannot start the worker: %s", strerror(errno));
		int *all[] = { &in[0], &in[1], &out[0], &out[1], &err[0], &err[1] };
		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			close_fd(all[i]);
		h->pid = 0;
		return e;
	}
	if (h->pid == 0)
		become_worker(in, out, err, command);
	/* Here as well: a signal may be sent to the group before the child has made it.
	 * After its exec this fails, and is not needed. */
	(void)setpgid(h->pid, h->pid);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	h->to = in[1];
	h->from = out[0];
	h->err = err[0];
	fcntl(h->to, F_SETFL, O_NONBLOCK);
	fcntl(h->from, F_SETFL, O_NONBLOCK);
	fcntl(h->err, F_SETFL, O_NONBLOCK);
	line_reader_init(&h->events, h->from);
	line_reader_init(&h->errors, h->err);
	return OK;
}

static void release(struct handle *h)
{
	close_fd(&h->to);
	close_fd(&h->from);
	close_fd(&h->err);
	line_reader_release(&h->events);
	line_reader_release(&h->errors);
	str_release(&h->queue);
	h->pid = 0;
}

/* Waits up to `ms` for the child; true when it is gone. */
static bool reap_within(pid_t pid, int ms)
{
	for (int waited = 0;; waited += 5) {
		pid_t got = waitpid(pid, NULL, WNOHANG);
		if (got == pid || (got < 0 && errno != EINTR))
			return true;
		if (waited >= ms)
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
}

void handle_stop(struct handle *h, int patience_ms)
{
	if (!h->pid)
		return;
	close_fd(&h->to);
	if (!reap_within(h->pid, patience_ms / 2)) {
		kill(-h->pid, SIGTERM);
		if (!reap_within(h->pid, patience_ms / 2)) {
			kill(-h->pid, SIGKILL);
			waitpid(h->pid, NULL, 0);
		}
	}
	release(h);
}

static void flush_queue(struct handle *h)
{
	while (h->to >= 0 && h->queue.len) {
		ssize_t n = write(h->to, h->queue.s, h->queue.len);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) { /* it is gone: handle_ended() will say so */
			close_fd(&h->to);
			return;
		}
		h->queue.len -= (size_t)n;
		memmove(h->queue.s, h->queue.s + n, h->queue.len + 1);
	}
}

enum err handle_send(struct handle *h, const struct command *c)
{
	char *line = command_encode(c);
	if (h->queue.len > QUEUE_MAX) {
		free(line);
		return err_set(ERR_WORKER, "the worker does not read its commands");
	}
	str_add(&h->queue, line);
	str_add(&h->queue, "\n");
	free(line);
	flush_queue(h);
	return OK;
}

int handle_fds(const struct handle *h, struct pollfd *fds)
{
	int n = 0;
	if (h->from >= 0)
		fds[n++] = (struct pollfd){ .fd = h->from, .events = POLLIN };
	if (h->err >= 0)
		fds[n++] = (struct pollfd){ .fd = h->err, .events = POLLIN };
	if (h->to >= 0 && h->queue.len)
		fds[n++] = (struct pollfd){ .fd = h->to, .events = POLLOUT };
	return n;
}

static void listen_to_stderr(struct handle *h)
{
	if (h->err < 0)
		return;
	enum err e = line_reader_fill(&h->errors);
	for (char *line; (line = line_reader_next(&h->errors)) != NULL;)
		str_escaped(h->last_words, sizeof(h->last_words), line, strlen(line));
	if (e || h->errors.eof)
		close_fd(&h->err);
}

enum err handle_pump(struct handle *h)
{
	if (!h->pid)
		return OK;
	flush_queue(h);
	listen_to_stderr(h);
	if (h->from < 0)
		return OK;
	enum err e = line_reader_fill(&h->events);
	if (h->events.eof)
		close_fd(&h->from);
	return e;
}

bool handle_next(struct handle *h, struct event *ev, enum err *e)
{
	*e = OK;
	char *line = h->pid ? line_reader_next(&h->events) : NULL;
	if (!line)
		return false;
	if (event_decode(line, ev))
		*e = err_set(ERR_WORKER, "the worker broke the protocol: %s",
			     err_message());
	return true;
}

static void explain(int status, const char *last_words, char *why, size_t size)
{
	const char *gap = *last_words ? ": " : "";
	/* A shell or ssh in between tells of a signal this way. */
	if (WIFEXITED(status) && WEXITSTATUS(status) > 128 &&
	    strsignal(WEXITSTATUS(status) - 128))
		snprintf(why, size,
			 "the worker ended with status %d (signal %d, %s?)%s%s",
			 WEXITSTATUS(status), WEXITSTATUS(status) - 128,
			 strsignal(WEXITSTATUS(status) - 128), gap, last_words);
	else if (!WIFSIGNALED(status))
		snprintf(why, size, "the worker ended with status %d%s%s",
			 WEXITSTATUS(status), gap, last_words);
	else if (WTERMSIG(status) == SIGKILL)
		snprintf(why, size, "the worker was killed (signal 9; out of memory?)");
	else
		snprintf(why, size, "the worker died of signal %d (%s)%s%s",
			 WTERMSIG(status), strsignal(WTERMSIG(status)), gap, last_words);
}

bool handle_ended(struct handle *h, char *why, size_t size)
{
	int status = 0;
	if (!h->pid || h->from >= 0)
		return false;
	pid_t got = waitpid(h->pid, &status, WNOHANG);
	if (got == 0) { /* its stdout is closed but it lives: it is of no use any more */
		kill(-h->pid, SIGKILL);
		return false;
	}
	listen_to_stderr(h);
	explain(status, h->last_words, why, size);
	release(h);
	return true;
}
