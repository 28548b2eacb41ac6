/*
 * A dry pass is the real one: the same layers, counts and peak of memory, of every
 * method. Where counts depend on values it is told what share of the tokens stayed.
 */
#include <math.h>

#include "bench.h"

#include "models/input.h"
#include "models/qwen_plan.h"
#include "profiler/saliency.h"

/*
 * How much of a dry pass is exact. Where values decide, the share of all items is told,
 * not each item's, and windows lose tokens by values whatever the method: the counts of
 * attention, which is not linear in it, are guesses, and so are sums with it. Of pictures
 * of different sizes each keeps its part, rounded for each: known at the first site; from
 * the second on all of them together have a few tokens less than what is reckoned with.
 */
enum known { KNOWN, KNOWN_BUT_ATTENTION, KNOWN_AT_MOST };

static enum known known_of(const struct input *input, const struct setting *s,
			   const struct shares *shares)
{
	const struct qwen_plan *plan = input->plan;
	if (!s->out.trace.n)
		return KNOWN;
	if (plan && plan->uneven && !shares->n && s->out.trace.n > 1)
		return KNOWN_AT_MOST;
	return shares->n || (plan && (plan->windows || plan->uneven))
		       ? KNOWN_BUT_ATTENTION
		       : KNOWN;
}

/* Of pictures of different sizes, which attend alone, the larger ones make the most of
 * it: a guess that takes all for alike is far off. */
static void close_attention(const char *what, const struct layer *dry,
			    const struct layer *wet)
{
	double ratio = dry->v[METRIC_flops] / wet->v[METRIC_flops];
	if (!strcmp(dry->kind, "attention") && !(fabs(ratio - 1) < 0.1))
		fail_msg("%s: FLOPs of %s are %g of those in the pass", what, dry->path,
			 ratio);
}

#define TILE_ROWS 16 /* that `aligned` fills up */

/* Rows of a product: as many as there are, or up to a token (where tiles are filled, a
 * tile) more of each item and site. */
static void same_rows(const char *what, const struct bench *b, const struct knobs *k,
		      const struct trace *t, const struct layer *dry,
		      const struct layer *wet)
{
	double more = dry->v[METRIC_m] - wet->v[METRIC_m];
	bool tiles = !strcmp(knob_text(k, KNOB_METHOD), "aligned");
	int64_t most =
		t->items * t->n * (tiles ? TILE_ROWS : b->model->patches_per_token);
	if (more > (double)most)
		fail_msg("%s: %g rows of %s, in the pass %g", what, dry->v[METRIC_m],
			 dry->path, wet->v[METRIC_m]);
}

static bool is_guess(const struct layer *l)
{
	return !strcmp(l->kind, "attention") || !strcmp(l->kind, "group");
}

static void same_layer(const char *what, enum known known, const struct layer *dry,
		       const struct layer *wet)
{
	static const enum metric_id counted[] = {
		METRIC_flops,     METRIC_bytes_read, METRIC_bytes_written,
		METRIC_tokens_in, METRIC_tokens_out, METRIC_m,
		METRIC_n,         METRIC_k
	};
	if (strcmp(dry->path, wet->path))
		fail_msg("%s: %s where the pass has %s", what, dry->path, wet->path);
	if (known != KNOWN && is_guess(dry))
		return;
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		double x = dry->v[counted[i]], y = wet->v[counted[i]];
		bool right = known == KNOWN_AT_MOST ? x >= y : x >= y && x <= y;
		if (!right && !(isnan(x) && isnan(y)))
			fail_msg("%s: %s of %s is %g, in the pass %g", what,
				 metric_table[counted[i]].name, dry->path, x, y);
	}
}

/* What values decide may take any room up to that of all tokens. */
static void same_peak(enum known known, const struct shares *shares,
		      const struct run *dry, const struct setting *s)
{
	size_t predicted = (size_t)dry->memory.peak_activation_bytes;
	if (known == KNOWN_AT_MOST)
		assert_true(predicted >= s->arena.peak);
	else if (!shares->n)
		assert_int_equal(predicted, s->arena.peak);
}

