#include "base/mailbox.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/str.h"

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	void *item;
	bool closed;
};

struct mailbox *mailbox_create(void)
{
	struct mailbox *m = mem_alloc(sizeof(*m));
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->filled, NULL);
	return m;
}

void mailbox_free(struct mailbox *m)
{
	if (!m)
		return;
	pthread_cond_destroy(&m->filled);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

void *mailbox_put(struct mailbox *m, void *item)
{
	pthread_mutex_lock(&m->lock);
	void *old = m->item;
	m->item = item;
	pthread_cond_signal(&m->filled);
	pthread_mutex_unlock(&m->lock);
	return old;
}

void *mailbox_take(struct mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	while (!m->item && !m->closed)
		pthread_cond_wait(&m->filled, &m->lock);
	void *item = m->item;
	m->item = NULL;
	pthread_mutex_unlock(&m->lock);
	return item;
}

void mailbox_close(struct mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	m->closed = true;
	pthread_cond_signal(&m->filled);
	pthread_mutex_unlock(&m->lock);
}
