#include "ui/screen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ui/format.h"
#include "ui/headline.h"
#include "ui/layout.h"
#include "ui/patch_map.h"
#include "ui/tabs.h"
#include "ui/widgets/parts.h"
#include "ui/widgets/patches.h"
#include "ui/widgets/slider.h"

#define MESSAGE_SIZE 2100 /* a message, every byte escaped */
#define MESSAGE_WRAPS                                                                    \
	20 /* a row more for a message in each so many rows of the screen                \
	    */
#define SIDE_PICTURE_HEIGHT 28 /* at most, of the picture beside the view */

/* ---- top ---- */

static void draw_strip(const struct app *app, struct canvas *c)
{
	struct parts subject = { .n = 0 };
	char state[96];
	headline_state(app, c, state, sizeof(state));
	int w = canvas_text_width(c, state), left = c->width - w - 3;
	bool busy = app->phase == APP_RUNNING || app->phase == APP_LOADING;
	unsigned style = app->phase == APP_BROKEN ? STYLE_BAD | STYLE_BOLD
			 : busy                   ? STYLE_ACCENT | STYLE_BOLD
						  : STYLE_DIM;
	headline_subject(app, &subject);
	parts_draw(&subject, c, 1, 0, left);
	canvas_text(c, c->width - w - 1, 0, w, style, state);
}

/* The first warning of a result that the top line does not say already; an estimate says
 * itself that it is none. */
static const char *first_warning(const struct run *run)
{
	if (!run || run->state == RUN_ESTIMATE)
		return NULL;
	for (int i = 0; i < run->n_warnings; i++)
		if (strncmp(run->warnings[i], "random weights", 14) != 0)
			return run->warnings[i];
	return NULL;
}

/* "" where there is nothing to notice. */
static void notice_text(const struct app *app, char *text, size_t size)
{
	const char *first = first_warning(app_shown(app));
	char warning[160];
	text[0] = 0;
	if (app->unstored)
		snprintf(text, size, "! %d not stored yet", app->unstored);
	else if (first)
		snprintf(text, size, "! %s",
			 format_name(first, warning, sizeof(warning)));
}

static void draw_notice(const char *text, struct canvas *c, int from)
{
	int room = c->width - from - 2, w = canvas_text_width(c, text);
	w = w < room ? w : room;
	canvas_field(c, c->width - w - 1, 1, w, STYLE_WARN, text);
}

static void draw_tabs(struct ui *ui, struct canvas *c)
{
	char notice[200];
	notice_text(ui->app, notice, sizeof(notice));
	draw_notice(notice, c, tabs_draw(ui, c, 1));
}

/* ---- sliders ---- */

static void step_hint(enum knob_id id, char *buf, size_t size)
{
	char down[8], up[8], less[8], more[8];
	keymap_key(REQ_KNOB_DOWN, false, down, sizeof(down));
	keymap_key(REQ_KNOB_UP, false, up, sizeof(up));
	keymap_key(REQ_KNOB_DOWN_LARGE, false, less, sizeof(less));
	keymap_key(REQ_KNOB_UP_LARGE, false, more, sizeof(more));
	if (id == KNOB_KEEP)
		snprintf(buf, size, "%s %s 1 token  %s %s 10%%", down, up, less, more);
	else if (knob_table[id].kind == KNOB_NAME)
		snprintf(buf, size, ":set %s %s", knob_table[id].option,
			 knob_table[id].initial);
	else
		snprintf(buf, size, "%s %s step", down, up);
}

static void slider_note(const struct app *app, enum knob_id id, const char *why,
			char *buf, size_t size)
{
	char hint[64] = "", reason[160];
	if (why) {
		str_escaped(reason, sizeof(reason), why, strlen(why));
		snprintf(buf, size, "%s", reason);
		return;
	}
	if (id == app->knob)
		step_hint(id, hint, sizeof(hint));
	if (id == KNOB_KEEP && app->has_model && app->model.tokens > 0)
		snprintf(buf, size, "%.0f/%.0f tokens   %s",
			 view_tokens(app,
				     (double)app_kept(app, knob_num(&app->knobs, id))),
			 view_tokens(app, (double)app->model.tokens), hint);
	else
		snprintf(buf, size, "%s", hint);
}

