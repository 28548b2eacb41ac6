/*
 * A byte-level tokenizer in a tokenizer.json, the file of Hugging Face's tokenizers. What
 * it may say is told in tokenizer.h; the file is a stranger's.
 */
#ifndef TEXT_TOKENIZER_JSON_H
#define TEXT_TOKENIZER_JSON_H

#include <stdbool.h>

#include "base/json.h"
#include "text/byte_bpe.h"

/* Whether its symbols end a word with </w>: CLIP's, which is read from other files. */
bool tokenizer_json_is_clip(const json_t *);

/* Messages begin with `label`. ERR_FORMAT; ERR_UNSUPPORTED, which names the part that is
 * not known here; ERR_NOMEM. After an error there is nothing to release. */
enum err tokenizer_json_read(const json_t *, const char *label,
			     struct byte_bpe *) MUST_CHECK;

#endif
