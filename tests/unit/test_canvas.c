/* The canvas, the widgets, and bytes into keys: all that needs no terminal. */
#include "check.h"

#include <locale.h>
#include <math.h>

#include "ui/canvas.h"
#include "ui/format.h"
#include "ui/input.h"
#include "ui/widgets/parts.h"
#include "ui/widgets/picture.h"
#include "ui/widgets/prompt.h"
#include "ui/widgets/slider.h"
#include "ui/widgets/table.h"

static void check_dump(const struct canvas *c, const char *want)
{
	struct str s = STR_INIT;
	canvas_dump(c, &s);
	assert_string_equal(str_get(&s), want);
	str_release(&s);
}

static void text_is_clipped_on_every_side(void **state)
{
	struct canvas c;
	(void)state;
	canvas_init(&c, 5, 2);
	canvas_text(&c, 3, 0, -1, 0, "abc");
	canvas_text(&c, -1, 1, -1, 0, "xyz");
	canvas_text(&c, 0, 2, -1, 0, "below");
	canvas_text(&c, 0, -1, -1, 0, "above");
	check_dump(&c, "   ab\nyz\n");
	canvas_clear(&c);
	canvas_field(&c, 0, 0, 4, 0, "abcdef");
	canvas_field_right(&c, 0, 1, 4, 0, "7");
	check_dump(&c, "abc…\n   7\n");
	canvas_release(&c);
}

static void long_text_wraps_at_blanks(void **state)
{
	struct canvas c;
	(void)state;
	canvas_init(&c, 8, 4);
	assert_int_equal(canvas_wrap(&c, 1, 0, 7, 4, 0, "one two threefour five"), 3);
	check_dump(&c, " one two\n threefo\n ur five\n\n");
	canvas_clear(&c);
	assert_int_equal(canvas_wrap(&c, 1, 0, 7, 2, 0, "one two threefour five"), 2);
	check_dump(&c, " one two\n threef…\n\n\n");
	canvas_release(&c);
}

static void parts_that_matter_stay(void **state)
{
	struct canvas c;
	struct parts p = { .n = 0 };
	(void)state;
	canvas_init(&c, 40, 5);
	parts_add(&p, 0, 0, "a-long-name");
	parts_join(&p, 0, 0, "(random weights)");
	parts_brief(&p, "(random)");
	parts_add(&p, 1, 0, "cpu");
	parts_add(&p, 2, 0, "base");
	assert_int_equal(parts_draw(&p, &c, 0, 0, 41), 41);
	parts_draw(&p, &c, 0, 1, 37);
	parts_draw(&p, &c, 0, 2, 28);
	parts_draw(&p, &c, 0, 3, 27);
	parts_draw(&p, &c, 0, 4, 15);
	check_dump(&c, "a-long-name (random weights) │ cpu │ bas\n"
		       "a-long-name (random weights) │ cpu\n"
		       "a-long-name (random weights)\n"
		       "a-long-name (random)\n"
		       "a-lon… (random)\n");
	canvas_release(&c);
}

/* Of figures of one rank as many as fit, and none without what is said of it. */
static void parts_of_one_rank_go_one_by_one(void **state)
{
	struct canvas c;
	struct parts p = { .n = 0 };
	(void)state;
	canvas_init(&c, 40, 4);
	parts_add(&p, 0, 0, "21 ms");
	parts_add(&p, 2, 0, "1.5x");
	parts_join(&p, 3, 0, "84%%");
	parts_add(&p, 2, 0, "cos .99");
	parts_join(&p, 3, 0, "of 7");
	parts_join(&p, 2, 0, "(random)");
	parts_add(&p, 4, 0, "now");
	parts_draw(&p, &c, 0, 0, 39);
	parts_draw(&p, &c, 0, 1, 34);
	parts_draw(&p, &c, 0, 2, 30);
	parts_draw(&p, &c, 0, 3, 11);
	check_dump(&c, "21 ms │ 1.5x 84% │ cos .99 (random)\n"
		       "21 ms │ 1.5x │ cos .99 (random)\n"
		       "21 ms │ 1.5x\n"
		       "21 ms\n");
	canvas_release(&c);
}

static void wide_characters_stay_whole(void **state)
{
	struct canvas c;
	(void)state;
	canvas_init(&c, 5, 1);
	assert_int_equal(canvas_text(&c, 0, 0, -1, 0, "日本語"),
			 4); /* the third has no room */
	check_dump(&c, "日本\n");
	canvas_text(&c, 1, 0, -1, 0, "x"); /* half of the first is gone: so is the rest */
	check_dump(&c, " x本\n");
	canvas_text(&c, 2, 0, -1, 0, "y");
	check_dump(&c, " xy\n");
	canvas_release(&c);
}

