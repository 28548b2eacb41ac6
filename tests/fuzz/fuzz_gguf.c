/* The container, whatever is in it, and the same file as a model's weights and config. */
#include <string.h>

#include "fuzz.h"
#include "tensor/gguf.h"
#include "tensor/gguf_arch.h"
#include "tensor/weights_format.h"

static size_t touch(const char *bytes, size_t n)
{
	const volatile char *p = bytes;
	for (size_t i = 0; i < n; i++)
		(void)p[i];
	return n;
}

static void walk_value(const struct gguf_value *v)
{
	touch(v->bytes, v->size);
	if (v->type != GGUF_ARRAY)
		return;
	fuzz_check(v->element < GGUF_TYPES && v->element != GGUF_ARRAY, "a flat list");
	size_t seen = 0, n;
	const char *s;
	if (v->element == GGUF_STRING) {
		struct gguf_strings walk = gguf_strings(v);
		for (; gguf_strings_next(&walk, &s, &n); seen++)
			touch(s, n);
		fuzz_check(seen == v->count, "every string is there");
	} else if (v->element != GGUF_F32 && v->element != GGUF_F64) {
		for (size_t i = 0; i < v->count; i++)
			(void)gguf_element(v, i);
	}
}

static void walk_file(const struct gguf *g, size_t n)
{
	/* What seeds and words of a model's files have as keys. */
	static const char *const keys[] = {
		"a",
		"text",
		"list",
		"words",
		"general.name",
		"general.architecture",
		"general.alignment",
		"tokenizer.ggml.tokens",
		"tokenizer.ggml.merges",
	};
	size_t seen = 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct gguf_value *v = gguf_value(g, keys[i]);
		if (v)
			walk_value(v);
	}
	for (size_t i = 0; i < gguf_count(g); i++) {
		const struct gguf_entry *e = gguf_at(g, i);
		fuzz_check(gguf_find(g, e->name) == e, "it is found by name");
		fuzz_check(e->name[0] && strlen(e->name) < 64, "a name is short");
		fuzz_check(e->tensor.ndim <= 4, "and dimensions are few");
		if (e->readable)
			seen += touch(e->tensor.data, (size_t)tensor_bytes(&e->tensor));
	}
	fuzz_check(seen < n, "tensors lie in the file");
}

static void walk_weights(const char *path)
{
	static const char *const names[] = {
		"backbone.embeddings.weight",       "backbone.norm_f.weight",
		"backbone.layers.0.mixer.A",        "backbone.layers.0.norm.weight",
		"backbone.layers.0.mixer.D.weight", "lm_head.weight",
	};
	const struct weights_format *f = weights_format_of("model.gguf");
	struct hfconfig *config;
	void *self;
	if (f->config(path, &config) == OK) {
		fuzz_check(hfconfig_int(config, "hidden_size", 0, 1, INT64_MAX) > 0,
			   "it has a width");
		fuzz_check(hfconfig_error(config) == OK, "it is a config");
		hfconfig_free(config);
	}
	if (f->open(path, &self))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct tensor t;
		float two[2] = { 0 };
		if (f->source.find(self, names[i], &t) && tensor_count(&t) >= 2)
			f->source.fill(self, names[i], &t, tensor_count(&t) - 2,
				       tensor_count(&t), two);
	}
	enum err e = f->source.check(self);
	fuzz_check(e == OK || e == ERR_UNSUPPORTED, "only a type can be in the way");
	f->source.free(self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct gguf *g;
	const char *path = fuzz_file(data, n);
	if (gguf_open(path, &g))
		return 0;
	walk_file(g, n);
	gguf_free(g);
	walk_weights(path);
	return 0;
}
