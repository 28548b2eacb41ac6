/* Figures of a run: what a sweep's or a study's table has a column for. */
#ifndef PROFILER_FIGURE_H
#define PROFILER_FIGURE_H

#include "profiler/run.h"

enum figure_id {
#define FIGURE(name, ...) FIGURE_##name,
#include "profiler/figure.def"
#undef FIGURE
	FIGURE_COUNT
};

struct figure {
	const char *name, *label, *source;
	double scale;
	int decimals;
	bool has_ratio;
	const char *help;
};

extern const struct figure figure_table[FIGURE_COUNT];

enum figure_id figure_find(const char *name); /* FIGURE_COUNT: none */

/* NaN: the run does not know it (failed, an older version, not measured). */
double figure_of(const struct run *, enum figure_id);

/* Whether it says how right the answers are: of random weights it says nothing. */
bool figure_is_fidelity(enum figure_id);

/* For people: "81.00", "--" for NaN. Returns buf. */
const char *figure_text(enum figure_id, double value, char *buf, size_t size);

#endif
