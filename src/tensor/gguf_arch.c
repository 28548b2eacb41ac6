#include "tensor/gguf_arch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define BLOCKS "blk."

static const struct gguf_arch *const archs[] = { &gguf_mamba, NULL };

/* "mamba, llama": what this version has. */
static void list_archs(struct str *out)
{
	for (const struct gguf_arch *const *a = archs; *a; a++)
		str_addf(out, "%s%s", out->len ? ", " : "", (*a)->name);
}

static enum err unknown_arch(const struct gguf *g, const struct gguf_value *name)
{
	struct str known = STR_INIT;
	char text[80];
	list_archs(&known);
	enum err e = err_set(ERR_UNSUPPORTED,
			     "%s: a model of the architecture \"%s\": of GGUF files "
			     "this version runs %s",
			     gguf_label(g),
			     str_escaped(text, sizeof(text), name->bytes, name->size),
			     str_get(&known));
	str_release(&known);
	return e;
}

static enum err no_weights(const struct gguf *g)
{
	if (gguf_value(g, "tokenizer.ggml.tokens"))
		return err_set(ERR_UNSUPPORTED,
			       "%s: it holds a vocabulary and no weights: use it with "
			       "--vocab",
			       gguf_label(g));
	return err_set(ERR_UNSUPPORTED, "%s: it holds no weights", gguf_label(g));
}

/* A model may be cut into files that each know how many there are. */
static enum err check_whole(const struct gguf *g)
{
	int64_t parts = 1;
	enum err e = gguf_value(g, "split.count")
			     ? gguf_int(g, "split.count", 0, INT64_MAX, &parts)
			     : OK;
	if (!e && parts > 1)
		e = err_set(ERR_UNSUPPORTED,
			    "%s: one of %lld parts of a model: this version reads GGUF "
			    "in one file (llama-gguf-split --merge makes one)",
			    gguf_label(g), (long long)parts);
	return e;
}

enum err gguf_arch_of(const struct gguf *g, const struct gguf_arch **out)
{
	const struct gguf_value *name = NULL;
	*out = NULL;
	if (!gguf_count(g))
		return no_weights(g);
	enum err e = gguf_string(g, "general.architecture", &name);
	for (const struct gguf_arch *const *a = archs; !e && *a; a++)
		if (gguf_string_is(name, (*a)->name))
			*out = *a;
	if (!e && !*out)
		e = unknown_arch(g, name);
	return e ? e : check_whole(g);
}

static const char *look_up(const struct gguf_name *list, const char *name)
{
	for (; list->name; list++)
		if (!strcmp(list->name, name))
			return list->there;
	return NULL;
}

bool gguf_arch_name(const struct gguf_arch *a, const char *name, char *there, size_t size)
{
	size_t prefix = strlen(a->layers);
	const char *whole = look_up(a->whole, name);
	if (whole)
		return (size_t)snprintf(there, size, "%s", whole) < size;
	if (strncmp(name, a->layers, prefix))
		return false;
	const char *number = name + prefix;
	int digits = (int)strspn(number, "0123456789");
	if (digits == 0 || number[digits] != '.')
		return false;
	const char *layer = look_up(a->layer, number + digits + 1);
	return layer && (size_t)snprintf(there, size, BLOCKS "%.*s.%s", digits, number,
					 layer) < size;
}

enum err gguf_config(const struct gguf *g, struct hfconfig **out)
{
	const struct gguf_arch *arch;
	*out = NULL;
	enum err e = gguf_arch_of(g, &arch);
	if (e)
		return e;
	json_t *config = json_object();
	e = arch->config(g, config);
	if (!e) {
		char *line = json_line(config);
		e = hfconfig_parse(line, gguf_label(g), out);
		free(line);
	}
	json_decref(config);
	return e;
}
