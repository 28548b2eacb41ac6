#include "profiler/fidelity.h"

#include <math.h>
#include <stdlib.h>

#include "base/str.h"
#include "profiler/stats.h"

void fidelity_release(struct fidelity *f)
{
	free(f->cosine);
	*f = (struct fidelity){ 0 };
}

void fidelity_add(struct fidelity *f, const struct tensor *x, const struct tensor *ref,
		  int64_t items)
{
	f->cosine = mem_grow(f->cosine, (size_t)f->n + (size_t)items, sizeof(double));
	for (int64_t b = 0; b < items; b++) {
		const float *a = tensor_row(x, b), *r = tensor_row(ref, b);
		double dot = 0, aa = 0, rr = 0;
		for (int64_t i = 0; i < tensor_cols(x); i++) {
			double u = (double)a[i], v = (double)r[i];
			dot += u * v;
			aa += u * u;
			rr += v * v;
			f->diff2 += (u - v) * (u - v);
		}
		f->ref2 += rr;
		/* A zero vector has no angle; fmin would hide its NaN. */
		double cosine = dot / sqrt(aa * rr);
		f->cosine[f->n++] = cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
	}
}

double fidelity_mean(const struct fidelity *f) { return summarize(f->cosine, f->n).mean; }

int fidelity_worst(const struct fidelity *f)
{
	int worst = -1;
	for (int i = 0; i < f->n; i++)
		if (!isnan(f->cosine[i]) &&
		    (worst < 0 || f->cosine[i] < f->cosine[worst]))
			worst = i;
	return worst;
}

void fidelity_report(const struct fidelity *f, const char *reference, struct run *run)
{
	struct summary s = summarize(f->cosine, f->n);
	run->fidelity.reference = run_str(run, reference);
	run->fidelity.images = f->n;
	run->fidelity.cosine = s.mean;
	run->fidelity.cosine_p5 = percentile_of(f->cosine, f->n, 5);
	run->fidelity.cosine_min = s.min;
	run->fidelity.rel_l2 = sqrt(f->diff2 / f->ref2);
}
