/*
 * A run: what was asked and what came of it. The one value that flows through everything:
 * the worker fills it, the protocol carries it, the store keeps it, exporters and views
 * show it.
 *
 * Every number is a double; not measured is NaN, never 0. Strings that are not known are
 * NULL. Times are nanoseconds, sizes bytes. Strings and arrays live in the run's own
 * memory (`mem`) and die with it.
 */
#ifndef PROFILER_RUN_H
#define PROFILER_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/knobs.h"
#include "base/uid.h"
#include "profiler/metric.h"

#define RUN_RESULT_VERSION 1

/* An estimate has the shape of a result, comes from a dry pass and is never stored. */
enum run_state { RUN_DONE, RUN_FAILED, RUN_ESTIMATE };

struct layer {
	const char *path;   /* "blocks.3.attn.qkv"; no two layers of a run share one */
	const char *name;   /* what it adds to its parent's path: "attn.qkv" */
	int parent;         /* index of an earlier layer; -1: top */
	const char *kind;   /* "linear", "attention", ..., "group" */
	const char *engine; /* of its matrix product, or NULL */
	double v[METRIC_COUNT];
};

struct run_model {
	const char *name, *family, *source, *format, *sha256;
	double params, bytes;
	bool random_weights;
};

struct run_input {
	/* "image", "scene", "dataset", "text", "tokens", "prompt", "sequence" (raw rows
	 * of numbers), "seeded" (ids or rows that follow from the seed) */
	const char *kind;
	const char *source; /* path (of a prompt: the picture's), or NULL for what is
			       built in */
	const char *sha256; /* of the preprocessed values */
	double batch, tokens;
};

/* What was asked about a picture; not known of an input without one (kind "text" has it
 * as its source). */
struct run_prompt {
	double tokens;    /* those of the picture not counted */
	const char *text; /* as it was given; NULL: it came as ids */
	const char *file; /* of ids; NULL: it came as a text */
};

/* Uninstrumented passes: what a user of the model would see. */
struct run_wall {
	double n, warmup, min_ns, p50_ns, mean_ns, sd_ns, ci95_lo_ns, ci95_hi_ns, max_ns;
	const char *stopped_by; /* "noise", "samples", "budget" */
	double *samples_ns;     /* [n_samples], in the order they ran */
	int n_samples;
};

struct run_whole {
	double p50_ns;         /* median of the uninstrumented passes */
	double layer_sum_ns;   /* sum of wall_ns over leaves */
	double overhead_ratio; /* instrumented median / uninstrumented median */
};

struct run_throughput {
	double items_per_s, tokens_per_s;
};

struct run_memory {
	double peak_rss_bytes, model_bytes, peak_activation_bytes, gpu_peak_bytes;
};

struct run_rusage {
	double user_ns, sys_ns, minor_faults, major_faults, voluntary_switches,
		involuntary_switches;
};

struct run_flops {
	double ours, fvcore, torch;
};

struct run_bytes {
	double read, written;
};

/*
 * Over all items of the input. What is compared of each: the embedding; where a tower
 * hands tokens on, all that are left, in a row, with the same ones of the base (one made
 * of several has no counterpart, a merged one that of its first); of a language model the
 * logits after the text. top1_agree is the share of items with the same class, of a
 * language model that of positions (those of a picture left out) with the same likeliest
 * next token. The cosine of layers is of their tokens in the first batch.
 */
struct run_fidelity {
	const char *reference; /* canonical knobs of the base; NULL: no fidelity at all */
	double images, cosine, cosine_p5, cosine_min, rel_l2, top1_agree;
	double kl;           /* of language models: mean over the same positions of
			      * KL(base || technique), nats */
	double cosine_mixed; /* of the base's last state before its norm and the
				technique's after it: what a published figure computed;
				NaN: this model has no such pair */
	const char *worst;   /* the picture of cosine_min; NULL: built in, or not known */
};

/* Against labels, where the input has them; also of a base run. */
struct run_accuracy {
	double images, top1; /* top1: share of them that is classified right */
};

/* What item 0 shows, of the labels that were given. */
struct run_zero_shot {
	const char *label;      /* the likeliest; NULL: there are no labels */
	double probability;     /* of it: softmax over the labels */
	const char *base_label; /* of the base; NULL: this is one, or it is not known */
};

/* What low-rank factors did to the weights (knob rank); NaN while it is off. */
struct run_low_rank {
	double matrices;     /* how many were replaced */
	double rel_error;    /* |W - A B| / |W| (Frobenius) over all of them */
	double break_even;   /* the rank from which the factors of the largest cost more
				than it */
	double full, stored; /* values of the matrices, and of their factors */
	double *spectrum; /* [n_spectrum]: singular values of the largest, descending */
	int n_spectrum;
};

/* How well a language model expects the text that it was given: each token after those
 * before it. Nats. Repeated text is counted once. */
