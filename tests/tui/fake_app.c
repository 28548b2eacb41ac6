/*
 * app.h without a worker, a model or a database: a ViT of twelve blocks whose times
 * follow from the knobs by arithmetic, a clock that stands still, and a store of a few
 * sessions. A change of a knob gives an estimate at once and, FAKE_MEASURE_MS later
 * (environment; unset: never), the result. So the same keys always give the same screen.
 */
#include "fake_app.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_points.h"
#include "app_study.h"
#include "base/clock.h"

#define SIDE 14
#define TOKENS (SIDE * SIDE)
#define BLOCKS 12
#define WIDTH 768
#define MINUTE_NS 60e9

struct app_private {
	int measure_ms; /* -1: never */
	int64_t due_ns; /* when the result comes; 0: none */
	bool paused;
	struct knobs undo;
	bool has_undo;
};

/* ---- the clock: 2026-11-22 12:00 UTC ---- */

int64_t clock_wall_ns(void) { return INT64_C(1795348800) * 1000000000; }

/* ---- a run ---- */

static const char *setting(const char *name) { return getenv(name) ? getenv(name) : ""; }

static bool is_vl(void) { return *setting("FAKE_VL"); }

static bool is_ssm(void) { return *setting("FAKE_SSM"); }

/* Tokens that keep counts: of merge units where there are some. */
static int64_t n_tokens(void)
{
	return is_vl() ? FAKE_VL_ROWS * FAKE_VL_COLUMNS : TOKENS;
}

static const struct part {
	const char *name, *kind;
	double n, k; /* columns and inner dimension; 0: no matrix product */
	double ns;   /* for each token, when there is none */
} parts[] = {
	{ "ln1", "layernorm", 0, 0, 90 },
	{ "attn.qkv", "linear", 3 * WIDTH, WIDTH, 0 },
	{ "attn.sdpa", "attention", 0, 0, 800 },
	{ "attn.out", "linear", WIDTH, WIDTH, 0 },
	{ "ln2", "layernorm", 0, 0, 90 },
	{ "mlp.fc1", "linear", 4 * WIDTH, WIDTH, 0 },
	{ "mlp.act", "quick_gelu", 0, 0, 200 },
	{ "mlp.fc2", "linear", WIDTH, 4 * WIDTH, 0 },
};
#define PARTS ((int)(sizeof(parts) / sizeof(parts[0])))

struct filler {
	struct run *run;
	int next;
	bool estimate;
};

static struct layer *add(struct filler *f, int parent, const char *path, const char *name,
			 const char *kind)
{
	struct layer *l = &f->run->layers[f->next++];
	l->path = run_str(f->run, path);
	l->name = run_str(f->run, name);
	l->kind = kind;
	l->parent = parent;
	return l;
}

static void set_leaf(struct filler *f, struct layer *l, const struct part *p,
		     double tokens)
{
	double flops = p->n ? 2 * tokens * p->n * p->k : 20 * tokens * WIDTH;
	double ns = p->n ? flops / 90 : tokens * p->ns;
	l->v[METRIC_calls] = 1;
	l->v[METRIC_wall_ns] = ns;
	l->v[METRIC_flops] = flops;
	l->v[METRIC_bytes_read] = 4 * (tokens * (p->n ? p->k : WIDTH) + p->n * p->k);
	l->v[METRIC_bytes_written] = 4 * tokens * (p->n ? p->n : WIDTH);
	l->v[METRIC_tokens_in] = l->v[METRIC_tokens_out] = tokens;
	if (p->n) {
		l->v[METRIC_m] = tokens;
		l->v[METRIC_n] = p->n;
		l->v[METRIC_k] = p->k;
		l->engine = "openblas";
	}
	if (f->estimate)
		return;
	l->v[METRIC_wall_min_ns] = ns * 0.97;
	l->v[METRIC_cpu_ns] = ns * 1.9;
	l->v[METRIC_minor_faults] = 0;
	l->v[METRIC_switches] = 0;
}

static void add_to(double *sum, double v)
{
	if (!isnan(v))
		*sum = isnan(*sum) ? v : *sum + v;
}

static void add_block(struct filler *f, int block, double tokens)
{
	char path[64], name[32];
	int parent = f->next;
	snprintf(name, sizeof(name), "blocks.%d", block);
	struct layer *group = add(f, -1, name, name, "group");
	for (int i = 0; i < PARTS; i++) {
		snprintf(path, sizeof(path), "%s.%s", name, parts[i].name);
		struct layer *l = add(f, parent, path, parts[i].name, parts[i].kind);
		set_leaf(f, l, &parts[i], tokens);
		for (int m = 0; m < METRIC_m; m++)
			if (m != METRIC_tokens_in && m != METRIC_tokens_out)
				add_to(&group->v[m], l->v[m]);
		group->v[METRIC_tokens_in] = group->v[METRIC_tokens_out] = tokens;
	}
}

