/* Every view at every size on the fake app, without a terminal: nothing is drawn outside.
 */
#include "check.h"

#include <locale.h>

#include "base/clock.h"
#include "fake_app.h"
#include "ui/screen.h"

static void start(struct ui *ui)
{
	struct app_options opt = { .budget_s = 0 };
	memset(ui, 0, sizeof(*ui));
	knobs_init(&opt.knobs);
	check_ok(app_create(&opt, &ui->app));
	ui->dragging = -1;
	knob_panel_init(&ui->panel);
	for (int i = 0; views[i]; i++) {
		ui->view_state[ui->n_views++] = mem_alloc(views[i]->state_size);
		if (views[i]->init)
			views[i]->init(ui->view_state[i]);
	}
	canvas_init(&ui->canvas, 0, 0);
	ui->canvas.colors = true;
}

static void stop(struct ui *ui)
{
	for (int i = 0; i < ui->n_views; i++) {
		if (views[i]->release)
			views[i]->release(ui->view_state[i]);
		free(ui->view_state[i]);
	}
	canvas_release(&ui->canvas);
	app_free(ui->app);
}

static void draw(struct ui *ui, int width, int height)
{
	int x, y;
	canvas_resize(&ui->canvas, width, height);
	for (int i = 0; i < ui->n_views; i++)
		if (views[i]->refresh)
			views[i]->refresh(ui->view_state[i], ui->app);
	screen_draw(ui, &x, &y);
	assert_true(x < width);
}

static void request(struct ui *ui, enum request r)
{
	if (views[ui->active]->on_request)
		views[ui->active]->on_request(ui->view_state[ui->active], ui->app, r);
}

static void sweep(struct ui *ui)
{
	for (ui->active = 0; ui->active < ui->n_views; ui->active++) {
		for (int width = 0; width < 215; width += width < 100 ? 3 : 23)
			for (int height = 0; height < 70; height += height < 30 ? 2 : 11)
				draw(ui, width, height);
		draw(ui, 500, 200);
	}
	ui->active = 0;
}

static void through_every_size(void)
{
	struct ui ui;
	start(&ui);
	sweep(&ui);
	ui.panel.open = true;
	sweep(&ui);
	ui.panel.open = false;
	prompt_open(&ui.prompt, "a prompt: ", "with quite some text in it");
	sweep(&ui);
	ui.prompt.open = false;
	app_knob_step_large(ui.app, KNOB_KEEP, -1);
	app_knob_step(ui.app, KNOB_DOWNSAMPLE, 1);
	app_knob_step(ui.app, KNOB_THRESHOLD, 3);
	request(&ui, REQ_FOLD_ALL);
	sweep(&ui);
	app_open_run(ui.app, 3);
	sweep(&ui);
	app_pin(ui.app);
	check_ok(knobs_set(&ui.app->knobs, KNOB_METHOD, "tome"));
	app_open_run(ui.app, 4);
	sweep(&ui);
	ui.canvas.ascii = ui.canvas.plain = true;
	sweep(&ui);
	ui.app->phase = APP_BROKEN;
	snprintf(ui.broken, sizeof(ui.broken), "%0500d and some words", 0);
	sweep(&ui);
	stop(&ui);
}

static void every_view_at_every_size(void **state)
{
	(void)state;
	through_every_size();
	setenv("FAKE_VL", "1", 1);
	through_every_size();
	unsetenv("FAKE_VL");
	setenv("FAKE_CURVE", "1", 1);
	setenv("FAKE_SSM", "1", 1);
	through_every_size();
	setenv("FAKE_SSM", "encoder", 1);
	through_every_size();
	unsetenv("FAKE_SSM");
	unsetenv("FAKE_CURVE");
}

/* Whatever is asked of a view in whatever order, at a size where it hardly fits. */
static void ask_anything(uint32_t seed)
{
	struct ui ui;
	start(&ui);
	for (int i = 0; i < 6000; i++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t pick = seed >> 16;
		const struct view *v = views[ui.active];
		void *mine = ui.view_state[ui.active];
		if (pick % 11 == 0)
			ui.active = (int)(pick / 11) % ui.n_views;
		else if (pick % 11 == 1 && v->on_text)
			v->on_text(mine, ui.app, pick & 64 ? REQ_FILTER : REQ_SEARCH,
				   pick & 128   ? "qkv|zz"
				   : pick & 256 ? "nothing has it"
						: "");
		else if (pick % 11 == 2 && v->on_mouse)
			v->on_mouse(mine, ui.app,
				    &(struct key){
					    .code = KEYC_MOUSE,
					    .action = (enum mouse_action)(pick / 11 % 5),
					    .x = (int)(pick / 64 % 80),
					    .y = (int)(pick / 128 % 24) });
		else if (pick % 110 == 4)
			app_pin(ui.app);
		else if (pick % 110 == 5)
			app_open_run(ui.app, 5);
		else if (pick % 110 == 6)
			app_knob_set(ui.app, KNOB_METHOD, pick & 64 ? "tome" : "l2");
		else if (pick % 110 == 7)
			app_knob_set(ui.app, KNOB_PRUNE_AT, pick & 64 ? "3+6" : "embed");
		else if (pick % 11 == 3)
			app_knob_step_large(ui.app,
					    pick & 256   ? KNOB_KEEP
					    : pick & 512 ? KNOB_DOWNSAMPLE
							 : KNOB_THRESHOLD,
					    pick & 64 ? 1 : -1);
		else
			request(&ui, (enum request)(pick / 11 % REQ_COUNT));
		draw(&ui, (int)(seed >> 20) % 120, (int)(seed >> 12) % 40);
	}
	stop(&ui);
}

static void any_requests_in_any_order(void **state)
{
	(void)state;
	ask_anything(7);
	setenv("FAKE_VL", "1", 1);
	ask_anything(11);
	unsetenv("FAKE_VL");
	setenv("FAKE_CURVE", "1", 1);
	setenv("FAKE_SSM", "1", 1);
	ask_anything(13);
	setenv("FAKE_SSM", "encoder", 1);
	ask_anything(17);
	unsetenv("FAKE_SSM");
	unsetenv("FAKE_CURVE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_view_at_every_size),
		cmocka_unit_test(any_requests_in_any_order),
	};
	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
