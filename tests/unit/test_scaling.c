/* Shares of what a scan stands among, what a factor could do, times over lengths. */
#include "check.h"

#include <math.h>

#include "ui/scaling_map.h"
#include "ui/scan_map.h"

#define NONE ((double)NAN)

static void near(double got, double want)
{
	if (!(fabs(got - want) <= 1e-9 * fabs(want)))
		fail_msg("%.12g, wanted %.12g", got, want);
}

/* ---- scans ---- */

struct row {
	const char *name, *kind;
	int parent;
	double ns;
};

static struct run *run_of(const struct row *rows, int n)
{
	struct run *run = run_create();
	struct layer *l = run_add_layers(run, n);
	for (int i = 0; i < n; i++) {
		l[i].name = l[i].path = rows[i].name;
		l[i].parent = rows[i].parent;
		l[i].kind = rows[i].kind;
		l[i].v[METRIC_wall_ns] = rows[i].ns;
		l[i].v[METRIC_flops] = 2 * rows[i].ns;
	}
	return run;
}
#define RUN(rows) run_of(rows, (int)(sizeof(rows) / sizeof((rows)[0])))

static void layers_are_summed_by_what_they_are(void **state)
{
	static const struct row rows[] = {
		{ "embeddings", "lookup", -1, 1 },
		{ "layers.0", "group", -1, 55 }, /* not counted: its leaves are */
		{ "norm", "rmsnorm", 1, 2 },
		{ "mixer.in_proj", "linear", 1, 20 },
		{ "mixer.conv1d", "conv1d", 1, 3 },
		{ "mixer.x_proj", "linear", 1, 4 },
		{ "mixer.dt_proj", "linear", 1, 5 },
		{ "mixer.scan", "scan", 1, 6 },
		{ "mixer.low.scan", "scan", 1, 2 },
		{ "mixer.blend", "blend", 1, 1 },
		{ "mixer.gate", "gate", 1, 2 },
		{ "mixer.out_proj", "linear", 1, 10 },
		{ "mlp", "linear", 1, NONE },
		{ "lm_head", "linear", -1, 4 },
		{ "frob", "frob", -1, 40 },
	};
	struct run *run = RUN(rows);
	struct scan_map m;
	(void)state;
	scan_map_make(&m, run);
	assert_true(scan_map_is_sequence(&m));
	near(m.ns[SCAN_SCAN], 8);
	assert_int_equal(m.layers[SCAN_SCAN], 2);
	near(m.ns[SCAN_CONV], 3);
	near(m.ns[SCAN_X_PROJ], 4);
	near(m.ns[SCAN_DT_PROJ], 5);
	near(m.ns[SCAN_IN_PROJ], 20);
	near(m.ns[SCAN_OUT_PROJ], 10);
	near(m.ns[SCAN_HEAD], 4);
	near(m.ns[SCAN_RESAMPLE], 1);
	near(m.ns[SCAN_REST], 40);
	assert_true(isnan(m.ns[SCAN_LINEAR])); /* it does not say */
	assert_int_equal(m.layers[SCAN_LINEAR], 1);
	near(m.whole_ns, 100);
	near(m.whole_flops, 200);
	near(scan_map_share(&m), 0.2);
	run_free(run);
}

/* A branch that is a convolution and a product stands for a scan. */
static void a_convolution_stands_for_a_scan(void **state)
{
	static const struct row rows[] = { { "conv", "conv1d", -1, 6 },
					   { "proj", "linear", -1, 3 },
					   { "gate", "linear", -1, 1 } };
	static const struct row none[] = { { "attn.qkv", "linear", -1, 6 } };
	struct run *run = RUN(rows), *vit = RUN(none);
	struct scan_map m;
	(void)state;
	scan_map_make(&m, run);
	assert_true(scan_map_is_sequence(&m));
	near(scan_map_share(&m), 0.9);
	scan_map_make(&m, vit);
	assert_false(scan_map_is_sequence(&m));
	run_free(run);
	run_free(vit);
}

static void the_best_that_a_factor_can_do(void **state)
{
	(void)state;
	near(scan_best(0.5, 2, false), 1 / 0.75);
	near(scan_best(1, 16, false), 16);
	near(scan_best(0, 16, false), 1);
	near(scan_best(0.5, 2, true), 1 / 1.25); /* beside it: always slower */
	assert_true(isnan(scan_best(NONE, 2, false)));
}

/* ---- lengths ---- */

