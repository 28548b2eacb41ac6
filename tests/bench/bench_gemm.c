/*
 * How near the cpu backend is to the machine's own ceiling, run by hand:
 *   bench_gemm [--threads N] [--rounds N] [--weights half] [engine ...]
 *                                               (default: every engine but ref)
 *
 * At batch 1 and 8 and the tokens of keep 1, .9, .7, .5 of ViT-B/16: every product alone,
 * the ops between them alone, and the twelve blocks beside a plain loop of their products
 * (no bias, activation or residual; the same weights, engine and threads), which is the
 * ceiling. What is compared takes turns in every round; the lowest time of all rounds
 * counts, since neighbours only ever add. Trust the ratios within one run, not the
 * absolute figures.
 *
 * With --weights half: the products of a Qwen2-VL vision block with weights in F16 and
 * BF16 beside the same in F32, and of BF16 by BF16 (mixed), all from memory, as ratios.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"
#include "kernels/cpu/gemm.h"

enum { D = 768, FF = 3072, HEADS = 12, LAYERS = 12, MAX_ENGINES = 8, MAX_ROUNDS = 1000 };

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

enum { QKV, PROJ, FC1, FC2 };

/* One engine with what it prepared of the weights, which are the same for all. */
struct contender {
	const char *name;
	void *self;
	struct linear linear[LAYERS][PRODUCTS];
};

static const struct backend *cpu;
static struct contender contender[MAX_ENGINES];
static int contenders, rounds = 30;
static struct norm norm;
static float *input, *wide, *residual;
static struct linear weights[LAYERS][PRODUCTS];

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

