/*
 * How fast the cpu backend's ops on sequences are, run by hand:
 *   bench_scan [--threads N] [--rounds N] [--gemm ENGINE] [--only scan|conv|taps|layer]
 *                                                       (default: 2 threads, 21 rounds)
 *
 * The selective scan of a Mamba-130M layer (T 2048, 1536 channels, 16 states) beside a
 * plain scalar loop (this file is compiled without vectors), a prefill of 512 and a
 * single step; causal convolutions of 4 taps (Mamba) and 63 (the multi-resolution proxy);
 * filters of 512 taps; and all ops of a Mamba layer at T = 512 and at one token. On one
 * thread and on N, in turns in every round; medians and the lowest. Trust the ratios
 * within one run, not the absolute figures.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "kernels/backend.h"

enum { MAX_ROUNDS = 501, MOST_WAYS = 3 };

/* Of one way, in ms. */
struct timing {
	double median, lowest;
};

static const struct backend *cpu;
static void *self[2]; /* on one thread, on N */
static int threads = 2, rounds = 21;

static struct tensor filled(float low, float high, int ndim, const int64_t *dim)
{
	struct tensor t = tensor_of(DT_F32, NULL, ndim, dim);
	int64_t count = tensor_count(&t);
	float *p = aligned_alloc(64, ((size_t)count * sizeof(float) + 63) / 64 * 64);
	if (!p)
		abort();
	for (int64_t i = 0; i < count; i++)
		p[i] = low + (high - low) * rng_uniform(0xBE7C4, (uint32_t)i);
	t.data = p;
	return t;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* The medians in ms of `ways` ways, which take turns `repeat` times a round. */
static void measure(int ways, int repeat, void (*run)(int way),
		    struct timing ms[MOST_WAYS])
{
	static int64_t ns[MOST_WAYS][MAX_ROUNDS];
	for (int r = -1; r < rounds; r++)
		for (int w = 0; w < ways; w++) {
			int64_t begin = clock_now_ns();
			for (int i = 0; i < repeat; i++)
				run(w);
			if (r >= 0)
				ns[w][r] = (clock_now_ns() - begin) / repeat;
		}
	for (int w = 0; w < ways; w++) {
		qsort(ns[w], (size_t)rounds, sizeof(int64_t), by_value);
		ms[w] = (struct timing){ 1e-6 * (double)ns[w][rounds / 2],
					 1e-6 * (double)ns[w][0] };
	}
}

static void report(const char *what, const struct timing ms[MOST_WAYS], double gflop)
{
	printf("%-34s", what);
	for (int w = 0; w < 2; w++)
		printf(" | %d thread%s %9.4f ms %6.1f GFLOP/s (lowest %9.4f ms %6.1f)",
		       w ? threads : 1, w ? "s" : " ", ms[w].median,
		       gflop / ms[w].median * 1e3, ms[w].lowest,
		       gflop / ms[w].lowest * 1e3);
	printf("\n");
}

/* ---- the selective scan ---- */

static struct {
	struct tensor y, x, delta, b, c, state;
	struct ssm ssm;
} scan;

static void make_scan(int64_t length, int64_t d, int64_t n)
{
	scan.x = filled(-1, 1, DIMS(1, length, d));
	scan.y = filled(0, 0, DIMS(1, length, d));
	scan.delta = filled(0.001f, 0.1f, DIMS(1, length, d));
	struct tensor xdbc = filled(-1, 1, DIMS(1, length, 48 + 2 * n));
	scan.b = tensor_columns(xdbc, 48, n);
	scan.c = tensor_columns(xdbc, 48 + n, n);
	scan.state = filled(0, 0, DIMS(1, d, n));
	scan.ssm.a = filled(-16, -1, DIMS(d, n));
	scan.ssm.skip = filled(1, 1, DIMS(d));
}

static void plain_scan(void)
{
	int64_t d = scan.x.dim[2], n = scan.ssm.a.dim[1];
	memset(scan.state.data, 0, (size_t)tensor_bytes(&scan.state));
	for (int64_t t = 0; t < scan.x.dim[1]; t++) {
		const float *b = tensor_row(&scan.b, t), *c = tensor_row(&scan.c, t);
		for (int64_t j = 0; j < d; j++) {
			const float *a = tensor_row(&scan.ssm.a, j);
			float *s = tensor_row(&scan.state, j);
			float dt = tensor_row(&scan.delta, t)[j];
			float u = tensor_row(&scan.x, t)[j];
			float sum = tensor_f32(&scan.ssm.skip)[j] * u;
			for (int64_t i = 0; i < n; i++) {
				s[i] = expf(dt * a[i]) * s[i] + dt * u * b[i];
				sum += s[i] * c[i];
			}
			tensor_row(&scan.y, t)[j] = sum;
		}
	}
}

static void run_scan(int way)
{
	if (way == 2) {
		plain_scan();
		return;
	}
	cpu->scan(self[way], scan.y, scan.x, scan.delta, scan.b, scan.c, &scan.ssm, 1,
		  scan.state, true);
}

static double worst_difference(void)
{
	struct tensor mine = filled(0, 0, scan.y.ndim, scan.y.dim);
	run_scan(0);
	memcpy(mine.data, scan.y.data, (size_t)tensor_bytes(&mine));
	plain_scan();
	double worst = 0;
	for (int64_t i = 0; i < tensor_count(&mine); i++)
		worst = fmax(worst, fabs((double)tensor_f32(&mine)[i] -
					 (double)tensor_f32(&scan.y)[i]));
	return worst;
}

static void bench_scan(int64_t length, int repeat)
{
	struct timing ms[MOST_WAYS];
	double states = (double)length * 1536 * 16;
	char what[64];
	make_scan(length, 1536, 16);
	measure(3, repeat, run_scan, ms);
	snprintf(what, sizeof(what), "scan T %d, 1536 x 16", (int)length);
	report(what, ms, 9e-9 * states);
	printf("%34s plain loop %.4f ms (lowest %.4f): %.2f and %.2f times as long "
	       "(lowest "
	       "%.2f, %.2f); differs by %.1e\n",
	       "", ms[2].median, ms[2].lowest, ms[2].median / ms[0].median,
	       ms[2].median / ms[1].median, ms[2].lowest / ms[0].lowest,
	       ms[2].lowest / ms[1].lowest, worst_difference());
}

/* ---- convolutions ---- */

static struct {
	struct tensor y, x, taps, past;
	struct conv conv;
	enum act act;
} conv;

static void run_conv(int way)
{
	cpu->conv1d(self[way], conv.y, conv.x, &conv.conv, conv.act, conv.past);
}

static void bench_conv(int64_t items, int64_t length, int64_t d, int64_t k, enum act act,
		       int repeat)
{
	struct timing ms[MOST_WAYS];
	double elements = (double)(items * length * d);
	char what[64];
	conv.x = filled(-1, 1, DIMS(items, length, 2 * d));
	conv.x = tensor_columns(conv.x, 0, d);
	conv.y = filled(0, 0, DIMS(items, length, d));
	conv.past = filled(0, 0, DIMS(items, k - 1, d));
	conv.conv.weight = filled(-1, 1, DIMS(d, k));
	conv.conv.bias = filled(-1, 1, DIMS(d));
	conv.act = act;
	measure(2, repeat, run_conv, ms);
	snprintf(what, sizeof(what), "conv1d %d x %d x %d, k %d%s", (int)items,
		 (int)length, (int)d, (int)k, act ? " silu" : "");
	report(what, ms, 2e-9 * elements * (double)k);
	free(conv.x.data);
	free(conv.y.data);
}

static void run_taps(int way) { cpu->taps(self[way], conv.y, conv.x, conv.taps); }

static void bench_taps(int64_t d, int64_t r)
{
	struct timing ms[MOST_WAYS];
	char what[64];
	conv.x = filled(-1, 1, DIMS(1, 512, d));
	conv.y = filled(0, 0, DIMS(1, 512, r * d));
	conv.taps = filled(-1, 1, DIMS(r, 512));
	measure(2, 1, run_taps, ms);
	snprintf(what, sizeof(what), "taps T 512, D %d, r %d, L 512", (int)d, (int)r);
	/* Half of the products: what would be before the first row is not there. */
	report(what, ms, 2e-9 * (double)(d * r) * 512 * 513 / 2);
}

/* ---- what is around the scan in a Mamba layer ---- */

static struct {
	struct tensor y, x;
	struct linear linear[2];
	enum act act;
} product;

static void run_linear(int way)
{
	cpu->linear(self[way], product.y, product.x, &product.linear[way],
		    (struct epilogue){ .act = product.act });
}

static void bench_linear(const char *name, int64_t m, int64_t n, int64_t k, int64_t ldx,
			 enum act act)
{
	struct timing ms[MOST_WAYS];
	char what[64];
	product.x = tensor_columns(filled(-1, 1, DIMS(1, m, ldx)), 0, k);
	product.y = filled(0, 0, DIMS(1, m, n));
	product.act = act;
	for (int i = 0; i < 2; i++) {
		product.linear[i] =
			(struct linear){ .weight = filled(-1, 1, DIMS(n, k)) };
		if (act)
			product.linear[i].bias = filled(-1, 1, DIMS(n));
		if (cpu->prepare(self[i], &product.linear[i]))
			abort();
	}
	measure(2, m > 1 ? 1 : 100, run_linear, ms);
	snprintf(what, sizeof(what), "%s %d x %d x %d", name, (int)m, (int)n, (int)k);
	report(what, ms, 2e-9 * (double)(m * n * k));
}

static void run_gate(int way) { cpu->gate(self[way], conv.y, conv.x); }

static void bench_gate(int64_t m)
{
	struct timing ms[MOST_WAYS];
	char what[64];
	conv.y = filled(0, 0, DIMS(1, m, 1536));
	conv.x = filled(-3, 3, DIMS(1, m, 1536));
	measure(2, m > 1 ? 1 : 100, run_gate, ms);
	snprintf(what, sizeof(what), "gate %d x 1536", (int)m);
	report(what, ms, 6e-9 * (double)m * 1536);
}

static void bench_layer(int64_t m)
{
	bench_linear("in_proj", m, 3072, 768, 768, ACT_NONE);
	bench_conv(1, m, 1536, 4, ACT_SILU, m > 1 ? 1 : 100);
	bench_linear("x_proj", m, 80, 1536, 1536, ACT_NONE);
	bench_linear("dt_proj", m, 1536, 48, 80, ACT_SOFTPLUS);
	bench_scan(m, m > 1 ? 1 : 100);
	bench_gate(m);
	bench_linear("out_proj", m, 768, 1536, 1536, ACT_NONE);
}

static void open_cpu(const char *gemm)
{
	for (int i = 0; i < 2; i++) {
		struct pool *pool;
		if (pool_create(i ? threads : 1, &pool) ||
		    cpu->open(&(struct backend_opts){ .pool = pool, .gemm = gemm },
			      &self[i]))
			abort();
	}
}

int main(int argc, char **argv)
{
	const char *gemm = "", *only = "";
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--threads"))
			threads = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--rounds"))
			rounds = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--gemm"))
			gemm = argv[i + 1];
		else if (!strcmp(argv[i], "--only"))
			only = argv[i + 1];
	}
	rounds = rounds < 1 ? 1 : rounds > MAX_ROUNDS ? MAX_ROUNDS : rounds;
	cpu = backend_by_name("cpu");
	open_cpu(gemm);
	if (!*only || !strcmp(only, "scan"))
		bench_scan(2048, 1);
	if (!*only || !strcmp(only, "conv")) {
		bench_conv(1, 2048, 1536, 4, ACT_SILU, 1);
		bench_conv(1, 8192, 512, 63, ACT_NONE, 1);
		bench_conv(8, 8192, 512, 63, ACT_NONE, 1);
	}
	if (!*only || !strcmp(only, "taps"))
		for (int r = 1; r <= 64; r *= 4) {
			bench_taps(64, r);
			bench_taps(256, r);
		}
	if (!*only || !strcmp(only, "layer")) {
		bench_layer(512);
		bench_layer(1);
	}
	return 0;
}
