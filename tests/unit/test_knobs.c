/* knobs: parsing, canonical text, kept counts. */
#include "check.h"

#include "base/knobs.h"

static void defaults_are_base(void **state)
{
	(void)state;
	struct knobs k, base;
	knobs_init(&k);
	base = knobs_base(&k);
	assert_string_equal(knob_text(&base, KNOB_METHOD), "none");
	assert_true(knob_num(&base, KNOB_KEEP) == 1);
	check_ok(knobs_set(&k, KNOB_KEEP, "0.7"));
	check_ok(knobs_set(&k, KNOB_BATCH, "8"));
	base = knobs_base(&k);
	assert_true(knob_num(&base, KNOB_KEEP) == 1);
	assert_true(knob_num(&base, KNOB_BATCH) == 8);
}

static void bad_values_say_what_is_allowed(void **state)
{
	(void)state;
	struct knobs k;
	knobs_init(&k);
	check_err(knobs_set(&k, KNOB_KEEP, "0"), ERR_USAGE, "0.01 to 1");
	check_err(knobs_set(&k, KNOB_KEEP, "nan"), ERR_USAGE, "--keep");
	check_err(knobs_set(&k, KNOB_KEEP, "0.7x"), ERR_USAGE, "0.7x");
	check_err(knobs_set(&k, KNOB_KEEP, ""), ERR_USAGE, "a number");
	check_err(knobs_set(&k, KNOB_BATCH, "1.5"), ERR_USAGE, "an integer");
	check_err(knobs_set(&k, KNOB_BATCH, "99999"), ERR_USAGE, "4096");
	check_err(knobs_set(&k, KNOB_SUMMARY, "drop"), ERR_USAGE, "off|dropped|all");
	check_err(knobs_set(&k, KNOB_METHOD, "a b"), ERR_USAGE, "not a name");
	check_err(knobs_set(&k, KNOB_METHOD, "\033[2J"), ERR_USAGE, "\\x1b");
	assert_true(knob_num(&k, KNOB_KEEP) == 1); /* untouched */
	check_ok(knobs_set(&k, KNOB_THREADS, "auto"));
	check_ok(knobs_set(&k, KNOB_THRESHOLD, "13.5"));
}

static void factors_alone(void **state)
{
	(void)state;
	struct knobs k;
	knobs_init(&k);
	knobs_resolve_mrss(&k);
	assert_string_equal(knob_text(&k, KNOB_MRSS), "off");
	check_ok(knobs_set(&k, KNOB_DOWNSAMPLE, "4"));
	knobs_resolve_mrss(&k);
	assert_string_equal(knob_text(&k, KNOB_MRSS), "low");
	check_ok(knobs_set(&k, KNOB_MRSS, "both"));
	knobs_resolve_mrss(&k);
	assert_string_equal(knob_text(&k, KNOB_MRSS), "both");
}

static void canonical_text_and_command_line(void **state)
{
	(void)state;
	struct knobs k;
	struct str s = STR_INIT;
	uint64_t mask =
		KNOB_BIT(KNOB_METHOD) | KNOB_BIT(KNOB_KEEP) | KNOB_BIT(KNOB_THREADS);
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_KEEP, "0.70"));
	knobs_resolve_method(&k);
	knobs_canonical(&k, mask, &s);
	assert_string_equal(str_get(&s), "method=l2 keep=0.7 threads=auto");
	struct knobs back;
	uint64_t had;
	check_ok(knobs_parse_canonical(str_get(&s), &back, &had));
	assert_true(had == mask && knobs_equal(&back, &k, mask));
	check_err(knobs_parse_canonical("keep=0.7 frob=1", &back, &had), ERR_FORMAT, "");
	check_err(knobs_parse_canonical("keep", &back, &had), ERR_FORMAT, "");
	str_clear(&s);
	knobs_command_line(&k, NULL, mask, &s);
	assert_string_equal(str_get(&s), " --method l2 --keep 0.7");
	str_release(&s);
	assert_int_equal(knob_find("prune_at"), KNOB_PRUNE_AT);
	assert_int_equal(knob_find("prune-at"), KNOB_PRUNE_AT);
	assert_int_equal(knob_find("prune"), KNOB_COUNT);
}

static void kept_counts_match_the_published_ones(void **state)
{
	(void)state;
	assert_int_equal(knob_kept(196, 0.9), 176);
	assert_int_equal(knob_kept(196, 0.7), 137);
	assert_int_equal(knob_kept(196, 0.5), 98);
	assert_int_equal(knob_kept(10, 0.01), 1);
	/* Every count can be asked for, and asking for it gives it. */
	for (int64_t n = 1; n < 1500; n += 7)
		for (int64_t kept = 1; kept <= n; kept++)
			if (knob_keep_for(n, kept) >= 0.0 &&
			    knob_kept(n, knob_keep_for(n, kept)) != kept)
				fail_msg("%d of %d", (int)kept, (int)n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_base),
		cmocka_unit_test(bad_values_say_what_is_allowed),
		cmocka_unit_test(factors_alone),
		cmocka_unit_test(canonical_text_and_command_line),
		cmocka_unit_test(kept_counts_match_the_published_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