static struct app_setting setting(const char *model, const char *mrss, double tokens,
				  double ns)
{
	struct app_setting s = { .tokens = tokens,
				 .p50_ns = ns,
				 .knob_mask = KNOB_BIT(KNOB_MRSS) | KNOB_BIT(KNOB_SEQ) };
	knobs_init(&s.knobs);
	snprintf(s.model, sizeof(s.model), "%s", model);
	check_ok(knobs_set(&s.knobs, KNOB_MRSS, mrss));
	s.knobs.v[KNOB_SEQ].num = tokens;
	return s;
}

static void series_and_their_powers(void **state)
{
	struct app_setting list[16];
	struct scaling_map m;
	int n = 0;
	(void)state;
	for (double t = 4096; t >= 256; t /= 2) { /* in no order */
		list[n++] = setting("scan", "off", t, 1000 * t);
		list[n++] = setting("attention", "off", t, t * t);
	}
	list[n++] = setting("scan", "low", 256, 9);
	list[n++] = setting("scan", "low", 512, 18);
	list[n++] = setting("alone", "off", 512, 18);
	list[n++] = setting("scan", "both", NONE, 18);
	scaling_map_make(&m, list, n);
	assert_int_equal(m.n, 3);
	assert_string_equal(m.series[0].label, "scan");
	assert_string_equal(m.series[1].label, "attention");
	assert_string_equal(m.series[2].label, "scan mrss low");
	assert_int_equal(m.series[0].n, 5);
	assert_true(m.series[0].points[0].tokens == 256);
	assert_true(m.series[0].points[4].tokens == 4096);
	near(m.series[0].slope, 1);
	near(m.series[1].slope, 2);
	assert_true(isnan(m.series[2].slope)); /* of two points anything can be said */

	struct scaling_cross x = scaling_cross(&m.series[0], &m.series[1]);
	assert_int_equal(x.n, 1);
	near(x.tokens, 1000);
	near(x.ns, 1e6);
	assert_true(x.from == 256 && x.to == 4096);
	x = scaling_cross(&m.series[0], &m.series[2]);
	assert_int_equal(x.n, 0);
	assert_true(isnan(x.tokens) && x.from == 256 && x.to == 512);
	scaling_map_release(&m);
}

/* Times that touch and part again, and those that have no length in common. */
static void crossings_only_where_both_were_measured(void **state)
{
	const struct app_setting list[] = {
		setting("a", "off", 1, 10),  setting("a", "off", 4, 10),
		setting("a", "off", 16, 10), setting("b", "off", 1, 5),
		setting("b", "off", 4, 20),  setting("b", "off", 16, 5),
		setting("c", "off", 32, 1),  setting("c", "off", 64, 99),
	};
	struct scaling_map m;
	(void)state;
	scaling_map_make(&m, list, sizeof(list) / sizeof(list[0]));
	assert_int_equal(m.n, 3);
	struct scaling_cross x = scaling_cross(&m.series[0], &m.series[1]);
	assert_int_equal(x.n, 2);
	near(x.tokens, 2); /* half way, of logarithms */
	near(x.ns, 10);
	x = scaling_cross(&m.series[0], &m.series[2]);
	assert_int_equal(x.n, 0);
	assert_true(isnan(x.from));
	scaling_map_release(&m);
}

static void what_tells_nothing_apart(void **state)
{
	struct app_setting list[2 * SCALING_SERIES_MAX + 2];
	struct scaling_map m;
	int n = 0;
	(void)state;
	scaling_map_make(&m, NULL, 0);
	assert_int_equal(m.n, 0);
	list[n++] = setting("one", "low", 8, 5);
	list[n++] = setting("one", "low", 16, 5);
	scaling_map_make(&m, list, n);
	assert_string_equal(m.series[0].label, "one");
	scaling_map_release(&m);
	for (n = 0; n < 2 * SCALING_SERIES_MAX + 2; n++) {
		char model[16];
		snprintf(model, sizeof(model), "m%d", n / 2);
		list[n] = setting(model, "off", 8 + n % 2, 5);
	}
	scaling_map_make(&m, list, n);
	assert_int_equal(m.n, SCALING_SERIES_MAX);
	assert_int_equal(m.more, 2);
	scaling_map_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers_are_summed_by_what_they_are),
		cmocka_unit_test(a_convolution_stands_for_a_scan),
		cmocka_unit_test(the_best_that_a_factor_can_do),
		cmocka_unit_test(series_and_their_powers),
		cmocka_unit_test(crossings_only_where_both_were_measured),
		cmocka_unit_test(what_tells_nothing_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
