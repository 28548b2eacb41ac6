/* GGUF as weights: names, shapes and values as in the other formats, its own config.json,
 * and files that are not for this version. */
#include "check.h"

#include <math.h>

#include "gguf_writer.h"
#include "tensor/file_source.h"
#include "tensor/gguf_arch.h"
#include "tensor/weights_format.h"

static char dir[64], path[96];

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	snprintf(path, sizeof(path), "%s/m.gguf", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

/* ---- the same model in every format ---- */

/* What a Mamba asks for, but for A. */
static const struct {
	const char *name;
	int ndim;
	int64_t dim[3];
	bool half; /* stored in two bytes where the file has some */
} wanted[] = {
	{ "backbone.embeddings.weight", 2, { 64, 24 }, true },
	{ "backbone.layers.0.norm.weight", 1, { 24 }, false },
	{ "backbone.layers.0.mixer.in_proj.weight", 2, { 96, 24 }, true },
	{ "backbone.layers.0.mixer.conv1d.weight", 3, { 48, 1, 4 }, false },
	{ "backbone.layers.0.mixer.conv1d.bias", 1, { 48 }, false },
	{ "backbone.layers.0.mixer.x_proj.weight", 2, { 20, 48 }, true },
	{ "backbone.layers.1.mixer.dt_proj.weight", 2, { 48, 4 }, true },
	{ "backbone.layers.1.mixer.dt_proj.bias", 1, { 48 }, false },
	{ "backbone.layers.1.mixer.D", 1, { 48 }, false },
	{ "backbone.layers.1.mixer.out_proj.weight", 2, { 24, 48 }, true },
	{ "backbone.norm_f.weight", 1, { 24 }, false },
};
#define WANTED (sizeof(wanted) / sizeof(wanted[0]))

static struct tensors *open_set(const char *file, const char *format)
{
	struct tensors *t;
	check_ok(tensors_open_file(fixture(file), &t));
	assert_string_equal(tensors_format(t), format);
	return t;
}

static const float *values(struct tensors *t, size_t i, int64_t *count)
{
	struct tensor got = tensors_get(t, wanted[i].name, wanted[i].ndim, wanted[i].dim);
	check_ok(tensors_error(t));
	check_ok(tensors_prepare(t, NULL));
	assert_int_equal(got.dtype, DT_F32);
	*count = tensor_count(&got);
	return got.data;
}

static void the_same_tensors_in_three_formats(void **state)
{
	(void)state;
	struct tensors *want = open_set("gguf/mamba/model.safetensors", "safetensors");
	struct tensors *other[] = { open_set("gguf/mamba/pytorch_model.bin", "pytorch"),
				    open_set("gguf/mamba_f32.gguf", "gguf") };
	for (size_t i = 0; i < WANTED; i++) {
		int64_t n, m;
		const float *a = values(want, i, &n);
		for (int k = 0; k < 2; k++) {
			const float *b = values(other[k], i, &m);
			assert_int_equal(n, m);
			assert_memory_equal(a, b, (size_t)n * sizeof(*a));
		}
	}
	tensors_free(want);
	tensors_free(other[0]);
	tensors_free(other[1]);
}

/* Rounded as the file is, and given as it lies there. */
static void halves_are_those_of_the_file(void **state)
{
	(void)state;
	static const struct {
		const char *file;
		enum dtype dtype;
	} files[] = { { "gguf/mamba_f16.gguf", DT_F16 },
		      { "gguf/mamba_bf16.gguf", DT_BF16 } };
	struct tensors *want = open_set("gguf/mamba/model.safetensors", "safetensors");
	for (int k = 0; k < 2; k++) {
		struct tensors *t = open_set(files[k].file, "gguf");
		for (size_t i = 0; i < WANTED; i++) {
			int64_t n;
			uint16_t half[2304];
			const float *a = values(want, i, &n);
			assert_true(n <= 2304);
			dtype_from_f32(files[k].dtype, a, half, (size_t)n);
			struct tensor got = tensors_get_stored(
				t, wanted[i].name, wanted[i].ndim, wanted[i].dim);
			check_ok(tensors_error(t));
			check_ok(tensors_prepare(t, NULL));
			assert_int_equal(got.dtype,
					 wanted[i].half ? files[k].dtype : DT_F32);
			assert_memory_equal(got.data,
					    wanted[i].half ? (const void *)half : a,
					    (size_t)tensor_bytes(&got));
		}
		tensors_free(t);
	}
	tensors_free(want);
}

/* There is no A_log, and what it stands for is there. */
static void a_is_what_a_log_means(void **state)
{
	(void)state;
	struct tensors *want = open_set("gguf/mamba/model.safetensors", "safetensors");
	struct tensors *t = open_set("gguf/mamba_f16.gguf", "gguf");
	struct tensor stored;
	struct tensor log =
		tensors_get(want, "backbone.layers.1.mixer.A_log", DIMS(48, 8));
	assert_false(tensors_find(want, "backbone.layers.1.mixer.A", &stored));
	assert_false(tensors_find(t, "backbone.layers.1.mixer.A_log", &stored));
	assert_true(tensors_find(t, "backbone.layers.1.mixer.A", &stored));
	struct tensor a = tensors_get(t, "backbone.layers.1.mixer.A", DIMS(48, 8));
	check_ok(tensors_error(t));
	check_ok(tensors_prepare(t, NULL));
	check_ok(tensors_prepare(want, NULL));
	for (int i = 0; i < 48 * 8; i++) {
		double exact = -exp((double)tensor_f32(&log)[i]);
		assert_true(fabs((double)tensor_f32(&a)[i] - exact) < 3e-7 * -exact);
	}
	tensors_free(t);
	tensors_free(want);
}

/* A set gives memory to threads as the other sources do: also where it is stacked. */
static void parts_can_be_stacked(void **state)
{
	(void)state;
	static const char *const names[] = { "backbone.layers.0.mixer.D",
					     "backbone.layers.1.mixer.D" };
	struct tensors *t = open_set("gguf/mamba_f32.gguf", "gguf");
	struct tensors *want = open_set("gguf/mamba/model.safetensors", "safetensors");
	struct tensor a = tensors_get_stacked(t, names, 2, DIMS(96));
	struct tensor b = tensors_get_stacked(want, names, 2, DIMS(96));
	check_ok(tensors_prepare(t, NULL));
	check_ok(tensors_prepare(want, NULL));
	assert_memory_equal(a.data, b.data, 96 * sizeof(float));
	tensors_free(t);
	tensors_free(want);
}

/* ---- config.json ---- */

static void the_config_is_that_of_the_checkpoint(void **state)
{
	(void)state;
	static const char *const files[] = { "gguf/mamba_f32.gguf", "gguf/mamba_f16.gguf",
					     "gguf/mamba_bf16.gguf" };
	static const char *const types[] = { "float32", "float16", "bfloat16" };
	struct hfconfig *want;
	check_ok(hfconfig_open_file(fixture("gguf/mamba/config.json"), &want));
	for (int i = 0; i < 3; i++) {
		struct hfconfig *got;
		const char *key;
		json_t *value;
		check_ok(weights_config(fixture(files[i]), &got));
		assert_string_equal(hfconfig_label(got), fixture(files[i]));
		assert_string_equal(hfconfig_str(got, "torch_dtype", ""), types[i]);
		json_object_foreach((json_t *)(uintptr_t)hfconfig_json(got), key, value)
		{
			if (strcmp(key, "torch_dtype") &&
			    !json_equal(value, json_object_get(hfconfig_json(want), key)))
				fail_msg("%s: %s", files[i], key);
		}
		assert_int_equal(json_object_size(hfconfig_json(got)), 13);
		hfconfig_free(got);
	}
	hfconfig_free(want);
}

/* ---- hand-made files ---- */

struct file {
	const char *arch;
	const char *without; /* a key that is left out */
	unsigned type;       /* of the embeddings; 0: F32 */
	bool head, norms, no_embeddings;
	uint16_t parts; /* 0: the key is not there */
	uint32_t layers;
};

static void put_int(struct gguf_writer *w, const struct file *f, const char *key,
		    uint32_t value)
{
	if (!f->without || strcmp(f->without, key))
		gguf_key_u32(w, key, value);
}

/* Of one layer without a head, and of that one tensor. */
static void put(const struct file *f)
{
	struct gguf_writer w = { 0 };
	if (f->arch)
		gguf_key_text(&w, "general.architecture", f->arch);
	put_int(&w, f, "mamba.embedding_length", 32);
	put_int(&w, f, "mamba.block_count", f->layers);
	put_int(&w, f, "mamba.ssm.state_size", 1);
	put_int(&w, f, "mamba.ssm.conv_kernel", 4);
	put_int(&w, f, "mamba.ssm.inner_size", 64);
	put_int(&w, f, "mamba.ssm.time_step_rank", 1);
	if (!f->without || strcmp(f->without, "mamba.attention.layer_norm_rms_epsilon"))
		gguf_key_f32(&w, "mamba.attention.layer_norm_rms_epsilon", 3e-6F);
	if (f->norms)
		gguf_key_int(&w, "mamba.ssm.dt_b_c_rms", GGUF_BOOL, 1, 1);
	if (f->parts)
		gguf_key_int(&w, "split.count", GGUF_U16, f->parts, 2);
	if (!f->no_embeddings)
		gguf_tensor(&w, "token_embd.weight", f->type, GGUF_DIMS(32, 3), NULL,
			    f->type == 8 ? 3 * 34 : 4 * 96);
	gguf_tensor(&w, "blk.0.ssm_dt.weight", 0, GGUF_DIMS(64), NULL, 4 * 64);
	gguf_tensor(&w, "blk.0.ssm_a", 0, GGUF_DIMS(1, 64), NULL, 4 * 64);
	if (f->head)
		gguf_tensor(&w, "output.weight", 0, GGUF_DIMS(32, 3), NULL, 4 * 96);
	gguf_write(path, &w);
}

static const struct file plain = { .arch = "mamba", .layers = 1 };

static void a_head_of_its_own_is_not_tied(void **state)
{
	(void)state;
	for (int head = 0; head < 2; head++) {
		struct file f = plain;
		struct hfconfig *c;
		struct tensors *t;
		struct tensor stored;
		f.head = head;
		put(&f);
		check_ok(weights_config(path, &c));
		assert_true(hfconfig_bool(c, "tie_word_embeddings", false) == !head);
		assert_int_equal(hfconfig_int(c, "vocab_size", 0, 0, 100), 3);
		assert_true(hfconfig_num(c, "layer_norm_epsilon", 0, 0, 1) == 3e-6);
		check_ok(tensors_open_file(path, &t));
		assert_int_equal(tensors_find(t, "lm_head.weight", &stored), head);
		tensors_free(t);
		hfconfig_free(c);
	}
}

/* Where a size is one, dimensions are gone; elsewhere they have to be the same. */
static void squeezed_dimensions_fit(void **state)
{
	(void)state;
	const char *dt = "backbone.layers.0.mixer.dt_proj.weight";
	struct tensors *t;
	struct file f = plain;
	put(&f);
	check_ok(tensors_open_file(path, &t));
	tensors_get(t, dt, DIMS(64, 1));
	tensors_get(t, dt, DIMS(1, 64, 1));
	tensors_get(t, dt, DIMS(64));
	tensors_get(t, "backbone.layers.0.mixer.A", DIMS(64));
	check_ok(tensors_error(t));
	tensors_free(t);
	static const int64_t others[][2] = { { 32, 2 }, { 64, 2 }, { 2, 64 }, { 1, 1 } };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		check_ok(tensors_open_file(path, &t));
		tensors_get(t, dt, 2, others[i]);
		check_err(tensors_error(t), ERR_FORMAT, "is [64], the model needs [");
		tensors_free(t);
	}
	/* The other formats keep theirs. */
	check_ok(tensors_open_file(fixture("gguf/mamba/model.safetensors"), &t));
	tensors_get(t, "backbone.layers.0.mixer.conv1d.weight", DIMS(48, 4));
	check_err(tensors_error(t), ERR_FORMAT, "is [48, 1, 4], the model needs [48, 4]");
	tensors_free(t);
}

