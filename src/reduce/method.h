/*
 * A reduction method: how the tokens that stay are chosen. One file per method, one word
 * in meson.build. Which tokens are kept, in which order and with which positions is the
 * business of struct token_set; a method only scores.
 */
#ifndef REDUCE_METHOD_H
#define REDUCE_METHOD_H

#include "base/str.h"
#include "kernels/op.h"

/* Where a method is asked: what it may look at. */
struct site {
	struct tensor tokens; /* [B, N, D], without CLS */
	uint64_t seed;
};

struct method {
	const char *name, *help;
	/* Scores [B, N], higher stays; the cost is in the spans of its own ops. NULL: the
	 * method drops nothing and runs no technique code at all. */
	struct tensor (*score)(struct pass *, const struct site *);
};

extern const struct method *const methods[]; /* NULL-terminated */

const struct method *method_by_name(const char *name); /* NULL: none */
/* Adds "none, l2, random": for messages. */
void method_names(struct str *);

#endif
