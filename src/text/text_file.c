#include "text/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

/* O_NONBLOCK: a named pipe must not hang the program before it can be refused. */
static enum err open_regular(const char *path, const char *label, int *fd)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (*fd < 0 || fstat(*fd, &st)) {
		bool missing = errno == ENOENT || errno == ENOTDIR;
		return err_set(missing ? ERR_NOTFOUND : ERR_IO, "%s: %s", label,
			       strerror(errno));
	}
	if (!S_ISREG(st.st_mode))
		return err_set(ERR_FORMAT, "%s: not a regular file", label);
	if (st.st_size == 0)
		return err_set(ERR_FORMAT, "%s: empty file", label);
	return OK;
}

static enum err inflate_all(gzFile in, const char *label, size_t max_bytes,
			    struct str *text)
{
	char chunk[65536];
	int n;
	while ((n = gzread(in, chunk, sizeof(chunk))) > 0 && text->len <= max_bytes)
		str_add_n(text, chunk, (size_t)n);
	if (text->len > max_bytes)
		return err_set(ERR_FORMAT, "%s: more than %zu KiB of text", label,
			       max_bytes >> 10);
	int code = Z_OK;
	const char *reason = gzerror(in, &code);
	if (code == Z_ERRNO)
		return err_set(ERR_IO, "%s: %s", label, strerror(errno));
	if (code == Z_BUF_ERROR)
		return err_set(ERR_FORMAT, "%s: truncated gzip", label);
	if (code != Z_OK && code != Z_STREAM_END)
		return err_set(ERR_FORMAT, "%s: damaged gzip: %s", label, reason);
	if (text->len == 0)
		return err_set(ERR_FORMAT, "%s: no text in it", label);
	return OK;
}

enum err text_file_read(const char *path, size_t max_bytes, struct text_file *out)
{
	struct str label = STR_INIT;
	str_add_escaped(&label, path, strlen(path), 0);
	*out = (struct text_file){ .label = str_detach(&label) };
	int fd;
	gzFile in = NULL;
	enum err e = open_regular(path, out->label, &fd);
	if (!e && !(in = gzdopen(fd, "rb")))
		e = err_set(ERR_NOMEM, "%s: no memory to read it", out->label);
	if (!e)
		e = inflate_all(in, out->label, max_bytes, &out->text);
	if (in)
		gzclose_r(in); /* reported above; closes fd */
	else if (fd >= 0)
		close(fd);
	if (e)
		text_file_release(out);
	return e;
}

void text_file_release(struct text_file *f)
{
	str_release(&f->text);
	free(f->label);
	*f = (struct text_file){ 0 };
}

bool text_lines_next(struct text_lines *l, const char **line, size_t *n)
{
	if (l->left == 0)
		return false;
	const char *end = memchr(l->at, '\n', l->left);
	size_t taken = end ? (size_t)(end - l->at) + 1 : l->left;
	*line = l->at;
	*n = end ? taken - 1 : taken;
	if (*n > 0 && (*line)[*n - 1] == '\r')
		--*n;
	l->at += taken;
	l->left -= taken;
	l->number++;
	return true;
}
