/*
 * Classes of zero-shot recognition: what the embeddings of pictures are compared with.
 * Labels become texts, texts ids, and the text tower of the same checkpoint turns them
 * into embeddings, once; it is not kept.
 */
#ifndef PROFILER_CLASSES_H
#define PROFILER_CLASSES_H

#include "kernels/backend.h"
#include "text/labels.h"

/* Zeroed: none. */
struct classes {
	/* [L, P]: of each label the mean of its normalised texts, normalised, times the
	 * logit scale: a picture's normalised embedding times it is a row of logits. */
	struct linear linear;
	/* [L, P]: where a label is one text, as it comes out of the tower; else the mean
	 * above, without the scale. */
	struct tensor embeds;
};

/* The tower and where it computes. */
struct classes_tower {
	const char *model; /* as model_open takes it */
	uint64_t seed;
	const char *vocab; /* the tokenizer's file or folder; NULL: beside the weights */
	const struct backend *backend;
	void *backend_self;
	struct pool *pool;
	bool (*still_wanted)(void *ctx); /* false: ERR_CANCELLED */
	void (*on_progress)(void *ctx, const char *what, double done, double total);
	void *ctx;
};

/*
 * ERR_UNSUPPORTED: the model has no text tower; ERR_NOTFOUND: no tokenizer; and what
 * opening the model, its tokenizer and a pass may say.
 */
enum err classes_make(const struct classes_tower *, const struct labels *,
		      struct classes *out) MUST_CHECK;
void classes_release(struct classes *);

#endif