static void fill_layers(struct run *run, double kept, bool estimate)
{
	static const struct part patch = { "patch_embed", "conv", WIDTH, WIDTH, 0 },
				 select = { "prune.select", "select", 0, 0, 60 },
				 head = { "head", "linear", 512, WIDTH, 0 };
	bool prunes = kept < TOKENS;
	struct filler f = { run, 0, estimate };
	run_add_layers(run, 2 + prunes + BLOCKS * (1 + PARTS));
	set_leaf(&f, add(&f, -1, patch.name, patch.name, patch.kind), &patch, TOKENS);
	if (prunes)
		set_leaf(&f, add(&f, -1, select.name, select.name, select.kind), &select,
			 kept);
	for (int i = 0; i < BLOCKS; i++)
		add_block(&f, i, kept + 1);
	set_leaf(&f, add(&f, -1, head.name, head.name, head.kind), &head, 1);
}

/* Times around a median; a little noise that is always the same. */
static void fill_wall(struct run *run, double p50_ns)
{
	static const double noise[] = { 0.012, -0.004, 0.003, -0.008, 0.001,
					0.006, -0.002, 0.009, -0.006, 0,
					0.002, -0.001, 0.004, -0.003 };
	int n = (int)(sizeof(noise) / sizeof(noise[0]));
	double samples[14];
	for (int i = 0; i < n; i++)
		samples[i] = p50_ns * (1 + noise[i]);
	run->wall.samples_ns = run_doubles(run, samples, n);
	run->wall.n_samples = n;
	run->wall.n = n;
	run->wall.warmup = 3;
	run->wall.p50_ns = p50_ns;
	run->wall.mean_ns = p50_ns * 1.001;
	run->wall.min_ns = p50_ns * 0.992;
	run->wall.max_ns = p50_ns * 1.012;
	run->wall.sd_ns = p50_ns * 0.005;
	run->wall.ci95_lo_ns = p50_ns * 0.997;
	run->wall.ci95_hi_ns = p50_ns * 1.004;
	run->wall.stopped_by = "noise";
}

static void fill_env(struct run *run)
{
	run->env = (struct run_env){ .host = "bench",
				     .cpu = "Some CPU @ 2.7 GHz",
				     .isa = "avx512",
				     .governor = "ondemand",
				     .blas_name = "openblas",
				     .blas_core = "Cooperlake",
				     .blas_version = "0.3.21",
				     .os = "Debian 12",
				     .version = "0.1.0",
				     .n_cpu = 2,
				     .threads = 2 };
	run_warn(run, "governor ondemand");
}

static void fill_measured(struct run *run, double kept, double sum_ns)
{
	fill_wall(run, sum_ns * 1.008);
	run->whole.p50_ns = run->wall.p50_ns;
	run->whole.layer_sum_ns = sum_ns;
	run->whole.overhead_ratio = 1.004;
	run->memory.peak_rss_bytes = 412.0 * 1024 * 1024;
	run->memory.model_bytes = 345e6;
	run->rusage.user_ns = 2e9;
	run->rusage.minor_faults = 12;
	run->rusage.major_faults = 0;
	run->throughput.items_per_s = 1e9 / run->wall.p50_ns;
	run->throughput.tokens_per_s = (kept + 1) * 1e9 / run->wall.p50_ns;
	if (kept < TOKENS && !is_ssm()) {
		run->fidelity.reference = "keep=1";
		run->fidelity.cosine = 1 - 0.02 * (1 - kept / TOKENS);
		run->fidelity.rel_l2 = 0.2 * (1 - kept / TOKENS);
	}
	fill_env(run);
}

/* ---- which tokens go where ---- */

/* Higher in the middle, a ripple over it; no two are equal. */
static double score_of(int patch, int site)
{
	int x = patch % SIDE - SIDE / 2, y = patch / SIDE - SIDE / 2;
	double ripple = (patch * 37 + site * 11) % 29 / 6.0;
	return 20 - 0.25 * (x * x + y * y) + ripple + patch / 1000.0;
}

static void add_site(struct run *run, const char *path, double layer)
{
	run->tokens.sites[run->tokens.n_sites++] =
		(struct run_site){ .path = run_str(run, path), .layer = layer };
}

