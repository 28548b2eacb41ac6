/* Attention of the cpu backend against the reference: plain, causal, with sizes of keys,
 * ragged. */
#include <math.h>

#include "check.h"

#include "bed.h"

/*
 * A score is off by `width` roundings in sqrt of their number times the sum of magnitudes
 * (at most width * spread^2 * scale here), its exponential relatively by as much, and the
 * output, a mean of values, by twice that of the highest |v|, which is 1.
 */
static double attention_tolerance(int64_t width, double spread, double scale)
{
	double magnitude = (double)width * spread * spread * fabs(scale);
	return EPS * (8 + 2 * magnitude * (2 + sqrt((double)width) / 2));
}

struct shape {
	int64_t items, queries, keys; /* the most of an item where it is ragged */
	int heads;
	int64_t width;
	double spread;
	float scale;
};

/* Queries, keys and values; views of a fused [B, T, 3D] where there are as many. */
static void make_inputs(const struct shape *s, struct tensor shape_q,
			struct tensor shape_k, struct tensor qkv[3])
{
	int64_t d = s->heads * s->width;
	double most = s->spread;
	if (!memcmp(shape_q.dim, shape_k.dim, sizeof(shape_q.dim))) {
		struct tensor all = bed_random(
			0, -most, most, DIMS(shape_q.dim[0], shape_q.dim[1], 3 * d));
		for (int i = 0; i < 3; i++)
			qkv[i] = tensor_columns(all, i * d, d);
		return;
	}
	qkv[0] = bed_random(3, -most, most, 3, shape_q.dim);
	qkv[1] = bed_random(0, -most, most, 3, shape_k.dim);
	qkv[2] = bed_random(7, -most, most, 3, shape_k.dim);
}

static void compare(const char *kind, const struct shape *s, struct tensor shape_q,
		    struct tensor shape_k, struct attn_opts opts)
{
	char what[160];
	struct tensor qkv[3];
	snprintf(what, sizeof(what), "%s attention B %d, %d x %d, %d heads (%d) of %d",
		 kind, (int)s->items, (int)s->queries, (int)s->keys, s->heads,
		 opts.kv_heads, (int)s->width);
	if (opts.kv_heads)
		shape_k = tensor_of(
			DT_F32, NULL,
			DIMS(shape_k.dim[0], shape_k.dim[1], opts.kv_heads * s->width));
	opts.heads = s->heads;
	opts.scale = s->scale;
	make_inputs(s, shape_q, shape_k, qkv);
	/* What stays as it was shows in rows of padding. */
	struct tensor y = bed_random(0, -1, 1, 3, shape_q.dim), want = bed_copy(y);
	bed_cpu->attention(bed_self, y, qkv[0], qkv[1], qkv[2], &opts);
	bed_ref->attention(NULL, want, qkv[0], qkv[1], qkv[2], &opts);
	bed_same(what, y, want, 0,
		 s->spread * attention_tolerance(s->width, s->spread, (double)s->scale));
	bed_clear();
}

static struct tensor rows_of(const struct shape *s, int64_t items, int64_t rows)
{
	return tensor_of(DT_F32, NULL, DIMS(items, rows, s->heads * s->width));
}

static struct tensor sizes(int64_t items, int64_t keys)
{
	struct tensor size = bed_random(0, 1, 40, DIMS(items, keys));
	for (int64_t i = 0; i < items * keys; i++)
		tensor_f32(&size)[i] = floorf(tensor_f32(&size)[i]);
	return size;
}

/* Windows, some of them empty. */
static struct segments windows(int64_t count, int64_t most, int64_t *rows)
{
	struct segments s = bed_segments(count, most, rows);
	for (int64_t i = 0; i < count; i++)
		if (!bed_pick(0, 3))
			((int32_t *)s.length.data)[i] = 0;
	return s;
}

