/*
 * A plan: the settings of a sweep. Pure data: a plan knows neither worker nor store.
 *
 *   struct plan p;
 *   plan_init(&p, &knobs);                    what all settings share
 *   plan_add(&p, KNOB_KEEP, "1,.9,.7,.5");    an axis: a knob and its values
 *   plan_add(&p, KNOB_METHOD, "l2,knorm");
 *   plan_build(&p);                           p.points[0 .. n_points)
 *
 * Points are the grid of all axes in the order in which these were added, the last one
 * running fastest. Two settings with equal canonical knobs are one point. Every point has
 * its base, the same workload with every technique off, as an earlier point: where the
 * grid does not hold it, or holds it later, it is put right before the first point that
 * needs it. So the first point is always a base.
 */
#ifndef PROFILER_PLAN_H
#define PROFILER_PLAN_H

#include "base/knobs.h"

#define PLAN_MAX_POINTS 4096
#define PLAN_MAX_VALUES 1024 /* of one axis */

struct plan_axis {
	enum knob_id knob;
	char **values; /* as knobs_set takes them */
	int n;
};

struct plan_point {
	struct knobs knobs; /* the method is resolved: never "auto" */
	int base;   /* the point with every technique off; its own index: it is one */
	bool asked; /* in the grid; false: here as a base only */
};

struct plan {
	struct knobs fixed;
	struct plan_axis axes[KNOB_COUNT];
	int n_axes;
	/* Makes what a chosen method does not read of a point's knobs their defaults, so
	 * that such points are one; set before plan_build, NULL: nothing is changed. */
	void (*settle)(struct knobs *);
	struct plan_point *points; /* [n_points], owned, once it is built */
	int n_points;
};

void plan_init(struct plan *, const struct knobs *fixed);
void plan_release(struct plan *);

/*
 * Adds an axis, or replaces that of the same knob in its place. A list is values between
 * commas; for a knob that is a number a value may be a range, both ends in it:
 * LO..HI/STEP ("0.1..1/0.1", downwards as "1..0.1/0.1"), or LO..HIxFACTOR ("1..64x2").
 * ERR_USAGE names the option and what is wrong with it.
 */
enum err plan_add(struct plan *, enum knob_id, const char *list) MUST_CHECK;

/* ERR_USAGE beyond PLAN_MAX_POINTS. May be called again after plan_add. */
enum err plan_build(struct plan *) MUST_CHECK;

/* KNOB_BITs of the knobs that are not the same in all points. */
uint64_t plan_varies(const struct plan *);

/* "keep=0.7 method=knorm": the knobs of `varies`, in the order of the axes first. */
void plan_label(const struct plan *, int point, uint64_t varies, struct str *out);

/*
 * In which order to measure: order[n_points] is filled with indices of points. A machine
 * that slows down while it gets warm must not look like an effect of a knob: so all but
 * the bases are shuffled, by a fixed seed. Every base comes before its points.
 */
void plan_order(const struct plan *, int *order);
/* The same for any n settings, base[i] <= i being the index of what i is compared with:
 * its own where that is nothing. Those come before all that lead to them. */
void plan_order_of(const int *base, int n, int *order);

#endif
