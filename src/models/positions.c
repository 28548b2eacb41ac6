#include "models/positions.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define A (-0.75)

/* The cubic convolution kernel (Keys 1981) at distance x. */
static double kernel(double x)
{
	x = fabs(x);
	if (x <= 1)
		return ((A + 2) * x - (A + 3)) * x * x + 1;
	if (x < 2)
		return ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
	return 0;
}

struct taps {
	int64_t at[4];
	double weight[4];
};

static struct taps taps_of(int64_t i, int64_t from, int64_t to)
{
	struct taps t;
	double centre = ((double)i + 0.5) * (double)from / (double)to - 0.5;
	int64_t first = (int64_t)floor(centre) - 1;
	for (int j = 0; j < 4; j++) {
		int64_t at = first + j;
		t.weight[j] = kernel(centre - (double)at);
		t.at[j] = at < 0 ? 0 : at >= from ? from - 1 : at;
	}
	return t;
}

static void resize_row(const struct positions *p, int64_t i)
{
	struct taps y = taps_of(i / p->resized_side, p->side, p->resized_side);
	struct taps x = taps_of(i % p->resized_side, p->side, p->resized_side);
	float *to = tensor_row(&p->resized, p->lead + i);
	for (int64_t c = 0; c < tensor_cols(&p->resized); c++) {
		double sum = 0;
		for (int r = 0; r < 4; r++)
			for (int s = 0; s < 4; s++)
				sum += y.weight[r] * x.weight[s] *
				       (double)tensor_row(&p->trained,
							  p->lead + y.at[r] * p->side +
								  x.at[s])[c];
		to[c] = (float)sum;
	}
}

static struct tensor shape_for(const struct positions *p, int64_t side)
{
	return tensor_of(DT_F32, NULL,
			 DIMS(p->lead + side * side, tensor_cols(&p->trained)));
}

enum err positions_adapt(struct positions *p, int64_t side)
{
	if (side == p->side || (p->resized.data && side == p->resized_side))
		return OK;
	positions_release(p);
	p->resized = shape_for(p, side);
	p->resized.data = malloc((size_t)tensor_bytes(&p->resized));
	if (!p->resized.data)
		return err_set(ERR_NOMEM, "no memory for %lld position rows",
			       (long long)p->resized.dim[0]);
	p->resized_side = side;
	memcpy(p->resized.data, p->trained.data,
	       sizeof(float) * (size_t)(p->lead * tensor_cols(&p->trained)));
	for (int64_t i = 0; i < side * side; i++)
		resize_row(p, i);
	return OK;
}

struct tensor positions_for(const struct positions *p, int64_t side, bool dry)
{
	if (dry)
		return shape_for(p, side);
	if (side == p->side)
		return p->trained;
	assert(p->resized.data && p->resized_side == side);
	return p->resized;
}

void positions_release(struct positions *p)
{
	free(p->resized.data);
	p->resized.data = NULL;
}
