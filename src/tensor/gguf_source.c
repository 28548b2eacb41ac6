#include "tensor/gguf_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "tensor/gguf_arch.h"
#include "tensor/shown.h"

#define NAME 64

struct weights {
	struct gguf *file;
	const struct gguf_arch *arch;
	/* The first tensor that was asked for and cannot be read. */
	enum err error;
	char message[512];
};

static void fail(struct weights *w, const struct gguf_entry *e)
{
	char text[SHOWN];
	if (w->error)
		return;
	w->error = err_set(ERR_UNSUPPORTED,
			   "%s: %s is %s: this version reads F32, F16 and BF16; take "
			   "such a file, or convert the model to one (--outtype f16)",
			   gguf_label(w->file), shown(e->name, text), e->type);
	snprintf(w->message, sizeof(w->message), "%s", err_message());
}

static const struct gguf_entry *entry_of(const struct weights *w, const char *name)
{
	char there[NAME];
	return gguf_arch_name(w->arch, name, there, sizeof(there))
		       ? gguf_find(w->file, there)
		       : NULL;
}

static bool find(void *self, const char *name, struct tensor *stored)
{
	struct weights *w = self;
	const struct gguf_entry *e = entry_of(w, name);
	if (e && !e->readable)
		fail(w, e);
	if (!e || !e->readable)
		return false;
	*stored = e->tensor;
	return true;
}

static void fill(void *self, const char *name, const struct tensor *shape, int64_t begin,
		 int64_t end, float *out)
{
	(void)shape;
	const struct tensor *t = &entry_of(self, name)->tensor;
	const char *from = t->data;
	dtype_to_f32(t->dtype, from + (size_t)begin * dtype_size(t->dtype), out,
		     (size_t)(end - begin));
}

static enum err check(void *self)
{
	const struct weights *w = self;
	return w->error ? err_set(w->error, "%s", w->message) : gguf_check(w->file);
}

static void close_weights(void *self)
{
	struct weights *w = self;
	gguf_free(w->file);
	free(w);
}

static enum err open_weights(const char *path, void **self)
{
	struct weights *w = mem_alloc(sizeof(*w));
	*self = NULL;
	enum err e = gguf_open(path, &w->file);
	if (!e)
		e = gguf_arch_of(w->file, &w->arch);
	if (e) {
		close_weights(w);
		return e;
	}
	*self = w;
	return OK;
}

static const char *label(const void *self)
{
	return gguf_label(((const struct weights *)self)->file);
}

static enum err config(const char *path, struct hfconfig **out)
{
	struct gguf *file;
	*out = NULL;
	enum err e = gguf_open(path, &file);
	if (!e)
		e = gguf_config(file, out);
	if (!e && (e = gguf_check(file))) {
		hfconfig_free(*out);
		*out = NULL;
	}
	gguf_free(file);
	return e;
}

const struct weights_format gguf_format = {
	.source = { .name = "gguf",
		    .find = find,
		    .fill = fill,
		    .check = check,
		    .squeezes = true,
		    .free = close_weights },
	.usual = "model.gguf",
	.suffixes = (const char *const[]){ ".gguf", NULL },
	.open = open_weights,
	.label = label,
	.config = config,
};
