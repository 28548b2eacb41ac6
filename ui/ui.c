/*
 * The loop: waits for the terminal, the app and the clock, hands keys to whoever they are
 * for, draws when something changed and never more than FRAMES times a second.
 */
#include "ui/ui.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ui/command.h"
#include "ui/copy.h"
#include "ui/mouse.h"
#include "ui/screen.h"
#include "ui/tabs.h"
#include "ui/term.h"

#define FRAME_NS (INT64_C(1000000000) / 60)
/* Frames that may follow each other at once after a rest: a key's own frame must not
 * delay the estimate that comes a millisecond later. */
#define FRAMES_SAVED 4
#define MESSAGE_NS INT64_C(5000000000) /* how long a message that is no error stays */
#define BUSY_MS 200                    /* until a busy database is asked again */
#define AGE_MS 30000                   /* ages on the screen are this fresh */
#define FDS_MAX 16

/* ---- requests ---- */

static void show_view(struct ui *ui, int view)
{
	if (view < 0 || view >= ui->n_views)
		return;
	ui->before = ui->active;
	ui->active = view;
	ui->panel.open = false;
}

static int view_by_name(const char *name)
{
	for (int i = 0; views[i]; i++)
		if (!strcmp(views[i]->name, name))
			return i;
	return -1;
}

static void toggle_help(struct ui *ui)
{
	int help = view_by_name("help");
	show_view(ui, ui->active == help ? ui->before : help);
}

static void ask(struct ui *ui, enum request for_what, const char *label, const char *text)
{
	ui->asking = for_what;
	ui->prompt.words = for_what == REQ_COMMAND ? command_words
			   : for_what == REQ_KNOBS ? command_values
			   : for_what == REQ_VIEWS ? command_views
						   : NULL;
	ui->prompt.context = ui;
	prompt_open(&ui->prompt, label, text);
}

static void ask_knob(struct ui *ui, enum knob_id id)
{
	char label[64];
	const char *why = app_knob_why_not(ui->app, id);
	if (why) {
		app_say(ui->app, APP_WARNING, "%s: %s", knob_table[id].option, why);
		return;
	}
	ui->asked_knob = id;
	snprintf(label, sizeof(label), "%s = ", knob_table[id].option);
	ask(ui, REQ_KNOBS, label, "");
}

/* Out of what is innermost: an old run, a view, the program. */
static void leave(struct ui *ui, bool may_quit)
{
	if (ui->app->opened)
		app_close_run(ui->app);
	else if (ui->active != 0)
		show_view(ui, 0);
	else if (may_quit)
		ui->quit = true;
}

static void cancel(struct ui *ui)
{
	ui->app->message[0] = 0;
	app_cancel(ui->app);
}

static void suspend(struct ui *ui)
{
	bool again = ui->app->phase == APP_RUNNING && !ui->app->measuring_base;
	if (ui->app->phase ==
	    APP_RUNNING) /* a sample with a stop in it would be nonsense */
		app_cancel(ui->app);
	term_suspend();
	if (again) {
		ui->app->message[0] = 0; /* that it was cancelled */
		app_measure_again(ui->app);
	}
}

static bool on_knob(struct ui *ui, enum request request)
{
	struct app *app = ui->app;
	switch (request) {
	case REQ_KNOB_DOWN:
		app_knob_step(app, app->knob, -1);
		return true;
	case REQ_KNOB_UP:
		app_knob_step(app, app->knob, 1);
		return true;
	case REQ_KNOB_DOWN_LARGE:
		app_knob_step_large(app, app->knob, -1);
		return true;
	case REQ_KNOB_UP_LARGE:
		app_knob_step_large(app, app->knob, 1);
		return true;
	case REQ_KNOB_PREVIOUS:
		app_knob_select(app, -1);
		return true;
	case REQ_KNOB_NEXT:
		app_knob_select(app, 1);
		return true;
	case REQ_KNOBS:
		knob_panel_open(&ui->panel, app->knob);
		return true;
	case REQ_UNDO:
		if (!app_undo(app))
			app_say(app, APP_INFO, "nothing to undo");
		return true;
	case REQ_REDO:
		if (!app_redo(app))
			app_say(app, APP_INFO, "nothing to redo");
		return true;
	default:
		return false;
	}
}

