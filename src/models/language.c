#include "models/language.h"

#include <string.h>

#include "base/str.h"

/* width, MLP, layers, heads, heads of keys, width of a head, vocabulary, biases, tied */
const struct language_model language_models[] = {
	{ "qwen2-0.5b", { 896, 4864, 24, 14, 2, 64, 151936, true, true } },
	{ "qwen2-1.5b", { 1536, 8960, 28, 12, 2, 128, 151936, true, true } },
	{ "qwen2.5-3b", { 2048, 11008, 36, 16, 2, 128, 151936, true, true } },
	{ "qwen2-7b", { 3584, 18944, 28, 28, 4, 128, 152064, true, false } },
	{ "qwen2.5-32b", { 5120, 27648, 64, 40, 8, 128, 152064, true, false } },
	{ "qwen2-72b", { 8192, 29568, 80, 64, 8, 128, 152064, true, false } },
	{ "vicuna-7b", { 4096, 11008, 32, 32, 32, 128, 32000, false, false } },
	{ "vicuna-13b", { 5120, 13824, 40, 40, 40, 128, 32000, false, false } },
	{ "llama-3-8b", { 4096, 14336, 32, 32, 8, 128, 128256, false, false } },
	{ NULL, { 0 } },
};

const struct language_model *language_by_name(const char *name)
{
	for (const struct language_model *l = language_models; l->name; l++)
		if (!strcmp(l->name, name))
			return l;
	return NULL;
}

const struct language_model *language_by_sizes(const struct decoder_sizes *s)
{
	for (const struct language_model *l = language_models; l->name; l++)
		if (l->sizes.width == s->width && l->sizes.mlp == s->mlp &&
		    l->sizes.layers == s->layers && l->sizes.kv_heads == s->kv_heads)
			return l;
	return NULL;
}

enum err language_check(const char *name)
{
	char shown[64];
	struct str names = STR_INIT;
	if (!*name || language_by_name(name))
		return OK;
	for (const struct language_model *l = language_models; l->name; l++)
		str_addf(&names, ", %s", l->name);
	enum err e = err_set(ERR_USAGE, "--language-model %s: there are model%s",
			     str_escaped(shown, sizeof(shown), name, strlen(name)),
			     str_get(&names));
	str_release(&names);
	return e;
}
