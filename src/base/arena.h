/*
 * Arenas: memory that dies together.
 *
 * An arena reserves address space once and hands out pieces by moving a mark, so peak use
 * is known and a forward pass allocates nothing. A *dry* arena does the same sums without
 * any memory behind it: the very code that computes also predicts its peak.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define ARENA_ALIGN 64

struct arena {
	char *base; /* NULL: dry */
	size_t size, used, peak;
};

/* Memory of `size` bytes, touched (so that no page fault falls into a measured pass). */
enum err arena_init(struct arena *, size_t size) MUST_CHECK;
/* Counts only; arena_alloc gives NULL data but succeeds up to SIZE_MAX / 2. */
void arena_init_dry(struct arena *);
void arena_release(struct arena *);

/* False when it does not fit (then *out is NULL and nothing is taken).
 * ARENA_ALIGN-aligned. */
bool arena_alloc(struct arena *, size_t bytes, void **out);

/* Marks nest: arena_reset(a, arena_mark(a)) gives back all that came after the mark. */
static inline size_t arena_mark(const struct arena *a) { return a->used; }
static inline void arena_reset(struct arena *a, size_t mark) { a->used = mark; }

/*
 * A pool of small pieces (strings, arrays of a run) that are freed together. Aborts
 * without memory. Zero-initialised is valid and empty.
 */
struct chunk;
struct scratch {
	struct chunk *head;
};
void *scratch_alloc(struct scratch *, size_t bytes); /* zeroed, 16-aligned */
char *scratch_str(struct scratch *, const char *);   /* NULL gives NULL */
void scratch_release(struct scratch *);

#endif
