/*
 * What is remembered of saliencies, so that an estimate knows how many tokens another
 * threshold leaves: the scores of every token at every site that it reached.
 */
#ifndef PROFILER_SALIENCY_H
#define PROFILER_SALIENCY_H

#include "profiler/setting.h"

struct saliencies {
	int64_t items, tokens;          /* of an item, at most */
	int n;                          /* sites; 0: nothing is known */
	int64_t added[TRACE_MAX_SITES]; /* rows of an item that are no candidates */
	/* [n, items, tokens], owned; NaN: the token was not there any more */
	float *scores;
};

/* Of the last pass of a method by threshold; leaves `s` alone where it was another one.
 */
void saliencies_learn(struct saliencies *, const struct setting *);
void saliencies_release(struct saliencies *);

/*
 * The shares that the method of these knobs, which have a threshold, would leave. A token
 * that had left before a site passes it as those do that were there. False: nothing is
 * known, or the knobs have no threshold.
 */
bool saliencies_shares(const struct saliencies *, const struct knobs *, struct shares *);

/* The knobs of a pass that scores every token at every site and drops none; false: this
 * family has no threshold, or these have one. */
bool saliencies_probe(const struct model *, const struct knobs *, struct knobs *probe);

#endif
