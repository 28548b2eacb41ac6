#include "tensor/hfconfig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define FILE_MAX ((size_t)16 << 20)

/* What an object and its sub-objects share. */
struct shared {
	json_t *json;
	char *label;
	enum err error;
	char message[512];
	struct hfconfig *subs; /* all of them, to free */
};

struct hfconfig {
	const json_t *object; /* NULL: no keys */
	char *prefix;         /* "vision_config." before a key in messages */
	struct shared *shared;
	struct hfconfig *next; /* in shared->subs */
};

static struct hfconfig *create(const json_t *object, char *prefix, struct shared *shared)
{
	struct hfconfig *c = mem_alloc(sizeof(*c));
	*c = (struct hfconfig){ .object = object, .prefix = prefix, .shared = shared };
	return c;
}

/* Takes json. */
static enum err create_root(json_t *json, const char *label, struct hfconfig **out)
{
	if (!json_is_object(json)) {
		json_decref(json);
		return err_set(ERR_FORMAT, "%s: not a JSON object", label);
	}
	struct shared *s = mem_alloc(sizeof(*s));
	s->json = json;
	s->label = str_dup(label);
	*out = create(json, str_dup(""), s);
	return OK;
}

enum err hfconfig_open_file(const char *path, struct hfconfig **out)
{
	struct str label = STR_INIT;
	json_t *json;
	*out = NULL;
	enum err e = json_read_file(path, FILE_MAX, &json);
	if (e)
		return e;
	str_add_escaped(&label, path, strlen(path), 0);
	e = create_root(json, str_get(&label), out);
	str_release(&label);
	return e;
}

enum err hfconfig_parse(const char *text, const char *what, struct hfconfig **out)
{
	json_t *json;
	*out = NULL;
	enum err e = json_read(text, strlen(text), what, &json);
	return e ? e : create_root(json, what, out);
}

static void free_one(struct hfconfig *c)
{
	free(c->prefix);
	free(c);
}

void hfconfig_free(struct hfconfig *c)
{
	if (!c)
		return;
	struct shared *s = c->shared;
	while (s->subs) {
		struct hfconfig *next = s->subs->next;
		free_one(s->subs);
		s->subs = next;
	}
	free_one(c);
	json_decref(s->json);
	free(s->label);
	free(s);
}

/* Sticks in what is shared, so that getters can take a const config. */
static void fail(const struct hfconfig *, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void fail(const struct hfconfig *c, const char *key, const char *fmt, ...)
{
	struct shared *s = c->shared;
	if (s->error)
		return;
	char fact[200];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(fact, sizeof(fact), fmt, ap);
	va_end(ap);
	s->error = ERR_FORMAT;
	snprintf(s->message, sizeof(s->message), "%s: \"%s%s\" %s", s->label, c->prefix,
		 key, fact);
}

enum err hfconfig_error(const struct hfconfig *c)
{
	const struct shared *s = c->shared;
	return s->error ? err_set(s->error, "%s", s->message) : OK;
}

const char *hfconfig_label(const struct hfconfig *c) { return c->shared->label; }

const json_t *hfconfig_json(const struct hfconfig *c) { return c->object; }

/* The value, or NULL where it is missing or null. */
static const json_t *value_of(const struct hfconfig *c, const char *key)
{
	const json_t *v = json_object_get(c->object, key);
	return json_is_null(v) ? NULL : v;
}

bool hfconfig_has(const struct hfconfig *c, const char *key)
{
	return value_of(c, key) != NULL;
}

const struct hfconfig *hfconfig_sub(const struct hfconfig *c, const char *key)
{
	const json_t *v = value_of(c, key);
	if (v && !json_is_object(v))
		fail(c, key, "is not an object");
	struct str prefix = STR_INIT;
	str_addf(&prefix, "%s%s.", c->prefix, key);
	struct hfconfig *sub =
		create(json_is_object(v) ? v : NULL, str_detach(&prefix), c->shared);
	sub->next = c->shared->subs;
	c->shared->subs = sub;
	return sub;
}

int64_t hfconfig_int(const struct hfconfig *c, const char *key, int64_t missing,
		     int64_t lo, int64_t hi)
{
	const json_t *v = value_of(c, key);
	if (!v)
		return missing;
	if (!json_is_integer(v)) {
		fail(c, key, "is not an integer");
		return missing;
	}
	int64_t n = json_integer_value(v);
	if (n >= lo && n <= hi)
		return n;
	fail(c, key, "is %lld, which is not in %lld ... %lld", (long long)n,
	     (long long)lo, (long long)hi);
	return missing;
}

double hfconfig_num(const struct hfconfig *c, const char *key, double missing, double lo,
		    double hi)
{
	const json_t *v = value_of(c, key);
	if (!v)
		return missing;
	if (!json_is_number(v)) {
		fail(c, key, "is not a number");
		return missing;
	}
	double n = json_number_value(v);
	if (n >= lo && n <= hi)
		return n;
	fail(c, key, "is %g, which is not in %g ... %g", n, lo, hi);
	return missing;
}

bool hfconfig_bool(const struct hfconfig *c, const char *key, bool missing)
{
	const json_t *v = value_of(c, key);
	if (!v)
		return missing;
	if (!json_is_boolean(v)) {
		fail(c, key, "is not true or false");
		return missing;
	}
	return json_is_true(v);
}

const char *hfconfig_str(const struct hfconfig *c, const char *key, const char *missing)
{
	const json_t *v = value_of(c, key);
	if (!v)
		return missing;
	if (!json_is_string(v)) {
		fail(c, key, "is not a string");
		return missing;
	}
	return json_string_value(v);
}
