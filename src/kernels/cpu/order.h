/*
 * The order of scores: the higher first, among equals the lower index, NaN last and -0 as
 * 0. Without sorting where a threshold is enough.
 */
#ifndef KERNELS_CPU_ORDER_H
#define KERNELS_CPU_ORDER_H

#include <stdint.h>

/* An unsigned number that orders as the score does, and back (0: NaN). */
uint32_t order_key(float score);
float order_score(uint32_t key);

/* The key of the `rank`-th highest of n (1: the highest) and how many of the rank share
 * it. O(n), no memory. */
uint32_t order_at(const float *score, int64_t n, int64_t rank, int64_t *equals);

/* The keys of n scores, the highest first; `spare` has room for n. */
void order_sort(const float *score, int64_t n, uint32_t *keys, uint32_t *spare);

#endif