static void nothing_a_terminal_would_obey(void **state)
{
	struct canvas c;
	(void)state;
	canvas_init(&c, 12, 2);
	canvas_text(&c, 0, 0, -1, 0, "a\033[2J\n\xff\xc2\x9b!");
	check_dump(&c, "a?[2J?"
		       "?"
		       "?!\n\n");
	canvas_release(&c);
}

static void windows_share_and_clip(void **state)
{
	struct canvas c;
	(void)state;
	canvas_init(&c, 6, 3);
	struct canvas w = canvas_window(&c, 2, 1, 100, 100);
	assert_int_equal(w.width, 4);
	assert_int_equal(w.height, 2);
	canvas_fill(&w, -5, -5, 100, 100, STYLE_DIM, '.');
	check_dump(&c, "\n  ....\n  ....\n");
	w = canvas_window(&c, 10, 10, 5, 5);
	assert_int_equal(w.width * w.height, 0);
	canvas_text(&w, 0, 0, -1, 0, "nowhere");
	canvas_release(&c);
}

static void bars_reach_an_eighth(void **state)
{
	static const double values[] = { 1, 2, 3, 4 };
	struct canvas c;
	(void)state;
	canvas_init(&c, 4, 3);
	canvas_bar(&c, 0, 0, 4, 0.5 + 1.0 / 32, 0);
	canvas_bar(&c, 0, 1, 4, (double)NAN, 0);
	canvas_spark(&c, 0, 2, 4, values, 4, 0);
	check_dump(&c, "██▏\n\n▁▃▆█\n");
	c.ascii = true;
	canvas_clear(&c);
	canvas_bar(&c, 0, 0, 4, 7, 0);
	canvas_spark(&c, 0, 2, 2, values, 4, 0);
	check_dump(&c, "####\n\n.*\n");
	canvas_release(&c);
}

static void styles_are_marked(void **state)
{
	struct canvas c;
	struct str s = STR_INIT;
	(void)state;
	canvas_init(&c, 4, 1);
	canvas_text(&c, 0, 0, -1, STYLE_DIM, "ab");
	canvas_text(&c, 2, 0, -1, STYLE_GOOD, "c");
	canvas_mark(&c, 1, 0, 1, 1, STYLE_REVERSE);
	canvas_dump_styles(&c, &s);
	assert_string_equal(str_get(&s), "drg.\n");
	str_release(&s);
	canvas_release(&c);
}

static void numbers(const void *context, int row, int column, struct table_cell *cell)
{
	(void)context;
	snprintf(cell->text, sizeof(cell->text), "%d.%d|", row, column);
}

static void every_widget_at_every_size(void **state)
{
	static const struct table_column columns[] = { { "name", 8, 0, true, true },
						       { "a", 4, 1, false, false },
						       { "b", 4, 2, false, false } };
	static const uint8_t rgb[3 * 4 * 4] = { 1 };
	const struct picture picture = { rgb, 4, 4 };
	struct table_source source = {
		.columns = columns, .n_columns = 3, .n_rows = 50, .cell = numbers
	};
	struct parts parts = { .n = 0 };
	struct prompt prompt = { .open = true,
				 .label = ":",
				 .text = "日本語 and more text" };
	struct slider slider = { "keep", "0.5", "a note", 0.5, true, false };
	(void)state;
	parts_add(&parts, 0, 0, "always");
	parts_add(&parts, 1, 0, "sometimes");
	for (int height = 0; height < 12; height++)
		for (int width = 0; width < 90; width++) {
			struct canvas c;
			struct table t;
			canvas_init(&c, width, height);
			c.colors = true;
			table_init(&t);
			t.selected = 33;
			table_draw(&t, &c, &source, true);
			slider.fraction = width % 3 - 0.5;
			slider_draw(&c, 0, height - 1, width, &slider);
			canvas_box(&c, 1, 1, width - 2, height - 2, 0);
			parts_draw(&parts, &c, 0, 0, width);
			prompt_draw(&prompt, &c, 0, height / 2, width);
			picture_draw(&c, 0, 0, width, height, &picture);
			canvas_release(&c);
		}
}

