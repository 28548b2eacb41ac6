/* Inputs of sequence models: raw rows of numbers from a file, or seeded ones; and what
 * the knobs batch and seq are once it is known what goes in. */
#ifndef MODELS_SEQUENCES_H
#define MODELS_SEQUENCES_H

#include "base/sha256.h"
#include "models/input_source.h"
#include "models/model.h"

/* Items and length of the --input file's F32 `input` [B, T, D] to `facts`, by its header
 * alone; without a file nothing is known. Its width has to be the model's. ERR_FORMAT,
 * ERR_NOTFOUND, ERR_IO; messages begin with --input. */
enum err sequences_facts(const struct model *, const struct input_source *,
			 struct input_facts *) MUST_CHECK;

/*
 * Batch and seq as the input has them, where they are not set otherwise: those of raw
 * sequences can only be these (ERR_USAGE says both numbers; a batch of 1 is taken for
 * not set), a text is cut or comes again. Costs nothing; any input.
 */
enum err sequences_settle(const struct input_source *, const struct input_facts *,
			  struct knobs *) MUST_CHECK;

/*
 * The values, into in->sequence of the shape that these knobs ask for: the file's, or
 * uniform in [0, 1) by the seed. in->sequence owns its memory (input_release).
 * ERR_FORMAT: a value that is no finite number; ERR_NOMEM.
 */
enum err sequences_load(const struct model *, const struct input_source *,
			const struct knobs *, struct input *in,
			char sha256[SHA256_HEX]) MUST_CHECK;

/* The hash of what follows from seed and shape. */
void sequences_hash_seeded(const char *what, uint64_t seed, const struct tensor *shape,
			   char sha256[SHA256_HEX]);

#endif
