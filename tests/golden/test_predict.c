/*
 * A dry pass is the real one: the same layers, counts and peak of memory, of every
 * method. Where counts depend on values it is told what share of the tokens stayed.
 */
#include <math.h>

#include "bench.h"

/* Where values decide, the share of all items is told, not each item's: the counts of
 * attention, which is not linear in it, are guesses, and so are sums with it. */
static bool is_guess(const struct layer *l)
{
	return !strcmp(l->kind, "attention") || !strcmp(l->kind, "group");
}

static void same_layer(const char *what, const struct layer *dry, const struct layer *wet)
{
	static const enum metric_id counted[] = {
		METRIC_flops,     METRIC_bytes_read, METRIC_bytes_written,
		METRIC_tokens_in, METRIC_tokens_out, METRIC_m,
		METRIC_n,         METRIC_k
	};
	if (strcmp(dry->path, wet->path))
		fail_msg("%s: %s where the pass has %s", what, dry->path, wet->path);
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		double x = dry->v[counted[i]], y = wet->v[counted[i]];
		if (!(x >= y && x <= y) && !(isnan(x) && isnan(y)))
			fail_msg("%s: %s of %s is %g, in the pass %g", what,
				 metric_table[counted[i]].name, dry->path, x, y);
	}
}

static void check_case(struct bench *b, const char *name, const struct input *input,
		       const struct knobs *k)
{
	const char *what = bench_what(b, name);
	struct setting s;
	struct shares shares;
	struct run *dry = run_create(), *wet = run_create();
	bench_run(b, &s, input, k);
	for (int pass = 0; pass < 3; pass++)
		check_ok(setting_pass(&s, true, NULL));
	spans_report(&s.spans, wet);
	setting_shares(&s, &shares);
	check_ok(setting_predict(b->model, NULL, k, NULL, shares.n ? &shares : NULL, dry,
				 NULL));
	assert_int_equal(dry->n_layers, wet->n_layers);
	for (int l = 0; l < dry->n_layers; l++)
		if (!shares.n || !is_guess(&dry->layers[l]))
			same_layer(what, &dry->layers[l], &wet->layers[l]);
	/* What values decide may take any room up to that of all tokens. */
	if (!shares.n)
		assert_int_equal((size_t)dry->memory.peak_activation_bytes, s.arena.peak);
	run_free(dry);
	run_free(wet);
	setting_release(&s);
}

static const struct bench_way *const fused = &bench_ways[2], *const three =
								     &bench_ways[3];

static void every_method(void **state)
{
	(void)state;
	bench_each_case("reduce_tiny", "cases", INPUT_PICTURES, fused, check_case);
	bench_each_case("reduce_tiny", "cases", INPUT_PICTURES, three, check_case);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method),
		cmocka_unit_test(siglip),
		cmocka_unit_test(image_sizes_and_ranks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
