/*
 * Mamba against transformers (tests/oracle), in both formats of checkpoints: logits, what
 * every layer gives, what its scan reads and leaves; step by step, in pieces, and with
 * multi-resolution scans.
 */
#include <math.h>

#include "bench.h"

#include "kernels/op_sequence.h"
#include "models/input.h"
#include "profiler/generate.h"

#define LAYERS 2
#define LAYER 1 /* whose scan the oracle shows */

/* ---- a pass that is looked into ---- */

/* Owned copies; n = 0: nothing came. */
struct seen {
	struct tensor hidden[LAYERS], state[LAYERS];
	struct tensor delta, b, c, y; /* of the last scan */
	int pieces;
};

static struct seen *seen; /* of the pass at work */
static const struct backend *below;

static void take(struct tensor *to, const struct tensor *from)
{
	free(to->data);
	*to = tensor_of(DT_F32, NULL, from->ndim, from->dim);
	to->data = malloc((size_t)tensor_bytes(to));
	for (int64_t r = 0; r < tensor_rows(from); r++)
		memcpy(tensor_row(to, r), tensor_row(from, r),
		       sizeof(float) * (size_t)tensor_cols(from));
}

static void spy_scan(void *self, struct tensor y, struct tensor x, struct tensor delta,
		     struct tensor b, struct tensor c, const struct ssm *ssm, float step,
		     struct tensor state, bool fresh)
{
	below->scan(self, y, x, delta, b, c, ssm, step, state, fresh);
	take(&seen->delta, &delta);
	take(&seen->b, &b);
	take(&seen->c, &c);
	take(&seen->y, &y);
}

/* Pieces of a sequence of one item, after one another. */
static void on_hidden(void *ctx, int layer, int64_t first, const struct tensor *x)
{
	struct seen *s = ctx;
	struct tensor *to = &s->hidden[layer];
	int64_t rows = first ? to->dim[1] : 0, d = tensor_cols(x);
	if (!first) {
		take(to, x);
		return;
	}
	assert_int_equal(first, rows);
	assert_int_equal(x->dim[0], 1);
	float *data = malloc(sizeof(float) * (size_t)((rows + x->dim[1]) * d));
	memcpy(data, to->data, sizeof(float) * (size_t)(rows * d));
	memcpy(data + rows * d, x->data, sizeof(float) * (size_t)(x->dim[1] * d));
	free(to->data);
	*to = tensor_of(DT_F32, data, DIMS(1, rows + x->dim[1], d));
}

static void on_state(void *ctx, int layer, int64_t position, const struct tensor *state)
{
	struct seen *s = ctx;
	assert_int_equal(position, s->hidden[layer].dim[1]);
	take(&s->state[layer], state);
	s->pieces += layer == 0;
}

static void forget(struct seen *s)
{
	for (int i = 0; i < LAYERS; i++) {
		free(s->hidden[i].data);
		free(s->state[i].data);
	}
	free(s->delta.data);
	free(s->b.data);
	free(s->c.data);
	free(s->y.data);
	*s = (struct seen){ 0 };
}

/* ---- runs ---- */

struct run_of {
	struct bench b;
	struct arena arena;
	struct outputs out;
	struct seen seen;
	bool unseen; /* nobody looks in: several items in pieces */
};

static void open_run(struct run_of *r, const struct bench_way *way)
{
	*r = (struct run_of){ .arena = { 0 } };
	bench_open(&r->b, "mamba_tiny", "oracle", INPUT_TEXT, way);
}

static void close_run(struct run_of *r)
{
	forget(&r->seen);
	arena_release(&r->arena);
	bench_close(&r->b);
}

/* I64 of the oracle as I32 [B, n]: the first n of each row; the caller frees. */
static struct input ids_of(const struct tensor *all, int64_t items, int64_t n)
{
	int32_t *ids = malloc(sizeof(*ids) * (size_t)(items * n));
	for (int64_t i = 0; i < items * n; i++) {
		int64_t id, at = i / n * all->dim[1] + i % n;
		memcpy(&id, (const char *)all->data + at * 8, sizeof(id));
		ids[i] = (int32_t)id;
	}
	return (struct input){ .items = items,
			       .ids = tensor_of(DT_I32, ids, DIMS(items, n)) };
}

