/* Parts of a run level by level, and the bars and columns that show them. */
#include "check.h"

#include <locale.h>
#include <math.h>

#include "ui/share_map.h"
#include "ui/widgets/columns.h"
#include "ui/widgets/stack.h"

static void check_dump(const struct canvas *c, const char *want)
{
	struct str s = STR_INIT;
	canvas_dump(c, &s);
	assert_string_equal(str_get(&s), want);
	str_release(&s);
}

/* ---- runs ---- */

struct row {
	const char *name;
	int parent;
	double ns, flops;
};

static struct run *run_of(const struct row *rows, int n)
{
	struct run *run = run_create();
	struct layer *l = run_add_layers(run, n);
	for (int i = 0; i < n; i++) {
		l[i].name = l[i].path = rows[i].name;
		l[i].parent = rows[i].parent;
		l[i].kind = "any";
		l[i].v[METRIC_wall_ns] = rows[i].ns;
		l[i].v[METRIC_flops] = rows[i].flops;
		l[i].v[METRIC_bytes_read] = 10;
		l[i].v[METRIC_bytes_written] = 1;
	}
	return run;
}
#define RUN(rows) run_of(rows, (int)(sizeof(rows) / sizeof((rows)[0])))
#define NONE ((double)NAN)

/* A tower in a model: two blocks of the same, one of which has one more; groups do not
 * say their FLOPs. */
static const struct row tower[] = {
	{ "visual", -1, 100, NONE }, { "embeddings", 0, 10, NONE },
	{ "patch", 1, 10, 5 },       { "blocks.0", 0, 40, NONE },
	{ "attn.qkv", 3, 15, 20 },   { "mlp.0", 3, 25, 30 },
	{ "blocks.1", 0, 44, NONE }, { "prune", 6, 4, NONE },
	{ "attn.qkv", 6, 10, 10 },   { "mlp.0", 6, 28, 15 },
	{ "merger", 0, 6, 4 },       { "head.0", -1, 20, 16 },
};

static void a_level_is_summed(void **state)
{
	struct run *run = RUN(tower);
	struct share_map m;
	(void)state;
	share_map_make(&m, run, "");
	assert_int_equal(m.n, 2);
	assert_string_equal(m.part[0].path, "visual");
	assert_true(m.part[0].inside && !m.part[0].family);
	assert_true(m.part[0].v[SHARE_NS] == 100);
	assert_true(m.part[0].v[SHARE_FLOPS] == 84);   /* of its leaves */
	assert_string_equal(m.part[1].name, "head.0"); /* a leaf: no family */
	assert_false(m.part[1].inside);
	assert_true(m.whole[SHARE_NS] == 120 && m.pass[SHARE_NS] == 120);
	assert_true(share_of(&m, 1, SHARE_FLOPS) == 0.16);
	share_map_release(&m);
	run_free(run);
}

static void families_are_one_part(void **state)
{
	struct run *run = RUN(tower);
	struct share_map m;
	int n;
	(void)state;
	share_map_make(&m, run, "visual");
	assert_int_equal(m.n, 3);
	assert_string_equal(m.part[1].path, "visual/blocks.*");
	assert_string_equal(m.part[1].name, "blocks");
	assert_true(m.part[1].family && m.part[1].inside);
	assert_int_equal(m.part[1].members, 2);
	assert_true(m.part[1].v[SHARE_NS] == 84 && m.part[1].v[SHARE_FLOPS] == 75);
	assert_true(m.part[1].v[SHARE_BYTES] == 22);
	assert_true(m.pass[SHARE_NS] == 120);
	share_map_release(&m);
	double *each = share_profile(run, "visual/blocks.*", SHARE_NS, &n);
	assert_int_equal(n, 2);
	assert_true(each[0] == 40 && each[1] == 44);
	free(each);
	assert_null(share_profile(run, "visual/nothing", SHARE_NS, &n));
	assert_int_equal(n, 0);
	run_free(run);
}

