/*
 * How near the cpu backend is to the machine's own ceiling, run by hand:
 *   bench_gemm [--threads N] [--rounds N] [engine ...]     (default: every engine there
 * is)
 *
 * First every product of ViT-B/16 at batch 1 and 8 and keep 1, .9, .7, .5, each engine,
 * then the ops between them, then the sum of one block. Engines and ops take turns in
 * every round and the lowest time of all rounds counts (neighbours only ever add),
 * medians beside it; trust the ratios within one run, not the absolute figures.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"
#include "kernels/cpu/gemm.h"

enum { D = 768, FF = 3072, HEADS = 12, MAX_ENGINES = 8, MAX_ROUNDS = 1000 };

static const struct {
	const char *name;
	int64_t n, k;
	enum act act;
	bool accumulate;
} products[] = {
	{ "qkv", 3 * D, D, ACT_NONE, false },
	{ "proj", D, D, ACT_NONE, true },
	{ "fc1", FF, D, ACT_QUICK_GELU, false },
	{ "fc2", D, FF, ACT_NONE, true },
};
enum { PRODUCTS = sizeof(products) / sizeof(*products) };

static const struct {
	int64_t batch, tokens;
	double keep;
} settings[] = {
	{ 1, 197, 1 }, { 1, 177, 0.9 }, { 1, 138, 0.7 }, { 1, 99, 0.5 },
	{ 8, 197, 1 }, { 8, 177, 0.9 }, { 8, 138, 0.7 }, { 8, 99, 0.5 },
};
enum { SETTINGS = sizeof(settings) / sizeof(*settings) };

/* One engine with its own prepared weights. */
struct contender {
	const char *name;
	void *self;
	struct linear linear[PRODUCTS];
};

static const struct backend *cpu;
static struct contender contender[MAX_ENGINES];
static int contenders, rounds = 30;
static struct norm norm;
static float *input, *wide, *residual;

