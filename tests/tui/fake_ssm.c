/*
 * Models of sequences by arithmetic. A selective scan of six layers, whose coarse branch
 * runs on every r-th token, and an encoder of two layers that drops tokens by their norm;
 * times from counts as in fake_app.c.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake_app.h"
#include "fake_tree.h"

#define WIDTH 768.0
#define INNER (2 * WIDTH)
#define STATE 16
#define VOCABULARY 50280.0
#define MIXERS 6
#define ENCODERS 2
#define ITEMS 16
#define LENGTH 128

static bool is_encoder(void)
{
	const char *which = getenv("FAKE_SSM");
	return which && !strcmp(which, "encoder");
}

uint64_t fake_ssm_mask(void)
{
	uint64_t common = KNOB_BIT(KNOB_SEQ) | KNOB_BIT(KNOB_BATCH) |
			  KNOB_BIT(KNOB_SEED) | KNOB_BIT(KNOB_DTYPE) |
			  KNOB_BIT(KNOB_THREADS) | KNOB_BIT(KNOB_GEMM) |
			  KNOB_BIT(KNOB_DEVICE);
	if (is_encoder())
		return common | KNOB_BIT(KNOB_METHOD) | KNOB_BIT(KNOB_KEEP) |
		       KNOB_BIT(KNOB_THRESHOLD) | KNOB_BIT(KNOB_THRESHOLD_SCALE) |
		       KNOB_BIT(KNOB_LAYOUT);
	return common | KNOB_BIT(KNOB_MRSS) | KNOB_BIT(KNOB_DOWNSAMPLE) |
	       KNOB_BIT(KNOB_RANK);
}

const char *fake_ssm_name(void) { return is_encoder() ? "encoder-2l" : "mamba-130m"; }

/* ---- layers ---- */

static void add_op(struct fake_tree *t, int parent, const char *name, const char *kind,
		   double flops, double gflops)
{
	struct layer *l = &t->layers[fake_tree_add(t, parent, name, kind)];
	l->v[METRIC_calls] = 1;
	l->v[METRIC_flops] = flops;
	l->v[METRIC_wall_ns] = flops / gflops;
	l->v[METRIC_bytes_read] = flops / 40;
	l->v[METRIC_bytes_written] = flops / 80;
	if (!t->estimate)
		l->v[METRIC_cpu_ns] = l->v[METRIC_wall_ns] * 1.9;
}

static void add_branch(struct fake_tree *t, int parent, double tokens)
{
	add_op(t, parent, "conv1d", "conv1d", 9 * tokens * INNER, 6);
	add_op(t, parent, "x_proj", "linear", 2 * tokens * INNER * 80, 60);
	add_op(t, parent, "dt_proj", "linear", 2 * tokens * INNER * 48, 60);
	add_op(t, parent, "scan", "scan", 9 * tokens * INNER * STATE, 4.5);
}

static void add_mixer(struct fake_tree *t, int layer, const struct knobs *k,
		      double tokens)
{
	const char *mrss = knob_text(k, KNOB_MRSS);
	double r = knob_num(k, KNOB_DOWNSAMPLE);
	bool coarse = strcmp(mrss, "off") != 0;
	char name[32];
	snprintf(name, sizeof(name), "layers.%d", layer);
	int group = fake_tree_add(t, -1, name, "group");
	add_op(t, group, "norm", "rmsnorm", 5 * tokens * WIDTH, 8);
	int mixer = fake_tree_add(t, group, "mixer", "group");
	add_op(t, mixer, "in_proj", "linear", 2 * tokens * WIDTH * 2 * INNER, 90);
	if (!coarse || !strcmp(mrss, "both"))
		add_branch(t, mixer, tokens);
	if (coarse) {
		int low = fake_tree_add(t, mixer, "low", "group");
		add_op(t, low, "downsample", "downsample", tokens * INNER, 20);
		add_branch(t, low, ceil(tokens / r));
		add_op(t, low, "blend", "blend", 3 * tokens * INNER, 9);
	}
	add_op(t, mixer, "gate", "gate", 6 * tokens * INNER, 8);
	add_op(t, mixer, "out_proj", "linear", 2 * tokens * INNER * WIDTH, 90);
}

static void fill_scan(struct fake_tree *t, const struct knobs *k, double tokens)
{
	add_op(t, -1, "embeddings", "lookup", tokens * WIDTH, 5);
	for (int i = 0; i < MIXERS; i++)
		add_mixer(t, i, k, tokens);
	add_op(t, -1, "norm_f", "rmsnorm", 5 * tokens * WIDTH, 8);
	add_op(t, -1, "head", "linear", 2 * WIDTH * VOCABULARY, 40);
	fake_tree_finish(t);
}