struct run_likelihood {
	double tokens; /* that were predicted, over all items */
	double loss, perplexity, base_loss, base_perplexity;
};

/* Multi-resolution scanning. */
struct run_mrss {
	double work_ratio; /* FLOPs (ours) over those of the base; NaN: no MRSS */
	double gate_mean;  /* share of the coarse branch; NaN: there is no gate */
	double *factors;   /* [n_factors]: of each item of the batch */
	int n_factors;
};

/* The state of a selective scan. */
struct run_ssm {
	double state_bytes; /* of one item, all layers; what convolutions look back on is
			     * not counted */
	double *state_at;   /* [n_state_at]: after so many tokens ... */
	int n_state_at;
	double *state_error; /* [n_state_error]: ... |S - base's| / |base's|, mean of
			      * layers
			      */
	int n_state_error;
};

/* Token embeddings that came from another checkpoint (knob embeddings). */
struct run_embeddings {
	const char *source; /* NULL: they are the model's own */
	double rows;        /* of the table */
	double shared;      /* tokens that both vocabularies have */
	double coverage;    /* shared / rows */
	double rel_error;   /* of the map between widths on the shared rows; NaN: none */
};

/* Visual tokens: what a vision tower hands to a language model, or would. Of item 0, but
 * for those of the whole batch, whose pictures may differ in size. */
struct run_visual {
	double rows, columns;     /* of the grid of tokens, before any is dropped */
	double patches_per_token; /* that go or stay together: 4 of a 2 x 2 merger, else 1
				   */
	double tokens;            /* handed on, dropped ones not counted */
	double ns_per_token; /* of the tower (the whole pass where there is nothing else)
				/ batch_tokens */
	double batch_tokens; /* tokens of all items together */
};

/* What these tokens would cost as the prompt of a language model: by a dry pass. */
struct run_language {
	const char *name; /* "qwen2-1.5b"; NULL: nobody asked, or it is not known */
	double params;
	double flops, kv_bytes; /* ours; of keys and values that are kept */
	double estimated_ns;    /* from this machine's rates of products */
};

/* The prompt of a language model, and how it would go on (off the clock). Of item 0. */
struct run_generated {
	double prompt_tokens; /* visual ones included */
	double *ids;          /* [n_ids]: greedy */
	int n_ids;
	const char *text;    /* of these ids; NULL: there is no tokenizer */
	double ns_per_token; /* median of a step with the keys and values kept */
	double state_bytes;  /* that a step reads and keeps: keys and values, or states */
};

/*
 * One place where tokens of item 0 were dropped or merged. A token is named by its patch,
 * from 0 without CLS; what a technique made of several (summary, fused) is named from the
 * number of patches on. Where patches go and stay together (visual.patches_per_token),
 * all that is told here counts and names these units, row by row of the picture.
 */
struct run_site {
	const char *path; /* "embed", "blocks.3": the group of its spans */
	double layer;     /* -1: embed */
	double *alive;    /* [n_alive]: tokens that came in, made ones last */
	int n_alive;
	double *scores; /* [n_scores] = n_alive, or none: the method has no scores */
	int n_scores;
	double *kept; /* [n_kept]: tokens of `alive` that went on as they were */
	int n_kept;
	double *groups; /* [n_groups] = patches: the token each patch is part of after the
			   site, named by the group's first patch; NaN: of none (it was
			   dropped before); only of merging */
	int n_groups;
};

struct run_tokens {
	double *per_layer; /* [n_layers]: tokens of an item that enter each block */
	int n_layers;
	/* [n_counts]: tokens that stay of each item, block after block, where that
	 * depends on values; n_counts / n_layers items. */
	double *counts;
	int n_counts;
	double *kept; /* [n_kept]: patches of item 0 in the order that they enter the
			 model, ascending; NULL where none was dropped or it is not known
			 which */
	int n_kept;   /* patches of item 0 that stay to the end; 0: not known */
	struct run_site *sites; /* [n_sites], in the order they ran */
	int n_sites;
};

/* Survivors of a threshold: packed sequences, or padded to the longest of the batch. What
 * was not measured is by a dry pass. */
struct run_layouts {
	double longest; /* tokens behind the last site, of the longest item ... */
	double mean;    /* ... and of the mean one */
	double packed, packed_fvcore, padded, padded_fvcore; /* FLOPs of the pass */
};

struct run_env {
	const char *host, *cpu, *isa, *governor, *blas_name, *blas_core, *blas_version,
		*os, *version, *gpu, *driver;
	double n_cpu, threads;
};

struct run {
	struct scratch mem;

	int64_t id; /* row in the store; 0: not stored. Not part of the result object */
	char uid[UID_SIZE]; /* "": not given yet */
	const char *session;
	double started_ns; /* since 1970 */
	double ended_ns;   /* not part of the object */
	enum run_state state;
	const char *error; /* of a failed run */
	bool trail; /* a stop of the slider that nobody kept; not part of the object */