static void check_case(struct bench *b, const char *name, const struct input *input,
		       const struct knobs *k)
{
	const char *what = bench_what(b, name);
	struct setting s;
	struct shares shares;
	struct input_facts facts = bench_facts(input);
	struct run *dry = run_create(), *wet = run_create();
	bench_run(b, &s, input, k);
	for (int pass = 0; pass < 3; pass++)
		check_ok(setting_pass(&s, true, NULL));
	spans_report(&s.spans, wet);
	setting_shares(&s, &shares);
	enum known known = known_of(input, &s, &shares);
	const struct qwen_plan *plan = input->plan;
	bool by_picture = plan && plan->uneven && !plan->windows;
	check_ok(setting_predict(b->model, &facts, k, NULL, shares.n ? &shares : NULL,
				 dry, NULL));
	assert_int_equal(dry->n_layers, wet->n_layers);
	for (int l = 0; l < dry->n_layers; l++) {
		same_layer(what, known, &dry->layers[l], &wet->layers[l]);
		same_rows(what, b, k, &s.out.trace, &dry->layers[l], &wet->layers[l]);
		if (by_picture && known == KNOWN_BUT_ATTENTION && !shares.n)
			close_attention(what, &dry->layers[l], &wet->layers[l]);
	}
	same_peak(known, &shares, dry, &s);
	run_free(dry);
	run_free(wet);
	setting_release(&s);
	input_facts_release(&facts);
}

static const struct bench_way *const fused = &bench_ways[2], *const three =
								     &bench_ways[3];

static void every_method(void **state)
{
	(void)state;
	bench_each_case("reduce_tiny", "cases", INPUT_PICTURES, fused, check_case);
	bench_each_case("reduce_tiny", "cases", INPUT_PICTURES, three, check_case);
}

/* Saliencies of the pass of another threshold tell what this one leaves: with all scores
 * known (`learn` drops nothing) as well as with those of this very threshold. */
static void check_shares(struct bench *b, const char *name, const struct input *input,
			 const struct knobs *k, const struct knobs *learn, double off)
{
	struct setting s;
	struct shares want, got;
	struct saliencies known = { 0 };
	bench_run(b, &s, input, k);
	setting_shares(&s, &want);
	setting_release(&s);
	assert_false(saliencies_shares(&known, k, &got));
	bench_run(b, &s, input, learn);
	saliencies_learn(&known, &s);
	assert_true(saliencies_shares(&known, k, &got));
	assert_int_equal(got.n, want.n);
	for (int i = 0; i < want.n; i++)
		if (!(fabs(got.of[i] - want.of[i]) <= (i ? off : 1e-9)))
			fail_msg("%s: %g stay at site %d, in the pass %g",
				 bench_what(b, name), got.of[i], i, want.of[i]);
	saliencies_release(&known);
	setting_release(&s);
}

static void check_saliencies(struct bench *b, const char *name, const struct input *input,
			     const struct knobs *k)
{
	struct knobs all;
	bool plain = knobs_is_default(k, KNOB_THRESHOLD_SCALE) &&
		     knobs_is_default(k, KNOB_SUMMARY);
	if (isnan(knob_num(k, KNOB_THRESHOLD)) || !plain)
		return;
	assert_false(saliencies_probe(b->model, k, &all));
	struct knobs base = knobs_base(k);
	assert_true(saliencies_probe(b->model, &base, &all));
	check_shares(b, name, input, k, k, 1e-9);
	if (knobs_equal(k, &all, KNOB_BIT(KNOB_PRUNE_AT))) /* the same sites */
		check_shares(b, name, input, k, &all, 0.1);
}

