/*
 * What the parts of the workbench share. Two threads look in: the worker's main thread
 * does everything, its reader thread asks for estimates. What the reader needs (model,
 * its hash, rates, shares and what they are of, where the input comes from) changes under
 * `guard` only.
 */
#ifndef PROFILER_WORKBENCH_PRIVATE_H
#define PROFILER_WORKBENCH_PRIVATE_H

#include "base/guard.h"
#include "profiler/rates.h"
#include "profiler/reference.h"
#include "profiler/setting.h"
#include "profiler/workbench.h"

struct workbench {
	struct guard *guard;
	struct model *model;
	struct rates *rates;
	char *key;               /* of the weights file; NULL: a preset */
	char sha256[SHA256_HEX]; /* of the weights; "": not known */
	char *known_key, *known_sha256;

	struct shares shares;   /* token counts that depended on values, of a run ... */
	struct knobs shares_of; /* ... with these knobs; n = 0: of none yet */

	bool prepared, linears_prepared;
	struct pool *pool;
	const struct backend *backend;
	void *backend_self;
	char gemm[KNOB_TEXT_SIZE]; /* as asked for */
	int threads;               /* of the open backend; 0: none is open */

	struct spec source; /* whose pictures are loaded; its knobs tell the batch */
	struct input_list list;
	struct input input;
	struct image shown;
	char input_sha256[SHA256_HEX];
	struct reference reference; /* outputs of the base for this input */
};

bool workbench_same_model(const struct model *, const struct spec *);
bool workbench_same_pictures(const struct spec *, const struct spec *);

/* Model, input, knobs: what every result says of what ran. Under the guard. */
void workbench_describe_setting(const struct workbench *, const struct knobs *,
				struct run *);

#endif