/* A later token of a longer recurrence is further away, and a coarser one still more. */
static void fill_state(struct run *run, const struct knobs *k, double tokens)
{
	double at[8], error[8], r = knob_num(k, KNOB_DOWNSAMPLE);
	run->ssm.state_bytes = 4.0 * MIXERS * INNER * STATE;
	if (!strcmp(knob_text(k, KNOB_MRSS), "off") || run->state == RUN_ESTIMATE)
		return;
	for (int i = 0; i < 8; i++) {
		at[i] = floor(tokens * (i + 1) / 8);
		error[i] = 0.02 * r * (1 + 0.8 * sin(i)) * sqrt(i + 1.0);
	}
	run->ssm.state_at = run_doubles(run, at, 8);
	run->ssm.state_error = run_doubles(run, error, 8);
	run->ssm.n_state_at = run->ssm.n_state_error = 8;
}

/* FLOPs of the leaves. */
static double work(const struct knobs *k, double tokens)
{
	struct fake_tree *t = mem_alloc(sizeof(*t));
	double sum = 0;
	t->run = run_create();
	fill_scan(t, k, tokens);
	for (int i = 0; i < t->n; i++)
		if (run_layer_is_leaf(t->run, i))
			sum += t->layers[i].v[METRIC_flops];
	run_free(t->run);
	free(t);
	return sum;
}

static void fill_quality(struct run *run, const struct knobs *k, double tokens)
{
	double off = log2(knob_num(k, KNOB_DOWNSAMPLE));
	struct knobs base = knobs_base(k);
	bool coarse = strcmp(knob_text(k, KNOB_MRSS), "off") != 0;
	static const double ids[] = { 253, 3158, 13, 187 };
	run->likelihood.tokens = tokens - 1;
	run->likelihood.loss = 3.1 + 0.2 * off;
	run->likelihood.perplexity = exp(run->likelihood.loss);
	run->generated.ids = run_doubles(run, ids, 4);
	run->generated.n_ids = 4;
	run->generated.prompt_tokens = tokens;
	run->generated.ns_per_token = 21e6;
	run->generated.state_bytes = run->ssm.state_bytes;
	run->generated.text = " the cat.\n";
	if (!coarse)
		return;
	run->likelihood.base_loss = 3.1;
	run->likelihood.base_perplexity = exp(3.1);
	run->fidelity.kl = 0.05 * off;
	run->fidelity.top1_agree = 1 - 0.03 * off;
	run->mrss.work_ratio = work(k, tokens) / work(&base, tokens);
	if (!strcmp(knob_text(k, KNOB_MRSS), "both"))
		run->mrss.gate_mean = 0.4987;
	run->mrss.factors = run_doubles(run, &k->v[KNOB_DOWNSAMPLE].num, 1);
	run->mrss.n_factors = 1;
}

/* ---- the encoder ---- */

/* Norms of uniform values before the first layer, wider after it. */
static double saliency(int item, int token, int layer)
{
	double u = ((item * 131 + token * 71 + layer * 37) % 211) / 211.0;
	double v = ((item * 17 + token * 193 + layer * 5) % 197) / 197.0;
	return layer ? 22 + 0.9 * (u + v) : 12.2 + 0.9 * (u + v);
}

/* What is taken away at a layer stays away. */
static void fill_sites(struct run *run, double threshold)
{
	double alive[LENGTH], counts[ENCODERS * ITEMS];
	int n = LENGTH;
	run->tokens.sites =
		scratch_alloc(&run->mem, ENCODERS * sizeof(*run->tokens.sites));
	for (int i = 0; i < LENGTH; i++)
		alive[i] = i;
	for (int layer = 0; layer < ENCODERS; layer++) {
		struct run_site *s = &run->tokens.sites[run->tokens.n_sites++];
		double scores[LENGTH], kept[LENGTH];
		char path[32];
		int k = 0;
		for (int i = 0; i < n; i++) {
			scores[i] = saliency(0, (int)alive[i], layer);
			if (scores[i] > threshold)
				kept[k++] = alive[i];
		}
		snprintf(path, sizeof(path), "layers.%d", layer);
		*s = (struct run_site){ .path = run_str(run, path),
					.layer = layer,
					.alive = run_doubles(run, alive, n),
					.n_alive = n,
					.scores = run_doubles(run, scores, n),
					.n_scores = n,
					.kept = run_doubles(run, kept, k),
					.n_kept = k };
		memcpy(alive, kept, (size_t)k * sizeof(double));
		n = k;
		for (int item = 0; item < ITEMS; item++) {
			double *count = &counts[layer * ITEMS + item];
			*count = 0;
			for (int i = 0; i < LENGTH; i++) {
				bool stays = true;
				for (int l = 0; l <= layer; l++)
					stays &= saliency(item, i, l) > threshold;
				*count += stays;
			}
		}
	}
	run->tokens.per_layer = run_doubles(run, counts, ENCODERS);
	run->tokens.n_layers = ENCODERS;
	run->tokens.counts = run_doubles(run, counts, ENCODERS * ITEMS);
	run->tokens.n_counts = ENCODERS * ITEMS;
	run->tokens.kept = run_doubles(run, alive, n);
	run->tokens.n_kept = n;
}