/* One pass with exactly the memory that a dry one asks for; `in` is released. */
static void run(struct run_of *r, struct input in, const struct knobs *k)
{
	const struct witness w = { .ctx = &r->seen,
				   .hidden = on_hidden,
				   .state = on_state };
	const struct model *m = r->b.model;
	struct arena dry;
	struct input shape = in;
	struct backend spy = *backend_by_name(r->b.way->backend);
	arena_init_dry(&dry);
	shape.ids.data = NULL;
	shape.state = NULL;
	struct pass p = { .backend = backend_by_name("dry"),
			  .arena = &dry,
			  .dtype = m->dtype };
	m->family->forward(&p, m, &shape, k, &r->out);
	check_ok(pass_end(&p));
	arena_release(&r->arena);
	check_ok(arena_init(&r->arena, dry.peak));
	check_ok(model_prepare(r->b.model, k, backend_by_name(r->b.way->backend),
			       r->b.self));
	forget(&r->seen);
	seen = &r->seen;
	below = backend_by_name(r->b.way->backend);
	spy.scan = spy_scan;
	p = (struct pass){ .backend = &spy,
			   .self = r->b.self,
			   .arena = &r->arena,
			   .dtype = m->dtype,
			   .witness = r->unseen ? NULL : &w };
	m->family->forward(&p, m, &in, k, &r->out);
	check_ok(pass_end(&p));
	assert_true(r->arena.peak <= dry.peak);
	in.state = NULL;
	input_release(&in);
}

static struct knobs knobs_of(const struct run_of *r, int64_t items, const char *mrss,
			     const char *factor)
{
	return bench_knobs(&r->b, items,
			   (const char *const[]){ "mrss", mrss, "downsample", factor,
						  "seed", "3", NULL });
}

static void same(const struct run_of *r, const char *group, const char *key,
		 const struct tensor *got)
{
	bench_same(bench_what(&r->b, group), key, tensor_f32(got), tensor_count(got),
		   bench_want(&r->b, group, key));
}

/* ---- whole sequences ---- */

static void same_layers(const struct run_of *r, const char *group)
{
	char key[32];
	for (int i = 0; i < LAYERS; i++) {
		snprintf(key, sizeof(key), "hidden.%d", i);
		same(r, group, key, &r->seen.hidden[i]);
	}
	same(r, group, "state.1", &r->seen.state[LAYER]);
	if (!bench_find(&r->b, group, "delta.1"))
		return;
	same(r, group, "delta.1", &r->seen.delta);
	same(r, group, "b.1", &r->seen.b);
	same(r, group, "c.1", &r->seen.c);
	same(r, group, "y.1", &r->seen.y);
}

static void check_whole(const struct bench_way *way)
{
	static const char *const groups[] = { "T1", "T2", "T13", "T64" };
	struct run_of r;
	open_run(&r, way);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		const struct tensor *ids = bench_want(&r.b, groups[i], "ids");
		struct knobs k = knobs_of(&r, ids->dim[0], "off", "1");
		run(&r, ids_of(ids, ids->dim[0], ids->dim[1]), &k);
		same(&r, groups[i], "logits", &r.out.token_logits);
		same_layers(&r, groups[i]);
		assert_int_equal(r.out.tokens, ids->dim[1]);
		assert_true(isnan(r.out.gate_mean) && !r.out.factors.ndim);
	}
	close_run(&r);
}

static void whole_sequences(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++)
		check_whole(way);
}

/* ---- the authors' own format ---- */

static void native_checkpoints(void **state)
{
	(void)state;
	struct run_of hf, native = { 0 };
	open_run(&hf, &bench_ways[2]);
	bench_open(&native.b, "mamba_native", "../mamba_tiny/oracle", INPUT_TEXT,
		   &bench_ways[2]);
	const struct tensor *ids = bench_want(&hf.b, "T13", "ids");
	struct knobs k = knobs_of(&hf, ids->dim[0], "off", "1");
	assert_string_equal(native.b.model->family->name, "mamba");
	assert_string_equal(native.b.model->format, "pytorch");
	assert_int_equal(native.b.model->vocab, 64); /* 61, padded */
	run(&hf, ids_of(ids, 2, 13), &k);
	run(&native, ids_of(ids, 2, 13), &k);
	const struct tensor *a = &hf.out.token_logits, *b = &native.out.token_logits;
	assert_int_equal(tensor_count(a), tensor_count(b));
	assert_memory_equal(a->data, b->data, (size_t)tensor_bytes(a));
	close_run(&hf);
	close_run(&native);
}

