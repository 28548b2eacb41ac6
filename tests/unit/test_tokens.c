/* Patches of a run, the grid they are drawn in, histograms: all that needs no screen. */
#include "check.h"

#include <locale.h>
#include <math.h>

#include "ui/patch_map.h"
#include "ui/widgets/histogram.h"
#include "ui/widgets/patches.h"

static void check_dump(const struct canvas *c, const char *want)
{
	struct str s = STR_INIT;
	canvas_dump(c, &s);
	assert_string_equal(str_get(&s), want);
	str_release(&s);
}

/* ---- runs ---- */

#define ARRAY(...) (double[]){ __VA_ARGS__ }, (int)(sizeof((double[]){ __VA_ARGS__ }) / 8)

static void set(struct run *run, double **to, int *n, const double *values, int count)
{
	*to = run_doubles(run, values, count);
	*n = count;
}

static struct run_site *add_site(struct run *run, const char *path, double layer)
{
	struct run_tokens *t = &run->tokens;
	if (!t->sites)
		t->sites = scratch_alloc(&run->mem, 8 * sizeof(*t->sites));
	t->sites[t->n_sites] = (struct run_site){ .path = path, .layer = layer };
	return &t->sites[t->n_sites++];
}

/* Of six patches embed keeps 0 1 3 5; block 3 has a made one (6) beside and keeps it and
 * 1 and 5. */
static struct run *pruned(void)
{
	struct run *run = run_create();
	struct run_site *s = add_site(run, "embed", -1);
	set(run, &s->alive, &s->n_alive, ARRAY(0, 1, 2, 3, 4, 5));
	set(run, &s->scores, &s->n_scores, ARRAY(5, 6, 1, 4, (double)NAN, 9));
	set(run, &s->kept, &s->n_kept, ARRAY(0, 1, 3, 5));
	s = add_site(run, "blocks.3", 3);
	set(run, &s->alive, &s->n_alive, ARRAY(0, 1, 3, 5, 6));
	set(run, &s->scores, &s->n_scores, ARRAY(1, 7, 2, 7, 3));
	set(run, &s->kept, &s->n_kept, ARRAY(1, 5, 6));
	return run;
}

static void patches_are_followed_through_the_sites(void **state)
{
	struct run *run = pruned();
	struct patch_map m;
	(void)state;
	assert_int_equal(patch_map_count(run, 196), 6);
	patch_map_make(&m, run, 0, 6);
	assert_int_equal(m.in, 6);
	assert_int_equal(m.stay, 4);
	assert_int_equal(m.made, 0);
	assert_true(m.scored && m.known && !m.grouped);
	assert_int_equal(m.patch[5].rank, 1);
	assert_int_equal(m.patch[2].rank, 5);
	assert_int_equal(m.patch[2].ranked, 5);
	assert_int_equal(m.patch[2].fate, PATCH_DROPPED);
	assert_int_equal(m.patch[4].rank, 0); /* without a score */
	patch_map_release(&m);
	patch_map_make(&m, run, PATCH_MAP_END, 6);
	assert_int_equal(m.in, 4);
	assert_int_equal(m.stay, 2);
	assert_int_equal(m.made, 1);
	assert_int_equal(m.patch[2].fate, PATCH_GONE);
	assert_int_equal(m.patch[2].site, 0);
	assert_true(m.patch[2].score == 1); /* of where it was dropped */
	assert_int_equal(m.patch[0].fate, PATCH_DROPPED);
	assert_int_equal(m.patch[0].site, 1);
	assert_int_equal(m.patch[1].rank, 1); /* a tie: the lower index first */
	assert_int_equal(m.patch[5].rank, 2);
	assert_int_equal(m.patch[5].site, -1);
	patch_map_release(&m);
	run_free(run);
}

