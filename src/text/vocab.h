/*
 * A vocabulary: the text of token ids, and the way back. Ids may lack a text.
 */
#ifndef TEXT_VOCAB_H
#define TEXT_VOCAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define VOCAB_MAX_TOKENS (1 << 20)

struct vocab {
	struct vocab_token {
		size_t at;
		size_t len; /* 0: no text was set */
	} * tokens;
	int32_t count;
	struct str text;
	struct vocab_entry {
		uint64_t begin; /* the first eight bytes, as a number of their order */
		int32_t id;
	} * by_text;     /* ids that have a text, in its order */
	int32_t indexed; /* how many */
};

void vocab_init(struct vocab *, int32_t count); /* at most VOCAB_MAX_TOKENS */
void vocab_release(struct vocab *);

/* Sets the text of an id that has none; n > 0. */
void vocab_set(struct vocab *, int32_t id, const char *text, size_t n);

/* After the last vocab_set: makes the look-ups work. The second of two ids with the same
 * text, or -1 when all differ; *first is the other. */
int32_t vocab_index(struct vocab *, int32_t *first);

int32_t vocab_find(const struct vocab *, const char *text, size_t n); /* or -1 */

/* The longest token that the text begins with, or -1. */
int32_t vocab_longest(const struct vocab *, const char *text, size_t n);

/* Borrowed, not NUL-terminated. */
const char *vocab_text(const struct vocab *, int32_t id, size_t *n);

#endif
