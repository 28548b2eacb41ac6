/* What a result says of visual tokens: how many there are, what each costs, and what a
 * language model would make of them. */
#ifndef PROFILER_VISUAL_H
#define PROFILER_VISUAL_H

#include "models/model.h"
#include "profiler/rates.h"
#include "profiler/run.h"

/* The grid of item 0 and how many of its tokens are left: of a pass, dry or not. Nothing
 * for a model that hands no tokens on. */
void visual_report(const struct model *, const struct input *, const struct outputs *,
		   struct run *);
/* What each costs, once run->wall is known. */
void visual_report_time(struct run *);

/*
 * run->language: a dry pass of the language model that the knobs name (the model's own
 * where they name none) over run->visual.tokens, its time from `rates`; ERR_USAGE for an
 * unknown name. Nothing where there are no tokens or no such model.
 */
enum err visual_report_language(const struct model *, const struct knobs *,
				const struct rates *, struct run *) MUST_CHECK;

#endif
