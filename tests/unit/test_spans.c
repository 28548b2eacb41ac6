/* The tree of spans: it adds up, it notices a pass that strays, and forgets broken ones.
 */
#include "check.h"

#include <math.h>

#include "profiler/spans.h"

static const struct op_count linear_count = {
	.kind = "linear",
	.engine = "test",
	.flops = 10,
	.flops_fvcore = 4,
	.flops_torch = 8,
	.bytes_read = 100,
	.bytes_written = 50,
	.tokens_in = 7,
	.tokens_out = 5,
	.m = 2,
	.n = 3,
	.k = 4,
};

static void op(struct spans *s, const char *name)
{
	s->tracer.open(&s->tracer, name);
	s->tracer.close(&s->tracer, &linear_count);
}

static void group(struct spans *s, const char *name, int ops)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	s->tracer.open(&s->tracer, name);
	for (int i = 0; i < ops; i++)
		op(s, names[i]);
	s->tracer.close(&s->tracer, NULL);
}

static bool pass(struct spans *s, int ops, bool complete)
{
	spans_begin(s);
	op(s, "stem");
	group(s, "blocks.0", ops);
	s->tracer.open(&s->tracer, "blocks.1");
	group(s, "inner", 2);
	op(s, "tail");
	s->tracer.close(&s->tracer, NULL);
	return spans_end(s, complete);
}

static int find(const struct run *run, const char *path)
{
	for (int i = 0; i < run->n_layers; i++)
		if (!strcmp(run->layers[i].path, path))
			return i;
	fail_msg("no layer %s", path);
	return -1;
}

/* For every metric that is a sum: a parent is its children plus (for time) its own. */
static void check_adds_up(const struct run *run, bool timed)
{
	double leaves = 0;
	for (int i = 0; i < run->n_layers; i++) {
		const struct layer *l = &run->layers[i];
		double children = 0, flops = 0, cpu = 0;
		bool leaf = true;
		assert_true(l->parent < i);
		for (int c = i + 1; c < run->n_layers; c++)
			if (run->layers[c].parent == i) {
				children += run->layers[c].v[METRIC_wall_ns];
				flops += run->layers[c].v[METRIC_flops];
				cpu += run->layers[c].v[METRIC_cpu_ns];
				leaf = false;
			}
		assert_int_equal(leaf, run_layer_is_leaf(run, i));
		if (!leaf)
			assert_true(l->v[METRIC_flops] == flops);
		if (!timed) {
			assert_true(isnan(l->v[METRIC_wall_ns]));
			assert_true(isnan(l->v[METRIC_cpu_ns]));
			assert_true(isnan(l->v[METRIC_self_ns]));
			continue;
		}
		assert_true(l->v[METRIC_wall_ns] > 0 && l->v[METRIC_cpu_ns] >= 0);
		assert_true(l->v[METRIC_wall_min_ns] <= l->v[METRIC_wall_ns]);
		assert_true(fabs(children + l->v[METRIC_self_ns] - l->v[METRIC_wall_ns]) <
			    1e-6 * l->v[METRIC_wall_ns] + 1e-6);
		assert_true(l->v[METRIC_self_ns] >= 0);
		if (!leaf)
			assert_true(l->v[METRIC_cpu_ns] >= cpu);
		leaves += leaf ? l->v[METRIC_wall_ns] : 0;
	}
	if (timed)
		assert_true(leaves > 0);
}

static void tree(void **state)
{
	struct spans s;
	struct pool *pool;
	struct run *run = run_create();
	(void)state;
	check_ok(pool_create(1, &pool));
	spans_init(&s, pool);
	for (int i = 0; i < 9; i++)
		assert_true(pass(&s, 3, true));
	assert_int_equal(s.n_passes, 8); /* the first one learns */
	assert_true(spans_last_ns(&s) > 0);
	spans_report(&s, run);
	assert_int_equal(run->n_layers, 10);
	check_adds_up(run, true);
	int inner = find(run, "blocks.1.inner"), leaf = find(run, "blocks.1.inner.b");
	assert_int_equal(run->layers[leaf].parent, inner);
	assert_int_equal(run->layers[inner].parent, find(run, "blocks.1"));
	assert_string_equal(run->layers[leaf].name, "b");
	assert_string_equal(run->layers[leaf].kind, "linear");
	assert_string_equal(run->layers[leaf].engine, "test");
	assert_string_equal(run->layers[inner].kind, "group");
	assert_true(run->flops.ours == 70 && run->flops.fvcore == 28 &&
		    run->flops.torch == 56 && run->bytes.read == 700 &&
		    run->bytes.written == 350);
	assert_int_equal(run->tokens.n_layers, 2);
	assert_true(run->tokens.per_layer[0] == 7);
	run_free(run);
	spans_release(&s);
	pool_free(pool);
}

