/*
 * The bench of the golden tests: a checkpoint of tests/fixtures on a backend, the tensors
 * that an independent implementation computed from it (tests/oracle), and what goes
 * through the norms of a pass. Tolerances: indices exact, values 1e-4 relative plus
 * 1e-5 of the largest of the tensor.
 */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include "check.h"

#include "base/json.h"
#include "kernels/op.h"
#include "models/model.h"
#include "profiler/setting.h"
#include "tensor/safetensors.h"

/* How a model is run. */
struct bench_way {
	const char *backend, *gemm;
	int threads;
	const char *fused_qkv; /* "on", "off" */
	const char *layout;    /* "packed", "padded" */
};
extern const struct bench_way bench_ways[]; /* ends with a NULL backend; ref is first */

/* One call of a norm, of either kind: owned copies of what it read and wrote. */
struct bench_norm {
	const void *weight; /* of the norm: tells which it is */
	float *in, *out;
	int64_t rows, in_count, out_count; /* in_count: with the gaps of a view */
};

#define BENCH_MAX_NORMS 64

struct bench {
	const struct bench_way *way;
	const char *folder;
	struct model *model;
	struct safetensors *oracle;
	struct pool *pool;
	const struct backend *backend; /* records, then calls the real one */
	void *self;
	struct bench_norm norms[BENCH_MAX_NORMS]; /* of the last bench_run(), in order */
	int n_norms;
};

/* FOLDER/STEM.safetensors are the tensors; `kind`: which tower of the checkpoint. One
 * bench at a time. */
void bench_open(struct bench *, const char *folder, const char *stem,
		enum input_kind kind, const struct bench_way *);
/* The same in passes of another type than F32. */
void bench_open_as(struct bench *, const char *folder, const char *stem,
		   enum input_kind kind, const struct bench_way *, enum dtype);
void bench_close(struct bench *);

/* "reduce_tiny cpu/auto x1 NAME", for messages; overwritten by the next call. */
const char *bench_what(const struct bench *, const char *name);

/* GROUP.KEY, or KEY where the group is ""; NULL: the oracle has none. */
const struct tensor *bench_find(const struct bench *, const char *group, const char *key);
/* The same, which has to be there. */
const struct tensor *bench_want(const struct bench *, const char *group, const char *key);
/* A copy in aligned memory; the caller frees its data. */
struct tensor bench_copy(const struct tensor *);

/* GROUP.pixel_values as pictures of GROUP.grid_thw, for a model that takes any size; and,
 * unless NULL, a prompt about one: I64 ids with the token of a picture where it stands.
 * input_release() is the caller's. */
struct input bench_grids(const struct bench *, const char *group,
			 const struct tensor *ids);
/* What is known of an input before its values; input_facts_release() is the caller's. */
struct input_facts bench_facts(const struct input *);

/* Knobs of this bench's way; `more` ends with NULL: option, value, ... */
struct knobs bench_knobs(const struct bench *, int64_t batch, const char *const *more);

/* Prepares the model for these knobs and runs one pass; setting_release() is the
 * caller's.
 */
void bench_run(struct bench *, struct setting *, const struct input *,
	       const struct knobs *);

/* Values within the tolerance; fails with the element. */
void bench_same(const char *what, const char *part, const float *got, int64_t n,
		const struct tensor *want);

/* Patches left of every item against `want` [B, K], -1 behind the last of an item. */
void bench_same_kept(const char *what, const struct trace *, const struct tensor *want);

/* A fixture that is JSON; the caller's reference. */
json_t *bench_json(const char *path);

/* Calls fn for every case of FOLDER/STEM.json (tests/oracle/cases.py). */
typedef void bench_case_fn(struct bench *, const char *name, const struct input *,
			   const struct knobs *);
void bench_each_case(const char *folder, const char *stem, enum input_kind,
		     const struct bench_way *, bench_case_fn *);

/* One pass of a case, and everything that the oracle has of it: embeddings, the rows of
 * every layer, patches that stay, scores, groups. setting_release() is the caller's. */
void bench_same_case(struct bench *, const char *name, const struct input *,
		     const struct knobs *, struct setting *);

/* That of every case in every way. */
void bench_cases(const char *folder, const char *stem);

#endif
