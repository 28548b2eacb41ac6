/* What a study says: published beside measured, for people and as JSON. */
#ifndef CLI_STUDY_PRINT_H
#define CLI_STUDY_PRINT_H

#include "cli/runner.h"
#include "profiler/study.h"

/* The cells of the runner are the study's rows, in their order. */
struct study_result {
	const struct study *study;
	const struct runner *runner;
};

void study_print(const struct study_result *);

/* {study, row, label, knobs, published, measured, ratio_published, ratio_measured, ...},
 * one line. */
enum err study_print_row_json(const struct study_result *, int row) MUST_CHECK;
/* {study, slope: {x, y, group, value, points}}: a line for each fit, and {study,
 * crossing: {x, y, a, b, at, after, before, from, to, lower, points}}. */
enum err study_print_lines_json(const struct study_result *) MUST_CHECK;

#endif
