/*
 * What a knob buys and what it costs: every measured setting that differs from the
 * present one in that knob alone. Estimates are not measured, and are not here.
 */
#include "ui/views/curve.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/format.h"
#include "ui/widgets/parts.h"

#define MIN_WIDTH 40
#define MIN_HEIGHT 8 /* of the body: below that rows of figures say more */

/* ---- reading ---- */

static bool is_number(enum knob_id id)
{
	return knob_table[id].kind == KNOB_NUMBER || knob_table[id].kind == KNOB_INTEGER;
}

/* The knob that was swept or chosen last, whichever came later; at first keep. */
static void follow_knob(struct curve *st, const struct app *app)
{
	bool swept = st->sweep != app->sweep.serial && app->sweep.knob != KNOB_COUNT;
	bool chosen = st->chosen != app->knob && is_number(app->knob);
	if (swept)
		st->knob = app->sweep.knob;
	else if (chosen)
		st->knob = app->knob;
	st->sweep = app->sweep.serial;
	st->chosen = app->knob;
}

static double began(const struct run *run)
{
	return run && run->state == RUN_DONE ? run->started_ns : -1;
}

static struct curve_key key_of(const struct curve *st, const struct app *app)
{
	struct curve_key key = { .revision = app->revision,
				 .knobs = app->knobs,
				 .knob = st->knob,
				 .sweep = app->sweep.serial,
				 .cells = app->sweep.done,
				 .result_ns = began(app->result),
				 .base_ns = began(app->base) };
	snprintf(key.model, sizeof(key.model), "%s", app->model.name);
	return key;
}

static bool same_key(const struct curve_key *a, const struct curve_key *b)
{
	return a->revision == b->revision && a->knob == b->knob && a->sweep == b->sweep &&
	       a->cells == b->cells && a->result_ns == b->result_ns &&
	       a->base_ns == b->base_ns && !strcmp(a->model, b->model) &&
	       knobs_equal(&a->knobs, &b->knobs, ~UINT64_C(0));
}

static bool refresh(void *state, struct app *app)
{
	struct curve *st = state;
	follow_knob(st, app);
	struct curve_key key = key_of(st, app);
	if (st->read && same_key(&key, &st->key))
		return false;
	app_curve_release(&st->data);
	app_curve_read(app, st->knob, &st->data);
	st->key = key;
	st->read = !st->data.busy;
	return st->data.busy;
}

/* ---- the cursor ---- */

int curve_at(const struct curve *st, const struct app *app)
{
	double x = isnan(st->cursor) ? knob_num(&app->knobs, st->data.knob) : st->cursor;
	int best = -1;
	double least = (double)INFINITY;
	for (int i = 0; i < st->data.n; i++) {
		const struct app_point *p = &st->data.points[i];
		double far = fabs(p->x - x);
		if (far < least || (far == least && p->base == st->at_base)) {
			least = far;
			best = i;
		}
	}
	return best;
}

static enum reaction move_to(struct curve *st, int at)
{
	at = at >= st->data.n ? st->data.n - 1 : at;
	at = at < 0 ? 0 : at;
	if (st->data.n) {
		st->cursor = st->data.points[at].x;
		st->at_base = st->data.points[at].base;
	}
	return REACT_REDRAW;
}

/* A setting of this session becomes the present one; an older run is opened. */
static enum reaction enter(struct curve *st, struct app *app)
{
	char value[KNOB_TEXT_SIZE];
	int at = curve_at(st, app);
	if (at < 0)
		return REACT_SAME;
	const struct app_point *p = &st->data.points[at];
	if (!p->here && p->run_id) {
		app_open_run(app, p->run_id);
		return REACT_REDRAW;
	}
	snprintf(value, sizeof(value), "%.10g", p->x);
	app_knob_set(app, st->data.knob, value);
	st->cursor = (double)NAN;
	st->at_base = false;
	return REACT_REDRAW;
}

/* ---- words ---- */

const char *curve_value(double x, char *buf, size_t size)
{
	snprintf(buf, size, isnan(x) ? "--" : "%.4g", x);
	return buf;
}

