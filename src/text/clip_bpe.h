/*
 * CLIP's tokenizer, as transformers' CLIPTokenizerFast has it: words (clip_words.h) as
 * bytes of which the last one is another symbol, joined by byte-pair encoding.
 */
#ifndef TEXT_CLIP_BPE_H
#define TEXT_CLIP_BPE_H

#include "base/err.h"
#include "base/str.h"
#include "text/bpe.h"
#include "text/text_file.h"

struct clip_bpe {
	struct bpe bpe;
	int32_t bos, eos;
	int32_t byte[2][256]; /* the id of a byte within a word, and at its end */
};

/* vocab.json and merges.txt of a folder, or the one file of merges. Errors are those of
 * bpe_file.h; after one there is nothing to release. */
enum err clip_bpe_read_folder(const char *folder, struct clip_bpe *) MUST_CHECK;
enum err clip_bpe_read(const struct text_file *, struct clip_bpe *) MUST_CHECK;
void clip_bpe_release(struct clip_bpe *);

/* tokenizer_encode and tokenizer_decode; the text is UTF-8, max >= 2. ERR_NOMEM. */
enum err clip_bpe_encode(const struct clip_bpe *, const char *text, size_t n,
			 int32_t *ids, int max, int *count) MUST_CHECK;
void clip_bpe_decode(const struct clip_bpe *, int32_t id, struct str *out);

#endif
