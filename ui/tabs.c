#include "ui/tabs.h"

#include <stdio.h>

#define SHORT_TAB 3   /* letters of a title */
#define NUMBERS_MAX 9 /* keys there are */

/* As roomy as the width allows. */
enum tab_form { TABS_AIRY, TABS_TIGHT, TABS_SHORT, TABS_NUMBERS };

static bool applies(const struct ui *ui, int view)
{
	return !views[view]->applies || views[view]->applies(ui->app);
}

static bool has_tab(const struct ui *ui, int view)
{
	return view == ui->active || applies(ui, view);
}

/* 0: it has none. */
static int number_of(const struct ui *ui, int view)
{
	int n = 0;
	if (!applies(ui, view))
		return 0;
	for (int i = 0; i <= view; i++)
		n += applies(ui, i);
	return n <= NUMBERS_MAX ? n : 0;
}

static void tab_label(const struct ui *ui, int view, enum tab_form form, char *buf,
		      size_t size)
{
	const char *title = views[view]->title;
	char number[8] = "";
	int n = number_of(ui, view);
	if (n)
		snprintf(number, sizeof(number), "%d", n);
	if (form == TABS_AIRY)
		snprintf(buf, size, " %s%s%s ", number, n ? " " : "", title);
	else if (form == TABS_TIGHT || view == ui->active)
		snprintf(buf, size, "%s%s", number, title);
	else if (form == TABS_SHORT)
		snprintf(buf, size, "%s%.*s", number, SHORT_TAB, title);
	else
		snprintf(buf, size, n ? "%s" : "%s%.1s", number, title);
}

static int tabs_width(const struct ui *ui, const struct canvas *c, enum tab_form form)
{
	char label[48];
	int width = 1;
	for (int i = 0; i < ui->n_views; i++) {
		if (!has_tab(ui, i))
			continue;
		tab_label(ui, i, form, label, sizeof(label));
		width += canvas_text_width(c, label) + (form != TABS_AIRY);
	}
	return width;
}

/* The roomiest form that leaves room for a notice, whether or not there is one now: tabs
 * should not jump. */
static enum tab_form tabs_form(const struct ui *ui, const struct canvas *c)
{
	int form = TABS_AIRY;
	while (form < TABS_NUMBERS &&
	       tabs_width(ui, c, (enum tab_form)form) + TABS_NOTICE + 1 > c->width)
		form++;
	return (enum tab_form)form;
}

int tabs_draw(struct ui *ui, struct canvas *c, int y)
{
	int x = 1;
	enum tab_form form = tabs_form(ui, c);
	for (int i = 0; i < ui->n_views; i++) {
		char label[48];
		ui->layout.tab_x[i] = x;
		if (!has_tab(ui, i))
			continue;
		tab_label(ui, i, form, label, sizeof(label));
		x += canvas_text(c, x, y, -1,
				 i == ui->active ? STYLE_REVERSE | STYLE_BOLD
						 : STYLE_NORMAL,
				 label);
		x += form != TABS_AIRY;
	}
	ui->layout.tab_x[ui->n_views] = x;
	return x;
}

int tabs_view(const struct ui *ui, int number)
{
	for (int i = 0; i < ui->n_views; i++)
		if (number > 0 && number_of(ui, i) == number)
			return i;
	return -1;
}

int tabs_next(const struct ui *ui, int direction)
{
	int n = ui->n_views, view = ui->active;
	do
		view = (view + direction + n) % n;
	while (view != ui->active && !applies(ui, view));
	return view;
}

int tabs_at(const struct ui *ui, int x, int y)
{
	for (int i = 0; y == 1 && i < ui->n_views && !ui->layout.small; i++)
		if (x >= ui->layout.tab_x[i] && x < ui->layout.tab_x[i + 1])
			return i;
	return -1;
}