static void tables_drop_columns_and_follow_the_selection(void **state)
{
	static const struct table_column columns[] = { { "name", 4, 0, true, true },
						       { "a", 4, 1, false, false } };
	struct table_source source = {
		.columns = columns, .n_columns = 2, .n_rows = 9, .cell = numbers
	};
	struct canvas c;
	struct table t;
	struct str s = STR_INIT;
	(void)state;
	canvas_init(&c, 11, 3);
	table_init(&t);
	table_move(&t, REQ_LAST, 9);
	table_draw(&t, &c, &source, true);
	check_dump(&c, " name     a\n 7.0|  7.1|\n 8.0|  8.1|\n");
	assert_int_equal(table_row_at(&t, 1, 9), 7);
	assert_int_equal(table_title_at(&t, 9, 0), 1);
	canvas_resize(&c, 6, 3);
	table_draw(&t, &c, &source, true);
	check_dump(&c, " name\n 7.0|\n 8.0|\n");
	source.n_rows = 1;
	table_draw(&t, &c, &source, true);
	table_markdown(&t, &source, &s);
	assert_string_equal(str_get(&s), "| name |\n| --- |\n| 0.0\\| |\n");
	str_release(&s);
	canvas_release(&c);
}

static void a_slider_tells_where_it_was_hit(void **state)
{
	(void)state;
	assert_true(isnan(slider_hit(80, 2)));
	assert_true(slider_hit(80, SLIDER_HEAD) == 0);
	assert_true(slider_hit(80, SLIDER_HEAD + slider_track_width(80) - 1) == 1);
	assert_true(isnan(slider_hit(80, 79)));
	assert_true(isnan(slider_hit(3, 1)));
}

/* ---- input ---- */

static void check_keys(const char *bytes, const uint32_t *want)
{
	struct input in = { .n = 0 };
	struct key key;
	assert_int_equal(input_feed(&in, bytes, strlen(bytes)), strlen(bytes));
	for (; *want; want++) {
		assert_true(input_next(&in, true, &key));
		assert_int_equal(key.code, *want);
	}
	assert_false(input_next(&in, true, &key));
}

static void bytes_become_keys(void **state)
{
	(void)state;
	check_keys("a]\r\t\x7f\x03", (uint32_t[]){ 'a', ']', KEYC_ENTER, KEYC_TAB,
						   KEYC_BACKSPACE, KEYC_CTRL('C'), 0 });
	check_keys("\033[A\033OB\033[1;5C\033[5~\033[Z",
		   (uint32_t[]){ KEYC_UP, KEYC_DOWN, KEYC_RIGHT, KEYC_PAGE_UP,
				 KEYC_BACKTAB, 0 });
	check_keys("\033OP\033[15~\033[[E\033[24~",
		   (uint32_t[]){ KEYC_F0 + 1, KEYC_F0 + 5, KEYC_F0 + 5, KEYC_F12, 0 });
	check_keys("é日", (uint32_t[]){ 0xe9, 0x65e5, 0 });
	check_keys("\033", (uint32_t[]){ KEYC_ESC, 0 });
	check_keys("\033\033", (uint32_t[]){ KEYC_ESC, KEYC_ESC, 0 });
	check_keys("\033x", (uint32_t[]){ KEYC_ESC, 'x', 0 });
	check_keys("\033[I\033[99~\033[>0;1ca", (uint32_t[]){ 'a', 0 }); /* not for us */
	check_keys("\xff\xc3(\xf8z", (uint32_t[]){ '(', 'z', 0 });
	check_keys("\033[200~Q[q\033[31m\033[201~z", (uint32_t[]){ 'z', 0 });
	check_keys("\033[200~", (uint32_t[]){ 0 });
}

static void an_escape_waits_for_the_rest(void **state)
{
	struct input in = { .n = 0 };
	struct key key;
	(void)state;
	for (const char *p = "\033[<0;12;3"; *p; p++) {
		input_feed(&in, p, 1);
		assert_false(input_next(&in, false, &key));
		assert_true(input_pending(&in));
	}
	input_feed(&in, "M", 1);
	assert_true(input_next(&in, false, &key));
	assert_int_equal(key.code, KEYC_MOUSE);
	assert_int_equal(key.action, MOUSE_PRESS);
	assert_int_equal(key.x, 11);
	assert_int_equal(key.y, 2);
	static const char more[] = "\033[<65;1;1M\033[<32;2;2M\033[<0;2;2m\033[M !!";
	input_feed(&in, more, sizeof(more) - 1);
	const enum mouse_action want[] = { MOUSE_WHEEL_DOWN, MOUSE_DRAG, MOUSE_RELEASE,
					   MOUSE_PRESS };
	for (size_t i = 0; i < 4; i++) {
		assert_true(input_next(&in, false, &key));
		assert_int_equal(key.action, want[i]);
	}
}

/* Whatever comes, in whatever pieces: it ends, and nothing is written where it should not
 * be. */
