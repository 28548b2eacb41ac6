/*
 * The added tokens of a byte-level tokenizer while it is read: texts that become their id
 * wherever they stand. b->added and b->split are there, as long as the vocabulary.
 */
#ifndef TEXT_ADDED_TOKENS_H
#define TEXT_ADDED_TOKENS_H

#include "text/byte_bpe.h"

/* Bounds what a step through a text costs; a real one is 31 spaces. */
#define ADDED_MAX_BYTES 256

/*
 * Makes id an added token of these n bytes of UTF-8. `normalized`: it is looked for in
 * the normalised text. ERR_FORMAT: no bytes or too many; a token that the vocabulary has
 * has another id there, another needs an id of its own. Messages begin with `label`.
 */
enum err added_token_set(struct byte_bpe *, const char *label, int32_t id,
			 const char *text, size_t n, bool normalized) MUST_CHECK;

/* After the last. ERR_FORMAT: two have the same text. */
enum err added_tokens_index(struct byte_bpe *, const char *label) MUST_CHECK;

#endif
