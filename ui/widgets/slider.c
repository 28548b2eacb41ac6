#include "ui/widgets/slider.h"

#include <math.h>

#define VALUE 8 /* columns of the value */

int slider_track_width(int width)
{
	int track = (width - SLIDER_HEAD - VALUE) / 3;
	return track < 4 ? 0 : track > 60 ? 60 : track;
}

static void draw_track(struct canvas *c, int x, int y, int width, const struct slider *s)
{
	unsigned style = s->disabled   ? STYLE_DIM
			 : s->selected ? STYLE_ACCENT | STYLE_BOLD
				       : 0;
	int handle = (int)lround(s->fraction * (width - 1));
	if (c->plain || width <= 0)
		return;
	canvas_glyphs(c, x, y, width, STYLE_DIM, GLYPH_TRACK);
	if (s->disabled || !(handle >= 0 && handle < width))
		return;
	canvas_glyphs(c, x, y, handle, style, GLYPH_FILLED);
	canvas_glyphs(c, x + handle, y, 1, style, GLYPH_HANDLE);
}

void slider_draw(struct canvas *c, int x, int y, int width, const struct slider *s)
{
	struct canvas row = canvas_window(c, x, y, width, 1);
	int track = slider_track_width(width);
	unsigned dim = s->disabled ? STYLE_DIM : STYLE_NORMAL;
	unsigned label = s->selected ? STYLE_BOLD | STYLE_REVERSE : dim;
	canvas_text(&row, 0, 0, 1, STYLE_BOLD, s->selected ? ">" : " ");
	canvas_text(&row, 1, 0, SLIDER_HEAD - 2, label, s->label);
	if (!c->plain) {
		canvas_text(&row, SLIDER_HEAD - 1, 0, 1, STYLE_DIM, c->ascii ? "[" : " ");
		draw_track(&row, SLIDER_HEAD, 0, track, s);
		canvas_text(&row, SLIDER_HEAD + track, 0, 1, STYLE_DIM,
			    c->ascii ? "]" : " ");
	} else {
		track = 0;
	}
	int at = SLIDER_HEAD + track + 2;
	int used = canvas_text(&row, at, 0, -1, s->disabled ? STYLE_DIM : STYLE_BOLD,
			       s->value);
	at += used + 2 > VALUE - 1 ? used + 2 : VALUE - 1;
	canvas_field(&row, at, 0, width - at, s->disabled ? STYLE_DIM : STYLE_NORMAL,
		     s->note);
}

double slider_hit(int width, int x)
{
	int track = slider_track_width(width);
	if (track < 2 || x < SLIDER_HEAD - 1 || x > SLIDER_HEAD + track)
		return (double)NAN;
	double at = (double)(x - SLIDER_HEAD) / (track - 1);
	return at < 0 ? 0 : at > 1 ? 1 : at;
}
