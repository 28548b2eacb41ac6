#include "tensor/gguf.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "tensor/gguf_read.h"
#include "tensor/little_endian.h"

#define MAGIC "GGUF"
#define PREFIX 24 /* magic, version, tensors, keys */

/* ---- opening ---- */

bool gguf_is(const char *path)
{
	char magic[4] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	bool is = read(fd, magic, 4) == 4 && !memcmp(magic, MAGIC, 4);
	close(fd);
	return is;
}

static enum err check_magic(const struct gguf *g)
{
	char shown[32];
	const unsigned char *data = g->map.data;
	if (g->map.size >= 4 && !memcmp(data, MAGIC, 4))
		return g->map.size >= PREFIX
			       ? OK
			       : err_set(ERR_FORMAT,
					 "%s: cut off: %zu bytes are too few for GGUF",
					 g->map.label, g->map.size);
	size_t n = g->map.size < 4 ? g->map.size : 4;
	if (n == 0)
		return err_set(ERR_FORMAT, "%s: empty file", g->map.label);
	return err_set(ERR_FORMAT, "%s: not GGUF: it begins with \"%s\"", g->map.label,
		       str_escaped(shown, sizeof(shown), (const char *)data, n));
}

static enum err check_version(const struct gguf *g, uint32_t version)
{
	if (version == 2 || version == 3)
		return OK;
	if (version == 1)
		return err_set(ERR_UNSUPPORTED,
			       "%s: GGUF version 1: this version reads 2 and 3; convert "
			       "the model again",
			       g->map.label);
	if ((version & 0xFFFF) == 0 && version)
		return err_set(ERR_UNSUPPORTED,
			       "%s: big-endian GGUF: this version reads little-endian "
			       "files; convert the model for such a machine",
			       g->map.label);
	return err_set(ERR_UNSUPPORTED, "%s: GGUF version %u: this version reads 2 and 3",
		       g->map.label, version);
}

static enum err read_all(struct gguf *g)
{
	enum err e = check_magic(g);
	if (e)
		return e;
	struct gguf_cursor c = { .g = g,
				 .at = g->map.data + PREFIX,
				 .end = g->map.data + g->map.size };
	uint64_t tensors = le64(g->map.data + 8), keys = le64(g->map.data + 16);
	e = check_version(g, le32(g->map.data + 4));
	if (!e)
		e = gguf_read_keys(&c, g, keys);
	if (!e)
		e = gguf_read_tensors(&c, g, tensors);
	enum err whole = file_map_check(&g->map); /* the better reason for zeros */
	return whole ? whole : e;
}

enum err gguf_open(const char *path, struct gguf **out)
{
	struct gguf *g = mem_alloc(sizeof(*g));
	*out = NULL;
	enum err e = file_map_open(&g->map, path);
	if (!e)
		e = read_all(g);
	if (e) {
		gguf_free(g);
		return e;
	}
	*out = g;
	return OK;
}

void gguf_free(struct gguf *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->key_count; i++)
		free(g->key[i].name);
	for (size_t i = 0; i < g->count; i++)
		free((char *)(uintptr_t)g->entry[i].name);
	free(g->key);
	free(g->entry);
	file_map_release(&g->map);
	free(g);
}

const char *gguf_label(const struct gguf *g) { return g->map.label; }

enum err gguf_check(const struct gguf *g) { return file_map_check(&g->map); }

/* ---- tensors ---- */

size_t gguf_count(const struct gguf *g) { return g->count; }

const struct gguf_entry *gguf_at(const struct gguf *g, size_t i)
{
	assert(i < g->count);
	return &g->entry[i];
}

static int compare_entry(const void *name, const void *entry)
{
	return strcmp(name, ((const struct gguf_entry *)entry)->name);
}

const struct gguf_entry *gguf_find(const struct gguf *g, const char *name)
{
	if (!g->count)
		return NULL;
	return bsearch(name, g->entry, g->count, sizeof(*g->entry), compare_entry);
}

/* ---- values ---- */

static int compare_key(const void *name, const void *key)
{
	return strcmp(name, ((const struct gguf_key *)key)->name);
}

const struct gguf_value *gguf_value(const struct gguf *g, const char *key)
{
	if (!g->key_count)
		return NULL;
	const struct gguf_key *k =
		bsearch(key, g->key, g->key_count, sizeof(*g->key), compare_key);
	return k ? &k->value : NULL;
}

const char *gguf_type_name(enum gguf_type type)
{
	static const char *const names[] = {
		[GGUF_U8] = "a U8",         [GGUF_I8] = "an I8",
		[GGUF_U16] = "a U16",       [GGUF_I16] = "an I16",
		[GGUF_U32] = "a U32",       [GGUF_I32] = "an I32",
		[GGUF_F32] = "an F32",      [GGUF_BOOL] = "a bool",
		[GGUF_U64] = "a U64",       [GGUF_I64] = "an I64",
		[GGUF_STRING] = "a string", [GGUF_F64] = "an F64",
		[GGUF_ARRAY] = "a list",
	};
	return names[type];
}

