/* The interface through a pseudo-terminal: keys in, screens out. */
#include "check.h"

#include <signal.h>
#include <sys/wait.h>

#include "pty_harness.h"

static const char *const nothing[] = { NULL };

static void start(struct pty *p, int width, int height)
{
	pty_start(p, width, height, nothing, nothing);
	pty_wait(p, width >= 60 ? "sum of layers" : "idle");
}

static void start_with(struct pty *p, const char *env)
{
	const char *const all[] = { env, NULL };
	pty_start(p, 80, 24, nothing, all);
}

static void quit(struct pty *p)
{
	pty_keys(p, "Q");
	pty_wait_exit(p, 0);
	pty_check_restored(p);
	pty_close(p);
}

/* ---- screens ---- */

static void first_screen_at_every_size(void **state)
{
	static const struct {
		int width, height;
		const char *name;
	} sizes[] = { { 80, 24, "first_80x24" },
		      { 200, 60, "first_200x60" },
		      { 40, 10, "first_40x10" },
		      { 62, 17, "first_62x17" } };
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct pty p;
		start(&p, sizes[i].width, sizes[i].height);
		pty_golden(&p, sizes[i].name);
		quit(&p);
	}
}

static void one_cell_is_enough(void **state)
{
	struct pty p;
	(void)state;
	pty_start(&p, 1, 1, nothing, nothing);
	pty_wait(&p, "3"); /* of "380 ms" */
	pty_keys(&p, "[jK?2\t");
	pty_resize(&p, 80, 24);
	pty_wait(&p, "195/196 tokens");
	quit(&p);
}

static void a_key_shows_a_dimmed_estimate(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	int row = pty_row_of(&p, "blocks.3");
	assert_false(pty_cell_is_colored(&p, 2, row));
	pty_keys(&p, "{");
	pty_wait(&p, "~ estimate");
	pty_golden(&p, "estimate_80x24");
	row = pty_row_of(&p, "blocks.3");
	assert_true(pty_cell_is_colored(&p, 2, row)); /* grey */
	assert_true(pty_cell_is_colored(&p, 2, pty_row_of(&p, "~339 ms")));
	quit(&p);
}

static void an_estimate_tells_where_it_comes_from(void **state)
{
	struct pty p;
	(void)state;
	start_with(&p, "FAKE_CALIBRATED=1");
	pty_wait(&p, "! governor");
	pty_keys(&p, "{");
	pty_wait(&p, "~ estimate from calibrated rates");
	pty_wait_gone(&p, "! ");
	pty_keys(&p, "\\qkv\r");
	pty_wait(&p, "calibrated rates  filter: qkv");
	quit(&p);
}

static void the_measurement_replaces_it(void **state)
{
	struct pty p;
	(void)state;
	start_with(&p, "FAKE_MEASURE_MS=30");
	pty_wait(&p, "sum of layers");
	pty_keys(&p, "{");
	pty_wait(&p, "cos .");
	pty_golden(&p, "measured_80x24");
	quit(&p);
}

static void views_and_overlays(void **state)
{
	static const struct {
		const char *keys, *name;
	} screens[] = {
		{ "vmodels\r", "models_80x24" },
		{ "vsess\r", "sessions_80x24" },
		{ "venv\r", "env_80x24" },
		{ "?", "help_80x24" },
		{ "K", "knobs_80x24" },
		{ "vsess\r\r", "runs_80x24" },
		{ "jj\r", "unfolded_80x24" },
		{ "ssI", "sorted_80x24" },
		{ ":se", "command_80x24" },
		{ "vsess\r\r\r", "trail_80x24" },
		{ "vsess\r\rj\r", "opened_80x24" },
		{ "\\qkv|sdpa\r", "filter_80x24" },
		{ "/mlp.fc2\rn", "search_80x24" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(screens) / sizeof(screens[0]); i++) {
		struct pty p;
		start(&p, 80, 24);
		pty_keys(&p, screens[i].keys);
		pty_golden(&p, screens[i].name);
		quit(&p);
	}
}

/* ---- patches ---- */

static void start_tokens(struct pty *p, int width, int height, const char *env,
			 const char *option)
{
	const char *const all[] = { env, "FAKE_MEASURE_MS=1", NULL };
	const char *const args[] = { option, NULL };
	pty_start(p, width, height, args, all);
	pty_wait(p, "sum of layers");
	pty_keys(p, "vtok\r");
	pty_wait(p, "all 196 patches stay");
}

static void tokens_at_every_size(void **state)
{
	static const struct {
		int width, height;
		const char *name;
	} sizes[] = { { 200, 60, "tokens_200x60" },
		      { 62, 17, "tokens_62x17" },
		      { 40, 10, "tokens_40x10" } };
	struct pty p;
	(void)state;
	start_tokens(&p, 80, 24, "COLORTERM=", NULL);
	pty_keys(&p, "{{{jjjlll");
	pty_wait(&p, "patch 45");
	pty_golden(&p, "tokens_80x24");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		pty_resize(&p, sizes[i].width, sizes[i].height);
		pty_golden(&p, sizes[i].name);
	}
	pty_resize(&p, 1, 1);
	pty_keys(&p, "jl\x04\x15\r");
	pty_resize(&p, 80, 24);
	pty_wait(&p, "patch 60");
	quit(&p);
}

