/* What a scan carries from rows to rows (models/mamba_mixer.h), made and forgotten. */
#ifndef MODELS_MAMBA_MEMORY_H
#define MODELS_MAMBA_MEMORY_H

#include "models/mamba_mixer.h"

/* For a pass: the branches that this mode runs, of `items` items, in the arena. Not
 * cleared. */
struct mamba_memory mamba_memory_of_pass(struct pass *, const struct mamba_sizes *,
					 int64_t items, enum mrss_mode);
/* For steps of one item after any pass: all of it, zero, on the heap; released by
 * mamba_memory_release(), whatever came back. ERR_NOMEM. */
enum err mamba_memory_of_steps(struct mamba_memory *,
			       const struct mamba_sizes *) MUST_CHECK;
void mamba_memory_release(struct mamba_memory *);

/* All of it zero, where there is data. */
void mamba_memory_forget(const struct mamba_memory *);
/* What steps in this mode read and keep of it. */
double mamba_memory_bytes(const struct mamba_memory *, enum mrss_mode);

#endif