static void patches_of_one_token_stay_together(void **state)
{
	struct run *run = run_create();
	struct patch_map m;
	int n;
	(void)state;
	struct run_site *s = add_site(run, "blocks.0", 0);
	set(run, &s->alive, &s->n_alive, ARRAY(0, 1, 2, 3, 4, 5));
	set(run, &s->kept, &s->n_kept, ARRAY(4));
	set(run, &s->groups, &s->n_groups, ARRAY(0, 0, 2, 2, 4, 2));
	s = add_site(run, "blocks.1", 1); /* drops the token of 2, 3 and 5 */
	set(run, &s->alive, &s->n_alive, ARRAY(0, 2, 4));
	set(run, &s->kept, &s->n_kept, ARRAY(0, 4));
	patch_map_make(&m, run, 0, 6);
	assert_true(m.grouped && !m.scored);
	assert_int_equal(m.in, 6);
	assert_int_equal(m.stay, 3);
	struct patch_group *groups = patch_map_groups(&m, &n);
	assert_int_equal(n, 2);
	assert_int_equal(groups[0].first, 2);
	assert_int_equal(groups[0].size, 3);
	assert_int_equal(groups[1].first, 0);
	free(groups);
	patch_map_release(&m);
	patch_map_make(&m, run, 1, 6);
	assert_int_equal(m.stay, 2);
	assert_int_equal(m.patch[5].fate, PATCH_DROPPED);
	assert_int_equal(m.patch[1].fate, PATCH_STAYS);
	patch_map_release(&m);
	run_free(run);
}

/* A file may say anything. */
static void nonsense_is_left_out(void **state)
{
	struct run *run = run_create();
	struct patch_map m;
	(void)state;
	struct run_site *s = add_site(run, "embed", -1);
	set(run, &s->alive, &s->n_alive,
	    ARRAY(-5, 1e300, (double)NAN, 1, 1, 2.5, (double)INFINITY));
	set(run, &s->scores, &s->n_scores, ARRAY(1, 2, 3));
	set(run, &s->kept, &s->n_kept, ARRAY(1e9, -1, 1));
	set(run, &s->groups, &s->n_groups, ARRAY(1, 2, 3));
	patch_map_make(&m, run, 0, 4);
	assert_int_equal(m.stay, 1);
	assert_false(m.scored);
	patch_map_release(&m);
	set(run, &s->groups, &s->n_groups, ARRAY(-1, 7, (double)NAN, 3));
	patch_map_make(&m, run, 0, 4);
	assert_int_equal(m.stay, 1);
	patch_map_release(&m);
	assert_int_equal(patch_map_count(run, 0), 7);
	run->tokens.n_sites = 0;
	assert_int_equal(patch_map_count(run, 1e9), 0);
	run->input.kind = run_str(run, "text");
	assert_int_equal(patch_map_count(run, 7), 0);
	run_free(run);
}

static void what_is_not_known_is_said(void **state)
{
	struct run *run = run_create();
	struct patch_map m;
	(void)state;
	patch_map_make(&m, run, PATCH_MAP_END, 4); /* measured, nothing dropped */
	assert_true(m.known && m.stay == 4);
	patch_map_release(&m);
	run->tokens.n_kept = 2;
	patch_map_make(&m, run, PATCH_MAP_END, 4);
	assert_false(m.known);
	patch_map_release(&m);
	set(run, &run->tokens.kept, &run->tokens.n_kept, ARRAY(0, 3));
	patch_map_make(&m, run, PATCH_MAP_END, 4);
	assert_true(m.known && m.stay == 2);
	assert_int_equal(m.patch[1].site, -1);
	patch_map_release(&m);
	run_free(run);
}

/* Two rows of three units of 2 x 2 patches. */
static void units_stand_for_patches(void **state)
{
	struct run *run = run_create();
	struct patch_map m;
	int columns, rows;
	(void)state;
	run->visual.rows = 2;
	run->visual.columns = 3;
	run->visual.patches_per_token = 4;
	assert_int_equal(patch_map_unit(run), 4);
	assert_int_equal(patch_map_count(run, 24), 6);
	patch_map_grid(run, 6, 500, 500, &columns, &rows);
	assert_true(columns == 3 && rows == 2);
	patch_map_make(&m, run, PATCH_MAP_END, 6);
	assert_true(m.known && m.stay == 6);
	patch_map_release(&m);
	set(run, &run->tokens.kept, &run->tokens.n_kept,
	    ARRAY(4, 5, 6, 7, 20, 21, 22, 23));
	patch_map_make(&m, run, PATCH_MAP_END, 6);
	assert_true(m.known && m.stay == 2);
	assert_int_equal(m.patch[1].fate, PATCH_STAYS);
	assert_int_equal(m.patch[5].fate, PATCH_STAYS);
	assert_int_equal(m.patch[4].fate, PATCH_DROPPED);
	patch_map_release(&m);
	/* Sites count units themselves. */
	struct run_site *s = add_site(run, "visual.blocks.1", 1);
	set(run, &s->alive, &s->n_alive, ARRAY(0, 1, 2, 3, 4, 5));
	set(run, &s->kept, &s->n_kept, ARRAY(0, 5));
	patch_map_make(&m, run, PATCH_MAP_END, 6);
	assert_int_equal(m.stay, 2);
	assert_int_equal(m.patch[0].fate, PATCH_STAYS);
	assert_int_equal(m.patch[1].fate, PATCH_DROPPED);
	patch_map_release(&m);
	run_free(run);
}

