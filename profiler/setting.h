/*
 * A setting: a model, an input and knobs, ready to run forward passes on a backend. Its
 * arena has exactly the size that a dry pass of the same code predicts.
 */
#ifndef PROFILER_SETTING_H
#define PROFILER_SETTING_H

#include "models/model.h"
#include "profiler/spans.h"

struct setting {
	const struct model *model;
	const struct backend *backend;
	void *backend_self;
	struct pool *pool;
	const struct input *input;
	struct knobs knobs;
	bool (*still_wanted)(void *ctx);
	void *ctx;
	const struct witness *witness; /* of the next pass; NULL: nobody looks on */

	struct arena arena;
	struct spans spans;
	struct outputs out; /* of the last pass; in the arena */
};

/* Borrows model, backend, pool and input. Takes the memory: ERR_NOMEM says how much was
 * wanted. */
enum err setting_init(struct setting *, const struct model *, const struct backend *,
		      void *backend_self, struct pool *, const struct input *,
		      const struct knobs *) MUST_CHECK;
void setting_release(struct setting *);

/* A pass of this setting on another arena, not watched: for steps beside it; and one that
 * computes nothing, on an arena without memory. */
struct pass setting_beside(const struct setting *, struct arena *);
struct pass setting_dry_beside(const struct setting *, struct arena *);
/* A pass that leaves behind, in `state`, what decoding goes on from. */
enum err setting_prefill(struct setting *, struct decoding *state) MUST_CHECK;

/* One forward pass; watched: with spans. *wall_ns, unless NULL, is its duration. */
enum err setting_pass(struct setting *, bool watched, int64_t *wall_ns) MUST_CHECK;

/* What selections left whose count depends on values, as shares of the rows that came in:
 * of one pass, one after the other. */
struct shares {
	double of[TRACE_MAX_SITES];
	int n;
};
/* Of the last pass; n = 0 where no count depended on values. */
void setting_shares(const struct setting *, struct shares *);

/*
 * A dry pass: fills layers, FLOPs, bytes, tokens and peak_activation_bytes of `run`
 * without computing. Needs a model that is configured and bound, not prepared. Where
 * counts depend on values, they are as in `expected`; NULL: all tokens stay.
 * *depends, unless NULL, tells whether any does. `facts`: of the input, NULL: of the
 * model's own example. `classes`: the shape of what embeddings
 * are compared with; NULL: nothing.
 */
enum err setting_predict(const struct model *, const struct input_facts *,
			 const struct knobs *, const struct tensor *classes,
			 const struct shares *expected, struct run *,
			 bool *depends) MUST_CHECK;

#endif
