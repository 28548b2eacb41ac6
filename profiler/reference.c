#include "profiler/reference.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

void reference_release(struct reference *r)
{
	free(r->key);
	free(r->rows);
	*r = (struct reference){ 0 };
}

void reference_begin(struct reference *r, const char *key, int64_t n)
{
	reference_release(r);
	r->key = str_dup(key);
	r->n_planned = n;
}

static bool make_room(struct reference *r, int64_t cols)
{
	const int64_t most = REFERENCE_MAX_BYTES / (int64_t)sizeof(float);
	r->cols = cols;
	if (cols >= 1 && r->n_planned >= 1 && r->n_planned <= most / cols)
		r->rows = malloc(sizeof(float) * (size_t)(r->n_planned * cols));
	return r->rows;
}

void reference_add(struct reference *r, const struct tensor *x, int64_t items)
{
	int64_t cols = tensor_cols(x);
	if (!r->key)
		return;
	if ((!r->rows && !make_room(r, cols)) || cols != r->cols ||
	    items > r->n_planned - r->n) {
		reference_release(r);
		return;
	}
	for (int64_t i = 0; i < items; i++)
		memcpy(r->rows + (r->n + i) * cols, tensor_row(x, i),
		       sizeof(float) * (size_t)cols);
	r->n += items;
}

bool reference_holds(const struct reference *r, const char *key)
{
	return r->key && r->rows && r->n == r->n_planned && !strcmp(r->key, key);
}

struct tensor reference_rows(const struct reference *r, int64_t first, int64_t items)
{
	int64_t left = r->n - first;
	return tensor_of(DT_F32, r->rows + first * r->cols,
			 DIMS(items < left ? items : left, r->cols));
}
