/* What a result says of multi-resolution scans (models/mrss.h). */
#ifndef PROFILER_MRSS_H
#define PROFILER_MRSS_H

#include "models/model.h"
#include "profiler/run.h"

/*
 * run->mrss of a pass with these knobs, dry or not, whose FLOPs are in run->flops: gates
 * and factors where they are known, the work over that of the base, by a dry pass of it;
 * and what is to say: of both branches that cost more than the base, of a last block that
 * is not whole, of factors that are not known yet. Nothing where no scan is at a coarser
 * resolution.
 */
enum err mrss_report(const struct model *, const struct input_facts *,
		     const struct knobs *, const struct outputs *,
		     struct run *) MUST_CHECK;

#endif
