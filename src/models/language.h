/*
 * Language models by name: sizes of published ones, for what visual tokens would cost as
 * their prompt. No weights: estimates come from dry passes of models/decoder.h.
 */
#ifndef MODELS_LANGUAGE_H
#define MODELS_LANGUAGE_H

#include "models/decoder.h"

struct language_model {
	const char *name; /* "qwen2-1.5b" */
	struct decoder_sizes sizes;
};

extern const struct language_model language_models[]; /* ends with a NULL name */

const struct language_model *language_by_name(const char *name); /* NULL: none */
/* The published one of these sizes, whatever its vocabulary; NULL: none. */
const struct language_model *language_by_sizes(const struct decoder_sizes *);
/* ERR_USAGE names those that exist. "": the model's own. */
enum err language_check(const char *name) MUST_CHECK;

#endif
