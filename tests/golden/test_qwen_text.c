/*
 * The language models of Qwen2-VL (tied head) and Qwen2.5-VL (a head of its own) against
 * transformers (tests/oracle): a prompt about a picture through every layer, how it goes
 * on, and the same with tokens of the picture dropped.
 */
#include <math.h>

#include "bench.h"

#include "models/input.h"
#include "models/qwen_plan.h"
#include "profiler/generate.h"

static const struct folder {
	const char *name, *picture; /* of prompt P */
	bool tied;
} folders[] = { { "qwen2_tiny", "6x10", true }, { "qwen25_tiny", "10x14", false } };

#define FOLDERS (sizeof(folders) / sizeof(folders[0]))

static int64_t id_at(const struct tensor *ids, int64_t i)
{
	return ((const int64_t *)ids->data)[i];
}

/* ---- positions ---- */

/* [cos | sin] of position `at` of P: angle i of a head of W turns by the axis whose
 * section it falls in. */
static void turn_of(const struct bench *b, const struct qwen_layout *l, int64_t at,
		    float *row)
{
	const struct tensor *positions = bench_want(b, "P", "positions");
	int64_t half = l->text_head_dim / 2, tokens = positions->dim[1];
	for (int64_t i = 0; i < half; i++) {
		int64_t axis = i < l->sections[0]                    ? 0
			       : i < l->sections[0] + l->sections[1] ? 1
								     : 2;
		double angle = (double)id_at(positions, axis * tokens + at) *
			       pow(l->theta, -(double)i / (double)half);
		row[i] = (float)cos(angle);
		row[half + i] = (float)sin(angle);
	}
}

/* Rows of the text and of the picture, which lie apart and go by `order` where the tower
 * has one. */
static void same_turns(const char *what, const struct bench *b, const struct tensor *ids,
		       const struct qwen_plan *p)
{
	int64_t width = p->layout.text_head_dim, text = 0;
	float *want = malloc(sizeof(float) * (size_t)width);
	const struct tensor row = tensor_of(DT_F32, want, DIMS(width));
	for (int64_t i = 0; i < tensor_count(ids); i++) {
		int64_t token = i - p->before;
		turn_of(b, &p->layout, i, want);
		if (id_at(ids, i) != b->model->marks.picture) {
			bench_same(what, "turn of the text",
				   p->prompt_turn + text++ * width, width, &row);
			continue;
		}
		if (p->inverse)
			token = p->inverse[token];
		bench_same(what, "turn of the picture", p->picture_turn + token * width,
			   width, &row);
	}
	assert_int_equal(text, p->prompt);
	free(want);
}

/* ---- a whole pass ---- */

/* What a layer leaves is what the next one's first norm, or the last, reads: behind the
 * norms of the tower. */
static void same_layers(const char *what, const struct bench *b)
{
	int64_t layers = b->model->language.layers;
	int tower = b->n_norms - (int)(2 * layers + 1);
	char key[32];
	assert_true(tower > 0);
	for (int i = 0; i < layers; i++) {
		const struct bench_norm *next = &b->norms[tower + 2 * i + 2];
		snprintf(key, sizeof(key), "hidden.%d", i);
		bench_same(what, key, next->in, next->in_count, bench_want(b, "P", key));
	}
	snprintf(key, sizeof(key), "hidden.%d", (int)layers);
	assert_null(bench_find(b, "P", key));
}

static void same_logits(const char *what, const struct bench *b, const char *group,
			const struct outputs *out)
{
	const struct tensor *want = bench_want(b, group, "logits");
	assert_int_equal(out->token_logits.dim[0], 1);
	assert_int_equal(out->token_logits.dim[1], want->dim[0]);
	bench_same(what, "logits", tensor_f32(&out->token_logits),
		   tensor_count(&out->token_logits), want);
}

static void same_greedy(const char *what, const struct bench *b, const char *group,
			struct setting *s)
{
	const struct tensor *want = bench_want(b, group, "greedy");
	const struct prompt prompt = { 0 }; /* no vocabulary: ids are enough */
	struct run *run = run_create();
	double tokens = (double)s->out.token_logits.dim[1];
	check_ok(generate_report(s, &prompt, run));
	assert_true(run->generated.prompt_tokens >= tokens &&
		    run->generated.prompt_tokens <= tokens);
	assert_int_equal(run->generated.n_ids, tensor_count(want));
	for (int i = 0; i < run->generated.n_ids; i++)
		if ((int64_t)run->generated.ids[i] != id_at(want, i))
			fail_msg("%s: token %d is %d, want %d", what, i,
				 (int)run->generated.ids[i], (int)id_at(want, i));
	run_free(run);
}

