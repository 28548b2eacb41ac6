/* A growing string. Allocation failure aborts: these are small. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct str {
	char *s; /* NUL-terminated once anything was added; NULL while empty */
	size_t len, cap;
};

#define STR_INIT                                                                         \
	{                                                                                \
		0                                                                        \
	}

void str_release(struct str *);
void str_clear(struct str *); /* keeps the memory */
void str_add(struct str *, const char *text);
void str_add_n(struct str *, const char *bytes, size_t n);
void str_addf(struct str *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_addv(struct str *, const char *fmt, va_list)
	__attribute__((format(printf, 2, 0)));
const char *str_get(const struct str *); /* "" when empty */
char *str_detach(struct str *);          /* the caller frees; never NULL */

/*
 * Adds text that came from a file or from outside so that it can go to a terminal, a log
 * or a CSV cell: control characters (C0, DEL, C1) and bytes that are not UTF-8 become
 * \xNN, a backslash becomes \\. At most `max` bytes of output (0: no limit), then "...".
 */
void str_add_escaped(struct str *, const char *text, size_t n, size_t max);

/* The same into a fixed buffer, for messages; returns `buf`. */
const char *str_escaped(char *buf, size_t size, const char *text, size_t n);

/* Length in bytes of the UTF-8 sequence at s (1..4), 0 where it is invalid. */
int utf8_len(const char *s, size_t n);

bool str_equal(const char *a, const char *b); /* NULL equals only NULL */
char *str_dup(const char *);                  /* NULL gives NULL; aborts without memory */
void *mem_alloc(size_t size);                 /* zeroed; aborts without memory */
void *mem_grow(void *p, size_t count, size_t size); /* realloc of count * size; aborts */

#endif