static void inside_a_family_is_the_sum_of_all(void **state)
{
	struct run *run = RUN(tower);
	struct share_map m;
	(void)state;
	share_map_make(&m, run, "visual/blocks.*");
	assert_int_equal(m.n, 4);
	assert_string_equal(m.part[0].path, "visual/blocks.*/attn.qkv");
	assert_int_equal(m.part[0].members, 2);
	assert_true(m.part[0].v[SHARE_NS] == 25);
	assert_true(m.part[1].v[SHARE_NS] == 53);
	assert_string_equal(m.part[2].name, "prune");
	assert_true(isnan(m.part[2].v[SHARE_FLOPS]));
	assert_string_equal(m.part[3].name, "(itself)"); /* 84 of which 82 */
	assert_true(m.part[3].v[SHARE_NS] == 2 && !m.part[3].inside);
	assert_true(m.whole[SHARE_NS] == 84);
	assert_int_equal(share_map_find(&m, "visual/blocks.*/mlp.0"), 1);
	assert_int_equal(share_map_find(&m, "visual/blocks.*/mlp"), -1);
	assert_int_equal(share_map_find(&m, ""), -1);
	assert_int_equal(share_map_match(&m, &m.part[3]), 3); /* by its name */
	assert_int_equal(m.part[3].members, 0);
	share_map_release(&m);
	share_map_make(&m, run, "visual/blocks"); /* no such part */
	assert_int_equal(m.n, 0);
	share_map_release(&m);
	share_map_make(&m, run, "head.0"); /* nothing inside */
	assert_int_equal(m.n, 0);
	share_map_release(&m);
	run_free(run);
}

static void what_is_not_measured_is_not_known(void **state)
{
	static const struct row rows[] = { { "a", -1, NONE, 1 }, { "b", -1, NONE, 3 } };
	struct run *run = RUN(rows);
	struct share_map m;
	(void)state;
	share_map_make(&m, run, "");
	assert_true(isnan(m.whole[SHARE_NS]) && isnan(share_of(&m, 0, SHARE_NS)));
	assert_true(share_of(&m, 1, SHARE_FLOPS) == 0.75);
	share_map_release(&m);
	run_free(run);
	run = run_create();
	share_map_make(&m, run, "");
	assert_int_equal(m.n, 0);
	share_map_release(&m);
	run_free(run);
}

static bool contains(const char *text, const char *part) { return strstr(text, part); }

static void parts_are_found_by_name(void **state)
{
	struct run *run = RUN(tower);
	char path[SHARE_PATH_SIZE] = "";
	(void)state;
	assert_true(share_search(run, "mlp", contains, 1, true, path));
	assert_string_equal(path, "visual/blocks.*/mlp.0");
	assert_false(share_search(run, "mlp", contains, 1, false, path));
	assert_true(share_search(run, "qkv", contains, -1, false, path));
	assert_string_equal(path, "visual/blocks.*/attn.qkv");
	assert_true(share_search(run, "head", contains, 1, false, path));
	assert_string_equal(path, "head.0");
	assert_false(share_search(run, "zz", contains, 1, true, path));
	strcpy(path, "visual/blocks.*/mlp.0");
	share_path_up(path);
	assert_string_equal(path, "visual/blocks.*");
	share_path_up(path);
	share_path_up(path);
	assert_string_equal(path, "");
	share_path_up(path);
	assert_string_equal(path, "");
	run_free(run);
}

/* Names of any length, more parts than a level has, a chain as deep as the file. */
static void a_file_may_say_anything(void **state)
{
	enum { N = 600 };
	static char names[N][8], giant[3000];
	struct row rows[N];
	char path[SHARE_PATH_SIZE] = "";
	struct share_map m;
	(void)state;
	memset(giant, 'x', sizeof(giant) - 1);
	for (int i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "p%d/", i);
		rows[i] = (struct row){ i == 3 ? giant : names[i], -1, 1, 1 };
	}
	struct run *run = run_of(rows, N);
	share_map_make(&m, run, "");
	assert_int_equal(m.n, SHARE_PARTS_MAX);
	assert_string_equal(m.part[3].path, ""); /* it has none, and cannot be opened */
	assert_string_equal(m.part[SHARE_PARTS_MAX - 1].name, "(others)");
	assert_int_equal(m.part[SHARE_PARTS_MAX - 1].members, N - SHARE_PARTS_MAX + 1);
	assert_true(m.whole[SHARE_NS] == N);
	share_map_release(&m);
	assert_false(share_search(run, "xxx", contains, 1, true, path));
	run_free(run);
	for (int i = 0; i < N; i++)
		rows[i] = (struct row){ i % 2 ? "" : "a.1", i - 1, 1, 1 };
	run = run_of(rows, N);
	share_map_make(&m, run, "a.*");
	assert_int_equal(m.n, 1);
	share_map_release(&m);
	share_search(run, "a", contains, -1, false, path);
	run_free(run);
}

/* ---- bars ---- */

