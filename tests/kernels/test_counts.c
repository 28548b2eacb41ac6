/* What ops count and allocate is the same on every backend: the dry one predicts it. */
#include "check.h"

#include "kernels/op.h"

#define MOST 40

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

/* A selection that keeps any number of up to `rows` rows. */
static struct selection selection(struct pass *p, int64_t items, int64_t rows)
{
	return (struct selection){
		.rows = pass_tensor(p, DT_I32, DIMS(rows)),
		.out = { .start = pass_tensor(p, DT_I32, DIMS(items)),
			 .length = pass_tensor(p, DT_I32, DIMS(items)) },
		.items = items,
	};
}

/* Merges a quarter of the tokens. */
static void merge_tokens(struct pass *p, const struct setting *s, struct tensor x,
			 struct tensor k)
{
	int64_t t = x.dim[1], left = t - t / 4;
	struct tensor into = pass_tensor(p, DT_I32, DIMS(s->batch * t));
	struct tensor y = pass_tensor(p, DT_F32, DIMS(s->batch, left, s->d));
	struct tensor size = pass_tensor(p, DT_F32, DIMS(s->batch, left));
	op_match(p, "match", into, k, s->heads, t / 4, true);
	y = op_merge(p, "merge", y, size, x, (struct tensor){ 0 }, into);
	op_attention(
		p, "sized", y, y, y,
		&(struct attn_opts){ .heads = s->heads, .scale = 1, .key_size = size });
}

/* Each item keeps its first two tokens and a made one: how many is the backend's answer,
 * and a dry pass is told. */
static void drop_tokens(struct pass *p, const struct setting *s, struct tensor x,
			struct tensor score)
{
	int64_t rows = tensor_rows(&x);
	struct selection kept = selection(p, s->batch, rows + s->batch);
	op_select(p, "ragged", &kept, score,
		  &(struct select_opts){
			  .by = SELECT_ABOVE,
			  .value = 2,
			  .front = 1,
			  .made = s->kept > 1 }); /* one of one: nothing is dropped */
	assert_true(kept.by_value);
	struct tensor y = pass_tensor(p, DT_F32, DIMS(rows + s->batch, s->d));
	y = op_gather(p, "gather", y, x, &kept);
	op_make(p, "make", y, x, &kept, MADE_MEAN_DROPPED, score);
	op_attention(p, "among", y, y, y,
		     &(struct attn_opts){ .heads = s->heads,
					  .scale = 1,
					  .query_rows = kept.out,
					  .key_rows = kept.out });
}

/* Two windows of two units of four rows for each item, the last unit first. */
static struct segments order_windows(struct pass *p, int64_t units, struct tensor *rows)
{
	struct tensor ids = pass_tensor(p, DT_I32, DIMS(units));
	struct tensor keys = pass_tensor(p, DT_I32, DIMS(units));
	for (int64_t i = 0; ids.data && i < units; i++) {
		((int32_t *)ids.data)[i] = (int32_t)i / 2;
		((int32_t *)keys.data)[i] = (int32_t)-i;
	}
	struct segments s = { .start = pass_tensor(p, DT_I32, DIMS(units / 2)),
			      .length = pass_tensor(p, DT_I32, DIMS(units / 2)) };
	op_runs(p, "runs", &s, ids, 4);
	*rows = op_order(p, "order", keys);
	return s;
}