static void sites_are_scrubbed(void **state)
{
	struct pty p;
	(void)state;
	start_tokens(&p, 80, 24, "COLORTERM=", NULL);
	pty_keys(&p, ":set prune-at 3+6+9\r:keep 0.7\r");
	pty_wait(&p, "site 3/3");
	pty_wait(&p, "66 of 95 patches stay");
	pty_keys(&p, "\x15"); /* ^U */
	pty_wait(&p, "blocks.6 │ 95 of 137 patches stay │ 48.5 % of 196");
	pty_keys(&p, "-");
	pty_wait(&p, "137 of 196 patches stay");
	pty_keys(&p, "-");
	pty_keys(&p, "]"); /* another run: the same site */
	pty_wait(&p, "138 of 196 patches stay");
	pty_keys(&p, "\x04g\x04"); /* ^D, the first, ^D */
	pty_wait(&p, "dropped at blocks.3");
	pty_wait(&p, "site 2/3");
	pty_keys(&p, "G");
	pty_wait(&p, "site 3/3");
	pty_keys(&p, "\033[<0;16;14M"); /* a click: row 6, column 7 */
	pty_wait(&p, "patch 91: row 6, column 7");
	pty_keys(&p, "\033[<64;16;14M"); /* wheel */
	pty_wait(&p, "site 2/3");
	pty_keys(&p, "n");
	pty_wait(&p, "dropped here");
	pty_keys(&p, "Y");
	pty_wait(&p, "Markdown");
	quit(&p);
}

static void runs_are_compared_with_the_pinned(void **state)
{
	struct pty p;
	(void)state;
	start_tokens(&p, 80, 24, "NO_COLOR=1", NULL);
	pty_keys(&p, ":keep 0.5\r");
	pty_wait(&p, "98 of 196 patches stay");
	pty_keys(&p, "b");
	pty_wait(&p, "│ pin #13");
	pty_wait(&p, "+0  -0  Jaccard 1.0000");
	pty_keys(&p, ":set prune-at 3+9\r");
	pty_wait(&p, "site 2/2");
	pty_keys(&p, "n");
	pty_wait(&p, "- stays in the pinned run");
	pty_golden(&p, "tokens_pinned_80x24");
	for (int y = 0; y < 24; y++)
		for (int x = 0; x < 80; x++)
			assert_false(pty_cell_is_colored(&p, x, y));
	pty_keys(&p, "b"); /* the fake's results are all #13 */
	pty_wait_gone(&p, "pin #13");
	pty_keys(&p, "[b");
	quit(&p);
}

static void the_worst_picture_and_back(void **state)
{
	struct pty p;
	(void)state;
	start_tokens(&p, 80, 24, "NO_COLOR=1", NULL);
	pty_keys(&p, "w");
	pty_wait(&p, "the worst picture alone");
	pty_keys(&p, "w");
	pty_wait(&p, "all pictures");
	quit(&p);
}

static void merged_tokens_show_their_groups(void **state)
{
	struct pty p;
	(void)state;
	start_tokens(&p, 80, 24, "COLORTERM=", "--ascii");
	pty_keys(&p, ":set method tome\r");
	pty_wait(&p, "170 of 172 tokens stay");
	pty_keys(&p, "jjjjjll");
	pty_wait(&p, "in token b, of 11 patches");
	pty_golden(&p, "tokens_groups_80x24");
	pty_keys(&p, "\r");
	pty_wait(&p, "every layer");
	pty_wait(&p, "ToMe, Bolya");
	quit(&p);
}

static void patches_in_words(void **state)
{
	struct pty p;
	(void)state;
	start_tokens(&p, 80, 24, "COLORTERM=", "--plain");
	pty_keys(&p, "{{{");
	pty_wait(&p, "row  0: 7");
	pty_golden(&p, "tokens_plain_80x24");
	quit(&p);
}

/* ---- shares, and tokens of a vision-language model ---- */

static void start_vl(struct pty *p, int width, int height, const char *env,
		     const char *option)
{
	const char *const all[] = { "FAKE_VL=1", "FAKE_MEASURE_MS=1", env, NULL };
	const char *const args[] = { option, NULL };
	pty_start(p, width, height, args, all);
	pty_wait(p, "sum of layers");
}

