/* A few milliseconds of known work, so that the first estimate stands on this machine. */
#ifndef PROFILER_CALIBRATE_H
#define PROFILER_CALIBRATE_H

#include "base/arena.h"
#include "kernels/backend.h"

/* FLOP/s of a matrix product by the backend and bytes/s of a copy; NaN without memory. */
void calibrate(const struct backend *, void *backend_self, double *flops_per_s,
	       double *bytes_per_s);
/* FLOP/s of a product of this type alone. */
double calibrate_product(const struct backend *, void *backend_self, enum dtype);

#endif
