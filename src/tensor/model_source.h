/*
 * What `-m` may name besides a preset, found on this machine:
 *   a folder         with config.json and the weights: the first of model.safetensors,
 *                    model.safetensors.index.json, pytorch_model.bin and
 *                    pytorch_model.bin.index.json; or with one GGUF file
 *   a file           of weights or an index (weights_format.h), with config.json beside
 *                    it, which a GGUF file does without
 *   owner/name       in the local hub cache (hub_cache.h), its revision `main`
 *
 * A path that exists comes before a hub name. Nothing is opened but refs/main and an
 * index of shards, nothing is downloaded: what is missing is an error that says what to
 * do. Shards are named, not looked for: a model may need some of them only.
 */
#ifndef TENSOR_MODEL_SOURCE_H
#define TENSOR_MODEL_SOURCE_H

#include "base/err.h"

struct model_source {
	char *name;    /* for people, escaped: owner/name or the last part of the path */
	char *folder;  /* what all paths below are in, as they are */
	char *config;  /* config.json; NULL where the weights say it (weights_format.h) */
	char *weights; /* what tensors_open_file() takes */
	char **files; /* all that hold weights, ends with NULL: `weights`, then its shards
		       */
	char *preprocessor; /* preprocessor_config.json; NULL where there is none */
	const char *format; /* "safetensors", "pytorch", "gguf" */
};

/* After an error there is nothing to release. */
enum err model_source_resolve(const char *model, struct model_source *out) MUST_CHECK;
void model_source_release(struct model_source *); /* zero-initialised is fine */

/* Every model in the hub cache that model_source_resolve() finds, by name; others are
 * skipped. The source is borrowed for the call. */
void model_source_list_hub(void (*each)(void *ctx, const struct model_source *),
			   void *ctx);

#endif
