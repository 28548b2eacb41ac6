/* What ops on sequences count, the same on every backend, and the published FLOPs of the
 * multi-resolution proxy. */
#include "check.h"

#include "kernels/op_sequence.h"

#define MOST 16

struct recorder {
	struct tracer tracer;
	int count;
	struct op_count op[MOST];
};

static void on_open(struct tracer *t, const char *name) { (void)t, (void)name; }

static void on_close(struct tracer *t, const struct op_count *c)
{
	struct recorder *r = (struct recorder *)t;
	assert_true(c && r->count < MOST);
	r->op[r->count++] = *c;
}

/* One pass of a backend; data of its tensors is NULL on the dry one. */
struct bench {
	struct arena arena;
	struct recorder recorder;
	struct pass pass;
};

static void begin(struct bench *b, const char *name, int64_t items)
{
	*b = (struct bench){ .recorder = { .tracer = { on_open, on_close } } };
	const struct backend *backend = backend_by_name(name);
	b->pass = (struct pass){ .backend = backend,
				 .arena = &b->arena,
				 .tracer = &b->recorder.tracer,
				 .items = items };
	if (backend->dry)
		arena_init_dry(&b->arena);
	else
		check_ok(arena_init(&b->arena, (size_t)1 << 20));
	check_ok(backend->open(&(struct backend_opts){ .gemm = "ref" }, &b->pass.self));
}

static void end(struct bench *b)
{
	check_ok(pass_end(&b->pass));
	b->pass.backend->close(b->pass.self);
	arena_release(&b->arena);
}

static struct tensor zeros(struct pass *p, int ndim, const int64_t *dim)
{
	struct tensor t = pass_tensor(p, DT_F32, ndim, dim);
	if (t.data)
		memset(t.data, 0, (size_t)tensor_bytes(&t));
	return t;
}

enum { B = 2, T = 13, D = 10, N = 3, K = 4, R = 4, FILTERS = 5, TAPS = 7 };

static void every_op(struct bench *b)
{
	struct pass *p = &b->pass;
	struct tensor none = { 0 }, x = zeros(p, DIMS(B, T, D));
	struct conv conv = { zeros(p, DIMS(D, K)), zeros(p, DIMS(D)) };
	struct ssm ssm = { zeros(p, DIMS(D, N)), zeros(p, DIMS(D)) };
	struct tensor state = zeros(p, DIMS(B, D, N)), past = zeros(p, DIMS(B, K - 1, D));
	struct tensor bc = zeros(p, DIMS(B, T, 2 * N));
	struct tensor in = tensor_columns(bc, 0, N), out = tensor_columns(bc, N, N);

	struct tensor u = op_conv1d(p, "conv1d", x, &conv, ACT_SILU, past);
	conv.bias.ndim = 0;
	op_conv1d(p, "plain", x, &conv, ACT_NONE, none);
	struct tensor y = op_scan(p, "fresh", u, x, in, out, &ssm, 1, none);
	op_scan(p, "carried", u, x, in, out, &ssm, 1, state);
	op_gate(p, "gate", y, x);
	struct tensor low = op_downsample(p, "down", x, R);
	assert_int_equal(low.dim[1], 4);
	op_upsample(p, "up", low, R, T);
	op_blend(p, "blend", y, low, ssm.skip, R);
	op_mean_rows(p, "mean", x, B, &(struct segments){ 0 });
	op_taps(p, "taps", x, zeros(p, DIMS(FILTERS, TAPS)));
}

static void counted_as_documented(void **state)
{
	(void)state;
	const double rows = B * T, x = rows * D, low = B * 4 * D, f = 4;
	const double scanned = f * (2 * x + 2 * rows * N + D * N + D);
	const struct {
		double flops, fvcore, torch, read, written;
	} want[] = {
		{ 2 * x * K + x * 6, x * K, 2 * x * K, f * (x + D * K + D), f * x },
		{ 2 * x * K, x * K, 2 * x * K, f * (x + D * K), f * x },
		{ 9 * x * N, 0, 0, scanned, f * x },
		{ 9 * x * N, 0, 0, scanned + f * B * D * N, f * (x + B * D * N) },
		{ 6 * x, 0, 0, f * 2 * x, f * x },
		{ 0, 0, 0, f * low, f * low },
		{ 0, 0, 0, f * low, f * x },
		{ 3 * x, 0, 0, f * (x + low + D), f * x },
		{ x, 0, 0, f * x, f * B * D },
		{ 2 * x * FILTERS * TAPS, x * FILTERS * TAPS, 2 * x * FILTERS * TAPS,
		  f * (x + FILTERS * TAPS), f * x * FILTERS },
	};
	static const char *const names[] = { "dry", "ref", "cpu" };
	for (size_t n = 0; n < 3; n++) {
		static struct bench b;
		begin(&b, names[n], B);
		every_op(&b);
		end(&b);
		assert_int_equal(b.recorder.count, sizeof(want) / sizeof(*want));
		for (int i = 0; i < b.recorder.count; i++) {
			const struct op_count *c = &b.recorder.op[i];
			if (c->flops != want[i].flops ||
			    c->flops_fvcore != want[i].fvcore ||
			    c->flops_torch != want[i].torch ||
			    c->bytes_read != want[i].read ||
			    c->bytes_written != want[i].written)
				fail_msg("%s, op %d (%s): %g, %g, %g FLOP, %g and %g "
					 "bytes",
					 names[n], i, c->kind, c->flops, c->flops_fvcore,
					 c->flops_torch, c->bytes_read, c->bytes_written);
		}
	}
}

/* ---- the published proxy: B 8, T 8192, D 512, k 63 ---- */

static struct tensor branch(struct pass *p, struct tensor x)
{
	struct conv conv = { .weight = zeros(p, DIMS(512, 63)) };
	struct linear mix = { .weight = zeros(p, DIMS(512, 512)) };
	x = op_conv1d(p, "conv", x, &conv, ACT_NONE, (struct tensor){ 0 });
	return op_linear(p, "mix", x, &mix, ACT_RELU);
}

static double proxy_gflop(int r)
{
	static struct bench b;
	begin(&b, "dry", 8);
	struct pass *p = &b.pass;
	struct tensor x = zeros(p, DIMS(8, 8192, 512)), y = branch(p, x);
	if (r) {
		struct linear gate = { .weight = zeros(p, DIMS(512, 512)),
				       .bias = zeros(p, DIMS(512)) };
		struct tensor low = branch(p, op_downsample(p, "down", x, r));
		struct tensor g = op_linear(p, "gate", x, &gate, ACT_SIGMOID);
		op_blend(p, "blend", y, low, g, r);
	}
	end(&b);
	double sum = 0;
	for (int i = 0; i < b.recorder.count; i++)
		sum += b.recorder.op[i].flops_torch;
	return sum * 1e-9;
}

static void the_proxy_counts_as_published(void **state)
{
	(void)state;
	static const struct {
		int r;
		double gflop;
	} want[] = { { 0, 38.5876 }, { 1, 111.5349 }, { 2, 92.2411 }, { 4, 82.5942 } };
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
		assert_float_equal(proxy_gflop(want[i].r), want[i].gflop, 5e-5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counted_as_documented),
		cmocka_unit_test(the_proxy_counts_as_published),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
