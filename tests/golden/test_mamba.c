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
};

static void open_run(struct run_of *r, const char *folder, const struct bench_way *way)
{
	*r = (struct run_of){ .arena = { 0 } };
	bench_open(&r->b, folder, "oracle", INPUT_TEXT, way);
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
	const struct witness w = { &r->seen, on_hidden, on_state };
	const struct model *m = r->b.model;
	struct arena dry;
	struct input shape = in;
	struct backend spy = *backend_by_name(r->b.way->backend);
	arena_init_dry(&dry);
	shape.ids.data = NULL;
	shape.state = NULL;
	struct pass p = { .backend = backend_by_name("dry"), .arena = &dry };
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
	p = (struct pass){
		.backend = &spy, .self = r->b.self, .arena = &r->arena, .witness = &w
	};
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

static void check_whole(const char *folder, const struct bench_way *way)
{
	static const char *const groups[] = { "T1", "T2", "T13", "T64" };
	struct run_of r;
	open_run(&r, folder, way);
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
		check_whole("mamba_tiny", way);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_sequences),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
