#include "tensor/safetensors.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "tensor/file_map.h"
#include "tensor/shown.h"

#define HEADER_MAX 100000000u
#define PREFIX 8u

/* Invariant after opening: every entry's bytes lie within the map; entries are sorted by
 * name and names are unique. Names live in `header`. */
struct safetensors {
	struct file_map map;
	json_t *header;
	struct safetensors_entry *entry;
	size_t count;
};

/* One entry while the header is checked; offsets count from the start of the data. */
struct span {
	uint64_t begin, end;
	const char *name;
};

struct reader {
	struct safetensors *st;
	size_t data_at; /* where the tensors' bytes begin in the file */
	struct span *span;
};

/* "FILE: tensor NAME" and then what is wrong with it. */
static enum err refuse(enum err code, const struct safetensors *st, const char *name,
		       const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static enum err refuse(enum err code, const struct safetensors *st, const char *name,
		       const char *fmt, ...)
{
	char fact[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(fact, sizeof(fact), fmt, ap);
	va_end(ap);
	return err_set(code, "%s: tensor %s%s", st->map.label,
		       shown(name, (char[SHOWN]){ 0 }), fact);
}

static enum err header_size(const struct safetensors *st, size_t *n)
{
	const char *label = st->map.label;
	unsigned char b[PREFIX];
	if (st->map.size < PREFIX)
		return err_set(ERR_FORMAT, "%s: %zu bytes are too few for safetensors",
			       label, st->map.size);
	enum err e = file_map_read(&st->map, 0, b, PREFIX);
	if (e)
		return e;
	uint64_t size = 0;
	for (int i = PREFIX - 1; i >= 0; i--)
		size = size << 8 | b[i];
	if (size > HEADER_MAX)
		return err_set(ERR_FORMAT,
			       "%s: not safetensors: a header of %llu bytes (at most %u)",
			       label, (unsigned long long)size, HEADER_MAX);
	if (size > st->map.size - PREFIX)
		return err_set(
			ERR_FORMAT,
			"%s: cut off: the header has %llu bytes, the file %zu in all",
			label, (unsigned long long)size, st->map.size);
	*n = (size_t)size;
	return OK;
}

static enum err read_header(struct safetensors *st, size_t *data_at)
{
	size_t n = 0;
	enum err e = header_size(st, &n);
	if (e)
		return e;
	char *text = malloc(n + 1);
	if (!text)
		return err_set(ERR_NOMEM, "%s: no memory for a header of %zu MiB",
			       st->map.label, n >> 20);
	e = file_map_read(&st->map, PREFIX, text, n);
	if (!e)
		e = json_read(text, n, st->map.label, &st->header);
	free(text);
	if (!e && !json_is_object(st->header))
		e = err_set(ERR_FORMAT, "%s: the header is not an object", st->map.label);
	*data_at = PREFIX + n;
	return e;
}

static enum err check_metadata(const struct safetensors *st, const json_t *metadata)
{
	if (!json_is_object(metadata))
		return err_set(ERR_FORMAT, "%s: __metadata__ is not an object",
			       st->map.label);
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)metadata, key, value) if (
		!json_is_string(
			value)) return err_set(ERR_FORMAT,
					       "%s: __metadata__: %s is not a string",
					       st->map.label,
					       shown(key, (char[SHOWN]){ 0 }));
	return OK;
}

/* A JSON integer that is not negative and has no point or exponent. */
static bool unsigned_of(const json_t *v, uint64_t *out)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*out = (uint64_t)json_integer_value(v);
	return true;
}

static enum err read_dtype(const struct safetensors *st, const char *name,
			   const json_t *info, enum dtype *out)
{
	static const enum dtype readable[] = { DT_F32, DT_F16, DT_BF16, DT_F64, DT_I64 };
	const char *text = json_string_value(json_object_get(info, "dtype"));
	if (!text)
		return refuse(ERR_FORMAT, st, name, " has no dtype");
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		if (!strcmp(text, dtype_name(readable[i]))) {
			*out = readable[i];
			return OK;
		}
	return refuse(ERR_UNSUPPORTED, st, name,
		      " has dtype %s; F32, F16, BF16, F64 and I64 can be read",
		      str_escaped((char[40]){ 0 }, 40, text, strlen(text)));
}

static enum err read_shape(const struct safetensors *st, const char *name,
			   const json_t *info, enum dtype dtype, struct tensor *out)
{
	const json_t *shape = json_object_get(info, "shape");
	if (!json_is_array(shape))
		return refuse(ERR_FORMAT, st, name, " has no shape");
	size_t n = json_array_size(shape);
	if (n > TENSOR_MAX_DIMS)
		return refuse(ERR_UNSUPPORTED, st, name,
			      " has %zu dimensions, at most %d", n, TENSOR_MAX_DIMS);
	int64_t dim[TENSOR_MAX_DIMS], count;
	for (size_t i = 0; i < n; i++) {
		uint64_t d;
		if (!unsigned_of(json_array_get(shape, i), &d))
			return refuse(ERR_FORMAT, st, name,
				      ": shape[%zu] is not an unsigned integer", i);
		dim[i] = (int64_t)d;
	}
	int64_t bytes;
	if (!shape_count((int)n, dim, &count) ||
	    __builtin_mul_overflow(count, (int64_t)dtype_size(dtype), &bytes))
		return refuse(ERR_FORMAT, st, name, ": the size of its shape overflows");
	*out = tensor_of(dtype, NULL, (int)n, dim);
	return OK;
}

