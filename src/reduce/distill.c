#include "reduce/distill.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/op_sequence.h"
#include "kernels/svd.h"

void distill_init(struct distilled *d, int64_t length, int64_t width)
{
	int64_t square = width * width;
	*d = (struct distilled){ .length = length,
				 .width = width,
				 .most = length < square ? length : square };
	d->taps = tensor_of(DT_F32, NULL, DIMS(d->most, length));
	d->mix = tensor_of(DT_F32, NULL, DIMS(width, d->most * width));
}

/* left [L, most] turned round; right [most, D D] with the rows of all M[i] side by side.
 */
static void arrange(struct distilled *d, const struct tensor *left,
		    const struct tensor *right)
{
	int64_t width = d->width;
	for (int64_t i = 0; i < d->most; i++) {
		for (int64_t l = 0; l < d->length; l++)
			tensor_row(&d->taps, i)[l] = tensor_row(left, l)[i] * d->sigma[i];
		for (int64_t o = 0; o < width; o++)
			memcpy(tensor_row(&d->mix, o) + i * width,
			       tensor_row(right, i) + o * width,
			       sizeof(float) * (size_t)width);
	}
}

static enum err factor(struct distilled *d, const struct tensor *kernel,
		       struct tensor *left, struct tensor *right)
{
	const struct tensor unfolded = tensor_of(kernel->dtype, kernel->data,
						 DIMS(d->length, d->width * d->width));
	d->taps.data = malloc((size_t)tensor_bytes(&d->taps));
	d->mix.data = malloc((size_t)tensor_bytes(&d->mix));
	d->sigma = malloc(sizeof(float) * (size_t)d->most);
	left->data = malloc((size_t)tensor_bytes(left));
	right->data = malloc((size_t)tensor_bytes(right));
	if (!d->taps.data || !d->mix.data || !d->sigma || !left->data || !right->data)
		return err_set(ERR_NOMEM,
			       "no memory for the factors of a kernel of %lld "
			       "taps and %lld channels",
			       (long long)d->length, (long long)d->width);
	enum err e = svd(&unfolded, left, d->sigma, right);
	if (!e)
		arrange(d, left, right);
	return e;
}

double distill_bytes(const struct distilled *d)
{
	double l = (double)d->length, square = (double)d->width * (double)d->width;
	double factors = (double)d->most * (l + square);
	/* Twice in F32, here and as svd() leaves them; once more there, beside the
	 * kernel. */
	return 2 * sizeof(float) * factors + sizeof(double) * (factors + l * square);
}

enum err distill(struct distilled *d, const struct tensor *kernel)
{
	if (d->sigma)
		return OK;
	struct tensor left = tensor_of(DT_F32, NULL, DIMS(d->length, d->most));
	struct tensor right = tensor_of(DT_F32, NULL, DIMS(d->most, d->width * d->width));
	enum err e = factor(d, kernel, &left, &right);
	free(left.data);
	free(right.data);
	if (e)
		distill_release(d);
	return e;
}

void distill_release(struct distilled *d)
{
	free(d->taps.data);
	free(d->mix.data);
	free(d->sigma);
	d->taps.data = d->mix.data = NULL;
	d->sigma = NULL;
}

enum err distill_check(const struct distilled *d, int64_t rank, const char *model)
{
	if (rank <= d->most)
		return OK;
	return err_set(ERR_USAGE,
		       "--rank %lld: the kernel of %s is [%lld, %lld, %lld], as a matrix "
		       "%lld x %lld: at most %lld",
		       (long long)rank, model, (long long)d->length, (long long)d->width,
		       (long long)d->width, (long long)d->length,
		       (long long)(d->width * d->width), (long long)d->most);
}

/* A dry pass may run while another thread factors: it looks at no data. */
static struct tensor taps_of(const struct distilled *d, int64_t rank, bool shape_only)
{
	return tensor_of(DT_F32, shape_only ? NULL : d->taps.data, DIMS(rank, d->length));
}

struct linear distill_mix(const struct distilled *d, int64_t rank, bool shape_only)
{
	struct linear l = { .weight = tensor_of(DT_F32, shape_only ? NULL : d->mix.data,
						DIMS(d->width, rank * d->width)) };
	l.weight.ld = d->most * d->width; /* the first columns of all */
	return l;
}

static void tell(const struct distilled *d, int64_t rank, struct low_rank_facts *f)
{
	double l = (double)d->length, c = (double)d->width;
	double full = l * c * c;
	*f = (struct low_rank_facts){
		.matrices = 1,
		.rel_error = low_rank_error(d->sigma, d->most, rank),
		.break_even = (int64_t)(full / (l * c + c * c)),
		.full = full,
		.stored = (double)rank * (l + c * c),
		.spectrum = d->sigma,
		.n_spectrum = d->most,
	};
}

struct tensor op_distilled(struct pass *p, const char *name, struct tensor x,
			   const struct distilled *d, int64_t rank,
			   const struct linear *mix, struct low_rank_facts *f)
{
	bool dry = p->backend->dry;
	struct tensor taps = taps_of(d, rank, dry);
	assert(dry || d->sigma);
	if (!dry)
		tell(d, rank, f);
	span_open(p, name, -1);
	x = op_taps(p, "taps", x, taps);
	x = op_linear(p, "mix", x, mix, ACT_NONE);
	span_close(p);
	return x;
}
