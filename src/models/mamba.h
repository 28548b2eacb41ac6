/* The parts of Mamba that its configuration and its pass share: mamba.c and mamba_pass.c.
 */
#ifndef MODELS_MAMBA_H
#define MODELS_MAMBA_H

#include "models/embedding_swap.h"
#include "models/mamba_mixer.h"
#include "models/model.h"

struct mamba_layer {
	struct norm norm;
	struct mamba_mixer mixer;
};

struct mamba {
	struct mamba_sizes s;
	int64_t layers, vocab;
	bool tied;
	float eps;
	struct tensor embed; /* [V, D], as stored */
	struct mamba_layer *layer;
	struct norm norm;
	struct linear head;
	struct embedding_swaps swaps;
};

static inline const struct mamba *mamba_of(const struct model *m) { return m->state; }

/* As struct family has them. */
void mamba_forward(struct pass *, const struct model *, const struct input *,
		   const struct knobs *, struct outputs *);
enum err mamba_decode_begin(const struct model *, const struct input *, int64_t more,
			    struct decoding **out) MUST_CHECK;
void mamba_decode(struct pass *, const struct model *, struct decoding *, int32_t token,
		  struct outputs *);

#endif