static bool is_integer(enum gguf_type type)
{
	return type != GGUF_F32 && type != GGUF_F64 && type != GGUF_BOOL &&
	       type != GGUF_STRING && type != GGUF_ARRAY;
}

static enum err no_key(const struct gguf *g, const char *key)
{
	return err_set(ERR_FORMAT, "%s: there is no key %s", g->map.label, key);
}

static enum err wrong_type(const struct gguf *g, const char *key,
			   const struct gguf_value *v, const char *wanted)
{
	return err_set(ERR_FORMAT, "%s: key %s is %s, not %s", g->map.label, key,
		       gguf_type_name(v->type), wanted);
}

enum err gguf_int(const struct gguf *g, const char *key, int64_t lo, int64_t hi,
		  int64_t *out)
{
	const struct gguf_value *v = gguf_value(g, key);
	if (!v)
		return no_key(g, key);
	if (!is_integer(v->type))
		return wrong_type(g, key, v, "an integer");
	if (v->integer < lo || v->integer > hi)
		return err_set(ERR_FORMAT,
			       "%s: key %s is %lld, which is not in %lld ... %lld",
			       g->map.label, key, (long long)v->integer, (long long)lo,
			       (long long)hi);
	*out = v->integer;
	return OK;
}

enum err gguf_num(const struct gguf *g, const char *key, double lo, double hi,
		  double *out)
{
	const struct gguf_value *v = gguf_value(g, key);
	if (!v)
		return no_key(g, key);
	if (v->type != GGUF_F32 && v->type != GGUF_F64)
		return wrong_type(g, key, v, "a number with a point");
	if (!(v->number >= lo && v->number <= hi))
		return err_set(ERR_FORMAT, "%s: key %s is %g, which is not in %g ... %g",
			       g->map.label, key, v->number, lo, hi);
	*out = v->number;
	return OK;
}

enum err gguf_bool(const struct gguf *g, const char *key, bool missing, bool *out)
{
	const struct gguf_value *v = gguf_value(g, key);
	*out = v ? v->integer != 0 : missing;
	return !v || v->type == GGUF_BOOL ? OK : wrong_type(g, key, v, "a bool");
}

enum err gguf_string(const struct gguf *g, const char *key, const struct gguf_value **out)
{
	const struct gguf_value *v = gguf_value(g, key);
	*out = v;
	if (!v)
		return no_key(g, key);
	return v->type == GGUF_STRING ? OK : wrong_type(g, key, v, "a string");
}

enum err gguf_array(const struct gguf *g, const char *key, enum gguf_type element,
		    const struct gguf_value **out)
{
	const struct gguf_value *v = gguf_value(g, key);
	*out = v;
	if (!v)
		return no_key(g, key);
	if (v->type != GGUF_ARRAY)
		return wrong_type(g, key, v, "a list");
	if (v->element == element)
		return OK;
	return err_set(ERR_FORMAT, "%s: an element of key %s is %s, not %s", g->map.label,
		       key, gguf_type_name(v->element), gguf_type_name(element));
}

bool gguf_string_is(const struct gguf_value *v, const char *text)
{
	return v->size == strlen(text) && !memcmp(v->bytes, text, v->size);
}

int64_t gguf_element(const struct gguf_value *array, size_t i)
{
	const unsigned char *p = (const unsigned char *)array->bytes;
	assert(array->type == GGUF_ARRAY && i < array->count);
	switch (array->element) {
	case GGUF_U8:
	case GGUF_BOOL:
		return p[i];
	case GGUF_I8:
		return (int8_t)p[i];
	case GGUF_U16:
		return le16(p + 2 * i);
	case GGUF_I16:
		return (int16_t)le16(p + 2 * i);
	case GGUF_U32:
		return le32(p + 4 * i);
	case GGUF_I32:
		return (int32_t)le32(p + 4 * i);
	case GGUF_U64:
	case GGUF_I64:
		return (int64_t)le64(p + 8 * i);
	default:
		assert(!"an array of integers");
		return 0;
	}
}

struct gguf_strings gguf_strings(const struct gguf_value *array)
{
	assert(array->type == GGUF_ARRAY && array->element == GGUF_STRING);
	return (struct gguf_strings){ array->bytes, array->size, array->count };
}

bool gguf_strings_next(struct gguf_strings *w, const char **s, size_t *n)
{
	if (w->count == 0 || w->size < 8)
		return false;
	uint64_t length = le64((const unsigned char *)w->at);
	if (length > w->size - 8)
		return false;
	*s = w->at + 8;
	*n = (size_t)length;
	w->at += 8 + *n;
	w->size -= 8 + *n;
	w->count--;
	return true;
}
