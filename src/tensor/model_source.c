#include "tensor/model_source.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "tensor/hub_cache.h"
#include "tensor/shard_index.h"
#include "tensor/weights_format.h"

#define CONFIG "config.json"
#define INDEX ".index.json"
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

void model_source_release(struct model_source *s)
{
	free(s->name);
	free(s->folder);
	free(s->config);
	free(s->weights);
	for (char **file = s->files; file && *file; file++)
		free(*file);
	free(s->files);
	free(s->preprocessor);
	*s = (struct model_source){ 0 };
}

/* A path that is a file is given back, any other freed. */
static char *if_file(char *path)
{
	if (is_file(path))
		return path;
	free(path);
	return NULL;
}

/* The weights of a folder with a config.json: each format's usual name, then the index of
 * its shards. The caller frees; NULL where there are none. */
static char *find_weights(const char *folder)
{
	char *found = NULL;
	for (const struct weights_format *const *f = weights_formats; *f && !found; f++) {
		struct str index = STR_INIT;
		if ((*f)->config)
			continue;
		str_addf(&index, "%s" INDEX, (*f)->usual);
		found = if_file(path_in(folder, (*f)->usual));
		if (!found)
			found = if_file(path_in(folder, str_get(&index)));
		str_release(&index);
	}
	return found;
}

/* Whether a file of this name is a model by itself. */
static bool is_alone(const char *name)
{
	const struct weights_format *f = weights_format_of(name);
	return f && f->config && !weights_is_index(name);
}

static int is_alone_entry(const struct dirent *d) { return is_alone(d->d_name); }

static enum err several_alone(const char *first, int files)
{
	char *label = escaped(first);
	enum err e = err_set(ERR_USAGE,
			     "%s is one of %d such files in its folder: give one of them "
			     "with -m",
			     label, files);
	free(label);
	return e;
}

/* The one file of a folder that is a model by itself: *found, which the caller frees;
 * NULL where there is none. Of several nobody knows which. */
static enum err find_alone(const char *folder, char **found)
{
	struct dirent **entry = NULL;
	int n = scandir(folder, &entry, is_alone_entry, alphasort), files = 0;
	*found = NULL;
	for (int i = 0; i < n; i++) {
		char *path = if_file(path_in(folder, entry[i]->d_name));
		files += path != NULL;
		if (*found)
			free(path);
		else
			*found = path;
		free(entry[i]);
	}
	free(entry);
	if (files <= 1)
		return OK;
	enum err e = several_alone(*found, files);
	free(*found);
	*found = NULL;
	return e;
}

/* "model.safetensors, pytorch_model.bin, model.gguf" */
static void usual_names(struct str *out)
{
	for (const struct weights_format *const *f = weights_formats; *f; f++)
		str_addf(out, "%s%s", out->len ? ", " : "", (*f)->usual);
}

static enum err no_weights(const char *folder)
{
	char *label = escaped(folder);
	struct str usual = STR_INIT;
	usual_names(&usual);
	enum err e = err_set(ERR_NOTFOUND,
			     "%s: there are no weights: none of %s, nor an index (" INDEX
			     ") of one",
			     label, str_get(&usual));
	str_release(&usual);
	free(label);
	return e;
}

static enum err no_config(const char *folder, bool weights)
{
	char *label = escaped(folder);
	enum err e = err_set(ERR_NOTFOUND,
			     weights ? "%s: there is no " CONFIG " beside the weights"
				     : "%s: no model: there is no " CONFIG,
			     label);
	free(label);
	return e;
}

/* What the identity of the weights covers: the file, or the index and its shards. */
static enum err list_files(struct model_source *s)
{
	struct shard_index *index = NULL;
	size_t shards = 0;
	if (weights_is_index(s->weights)) {
		enum err e = shard_index_open(s->weights, &index);
		if (e)
			return e;
		shards = shard_index_count(index);
	}
	s->files = mem_alloc((shards + 2) * sizeof(*s->files));
	s->files[0] = str_dup(s->weights);
	for (size_t i = 0; i < shards; i++)
		s->files[1 + i] = str_dup(shard_index_path(index, i));
	shard_index_free(index);
	return OK;
}

/* The weights of a folder: `weights`, which is a path in it, or where that is NULL what
 * there is. */
static enum err choose_weights(const char *folder, const char *weights, char **found)
{
	bool config = holds(folder, CONFIG);
	enum err e = OK;
	*found = weights ? str_dup(weights) : find_weights(folder);
	if (!*found)
		e = find_alone(folder, found);
	if (e || (*found && (config || is_alone(*found))))
		return e;
	e = config ? no_weights(folder) : no_config(folder, *found != NULL);
	free(*found);
	*found = NULL;
	return e;
}

/* `weights` is a path in the folder, or NULL for the usual names. */
static enum err from_folder(const char *folder, const char *weights, const char *name,
			    struct model_source *out)
{
	char *found;
	enum err e = choose_weights(folder, weights, &found);
	if (e)
		return e;
	*out = (struct model_source){
		.name = escaped(name),
		.folder = str_dup(folder),
		.config = is_alone(found) ? NULL : path_in(folder, CONFIG),
		.weights = found,
		.format = weights_format_of(found)->source.name,
	};
	if (holds(folder, PREPROCESSOR))
		out->preprocessor = path_in(folder, PREPROCESSOR);
	e = list_files(out);
	if (e)
		model_source_release(out);
	return e;
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

static enum err unknown_kind(const char *path)
{
	char *label = escaped(path);
	struct str usual = STR_INIT;
	usual_names(&usual);
	enum err e =
		err_set(ERR_UNSUPPORTED,
			"%s: neither a folder nor a kind of checkpoint that this "
			"version reads: those are named like %s, or like an index of "
			"one (" INDEX ")",
			label, str_get(&usual));
	str_release(&usual);
	free(label);
	return e;
}

static enum err from_file(const char *path, struct model_source *out)
{
	if (!weights_format_of(path))
		return unknown_kind(path);
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
			     "hub cache; `sparsetop models` lists the presets",
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
