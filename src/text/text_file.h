/*
 * Small files of text, whole in memory, gzipped or not (the first bytes say which).
 */
#ifndef TEXT_TEXT_FILE_H
#define TEXT_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct text_file {
	struct str text;
	char *label; /* the path, escaped for messages */
};

/*
 * Reads at most max_bytes of text, counted after decompression. ERR_NOTFOUND, ERR_IO,
 * ERR_FORMAT (not a regular file, empty, too large, a damaged or truncated gzip). After
 * an error there is nothing to release.
 */
enum err text_file_read(const char *path, size_t max_bytes,
			struct text_file *out) MUST_CHECK;
void text_file_release(struct text_file *);

/* A walk over lines; start with { text, length }. */
struct text_lines {
	const char *at;
	size_t left;
	int number; /* of the line that was handed out last, from 1 */
};

/* The next line without its end (LF or CR LF); false after the last. The text is borrowed
 * and not NUL-terminated. */
bool text_lines_next(struct text_lines *, const char **line, size_t *n);

#endif