/* The `n_kept` highest of `alive`, in place; how many they are. */
static int keep_best(struct run *run, double *alive, int n, int n_kept, int site)
{
	struct run_site *s = &run->tokens.sites[site];
	double scores[TOKENS], kept[TOKENS];
	int k = 0;
	for (int i = 0; i < n; i++)
		scores[i] = score_of((int)alive[i], site);
	for (int i = 0; i < n; i++) {
		int above = 0;
		for (int j = 0; j < n; j++)
			above += scores[j] > scores[i];
		if (above < n_kept)
			kept[k++] = alive[i];
	}
	s->alive = run_doubles(run, alive, n);
	s->scores = run_doubles(run, scores, n);
	s->kept = run_doubles(run, kept, k);
	s->n_alive = s->n_scores = n;
	s->n_kept = k;
	memcpy(alive, kept, (size_t)k * sizeof(double));
	return k;
}

/* At each place in turn the same share stays. */
static void fill_pruned(struct run *run, const struct knobs *knobs)
{
	const char *at = knob_text(knobs, KNOB_PRUNE_AT);
	double alive[TOKENS];
	int n = TOKENS;
	for (int i = 0; i < TOKENS; i++)
		alive[i] = i;
	do {
		char path[32] = "embed";
		int layer = -1;
		if (strcmp(at, "embed") != 0)
			layer = atoi(at);
		if (layer >= 0)
			snprintf(path, sizeof(path), "blocks.%d", layer);
		add_site(run, path, layer);
		n = keep_best(run, alive, n,
			      (int)knob_kept(n, knob_num(knobs, KNOB_KEEP)),
			      run->tokens.n_sites - 1);
		at = strchr(at, '+');
	} while (at && *++at && run->tokens.n_sites < BLOCKS);
	run->tokens.kept = run_doubles(run, alive, n);
	run->tokens.n_kept = n;
}

/* Blocks 0 to 3: each joins neighbours of which one is a multiple of 2, 4, 8, 16. */
static void fill_merged(struct run *run)
{
	for (int block = 0; block < 4; block++) {
		struct run_site *s = &run->tokens.sites[run->tokens.n_sites];
		double alive[TOKENS], groups[TOKENS], kept[TOKENS];
		int n = 0, n_kept = 0, before = 1 << block;
		char path[32];
		snprintf(path, sizeof(path), "blocks.%d", block);
		add_site(run, path, block);
		for (int i = 0; i < TOKENS; i++) {
			bool joins = i >= 5 * SIDE && i < 7 * SIDE;
			int to = joins ? i - i % (2 * before) : i;
			groups[i] = to;
			if (!joins || i % before == 0)
				alive[n++] = i;
			if (!joins)
				kept[n_kept++] = i;
		}
		s->alive = run_doubles(run, alive, n);
		s->kept = run_doubles(run, kept, n_kept);
		s->groups = run_doubles(run, groups, TOKENS);
		s->n_alive = n;
		s->n_kept = n_kept;
		s->n_groups = TOKENS;
	}
}

static void fill_sites(struct run *run, const struct knobs *knobs)
{
	run->tokens.sites = scratch_alloc(&run->mem, BLOCKS * sizeof(*run->tokens.sites));
	if (!strcmp(knob_text(knobs, KNOB_METHOD), "tome"))
		fill_merged(run);
	else if (knob_num(knobs, KNOB_KEEP) < 1)
		fill_pruned(run, knobs);
}

struct run *fake_run(const struct knobs *knobs, bool estimate)
{
	struct run *run = run_create();
	double kept = (double)knob_kept(TOKENS, knob_num(knobs, KNOB_KEEP)), sum_ns = 0,
	       flops = 0;
	run->state = estimate ? RUN_ESTIMATE : RUN_DONE;
	run->model = (struct run_model){ .name = "clip-vit-b16",
					 .family = "clip_vit",
					 .source = "built-in",
					 .format = "preset",
					 .sha256 = "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
					 .params = 86.2e6,
					 .bytes = 345e6,
					 .random_weights = true };
	run->input =
		(struct run_input){ .kind = "scene", .batch = 1, .tokens = TOKENS + 1 };
	run->device = "cpu";
	run->knobs = *knobs;
	run->knob_mask = fake_knob_mask();
	run->started_ns = (double)clock_wall_ns();
	if (is_vl())
		fake_vl_fill(run, knobs);
	else if (is_ssm())
		fake_ssm_fill(run, knobs);
	else
		fill_layers(run, kept, estimate);
	for (int i = 0; i < run->n_layers; i++)
		if (run_layer_is_leaf(run, i)) {
			sum_ns += run->layers[i].v[METRIC_wall_ns];
			flops += run->layers[i].v[METRIC_flops];
		}
	run->flops.ours = flops;
	run->memory.peak_activation_bytes = kept * 64 * 1024;
	run->wall.p50_ns = sum_ns;
	if (!estimate) {
		fill_measured(run, is_ssm() ? run->input.tokens - 1 : kept, sum_ns);
		if (!is_vl() && !is_ssm())
			fill_sites(run, knobs);
	}
	run->visual.ns_per_token = run->wall.p50_ns / run->visual.tokens;
	return run;
}

