#include "models/s4d_source.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/str.h"

struct s4d_source {
	struct s4d s;
	double *b, *c; /* [N, D], [D, N] */
};

/* n uniform numbers of this deviation. */
static double *mixing(uint64_t seed, const char *name, int64_t n, double deviation)
{
	uint64_t key = rng_key(seed, name);
	double *v = mem_alloc(sizeof(*v) * (size_t)n);
	for (int64_t i = 0; i < n; i++)
		v[i] = deviation * sqrt(3) *
		       (2 * (double)rng_uniform(key, (uint32_t)i) - 1);
	return v;
}

/* Columns [first, first + n) of row o of K[l]. */
static void fill_row(const struct s4d_source *p, int64_t l, int64_t o, int64_t first,
		     int64_t n, double *sum, float *out)
{
	const struct s4d *s = &p->s;
	memset(sum, 0, sizeof(*sum) * (size_t)n);
	for (int64_t state = 0; state < s->states; state++) {
		double decay = exp(-s->step * (double)l * (double)(state + 1));
		double scale = p->c[o * s->states + state] * decay;
		const double *b = p->b + state * s->width + first;
		for (int64_t i = 0; i < n; i++)
			sum[i] += scale * b[i];
	}
	for (int64_t i = 0; i < n; i++)
		out[i] = (float)sum[i];
}

static void fill(void *self, const char *name, const struct tensor *shape, int64_t begin,
		 int64_t end, float *out)
{
	const struct s4d_source *p = self;
	int64_t d = p->s.width;
	assert(!strcmp(name, "kernel") && shape->ndim == 3 && shape->dim[2] == d);
	(void)name, (void)shape;
	double *sum = mem_alloc(sizeof(*sum) * (size_t)d);
	for (int64_t at = begin, n; at < end; at += n) {
		int64_t row = at / d, column = at % d;
		n = end - at < d - column ? end - at : d - column;
		fill_row(p, row / d, row % d, column, n, sum, out + (at - begin));
	}
	free(sum);
}

static void source_free(void *self)
{
	struct s4d_source *p = self;
	free(p->b);
	free(p->c);
	free(p);
}

static const struct tensors_source source = {
	.name = "s4d",
	.fill = fill,
	.free = source_free,
};

struct tensors *tensors_create_s4d(uint64_t seed, const char *label, const struct s4d *s)
{
	struct s4d_source *p = mem_alloc(sizeof(*p));
	int64_t n = s->width * s->states;
	p->s = *s;
	p->b = mixing(seed, "s4d.B", n, 1 / sqrt((double)s->width));
	p->c = mixing(seed, "s4d.C", n, 1 / sqrt((double)s->states));
	return tensors_create(&source, p, label);
}
