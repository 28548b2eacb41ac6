/* Layers of a technique against those of a base: order, what is left, what is lost. */
#include "check.h"

#include <math.h>

#include "profiler/states.h"

static struct tensor rows_of(const float *data, int64_t b, int64_t t, int64_t d)
{
	return tensor_of(DT_F32, (void *)(uintptr_t)data, DIMS(b, t, d));
}

static struct run *run_with(const char *const *paths, const int *parents, int n)
{
	struct run *run = run_create();
	struct layer *l = run_add_layers(run, n);
	for (int i = 0; i < n; i++) {
		l[i].path = paths[i];
		l[i].parent = parents[i];
		l[i].kind = "group";
	}
	return run;
}

static const struct trace no_trace;

static void near(double got, double want)
{
	if (!(fabs(got - want) <= 1e-9))
		fail_msg("%.12g, want %.12g", got, want);
}

/* The base came in one piece and the technique in two; a zero vector does not count. */
static void in_order(void **state)
{
	(void)state;
	const float base[] = { 1, 0, 0, 1, 1, 0, 2, 0 };
	const float front[] = { 5, 0, 1, 1 }, back[] = { -1, 0, 0, 0 };
	struct states s = { 0 };
	struct witness w = states_record(&s, "key");
	struct tensor x = rows_of(base, 1, 4, 2), a = rows_of(front, 1, 2, 2),
		      b = rows_of(back, 1, 2, 2);
	assert_false(states_hold(&s, "key"));
	w.hidden(w.ctx, 0, 0, &x);
	w.hidden(w.ctx, 1, 0, &x);
	assert_true(states_hold(&s, "key"));
	assert_false(states_hold(&s, "other"));
	struct states_match m = { .base = &s, .trace = &no_trace };
	w = states_compare(&m);
	w.hidden(w.ctx, 0, 0, &a);
	w.hidden(w.ctx, 0, 2, &b);
	w.hidden(w.ctx, 1, 0, &x);
	const char *const paths[] = { "embeddings", "layers.0", "layers.0.part.7",
				      "layers.1", "layers.2" };
	const int parents[] = { -1, -1, 1, -1, -1 };
	struct run *run = run_with(paths, parents, 5);
	states_report(&m, run);
	assert_true(isnan(run->layers[0].v[METRIC_cosine]));
	near(run->layers[1].v[METRIC_cosine], (1 + sqrt(0.5) - 1) / 3);
	assert_true(isnan(run->layers[2].v[METRIC_cosine]));
	near(run->layers[3].v[METRIC_cosine], 1);
	assert_true(isnan(run->layers[4].v[METRIC_cosine]));
	run_free(run);
	states_match_release(&m);
	states_release(&s);
}

/* Other widths, more rows than the base has: not known, however much came before. */
static void what_cannot_be_told(void **state)
{
	(void)state;
	const float data[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3 };
	struct states s = { 0 };
	struct witness w = states_record(&s, "key");
	struct tensor x = rows_of(data, 1, 4, 2), wide = rows_of(data, 1, 2, 4),
		      longer = rows_of(data, 1, 6, 2);
	w.hidden(w.ctx, 0, 0, &x);
	w.hidden(w.ctx, 1, 0, &x);
	struct states_match m = { .base = &s, .trace = &no_trace };
	w = states_compare(&m);
	w.hidden(w.ctx, 0, 0, &x);
	w.hidden(w.ctx, 0, 0, &wide);
	w.hidden(w.ctx, 1, 0, &longer);
	w.hidden(w.ctx, 1, 0, &x);
	w.hidden(w.ctx, 3, 0, &x);
	for (int i = 0; i < m.n_cosine; i++)
		assert_true(m.cosine[i].n <= 0);
	states_match_release(&m);
	states_release(&s);
}

/* Half of the rows of two items, three tokens of one row and a class token, and one made
 * of those that went. */