static void shares_at_every_size(void **state)
{
	static const struct {
		int width, height;
		const char *name;
	} sizes[] = { { 200, 60, "shares_200x60" },
		      { 60, 16, "shares_60x16" },
		      { 40, 10, "shares_40x10" } };
	struct pty p;
	(void)state;
	start_vl(&p, 80, 24, "COLORTERM=", NULL);
	pty_keys(&p, "vshares\r:set prune-at 3\r:keep 0.5\r");
	pty_wait(&p, "cos .");
	pty_golden(&p, "shares_80x24");
	pty_keys(&p, "\r");
	pty_wait(&p, "the pass > visual");
	pty_golden(&p, "shares_visual_80x24");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		pty_resize(&p, sizes[i].width, sizes[i].height);
		pty_golden(&p, sizes[i].name);
	}
	pty_resize(&p, 1, 1);
	pty_keys(&p, "jk\rjsI");
	pty_resize(&p, 80, 24);
	pty_wait(&p, "the pass > visual > blocks");
	pty_wait(&p, "bars: FLOPs   largest first");
	quit(&p);
}

static void shares_lead_in_and_out(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_keys(&p, "vshares\r");
	pty_wait(&p, "b blocks (12) │ 99.3 % of the ms");
	pty_keys(&p, "l");
	pty_wait(&p, "the pass > blocks");
	pty_keys(&p, "/sdpa\r");
	pty_wait(&p, "c attn.sdpa │ 0.5 % of the ms │ 0.1 % of the FLOPs");
	pty_keys(&p, "s");
	pty_wait(&p, "bars: FLOPs");
	pty_keys(&p, "\\mlp\r");
	pty_wait(&p, "filter: mlp");
	pty_wait_gone(&p, "a ln1");
	pty_keys(&p, "\033:sort ms\r");
	pty_wait(&p, "bars: ms   largest first");
	pty_keys(&p, ":sort nothing\r");
	pty_wait(&p, "no column of that name");
	pty_keys(&p, "Y");
	pty_wait(&p, "as Markdown");
	pty_keys(&p, "h");
	pty_wait(&p, "b blocks (12)");
	pty_keys(&p, "/head\r"); /* at another level */
	pty_wait(&p, "c head");
	pty_keys(&p,
		 "\033[<0;40;8M\033[<0;40;8M"); /* twice on the long part of the bar */
	pty_wait(&p, "the pass > blocks");
	pty_keys(&p, "<<"); /* out, and then out of the view */
	pty_wait(&p, "sum of layers");
	quit(&p);
}

/* The same without colours, in ASCII, before anything is measured, and in words. */
static void shares_do_not_hang_on_color(void **state)
{
	static const char *const env[] = { "FAKE_VL=1", NULL };
	struct pty p;
	(void)state;
	start_vl(&p, 80, 24, "NO_COLOR=1", NULL);
	pty_keys(&p, "vshares\r:keep 0.5\r\r\r");
	pty_wait(&p, "cos .");
	pty_golden(&p, "shares_mono_80x24");
	for (int y = 0; y < 24; y++)
		for (int x = 0; x < 80; x++)
			assert_false(pty_cell_is_colored(&p, x, y));
	quit(&p);
	start_vl(&p, 80, 24, "COLORTERM=", "--ascii");
	pty_keys(&p, "vshares\r:keep 0.5\r\r");
	pty_wait(&p, "cos .");
	pty_golden(&p, "shares_ascii_80x24");
	quit(&p);
	start_vl(&p, 80, 24, "COLORTERM=", "--plain");
	pty_keys(&p, "vshares\r:keep 0.5\r");
	pty_wait(&p, "cos .");
	pty_golden(&p, "shares_plain_80x24");
	quit(&p);
	pty_start(&p, 80, 24, nothing, env);
	pty_wait(&p, "sum of layers");
	pty_keys(&p, "vshares\r:keep 0.5\r");
	pty_wait(&p, "~ estimate");
	pty_golden(&p, "shares_estimate_80x24");
	quit(&p);
}

static void tokens_of_a_ragged_grid(void **state)
{
	struct pty p;
	(void)state;
	start_vl(&p, 80, 24, "COLORTERM=", NULL);
	pty_keys(&p, "vtok\r");
	pty_wait(&p, "all 182 tokens stay (2x2 patches each)");
	pty_keys(&p, "]["); /* one unit less */
	pty_wait(&p, "181/182 tokens");
	pty_keys(&p, ":keep 0.5\rjlll");
	pty_wait(&p, "91 of 182 tokens stay (2x2 patches each)");
	pty_wait(&p, "token 17: row 1, column 3");
	pty_wait(&p, "in qwen2-1.5b they cost ~");
	pty_wait(&p, "two cats\\x1b[31m");
	pty_golden(&p, "tokens_units_80x24");
	pty_resize(&p, 200, 60);
	pty_wait(&p, "91 visual tokens");
	pty_golden(&p, "tokens_units_200x60");
	quit(&p);
}

