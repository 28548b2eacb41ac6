/* Mamba as scripts see it: texts, pieces of long sequences, scans of two resolutions. */
#include "check.h"

#include <math.h>

#include "proc.h"
#include "result.h"

#define MODEL "-m", "mamba-130m:tiny"
#define QUICK MODEL, "--no-store", "--samples", "1", "--warmup", "0", "--threads", "1"

static char dir[64];
static struct proc p;

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	setenv("HOME", dir, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	proc_release(&p);
	temp_dir_remove(dir);
	return 0;
}

#define RUN(...)                                                                         \
	run((const char *const[]){ program(), "run", QUICK, __VA_ARGS__, "--json", NULL })
static json_t *run(const char *const *argv)
{
	proc_release(&p);
	if (program_run(&p, argv))
		fail_msg("it failed: %s", str_get(&p.err_text));
	return proc_line(&p);
}

#define REFUSED(part, ...)                                                               \
	refused(part, (const char *const[]){ program(), __VA_ARGS__, NULL })
static void refused(const char *part, const char *const *argv)
{
	proc_release(&p);
	assert_int_not_equal(program_run(&p, argv), 0);
	const char *text = str_get(&p.err_text), *end = strchr(text, '\n');
	if (!end || end[1] || !strstr(text, part))
		fail_msg("want one line with \"%s\": %s", part, text);
}

static bool warns(json_t *o, const char *part)
{
	json_t *w;
	size_t i;
	json_array_foreach(at(o, "warnings"), i,
			   w) if (strstr(json_string_value(w), part)) return true;
	return false;
}

static json_t *layer(json_t *o, const char *path)
{
	json_t *l;
	size_t i;
	json_array_foreach(
		at(o, "layers"), i,
		l) if (!strcmp(json_string_value(at(l, "path")), path)) return l;
	fail_msg("no layer %s", path);
	return NULL;
}

static void a_text_goes_on(void **state)
{
	(void)state;
	json_t *o = RUN("--text", "hello", "--seq", "20");
	assert_true(num(o, "input.tokens") == 20);
	assert_true(num(o, "generated.prompt_tokens") == 20);
	assert_int_equal(json_array_size(at(o, "generated.ids")), 8);
	/* 4 layers of 128 channels: 16 states and 3 rows of the past. */
	assert_true(num(o, "generated.state_bytes") == 4 * 128 * (16 + 3) * 4);
	assert_true(num(o, "generated.ns_per_token") > 0);
	assert_true(json_is_null(at(o, "mrss")));
	static const char *const names[] = { "norm",    "in_proj", "conv1d", "x_proj",
					     "dt_proj", "scan",    "gate",   "out_proj" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[32];
		snprintf(path, sizeof(path), "layers.3.%s", names[i]);
		assert_true(num(layer(o, path), "calls") == 1);
	}
	assert_true(num(layer(o, "head.logits"), "m") == 20);
	json_decref(o);
}

static void long_sequences_in_pieces(void **state)
{
	(void)state;
	json_t *o = RUN("--seq", "1500");
	assert_true(num(layer(o, "layers.0.scan"), "calls") == 3);
	assert_true(num(layer(o, "layers.0.scan"), "tokens_in") == 1500);
	assert_true(num(layer(o, "layers.0.scan"), "flops") == 9.0 * 1500 * 128 * 16);
	json_decref(o);
}

static void branches(void **state)
{
	(void)state;
	json_t *low = RUN("--downsample", "4", "--seq", "65");
	assert_string_equal(json_string_value(at(low, "knobs.mrss")), "low");
	assert_true(num(low, "mrss.work_ratio") < 1);
	assert_true(json_is_null(at(low, "mrss.gate_mean")));
	assert_true(warns(low, "the last block stands for 1"));
	assert_true(num(layer(low, "layers.0.scan"), "tokens_in") == 17);
	json_decref(low);
	json_t *both = RUN("--downsample", "4", "--mrss", "both", "--batch", "2");
	double ratio = num(both, "mrss.work_ratio"), gate = num(both, "mrss.gate_mean");
	assert_true(ratio > 1 && ratio < 2 && gate > 0.45 && gate < 0.55);
	assert_int_equal(json_array_size(at(both, "mrss.factors")), 2);
	assert_true(warns(both, "x the FLOPs of the baseline"));
	assert_true(warns(both, "nobody trained them"));
	json_decref(both);
	json_t *own = RUN("--downsample", "16", "--mrss", "adaptive", "--seq", "64",
			  "--text", "aaaaaaaabbbbbbbbccccccccdddddddd");
	assert_true(json_number_value(json_array_get(at(own, "mrss.factors"), 0)) == 8);
	json_decref(own);
}

static void what_is_wrong(void **state)
{
	char path[128];
	(void)state;
	REFUSED("--seq 0", "run", QUICK, "--seq", "0");
	REFUSED("want 1, 2, 4, 8 or 16", "run", QUICK, "--downsample", "3");
	REFUSED("does nothing with --mrss off", "run", QUICK, "--downsample", "4",
		"--mrss", "off");
	REFUSED("mamba-130m:tiny does not have this knob", "run", QUICK, "--keep", ".5");
	REFUSED("--downsample: clip-vit-b16:tiny does not have", "run", "-m",
		"clip-vit-b16:tiny", "--downsample", "4");
	snprintf(path, sizeof(path), "%s/ids", dir);
	FILE *f = fopen(path, "w");
	fputs("1 2 512", f);
	fclose(f);
	REFUSED("\"512\" is no token of mamba-130m:tiny: want 0 to 511", "run", QUICK,
		"--tokens", path);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(a_text_goes_on),
		CASE(long_sequences_in_pieces),
		CASE(branches),
		CASE(what_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
