/* Quality without labels, as scripts see it: a language model's text, layer by layer. */
#include "check.h"

#include <math.h>

#include "proc.h"
#include "result.h"
#include "tensor/safetensors.h"

#define MODEL "-m", "qwen2-vl-2b:tiny"
#define QUICK                                                                            \
	"run", MODEL, "--no-store", "--samples", "1", "--warmup", "0", "--threads", "1"
#define TEXT "--text", "a cat on a mat"

static struct proc p;

#define RUN(...)                                                                         \
	run((const char *const[]){ program(), QUICK, __VA_ARGS__, "--json", NULL })
static json_t *run(const char *const *argv)
{
	proc_release(&p);
	if (program_run(&p, argv))
		fail_msg("it failed: %s", str_get(&p.err_text));
	return proc_line(&p);
}

/* Of a layer; NaN: it has none. */
static double cosine_of(const json_t *o, const char *path)
{
	const json_t *l;
	size_t i;
	json_array_foreach(at(o, "layers"), i, l)
	{
		if (strcmp(json_string_value(at(l, "path")), path) != 0)
			continue;
		return json_is_null(at(l, "cosine")) ? (double)NAN : num(l, "cosine");
	}
	fail_msg("no layer %s", path);
	return 0;
}

static void a_base_alone(void **state)
{
	(void)state;
	json_t *o = RUN(TEXT);
	/* 14 bytes and the two marks around the picture; the first comes from nowhere. */
	assert_true(num(o, "likelihood.tokens") == 15);
	double loss = num(o, "likelihood.loss");
	assert_true(loss > 0 && loss < 20);
	assert_true(fabs(num(o, "likelihood.perplexity") / exp(loss) - 1) < 1e-9);
	assert_true(json_is_null(at(o, "likelihood.base_loss")));
	assert_true(json_is_null(at(o, "fidelity")));
	assert_true(isnan(cosine_of(o, "visual.blocks.0")));
	json_decref(o);
}

static void a_technique(void **state)
{
	(void)state;
	json_t *base = RUN(TEXT), *o = RUN(TEXT, "--keep", "0.5");
	double base_loss = num(base, "likelihood.loss");
	assert_true(fabs(num(o, "likelihood.base_loss") - base_loss) < 1e-6);
	assert_true(fabs(num(o, "likelihood.loss") - base_loss) > 1e-4);
	assert_true(num(o, "likelihood.tokens") == 15);
	assert_true(num(o, "fidelity.kl") > 1e-4 && num(o, "fidelity.kl") < 20);
	double agree = num(o, "fidelity.top1_agree") * 16; /* positions of the text */
	assert_true(agree >= 0 && agree <= 16 && fabs(agree - round(agree)) < 1e-9);
	for (int i = 0; i < 4; i++) {
		char path[32];
		snprintf(path, sizeof(path), "visual.blocks.%d", i);
		assert_true(cosine_of(o, path) > 0.3 && cosine_of(o, path) < 0.999);
	}
	assert_true(isnan(cosine_of(o, "visual.embeddings")));
	json_decref(o);
	json_decref(base);
}

/* The same arithmetic in another order. */
static void nothing_changes(void **state)
{
	(void)state;
	json_t *o = RUN(TEXT, "--fused-qkv", "off");
	assert_true(num(o, "fidelity.kl") < 1e-8);
	assert_true(num(o, "fidelity.top1_agree") == 1);
	assert_true(cosine_of(o, "visual.blocks.3") > 0.999999);
	assert_true(fabs(num(o, "likelihood.loss") - num(o, "likelihood.base_loss")) <
		    1e-5);
	json_decref(o);
}

/* -log softmax(row)[id] */
static double surprise(const float *row, int64_t vocab, int32_t id)
{
	double sum = 0;
	for (int64_t i = 0; i < vocab; i++)
		sum += exp((double)row[i] - (double)row[id]);
	return log(sum);
}