/* ---- knobs ---- */

uint64_t fake_knob_mask(void)
{
	if (is_ssm())
		return fake_ssm_mask();
	return KNOB_BIT(KNOB_METHOD) | KNOB_BIT(KNOB_KEEP) | KNOB_BIT(KNOB_PRUNE_AT) |
	       KNOB_BIT(KNOB_BATCH) | KNOB_BIT(KNOB_SEED) | KNOB_BIT(KNOB_THREADS) |
	       KNOB_BIT(KNOB_GEMM) | KNOB_BIT(KNOB_DEVICE);
}

#define N_SLIDERS 4
static const enum knob_id of_vit[N_SLIDERS] = { KNOB_KEEP, KNOB_DOWNSAMPLE,
						KNOB_THRESHOLD, KNOB_BATCH };
static const enum knob_id of_scan[N_SLIDERS] = { KNOB_DOWNSAMPLE, KNOB_MRSS, KNOB_SEQ,
						 KNOB_RANK };
static const enum knob_id of_encoder[N_SLIDERS] = { KNOB_THRESHOLD, KNOB_KEEP,
						    KNOB_LAYOUT, KNOB_SEQ };

int app_sliders(const struct app *app, enum knob_id *ids, int max)
{
	(void)app;
	bool scans = fake_knob_mask() & KNOB_BIT(KNOB_DOWNSAMPLE);
	int n = N_SLIDERS < max ? N_SLIDERS : max;
	memcpy(ids,
	       !is_ssm() ? of_vit
	       : scans   ? of_scan
			 : of_encoder,
	       (size_t)n * sizeof(ids[0]));
	return n;
}

const char *app_knob_why_not(const struct app *app, enum knob_id id)
{
	(void)app;
	if (fake_knob_mask() & KNOB_BIT(id))
		return NULL;
	return id == KNOB_DOWNSAMPLE ? "not here: a ViT has no scan; mamba models have it"
				     : "not here: no layer of a ViT takes it";
}

int64_t app_kept(const struct app *app, double keep)
{
	return app->model.patches_per_token * knob_kept(n_tokens(), keep);
}

double app_knob_fraction(const struct app *app, enum knob_id id)
{
	const struct knob *k = &knob_table[id];
	double v = knob_num(&app->knobs, id);
	if (isnan(v))
		return 0;
	if (id == KNOB_DOWNSAMPLE)
		return log2(v) / 4;
	if (id == KNOB_SEQ)
		return log2(v / 64) / 10;
	if (id == KNOB_THRESHOLD)
		return (v - 12) / 2;
	return id == KNOB_BATCH ? log2(v) / 12 : (v - k->min) / (k->max - k->min);
}

static void drop(struct run **run)
{
	run_free(*run);
	*run = NULL;
}

static void changed(struct app *app, const struct knobs *before)
{
	struct app_private *p = app->private;
	p->undo = *before;
	p->has_undo = true;
	drop(&app->result);
	drop(&app->estimate);
	drop(&app->opened);
	app->estimate = fake_run(&app->knobs, true);
	if (getenv("FAKE_CALIBRATED"))
		run_warn(app->estimate,
			 "90 of 90 ops were never measured: their time is "
			 "estimated from calibrated rates of this machine");
	if (app->phase == APP_LOADING)
		return;
	app->phase = APP_IDLE;
	p->due_ns = 0;
	if (p->measure_ms >= 0 && !p->paused) {
		p->due_ns = clock_now_ns() + p->measure_ms * INT64_C(1000000);
		app->phase = APP_RUNNING;
		app->progress = (struct app_progress){ "measuring", 4, 14 };
		if (*setting("FAKE_DONE"))
			app->progress.done = atoi(setting("FAKE_DONE"));
	}
}

static bool set_keep(struct app *app, int64_t kept)
{
	struct knobs before = app->knobs;
	int64_t n = n_tokens();
	kept = kept < 1 ? 1 : kept > n ? n : kept;
	app->knobs.v[KNOB_KEEP].num = kept == n ? 1 : knob_keep_for(n, kept);
	if (knobs_equal(&before, &app->knobs, fake_knob_mask()))
		return false;
	changed(app, &before);
	return true;
}

static bool refuse(struct app *app, enum knob_id id)
{
	const char *why = app_knob_why_not(app, id);
	if (why)
		app_say(app, APP_WARNING, "%s: %s", knob_table[id].option, why);
	return why != NULL;
}

