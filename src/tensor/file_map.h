/*
 * A file mapped for reading, for as long as a model uses its weights.
 *
 * A mapped file that another process shortens answers a read with SIGBUS. Here that is
 * not a crash: a process-wide handler puts zero pages where the file was and marks the
 * map, reading goes on, and file_map_check() reports it. So code that reads mapped
 * memory needs no care of its own, but whoever used the numbers must check afterwards.
 *
 * The handler is installed by the first file_map_open() and again by a later one when
 * somebody replaced it; a SIGBUS that is not about a map goes to the handler found then.
 */
#ifndef TENSOR_FILE_MAP_H
#define TENSOR_FILE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FILE_MAP_MAX 64 /* at one time in one process */

struct file_map {
	const unsigned char *data; /* NULL where the file is empty */
	size_t size;
	int fd;
	int slot;
	char *label; /* the path, escaped for messages */
};

/* Opens without reading the content. Not a regular file: ERR_FORMAT; no such file:
 * ERR_NOTFOUND. After an error there is nothing to release. */
enum err file_map_open(struct file_map *, const char *path) MUST_CHECK;
void file_map_release(struct file_map *); /* zero-initialised is fine */

/* Whether all that was read so far was really the file's: ERR_IO "FILE: shrank while it
 * was read". Any thread. */
enum err file_map_check(const struct file_map *) MUST_CHECK;

/* Reads [at, at + n) of the file with pread(), not through the map. */
enum err file_map_read(const struct file_map *, size_t at, void *to, size_t n) MUST_CHECK;

#endif
