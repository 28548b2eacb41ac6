/*
 * What the files of the layers view share: its state, the run it shows, the columns. Rows
 * are indices into the run's layers, made anew before each use; what must survive a new
 * run (selection, folding) is kept by path.
 */
#ifndef UI_VIEWS_LAYER_TABLE_H
#define UI_VIEWS_LAYER_TABLE_H

#include "app.h"
#include "ui/widgets/table.h"

#define LAYER_PATH_SIZE 256

struct layers {
	struct table table;
	char filter[128], search[128];
	char selected[LAYER_PATH_SIZE]; /* path of the selected row */
	char **unfolded;                /* paths of groups that are open */
	int n_unfolded, cap_unfolded;
	/* Made by layers_rebuild(). */
	int *rows, *base_of,
		*depth; /* base_of: index of the same layer in the base; -1 */
	bool *group;    /* has children */
	int n_rows, cap;
};

enum layer_column {
	COL_NAME,
	COL_TOKENS,
	COL_MS,
	COL_SHARE,
	COL_BASE,
	COL_CPU,
	COL_FLOPS,
	COL_RATE,
	COL_BYTES,
	COL_FAULTS,
	COL_SWITCHES,
	COL_MIN,
	COL_AI,
	COL_BANDWIDTH,
	COL_GEMM,
	COL_KIND,
	COL_COUNT
};

/* What a cell is made from. */
struct layers_shown {
	const struct layers *state;
	const struct run *run, *base; /* base NULL: none, or it is the run itself */
	double whole_ns, base_sum_ns;
	double total[METRIC_COUNT]; /* sums over leaves */
	struct table_column columns[COL_COUNT];
	const char *cut; /* stands for the beginning of a path; NULL: all is shown */
};

extern const struct table_column layer_columns[COL_COUNT];

/* ---- layer_cells.c: values and their text ---- */

double layer_value(const struct layers_shown *, int layer, enum layer_column);
struct table_source layer_source(const struct layers_shown *);
struct table_source
layer_total_source(const struct layers_shown *); /* one row, the sum */

/* ---- layer_rows.c: which rows there are, in what order ---- */

/* False when there is no run with layers to show. The result lives as long as the state
 * and the run. */
bool layers_rebuild(struct layers *, const struct app *, struct layers_shown *);
void layers_release(struct layers *);
bool layers_is_unfolded(const struct layers *, const char *path);
/* False when it was so already. */
bool layers_unfold(struct layers *, const char *path, bool open);
void layers_fold_everything(struct layers *);

#endif
