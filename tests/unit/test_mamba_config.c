/* What a configuration of Mamba can say, in both formats, and what is refused. */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/model.h"
#include "models/mrss.h"

static char dir[64];

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

static void put(const char *config)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/config.json", dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(config, f);
	fclose(f);
}

/* The weights of a fixture, in this folder. */
static void link_weights(const char *folder, const char *file)
{
	char from[512], to[128];
	snprintf(from, sizeof(from), "%s/%s", folder, file);
	snprintf(to, sizeof(to), "%s/%s", dir, file);
	char *whole = realpath(fixture(from), NULL);
	assert_non_null(whole);
	assert_int_equal(symlink(whole, to), 0);
	free(whole);
}

static void refused(const char *config, enum err code, const char *part)
{
	struct model *m;
	put(config);
	check_err(model_open(dir, 0, &m), code, part);
	assert_null(m);
	assert_null(strchr(err_message(), '\n'));
}

#define NATIVE(rest) "{\"d_model\": 32, \"n_layer\": 2, \"vocab_size\": 61, " rest "}"
#define SSM "\"ssm_cfg\": {\"d_state\": 8, \"dt_rank\": 4}"

static void authors_format(void **state)
{
	(void)state;
	struct model *m;
	link_weights("mamba_native", "pytorch_model.bin");
	put(NATIVE(SSM));
	check_ok(model_open(dir, 0, &m));
	assert_string_equal(m->family->name, "mamba");
	assert_int_equal(m->vocab, 64);
	assert_true(model_serves(m, INPUT_TEXT));
	model_free(m);
	refused(NATIVE("\"ssm_cfg\": {\"layer\": \"Mamba2\"}"), ERR_UNSUPPORTED,
		"ssm_cfg.layer \"Mamba2\": this version has Mamba1");
	refused(NATIVE(SSM ", \"rms_norm\": false"), ERR_UNSUPPORTED, "rms_norm false");
	refused(NATIVE(SSM ", \"attn_layer_idx\": [1]"), ERR_UNSUPPORTED, "a hybrid");
	refused(NATIVE(SSM ", \"d_intermediate\": 64"), ERR_UNSUPPORTED, "a hybrid");
	refused(NATIVE(SSM ", \"pad_vocab_size_multiple\": 16, \"n_layer\": 1"),
		ERR_FORMAT, "");
	refused(NATIVE("\"ssm_cfg\": {\"d_state\": 8}"), ERR_FORMAT,
		"config.json makes it [18, 64]"); /* a rank of 2 */
	refused(NATIVE("\"ssm_cfg\": {\"d_state\": 8, \"dt_rank\": \"auto\"}"),
		ERR_FORMAT, "config.json makes it [18, 64]");
	refused(NATIVE("\"ssm_cfg\": {\"d_state\": 8, \"dt_rank\": \"four\"}"),
		ERR_FORMAT, "dt_rank");
	refused("{\"d_model\": 32, \"n_layer\": 2}", ERR_FORMAT, "no model_type");
	refused("{\"d_model\": 32, \"n_layer\": 1, \"vocab_size\": 61, " SSM "}",
		ERR_FORMAT, "holds backbone.layers.1.norm.weight too");
}

#define HF(rest)                                                                         \
	"{\"model_type\": \"mamba\", \"hidden_size\": 32, \"state_size\": 8, "           \
	"\"vocab_size\": 64, \"time_step_rank\": 4, " rest "}"

static void published_format(void **state)
{
	(void)state;
	struct model *m;
	link_weights("mamba_tiny", "model.safetensors");
	put(HF("\"num_hidden_layers\": 2"));
	check_ok(model_open(dir, 0, &m));
	assert_string_equal(m->family->name, "mamba");
	model_free(m);
	refused(HF("\"num_hidden_layers\": 3"), ERR_FORMAT, "backbone.layers.2.");
	refused(HF("\"num_hidden_layers\": 1"), ERR_FORMAT,
		"holds backbone.layers.1.norm.weight too");
	refused(HF("\"num_hidden_layers\": 2, \"conv_kernel\": 3"), ERR_FORMAT,
		"conv1d.weight");
	refused(HF("\"num_hidden_layers\": 2, \"expand\": 4"), ERR_FORMAT, "in_proj");
	refused(HF("\"num_hidden_layers\": 2, \"use_conv_bias\": false"), ERR_FORMAT,
		"conv1d.bias");
	refused(HF("\"num_hidden_layers\": 2, \"use_bias\": true"), ERR_FORMAT,
		"in_proj.bias");
	refused(HF("\"num_hidden_layers\": 2, \"hidden_act\": \"relu\""), ERR_UNSUPPORTED,
		"hidden_act \"relu\"");
	refused("{\"model_type\": \"mamba2\"}", ERR_UNSUPPORTED,
		"model_type \"mamba2\": this version has");
	refused("{\"model_type\": \"falcon_mamba\"}", ERR_UNSUPPORTED, "falcon_mamba");
}

/* Weights of another architecture under this configuration. */
static void other_weights(void **state)
{
	(void)state;
	link_weights("clip_tiny", "model.safetensors");
	refused(HF("\"num_hidden_layers\": 2"), ERR_FORMAT, "backbone.");
}

/* Rows that repeat are held without loss; those that do not are not. */
static void factors_from_sums(void **state)
{
	(void)state;
	/* Of 64 rows [2]: what factors 2, 4, 8, 16 lose; energy; sums of rows. */
	const float slow[] = { 0, 1, 3, 5, 8, 0, 0 }, fast[] = { 5, 6, 7, 8, 8, 0, 0 },
		    off[] = { 0, 1, 3, 5, 72, 64, 0 },
		    flat[] = { 0, 0, 0, 0, 63.99999F, 64, 0 };
	assert_int_equal(mrss_choose(slow, 64, 2, 16), 8);
	assert_int_equal(mrss_choose(slow, 64, 2, 4), 4);
	assert_int_equal(mrss_choose(slow, 64, 2, 1), 1);
	assert_int_equal(mrss_choose(fast, 64, 2, 16), 1);
	assert_int_equal(mrss_choose(off, 64, 2, 16), 8); /* the mean does not count */
	assert_int_equal(mrss_choose(flat, 64, 2, 16), 16);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(authors_format),
		CASE(published_format),
		CASE(other_weights),
		CASE(factors_from_sums),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