/* "faster below keep 0.87 (170 tokens)" */
static void break_words(const struct curve *st, const struct app *app, char *buf,
			size_t size)
{
	const struct app_curve *c = &st->data;
	const struct app_break *b = &c->breaks;
	const char *name = knob_table[c->knob].option;
	char tokens[40] = "", noise[40] = "", value[24];
	struct knobs off;
	knobs_init(&off);
	bool above = knob_num(&off, c->knob) < b->x;
	if (c->knob == KNOB_KEEP && app->model.tokens > 0)
		snprintf(tokens, sizeof(tokens), " (%.0f tokens)",
			 view_tokens(app, (double)app_kept(app, b->x)));
	if (b->crossings > 1)
		snprintf(noise, sizeof(noise), ", crossed %d times", b->crossings);
	else if (b->noisy)
		snprintf(noise, sizeof(noise), ", within noise");
	buf[0] = 0;
	snprintf(value, sizeof(value), "%.3g", b->x); /* it is interpolated */
	switch (b->kind) {
	case BREAK_AT:
		snprintf(buf, size, "break-even: faster %s %s %s%s%s",
			 above ? "above" : "below", name, value, tokens, noise);
		break;
	case BREAK_ALWAYS:
		snprintf(buf, size, "break-even: faster at every setting measured");
		break;
	case BREAK_NEVER:
		snprintf(buf, size, "break-even: never faster than the base");
		break;
	default:
		if (c->n && isnan(c->base.p50_ns))
			snprintf(buf, size, "break-even: --, there is no base yet");
	}
}

static void draw_status(const struct curve *st, const struct app *app, struct canvas *c)
{
	char right[140];
	const struct app_curve *curve = &st->data;
	struct parts p = { .n = 0 };
	int here = 0;
	for (int i = 0; i < curve->n; i++)
		here += curve->points[i].here;
	break_words(st, app, right, sizeof(right));
	parts_add(&p, 0, STYLE_BOLD, "over %s", knob_table[curve->knob].option);
	parts_add(&p, 2, STYLE_DIM, "%d measured", curve->n);
	if (here < curve->n)
		parts_join(&p, 3, STYLE_DIM, "(%d before this session)", curve->n - here);
	if (app->model.random_weights && curve->n)
		parts_add(&p, 1, STYLE_DIM, "cos (random)");
	int w = canvas_text_width(c, right);
	w = w < c->width - 12 ? w : c->width - 12;
	parts_draw(&p, c, 1, 0, c->width - w - 4);
	canvas_field(c, c->width - w - 1, 0, w, STYLE_BOLD, right);
}

static void add_interval(const struct canvas *c, const struct app_point *p,
			 struct parts *parts)
{
	double half = (p->hi_ns - p->lo_ns) / 2;
	char text[24];
	if (!isnan(half))
		parts_join(parts, 1, STYLE_NORMAL, "%s%s",
			   canvas_glyph(c, GLYPH_PLUS_MINUS),
			   format_spread(half, text, sizeof(text)));
}

/* The figures of the point under the cursor. */
static void draw_figures(const struct curve *st, const struct app *app, struct canvas *c,
			 int y)
{
	const struct app_curve *curve = &st->data;
	int at = curve_at(st, app);
	struct parts parts = { .n = 0 };
	char a[32], b[32];
	if (at < 0)
		return;
	const struct app_point *p = &curve->points[at];
	parts_add(&parts, 0, STYLE_BOLD, "%s %s", knob_table[curve->knob].option,
		  curve_value(p->x, a, sizeof(a)));
	if (curve->knob == KNOB_KEEP && !isnan(p->kept))
		parts_add(&parts, 3, STYLE_NORMAL, "%.0f tokens",
			  view_tokens(app, p->kept));
	parts_add(&parts, 0, STYLE_BOLD, "%s ms", format_ms(p->p50_ns, a, sizeof(a)));
	add_interval(c, p, &parts);
	if (p->base)
		parts_join(&parts, 0, STYLE_NORMAL, "base");
	else if (!isnan(curve->base.p50_ns))
		parts_join(&parts, 0, STYLE_BOLD, "~%.2fx",
			   curve->base.p50_ns / p->p50_ns);
	if (!p->base && !isnan(curve->base.flops / p->flops))
		parts_add(&parts, 2, STYLE_NORMAL, "FLOPs %.2fx",
			  curve->base.flops / p->flops);
	if (!p->base)
		parts_add(&parts, 1, STYLE_NORMAL, "cos %s",
			  format_cosine(p->cosine, a, sizeof(a)));
	if (!isnan(p->top1))
		parts_add(&parts, 1, STYLE_NORMAL, "top-1 %s%%",
			  format_percent(p->top1, b, sizeof(b)));
	if (p->run_id)
		parts_add(&parts, 4, STYLE_DIM, "#%lld", (long long)p->run_id);
	parts_add(&parts, 5, STYLE_DIM, "%s", format_ago(p->started_ns, a, sizeof(a)));
	parts_draw(&parts, c, 1, y, c->width - 2);
}

