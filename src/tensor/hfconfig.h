/*
 * A config.json as Hugging Face writes it: sparse, so that every getter has a default
 * (a missing key and null are the same), and untrusted, so that every number has a range.
 * A value of the wrong type or out of range makes the first error stick, with the file
 * and the key named; the getter then returns the default. A family reads all it needs and
 * looks at hfconfig_error() once.
 */
#ifndef TENSOR_HFCONFIG_H
#define TENSOR_HFCONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

struct hfconfig;

/* Reads a file of at most 16 MiB. */
enum err hfconfig_open_file(const char *path, struct hfconfig **out) MUST_CHECK;
/* A preset's own text; `what` names it in messages. */
enum err hfconfig_parse(const char *text, const char *what,
			struct hfconfig **out) MUST_CHECK;
void hfconfig_free(struct hfconfig *); /* of the root: its sub-objects go with it */

/* A sub-object ("vision_config"), owned by its root, whose error it shares. Missing: one
 * without keys, never NULL. */
const struct hfconfig *hfconfig_sub(const struct hfconfig *, const char *key);

bool hfconfig_has(const struct hfconfig *, const char *key); /* present and not null */

/* An integer in [lo, hi]; 224.0 is none. */
int64_t hfconfig_int(const struct hfconfig *, const char *key, int64_t missing,
		     int64_t lo, int64_t hi);
/* A finite number in [lo, hi]. */
double hfconfig_num(const struct hfconfig *, const char *key, double missing, double lo,
		    double hi);
bool hfconfig_bool(const struct hfconfig *, const char *key, bool missing);
/* Borrowed; as in the file: escape it before showing it. `missing` may be NULL. */
const char *hfconfig_str(const struct hfconfig *, const char *key, const char *missing);

enum err hfconfig_error(const struct hfconfig *) MUST_CHECK;
const char *hfconfig_label(const struct hfconfig *); /* the path, escaped */
/* The object itself, borrowed: for a reader that has its own rules, as that of
 * preprocessor_config.json, whose sizes are numbers or objects. */
const json_t *hfconfig_json(const struct hfconfig *);

#endif
