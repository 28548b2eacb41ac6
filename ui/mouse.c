#include "ui/mouse.h"

#include <math.h>

#include "ui/screen.h"
#include "ui/tabs.h"
#include "ui/widgets/slider.h"

static void drag_slider(struct ui *ui, int slider, int x)
{
	double at = slider_hit(ui->canvas.width, x);
	if (!isnan(at))
		app_knob_set_fraction(ui->app, ui->layout.sliders[slider], at);
}

/* Makes a slider the chosen one: the app knows only steps from one to the next. */
static void choose_slider(struct ui *ui, int slider)
{
	enum knob_id id = ui->layout.sliders[slider];
	if (app_knob_why_not(ui->app, id)) /* no number of steps leads there */
		return;
	for (int i = 0; i < KNOB_COUNT && ui->app->knob != id; i++)
		if (!app_knob_select(ui->app, 1))
			break;
}

static bool on_slider(struct ui *ui, const struct key *key)
{
	int slider = screen_slider_at(ui, key->y);
	if (ui->dragging >= 0 && key->action == MOUSE_DRAG) {
		drag_slider(ui, ui->dragging, key->x);
		return true;
	}
	ui->dragging = -1;
	if (slider < 0)
		return false;
	enum knob_id id = ui->layout.sliders[slider];
	if (key->action == MOUSE_WHEEL_UP || key->action == MOUSE_WHEEL_DOWN) {
		app_knob_step(ui->app, id, key->action == MOUSE_WHEEL_UP ? 1 : -1);
	} else if (key->action == MOUSE_PRESS) {
		choose_slider(ui, slider);
		ui->dragging = slider;
		drag_slider(ui, slider, key->x);
	}
	return true;
}

static bool on_tab(struct ui *ui, const struct key *key)
{
	int tab = tabs_at(ui, key->x, key->y);
	if (key->action != MOUSE_PRESS || tab < 0)
		return false;
	ui->before = ui->active;
	ui->active = tab;
	ui->panel.open = false;
	return true;
}

static void on_panel(struct ui *ui, const struct key *key)
{
	struct table *t = &ui->panel.table;
	int row = table_row_at(t, key->y - 1, KNOB_COUNT);
	if (key->action == MOUSE_WHEEL_UP || key->action == MOUSE_WHEEL_DOWN)
		table_select(t, t->selected + (key->action == MOUSE_WHEEL_UP ? -3 : 3),
			     KNOB_COUNT);
	else if (key->action == MOUSE_PRESS && row >= 0)
		table_select(t, row, KNOB_COUNT);
}

void mouse_key(struct ui *ui, const struct key *key)
{
	const struct layout *l = &ui->layout;
	const struct view *v = views[ui->active];
	struct key inside = *key;
	if (l->small || ui->prompt.open || on_slider(ui, key) || on_tab(ui, key))
		return;
	inside.y -= l->view_y;
	if (inside.y < 0 || key->y >= l->body_y + l->body_height ||
	    key->x >= l->body_width)
		return;
	if (ui->panel.open)
		on_panel(ui, &inside);
	else if (v->on_mouse)
		v->on_mouse(ui->view_state[ui->active], ui->app, &inside);
}
