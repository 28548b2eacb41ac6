/* Resident memory of this process, from the kernel's own accounting; NaN where it has
 * none. */
#ifndef PROFILER_MEMORY_H
#define PROFILER_MEMORY_H

#include <stdbool.h>

#include "base/err.h"

/* The peak starts anew from what is resident now (ru_maxrss never falls, this does).
 * False where the kernel does not allow it: the peak is then that of the whole process
 * life, which says nothing of a run. */
bool memory_reset_peak(void);
double memory_peak_bytes(void);
/* What could still be had without swapping. */
double memory_available_bytes(void);
/* ERR_NOMEM with both numbers where `bytes` for `what` are more than that: the kernel
 * would not refuse them but kill, this process or another. */
#define MEMORY_OF_BATCH "this batch (a smaller --batch or --keep needs less)"
enum err memory_check(const char *what, double bytes) MUST_CHECK;

#endif