/* The loss is that of the logits that are saved, token by token. */
static void of_the_saved_logits(void **state)
{
	(void)state;
	static const int32_t ids[] = {
		510, 7, 300, 2, 2, 41, 9
	}; /* the end mark first */
	char dir[64], tokens[96], saved[96];
	struct safetensors *st;
	temp_dir(dir);
	snprintf(tokens, sizeof(tokens), "%s/tokens", dir);
	snprintf(saved, sizeof(saved), "%s/out.safetensors", dir);
	FILE *f = fopen(tokens, "w");
	assert_non_null(f);
	fprintf(f, "7 300 2 2 41 9\n");
	fclose(f);
	json_t *o = RUN("--tokens", tokens, "--save-output", saved, "--keep", "0.25");
	check_ok(safetensors_open(saved, &st));
	const struct safetensors_entry *entry = safetensors_find(st, "logits");
	assert_non_null(entry);
	const struct tensor *logits = &entry->tensor;
	double sum = 0;
	int64_t first = logits->dim[1] - 7 - 1; /* the picture's last row */
	for (int i = 0; i < 7; i++)
		sum += surprise(tensor_row(logits, first + i), logits->dim[2], ids[i]);
	assert_true(num(o, "likelihood.tokens") == 7);
	assert_true(fabs(num(o, "likelihood.loss") - sum / 7) < 1e-6);
	safetensors_free(st);
	json_decref(o);
	temp_dir_remove(dir);
}

#define MAMBA "-m", "mamba-130m:tiny", TEXT

static void a_mamba(void **state)
{
	(void)state;
	json_t *base = RUN(MAMBA, "--seq", "14"), *again = RUN(MAMBA, "--seq", "64"),
	       *o = RUN(MAMBA, "--seq", "64", "--mrss", "low", "--downsample", "4");
	/* What comes again is not counted again, and what is before does not change. */
	assert_true(num(again, "likelihood.tokens") == 13);
	assert_true(fabs(num(again, "likelihood.loss") - num(base, "likelihood.loss")) <
		    1e-5);
	assert_true(fabs(num(o, "likelihood.base_loss") - num(base, "likelihood.loss")) <
		    1e-5);
	assert_true(num(o, "fidelity.kl") > 1e-6);
	double agree = num(o, "fidelity.top1_agree") * 64; /* all positions */
	assert_true(fabs(agree - round(agree)) < 1e-9);
	assert_true(cosine_of(o, "layers.0") < 0.9999 &&
		    cosine_of(o, "layers.3") < 0.9999);
	json_t *at_tokens = at(o, "ssm.state_at"), *error = at(o, "ssm.state_error");
	assert_int_equal(json_array_size(at_tokens), 4);
	assert_int_equal(json_array_size(error), 4);
	for (size_t i = 0; i < 4; i++) {
		double e = json_number_value(json_array_get(error, i));
		assert_true(json_number_value(json_array_get(at_tokens, i)) ==
			    16. * (double)(i + 1));
		assert_true(e > 1e-3 && e < 100);
	}
	assert_true(num(o, "ssm.state_bytes") == 4. * 128 * 16 * 4);
	assert_true(json_is_null(at(base, "ssm")));
	json_decref(o);
	json_decref(again);
	json_decref(base);
}

/* The coarse branch at factor 1 is the scan itself. */
static void a_mamba_as_it_was(void **state)
{
	(void)state;
	json_t *o = RUN(MAMBA, "--seq", "64", "--mrss", "low");
	assert_true(num(o, "fidelity.kl") < 1e-9);
	assert_true(cosine_of(o, "layers.3") > 0.999999);
	for (size_t i = 0; i < 4; i++)
		assert_true(json_number_value(
				    json_array_get(at(o, "ssm.state_error"), i)) < 1e-5);
	json_decref(o);
}

/* Ids that nobody gave are no text to expect. */
static void nobodys_text(void **state)
{
	(void)state;
	json_t *o = RUN("-m", "mamba-130m:tiny", "--mrss", "low", "--downsample", "2");
	assert_true(json_is_null(at(o, "likelihood")));
	assert_true(num(o, "fidelity.kl") > 0);
	json_decref(o);
}

static void refused(int status, const char *embeddings, const char *part)
{
	const char *const argv[] = { program(),      QUICK,      MAMBA,
				     "--embeddings", embeddings, NULL };
	proc_release(&p);
	assert_int_equal(program_run(&p, argv), status);
	assert_non_null(strstr(str_get(&p.err_text), part));
}

