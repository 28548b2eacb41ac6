/* Language models without labels: known distributions, and what is no distribution. */
#include "check.h"

#include <math.h>

#include "profiler/likelihood.h"

static struct pool *pool;

static struct tensor logits_of(const float *data, int64_t t, int64_t v)
{
	return tensor_of(DT_F32, (void *)(uintptr_t)data, DIMS(1, t, v));
}

static struct likelihood_text text_of(const int32_t *ids, int64_t n)
{
	return (struct likelihood_text){
		.ids = tensor_of(DT_I32, (void *)(uintptr_t)ids, DIMS(1, n)),
	};
}

static struct run *report(const struct tensor *x, const struct tensor *base,
			  const int32_t *ids)
{
	struct likelihood l = { 0 };
	struct likelihood_text text = text_of(ids, x->dim[1]);
	struct tensor none = { 0 };
	struct run *run = run_create();
	check_ok(likelihood_add(&l, x, base ? base : &none, &text, 1, pool));
	likelihood_report(&l, run);
	return run;
}

static void near(double got, double want)
{
	if (!(fabs(got - want) <= 1e-7 * (1 + fabs(want))))
		fail_msg("%.12g, want %.12g", got, want);
}

/* p(1) is 3/4 by the first row and nothing is asked of the second. */
static void a_known_loss(void **state)
{
	(void)state;
	const float log3 = logf(3);
	const float data[] = { 0, log3, 7, 7 };
	const int32_t ids[] = { 0, 1 };
	struct tensor x = logits_of(data, 2, 2);
	struct run *run = report(&x, NULL, ids);
	near(run->likelihood.loss, log(4.0 / 3));
	near(run->likelihood.perplexity, 4.0 / 3);
	assert_true(run->likelihood.tokens == 1);
	assert_true(isnan(run->likelihood.base_loss) && isnan(run->fidelity.kl));
	assert_true(isnan(run->fidelity.top1_agree));
	run_free(run);
}

/* KL((1/2, 1/2) || (1/4, 3/4)) = log 2 - log(3) / 2; the other way round it is another.
 */
static void a_known_divergence(void **state)
{
	(void)state;
	const float log3 = logf(3);
	const float mine[] = { 0, log3, 5, 5 }, base[] = { 2, 2, -1, -1 };
	const int32_t ids[] = { 0, 0 };
	struct tensor x = logits_of(mine, 2, 2), y = logits_of(base, 2, 2);
	struct run *run = report(&x, &y, ids);
	near(run->fidelity.kl, (log(2) - log(3) / 2) / 2);
	/* Of equals the first is the likeliest. */
	assert_true(run->fidelity.top1_agree == 0.5);
	near(run->likelihood.base_loss, log(2));
	near(run->likelihood.loss, log(4));
	run_free(run);
	run = report(&y, &x, ids);
	near(run->fidelity.kl, (0.75 * log(1.5) - 0.25 * log(2)) / 2);
	run_free(run);
	run = report(&x, &x, ids);
	assert_true(run->fidelity.kl == 0 && run->fidelity.top1_agree == 1);
	run_free(run);
}

/* Softmax does not see what is added to all, nor do large values overflow. */
static void large_values(void **state)
{
	(void)state;
	const float mine[] = { 1e30F, 1e30F, 0, 0 }, base[] = { -3e4F, -3e4F, 0, 0 };
	const int32_t ids[] = { 0, 1 };
	struct tensor x = logits_of(mine, 2, 2), y = logits_of(base, 2, 2);
	struct run *run = report(&x, &y, ids);
	near(run->fidelity.kl, 0);
	near(run->likelihood.loss, log(2));
	near(run->likelihood.base_loss, log(2));
	run_free(run);
}

static void no_token_is_predicted(void **state)
{
	(void)state;
	const float mine[] = { 1, 2, 3 }, base[] = { 1, 2, 3 };
	const int32_t ids[] = { 2 };
	struct tensor x = logits_of(mine, 1, 3), y = logits_of(base, 1, 3);
	struct run *run = report(&x, &y, ids);
	assert_true(isnan(run->likelihood.loss) && isnan(run->likelihood.perplexity));
	assert_true(run->likelihood.tokens == 0);
	assert_true(run->fidelity.kl == 0 && run->fidelity.top1_agree == 1);
	run_free(run);
}

