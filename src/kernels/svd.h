#ifndef KERNELS_SVD_H
#define KERNELS_SVD_H
#include "base/err.h"
#include "tensor/tensor.h"
enum err svd(const struct tensor *w, struct tensor *left, float *sigma,
	     struct tensor *right);
#endif
