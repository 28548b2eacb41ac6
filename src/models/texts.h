/* Inputs of text models: texts as the ids of a tokenizer that is this model's. */
#ifndef MODELS_TEXTS_H
#define MODELS_TEXTS_H

#include "base/sha256.h"
#include "models/input_source.h"
#include "models/model.h"
#include "text/tokenizer.h"

/* The tokenizer of `vocab` (text/tokenizer.h), or where that is NULL what came with the
 * weights: the vocabulary in a GGUF file, else that of the folder; a preset that takes
 * prompts makes do with bytes. ERR_NOTFOUND where there is none says what to do. */
enum err texts_open_tokenizer(const struct model *, const char *vocab,
			      struct tokenizer **out) MUST_CHECK;

/* A vocabulary that has more tokens than the model has rows for is not this model's:
 * ERR_FORMAT. */
enum err texts_check_vocab(const struct model *, const struct tokenizer *) MUST_CHECK;

/* The ids of a --tokens file, I32 [1, n], at most `most`; the memory is the caller's to
 * free(). Messages begin with --tokens. */
enum err texts_read_tokens(const struct model *, const char *path, int64_t most,
			   struct tensor *ids) MUST_CHECK;

/*
 * I32 [count, T]: each text cut to the model's context, then padded with the mark of its
 * end; T is the length of the longest, and belongs into KNOB_SEQ. The memory is the
 * caller's to free(). ERR_FORMAT: a text that is not UTF-8, or a tokenizer with ids that
 * the model has no row for; ERR_NOMEM.
 */
enum err texts_encode(const struct model *, const struct tokenizer *,
		      const char *const *texts, int64_t count,
		      struct tensor *ids) MUST_CHECK;

/* What a source says, before it is known how long it is to be. Zeroed: nothing. */
struct texts {
	struct tensor ids;           /* I32 [1, n], owned; ndim 0: none were given */
	struct tokenizer *tokenizer; /* NULL: there is none; owned */
	bool bytes; /* the tokenizer is that of a preset: bytes, no vocabulary */
};

/*
 * The ids of --text, or of a --tokens file (numbers with white space between); neither:
 * of a family that repeats texts none, of another ERR_USAGE. Where texts are repeated all
 * of it is read, else as much as the model has positions for. Release it whatever
 * happened.
 */
enum err texts_read(const struct model *, const struct input_source *,
		    struct texts *) MUST_CHECK;
void texts_release(struct texts *);

/*
 * These ids in every item of the shape that these knobs ask for, cut to its length. A
 * shorter text is repeated, or padded with the mark of its end: its last token. Without
 * ids seeded ones, others in each item. in->ids owns its memory (input_release); `note`
 * is what to say of it; sha256 is that of one item.
 */
enum err texts_fill(const struct model *, const struct texts *, const struct knobs *,
		    struct input *in, struct str *note,
		    char sha256[SHA256_HEX]) MUST_CHECK;

#endif