static float *filled(size_t count, float spread, const char *name)
{
	float *p = aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
	if (!p)
		abort();
	uint64_t key = rng_key(1, name);
	for (size_t i = 0; i < count; i++)
		p[i] = spread * (2 * rng_uniform(key, (uint32_t)i) - 1);
	return p;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* The samples of one thing that takes turns with others. */
struct timing {
	int64_t ns[MAX_ROUNDS];
	int count;
};

static double lowest_ms(struct timing *t)
{
	qsort(t->ns, (size_t)t->count, sizeof(t->ns[0]), by_value);
	return (double)t->ns[0] * 1e-6;
}

static double median_ms(struct timing *t)
{
	qsort(t->ns, (size_t)t->count, sizeof(t->ns[0]), by_value);
	return (double)t->ns[t->count / 2] * 1e-6;
}

static void multiply(struct contender *c, int p, int64_t rows)
{
	struct tensor x = tensor_of(DT_F32, products[p].k == FF ? wide : input,
				    DIMS(rows, products[p].k));
	struct tensor y = tensor_of(
		DT_F32, products[p].k == FF || products[p].n == D ? residual : wide,
		DIMS(rows, products[p].n));
	cpu->linear(c->self, y, x, &c->linear[p],
		    (struct epilogue){ .act = products[p].act,
				       .accumulate = products[p].accumulate });
}

static void time_products(int64_t batch, int64_t tokens, double block_ms[MAX_ENGINES])
{
	static struct timing t[MAX_ENGINES];
	for (int p = 0; p < PRODUCTS; p++) {
		memset(t, 0, sizeof(t));
		int64_t m = batch * tokens;
		int turns = m > 400 ? (rounds + 3) / 4 : rounds;
		for (int r = -1; r < turns; r++)
			for (int e = 0; e < contenders; e++) {
				int64_t begin = clock_now_ns();
				multiply(&contender[e], p, m);
				if (r >= 0)
					t[e].ns[t[e].count++] = clock_now_ns() - begin;
			}
		double gflop =
			2e-9 * (double)m * (double)products[p].n * (double)products[p].k;
		printf("  %-5s %5d x %4d x %4d", products[p].name, (int)m,
		       (int)products[p].n, (int)products[p].k);
		for (int e = 0; e < contenders; e++) {
			double ms = lowest_ms(&t[e]), middle = median_ms(&t[e]);
			block_ms[e] += ms;
			printf(" | %s %7.3f ms %4.0f GFLOP/s (median %4.0f)",
			       contender[e].name, ms, gflop / ms * 1e3,
			       gflop / middle * 1e3);
		}
		printf("\n");
	}
}

/* What a block does between its products; the sum of their lowest times. */
static double time_others(int64_t batch, int64_t tokens)
{
	static struct timing attention, layernorm;
	void *self = contender[0].self;
	struct tensor qkv = tensor_of(DT_F32, wide, DIMS(batch, tokens, 3 * D));
	struct tensor q = tensor_columns(qkv, 0, D), k = tensor_columns(qkv, D, D);
	struct tensor v = tensor_columns(qkv, 2 * D, D);
	struct tensor x = tensor_of(DT_F32, residual, DIMS(batch, tokens, D));
	struct tensor y = tensor_of(DT_F32, input, DIMS(batch, tokens, D));
	struct attn_opts opts = { .heads = HEADS, .scale = 0.125f };
	attention.count = layernorm.count = 0;
	for (int r = -1; r < rounds; r++) {
		int64_t begin = clock_now_ns();
		cpu->attention(self, y, q, k, v, &opts);
		int64_t middle = clock_now_ns();
		cpu->layernorm(self, y, x, &norm);
		int64_t end = clock_now_ns();
		if (r < 0)
			continue;
		attention.ns[attention.count++] = middle - begin;
		layernorm.ns[layernorm.count++] = end - middle;
	}
	double a = lowest_ms(&attention), l = lowest_ms(&layernorm);
	double gflop = 4e-9 * (double)(batch * tokens * tokens) * D;
	printf("  attention %.3f ms (%.0f GFLOP/s), layernorm %.3f ms\n", a,
	       gflop / a * 1e3, l);
	return a + 2 * l;
}

static void open_contender(const char *name, struct pool *pool)
{
	struct contender *c = &contender[contenders];
	*c = (struct contender){ .name = name };
	if (cpu->open(&(struct backend_opts){ .pool = pool, .gemm = name }, &c->self)) {
		printf("%s: %s\n", name, err_message());
		return;
	}
	for (int p = 0; p < PRODUCTS; p++) {
		struct linear *l = &c->linear[p];
		size_t n = (size_t)products[p].n, k = (size_t)products[p].k;
		l->weight = tensor_of(DT_F32, filled(n * k, 0.05f, "w"),
				      DIMS(products[p].n, products[p].k));
		l->bias = tensor_of(DT_F32, filled(n, 0.02f, "b"), DIMS(products[p].n));
		if (cpu->prepare(c->self, l))
			abort();
	}
	struct blas_info info;
	cpu->describe(c->self, &info);
	printf("%s: %s %s %s %s\n", name, info.name, info.version, info.core,
	       info.warning);
	contenders++;
}

static void report(int s)
{
	double block_ms[MAX_ENGINES] = { 0 };
	printf("batch %d, keep %g\n", (int)settings[s].batch, settings[s].keep);
	time_products(settings[s].batch, settings[s].tokens, block_ms);
	double others = time_others(settings[s].batch, settings[s].tokens);
	for (int e = 0; e < contenders; e++)
		printf("  block, %s: products %.2f ms, with the rest %.2f ms; products "
		       "are %.1f %%; "
		       "%.2f of the first engine's\n",
		       contender[e].name, block_ms[e], block_ms[e] + others,
		       100 * block_ms[e] / (block_ms[e] + others),
		       block_ms[e] / block_ms[0]);
}

int main(int argc, char **argv)
{
	struct pool *pool;
	int threads = 0, first = 1;
	for (; first + 1 < argc && argv[first][0] == '-'; first += 2) {
		if (!strcmp(argv[first], "--threads"))
			threads = atoi(argv[first + 1]);
		else if (!strcmp(argv[first], "--rounds"))
			rounds = atoi(argv[first + 1]);
	}
	rounds = rounds < 1 ? 1 : rounds > MAX_ROUNDS ? MAX_ROUNDS : rounds;
	if (pool_create(threads, &pool))
		return 1;
	cpu = backend_by_name("cpu");
	size_t rows = 8 * 197;
	input = filled(rows * D, 1, "x");
	wide = filled(rows * FF, 1, "h");
	residual = filled(rows * D, 1, "r");
	norm = (struct norm){ tensor_of(DT_F32, filled(D, 1, "g"), DIMS(D)),
			      tensor_of(DT_F32, filled(D, 1, "b"), DIMS(D)), 1e-5f };
	if (first < argc)
		for (int i = first; i < argc && contenders < MAX_ENGINES; i++)
			open_contender(argv[i], pool);
	else
		for (int i = 0; gemm_engines[i] && contenders < MAX_ENGINES; i++)
			if (strcmp(gemm_engines[i]->name, "ref"))
				open_contender(gemm_engines[i]->name, pool);
	for (int s = 0; contenders && s < SETTINGS; s++)
		report(s);
	return 0;
}