/* ---- in pieces, and step by step ---- */

/* The logits of the whole, whatever the pieces are; and what the last states are. */
static void check_pieces(const struct bench_way *way, const char *mrss,
			 const char *factor)
{
	struct run_of r;
	open_run(&r, way);
	const struct tensor *ids = bench_want(&r.b, "T64", "ids");
	struct knobs k = knobs_of(&r, 1, mrss, factor);
	char what[64];
	snprintf(what, sizeof(what), "%s %s in pieces", mrss, factor);
	run(&r, ids_of(ids, 1, 61), &k);
	struct tensor whole = bench_copy(&r.out.token_logits);
	struct tensor last = bench_copy(&r.seen.state[LAYER]);
	assert_int_equal(r.seen.pieces, 1);
	for (int64_t each = 16; each <= 48; each += 16) {
		r.b.model->chunk = each;
		run(&r, ids_of(ids, 1, 61), &k);
		assert_int_equal(r.seen.pieces, (61 + each - 1) / each);
		bench_same(bench_what(&r.b, what), "logits",
			   tensor_f32(&r.out.token_logits),
			   tensor_count(&r.out.token_logits), &whole);
		bench_same(bench_what(&r.b, what), "state",
			   tensor_f32(&r.seen.state[LAYER]),
			   tensor_count(&r.seen.state[LAYER]), &last);
	}
	free(whole.data);
	free(last.data);
	close_run(&r);
}

static const struct technique {
	const char *mrss, *factor;
} techniques[] = { { "off", "1" },  { "low", "1" },   { "low", "4" },     { "low", "8" },
		   { "both", "2" }, { "both", "16" }, { "adaptive", "8" } };
#define TECHNIQUES (sizeof(techniques) / sizeof(techniques[0]))

static void pieces_are_the_whole(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++)
		for (size_t i = 0; i < TECHNIQUES; i++)
			check_pieces(way, techniques[i].mrss, techniques[i].factor);
}

static struct arena step_room(const struct run_of *r, struct decoding *state)
{
	struct arena dry, arena;
	struct outputs out = { 0 };
	int64_t length = state->length;
	arena_init_dry(&dry);
	struct pass p = { .backend = backend_by_name("dry"), .arena = &dry };
	r->b.model->family->decode(&p, r->b.model, state, 0, &out);
	check_ok(pass_end(&p));
	assert_int_equal(state->length, length);
	check_ok(arena_init(&arena, dry.peak));
	return arena;
}

static struct tensor step(const struct run_of *r, struct arena *arena,
			  struct decoding *state, int32_t token)
{
	struct outputs out = { 0 };
	struct pass p = { .backend = backend_by_name(r->b.way->backend),
			  .self = r->b.self,
			  .arena = arena };
	arena_reset(arena, 0);
	r->b.model->family->decode(&p, r->b.model, state, token, &out);
	check_ok(pass_end(&p));
	return out.token_logits;
}

static int32_t likeliest(const struct tensor *logits)
{
	const float *row = logits->data;
	int32_t best = 0;
	for (int i = 1; i < (int)tensor_count(logits); i++)
		best = row[i] > row[best] ? i : best;
	return best;
}

/* The first `begin` tokens at once, the rest one by one: the rows of the whole. */
static void check_steps(struct run_of *r, const struct technique *how, int64_t begin)
{
	const struct tensor *ids = bench_want(&r->b, "T64", "ids");
	const struct family *f = r->b.model->family;
	struct knobs k = knobs_of(r, 1, how->mrss, how->factor);
	struct decoding *state;
	char what[64];
	snprintf(what, sizeof(what), "%s %s, steps from %d", how->mrss, how->factor,
		 (int)begin);
	run(r, ids_of(ids, 1, 40), &k);
	struct tensor whole = bench_copy(&r->out.token_logits);
	struct input in = ids_of(ids, 1, begin);
	check_ok(f->decode_begin(r->b.model, &in, 40 - begin, &state));
	in.state = state;
	run(r, in, &k);
	assert_int_equal(state->length, begin);
	struct arena arena = step_room(r, state);
	for (int64_t t = begin; t < 40; t++) {
		int64_t id = ((const int64_t *)ids->data)[t];
		struct tensor got = step(r, &arena, state, (int32_t)id);
		struct tensor want = tensor_of(DT_F32, tensor_row(&whole, t),
					       DIMS(tensor_cols(&whole)));
		bench_same(bench_what(&r->b, what), "logits of a step", got.data,
			   tensor_count(&got), &want);
	}
	assert_int_equal(state->length, 40);
	arena_release(&arena);
	decoding_free(state);
	free(whole.data);
}