static void check_prompt(const struct folder *f, const struct bench_way *way)
{
	struct bench b;
	struct setting s;
	bench_open(&b, f->name, "oracle", INPUT_PROMPT, way);
	const char *what = bench_what(&b, "P");
	const struct tensor *ids = bench_want(&b, "P", "ids");
	struct input in = bench_grids(&b, f->picture, ids);
	struct knobs k = bench_knobs(&b, 1, (const char *const[]){ NULL });
	assert_int_equal(b.model->language.tied, f->tied);
	same_turns(what, &b, ids, in.plan);
	bench_run(&b, &s, &in, &k);
	bench_same(what, "merged", tensor_f32(&s.out.image_embeds),
		   tensor_count(&s.out.image_embeds),
		   bench_want(&b, f->picture, "merged"));
	same_layers(what, &b);
	same_logits(what, &b, "P", &s.out);
	same_greedy(what, &b, "P", &s);
	setting_release(&s);
	input_release(&in);
	bench_close(&b);
}

static void whole_prompts(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++)
		for (size_t i = 0; i < FOLDERS; i++)
			check_prompt(&folders[i], way);
}

/* ---- token by token ---- */

static struct tensor step(const struct bench *b, struct arena *arena,
			  struct decoding *state, int64_t token)
{
	struct outputs out = { 0 };
	struct pass p = { .backend = b->backend, .self = b->self, .arena = arena };
	arena_reset(arena, 0);
	b->model->family->decode(&p, b->model, state, (int32_t)token, &out);
	check_ok(pass_end(&p));
	return out.token_logits;
}

/* The rest of P from `at` on, one by one, then its continuation: the logits that a whole
 * pass has at each position, and each time the likeliest token. */
static void follow(const char *what, const struct bench *b, struct arena *arena,
		   struct decoding *state, int64_t at)
{
	const struct tensor *ids = bench_want(b, "P", "ids"),
			    *logits = bench_want(b, "P", "logits"),
			    *greedy = bench_want(b, "P", "greedy");
	int64_t n = tensor_count(ids), more = tensor_count(greedy);
	for (int64_t i = at; i < n + more - 1; i++) {
		const int64_t token = i < n ? id_at(ids, i) : id_at(greedy, i - n);
		const struct tensor now = step(b, arena, state, token);
		const float *row = now.data;
		assert_int_equal(tensor_count(&now), logits->dim[1]);
		if (i < n) {
			const struct tensor want = tensor_of(
				DT_F32, tensor_row(logits, i), DIMS(logits->dim[1]));
			bench_same(what, "logits of a step", row, want.dim[0], &want);
		}
		int64_t best = 0;
		for (int64_t j = 1; j < logits->dim[1]; j++)
			best = row[j] > row[best] ? j : best;
		if (i >= n - 1)
			assert_int_equal(best, id_at(greedy, i - n + 1));
	}
}

/* P up to the picture's end goes in at once. */
static int64_t begin_of(const struct bench *b, struct tensor *ids)
{
	*ids = *bench_want(b, "P", "ids");
	int64_t n = ids->dim[0];
	while (id_at(ids, n - 1) != b->model->marks.end)
		n--;
	ids->dim[0] = n;
	return n;
}

static void check_steps(const struct folder *f, const struct bench_way *way)
{
	struct bench b;
	struct setting s;
	struct arena arena;
	struct decoding *decoding;
	struct tensor ids;
	bench_open(&b, f->name, "oracle", INPUT_PROMPT, way);
	const char *what = bench_what(&b, "P");
	int64_t all = bench_want(&b, "P", "ids")->dim[0], begin = begin_of(&b, &ids);
	struct input in = bench_grids(&b, f->picture, &ids);
	struct knobs k = bench_knobs(&b, 1, (const char *const[]){ NULL });
	assert_true(begin < all);
	check_ok(b.model->family->decode_begin(b.model, &in,
					       all - begin + GENERATE_TOKENS, &decoding));
	in.state = decoding;
	bench_run(&b, &s, &in, &k);
	check_ok(arena_init(&arena, (size_t)1 << 20));
	follow(what, &b, &arena, decoding, begin);
	arena_release(&arena);
	decoding_free(decoding);
	setting_release(&s);
	input_release(&in);
	bench_close(&b);
}

