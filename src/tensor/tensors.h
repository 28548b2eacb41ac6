/*
 * A named set of weights, whatever they come from: a mapped file (file_source.h), a
 * seeded generator (random_source.h). A model asks for a name and the shape it expects
 * and gets F32 memory that lives as long as the set.
 *
 * A source that is a file checks that the tensor exists and has that shape; the generator
 * makes one. The first request that fails sticks, so that a family can bind all its
 * weights and look at `tensors_error` once.
 *
 * Asking costs nothing but address space; tensors_prepare() reads, converts or generates.
 * So a dry pass can run on a set that was never prepared. One thread at a time.
 */
#ifndef TENSOR_TENSORS_H
#define TENSOR_TENSORS_H

#include "base/err.h"
#include "tensor/tensor.h"

struct tensors;

/* What a source implements; `self` is its own. */
struct tensors_source {
	const char *name; /* "safetensors", "random" */
	/* The data of `find` lies in a mapped file: pages of it that were copied are
	 * given back, and come again if somebody reads them. */
	bool mapped;
	/* The stored tensor, `data` at any alignment, NULL where its elements do not lie
	 * in one row; false: there is no such tensor, or `check` says why it cannot be
	 * had. NULL: any name and shape is possible. */
	bool (*find)(void *self, const char *name, struct tensor *stored);
	/* Elements [begin, end) of a tensor in row-major order, as F32 to `out`. Called
	 * by several threads at once for different ranges. */
	void (*fill)(void *self, const char *name, const struct tensor *shape,
		     int64_t begin, int64_t end, float *out);
	/* The file in which `find` found a tensor, as messages name it; NULL: in none.
	 * NULL function: there is one file, and the set's label names it. */
	const char *(*file_of)(void *self, const char *name);
	/* Whether everything read so far was right. NULL: always. */
	enum err (*check)(void *self);
	/* The file drops dimensions of one: [1536, 4] is there what is asked for as
	 * [1536, 1, 4]. tensors_find() gives the file's. */
	bool squeezes;
	void (*free)(void *self);
};

/* Takes `self`; `label` is copied and begins every message. */
struct tensors *tensors_create(const struct tensors_source *, void *self,
			       const char *label);
void tensors_free(struct tensors *); /* and every tensor it gave */

const char *tensors_label(const struct tensors *);
const char *tensors_format(const struct tensors *); /* the source's name */
/* What the shapes that are asked for were read from, copied: a tensor that has another,
 * or is not there, is an error that names both files. Before the first get. */
void tensors_set_config_label(struct tensors *, const char *label);

/* Whether the source has this tensor, and its shape and dtype; a generator has none of
 * its own. */
bool tensors_find(const struct tensors *, const char *name, struct tensor *stored);
bool tensors_is_generated(const struct tensors *);

/*
 * An F32 tensor of this shape. F32 data of a mapped file that is aligned for a float is
 * used where it lies (never write to it, expect no more than 4-byte alignment); all else
 * is *reserved* now, 64-byte aligned, and filled by tensors_prepare(). The same name and
 * shape again gives the same memory. After an error: the shape without data.
 */
struct tensor tensors_get(struct tensors *, const char *name, int ndim,
			  const int64_t *dim);

/*
 * The same as it is stored: F16 and BF16 data of a mapped file is given where it lies
 * (2-byte aligned), all else becomes F32. For weights of products and tables of
 * embeddings, which widen what they read (kernels/backend.h). Of a generator: in the type
 * that tensors_generate_as() set, F32 before; the values are those of F32, rounded.
 *
 * After tensors_hold_as(F16 or BF16), before the first get: in that type, whatever they
 * are stored in. What is stored in it is used where it lies; all else is rounded, once,
 * to memory of 2 bytes an element.
 */
struct tensor tensors_get_stored(struct tensors *, const char *name, int ndim,
				 const int64_t *dim);
void tensors_generate_as(struct tensors *, enum dtype);
void tensors_hold_as(struct tensors *, enum dtype); /* F32: as they are stored */

/*
 * Several tensors stacked along their first dimension into one contiguous [sum, ...]
 * tensor: fused q, k, v. Each part has shape [dim[0] / parts, dim[1], ...]. The values
 * are those the parts would have alone.
 */
struct tensor tensors_get_stacked(struct tensors *, const char *const *names, int parts,
				  int ndim, const int64_t *dim);
/* The same in halves where all parts are stored (or to be held) in the same ones: a copy
 * of 2 bytes an element. */
struct tensor tensors_get_stacked_stored(struct tensors *, const char *const *names,
					 int parts, int ndim, const int64_t *dim);

/* The first failed get, else whether the file was whole while it was read: ask again
 * after using weights that may lie in a mapped file. */
enum err tensors_error(const struct tensors *) MUST_CHECK;

/*
 * Fills what was reserved and touches what is used in place, so that no pass waits for
 * the disk. `parallel(ctx, fn, arg)` runs fn(arg, thread, threads) on every compute
 * thread; `progress(ctx, done, total)` is told bytes, on thread 0, and may return false
 * to cancel. Either may be NULL, and so may `work`. Cancelled: may be called again.
 */
struct tensors_work {
	void *ctx;
	void (*parallel)(void *ctx, void (*fn)(void *, int, int), void *arg);
	bool (*progress)(void *ctx, int64_t done, int64_t total);
};
enum err tensors_prepare(struct tensors *, const struct tensors_work *) MUST_CHECK;

/* The same of one tensor that this set gave, which need not be prepared otherwise: the
 * rest stays as it is. */
enum err tensors_prepare_one(struct tensors *, const struct tensor *given) MUST_CHECK;

/* Elements asked for so far, once each: also where a tensor is held in two types. */
int64_t tensors_params(const struct tensors *);
/* The bytes of all that was given, reserved or in a mapped file. */
int64_t tensors_bytes(const struct tensors *);

#endif
