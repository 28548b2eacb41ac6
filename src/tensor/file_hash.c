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

/* The sum over several files. */
struct joint {
	bool (*progress)(void *, int64_t, int64_t);
	void *ctx;
	int64_t before, total; /* bytes of the files that are done; of all */
};

static bool joint_progress(void *arg, int64_t done, int64_t total)
{
	const struct joint *j = arg;
	(void)total;
	return !j->progress || j->progress(j->ctx, j->before + done, j->total);
}

static int64_t size_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_size : 0;
}

enum err files_sha256(char *const *paths, bool (*progress)(void *, int64_t, int64_t),
		      void *ctx, char hex[SHA256_HEX])
{
	if (!paths[1])
		return file_sha256(paths[0], progress, ctx, hex);
	struct joint j = { .progress = progress, .ctx = ctx };
	struct sha256 all;
	sha256_start(&all);
	for (char *const *p = paths; *p; p++)
		j.total += size_of(*p);
	for (char *const *p = paths; *p; p++) {
		enum err e = file_sha256(*p, joint_progress, &j, hex);
		if (e && !(e == ERR_NOTFOUND && p > paths))
			return e;
		sha256_add_str(&all, e ? "missing" : hex);
		j.before += size_of(*p);
	}
	sha256_end(&all, hex);
	return OK;
}