static void what_cannot_be_read_is_named(void **state)
{
	(void)state;
	struct file f = plain;
	struct tensors *t;
	struct hfconfig *c;
	f.type = 8;
	put(&f);
	check_ok(weights_config(path, &c)); /* what the config says is known */
	assert_null(hfconfig_str(c, "torch_dtype", NULL));
	hfconfig_free(c);
	check_ok(tensors_open_file(path, &t));
	tensors_get(t, "backbone.layers.0.mixer.A", DIMS(64, 1));
	check_ok(tensors_error(t)); /* nobody asked for it */
	tensors_get(t, "backbone.embeddings.weight", DIMS(3, 32));
	check_err(tensors_error(t), ERR_UNSUPPORTED,
		  "m.gguf: token_embd.weight is Q8_0: this version reads F32, F16 and "
		  "BF16; take such a file, or convert");
	tensors_free(t);
}

static void missing_tensors_are_named(void **state)
{
	(void)state;
	static const char *const names[] = {
		"backbone.layers.1.mixer.A",
		"backbone.layers..mixer.A",
		"backbone.layers.0.mixer",
		"backbone.layers.0.ssm_a",
		"backbone.layers.x.mixer.A",
		"token_embd.weight",
		"backbone.layers.0.mixer.A.b",
		"blk.0.ssm_a",
		"backbone.layers.000000000000000000000000000000000000000000000.mixer.A",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct file f = plain;
		struct tensors *t;
		struct tensor stored;
		put(&f);
		check_ok(tensors_open_file(path, &t));
		assert_false(tensors_find(t, names[i], &stored));
		tensors_get(t, names[i], DIMS(64, 1));
		check_err(tensors_error(t), ERR_FORMAT, "there is no tensor");
		tensors_free(t);
	}
}

