#include "tensor/file_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

#define PART ((size_t)1 << 20)

struct hashing {
	const char *label;
	int fd;
	bool (*progress)(void *, int64_t, int64_t);
	void *ctx;
};

static enum err system_error(const char *label)
{
	return err_set(errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : ERR_IO,
		       "%s: %s", label, strerror(errno));
}

static enum err hash_parts(const struct hashing *h, char *part, char hex[SHA256_HEX])
{
	struct stat st;
	struct sha256 s;
	int64_t done = 0;
	sha256_start(&s);
	if (fstat(h->fd, &st))
		return system_error(h->label);
	if (!S_ISREG(st.st_mode))
		return err_set(ERR_FORMAT, "%s: not a regular file", h->label);
	posix_fadvise(h->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	for (;;) {
		ssize_t n = read(h->fd, part, PART);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return system_error(h->label);
		if (n == 0)
			break;
		sha256_add(&s, part, (size_t)n);
		done += n;
		if (h->progress && !h->progress(h->ctx, done, st.st_size))
			return err_set(ERR_CANCELLED, "%s: hashing was cancelled",
				       h->label);
	}
	sha256_end(&s, hex);
	return OK;
}

enum err file_sha256(const char *path, bool (*progress)(void *, int64_t, int64_t),
		     void *ctx, char hex[SHA256_HEX])
{
	struct str label = STR_INIT;
	str_add_escaped(&label, path, strlen(path), 0);
	struct hashing h = { str_get(&label), -1, progress, ctx };
	h.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum err e;
	if (h.fd < 0) {
		e = system_error(h.label);
	} else {
		char *part = mem_alloc(PART);
		e = hash_parts(&h, part, hex);
		free(part);
		close(h.fd);
	}
	str_release(&label);
	return e;
}