/* A factor with the branches that it is for: "2x low"; a length that is the model's own
 * as its number. */
static void slider_value(const struct app *app, enum knob_id id,
			 char value[2 * KNOB_TEXT_SIZE])
{
	if (id == KNOB_DOWNSAMPLE && !app_knob_why_not(app, KNOB_MRSS) &&
	    !knobs_is_default(&app->knobs, KNOB_MRSS))
		snprintf(value, 2 * KNOB_TEXT_SIZE, "%.4gx %s", knob_num(&app->knobs, id),
			 knob_text(&app->knobs, KNOB_MRSS));
	else if (id == KNOB_SEQ && app->has_model && app->model.tokens > 0 &&
		 isnan(knob_num(&app->knobs, id)))
		snprintf(value, 2 * KNOB_TEXT_SIZE, "%lld", (long long)app->model.tokens);
	else
		knobs_get(&app->knobs, id, value);
}

static void draw_sliders(const struct ui *ui, struct canvas *c)
{
	const struct app *app = ui->app;
	const struct layout *l = &ui->layout;
	for (int i = 0; i < l->n_sliders; i++) {
		enum knob_id id = l->sliders[i];
		const char *why = app_knob_why_not(app, id);
		char value[2 * KNOB_TEXT_SIZE], shown[KNOB_TEXT_SIZE], note[200];
		slider_value(app, id, value);
		slider_note(app, id, why, note, sizeof(note));
		struct slider s = { .label = knob_table[id].symbol,
				    .value = str_escaped(shown, sizeof(shown), value,
							 strlen(value)),
				    .note = note,
				    .fraction = app_knob_fraction(app, id),
				    .selected = id == app->knob,
				    .disabled = why != NULL };
		slider_draw(c, 0, l->sliders_y + i, c->width, &s);
	}
}

/* ---- bottom ---- */

/* What a message of little weight lasts. */
static unsigned message_style(enum app_severity severity)
{
	switch (severity) {
	case APP_ERROR:
		return STYLE_BAD | STYLE_BOLD;
	case APP_WARNING:
		return STYLE_WARN;
	default:
		return STYLE_NORMAL;
	}
}

/* The line above the keys; false: nothing to say. */
static bool message_text(const struct ui *ui, char *text, size_t size)
{
	const struct app *app = ui->app;
	bool said = app->phase == APP_BROKEN && !strcmp(app->message, ui->broken);
	text[0] = 0;
	if (app->message[0] && !said) {
		snprintf(text, size, "%s", app->severity == APP_ERROR ? "error: " : "");
		size_t n = strlen(text);
		str_escaped(text + n, size - n, app->message, strlen(app->message));
	} else if (app->opened) {
		char age[24], key[16];
		snprintf(text, size, "a run of %s; %s comes back to the present",
			 format_ago(app->opened->started_ns, age, sizeof(age)),
			 keymap_key(REQ_LEAVE, false, key, sizeof(key)));
	}
	return text[0] != 0;
}

/* A long message takes rows from the body. */
static void make_room(const struct ui *ui, struct layout *l, int width, int height)
{
	char text[MESSAGE_SIZE];
	struct canvas nowhere = ui->canvas;
	l->message_rows = 1;
	if (ui->prompt.open || height < MESSAGE_WRAPS ||
	    !message_text(ui, text, sizeof(text)))
		return;
	nowhere.width = nowhere.height = 0;
	l->message_rows = canvas_wrap(&nowhere, 0, 0, width - 2,
				      height / MESSAGE_WRAPS + 1, 0, text);
	l->message_rows = l->message_rows > 1 ? l->message_rows : 1;
	l->message_y -= l->message_rows - 1;
	l->body_height -= l->message_rows - 1;
}

