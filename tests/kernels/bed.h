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

/* Items of 1 to `most` rows with up to 3 rows of padding before, between and after;
 * *rows: all together. */
struct segments bed_segments(int64_t items, int64_t most, int64_t *rows);
/* Has each item tell how many of its last rows are no candidates, at most so many. */
void bed_count_back(struct segments *, int64_t items, int most);
/* An empty selection of a source [rows, ..] with room for what these options may keep;
 * its `out` has room where they may keep different numbers. `in` may be empty. */
struct selection bed_selection(struct segments in, int64_t items, int64_t rows,
			       const struct select_opts *);
/* The elements of `from` as F16 or BF16 (cut off after their digits), aligned to 2 bytes
 * and no more, and those that the
 * result has as F32: the same shape and gap. */
struct tensor bed_narrow(struct tensor from, enum dtype);
struct tensor bed_widen(struct tensor from);
void bed_clear(void);

/* Runs a case without a pool and on one, two and three threads. */
void bed_on_threads(void (*run)(void));

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
void bed_same_i32(const char *what, struct tensor got, struct tensor want);

/* Ends the program as skipped unless the level that SPARSETOP_ISA asks for is there. */
void bed_require_isa(void);

#endif