/* Without a vocabulary ids are shown. */
static void goes_on_in_ids(void **state)
{
	static const char *const env[] = { "FAKE_VL=ids", "FAKE_MEASURE_MS=1", NULL };
	static const char *const none[] = { NULL };
	struct pty p;
	(void)state;
	pty_start(&p, 80, 24, none, env);
	pty_wait(&p, "sum of layers");
	pty_keys(&p, "vtok\r:keep 0.5\r");
	pty_wait(&p, "goes on: ids 785 6802");
	pty_keys(&p, "venv\r");
	pty_wait(&p, "Samples");
	pty_keys(&p, "/handed\r");
	pty_wait(&p, "91 of a grid of 13 x 14");
	pty_wait(&p, "112 tokens   8 more, 41.0 ms each");
	quit(&p);
}

static void curve_at(int width, int height, const char *const *options, const char *env,
		     const char *golden)
{
	const char *const all[] = { "FAKE_CURVE=1", env, NULL };
	struct pty p;
	pty_start(&p, width, height, options, all);
	pty_wait(&p, "sum of layers");
	pty_keys(&p, "{{{vcurve\r");
	pty_wait(&p, "break-even");
	pty_keys(&p, "\033[D"); /* the point on the left */
	pty_wait(&p, options[0] && !strcmp(options[0], "--plain") ? "break-even"
								  : "keep 0.6");
	pty_golden(&p, golden);
	quit(&p);
}

static void curves(void **state)
{
	static const char *const ascii[] = { "--ascii", NULL };
	static const char *const plain[] = { "--plain", NULL };
	(void)state;
	curve_at(80, 24, nothing, NULL, "curve_80x24");
	curve_at(80, 24, nothing, "NO_COLOR=1", "curve_80x24");
	curve_at(200, 60, nothing, NULL, "curve_200x60");
	curve_at(60, 16, nothing, NULL, "curve_60x16");
	curve_at(80, 24, ascii, NULL, "curve_ascii_80x24");
	curve_at(80, 24, plain, NULL, "curve_plain_80x24");
}

static void curves_lead_to_runs(void **state)
{
	static const char *const env[] = { "FAKE_CURVE=1", NULL };
	struct pty p;
	(void)state;
	pty_start(&p, 80, 24, nothing, env);
	pty_wait(&p, "sum of layers");
	pty_keys(&p, "vcurve\r");
	pty_wait(&p, "keep 1 ");
	pty_keys(&p, "g\033[C\033[C\033[C");
	pty_wait(&p, "keep 0.4");
	pty_keys(&p, "\r"); /* of this session: it becomes the setting */
	pty_wait(&p, "78/196 tokens");
	pty_keys(&p, "Y");
	pty_wait(&p, "as Markdown");
	pty_keys(&p, "g\r"); /* of another: it is opened */
	pty_wait(&p, "OLD RUN #21");
	quit(&p);
}

static void sweeps(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_keys(&p, "vcurve\r");
	pty_wait(&p, "nothing is measured over keep yet: F8 sweeps it");
	pty_keys(&p, "S");
	pty_wait(&p, ":sweep keep 1,.9,.8,.7,.6,.5,.4,.3");
	pty_keys(&p, "\r");
	pty_wait(&p, "SWEEP 3/9 eta ");
	pty_keys(&p, "\033");
	pty_wait_gone(&p, "SWEEP");
	quit(&p);
}

static void studies(void **state)
{
	static const char *const ascii[] = { "--ascii", NULL };
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_keys(&p, "vstud\r");
	pty_golden(&p, "studies_80x24");
	pty_keys(&p, "/\033:study vtp\r");
	pty_wait(&p, "3 of 5 rows, running");
	pty_golden(&p, "study_80x24");
	pty_keys(&p, "jj");
	pty_wait(&p, "failed: the worker was killed");
	pty_keys(&p, "\033[C"); /* the next figure comes first */
	pty_wait(&p, "items/s here");
	pty_keys(&p, "\033[D\033[D"); /* out again */
	pty_wait(&p, "RUN 3");
	quit(&p);
	pty_start(&p, 200, 60, nothing, nothing);
	pty_wait(&p, "sum of layers");
	pty_keys(&p, ":study vtp\r");
	pty_golden(&p, "study_200x60");
	quit(&p);
	pty_start(&p, 60, 16, ascii, nothing);
	pty_wait(&p, "sum of layers");
	pty_keys(&p, ":study vtp\r");
	pty_golden(&p, "study_ascii_60x16");
	quit(&p);
}

