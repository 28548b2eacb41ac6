#include "base/lines.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct line_writer {
	pthread_mutex_t lock;
	int fd;
	struct str buf;
};

struct line_writer *line_writer_create(int fd)
{
	struct line_writer *w = mem_alloc(sizeof(*w));
	pthread_mutex_init(&w->lock, NULL);
	w->fd = fd;
	return w;
}

void line_writer_free(struct line_writer *w)
{
	if (!w)
		return;
	pthread_mutex_destroy(&w->lock);
	str_release(&w->buf);
	free(w);
}

static enum err write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = write(fd, p, n);
		if (k >= 0) {
			p += k;
			n -= (size_t)k;
		} else if (errno == EAGAIN) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };
			poll(&pfd, 1, -1);
		} else if (errno != EINTR) {
			return err_set(ERR_IO, "write: %s", strerror(errno));
		}
	}
	return OK;
}

enum err line_writer_send(struct line_writer *w, const char *text)
{
	pthread_mutex_lock(&w->lock);
	str_clear(&w->buf);
	str_add(&w->buf, text);
	str_add(&w->buf, "\n");
	enum err e = write_all(w->fd, w->buf.s, w->buf.len);
	pthread_mutex_unlock(&w->lock);
	return e;
}

void line_reader_init(struct line_reader *r, int fd)
{
	*r = (struct line_reader){ .fd = fd };
}

void line_reader_release(struct line_reader *r) { str_release(&r->buf); }

static void drop_consumed(struct line_reader *r)
{
	if (!r->at)
		return;
	memmove(r->buf.s, r->buf.s + r->at, r->buf.len - r->at);
	r->buf.len -= r->at;
	r->at = 0;
}

enum err line_reader_fill(struct line_reader *r)
{
	char chunk[65536];
	drop_consumed(r);
	ssize_t n = read(r->fd, chunk, sizeof(chunk));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return OK;
	if (n < 0)
		return err_set(ERR_IO, "read: %s", strerror(errno));
	if (n == 0)
		r->eof = true;
	if (r->buf.len + (size_t)n > LINE_MAX_BYTES)
		return err_set(ERR_FORMAT, "a line of more than %u MiB",
			       LINE_MAX_BYTES >> 20);
	str_add_n(&r->buf, chunk, (size_t)n);
	return OK;
}

char *line_reader_next(struct line_reader *r)
{
	if (r->at >= r->buf.len)
		return NULL;
	char *start = r->buf.s + r->at;
	char *end = memchr(start, '\n', r->buf.len - r->at);
	if (!end)
		return NULL;
	*end = 0;
	r->at = (size_t)(end - r->buf.s) + 1;
	return start;
}
