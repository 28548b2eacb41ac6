/* How close the outputs of a technique come to those of the base, item by item. */
#ifndef PROFILER_FIDELITY_H
#define PROFILER_FIDELITY_H

#include "profiler/run.h"
#include "tensor/tensor.h"

struct fidelity {
	double *cosine; /* [n] */
	int n;
	double diff2, ref2; /* sums of squares: |x - ref|^2, |ref|^2 */
};

void fidelity_release(struct fidelity *);

/* Adds the first `items` rows of x and ref [B, P], summed in double. */
void fidelity_add(struct fidelity *, const struct tensor *x, const struct tensor *ref,
		  int64_t items);

double fidelity_mean(const struct fidelity *); /* of the cosines; NaN without any */

/* Which item is the least like the reference: the first of several; -1 without any. */
int fidelity_worst(const struct fidelity *);

/* Mean, p5 (NaN below 20 items), minimum and relative L2. `reference` is canonical knobs.
 */
void fidelity_report(const struct fidelity *, const char *reference, struct run *);

#endif