static void phases_without_a_model(void **state)
{
	static const char *const phases[] = { "starting", "loading", "broken" };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pty p;
		char env[64], name[64];
		snprintf(env, sizeof(env), "FAKE_PHASE=%s", phases[i]);
		snprintf(name, sizeof(name), "%s_80x24", phases[i]);
		start_with(&p, env);
		pty_golden(&p, name);
		quit(&p);
	}
}

static void the_cause_stays_while_there_is_no_model(void **state)
{
	static const char *const keys[] = { "]", "4", "3", "2", "m1K", ":frob\r" };
	struct pty p;
	(void)state;
	start_with(&p, "FAKE_PHASE=broken");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		pty_keys(&p, keys[i]);
		pty_wait(&p, "config.json is missing");
		pty_wait(&p, "r tries again");
	}
	pty_wait(&p, "no command or knob");
	pty_wait(&p, "config.json is missing");
	pty_resize(&p, 40, 10);
	pty_golden(&p, "broken_40x10");
	quit(&p);
}

static void the_selection_is_seen_without_color(void **state)
{
	struct pty p;
	(void)state;
	start_with(&p, "NO_COLOR=1");
	pty_wait(&p, "sum of layers");
	pty_keys(&p, "j{");
	pty_wait(&p, "~ estimate");
	pty_golden(&p, "selected_80x24");
	for (int y = 0; y < 24; y++)
		for (int x = 0; x < 80; x++)
			assert_false(pty_cell_is_colored(&p, x, y));
	assert_true(pty_cell(&p, 5, pty_row_of(&p, "blocks.0")).attrs.reverse);
	assert_false(pty_cell(&p, 5, pty_row_of(&p, "blocks.2")).attrs.reverse);
	quit(&p);
}

static void check_ascii(struct pty *p)
{
	pty_wait(p, "sum of layers");
	pty_keys(p, "{jj\rvenv\r");
	pty_wait(p, "~ estimate: nothing");
	pty_keys(p, "1");
	pty_golden(p, "ascii_80x24");
	for (size_t i = 0; i < p->raw.len; i++)
		assert_true((unsigned char)p->raw.s[i] < 0x80);
	quit(p);
}

static void ascii_by_option_and_by_locale(void **state)
{
	static const char *const option[] = { "--ascii", NULL };
	struct pty p;
	(void)state;
	pty_start(&p, 80, 24, option, nothing);
	check_ascii(&p);
	start_with(&p, "LANG=C");
	check_ascii(&p);
}

static void plain_has_no_lines(void **state)
{
	static const char *const option[] = { "--plain", NULL };
	struct pty p;
	(void)state;
	pty_start(&p, 80, 24, option, nothing);
	pty_wait(&p, "sum of layers");
	pty_keys(&p, "jj");
	pty_golden(&p, "plain_80x24");
	quit(&p);
}

static void resizes_and_recovers(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_resize(&p, 40, 10);
	pty_golden(&p, "first_40x10");
	pty_resize(&p, 200, 60);
	pty_golden(&p, "first_200x60");
	pty_resize(&p, 80, 24);
	pty_golden(&p, "first_80x24");
	quit(&p);
}

/* ---- keys ---- */

static void sliders_follow_keys_and_mouse(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_keys(&p, "[[[");
	pty_wait(&p, "193/196 tokens");
	pty_keys(&p, "]");
	pty_wait(&p, "194/196 tokens");
	pty_keys(&p, "z");
	pty_wait(&p, "193/196 tokens");
	pty_keys(&p, "\033[<0;20;3M"); /* press in the middle of the track ... */
	pty_wait(&p, "98/196 tokens");
	pty_keys(&p, "\033[<32;10;5M\033[<0;10;5m"); /* ... drag to its beginning, off the
							row */
	pty_wait(&p, " 1/196 tokens");
	pty_keys(&p, "\033[<64;20;3M"); /* wheel */
	pty_wait(&p, " 2/196 tokens");
	pty_keys(&p, "\033[<64;20;4M"); /* wheel where there is nothing to turn */
	pty_wait(&p, "downsample: not here");
	quit(&p);
}

static void the_chosen_knob_is_always_seen(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_keys(&p, "))]"); /* keep, prune-at, batch */
	pty_wait(&p, ">batch");
	pty_keys(&p, ")]");
	pty_wait(&p, ">seed");
	pty_wait(&p, "batch 2");
	pty_golden(&p, "chosen_80x24");
	pty_keys(&p, "K"); /* with the cursor on it */
	pty_wait(&p, "seed: seed of random weights");
	pty_keys(&p, "K(((");
	pty_wait(&p, ">keep");
	pty_wait(&p, "batch 2 seed 1");
	pty_keys(&p, ":open 42\r");
	pty_wait(&p, "OLD RUN #42");
	pty_wait(&p, "batch 2 seed 1");
	quit(&p);
}