/* What a block of a vision-language model has that others have not. */
static void gated_block(struct pass *p, const struct setting *s, float *weights)
{
	int64_t d = s->d, units = 4 * s->batch, width = d / s->heads;
	struct linear l = linear(weights, d, d), keys = linear(weights, width, d);
	struct norm norm = { .weight = vector(weights, d), .eps = 1e-6f };
	struct tensor rows, ids = pass_tensor(p, DT_I32, DIMS(1, units));
	struct tensor x = pass_tensor(p, DT_F32, DIMS(1, 4 * units, d));
	struct tensor turn = pass_tensor(p, DT_F32, DIMS(4 * units, width));
	struct segments windows = order_windows(p, units, &rows);
	if (ids.data) {
		memset(ids.data, 0, (size_t)tensor_bytes(&ids));
		memset(x.data, 0, (size_t)tensor_bytes(&x));
		memset(turn.data, 0, (size_t)tensor_bytes(&turn));
	}
	struct tensor table = tensor_of(DT_BF16, weights, DIMS(3, d)), none = { 0 };
	struct tensor words = op_lookup(p, "words", table, ids, none);
	op_splice(p, "splice", words, x, 1);
	x = op_rmsnorm(p, "rms", x, &norm);
	op_rotary(p, "rotary", x, turn, s->heads);
	struct tensor k = op_linear(p, "keys", x, &keys, ACT_NONE);
	op_attention(p, "windows", x, k, k,
		     &(struct attn_opts){ .heads = s->heads,
					  .kv_heads = 1,
					  .scale = 1,
					  .query_rows = windows,
					  .key_rows = windows });
	struct tensor gate = op_linear(p, "silu", x, &l, ACT_SILU);
	op_linear_mul(p, "gate", gate, x, &l);
}

/* Every op, as a small pruned encoder of one block. */
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
	struct tensor score = pass_tensor(p, DT_F32, DIMS(s->batch * (n + 1)));
	score.dim[0] = s->batch * n;
	op_random_scores(p, "random", score, x, 7);
	op_token_norms(p, "norms", score, x, s->heads);
	struct selection kept = selection(p, s->batch, s->batch * (n + 1));
	op_select(
		p, "select", &kept, score,
		&(struct select_opts){ .by = SELECT_COUNT, .count = s->kept, .cls = 1 });
	x = op_embed(p, "embed", x, s->kept < n ? &kept : NULL, vector(weights, d),
		     positions);
	span_open(p, "blocks", 0);
	size_t mark = pass_mark(p);
	struct tensor h = op_layernorm(p, "ln", x, &norm);
	h = op_linear(p, "qkv", h, &qkv, ACT_NONE);
	struct tensor q = tensor_columns(h, 0, d), k = tensor_columns(h, d, d);
	score.dim[0] = tensor_rows(&k);
	op_cls_scores(p, "cls", score, q, k, s->heads, 0.5f);
	h = op_attention(p, "sdpa", q, k, tensor_columns(h, 2 * d, d), &opts);
	op_linear_add(p, "out", x, h, &out);
	h = op_linear(p, "gelu", x, &out, ACT_GELU);
	merge_tokens(p, s, x, k);
	drop_tokens(p, s, x, score);
	struct tensor ids = pass_tensor(p, DT_I32, DIMS(s->batch, 5));
	if (ids.data)
		memset(ids.data, 0, (size_t)tensor_bytes(&ids));
	x = op_lookup(p, "lookup", tensor_of(DT_F32, weights, DIMS(3, d)), ids,
		      positions);
	op_normalize(p, "unit", x);
	gated_block(p, s, weights);
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
		.backend = b,
		.self = self,
		.arena = &arena,
		.tracer = &r->tracer,
		.items = s->batch,
	};
	double share = 2.0 / (double)(1 + s->kept);
	p.expected = &share;
	p.n_expected = 1;
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
		{ 1, 4, 2, 1, 4, 1 },
		{ 1, 24, 12, 3, 4, 18 },
		{ 3, 30, 20, 2, 6, 2 },
		{ 2, 28, 40, 5, 14, 4 },
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
		assert_int_equal(dry.count, 31);
		test_free(weights);
		test_free(image);
	}
}

static const struct op_count *count_of(const struct recorder *r, const char *name)
{
	for (int i = 0; i < r->count; i++)
		if (!strcmp(r->name[i], name))
			return &r->op[i];
	fail_msg("no %s", name);
	return NULL;
}