static void steps_are_the_whole(void **state)
{
	static const int64_t begins[] = { 1, 2, 13, 16, 39 };
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct run_of r;
		open_run(&r, way);
		for (size_t i = 0; i < TECHNIQUES; i++)
			for (size_t j = 0; j < sizeof(begins) / sizeof(begins[0]); j++)
				/* An adaptive factor is the prompt's own. */
				if (strcmp(techniques[i].mrss, "adaptive") != 0)
					check_steps(&r, &techniques[i], begins[j]);
		close_run(&r);
	}
}

/* Greedy, as transformers goes on; what is kept does not grow. */
static void greedy(void **state)
{
	(void)state;
	struct run_of r;
	struct decoding *decoding;
	open_run(&r, &bench_ways[2]);
	const struct tensor *ids = bench_want(&r.b, "T64", "ids"),
			    *want = bench_want(&r.b, "T64", "greedy");
	struct knobs k = knobs_of(&r, 1, "off", "1");
	struct input in = ids_of(ids, 1, 64);
	check_ok(r.b.model->family->decode_begin(r.b.model, &in, 8, &decoding));
	in.state = decoding;
	run(&r, in, &k);
	struct arena arena = step_room(&r, decoding);
	/* 2 layers of 64 channels: 8 states and 3 rows of the past. */
	assert_true(decoding->bytes == 2 * 64 * (8 + 3) * sizeof(float));
	struct tensor logits = r.out.token_logits;
	logits = tensor_of(DT_F32, tensor_row(&logits, 63), DIMS(64));
	for (int i = 0; i < 8; i++) {
		int32_t token = likeliest(&logits);
		assert_int_equal(token, ((const int64_t *)want->data)[i]);
		logits = step(&r, &arena, decoding, token);
	}
	assert_true(decoding->bytes == 2 * 64 * (8 + 3) * sizeof(float));
	arena_release(&arena);
	decoding_free(decoding);
	close_run(&r);
}

static void sequences_go_on_alone(void **state)
{
	(void)state;
	struct model *m;
	struct decoding *decoding;
	struct input in = { .items = 2, .ids = tensor_of(DT_I32, NULL, DIMS(2, 4)) };
	check_ok(model_open_for("mamba-130m:tiny", 0, INPUT_TEXT, &m));
	check_err(m->family->decode_begin(m, &in, 1, &decoding), ERR_USAGE, "--batch 1");
	assert_null(decoding);
	model_free(m);
}

/* ---- multi-resolution scans ---- */

static struct safetensors *open_mrss(void)
{
	struct safetensors *st;
	check_ok(safetensors_open(fixture("mamba_tiny/mrss.safetensors"), &st));
	return st;
}

static const struct tensor *mrss_tensor(const struct safetensors *st, const char *name)
{
	const struct safetensors_entry *e = safetensors_find(st, name);
	if (!e)
		fail_msg("no %s", name);
	return &e->tensor;
}

/* The last positions of every item are all that is kept. */
static void same_tail(const struct run_of *r, const char *name, const struct tensor *want)
{
	const struct tensor *got = &r->out.token_logits;
	int64_t n = want->dim[1], vocab = want->dim[2];
	for (int64_t b = 0; b < want->dim[0]; b++) {
		struct tensor item = tensor_of(
			DT_F32, (float *)want->data + b * n * vocab, DIMS(n, vocab));
		bench_same(bench_what(&r->b, name), "logits",
			   tensor_row(got, (b + 1) * got->dim[1] - n), n * vocab, &item);
	}
}

