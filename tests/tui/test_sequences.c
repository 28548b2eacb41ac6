/* The screens of sequences: scans, thresholds, lengths; keys in, screens out. */
#include "check.h"

#include "pty_harness.h"

static const char *const nothing[] = { NULL };
static const char *const ascii[] = { "--ascii", NULL };
static const char *const plain[] = { "--plain", NULL };
static const char *const scan[] = { "FAKE_SSM=1", "FAKE_MEASURE_MS=1", "FAKE_CURVE=1",
				    NULL };
static const char *const mono[] = { "FAKE_SSM=1", "FAKE_MEASURE_MS=1", "FAKE_CURVE=1",
				    "NO_COLOR=1", NULL };
static const char *const slow[] = { "FAKE_SSM=1", NULL };
static const char *const encoder[] = { "FAKE_SSM=encoder", "FAKE_MEASURE_MS=1",
				       "FAKE_CURVE=1", NULL };

static void quit(struct pty *p)
{
	pty_keys(p, "Q");
	pty_wait_exit(p, 0);
	pty_check_restored(p);
	pty_close(p);
}

static void expect(int width, int height, const char *const *args, const char *const *env,
		   const char *keys, const char *name)
{
	struct pty p;
	pty_start(&p, width, height, args, env);
	pty_wait(&p, width >= 60 ? "sum of layers" : "idle");
	pty_keys(&p, keys);
	pty_golden(&p, name);
	quit(&p);
}

static void scans(void **state)
{
	(void)state;
	expect(80, 24, nothing, scan, "vssm\r]", "ssm_80x24");
	expect(80, 24, nothing, mono, "vssm\r]", "ssm_mono_80x24");
	expect(80, 24, ascii, scan, "vssm\r]", "ssm_ascii_80x24");
	expect(80, 24, plain, scan, "vssm\r]", "ssm_plain_80x24");
	expect(200, 60, nothing, scan, "vssm\r]", "ssm_200x60");
	expect(60, 16, nothing, scan, "vssm\r]", "ssm_60x16");
	expect(40, 10, nothing, scan, "vssm\r]", "ssm_40x10");
	expect(80, 24, nothing, slow, "vssm\r]", "ssm_estimate_80x24");
	expect(120, 45, nothing, scan, "venv\r]jjjjjjjjjj", "ssm_env_120x45");
}

static void thresholds(void **state)
{
	(void)state;
	expect(80, 24, nothing, encoder, "vthr\r:threshold 13\r", "threshold_80x24");
	expect(80, 24, ascii, encoder, "vthr\r:threshold 13\r", "threshold_ascii_80x24");
	expect(80, 24, plain, encoder, "vthr\r:threshold 13\r", "threshold_plain_80x24");
	expect(200, 60, nothing, encoder, "vthr\r:threshold 13\r", "threshold_200x60");
	expect(60, 16, nothing, encoder, "vthr\r:threshold 13\r", "threshold_60x16");
}

static void lengths(void **state)
{
	(void)state;
	expect(80, 24, nothing, scan, "vscal\r", "scaling_80x24");
	expect(80, 24, ascii, scan, "vscal\rj", "scaling_ascii_80x24");
	expect(80, 24, plain, scan, "vscal\r", "scaling_plain_80x24");
	expect(200, 60, nothing, scan, "vscal\r", "scaling_200x60");
	expect(60, 16, nothing, scan, "vscal\r", "scaling_60x16");
}

static void the_factor_follows_the_slider(void **state)
{
	struct pty p;
	(void)state;
	pty_start(&p, 80, 24, nothing, scan);
	pty_wait(&p, "sum of layers");
	pty_keys(&p, "vssm\r");
	pty_wait(&p, "mrss off: one scan of every token");
	pty_keys(&p, "]]");
	pty_wait(&p, "4x low");
	pty_wait(&p, "low 4x does 0.94x the FLOPs of the baseline");
	pty_wait(&p, "KL 0.1");
	pty_keys(&p, ":set mrss both\r");
	pty_wait(&p, "both 4x costs");
	pty_wait(&p, "gate 0.50 coarse (untrained)");
	pty_keys(&p, "[[");
	pty_wait(&p, "one scan of every token");
	pty_wait(&p, "ppl 22.2 loss 3.100");
	pty_keys(&p, "jG");
	pty_keys(&p, "Y");
	pty_wait(&p, "Markdown");
	quit(&p);
}

/* What has nothing to say of a model has no tab, and numbers are those of the tabs. */
static void tabs_are_those_of_the_model(void **state)
{
	struct pty p;
	(void)state;
	pty_start(&p, 200, 24, nothing, scan);
	pty_wait(&p, "3 Curve  4 SSM  5 Scaling");
	pty_keys(&p, "4");
	pty_wait(&p, "one scan of every token");
	pty_keys(&p, "\t");
	pty_wait(&p, "both logarithmic");
	pty_keys(&p, "\033[Z\033[Z");
	pty_wait(&p, "F8 sweeps it");
	pty_keys(&p, "vthr\r"); /* asked for by name it says why not */
	pty_wait(&p, "no threshold here");
	pty_wait(&p, "SSM  Threshold  5 Scaling");
	pty_keys(&p, "\t");
	pty_wait(&p, "both logarithmic");
	quit(&p);
	pty_start(&p, 200, 24, nothing, encoder);
	pty_wait(&p, "3 Tokens  4 Curve  5 Threshold  6 Scaling");
	pty_keys(&p, "5");
	pty_wait(&p, "the threshold is off");
	quit(&p);
	pty_start(&p, 80, 24, nothing, nothing);
	pty_wait(&p, "4Cur 5Mod");
	pty_keys(&p, "vssm\r");
	pty_wait(&p, "this model has no scan");
	quit(&p);
}

static void layers_of_a_threshold(void **state)
{
	struct pty p;
	(void)state;
	pty_start(&p, 80, 24, nothing, encoder);
	pty_wait(&p, "sum of layers");
	pty_keys(&p, "vthr\r]]");
	pty_wait(&p, "layers.0: 48 go, 80 stay above 13");
	pty_keys(&p, "j");
	pty_wait(&p, "layers.1: 0 go, 80 stay above 13");
	pty_keys(&p, "\033[<0;5;9M"); /* a click on the first row */
	pty_wait(&p, "layers.0: 48 go");
	pty_keys(&p, "Y");
	pty_wait(&p, "Markdown");
	quit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scans),
		cmocka_unit_test(thresholds),
		cmocka_unit_test(lengths),
		cmocka_unit_test(the_factor_follows_the_slider),
		cmocka_unit_test(tabs_are_those_of_the_model),
		cmocka_unit_test(layers_of_a_threshold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
