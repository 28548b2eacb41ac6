/* Divergence, agreement and loss of made-up logits against torch in fp64 (tests/oracle).
 */
#include <math.h>

#include "bench.h"
#include "profiler/likelihood.h"

static const char *const names[] = { "plain", "picture", "leading", "again", "sharp" };

static struct tensor ids_of(const struct tensor *from)
{
	struct tensor ids = tensor_of(DT_I32, NULL, from->ndim, from->dim);
	int32_t *to = ids.data = malloc(sizeof(int32_t) * (size_t)tensor_count(from));
	for (int64_t i = 0; i < tensor_count(from); i++)
		to[i] = (int32_t)tensor_f32(from)[i];
	return ids;
}

static void same(const char *name, const char *what, double got, float want)
{
	if (!(fabs(got - (double)want) <= 1e-6 * (1 + fabs((double)want))))
		fail_msg("%s: %s is %.9g, want %.9g", name, what, got, (double)want);
}

static void check_case(const struct bench *b, struct pool *pool, const char *name)
{
	const struct tensor *logits = bench_want(b, name, "logits"),
			    *base = bench_want(b, name, "base");
	const float *shape = tensor_f32(bench_want(b, name, "shape"));
	const float *want = tensor_f32(bench_want(b, name, "figures"));
	struct likelihood l = { 0 };
	struct run *run = run_create();
	struct likelihood_text text = { .ids = ids_of(bench_want(b, name, "ids")),
					.before = (int64_t)shape[0],
					.once = (int64_t)shape[1] };
	check_ok(likelihood_add(&l, logits, base, &text, logits->dim[0], pool));
	likelihood_report(&l, run);
	same(name, "kl", run->fidelity.kl, want[0]);
	same(name, "top1_agree", run->fidelity.top1_agree, want[1]);
	same(name, "tokens", run->likelihood.tokens, want[2]);
	same(name, "loss", run->likelihood.loss, want[3]);
	same(name, "base loss", run->likelihood.base_loss, want[4]);
	same(name, "perplexity", run->likelihood.perplexity, want[5]);
	assert_int_equal(run->n_warnings, 0);
	run_free(run);
	free(text.ids.data);
}

static void with_threads(int threads)
{
	struct bench b = { .folder = "quality" };
	struct pool *pool;
	check_ok(pool_create(threads, &pool));
	check_ok(safetensors_open(fixture("quality.safetensors"), &b.oracle));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_case(&b, pool, names[i]);
	safetensors_free(b.oracle);
	pool_free(pool);
}

static void by_one_thread(void **state)
{
	(void)state;
	with_threads(1);
}

static void by_three_threads(void **state)
{
	(void)state;
	with_threads(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_one_thread),
		cmocka_unit_test(by_three_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