static void check_mrss(struct run_of *r, const struct safetensors *st, const char *mode,
		       const char *factor, const char *group)
{
	char name[32];
	const struct tensor *ids = bench_want(&r->b, group, "ids");
	int64_t items = ids->dim[0];
	struct knobs k = knobs_of(r, items, mode, factor);
	snprintf(name, sizeof(name), "%s.%s.%s", mode, factor, group);
	run(r, ids_of(ids, items, ids->dim[1]), &k);
	same_tail(r, name, mrss_tensor(st, name));
	assert_int_equal(tensor_count(&r->out.factors), items);
	assert_int_equal(((const int32_t *)r->out.factors.data)[items - 1], atoi(factor));
	assert_int_equal(isnan(r->out.gate_mean), !strcmp(mode, "low"));
	double mean = (double)*tensor_f32(mrss_tensor(st, "gate_mean"));
	if (!isnan(r->out.gate_mean))
		assert_true(fabs(r->out.gate_mean - mean) < 1e-6);
}

static void scans_of_two_resolutions(void **state)
{
	static const char *const modes[] = { "low", "both" };
	static const char *const factors[] = { "1", "2", "4", "8" };
	(void)state;
	struct safetensors *st = open_mrss();
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct run_of r;
		open_run(&r, way);
		for (int i = 0; i < 8; i++) {
			check_mrss(&r, st, modes[i / 4], factors[i % 4], "T13");
			check_mrss(&r, st, modes[i / 4], factors[i % 4], "T64");
		}
		close_run(&r);
	}
	safetensors_free(st);
}

static void factors_of_their_own(void **state)
{
	(void)state;
	struct safetensors *st = open_mrss();
	const struct tensor *ids = mrss_tensor(st, "adaptive.ids");
	const int64_t *factors = mrss_tensor(st, "adaptive.factors")->data;
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct run_of r;
		open_run(&r, way);
		struct knobs k = knobs_of(&r, 4, "adaptive", "8");
		r.unseen = true;
		for (int piece = 0; piece < 2; piece++) {
			r.b.model->chunk = piece ? 32 : 64;
			run(&r, ids_of(ids, 4, 64), &k);
			for (int i = 0; i < 4; i++)
				assert_int_equal(((const int32_t *)r.out.factors.data)[i],
						 factors[i]);
			same_tail(&r, "adaptive", mrss_tensor(st, "adaptive.logits"));
		}
		close_run(&r);
	}
	safetensors_free(st);
}

/* ---- in halves, and in GGUF ---- */

/* Logits of T64's ids by this checkpoint; the caller frees. */
static struct tensor logits_of(const char *name, enum dtype dtype)
{
	struct run_of r;
	open_run(&r, &bench_ways[2]);
	model_free(r.b.model);
	check_ok(model_open_as(fixture(name), 0, INPUT_TEXT, dtype, &r.b.model));
	check_ok(tensors_prepare(r.b.model->tensors, NULL));
	struct knobs k = knobs_of(&r, 1, "off", "1");
	r.unseen = true;
	run(&r, ids_of(bench_want(&r.b, "T64", "ids"), 1, 64), &k);
	struct tensor logits = bench_copy(&r.out.token_logits);
	close_run(&r);
	return logits;
}

static double distance(const struct tensor *got, const struct tensor *want)
{
	double off = 0, all = 0;
	assert_int_equal(tensor_count(got), tensor_count(want));
	for (int64_t i = 0; i < tensor_count(want); i++) {
		double w = (double)tensor_f32(want)[i];
		double d = (double)tensor_f32(got)[i] - w;
		off += d * d;
		all += w * w;
	}
	return sqrt(off / all);
}

static void check_apart(const char *name, enum dtype dtype, const struct tensor *want,
			double least, double most)
{
	struct tensor got = logits_of(name, dtype);
	double d = distance(&got, want);
	if (!(d >= least && d <= most))
		fail_msg("%s as %s: %.3g away, want %g to %g", name, dtype_name(dtype), d,
			 least, most);
	free(got.data);
}

/* Norms, decays, steps and states stay as they are. */
static void half_precision(void **state)
{
	(void)state;
	struct tensor want = logits_of("mamba_tiny", DT_F32);
	check_apart("mamba_tiny", DT_BF16, &want, 1e-4, 2e-2);
	check_apart("mamba_tiny", DT_F16, &want, 1e-5, 2e-3);
	free(want.data);
}

/* The same weights in other files; exp() of the decay was torch's there. */
static void gguf(void **state)
{
	(void)state;
	struct tensor want = logits_of("gguf/mamba", DT_F32);
	check_apart("gguf/mamba_f32.gguf", DT_F32, &want, 0, 1e-5);
	check_apart("gguf/mamba_f16.gguf", DT_F32, &want, 1e-6, 2e-3);
	check_apart("gguf/mamba_bf16.gguf", DT_F32, &want, 1e-5, 2e-2);
	free(want.data);
}