static void any_bytes_at_all(void **state)
{
	uint32_t seed = 1;
	struct input in = { .n = 0 };
	struct key key;
	(void)state;
	for (int i = 0; i < 200000; i++) {
		static const char likely[] = "\033\033[[<;0123M~mOA200~";
		seed = seed * 1664525 + 1013904223;
		char byte = seed >> 31 ? likely[(seed >> 8) % (sizeof(likely) - 1)]
				       : (char)(seed >> 16);
		input_feed(&in, &byte, 1);
		while (input_next(&in, (seed >> 5) % 64 == 0, &key))
			assert_true(key.code != KEYC_NONE);
		assert_true(in.n < sizeof(in.buf));
	}
}

static void words(const void *context, const char *text,
		  void (*add)(void *, const char *), void *to)
{
	(void)context;
	(void)text;
	add(to, "keep");
	add(to, "keel");
	add(to, "rank");
}

static void prompts_edit_and_complete(void **state)
{
	struct prompt p = { .words = words };
	(void)state;
	prompt_open(&p, ":", "");
	for (const char *s = "set k"; *s; s++)
		prompt_key(&p, &(struct key){ .code = (uint32_t)*s });
	assert_int_equal(prompt_key(&p, &(struct key){ .code = KEYC_TAB }),
			 PROMPT_CHANGED);
	assert_string_equal(p.text, "set kee");
	prompt_key(&p, &(struct key){ .code = 'p' });
	prompt_key(&p, &(struct key){ .code = KEYC_TAB });
	assert_string_equal(p.text, "set keep ");
	prompt_key(&p, &(struct key){ .code = 0xe9 });
	assert_string_equal(p.text, "set keep é");
	prompt_key(&p, &(struct key){ .code = KEYC_BACKSPACE });
	prompt_key(&p, &(struct key){ .code = KEYC_CTRL('W') });
	assert_string_equal(p.text, "set ");
	for (int i = 0; i < 2 * PROMPT_SIZE; i++)
		prompt_key(&p, &(struct key){ .code = 0x65e5 });
	assert_true(strlen(p.text) < PROMPT_SIZE);
	assert_int_equal(prompt_key(&p, &(struct key){ .code = KEYC_ENTER }),
			 PROMPT_ACCEPTED);
	assert_false(p.open);
}

static void figures_stay_short(void **state)
{
	char t[24];
	(void)state;
	assert_string_equal(format_tokens((double)NAN, t, sizeof(t)), "--");
	assert_string_equal(format_tokens(0, t, sizeof(t)), "0");
	assert_string_equal(format_tokens(98.25, t, sizeof(t)), "98.2");
	assert_string_equal(format_tokens(999.5, t, sizeof(t)), "1000");
	assert_string_equal(format_tokens(1176, t, sizeof(t)), "1176");
	assert_string_equal(format_tokens(9999.4, t, sizeof(t)), "9999");
	assert_string_equal(format_tokens(9999.5, t, sizeof(t)), "10k");
	assert_string_equal(format_tokens(16384, t, sizeof(t)), "16k");
	assert_string_equal(format_tokens(1e6, t, sizeof(t)), "1.00M");
	assert_string_equal(format_spread((double)NAN, t, sizeof(t)), "--");
	assert_string_equal(format_spread(26000, t, sizeof(t)), "0.026");
	assert_string_equal(format_spread(99.4e6, t, sizeof(t)), "99");
	assert_string_equal(format_spread(99.5e6, t, sizeof(t)), "100");
	assert_string_equal(format_spread(1604e6, t, sizeof(t)), "1604");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_clipped_on_every_side),
		cmocka_unit_test(long_text_wraps_at_blanks),
		cmocka_unit_test(parts_that_matter_stay),
		cmocka_unit_test(parts_of_one_rank_go_one_by_one),
		cmocka_unit_test(wide_characters_stay_whole),
		cmocka_unit_test(nothing_a_terminal_would_obey),
		cmocka_unit_test(windows_share_and_clip),
		cmocka_unit_test(bars_reach_an_eighth),
		cmocka_unit_test(styles_are_marked),
		cmocka_unit_test(every_widget_at_every_size),
		cmocka_unit_test(tables_drop_columns_and_follow_the_selection),
		cmocka_unit_test(a_slider_tells_where_it_was_hit),
		cmocka_unit_test(bytes_become_keys),
		cmocka_unit_test(an_escape_waits_for_the_rest),
		cmocka_unit_test(any_bytes_at_all),
		cmocka_unit_test(prompts_edit_and_complete),
		cmocka_unit_test(figures_stay_short),
	};
	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