/* Where the first tab stands whose title begins with this letter. */
static int tab_column(struct pty *p, char letter)
{
	for (int x = 1; x < 80; x++)
		if (pty_cell(p, x, 1).chars[0] == (uint32_t)letter &&
		    pty_cell(p, x + 1, 1).chars[0] == 'e')
			return x;
	fail_msg("no tab begins with %c", letter);
	return -1;
}

static void rows_and_tabs_follow_the_mouse(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	int row = pty_row_of(&p, "blocks.4");
	char click[64];
	snprintf(click, sizeof(click), "\033[<0;5;%dM\033[<0;5;%dm", row + 1, row + 1);
	pty_keys(&p, click);
	pty_keys(&p, click); /* again: opens */
	pty_wait(&p, "attn.qkv");
	assert_true(pty_cell(&p, 5, row).attrs.reverse);
	snprintf(click, sizeof(click), "\033[<0;%d;2M", tab_column(&p, 'S') + 1);
	pty_keys(&p, click);
	pty_wait(&p, "sessions, newest first");
	quit(&p);
}

static void commands_and_completion(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_keys(&p, ":kee\t0.5\r");
	pty_wait(&p, "98/196 tokens");
	pty_keys(&p, ":set batch 3\r:sort ms\r");
	pty_wait(&p, "order: ms");
	pty_keys(&p, ":frob\r");
	pty_wait(&p, "no command or knob is called frob");
	pty_keys(&p, ":keep 7\r");
	pty_wait(&p, "error: --keep 7");
	pty_keys(&p, ":open 42\r");
	pty_wait(&p, "OLD RUN #42");
	pty_keys(&p, "q");
	pty_wait_gone(&p, "OLD RUN #42");
	pty_keys(&p, "Kjj\r");
	pty_wait(&p, "prune-at =");
	pty_keys(&p, "3+6\r");
	pty_wait(&p, "3+6");
	pty_keys(&p, "\033");
	pty_wait(&p, "sum of layers");
	pty_keys(&p, ":quit\r");
	pty_wait_exit(&p, 0);
	pty_check_restored(&p);
	pty_close(&p);
}

static void words_of_a_run_go_with_it(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_keys(&p, "m");
	pty_wait(&p, "kept");
	pty_keys(&p, "[");
	pty_wait_gone(&p, "kept");
	quit(&p);
}

/* Estimates come while a model is loaded: what it needs is still there to read. */
static void words_of_a_model_stay_while_it_loads(void **state)
{
	struct pty p;
	(void)state;
	start_with(&p, "FAKE_PHASE=preparing");
	pty_keys(&p, "m");
	pty_wait(&p, "kept");
	pty_keys(&p, "[");
	pty_wait(&p, "195/196");
	pty_keys(&p, "[");
	pty_wait(&p, "194/196");
	pty_wait(&p, "kept");
	quit(&p);
}

static void results_that_are_not_stored(void **state)
{
	static const char *const env[] = { "FAKE_READONLY=1", "FAKE_MEASURE_MS=1", NULL };
	struct pty p;
	(void)state;
	pty_start(&p, 80, 24, nothing, env);
	pty_wait(&p, "sum of layers");
	pty_keys(&p, "[venv\r");
	pty_wait(&p, "not stored   just now");
	quit(&p);
}

static void more_samples_than_the_least(void **state)
{
	static const char *const env[] = { "FAKE_DONE=513", "FAKE_MEASURE_MS=100000",
					   NULL };
	struct pty p;
	(void)state;
	pty_start(&p, 80, 24, nothing, env);
	pty_wait(&p, "sum of layers");
	pty_keys(&p, "[");
	pty_wait(&p, "RUN n 513");
	quit(&p);
}

static void long_messages_wrap(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_keys(&p,
		 ":frobnicate-everything-that-is-on-this-screen-and-then-some-more\r");
	pty_wait(&p, "then-some-more");
	pty_golden(&p, "message_80x24");
	pty_keys(&p, "venv\r");
	pty_wait(&p, "throughput");
	pty_keys(&p, "G");
	pty_wait(&p, "last message");
	pty_wait(&p, "frobnicate-everything-that-is-on-this-screen-and-the");
	pty_wait(&p, "   n-some-more");
	quit(&p);
}

static void old_runs_are_read_page_by_page(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_keys(&p, "vsess\r");
	pty_wait(&p, "pruning\\x1b[2J study"); /* a name from a file does nothing to us */
	pty_keys(&p, "j\r");
	pty_wait(&p, "#150");
	for (int i = 0; i < 4; i++) { /* each end loads the next page */
		pty_keys(&p, "G");
		pty_wait(&p, i == 0 ? "#87 " : i == 1 ? "#23 " : " #1 ");
	}
	pty_keys(&p, "q");
	pty_wait(&p, "sessions, newest first");
	quit(&p);
}