static bool on_measuring(struct ui *ui, enum request request)
{
	struct app *app = ui->app;
	switch (request) {
	case REQ_AGAIN:
		ui->phase = APP_IDLE; /* if it fails at once, for a new reason */
		app_measure_again(app);
		return true;
	case REQ_CANCEL:
		cancel(ui);
		return true;
	case REQ_PAUSE:
		app_pause(app, !app_is_paused(app));
		return true;
	case REQ_KEEP:
		app_keep_stop(app);
		return true;
	case REQ_PIN:
		app_pin(app);
		return true;
	case REQ_WORST:
		if (!app_close_worst(app))
			app_open_worst(app);
		return true;
	default:
		return false;
	}
}

static bool on_screens(struct ui *ui, enum request request)
{
	if (request >= REQ_VIEW_1 && request <= REQ_VIEW_9) {
		show_view(ui, tabs_view(ui, (int)(request - REQ_VIEW_1) + 1));
		return true;
	}
	switch (request) {
	case REQ_VIEW_NEXT:
		show_view(ui, tabs_next(ui, 1));
		return true;
	case REQ_VIEW_PREVIOUS:
		show_view(ui, tabs_next(ui, -1));
		return true;
	case REQ_HELP:
		toggle_help(ui);
		return true;
	case REQ_LEAVE:
		leave(ui, true);
		return true;
	case REQ_BACK:
		leave(ui, false);
		return true;
	case REQ_COPY:
		copy_command(ui);
		return true;
	case REQ_COPY_TABLE:
		copy_table(ui);
		return true;
	default:
		return false;
	}
}

static void ask_sweep(struct ui *ui)
{
	char text[PROMPT_SIZE];
	char *suggestion = app_sweep_suggestion(ui->app);
	snprintf(text, sizeof(text), "sweep %s", suggestion);
	free(suggestion);
	ask(ui, REQ_COMMAND, ":", text);
}

static bool on_prompts(struct ui *ui, enum request request)
{
	switch (request) {
	case REQ_SWEEP:
		ask_sweep(ui);
		return true;
	case REQ_SEARCH:
		ask(ui, request, "search: ", "");
		return true;
	case REQ_FILTER:
		ask(ui, request, "filter: ", "");
		return true;
	case REQ_COMMAND:
		ask(ui, request, ":", "");
		return true;
	case REQ_VIEWS:
		ask(ui, request, "view: ", "");
		return true;
	default:
		return false;
	}
}

static bool to_panel(struct ui *ui, enum request request)
{
	if (!ui->panel.open)
		return false;
	if (request == REQ_ENTER || request == REQ_IN) {
		ask_knob(ui, knob_panel_knob(&ui->panel));
		return true;
	}
	return knob_panel_request(&ui->panel, ui->app, request) != REACT_NONE;
}

static bool to_view(struct ui *ui, enum request request)
{
	const struct view *v = views[ui->active];
	/* Keys may come faster than frames, and then the view has not read what they
	 * mean. */
	if (v->refresh)
		v->refresh(ui->view_state[ui->active], ui->app);
	return v->on_request &&
	       v->on_request(ui->view_state[ui->active], ui->app, request) != REACT_NONE;
}

/* What works even while a prompt is open. */
static bool always(struct ui *ui, enum request request)
{
	switch (request) {
	case REQ_QUIT:
		ui->quit = true;
		return true;
	case REQ_REDRAW:
		term_redraw();
		return true;
	case REQ_SUSPEND:
		suspend(ui);
		return true;
	default:
		return false;
	}
}

static void on_request(struct ui *ui, enum request request)
{
	if (request == REQ_NONE || to_panel(ui, request) || to_view(ui, request))
		return;
	if (on_knob(ui, request) || on_measuring(ui, request) || on_screens(ui, request))
		return;
	on_prompts(ui, request);
}

/* ---- the prompt ---- */

static void accept(struct ui *ui)
{
	if (ui->asking == REQ_COMMAND)
		command_run(ui, ui->prompt.text);
	else if (ui->asking == REQ_VIEWS)
		show_view(ui, command_find_view(ui, ui->prompt.text));
	else if (ui->asking == REQ_KNOBS && ui->prompt.text[0]) {
		size_t n = strlen(ui->prompt.text);
		if (ui->prompt.text[n - 1] == ' ') /* completion leaves one */
			ui->prompt.text[n - 1] = 0;
		app_knob_set(ui->app, ui->asked_knob, ui->prompt.text);
	}
}

static void tell_view(struct ui *ui, const char *text)
{
	const struct view *v = views[ui->active];
	bool live = ui->asking == REQ_SEARCH || ui->asking == REQ_FILTER;
	if (live && v->on_text)
		v->on_text(ui->view_state[ui->active], ui->app, ui->asking, text);
}

