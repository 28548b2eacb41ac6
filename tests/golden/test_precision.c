/* Mixed precision against transformers: CLIP in bf16 and fp16. */
#include <math.h>

#include "bench.h"

/* What is documented (kernels/op.h) leaves only sums in another order, which now and then
 * round a number to its other neighbour; what transformers does keeps the residual stream
 * in the type, too. `apart`: F32 lies at least so far away. */
static const struct {
	const char *name;
	enum dtype type;
	double rounded, native, apart;
} types[] = { { "bf16", DT_BF16, 2e-3, 2e-2, 2e-3 },
	      { "fp16", DT_F16, 2.5e-4, 2e-3, 2.5e-4 } };

static const char *const engines[] = { "auto", "openblas", "onednn", "native", "ref" };

static double distance(const struct tensor *got, const struct tensor *want)
{
	double off = 0, all = 0;
	int64_t n = tensor_count(got);
	assert_int_equal(n, tensor_count(want));
	for (int64_t i = 0; i < n; i++) {
		double x = (double)tensor_f32(got)[i], y = (double)tensor_f32(want)[i];
		off += (x - y) * (x - y);
		all += y * y;
	}
	return sqrt(off / all);
}

static void within(const struct bench *b, const char *group, const struct tensor *got,
		   double most)
{
	double d = distance(got, bench_want(b, group, "image_embeds"));
	if (!(d <= most))
		fail_msg("%s: %.3g away, at most %.3g", bench_what(b, group), d, most);
}

static void check(int t, const struct bench_way *way)
{
	struct bench b;
	struct setting s;
	char group[32];
	bench_open_as(&b, "clip_tiny", "precision", INPUT_PICTURES, way, types[t].type);
	struct input in = { .pixels = bench_copy(bench_want(&b, "", "pixel_values")) };
	struct knobs k = bench_knobs(&b, 2, (const char *const[]){ NULL });
	bench_run(&b, &s, &in, &k);
	const struct tensor *embeds = &s.out.image_embeds;
	snprintf(group, sizeof(group), "%s.rounded", types[t].name);
	within(&b, group, embeds, types[t].rounded);
	struct tensor hidden = *bench_want(&b, group, "hidden");
	const struct bench_norm *last = &b.norms[b.n_norms - 1];
	hidden.dim[0] = 2, hidden.dim[1] = 64, hidden.ndim = 2; /* one class token ... */
	hidden.ld = 17 * 64;                                    /* ... of 17 rows */
	for (int64_t i = 0; i < 2; i++) {
		struct tensor row = tensor_of(DT_F32, tensor_row(&hidden, i), DIMS(64));
		struct tensor got =
			tensor_of(DT_F32, last->in + i * (last->in_count / 2), DIMS(64));
		assert_true(distance(&got, &row) <= types[t].rounded);
	}
	snprintf(group, sizeof(group), "%s.native", types[t].name);
	within(&b, group, embeds, types[t].native);
	assert_true(distance(embeds, bench_want(&b, "fp32", "image_embeds")) >=
		    types[t].apart);
	setting_release(&s);
	free(in.pixels.data);
	bench_close(&b);
}

static bool has_engine(const char *name)
{
	void *self;
	const struct backend *cpu = backend_by_name("cpu");
	if (cpu->open(&(struct backend_opts){ .gemm = name }, &self))
		return false;
	cpu->close(self);
	return true;
}

static void every_engine_rounds_alike(void **state)
{
	(void)state;
	for (int t = 0; t < 2; t++) {
		struct bench_way way = { "ref", "auto", 1, "on", "packed" };
		check(t, &way);
		way.backend = "cpu";
		for (size_t i = 0; i < sizeof(engines) / sizeof(*engines); i++)
			for (way.threads = 1; way.threads <= 3; way.threads += 2) {
				way.gemm = engines[i];
				way.fused_qkv = way.threads == 1 ? "on" : "off";
				if (has_engine(engines[i]))
					check(t, &way);
			}
	}
}

/* Two bytes an element wherever a product reads it, and no more for what lies in the
 * file as it is wanted. */
static void weights_take_two_bytes(void **state)
{
	static const char *const folders[] = { "clip_tiny", "clip_tiny_f16",
					       "clip_tiny_bf16" };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct model *wide, *half;
		check_ok(model_open_as(fixture("clip_tiny"), 0, INPUT_PICTURES, DT_F32,
				       &wide));
		check_ok(model_open_as(fixture(folders[i]), 0, INPUT_PICTURES, DT_BF16,
				       &half));
		assert_true(model_params(wide) == model_params(half));
		/* Norms, biases, positions and the class token stay as they are. */
		assert_true(model_bytes(half) < 0.53 * model_bytes(wide));
		assert_true(model_bytes(half) > 0.5 * model_bytes(wide));
		model_free(wide);
		model_free(half);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_engine_rounds_alike),
		cmocka_unit_test(weights_take_two_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