/* What a language model does: heads share keys, and what came before is seen too. */
static void compare_grouped(struct shape s, int kv_heads)
{
	struct tensor q = rows_of(&s, s.items, s.queries),
		      k = rows_of(&s, s.items, s.keys);
	int64_t rows;
	compare("grouped", &s, q, k, (struct attn_opts){ .kv_heads = kv_heads });
	if (s.queries <= s.keys)
		compare("grouped causal", &s, q, k,
			(struct attn_opts){ .kv_heads = kv_heads, .causal = true });
	compare("grouped, sized", &s, q, k,
		(struct attn_opts){ .kv_heads = kv_heads,
				    .key_size = sizes(s.items, s.keys) });
	struct segments in = windows(s.items, s.keys, &rows);
	compare("grouped windows", &s, rows_of(&s, 1, rows), rows_of(&s, 1, rows),
		(struct attn_opts){ .kv_heads = kv_heads,
				    .causal = true,
				    .query_rows = in,
				    .key_rows = in });
}

/* One shape every way it can be. The logs of sizes are below 4: as exact as the scores.
 */
static void compare_all(struct shape s)
{
	struct tensor q = rows_of(&s, s.items, s.queries),
		      k = rows_of(&s, s.items, s.keys);
	int64_t rows;
	compare("plain", &s, q, k, (struct attn_opts){ 0 });
	compare("sized", &s, q, k,
		(struct attn_opts){ .key_size = sizes(s.items, s.keys) });
	if (s.queries == s.keys) {
		compare("causal", &s, q, q, (struct attn_opts){ .causal = true });
		struct segments in = bed_segments(s.items, s.keys, &rows);
		compare("ragged", &s, rows_of(&s, 1, rows), rows_of(&s, 1, rows),
			(struct attn_opts){ .query_rows = in, .key_rows = in });
		in = bed_segments(s.items, s.keys, &rows);
		compare("ragged causal", &s, rows_of(&s, 1, rows), rows_of(&s, 1, rows),
			(struct attn_opts){
				.causal = true, .query_rows = in, .key_rows = in });
	}
	struct segments in = bed_segments(s.items, s.keys, &rows);
	compare("ragged keys", &s, q, rows_of(&s, 1, rows),
		(struct attn_opts){ .key_rows = in });
	in = windows(s.items, s.keys, &rows);
	compare("empty items", &s, q, rows_of(&s, 1, rows),
		(struct attn_opts){ .key_rows = in });
	in = windows(s.items, s.keys, &rows);
	compare("windows", &s, rows_of(&s, 1, rows), rows_of(&s, 1, rows),
		(struct attn_opts){ .query_rows = in, .key_rows = in });
	if (s.queries < s.keys)
		compare("causal", &s, q, k, (struct attn_opts){ .causal = true });
}

static void run_shapes(void)
{
	static const int64_t widths[] = { 1, 8, 20, 32, 33, 64, 80, 128, 300 };
	static const int64_t tokens[] = { 1, 2, 13, 50, 67 };
	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++)
		for (size_t j = 0; j < sizeof(tokens) / sizeof(*tokens); j++)
			compare_all((struct shape){
				.items = 1 + (int64_t)((i + j) % 3),
				.queries = tokens[j],
				.keys = tokens[j],
				.heads = 1 + (int)((i + 2 * j) % 4),
				.width = widths[i],
				.spread = 1,
				.scale = 1 / sqrtf((float)widths[i]),
			});
	compare_all((struct shape){ 2, 1, 40, 3, 20, 1, 0.2f });
	compare_all((struct shape){ 1, 30, 7, 2, 64, 4, 0.125f });
	compare_all((struct shape){ 5, 9, 9, 2, 16, 1, 0.25f });
	compare_all((struct shape){ 1, 270, 270, 1, 16, 1, 0.25f });
	compare_all((struct shape){ 1, 5, 600, 2, 24, 2, -0.2f }); /* > one block */
	compare_all((struct shape){ 1, 9, 256, 1, 16, 8, 1 });     /* a peaked softmax */
	compare_all((struct shape){ 1, 9, 257, 1, 16, 1, 0 });
	compare_all((struct shape){ 17, 20, 20, 1, 8, 1, 0.4f });
	compare_all((struct shape){ 1, 1, 333, 3, 80, 1, 0.1f });
}