/* Neither its config nor its weights. */
static void refused(const struct file *f, enum err code, const char *fact)
{
	struct hfconfig *c;
	struct tensors *t;
	put(f);
	check_err(weights_config(path, &c), code, fact);
	assert_null(c);
	assert_non_null(strstr(err_message(), "m.gguf: "));
	check_err(tensors_open_file(path, &t), code, fact);
	assert_null(t);
}

static void other_models_are_refused(void **state)
{
	(void)state;
	struct file f = plain;
	f.arch = "llama";
	refused(&f, ERR_UNSUPPORTED,
		"a model of the architecture \"llama\": of GGUF files this version runs "
		"mamba");
	f.arch = "mamba\033[2J";
	refused(&f, ERR_UNSUPPORTED, "architecture \"mamba\\x1b[2J\"");
	f.arch = NULL;
	refused(&f, ERR_FORMAT, "there is no key general.architecture");
	f = plain;
	f.parts = 3;
	refused(&f, ERR_UNSUPPORTED, "one of 3 parts of a model");
	f.parts = 1;
	struct tensors *t;
	put(&f);
	check_ok(tensors_open_file(path, &t));
	tensors_free(t);
}

static void vocabularies_are_refused(void **state)
{
	(void)state;
	struct hfconfig *c;
	struct tensors *t;
	check_err(weights_config(fixture("byte_bpe/neox.gguf"), &c), ERR_UNSUPPORTED,
		  "neox.gguf: it holds a vocabulary and no weights: use it with --vocab");
	check_err(tensors_open_file(fixture("byte_bpe/neox.gguf"), &t), ERR_UNSUPPORTED,
		  "use it with --vocab");
	struct gguf_writer w = { 0 };
	gguf_write(path, &w);
	check_err(weights_config(path, &c), ERR_UNSUPPORTED,
		  "m.gguf: it holds no weights");
}