static void bars_say_what_fits(void **state)
{
	struct stack_part part[] = { { 1, 'a', 0, "ln", false },
				     { 12, 'b', 1, "blocks", true },
				     { NONE, 'c', 2, "gone", false },
				     { 7, 'd', 3, "head", false } };
	struct stack stack = { part, 4, NONE, false };
	struct canvas c;
	(void)state;
	canvas_init(&c, 30, 2);
	c.ascii = true;
	stack_draw(&c, 0, 0, 30, 1, &stack);
	check_dump(&c, "a=b blocks 60%      d head::::\n\n");
	assert_true(canvas_style_at(&c, 3, 0) & STYLE_REVERSE);
	assert_false(canvas_style_at(&c, 20, 0) & STYLE_REVERSE);
	canvas_clear(&c);
	stack.scale = 40; /* half of the width */
	stack_draw(&c, 0, 0, 30, 2, &stack);
	check_dump(&c, "ab blocks d::::\n=         :::::\n");
	canvas_clear(&c);
	c.plain = true;
	stack_draw(&c, 0, 0, 30, 1, &stack);
	check_dump(&c, "\n\n");
	canvas_release(&c);
}

static void points_are_parts(void **state)
{
	struct stack_part part[] = { { .value = 1 }, { .value = 0 }, { .value = 3 } };
	struct stack stack = { part, 3, NONE, false };
	(void)state;
	assert_int_equal(stack_at(&stack, 8, 0), 0);
	assert_int_equal(stack_at(&stack, 8, 1), 0);
	assert_int_equal(stack_at(&stack, 8, 2), 2);
	assert_int_equal(stack_at(&stack, 8, 7), 2);
	assert_int_equal(stack_at(&stack, 8, 8), -1);
	assert_int_equal(stack_at(&stack, 8, -1), -1);
	stack.scale = 0;
	assert_int_equal(stack_at(&stack, 0, 0), -1);
	part[0].value = part[2].value = NONE;
	assert_int_equal(stack_at(&stack, 8, 0), -1);
}

static void estimates_and_colors_of_bars(void **state)
{
	struct stack_part part[] = { { 1, 'a', 0, "x", false },
				     { 1, 'b', 1, "y", true } };
	struct stack stack = { part, 2, NONE, false };
	struct canvas c;
	(void)state;
	canvas_init(&c, 8, 1);
	c.colors = true;
	stack_draw(&c, 0, 0, 8, 1, &stack);
	check_dump(&c, "a x b y\n");
	assert_int_not_equal(c.cells[0].bg, 0);
	assert_int_not_equal(c.cells[0].bg, c.cells[4].bg);
	assert_int_equal(c.cells[0].bg, c.cells[3].bg); /* below the words and behind */
	stack.estimate = true;
	stack_draw(&c, 0, 0, 8, 1, &stack);
	assert_int_equal(c.cells[0].bg, 0);
	assert_true(canvas_style_at(&c, 0, 0) & STYLE_DIM);
	canvas_release(&c);
}

/* ---- columns ---- */

static void columns_grow_from_zero(void **state)
{
	static const double now[] = { 8, 8, 4, NONE, 0 }, before[] = { 8, 8, 8, 8, 8 };
	struct columns columns = {
		.value = now, .before = before, .n = 5, .n_before = 5
	};
	struct canvas c;
	(void)state;
	columns.top = columns_top(&columns);
	assert_true(columns.top == 8);
	canvas_init(&c, 10, 3);
	columns_draw(&c, 0, 0, 10, 2, &columns);
	columns_axis(&c, 0, 2, 10, 5);
	check_dump(&c, "█ █ ─ ─ ─\n█ █ █\n0   2   4\n");
	canvas_clear(&c);
	columns_draw(&c, 0, 0, 5, 1, &columns);
	check_dump(&c, "██▄\n\n\n");
	canvas_clear(&c);
	c.ascii = true;
	columns_draw(&c, 0, 0, 5, 1, &columns);
	check_dump(&c, "##-\n\n\n");
	canvas_clear(&c);
	columns_draw(&c, 0, 0, 2, 1, &columns); /* means of two, and of the rest */
	check_dump(&c, "#\n\n\n");
	columns.n = columns.n_before = 0;
	assert_true(columns_top(&columns) == 0);
	columns_draw(&c, 0, 0, 5, 1, &columns);
	columns_axis(&c, 0, 0, 5, 0);
	canvas_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_level_is_summed),
		cmocka_unit_test(families_are_one_part),
		cmocka_unit_test(inside_a_family_is_the_sum_of_all),
		cmocka_unit_test(what_is_not_measured_is_not_known),
		cmocka_unit_test(parts_are_found_by_name),
		cmocka_unit_test(a_file_may_say_anything),
		cmocka_unit_test(bars_say_what_fits),
		cmocka_unit_test(points_are_parts),
		cmocka_unit_test(estimates_and_colors_of_bars),
		cmocka_unit_test(columns_grow_from_zero),
	};
	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
