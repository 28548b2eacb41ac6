/*
 * Zero-shot recognition, counted: a picture belongs to the class whose row its embedding
 * has the largest dot product with. Length of the embedding and logit scale do not matter
 * to that, so it is taken from embeddings as they come; summed in double.
 */
#ifndef PROFILER_ACCURACY_H
#define PROFILER_ACCURACY_H

#include "profiler/run.h"
#include "tensor/tensor.h"

/* Zeroed: nothing was counted. */
struct accuracy {
	int64_t labelled, right; /* pictures with a label; of these told right */
	int64_t compared, agree; /* with the base; of these told the same */
};

/* The class of one embedding [P] among classes [L, P]; of equals the first; -1 where a
 * number is not one. */
int accuracy_class(const struct tensor *classes, const float *embed);

/* The likeliest of logits [L], and its softmax; -1 where a number is not one. */
int accuracy_likeliest(const float *logits, int64_t n, double *probability);

/*
 * Counts the first `items` rows of embeds [B, P]. labels [items]: what is right, -1: not
 * known; NULL: of none. base [B, P]: embeddings to agree with; NULL: none.
 */
void accuracy_add(struct accuracy *, const struct tensor *classes,
		  const struct tensor *embeds, const struct tensor *base,
		  const int *labels, int64_t items);

/* top1 of the labelled, top1_agree of the compared; what has none stays not measured. */
void accuracy_report(const struct accuracy *, struct run *);

#endif
