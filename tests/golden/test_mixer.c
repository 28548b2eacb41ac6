/* Mixers alone: a selective scan and an attention (tests/oracle). */
#include <math.h>

#include "bench.h"

#include "models/input.h"

static const int lengths[] = { 1, 2, 13, 64 };

#define N(table) (sizeof(table) / sizeof((table)[0]))

static struct input input_of(const struct bench *b, const char *group)
{
	const struct tensor *x = bench_want(b, group, "x");
	return (struct input){ .items = x->dim[0], .sequence = bench_copy(x) };
}

static struct knobs knobs_for(const struct bench *b, const struct input *in,
			      const char *mrss, const char *downsample)
{
	char seq[24];
	snprintf(seq, sizeof(seq), "%d", (int)in->sequence.dim[1]);
	const bool scan = b->model->family->knobs & KNOB_BIT(KNOB_MRSS);
	return bench_knobs(b, in->items,
			   (const char *const[]){ "seq", seq, scan ? "mrss" : NULL, mrss,
						  "downsample", downsample, "seed", "3",
						  NULL });
}

/* One pass; what it makes against KEY of the group. */
static void same_pass(struct bench *b, const char *group, const char *key,
		      const struct input *in, const struct knobs *k, struct setting *s)
{
	bench_run(b, s, in, k);
	assert_int_equal(s->out.tokens, in->sequence.dim[1]);
	bench_same(bench_what(b, group), key, tensor_f32(&s->out.sequence),
		   tensor_count(&s->out.sequence), bench_want(b, group, key));
}

static void in_every_way(const char *folder, void (*fn)(struct bench *, const char *group,
							const struct input *))
{
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct bench b;
		bench_open(&b, folder, "oracle", INPUT_SEQUENCE, way);
		for (size_t i = 0; i < N(lengths); i++) {
			char group[16];
			snprintf(group, sizeof(group), "%d", lengths[i]);
			struct input in = input_of(&b, group);
			fn(&b, group, &in);
			input_release(&in);
		}
		bench_close(&b);
	}
}

static void check_plain(struct bench *b, const char *group, const struct input *in)
{
	struct setting s;
	const struct knobs k = knobs_for(b, in, "off", "1");
	same_pass(b, group, "y", in, &k, &s);
	assert_true(isnan(s.out.gate_mean) && !s.out.factors.ndim);
	setting_release(&s);
}

static void attention(void **state)
{
	(void)state;
	in_every_way("attention_mixer", check_plain);
}

static void scan(void **state)
{
	(void)state;
	in_every_way("scan_mixer", check_plain);
}

/* ---- two resolutions ---- */

static const char *const factors[] = { "1", "2", "4", "8" };

static void check_both(struct bench *b, const char *group, const struct input *in)
{
	static const char *const modes[] = { "low", "both" };
	double gate = (double)*tensor_f32(bench_want(b, "", "gate_mean"));
	for (size_t i = 0; i < N(modes); i++)
		for (size_t j = 0; j < N(factors); j++) {
			struct setting s;
			char key[16];
			const struct knobs k = knobs_for(b, in, modes[i], factors[j]);
			snprintf(key, sizeof(key), "%s.%s", modes[i], factors[j]);
			same_pass(b, group, key, in, &k, &s);
			assert_int_equal(((int32_t *)s.out.factors.data)[0],
					 atoi(factors[j]));
			if (i)
				assert_true(fabs(s.out.gate_mean - gate) < 1e-6);
			else
				assert_true(isnan(s.out.gate_mean));
			setting_release(&s);
		}
}

static void check_pieces(struct bench *b, const char *group, const struct input *in)
{
	int64_t whole = b->model->chunk;
	b->model->chunk = 16;
	check_plain(b, group, in);
	check_both(b, group, in);
	b->model->chunk = whole;
}

static void coarse_scans(void **state)
{
	(void)state;
	in_every_way("scan_mixer", check_both);
}

