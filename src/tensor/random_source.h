/*
 * Weights of a preset: seeded random numbers that make a well-behaved network of true
 * size. Activations neither explode nor vanish over the depth of a model, so times, ranks
 * of tokens and cosines are those of numbers, not of infinities or zeros. They say
 * nothing about what a trained model would keep.
 *
 * A value depends on (seed, tensor name, element index modulo 2^32) only: not on threads,
 * on the order of requests, on fusing, or on the machine.
 *
 * Of a state-space model (Gu and Dao 2023) what sets its memory is as it is initialised:
 *   name ends in "mixer.A_log"          log 1, log 2 ... log N in every row
 *   name ends in "mixer.dt_proj.bias"   softplus makes steps of it between 0.001 and 0.1,
 *                                       uniform in their logarithm
 * All else is uniform with these means and standard deviations; the first row that
 * fits:
 *   name ends in "bias"                                   0       0.02
 *   name contains class_embedding, position_embedding,
 *     token_embedding, embeddings.weight, embedding.weight
 *     (and not patch_embed)                               0       0.02
 *   at most one dimension (norms, gains)                  1       0.02
 *   all else: matrices [out, in...]                       0       1/sqrt(product of in)
 * The last keeps the variance of a vector of independent elements.
 */
#ifndef TENSOR_RANDOM_SOURCE_H
#define TENSOR_RANDOM_SOURCE_H

#include <stdint.h>

#include "tensor/tensors.h"

/* Part of a preset's identity: to be raised with any change of a value above, so that
 * results of other numbers are not taken for these. */
#define RANDOM_SOURCE_VERSION 1

/* `label` begins messages and is the preset's name. */
struct tensors *tensors_create_random(uint64_t seed, const char *label);

#endif