static void draw_message(struct ui *ui, struct canvas *c, int y, int rows, int *cursor_x)
{
	const struct app *app = ui->app;
	char text[MESSAGE_SIZE];
	if (ui->prompt.open) {
		*cursor_x = prompt_draw(&ui->prompt, c, 1, y, c->width - 1);
		if (*cursor_x >= c->width)
			*cursor_x = c->width - 1;
		return;
	}
	if (message_text(ui, text, sizeof(text)))
		canvas_wrap(c, 1, y, c->width - 2, rows,
			    app->message[0] ? message_style(app->severity) : STYLE_NORMAL,
			    text);
}

struct bar_entry {
	uint32_t code;
	enum request request;
};

static int compare_entries(const void *a, const void *b)
{
	const struct bar_entry *x = a, *y = b;
	return (x->code > y->code) - (x->code < y->code);
}

static void draw_keys(struct canvas *c, int y)
{
	struct bar_entry entries[REQ_COUNT];
	size_t n = 0;
	int x = 0;
	for (int r = REQ_NONE + 1; r < REQ_COUNT; r++) {
		char key[16];
		if (!request_table[r].bar)
			continue;
		keymap_key((enum request)r, true, key, sizeof(key));
		entries[n].request = (enum request)r;
		entries[n++].code = keymap_parse(key, strlen(key));
	}
	qsort(entries, n, sizeof(entries[0]), compare_entries);
	for (size_t i = 0; i < n; i++) {
		char key[16], label[24];
		keymap_key(entries[i].request, true, key, sizeof(key));
		snprintf(label, sizeof(label), "%-6s",
			 request_table[entries[i].request].bar);
		x += canvas_text(c, x, y, -1, STYLE_NORMAL, key);
		x += canvas_text(c, x, y, -1, STYLE_REVERSE, label);
		x++;
	}
}

/* ---- the second pane ---- */

int screen_side_view(const struct ui *ui)
{
	const char *want = ui->active == 0 ? "env" : "layers";
	for (int i = 0; i < ui->n_views; i++)
		if (!strcmp(views[i]->name, want) && i != ui->active)
			return i;
	return 0;
}

/* Rows it took. */
static int draw_picture(const struct app *app, struct canvas *c)
{
	const struct run *run = app_shown(app);
	int n = run ? patch_map_count(run, app->model.tokens) : 0;
	if (!c->colors || c->ascii || c->plain || c->height < 30 || app->opened ||
	    !app->model.picture || !n)
		return 0;
	int rows = c->height * 3 / 5;
	rows = rows < SIDE_PICTURE_HEIGHT ? rows : SIDE_PICTURE_HEIGHT;
	struct patch_map m;
	struct patch *patch = mem_alloc((size_t)n * sizeof(*patch));
	struct patches p = { .picture = { app->model.picture, app->model.picture_width,
					  app->model.picture_height },
			     .patch = patch,
			     .n = n,
			     .cursor = -1 };
	patch_map_grid(run, n, p.picture.width, p.picture.height, &p.columns, &p.rows);
	patch_map_make(&m, run, PATCH_MAP_END, n);
	for (int i = 0; i < n; i++)
		patch[i].kept = m.patch[i].fate == PATCH_STAYS;
	struct patches_fit fit = patches_draw(c, 1, 0, c->width - 2, rows, &p);
	if (m.known && m.stay < n)
		canvas_printf(c, 1, fit.height, STYLE_NORMAL,
			      m.grouped ? "%d tokens of %d %s" : "%d of %d %s stay",
			      m.stay, n, patch_map_unit(run) > 1 ? "tokens" : "patches");
	else
		canvas_text(c, 1, fit.height, -1, STYLE_NORMAL, "what the model sees");
	patch_map_release(&m);
	free(patch);
	return fit.height + 2; /* with what stands below it, and a blank row */
}

/* The view that has the focus may show the picture itself. */
static bool wants_picture(const struct ui *ui)
{
	return strcmp(views[ui->active]->name, "tokens") != 0;
}

static void draw_side(struct ui *ui, struct canvas *c)
{
	const struct layout *l = &ui->layout;
	if (!l->side_width)
		return;
	canvas_vline(c, l->side_x - 1, l->body_y, l->body_height, STYLE_DIM);
	struct canvas side =
		canvas_window(c, l->side_x, l->body_y, l->side_width, l->body_height);
	int used = wants_picture(ui) ? draw_picture(ui->app, &side) : 0;
	struct canvas rest =
		canvas_window(&side, 0, used, side.width, side.height - used);
	int i = screen_side_view(ui);
	views[i]->draw(ui->view_state[i], ui->app, &rest, false);
}

