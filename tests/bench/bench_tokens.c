/*
 * What the ops on tokens cost beside what they save, run by hand:
 *   bench_tokens [--threads N] [--rounds N] [--gemm ENGINE] [--only attention]
 *
 * ViT-B/16 and ViT-L/14 at batch 1 and 8: every op that scores, selects, gathers, makes
 * or merges tokens, and attention in its forms, as shares of one block's four linear
 * products. All take turns in every round; the lowest time counts, since neighbours only
 * ever add, and the median of the shares of each round stands beside it with its
 * quartiles.
 *
 * Then attention alone where it grows: ViT-B/16, a Qwen2-VL vision tower over all patches
 * and in windows, and a decoder's step over what it has seen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "kernels/backend.h"

enum { MOST_ROUNDS = 2000 };

struct shape {
	const char *name;
	int64_t batch, tokens, d;
	int heads;
};

static const struct shape shapes[] = {
	{ "ViT-B/16", 1, 197, 768, 12 },
	{ "ViT-B/16", 8, 197, 768, 12 },
	{ "ViT-L/14", 1, 257, 1024, 16 },
	{ "ViT-L/14", 8, 257, 1024, 16 },
};
enum { SHAPES = sizeof(shapes) / sizeof(*shapes) };

/* All tensors of one shape. Half of the tokens stay, an eighth is merged. */
static struct {
	int64_t b, t, d, left, r;
	int heads;
	struct tensor x, y, wide, qkv, q, k, v, score, size, ones, into, work, cls, pos,
		patches;
	struct linear product[4];
	struct selection half, ragged;
	struct select_opts rule;
} now;

static const struct backend *cpu;
static void *self;

static void *filled(int64_t count, float low, float high)
{
	float *p = aligned_alloc(64, ((size_t)count * sizeof(float) + 63) / 64 * 64);
	if (!p)
		abort();
	uint64_t key = rng_key((uint64_t)count, "bench");
	for (int64_t i = 0; i < count; i++)
		p[i] = low + (high - low) * rng_uniform(key, (uint32_t)i);
	return p;
}

static struct tensor tensor(float low, float high, int ndim, const int64_t *dim)
{
	struct tensor t = tensor_of(DT_F32, NULL, ndim, dim);
	t.data = filled(tensor_count(&t), low, high);
	return t;
}

static struct tensor ints(int64_t count)
{
	return tensor_of(DT_I32, filled(count, 0, 0), DIMS(count));
}

/* ---- what is timed ---- */

static void run_products(void)
{
	static const struct epilogue epilogue[4] = {
		{ .act = ACT_NONE },
		{ .accumulate = true },
		{ .act = ACT_QUICK_GELU },
		{ .accumulate = true },
	};
	const struct tensor from[4] = { now.x, now.x, now.x, now.wide };
	struct tensor fused = now.qkv;
	const struct tensor to[4] = { fused, now.y, now.wide, now.y };
	for (int i = 0; i < 4; i++)
		cpu->linear(self, to[i], from[i], &now.product[i], epilogue[i]);
}

static void run_norms(void) { cpu->token_norms(self, now.score, now.x, 1); }
static void run_key_norms(void) { cpu->token_norms(self, now.score, now.k, now.heads); }
static void run_random(void) { cpu->random_scores(self, now.score, 7); }

static void run_cls(void)
{
	cpu->cls_scores(self, now.score, now.q, now.k, now.heads, 0.125f);
}

static void select_by(int by, double value)
{
	struct select_opts o = now.rule;
	o.by = by;
	o.value = value;
	struct selection *s = by == SELECT_COUNT ? &now.half : &now.ragged;
	cpu->select(self, s, now.score, &o);
}

static void run_count(void) { select_by(SELECT_COUNT, 0); }
static void run_above(void) { select_by(SELECT_ABOVE, 0.5); }
static void run_quantile(void) { select_by(SELECT_QUANTILE, 0.5); }
static void run_share(void) { select_by(SELECT_SHARE, 0.75); }

static struct tensor kept(void)
{
	return tensor_of(DT_F32, now.y.data, DIMS(1, now.half.rows.dim[0], now.d));
}

static void run_gather(void) { cpu->gather(self, kept(), now.x, now.half.rows); }

static void run_make(void)
{
	cpu->make(self, kept(), now.x, &now.half, MADE_MEAN_DROPPED, now.score);
}

static void run_embed(void)
{
	cpu->embed(self, now.y, now.patches, (struct tensor){ 0 }, now.cls, now.pos);
}

static void run_match(void)
{
	cpu->match(self, now.into, now.k, now.heads, now.r, true, now.work);
}

static void run_merge(void)
{
	struct tensor y = now.y, size = now.size;
	y.dim[1] = size.dim[1] = now.left;
	size.ld = now.left;
	cpu->merge(self, y, size, now.x, now.ones, now.into);
}

