/*
 * Rates: what the ops of a model took when they were last measured, to turn a dry pass
 * into an estimate of time. An op is estimated from its own measurement nearest in size,
 * of a pass of the same type (--dtype); where it has none, from rates that a short
 * calibration found on this machine.
 */
#ifndef PROFILER_RATES_H
#define PROFILER_RATES_H

#include "profiler/run.h"
#include "tensor/tensor.h"

struct rates;

struct rates *rates_create(void);
void rates_free(struct rates *);
void rates_forget(struct rates *); /* what was measured: another model or backend */

/* FLOP/s of a matrix product and bytes/s of a copy, as calibrated; NaN: not known. */
void rates_calibrate(struct rates *, double flops_per_s, double bytes_per_s);
/* FLOP/s of a product of another type than F32; forgotten by rates_calibrate(). Until
 * then such products are taken for F32, and an estimate says so. */
void rates_calibrate_type(struct rates *, enum dtype, double flops_per_s);

/* Learns from a measured run. */
void rates_learn(struct rates *, const struct run *);

/* Fills wall_ns of the layers of a predicted run, wall.p50_ns, throughput; says in a
 * warning when calibration, not measurement, stands behind it. Without any rate: stays
 * NaN. */
void rates_estimate(const struct rates *, struct run *);
/* The same from calibration alone, without a warning: for a setting that the measurements
 * are not of. The caller says so. */
void rates_estimate_calibrated(const struct rates *, struct run *);

#endif