/* What a file says of its grid may be nonsense: then the picture's shape decides. */
static void a_grid_that_cannot_be_is_refused(void **state)
{
	static const double nonsense[][3] = {
		{ 2, 4, 1 },           { 0, 6, 1 },
		{ -2, -3, 1 },         { 1.5, 4, 1 },
		{ (double)NAN, 6, 1 }, { 1e300, 1e300, 1e300 },
		{ 65536, 65536, 0 },   { 4294967297.0, 6, -4 },
	};
	struct run *run = run_create();
	int columns, rows;
	(void)state;
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		run->visual.rows = nonsense[i][0];
		run->visual.columns = nonsense[i][1];
		run->visual.patches_per_token = nonsense[i][2];
		assert_int_equal(patch_map_unit(run), 1);
		patch_map_grid(run, 6, 300, 200, &columns, &rows);
		assert_true(columns == 3 && rows == 2);
	}
	assert_int_equal(patch_map_count(run, 6), 6);
	run_free(run);
}

static void two_runs_are_compared(void **state)
{
	struct run *run = pruned(), *other = pruned();
	struct patch_map a, b;
	(void)state;
	set(other, &other->tokens.sites[0].kept, &other->tokens.sites[0].n_kept,
	    ARRAY(0, 2, 4));
	assert_int_equal(patch_map_site_at(other, -1), 0);
	assert_int_equal(patch_map_site_at(other, 2), 0);
	assert_int_equal(patch_map_site_at(other, 7), 1);
	assert_int_equal(patch_map_site_at(other, -2), PATCH_MAP_NONE);
	patch_map_make(&a, run, 0, 6);
	patch_map_make(&b, other, 0, 6);
	struct patch_change c = patch_map_compare(&a, &b);
	assert_int_equal(c.added, 3);
	assert_int_equal(c.lost, 2);
	assert_int_equal(c.moved, 0);
	assert_true(fabs(c.jaccard - 1.0 / 6) < 1e-12);
	patch_map_release(&b);
	patch_map_make(&b, other, PATCH_MAP_NONE, 6); /* before its first site */
	assert_int_equal(b.stay, 6);
	patch_map_release(&a);
	patch_map_release(&b);
	run_free(run);
	run_free(other);
}

static void selection_is_summed_over_leaves(void **state)
{
	static const struct {
		const char *path;
		int parent;
		double ns;
	} rows[] = { { "prune", -1, 30 },
		     { "prune.score", 0, 10 },
		     { "prune.select", 0, 20 },
		     { "blocks.0.merge.match", -1, 5 },
		     { "blocks.0.emerge", -1, 100 },
		     { "blocks.0.pruned", -1, 65 } };
	struct run *run = run_create();
	double share;
	(void)state;
	assert_true(isnan(patch_selection_ns(run, &share)));
	run_add_layers(run, 6);
	for (int i = 0; i < 6; i++) {
		run->layers[i].path = rows[i].path;
		run->layers[i].parent = rows[i].parent;
		run->layers[i].v[METRIC_wall_ns] = rows[i].ns;
	}
	assert_true(patch_selection_ns(run, &share) == 35);
	assert_true(share == 35.0 / 200);
	run_free(run);
}

/* ---- the grid ---- */

