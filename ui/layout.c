#include "ui/layout.h"

#define WIDE 160           /* two panes */
#define TALL 30            /* room for more sliders than the three */
#define KEYS_HEIGHT 20     /* room for the bar of function keys */
#define MAIN_WIDTH_MAX 132 /* of the first pane: all columns of the layers */

/* The knob that the keys step is always there: where there is room as a row of its own,
 * else instead of the last slider that the model lacks, or of the last. */
static int place_chosen(struct layout *l, const struct app *app, int n, int most)
{
	int at = n;
	if (n == most)
		for (at = n - 1; at > 0 && !app_knob_why_not(app, l->sliders[at]);)
			at--;
	if (n == most && at == 0)
		at = n - 1;
	l->sliders[at] = app->knob;
	return at == n ? n + 1 : n;
}

static int count_sliders(struct layout *l, const struct app *app, int height)
{
	int n = app_sliders(app, l->sliders, UI_SLIDERS_MAX);
	int most = height >= TALL ? UI_SLIDERS_MAX : 3;
	n = n < most ? n : most;
	for (int i = 0; i < n; i++)
		if (l->sliders[i] == app->knob)
			return n;
	return place_chosen(l, app, n, most);
}

void layout_make(struct layout *l, const struct app *app, int width, int height)
{
	*l = (struct layout){ .small = width < UI_MIN_WIDTH || height < UI_MIN_HEIGHT };
	bool keys = height >= KEYS_HEIGHT;
	l->n_sliders = count_sliders(l, app, height);
	l->sliders_y = 2;
	l->headline_y = l->sliders_y + l->n_sliders;
	l->keys_y = keys ? height - 1 : -1;
	l->message_y = height - 1 - keys;
	l->body_y = l->headline_y + 1;
	if (height >= TALL) { /* air */
		l->sliders_y++;
		l->headline_y += 2;
		l->body_y += 3;
	}
	l->body_height = l->message_y - l->body_y;
	l->body_width = width;
	if (width < WIDE)
		return;
	l->body_width = width * 64 / 100;
	if (l->body_width > MAIN_WIDTH_MAX)
		l->body_width = MAIN_WIDTH_MAX;
	l->side_x = l->body_width + 1;
	l->side_width = width - l->side_x;
}