static bool step(struct app *app, enum knob_id id, int64_t tokens, int steps)
{
	struct knobs before = app->knobs;
	if (refuse(app, id))
		return false;
	if (id == KNOB_KEEP)
		return set_keep(app, knob_kept(n_tokens(), knob_num(&app->knobs, id)) +
					     tokens);
	double now = knob_num(&app->knobs, id), v = now + steps;
	if (id == KNOB_DOWNSAMPLE)
		v = now * exp2(steps);
	if (id == KNOB_THRESHOLD)
		v = (isnan(now) ? 12 : now) + steps / 2.0;
	else if (knob_table[id].kind != KNOB_INTEGER)
		return false;
	if (isnan(v) || v < knob_table[id].min || v > knob_table[id].max)
		return false;
	app->knobs.v[id].num = v;
	if (id == KNOB_DOWNSAMPLE)
		snprintf(app->knobs.v[KNOB_MRSS].text, KNOB_TEXT_SIZE,
			 v > 1 ? "low" : "off");
	changed(app, &before);
	return true;
}

bool app_knob_step(struct app *app, enum knob_id id, int steps)
{
	return step(app, id, steps, steps);
}

bool app_knob_step_large(struct app *app, enum knob_id id, int steps)
{
	return step(app, id, steps * 20, steps * 10);
}

bool app_knob_set_fraction(struct app *app, enum knob_id id, double at)
{
	if (refuse(app, id) || id != KNOB_KEEP)
		return false;
	return set_keep(app, (int64_t)lround(at * (double)n_tokens()));
}

bool app_knob_set(struct app *app, enum knob_id id, const char *text)
{
	struct knobs before = app->knobs;
	if (refuse(app, id))
		return false;
	if (knobs_set(&app->knobs, id, text) != OK) {
		app_say(app, APP_ERROR, "%s", err_message());
		return false;
	}
	changed(app, &before);
	return true;
}

bool app_knob_select(struct app *app, int direction)
{
	int id = (int)app->knob;
	do
		id = (id + direction + KNOB_COUNT) % KNOB_COUNT;
	while (!(fake_knob_mask() & KNOB_BIT(id)));
	app->knob = (enum knob_id)id;
	return true;
}

bool app_undo(struct app *app)
{
	struct app_private *p = app->private;
	struct knobs now = app->knobs;
	if (!p->has_undo)
		return false;
	app->knobs = p->undo;
	changed(app, &now);
	p->has_undo = false;
	return true;
}

bool app_redo(struct app *app)
{
	(void)app;
	return false;
}

/* ---- models ---- */

static struct app_model_row model_rows[] = {
	{ .name = "clip-vit-b16",
	  .kind = "preset",
	  .help = "CLIP ViT-B/16 image tower, 196 patches",
	  .family = "clip_vit",
	  .format = "preset",
	  .params = 86.2e6,
	  .bytes = 345e6,
	  .random_weights = true },
	{ .name = "clip-vit-b32:tiny",
	  .kind = "preset",
	  .help = "ViT-B/32 in miniature, 16 patches",
	  .family = "clip_vit",
	  .format = "preset",
	  .params = 140e3,
	  .bytes = 560e3,
	  .random_weights = true },
	{ .name = "openai/clip-vit-base-patch32",
	  .kind = "cache",
	  .help = "/home/u/.cache/huggingface/hub/models--openai--clip",
	  .family = "clip_vit",
	  .format = "safetensors",
	  .params = 87.8e6,
	  .bytes = 351e6 },
	{ .name = "somebody/broken",
	  .kind = "cache",
	  .help = "/home/u/.cache/huggingface/hub/models--somebody",
	  .problem = "/home/u/.cache/huggingface/hub/models--somebody/config.json: "
		     "model_type \"frob\": this version has clip, clip_vision_model" },
};
#define MODELS ((int)(sizeof(model_rows) / sizeof(model_rows[0])))

int app_list_models(struct app *app, bool again, const struct app_model_row **rows)
{
	(void)app;
	for (int i = 0; again && i < MODELS; i++) {
		model_rows[i].looked = false;
		model_rows[i].knob_mask = fake_knob_mask();
	}
	*rows = model_rows;
	return MODELS;
}

void app_look_at_model(struct app *app, int row)
{
	(void)app;
	model_rows[row].looked = true;
}

int app_open_model_row(const struct app *app) { return app->has_model ? 0 : -1; }

bool app_open_model(struct app *app, const char *name)
{
	app_say(app, APP_INFO, "opening %s", name);
	return true;
}

/* ---- sweeps and studies ---- */

/* The first rows are measured at once: one has failed, one is at work. */
bool app_study_start(struct app *app, const char *name)
{
	int study = app_study_find(app, name);
	if (study < 0) {
		app_say(app, APP_ERROR, "no study is called %s", name);
		return false;
	}
	const struct study *def = &app->studies->state[study].def;
	for (int i = 0; i < def->n_rows && i < 4; i++)
		app_study_put(app, study, i,
			      i == 2 ? NULL : fake_run(&def->rows[i].knobs, false),
			      i == 2 ? "the worker was killed" : NULL);
	app_sweep_start(app, name);
	snprintf(app->sweep.title, sizeof(app->sweep.title), "study %s", name);
	app->sweep.row = 4;
	return true;
}

