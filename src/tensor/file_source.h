/* Weights from one safetensors file. */
#ifndef TENSOR_FILE_SOURCE_H
#define TENSOR_FILE_SOURCE_H

#include "tensor/tensors.h"

/* Maps the file and reads its header; the weights are not touched. */
enum err tensors_open_file(const char *path, struct tensors **out) MUST_CHECK;

#endif
