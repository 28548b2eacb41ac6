/*
 * What this version runs out of GGUF files: architectures, how their tensors are called
 * there, and what their config.json would say. One architecture is one file
 * (gguf_mamba.c) and a word in gguf_arch.c.
 */
#ifndef TENSOR_GGUF_ARCH_H
#define TENSOR_GGUF_ARCH_H

#include "base/json.h"
#include "tensor/gguf.h"
#include "tensor/hfconfig.h"

/* A list of these ends with NULL. */
struct gguf_name {
	const char *name; /* what a model asks for, as Hugging Face has it */
	const char *there;
};

struct gguf_arch {
	const char *name; /* general.architecture */
	const struct gguf_name *whole;
	/* Of a layer: LAYERS "7." NAME is "blk.7." THERE. */
	const char *layers;
	const struct gguf_name *layer;
	/* Puts the keys of a config.json. The messages name the file. */
	enum err (*config)(const struct gguf *, json_t *config);
};

extern const struct gguf_arch gguf_mamba;

/*
 * The architecture of a file of weights. ERR_UNSUPPORTED: another one, a part of a model
 * in several files, or a file without tensors, which is a vocabulary.
 */
enum err gguf_arch_of(const struct gguf *, const struct gguf_arch **out) MUST_CHECK;

/* What a tensor is called in the file; false where the architecture has none of this
 * name, or it does not fit. */
bool gguf_arch_name(const struct gguf_arch *, const char *name, char *there, size_t size);

/* The file's config.json; messages about it name the file. */
enum err gguf_config(const struct gguf *, struct hfconfig **out) MUST_CHECK;

#endif