static void fill_encoder(struct fake_tree *t, double tokens)
{
	for (int i = 0; i < ENCODERS; i++) {
		char name[32];
		snprintf(name, sizeof(name), "layers.%d", i);
		int group = fake_tree_add(t, -1, name, "group");
		add_op(t, group, "attn.qkv", "linear", 2 * tokens * 512 * 1536, 90);
		add_op(t, group, "attn.sdpa", "attention",
		       4 * tokens * tokens / ITEMS * 512, 60);
		add_op(t, group, "attn.out", "linear", 2 * tokens * 512 * 512, 90);
		add_op(t, group, "norm1", "layernorm", 5 * tokens * 512, 8);
		add_op(t, group, "mlp.fc1", "linear", 2 * tokens * 512 * 2048, 90);
		add_op(t, group, "mlp.fc2", "linear", 2 * tokens * 512 * 2048, 90);
		add_op(t, group, "norm2", "layernorm", 5 * tokens * 512, 8);
	}
	add_op(t, -1, "head", "linear", 2 * tokens * 512 * 2, 9);
	fake_tree_finish(t);
}

/* ---- all of it ---- */

void fake_ssm_fill(struct run *run, const struct knobs *knobs)
{
	struct fake_tree *t = mem_alloc(sizeof(*t));
	double threshold = knob_num(knobs, KNOB_THRESHOLD);
	double tokens = isnan(knob_num(knobs, KNOB_SEQ)) ? (is_encoder() ? LENGTH : 512)
							 : knob_num(knobs, KNOB_SEQ);
	t->run = run;
	t->estimate = run->state == RUN_ESTIMATE;
	run->model.name = fake_ssm_name();
	run->model.family = is_encoder() ? "encoder" : "mamba";
	run->model.params = 129e6;
	run->input.kind = is_encoder() ? "tokens" : "text";
	run->input.tokens = tokens;
	if (is_encoder()) {
		run->input.batch = ITEMS;
		if (!isnan(threshold) && !t->estimate)
			fill_sites(run, threshold);
		double all = ITEMS * tokens;
		for (int i = 0; i < run->tokens.n_counts / ENCODERS; i++)
			all += (run->tokens.counts[i] - tokens);
		fill_encoder(t, all);
		if (run->tokens.n_counts) {
			run->layouts.packed = 8.12e9;
			run->layouts.padded = 8.87e9;
		}
	} else {
		fill_scan(t, knobs, tokens);
		fill_state(run, knobs, tokens);
		if (!t->estimate)
			fill_quality(run, knobs, tokens);
	}
	free(t);
}

/* Lengths twice as long each time, with and without the coarse branch; and attention,
 * whose time grows with their square. */
static void add_setting(struct app_setting *list, int *n, const struct knobs *k)
{
	struct run *run = fake_run(k, false);
	struct app_setting *s = &list[(*n)++];
	*s = (struct app_setting){ .knobs = *k,
				   .knob_mask = run->knob_mask,
				   .run_id = 30 + *n,
				   .tokens = run->input.tokens,
				   .p50_ns = run->wall.p50_ns,
				   .lo_ns = run->wall.ci95_lo_ns,
				   .hi_ns = run->wall.ci95_hi_ns,
				   .flops = run->flops.ours,
				   .started_ns = run->started_ns };
	snprintf(s->model, sizeof(s->model), "%s", run->model.name);
	run_free(run);
}

static void set_scan(struct knobs *k, const char *mrss, double r)
{
	snprintf(k->v[KNOB_MRSS].text, KNOB_TEXT_SIZE, "%s", mrss);
	k->v[KNOB_DOWNSAMPLE].num = r;
}

struct app_setting *fake_ssm_measured(const struct knobs *present, int *n)
{
	struct app_setting *list = mem_alloc(32 * sizeof(*list));
	struct knobs here = *present;
	*n = 0;
	for (double r = 1; r <= 4; r *= 2) {
		set_scan(&here, r > 1 ? "low" : "off", r);
		add_setting(list, n, &here);
	}
	set_scan(&here, "both", 2);
	add_setting(list, n, &here);
	for (int series = 0; series < 3; series++)
		for (double seq = 256; seq <= 8192; seq *= 2) {
			struct knobs k = *present;
			k.v[KNOB_SEQ].num = seq;
			set_scan(&k, series == 1 ? "low" : "off", series == 1 ? 4 : 1);
			add_setting(list, n, &k);
			struct app_setting *s = &list[*n - 1];
			if (series != 2)
				continue;
			snprintf(s->model, sizeof(s->model), "mixer-attention");
			s->p50_ns = 2e6 + seq * 2.4e4 + seq * seq * 220;
		}
	return list;
}
