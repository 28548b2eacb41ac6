/*
 * Where a pass goes: the layers of a run summed into the parts of one level of its tree.
 * Groups that differ only in their number ("blocks.0", "blocks.1", ...) are a family: one
 * part, and what is inside them is summed over all of them. It reads a run and draws
 * nothing. A run from a file may say anything: whatever it says, a level has few parts.
 *
 * A part is known by its path from the top, a slash between, a star for the numbers of a
 * family: "visual/blocks.*" followed by "/mlp.fc1"; "" is the whole pass.
 */
#ifndef UI_SHARE_MAP_H
#define UI_SHARE_MAP_H

#include "profiler/run.h"

#define SHARE_PATH_SIZE 256
#define SHARE_PARTS_MAX 48 /* of a level; the last of them sums what is beyond */

enum share_metric { SHARE_NS, SHARE_FLOPS, SHARE_BYTES, SHARE_METRICS };

struct share_part {
	char path[SHARE_PATH_SIZE]; /* "": nothing has this name: see `name` */
	char name[64];              /* "blocks", "mlp.fc1"; not escaped */
	int members;         /* layers that it sums; 0: "(itself)", which has only ns */
	bool family, inside; /* inside: it has parts of its own */
	/* Bytes are those read and written. NaN: none of the members says. */
	double v[SHARE_METRICS];
};

struct share_map {
	struct share_part *part; /* [n], in the order that they ran */
	int n;
	double whole[SHARE_METRICS]; /* of the parts */
	double pass[SHARE_METRICS];  /* of the whole pass */
};

/*
 * The parts inside `path`. What a group takes beyond its layers is a part called
 * "(itself)" where it is worth a mention. No part: nothing has this path, or nothing is
 * inside it.
 */
void share_map_make(struct share_map *, const struct run *, const char *path);
void share_map_release(struct share_map *);

/* The part with this path, -1: none. */
int share_map_find(const struct share_map *, const char *path);
/* The part that is the same in another run, -1: none; those without a path by name. */
int share_map_match(const struct share_map *, const struct share_part *);
/* Its value as a share of the level; NaN: not known. */
double share_of(const struct share_map *, int part, enum share_metric);

/* Of each member of a part, in the order that they ran. The caller frees; NULL and *n = 0
 * where nothing has this path. */
double *share_profile(const struct run *, const char *path, enum share_metric, int *n);

/*
 * Moves `path` to the next part, of any level, with a layer whose name matches: `step` +1
 * or -1 in the order that they ran, cyclic; `here`: the one it stands on will do. False:
 * none does, or none has a path that is short enough.
 */
bool share_search(const struct run *, const char *pattern,
		  bool (*matches)(const char *text, const char *pattern), int step,
		  bool here, char path[SHARE_PATH_SIZE]);
/* Cuts the last component off. */
void share_path_up(char *path);

#endif
