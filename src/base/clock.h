/* Clocks, in nanoseconds. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_now_ns(void);    /* monotonic: durations */
int64_t clock_wall_ns(void);   /* since 1970, UTC: time stamps */
int64_t clock_thread_ns(void); /* CPU time of the calling thread */

#endif
