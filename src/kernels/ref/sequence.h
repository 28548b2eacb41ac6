/* The reference of the ops on sequences: entries of struct backend (backend.h). */
#ifndef KERNELS_REF_SEQUENCE_H
#define KERNELS_REF_SEQUENCE_H

#include "kernels/backend.h"

double ref_activate(enum act, double u);

void ref_conv1d(void *self, struct tensor y, struct tensor x, const struct conv *,
		enum act, struct tensor past);
void ref_scan(void *self, struct tensor y, struct tensor x, struct tensor delta,
	      struct tensor b, struct tensor c, const struct ssm *, float step,
	      struct tensor state, bool fresh);
void ref_gate(void *self, struct tensor y, struct tensor z);
void ref_downsample(void *self, struct tensor y, struct tensor x, int r);
void ref_upsample(void *self, struct tensor y, struct tensor x, int r);
void ref_blend(void *self, struct tensor y, struct tensor low, struct tensor g, int r);
void ref_mean_rows(void *self, struct tensor y, struct tensor x, const struct segments *);
void ref_taps(void *self, struct tensor y, struct tensor x, struct tensor taps);

void ref_variation(void *self, struct tensor sums, struct tensor x);

#endif
