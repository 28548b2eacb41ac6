#include "tensor/torch_pickle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "tensor/pickle_machine.h"
#include "tensor/shown.h"

struct torch_pickle {
	struct torch_tensor *tensor;
	size_t count, room;
	struct scratch texts; /* the machine's: names and keys */
};

/* ---- what it left: tensors by name ---- */

static enum err bad_tensor(const struct pickle_machine *m, enum err code,
			   const char *name, const char *fact)
{
	return pickle_refuse(m, code, "tensor %s %s", shown(name, (char[SHOWN]){ 0 }),
			     fact);
}

static enum err read_dims(const struct pickle_machine *m,
			  const struct pickle_value *sizes,
			  const struct pickle_value *strides, struct torch_tensor *t)
{
	if (sizes->count != strides->count)
		return bad_tensor(m, ERR_FORMAT, t->name,
				  "has more or fewer strides than dimensions");
	if (sizes->count > TENSOR_MAX_DIMS)
		return pickle_refuse(m, ERR_UNSUPPORTED,
				     "tensor %s has %u dimensions, at most %d",
				     shown(t->name, (char[SHOWN]){ 0 }), sizes->count,
				     TENSOR_MAX_DIMS);
	t->ndim = (int)sizes->count;
	for (uint32_t i = 0; i < sizes->count; i++) {
		if (!pickle_item_is(m, sizes, i, VALUE_INT) ||
		    !pickle_item_is(m, strides, i, VALUE_INT) ||
		    pickle_item(m, sizes, i)->number < 0 ||
		    pickle_item(m, strides, i)->number < 0)
			return bad_tensor(m, ERR_FORMAT, t->name,
					  "has a size or stride that is no unsigned "
					  "integer");
		t->dim[i] = pickle_item(m, sizes, i)->number;
		t->stride[i] = pickle_item(m, strides, i)->number;
	}
	return OK;
}

/* The last element lies within the storage. */
static enum err check_reach(const struct pickle_machine *m, const struct torch_tensor *t)
{
	int64_t count, bytes, last = t->offset;
	if (!shape_count(t->ndim, t->dim, &count) ||
	    __builtin_mul_overflow(count, (int64_t)sizeof(double), &bytes))
		return bad_tensor(m, ERR_FORMAT, t->name, "has a size that overflows");
	if (t->offset < 0 || t->storage_count < 0)
		return bad_tensor(m, ERR_FORMAT, t->name,
				  "has a negative offset or storage");
	for (int i = 0; count && i < t->ndim; i++) {
		int64_t steps;
		if (__builtin_mul_overflow(t->dim[i] - 1, t->stride[i], &steps) ||
		    __builtin_add_overflow(last, steps, &last))
			return bad_tensor(m, ERR_FORMAT, t->name,
					  "has strides that overflow");
	}
	if (count && last >= t->storage_count)
		return pickle_refuse(
			m, ERR_FORMAT,
			"tensor %s reaches element %lld of a storage of %lld",
			shown(t->name, (char[SHOWN]){ 0 }), (long long)last,
			(long long)t->storage_count);
	return OK;
}

static enum err describe(const struct pickle_machine *m, const char *name,
			 const struct pickle_value *args, struct torch_tensor *t)
{
	const struct pickle_value *storage = pickle_item(m, args, 0);
	*t = (struct torch_tensor){ .name = name,
				    .storage = pickle_item(m, storage, 2)->text,
				    .dtype = pickle_item(m, storage, 1)->global->dtype,
				    .storage_count = pickle_item(m, storage, 4)->number,
				    .offset = pickle_item(m, args, 1)->number };
	enum err e = read_dims(m, pickle_item(m, args, 2), pickle_item(m, args, 3), t);
	return e ? e : check_reach(m, t);
}

static int by_name(const void *a, const void *b)
{
	const struct torch_tensor *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static struct torch_tensor *add_tensor(struct torch_pickle *out)
{
	if (out->count == out->room) {
		out->room = out->room ? 2 * out->room : 64;
		out->tensor = mem_grow(out->tensor, out->room, sizeof(*out->tensor));
	}
	return &out->tensor[out->count++];
}

static enum err collect(const struct pickle_machine *m, struct torch_pickle *out)
{
	const struct pickle_value *root = pickle_value(m, m->stack.at[0]);
	if (root->kind != VALUE_DICT)
		return pickle_refuse(m, ERR_UNSUPPORTED,
				     "it holds no dictionary of tensors: " PICKLE_ADVICE);
	for (uint32_t i = root->first; i != PICKLE_NO_PAIR; i = m->pair[i].next) {
		const struct pickle_value *key = pickle_value(m, m->pair[i].key);
		const struct pickle_value *value = pickle_value(m, m->pair[i].value);
		if (key->kind != VALUE_TEXT || value->kind != VALUE_TENSOR)
			continue;
		enum err e = describe(m, key->text, value, add_tensor(out));
		if (e)
			return e;
	}
	if (!out->count && root->first != PICKLE_NO_PAIR)
		return pickle_refuse(
			m, ERR_UNSUPPORTED,
			"its dictionary holds no tensors by name: " PICKLE_ADVICE);
	if (!out->count)
		return OK;
	qsort(out->tensor, out->count, sizeof(*out->tensor), by_name);
	for (size_t i = 1; i < out->count; i++)
		if (!by_name(&out->tensor[i - 1], &out->tensor[i]))
			return bad_tensor(m, ERR_FORMAT, out->tensor[i].name,
					  "is there twice");
	return OK;
}

enum err torch_pickle_read(const unsigned char *bytes, size_t n, const char *label,
			   struct torch_pickle **out)
{
	struct pickle_machine m = { .bytes = bytes, .size = n, .label = label };
	struct torch_pickle *p = mem_alloc(sizeof(*p));
	enum err e = OK;
	if (n > TORCH_PICKLE_MAX_BYTES)
		e = pickle_refuse(&m, ERR_FORMAT, "a pickle of %zu bytes (at most %u)", n,
				  TORCH_PICKLE_MAX_BYTES);
	if (!e)
		e = pickle_run(&m);
	if (!e)
		e = collect(&m, p);
	p->texts = m.texts;
	m.texts = (struct scratch){ 0 };
	pickle_release(&m);
	if (e) {
		torch_pickle_free(p);
		p = NULL;
	}
	*out = p;
	return e;
}

void torch_pickle_free(struct torch_pickle *p)
{
	if (!p)
		return;
	scratch_release(&p->texts);
	free(p->tensor);
	free(p);
}

size_t torch_pickle_count(const struct torch_pickle *p) { return p->count; }

const struct torch_tensor *torch_pickle_at(const struct torch_pickle *p, size_t i)
{
	assert(i < p->count);
	return &p->tensor[i];
}
