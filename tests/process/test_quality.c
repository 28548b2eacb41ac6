/* Quality without labels, as scripts see it: a language model's text, layer by layer. */
#include "check.h"

#include <math.h>

#include "proc.h"
#include "tensor/safetensors.h"

#define MODEL "-m", "qwen2-vl-2b:tiny"
#define QUICK                                                                            \
	"run", MODEL, "--no-store", "--samples", "1", "--warmup", "0", "--threads", "1"
#define TEXT "--text", "a cat on a mat"

static struct proc p;

static json_t *at(json_t *o, const char *path)
{
	char part[64];
	for (const char *s = path; o && *s; s += *s == '.') {
		size_t n = strcspn(s, ".");
		snprintf(part, sizeof(part), "%.*s", (int)n, s);
		o = json_object_get(o, part);
		s += n;
	}
	return o;
}

static double num(json_t *o, const char *path)
{
	json_t *v = at(o, path);
	return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

#define RUN(...)                                                                         \
	run((const char *const[]){ program(), QUICK, __VA_ARGS__, "--json", NULL })
static json_t *run(const char *const *argv)
{
	proc_release(&p);
	if (program_run(&p, argv))
		fail_msg("it failed: %s", str_get(&p.err_text));
	return proc_line(&p);
}

static double cosine_of(json_t *o, const char *path)
{
	json_t *l;
	size_t i;
	json_array_foreach(at(o, "layers"), i,
			   l) if (!strcmp(json_string_value(at(l, "path")),
					  path)) return num(l, "cosine");
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
		cmocka_unit_test(a_base_alone),
		cmocka_unit_test(a_technique),
		cmocka_unit_test(nothing_changes),
		cmocka_unit_test(of_the_saved_logits),
		cmocka_unit_test(layers_of_a_tower),
		cmocka_unit_test(for_people),
	};
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
