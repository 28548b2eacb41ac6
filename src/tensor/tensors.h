/*
 * A named set of weights, whatever they come from: one mapped file, a set of shards, a
 * seeded generator. A model asks for a name and the shape it expects and gets F32 (or
 * 2-byte) memory that lives as long as the set.
 *
 * A source that is a file checks that the tensor exists and has that shape; the generator
 * makes one. The first request that fails sticks, so that a family can bind all its
 * weights and look at `tensors_error` once.
 */
#ifndef TENSOR_TENSORS_H
#define TENSOR_TENSORS_H

#include "base/err.h"
#include "tensor/tensor.h"

struct tensors;

/* What a source implements; `self` is its own. */
struct tensors_source {
	const char *name; /* "safetensors", "random" */
	/* The stored shape; false: there is no such tensor. NULL: any shape is possible.
	 */
	bool (*find)(void *self, const char *name, struct tensor *stored);
	/* Fills `out` (n F32 elements) with the tensor; runs in parts, so may be called
	 * by several threads for different ranges. */
	void (*fill)(void *self, const char *name, const struct tensor *shape,
		     int64_t begin, int64_t end, float *out);
	void (*free)(void *self);
};

struct tensors *tensors_create(const struct tensors_source *, void *self,
			       const char *label);
void tensors_free(struct tensors *);

/* Whether the source has this tensor, and its shape; a generator has none of its own. */
bool tensors_find(const struct tensors *, const char *name, struct tensor *stored);
bool tensors_is_generated(const struct tensors *);

/*
 * An F32 tensor of this shape. Aligned F32 data of a mapped file is used where it lies;
 * all else is *reserved* now and filled by tensors_prepare(). After an error: an empty
 * tensor.
 */
struct tensor tensors_get(struct tensors *, const char *name, int ndim,
			  const int64_t *dim);

/*
 * Several tensors stacked along their first dimension into one contiguous [sum, ...]
 * tensor: fused q, k, v. Each part has shape [dim[0] / parts, dim[1], ...].
 */
struct tensor tensors_get_stacked(struct tensors *, const char *const *names, int parts,
				  int ndim, const int64_t *dim);

enum err tensors_error(const struct tensors *) MUST_CHECK; /* of all gets so far */

/*
 * Fills what was reserved. `parallel(ctx, fn, arg)` runs fn(arg, thread, threads) on
 * every compute thread; `progress(ctx, done, total)` is told bytes and may return false
 * to cancel.
 */
struct tensors_work {
	void *ctx;
	void (*parallel)(void *ctx, void (*fn)(void *, int, int), void *arg);
	bool (*progress)(void *ctx, int64_t done, int64_t total);
};
enum err tensors_prepare(struct tensors *, const struct tensors_work *) MUST_CHECK;

int64_t tensors_params(const struct tensors *); /* elements asked for so far */
int64_t tensors_bytes(const struct tensors *);  /* their bytes as held in memory */

#endif
