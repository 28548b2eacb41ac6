/*
 * Mamba-1 as llama.cpp's convert_hf_to_gguf.py writes it. Its A is -exp(A_log) already,
 * and is found as `mixer.A`: a model that finds one takes it and asks for no A_log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/gguf_arch.h"

#define KEY "mamba."
#define EMBEDDING "token_embd.weight"
#define HEAD "output.weight"
#define SIZE_MAX_INT 1000000000

static const struct gguf_name whole[] = {
	{ "backbone.embeddings.weight", EMBEDDING },
	{ "backbone.norm_f.weight", "output_norm.weight" },
	{ "lm_head.weight", HEAD },
	{ NULL, NULL },
};

static const struct gguf_name layer[] = {
	{ "norm.weight", "attn_norm.weight" },
	{ "mixer.in_proj.weight", "ssm_in.weight" },
	{ "mixer.conv1d.weight", "ssm_conv1d.weight" },
	{ "mixer.conv1d.bias", "ssm_conv1d.bias" },
	{ "mixer.x_proj.weight", "ssm_x.weight" },
	{ "mixer.dt_proj.weight", "ssm_dt.weight" },
	{ "mixer.dt_proj.bias", "ssm_dt.bias" },
	{ "mixer.A", "ssm_a" },
	{ "mixer.D", "ssm_d" },
	{ "mixer.out_proj.weight", "ssm_out.weight" },
	{ NULL, NULL },
};

/* The key of the file whose number a config.json has as `name`. */
static const struct {
	const char *name, *key;
} sizes[] = {
	{ "hidden_size", KEY "embedding_length" },
	{ "num_hidden_layers", KEY "block_count" },
	{ "state_size", KEY "ssm.state_size" },
	{ "conv_kernel", KEY "ssm.conv_kernel" },
	{ "intermediate_size", KEY "ssm.inner_size" },
	{ "time_step_rank", KEY "ssm.time_step_rank" },
};

static enum err put_sizes(const struct gguf *g, json_t *config)
{
	enum err e = OK;
	for (size_t i = 0; !e && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int64_t n;
		e = gguf_int(g, sizes[i].key, 1, SIZE_MAX_INT, &n);
		if (!e)
			json_put(config, sizes[i].name, json_integer(n));
	}
	return e;
}

/* The file has a float; a config.json has 1e-05. The fewest digits that are that float
 * give the same double as there. */
static double shortest(double number)
{
	float want = (float)number;
	char text[32];
	for (int digits = 1; digits <= 9; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, number);
		if (strtof(text, NULL) == want)
			return strtod(text, NULL);
	}
	return number;
}

static enum err put_epsilon(const struct gguf *g, json_t *config)
{
	double epsilon;
	enum err e = gguf_num(g, KEY "attention.layer_norm_rms_epsilon", 0, 1, &epsilon);
	if (!e)
		json_put(config, "layer_norm_epsilon", json_real(shortest(epsilon)));
	return e;
}

/* Falcon's Mamba has norms of dt, B and C, which no tensor shows. */
static enum err check_variant(const struct gguf *g)
{
	bool norms;
	enum err e = gguf_bool(g, KEY "ssm.dt_b_c_rms", false, &norms);
	if (!e && norms)
		e = err_set(ERR_UNSUPPORTED,
			    "%s: a Mamba that normalises dt, B and C (ssm.dt_b_c_rms), "
			    "as falcon-mamba: this version has none",
			    gguf_label(g));
	return e;
}

static enum err put_embedding(const struct gguf *g, json_t *config)
{
	static const struct {
		enum dtype dtype;
		const char *torch;
	} names[] = { { DT_F32, "float32" },
		      { DT_F16, "float16" },
		      { DT_BF16, "bfloat16" } };
	const struct gguf_entry *e = gguf_find(g, EMBEDDING);
	if (!e)
		return err_set(ERR_FORMAT, "%s: there is no tensor " EMBEDDING,
			       gguf_label(g));
	if (e->tensor.ndim != 2)
		return err_set(ERR_FORMAT,
			       "%s: tensor " EMBEDDING " has %d dimensions, not 2",
			       gguf_label(g), e->tensor.ndim);
	json_put(config, "vocab_size", json_integer(e->tensor.dim[0]));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (e->readable && e->tensor.dtype == names[i].dtype)
			json_put_str(config, "torch_dtype", names[i].torch);
	return OK;
}

static enum err put_config(const struct gguf *g, json_t *config)
{
	json_put_str(config, "model_type", "mamba");
	enum err e = check_variant(g);
	if (!e)
		e = put_sizes(g, config);
	if (!e)
		e = put_epsilon(g, config);
	if (!e)
		e = put_embedding(g, config);
	json_put(config, "tie_word_embeddings", json_boolean(!gguf_find(g, HEAD)));
	json_put(config, "use_bias", json_false());
	json_put(config, "use_conv_bias", json_true());
	return e;
}

const struct gguf_arch gguf_mamba = {
	.name = "mamba",
	.whole = whole,
	.layers = "backbone.layers.",
	.layer = layer,
	.config = put_config,
};