static void one_word(void **state)
{
	(void)state;
	const float mine[] = { 3, -8 };
	const int32_t ids[] = { 0, 0 };
	struct tensor x = logits_of(mine, 2, 1);
	struct run *run = report(&x, &x, ids);
	assert_true(run->likelihood.loss == 0 && run->likelihood.perplexity == 1);
	assert_true(run->fidelity.kl == 0);
	run_free(run);
}

/* -INFINITY is a probability of 0: fine where the base says so too. */
static void what_cannot_come(void **state)
{
	(void)state;
	const float some[] = { -INFINITY, 0, 0, 1, 1, 1 }, all[] = { 0, 0, 0, 1, 1, 1 };
	const int32_t ids[] = { 1, 2 }, never[] = { 1, 0 };
	struct tensor x = logits_of(some, 2, 3), y = logits_of(all, 2, 3);
	struct run *run = report(&x, &x, ids);
	assert_true(run->fidelity.kl == 0);
	near(run->likelihood.loss, log(2));
	run_free(run);
	run = report(&y, &x, ids); /* the base never has it */
	near(run->fidelity.kl, log(1.5) / 2);
	assert_int_equal(run->n_warnings, 0);
	run_free(run);
	run = report(&x, &y, ids); /* the technique forbids it */
	assert_true(isnan(run->fidelity.kl));
	assert_int_equal(run->n_warnings, 1);
	assert_non_null(strstr(run->warnings[0], "infinite"));
	assert_true(run->fidelity.top1_agree == 0.5);
	run_free(run);
	run = report(&x, NULL, never); /* and the text has it */
	assert_true(isnan(run->likelihood.loss) && isnan(run->likelihood.perplexity));
	assert_int_equal(run->n_warnings, 1);
	run_free(run);
}

static void what_is_no_number(void **state)
{
	(void)state;
	const float good[] = { 1, 2, 3, 4 };
	const float bad[][4] = { { NAN, 2, 3, 4 },
				 { 1, NAN, 3, 4 },
				 { INFINITY, 2, 3, 4 },
				 { -INFINITY, -INFINITY, 3, 4 } };
	const int32_t ids[] = { 0, 1 };
	struct tensor y = logits_of(good, 2, 2);
	for (size_t i = 0; i < 4; i++) {
		struct tensor x = logits_of(bad[i], 2, 2);
		struct run *run = report(&x, &y, ids);
		assert_true(isnan(run->fidelity.kl));
		assert_true(isnan(run->likelihood.loss));
		near(run->likelihood.base_loss, log1p(exp(-1)));
		assert_true(run->fidelity.top1_agree == 0.5);
		run_free(run);
	}
}

static void what_does_not_go_together(void **state)
{
	(void)state;
	const float data[12] = { 0 };
	const int32_t ids[] = { 0, 1, 5 }, beyond[] = { 0, 5 };
	struct tensor x = logits_of(data, 2, 3), other = logits_of(data, 2, 2);
	struct likelihood l = { 0 };
	struct likelihood_text text = text_of(ids, 3);
	check_err(likelihood_add(&l, &x, &x, &text, 1, pool), ERR_FORMAT, "different");
	text = text_of(ids, 2);
	check_err(likelihood_add(&l, &x, &other, &text, 1, pool), ERR_FORMAT,
		  "different");
	check_err(likelihood_add(&l, &x, &x, &text, 2, pool), ERR_FORMAT, "different");
	text.ids = (struct tensor){ 0 };
	check_err(likelihood_add(&l, &x, &x, &text, 1, pool), ERR_FORMAT, "different");
	struct run *run = run_create();
	likelihood_report(&l, run);
	assert_true(isnan(run->likelihood.tokens)); /* of nothing, nothing is said */
	run_free(run);
	/* An id without a logit is not read. */
	run = report(&x, NULL, beyond);
	assert_true(isnan(run->likelihood.loss));
	run_free(run);
}

static int start(void **state)
{
	(void)state;
	return pool_create(2, &pool) ? -1 : 0;
}

static int stop(void **state)
{
	(void)state;
	pool_free(pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_loss),
		cmocka_unit_test(a_known_divergence),
		cmocka_unit_test(large_values),
		cmocka_unit_test(no_token_is_predicted),
		cmocka_unit_test(one_word),
		cmocka_unit_test(what_cannot_come),
		cmocka_unit_test(what_is_no_number),
		cmocka_unit_test(what_does_not_go_together),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