static void counting_reads_no_clock(void **state)
{
	struct spans s;
	struct run *run = run_create();
	(void)state;
	spans_init(&s, NULL);
	assert_true(pass(&s, 2, true));
	spans_report(&s, run);
	check_adds_up(run, false);
	assert_true(run->flops.ours == 60);
	run_free(run);
	spans_release(&s);
}

/* Layers that see a sequence piece by piece are one row each, whose calls add up. */
static void opens_again(void **state)
{
	struct spans s;
	struct pool *pool;
	struct run *run = run_create();
	(void)state;
	check_ok(pool_create(1, &pool));
	spans_init(&s, pool);
	for (int i = 0; i < 6; i++) {
		spans_begin(&s);
		op(&s, "stem");
		for (int piece = 0; piece < 3; piece++) {
			group(&s, "layers.0", 2);
			group(&s, "layers.1", piece ? 3 : 2);
		}
		assert_true(spans_end(&s, true));
	}
	spans_report(&s, run);
	check_adds_up(run, true);
	assert_int_equal(run->n_layers, 8);
	const double *again = run->layers[find(run, "layers.0.b")].v,
		     *late = run->layers[find(run, "layers.1.c")].v;
	assert_true(again[METRIC_calls] == 3 && late[METRIC_calls] == 2);
	assert_true(again[METRIC_flops] == 30 && late[METRIC_flops] == 20);
	assert_true(again[METRIC_tokens_in] == 21 && again[METRIC_m] == 2);
	assert_true(run->layers[find(run, "layers.0")].v[METRIC_calls] == 3);
	assert_true(run->flops.ours == 150 && run->bytes.read == 1500);
	spans_begin(&s); /* a piece less */
	op(&s, "stem");
	group(&s, "layers.0", 2);
	assert_false(spans_end(&s, true));
	run_free(run);
	spans_release(&s);
	pool_free(pool);
}

static void strays(void **state)
{
	struct spans s;
	struct pool *pool;
	(void)state;
	check_ok(pool_create(1, &pool));
	spans_init(&s, pool);
	assert_true(pass(&s, 3, true));
	assert_true(pass(&s, 3, true));
	assert_false(pass(&s, 2, true));  /* one op less */
	assert_false(pass(&s, 4, true));  /* one more */
	assert_false(pass(&s, 3, false)); /* broken off */
	spans_begin(&s);                  /* too short */
	op(&s, "stem");
	assert_false(spans_end(&s, true));
	spans_begin(&s); /* left open */
	s.tracer.open(&s.tracer, "stem");
	assert_false(spans_end(&s, true));
	assert_int_equal(s.n_passes, 1); /* none of them counts */
	assert_true(pass(&s, 3, true));
	assert_int_equal(s.n_passes, 2);
	spans_release(&s);
	pool_free(pool);
}

static void broken_first_pass(void **state)
{
	struct spans s;
	struct pool *pool;
	struct run *run = run_create();
	(void)state;
	check_ok(pool_create(1, &pool));
	spans_init(&s, pool);
	spans_begin(&s);
	s.tracer.open(&s.tracer, "blocks.0");
	op(&s, "a"); /* cancelled here: the group stays open */
	assert_false(spans_end(&s, false));
	assert_true(pass(&s, 3, true));
	assert_true(pass(&s, 3, true));
	spans_report(&s, run);
	assert_int_equal(run->n_layers, 10);
	check_adds_up(run, true);
	run_free(run);
	spans_release(&s);
	pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree),
		cmocka_unit_test(counting_reads_no_clock),
		cmocka_unit_test(opens_again),
		cmocka_unit_test(strays),
		cmocka_unit_test(broken_first_pass),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
