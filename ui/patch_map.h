/*
 * What became of each patch of item 0 at one place of a run where tokens are dropped or
 * merged. Where patches go and stay together (visual.patches_per_token), these units
 * stand for patches everywhere here. It reads a run and draws nothing. A run from a file
 * may say anything: what lies outside the grid is left out.
 */
#ifndef UI_PATCH_MAP_H
#define UI_PATCH_MAP_H

#include "profiler/run.h"

enum patch_fate {
	PATCH_STAYS,   /* goes on as a token, alone or together with others */
	PATCH_DROPPED, /* came in, and is dropped here */
	PATCH_GONE     /* was dropped before */
};

struct patch_info {
	enum patch_fate fate;
	int site;     /* where it was dropped, -1: it stays or it is not known where */
	double score; /* at this site, or where it was dropped; NaN: none */
	int rank;     /* of that score among all of its site, 1: the highest; 0: none */
	int ranked;   /* tokens that have a score there */
	int group;    /* the first patch of the token it is part of: itself if alone */
};

struct patch_map {
	struct patch_info *patch;
	int n;
	int in, stay; /* tokens made of patches before the site and after it */
	int made;     /* others that come in, such as a summary */
	bool scored, grouped;
	bool known; /* false: which patches stay is not known, all count as staying */
};

/* Patches that make a unit: 1 where each stands for itself. */
int patch_map_unit(const struct run *);
/* Patches (or units) of an item: what came into the run's first site, else those of its
 * grid, else `otherwise`, which counts patches; 0 of a text. */
int patch_map_count(const struct run *, int64_t otherwise);
/* Where they stand: the run's own grid of n, else as the picture's shape suggests (see
 * patches_grid). */
void patch_map_grid(const struct run *, int n, int picture_width, int picture_height,
		    int *columns, int *rows);
/* The state after `site`, or at the end of the run for PATCH_MAP_END. Borrows nothing. */
#define PATCH_MAP_END (-1)
void patch_map_make(struct patch_map *, const struct run *, int site, int n);
void patch_map_release(struct patch_map *);

/* The last site at or before a layer (-1: embed); PATCH_MAP_NONE: there is none. */
#define PATCH_MAP_NONE (-2)
int patch_map_site_at(const struct run *, double layer);

/* One against the other, patch by patch; of two of the same size. */
struct patch_change {
	int added, lost; /* stay only here; only there */
	int moved;       /* of those that stay in both: part of another token */
	double jaccard;  /* of the sets that stay; NaN: both are empty */
};
struct patch_change patch_map_compare(const struct patch_map *, const struct patch_map *);

/* Tokens made of more than one patch, the largest first, then in order. */
struct patch_group {
	int first, size;
};
/* The caller frees; NULL and *n = 0 where there are none. */
struct patch_group *patch_map_groups(const struct patch_map *, int *n);

/* Nanoseconds in layers that choose tokens (a component of their path is "prune" or
 * "merge"), and their share of all; NaN: there are none, or no times. */
double patch_selection_ns(const struct run *, double *share);

/* Which of the tokens that came in at a site go on as they are: [n_alive], in the order
 * of `alive`. The caller frees. */
bool *patch_site_stays(const struct run_site *);

#endif