/* The products of ViT-B/16 by hand: 35.1 GFLOP of the literature come from these. */
static void a_product_counts_as_the_papers_do(void **state)
{
	(void)state;
	static struct recorder r;
	struct setting s = { 1, 224, 768, 12, 16, 98 };
	record("dry", &s, NULL, NULL, &r);
	const struct op_count *c = count_of(&r, "qkv");
	assert_int_equal(c->m, 99);
	assert_int_equal(c->n, 2304);
	assert_int_equal(c->k, 768);
	assert_true(c->flops_torch == 2.0 * 99 * 2304 * 768);
	assert_true(c->flops == c->flops_torch + 99.0 * 2304);
	assert_true(c->flops_fvcore == 99.0 * 2304 * 768);
}

/* What op.h says of the ops that drop tokens, at two images of 99 tokens of ViT-B/16. */
static void token_ops_count_as_documented(void **state)
{
	(void)state;
	static struct recorder r;
	struct setting s = { 2, 224, 768, 12, 16, 98 };
	record("dry", &s, NULL, NULL, &r);
	const double pairs = 2 * 50 * 49, elements = 2 * 99 * 768;
	const struct {
		const char *name;
		double flops, torch;
		int64_t in, out;
	} want[] = {
		{ "norms", 2.0 * 2 * 196 * 768, 0, 196, 196 },
		{ "select", 2 * 196, 0, 196, 99 },
		{ "embed", elements, 0, 196, 99 },
		{ "cls", 2 * elements + 5.0 * 12 * 2 * 99, 2 * elements, 99, 99 },
		/* products of A and B, the mean over heads, the norm of 64 channels */
		{ "match", 2 * pairs * 64 + elements + 3 * elements / 12, 2 * pairs * 64,
		  99, 75 },
		{ "merge", 2 * elements, 0, 99, 75 },
		{ "sized", 4.0 * 2 * 75 * 75 * 768 + 5.0 * 2 * 75 * 75 * 12,
		  4.0 * 2 * 75 * 75 * 768, 75, 75 },
		{ "ragged", 2 * 99, 0, 99, 3 },
		{ "gather", 0, 0, 99, 3 },
		{ "make", 2.0 * 2 * (99 - 2) * 768, 0, 99, 1 },
		{ "among", 4.0 * 2 * 3 * 3 * 768 + 5.0 * 2 * 3 * 3 * 12,
		  4.0 * 2 * 3 * 3 * 768, 3, 3 },
		{ "lookup", 2 * 5 * 768, 0, 5, 5 },
		{ "unit", 3.0 * 2 * 5 * 768, 0, 0, 0 },
	};
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		const struct op_count *c = count_of(&r, want[i].name);
		if (c->flops != want[i].flops || c->flops_torch != want[i].torch ||
		    c->tokens_in != want[i].in || c->tokens_out != want[i].out)
			fail_msg("%s: %.17g and %.17g FLOP, %d to %d tokens",
				 want[i].name, c->flops, c->flops_torch,
				 (int)c->tokens_in, (int)c->tokens_out);
	}
}

