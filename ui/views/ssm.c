/* A lens on models with a scan: what it takes beside projections and convolutions, and
 * what a coarser sequence could save, saves and costs. */
#include "ui/views/ssm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/format.h"
#include "ui/widgets/parts.h"
#include "ui/widgets/stack.h"

#define LABEL_WIDTH 11 /* before a bar: "base FLOPs" */
#define TOTAL_WIDTH 8  /* behind it */
#define TALL 30        /* rows of a canvas where bars are two rows high */
#define LOW 12         /* rows below which the base has no bar */
#define LEFT_WIDTH 42  /* of the table where something stands beside it */
#define INFO_MIN 26    /* columns of what does */

/* ---- what is shown ---- */

static bool applies(const struct app *app)
{
	const uint64_t knobs = KNOB_BIT(KNOB_MRSS) | KNOB_BIT(KNOB_DOWNSAMPLE);
	const struct run *run = app_shown(app);
	return (app->has_model && (app->model.knob_mask & knobs)) ||
	       (run && !isnan(run->ssm.state_bytes));
}

static bool rebuild(const struct ssm *st, const struct app *app, struct ssm_shown *s)
{
	*s = (struct ssm_shown){ .app = app, .st = st, .run = app_shown(app) };
	if (!s->run || !s->run->n_layers)
		return false;
	s->base = view_base(app);
	scan_map_make(&s->now, s->run);
	if (s->base)
		scan_map_make(&s->before, s->base);
	for (int i = 0; i < SCAN_PARTS; i++)
		if (s->now.layers[i] || s->before.layers[i])
			s->rows[s->n_rows++] = (enum scan_part)i;
	bool off = !strcmp(knob_text(&s->run->knobs, KNOB_MRSS), "off");
	s->share = s->base ? scan_map_share(&s->before)
		   : off   ? scan_map_share(&s->now)
			   : (double)NAN;
	return scan_map_is_sequence(&s->now);
}

/* ---- what was measured ---- */

/* The same model and workload; the scan may differ. */
static bool is_of_present(const struct app *app, const struct app_setting *s)
{
	uint64_t mask =
		app->model.knob_mask & ~(KNOB_BIT(KNOB_MRSS) | KNOB_BIT(KNOB_DOWNSAMPLE));
	return !strcmp(s->model, app->model.name) &&
	       knobs_equal(&s->knobs, &app->knobs, mask);
}

static void take(struct ssm_times *m, const struct app_setting *s)
{
	const char *mrss = knob_text(&s->knobs, KNOB_MRSS);
	double r = knob_num(&s->knobs, KNOB_DOWNSAMPLE);
	if (!strcmp(mrss, "off"))
		m->off_ns = s->p50_ns;
	for (int i = 0; i < SSM_FACTORS; i++) {
		if (r != 2 << i)
			continue;
		if (!strcmp(mrss, "low"))
			m->low_ns[i] = s->p50_ns;
		else if (!strcmp(mrss, "both"))
			m->both_ns[i] = s->p50_ns;
	}
}

static void forget(struct ssm_times *m)
{
	m->off_ns = (double)NAN;
	for (int i = 0; i < SSM_FACTORS; i++)
		m->low_ns[i] = m->both_ns[i] = (double)NAN;
}

static bool refresh(void *state, struct app *app)
{
	struct ssm *st = state;
	view_measured_read(&st->measured, app);
	forget(&st->times);
	for (int i = 0; i < st->measured.n; i++)
		if (is_of_present(app, &st->measured.list[i]))
			take(&st->times, &st->measured.list[i]);
	return false;
}

/* ---- the table ---- */

enum column { C_PART, C_MS, C_MS_SHARE, C_FLOP_SHARE, C_BASE_MS, C_CHANGE };
#define N_COLUMNS (C_CHANGE + 1)

static const struct table_column columns[N_COLUMNS] = {
	[C_PART] = { "part", 13, 0, true, false },
	[C_MS] = { "ms", 6, 0, false, false },
	[C_MS_SHARE] = { "ms %", 5, 0, false, false },
	[C_FLOP_SHARE] = { "FLOP%", 5, 1, false, false },
	[C_BASE_MS] = { "base ms", 7, 3, false, false },
	[C_CHANGE] = { "vs base", 7, 2, false, false },
};

