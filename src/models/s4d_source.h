/*
 * Weights of a preset whose long convolution is a diagonal state-space model (S4D-Real,
 * Gu et al. 2022): a tensor `kernel` [L, D, D] made of its parts,
 *   K[l] = C diag(exp(step l a)) B,  a[n] = -(n + 1)
 * with seeded uniform C [D, N] and B [N, D] of deviations 1/sqrt(N) and 1/sqrt(D): of
 * rank N at most as a matrix [L, D D], however long it is. A value depends on the seed,
 * the sizes and its place only; they never change (tensor/random_source.h).
 */
#ifndef MODELS_S4D_SOURCE_H
#define MODELS_S4D_SOURCE_H

#include "tensor/tensors.h"

struct s4d {
	int64_t width, states; /* D, N */
	double step;
};

/* `label` begins messages and is the preset's name. */
struct tensors *tensors_create_s4d(uint64_t seed, const char *label, const struct s4d *);

#endif
