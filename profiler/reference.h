/*
 * Outputs of the base over all pictures of an input, kept between runs, so that moving a
 * slider does not compute the base again each time. What they belong to is a key: the
 * owner drops them with the model, and a set with another key is not found.
 */
#ifndef PROFILER_REFERENCE_H
#define PROFILER_REFERENCE_H

#include <stdbool.h>

#include "tensor/tensor.h"

#define REFERENCE_MAX_BYTES (64 << 20)

/* Zeroed: empty. A row for each item, of any length: pictures differ in size. */
struct reference {
	char *key; /* NULL: nothing is kept */
	float *values;
	size_t room;       /* floats that values has memory for */
	int64_t *ends;     /* [n]: where in values each row ends */
	int64_t n;         /* filled so far */
	int64_t n_planned; /* how many there will be */
};

void reference_release(struct reference *);

/* Forgets what there was and awaits `n` rows of this key. */
void reference_begin(struct reference *, const char *key, int64_t n);
/* The first `items` rows of x [B, P]. Beyond REFERENCE_MAX_BYTES, or without memory,
 * nothing is kept. */
void reference_add(struct reference *, const struct tensor *x, int64_t items);

/* True when all rows of this key are there. */
bool reference_holds(const struct reference *, const char *key);
/* Row i as [1, P], and rows from `first` on, of at most `items`, all of the length of the
 * first: borrowed. */
struct tensor reference_row(const struct reference *, int64_t i);
struct tensor reference_rows(const struct reference *, int64_t first, int64_t items);

#endif