static void cell_of(const void *context, int row, int column, struct table_cell *cell)
{
	const struct ssm_shown *s = context;
	enum scan_part part = s->rows[row];
	char *text = cell->text;
	size_t size = sizeof(cell->text);
	double now = s->now.ns[part], before = s->base ? s->before.ns[part] : (double)NAN;
	switch (column) {
	case C_PART:
		snprintf(text, size, "%c %s%s", format_letter(part),
			 scan_part_names[part],
			 scan_map_scales(&s->now, part) ? " /r" : "");
		break;
	case C_MS:
		format_ms(now, text, size);
		break;
	case C_MS_SHARE:
		format_percent(now / s->now.whole_ns, text, size);
		break;
	case C_FLOP_SHARE:
		format_percent(s->now.flops[part] / s->now.whole_flops, text, size);
		break;
	case C_BASE_MS:
		format_ms(before, text, size);
		break;
	default:
		format_change(now / before, text, size);
	}
	if (s->run->state == RUN_ESTIMATE)
		cell->style = STYLE_DIM;
}

static struct table_source source_of(const struct ssm_shown *s)
{
	return (struct table_source){ .columns = columns,
				      .n_columns = N_COLUMNS,
				      .n_rows = s->n_rows,
				      .context = s,
				      .cell = cell_of };
}

/* ---- bars ---- */

static void draw_bar(const struct ssm_shown *s, struct canvas *c, int y, int rows,
		     const struct scan_map *m, bool flops, double scale)
{
	struct stack_part part[SCAN_PARTS];
	bool base = m != &s->now, estimate = !base && s->run->state == RUN_ESTIMATE;
	unsigned style = base || estimate ? STYLE_DIM : STYLE_NORMAL;
	const double *v = flops ? m->flops : m->ns;
	char total[24], label[24];
	for (int i = 0; i < s->n_rows; i++)
		part[i] = (struct stack_part){ .value = v[s->rows[i]],
					       .letter = format_letter(s->rows[i]),
					       .hue = s->rows[i],
					       .label = scan_part_names[s->rows[i]] };
	struct stack stack = { part, s->n_rows, scale, estimate };
	snprintf(label, sizeof(label), "%s%s%s", base ? "base " : "",
		 estimate && !flops ? "~" : "", flops ? "FLOPs" : "ms");
	canvas_field(c, 1, y, LABEL_WIDTH - 1, style, label);
	stack_draw(c, 1 + LABEL_WIDTH, y, c->width - 1 - LABEL_WIDTH - TOTAL_WIDTH, rows,
		   &stack);
	canvas_field_right(c, c->width - TOTAL_WIDTH, y, TOTAL_WIDTH - 1, style,
			   flops ? format_count(m->whole_flops, total, sizeof(total))
				 : format_ms(m->whole_ns, total, sizeof(total)));
}

static double longest(double a, double b) { return !(a >= b) ? b : a; }

/* Times are as long as they are beside the base's, and so is work. Rows it took. */
static int draw_bars(const struct ssm_shown *s, struct canvas *c, int y)
{
	int rows = c->height >= TALL ? 2 : 1, from = y;
	bool base = s->base && c->height >= LOW, air = rows > 1;
	double ns = s->now.whole_ns, flops = s->now.whole_flops;
	if (base) {
		ns = longest(ns, s->before.whole_ns);
		flops = longest(flops, s->before.whole_flops);
	}
	draw_bar(s, c, y, rows, &s->now, false, ns);
	y += rows + air;
	if (base) {
		draw_bar(s, c, y, rows, &s->before, false, ns);
		y += rows + air;
	}
	draw_bar(s, c, y, rows, &s->now, true, flops);
	y += rows + air;
	if (base && air) {
		draw_bar(s, c, y, rows, &s->before, true, flops);
		y += rows + air;
	}
	return y - from;
}

/* ---- drawing ---- */