static void one_token_after_the_other(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++)
		for (size_t i = 0; i < FOLDERS; i++)
			check_steps(&folders[i], way);
}

/* ---- tokens of the picture dropped ---- */

static void check_pruned(struct bench *b, const char *name, const struct input *input,
			 const struct knobs *k)
{
	struct setting s;
	bench_same_case(b, name, input, k, &s);
	same_logits(bench_what(b, name), b, name, &s.out);
	same_greedy(bench_what(b, name), b, name, &s);
	setting_release(&s);
}

static void pruned_prompts(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++)
		for (size_t i = 0; i < FOLDERS; i++)
			bench_each_case(folders[i].name, "prompt", INPUT_PROMPT, way,
					check_pruned);
}

/* ---- several prompts ---- */

/* A batch of two: the picture of `one`, and another of its size. */
static struct input both_of(const struct bench *b, const struct input *one,
			    const struct input *other)
{
	struct input_facts facts = bench_facts(one);
	struct knobs k = bench_knobs(b, 2, (const char *const[]){ NULL });
	size_t rows = (size_t)tensor_bytes(&one->patches),
	       ids = (size_t)tensor_bytes(&one->ids);
	struct input in;
	check_ok(b->model->family->shape(b->model, &facts, &k, &in));
	input_facts_release(&facts);
	in.patches.data = malloc(2 * rows);
	memcpy(in.patches.data, one->patches.data, rows);
	memcpy((char *)in.patches.data + rows, other->patches.data, rows);
	in.ids.data = malloc(2 * ids);
	memcpy(in.ids.data, one->ids.data, ids);
	memcpy((char *)in.ids.data + ids, other->ids.data, ids);
	check_ok(b->model->family->fill(b->model, &in));
	return in;
}

static struct input another(const struct bench *b, const struct folder *f)
{
	struct input in = bench_grids(b, f->picture, bench_want(b, "P", "ids"));
	float *x = in.patches.data;
	for (int64_t i = 0; i < tensor_count(&in.patches); i++)
		x[i] = 0.5f - x[i];
	return in;
}

/* Item i of a batch says what `alone` says. */
static void same_item(const char *what, struct bench *b, const struct input *alone,
		      const struct knobs *of_batch, const struct tensor *logits,
		      int64_t i)
{
	struct setting s;
	struct knobs k = *of_batch;
	int64_t n = tensor_count(logits) / 2;
	check_ok(knobs_set(&k, KNOB_BATCH, "1"));
	bench_run(b, &s, alone, &k);
	bench_same(what, i ? "second" : "first", tensor_f32(logits) + i * n, n,
		   &s.out.token_logits);
	setting_release(&s);
}

static void check_batch(const struct folder *f, const struct bench_way *way,
			const char *const *knobs)
{
	struct bench b;
	struct setting s;
	bench_open(&b, f->name, "oracle", INPUT_PROMPT, way);
	struct input one = bench_grids(&b, f->picture, bench_want(&b, "P", "ids"));
	struct input other = another(&b, f), both = both_of(&b, &one, &other);
	struct knobs k = bench_knobs(&b, 2, knobs);
	bench_run(&b, &s, &both, &k);
	const char *what = bench_what(&b, "two prompts");
	assert_int_equal(s.out.token_logits.dim[0], 2);
	same_item(what, &b, &one, &k, &s.out.token_logits, 0);
	same_item(what, &b, &other, &k, &s.out.token_logits, 1);
	setting_release(&s);
	input_release(&one);
	input_release(&other);
	input_release(&both);
	bench_close(&b);
}

static void batches_of_prompts(void **state)
{
	static const char *const dense[] = { NULL };
	static const char *const pruned[] = { "method", "knorm", "prune-at", "1",
					      "keep",   "0.5",   NULL };
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++)
		for (size_t i = 0; i < FOLDERS; i++) {
			check_batch(&folders[i], way, dense);
			check_batch(&folders[i], way, pruned);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_prompts),
		cmocka_unit_test(one_token_after_the_other),
		cmocka_unit_test(pruned_prompts),
		cmocka_unit_test(batches_of_prompts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
