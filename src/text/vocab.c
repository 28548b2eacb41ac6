#include "text/vocab.h"

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

static int compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_ids(const void *a, const void *b, void *vocab)
{
	size_t n[2];
	const char *x = vocab_text(vocab, *(const int32_t *)a, &n[0]);
	const char *y = vocab_text(vocab, *(const int32_t *)b, &n[1]);
	int order = compare(x, n[0], y, n[1]);
	return order ? order : *(const int32_t *)a - *(const int32_t *)b;
}

int32_t vocab_index(struct vocab *v, int32_t *first)
{
	v->by_text = mem_alloc(sizeof(*v->by_text) * (size_t)v->count);
	for (int32_t id = 0; id < v->count; id++)
		if (v->tokens[id].len > 0)
			v->by_text[v->indexed++] = id;
	qsort_r(v->by_text, (size_t)v->indexed, sizeof(*v->by_text), compare_ids, v);
	for (int32_t i = 1; i < v->indexed; i++) {
		size_t n[2];
		const char *a = vocab_text(v, v->by_text[i - 1], &n[0]);
		const char *b = vocab_text(v, v->by_text[i], &n[1]);
		if (compare(a, n[0], b, n[1]) == 0) {
			*first = v->by_text[i - 1];
			return v->by_text[i];
		}
	}
	return -1;
}

int32_t vocab_find(const struct vocab *v, const char *text, size_t n)
{
	for (int32_t lo = 0, hi = v->indexed; lo < hi;) {
		int32_t middle = lo + (hi - lo) / 2;
		size_t len;
		const char *there = vocab_text(v, v->by_text[middle], &len);
		int order = compare(text, n, there, len);
		if (order == 0)
			return v->by_text[middle];
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
		const char *token = vocab_text(v, v->by_text[middle], &n);
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
		if (v->tokens[v->by_text[lo]].len == depth + 1)
			found = v->by_text[lo];
	}
	return found;
}
