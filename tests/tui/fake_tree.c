#include "fake_tree.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int fake_tree_add(struct fake_tree *t, int parent, const char *name, const char *kind)
{
	char path[128];
	struct layer *l = &t->layers[t->n];
	snprintf(path, sizeof(path), "%s%s%s", parent < 0 ? "" : t->layers[parent].path,
		 parent < 0 ? "" : ".", name);
	*l = (struct layer){ .path = run_str(t->run, path),
			     .name = run_str(t->run, name),
			     .kind = kind,
			     .parent = parent };
	for (int m = 0; m < METRIC_COUNT; m++)
		l->v[m] = (double)NAN;
	return t->n++;
}

static void add_up(struct fake_tree *t)
{
	static const enum metric_id summed[] = { METRIC_wall_ns, METRIC_cpu_ns,
						 METRIC_flops, METRIC_bytes_read,
						 METRIC_bytes_written };
	for (int i = t->n - 1; i >= 0; i--)
		for (size_t s = 0;
		     s < sizeof(summed) / sizeof(summed[0]) && t->layers[i].parent >= 0;
		     s++) {
			double *up = &t->layers[t->layers[i].parent].v[summed[s]];
			double v = t->layers[i].v[summed[s]];
			if (!isnan(v))
				*up = isnan(*up) ? v : *up + v;
		}
}

void fake_tree_finish(struct fake_tree *t)
{
	add_up(t);
	memcpy(run_add_layers(t->run, t->n), t->layers,
	       (size_t)t->n * sizeof(struct layer));
}