static void attend(struct attn_opts o)
{
	o.heads = now.heads;
	o.scale = 0.125f;
	cpu->attention(self, now.y, now.q, now.k, now.v, &o);
}

static void run_attention(void) { attend((struct attn_opts){ 0 }); }
static void run_sized(void) { attend((struct attn_opts){ .key_size = now.ones }); }
static void run_causal(void) { attend((struct attn_opts){ .causal = true }); }

/* As many rows as without segments. */
static void run_segments(void)
{
	int32_t start[8], length[8];
	struct segments rows = { .start = tensor_of(DT_I32, start, DIMS(now.b)),
				 .length = tensor_of(DT_I32, length, DIMS(now.b)) };
	for (int64_t b = 0; b < now.b; b++) {
		start[b] = (int32_t)(b * now.t);
		length[b] = (int32_t)now.t;
	}
	attend((struct attn_opts){ .query_rows = rows, .key_rows = rows });
}

static const struct {
	const char *name;
	void (*run)(void);
} ops[] = {
	{ "linear products", run_products },
	{ "token norms", run_norms },
	{ "key norms", run_key_norms },
	{ "random scores", run_random },
	{ "class attention", run_cls },
	{ "select count", run_count },
	{ "select above", run_above },
	{ "select quantile", run_quantile },
	{ "select share", run_share },
	{ "gather half", run_gather },
	{ "make mean", run_make },
	{ "embed", run_embed },
	{ "match", run_match },
	{ "merge", run_merge },
	{ "attention", run_attention },
	{ "attention, sized", run_sized },
	{ "attention, causal", run_causal },
	{ "attention, ragged", run_segments },
};
enum { OPS = sizeof(ops) / sizeof(*ops) };

/* ---- setting up ---- */

static struct linear product(int64_t out, int64_t in)
{
	struct linear l = { .weight = tensor(-0.05f, 0.05f, DIMS(out, in)),
			    .bias = tensor(-0.02f, 0.02f, DIMS(out)) };
	if (cpu->prepare(self, &l))
		abort();
	return l;
}

static void make_selections(int64_t rows)
{
	now.rule = (struct select_opts){
		.by = SELECT_COUNT, .count = now.t / 2, .front = 1, .made = 1
	};
	now.half = (struct selection){ .items = now.b, .front = 1 };
	now.half.rows = ints(now.b * (now.t / 2 + 2));
	now.ragged = (struct selection){ .items = now.b, .front = 1 };
	now.ragged.rows = ints(rows + 2 * now.b);
	now.ragged.out = (struct segments){ .start = ints(now.b), .length = ints(now.b) };
}

/* What was there before stays: a few hundred MiB in a program that ends soon. */
static void set_up(const struct shape *s)
{
	int64_t b = s->batch, t = s->tokens, d = s->d;
	now.b = b, now.t = t, now.d = d, now.heads = s->heads;
	now.r = t / 8, now.left = t - t / 8;
	now.x = tensor(-1, 1, DIMS(b, t, d));
	now.y = tensor(0, 1, DIMS(b, t, d));
	now.wide = tensor(-1, 1, DIMS(b, t, 4 * d));
	now.qkv = tensor(-1, 1, DIMS(b, t, 3 * d));
	struct tensor fused = tensor(-1, 1, DIMS(b, t, 3 * d));
	now.q = tensor_columns(fused, 0, d);
	now.k = tensor_columns(fused, d, d);
	now.v = tensor_columns(fused, 2 * d, d);
	now.score = tensor(0, 1, DIMS(b * t));
	now.size = tensor(1, 1, DIMS(b, t));
	now.ones = tensor(1, 1, DIMS(b, t));
	now.into = ints(b * t);
	now.work = tensor(0, 0, DIMS(b * t * (d / s->heads + 2)));
	now.cls = tensor(-1, 1, DIMS(d));
	now.pos = tensor(-1, 1, DIMS(t, d));
	now.patches = tensor(-1, 1, DIMS(b, t - 1, d));
	now.product[0] = product(3 * d, d);
	now.product[1] = product(d, d);
	now.product[2] = product(4 * d, d);
	now.product[3] = product(d, 4 * d);
	make_selections(b * t);
}

/* ---- measuring ---- */

static double us[OPS][MOST_ROUNDS];

