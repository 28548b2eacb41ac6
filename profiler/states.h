/*
 * What a base's layers leave behind, held for a while so that a technique can be compared
 * with it layer by layer: the hidden state of each token after each layer (cosine), and
 * the state of a scan along the sequence (relative error). Both by way of a witness
 * (kernels/op.h) of a pass that is not timed.
 *
 * Rows of tokens that a technique dropped are compared with nobody; what it made of
 * several neither. Layers whose rows cannot be told apart stay not known.
 */
#ifndef PROFILER_STATES_H
#define PROFILER_STATES_H

#include "kernels/op.h"
#include "profiler/run.h"
#include "reduce/trace.h"

#define STATES_MAX_BYTES ((size_t)512 << 20) /* beyond it nothing is compared */
#define STATES_KEEP_BYTES ((size_t)16 << 20) /* worth keeping from run to run */

/* Of one layer, in the order that they came: rows of tokens from `first` on, or the state
 * after `first` tokens. Owned, F32. */
struct state_part {
	int64_t first;
	struct tensor x;
};
struct layer_parts {
	struct state_part *parts; /* [n] */
	int n;
};
struct parts_list {
	struct layer_parts *layers; /* [n] */
	int n;
};

/* Zeroed: nothing is held. */
struct states {
	char *key; /* what they belong to */
	struct parts_list hidden, scan;
	size_t bytes;
	bool lost; /* there was no room: nothing is held */
};

void states_release(struct states *);
/* Forgets what there was; the pass of this witness (the states stay where they are)
 * records it anew. */
struct witness states_record(struct states *, const char *key);
/* Whether those of this key are there; what is lost is not. */
bool states_hold(const struct states *, const char *key);

/* Zeroed but for `base` and `trace`: a technique's pass against them. */
struct states_match {
	const struct states *base;
	const struct trace *trace; /* the technique's, as it comes about; items 0: all
				      rows are those of the base */
	struct state_sum {
		double sum;
		int64_t n; /* -1: it cannot be compared */
	} * cosine;        /* [n_cosine], of layers */
	int n_cosine;
	struct state_error {
		int64_t at;
		struct state_sum of;
	} * errors; /* [n_errors], by position */
	int n_errors;
	double *scan_bytes; /* [n_scan]: of one item's state, by layer */
	int n_scan;
	struct state_sum gates;
};

/* How often states along a sequence of this length are worth a look: 16 times, in
 * multiples of 16; 0: once, at its end. */
int64_t states_every(int64_t length);

void states_match_release(struct states_match *);
struct witness states_compare(struct states_match *);
/* The cosine of run->layers that are numbered groups ("blocks.3"), in order, all of
 * run->ssm, and the mean of gates where the model did not tell it. */
void states_report(const struct states_match *, struct run *);

#endif
