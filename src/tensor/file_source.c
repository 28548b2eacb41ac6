#include "tensor/file_source.h"

#include "tensor/safetensors.h"

static bool find(void *self, const char *name, struct tensor *stored)
{
	const struct safetensors_entry *e = safetensors_find(self, name);
	if (e)
		*stored = e->tensor;
	return e != NULL;
}

static void fill(void *self, const char *name, const struct tensor *shape, int64_t begin,
		 int64_t end, float *out)
{
	(void)shape;
	const struct tensor *t = &safetensors_find(self, name)->tensor;
	const char *from = t->data;
	dtype_to_f32(t->dtype, from + (size_t)begin * dtype_size(t->dtype), out,
		     (size_t)(end - begin));
}

static enum err check(void *self) { return safetensors_check(self); }

static void free_file(void *self) { safetensors_free(self); }

static const struct tensors_source source = {
	.name = "safetensors",
	.find = find,
	.fill = fill,
	.check = check,
	.free = free_file,
};

enum err tensors_open_file(const char *path, struct tensors **out)
{
	struct safetensors *st;
	*out = NULL;
	enum err e = safetensors_open(path, &st);
	if (!e)
		*out = tensors_create(&source, st, safetensors_label(st));
	return e;
}
