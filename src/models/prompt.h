/*
 * A prompt about a picture: the ids of its text, and where in it the picture stands.
 *
 * --text is put into the model's chat template (unless it has marks of its own); --tokens
 * is taken as it is, the picture standing where its token is repeated, or once, or before
 * everything where it is not there.
 */
#ifndef MODELS_PROMPT_H
#define MODELS_PROMPT_H

#include "models/input_source.h"
#include "models/model.h"
#include "text/tokenizer.h"

struct prompt {
	int32_t *ids; /* [n]: those of the picture left out; owned */
	int64_t n, before;
	/* Tokens of the picture that a --tokens file counts on; -1: as many as it has. */
	int64_t counted;
	struct tokenizer *tokenizer; /* NULL: --tokens without a vocabulary */
	bool bytes;                  /* no vocabulary: bytes are taken as ids */
};

/* ERR_ as texts.h; ERR_FORMAT: the picture stands in several places, or alone. */
enum err prompt_read(const struct model *, const struct input_source *,
		     struct prompt *) MUST_CHECK;
void prompt_release(struct prompt *);

/* The picture has `tokens` (before any is dropped): whether the file counted on others,
 * and whether all of it fits the model's context. ERR_FORMAT, ERR_USAGE. */
enum err prompt_check(const struct model *, const struct prompt *,
		      int64_t tokens) MUST_CHECK;

#endif