static void draw_nothing(const struct app *app, struct canvas *c)
{
	const struct run *run = app_shown(app);
	const char *why = app_knob_why_not(app, KNOB_DOWNSAMPLE);
	char text[400], shown[300];
	if (!run || !run->n_layers)
		snprintf(text, sizeof(text), "nothing measured yet");
	else
		snprintf(text, sizeof(text), "this model has no scan%s%s",
			 why ? ": " : "",
			 why ? format_name(why, shown, sizeof(shown)) : "");
	canvas_wrap(c, 2, 1, c->width - 3, 3, STYLE_DIM, text);
}

static void draw_status(const struct ssm_shown *s, struct canvas *c)
{
	struct parts p = { .n = 0 };
	struct str words = STR_INIT;
	char state[24], tokens[24];
	double work = s->run->mrss.work_ratio;
	if (isnan(work)) /* an estimate, or a run that does not say */
		work = 1 / app_flops_ratio(s->app, s->run);
	ssm_words(s->run, work, &words);
	parts_add(&p, 0, STYLE_BOLD, "%s", str_get(&words));
	if (s->run->state == RUN_ESTIMATE)
		parts_add(&p, 0, STYLE_DIM, "~ estimate");
	if (!isnan(s->run->mrss.gate_mean))
		parts_add(&p, 1, STYLE_NORMAL, "gate %.2f coarse (untrained)",
			  s->run->mrss.gate_mean);
	parts_add(&p, 2, STYLE_NORMAL, "%s tokens",
		  format_tokens(s->run->input.tokens, tokens, sizeof(tokens)));
	if (!isnan(s->run->ssm.state_bytes))
		parts_add(&p, 3, STYLE_NORMAL, "state %s an item",
			  format_bytes(s->run->ssm.state_bytes, state, sizeof(state)));
	parts_draw(&p, c, 1, 0, c->width - 2);
	str_release(&words);
}

static void draw(void *state, const struct app *app, struct canvas *c, bool focus)
{
	struct ssm *st = state;
	struct ssm_shown s;
	if (!rebuild(st, app, &s)) {
		draw_nothing(app, c);
		return;
	}
	draw_status(&s, c);
	int y = 1 + (c->height >= TALL);
	y += c->plain ? 0 : draw_bars(&s, c, y);
	bool beside = !c->plain && c->width >= LEFT_WIDTH / 2 + INFO_MIN;
	int left = beside && c->width - INFO_MIN < LEFT_WIDTH ? c->width - INFO_MIN
		   : beside                                   ? LEFT_WIDTH
							      : c->width;
	int rows = beside ? c->height - y : s.n_rows + 1;
	struct canvas table = canvas_window(c, 0, y, left, rows);
	struct canvas info = canvas_window(
		c, beside ? left + 1 : 1, beside ? y : y + rows,
		c->width - (beside ? left + 1 : 1), beside ? rows : c->height - y - rows);
	struct table_source source = source_of(&s);
	table_draw(&st->table, &table, &source, focus);
	ssm_draw_info(&s, &info);
}

/* ---- requests ---- */

static enum reaction on_request(void *state, struct app *app, enum request request)
{
	struct ssm *st = state;
	struct ssm_shown s;
	if (!rebuild(st, app, &s))
		return REACT_NONE;
	return table_move(&st->table, request, s.n_rows) ? REACT_REDRAW : REACT_NONE;
}

static void copy(void *state, const struct app *app, struct str *markdown)
{
	struct ssm_shown s;
	if (!rebuild(state, app, &s))
		return;
	struct table_source source = source_of(&s);
	table_markdown_whole(&source, markdown);
}

static void init(void *state)
{
	struct ssm *st = state;
	table_init(&st->table);
	forget(&st->times);
}

static void release(void *state)
{
	struct ssm *st = state;
	view_measured_release(&st->measured);
}

const struct view ssm_view = {
	.name = "ssm",
	.title = "SSM",
	.state_size = sizeof(struct ssm),
	.init = init,
	.release = release,
	.applies = applies,
	.refresh = refresh,
	.on_request = on_request,
	.draw = draw,
	.copy = copy,
};