/* ---- what it costs ---- */

static struct run *predict(const char *name, const char *const *more)
{
	struct model *m;
	struct knobs k;
	struct run *run = run_create();
	check_ok(model_open_for(name, 0, INPUT_TEXT, &m));
	knobs_init(&k);
	for (; *more; more += 2)
		check_ok(knobs_set(&k, knob_find(more[0]), more[1]));
	check_ok(model_check_knobs(m, &k));
	check_ok(setting_predict(m, NULL, &k, NULL, NULL, run, NULL));
	model_free(m);
	return run;
}

static double layer_flops(const struct run *run, const char *path)
{
	for (int i = 0; i < run->n_layers; i++)
		if (!strcmp(run->layers[i].path, path))
			return run->layers[i].v[METRIC_flops];
	fail_msg("no layer %s", path);
	return 0;
}

/* Mamba-130M, two sequences of 32: 5.75 GMAC and 2.47 of the head; 0.34 GFLOP of scans.
 */
static void published_flops(void **state)
{
	(void)state;
	struct run *run = predict(
		"mamba-130m", (const char *const[]){ "batch", "2", "seq", "32", NULL });
	double head = 64.0 * 768 * 50280, scans = 24 * layer_flops(run, "layers.0.scan");
	assert_true(fabs(head / 1e9 - 2.47) < 0.005);
	assert_true(fabs((run->flops.torch / 2 - head) / 1e9 - 5.75) < 0.005);
	assert_true(fabs(scans / 1e9 - 0.34) < 0.005);
	assert_true(run->flops.fvcore * 2 == run->flops.torch);
	run_free(run);
}

/* Pieces of a long sequence are one row each, and activations do not grow with it. */
static void long_sequences(void **state)
{
	(void)state;
	struct run *some =
		predict("mamba-130m", (const char *const[]){ "seq", "8192", NULL });
	struct run *many =
		predict("mamba-130m", (const char *const[]){ "seq", "65536", NULL });
	assert_int_equal(some->n_layers, many->n_layers);
	double scan = layer_flops(many, "layers.3.scan");
	assert_true(scan == 9.0 * 65536 * 1536 * 16);
	/* Only the last position is worth 13 GB of logits. */
	assert_true(layer_flops(many, "head.logits") == 2.0 * 768 * 50280);
	assert_true(many->memory.peak_activation_bytes ==
		    some->memory.peak_activation_bytes);
	assert_true(many->memory.peak_activation_bytes < 100 << 20);
	run_free(some);
	run_free(many);
}

/* ---- what is refused ---- */

static void knobs_of_a_scan(void **state)
{
	static const struct {
		const char *option, *value, *part;
	} cases[] = {
		{ "downsample", "4", "give --mrss low, both or adaptive" },
		{ "keep", "0.5", "a scan reads every token" },
		{ "fused-qkv", "off", "there is no attention" },
	};
	(void)state;
	struct model *m;
	struct knobs k;
	check_ok(model_open_for("mamba-130m:tiny", 0, INPUT_TEXT, &m));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		knobs_init(&k);
		check_ok(knobs_set(&k, knob_find(cases[i].option), cases[i].value));
		check_err(model_check_knobs(m, &k), ERR_USAGE, cases[i].part);
	}
	check_err(knobs_set(&k, KNOB_DOWNSAMPLE, "3"), ERR_USAGE,
		  "--downsample 3: want 1, 2, 4, 8 or 16");
	check_err(knobs_set(&k, KNOB_SEQ, "0"), ERR_USAGE, "seq");
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_sequences),
		cmocka_unit_test(native_checkpoints),
		cmocka_unit_test(pieces_are_the_whole),
		cmocka_unit_test(steps_are_the_whole),
		cmocka_unit_test(greedy),
		cmocka_unit_test(sequences_go_on_alone),
		cmocka_unit_test(scans_of_two_resolutions),
		cmocka_unit_test(factors_of_their_own),
		cmocka_unit_test(half_precision),
		cmocka_unit_test(gguf),
		cmocka_unit_test(published_flops),
		cmocka_unit_test(long_sequences),
		cmocka_unit_test(knobs_of_a_scan),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
