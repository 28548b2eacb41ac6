/* Runs as text: the headline and the layer table of `run` and `sessions show`. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "profiler/run.h"

/* ERR_USAGE for a grouping or a sort key that does not exist; NULL is the default. */
enum err table_check(const char *group_by, const char *sort) MUST_CHECK;

/* Time, speed-up over `base` (may be NULL), FLOPs, visual tokens, fidelity, memory,
 * warnings. */
void table_print_headline(const struct run *, const struct run *base);

/* group_by: layer (the tree), op (leaves by their name), kind. limit < 0: all rows. */
enum err table_print_layers(const struct run *, const char *group_by, const char *sort,
			    int limit) MUST_CHECK;

/* "3 min ago" for a time stamp. */
const char *age_text(double since_ns, char *buf, size_t size);

#endif