static void paths_are_told_apart(void **state)
{
	static const char *const option[] = { "--ascii", NULL };
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_keys(&p, "\\11.attn\r");
	pty_wait(&p, "blocks.11.attn.sdpa");
	quit(&p);
	start(&p, 60, 16);
	pty_keys(&p, "\\11.attn\r");
	pty_wait(&p, "blocks.11.attn.sdpa");
	quit(&p);
	pty_start(&p, 80, 24, option, nothing);
	pty_wait(&p, "sum of layers");
	pty_wait(&p, "mamba model>"); /* cut, and not by the mark of an estimate */
	quit(&p);
}

static void help_explains_the_headline(void **state)
{
	static const struct {
		const char *word, *means;
	} all[] = { { "est.", "by how much the estimate was off" },
		    { "realised", "share of the FLOPs ratio" },
		    { "~", "an estimate, or a ratio" },
		    { "±", "95 % interval" },
		    { "zzz", "nothing here has these words" } };
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct pty p;
		start(&p, 80, 24);
		pty_keys(&p, "?/");
		pty_keys(&p, all[i].word);
		pty_keys(&p, "\r");
		pty_wait(&p, all[i].means);
		quit(&p);
	}
}

static void copies_what_reproduces_the_screen(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_keys(&p, "y");
	pty_wait(&p, "copied: sparsetop run");
	/* "sparsetop run -m clip-vit-b16" */
	assert_non_null(
		strstr(p.raw.s, "\033]52;c;c3BhcnNldG9wIHJ1biAtbSBjbGlwLXZpdC1iMTY=\a"));
	pty_keys(&p, "Y");
	pty_wait(&p, "Markdown");
	pty_keys(&p, "Q");
	pty_wait_exit(&p, 0);
	assert_non_null(
		strstr(strstr(p.raw.s, "\033[?1049l"), "sparsetop run -m clip-vit-b16"));
	pty_close(&p);
}

static void Q_quits_from_everywhere(void **state)
{
	static const char *const places[] = { "",  "/",       ":se", "K", "K\r",
					      "?", "vse\r\r", "\\x", "v", "vtok\r" };
	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct pty p;
		start(&p, 80, 24);
		pty_keys(&p, places[i]);
		quit(&p);
	}
}

static void pastes_are_ignored(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_keys(&p, "\033[200~Q[[[q\033[201~[");
	pty_wait(&p, "195/196 tokens");
	quit(&p);
}

static void nothing_is_sent_while_nothing_changes(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_golden(&p, "first_80x24");
	assert_true(pty_is_quiet(&p, 200));
	quit(&p);
}

/* ---- signals, and terminals that are none ---- */

static void suspends_and_comes_back(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_keys(&p, "\x1a");
	assert_true(WIFSTOPPED(pty_wait_status(&p)));
	pty_check_restored(&p);
	pty_resize(&p, 80, 24); /* a fresh screen: all of it must come again */
	kill(p.program, SIGCONT);
	pty_golden(&p, "first_80x24");
	pty_keys(&p, "[");
	pty_wait(&p, "195/196 tokens");
	quit(&p);
}

static void measures_again_when_it_comes_back(void **state)
{
	struct pty p;
	(void)state;
	start_with(&p, "FAKE_MEASURE_MS=100000");
	pty_wait(&p, "sum of layers");
	pty_keys(&p, "[");
	pty_wait(&p, "RUN 4/14");
	pty_keys(&p, "\x1a");
	assert_true(WIFSTOPPED(pty_wait_status(&p)));
	pty_resize(&p, 80, 24);
	kill(p.program, SIGCONT);
	pty_wait(&p, "F10Quit"); /* the last row, after that of the message */
	pty_wait(&p, "RUN 4/14");
	assert_int_equal(pty_row_of(&p, "cancelled"), -1);
	quit(&p);
}

static void ends_by_signal_with_the_terminal_restored(void **state)
{
	static const int signals[] = { SIGTERM, SIGHUP };
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pty p;
		start(&p, 80, 24);
		kill(p.program, signals[i]);
		pty_wait_exit(&p, 130);
		pty_check_restored(&p);
		pty_close(&p);
	}
}

static void ends_when_the_terminal_goes_away(void **state)
{
	struct pty p;
	(void)state;
	start(&p, 80, 24);
	pty_hang_up(&p);
	assert_true(WIFEXITED(pty_wait_status(&p)));
	pty_close(&p);
}

