/*
 * Errors. A function that can fail returns `enum err`; the message is set once, where the
 * fact is known, with err_set(), and callers pass the code on or add context. The message
 * belongs to the thread that set it and lasts until that thread's next err_set().
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
	OK = 0,
	ERR_USAGE,       /* the user asked for something that does not exist: exit 2 */
	ERR_IO,          /* the system refused a read, write, open, fork ... */
	ERR_FORMAT,      /* a file's content is not what its format says */
	ERR_NOMEM,       /* memory; the message says how much was wanted */
	ERR_CANCELLED,   /* asked to stop: exit 130 */
	ERR_UNSUPPORTED, /* valid, but this version cannot */
	ERR_UNAVAILABLE, /* a device or library that is not there */
	ERR_NOTFOUND,    /* a file, model or run that does not exist */
	ERR_BUSY,        /* another process holds the database: try again */
	ERR_FULL,        /* no space left */
	ERR_READONLY,    /* the database may not or cannot be written */
	ERR_WORKER,      /* the worker died or broke the protocol */
	ERR_COUNT
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Sets this thread's message and returns `code`, so that `return err_set(...)` reads
 * well. */
enum err err_set(enum err code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts "CONTEXT: " before this thread's message; returns `code` unchanged. OK does
 * nothing. */
enum err err_context(enum err code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The message of this thread's last error; never NULL. */
const char *err_message(void);

/* A stable word for a code ("format", "cancelled"), as it crosses the protocol and back.
 */
const char *err_name(enum err code);
enum err err_by_name(const char *name); /* an unknown name is ERR_WORKER */

/* The exit status of a command that ends with this code (0, 1, 2 or 130). */
int err_exit_status(enum err code);

#endif
