/* What the files of the interface share: the state between two keys. Not for views. */
#ifndef UI_STATE_H
#define UI_STATE_H

#include "app.h"
#include "ui/canvas.h"
#include "ui/keymap.h"
#include "ui/knob_panel.h"
#include "ui/view.h"
#include "ui/widgets/prompt.h"

#define UI_VIEWS_MAX 16
#define UI_SLIDERS_MAX 8

/* The smallest screen that shows more than one message. */
#define UI_MIN_WIDTH 60
#define UI_MIN_HEIGHT 16

/* Where things are: what is drawn there and what a click there means. */
struct layout {
	bool small;
	int sliders_y, n_sliders;
	enum knob_id sliders[UI_SLIDERS_MAX];
	int headline_y;
	int body_y, body_height, body_width;
	int view_y; /* where the view begins: below what stands above it in the body */
	int side_x, side_width;              /* the second pane; width 0: none */
	int message_y, message_rows, keys_y; /* keys_y -1: not there */
	int tab_x[UI_VIEWS_MAX + 1];
};

/* What tells the run on the screen from another. */
struct shown {
	const struct run *run;
	double started_ns, p50_ns;
	int64_t message_ns; /* of the message that stood with it */
};

struct ui {
	struct app *app;
	struct canvas canvas;
	struct keymap keymap;
	struct layout layout;
	int n_views, active, before; /* before: where help goes back to */
	void *view_state[UI_VIEWS_MAX];
	struct knob_panel panel;
	struct prompt prompt;
	enum request asking; /* what the prompt is for; KNOBS: a value for `asked_knob` */
	enum knob_id asked_knob;
	int dragging;         /* slider that the mouse holds, -1: none */
	enum app_phase phase; /* when it was looked at last */
	char broken[512];     /* why there is no model, as long as there is none */
	struct shown shown;
	bool dirty, quit;
	int64_t typed_ns;  /* when bytes came last */
	int64_t opened_id; /* of the old run that was on the screen in the last frame */
	char *copied;      /* printed when the program ends; NULL: nothing */
};

#endif
