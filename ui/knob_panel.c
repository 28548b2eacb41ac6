#include "ui/knob_panel.h"

#include <stdio.h>
#include <string.h>

enum column { COL_NAME, COL_VALUE, COL_ALLOWED, COL_HELP, COL_COUNT };

static const struct table_column columns[COL_COUNT] = {
	[COL_NAME] = { "knob", 15, 0, true, false },
	[COL_VALUE] = { "value", 10, 0, true, false },
	[COL_ALLOWED] = { "may be", 20, 1, true, false },
	[COL_HELP] = { "what it does", 20, 0, true, true },
};

static void allowed_text(const struct knob *k, char *buf, size_t size)
{
	if (k->kind == KNOB_CHOICE)
		snprintf(buf, size, "%s", k->choices);
	else if (k == &knob_table[KNOB_DOWNSAMPLE])
		snprintf(buf, size, "1|2|4|8|16");
	else if (k->kind == KNOB_NAME)
		snprintf(buf, size, "a name");
	else if (k->max >= 1e9)
		snprintf(buf, size, "%s%s%g and more", k->unset ? k->unset : "",
			 k->unset ? ", " : "", k->min);
	else
		snprintf(buf, size, "%s%s%.10g..%.10g", k->unset ? k->unset : "",
			 k->unset ? ", " : "", k->min, k->max);
}

static void cell(const void *context, int row, int column, struct table_cell *out)
{
	const struct app *app = context;
	enum knob_id id = (enum knob_id)row;
	const struct knob *k = &knob_table[row];
	const char *why = app_knob_why_not(app, id);
	char value[KNOB_TEXT_SIZE];
	switch (column) {
	case COL_NAME:
		snprintf(out->text, sizeof(out->text), "%s", k->option);
		break;
	case COL_VALUE:
		knobs_get(&app->knobs, id, value);
		str_escaped(out->text, sizeof(out->text), value, strlen(value));
		if (!knobs_is_default(&app->knobs, id))
			out->style = STYLE_BOLD;
		break;
	case COL_ALLOWED:
		allowed_text(k, out->text, sizeof(out->text));
		break;
	default:
		if (why)
			str_escaped(out->text, sizeof(out->text), why, strlen(why));
		else
			snprintf(out->text, sizeof(out->text), "%s", k->help);
	}
}

static unsigned row_style(const void *context, int row)
{
	return app_knob_why_not(context, (enum knob_id)row) ? STYLE_DIM : STYLE_NORMAL;
}

void knob_panel_init(struct knob_panel *p)
{
	p->open = false;
	table_init(&p->table);
	p->table.selected = KNOB_KEEP;
}

void knob_panel_open(struct knob_panel *p, enum knob_id id)
{
	p->open = true;
	table_select(&p->table, (int)id, KNOB_COUNT);
}

enum knob_id knob_panel_knob(const struct knob_panel *p)
{
	return (enum knob_id)p->table.selected;
}

void knob_panel_draw(struct knob_panel *p, const struct app *app, struct canvas *c)
{
	struct table_source source = { .columns = columns,
				       .n_columns = COL_COUNT,
				       .n_rows = KNOB_COUNT,
				       .context = app,
				       .cell = cell,
				       .row_style = row_style };
	char enter[16], down[16], up[16], back[16];
	canvas_fill(c, 0, 0, c->width, c->height, STYLE_NORMAL, ' ');
	canvas_printf(c, 1, 0, STYLE_DIM,
		      "all knobs   %s %s step   %s types a value   %s goes back",
		      keymap_key(REQ_KNOB_DOWN, false, down, sizeof(down)),
		      keymap_key(REQ_KNOB_UP, false, up, sizeof(up)),
		      keymap_key(REQ_ENTER, false, enter, sizeof(enter)),
		      keymap_key(REQ_CANCEL, false, back, sizeof(back)));
	struct canvas body = canvas_window(c, 0, 1, c->width, c->height - 2);
	table_draw(&p->table, &body, &source, true);
	/* What the selected knob does, in full. */
	const struct knob *k = &knob_table[knob_panel_knob(p)];
	const char *why = app_knob_why_not(app, knob_panel_knob(p));
	char text[400];
	snprintf(text, sizeof(text), "%s: %s", k->option, why ? why : k->help);
	canvas_field(c, 1, c->height - 1, c->width - 2, STYLE_ACCENT, text);
}

enum reaction knob_panel_request(struct knob_panel *p, struct app *app,
				 enum request request)
{
	enum knob_id id = knob_panel_knob(p);
	if (table_move(&p->table, request, KNOB_COUNT))
		return REACT_REDRAW;
	switch (request) {
	case REQ_KNOB_DOWN:
	case REQ_KNOB_UP:
		app_knob_step(app, id, request == REQ_KNOB_UP ? 1 : -1);
		return REACT_REDRAW;
	case REQ_KNOB_DOWN_LARGE:
	case REQ_KNOB_UP_LARGE:
		app_knob_step_large(app, id, request == REQ_KNOB_UP_LARGE ? 1 : -1);
		return REACT_REDRAW;
	case REQ_KNOBS:
	case REQ_CANCEL:
	case REQ_BACK:
	case REQ_LEAVE:
		p->open = false;
		return REACT_REDRAW;
	default:
		return REACT_NONE;
	}
}
