/*
 * The workbench: what a worker has loaded and how it turns a spec into results. Model,
 * input, threads and backend stay between requests, so that moving a slider only
 * measures.
 */
#ifndef PROFILER_WORKBENCH_H
#define PROFILER_WORKBENCH_H

#include "models/input.h"
#include "profiler/protocol.h"

struct workbench;

/* How the workbench talks while it works. */
struct work_watch {
	void *ctx;
	bool (*still_wanted)(void *ctx); /* false: stop between two ops, ERR_CANCELLED */
	void (*on_progress)(void *ctx, const char *what, double done, double total);
	void (*on_sample)(void *ctx, const struct measure_sample *);
};

struct workbench *workbench_create(void);
void workbench_free(struct workbench *);

/* Model and input of the spec: configuration, mapped weights, preprocessed pictures. Does
 * nothing when they are there already; *changed says whether. After an error what was
 * loaded before stays. */
enum err workbench_open(struct workbench *, const struct spec *,
			bool *changed) MUST_CHECK;

/* Threads, backend, weights; the hash of the weights unless it is known. */
enum err workbench_prepare(struct workbench *, const struct knobs *,
			   const struct work_watch *) MUST_CHECK;

/* The hash of the file with this key, known from an earlier time. Any thread. */
void workbench_know_hash(struct workbench *, const char *key, const char *sha256);

/* Model, input and knob mask of what is loaded: the payload of `loaded`. */
void workbench_describe(struct workbench *, struct event *loaded);

/*
 * A dry pass for a spec of the loaded model, with estimated times. Any thread.
 * ERR_NOTFOUND when another model is loaded, or none.
 */
enum err workbench_estimate(struct workbench *, const struct spec *,
			    struct run **out) MUST_CHECK;

/* Measures what was opened and prepared; out[n] are the caller's, NULL after an error. */
enum err workbench_run(struct workbench *, const struct command *,
		       const struct work_watch *, struct run **out) MUST_CHECK;

#endif
