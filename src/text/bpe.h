/*
 * Byte-pair encoding (Sennrich et al. 2016): symbols are joined, always the pair of the
 * lowest rank, among equals the leftmost, until no pair has a merge.
 */
#ifndef TEXT_BPE_H
#define TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "text/vocab.h"

struct bpe {
	struct vocab vocab;
	struct bpe_merge {
		uint64_t pair; /* left id << 32 | right id */
		int32_t rank;  /* lower is joined earlier */
		int32_t into;
	} * merges;
	size_t count, cap;
};

void bpe_release(struct bpe *);

/* Ranks follow the order of the calls. */
void bpe_add_merge(struct bpe *, int32_t left, int32_t right, int32_t into);

struct bpe_part {
	const char *s;
	size_t n;
};

/* A merge as files write it, "a b": two tokens with a space between; false where it is
 * not that. The parts are borrowed. */
bool bpe_split_merge(const char *text, size_t n, struct bpe_part parts[2]);

/* The same by text, where the vocabulary has both tokens and what they make; else false,
 * and *missing (its content is overwritten) is one that it lacks. */
bool bpe_add_merge_of(struct bpe *, const char *left, size_t left_n, const char *right,
		      size_t right_n, struct str *missing);

/* After the last bpe_add_merge. The rank of the second of two merges of the same pair, or
 * -1 when all differ; *first is the other. */
int32_t bpe_index(struct bpe *, int32_t *first);

/* Joins the n symbols in place; how many are left. */
size_t bpe_join(const struct bpe *, int32_t *ids, size_t n);

#endif