static void run_grouped(void)
{
	compare_grouped((struct shape){ 1, 1, 1, 2, 4, 1, 1 }, 1);
	compare_grouped((struct shape){ 2, 40, 40, 6, 33, 1, 0.2f }, 2);
	compare_grouped((struct shape){ 1, 1, 70, 12, 128, 1, 0.1f }, 2);
	compare_grouped((struct shape){ 3, 1, 300, 28, 20, 1, 0.2f }, 4);
	compare_grouped((struct shape){ 2, 1, 129, 13, 7, 1, 0.3f }, 1);
	compare_grouped((struct shape){ 1, 3, 290, 4, 16, 1, 0.25f }, 2);
	compare_grouped((struct shape){ 2, 30, 31, 3, 64, 2, 0.1f }, 3);
	compare_grouped((struct shape){ 9, 5, 64, 4, 17, 1, 0.2f }, 1);
}

static void heads_share_keys(void **state)
{
	(void)state;
	bed_on_threads(run_grouped);
}

static void attention(void **state)
{
	(void)state;
	bed_on_threads(run_shapes);
}

static void run_poison(void)
{
	static const float poisons[] = { NAN, INFINITY, -INFINITY };
	struct attn_opts opts = { .heads = 2, .scale = 0.3f };
	for (int i = 0; i < 9; i++) {
		struct tensor t[3], y = bed_random(0, 0, 0, DIMS(2, 18, 40));
		struct tensor want = bed_copy(y);
		for (int j = 0; j < 3; j++)
			t[j] = bed_random(0, 0.1, 1, DIMS(2, 18, 40));
		tensor_row(&t[i / 3], 5)[25] = poisons[i % 3];
		bed_cpu->attention(bed_self, y, t[0], t[1], t[2], &opts);
		bed_ref->attention(NULL, want, t[0], t[1], t[2], &opts);
		bed_same("attention of NaN", y, want, 0, 1e-5);
		bed_clear();
	}
}

static void attention_passes_nan_on(void **state)
{
	(void)state;
	bed_on_threads(run_poison);
}

/* A key that stands for n tokens is as n keys alike. */
static void a_size_is_as_many_keys(void **state)
{
	(void)state;
	bed_open(2, "ref");
	struct attn_opts opts = { .heads = 2, .scale = 0.3f };
	struct tensor q = bed_random(0, -1, 1, DIMS(1, 7, 16));
	struct tensor k = bed_random(0, -1, 1, DIMS(1, 5, 16));
	struct tensor size = bed_random(0, 0, 0, DIMS(1, 5));
	struct tensor rows = bed_i32(DIMS(15)),
		      many = bed_random(0, 0, 0, DIMS(1, 15, 16));
	for (int i = 0, at = 0; i < 5; i++) {
		tensor_f32(&size)[i] = (float)(i + 1);
		for (int j = 0; j <= i; j++)
			((int32_t *)rows.data)[at++] = i;
	}
	bed_cpu->gather(bed_self, many, k, rows);
	struct tensor y = bed_random(0, 0, 0, DIMS(1, 7, 16)), want = bed_copy(y);
	bed_cpu->attention(bed_self, want, q, many, many, &opts);
	opts.key_size = size;
	bed_cpu->attention(bed_self, y, q, k, k, &opts);
	bed_same("sizes", y, want, 0, attention_tolerance(8, 1, 0.3));
	bed_close();
}

int main(void)
{
	bed_require_isa();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attention),
		cmocka_unit_test(heads_share_keys),
		cmocka_unit_test(attention_passes_nan_on),
		cmocka_unit_test(a_size_is_as_many_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
