/* What the files of the curve view share. */
#ifndef UI_VIEWS_CURVE_H
#define UI_VIEWS_CURVE_H

#include "ui/view.h"
#include "ui/widgets/table.h"

/* What a curve was read for: another, and it is read again. */
struct curve_key {
	uint64_t revision;
	struct knobs knobs;
	enum knob_id knob;
	char model[128];
	unsigned sweep;
	int cells;
	double result_ns, base_ns; /* when they began; NaN: none */
};

struct curve {
	struct app_curve data;
	struct curve_key key;
	bool read;
	enum knob_id knob, chosen; /* the app's chosen knob when it was looked at last */
	unsigned sweep;
	double cursor; /* x; NaN: at the present setting */
	bool at_base;  /* of two points there, the base */
	struct table table;
};

/* Index of the point under the cursor, -1: there is none. */
int curve_at(const struct curve *, const struct app *);
/* The value of a knob on the axis, as people write it. */
const char *curve_value(double x, char *buf, size_t size);

/* curve_table.c: the points as rows */
struct curve_rows {
	const struct curve *st;
	const struct app *app;
};
struct table_source curve_table(const struct curve_rows *);

/* curve_chart.c */
void curve_draw_charts(const struct curve *, const struct app *, struct canvas *,
		       bool focus);

#endif
