#include "tensor/model_source.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "tensor/hub_cache.h"

#define CONFIG "config.json"
#define WEIGHTS "model.safetensors"
#define PREPROCESSOR "preprocessor_config.json"

static char *path_in(const char *folder, const char *file)
{
	struct str s = STR_INIT;
	str_addf(&s, "%s/%s", folder, file);
	return str_detach(&s);
}

static char *escaped(const char *text)
{
	struct str s = STR_INIT;
	str_add_escaped(&s, text, strlen(text), 0);
	return str_detach(&s);
}

static bool is_file(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_folder(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool holds(const char *folder, const char *file)
{
	char *path = path_in(folder, file);
	bool there = is_file(path);
	free(path);
	return there;
}

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && !strcmp(text + n - m, end);
}

void model_source_release(struct model_source *s)
{
	free(s->name);
	free(s->folder);
	free(s->config);
	free(s->weights);
	free(s->preprocessor);
	*s = (struct model_source){ 0 };
}

/* One line on why the weights of a folder cannot be read, and the way out. */
static enum err no_weights(const char *folder)
{
	static const char *const later[] = { WEIGHTS ".index.json", "pytorch_model.bin",
					     "pytorch_model.bin.index.json" };
	char *label = escaped(folder);
	enum err e = OK;
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]) && !e; i++)
		if (holds(folder, later[i]))
			e = err_set(ERR_UNSUPPORTED,
				    "%s: the weights are in %s; this version reads one "
				    "%s. To convert, with transformers in Python: "
				    "AutoModel.from_pretrained('%s').save_pretrained("
				    "'OUT', max_shard_size='1TB')",
				    label, later[i], WEIGHTS, label);
	if (!e)
		e = err_set(ERR_NOTFOUND, "%s: there is no %s", label, WEIGHTS);
	free(label);
	return e;
}

static enum err no_config(const char *folder)
{
	char *label = escaped(folder);
	enum err e = err_set(ERR_NOTFOUND,
			     holds(folder, WEIGHTS) ? "%s: there is no " CONFIG
						      " beside the weights"
						    : "%s: no model: there is no " CONFIG,
			     label);
	free(label);
	return e;
}

/* `weights` is a path in the folder, or NULL for the usual name. */
static enum err from_folder(const char *folder, const char *weights, const char *name,
			    struct model_source *out)
{
	if (!holds(folder, CONFIG))
		return no_config(folder);
	if (!weights && !holds(folder, WEIGHTS))
		return no_weights(folder);
	*out = (struct model_source){
		.name = escaped(name),
		.folder = str_dup(folder),
		.config = path_in(folder, CONFIG),
		.weights = weights ? str_dup(weights) : path_in(folder, WEIGHTS),
		.format = "safetensors",
	};
	if (holds(folder, PREPROCESSOR))
		out->preprocessor = path_in(folder, PREPROCESSOR);
	return OK;
}

/* The last part of a path, the caller frees; "." and "/" are looked up. */
static char *last_part(const char *path)
{
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	size_t begin = n;
	while (begin > 0 && path[begin - 1] != '/')
		begin--;
	char *part = strndup(path + begin, n - begin);
	if (part && strcmp(part, "") && strcmp(part, ".") && strcmp(part, ".."))
		return part;
	free(part);
	char *real = realpath(path, NULL);
	part = str_dup(real && strrchr(real, '/') ? strrchr(real, '/') + 1 : path);
	free(real);
	return part;
}

static enum err from_named_folder(const char *path, struct model_source *out)
{
	char *name = last_part(path), *folder = str_dup(path);
	for (size_t n = strlen(folder); n > 1 && folder[n - 1] == '/'; n--)
		folder[n - 1] = 0;
	enum err e = from_folder(folder, NULL, name, out);
	free(folder);
	free(name);
	return e;
}

static enum err from_file(const char *path, struct model_source *out)
{
	if (!ends_in(path, ".safetensors")) {
		char *label = escaped(path);
		enum err e = err_set(ERR_UNSUPPORTED,
				     "%s: not a .safetensors file, the only kind of "
				     "checkpoint that this version reads",
				     label);
		free(label);
		return e;
	}
	const char *slash = strrchr(path, '/');
	char *folder = slash == path ? str_dup("/")
		       : slash       ? strndup(path, (size_t)(slash - path))
				     : str_dup(".");
	char *name = last_part(path);
	enum err e = from_folder(folder ? folder : ".", path, name, out);
	free(name);
	free(folder);
	return e;
}

static enum err from_hub(const char *model, struct model_source *out)
{
	char *snapshot;
	enum err e = hub_cache_find(model, &snapshot);
	if (e)
		return e;
	e = from_folder(snapshot, NULL, model, out);
	if (e == ERR_NOTFOUND)
		e = err_set(e, "%s. To download it again: hf download %s", err_message(),
			    model);
	free(snapshot);
	return e;
}

enum err model_source_resolve(const char *model, struct model_source *out)
{
	*out = (struct model_source){ 0 };
	if (is_folder(model))
		return from_named_folder(model, out);
	struct stat st;
	if (stat(model, &st) == 0)
		return from_file(model, out);
	if (hub_cache_is_name(model))
		return from_hub(model, out);
	char *label = escaped(model);
	enum err e = err_set(ERR_NOTFOUND,
			     "%s: no such file or folder, and not an owner/name of the "
			     "hub cache",
			     label);
	free(label);
	return e;
}

struct listing {
	void (*each)(void *, const struct model_source *);
	void *ctx;
};

static void list_one(void *ctx, const char *name)
{
	const struct listing *l = ctx;
	struct model_source s;
	if (from_hub(name, &s))
		return; /* not whole, or not for this version */
	l->each(l->ctx, &s);
	model_source_release(&s);
}

void model_source_list_hub(void (*each)(void *ctx, const struct model_source *),
			   void *ctx)
{
	hub_cache_each(list_one, &(struct listing){ each, ctx });
}