static void draw_legend(const struct app_curve *curve, struct canvas *c, int y)
{
	struct parts p = { .n = 0 };
	bool older = false, labels = false;
	for (int i = 0; i < curve->n; i++) {
		older |= !curve->points[i].here;
		labels |= !isnan(curve->points[i].top1);
	}
	parts_add(&p, 0, STYLE_DIM, "x you");
	parts_join(&p, 0, STYLE_DIM, " o base");
	parts_join(&p, 0, STYLE_DIM, " * measured");
	if (older)
		parts_join(&p, 1, STYLE_DIM, " + earlier session");
	if (labels)
		parts_join(&p, 1, STYLE_DIM, " # top-1");
	parts_join(&p, 2, STYLE_DIM, " dots: if time followed FLOPs");
	if (curve->breaks.kind == BREAK_AT)
		parts_join(&p, 3, STYLE_DIM, " : break-even");
	parts_draw(&p, c, 1, y, c->width - 2);
}

static void draw_nothing(const struct curve *st, const struct app *app, struct canvas *c)
{
	const struct app_curve *curve = &st->data;
	char key[16], text[400];
	keymap_key(REQ_SWEEP, true, key, sizeof(key));
	if (curve->problem[0])
		snprintf(text, sizeof(text), "%s", curve->problem);
	else if (curve->busy)
		snprintf(text, sizeof(text),
			 "another program is writing to the database; trying again");
	else if (app_knob_why_not(app, curve->knob))
		snprintf(text, sizeof(text), "%s: %s", knob_table[curve->knob].option,
			 app_knob_why_not(app, curve->knob));
	else
		snprintf(text, sizeof(text),
			 "nothing is measured over %s yet: %s sweeps it",
			 knob_table[curve->knob].option, key);
	canvas_wrap(c, 2, 1, c->width - 3, 3, STYLE_DIM, text);
}

static void draw_rows(struct curve *st, const struct app *app, struct canvas *c,
		      bool focus)
{
	const struct curve_rows rows = { st, app };
	struct table_source source = curve_table(&rows);
	table_select(&st->table, curve_at(st, app), st->data.n);
	table_draw(&st->table, c, &source, focus);
}

static void draw(void *state, const struct app *app, struct canvas *c, bool focus)
{
	struct curve *st = state;
	draw_status(st, app, c);
	struct canvas body = canvas_window(c, 0, 1, c->width, c->height - 1);
	if (!st->data.n) {
		draw_nothing(st, app, &body);
		return;
	}
	if (c->plain || body.height < MIN_HEIGHT || body.width < MIN_WIDTH) {
		draw_rows(st, app, &body, focus);
		return;
	}
	struct canvas charts = canvas_window(&body, 0, 0, body.width, body.height - 2);
	curve_draw_charts(st, app, &charts, focus);
	draw_figures(st, app, &body, body.height - 2);
	draw_legend(&st->data, &body, body.height - 1);
}

/* ---- requests ---- */

static enum reaction on_request(void *state, struct app *app, enum request request)
{
	struct curve *st = state;
	int at = curve_at(st, app);
	switch (request) {
	case REQ_IN:
	case REQ_DOWN:
		return move_to(st, at + 1);
	case REQ_UP:
		return move_to(st, at - 1);
	case REQ_BACK: /* out of the view at the left end */
		return at > 0 ? move_to(st, at - 1) : REACT_NONE;
	case REQ_FIRST:
		return move_to(st, 0);
	case REQ_LAST:
		return move_to(st, st->data.n - 1);
	case REQ_ENTER:
		return enter(st, app);
	default:
		return REACT_NONE;
	}
}

static void copy(void *state, const struct app *app, struct str *markdown)
{
	struct curve *st = state;
	const struct curve_rows rows = { st, app };
	struct table_source source = curve_table(&rows);
	if (st->data.n)
		table_markdown_whole(&source, markdown);
}

static void init(void *state)
{
	struct curve *st = state;
	table_init(&st->table);
	st->knob = st->data.knob = st->chosen = KNOB_KEEP;
	st->cursor = (double)NAN;
}

static void release(void *state)
{
	struct curve *st = state;
	app_curve_release(&st->data);
}

const struct view curve_view = {
	.name = "curve",
	.title = "Curve",
	.state_size = sizeof(struct curve),
	.init = init,
	.release = release,
	.refresh = refresh,
	.on_request = on_request,
	.draw = draw,
	.copy = copy,
};
