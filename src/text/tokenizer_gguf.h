/*
 * The byte-level tokenizer in a GGUF file: tokens, their types and merges stand in it;
 * how a text is split into words it only names (tokenizer.ggml.pre). What is read and
 * what is not, is told in tokenizer.h; the file is a stranger's.
 */
#ifndef TEXT_TOKENIZER_GGUF_H
#define TEXT_TOKENIZER_GGUF_H

#include "tensor/gguf.h"
#include "text/byte_bpe.h"

/* ERR_NOTFOUND: the file has no tokens; ERR_FORMAT; ERR_UNSUPPORTED, which names what is
 * not known here; ERR_NOMEM. After an error there is nothing to release. */
enum err tokenizer_gguf_read(const struct gguf *, struct byte_bpe *) MUST_CHECK;

#endif