static void restores_the_terminal_when_it_crashes(void **state)
{
	static const int signals[] = { SIGSEGV, SIGABRT, SIGFPE };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pty p;
		char env[32];
		snprintf(env, sizeof(env), "FAKE_CRASH=%d", signals[i]);
		start_with(&p, env);
		pty_wait(&p, "sum of layers");
		pty_keys(&p, "r");
		int status = pty_wait_status(&p);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signals[i]);
		pty_check_restored(&p);
		pty_close(&p);
	}
}

static void unknown_terminals(void **state)
{
	struct pty p;
	(void)state;
	start_with(&p, "TERM=dumb");
	pty_wait_exit(&p, 2);
	assert_non_null(strstr(p.raw.s, "export TERM=xterm-256color"));
	pty_close(&p);
	start_with(&p, "TERM=");
	pty_wait_exit(&p, 2);
	assert_non_null(strstr(p.raw.s, "TERM is not set"));
	pty_close(&p);
	start_with(&p, "TERM=nobody-has-this");
	pty_wait_exit(&p, 2);
	pty_close(&p);
	start_with(&p, "TERM=foot-of-the-future");
	pty_wait(&p, "sum of layers");
	quit(&p);
	start_with(&p, "TERM=vt100");
	pty_wait(&p, "sum of layers");
	pty_keys(&p, "Q");
	pty_wait_exit(&p, 0);
	pty_close(&p);
}

static void says_so_without_a_terminal(void **state)
{
	char command[700], text[400];
	(void)state;
	snprintf(command, sizeof(command), "'%s' </dev/null 2>&1", getenv("TUI_FAKE"));
	FILE *f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	assert_non_null(strstr(text, "needs a terminal"));
	assert_int_equal(WEXITSTATUS(pclose(f)), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_screen_at_every_size),
		cmocka_unit_test(one_cell_is_enough),
		cmocka_unit_test(a_key_shows_a_dimmed_estimate),
		cmocka_unit_test(an_estimate_tells_where_it_comes_from),
		cmocka_unit_test(the_measurement_replaces_it),
		cmocka_unit_test(views_and_overlays),
		cmocka_unit_test(tokens_at_every_size),
		cmocka_unit_test(sites_are_scrubbed),
		cmocka_unit_test(runs_are_compared_with_the_pinned),
		cmocka_unit_test(the_worst_picture_and_back),
		cmocka_unit_test(merged_tokens_show_their_groups),
		cmocka_unit_test(patches_in_words),
		cmocka_unit_test(shares_at_every_size),
		cmocka_unit_test(shares_lead_in_and_out),
		cmocka_unit_test(shares_do_not_hang_on_color),
		cmocka_unit_test(tokens_of_a_ragged_grid),
		cmocka_unit_test(goes_on_in_ids),
		cmocka_unit_test(curves),
		cmocka_unit_test(curves_lead_to_runs),
		cmocka_unit_test(sweeps),
		cmocka_unit_test(studies),
		cmocka_unit_test(phases_without_a_model),
		cmocka_unit_test(the_cause_stays_while_there_is_no_model),
		cmocka_unit_test(the_selection_is_seen_without_color),
		cmocka_unit_test(ascii_by_option_and_by_locale),
		cmocka_unit_test(plain_has_no_lines),
		cmocka_unit_test(resizes_and_recovers),
		cmocka_unit_test(sliders_follow_keys_and_mouse),
		cmocka_unit_test(the_chosen_knob_is_always_seen),
		cmocka_unit_test(rows_and_tabs_follow_the_mouse),
		cmocka_unit_test(commands_and_completion),
		cmocka_unit_test(words_of_a_run_go_with_it),
		cmocka_unit_test(words_of_a_model_stay_while_it_loads),
		cmocka_unit_test(results_that_are_not_stored),
		cmocka_unit_test(more_samples_than_the_least),
		cmocka_unit_test(long_messages_wrap),
		cmocka_unit_test(old_runs_are_read_page_by_page),
		cmocka_unit_test(paths_are_told_apart),
		cmocka_unit_test(help_explains_the_headline),
		cmocka_unit_test(copies_what_reproduces_the_screen),
		cmocka_unit_test(Q_quits_from_everywhere),
		cmocka_unit_test(pastes_are_ignored),
		cmocka_unit_test(nothing_is_sent_while_nothing_changes),
		cmocka_unit_test(suspends_and_comes_back),
		cmocka_unit_test(measures_again_when_it_comes_back),
		cmocka_unit_test(ends_by_signal_with_the_terminal_restored),
		cmocka_unit_test(ends_when_the_terminal_goes_away),
		cmocka_unit_test(restores_the_terminal_when_it_crashes),
		cmocka_unit_test(unknown_terminals),
		cmocka_unit_test(says_so_without_a_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
