#include "base/guard.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/str.h"

struct guard {
	pthread_mutex_t lock;
};

struct guard *guard_create(void)
{
	struct guard *g = mem_alloc(sizeof(*g));
	pthread_mutex_init(&g->lock, NULL);
	return g;
}

void guard_free(struct guard *g)
{
	if (!g)
		return;
	pthread_mutex_destroy(&g->lock);
	free(g);
}

void guard_enter(struct guard *g) { pthread_mutex_lock(&g->lock); }

void guard_leave(struct guard *g) { pthread_mutex_unlock(&g->lock); }
