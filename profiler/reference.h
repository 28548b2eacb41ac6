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

/* Zeroed: empty. */
struct reference {
	char *key;         /* NULL: nothing is kept */
	float *rows;       /* [n, cols] */
	int64_t n, cols;   /* filled so far */
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
/* Rows from `first` on, of at most `items`: borrowed. */
struct tensor reference_rows(const struct reference *, int64_t first, int64_t items);

#endif
