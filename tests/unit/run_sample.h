/* A run with something in every field, for the tests of what carries and keeps runs. */
#ifndef TESTS_RUN_SAMPLE_H
#define TESTS_RUN_SAMPLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "profiler/run.h"

/* Every field of the table a different value, so that a mix-up shows. */
static inline void sample_fields(struct run *r)
{
	char text[64];
	int n = 0;
	for (const struct run_field *f = run_fields; f->group; f++, n++) {
		void *at = run_field(r, f);
		snprintf(text, sizeof(text), "%s.%s", f->group, f->key);
		double kept[3] = { 0, 5, 190 };
		switch (f->kind) {
		case FIELD_NUM:
			*(double *)at = 1000 + n + 1 / 3.0;
			break;
		case FIELD_COUNT:
			*(double *)at = 1000 + n;
			break;
		case FIELD_TEXT:
			*(const char **)at = run_str(r, text);
			break;
		case FIELD_BOOL:
			*(bool *)at = true;
			break;
		case FIELD_NUMS:
			*(double **)at = run_doubles(r, kept, 3);
			*run_field_n(r, f) = 3;
			break;
		}
	}
}

static inline void sample_layers(struct run *r, int blocks)
{
	static const char *const ops[] = { "ln1", "attn.qkv", "attn.sdpa", "attn.out",
					   "ln2", "mlp.fc1",  "mlp.fc2" };
	char path[64];
	struct layer *l = run_add_layers(r, blocks * 8);
	for (int b = 0; b < blocks; b++) {
		int group = b * 8;
		snprintf(path, sizeof(path), "blocks.%d", b);
		l[group].path = l[group].name = run_str(r, path);
		l[group].kind = "group";
		for (int o = 0; o < 7; o++) {
			struct layer *op = &l[group + 1 + o];
			snprintf(path, sizeof(path), "blocks.%d.%s", b, ops[o]);
			op->path = run_str(r, path);
			op->name = ops[o];
			op->parent = group;
			op->kind = strchr(ops[o], '.') ? "linear" : "layernorm";
			op->engine = strchr(ops[o], '.') ? "openblas" : NULL;
			for (int m = 0; m < METRIC_COUNT - 1; m++)
				op->v[m] = m * 1000 + o + b * 0.25;
		}
	}
}

/* A prune at embed with scores, and a merge without. */
static inline void sample_sites(struct run *r)
{
	double alive[] = { 0, 1, 2, 3 }, scores[] = { 0.5, 2, -1 / 3.0, 2 };
	double kept[] = { 1, 3 }, merged[] = { 1, 3, 4 },
	       groups[] = { 0, 1, (double)NAN, 1 };
	struct run_site *s = scratch_alloc(&r->mem, 2 * sizeof(*s));
	s[0] = (struct run_site){
		.path = run_str(r, "embed"),
		.layer = -1,
		.alive = run_doubles(r, alive, 4),
		.n_alive = 4,
		.scores = run_doubles(r, scores, 4),
		.n_scores = 4,
		.kept = run_doubles(r, kept, 2),
		.n_kept = 2,
	};
	s[1] = (struct run_site){
		.path = run_str(r, "blocks.0"),
		.layer = 0,
		.alive = run_doubles(r, merged, 3),
		.n_alive = 3,
		.kept = run_doubles(r, kept, 1),
		.n_kept = 1,
		.groups = run_doubles(r, groups, 4),
		.n_groups = 4,
	};
	r->tokens.sites = s;
	r->tokens.n_sites = 2;
}

static inline void sample_set_wall(struct run *r, int n)
{
	double *v = scratch_alloc(&r->mem, (size_t)n * sizeof(*v));
	for (int i = 0; i < n; i++)
		v[i] = 20000000 + rng_bits(7, (uint32_t)i) % 1000000;
	r->wall.samples_ns = v;
	r->wall.n_samples = n;
}

static inline struct run *sample_run(int blocks)
{
	struct run *r = run_create();
	sample_fields(r);
	r->visual.patches_per_token = 1; /* each goes alone */
	sample_layers(r, blocks);
	sample_sites(r);
	sample_set_wall(r, 30);
	memcpy(r->uid, "0190a5d2-7c3e-7abc-8def-0123456789ab", UID_SIZE);
	r->session = run_str(r, "pruning");
	r->started_ns = 1751328000123456768.0;
	r->state = RUN_DONE;
	r->device = run_str(r, "cpu");
	r->knob_mask = KNOB_BIT(KNOB_METHOD) | KNOB_BIT(KNOB_KEEP) |
		       KNOB_BIT(KNOB_BATCH) | KNOB_BIT(KNOB_THREADS) |
		       KNOB_BIT(KNOB_PRUNE_AT) | KNOB_BIT(KNOB_DTYPE) |
		       KNOB_BIT(KNOB_DEVICE);
	if (knobs_set(&r->knobs, KNOB_KEEP, "0.7") ||
	    knobs_set(&r->knobs, KNOB_METHOD, "l2"))
		abort();
	run_warn(r, "the governor is %s", "powersave");
	run_warn(r, "random weights");
	return r;
}

/* The run's line of JSON; the caller frees. */
static inline char *sample_line(const struct run *r)
{
	json_t *o = run_to_json(r);
	char *line = json_line(o);
	json_decref(o);
	return line;
}

#endif
