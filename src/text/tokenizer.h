/*
 * Text to token ids and back. Two kinds:
 *
 * CLIP's, as transformers' CLIPTokenizerFast has it, and byte-level ones, those of GPT-2,
 * GPT-NeoX and Qwen2, as the tokenizers library has them. A tokenizer is not changed by
 * its use: any thread, at the same time.
 */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define TOKENIZER_TEXT_MAX ((size_t)16 << 20) /* bytes of one text */

struct tokenizer;

/*
 * Opens a file: a tokenizer.json (it begins with a brace) or CLIP's
 * bpe_simple_vocab_16e6.txt, which may be gzipped, or a GGUF file, with or without a
 * model in it. Or a checkpoint folder: its tokenizer.json, unless that is CLIP's (its
 * words end with </w>) or is not there; then vocab.json and merges.txt are read, and have
 * to be CLIP's. GPT-2's or Qwen2's two files alone are refused: what splits a text into
 * words, and added tokens, stand elsewhere.
 *
 * A tokenizer.json is byte-level BPE: all bytes of UTF-8 have a token; the normalizer is
 * none or NFC; the pre-tokenizer is ByteLevel, or a Split by a pattern of byte_words.h
 * and ByteLevel; nothing is added around a text; added tokens do not strip or look
 * around. All else is ERR_UNSUPPORTED and named. With a token for every byte, unk_token,
 * fuse_unk and byte_fallback cannot do anything; truncation and padding are the caller's.
 *
 * A GGUF file is byte-level BPE too (tokenizer.ggml.model gpt2). Of how it splits texts
 * it has a name: gpt-2, mpt and olmo (GPT-NeoX's: GPT-2's pattern and NFC), qwen2, or
 * llama-bpe where the file says that no mark goes before a text; none, or "default", is
 * GPT-2's, and GPT-NeoX's where the architecture is gptneox or mamba. Others, and what
 * adds to a text, are ERR_UNSUPPORTED and named. Control tokens and a user's own are
 * added tokens; the fillers [PADn] of converters are none, and do not count where they
 * end the vocabulary. A file without tokens is ERR_NOTFOUND.
 *
 * ERR_NOTFOUND, ERR_IO, ERR_FORMAT, ERR_NOMEM; messages name the file and the line or the
 * fact. After an error *out is NULL.
 */
enum err tokenizer_open(const char *path, struct tokenizer **out) MUST_CHECK;

/* Byte-level, with the 256 bytes as its tokens: their ids are those that they have with
 * GPT-2 and Qwen2 ("!" is 0). For a model that has no vocabulary. OK. */
enum err tokenizer_bytes(struct tokenizer **out) MUST_CHECK;

void tokenizer_free(struct tokenizer *);

bool tokenizer_is_byte_level(const struct tokenizer *); /* else CLIP's */

int32_t tokenizer_size(const struct tokenizer *); /* ids are 0 ... size - 1 */

/* The marks around a text; byte-level tokenizers have none: -1. */
int32_t tokenizer_bos(const struct tokenizer *);
int32_t tokenizer_eos(const struct tokenizer *);

/* The id of an added token ("<|im_end|>") or of one as the vocabulary writes it (of a
 * byte-level one " a" is "\u0120a"); -1: none. */
int32_t tokenizer_id(const struct tokenizer *, const char *token);

/*
 * Writes the ids of the n bytes of UTF-8: *count of them, at most `max`. CLIP's: bos,
 * those of the text, eos, also where it is cut (max >= 2); a byte that the vocabulary
 * cannot write becomes eos, as there; the marks' names in the text become their ids.
 * Byte-level: the text's and nothing else (max >= 0); added tokens in it become their
 * ids. ERR_FORMAT: bytes that are not UTF-8 (the message quotes the text and says where),
 * too long; ERR_NOMEM.
 */
enum err tokenizer_encode(const struct tokenizer *, const char *text, size_t n,
			  int32_t *ids, int max, int *count) MUST_CHECK;

/* Adds what an id stands for: bytes (one character may be spread over several ids); the
 * text of an added token; with CLIP's a space after the end of a word. An id that does
 * not exist adds nothing. */
void tokenizer_decode(const struct tokenizer *, int32_t id, struct str *out);

#endif
