/*
 * Lines over a file descriptor: the transport of the worker protocol.
 *
 * A writer sends whole lines from any thread, never interleaved. A reader splits what it
 * reads into lines and refuses one longer than its limit.
 */
#ifndef BASE_LINES_H
#define BASE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct line_writer;
struct line_writer *line_writer_create(int fd); /* borrows fd */
void line_writer_free(struct line_writer *);
/* Writes text and a newline, all of it, waiting if the descriptor is full. */
enum err line_writer_send(struct line_writer *, const char *text) MUST_CHECK;

#define LINE_MAX_BYTES (64u << 20)

struct line_reader {
	int fd;
	struct str buf;
	size_t at; /* start of what was not yet handed out */
	bool eof;
};

void line_reader_init(struct line_reader *, int fd); /* borrows fd */
void line_reader_release(struct line_reader *);

/* Reads once what is there (waits on a blocking descriptor). EAGAIN is OK and no data. */
enum err line_reader_fill(struct line_reader *) MUST_CHECK;

/* The next whole line without its newline, NULL when there is none yet; valid until the
 * next call on this reader. */
char *line_reader_next(struct line_reader *);

#endif
