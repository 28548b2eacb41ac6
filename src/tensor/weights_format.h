/*
 * The kinds of files that weights are kept in. Which one a file is, its name says:
 *   safetensors   model.safetensors, any *.safetensors
 *   pytorch       pytorch_model.bin, any *.bin, *.pt, *.pth
 *   gguf          any *.gguf
 * and NAME.index.json beside shards of the first two (shard_index.h).
 */
#ifndef TENSOR_WEIGHTS_FORMAT_H
#define TENSOR_WEIGHTS_FORMAT_H

#include <stdbool.h>

#include "base/err.h"
#include "tensor/hfconfig.h"
#include "tensor/tensors.h"

struct weights_format {
	struct tensors_source source; /* of one file; its name is the format's */
	const char *usual;            /* the name of the file in a model's folder */
	const char *const *suffixes;  /* ends with NULL */
	/* The `self` of `source`. */
	enum err (*open)(const char *path, void **self);
	const char *(*label)(const void *self); /* the path, escaped */
	/* What config.json would say, of a format that says it itself; NULL: it stands
	 * beside the file. */
	enum err (*config)(const char *path, struct hfconfig **out);
};

/* In the order in which a folder is searched; ends with NULL. */
extern const struct weights_format *const weights_formats[];

/* The format that a path, or an index of shards, names; NULL: none. */
const struct weights_format *weights_format_of(const char *path);
bool weights_is_index(const char *path); /* *.index.json */

/* The config.json of a file whose format has it in itself (`config` above). */
enum err weights_config(const char *path, struct hfconfig **out) MUST_CHECK;

#endif
