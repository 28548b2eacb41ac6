/* What the files of the shares view share: its state, and what it shows of a run. */
#ifndef UI_VIEWS_SHARES_H
#define UI_VIEWS_SHARES_H

#include "ui/share_map.h"
#include "ui/view.h"
#include "ui/widgets/table.h"

/* The memory of the view. */
struct shares {
	struct table table;
	enum share_metric metric;       /* of the bars */
	bool by_size;                   /* rows by the metric; else as they ran */
	char level[SHARE_PATH_SIZE];    /* the part whose parts are rows */
	bool chosen;                    /* the user chose a row; else it is the largest */
	char selected[SHARE_PATH_SIZE]; /* path of the selected row */
	char filter[128], search[128];
	/* Made by shares_rebuild(): parts of the level in the order of the rows. */
	int rows[SHARE_PARTS_MAX], n_rows;
	/* As drawn last, for the mouse: the bar of the level and the table. */
	int bar_x, bar_y, bar_width, bar_height, table_y;
};

/* Rebuilt for each frame and request. */
struct shares_shown {
	const struct app *app;
	const struct run *run, *base; /* base NULL: nothing to compare with */
	struct share_map now,
		before; /* the level, in the base too; before.n 0: not there */
	int cursor;     /* the selected part of `now`, -1: none */
	struct share_map in_now, in_before; /* what is inside it */
	double *profile, *profile_before;   /* of each member of a family; NULL: none */
	int n_profile, n_profile_before;
};

extern const char *const share_metric_names[SHARE_METRICS]; /* "ms", "FLOPs", "bytes" */
/* A value of a metric as people read it: "21.4", "1.62G". */
const char *share_text(enum share_metric, double value, char *buf, size_t size);
/* "blocks (12)", escaped. */
const char *share_name(const struct share_part *, char *buf, size_t size);

/* False when there is no run with layers to show; else the caller releases. A level that
 * this run does not have gives way to the nearest one above it. */
bool shares_rebuild(struct shares *, const struct app *, struct shares_shown *);
void shares_release(struct shares_shown *);

/* shares_table.c */
struct shares_rows {
	const struct shares *st;
	const struct shares_shown *s;
};
struct table_source shares_table(const struct shares_rows *);
/* The column of the metric's share. */
int shares_column(enum share_metric);

/* shares_bars.c: everything above the table. Returns the rows it took, at most those that
 * leave `table_rows` to the table. */
int shares_draw_bars(struct shares *, const struct shares_shown *, struct canvas *,
		     int table_rows);

#endif