static void grids_fit_where_they_can(void **state)
{
	char words[48];
	(void)state;
	struct patches_fit f = patches_fit(14, 14, 47, 15);
	assert_int_equal(f.cell_w, 2);
	assert_int_equal(f.cell_h, 1);
	assert_int_equal(f.width, 28);
	f = patches_fit(14, 14, 90, 47);
	assert_int_equal(f.cell_w, 6);
	assert_int_equal(f.cell_h, 3);
	f = patches_fit(14, 14, 20, 20); /* narrow */
	assert_int_equal(f.cell_w, 1);
	assert_int_equal(f.cell_h, 1);
	f = patches_fit(24, 24, 47, 15); /* two above each other */
	assert_int_equal(f.cell_h, 0);
	assert_int_equal(f.width, 24);
	assert_int_equal(f.height, 12);
	assert_string_equal(patches_fit_words(&f, "patches", words, sizeof(words)),
			    "a cell is 2 patches");
	f = patches_fit(24, 24, 47, 5);
	assert_int_equal(f.per, 3);
	assert_int_equal(f.height, 4);
	assert_string_equal(patches_fit_words(&f, "patches", words, sizeof(words)),
			    "half a cell is 3 x 3 patches");
	f = patches_fit(24, 24, 0, 5);
	assert_int_equal(f.width, 0);
	f = patches_fit(14, 14, 1, 1);
	assert_true(f.width == 1 && f.height == 1);
}

static void points_are_patches(void **state)
{
	(void)state;
	struct patches_fit f = patches_fit(7, 7, 40, 14);
	assert_int_equal(f.cell_w, 4);
	assert_int_equal(patches_at(&f, 7, 7, 49, 0, 0), 0);
	assert_int_equal(patches_at(&f, 7, 7, 49, 27, 13), 48);
	assert_int_equal(patches_at(&f, 7, 7, 48, 27, 13), -1);
	assert_int_equal(patches_at(&f, 7, 7, 49, 28, 0), -1);
	assert_int_equal(patches_at(&f, 7, 7, 49, -1, 0), -1);
	f = patches_fit(24, 24, 47, 15);
	assert_int_equal(patches_at(&f, 24, 24, 576, 3, 2), 4 * 24 + 3);
	f = (struct patches_fit){ 0 };
	assert_int_equal(patches_at(&f, 7, 7, 49, 0, 0), -1);
}

static void grids_follow_the_picture(void **state)
{
	int columns, rows;
	(void)state;
	patches_grid(196, 224, 224, &columns, &rows);
	assert_true(columns == 14 && rows == 14);
	patches_grid(98, 224, 112, &columns, &rows);
	assert_true(columns == 14 && rows == 7);
	patches_grid(50, 0, 0, &columns, &rows);
	assert_true(columns == 7 && rows == 8);
	patches_grid(3, 5000, 1, &columns, &rows);
	assert_true(columns == 3 && rows == 1);
	patches_grid(0, 5, 5, &columns, &rows);
	assert_true(columns == 0 && rows == 0);
}

/* Without a colour in sight: what stays, what goes, marks, the cursor. */
static void masks_are_read_without_color(void **state)
{
	struct patch patch[9] = { { .kept = true },
				  { .kept = true },
				  { .mark = '-' },
				  { 0 },
				  { .kept = true },
				  { .kept = true, .mark = '+' },
				  { 0 },
				  { .kept = true, .mark = 'a' },
				  { .kept = true } };
	static const uint8_t rgb[3 * 3] = { 0, 0, 0, 255, 255, 255, 255, 255, 255 };
	struct patches p = {
		.columns = 3, .rows = 3, .patch = patch, .n = 8, .cursor = 4
	};
	struct canvas c;
	char ranges[40];
	(void)state;
	canvas_init(&c, 7, 3);
	patches_draw(&c, 0, 0, 7, 3, &p);
	check_dump(&c, "▓▓▓▓-·\n··[]+▓\n··aa\n");
	c.ascii = true;
	p.picture = (struct picture){ rgb, 3, 1 };
	canvas_clear(&c);
	patches_draw(&c, 0, 0, 7, 3, &p);
	check_dump(&c, "==@@-.\n..[]+@\n..aa\n");
	canvas_clear(&c); /* three rows in two of cells */
	p.cursor = -1;
	patches_draw(&c, 0, 0, 7, 2, &p);
	check_dump(&c, "\"#_\n.\"\n\n");
	canvas_clear(&c);
	c.plain = true;
	assert_int_equal(patches_draw(&c, 0, 0, 7, 3, &p).width, 0);
	check_dump(&c, "\n\n\n");
	assert_string_equal(patches_ranges(&p, 0, ranges, sizeof(ranges)), "0-1");
	assert_string_equal(patches_ranges(&p, 1, ranges, sizeof(ranges)), "1-2");
	assert_string_equal(patches_ranges(&p, 2, ranges, sizeof(ranges)), "1");
	patch[2].kept = true;
	assert_string_equal(patches_ranges(&p, 0, ranges, sizeof(ranges)), "all");
	canvas_release(&c);
}

