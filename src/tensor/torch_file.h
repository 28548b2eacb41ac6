/*
 * Checkpoints of torch.save: a zip archive (zip_read.h) of FOLDER/data.pkl, which
 * describes tensors (torch_pickle.h), and FOLDER/data/KEY, the bytes of their storages.
 * Storages may be shared, tensors may be views with any strides.
 *
 * Refused with the way out: the format before torch 1.6 (no zip), big-endian files,
 * whatever is more than plain weights.
 */
#ifndef TENSOR_TORCH_FILE_H
#define TENSOR_TORCH_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tensor/tensor.h"

struct torch_file;

struct torch_entry {
	const char *name; /* as in the file: escape it before showing it */
	/* `data` points into the mapped file, at any alignment; NULL where the elements
	 * do not lie one after the other, or there are none. */
	struct tensor tensor;
	int64_t stride[TENSOR_MAX_DIMS]; /* elements */
	const unsigned char *first;      /* element [0, ...] */
};

/* Reads what describes the tensors; the tensors are not touched. */
enum err torch_file_open(const char *path, struct torch_file **out) MUST_CHECK;
void torch_file_free(struct torch_file *); /* and the memory its entries point to */

/* Entries in order of their names. */
size_t torch_file_count(const struct torch_file *);
const struct torch_entry *torch_file_at(const struct torch_file *, size_t i);
const struct torch_entry *torch_file_find(const struct torch_file *, const char *name);

/* Elements [begin, end) in row-major order, of a float type, as F32. */
void torch_entry_read(const struct torch_entry *, int64_t begin, int64_t end, float *out);

const char *torch_file_label(const struct torch_file *); /* the path, escaped */

/* ERR_IO when the file was shortened under us: data read since is zeros in part. */
enum err torch_file_check(const struct torch_file *) MUST_CHECK;

#endif
