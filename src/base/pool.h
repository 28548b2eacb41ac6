/*
 * The compute threads: one per CPU, pinned, started once. The caller is thread 0 and
 * works too. Between jobs the others spin for some tens of microseconds (two ops of a
 * model follow each other faster than a wake-up) and then sleep.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct pool;

/* threads 0: as many as the process may run on. Every thread flushes denormals to zero.
 */
enum err pool_create(int threads, struct pool **out) MUST_CHECK;
void pool_free(struct pool *);

int pool_size(const struct pool *);

/* Runs fn(ctx, t, n) for every thread t of n and returns when all are done. */
void pool_run(struct pool *, void (*fn)(void *ctx, int thread, int threads), void *ctx);

/* The share [begin, end) of `count` that thread t of n takes, in multiples of `grain`. */
void pool_share(int64_t count, int64_t grain, int thread, int threads, int64_t *begin,
		int64_t *end);

/*
 * CPU time burnt in jobs so far: the calling thread's own clock plus what every other
 * thread read from its own clock at the edges of its jobs (waiting for a job is not in
 * it). The others read theirs only while `pool_watch` is on.
 */
int64_t pool_cpu_ns(const struct pool *);
void pool_watch(struct pool *, bool on);

/* CPUs this process may run on, as it was started; call it before other threads exist. */
int pool_cpus_allowed(void);

#endif