static int rising(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void take_turns(int rounds)
{
	for (int r = -2; r < rounds; r++)
		for (int i = 0; i < OPS; i++) {
			int64_t begin = clock_now_ns();
			ops[i].run();
			if (r >= 0)
				us[i][r] = (double)(clock_now_ns() - begin) * 1e-3;
		}
}

static void report(int rounds)
{
	static double share[OPS][MOST_ROUNDS];
	double products = us[0][0];
	for (int r = 0; r < rounds; r++) {
		products = us[0][r] < products ? us[0][r] : products;
		for (int i = 0; i < OPS; i++)
			share[i][r] = 100 * us[i][r] / us[0][r];
	}
	for (int i = 0; i < OPS; i++) {
		qsort(us[i], (size_t)rounds, sizeof(double), rising);
		qsort(share[i], (size_t)rounds, sizeof(double), rising);
		printf("  %-18s %10.1f us (median %10.1f)  %7.3f %%  median %7.3f "
		       "[%.3f, %.3f]\n",
		       ops[i].name, us[i][0], us[i][rounds / 2],
		       100 * us[i][0] / products, share[i][rounds / 2],
		       share[i][rounds / 4], share[i][3 * rounds / 4]);
	}
}

/* ---- attention alone ---- */

static const struct {
	const char *name;
	int64_t queries, keys;
	int heads, kv_heads;
	int64_t width, window; /* 0: none */
} alone[] = {
	{ "ViT-B/16", 197, 197, 12, 12, 64, 0 },
	{ "16 x 16 patches", 256, 256, 16, 16, 80, 0 },
	{ "36 x 36 patches", 1296, 1296, 16, 16, 80, 0 },
	{ "64 x 64 patches", 4096, 4096, 16, 16, 80, 0 },
	{ "64 x 64 in windows", 4096, 4096, 16, 16, 80, 64 },
	{ "decoder's prefill", 1024, 1024, 12, 2, 128, 0 },
	{ "decoder's step", 1, 4096, 12, 2, 128, 0 },
};

static struct segments windows_of(int64_t rows, int64_t size)
{
	int64_t n = size ? rows / size : 0;
	if (!n)
		return (struct segments){ 0 };
	struct segments s = { .start = ints(n), .length = ints(n) };
	for (int64_t i = 0; i < n; i++) {
		((int32_t *)s.start.data)[i] = (int32_t)(i * size);
		((int32_t *)s.length.data)[i] = (int32_t)size;
	}
	return s;
}

static void time_alone(size_t i, int rounds)
{
	int64_t d = alone[i].heads * alone[i].width, tq = alone[i].queries;
	int64_t kept = alone[i].kv_heads * alone[i].width, tk = alone[i].keys;
	struct tensor q = tensor(-1, 1, DIMS(1, tq, d)), y = tensor(0, 1, DIMS(1, tq, d));
	struct tensor k = tensor(-1, 1, DIMS(1, tk, kept)),
		      v = tensor(-1, 1, DIMS(1, tk, kept));
	struct segments rows = windows_of(tq, alone[i].window);
	struct attn_opts o = { .heads = alone[i].heads,
			       .kv_heads = alone[i].kv_heads,
			       .scale = 0.1f,
			       .query_rows = rows,
			       .key_rows = rows };
	double *took = us[0], seen = (double)(alone[i].window ? alone[i].window : tk);
	for (int r = -1; r < rounds; r++) {
		int64_t begin = clock_now_ns();
		cpu->attention(self, y, q, k, v, &o);
		if (r >= 0)
			took[r] = (double)(clock_now_ns() - begin) * 1e-3;
	}
	qsort(took, (size_t)rounds, sizeof(double), rising);
	double gflop = 4e-9 * (double)(tq * d) * seen;
	printf("  attention, %-18s %10.1f us %4.0f GFLOP/s (median %10.1f us)\n",
	       alone[i].name, took[0], gflop / took[0] * 1e6, took[rounds / 2]);
}

int main(int argc, char **argv)
{
	struct pool *pool;
	int threads = 0, rounds = 100;
	const char *gemm = "auto";
	bool all = true;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--threads"))
			threads = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--rounds"))
			rounds = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--gemm"))
			gemm = argv[i + 1];
		else if (!strcmp(argv[i], "--only"))
			all = strcmp(argv[i + 1], "attention") != 0;
	}
	rounds = rounds < 1 ? 1 : rounds > MOST_ROUNDS ? MOST_ROUNDS : rounds;
	if (pool_create(threads, &pool))
		return 1;
	cpu = backend_by_name("cpu");
	if (cpu->open(&(struct backend_opts){ .pool = pool, .gemm = gemm }, &self)) {
		printf("%s\n", err_message());
		return 1;
	}
	struct blas_info info;
	cpu->describe(self, DT_F32, &info);
	for (int i = 0; all && i < SHAPES; i++) {
		const struct shape *s = &shapes[i];
		set_up(s);
		printf("%s, batch %d, %d threads, %s %s\n", s->name, (int)s->batch,
		       pool_size(pool), info.name, info.core);
		int n = s->batch > 1 ? (rounds + 4) / 5 : rounds;
		take_turns(n);
		report(n);
	}
	for (size_t i = 0; i < sizeof(alone) / sizeof(*alone); i++)
		time_alone(i, rounds);
	return 0;
}
