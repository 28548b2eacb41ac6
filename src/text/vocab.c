#include "text/vocab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Sorted, not hashed: no file can make a look-up slow. */

void vocab_init(struct vocab *v, int32_t count)
{
	*v = (struct vocab){
		.tokens = mem_alloc(sizeof(*v->tokens) * (size_t)count),
		.count = count,
	};
}

void vocab_release(struct vocab *v)
{
	free(v->tokens);
	free(v->by_text);
	str_release(&v->text);
	*v = (struct vocab){ 0 };
}

void vocab_set(struct vocab *v, int32_t id, const char *text, size_t n)
{
	v->tokens[id] = (struct vocab_token){ v->text.len, n };
	str_add_n(&v->text, text, n);
}

const char *vocab_text(const struct vocab *v, int32_t id, size_t *n)
{
	*n = v->tokens[id].len;
	return str_get(&v->text) + v->tokens[id].at;
}

/* Zero bytes stand for those that a short text does not have. */
static uint64_t begin_of(const char *text, size_t n)
{
	uint64_t begin = 0;
	for (size_t i = 0; i < 8; i++)
		begin = begin << 8 | (i < n ? (unsigned char)text[i] : 0);
	return begin;
}

/* The order of a text and an entry: most differ in what they begin with, which is at
 * hand; the text itself is not. */
static int compare(const struct vocab *v, uint64_t begin, const char *text, size_t n,
		   const struct vocab_entry *entry)
{
	if (begin != entry->begin)
		return begin < entry->begin ? -1 : 1;
	size_t len;
	const char *there = vocab_text(v, entry->id, &len);
	int order = memcmp(text, there, n < len ? n : len);
	return order ? order : (n > len) - (n < len);
}

static int compare_entries(const void *a, const void *b, void *vocab)
{
	const struct vocab_entry *x = a, *y = b;
	size_t n;
	const char *text = vocab_text(vocab, x->id, &n);
	int order = compare(vocab, x->begin, text, n, y);
	return order ? order : x->id - y->id;
}

static bool same_text(const struct vocab *v, const struct vocab_entry *a,
		      const struct vocab_entry *b)
{
	size_t n;
	const char *text = vocab_text(v, a->id, &n);
	return compare(v, a->begin, text, n, b) == 0;
}

int32_t vocab_index(struct vocab *v, int32_t *first)
{
	v->by_text = mem_alloc(sizeof(*v->by_text) * (size_t)v->count);
	for (int32_t id = 0; id < v->count; id++) {
		size_t n;
		const char *text = vocab_text(v, id, &n);
		if (n > 0)
			v->by_text[v->indexed++] =
				(struct vocab_entry){ begin_of(text, n), id };
	}
	qsort_r(v->by_text, (size_t)v->indexed, sizeof(*v->by_text), compare_entries, v);
	for (int32_t i = 1; i < v->indexed; i++) {
		if (same_text(v, &v->by_text[i - 1], &v->by_text[i])) {
			*first = v->by_text[i - 1].id;
			return v->by_text[i].id;
		}
	}
	return -1;
}

int32_t vocab_find(const struct vocab *v, const char *text, size_t n)
{
	uint64_t begin = begin_of(text, n);
	for (int32_t lo = 0, hi = v->indexed; lo < hi;) {
		int32_t middle = lo + (hi - lo) / 2;
		int order = compare(v, begin, text, n, &v->by_text[middle]);
		if (order == 0)
			return v->by_text[middle].id;
		if (order < 0)
			hi = middle;
		else
			lo = middle + 1;
	}
	return -1;
}

/* Of the tokens by_text[lo ... hi - 1], which share their first `depth` bytes, the first
 * that goes on with this byte or a higher one; what ends there comes before all of them.
 */
static int32_t first_from(const struct vocab *v, int32_t lo, int32_t hi, size_t depth,
			  int byte)
{
	while (lo < hi) {
		int32_t middle = lo + (hi - lo) / 2;
		size_t n;
		const char *token = vocab_text(v, v->by_text[middle].id, &n);
		if (n <= depth || (unsigned char)token[depth] < byte)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

int32_t vocab_longest(const struct vocab *v, const char *text, size_t n)
{
	int32_t lo = 0, hi = v->indexed, found = -1;
	for (size_t depth = 0; depth < n; depth++) {
		int byte = (unsigned char)text[depth];
		lo = first_from(v, lo, hi, depth, byte);
		hi = first_from(v, lo, hi, depth, byte + 1);
		if (lo == hi)
			break;
		if (v->tokens[v->by_text[lo].id].len == depth + 1)
			found = v->by_text[lo].id;
	}
	return found;
}
