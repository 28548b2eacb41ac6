/*
 * Presets: a name, a configuration in the form of a config.json, and seeded random
 * weights in the model's true shapes. What they compute means nothing; what they cost is
 * real.
 */
#ifndef MODELS_PRESET_H
#define MODELS_PRESET_H

#include <stdbool.h>

#include "base/knobs.h"

struct preset {
	const char *name; /* "clip-vit-b16"; NAME:tiny is the same in miniature */
	/* JSON; its key "workload" is the knobs that it brings: "batch=8 seq=8192" */
	const char *config;
	const char *help;
};

extern const struct preset presets[];                  /* ends with a NULL name */
const struct preset *preset_by_name(const char *name); /* NULL: none */

/*
 * Sets the knobs that this model brings, but for those in `given`; a name that is no
 * preset's brings none. What goes in may have batch and length of its own
 * (input_source_has_length): then these are not brought.
 */
void preset_workload(const char *name, bool has_length, uint64_t given, struct knobs *);

#endif
