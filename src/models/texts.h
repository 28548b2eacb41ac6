/* Inputs of text models: texts as the ids of a tokenizer that is this model's. */
#ifndef MODELS_TEXTS_H
#define MODELS_TEXTS_H

#include "models/model.h"
#include "text/tokenizer.h"

/*
 * I32 [count, T]: each text cut to the model's context, then padded with the mark of its
 * end; T is the length of the longest, and belongs into KNOB_SEQ. The memory is the
 * caller's to free(). ERR_FORMAT: a text that is not UTF-8, or a tokenizer with ids that
 * the model has no row for; ERR_NOMEM.
 */
enum err texts_encode(const struct model *, const struct tokenizer *,
		      const char *const *texts, int64_t count,
		      struct tensor *ids) MUST_CHECK;

#endif
