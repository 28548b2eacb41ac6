/*
 * Memory for weights: large mappings, aligned and advised for huge pages, from which
 * pieces are carved and never given back one by one. Nothing is touched, so memory is
 * only used once somebody writes to it.
 */
#ifndef TENSOR_SLABS_H
#define TENSOR_SLABS_H

#include <stddef.h>

struct slab;
struct slabs {
	struct slab *slab; /* the last one is being carved */
	size_t count;
};

/* 64-byte aligned zeros; NULL where the system gives no more. */
void *slabs_alloc(struct slabs *, size_t bytes);
void slabs_release(struct slabs *);

#endif
