/*
 * Times over the length of a sequence: measured settings as series, one for each model
 * and technique, with the power that they grow by and where two of them cross. It draws
 * nothing.
 */
#ifndef UI_SCALING_MAP_H
#define UI_SCALING_MAP_H

#include "app.h"

#define SCALING_SERIES_MAX 16
#define SCALING_LABEL_SIZE 120
#define SCALING_FIT_LEAST 3 /* points that a slope is fitted to */

struct scaling_point {
	double tokens, p50_ns;
};

struct scaling_series {
	char label[SCALING_LABEL_SIZE]; /* what tells it from the others; escaped */
	const struct app_setting *first;
	struct scaling_point *points; /* [n], by tokens, each once */
	int n;
	double slope; /* of log time over log tokens, by least squares; NaN: too few */
};

struct scaling_map {
	struct scaling_series series[SCALING_SERIES_MAX];
	int n;
	int more; /* series beyond these */
};

/* Of settings of at least two lengths; `list` must outlive it. */
void scaling_map_make(struct scaling_map *, const struct app_setting *list, int n);
void scaling_map_release(struct scaling_map *);

/* What of a series a setting is of: all that is not its length. */
bool scaling_is_of(const struct scaling_series *, const char *model,
		   const struct knobs *);

/* Where two series cross, between points of theirs; only where both were measured. */
struct scaling_cross {
	double from, to; /* the lengths that both have; NaN: none in common */
	int n;
	double tokens, ns; /* the first of n; NaN: they do not cross there */
};
struct scaling_cross scaling_cross(const struct scaling_series *,
				   const struct scaling_series *);

#endif