static void on_prompt_key(struct ui *ui, const struct key *key)
{
	switch (prompt_key(&ui->prompt, key)) {
	case PROMPT_CHANGED:
		tell_view(ui, ui->prompt.text);
		break;
	case PROMPT_LEFT:
		tell_view(ui, "");
		break;
	case PROMPT_ACCEPTED:
		tell_view(ui, ui->prompt.text);
		accept(ui);
		break;
	default:
		break;
	}
}

static void on_key(struct ui *ui, const struct key *key)
{
	enum request request = keymap_find(&ui->keymap, key->code);
	ui->dirty = true;
	if (key->code == KEYC_MOUSE)
		mouse_key(ui, key);
	else if (always(ui, request))
		return;
	else if (ui->prompt.open)
		on_prompt_key(ui, key);
	else
		on_request(ui, request);
}

/* ---- the loop ---- */

static void resize(struct ui *ui)
{
	int width, height;
	term_size(&width, &height);
	if (width != ui->canvas.width || height != ui->canvas.height)
		canvas_resize(&ui->canvas, width, height);
}

/* Why there is no model stays, whatever is said later. */
static void watch_phase(struct ui *ui)
{
	const struct app *app = ui->app;
	if (app->phase == APP_BROKEN && ui->phase != APP_BROKEN)
		snprintf(ui->broken, sizeof(ui->broken), "%s", app->message);
	ui->phase = app->phase;
}

static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

/* What was said of a run goes with it, but for errors and warnings; while a model is
 * loaded, what is said is of the model. */
static void watch_shown(struct ui *ui)
{
	struct app *app = ui->app;
	const struct run *run = app_shown(app);
	struct shown now = { .run = run,
			     .started_ns = run ? run->started_ns : 0,
			     .p50_ns = run ? run->wall.p50_ns : 0,
			     .message_ns = app->message_ns };
	bool changed = now.run != ui->shown.run ||
		       !same(now.started_ns, ui->shown.started_ns) ||
		       !same(now.p50_ns, ui->shown.p50_ns);
	if (changed && app->phase != APP_LOADING && app->message[0] &&
	    app->severity == APP_INFO && now.message_ns == ui->shown.message_ns) {
		app->message[0] = 0;
		ui->dirty = true;
	}
	ui->shown = now;
}

static void watch(struct ui *ui)
{
	watch_phase(ui);
	watch_shown(ui);
}

/* An old run that was just opened is looked at where its layers are. */
static void follow_opened(struct ui *ui)
{
	int64_t id = ui->app->opened ? ui->app->opened->id : 0;
	if (id && id != ui->opened_id)
		show_view(ui, 0);
	ui->opened_id = id;
}

static void forget_message(struct ui *ui, int64_t now)
{
	struct app *app = ui->app;
	if (app->message[0] && app->severity == APP_INFO &&
	    now - app->message_ns > MESSAGE_NS) {
		app->message[0] = 0;
		ui->dirty = true;
	}
}

/* True: some view wants to be asked again soon. */
static bool draw(struct ui *ui)
{
	int x, y;
	bool again = false;
	follow_opened(ui);
	int side = ui->layout.side_width ? screen_side_view(ui) : -1;
	for (int i = 0; i < ui->n_views; i++)
		if (views[i]->refresh && (i == ui->active || i == side))
			again |= views[i]->refresh(ui->view_state[i], ui->app);
	resize(ui);
	screen_draw(ui, &x, &y);
	term_present(&ui->canvas, x, y);
	ui->dirty = false;
	return again;
}

static void on_signals(struct ui *ui, unsigned flags, bool *ended)
{
	if (flags & TERM_END) {
		*ended = true;
		ui->quit = true;
	}
	if (flags & TERM_INTERRUPT)
		cancel(ui);
	if (flags & TERM_STOP)
		suspend(ui);
	if (flags & TERM_CONTINUED)
		term_resume();
	if (flags)
		ui->dirty = true;
}

static void read_keys(struct ui *ui, struct input *in, bool readable)
{
	struct key key;
	if (readable && !term_read(in))
		ui->quit = true; /* hung up */
	if (readable)
		ui->typed_ns = clock_now_ns();
	/* What has waited long enough for its rest is what it is. */
	bool flush = clock_now_ns() - ui->typed_ns >= INPUT_ESC_MS * INT64_C(1000000);
	while (!ui->quit && input_next(in, flush, &key))
		on_key(ui, &key);
}

