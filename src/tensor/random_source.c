#include "tensor/random_source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/str.h"

#define SMALL 0.02

struct random_source {
	uint64_t seed;
};

struct spread {
	float mean;
	double deviation;
};

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);
	return n >= m && !strcmp(name + n - m, end);
}

/* Tables that are looked up, not multiplied: their rows have no fan-in. */
static bool is_embedding(const char *name)
{
	static const char *const parts[] = { "class_embedding", "position_embedding",
					     "token_embedding", "embeddings.weight",
					     "embedding.weight" };
	if (strstr(name, "patch_embed"))
		return false;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(name, parts[i]))
			return true;
	return false;
}

static struct spread spread_of(const char *name, const struct tensor *shape)
{
	if (ends_in(name, "bias") || is_embedding(name))
		return (struct spread){ 0, SMALL };
	if (shape->ndim <= 1)
		return (struct spread){ 1, SMALL };
	double fan_in = 1;
	for (int i = 1; i < shape->ndim; i++)
		fan_in *= (double)shape->dim[i];
	return (struct spread){ 0, 1 / sqrt(fan_in > 1 ? fan_in : 1) };
}

/*
 * mean + scale * k with k an integer of 24 bits and a sign, so both steps round once and
 * alike everywhere; `scale` makes the deviation of a uniform number, 1/sqrt(3) of its
 * half-width.
 */
static void fill_uniform(uint64_t key, int64_t begin, int64_t n, float mean, float scale,
			 float *restrict out)
{
	uint32_t first = (uint32_t)begin;
	for (int64_t i = 0; i < n; i++) {
		int32_t k = (int32_t)(rng_bits(key, first + (uint32_t)i) >> 8);
		out[i] = mean + scale * (float)(k - (1 << 23));
	}
}

/* log 1 ... log N in every row: states of a channel that decay at these rates. */
static void fill_rates(const struct tensor *shape, int64_t begin, int64_t n, float *out)
{
	for (int64_t i = 0; i < n; i++)
		out[i] = (float)log((double)((begin + i) % tensor_cols(shape) + 1));
}

/* What softplus makes a step of, between 0.001 and 0.1, its logarithm uniform. */
static void fill_steps(uint64_t key, int64_t begin, int64_t n, float *out)
{
	const double low = log(0.001), high = log(0.1);
	for (int64_t i = 0; i < n; i++) {
		double u = (double)rng_uniform(key, (uint32_t)(begin + i));
		double step = exp(low + u * (high - low));
		out[i] = (float)(step + log(-expm1(-step)));
	}
}

static void fill(void *self, const char *name, const struct tensor *shape, int64_t begin,
		 int64_t end, float *out)
{
	const struct random_source *s = self;
	uint64_t key = rng_key(s->seed, name);
	if (ends_in(name, "mixer.A_log")) {
		fill_rates(shape, begin, end - begin, out);
		return;
	}
	if (ends_in(name, "mixer.dt_proj.bias")) {
		fill_steps(key, begin, end - begin, out);
		return;
	}
	struct spread spread = spread_of(name, shape);
	float scale = (float)(spread.deviation * sqrt(3.0) * 0x1p-23);
	fill_uniform(key, begin, end - begin, spread.mean, scale, out);
}

static const struct tensors_source source = {
	.name = "random",
	.fill = fill,
	.free = free,
};

struct tensors *tensors_create_random(uint64_t seed, const char *label)
{
	struct random_source *s = mem_alloc(sizeof(*s));
	s->seed = seed;
	return tensors_create(&source, s, label);
}
