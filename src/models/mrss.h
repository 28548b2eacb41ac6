/*
 * Multi-resolution scanning: a sequence model whose scan runs on every r-th row of the
 * sequence (the coarse branch, "low"), what it gives held for r rows, beside or instead
 * of the scan over all rows ("high").
 *
 *   low       y = up(scan(x[::r]))
 *   both      y = g up(scan(x[::r])) + (1 - g) scan(x), g of each channel
 *   adaptive  low, with an r of each sequence's own
 *
 * A row of the coarse sequence stands for r of them, so that its step is r times as long:
 * the state decays as much as over all of them. That also goes for the last one where r
 * does not divide the length: what a prefix gives never depends on what follows it. The
 * first row of a block stands for the block, so nothing looks ahead.
 *
 * Gates are drawn, not learnt: nobody trained these weights for it.
 */
#ifndef MODELS_MRSS_H
#define MODELS_MRSS_H

#include "base/knobs.h"
#include "tensor/tensor.h"

enum mrss_mode { MRSS_OFF, MRSS_BOTH, MRSS_LOW, MRSS_ADAPTIVE };

struct mrss {
	enum mrss_mode mode;
	int factor; /* r; adaptive: the most that a sequence may get */
	uint64_t seed;
};

#define MRSS_MOST 16 /* pieces of a sequence are multiples of it */
#define MRSS_KNOBS (KNOB_BIT(KNOB_MRSS) | KNOB_BIT(KNOB_DOWNSAMPLE))

struct mrss mrss_of(const struct knobs *);
/* ERR_USAGE: a factor that there is not, or one that nothing uses. */
enum err mrss_check(const struct knobs *) MUST_CHECK;

/* Fills g [n] of a layer, in (0, 1); their sum. From the seed and the layer alone:
 * sigmoid(4 u - 2), u = uniform i of the stream "mrss.gate.LAYER". */
double mrss_gates(uint64_t seed, int layer, int64_t n, float *g);

/*
 * Adaptive: the r of an item from how much its rows x_t [T, D] vary, by op_variation().
 * The largest of 1, 2, 4, 8, 16 up to `most` with which holding every r-th row loses at
 * most half of what varies:
 *
 *   sum |x_t - x_(r floor(t / r))|^2 <= 1/2 sum |x_t - mean|^2
 *
 * Of rows that have nothing to do with each other r = 2 would lose all of it, so they get
 * 1. `row`: the item's row of sums; what rounding of them can hide (1e-6 of the energy)
 * counts as nothing.
 */
int mrss_choose(const float *row, int64_t length, int64_t width, int most);

#endif
