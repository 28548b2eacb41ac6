/*
 * A reduction: the knobs of a technique, read and checked against a tower once, before
 * any pass: which method, where, how much.
 */
#ifndef REDUCE_REDUCTION_H
#define REDUCE_REDUCTION_H

#include "base/knobs.h"
#include "reduce/method.h"

#define REDUCTION_MAX_SITES 128

enum summary { SUMMARY_OFF, SUMMARY_DROPPED, SUMMARY_ALL };

/* What a tower is, as far as tokens are concerned. */
struct tower {
	const char *name; /* of the model, for messages */
	int64_t depth;
	bool cls; /* row 0 is a class token */
	int unit; /* rows that go and stay together; 0, as 1: each alone */
	/* Rows carry their place in the picture: a token made of several has none. */
	bool placed;
};

struct reduction {
	const struct method *method;
	double keep, threshold;
	int64_t merge_r;
	bool quantile, padded;
	enum summary summary;
	uint64_t seed;
	int unit; /* rows of a token: 1 or more */
	bool at_embed;
	int layers[REDUCTION_MAX_SITES]; /* ascending */
	int n_layers;
};

/* ERR_USAGE for what does not go together; the message says what would. */
enum err reduction_read(const struct knobs *, const struct tower *,
			struct reduction *) MUST_CHECK;

/*
 * For a grid of methods and amounts: keep, merge-r and threshold become their defaults
 * where the method does not use them. An unknown method's stay as they are.
 */
void reduction_settle(struct knobs *);

bool reduction_at(const struct reduction *, int layer);
/* Sites, the embedding's included. */
int reduction_sites(const struct reduction *);
/* How many rows stay may depend on values, and so may differ between items. */
bool reduction_is_ragged(const struct reduction *);

#endif
