#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum err json_read(const char *text, size_t n, const char *what, json_t **out)
{
	json_error_t e;
	*out = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (*out)
		return OK;
	char reason[160];
	str_escaped(reason, sizeof(reason), e.text, strlen(e.text));
	return err_set(ERR_FORMAT, "%s: line %d: bad JSON: %s", what, e.line, reason);
}

/* `what` is the path as messages show it. */
static enum err read_stream(FILE *f, const char *what, size_t max_bytes, json_t **out)
{
	struct str s = STR_INIT;
	char chunk[65536];
	size_t n;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0 && s.len <= max_bytes)
		str_add_n(&s, chunk, n);
	enum err e = OK;
	if (ferror(f))
		e = err_set(ERR_IO, "%s: %s", what, strerror(errno));
	else if (s.len > max_bytes)
		e = err_set(ERR_FORMAT, "%s: larger than %zu KiB", what, max_bytes >> 10);
	else
		e = json_read(str_get(&s), s.len, what, out);
	str_release(&s);
	return e;
}

enum err json_read_file(const char *path, size_t max_bytes, json_t **out)
{
	struct str what = STR_INIT;
	str_add_escaped(&what, path, strlen(path), 0);
	*out = NULL;
	enum err e;
	FILE *f = fopen(path, "rbe");
	if (f)
		e = read_stream(f, str_get(&what), max_bytes, out);
	else
		e = err_set(errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: %s",
			    str_get(&what), strerror(errno));
	if (f)
		fclose(f);
	str_release(&what);
	return e;
}
/* Digits of a number that is not an integer: with fewer than 16, what is read is written
 * again as it was. */
#define REAL_DIGITS 12

char *json_line(const json_t *v)
{
	char *s = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY |
					JSON_REAL_PRECISION(REAL_DIGITS));
	if (!s)
		abort(); /* our own values are always valid: only memory can fail */
	return s;
}

static bool is_integer(double v) { return v == floor(v) && fabs(v) < 9007199254740992.0; }

/* What a reader will get: the value to REAL_DIGITS digits, which may be an integer. */
static double as_written(double v)
{
	if (fabs(v) < 1e11 && fabs(v - rint(v)) > fabs(v) * 1e-11)
		return v;
	char text[40];
	snprintf(text, sizeof(text), "%.*g", REAL_DIGITS, v);
	return strtod(text, NULL);
}

json_t *json_number_or_null(double v)
{
	if (!isfinite(v))
		return json_null();
	if (!is_integer(v))
		v = as_written(v);
	if (is_integer(v))
		return json_integer((json_int_t)v);
	return json_real(v);
}

json_t *json_text(const char *text)
{
	if (!text)
		return json_null();
	json_t *v = json_string(text);
	if (v)
		return v;
	struct str s = STR_INIT;
	str_add_escaped(&s, text, strlen(text), 0);
	v = json_string(str_get(&s));
	str_release(&s);
	return v;
}

void json_put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value))
		abort();
}

void json_put_num(json_t *object, const char *key, double v)
{
	json_put(object, key, json_number_or_null(v));
}

void json_put_str(json_t *object, const char *key, const char *text)
{
	json_put(object, key, json_text(text));
}

void json_put_nums(json_t *object, const char *key, const double *v, size_t n)
{
	json_t *a = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(a, json_number_or_null(v[i]));
	json_put(object, key, a);
}

/* The field, or NULL where it is missing or null. */
static const json_t *field(const struct json_in *in, const char *key)
{
	const json_t *v = json_object_get(in->object, key);
	return json_is_null(v) ? NULL : v;
}

static void wrong_type(const struct json_in *in, const char *key, const char *wanted)
{
	if (*in->err == OK)
		*in->err = err_set(ERR_FORMAT, "%s: \"%s\" is not %s", in->what, key,
				   wanted);
}

double json_in_num(const struct json_in *in, const char *key)
{
	const json_t *v = field(in, key);
	if (v && json_is_number(v))
		return json_number_value(v);
	if (v)
		wrong_type(in, key, "a number");
	return (double)NAN;
}

const char *json_in_str(const struct json_in *in, const char *key)
{
	const json_t *v = field(in, key);
	if (v && !json_is_string(v))
		wrong_type(in, key, "a string");
	return json_string_value(v);
}

bool json_in_bool(const struct json_in *in, const char *key)
{
	const json_t *v = field(in, key);
	if (v && !json_is_boolean(v))
		wrong_type(in, key, "true or false");
	return json_is_true(v);
}

struct json_in json_in_object(const struct json_in *in, const char *key)
{
	const json_t *v = field(in, key);
	if (v && !json_is_object(v))
		wrong_type(in, key, "an object");
	return (struct json_in){ json_is_object(v) ? v : NULL, in->what, in->err };
}

const json_t *json_in_array(const struct json_in *in, const char *key)
{
	const json_t *v = field(in, key);
	if (v && !json_is_array(v))
		wrong_type(in, key, "an array");
	return json_is_array(v) ? v : NULL;
}

long long json_in_int(const struct json_in *in, const char *key, long long lo,
		      long long hi, long long missing)
{
	const json_t *v = field(in, key);
	if (!v)
		return missing;
	if (json_is_integer(v) && json_integer_value(v) >= lo &&
	    json_integer_value(v) <= hi)
		return json_integer_value(v);
	char wanted[80];
	snprintf(wanted, sizeof(wanted), "an integer from %lld to %lld", lo, hi);
	wrong_type(in, key, wanted);
	return missing;
}
