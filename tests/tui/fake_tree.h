/* The layers of a made-up run, parents before children. */
#ifndef TESTS_TUI_FAKE_TREE_H
#define TESTS_TUI_FAKE_TREE_H

#include "profiler/run.h"

#define FAKE_LAYERS_MAX 400

struct fake_tree {
	struct run *run;
	struct layer layers[FAKE_LAYERS_MAX];
	int n;
	bool estimate;
};

/* Index of a new layer, all not measured; parent -1: top. */
int fake_tree_add(struct fake_tree *, int parent, const char *name, const char *kind);
/* Groups are what is in them; then the run takes all of it. */
void fake_tree_finish(struct fake_tree *);

#endif
