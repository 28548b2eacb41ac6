#include "profiler/reference.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define MOST ((size_t)REFERENCE_MAX_BYTES / sizeof(float))

void reference_release(struct reference *r)
{
	free(r->key);
	free(r->values);
	free(r->ends);
	*r = (struct reference){ 0 };
}

void reference_begin(struct reference *r, const char *key, int64_t n)
{
	reference_release(r);
	r->key = str_dup(key);
	r->n_planned = n;
}

static size_t end_of(const struct reference *r)
{
	return r->n ? (size_t)r->ends[r->n - 1] : 0;
}

static bool make_room(struct reference *r, size_t more)
{
	size_t want = end_of(r) + more, room = r->room ? r->room : 4096;
	if (more > MOST || want > MOST)
		return false;
	while (room < want)
		room *= 2;
	if (room == r->room)
		return true;
	float *values = realloc(r->values, room * sizeof(float));
	if (!values)
		return false;
	r->values = values;
	r->room = room;
	return true;
}

void reference_add(struct reference *r, const struct tensor *x, int64_t items)
{
	size_t cols = (size_t)tensor_cols(x);
	if (!r->key)
		return;
	if (!cols || items > r->n_planned - r->n || !make_room(r, (size_t)items * cols)) {
		reference_release(r);
		return;
	}
	for (int64_t i = 0; i < items; i++) {
		size_t at = end_of(r);
		memcpy(r->values + at, tensor_row(x, i), sizeof(float) * cols);
		r->ends = mem_grow(r->ends, (size_t)r->n + 1, sizeof(*r->ends));
		r->ends[r->n++] = (int64_t)(at + cols);
	}
}

bool reference_holds(const struct reference *r, const char *key)
{
	return r->key && r->n && r->n == r->n_planned && !strcmp(r->key, key);
}

struct tensor reference_row(const struct reference *r, int64_t i)
{
	assert(i >= 0 && i < r->n);
	int64_t at = i ? r->ends[i - 1] : 0;
	return tensor_of(DT_F32, r->values + at, DIMS(1, r->ends[i] - at));
}

struct tensor reference_rows(const struct reference *r, int64_t first, int64_t items)
{
	struct tensor rows = reference_row(r, first);
	int64_t left = r->n - first;
	rows.dim[0] = items < left ? items : left;
	return rows;
}
