/*
 * What a model with a scan spends where: the layers of a run summed by what they are,
 * over all blocks and branches, and what a coarser sequence could make of it. It reads a
 * run and draws nothing.
 */
#ifndef UI_SCAN_MAP_H
#define UI_SCAN_MAP_H

#include "profiler/run.h"

/* Those that a coarse sequence makes shorter come first. */
enum scan_part {
	SCAN_SCAN,
	SCAN_CONV,
	SCAN_X_PROJ,
	SCAN_DT_PROJ,
	SCAN_IN_PROJ,
	SCAN_OUT_PROJ,
	SCAN_LINEAR,   /* other products */
	SCAN_RESAMPLE, /* to the coarse sequence and back */
	SCAN_GATE,
	SCAN_NORM,
	SCAN_EMBED,
	SCAN_HEAD,
	SCAN_REST,
	SCAN_PARTS
};

struct scan_map {
	double ns[SCAN_PARTS], flops[SCAN_PARTS]; /* NaN: none of the layers says */
	int layers[SCAN_PARTS];                   /* how many it sums */
	double whole_ns, whole_flops;
};

extern const char *const scan_part_names[SCAN_PARTS];

void scan_map_make(struct scan_map *, const struct run *);
/* There is a scan, or the convolution that stands for one. */
bool scan_map_is_sequence(const struct scan_map *);
/* Whether a part becomes shorter with the sequence of its branch. */
bool scan_map_scales(const struct scan_map *, enum scan_part);
/* The share of the time that does; NaN. */
double scan_map_share(const struct scan_map *);

/*
 * The best that a factor r can do to a pass of which `share` scales with it (Amdahl):
 * alone the coarse branch takes the place of the fine one, 1 / (1 - p + p / r); beside
 * it, it is added, 1 / (1 + p / r). What joins the branches is not counted.
 */
double scan_best(double share, double r, bool beside);

#endif
