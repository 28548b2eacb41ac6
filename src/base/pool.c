#include "base/pool.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define SPINS 4000 /* about 50 us of `pause` */

struct helper {
	_Alignas(64) struct pool *pool;
	int index;
	pthread_t thread;
	_Atomic int64_t cpu_ns;
};

struct pool {
	int size;
	bool watch, quit;
	void (*fn)(void *, int, int);
	void *ctx;
	_Alignas(64) _Atomic uint32_t generation; /* a new value is a new job */
	_Alignas(64) _Atomic uint32_t pending;    /* helpers still at work */
	struct helper *helpers;                   /* [size - 1] */
};

static void futex_wait(_Atomic uint32_t *at, uint32_t value)
{
	syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *at)
{
	syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, 1 << 30, NULL, NULL, 0);
}

/* Waits until *at is no longer `value`: spins first, then sleeps. */
static void wait_change(_Atomic uint32_t *at, uint32_t value)
{
	for (int i = 0; i < SPINS; i++) {
		if (atomic_load_explicit(at, memory_order_acquire) != value)
			return;
		_mm_pause();
	}
	while (atomic_load_explicit(at, memory_order_acquire) == value)
		futex_wait(at, value);
}

static void flush_denormals(void) { _mm_setcsr(_mm_getcsr() | 0x8040); /* FTZ and DAZ */ }

static void run_share(struct helper *h)
{
	struct pool *p = h->pool;
	if (!p->watch) {
		p->fn(p->ctx, h->index, p->size);
		return;
	}
	int64_t before = clock_thread_ns();
	p->fn(p->ctx, h->index, p->size);
	atomic_fetch_add_explicit(&h->cpu_ns, clock_thread_ns() - before,
				  memory_order_relaxed);
}

static void *helper_main(void *arg)
{
	struct helper *h = arg;
	struct pool *p = h->pool;
	flush_denormals();
	for (uint32_t seen = 0;;) {
		wait_change(&p->generation, seen);
		seen++;
		if (p->quit)
			return NULL;
		run_share(h);
		if (atomic_fetch_sub_explicit(&p->pending, 1, memory_order_acq_rel) == 1)
			futex_wake(&p->pending);
	}
}

static void start_job(struct pool *p)
{
	atomic_store_explicit(&p->pending, (uint32_t)p->size - 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->generation, 1, memory_order_release);
	futex_wake(&p->generation);
}

void pool_run(struct pool *p, void (*fn)(void *, int, int), void *ctx)
{
	if (p->size == 1) {
		fn(ctx, 0, 1);
		return;
	}
	p->fn = fn;
	p->ctx = ctx;
	start_job(p);
	fn(ctx, 0, p->size);
	for (uint32_t left; (left = atomic_load(&p->pending)) != 0;)
		wait_change(&p->pending, left);
}

void pool_share(int64_t count, int64_t grain, int thread, int threads, int64_t *begin,
		int64_t *end)
{
	int64_t pieces = (count + grain - 1) / grain;
	*begin = pieces * thread / threads * grain;
	*end = pieces * (thread + 1) / threads * grain;
	if (*begin > count)
		*begin = count;
	if (*end > count)
		*end = count;
}

/* The CPUs of the process as it was started: pinning narrows the calling thread's own. */
static const cpu_set_t *allowed_cpus(void)
{
	static cpu_set_t set;
	if (!CPU_COUNT(&set) && sched_getaffinity(0, sizeof(set), &set))
		CPU_SET(0, &set);
	return &set;
}

int pool_cpus_allowed(void) { return CPU_COUNT(allowed_cpus()); }

/* Pins `thread` to the index-th CPU of `allowed`; more threads than CPUs stay loose. */
static void pin(pthread_t thread, const cpu_set_t *allowed, int index)
{
	for (int cpu = 0, seen = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, allowed) || seen++ != index)
			continue;
		cpu_set_t one;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_setaffinity_np(thread, sizeof(one), &one);
		return;
	}
}

enum err pool_create(int threads, struct pool **out)
{
	const cpu_set_t *allowed = allowed_cpus();
	if (threads <= 0)
		threads = CPU_COUNT(allowed);
	void *memory = aligned_alloc(64, sizeof(struct pool));
	if (!memory)
		return err_set(ERR_NOMEM, "no memory for the thread pool");
	struct pool *p = memset(memory, 0, sizeof(struct pool));
	p->size = 1;
	size_t bytes = sizeof(struct helper) * (size_t)threads;
	p->helpers = aligned_alloc(64, bytes);
	if (!p->helpers)
		abort();
	memset(p->helpers, 0, bytes);
	flush_denormals();
	bool room = threads <= CPU_COUNT(allowed);
	for (int i = 0; i + 1 < threads; i++, p->size++) {
		struct helper *h = &p->helpers[i];
		h->pool = p;
		h->index = i + 1;
		int e = pthread_create(&h->thread, NULL, helper_main, h);
		if (e) {
			pool_free(p);
			return err_set(ERR_IO, "cannot start thread %d of %d: %s", i + 2,
				       threads, strerror(e));
		}
		if (room)
			pin(h->thread, allowed, i + 1);
	}
	if (room && threads > 1)
		pin(pthread_self(), allowed, 0);
	*out = p;
	return OK;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	p->quit = true;
	start_job(p);
	for (int i = 0; i + 1 < p->size; i++)
		pthread_join(p->helpers[i].thread, NULL);
	free(p->helpers);
	free(p);
}

int pool_size(const struct pool *p) { return p->size; }

void pool_watch(struct pool *p, bool on) { p->watch = on; }

int64_t pool_cpu_ns(const struct pool *p)
{
	int64_t sum = clock_thread_ns();
	for (int i = 0; i + 1 < p->size; i++)
		sum += atomic_load_explicit(&p->helpers[i].cpu_ns, memory_order_relaxed);
	return sum;
}