static int rising(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
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

/* The buffers of an encoder: x -> ln -> input -> qkv -> wide -> attention -> input -> ...
 */
static void multiply(struct contender *c, int layer, int p, int64_t batch, int64_t tokens,
		     bool plain)
{
	struct tensor x = tensor_of(DT_F32, p == FC2 ? wide : input,
				    DIMS(batch, tokens, products[p].k));
	struct tensor y = tensor_of(DT_F32, p == PROJ || p == FC2 ? residual : wide,
				    DIMS(batch, tokens, products[p].n));
	struct linear l = c->linear[layer][p];
	struct epilogue e = { .act = products[p].act,
			      .accumulate = products[p].accumulate };
	if (plain) {
		l.bias.ndim = 0;
		e = (struct epilogue){ .act = ACT_NONE };
	}
	cpu->linear(c->self, y, x, &l, e);
}

static void attend(struct contender *c, int64_t batch, int64_t tokens)
{
	struct tensor qkv = tensor_of(DT_F32, wide, DIMS(batch, tokens, 3 * D));
	cpu->attention(c->self, tensor_of(DT_F32, input, DIMS(batch, tokens, D)),
		       tensor_columns(qkv, 0, D), tensor_columns(qkv, D, D),
		       tensor_columns(qkv, 2 * D, D),
		       &(struct attn_opts){ .heads = HEADS, .scale = 0.125f });
}

static void normalise(struct contender *c, int64_t batch, int64_t tokens)
{
	cpu->layernorm(c->self, tensor_of(DT_F32, input, DIMS(batch, tokens, D)),
		       tensor_of(DT_F32, residual, DIMS(batch, tokens, D)), &norm);
}

static void encoder(struct contender *c, int64_t batch, int64_t tokens)
{
	for (int i = 0; i < LAYERS; i++) {
		normalise(c, batch, tokens);
		multiply(c, i, QKV, batch, tokens, false);
		attend(c, batch, tokens);
		multiply(c, i, PROJ, batch, tokens, false);
		normalise(c, batch, tokens);
		multiply(c, i, FC1, batch, tokens, false);
		multiply(c, i, FC2, batch, tokens, false);
	}
}

static void plain_loop(struct contender *c, int64_t batch, int64_t tokens)
{
	for (int i = 0; i < LAYERS; i++)
		for (int p = 0; p < PRODUCTS; p++)
			multiply(c, i, p, batch, tokens, true);
}

static int turns_for(int64_t batch) { return batch > 1 ? (rounds + 4) / 5 : rounds; }

static void time_products(int64_t batch, int64_t tokens)
{
	static struct timing t[MAX_ENGINES];
	int64_t m = batch * tokens;
	for (int p = 0; p < PRODUCTS; p++) {
		memset(t, 0, sizeof(t));
		for (int r = -1; r < turns_for(batch); r++)
			for (int e = 0; e < contenders; e++) {
				int64_t begin = clock_now_ns();
				multiply(&contender[e], 0, p, batch, tokens, false);
				if (r >= 0)
					t[e].ns[t[e].count++] = clock_now_ns() - begin;
			}
		double gflop =
			2e-9 * (double)m * (double)products[p].n * (double)products[p].k;
		printf("  %-5s %5d x %4d x %4d", products[p].name, (int)m,
		       (int)products[p].n, (int)products[p].k);
		for (int e = 0; e < contenders; e++)
			printf(" | %s %7.3f ms %4.0f GFLOP/s (median %4.0f)",
			       contender[e].name, lowest_ms(&t[e]),
			       gflop / lowest_ms(&t[e]) * 1e3,
			       gflop / median_ms(&t[e]) * 1e3);
		printf("\n");
	}
}

static void time_others(int64_t batch, int64_t tokens)
{
	static struct timing attention, layernorm;
	attention.count = layernorm.count = 0;
	for (int r = -1; r < rounds; r++) {
		int64_t begin = clock_now_ns();
		attend(&contender[0], batch, tokens);
		int64_t middle = clock_now_ns();
		normalise(&contender[0], batch, tokens);
		int64_t end = clock_now_ns();
		if (r < 0)
			continue;
		attention.ns[attention.count++] = middle - begin;
		layernorm.ns[layernorm.count++] = end - middle;
	}
	double ms = lowest_ms(&attention);
	double gflop = 4e-9 * (double)(batch * tokens * tokens) * D;
	printf("  attention %.3f ms (%.0f GFLOP/s), layernorm %.3f ms\n", ms,
	       gflop / ms * 1e3, lowest_ms(&layernorm));
}

/* The blocks beside the plain loop; returns in keep_1[e] or compares with it. */
static void time_encoder(int64_t batch, int64_t tokens, double keep_1[MAX_ENGINES])
{
	static struct timing whole[MAX_ENGINES], plain[MAX_ENGINES];
	memset(whole, 0, sizeof(whole));
	memset(plain, 0, sizeof(plain));
	for (int r = -1; r < turns_for(batch); r++)
		for (int e = 0; e < contenders; e++) {
			int64_t begin = clock_now_ns();
			encoder(&contender[e], batch, tokens);
			int64_t middle = clock_now_ns();
			plain_loop(&contender[e], batch, tokens);
			int64_t end = clock_now_ns();
			if (r < 0)
				continue;
			whole[e].ns[whole[e].count++] = middle - begin;
			plain[e].ns[plain[e].count++] = end - middle;
		}
	for (int e = 0; e < contenders; e++) {
		double w = lowest_ms(&whole[e]), p = lowest_ms(&plain[e]);
		if (tokens == settings[0].tokens)
			keep_1[e] = w;
		printf("  12 blocks, %-8s %8.2f ms (median %8.2f), plain products %8.2f "
		       "ms: "
		       "%.3f of the ceiling; %.3f of keep 1; %.3f of %s\n",
		       contender[e].name, w, median_ms(&whole[e]), p, p / w,
		       w / keep_1[e], w / lowest_ms(&whole[0]), contender[0].name);
	}
}

/* ---- weights in half precision ---- */

enum { COPIES = 6, TYPES = 3, KINDS = 4 }; /* so many that no cache holds them */

static const struct {
	int64_t n, k;
} halves[] = { { 3840, 1280 }, { 5120, 1280 }, { 1280, 5120 } };
static const int64_t rows_of_halves[] = { 1, 6, 12, 16, 50, 256, 1296 };

/* The upper half of an F32 is a BF16; the same bits as F16 are as good a number. */
static struct tensor narrowed(const struct tensor *w, enum dtype type)
{
	int64_t count = tensor_count(w);
	uint16_t *to = malloc(2 * (size_t)count);
	if (!to)
		abort();
	for (int64_t i = 0; i < count; i++) {
		uint32_t bits;
		memcpy(&bits, tensor_f32(w) + i, sizeof(bits));
		to[i] = (uint16_t)(bits >> 16);
	}
	struct tensor half = *w;
	half.dtype = type;
	half.data = to;
	return half;
}

static void make_halves(struct linear l[TYPES][COPIES], int64_t n, int64_t k)
{
	for (int i = 0; i < COPIES; i++) {
		float *w = filled((size_t)(n * k), 0.05f, "w");
		l[DT_F32][i] =
			(struct linear){ .weight = tensor_of(DT_F32, w, DIMS(n, k)) };
		for (int type = DT_F16; type <= DT_BF16; type++)
			l[type][i].weight = narrowed(&l[DT_F32][i].weight, type);
	}
}

static void prepare_halves(struct contender *c, struct linear l[TYPES][COPIES], bool on)
{
	for (int type = 0; type < TYPES; type++)
		for (int i = 0; i < COPIES; i++) {
			if (!on)
				cpu->unprepare(c->self, &l[type][i]);
			else if (cpu->prepare(c->self, &l[type][i]))
				abort();
		}
}

/* Weights of every type with x as it is, and with x rounded to theirs. Each kind is at
 * another copy, so that none finds what another has just read. */
static const struct {
	const char *name;
	enum dtype weights, round;
} kinds[KINDS] = { { "F32", DT_F32, DT_F32 },
		   { "F16", DT_F16, DT_F32 },
		   { "BF16", DT_BF16, DT_F32 },
		   { "mixed", DT_BF16, DT_BF16 } };

static void time_half(struct contender *c, struct linear l[TYPES][COPIES], int64_t m)
{
	static struct timing t[KINDS];
	static double ratio[KINDS][MAX_ROUNDS];
	int64_t n = l[0][0].weight.dim[0], k = l[0][0].weight.dim[1];
	struct tensor x = tensor_of(DT_F32, input, DIMS(m, k));
	struct tensor y = tensor_of(DT_F32, wide, DIMS(m, n));
	memset(t, 0, sizeof(t));
	for (int r = -1; r < rounds; r++)
		for (int i = 0; i < KINDS; i++) {
			int kind = (r + 1 + i) % KINDS;
			int64_t begin = clock_now_ns();
			cpu->linear(c->self, y, x,
				    &l[kinds[kind].weights][(r + 1 + kind) % COPIES],
				    (struct epilogue){ .round = kinds[kind].round });
			if (r >= 0)
				t[kind].ns[r] = clock_now_ns() - begin;
		}
	printf("  %s, %s %4d x %4d x %4d", cpu->engine(c->self, m, &l[0][0], DT_F32),
	       cpu->engine(c->self, m, &l[DT_BF16][0], DT_BF16), (int)m, (int)n, (int)k);
	for (int kind = 0; kind < KINDS; kind++) {
		t[kind].count = rounds;
		for (int r = 0; r < rounds; r++)
			ratio[kind][r] = (double)t[kind].ns[r] / (double)t[0].ns[r];
	}
	for (int kind = 0; kind < KINDS; kind++) {
		qsort(ratio[kind], (size_t)rounds, sizeof(double), rising);
		double ms = lowest_ms(&t[kind]);
		printf(" | %s %.3f ms", kinds[kind].name, ms);
		if (!kind)
			printf(" %.0f GFLOP/s", 2e-6 * (double)(m * n * k) / ms);
		else
			printf(" %.2f of F32 (median %.2f [%.2f, %.2f])",
			       ms / lowest_ms(&t[0]), ratio[kind][rounds / 2],
			       ratio[kind][rounds / 4], ratio[kind][3 * rounds / 4]);
	}
	printf("\n");
}

static void time_halves(void)
{
	static struct linear l[TYPES][COPIES];
	enum { ROWS = sizeof(rows_of_halves) / sizeof(*rows_of_halves) };
	input = filled((size_t)rows_of_halves[ROWS - 1] * 5120, 1, "x");
	wide = filled((size_t)rows_of_halves[ROWS - 1] * 5120, 1, "y");
	for (size_t s = 0; s < sizeof(halves) / sizeof(*halves); s++) {
		make_halves(l, halves[s].n, halves[s].k);
		for (int e = 0; e < contenders; e++) {
			prepare_halves(&contender[e], l, true);
			for (int i = 0; i < ROWS; i++)
				time_half(&contender[e], l, rows_of_halves[i]);
			prepare_halves(&contender[e], l, false);
		}
	}
}

static void make_weights(void)
{
	for (int i = 0; i < LAYERS; i++)
		for (int p = 0; p < PRODUCTS; p++) {
			size_t n = (size_t)products[p].n, k = (size_t)products[p].k;
			weights[i][p].weight =
				tensor_of(DT_F32, filled(n * k, 0.05f, "w"),
					  DIMS(products[p].n, products[p].k));
			weights[i][p].bias = tensor_of(DT_F32, filled(n, 0.02f, "b"),
						       DIMS(products[p].n));
		}
}

static void open_contender(const char *name, struct pool *pool)
{
	struct contender *c = &contender[contenders];
	*c = (struct contender){ .name = name };
	if (cpu->open(&(struct backend_opts){ .pool = pool, .gemm = name }, &c->self)) {
		printf("%s: %s\n", name, err_message());
		return;
	}
	memcpy(c->linear, weights, sizeof(weights));
	for (int i = 0; i < LAYERS && weights[0][0].weight.ndim; i++)
		for (int p = 0; p < PRODUCTS; p++)
			if (cpu->prepare(c->self, &c->linear[i][p]))
				abort();
	struct blas_info info;
	cpu->describe(c->self, DT_F32, &info);
	printf("%s: %s %s %s %s\n", name, info.name, info.version, info.core,
	       info.warning);
	contenders++;
}

int main(int argc, char **argv)
{
	struct pool *pool;
	int threads = 0, first = 1;
	bool half = false;
	for (; first + 1 < argc && argv[first][0] == '-'; first += 2) {
		if (!strcmp(argv[first], "--threads"))
			threads = atoi(argv[first + 1]);
		else if (!strcmp(argv[first], "--rounds"))
			rounds = atoi(argv[first + 1]);
		else if (!strcmp(argv[first], "--weights"))
			half = !strcmp(argv[first + 1], "half");
	}
	rounds = rounds < 1 ? 1 : rounds > MAX_ROUNDS ? MAX_ROUNDS : rounds;
	if (pool_create(threads, &pool))
		return 1;
	cpu = backend_by_name("cpu");
	size_t rows = 8 * 197;
	if (!half)
		make_weights();
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
	if (half) {
		time_halves();
		return 0;
	}
	double keep_1[MAX_ENGINES] = { 0 };
	for (int s = 0; contenders && s < SETTINGS; s++) {
		printf("batch %d, keep %g\n", (int)settings[s].batch, settings[s].keep);
		time_products(settings[s].batch, settings[s].tokens);
		time_others(settings[s].batch, settings[s].tokens);
		time_encoder(settings[s].batch, settings[s].tokens, keep_1);
	}
	return 0;
}