	struct run_model model;
	struct run_input input;
	struct run_prompt prompt;
	const char *device;
	struct knobs knobs;
	uint64_t knob_mask; /* those that apply to the model */

	struct run_wall wall;
	struct run_whole whole;
	struct run_throughput throughput;
	struct run_memory memory;
	struct run_rusage rusage;
	struct run_flops flops;
	struct run_bytes bytes;
	struct run_fidelity fidelity;
	struct run_accuracy accuracy;
	struct run_zero_shot zero_shot;
	struct run_low_rank low_rank;
	struct run_likelihood likelihood;
	struct run_mrss mrss;
	struct run_ssm ssm;
	struct run_embeddings embeddings;
	struct run_visual visual;
	struct run_language language;
	struct run_generated generated;
	struct run_tokens tokens;
	struct run_layouts layouts;
	struct layer *layers; /* parents before children, in the order they ran */
	int n_layers;
	struct run_env env;
	const char **warnings;
	int n_warnings;
};

struct run *run_create(void); /* all not measured, knobs at their defaults */
void run_free(struct run *);

/* These knobs, but batch and length as the run has them: they may come from the input. */
void run_set_technique(struct run *, const struct knobs *);

/* Copies into the run's memory; doubles from NULL: zeros to fill. */
const char *run_str(struct run *, const char *);
double *run_doubles(struct run *, const double *from, int n);
struct layer *run_add_layers(struct run *, int n); /* sets layers, all not measured */
void run_warn(struct run *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* True when no other layer has it as its parent. */
bool run_layer_is_leaf(const struct run *, int layer);

/* The kept count that belongs to the keep knob: patches that stay to the end (all of them
 * at keep 1), or NaN. */
double run_kept(const struct run *);
/* The word of a state in the result object: "done"; NULL beyond the last. */
const char *run_state_name(enum run_state);

/*
 * The identity of a setting: sha256 over model, input, canonical knobs and device. Where
 * the tokens are known, keep counts as the number that stays: 0.7 and 0.701 of 196 are
 * one setting, and so are ratios that keep the same units of patches that stay together.
 * False (and "") while the model's or the input's hash is not known.
 */
#define RUN_CELL_SIZE 65
bool run_cell(const struct run *, char cell[RUN_CELL_SIZE]);
/* The cell of the same workload with every technique off. */
bool run_base_cell(const struct run *, char cell[RUN_CELL_SIZE]);

/*
 * What a run holds outside its layers, knobs and warnings, one row a field, by its name
 * in the result object. The encoder, the decoder and the store iterate this table.
 */
enum run_field_kind {
	FIELD_NUM,   /* double */
	FIELD_COUNT, /* double that holds an integer >= 0 */
	FIELD_TEXT,  /* const char * */
	FIELD_BOOL,  /* bool */
	FIELD_NUMS   /* double *, and an int at n_at */
};
struct run_field {
	const char *group; /* "wall"; "env.blas" is an object in an object */
	const char *key;
	enum run_field_kind kind;
	size_t at, n_at; /* offsets in struct run */
};
extern const struct run_field run_fields[]; /* ends with a NULL group; groups together */

static inline void *run_field(struct run *r, const struct run_field *f)
{
	return (char *)r + f->at;
}
static inline const void *run_field_const(const struct run *r, const struct run_field *f)
{
	return (const char *)r + f->at;
}
/* How many numbers a list (FIELD_NUMS) has. */
static inline int *run_field_n(struct run *r, const struct run_field *f)
{
	return (int *)(void *)((char *)r + f->n_at);
}
static inline int run_field_n_const(const struct run *r, const struct run_field *f)
{
	return *(const int *)(const void *)((const char *)r + f->n_at);
}

/* Numbers, texts and lists of a group become not known again. */
void run_forget_group(struct run *, const char *group);

/* Limits of what the decoder takes. */
#define RUN_MAX_LAYERS 65536
#define RUN_MAX_SITES 1024
#define RUN_MAX_VALUES 1000000 /* samples, kept tokens, those of all sites, ids */
#define RUN_MAX_WARNINGS 256
#define RUN_MAX_TEXT 16384 /* bytes of any string */

/* The result object of the contract, version 1: one encoder, one decoder. */
json_t *run_to_json(const struct run *);
/* Untrusted input: wrong types, versions, parents that do not precede or absurd counts
 * are ERR_FORMAT, the message begins with `what`. */
enum err run_from_json(const json_t *, const char *what, struct run **out) MUST_CHECK;

/* The sites alone, as the object has them: null where they are not known. */
json_t *run_sites_to_json(const struct run *);
/* Untrusted, as above; after an error the run has none. */
void run_sites_from_json(struct run *, const struct json_in *, const char *key);

#endif
