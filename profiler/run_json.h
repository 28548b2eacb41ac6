/* What the parts of the decoder share. Each takes one field of an object that nobody
 * trusts; the first thing that is wrong sticks in `in->err`. */
#ifndef PROFILER_RUN_JSON_H
#define PROFILER_RUN_JSON_H

#include "profiler/run.h"

/* ERR_FORMAT "WHAT: "KEY" FACT". */
void run_json_refuse(const struct json_in *, const char *key, const char *fact);
/* A text of at most RUN_MAX_TEXT bytes in the run's memory; NULL where it is missing. */
const char *run_json_text(struct run *, const struct json_in *, const char *key);
/* An array of at most `max` elements; NULL where it is missing. */
const json_t *run_json_array(const struct json_in *, const char *key, size_t max);
/* An array of numbers in the run's memory, null stays NaN; NULL where it is missing. */
double *run_json_numbers(struct run *, const struct json_in *, const char *key, int *n);

#endif
