#include "ui/widgets/table.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void table_init(struct table *t)
{
	memset(t, 0, sizeof(*t));
	t->sort = -1;
	t->descending = true;
	t->page = 1;
}

static int columns_width(const struct table_source *s, int priority)
{
	int w = 0;
	for (int i = 0; i < s->n_columns; i++)
		if (s->columns[i].priority <= priority)
			w += s->columns[i].width + (w > 0);
	return w;
}

/* Which columns fit, where. */
static void lay_out(struct table *t, const struct table_source *s, int width)
{
	int limit = 0, x = 0;
	for (int i = 0; i < s->n_columns; i++)
		limit = s->columns[i].priority > limit ? s->columns[i].priority : limit;
	while (limit > 0 && columns_width(s, limit) > width)
		limit--;
	int spare = width - columns_width(s, limit);
	t->n_columns = s->n_columns;
	for (int i = 0; i < s->n_columns; i++) {
		t->width[i] = s->columns[i].priority <= limit ? s->columns[i].width : 0;
		if (!t->width[i])
			continue;
		if (s->columns[i].stretch) {
			t->width[i] += spare;
			t->width[i] = t->width[i] < 1 ? 1 : t->width[i];
		}
		t->x[i] = x;
		x += t->width[i] + 1;
	}
}

static void draw_cell(const struct table *t, struct canvas *c,
		      const struct table_column *column, int i, int y, unsigned style,
		      const char *text)
{
	if (column->left)
		canvas_field(c, t->x[i], y, t->width[i], style, text);
	else
		canvas_field_right(c, t->x[i], y, t->width[i], style, text);
}

static void draw_header(const struct table *t, struct canvas *c,
			const struct table_source *s)
{
	for (int i = 0; i < s->n_columns; i++) {
		if (!t->width[i])
			continue;
		bool sorted = i == t->sort;
		char title[64];
		snprintf(title, sizeof(title), "%s%s", s->columns[i].title,
			 !sorted ? ""
				 : canvas_glyph(c, t->descending ? GLYPH_DESCENDING
								 : GLYPH_ASCENDING));
		/* The arrow may stand in the gap before the title. */
		int x = t->x[i], w = t->width[i];
		if (!s->columns[i].left && sorted && x > 0) {
			x--;
			w++;
		}
		struct table one = *t;
		one.x[i] = x;
		one.width[i] = w;
		draw_cell(&one, c, &s->columns[i], i, 0, sorted ? STYLE_BOLD : STYLE_DIM,
			  title);
	}
}

void table_draw_row(const struct table *t, struct canvas *c, const struct table_source *s,
		    int row, int y, unsigned style)
{
	for (int i = 0; i < s->n_columns; i++) {
		struct table_cell cell = { .style = STYLE_NORMAL };
		if (!t->width[i])
			continue;
		s->cell(s->context, row, i, &cell);
		draw_cell(t, c, &s->columns[i], i, y, cell.style | style, cell.text);
	}
}

static void scroll(struct table *t, int page, int n_rows)
{
	t->page = page > 0 ? page : 1;
	table_select(t, t->selected, n_rows);
	if (t->top > n_rows - t->page)
		t->top = n_rows - t->page;
	if (t->selected >= t->top + t->page)
		t->top = t->selected - t->page + 1;
	if (t->selected < t->top)
		t->top = t->selected;
	if (t->top < 0)
		t->top = 0;
}

void table_draw(struct table *t, struct canvas *c, const struct table_source *s,
		bool focus)
{
	struct canvas body = canvas_window(c, 1, 0, c->width - 1, c->height);
	lay_out(t, s, body.width);
	scroll(t, c->height - 1, s->n_rows);
	draw_header(t, &body, s);
	for (int i = 0; i < t->page && t->top + i < s->n_rows; i++) {
		int row = t->top + i;
		unsigned style =
			s->row_style ? s->row_style(s->context, row) : STYLE_NORMAL;
		table_draw_row(t, &body, s, row, i + 1, style);
		if (focus && row == t->selected) {
			canvas_mark(c, 0, i + 1, c->width, 1, STYLE_REVERSE);
			if (c->plain)
				canvas_text(c, 0, i + 1, 1, STYLE_REVERSE, ">");
		}
	}
}

void table_select(struct table *t, int row, int n_rows)
{
	if (row >= n_rows)
		row = n_rows - 1;
	t->selected = row < 0 ? 0 : row;
}

bool table_move(struct table *t, enum request request, int n_rows)
{
	int to = t->selected;
	switch (request) {
	case REQ_UP:
		to--;
		break;
	case REQ_DOWN:
		to++;
		break;
	case REQ_PAGE_UP:
		to -= t->page;
		break;
	case REQ_PAGE_DOWN:
		to += t->page;
		break;
	case REQ_FIRST:
		to = 0;
		break;
	case REQ_LAST:
		to = n_rows - 1;
		break;
	default:
		return false;
	}
	table_select(t, to, n_rows);
	return true;
}

int table_row_at(const struct table *t, int y, int n_rows)
{
	int row = t->top + y - 1;
	return y >= 1 && y <= t->page && row < n_rows ? row : -1;
}

int table_title_at(const struct table *t, int x, int y)
{
	for (int i = 0; y == 0 && i < t->n_columns; i++)
		if (t->width[i] && x - 1 >= t->x[i] - 1 && x - 1 < t->x[i] + t->width[i])
			return i;
	return -1;
}

void table_next_sort(struct table *t)
{
	if (t->sort < 0) {
		t->sort = t->first_sort;
		return;
	}
	do {
		t->sort = (t->sort + 1) % t->n_columns;
	} while (!t->width[t->sort]);
	if (t->sort == t->first_sort)
		t->sort = -1;
}

bool table_sort_by(struct table *t, const struct table_source *s, const char *title)
{
	for (int i = 0; i < s->n_columns; i++)
		if (!strcasecmp(s->columns[i].title, title)) {
			t->sort = i;
			return true;
		}
	return false;
}

static void add_markdown_cell(struct str *out, const char *text)
{
	text += strspn(text,
		       " "); /* the indent of a tree: Markdown would drop it anyway */
	for (; *text; text++) {
		if (*text == '|')
			str_add(out, "\\");
		str_add_n(out, text, 1);
	}
	str_add(out, " | ");
}

void table_markdown(const struct table *t, const struct table_source *s, struct str *out)
{
	for (int row = -2; row < s->n_rows; row++) {
		str_add(out, "| ");
		for (int i = 0; i < s->n_columns; i++) {
			struct table_cell cell = { .style = STYLE_NORMAL };
			if (!t->width[i])
				continue;
			if (row == -2)
				snprintf(cell.text, sizeof(cell.text), "%s",
					 s->columns[i].title);
			else if (row == -1)
				snprintf(cell.text, sizeof(cell.text), "%s",
					 s->columns[i].left ? "---" : "--:");
			else
				s->cell(s->context, row, i, &cell);
			add_markdown_cell(out, cell.text);
		}
		out->s[--out->len] = 0; /* the blank after the last | */
		str_add(out, "\n");
	}
}

void table_markdown_whole(const struct table_source *s, struct str *out)
{
	struct table whole;
	table_init(&whole);
	whole.n_columns = s->n_columns;
	for (int i = 0; i < s->n_columns; i++)
		whole.width[i] = 1;
	table_markdown(&whole, s, out);
}