static enum err read_offsets(const struct safetensors *st, const char *name,
			     const json_t *info, struct span *out)
{
	const json_t *offsets = json_object_get(info, "data_offsets");
	if (!json_is_array(offsets) || json_array_size(offsets) != 2)
		return refuse(ERR_FORMAT, st, name, " has no pair of data_offsets");
	if (!unsigned_of(json_array_get(offsets, 0), &out->begin) ||
	    !unsigned_of(json_array_get(offsets, 1), &out->end))
		return refuse(ERR_FORMAT, st, name,
			      ": data_offsets are not unsigned integers");
	if (out->end < out->begin)
		return refuse(ERR_FORMAT, st, name,
			      ": data_offsets end before they begin");
	out->name = name;
	return OK;
}

static enum err read_entry(struct reader *r, const char *name, const json_t *info)
{
	struct safetensors *st = r->st;
	struct safetensors_entry *entry = &st->entry[st->count];
	struct span *span = &r->span[st->count];
	enum dtype dtype = DT_F32;
	if (!json_is_object(info))
		return refuse(ERR_FORMAT, st, name, " is not described by an object");
	enum err e = read_dtype(st, name, info, &dtype);
	if (!e)
		e = read_shape(st, name, info, dtype, &entry->tensor);
	if (!e)
		e = read_offsets(st, name, info, span);
	if (e)
		return e;
	uint64_t bytes = (uint64_t)tensor_bytes(&entry->tensor);
	if (span->end - span->begin != bytes)
		return refuse(ERR_FORMAT, st, name,
			      ": its shape takes %llu bytes, its data_offsets %llu",
			      (unsigned long long)bytes,
			      (unsigned long long)(span->end - span->begin));
	if (span->end > st->map.size - r->data_at)
		return refuse(ERR_FORMAT, st, name,
			      ": its data end past the end of the file");
	entry->name = name;
	if (st->map.data) /* the map is read-only: nobody writes through this */
		entry->tensor.data =
			(void *)(uintptr_t)(st->map.data + r->data_at + span->begin);
	st->count++;
	return OK;
}

static int by_offset(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	return strcmp(x->name, y->name); /* so that the message is the same everywhere */
}

static int by_name(const void *a, const void *b)
{
	const struct safetensors_entry *x = a, *y = b;
	return strcmp(x->name, y->name);
}

/* The tensors tile the data: no overlap, no gap, nothing left over. */
static enum err check_tiling(struct reader *r)
{
	const struct safetensors *st = r->st;
	qsort(r->span, st->count, sizeof(*r->span), by_offset);
	uint64_t at = 0;
	for (size_t i = 0; i < st->count; i++) {
		const struct span *s = &r->span[i];
		if (s->begin < at)
			return refuse(ERR_FORMAT, st, s->name,
				      " overlaps the one before it by %llu bytes",
				      (unsigned long long)(at - s->begin));
		if (s->begin > at)
			return refuse(ERR_FORMAT, st, s->name,
				      " begins after a gap of %llu bytes",
				      (unsigned long long)(s->begin - at));
		at = s->end;
	}
	uint64_t left = st->map.size - r->data_at - at;
	if (left)
		return err_set(ERR_FORMAT, "%s: %llu bytes after the last tensor",
			       st->map.label, (unsigned long long)left);
	return OK;
}

static enum err read_entries(struct reader *r)
{
	struct safetensors *st = r->st;
	size_t n = json_object_size(st->header);
	st->entry = mem_alloc(n * sizeof(*st->entry));
	r->span = mem_alloc(n * sizeof(*r->span));
	const char *name;
	json_t *info;
	enum err e = OK;
	json_object_foreach(st->header, name, info)
	{
		if (strcmp(name, "__metadata__") == 0)
			e = check_metadata(st, info);
		else
			e = read_entry(r, name, info);
		if (e)
			break;
	}
	if (!e)
		e = check_tiling(r);
	free(r->span);
	qsort(st->entry, st->count, sizeof(*st->entry), by_name);
	return e;
}

enum err safetensors_open(const char *path, struct safetensors **out)
{
	struct safetensors *st = mem_alloc(sizeof(*st));
	struct reader r = { .st = st };
	*out = NULL;
	enum err e = file_map_open(&st->map, path);
	if (!e)
		e = read_header(st, &r.data_at);
	if (!e)
		e = read_entries(&r);
	if (e) {
		safetensors_free(st);
		return e;
	}
	*out = st;
	return OK;
}

void safetensors_free(struct safetensors *st)
{
	if (!st)
		return;
	json_decref(st->header);
	free(st->entry);
	file_map_release(&st->map);
	free(st);
}

size_t safetensors_count(const struct safetensors *st) { return st->count; }

const struct safetensors_entry *safetensors_at(const struct safetensors *st, size_t i)
{
	assert(i < st->count);
	return &st->entry[i];
}

const struct safetensors_entry *safetensors_find(const struct safetensors *st,
						 const char *name)
{
	struct safetensors_entry key = { .name = name };
	return bsearch(&key, st->entry, st->count, sizeof(*st->entry), by_name);
}

const char *safetensors_label(const struct safetensors *st) { return st->map.label; }

int64_t safetensors_bytes(const struct safetensors *st) { return (int64_t)st->map.size; }

const char *safetensors_metadata(const struct safetensors *st, const char *key)
{
	const json_t *m = json_object_get(st->header, "__metadata__");
	return json_string_value(json_object_get(m, key));
}

enum err safetensors_check(const struct safetensors *st)
{
	return file_map_check(&st->map);
}
