#include "ui/widgets/patches.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BLACK 16
#define WHITE 231
#define YELLOW 226
#define HATCH 243 /* the grey of the strokes over a dropped patch */
#define MARK_ADDED 28
#define MARK_LOST 124

#define UPPER_HALF 0x2580
#define LOWER_HALF 0x2584
#define FULL 0x2588
#define STROKE 0x2571

/* ---- where things are ---- */

static int least(int a, int b) { return a < b ? a : b; }

static int parts_of(int n, int per) { return (n + per - 1) / per; }

static struct patches_fit half_cells(int columns, int rows, int width, int height)
{
	struct patches_fit f = { .cell_w = 1, .per = 1 };
	while (parts_of(columns, f.per) > width ||
	       parts_of(rows, f.per) > 2 * (int64_t)height)
		f.per++;
	f.width = parts_of(columns, f.per);
	f.height = (parts_of(rows, f.per) + 1) / 2;
	return f;
}

struct patches_fit patches_fit(int columns, int rows, int width, int height)
{
	if (columns <= 0 || rows <= 0 || width <= 0 || height <= 0)
		return (struct patches_fit){ 0 };
	if (columns > width || rows > height)
		return half_cells(columns, rows, width, height);
	struct patches_fit f = { .per = 1 };
	f.cell_h = least(height / rows, width / columns / 2);
	f.cell_w = 2 * f.cell_h;
	if (!f.cell_h)
		f.cell_h = f.cell_w = 1;
	f.width = columns * f.cell_w;
	f.height = rows * f.cell_h;
	return f;
}

const char *patches_fit_words(const struct patches_fit *f, const char *many, char *buf,
			      size_t size)
{
	buf[0] = 0;
	if (f->per > 1)
		snprintf(buf, size, "half a cell is %d x %d %s", f->per, f->per, many);
	else if (f->width && !f->cell_h)
		snprintf(buf, size, "a cell is 2 %s", many);
	return buf;
}

int patches_at(const struct patches_fit *f, int columns, int rows, int n, int x, int y)
{
	if (x < 0 || y < 0 || x >= f->width || y >= f->height)
		return -1;
	int column = x / f->cell_w * f->per;
	int row = f->cell_h ? y / f->cell_h : 2 * y * f->per;
	int i = row * columns + column;
	return column < columns && row < rows && i < n ? i : -1;
}

void patches_grid(int n, int width, int height, int *columns, int *rows)
{
	double aspect = width > 0 && height > 0 ? (double)width / height : 1;
	*columns = n > 0 ? (int)lround(sqrt(n * aspect)) : 0;
	*columns = *columns < 1 && n > 0 ? 1 : *columns > n ? n : *columns;
	*rows = *columns ? parts_of(n, *columns) : 0;
}

/* ---- colours ---- */

static bool in_color(const struct canvas *c, const struct patches *p)
{
	return c->colors && !c->ascii && p->picture.rgb;
}

