/*
 * Byte-pair vocabularies in files. Everything here reads what strangers wrote: errors
 * name the file and, where there are lines, the line.
 *
 * ERR_NOTFOUND, ERR_IO, ERR_FORMAT. After an error the vocabulary is empty and needs no
 * release.
 */
#ifndef TEXT_BPE_FILE_H
#define TEXT_BPE_FILE_H

#include "base/err.h"
#include "base/json.h"
#include "text/bpe.h"
#include "text/text_file.h"

#define BPE_START "<|startoftext|>"
#define BPE_END "<|endoftext|>"
#define BPE_WORD_END "</w>"

/* vocab.json {token: id} and merges.txt, a merge a line after the line with the version.
 * The ids must be 0 ... count - 1. */
enum err bpe_read_files(const char *vocab_json, const char *merges_txt,
			struct bpe *) MUST_CHECK;
/* The two files of a checkpoint's folder. */
enum err bpe_read_folder(const char *folder, struct bpe *) MUST_CHECK;

/*
 * CLIP's bpe_simple_vocab_16e6.txt, gzipped or not. Of its merges the first 48,894 count;
 * tokens are the 256 bytes in GPT-2's order, the same ending a word, what the merges
 * make, and the two marks: 49,408 of the published file.
 */
enum err bpe_read_clip(const struct text_file *, struct bpe *) MUST_CHECK;

/* Of an object {token: id} with ids of 0 ... count - 1, of which some may have no token.
 * After an error the caller releases the vocabulary. */
enum err bpe_vocab_of_json(json_t *, const char *label, int32_t count,
			   struct vocab *) MUST_CHECK;

/* Sets 256 tokens, a byte each and the suffix after it: first the bytes that are visible
 * characters themselves, then the others. The id after the last. */
int32_t bpe_set_bytes(struct vocab *, int32_t id, const char *suffix);

#endif