bool app_sweep_start(struct app *app, const char *text)
{
	app->sweep = (struct app_sweep){ .title = "keep",
					 .running = true,
					 .serial = app->sweep.serial + 1,
					 .knob = KNOB_KEEP,
					 .n = 9,
					 .done = 2,
					 .measuring = true,
					 .cell_s = 5.5,
					 .begin_ns = -INT64_C(1000000000000) };
	app->phase = APP_RUNNING;
	app_say(app, APP_INFO, "sweep %s", text);
	return true;
}

void app_sweep_stop(struct app *app)
{
	app->sweep.running = app->sweep.measuring = false;
	app->phase = APP_IDLE;
}

/* FAKE_CURVE: points at every tenth, some of an earlier session. */
void app_curve_read(struct app *app, enum knob_id knob, struct app_curve *out)
{
	*out = (struct app_curve){ .knob = knob };
	out->base = (struct app_point){ .p50_ns = (double)NAN };
	for (int i = 1; getenv("FAKE_CURVE") && knob == KNOB_KEEP && i <= 10; i++) {
		struct knobs k = app->knobs;
		k.v[KNOB_KEEP].num = i / 10.0;
		struct run *run = fake_run(&k, false);
		bool base = i == 10;
		double cost = base ? 0 : 45e6; /* of the selection */
		struct app_point p = { .x = i / 10.0,
				       .run_id = 20 + i,
				       .here = i > 2,
				       .base = base,
				       .p50_ns = run->wall.p50_ns + cost,
				       .lo_ns = run->wall.ci95_lo_ns + cost - 12e6,
				       .hi_ns = run->wall.ci95_hi_ns + cost + 12e6,
				       .cosine = run->fidelity.cosine,
				       .top1 = (double)NAN,
				       .flops = run->flops.ours,
				       .kept = (double)knob_kept(TOKENS, i / 10.0),
				       .started_ns = run->started_ns - i * MINUTE_NS };
		if (base)
			out->base = p;
		app_curve_add(out, &p);
		run_free(run);
	}
	app_curve_finish(out);
}

struct app_setting *app_measured(struct app *app, int *n)
{
	*n = 0;
	return is_ssm() && getenv("FAKE_CURVE") ? fake_ssm_measured(&app->knobs, n)
						: NULL;
}

char *app_sweep_suggestion(const struct app *app)
{
	(void)app;
	return str_dup("keep 1,.9,.8,.7,.6,.5,.4,.3");
}

/* ---- the rest of app.h ---- */

static void load(struct app *app)
{
	int width = 64, height = is_vl() ? 60 : 64;
	bool scans = fake_knob_mask() & KNOB_BIT(KNOB_DOWNSAMPLE);
	app->has_model = true;
	app->model = (struct app_model){ .family = "clip_vit",
					 .format = "preset",
					 .params = 86.2e6,
					 .bytes = 345e6,
					 .random_weights = true,
					 .knob_mask = fake_knob_mask(),
					 .patches_per_token = is_vl() ? 4 : 1,
					 .picture_width = width,
					 .picture_height = height };
	app->model.tokens = scans ? 0 : n_tokens() * app->model.patches_per_token;
	snprintf(app->model.name, sizeof(app->model.name), "%s",
		 is_vl()    ? "qwen2-vl-2b"
		 : is_ssm() ? fake_ssm_name()
			    : "clip-vit-b16");
	if (scans)
		app->knob = KNOB_DOWNSAMPLE;
	else if (is_ssm())
		app->knob = KNOB_THRESHOLD;
	if (is_ssm())
		return;
	app->model.picture = mem_alloc((size_t)width * (size_t)height * 3);
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++) {
			uint8_t *p = app->model.picture + 3 * (y * width + x);
			p[0] = (uint8_t)(x * 4);
			p[1] = (uint8_t)(y * 4);
			p[2] = (uint8_t)((x ^ y) * 4);
		}
}

