#include "tensor/shard_index.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/str.h"
#include "tensor/shown.h"

#define MAX_BYTES ((size_t)64 << 20)

struct shard_index {
	char *label;
	char *folder; /* with its slash; "" for the current one */
	json_t *json;
	const json_t *map; /* of `json`: tensor -> file */
	const char **file; /* of `json`, sorted, each once */
	char **path;       /* the same as paths */
	size_t count;
};

static bool stays_in_folder(const char *file)
{
	return *file && strcmp(file, ".") != 0 && !strstr(file, "..") &&
	       !strpbrk(file, "/\\");
}

static enum err check_file(const struct shard_index *x, const char *tensor,
			   const json_t *file)
{
	char a[SHOWN], b[SHOWN];
	const char *name = json_string_value(file);
	if (!name)
		return err_set(ERR_FORMAT, "%s: weight_map: %s is in no named file",
			       x->label, shown(tensor, a));
	if (!stays_in_folder(name))
		return err_set(ERR_FORMAT,
			       "%s: weight_map: %s is in \"%s\", which is no name of a "
			       "file beside the index",
			       x->label, shown(tensor, a), shown(name, b));
	return OK;
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	return strcmp(*x, *y);
}

/* Sorts the names and leaves each once. */
static void sort_files(struct shard_index *x)
{
	size_t kept = 0;
	qsort(x->file, x->count, sizeof(*x->file), by_text);
	for (size_t i = 0; i < x->count; i++)
		if (!kept || strcmp(x->file[kept - 1], x->file[i]) != 0)
			x->file[kept++] = x->file[i];
	x->count = kept;
	x->path = mem_alloc(kept * sizeof(*x->path));
	for (size_t i = 0; i < kept; i++) {
		struct str path = STR_INIT;
		str_addf(&path, "%s%s", x->folder, x->file[i]);
		x->path[i] = str_detach(&path);
	}
}

static enum err read_map(struct shard_index *x)
{
	json_t *map = json_object_get(x->json, "weight_map");
	x->map = map;
	if (!json_is_object(x->map))
		return err_set(ERR_FORMAT, "%s: there is no weight_map", x->label);
	x->file = mem_alloc(json_object_size(x->map) * sizeof(*x->file));
	void *iter = json_object_iter(map);
	for (; iter; iter = json_object_iter_next(map, iter)) {
		const json_t *file = json_object_iter_value(iter);
		enum err e = check_file(x, json_object_iter_key(iter), file);
		if (e)
			return e;
		x->file[x->count++] = json_string_value(file);
	}
	if (!x->count)
		return err_set(ERR_FORMAT, "%s: its weight_map is empty", x->label);
	sort_files(x);
	return OK;
}

enum err shard_index_open(const char *path, struct shard_index **out)
{
	struct shard_index *x = mem_alloc(sizeof(*x));
	struct str label = STR_INIT, folder = STR_INIT;
	const char *slash = strrchr(path, '/');
	str_add_escaped(&label, path, strlen(path), 0);
	str_add_n(&folder, path, slash ? (size_t)(slash - path) + 1 : 0);
	x->label = str_detach(&label);
	x->folder = str_detach(&folder);
	struct stat st;
	enum err e = OK;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) /* a FIFO would wait */
		e = err_set(ERR_FORMAT, "%s: not a regular file", x->label);
	if (!e)
		e = json_read_file(path, MAX_BYTES, &x->json);
	if (!e)
		e = read_map(x);
	if (e) {
		shard_index_free(x);
		x = NULL;
	}
	*out = x;
	return e;
}

void shard_index_free(struct shard_index *x)
{
	if (!x)
		return;
	for (size_t i = 0; x->path && i < x->count; i++)
		free(x->path[i]);
	free(x->path);
	free(x->file);
	json_decref(x->json);
	free(x->folder);
	free(x->label);
	free(x);
}

const char *shard_index_label(const struct shard_index *x) { return x->label; }

size_t shard_index_count(const struct shard_index *x) { return x->count; }

const char *shard_index_path(const struct shard_index *x, size_t i)
{
	assert(i < x->count);
	return x->path[i];
}

long shard_index_find(const struct shard_index *x, const char *tensor)
{
	const char *file = json_string_value(json_object_get(x->map, tensor));
	if (!file)
		return -1;
	const char **at = bsearch(&file, x->file, x->count, sizeof(*x->file), by_text);
	assert(at);
	return (long)(at - x->file);
}
