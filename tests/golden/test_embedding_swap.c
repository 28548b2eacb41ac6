/* Token embeddings of another checkpoint in a Mamba, against transformers (tests/oracle).
 */
#include <math.h>

#include "bench.h"
#include "models/input.h"
#include "profiler/likelihood.h"

#define TO "embedding_swap/to"

static struct input ids_of(const struct bench *b)
{
	const struct tensor *all = bench_want(b, "", "ids");
	int64_t n = all->dim[1];
	int32_t *ids = malloc(sizeof(*ids) * (size_t)n);
	for (int64_t i = 0; i < n; i++) {
		int64_t id;
		memcpy(&id, (const char *)all->data + i * 8, sizeof(id));
		ids[i] = (int32_t)id;
	}
	return (struct input){ .items = 1, .ids = tensor_of(DT_I32, ids, DIMS(1, n)) };
}

static struct knobs knobs_with(const struct bench *b, const char *embeddings)
{
	return bench_knobs(b, 1, (const char *const[]){ "embeddings", embeddings, NULL });
}

/* The run's logits, the caller's to free. */
static struct tensor logits_with(struct bench *b, const struct input *in,
				 const char *embeddings, const char *key,
				 struct embedding_facts *facts)
{
	struct setting s;
	struct knobs k = knobs_with(b, embeddings);
	bench_run(b, &s, in, &k);
	struct tensor copy = bench_copy(&s.out.token_logits);
	bench_same(bench_what(b, embeddings), key, tensor_f32(&copy), tensor_count(&copy),
		   bench_want(b, "", key));
	*facts = s.out.embeddings;
	setting_release(&s);
	return copy;
}

static void near(const char *what, double got, float want)
{
	if (!(fabs(got - (double)want) <= 2e-4 * (double)want))
		fail_msg("%s is %g, want %g", what, got, (double)want);
}

static void check_way(const struct bench_way *way)
{
	struct bench b;
	struct embedding_facts none, facts;
	struct likelihood l = { 0 };
	struct run *run = run_create();
	bench_open(&b, TO, "../oracle", INPUT_TEXT, way);
	struct input in = ids_of(&b);
	const float *want = tensor_f32(bench_want(&b, "", "figures"));
	struct tensor before = logits_with(&b, &in, "own", "before", &none),
		      after = logits_with(&b, &in, fixture("embedding_swap/from"),
					  "after", &facts);
	assert_null(none.source);
	assert_string_equal(facts.source, fixture("embedding_swap/from"));
	assert_true((float)facts.rows == want[0] && (float)facts.shared == want[1]);
	near("error of the map", facts.rel_error, want[2]);
	const struct likelihood_text text = { .ids = in.ids };
	check_ok(likelihood_add(&l, &after, &before, &text, 1, b.pool));
	likelihood_report(&l, run);
	near("loss before", run->likelihood.base_loss, want[3]);
	near("loss after", run->likelihood.loss, want[4]);
	near("divergence", run->fidelity.kl, want[5]);
	run_free(run);
	free(before.data);
	free(after.data);
	input_release(&in);
	bench_close(&b);
}

static void as_transformers(void **state)
{
	(void)state;
	for (const struct bench_way *way = bench_ways; way->backend; way++)
		check_way(way);
}

static void refused(const char *of, const char *embeddings, enum err code,
		    const char *part)
{
	struct bench b;
	bench_open(&b, of, "../oracle", INPUT_TEXT, &bench_ways[0]);
	struct knobs k = knobs_with(&b, embeddings);
	check_err(b.model->family->adapt(b.model, &k), code, part);
	assert_non_null(strstr(err_message(), "--embeddings "));
	/* Again is refused again, and the model is as it was. */
	check_err(b.model->family->adapt(b.model, &k), code, part);
	k = knobs_with(&b, "own");
	check_ok(b.model->family->adapt(b.model, &k));
	bench_close(&b);
}

static void what_cannot_be(void **state)
{
	(void)state;
	const char *to = "embedding_swap/to";
	refused(to, "nobody", ERR_NOTFOUND, "nobody");
	refused(to, fixture(TO), ERR_USAGE, "the model itself");
	refused(to, fixture(TO "/model.safetensors"), ERR_USAGE, "the model itself");
	refused(to, fixture("siglip_tiny"), ERR_FORMAT, "has no token embeddings");
	refused(to, "qwen2-vl-2b-visual:tiny", ERR_FORMAT, "has no token embeddings");
	refused(to, fixture("mamba_tiny"), ERR_NOTFOUND, "brings no tokenizer");
}

static bool some_questions_long(void *left) { return (*(int *)left)-- > 0; }

/* At any point; what comes after it is as if nothing had been. */
static void cancelled(void **state)
{
	struct bench b;
	int most = 1000;
	(void)state;
	bench_open(&b, "embedding_swap/to", "../oracle", INPUT_TEXT, &bench_ways[0]);
	struct knobs k = knobs_with(&b, fixture("embedding_swap/from"));
	b.model->still_wanted = some_questions_long;
	for (int n = 0; n < most; n++) {
		int left = n;
		b.model->still_ctx = &left;
		enum err e = b.model->family->adapt(b.model, &k);
		assert_true(!e || e == ERR_CANCELLED);
		most = e ? most : n;
	}
	assert_in_range(most, 10, 999);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_transformers),
		cmocka_unit_test(what_cannot_be),
		cmocka_unit_test(cancelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