enum err app_create(const struct app_options *opt, struct app **out)
{
	struct app *app = mem_alloc(sizeof(*app));
	struct app_private *p = app->private = mem_alloc(sizeof(*p));
	const char *measure = setting("FAKE_MEASURE_MS"), *model = setting("FAKE_MODEL");
	p->measure_ms = *measure ? atoi(measure) : -1;
	app->opt = *opt;
	app->opt.model = *model ? model : "clip-vit-b16";
	app->knobs = opt->knobs;
	app->knob = KNOB_KEEP;
	app->estimate_error = (double)NAN;
	app->live.p50_ns = app->live.lo_ns = app->live.hi_ns = (double)NAN;
	app->revision = 1;
	snprintf(app->worker_devices, sizeof(app->worker_devices),
		 "cpu; cuda: this build has no CUDA");
	*out = app;
	if (!strcmp(setting("FAKE_PHASE"), "starting"))
		return OK;
	if (!strcmp(setting("FAKE_PHASE"), "loading")) {
		app->phase = APP_LOADING;
		app->progress = (struct app_progress){ "reading weights", 43, 100 };
		return OK;
	}
	if (!strcmp(setting("FAKE_PHASE"), "broken")) {
		app->phase = APP_BROKEN;
		app_say(app, APP_ERROR,
			"a\033[31mb/model: config.json is missing; a preset (sparsetop "
			"list) or a folder with config.json and model.safetensors is "
			"expected");
		return OK;
	}
	load(app);
	if (!strcmp(setting("FAKE_PHASE"), "preparing")) {
		app->phase = APP_LOADING;
		app->estimate = fake_run(&app->knobs, true);
		return OK;
	}
	app->phase = APP_IDLE;
	app->store =
		(struct store *)app; /* any address: only the functions below see it */
	snprintf(app->session_name, sizeof(app->session_name), "2026-11-22 12:00");
	app->base = fake_run(&app->knobs, false);
	app->base->id = 12;
	app->result = fake_run(&app->knobs, false);
	app->result->id = 12;
	app->result_stored = app->result_fresh = true;
	return OK;
}

void app_free(struct app *app)
{
	run_free(app->estimate);
	run_free(app->result);
	run_free(app->base);
	run_free(app->opened);
	run_free(app->pinned);
	app_studies_release(app);
	free(app->model.picture);
	free(app->private);
	free(app);
}

int app_fds(const struct app *app, struct pollfd *fds, int max)
{
	(void)app;
	(void)fds;
	(void)max;
	return 0;
}

/* Like the real one, which asks to be called again soon while a worker ends, it never
 * says 0. */
int app_timeout_ms(const struct app *app) { return app->private->due_ns ? 5 : -1; }

bool app_handle(struct app *app)
{
	int64_t due = app->private->due_ns;
	if (!due || clock_now_ns() < due)
		return false;
	app->private->due_ns = 0;
	app->result = fake_run(&app->knobs, false);
	app->result->id = getenv("FAKE_READONLY") ? 0 : 13;
	app->result_fresh = app->result_stored = true;
	app->estimate_error = -0.04;
	app->phase = APP_IDLE;
	app->revision++;
	return true;
}

void app_measure_again(struct app *app)
{
	if (*setting("FAKE_CRASH"))
		raise(atoi(setting("FAKE_CRASH")));
	struct knobs same = app->knobs;
	changed(app, &same);
}

void app_cancel(struct app *app)
{
	if (app->phase != APP_RUNNING)
		return;
	app_sweep_stop(app);
	app->private->due_ns = 0;
	app->phase = APP_IDLE;
	app_say(app, APP_INFO, "cancelled; nothing was stored");
}

void app_pause(struct app *app, bool on)
{
	app->private->paused = on;
	app_say(app, APP_INFO, on ? "paused: estimates only" : "measuring again");
}

bool app_is_paused(const struct app *app) { return app->private->paused; }

void app_keep_stop(struct app *app) { app_say(app, APP_INFO, "kept"); }
void app_keep_run(struct app *app, int64_t id)
{
	app_say(app, APP_INFO, "kept run #%lld", (long long)id);
	app->revision++;
}

void app_pin(struct app *app)
{
	const struct run *run = app_shown(app);
	bool again = app->pinned && run && app->pinned->id == run->id;
	drop(&app->pinned);
	if (!again && run && run->state == RUN_DONE) {
		app->pinned = fake_run(&run->knobs, false);
		app->pinned->id = run->id;
	}
	app_say(app, APP_INFO, app->pinned ? "pinned" : "no run is pinned");
}

bool app_open_worst(struct app *app)
{
	app->one_picture = true;
	app_say(app, APP_INFO, "the worst picture alone");
	return true;
}

bool app_close_worst(struct app *app)
{
	bool was = app->one_picture;
	app->one_picture = false;
	if (was)
		app_say(app, APP_INFO, "all pictures");
	return was;
}

bool app_method_card_at(int i, struct app_card *card)
{
	static const struct app_card cards[] = {
		{ .name = "l2",
		  .help = "tokens with the largest L2 norm stay",
		  .cost = "N D",
		  .source = "pruning by the norm of the patch embedding",
		  .needs = "tokens",
		  .attention = "stays fused",
		  .where = "before a layer; by default at the embedding" },
		{ .name = "tome",
		  .help = "the most similar pairs of tokens become one",
		  .cost = "N^2 D / (4 H) + 2 N D, in every layer",
		  .source = "ToMe, Bolya et al. 2023",
		  .needs = "tokens, keys",
		  .attention = "stays fused",
		  .where = "between attention and MLP; by default in every layer" },
	};
	if (i < 0 || i >= (int)(sizeof(cards) / sizeof(cards[0])))
		return false;
	*card = cards[i];
	return true;
}

