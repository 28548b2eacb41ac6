#include "tensor/weights_format.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "tensor/gguf_source.h"
#include "tensor/safetensors.h"
#include "tensor/torch_file.h"

#define INDEX ".index.json"

/* ---- safetensors ---- */

static bool safetensors_has(void *self, const char *name, struct tensor *stored)
{
	const struct safetensors_entry *e = safetensors_find(self, name);
	if (e)
		*stored = e->tensor;
	return e != NULL;
}

static void safetensors_fill(void *self, const char *name, const struct tensor *shape,
			     int64_t begin, int64_t end, float *out)
{
	(void)shape;
	const struct tensor *t = &safetensors_find(self, name)->tensor;
	const char *from = t->data;
	dtype_to_f32(t->dtype, from + (size_t)begin * dtype_size(t->dtype), out,
		     (size_t)(end - begin));
}

static enum err safetensors_whole(void *self) { return safetensors_check(self); }
static void safetensors_close(void *self) { safetensors_free(self); }
static const char *safetensors_path(const void *self) { return safetensors_label(self); }

static enum err safetensors_begin(const char *path, void **self)
{
	struct safetensors *st;
	enum err e = safetensors_open(path, &st);
	*self = st;
	return e;
}

static const struct weights_format safetensors_format = {
	.source = { .name = "safetensors",
		    .mapped = true,
		    .find = safetensors_has,
		    .fill = safetensors_fill,
		    .check = safetensors_whole,
		    .free = safetensors_close },
	.usual = "model.safetensors",
	.suffixes = (const char *const[]){ ".safetensors", NULL },
	.open = safetensors_begin,
	.label = safetensors_path,
};

/* ---- torch.save ---- */

static bool torch_has(void *self, const char *name, struct tensor *stored)
{
	const struct torch_entry *e = torch_file_find(self, name);
	if (e)
		*stored = e->tensor;
	return e != NULL;
}

static void torch_fill(void *self, const char *name, const struct tensor *shape,
		       int64_t begin, int64_t end, float *out)
{
	(void)shape;
	torch_entry_read(torch_file_find(self, name), begin, end, out);
}

static enum err torch_whole(void *self) { return torch_file_check(self); }
static void torch_close(void *self) { torch_file_free(self); }
static const char *torch_path(const void *self) { return torch_file_label(self); }

static enum err torch_begin(const char *path, void **self)
{
	struct torch_file *f;
	enum err e = torch_file_open(path, &f);
	*self = f;
	return e;
}

static const struct weights_format torch_format = {
	.source = { .name = "pytorch",
		    .mapped = true,
		    .find = torch_has,
		    .fill = torch_fill,
		    .check = torch_whole,
		    .free = torch_close },
	.usual = "pytorch_model.bin",
	.suffixes = (const char *const[]){ ".bin", ".pt", ".pth", NULL },
	.open = torch_begin,
	.label = torch_path,
};

/* ---- which is which ---- */

const struct weights_format *const weights_formats[] = { &safetensors_format,
							 &torch_format, &gguf_format,
							 NULL };

/* Whether the first n bytes of text end so. */
static bool ends_in(const char *text, size_t n, const char *end)
{
	size_t m = strlen(end);
	return n >= m && !memcmp(text + n - m, end, m);
}

bool weights_is_index(const char *path) { return ends_in(path, strlen(path), INDEX); }

const struct weights_format *weights_format_of(const char *path)
{
	size_t n = strlen(path);
	if (weights_is_index(path))
		n -= strlen(INDEX);
	for (const struct weights_format *const *f = weights_formats; *f; f++)
		for (const char *const *s = (*f)->suffixes; *s; s++)
			if (ends_in(path, n, *s))
				return *f;
	return NULL;
}

enum err weights_config(const char *path, struct hfconfig **out)
{
	const struct weights_format *format = weights_format_of(path);
	assert(format && format->config);
	return format->config(path, out);
}
