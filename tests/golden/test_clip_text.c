/* CLIP's text tower against transformers (tests/oracle), and from texts to embeddings. */
#include <math.h>

#include "bench.h"
#include "models/texts.h"

static const char *const folders[] = { "clip_text", "clip_text_eos2" };

/* The first `length` ids of the fixture's first `count` texts, as I32; the caller frees.
 */
static struct tensor ids_of(const struct bench *b, int64_t count, int64_t length)
{
	const struct tensor *all = bench_want(b, "", "ids"); /* I64 */
	int32_t *ids = malloc((size_t)(count * length) * sizeof(*ids));
	for (int64_t i = 0; i < count * length; i++) {
		int64_t at = i / length * all->dim[1] + i % length, id;
		memcpy(&id, (const char *)all->data + at * 8, sizeof(id));
		ids[i] = (int32_t)id;
	}
	return tensor_of(DT_I32, ids, DIMS(count, length));
}

/* One pass over ids, which are freed; setting_release() is the caller's. */
static struct tensor embed(struct bench *b, struct setting *s, struct tensor ids)
{
	char seq[24];
	const struct input in = { .ids = ids };
	snprintf(seq, sizeof(seq), "%d", (int)ids.dim[1]);
	struct knobs k =
		bench_knobs(b, ids.dim[0], (const char *const[]){ "seq", seq, NULL });
	bench_run(b, s, &in, &k);
	free(ids.data);
	return s->out.text_embeds;
}

static void check_folder(const char *folder, const struct bench_way *way)
{
	struct bench b;
	struct setting s;
	char key[32];
	bench_open(&b, folder, "text", INPUT_TEXT, way);
	const struct tensor *all = bench_want(&b, "", "ids");
	struct tensor embeds = embed(&b, &s, ids_of(&b, all->dim[0], all->dim[1]));
	bench_same(bench_what(&b, ""), "text_embeds", tensor_f32(&embeds),
		   tensor_count(&embeds), bench_want(&b, "", "text_embeds"));
	/* Two norms a block, of which the first reads what the block does, and the last,
	 * which writes what is projected. */
	assert_int_equal(b.n_norms, 2 * 3 + 1);
	for (int i = 0; i < 3; i++) {
		snprintf(key, sizeof(key), "hidden.%d", i);
		bench_same(bench_what(&b, ""), key, b.norms[2 * i].in,
			   b.norms[2 * i].in_count, bench_want(&b, "", key));
	}
	bench_same(bench_what(&b, ""), "pooled", b.norms[6].out, b.norms[6].out_count,
		   bench_want(&b, "", "pooled"));
	setting_release(&s);
	bench_close(&b);
}

static void every_backend(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++)
		for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
			check_folder(folders[i], way);
}

/* Rows behind the end change nothing: the fixture's shorter texts, cut to 8 ids. */
static void padding_does_not_matter(void **state)
{
	(void)state;
	enum { SHORT = 5 }; /* texts of at most 6 words */
	struct bench b;
	struct setting s;
	bench_open(&b, "clip_text", "text", INPUT_TEXT, bench_ways);
	struct tensor embeds = embed(&b, &s, ids_of(&b, SHORT, 8));
	struct tensor ref = *bench_want(&b, "", "text_embeds");
	ref.dim[0] = SHORT;
	bench_same("cut to 8", "text_embeds", tensor_f32(&embeds), tensor_count(&embeds),
		   &ref);
	setting_release(&s);
	bench_close(&b);
}

/* ---- from texts ---- */

static void texts_become_ids_and_embeddings(void **state)
{
	(void)state;
	struct bench b;
	struct setting s;
	struct tokenizer *t;
	struct tensor ids;
	const char *const texts[] = { "a photo of a cat.", "A  PHOTO of a cat .", "dog" };
	bench_open(&b, "clip_tiny", "oracle", INPUT_TEXT, bench_ways);
	assert_int_equal(b.model->tokens, 16);
	assert_int_equal(b.model->vocab, 99);
	check_ok(tokenizer_open(fixture("clip_tiny"), &t));
	check_ok(texts_encode(b.model, t, texts, 3, &ids));
	assert_int_equal(ids.dim[0], 3);
	assert_int_equal(ids.dim[1], 8); /* bos a photo of a cat . eos */
	const int32_t *id = ids.data;
	assert_int_equal(id[0], 97);
	assert_int_equal(id[7], 98);
	assert_memory_equal(id, id + 8, 8 * sizeof(*id));
	for (int i = 2; i < 8; i++)
		assert_int_equal(id[16 + i], 98);
	struct tensor embeds = embed(&b, &s, ids);
	int64_t width = embeds.dim[1];
	const float *e = embeds.data;
	assert_memory_equal(e, e + width, (size_t)width * sizeof(*e));
	assert_memory_not_equal(e, e + 2 * width, (size_t)width * sizeof(*e));
	setting_release(&s);
	tokenizer_free(t);
	bench_close(&b);
}

