/* Keys and requests: one table, nothing bound twice, everything in the help. */
#include "check.h"

#include "ui/keymap.h"
#include "ui/view.h"

static void every_row_is_sound(void **state)
{
	struct keymap map;
	(void)state;
	assert_true(keymap_init(&map));
	for (int r = REQ_NONE + 1; r < REQ_COUNT; r++) {
		const struct request_info *info = &request_table[r];
		char key[16];
		assert_non_null(info->group);
		keymap_key((enum request)r, false, key, sizeof(key));
		assert_int_equal(keymap_find(&map, keymap_parse(key, strlen(key))), r);
		if (info->bar) {
			keymap_key((enum request)r, true, key, sizeof(key));
			assert_int_equal(key[0], 'F');
			assert_true(strlen(info->bar) <= 6);
		}
	}
}

static void keys_by_name(void **state)
{
	static const struct {
		const char *name;
		uint32_t code;
	} cases[] = {
		{ "j", 'j' },         { "[", '[' },
		{ "^L", 12 },         { "F5", KEYC_F0 + 5 },
		{ "F12", KEYC_F12 },  { "F13", KEYC_NONE },
		{ "F", 'F' },         { "S-Tab", KEYC_BACKTAB },
		{ "Space", ' ' },     { "Esc", KEYC_ESC },
		{ "", KEYC_NONE },    { "Nonsense", KEYC_NONE },
		{ "F5x", KEYC_NONE },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(keymap_parse(cases[i].name, strlen(cases[i].name)),
				 cases[i].code);
	struct keymap map;
	assert_true(keymap_init(&map));
	assert_int_equal(keymap_find(&map, 'Q'), REQ_QUIT);
	assert_int_equal(keymap_find(&map, ']'), REQ_KNOB_UP);
	assert_int_equal(keymap_find(&map, KEYC_F0 + 5), REQ_AGAIN);
	assert_int_equal(keymap_find(&map, 0x65e5), REQ_NONE);
	assert_int_equal(keymap_find(&map, KEYC_NONE), REQ_NONE);
}

static void patterns_match_either_word(void **state)
{
	(void)state;
	assert_true(view_matches("blocks.3.attn.QKV", "qkv"));
	assert_true(view_matches("blocks.3.mlp", "qkv|mlp"));
	assert_false(view_matches("blocks.3.ln1", "qkv|mlp"));
	assert_true(view_matches("anything", ""));
	assert_true(view_matches("anything", "|"));
	assert_false(view_matches("", "x"));
	assert_true(view_matches("mlp", "qkv|mlp|")); /* as it is typed */
	assert_false(view_matches("ln1", "qkv|"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_sound),
		cmocka_unit_test(keys_by_name),
		cmocka_unit_test(patterns_match_either_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
