/* What a share of the open model's tokens keeps. */
#include "check.h"

#include "app.h"

static int64_t kept(int64_t tokens, int unit, double keep)
{
	static struct app app;
	app.model.tokens = tokens;
	app.model.patches_per_token = unit;
	return app_kept(&app, keep);
}

static void a_share_keeps_whole_units(void **state)
{
	(void)state;
	assert_int_equal(kept(196, 1, 0.7), 137);
	assert_int_equal(kept(196, 0, 0.7), 137); /* not known yet */
	assert_int_equal(kept(728, 4, 1), 728);
	assert_int_equal(kept(728, 4, 0.5), 364);
	assert_int_equal(kept(728, 4, 0.7), 508); /* 127.4 of 182 units */
	assert_int_equal(kept(728, 4, 0), 4);
	for (int64_t units = 1; units <= 182; units++)
		assert_int_equal(kept(728, 4, knob_keep_for(182, units)), 4 * units);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_share_keeps_whole_units) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