static void in_pieces(void **state)
{
	(void)state;
	in_every_way("scan_mixer", check_pieces);
}

static void adaptive(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct bench b;
		struct setting s;
		bench_open(&b, "scan_mixer", "oracle", INPUT_SEQUENCE, way);
		b.model->chunk = way->threads > 1 ? 16 : 512;
		struct input in = input_of(&b, "adaptive");
		const struct knobs k = knobs_for(&b, &in, "adaptive", "8");
		same_pass(&b, "adaptive", "y", &in, &k, &s);
		const struct tensor *want = bench_want(&b, "adaptive", "factors");
		for (int64_t i = 0; i < in.items; i++)
			assert_int_equal(((int32_t *)s.out.factors.data)[i],
					 ((const int64_t *)want->data)[i]);
		setting_release(&s);
		input_release(&in);
		bench_close(&b);
	}
}

/* ---- steps ---- */

/* Row t of the only item. */
static struct tensor row_of(const struct tensor *x, int64_t t)
{
	return tensor_of(DT_F32, tensor_row(x, t), DIMS(1, 1, tensor_cols(x)));
}

static void same_row(const struct bench *b, const struct tensor *got, int64_t t,
		     const struct tensor *want)
{
	const struct tensor row =
		tensor_of(DT_F32, tensor_row(want, t), DIMS(tensor_cols(want)));
	char part[32];
	snprintf(part, sizeof(part), "row %d", (int)t);
	bench_same(bench_what(b, "step"), part, tensor_f32(got), tensor_count(got), &row);
}

static double bytes_after(struct bench *b, const struct input *in, int64_t prefill,
			  const struct knobs *k, const struct tensor *want)
{
	const struct family *f = b->model->family;
	struct decoding *state;
	struct arena arena;
	struct setting s;
	struct input first = *in;
	first.sequence.dim[1] = prefill;
	check_ok(
		f->decode_begin(b->model, &first, in->sequence.dim[1] - prefill, &state));
	first.state = state;
	bench_run(b, &s, &first, k);
	assert_int_equal(state->length, prefill);
	double bytes = state->bytes;
	setting_release(&s);
	check_ok(arena_init(&arena, 1 << 20));
	struct pass p = { .backend = b->backend, .self = b->self, .arena = &arena };
	for (int64_t t = prefill; t < in->sequence.dim[1]; t++) {
		struct outputs out = { 0 };
		arena_reset(&arena, 0);
		f->decode_row(&p, b->model, state, row_of(&in->sequence, t), &out);
		check_ok(pass_end(&p));
		same_row(b, &out.sequence, t, want);
		assert_int_equal(state->length, t + 1);
	}
	arena_release(&arena);
	decoding_free(state);
	return bytes;
}

static void steps_of_attention(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct bench b;
		bench_open(&b, "attention_mixer", "oracle", INPUT_SEQUENCE, way);
		struct input in = input_of(&b, "64");
		const struct knobs k = knobs_for(&b, &in, "off", "1");
		const struct tensor *y = bench_want(&b, "64", "y");
		/* Keys and values of every row so far. */
		assert_true(bytes_after(&b, &in, 1, &k, y) == 2 * 4 * 24);
		assert_true(bytes_after(&b, &in, 40, &k, y) == 2 * 4 * 24 * 40);
		input_release(&in);
		bench_close(&b);
	}
}

