/*
 * JSON, by jansson, read strictly and written compactly. The only home of jansson: other
 * rooms include this header.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Parses one value; duplicate keys, bad UTF-8, NUL and trailing bytes are ERR_FORMAT with
 * a message "WHAT: line L: ...". The caller json_decref()s *out. */
enum err json_read(const char *text, size_t n, const char *what, json_t **out) MUST_CHECK;
/* The same of a whole file of at most max_bytes. */
enum err json_read_file(const char *path, size_t max_bytes, json_t **out) MUST_CHECK;

char *json_line(const json_t *); /* compact, key order kept; the caller frees */

/* Not finite becomes null, an integral value is written without a point. */
json_t *json_number_or_null(double);
/* Any bytes: what is not UTF-8 is escaped. NULL becomes null. */
json_t *json_text(const char *);

void json_put(json_t *object, const char *key, json_t *value); /* steals value */
void json_put_num(json_t *object, const char *key, double);
void json_put_str(json_t *object, const char *key, const char *);
void json_put_nums(json_t *object, const char *key, const double *, size_t n);

/*
 * Reading an object whose sender is not trusted. A missing or null field gives NaN, NULL
 * or false; a field of the wrong type makes `err` stick (message "WHAT: KEY is not a
 * number").
 */
struct json_in {
	const json_t *object;
	const char *what;
	enum err *err;
};
double json_in_num(const struct json_in *, const char *key);
const char *json_in_str(const struct json_in *, const char *key); /* borrowed */
bool json_in_bool(const struct json_in *, const char *key);
/* A sub-object; when missing its fields all read as missing. */
struct json_in json_in_object(const struct json_in *, const char *key);
/* An array or NULL (borrowed). */
const json_t *json_in_array(const struct json_in *, const char *key);
/* An integer in [lo, hi]; missing gives `missing`. */
long long json_in_int(const struct json_in *, const char *key, long long lo, long long hi,
		      long long missing);

#endif
