/*
 * What -m may name without a path: the presets and what the local hub cache holds.
 * Listing costs a few stats; looking at one opens it as model_open() does, in
 * milliseconds.
 */
#ifndef MODELS_CATALOG_H
#define MODELS_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct catalog_entry {
	const char *name;
	const char *kind;   /* "preset", "cache" */
	const char *folder; /* NULL: built in */
	const char *help;   /* a phrase; NULL: none */
};

/* Presets in their order, then the cache by name. The entry is borrowed for the call. */
void catalog_each(void (*each)(void *ctx, const struct catalog_entry *), void *ctx);

struct catalog_facts {
	char family[32], format[32];
	double params, bytes;
	bool random_weights;
	uint64_t knobs; /* KNOB_BITs of its family */
};

/* The errors of model_open(). */
enum err catalog_look(const char *name, struct catalog_facts *out) MUST_CHECK;

#endif