/* A state and what the convolution will see again, however long it was. */
static void steps_of_a_scan(void **state)
{
	static const struct {
		const char *mrss, *downsample, *key;
		double branches, held;
	} cases[] = {
		{ "off", "1", "y", 1, 0 },     { "low", "2", "low.2", 1, 1 },
		{ "low", "8", "low.8", 1, 1 }, { "both", "4", "both.4", 2, 1 },
		{ "low", "1", "low.1", 1, 1 },
	};
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++)
		for (size_t i = 0; i < N(cases); i++) {
			struct bench b;
			bench_open(&b, "scan_mixer", "oracle", INPUT_SEQUENCE, way);
			struct input in = input_of(&b, "64");
			const struct knobs k =
				knobs_for(&b, &in, cases[i].mrss, cases[i].downsample);
			const struct tensor *y = bench_want(&b, "64", cases[i].key);
			double bytes =
				4.0 * 32 * (cases[i].branches * (3 + 4) + cases[i].held);
			assert_true(bytes_after(&b, &in, 1, &k, y) == bytes);
			assert_true(bytes_after(&b, &in, 13, &k, y) == bytes);
			assert_true(bytes_after(&b, &in, 48, &k, y) == bytes);
			input_release(&in);
			bench_close(&b);
		}
}

static void a_batch_has_no_steps(void **state)
{
	static const char *const folders[] = { "scan_mixer", "attention_mixer" };
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bench b;
		struct decoding *none;
		bench_open(&b, folders[i], "oracle", INPUT_SEQUENCE, bench_ways);
		struct input in = input_of(&b, "1");
		assert_int_equal(in.items, 2);
		check_err(b.model->family->decode_begin(b.model, &in, 1, &none),
			  ERR_USAGE, "--batch 1");
		input_release(&in);
		bench_close(&b);
	}
}

/* ---- counts ---- */

static struct run *predicted(const char *name, const char *seq, const char *mrss,
			     const char *downsample)
{
	struct model *m;
	struct knobs k;
	struct run *run = run_create();
	check_ok(model_open_for(name, 0, INPUT_SEQUENCE, &m));
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_SEQ, seq));
	check_ok(knobs_set(&k, KNOB_MRSS, mrss));
	check_ok(knobs_set(&k, KNOB_DOWNSAMPLE, downsample));
	check_ok(model_check_knobs(m, &k));
	check_ok(setting_predict(m, NULL, &k, NULL, NULL, run, NULL));
	model_free(m);
	return run;
}

/* By hand: D 768, E 1536, N 16, R 48, 4 taps; pieces do not change what is counted. */
static void what_a_scan_costs(void **state)
{
	const double d = 768, e = 1536, n = 16, r = 48, t = 1300;
	(void)state;
	struct run *run = predicted("scan-mixer", "1300", "off", "1");
	double mac = t * (3 * d * e + e * (4 + r + 2 * n) + r * e);
	assert_true(run->flops.torch == 2 * mac && run->flops.fvcore == mac);
	/* bias and act of conv1d, bias and act of dt_proj, scan, gate, residual sum */
	double more = t * (6 * e + 6 * e + 9 * e * n + 6 * e + d);
	assert_true(run->flops.ours == 2 * mac + more);
	run_free(run);
	run = predicted("scan-mixer", "1300", "low", "4");
	double low = t / 4;
	mac = t * 3 * d * e + low * (e * (4 + r + 2 * n) + r * e);
	assert_true(run->flops.torch == 2 * mac);
	run_free(run);
}

static void what_attention_costs(void **state)
{
	const double d = 768, t = 300;
	(void)state;
	struct run *run = predicted("attention-mixer", "300", "off", "1");
	/* Of the whole square, as the tools count (kernels/op.h). */
	double products = t * 4 * d * d, scores = 2 * t * t * d;
	assert_true(run->flops.torch == 2 * (products + scores));
	assert_true(run->flops.fvcore == products);
	run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attention),
		cmocka_unit_test(scan),
		cmocka_unit_test(coarse_scans),
		cmocka_unit_test(in_pieces),
		cmocka_unit_test(adaptive),
		cmocka_unit_test(steps_of_attention),
		cmocka_unit_test(steps_of_a_scan),
		cmocka_unit_test(a_batch_has_no_steps),
		cmocka_unit_test(what_a_scan_costs),
		cmocka_unit_test(what_attention_costs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
