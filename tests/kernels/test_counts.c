/* What ops count and allocate is the same on every backend: the dry one predicts it. */
#include "check.h"

#include "kernels/op.h"

#define MOST 32

struct recorder {
	struct tracer tracer;
	int count, depth;
	char name[MOST][64];
	struct op_count op[MOST];
};

static void on_open(struct tracer *t, const char *name)
{
	struct recorder *r = (struct recorder *)t;
	r->depth++;
	assert_true(r->count < MOST);
	snprintf(r->name[r->count], sizeof(r->name[0]), "%s", name);
}

static void on_close(struct tracer *t, const struct op_count *c)
{
	struct recorder *r = (struct recorder *)t;
	r->depth--;
	if (c)
		r->op[r->count++] = *c;
}

struct setting {
	int64_t batch, size, d;
	int heads, patch;
	int64_t kept;
};

static float *zeros(size_t count)
{
	float *p = test_calloc(count, sizeof(float));
	assert_non_null(p);
	return p;
}

static struct tensor vector(float *weights, int64_t n)
{
	return tensor_of(DT_F32, weights, DIMS(n));
}

static struct linear linear(float *weights, int64_t out, int64_t in)
{
	return (struct linear){ .weight = tensor_of(DT_F32, weights, DIMS(out, in)),
				.bias = vector(weights, out) };
}

/* Every op once, as a small pruned encoder of one block. */
static void forward(struct pass *p, const struct setting *s, float *weights, float *image)
{
	int64_t d = s->d, n = (s->size / s->patch) * (s->size / s->patch);
	struct linear embed = linear(weights, d, 3 * s->patch * s->patch);
	struct linear qkv = linear(weights, 3 * d, d), out = linear(weights, d, d);
	struct norm norm = { vector(weights, d), vector(weights, d), 1e-5f };
	struct tensor picture =
		tensor_of(DT_F32, image, DIMS(s->batch, 3, s->size, s->size));
	struct tensor positions = tensor_of(DT_F32, weights, DIMS(1 + n, d));
	struct attn_opts opts = { .heads = s->heads, .scale = 0.5f };

	struct tensor x = op_patches(p, "patches", picture, s->patch);
	x = op_linear(p, "project", x, &embed, ACT_NONE);
	struct tensor score = op_random_scores(p, "random", x, 7);
	score = op_row_norms(p, "norms", x);
	struct tensor kept = { 0 };
	if (s->kept)
		kept = op_select(p, "select", score, s->kept);
	x = op_embed(p, "embed", x, kept, vector(weights, d), positions);
	span_open(p, "blocks", 0);
	size_t mark = pass_mark(p);
	struct tensor h = op_layernorm(p, "ln", x, &norm);
	h = op_linear(p, "qkv", h, &qkv, ACT_NONE);
	h = op_attention(p, "sdpa", tensor_columns(h, 0, d), tensor_columns(h, d, d),
			 tensor_columns(h, 2 * d, d), &opts);
	op_linear_add(p, "out", x, h, &out);
	h = op_linear(p, "gelu", x, &out, ACT_GELU);
	pass_release(p, mark);
	span_close(p);
}

/* Runs it on a backend; returns the peak of its arena. */
static size_t record(const char *name, const struct setting *s, float *weights,
		     float *image, struct recorder *r)
{
	struct arena arena;
	void *self;
	const struct backend *b = backend_by_name(name);
	assert_non_null(b);
	if (b->dry)
		arena_init_dry(&arena);
	else
		check_ok(arena_init(&arena, (size_t)16 << 20));
	check_ok(b->open(&(struct backend_opts){ .gemm = "ref" }, &self));
	*r = (struct recorder){ .tracer = { on_open, on_close } };
	struct pass p = {
		.backend = b, .self = self, .arena = &arena, .tracer = &r->tracer
	};
	forward(&p, s, b->dry ? NULL : weights, b->dry ? NULL : image);
	check_ok(pass_end(&p));
	assert_int_equal(r->depth, 0);
	b->close(self);
	size_t peak = arena.peak;
	arena_release(&arena);
	return peak;
}

static void same_counts(const struct recorder *a, const struct recorder *b)
{
	assert_int_equal(a->count, b->count);
	for (int i = 0; i < a->count; i++) {
		struct op_count x = a->op[i], y = b->op[i];
		assert_string_equal(a->name[i], b->name[i]);
		assert_string_equal(x.kind, y.kind);
		x.kind = y.kind = x.engine = y.engine = NULL;
		assert_memory_equal(&x, &y, sizeof(x));
	}
}

static void dry_counts_what_the_others_count(void **state)
{
	(void)state;
	static const struct setting settings[] = {
		{ 1, 4, 2, 1, 4, 0 },
		{ 1, 24, 12, 3, 4, 18 },
		{ 3, 30, 20, 2, 6, 1 },
		{ 2, 28, 40, 5, 14, 0 },
	};
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		const struct setting *s = &settings[i];
		float *weights = zeros((size_t)(3 * s->d * (s->d + 14 * 14)));
		float *image = zeros((size_t)(s->batch * 3 * s->size * s->size));
		static struct recorder dry, ref, cpu;
		size_t peak = record("dry", s, weights, image, &dry);
		assert_int_equal(peak, record("ref", s, weights, image, &ref));
		assert_int_equal(peak, record("cpu", s, weights, image, &cpu));
		same_counts(&dry, &ref);
		same_counts(&dry, &cpu);
		assert_true(dry.count == (s->kept ? 11 : 10));
		test_free(weights);
		test_free(image);
	}
}

/* The products of ViT-B/16 by hand: 35.1 GFLOP of the literature come from these. */
static void a_product_counts_as_the_papers_do(void **state)
{
	(void)state;
	static struct recorder r;
	struct setting s = { 1, 224, 768, 12, 16, 98 };
	record("dry", &s, NULL, NULL, &r);
	for (int i = 0; i < r.count; i++) {
		const struct op_count *c = &r.op[i];
		if (strcmp(r.name[i], "qkv"))
			continue;
		assert_int_equal(c->m, 99);
		assert_int_equal(c->n, 2304);
		assert_int_equal(c->k, 768);
		assert_true(c->flops_torch == 2.0 * 99 * 2304 * 768);
		assert_true(c->flops == c->flops_torch + 99.0 * 2304);
		assert_true(c->flops_fvcore == 99.0 * 2304 * 768);
		return;
	}
	fail_msg("no qkv");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dry_counts_what_the_others_count),
		cmocka_unit_test(a_product_counts_as_the_papers_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