static void what_is_left(void **state)
{
	(void)state;
	const float base[] = { 9, 1, 1, 0, 0, 1, 1, 1, 9, 1, 1, 0, 0, 1, 1, 1 };
	/* class token, token 1, the made one; class token, token 2, the made one */
	const float mine[] = { 9, 1, 0, 1, 7, 7, 9, 1, 1, -1, 7, 7 };
	int32_t rows[] = { 0, 2, ROW_MADE, 4, 7, ROW_MADE };
	float scores[8] = { 0 };
	struct trace t = { .items = 2, .patches = 3, .cls = 1, .unit = 1, .n = 1 };
	t.sites[0] = (struct trace_site){
		.layer = 0,
		.score = tensor_of(DT_F32, scores, DIMS(8)),
		.sel = { .rows = tensor_of(DT_I32, rows, DIMS(6)), .items = 2 },
	};
	struct states s = { 0 };
	struct witness w = states_record(&s, "key");
	struct tensor x = rows_of(base, 2, 4, 2), left = rows_of(mine, 2, 3, 2);
	w.hidden(w.ctx, 0, 0, &x);
	struct states_match m = { .base = &s, .trace = &t };
	w = states_compare(&m);
	w.hidden(w.ctx, 0, 0, &left);
	assert_int_equal(m.cosine[0].n, 4);
	near(m.cosine[0].sum, 1 + 1 + 1 + 0);
	/* Rows that the trace does not know of are told apart from nobody. */
	w.hidden(w.ctx, 0, 0, &x);
	assert_int_equal(m.cosine[0].n, -1);
	states_match_release(&m);
	states_release(&s);
}

static void along_the_sequence(void **state)
{
	(void)state;
	const float early[] = { 3, 4, 0, 0 }, late[] = { 0, 5, 0, 0 };
	const float near_by[] = { 3, 4, 0, 1 }, off[] = { 0, 0, 0, 0 };
	struct states s = { 0 };
	struct witness w = states_record(&s, "key");
	struct tensor a = rows_of(early, 1, 2, 2), b = rows_of(late, 1, 2, 2),
		      c = rows_of(near_by, 1, 2, 2), d = rows_of(off, 1, 2, 2);
	for (int layer = 0; layer < 2; layer++) {
		w.state(w.ctx, layer, 4, &a);
		w.state(w.ctx, layer, 8, &b);
	}
	struct states_match m = { .base = &s, .trace = &no_trace };
	w = states_compare(&m);
	w.state(w.ctx, 0, 8, &b);
	w.state(w.ctx, 1, 8, &d);
	w.state(w.ctx, 0, 6, &b); /* the base was not looked at there */
	w.state(w.ctx, 0, 4, &c);
	struct run *run = run_create();
	states_report(&m, run);
	assert_int_equal(run->ssm.n_state_at, 2);
	assert_int_equal(run->ssm.n_state_error, 2);
	assert_true(run->ssm.state_bytes == 2 * 4 * sizeof(float)); /* of two layers */
	near(run->ssm.state_at[0], 4);
	near(run->ssm.state_error[0], 0.2);
	near(run->ssm.state_at[1], 8);
	near(run->ssm.state_error[1], 0.5); /* mean of 0 and 1 */
	run_free(run);
	states_match_release(&m);
	states_release(&s);
}

/* Half precision is widened; what is too large is not held, and nothing else is then. */
static void halves_and_too_much(void **state)
{
	(void)state;
	uint16_t half[] = { f32_to_bf16(1), f32_to_bf16(-2) };
	struct states s = { 0 };
	struct witness w = states_record(&s, "key");
	struct tensor x = tensor_of(DT_BF16, half, DIMS(1, 1, 2));
	w.hidden(w.ctx, 0, 0, &x);
	struct states_match m = { .base = &s, .trace = &no_trace };
	struct witness same = states_compare(&m);
	same.hidden(same.ctx, 0, 0, &x);
	near(m.cosine[0].sum, 1);
	states_match_release(&m);
	x = rows_of(NULL, 1, (int64_t)STATES_MAX_BYTES / 8, 2);
	w.hidden(w.ctx, 1, 0, &x);
	assert_false(states_hold(&s, "key"));
	x = tensor_of(DT_BF16, half, DIMS(1, 1, 2));
	w.hidden(w.ctx, 0, 0, &x);
	assert_false(states_hold(&s, "key"));
	states_release(&s);
}

static void how_often(void **state)
{
	(void)state;
	assert_int_equal(states_every(1), 0);
	assert_int_equal(states_every(31), 0);
	assert_int_equal(states_every(32), 16);
	assert_int_equal(states_every(256), 16);
	assert_int_equal(states_every(512), 32);
	assert_int_equal(states_every(4096), 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(what_cannot_be_told),
		cmocka_unit_test(what_is_left),
		cmocka_unit_test(along_the_sequence),
		cmocka_unit_test(halves_and_too_much),
		cmocka_unit_test(how_often),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
