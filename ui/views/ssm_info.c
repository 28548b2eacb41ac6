/* What a factor could do, what it did, and how far the state drifts. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/format.h"
#include "ui/views/ssm.h"
#include "ui/widgets/chart.h"

#define BOTH_WIDTH 36 /* columns from which the added branch has its own */
#define CHART_ROWS 5  /* of a chart, at least, with its axis */
#define CHART_MOST 18 /* ... and at most */
#define CHART_COLUMNS 72
#define FACTORS_SHOWN 8

/* ---- words ---- */

static void add_factors(const struct run_mrss *m, struct str *out)
{
	for (int i = 0; i < m->n_factors && i < FACTORS_SHOWN; i++)
		str_addf(out, "%s%.4gx", i ? " " : "", m->factors[i]);
	if (m->n_factors > FACTORS_SHOWN)
		str_addf(out, " and %d more", m->n_factors - FACTORS_SHOWN);
}

static bool factors_differ(const struct run_mrss *m)
{
	for (int i = 1; i < m->n_factors; i++)
		if (m->factors[i] != m->factors[0])
			return true;
	return false;
}

void ssm_words(const struct run *run, double work, struct str *out)
{
	const struct run_mrss *m = &run->mrss;
	const char *mrss = knob_text(&run->knobs, KNOB_MRSS);
	char shown[KNOB_TEXT_SIZE];
	if (!strcmp(mrss, "off")) {
		str_add(out, "mrss off: one scan of every token");
		return;
	}
	str_addf(out, "%s ", format_name(mrss, shown, sizeof(shown)));
	if (factors_differ(m))
		add_factors(m, out);
	else
		str_addf(out, "%.4gx",
			 m->n_factors ? m->factors[0]
				      : knob_num(&run->knobs, KNOB_DOWNSAMPLE));
	if (!isnan(work))
		str_addf(out, " %s %.2fx the FLOPs of the baseline",
			 work > 1 ? "costs" : "does", work);
}

/* ---- factors ---- */

static const char *ratio(double v, char *buf, size_t size)
{
	snprintf(buf, size, isnan(v) ? "--" : "%.2fx", v);
	return buf;
}

static void draw_factor(const struct ssm_shown *s, struct canvas *c, int y, int i)
{
	const struct ssm_times *m = &s->st->times;
	double r = 2 << i, off = m->off_ns;
	bool here = knob_num(&s->run->knobs, KNOB_DOWNSAMPLE) == r;
	unsigned style = here ? STYLE_BOLD : STYLE_NORMAL;
	char text[4][16], line[80];
	if (isnan(off) && s->base)
		off = s->base->wall.p50_ns;
	int n = snprintf(line, sizeof(line), "%c%2.0f %8s %6s", here ? '>' : ' ', r,
			 ratio(scan_best(s->share, r, false), text[0], sizeof(text[0])),
			 ratio(off / m->low_ns[i], text[1], sizeof(text[1])));
	if (c->width >= BOTH_WIDTH)
		snprintf(line + n, sizeof(line) - (size_t)n, " %9s %6s",
			 ratio(scan_best(s->share, r, true), text[2], sizeof(text[2])),
			 ratio(off / m->both_ns[i], text[3], sizeof(text[3])));
	canvas_field(c, 0, y, c->width, style, line);
}

/* Rows it took. */
static int draw_factors(const struct ssm_shown *s, struct canvas *c)
{
	char percent[16], text[120];
	snprintf(text, sizeof(text), "%s %% of the time scales with r",
		 format_percent(s->share, percent, sizeof(percent)));
	canvas_field(c, 0, 0, c->width, STYLE_BOLD, text);
	canvas_field(c, 0, 1, c->width, STYLE_DIM,
		     c->width >= BOTH_WIDTH ? "  r low best  found both best  found"
					    : "  r low best  found");
	for (int i = 0; i < SSM_FACTORS; i++)
		draw_factor(s, c, 2 + i, i);
	return 2 + SSM_FACTORS;
}

/* ---- the state ---- */

static double largest(const double *v, int n)
{
	double most = (double)NAN;
	for (int i = 0; i < n; i++)
		most = isnan(most) || v[i] > most ? v[i] : most;
	return most;
}

static void draw_chart(const struct run_ssm *ssm, int n, struct canvas *c)
{
	struct chart_mark marks[64];
	int step = (n + 63) / 64, k = 0;
	for (int i = 0; i < n; i += step)
		marks[k++] = (struct chart_mark){ .x = ssm->state_at[i],
						  .y = ssm->state_error[i],
						  .lo = (double)NAN,
						  .hi = (double)NAN,
						  .letter = '*',
						  .style = STYLE_BOLD };
	struct chart chart = {
		.title = "err",
		.x = chart_axis(0, ssm->state_at[n - 1], (c->width - CHART_GUTTER) / 8,
				false),
		.y = chart_axis(0, largest(ssm->state_error, n), c->height / 2, true),
		.marks = marks,
		.n_marks = k,
		.line_x = ssm->state_at,
		.line_y = ssm->state_error,
		.n_line = n,
		.level = (double)NAN,
		.upright = (double)NAN,
		.selected = (double)NAN,
		.you = (double)NAN,
		.x_labels = true,
	};
	chart_draw(c, &chart);
}

static void draw_state(const struct run *run, struct canvas *c)
{
	const struct run_ssm *ssm = &run->ssm;
	int n = ssm->n_state_at < ssm->n_state_error ? ssm->n_state_at
						     : ssm->n_state_error;
	char at[24], text[160];
	if (n < 1) {
		if (!isnan(ssm->state_bytes) && !knobs_is_default(&run->knobs, KNOB_MRSS))
			canvas_field(c, 0, 0, c->width, STYLE_DIM,
				     "state error: not measured");
		return;
	}
	snprintf(text, sizeof(text), "state error %.3g at %s, most %.3g",
		 ssm->state_error[n - 1],
		 format_tokens(ssm->state_at[n - 1], at, sizeof(at)),
		 largest(ssm->state_error, n));
	canvas_field(c, 0, 0, c->width, STYLE_BOLD, text);
	int rows = c->height - 1 < CHART_MOST ? c->height - 1 : CHART_MOST;
	int width = c->width < CHART_COLUMNS ? c->width : CHART_COLUMNS;
	struct canvas chart = canvas_window(c, 0, 1, width, rows);
	if (!c->plain && rows >= CHART_ROWS && n > 1)
		draw_chart(ssm, n, &chart);
	else if (!c->plain && n > 1)
		canvas_spark(c, 0, 1, n < width ? n : width, ssm->state_error, n,
			     STYLE_ACCENT);
}

/* ---- what it wrote ---- */

static void draw_generated(const struct run *run, struct canvas *c)
{
	struct str s = STR_INIT;
	str_add(&s, "goes on: ");
	if (c->height > 0 && view_generated(run, &s))
		canvas_wrap(c, 0, 0, c->width, c->height < 2 ? c->height : 2,
			    STYLE_NORMAL, str_get(&s));
	str_release(&s);
}

void ssm_draw_info(const struct ssm_shown *s, struct canvas *c)
{
	int used = draw_factors(s, c), air = c->height > 14;
	int words = s->run->generated.n_ids > 0 && c->height > 20 ? 3 : 0;
	struct canvas state =
		canvas_window(c, 0, used + air, c->width, c->height - used - air - words);
	draw_state(s->run, &state);
	struct canvas below = canvas_window(c, 0, c->height - words, c->width, words);
	draw_generated(s->run, &below);
}
