/* A vision-language model by arithmetic: a tower of 13 x 14 merge units, a merger, a
 * decoder, a head; times from counts as in fake_app.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake_app.h"
#include "fake_tree.h"

#define UNITS (FAKE_VL_ROWS * FAKE_VL_COLUMNS)
#define PATCHES (4 * UNITS)
#define PROMPT 21 /* tokens of text */

struct op {
	const char *name, *kind;
	double n, k;      /* columns and inner dimension; 0: no matrix product */
	double flops, ns; /* for each token where there is none; sdpa: for each pair */
};

static const struct op tower[] = {
	{ "ln1", "layernorm", 0, 0, 6400, 700 },
	{ "attn.qkv", "linear", 3840, 1280, 0, 0 },
	{ "attn.rotary", "rotary", 0, 0, 7680, 1900 },
	{ "attn.sdpa", "attention", 0, 0, 5120, 190 },
	{ "attn.out", "linear", 1280, 1280, 0, 0 },
	{ "ln2", "layernorm", 0, 0, 6400, 700 },
	{ "mlp.fc1", "linear", 5120, 1280, 0, 0 },
	{ "mlp.fc2", "linear", 1280, 5120, 0, 0 },
};
static const struct op decoder[] = {
	{ "ln1", "rmsnorm", 0, 0, 6100, 900 },
	{ "attn.q", "linear", 1536, 1536, 0, 0 },
	{ "attn.k", "linear", 256, 1536, 0, 0 },
	{ "attn.v", "linear", 256, 1536, 0, 0 },
	{ "attn.rotary", "rotary", 0, 0, 5400, 1500 },
	{ "attn.sdpa", "attention", 0, 0, 6144, 210 },
	{ "attn.out", "linear", 1536, 1536, 0, 0 },
	{ "ln2", "rmsnorm", 0, 0, 6100, 900 },
	{ "mlp.gate_up", "linear", 17920, 1536, 0, 0 },
	{ "mlp.down", "linear", 1536, 8960, 0, 0 },
};
static const struct op merger[] = {
	{ "ln_q", "layernorm", 0, 0, 6400, 700 },
	{ "mlp.0", "linear", 5120, 5120, 0, 0 },
	{ "mlp.2", "linear", 1536, 5120, 0, 0 },
};
#define COUNT(ops) ((int)(sizeof(ops) / sizeof((ops)[0])))

static void add_op(struct fake_tree *t, int parent, const struct op *o, double tokens)
{
	struct layer *l = &t->layers[fake_tree_add(t, parent, o->name, o->kind)];
	bool pairs = !strcmp(o->kind, "attention");
	double rows = pairs ? tokens * tokens : tokens;
	double width = o->k ? o->k : 1280;
	l->v[METRIC_calls] = 1;
	l->v[METRIC_flops] = o->n ? 2 * tokens * o->n * o->k : rows * o->flops;
	l->v[METRIC_wall_ns] = o->n ? l->v[METRIC_flops] / 90 : rows * o->ns;
	l->v[METRIC_bytes_read] = 4 * (tokens * width + o->n * o->k);
	l->v[METRIC_bytes_written] = 4 * tokens * (o->n ? o->n : width);
	l->v[METRIC_tokens_in] = l->v[METRIC_tokens_out] = tokens;
	if (!t->estimate)
		l->v[METRIC_cpu_ns] = l->v[METRIC_wall_ns] * 1.9;
}

static void add_ops(struct fake_tree *t, int parent, const struct op *ops, int n,
		    double tokens)
{
	for (int i = 0; i < n; i++)
		add_op(t, parent, &ops[i], tokens);
}

static void add_blocks(struct fake_tree *t, int parent, int blocks, const struct op *ops,
		       int n, const double *tokens)
{
	for (int b = 0; b < blocks; b++) {
		char name[32];
		snprintf(name, sizeof(name), "blocks.%d", b);
		add_ops(t, fake_tree_add(t, parent, name, "group"), ops, n, tokens[b]);
	}
}

#define VISION_BLOCKS 8
#define TEXT_BLOCKS 4