bool app_method_card(const char *name, struct app_card *card)
{
	for (int i = 0; app_method_card_at(i, card); i++)
		if (!strcmp(card->name, name))
			return true;
	return false;
}

void app_open_run(struct app *app, int64_t id)
{
	drop(&app->opened);
	app->knobs.v[KNOB_KEEP].num = 0.7;
	app->opened = fake_run(&app->knobs, false);
	app->opened->id = id;
	app->opened->started_ns -= 120 * MINUTE_NS;
}

void app_close_run(struct app *app) { drop(&app->opened); }

const struct run *app_shown(const struct app *app)
{
	return app->opened ? app->opened : app->result ? app->result : app->estimate;
}

double app_speedup(const struct app *app, const struct run *run)
{
	return app->base ? app->base->wall.p50_ns / run->wall.p50_ns : (double)NAN;
}

double app_flops_ratio(const struct app *app, const struct run *run)
{
	return app->base ? app->base->flops.ours / run->flops.ours : (double)NAN;
}

char *app_command_line(const struct app *app)
{
	struct str s = STR_INIT;
	str_add(&s, "sparsetop run -m clip-vit-b16");
	knobs_command_line(&app->knobs, NULL, fake_knob_mask(), &s);
	return str_detach(&s);
}

void app_say(struct app *app, enum app_severity severity, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(app->message, sizeof(app->message), fmt, ap);
	va_end(ap);
	app->severity = severity;
	app->message_ns = clock_now_ns();
}

/* ---- a store of three sessions; the first has 150 runs and a trail ---- */

#define SESSIONS 3
#define RUNS 150

const char *store_path(const struct store *s)
{
	(void)s;
	return "sessions.db";
}

enum err store_find_run(struct store *s, const char *selector, int64_t *id)
{
	(void)s;
	*id = atoi(selector);
	if (*id > 0)
		return OK;
	return err_set(ERR_NOTFOUND, "no run is called %s", selector);
}

enum err session_page(struct store *s, int64_t before_ns, int64_t before_id, int max,
		      struct session_row *rows, int *n)
{
	static const char *const names[] = { "first try", "pruning\033[2J study",
					     "2026-11-22 12:00" };
	int64_t from = before_id ? before_id - 1 : SESSIONS;
	(void)s;
	(void)before_ns;
	*n = 0;
	for (int64_t id = from; id > 0 && *n < max; id--) {
		struct session_row *r = &rows[(*n)++];
		*r = (struct session_row){ .id = id,
					   .runs = RUNS,
					   .trail = id == 3 ? 14 : 0 };
		snprintf(r->name, sizeof(r->name), "%s", names[id - 1]);
		snprintf(r->model, sizeof(r->model), "clip-vit-b16");
		r->created_ns = clock_wall_ns() - (int64_t)((double)(4 - id) * 3600e9);
		r->last_ns = r->created_ns + (int64_t)600e9;
	}
	return OK;
}

enum err session_run_page(struct store *s, int64_t session, bool trail, int64_t before_ns,
			  int64_t before_id, int max, struct run_row *rows, int *n)
{
	int64_t from = before_id ? before_id - 1 : RUNS;
	(void)s;
	(void)before_ns;
	*n = 0;
	for (int64_t id = from; id > 0 && *n < max; id--) {
		bool stop = session == 3 && id % 10 == 5;
		if (stop && !trail)
			continue;
		struct run_row *r = &rows[(*n)++];
		*r = (struct run_row){ .id = id, .session_id = session, .trail = stop };
		r->started_ns = clock_wall_ns() - (RUNS + 1 - id) * (int64_t)MINUTE_NS;
		r->keep = (double)(id % 9 + 1) / 10;
		r->kept = floor(r->keep * TOKENS);
		r->cosine = 0.9 + r->keep / 10;
		r->p50_ns = 100e6 * r->keep;
		r->batch = 1;
		snprintf(r->model, sizeof(r->model), "clip-vit-b16");
		snprintf(r->device, sizeof(r->device), "cpu");
		snprintf(r->state, sizeof(r->state), id == 148 ? "failed" : "done");
		if (id == 148)
			snprintf(r->error, sizeof(r->error), "out of memory");
		snprintf(r->knobs, sizeof(r->knobs), "keep=%.1f method=l2 batch=1",
			 r->keep);
	}
	return OK;
}