/* Two images of 16 rows, in four windows. */
static void ops_of_a_gated_block_count_as_documented(void **state)
{
	(void)state;
	static struct recorder r;
	struct setting s = { 2, 224, 768, 12, 16, 98 };
	record("dry", &s, NULL, NULL, &r);
	const double rows = 32, elements = rows * 768, mac = elements * 768;
	const double pairs = 4 * 8 * 8;
	const struct {
		const char *name;
		double flops, fvcore, torch, read;
		int64_t tokens;
	} want[] = {
		{ "runs", 0, 0, 0, 8 * 4, 0 },
		{ "order", 8, 0, 0, 8 * 4, 0 },
		{ "words", 0, 0, 0, 8 * 768 * 2, 8 },
		{ "splice", 0, 0, 0, (8 + 32) * 768 * 4, 40 },
		{ "rms", 4 * elements, 0, 0, 4 * elements + 4 * 768, 16 },
		{ "rotary", 3 * elements, 0, 0, 4 * (elements + rows * 64), 16 },
		{ "windows", 4 * pairs * 768 + 5 * pairs * 12, 0, 4 * pairs * 768,
		  4 * (elements + 2 * rows * 64), 16 },
		{ "silu", 2 * mac + 6 * elements, mac, 2 * mac,
		  4 * (elements + 769 * 768), 16 },
		{ "gate", 2 * mac + 2 * elements, mac, 2 * mac,
		  4 * (2 * elements + 769 * 768), 16 },
	};
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		const struct op_count *c = count_of(&r, want[i].name);
		if (c->flops != want[i].flops || c->flops_fvcore != want[i].fvcore ||
		    c->flops_torch != want[i].torch || c->bytes_read != want[i].read ||
		    c->tokens_out != want[i].tokens)
			fail_msg("%s: %.17g, %.17g and %.17g FLOP, %.17g bytes, %d "
				 "tokens",
				 want[i].name, c->flops, c->flops_fvcore, c->flops_torch,
				 c->bytes_read, (int)c->tokens_out);
	}
}

/* Rows of a selection of `part` of 3, 8 and 4 rows, on a backend; a bound on the dry one.
 */
static int64_t rows_of_part(const char *name, struct select_opts o, struct pass *p)
{
	struct arena arena;
	int32_t start[] = { 0, 3, 11 }, length[] = { 3, 8, 4 };
	float scores[15] = { 0 };
	const struct backend *b = backend_by_name(name);
	if (b->dry)
		arena_init_dry(&arena);
	else
		check_ok(arena_init(&arena, (size_t)1 << 20));
	const double expected = 0.1; /* for none of these */
	*p = (struct pass){ .backend = b,
			    .arena = &arena,
			    .items = 3,
			    .expected = &expected,
			    .n_expected = 1 };
	check_ok(b->open(&(struct backend_opts){ .gemm = "ref" }, &p->self));
	struct selection s = selection(p, 3, 15 + 3 * (o.cls + o.made));
	s.in.start = tensor_of(DT_I32, b->dry ? NULL : start, DIMS(3));
	s.in.length = tensor_of(DT_I32, b->dry ? NULL : length, DIMS(3));
	op_select(p, "part", &s, tensor_of(DT_F32, b->dry ? NULL : scores, DIMS(15)), &o);
	check_ok(pass_end(p));
	assert_true(segments_ragged(&s.out) && !s.by_value);
	b->close(p->self);
	arena_release(&arena);
	return s.rows.dim[0];
}

static void a_part_is_bounded_without_data(void **state)
{
	(void)state;
	static const struct {
		struct select_opts opts;
		int64_t most, rows;
	} want[] = {
		{ { .value = 0.5 }, 7 + 3, 1 + 4 + 2 },
		{ { .value = 1 }, 15, 15 },
		{ { .value = 0.01 }, 3, 3 },
		{ { .value = 0.5, .tile = 4 }, 15, 3 + 4 + 4 },
		{ { .value = 0.5, .cls = 1, .made = 1 }, 6 + 7 + 3, 6 + 1 + 4 + 2 },
		{ { .value = 0.5, .front = 1, .back = 1 }, 6 + 4 + 3, 6 + 1 + 3 + 1 },
	};
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		struct pass p;
		struct select_opts o = want[i].opts;
		o.by = SELECT_PART;
		assert_int_equal(rows_of_part("dry", o, &p), want[i].most);
		assert_int_equal(p.n_selected, 0);
		assert_int_equal(rows_of_part("ref", o, &p), want[i].rows);
		assert_int_equal(rows_of_part("cpu", o, &p), want[i].rows);
		assert_int_equal(p.n_selected, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dry_counts_what_the_others_count),
		cmocka_unit_test(a_product_counts_as_the_papers_do),
		cmocka_unit_test(token_ops_count_as_documented),
		cmocka_unit_test(ops_of_a_gated_block_count_as_documented),
		cmocka_unit_test(a_part_is_bounded_without_data),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
