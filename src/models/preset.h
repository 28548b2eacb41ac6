/*
 * Presets: a name, a configuration in the form of a config.json, and seeded random
 * weights in the model's true shapes. What they compute means nothing; what they cost is
 * real.
 */
#ifndef MODELS_PRESET_H
#define MODELS_PRESET_H

struct preset {
	const char *name;   /* "clip-vit-b16"; NAME:tiny is the same in miniature */
	const char *config; /* JSON */
	const char *help;
};

extern const struct preset presets[];                  /* ends with a NULL name */
const struct preset *preset_by_name(const char *name); /* NULL: none */

#endif
