/* Weights from files: one file, or the index of several. */
#ifndef TENSOR_FILE_SOURCE_H
#define TENSOR_FILE_SOURCE_H

#include "tensor/tensors.h"

/*
 * Maps the file and reads what describes its tensors; they are not touched. The kind of
 * file goes by its name (weights_format.h); an unknown name is taken for safetensors.
 */
enum err tensors_open_file(const char *path, struct tensors **out) MUST_CHECK;

#endif
