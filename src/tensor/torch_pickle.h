/*
 * What the pickle in a torch checkpoint says of its tensors, read as data.
 *
 * A pickle is a program for a small stack machine that can call any Python function. Here
 * there is nothing to call: the machine below knows the instructions and the seven
 * names that torch.save writes for a state_dict, builds descriptions of tensors from
 * them, and refuses everything else by name. Memory is bounded by the pickle's length,
 * which is bounded itself, and nothing recurses, so neither deep nesting nor a structure
 * that contains itself costs anything.
 *
 * Names: collections.OrderedDict, torch._utils._rebuild_tensor_v2 and
 * torch.{Float,Half,BFloat16,Double,Long}Storage. BUILD is legal on a dictionary (torch
 * keeps `_metadata` there) and has no effect.
 *
 * The pickle must be one dictionary; its entries that are tensors are listed, all others
 * are left out. Sizes, strides and the offset of each tensor are checked against the
 * length its storage claims to have: whether the file has such a storage is the caller's
 * question.
 */
#ifndef TENSOR_TORCH_PICKLE_H
#define TENSOR_TORCH_PICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tensor/tensor.h"

#define TORCH_PICKLE_MAX_BYTES (16u << 20)

/* Every element [i...] is at offset + sum(i * stride), which is below storage_count. */
struct torch_tensor {
	const char *name;    /* as in the file: escape it before showing it */
	const char *storage; /* its key: data/KEY in the archive */
	enum dtype dtype;
	int64_t storage_count; /* elements, at least 0 */
	int64_t offset;        /* elements */
	int ndim;
	int64_t dim[TENSOR_MAX_DIMS], stride[TENSOR_MAX_DIMS];
};

struct torch_pickle;

/* `label` begins messages. ERR_FORMAT for what breaks the rules of a pickle or of a
 * tensor, ERR_UNSUPPORTED for what is legal elsewhere. */
enum err torch_pickle_read(const unsigned char *bytes, size_t n, const char *label,
			   struct torch_pickle **out) MUST_CHECK;
void torch_pickle_free(struct torch_pickle *);

/* In order of their names, which are unique. */
size_t torch_pickle_count(const struct torch_pickle *);
const struct torch_tensor *torch_pickle_at(const struct torch_pickle *, size_t i);

#endif