static int luminance(const int rgb[3])
{
	return (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / 1000;
}

/* Pixel (x, y) of the picture at w x h, as patch i shows it. */
static void shown_pixel(const struct patches *p, int i, int x, int y, int w, int h,
			int rgb[3])
{
	const struct patch *patch = &p->patch[i];
	if (patch->flat)
		for (int k = 0; k < 3; k++)
			rgb[k] = patch->rgb[k];
	else
		picture_pixel(&p->picture, x, y, w, h, rgb);
	if (!patch->kept) /* a grey: there are more dark ones of them than of colours */
		rgb[0] = rgb[1] = rgb[2] = luminance(rgb) / 3 + 14;
}

bool patches_mean(const struct patches *p, int i, int rgb[3])
{
	if (!p->picture.rgb || i < 0 || i >= p->columns * p->rows)
		return false;
	picture_pixel(&p->picture, i % p->columns, i / p->columns, p->columns, p->rows,
		      rgb);
	return true;
}

/* From dark to bright; none of them is a mark or the dot. A letter stands for the
 * picture.
 */
static uint32_t shade(const struct canvas *c, const struct patches *p, int i)
{
	static const char ascii[] = "=!*%&#@";
	static const uint32_t blocks[] = { 0x2592, 0x2593, 0x2588 };
	int rgb[3] = { 128, 128, 128 };
	if (!p->patch[i].kept)
		return c->ascii ? '.' : 0xb7;
	if (p->patch[i].mark && p->patch[i].mark != '+')
		return (uint32_t)p->patch[i].mark;
	patches_mean(p, i, rgb);
	return c->ascii ? (uint32_t)ascii[luminance(rgb) * 7 / 256]
			: blocks[luminance(rgb) * 3 / 256];
}

/* ---- whole cells ---- */

static struct cell picture_cell(const struct patches *p, const struct patches_fit *f,
				int i, int x, int y)
{
	int top[3], bottom[3];
	shown_pixel(p, i, x, 2 * y, f->width, 2 * f->height, top);
	shown_pixel(p, i, x, 2 * y + 1, f->width, 2 * f->height, bottom);
	if (p->patch[i].kept)
		return (struct cell){ .ch = UPPER_HALF,
				      .fg = picture_color(top),
				      .bg = picture_color(bottom) };
	for (int k = 0; k < 3; k++)
		top[k] = (top[k] + bottom[k]) / 2;
	return (struct cell){ .ch = STROKE, .fg = HATCH, .bg = picture_color(top) };
}

static struct cell mark_cell(const struct canvas *c, const struct patches *p,
			     const struct patches_fit *f, int i, int x, int y)
{
	const struct patch *patch = &p->patch[i];
	struct cell cell = { .ch = (uint32_t)patch->mark, .style = STYLE_BOLD };
	int rgb[3];
	if (!in_color(c, p)) {
		cell.style |= patch->lit ? STYLE_REVERSE : 0;
		return cell;
	}
	shown_pixel(p, i, x, 2 * y, f->width, 2 * f->height, rgb);
	cell.bg = patch->lit           ? YELLOW
		  : patch->mark == '+' ? MARK_ADDED
		  : patch->mark == '-' ? MARK_LOST
				       : picture_color(rgb);
	cell.fg = patch->lit || (cell.bg != MARK_ADDED && cell.bg != MARK_LOST &&
				 luminance(rgb) > 127)
			  ? BLACK
			  : WHITE;
	return cell;
}

static void draw_patch(struct canvas *c, const struct patches *p,
		       const struct patches_fit *f, int i)
{
	int x = i % p->columns * f->cell_w, y = i / p->columns * f->cell_h;
	for (int dy = 0; dy < f->cell_h; dy++)
		for (int dx = 0; dx < f->cell_w; dx++)
			canvas_put(
				c, x + dx, y + dy,
				in_color(c, p)
					? picture_cell(p, f, i, x + dx, y + dy)
					: (struct cell){ .ch = shade(c, p, i),
							 .style = p->patch[i].kept
									  ? STYLE_NORMAL
									  : STYLE_DIM });
	int mx = x + (f->cell_w - 1) / 2, my = y + (f->cell_h - 1) / 2;
	if (p->patch[i].mark)
		canvas_put(c, mx, my, mark_cell(c, p, f, i, mx, my));
}

/* Brackets around the middle row, or the cell itself where there is only one. */
static void draw_cursor(struct canvas *c, const struct patches *p,
			const struct patches_fit *f)
{
	int x = p->cursor % p->columns * f->cell_w;
	int y = p->cursor / p->columns * f->cell_h;
	struct cell left = { .ch = '[', .style = STYLE_REVERSE | STYLE_BOLD };
	if (in_color(c, p))
		left = (struct cell){
			.ch = '[', .style = STYLE_BOLD, .fg = BLACK, .bg = YELLOW
		};
	struct cell right = left;
	right.ch = ']';
	if (f->cell_w == 1) {
		left.ch = p->patch[p->cursor].kept ? 'X' : 'x';
		canvas_put(c, x, y, left);
		return;
	}
	for (int dy = 0; dy < f->cell_h; dy++) {
		canvas_put(c, x, y + dy, left);
		canvas_put(c, x + f->cell_w - 1, y + dy, right);
	}
}

/* ---- half cells ---- */

/* Most of the patches a half cell stands for are kept; *i: the first of them. */
static bool half_kept(const struct patches *p, int per, int column, int row, int *i)
{
	int kept = 0, all = 0;
	*i = row * per * p->columns + column * per;
	for (int y = row * per; y < (row + 1) * per && y < p->rows; y++)
		for (int x = column * per; x < (column + 1) * per && x < p->columns;
		     x++) {
			int at = y * p->columns + x;
			if (at >= p->n)
				continue;
			all++;
			kept += p->patch[at].kept;
		}
	return all && 2 * kept >= all;
}

static bool half_has_cursor(const struct patches *p, int per, int column, int row)
{
	return p->cursor >= 0 && p->cursor % p->columns / per == column &&
	       p->cursor / p->columns / per == row;
}

static uint8_t half_color(const struct patches *p, const struct patches_fit *f, int i,
			  int column, int row)
{
	int rgb[3];
	shown_pixel(p, i, column, row, f->width, parts_of(p->rows, f->per), rgb);
	return picture_color(rgb);
}

/* What is dropped is left blank. */
static struct cell half_cell(const struct canvas *c, const struct patches *p,
			     const struct patches_fit *f, int column, int row)
{
	int up, down;
	bool upper = half_kept(p, f->per, column, 2 * row, &up);
	bool lower = half_kept(p, f->per, column, 2 * row + 1, &down);
	struct cell cell = { .ch = ' ' };
	if (up >= p->n)
		return cell;
	if (c->ascii) {
		cell.ch = upper && lower ? '#' : upper ? '"' : lower ? '_' : '.';
		return cell;
	}
	cell.ch = upper && lower ? FULL : upper ? UPPER_HALF : lower ? LOWER_HALF : 0xb7;
	if (!upper && !lower)
		cell.style = STYLE_DIM;
	else if (in_color(c, p))
		cell.fg = upper ? half_color(p, f, up, column, 2 * row)
				: half_color(p, f, down, column, 2 * row + 1);
	if (upper && lower && in_color(c, p)) {
		cell.ch = UPPER_HALF;
		cell.bg = half_color(p, f, down, column, 2 * row + 1);
	}
	return cell;
}

static void draw_half_cells(struct canvas *c, const struct patches *p,
			    const struct patches_fit *f)
{
	for (int y = 0; y < f->height; y++)
		for (int x = 0; x < f->width; x++) {
			bool here = half_has_cursor(p, f->per, x, 2 * y) ||
				    half_has_cursor(p, f->per, x, 2 * y + 1);
			struct cell cell = half_cell(c, p, f, x, y);
			if (here)
				cell = (struct cell){
					.ch = p->patch[p->cursor].kept ? 'X' : 'x',
					.style = STYLE_REVERSE | STYLE_BOLD
				};
			canvas_put(c, x, y, cell);
		}
}

/* ---- all of it ---- */

struct patches_fit patches_draw(struct canvas *c, int x, int y, int width, int height,
				const struct patches *p)
{
	struct canvas inside = canvas_window(c, x, y, width, height);
	struct patches_fit f =
		patches_fit(p->columns, p->rows, inside.width, inside.height);
	if (c->plain || !f.width)
		return (struct patches_fit){ 0 };
	if (!f.cell_h) {
		draw_half_cells(&inside, p, &f);
		return f;
	}
	for (int i = 0; i < p->n && i < p->columns * p->rows; i++)
		draw_patch(&inside, p, &f, i);
	if (p->cursor >= 0 && p->cursor < p->n)
		draw_cursor(&inside, p, &f);
	return f;
}

const char *patches_ranges(const struct patches *p, int row, char *buf, size_t size)
{
	size_t used = 0;
	int from = -1, last = p->columns, kept = 0;
	if ((row + 1) * p->columns > p->n)
		last = p->n - row * p->columns;
	buf[0] = 0;
	for (int x = 0; x <= last && used < size; x++) {
		bool on = x < last && p->patch[row * p->columns + x].kept;
		kept += on;
		if (on && from < 0)
			from = x;
		if (on || from < 0)
			continue;
		int n = from == x - 1 ? snprintf(buf + used, size - used, "%s%d",
						 used ? " " : "", from)
				      : snprintf(buf + used, size - used, "%s%d-%d",
						 used ? " " : "", from, x - 1);
		used += n > 0 ? (size_t)n : 0;
		from = -1;
	}
	if (!kept || kept == last)
		snprintf(buf, size, "%s", kept ? "all" : "none");
	return buf;
}