static void kept_patches_show_the_picture(void **state)
{
	static const uint8_t rgb[2 * 3] = { 255, 0, 0, 0, 0, 255 };
	static const struct patch patch[2] = { { .kept = true }, { .kept = false } };
	struct patches p = { .picture = { rgb, 2, 1 },
			     .columns = 2,
			     .rows = 1,
			     .patch = patch,
			     .n = 2,
			     .cursor = -1 };
	struct canvas c;
	int mean[3];
	(void)state;
	canvas_init(&c, 4, 1);
	c.colors = true;
	patches_draw(&c, 0, 0, 4, 1, &p);
	check_dump(&c, "▀▀╱╱\n");
	assert_int_equal(c.cells[0].fg, 196);
	assert_int_not_equal(c.cells[2].bg, 21); /* dimmed, not blue */
	assert_true(patches_mean(&p, 1, mean));
	assert_int_equal(mean[2], 255);
	canvas_release(&c);
}

/* ---- histograms ---- */

static void values_fall_into_bins(void **state)
{
	static const double values[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, (double)NAN };
	static const bool stays[10] = { [6] = true, [7] = true, [8] = true };
	struct histogram h;
	(void)state;
	histogram_make(&h, values, stays, 10, 4);
	assert_int_equal(h.n, 9);
	assert_int_equal(h.n_stay, 3);
	assert_true(h.min == 0 && h.max == 8 && h.median == 4 && h.cut == 6);
	assert_int_equal(h.go[0], 2);
	assert_int_equal(h.go[3], 0);
	assert_int_equal(h.stay[3], 3); /* 6, 7 and the maximum */
	histogram_make(&h, values, NULL, 1, 4);
	assert_true(h.min == 0 && h.max == 0 && h.stay[0] == 1);
	histogram_make(&h, values + 9, NULL, 1, 0);
	assert_true(h.n == 0 && isnan(h.cut) && h.n_bins == 1);
	histogram_make(&h, values, NULL, 0, 1000);
	assert_int_equal(h.n_bins, HISTOGRAM_BINS_MAX);
}

static void the_cut_is_seen_without_color(void **state)
{
	static const double values[] = { 0, 0.5, 1, 1.5, 2, 2.5, 3, 4 };
	static const bool stays[8] = { [4] = true, true, true, true };
	struct histogram h;
	struct canvas c;
	(void)state;
	histogram_make(&h, values, stays, 8, 4);
	canvas_init(&c, 34, 4);
	c.ascii = true;
	histogram_draw(&c, 0, 0, 8, 4, &h);
	check_dump(&c, "::::####\n::::####\n----|===\nmin 0 m>\n");
	canvas_clear(&c);
	c.ascii = false;
	histogram_draw(&c, 0, 0, 34, 3, &h);
	check_dump(&c, "████████████████████████████████\n"
		       "────────────────╫═══════════════\n"
		       "min 0   median 1.75   max 4\n\n");
	canvas_clear(&c);
	c.plain = true;
	histogram_draw(&c, 0, 0, 34, 3, &h);
	check_dump(&c, "min 0   median 1.75   max 4\n\n\n\n");
	canvas_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patches_are_followed_through_the_sites),
		cmocka_unit_test(patches_of_one_token_stay_together),
		cmocka_unit_test(nonsense_is_left_out),
		cmocka_unit_test(what_is_not_known_is_said),
		cmocka_unit_test(units_stand_for_patches),
		cmocka_unit_test(a_grid_that_cannot_be_is_refused),
		cmocka_unit_test(two_runs_are_compared),
		cmocka_unit_test(selection_is_summed_over_leaves),
		cmocka_unit_test(grids_fit_where_they_can),
		cmocka_unit_test(points_are_patches),
		cmocka_unit_test(grids_follow_the_picture),
		cmocka_unit_test(masks_are_read_without_color),
		cmocka_unit_test(kept_patches_show_the_picture),
		cmocka_unit_test(values_fall_into_bins),
		cmocka_unit_test(the_cut_is_seen_without_color),
	};
	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