static void other_embeddings(void **state)
{
	(void)state;
	json_t *o = RUN(MAMBA, "--embeddings", "mamba-790m:tiny");
	assert_string_equal(json_string_value(at(o, "embeddings.source")),
			    "mamba-790m:tiny");
	assert_true(num(o, "embeddings.rows") == 512);
	assert_true(num(o, "embeddings.shared") == 512);
	assert_true(num(o, "embeddings.coverage") == 1);
	double error = num(o, "embeddings.rel_error");
	assert_true(error > 0.85 && error < 0.95); /* sqrt(1 - 96 / 512) = 0.90 */
	assert_true(num(o, "likelihood.loss") != num(o, "likelihood.base_loss"));
	json_decref(o);
	o = RUN(MAMBA, "--embeddings", "clip-vit-b16:tiny");
	assert_true(num(o, "embeddings.shared") == 256); /* bytes */
	json_decref(o);
	o = RUN(MAMBA);
	assert_true(json_is_null(at(o, "embeddings")));
	json_decref(o);
	refused(2, "mamba-130m:tiny", "that is the model itself");
	refused(1, "siglip-b16:tiny", "has no token embeddings");
	refused(1, "nobody", "--embeddings nobody: ");
}

/* A tower of pictures, with a class token and with merged tokens. */
static void layers_of_a_tower(void **state)
{
	(void)state;
	json_t *o = RUN("-m", "clip-vit-b16:tiny", "--keep", "0.5");
	assert_true(cosine_of(o, "blocks.0") > 0.3 && cosine_of(o, "blocks.0") < 0.999);
	assert_true(cosine_of(o, "blocks.1") < 0.999);
	assert_true(isnan(cosine_of(o, "embeddings")));
	assert_true(json_is_null(at(o, "likelihood")));
	json_decref(o);
	o = RUN("-m", "clip-vit-b16:tiny", "--keep", "0.5", "--batch", "3");
	assert_true(cosine_of(o, "blocks.1") > 0.3 && cosine_of(o, "blocks.1") < 0.999);
	json_decref(o);
	o = RUN("-m", "clip-vit-b16:tiny", "--method", "tome", "--merge-r", "8");
	assert_true(cosine_of(o, "blocks.1") > 0.5 && cosine_of(o, "blocks.1") < 0.99999);
	json_decref(o);
	o = RUN("-m", "qwen2.5-vl-3b-visual:tiny", "--keep", "0.5");
	assert_true(cosine_of(o, "blocks.3") > 0.3 && cosine_of(o, "blocks.3") < 0.999);
	json_decref(o);
}

static void for_people(void **state)
{
	(void)state;
	const char *const base[] = { program(), QUICK, TEXT, NULL };
	const char *const half[] = { program(), QUICK, TEXT, "--keep", "0.5", NULL };
	proc_release(&p);
	assert_int_equal(program_run(&p, base), 0);
	const char *out = str_get(&p.out_text);
	assert_non_null(strstr(out, "\ntext       loss "));
	assert_non_null(strstr(out, ", perplexity "));
	assert_non_null(strstr(out, ", 15 tokens (random)\n"));
	assert_null(strstr(out, "next token"));
	assert_null(strstr(out, "     cos\n"));
	proc_release(&p);
	assert_int_equal(program_run(&p, half), 0);
	out = str_get(&p.out_text);
	assert_non_null(strstr(out, "\nnext token KL "));
	assert_non_null(strstr(out, " % of positions (random)\n"));
	assert_non_null(strstr(out, " base, "));
	assert_non_null(strstr(out, "     cos\n"));
}

static int tear_down(void **state)
{
	(void)state;
	proc_release(&p);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mamba),
		cmocka_unit_test(a_mamba_as_it_was),
		cmocka_unit_test(nobodys_text),
		cmocka_unit_test(other_embeddings),
		cmocka_unit_test(a_base_alone),
		cmocka_unit_test(a_technique),
		cmocka_unit_test(nothing_changes),
		cmocka_unit_test(of_the_saved_logits),
		cmocka_unit_test(layers_of_a_tower),
		cmocka_unit_test(for_people),
	};
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
