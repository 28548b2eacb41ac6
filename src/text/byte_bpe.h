/*
 * Byte-level byte-pair encoding, the tokenizer of GPT-2, GPT-NeoX and Qwen2: added tokens
 * are taken out of the text first, the rest is split into words (byte_words.h), whose
 * bytes are joined.
 */
#ifndef TEXT_BYTE_BPE_H
#define TEXT_BYTE_BPE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "text/bpe.h"
#include "text/byte_words.h"

struct byte_bpe {
	/* All vocabularies have the same ids; each leaves out what it does not have. */
	struct bpe bpe;
	struct vocab added; /* the added tokens as they are written */
	/* The same to be found in a text: [0] before it is normalised, [1] after. */
	struct vocab split[2];
	int32_t byte[256]; /* -1 at most where no UTF-8 has that byte */
	enum byte_pattern pattern;
	bool nfc;           /* the text is brought into normalisation form C */
	bool prefix_space;  /* before each piece that does not begin with one */
	bool ignore_merges; /* a word that is a token is not built from merges */
};

/* Sets b->byte from the vocabulary; the first byte that needs a token and has none, or
 * -1.
 */
int byte_bpe_find_bytes(struct byte_bpe *);

/* A vocabulary of the 256 bytes in GPT-2's order, nothing else. */
void byte_bpe_init_bytes(struct byte_bpe *);

void byte_bpe_release(struct byte_bpe *);

/* The ids of the n bytes of UTF-8: at most `max`. ERR_NOMEM. */
enum err byte_bpe_encode(const struct byte_bpe *, const char *text, size_t n,
			 int32_t *ids, int max, int *count) MUST_CHECK;
void byte_bpe_decode(const struct byte_bpe *, int32_t id, struct str *out);

#endif
