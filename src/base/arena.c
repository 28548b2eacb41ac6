#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/str.h"

enum err arena_init(struct arena *a, size_t size)
{
	*a = (struct arena){ .size = size ? size : ARENA_ALIGN };
	void *p = mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	if (p == MAP_FAILED)
		return err_set(ERR_NOMEM, "no memory for %zu MiB of activations",
			       a->size >> 20);
	/* Large pages where the system has them: fewer TLB misses in the matrix products.
	 */
	madvise(p, a->size, MADV_HUGEPAGE);
	memset(p, 0, a->size);
	a->base = p;
	return OK;
}

void arena_init_dry(struct arena *a) { *a = (struct arena){ .size = SIZE_MAX / 2 }; }

void arena_release(struct arena *a)
{
	if (a->base)
		munmap(a->base, a->size);
	*a = (struct arena){ 0 };
}

bool arena_alloc(struct arena *a, size_t bytes, void **out)
{
	*out = NULL;
	if (bytes > a->size - a->used)
		return false;
	size_t rounded = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (rounded > a->size - a->used) /* the last piece may end unaligned */
		rounded = a->size - a->used;
	if (a->base)
		*out = a->base + a->used;
	a->used += rounded;
	if (a->used > a->peak)
		a->peak = a->used;
	return true;
}

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(16) char data[];
};

void *scratch_alloc(struct scratch *s, size_t bytes)
{
	bytes = (bytes + 15) & ~(size_t)15;
	if (!s->head || s->head->size - s->head->used < bytes) {
		size_t size = bytes > 4096 ? bytes : 4096;
		struct chunk *c = mem_alloc(sizeof(*c) + size);
		c->size = size;
		c->next = s->head;
		s->head = c;
	}
	void *p = s->head->data + s->head->used;
	s->head->used += bytes;
	return p;
}

char *scratch_str(struct scratch *s, const char *text)
{
	if (!text)
		return NULL;
	size_t n = strlen(text) + 1;
	return memcpy(scratch_alloc(s, n), text, n);
}

void scratch_release(struct scratch *s)
{
	for (struct chunk *c = s->head, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	s->head = NULL;
}
