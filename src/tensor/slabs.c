#include "tensor/slabs.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/str.h"

#define ALIGN 64u
#define HUGE_PAGE ((size_t)2 << 20)
#define SLAB ((size_t)64 << 20)

struct slab {
	char *base;
	size_t size, used;
};

/* A mapping that starts at a huge page; `size` is a multiple of one. */
static char *map_aligned(size_t size)
{
	char *p = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	size_t head = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
	if (head)
		munmap(p, head);
	munmap(p + head + size, HUGE_PAGE - head);
	madvise(p + head, size, MADV_HUGEPAGE); /* advice: a refusal costs speed only */
	return p + head;
}

static struct slab *add_slab(struct slabs *s, size_t bytes)
{
	size_t size =
		bytes > SLAB ? (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE : SLAB;
	char *base = map_aligned(size);
	if (!base)
		return NULL;
	s->slab = mem_grow(s->slab, s->count + 1, sizeof(*s->slab));
	s->slab[s->count] = (struct slab){ base, size, 0 };
	return &s->slab[s->count++];
}

void *slabs_alloc(struct slabs *s, size_t bytes)
{
	if (bytes > SIZE_MAX / 4)
		return NULL;
	bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
	struct slab *last = s->count ? &s->slab[s->count - 1] : NULL;
	if (!last || last->size - last->used < bytes)
		last = add_slab(s, bytes);
	if (!last)
		return NULL;
	void *p = last->base + last->used;
	last->used += bytes;
	return p;
}

void slabs_release(struct slabs *s)
{
	for (size_t i = 0; i < s->count; i++)
		munmap(s->slab[i].base, s->slab[i].size);
	free(s->slab);
	*s = (struct slabs){ 0 };
}
