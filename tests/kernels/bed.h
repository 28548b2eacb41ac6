/*
 * A test bed for kernels: random tensors of exactly the memory they need (so that a
 * sanitizer sees one element too far), views whose gaps are poisoned, a cpu backend on
 * any number of threads, and comparisons that name the element.
 */
#ifndef TESTS_KERNELS_BED_H
#define TESTS_KERNELS_BED_H

#include "kernels/backend.h"

#define EPS 0x1p-23 /* of F32 */

/* Elements in [low, high), or all zero where low == high. Rows are cols + gap apart; the
 * gaps hold NaN, which a kernel that reads them spreads. Freed with all others by
 * bed_clear(). */
struct tensor bed_random(int64_t gap, double low, double high, int ndim,
			 const int64_t *dim);
struct tensor bed_i32(int ndim, const int64_t *dim);
/* The same elements and gap in memory of their own; bed_abs: their magnitudes. */
struct tensor bed_copy(struct tensor);
struct tensor bed_abs(struct tensor);
int64_t bed_pick(int64_t low, int64_t high); /* both included */
void bed_clear(void);

/* The cpu backend on `threads` threads (0: no pool) with an engine; one at a time. */
void bed_open(int threads, const char *gemm);
void bed_close(void);
extern const struct backend *bed_cpu, *bed_ref;
extern void *bed_self;

/* Every element within `tolerance` (relative to the element plus absolute) of `want`; NaN
 * and infinities equal; the gaps as poisoned. */
void bed_same(const char *what, struct tensor got, struct tensor want, double relative,
	      double absolute);
/* The same with an own absolute tolerance for each element. */
void bed_same_each(const char *what, struct tensor got, struct tensor want,
		   struct tensor tolerance);

/* Ends the program as skipped unless the level that SPARSETOP_ISA asks for is there. */
void bed_require_isa(void);

#endif
