#include "models/mrss.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "kernels/op_sequence.h"

#define HELD_MOST 0.5 /* of the variance may be lost */
#define ROUNDING 1e-6

struct mrss mrss_of(const struct knobs *k)
{
	const char *mode = knob_text(k, KNOB_MRSS);
	return (struct mrss){
		.mode = !strcmp(mode, "both")       ? MRSS_BOTH
			: !strcmp(mode, "low")      ? MRSS_LOW
			: !strcmp(mode, "adaptive") ? MRSS_ADAPTIVE
						    : MRSS_OFF,
		.factor = (int)knob_num(k, KNOB_DOWNSAMPLE),
		.seed = (uint64_t)knob_num(k, KNOB_SEED),
	};
}

enum err mrss_check(const struct knobs *k)
{
	const struct mrss m = mrss_of(k);
	if (m.mode == MRSS_OFF && m.factor > 1)
		return err_set(
			ERR_USAGE,
			"--downsample %d does nothing with --mrss off: give --mrss "
			"low, both or adaptive",
			m.factor);
	return OK;
}

double mrss_gates(uint64_t seed, int layer, int64_t n, float *g)
{
	char name[32];
	double sum = 0;
	snprintf(name, sizeof(name), "mrss.gate.%d", layer);
	const uint64_t key = rng_key(seed, name);
	for (int64_t i = 0; i < n; i++) {
		g[i] = 1 / (1 + expf(2 - 4 * rng_uniform(key, (uint32_t)i)));
		sum += (double)g[i];
	}
	return sum;
}

int mrss_choose(const float *row, int64_t length, int64_t width, int most)
{
	const float *mean = row + VARIATION_SUMS;
	double energy = (double)row[VARIATION_ENERGY], variance = energy;
	int chosen = 1;
	for (int64_t d = 0; d < width; d++)
		variance -= (double)mean[d] * (double)mean[d] / (double)length;
	for (int i = 0; i < VARIATION_FACTORS && 2 << i <= most; i++)
		if ((double)row[i] <= HELD_MOST * variance + ROUNDING * energy)
			chosen = 2 << i;
	return chosen;
}