/* ---- no model ---- */

/* Why there is none and what to do, at the top of a canvas. Rows it took. */
static int draw_broken(const struct ui *ui, struct canvas *c, int x, int y, int most)
{
	char text[MESSAGE_SIZE], again[16], list[16], hint[96];
	if (ui->app->phase != APP_BROKEN || most < 2)
		return 0;
	str_escaped(text, sizeof(text), ui->broken, strlen(ui->broken));
	int rows = canvas_wrap(c, x, y, c->width - x - 1, most - 1, STYLE_BAD, text);
	keymap_key(REQ_AGAIN, false, again, sizeof(again));
	keymap_key(REQ_VIEWS, false, list, sizeof(list));
	snprintf(hint, sizeof(hint), "%s tries again; %s models has others", again, list);
	canvas_field(c, x, y + rows, c->width - x - 1, STYLE_NORMAL, hint);
	return rows + 1;
}

static void draw_body(struct ui *ui, struct canvas *body)
{
	int used = draw_broken(ui, body, 2, 1, body->height / 2);
	used += used > 0; /* the blank row above */
	struct canvas rest =
		canvas_window(body, 0, used, body->width, body->height - used);
	if (ui->panel.open)
		knob_panel_draw(&ui->panel, ui->app, &rest);
	else
		views[ui->active]->draw(ui->view_state[ui->active], ui->app, &rest, true);
	ui->layout.view_y = ui->layout.body_y + used;
}

/* ---- all of it ---- */

static void draw_small(struct ui *ui, struct canvas *c, int *cursor_x, int *cursor_y)
{
	const struct app *app = ui->app;
	struct parts figures = { .n = 0 }, subject = { .n = 0 };
	char state[96];
	headline_parts(app, NULL, 0, c, &figures);
	headline_subject(app, &subject);
	headline_state(app, c, state, sizeof(state));
	parts_draw(&figures, c, 0, 0, c->width);
	canvas_text(c, 0, 1, -1, STYLE_NORMAL, state);
	parts_draw(&subject, c, 0, 2, c->width);
	int y = 4 + draw_broken(ui, c, 0, 3, c->height - 4);
	*cursor_y = c->height - 1;
	if (y + 1 < *cursor_y) {
		canvas_printf(c, 0, y, STYLE_DIM,
			      "%dx%d is too small for the rest:", c->width, c->height);
		canvas_printf(c, 0, y + 1, STYLE_DIM, "make it %dx%d", UI_MIN_WIDTH,
			      UI_MIN_HEIGHT);
	}
	draw_message(ui, c, *cursor_y, 1, cursor_x);
}

void screen_draw(struct ui *ui, int *cursor_x, int *cursor_y)
{
	struct canvas *c = &ui->canvas;
	struct layout *l = &ui->layout;
	struct parts figures = { .n = 0 };
	*cursor_x = -1;
	canvas_clear(c);
	layout_make(l, ui->app, c->width, c->height);
	if (l->small) {
		draw_small(ui, c, cursor_x, cursor_y);
		return;
	}
	make_room(ui, l, c->width, c->height);
	draw_strip(ui->app, c);
	draw_tabs(ui, c);
	draw_sliders(ui, c);
	headline_parts(ui->app, l->sliders, l->n_sliders, c, &figures);
	parts_draw(&figures, c, 1, l->headline_y, c->width - 2);
	struct canvas body =
		canvas_window(c, 0, l->body_y, l->body_width, l->body_height);
	draw_body(ui, &body);
	draw_side(ui, c);
	*cursor_y = l->message_y;
	draw_message(ui, c, l->message_y, l->message_rows, cursor_x);
	if (l->keys_y >= 0)
		draw_keys(c, l->keys_y);
}

int screen_slider_at(const struct ui *ui, int y)
{
	int i = y - ui->layout.sliders_y;
	return !ui->layout.small && i >= 0 && i < ui->layout.n_sliders ? i : -1;
}