/* From block `at` on only the kept patches are there. */
static void fill_tree(struct fake_tree *t, double kept, int at)
{
	static const struct op patch = { "patch_embed", "linear", 1280, 1176, 0, 0 },
			       word = { "tokens", "gather", 0, 0, 1536, 300 },
			       norm = { "norm", "rmsnorm", 0, 0, 6100, 900 },
			       logits = { "lm_head", "linear", 151936, 1536, 0, 0 };
	double rows[VISION_BLOCKS], prompt = kept / 4 + PROMPT;
	double text[TEXT_BLOCKS] = { prompt, prompt, prompt, prompt };
	for (int i = 0; i < VISION_BLOCKS; i++)
		rows[i] = i < at ? PATCHES : kept;
	int visual = fake_tree_add(t, -1, "visual", "group");
	add_op(t, fake_tree_add(t, visual, "embeddings", "group"), &patch, PATCHES);
	add_blocks(t, visual, VISION_BLOCKS, tower, COUNT(tower), rows);
	add_ops(t, fake_tree_add(t, visual, "merger", "group"), merger, COUNT(merger),
		kept / 4);
	add_op(t, fake_tree_add(t, -1, "embeddings", "group"), &word, prompt);
	add_blocks(t, fake_tree_add(t, -1, "decoder", "group"), TEXT_BLOCKS, decoder,
		   COUNT(decoder), text);
	int head = fake_tree_add(t, -1, "head", "group");
	add_op(t, head, &norm, 1);
	add_op(t, head, &logits, 1);
	fake_tree_finish(t);
}

/* The units nearest to a point right of the middle stay. */
static void fill_sites(struct run *run, int kept_units, int at)
{
	double all[UNITS], scores[UNITS], kept[UNITS], patches[PATCHES];
	int n = 0;
	char path[32] = "embed";
	if (at)
		snprintf(path, sizeof(path), "visual.blocks.%d", at);
	for (int i = 0; i < UNITS; i++) {
		double x = i % FAKE_VL_COLUMNS - 8.2, y = i / FAKE_VL_COLUMNS - 5.6;
		all[i] = i;
		scores[i] = 20 - 0.25 * (x * x + y * y) + i * 37 % 29 / 6.0;
	}
	for (int i = 0; i < UNITS; i++) {
		int above = 0;
		for (int j = 0; j < UNITS; j++)
			above += scores[j] > scores[i] ||
				 (scores[j] == scores[i] && j < i);
		if (above >= kept_units)
			continue;
		for (int k = 0; k < 4; k++)
			patches[4 * n + k] = 4 * i + k;
		kept[n++] = i;
	}
	run->tokens.kept = run_doubles(run, patches, 4 * n);
	run->tokens.n_kept = 4 * n;
	run->tokens.sites = scratch_alloc(&run->mem, sizeof(*run->tokens.sites));
	run->tokens.n_sites = 1;
	run->tokens.sites[0] =
		(struct run_site){ .path = run_str(run, path),
				   .layer = at - 1,
				   .alive = run_doubles(run, all, UNITS),
				   .n_alive = UNITS,
				   .scores = run_doubles(run, scores, UNITS),
				   .n_scores = UNITS,
				   .kept = run_doubles(run, kept, n),
				   .n_kept = n };
}

/* As text, or as ids where there is no vocabulary. */
static void go_on(struct run_generated *g, struct run *run)
{
	static const double ids[] = { 785, 6802, 4933, 1378, 19423, 389, 264, 31069 };
	g->n_ids = sizeof(ids) / sizeof(ids[0]);
	g->ids = run_doubles(run, ids, g->n_ids);
	g->prompt_tokens = run->visual.tokens + PROMPT;
	g->ns_per_token = 41e6;
	if (strcmp(getenv("FAKE_VL"), "ids") != 0)
		g->text = "The picture shows\ntwo cats\033[31m on a sofa";
}

void fake_vl_fill(struct run *run, const struct knobs *knobs)
{
	int units = (int)knob_kept(UNITS, knob_num(knobs, KNOB_KEEP));
	int at = atoi(knob_text(knobs, KNOB_PRUNE_AT)); /* "embed" is 0 */
	struct fake_tree t = { .run = run, .estimate = run->state == RUN_ESTIMATE };
	run->model.name = "qwen2-vl-2b";
	run->model.family = "qwen2_vl";
	run->model.params = 1.03e9;
	run->input.tokens = PATCHES;
	fill_tree(&t, 4 * units, at);
	run->visual = (struct run_visual){ .rows = FAKE_VL_ROWS,
					   .columns = FAKE_VL_COLUMNS,
					   .patches_per_token = 4,
					   .tokens = units,
					   .ns_per_token = (double)NAN };
	run->language = (struct run_language){ .name = "qwen2-1.5b",
					       .params = 1.54e9,
					       .flops = (units + PROMPT) * 2.62e9,
					       .kv_bytes = (units + PROMPT) * 28672.0,
					       .estimated_ns = (units + PROMPT) * 31e6 };
	if (!t.estimate)
		go_on(&run->generated, run);
	if (!t.estimate && units < UNITS)
		fill_sites(run, units, at);
}
