#include "tensor/safetensors.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

struct writer {
	char *path;  /* where the file goes */
	char *label; /* the path, escaped */
	char *temp;  /* where it is made */
	int fd;
};

static enum err failed(const struct writer *w, int number)
{
	bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
	return err_set(full ? ERR_FULL : ERR_IO, "%s: not written: %s", w->label,
		       strerror(number));
}

/* The header, padded with spaces so that the data begin at a multiple of 8. */
static void header_text(const struct safetensors_entry *entry, size_t count,
			const json_t *metadata, struct str *out)
{
	json_t *header = json_object();
	if (metadata)
		json_put(header, "__metadata__", json_deep_copy(metadata));
	int64_t at = 0;
	for (size_t i = 0; i < count; i++) {
		const struct tensor *t = &entry[i].tensor;
		assert(t->dtype == DT_F32 || t->dtype == DT_I64);
		assert(!json_object_get(header, entry[i].name));
		json_t *shape = json_array();
		for (int d = 0; d < t->ndim; d++)
			json_array_append_new(shape, json_integer(t->dim[d]));
		int64_t end = at + tensor_bytes(t);
		json_t *offsets = json_array();
		json_array_append_new(offsets, json_integer(at));
		json_array_append_new(offsets, json_integer(end));
		json_t *info = json_object();
		json_put_str(info, "dtype", dtype_name(t->dtype));
		json_put(info, "shape", shape);
		json_put(info, "data_offsets", offsets);
		json_put(header, entry[i].name, info);
		at = end;
	}
	char *text = json_line(header);
	str_add(out, text);
	while (out->len % 8)
		str_add(out, " ");
	free(text);
	json_decref(header);
}

static enum err put(const struct writer *w, const void *from, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = write(w->fd, (const char *)from + done, n - done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failed(w, errno);
		done += (size_t)got;
	}
	return OK;
}

static enum err put_header(const struct writer *w, const struct str *text)
{
	unsigned char size[8];
	for (int i = 0; i < 8; i++)
		size[i] = (unsigned char)((uint64_t)text->len >> (8 * i));
	enum err e = put(w, size, sizeof(size));
	return e ? e : put(w, text->s, text->len);
}

static enum err put_tensor(const struct writer *w, const struct tensor *t)
{
	int64_t cols = tensor_cols(t), rows = tensor_rows(t);
	size_t size = dtype_size(t->dtype);
	if (t->ld == cols || rows <= 1)
		return put(w, t->data, (size_t)tensor_bytes(t));
	enum err e = OK;
	for (int64_t r = 0; r < rows && !e; r++)
		e = put(w, (const char *)t->data + (size_t)(r * t->ld) * size,
			(size_t)cols * size);
	return e;
}

/* So that the rename itself survives a power cut. Best effort: not every file system
 * lets a folder be synced, and the file is already whole. */
static void sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : str_dup(".");
	int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd >= 0) {
		(void)!fsync(fd);
		close(fd);
	}
	free(folder);
}

/* The umask gives the mode, as for any file the user makes. */
static enum err open_temp(struct writer *w)
{
	struct stat st;
	if (stat(w->path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(ERR_IO, "%s: not written: exists and is no regular file",
			       w->label);
	for (int i = 0; i < 100; i++) {
		struct str temp = STR_INIT;
		str_addf(&temp, "%s.%ld.%d.tmp", w->path, (long)getpid(), i);
		free(w->temp);
		w->temp = str_detach(&temp);
		w->fd = open(w->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (w->fd >= 0)
			return OK;
		if (errno != EEXIST)
			break;
	}
	return failed(w, errno);
}

static enum err finish(struct writer *w, enum err e)
{
	if (!e && fsync(w->fd))
		e = failed(w, errno);
	if (close(w->fd) && !e)
		e = failed(w, errno);
	if (!e && rename(w->temp, w->path))
		e = failed(w, errno);
	if (e)
		unlink(w->temp);
	else
		sync_folder(w->path);
	return e;
}

enum err safetensors_write(const char *path, const struct safetensors_entry *entry,
			   size_t count, const json_t *metadata)
{
	struct str label = STR_INIT, header = STR_INIT;
	str_add_escaped(&label, path, strlen(path), 0);
	struct writer w = { .path = str_dup(path),
			    .label = str_detach(&label),
			    .fd = -1 };
	enum err e = open_temp(&w);
	if (!e) {
		header_text(entry, count, metadata, &header);
		e = put_header(&w, &header);
		for (size_t i = 0; i < count && !e; i++)
			e = put_tensor(&w, &entry[i].tensor);
		e = finish(&w, e);
	}
	str_release(&header);
	free(w.temp);
	free(w.label);
	free(w.path);
	return e;
}
