#include "tensor/tensors.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "tensor/tensors_private.h"

#define SHAPE 128 /* for shape_text(): five dimensions of any size fit */

struct tensors *tensors_create(const struct tensors_source *source, void *self,
			       const char *label)
{
	struct tensors *t = mem_alloc(sizeof(*t));
	t->source = source;
	t->self = self;
	t->label = str_dup(label);
	t->generated = t->held_as = DT_F32;
	return t;
}

void tensors_free(struct tensors *t)
{
	if (!t)
		return;
	for (int i = 0; i < t->held_count; i++)
		free(t->held[i].key);
	for (int i = 0; i < t->piece_count; i++)
		free(t->piece[i].name);
	free(t->held);
	free(t->piece);
	slabs_release(&t->slabs);
	if (t->source->free)
		t->source->free(t->self);
	free(t->label);
	free(t->config);
	free(t);
}

const char *tensors_label(const struct tensors *t) { return t->label; }

const char *tensors_format(const struct tensors *t) { return t->source->name; }

bool tensors_is_generated(const struct tensors *t) { return !t->source->find; }

bool tensors_find(const struct tensors *t, const char *name, struct tensor *stored)
{
	return t->source->find && t->source->find(t->self, name, stored);
}

int64_t tensors_params(const struct tensors *t) { return t->params; }

int64_t tensors_bytes(const struct tensors *t) { return t->bytes; }

void tensors_generate_as(struct tensors *t, enum dtype dtype)
{
	assert(dtype == DT_F32 || dtype == DT_F16 || dtype == DT_BF16);
	t->generated = dtype;
}

void tensors_hold_as(struct tensors *t, enum dtype dtype)
{
	assert(dtype == DT_F32 || dtype == DT_F16 || dtype == DT_BF16);
	assert(!t->held_count);
	t->held_as = dtype;
}

void tensors_set_config_label(struct tensors *t, const char *label)
{
	free(t->config);
	t->config = str_dup(label);
}

/* The first failure stays. It is about tensor `name`, so it begins with the file that has
 * it. */
