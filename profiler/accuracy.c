#include "profiler/accuracy.h"

#include <math.h>

int accuracy_class(const struct tensor *classes, const float *embed)
{
	int best = -1;
	double most = -HUGE_VAL;
	for (int64_t c = 0; c < classes->dim[0]; c++) {
		const float *row = tensor_row(classes, c);
		double dot = 0;
		for (int64_t i = 0; i < tensor_cols(classes); i++)
			dot += (double)row[i] * (double)embed[i];
		if (isnan(dot))
			return -1;
		if (dot > most) {
			most = dot;
			best = (int)c;
		}
	}
	return best;
}

int accuracy_likeliest(const float *logits, int64_t n, double *probability)
{
	int best = 0;
	double sum = 0;
	for (int i = 0; i < n; i++)
		if (logits[i] > logits[best])
			best = i;
	for (int i = 0; i < n; i++)
		sum += exp((double)logits[i] - (double)logits[best]);
	*probability = 1 / sum;
	return n > 0 && !isnan(sum) ? best : -1;
}

void accuracy_add(struct accuracy *a, const struct tensor *classes,
		  const struct tensor *embeds, const struct tensor *base,
		  const int *labels, int64_t items)
{
	for (int64_t b = 0; b < items; b++) {
		int told = accuracy_class(classes, tensor_row(embeds, b));
		if (labels && labels[b] >= 0) {
			a->labelled++;
			a->right += told == labels[b];
		}
		if (base) {
			a->compared++;
			a->agree += told >= 0 &&
				    told == accuracy_class(classes, tensor_row(base, b));
		}
	}
}

void accuracy_report(const struct accuracy *a, struct run *run)
{
	if (a->labelled) {
		run->accuracy.images = (double)a->labelled;
		run->accuracy.top1 = (double)a->right / (double)a->labelled;
	}
	if (a->compared)
		run->fidelity.top1_agree = (double)a->agree / (double)a->compared;
}