static void texts_fit_the_model(void **state)
{
	(void)state;
	struct model *m;
	struct tokenizer *t;
	struct tensor ids;
	const char *const texts[] = { "the quick brown fox jumps over the lazy dog",
				      "d\xffg" };
	check_ok(model_open_for(fixture("clip_tiny"), 0, INPUT_TEXT, &m));
	check_ok(tokenizer_open(fixture("clip_tiny"), &t));
	check_ok(texts_encode(m, t, texts, 1, &ids));
	assert_int_equal(ids.dim[1], 16);
	assert_int_equal(((const int32_t *)ids.data)[15], 98);
	free(ids.data);
	check_err(texts_encode(m, t, texts, 2, &ids), ERR_FORMAT, "is not UTF-8");
	assert_null(ids.data);
	tokenizer_free(t);
	check_ok(tokenizer_open(fixture("tokens/tiny"), &t));
	check_err(texts_encode(m, t, texts, 1, &ids), ERR_FORMAT,
		  "has rows for 99 tokens");
	tokenizer_free(t);
	model_free(m);
}

static void knobs_are_those_of_a_text_tower(void **state)
{
	(void)state;
	struct model *m;
	struct knobs k;
	check_ok(model_open_for(fixture("clip_tiny"), 0, INPUT_TEXT, &m));
	assert_string_equal(m->family->name, "clip_text");
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_SEQ, "17"));
	check_err(model_check_knobs(m, &k), ERR_USAGE, "has positions for 16 tokens");
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_KEEP, "0.5"));
	check_err(model_check_knobs(m, &k), ERR_USAGE, "drops no tokens");
	model_free(m);
	check_ok(model_open(fixture("clip_tiny"), 0, &m));
	assert_string_equal(m->family->name, "clip_vit");
	model_free(m);
}

/* The text projection by its best approximation, and what that loses. */
static void low_rank(void **state)
{
	static const char *const ranks[] = { "1", "8", "21", "31", "32" };
	(void)state;
	struct bench b;
	bench_open(&b, "clip_tiny", "rank", INPUT_TEXT, bench_ways);
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++) {
		char group[24];
		struct setting s;
		snprintf(group, sizeof(group), "rank.%s", ranks[i]);
		const struct input in = { .ids = ids_of(&b, 3, 16) };
		const struct knobs k = bench_knobs(
			&b, 3, (const char *const[]){ "rank", ranks[i], NULL });
		bench_run(&b, &s, &in, &k);
		bench_same(group, "text_embeds", tensor_f32(&s.out.text_embeds),
			   tensor_count(&s.out.text_embeds),
			   bench_want(&b, group, "text_embeds"));
		double error = (double)*tensor_f32(bench_want(&b, group, "error.text"));
		assert_true(fabs(s.out.low_rank.rel_error - error) < 1e-6);
		assert_int_equal(s.out.low_rank.break_even, 32 * 48 / (32 + 48));
		free(in.ids.data);
		setting_release(&s);
	}
	bench_close(&b);
}

/* The published text tower of ViT-B: 2.980 GMAC for one text. */
static void published_flops(void **state)
{
	(void)state;
	struct model *m;
	struct knobs k;
	struct run *run = run_create();
	check_ok(model_open_for("clip-vit-b16", 0, INPUT_TEXT, &m));
	knobs_init(&k);
	check_ok(model_check_knobs(m, &k));
	check_ok(setting_predict(m, NULL, &k, NULL, NULL, run, NULL));
	if (!(fabs(run->flops.torch / 2e9 - 2.980) <= 5e-4))
		fail_msg("%.6f GMAC, want 2.980", run->flops.torch / 2e9);
	run_free(run);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_backend),
		cmocka_unit_test(padding_does_not_matter),
		cmocka_unit_test(texts_become_ids_and_embeddings),
		cmocka_unit_test(texts_fit_the_model),
		cmocka_unit_test(knobs_are_those_of_a_text_tower),
		cmocka_unit_test(low_rank),
		cmocka_unit_test(published_flops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