static int sooner(int a, int b) { return a < 0 ? b : b < 0 ? a : a < b ? a : b; }

static int wait_ms(const struct ui *ui, const struct input *in, int64_t next_ns,
		   bool again)
{
	int ms = sooner(app_timeout_ms(ui->app), AGE_MS);
	int64_t now = clock_now_ns();
	if (input_pending(in))
		ms = sooner(ms, INPUT_ESC_MS);
	if (again)
		ms = sooner(ms, BUSY_MS);
	if (ui->app->message[0] && ui->app->severity == APP_INFO) {
		int64_t left = ui->app->message_ns + MESSAGE_NS - now;
		ms = sooner(ms, left > 0 ? (int)(left / 1000000) + 1 : 1);
	}
	if (ui->dirty) {
		int64_t left = next_ns - now;
		ms = sooner(ms, left > 0 ? (int)(left / 1000000) + 1 : 0);
	}
	return ms;
}

/* Waits once and handles what came. */
static void turn(struct ui *ui, struct input *in, int timeout, bool *ended)
{
	struct pollfd fds[FDS_MAX];
	term_fds(fds);
	int n = TERM_FDS + app_fds(ui->app, fds + TERM_FDS, FDS_MAX - TERM_FDS);
	int ready = poll(fds, (nfds_t)n, timeout);
	if (ready < 0) /* EINTR: the wake pipe is read in any case */
		for (int i = 0; i < n; i++)
			fds[i].revents = 0;
	on_signals(ui, term_signals(), ended);
	read_keys(ui, in, fds[0].revents != 0);
	watch(ui);
	/* Ready, due, or neither: it knows, and it never waits. */
	if (!ui->quit && app_handle(ui->app))
		ui->dirty = true;
	watch(ui);
}

static void loop(struct ui *ui, bool *ended)
{
	struct input in = { .n = 0 };
	int64_t drawn_ns = 0,
		due_ns = 0; /* the last frame; when 60 a second would be used up */
	bool again = false;
	ui->dirty = true;
	watch(ui);
	while (!ui->quit) {
		int64_t now = clock_now_ns();
		bool aged =
			now - drawn_ns > (again ? BUSY_MS : AGE_MS) * INT64_C(1000000);
		forget_message(ui, now);
		if ((ui->dirty || aged) &&
		    now >= due_ns - (FRAMES_SAVED - 1) * FRAME_NS) {
			again = draw(ui);
			due_ns = (due_ns > now ? due_ns : now) + FRAME_NS;
			drawn_ns = now;
		}
		turn(ui, &in,
		     wait_ms(ui, &in, due_ns - (FRAMES_SAVED - 1) * FRAME_NS, again),
		     ended);
	}
}

static void init_views(struct ui *ui)
{
	for (int i = 0; views[i] && i < UI_VIEWS_MAX; i++) {
		ui->view_state[i] = mem_alloc(views[i]->state_size);
		if (views[i]->init)
			views[i]->init(ui->view_state[i]);
		ui->n_views++;
	}
}

static void release_views(struct ui *ui)
{
	for (int i = 0; i < ui->n_views; i++) {
		if (views[i]->release)
			views[i]->release(ui->view_state[i]);
		free(ui->view_state[i]);
	}
}

static bool no_color(const struct ui_options *opt)
{
	const char *wish = getenv("NO_COLOR");
	return opt->no_color || (wish && *wish);
}

enum err ui_run(struct app *app, const struct ui_options *opt)
{
	struct term_options term = { .ascii = opt->ascii || opt->plain,
				     .no_mouse = opt->no_mouse,
				     .no_color = no_color(opt) };
	struct ui ui = { .app = app, .dragging = -1 };
	bool ended = false;
	if (!keymap_init(&ui.keymap))
		return err_set(ERR_USAGE,
			       "requests.def: a key is bound twice or unknown");
	enum err e = term_start(&term);
	if (e)
		return e;
	canvas_init(&ui.canvas, 0, 0);
	ui.canvas.ascii = term_is_ascii();
	ui.canvas.plain = opt->plain;
	ui.canvas.colors = term_has_colors();
	knob_panel_init(&ui.panel);
	init_views(&ui);
	loop(&ui, &ended);
	term_stop();
	if (ui.copied && !ended)
		term_print(ui.copied);
	free(ui.copied);
	release_views(&ui);
	canvas_release(&ui.canvas);
	return ended ? err_set(ERR_CANCELLED, "ended by a signal") : OK;
}
