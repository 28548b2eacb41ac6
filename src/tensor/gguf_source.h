/* GGUF as a format of weights (weights_format.h): names are those of Hugging Face. */
#ifndef TENSOR_GGUF_SOURCE_H
#define TENSOR_GGUF_SOURCE_H

#include "tensor/weights_format.h"

extern const struct weights_format gguf_format;

#endif
