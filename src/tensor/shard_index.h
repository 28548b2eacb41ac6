/*
 * The index of a checkpoint that is split into several files, as Hugging Face's tools
 * write it: {"metadata": {...}, "weight_map": {TENSOR: FILE, ...}}. The files lie beside
 * the index.
 *
 * A file name that is empty, "." or "..", or holds "/", "\" or "..", is ERR_FORMAT: an
 * index names nothing outside of its folder. So is JSON that is not strict (duplicate
 * keys, bad UTF-8) and a weight_map that is none.
 */
#ifndef TENSOR_SHARD_INDEX_H
#define TENSOR_SHARD_INDEX_H

#include <stddef.h>

#include "base/err.h"

struct shard_index;

/* Reads the index and looks at no other file. At most 64 MiB. */
enum err shard_index_open(const char *path, struct shard_index **out) MUST_CHECK;
void shard_index_free(struct shard_index *);

const char *shard_index_label(const struct shard_index *); /* the path, escaped */

/* Its files, each once, in order of their names; as paths. */
size_t shard_index_count(const struct shard_index *);
const char *shard_index_path(const struct shard_index *, size_t i);

/* The file that should hold a tensor; -1: the index does not list it. */
long shard_index_find(const struct shard_index *, const char *tensor);

#endif