static void fail(struct tensors *, const char *name, enum err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void fail(struct tensors *t, const char *name, enum err code, const char *fmt, ...)
{
	if (t->error)
		return;
	const char *file = t->source->file_of ? t->source->file_of(t->self, name) : NULL;
	struct str s = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_addf(&s, "%s: ", file ? file : t->label);
	str_addv(&s, fmt, ap);
	va_end(ap);
	t->error = code;
	snprintf(t->message, sizeof(t->message), "%s", str_get(&s));
	str_release(&s);
}

enum err tensors_error(const struct tensors *t)
{
	if (t->error)
		return err_set(t->error, "%s", t->message);
	return t->source->check ? t->source->check(t->self) : OK;
}

static bool same_shape(const struct tensor *t, int ndim, const int64_t *dim)
{
	return t->ndim == ndim && !memcmp(t->dim, dim, (size_t)ndim * sizeof(*dim));
}

/* The same but for dimensions of one. */
static bool same_squeezed(const struct tensor *t, int ndim, const int64_t *dim)
{
	int i = 0, j = 0;
	for (;; i++, j++) {
		while (i < t->ndim && t->dim[i] == 1)
			i++;
		while (j < ndim && dim[j] == 1)
			j++;
		if (i == t->ndim || j == ndim)
			return i == t->ndim && j == ndim;
		if (t->dim[i] != dim[j])
			return false;
	}
}

static bool fits(const struct tensors *t, const struct tensor *stored,
		 const struct tensor *wanted)
{
	return same_shape(stored, wanted->ndim, wanted->dim) ||
	       (t->source->squeezes && same_squeezed(stored, wanted->ndim, wanted->dim));
}

static bool is_float(enum dtype d)
{
	return d == DT_F32 || d == DT_F16 || d == DT_BF16 || d == DT_F64;
}

/* A source that could not look (a shard is missing) has the better message. */
static void fail_to_find(struct tensors *t, const char *name, const struct tensor *wanted)
{
	char want[SHAPE];
	enum err e = t->source->check ? t->source->check(t->self) : OK;
	if (!e) {
		fail(t, name, ERR_FORMAT,
		     "there is no tensor %s, which the model%s%s needs as %s", name,
		     t->config ? " of " : "", t->config ? t->config : "",
		     shape_text(wanted->ndim, wanted->dim, want, sizeof(want)));
	} else if (!t->error) {
		t->error = e;
		snprintf(t->message, sizeof(t->message), "%s", err_message());
	}
}

/* Which of the two is wrong, nobody can know here: both are named. */
static void fail_to_fit(struct tensors *t, const char *name, const struct tensor *wanted,
			const struct tensor *stored)
{
	char is[SHAPE], want[SHAPE];
	shape_text(stored->ndim, stored->dim, is, sizeof(is));
	shape_text(wanted->ndim, wanted->dim, want, sizeof(want));
	if (t->config)
		fail(t, name, ERR_FORMAT, "tensor %s is %s, but %s makes it %s", name, is,
		     t->config, want);
	else
		fail(t, name, ERR_FORMAT, "tensor %s is %s, the model needs %s", name, is,
		     want);
}

/* The stored tensor where it is what the model wants; else the set fails. */
static bool look_up(struct tensors *t, const char *name, const struct tensor *wanted,
		    struct tensor *stored)
{
	*stored = *wanted;
	if (!t->source->find)
		return true;
	if (!t->source->find(t->self, name, stored))
		fail_to_find(t, name, wanted);
	else if (!fits(t, stored, wanted))
		fail_to_fit(t, name, wanted, stored);
	else if (!is_float(stored->dtype))
		fail(t, name, ERR_FORMAT, "tensor %s is %s, which is no weight", name,
		     dtype_name(stored->dtype));
	return t->error == OK;
}

static void *reserve(struct tensors *t, const char *name, const struct tensor *shape)
{
	void *p = slabs_alloc(&t->slabs, (size_t)tensor_bytes(shape));
	if (!p)
		fail(t, name, ERR_NOMEM, "no memory for tensor %s of %lld MiB", name,
		     (long long)(tensor_bytes(shape) >> 20));
	return p;
}

static void add_piece(struct tensors *t, const char *name, const struct tensor *to,
		      bool in_place)
{
	t->piece = mem_grow(t->piece, (size_t)t->piece_count + 1, sizeof(*t->piece));
	t->piece[t->piece_count++] =
		(struct piece){ .name = str_dup(name), .to = *to, .in_place = in_place };
}

/* What was asked for as `key` in this shape and dtype (DT_COUNT: in any). */
static const struct tensor *find_held(const struct tensors *t, const char *key,
				      const struct tensor *wanted, enum dtype dtype)
{
	for (int i = 0; i < t->held_count; i++) {
		const struct held *h = &t->held[i];
		if ((dtype == DT_COUNT || h->tensor.dtype == dtype) &&
		    same_shape(&h->tensor, wanted->ndim, wanted->dim) &&
		    !strcmp(h->key, key))
			return &h->tensor;
	}
	return NULL;
}

/* Takes key. In another dtype it takes memory again, but is no other parameter. */
static struct tensor hold(struct tensors *t, char *key, const struct tensor *tensor)
{
	if (!find_held(t, key, tensor, DT_COUNT))
		t->params += tensor_count(tensor);
	t->bytes += tensor_bytes(tensor);
	t->held = mem_grow(t->held, (size_t)t->held_count + 1, sizeof(*t->held));
	t->held[t->held_count++] = (struct held){ .key = key, .tensor = *tensor };
	return *tensor;
}

/* An F32 shape without data, or an empty one where no memory could hold it. */
static struct tensor wanted_shape(struct tensors *t, const char *name, int ndim,
				  const int64_t *dim)
{
	int64_t count, bytes;
	if (shape_count(ndim, dim, &count) &&
	    !__builtin_mul_overflow(count, (int64_t)sizeof(float), &bytes))
		return tensor_of(DT_F32, NULL, ndim, dim);
	char text[SHAPE];
	fail(t, name, ERR_FORMAT, "tensor %s cannot have shape %s", name,
	     shape_text(ndim, dim, text, sizeof(text)));
	return tensor_of(DT_F32, NULL, DIMS(0));
}

/* Whether the source has its numbers in memory as this type. */
static bool lies_as(const struct tensor *stored, enum dtype dtype)
{
	return stored->data && stored->dtype == dtype &&
	       (uintptr_t)stored->data % dtype_size(dtype) == 0;
}

static enum dtype type_as_stored(const struct tensors *t, const struct tensor *stored)
{
	if (t->held_as != DT_F32)
		return t->held_as;
	if (tensors_is_generated(t))
		return t->generated;
	bool half = lies_as(stored, DT_F16) || lies_as(stored, DT_BF16);
	return half ? stored->dtype : DT_F32;
}

/* `wanted` gets what lies in the source, or memory to fill. */
static struct tensor get(struct tensors *t, const char *name, struct tensor wanted,
			 const struct tensor *stored)
{
	const struct tensor *known = find_held(t, name, &wanted, wanted.dtype);
	if (known)
		return *known;
	bool in_place = lies_as(stored, wanted.dtype);
	wanted.data = in_place ? stored->data : reserve(t, name, &wanted);
	if (!wanted.data)
		return wanted;
	add_piece(t, name, &wanted, in_place);
	return hold(t, str_dup(name), &wanted);
}

struct tensor tensors_get(struct tensors *t, const char *name, int ndim,
			  const int64_t *dim)
{
	struct tensor wanted = wanted_shape(t, name, ndim, dim), stored;
	if (t->error || !look_up(t, name, &wanted, &stored))
		return wanted;
	return get(t, name, wanted, &stored);
}

struct tensor tensors_get_stored(struct tensors *t, const char *name, int ndim,
				 const int64_t *dim)
{
	struct tensor wanted = wanted_shape(t, name, ndim, dim), stored;
	if (t->error || !look_up(t, name, &wanted, &stored))
		return wanted;
	wanted.dtype = type_as_stored(t, &stored);
	return get(t, name, wanted, &stored);
}

static char *joined(const char *const *names, int n)
{
	struct str s = STR_INIT;
	for (int i = 0; i < n; i++)
		str_addf(&s, "%s%s", i ? "+" : "", names[i]);
	return str_detach(&s);
}

/* Every part is there before anything is reserved. */
static bool look_up_parts(struct tensors *t, const char *const *names, int parts,
			  const struct tensor *part, enum dtype *dtype)
{
	struct tensor stored;
	for (int i = 0; i < parts; i++) {
		if (!look_up(t, names[i], part, &stored))
			return false;
		enum dtype mine = type_as_stored(t, &stored);
		*dtype = i && *dtype != mine ? DT_F32 : mine;
	}
	return true;
}

/* `wanted` of this dtype, its parts filled one by one. Takes key. */
static struct tensor stack(struct tensors *t, char *key, const char *const *names,
			   int parts, struct tensor wanted, struct tensor part)
{
	const struct tensor *known = find_held(t, key, &wanted, wanted.dtype);
	if (known)
		wanted = *known;
	else
		wanted.data = reserve(t, key, &wanted);
	if (known || !wanted.data) {
		free(key);
		return wanted;
	}
	part.dtype = wanted.dtype;
	for (int i = 0; i < parts; i++) {
		part.data = (char *)wanted.data + i * tensor_bytes(&part);
		add_piece(t, names[i], &part, false);
	}
	return hold(t, key, &wanted);
}

static struct tensor get_stacked(struct tensors *t, const char *const *names, int parts,
				 int ndim, const int64_t *dim, bool as_stored)
{
	assert(parts > 0 && ndim > 0 && dim[0] % parts == 0);
	struct tensor wanted = wanted_shape(t, names[0], ndim, dim);
	struct tensor part = wanted;
	enum dtype dtype = DT_F32;
	if (t->error)
		return wanted;
	part.dim[0] /= parts;
	part.ld = tensor_cols(&part);
	if (!look_up_parts(t, names, parts, &part, &dtype))
		return wanted;
	wanted.dtype = as_stored ? dtype : DT_F32;
	return stack(t, joined(names, parts), names, parts, wanted, part);
}

struct tensor tensors_get_stacked(struct tensors *t, const char *const *names, int parts,
				  int ndim, const int64_t *dim)
{
	return get_stacked(t, names, parts, ndim, dim, false);
}

struct tensor tensors_get_stacked_stored(struct tensors *t, const char *const *names,
					 int parts, int ndim, const int64_t *dim)
{
	return get_stacked(t, names, parts, ndim, dim, true);
}
