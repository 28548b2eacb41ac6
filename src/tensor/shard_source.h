/*
 * Weights from several files, by their index (shard_index.h). A file is opened when a
 * tensor of it is asked for, and not before, so a model that needs half of a checkpoint
 * needs half of its files.
 */
#ifndef TENSOR_SHARD_SOURCE_H
#define TENSOR_SHARD_SOURCE_H

#include "tensor/tensors.h"

/*
 * Reads the index; the format is that of the index' name (weights_format.h). Later, a
 * file that is missing or broken, or that lacks a tensor the index lists, is an error of
 * tensors_error(), which names it.
 */
enum err tensors_open_shards(const char *path, struct tensors **out) MUST_CHECK;

#endif
