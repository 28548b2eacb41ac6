/*
 * Text to token ids and back. Today the tokenizer of CLIP, as transformers'
 * CLIPTokenizerFast has it: words (clip_words.h) as bytes, joined by byte-pair encoding
 * (bpe.h). A tokenizer is not changed by its use: any thread, at the same time.
 */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define TOKENIZER_TEXT_MAX ((size_t)16 << 20) /* bytes of one text */

struct tokenizer;

/*
 * Opens a checkpoint folder (vocab.json, merges.txt) or CLIP's
 * bpe_simple_vocab_16e6.txt[.gz]. ERR_NOTFOUND, ERR_IO, ERR_FORMAT; messages name the
 * file and the line.
 */
enum err tokenizer_open(const char *path, struct tokenizer **out) MUST_CHECK;
void tokenizer_free(struct tokenizer *);

int32_t tokenizer_size(const struct tokenizer *); /* ids are 0 ... size - 1 */
int32_t tokenizer_bos(const struct tokenizer *);
int32_t tokenizer_eos(const struct tokenizer *);

/*
 * Writes bos, the ids of the n bytes of UTF-8, eos: *count of them, at most `max` (>= 2),
 * the last always eos. A byte that the vocabulary cannot write becomes eos, as there. The
 * marks' names in the text become their ids. ERR_FORMAT: bytes that are not UTF-8 (the
 * message quotes the text and says where), too long; ERR_NOMEM.
 */
enum err tokenizer_encode(const struct tokenizer *, const char *text, size_t n,
			  int32_t *ids, int max, int *count) MUST_CHECK;

/* Adds what an id stands for: bytes (one character may be spread over several ids), a
 * space after the end of a word. An id that does not exist adds nothing. */
void tokenizer_decode(const struct tokenizer *, int32_t id, struct str *out);

#endif