/* A quantile needs no scores: its share of the rows is known before. */
static void check_quantiles(struct bench *b, const char *name, const struct input *input,
			    const struct knobs *k)
{
	struct setting s;
	struct shares want, got;
	const struct saliencies none = { 0 };
	if (knobs_is_default(k, KNOB_THRESHOLD_SCALE) ||
	    !knobs_is_default(k, KNOB_SUMMARY))
		return;
	bench_run(b, &s, input, k);
	setting_shares(&s, &want);
	assert_true(saliencies_shares(&none, k, &got));
	for (int i = 0; i < want.n; i++)
		if (!(fabs(got.of[i] - want.of[i]) <= 0.1))
			fail_msg("%s: %g stay at site %d, in the pass %g",
				 bench_what(b, name), got.of[i], i, want.of[i]);
	setting_release(&s);
}

static void other_thresholds(void **state)
{
	(void)state;
	bench_each_case("reduce_tiny", "cases", INPUT_PICTURES, fused, check_saliencies);
	bench_each_case("reduce_tiny", "cases", INPUT_PICTURES, fused, check_quantiles);
	bench_each_case("qwen2_tiny", "cases", INPUT_PICTURES, fused, check_saliencies);
}

static void siglip(void **state)
{
	(void)state;
	bench_each_case("siglip_tiny", "cases", INPUT_PICTURES, fused, check_case);
	bench_each_case("siglip_tiny", "cases", INPUT_PICTURES, three, check_case);
}

static void image_sizes_and_ranks(void **state)
{
	(void)state;
	bench_each_case("clip_tiny", "sizes", INPUT_PICTURES, fused, check_case);
	bench_each_case("clip_tiny", "rank", INPUT_PICTURES, fused, check_case);
}

/* ---- pictures of any size ---- */

static void merge_units(void **state)
{
	(void)state;
	for (const struct bench_way *way = fused; way <= three; way++) {
		bench_each_case("qwen2_tiny", "cases", INPUT_PICTURES, way, check_case);
		bench_each_case("qwen25_tiny", "cases", INPUT_PICTURES, way, check_case);
		bench_each_case("qwen25_tiny", "ragged", INPUT_PICTURES, way, check_case);
	}
}

static void pictures_of_two_sizes(void **state)
{
	(void)state;
	bench_each_case("qwen2_tiny", "batch", INPUT_PICTURES, fused, check_case);
	bench_each_case("qwen25_tiny", "batch", INPUT_PICTURES, fused, check_case);
	bench_each_case("qwen25_tiny", "batch", INPUT_PICTURES, three, check_case);
}

/* Nothing dropped: `groups` of the oracle's pictures, ends with NULL. */
static void check_grids(const char *folder, const char *const *groups)
{
	struct bench b;
	bench_open(&b, folder, "oracle", INPUT_PICTURES, fused);
	for (; *groups; groups++) {
		struct input in = bench_grids(&b, *groups, NULL);
		struct knobs k = bench_knobs(&b, in.items, (const char *const[]){ NULL });
		check_case(&b, *groups, &in, &k);
		input_release(&in);
	}
	bench_close(&b);
}

static void grids_and_windows(void **state)
{
	(void)state;
	check_grids("qwen2_tiny",
		    (const char *const[]){ "8x8", "6x10", "4x14", "B", NULL });
	check_grids("qwen25_tiny",
		    (const char *const[]){ "16x16", "10x14", "12x22", "6x4", "B", NULL });
	check_grids("qwen25_visual_bf16", (const char *const[]){ "10x14", NULL });
}

static void prompts(void **state)
{
	(void)state;
	bench_each_case("qwen2_tiny", "prompt", INPUT_PROMPT, fused, check_case);
	bench_each_case("qwen25_tiny", "prompt", INPUT_PROMPT, three, check_case);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method),
		cmocka_unit_test(other_thresholds),
		cmocka_unit_test(siglip),
		cmocka_unit_test(image_sizes_and_ranks),
		cmocka_unit_test(merge_units),
		cmocka_unit_test(pictures_of_two_sizes),
		cmocka_unit_test(grids_and_windows),
		cmocka_unit_test(prompts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
