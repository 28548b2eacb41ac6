/* Keys and their values. */
#include "tensor/gguf_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/little_endian.h"

#define KEYS_MAX ((uint64_t)1 << 16)
#define KEY_MAX 65535
#define KEY_LEAST 14 /* bytes: a length, one letter, a type, one byte */

void gguf_where(struct gguf_cursor *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(c->where, sizeof(c->where), fmt, ap);
	va_end(ap);
}

enum err gguf_refuse(const struct gguf_cursor *c, enum err code, const char *fmt, ...)
{
	char fact[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(fact, sizeof(fact), fmt, ap);
	va_end(ap);
	return err_set(code, "%s: %s%s", c->g->map.label, c->where, fact);
}

/* ---- plain things ---- */

size_t gguf_left(const struct gguf_cursor *c) { return (size_t)(c->end - c->at); }

/* n bytes, or an error. */
static enum err take(struct gguf_cursor *c, uint64_t n, const unsigned char **out)
{
	*out = c->at;
	if (n > gguf_left(c))
		return gguf_refuse(c, ERR_FORMAT,
				   ": cut off: %llu bytes where the file has %zu left",
				   (unsigned long long)n, gguf_left(c));
	c->at += n;
	return OK;
}

enum err gguf_take_u32(struct gguf_cursor *c, uint32_t *out)
{
	const unsigned char *p;
	enum err e = take(c, 4, &p);
	*out = e ? 0 : le32(p);
	return e;
}

enum err gguf_take_u64(struct gguf_cursor *c, uint64_t *out)
{
	const unsigned char *p;
	enum err e = take(c, 8, &p);
	*out = e ? 0 : le64(p);
	return e;
}

static enum err check_length(const struct gguf_cursor *c, uint64_t n, const char *of)
{
	if (n <= GGUF_MAX_LENGTH)
		return OK;
	return gguf_refuse(c, ERR_FORMAT, ": %s of %llu: the limit is 2^30", of,
			   (unsigned long long)n);
}

enum err gguf_take_string(struct gguf_cursor *c, const char **s, size_t *n)
{
	const unsigned char *p = NULL;
	uint64_t length;
	enum err e = gguf_take_u64(c, &length);
	if (!e)
		e = check_length(c, length, "a string");
	if (!e)
		e = take(c, length, &p);
	*s = (const char *)p;
	*n = (size_t)length;
	return e;
}

enum err gguf_take_name(struct gguf_cursor *c, const char *what, size_t most, char **out)
{
	const char *s;
	size_t n;
	char text[SHOWN];
	*out = NULL;
	enum err e = gguf_take_string(c, &s, &n);
	if (e)
		return e;
	if (n == 0)
		return gguf_refuse(c, ERR_FORMAT, " has an empty name");
	if (n > most)
		return gguf_refuse(c, ERR_FORMAT, " has a name of %zu bytes: at most %zu",
				   n, most);
	/* Copied before it is looked at: the file may change. */
	char *name = mem_alloc(n + 1);
	memcpy(name, s, n);
	if (strlen(name) != n) {
		free(name);
		return gguf_refuse(c, ERR_FORMAT, " has a name with a zero byte");
	}
	gguf_where(c, "%s %s", what, shown(name, text));
	*out = name;
	return OK;
}

/* ---- values ---- */

/* Bytes of a value of a fixed size; 0 of strings and arrays. */
static size_t size_of(enum gguf_type type)
{
	static const unsigned char sizes[GGUF_TYPES] = {
		[GGUF_U8] = 1,  [GGUF_I8] = 1,  [GGUF_U16] = 2, [GGUF_I16] = 2,
		[GGUF_U32] = 4, [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1,
		[GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
	};
	return sizes[type];
}

static enum err take_type(struct gguf_cursor *c, enum gguf_type *out)
{
	uint32_t type;
	enum err e = gguf_take_u32(c, &type);
	if (!e && type >= GGUF_TYPES)
		e = gguf_refuse(c, ERR_FORMAT, " has the type %u, which is none", type);
	*out = e ? GGUF_U8 : (enum gguf_type)type;
	return e;
}

static double f32_at(const unsigned char *p)
{
	uint32_t bits = le32(p);
	float f;
	memcpy(&f, &bits, sizeof(f));
	return (double)f;
}

static double f64_at(const unsigned char *p)
{
	uint64_t bits = le64(p);
	double f;
	memcpy(&f, &bits, sizeof(f));
	return f;
}

/* Numbers and bools: copied, so that they stay as they were checked. */
static enum err take_scalar(struct gguf_cursor *c, struct gguf_value *v)
{
	const unsigned char *p;
	enum err e = take(c, size_of(v->type), &p);
	if (e)
		return e;
	struct gguf_value one = { .type = GGUF_ARRAY,
				  .element = v->type,
				  .bytes = (const char *)p,
				  .count = 1 };
	if (v->type == GGUF_F32)
		v->number = f32_at(p);
	else if (v->type == GGUF_F64)
		v->number = f64_at(p);
	else
		v->integer = gguf_element(&one, 0);
	if (v->type == GGUF_U64 && v->integer < 0)
		v->integer = INT64_MAX;
	if (v->type == GGUF_BOOL && v->integer > 1)
		return gguf_refuse(c, ERR_FORMAT, " is a bool of %d: 0 or 1",
				   (int)v->integer);
	return OK;
}

static enum err take_strings(struct gguf_cursor *c, size_t count)
{
	const char *s;
	enum err e = OK;
	if (count > gguf_left(c) / 8)
		return gguf_refuse(c, ERR_FORMAT,
				   ": cut off: %zu strings in the %zu bytes that the "
				   "file has left",
				   count, gguf_left(c));
	for (size_t i = 0, n; !e && i < count; i++)
		e = gguf_take_string(c, &s, &n);
	return e;
}

static enum err take_array(struct gguf_cursor *c, struct gguf_value *v)
{
	const unsigned char *p;
	uint64_t count = 0;
	enum err e = take_type(c, &v->element);
	if (!e && v->element == GGUF_ARRAY)
		e = gguf_refuse(c, ERR_UNSUPPORTED,
				" is a list of lists, which this version does not read");
	if (!e)
		e = gguf_take_u64(c, &count);
	if (!e)
		e = check_length(c, count, "a list");
	if (e)
		return e;
	v->count = (size_t)count;
	v->bytes = (const char *)c->at;
	/* At most 2^33 bytes: no overflow. */
	if (v->element == GGUF_STRING)
		e = take_strings(c, v->count);
	else
		e = take(c, count * size_of(v->element), &p);
	v->size = (size_t)((const char *)c->at - v->bytes);
	return e;
}

static enum err take_value(struct gguf_cursor *c, struct gguf_value *v)
{
	enum err e = take_type(c, &v->type);
	if (e)
		return e;
	if (v->type == GGUF_STRING)
		return gguf_take_string(c, &v->bytes, &v->size);
	return v->type == GGUF_ARRAY ? take_array(c, v) : take_scalar(c, v);
}

/* ---- keys ---- */

static int by_name(const void *a, const void *b)
{
	const struct gguf_key *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static enum err check_keys(struct gguf_cursor *c, struct gguf *g)
{
	char text[SHOWN];
	if (g->key_count)
		qsort(g->key, g->key_count, sizeof(*g->key), by_name);
	for (size_t i = 1; i < g->key_count; i++)
		if (!strcmp(g->key[i - 1].name, g->key[i].name)) {
			gguf_where(c, "key %s", shown(g->key[i].name, text));
			return gguf_refuse(c, ERR_FORMAT, " is there twice");
		}
	return OK;
}

enum err gguf_read_keys(struct gguf_cursor *c, struct gguf *g, uint64_t count)
{
	gguf_where(c, "%llu keys", (unsigned long long)count);
	if (count > gguf_left(c) / KEY_LEAST || count > KEYS_MAX)
		return gguf_refuse(c, ERR_FORMAT,
				   ": too many for the %zu bytes of the file (and at "
				   "most %llu)",
				   g->map.size, (unsigned long long)KEYS_MAX);
	g->key = mem_alloc(((size_t)count + 1) * sizeof(*g->key));
	enum err e = OK;
	while (!e && g->key_count < count) {
		struct gguf_key *k = &g->key[g->key_count];
		gguf_where(c, "key %zu", g->key_count);
		e = gguf_take_name(c, "key", KEY_MAX, &k->name);
		if (k->name)
			g->key_count++; /* to be freed */
		if (!e)
			e = take_value(c, &k->value);
	}
	return e ? e : check_keys(c, g);
}
