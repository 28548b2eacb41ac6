/*
 * A slot for one message between two threads: a newer message replaces one not yet taken.
 */
#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H

struct mailbox;

struct mailbox *mailbox_create(void);
void mailbox_free(struct mailbox *);

/* Puts `item` in; returns the item it displaced (the caller owns it) or NULL. */
void *mailbox_put(struct mailbox *, void *item);

/* Waits for an item; NULL once the box is closed and empty. */
void *mailbox_take(struct mailbox *);
void mailbox_close(struct mailbox *);

#endif
