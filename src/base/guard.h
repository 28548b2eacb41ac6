/* A lock around something two threads look at; held for microseconds, never while
 * computing. */
#ifndef BASE_GUARD_H
#define BASE_GUARD_H

struct guard;

struct guard *guard_create(void);
void guard_free(struct guard *);
void guard_enter(struct guard *);
void guard_leave(struct guard *);

#endif