static void no_config(const struct file *f, enum err code, const char *fact)
{
	struct hfconfig *c;
	put(f);
	check_err(weights_config(path, &c), code, fact);
	assert_null(c);
}

static void broken_configs_are_refused(void **state)
{
	(void)state;
	static const char *const keys[] = {
		"mamba.embedding_length",
		"mamba.block_count",
		"mamba.ssm.state_size",
		"mamba.ssm.conv_kernel",
		"mamba.ssm.inner_size",
		"mamba.ssm.time_step_rank",
		"mamba.attention.layer_norm_rms_epsilon",
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct file f = plain;
		f.without = keys[i];
		char fact[80];
		snprintf(fact, sizeof(fact), "m.gguf: there is no key %s", keys[i]);
		no_config(&f, ERR_FORMAT, fact);
	}
	struct file f = plain;
	f.layers = 0;
	no_config(&f, ERR_FORMAT, "mamba.block_count is 0, which is not in 1");
	f.layers = UINT32_MAX;
	no_config(&f, ERR_FORMAT, "mamba.block_count is 4294967295");
	f = plain;
	f.norms = true;
	no_config(&f, ERR_UNSUPPORTED, "normalises dt, B and C (ssm.dt_b_c_rms)");
	f = plain;
	f.no_embeddings = true;
	no_config(&f, ERR_FORMAT, "there is no tensor token_embd.weight");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_same_tensors_in_three_formats),
		CASE(halves_are_those_of_the_file),
		CASE(a_is_what_a_log_means),
		CASE(parts_can_be_stacked),
		CASE(the_config_is_that_of_the_checkpoint),
		CASE(a_head_of_its_own_is_not_tied),
		CASE(squeezed_dimensions_fit),
		CASE(what_cannot_be_read_is_named),
		CASE(missing_tensors_are_named),
		CASE(other_models_are_refused),
		CASE(vocabularies_are_refused),
		CASE(broken_configs_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
