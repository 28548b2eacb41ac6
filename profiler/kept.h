/* How many tokens of each item stayed where that depends on values, layer by layer, and
 * what the other layout of them would have cost. */
#ifndef PROFILER_KEPT_H
#define PROFILER_KEPT_H

#include "profiler/run.h"
#include "profiler/setting.h"

/* Of the last pass, to run->tokens.counts and run->layouts; says where a threshold kept
 * nothing. After spans_report(). */
void kept_report(const struct setting *, struct run *);

/* I64 [layers, items]: tokens left of each item behind each layer, the class token not
 * counted; the caller frees. */
int64_t *kept_counts(const struct trace *, int64_t layers);

#endif
