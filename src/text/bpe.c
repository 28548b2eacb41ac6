#include "text/bpe.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * Symbols are a doubly linked list in an array, candidate pairs a heap by rank and place:
 * n log n for a word of n bytes. A candidate is not taken out of the heap when one of its
 * symbols was joined to another; it is recognised as stale when its turn comes.
 */
struct symbol {
	int32_t id; /* -1: joined to its left neighbour */
	int32_t prev, next;
};

struct candidate {
	int32_t rank, at, into;
};

struct join {
	const struct bpe *bpe;
	struct symbol *symbols;
	struct candidate *heap;
	size_t count;
};

void bpe_release(struct bpe *b)
{
	vocab_release(&b->vocab);
	free(b->merges);
	*b = (struct bpe){ 0 };
}

static uint64_t pair_of(int32_t left, int32_t right)
{
	return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

void bpe_add_merge(struct bpe *b, int32_t left, int32_t right, int32_t into)
{
	if (b->count == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 1024;
		b->merges = mem_grow(b->merges, b->cap, sizeof(*b->merges));
	}
	b->merges[b->count] =
		(struct bpe_merge){ pair_of(left, right), (int32_t)b->count, into };
	b->count++;
}

bool bpe_split_merge(const char *text, size_t n, struct bpe_part parts[2])
{
	const char *space = memchr(text, ' ', n);
	if (!space)
		return false;
	parts[0] = (struct bpe_part){ text, (size_t)(space - text) };
	parts[1] = (struct bpe_part){ space + 1, n - parts[0].n - 1 };
	return parts[0].n && parts[1].n && !memchr(parts[1].s, ' ', parts[1].n);
}

bool bpe_add_merge_of(struct bpe *b, const char *left, size_t left_n, const char *right,
		      size_t right_n, struct str *missing)
{
	str_clear(missing);
	str_add_n(missing, left, left_n);
	str_add_n(missing, right, right_n);
	int32_t l = vocab_find(&b->vocab, left, left_n);
	int32_t r = vocab_find(&b->vocab, right, right_n);
	int32_t into = vocab_find(&b->vocab, str_get(missing), missing->len);
	if (l >= 0 && r >= 0 && into >= 0) {
		bpe_add_merge(b, l, r, into);
		return true;
	}
	if (l < 0 || r < 0) {
		str_clear(missing);
		str_add_n(missing, l < 0 ? left : right, l < 0 ? left_n : right_n);
	}
	return false;
}

static int compare_merges(const void *a, const void *b)
{
	const struct bpe_merge *x = a, *y = b;
	if (x->pair != y->pair)
		return x->pair < y->pair ? -1 : 1;
	return x->rank - y->rank;
}

int32_t bpe_index(struct bpe *b, int32_t *first)
{
	if (b->count > 0)
		qsort(b->merges, b->count, sizeof(*b->merges), compare_merges);
	for (size_t i = 1; i < b->count; i++) {
		if (b->merges[i - 1].pair == b->merges[i].pair) {
			*first = b->merges[i - 1].rank;
			return b->merges[i].rank;
		}
	}
	return -1;
}

static const struct bpe_merge *find_merge(const struct bpe *b, int32_t left,
					  int32_t right)
{
	uint64_t pair = pair_of(left, right);
	size_t lo = 0, hi = b->count;
	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;
		if (b->merges[middle].pair < pair)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo < b->count && b->merges[lo].pair == pair ? &b->merges[lo] : NULL;
}

static bool before(const struct candidate *a, const struct candidate *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(struct join *j, struct candidate c)
{
	size_t i = j->count++;
	for (; i > 0 && before(&c, &j->heap[(i - 1) / 2]); i = (i - 1) / 2)
		j->heap[i] = j->heap[(i - 1) / 2];
	j->heap[i] = c;
}

static struct candidate pop(struct join *j)
{
	struct candidate top = j->heap[0], last = j->heap[--j->count];
	size_t i = 0;
	for (size_t child; (child = 2 * i + 1) < j->count; i = child) {
		if (child + 1 < j->count && before(&j->heap[child + 1], &j->heap[child]))
			child++;
		if (!before(&j->heap[child], &last))
			break;
		j->heap[i] = j->heap[child];
	}
	j->heap[i] = last;
	return top;
}

/* The merge of the symbol at `at` with its right neighbour, or NULL. */
static const struct bpe_merge *merge_at(const struct join *j, int32_t at)
{
	if (at < 0 || j->symbols[at].id < 0 || j->symbols[at].next < 0)
		return NULL;
	return find_merge(j->bpe, j->symbols[at].id, j->symbols[j->symbols[at].next].id);
}

static void offer(struct join *j, int32_t at)
{
	const struct bpe_merge *m = merge_at(j, at);
	if (m)
		push(j, (struct candidate){ m->rank, at, m->into });
}

static void swallow_next(struct join *j, int32_t at, int32_t into)
{
	struct symbol *left = &j->symbols[at], *right = &j->symbols[left->next];
	right->id = -1;
	left->id = into;
	left->next = right->next;
	if (left->next >= 0)
		j->symbols[left->next].prev = at;
}

size_t bpe_join(const struct bpe *b, int32_t *ids, size_t n)
{
	assert(n < INT32_MAX / 3);
	/* Every join removes a symbol and offers two pairs: fewer than 3 n in all. */
	struct join j = {
		.bpe = b,
		.symbols = mem_alloc(sizeof(*j.symbols) * n),
		.heap = mem_alloc(sizeof(*j.heap) * n * 3),
	};
	for (size_t i = 0; i < n; i++)
		j.symbols[i] = (struct symbol){ ids[i], (int32_t)i - 1,
						i + 1 < n ? (int32_t)i + 1 : -1 };
	for (size_t i = 0; i < n; i++)
		offer(&j, (int32_t)i);
	while (j.count > 0) {
		struct candidate c = pop(&j);
		const struct bpe_merge *m = merge_at(&j, c.at);
		if (!m || m->into != c.into)
			continue;
		swallow_next(&j, c.at, m->into);
		offer(&j, j.symbols[c.at].prev);
		offer(&j, c.at);
	}
	size_t left = 0;
	for (size_t i = 0; i < n; i++)
		if (j.symbols[i].id >= 0)
			ids[left++] = j.symbols[i].id;
	free(j.symbols);
	free(j.heap);
	return left;
}
