/* What the rows of a study say together: slopes, and where two lines meet. */
#include <math.h>
#include <stdlib.h>

#include "base/str.h"
#include "profiler/study.h"

static const char *model_of(const struct study *s, int row)
{
	return s->rows[row].model ? s->rows[row].model : s->model;
}

/* ---- slopes ---- */

static bool same_group(const struct study *s, uint64_t bit, int a, int b)
{
	return str_equal(model_of(s, a), model_of(s, b)) &&
	       knobs_equal(&s->rows[a].knobs, &s->rows[b].knobs, bit);
}

/* The first row of the group numbered `turn`; -1: there are no more. */
static int first_of_group(const struct study *s, uint64_t bit, int turn)
{
	for (int i = 0; i < s->n_rows; i++) {
		int j = 0;
		while (j < i && !same_group(s, bit, j, i))
			j++;
		if (j == i && turn-- == 0)
			return i;
	}
	return -1;
}

static void name_group(const struct study *s, uint64_t bit, int row, struct str *group)
{
	bool one_model = true;
	for (int i = 0; i < s->n_rows; i++)
		one_model = one_model && same_group(s, 0, 0, i);
	if (!one_model)
		str_addf(group, "%s%s", model_of(s, row), bit ? " " : "");
	knobs_canonical(&s->rows[row].knobs, bit, group);
}

/* Sums of a least-squares fit. */
struct fit {
	double n, x, y, xx, xy;
};

static void fit_add(struct fit *f, double x, double y)
{
	f->n++;
	f->x += x;
	f->y += y;
	f->xx += x * x;
	f->xy += x * y;
}

bool study_fit(const struct study *s, const struct study_slope *slope,
	       const struct run *const *runs, int turn, struct str *group, double *value,
	       int *points)
{
	uint64_t bit = slope->group == KNOB_COUNT ? 0 : KNOB_BIT(slope->group);
	int first = first_of_group(s, bit, turn);
	struct fit f = { 0 };
	if (first < 0)
		return false;
	for (int i = first; i < s->n_rows; i++) {
		if (!runs[i] || !same_group(s, bit, first, i))
			continue;
		double x = figure_of(runs[i], slope->x), y = figure_of(runs[i], slope->y);
		if (x > 0 && y > 0)
			fit_add(&f, log(x), log(y));
	}
	name_group(s, bit, first, group);
	*points = (int)f.n;
	double spread = f.n * f.xx - f.x * f.x;
	bool fits = f.n >= 3 && spread > 1e-9 * f.n * f.xx; /* x that differ */
	*value = fits ? (f.n * f.xy - f.x * f.y) / spread : (double)NAN;
	return true;
}

/* ---- crossings ---- */

/* y of the line at this x: of its first row there; NaN: it has none. */
static double line_at(const struct study *s, const struct study_crossing *c, int line,
		      const struct run *const *runs, double x)
{
	const struct study_series *of = &c->of[line];
	const char *model = of->model ? of->model : s->model;
	for (int i = 0; i < s->n_rows; i++) {
		if (!runs[i] || !str_equal(model_of(s, i), model) ||
		    !knobs_equal(&s->rows[i].knobs, &of->knobs, of->given))
			continue;
		double at = figure_of(runs[i], c->x), y = figure_of(runs[i], c->y);
		if (y > 0 && fabs(at - x) <= 1e-9 * x)
			return y;
	}
	return (double)NAN;
}

/* An x where both are known: how far the first lies above the second. */
struct gap {
	double x, log_x, above;
};

static int by_x(const void *a, const void *b)
{
	const struct gap *p = a, *q = b;
	return (p->x > q->x) - (p->x < q->x);
}

/* Ascending; of x that came several times one. */
static int find_gaps(const struct study *s, const struct study_crossing *c,
		     const struct run *const *runs, struct gap *gaps)
{
	int n = 0, kept = 0;
	for (int i = 0; i < s->n_rows; i++) {
		double x = runs[i] ? figure_of(runs[i], c->x) : (double)NAN;
		if (!(x > 0))
			continue;
		double above =
			log(line_at(s, c, 0, runs, x)) - log(line_at(s, c, 1, runs, x));
		if (!isnan(above))
			gaps[n++] = (struct gap){ x, log(x), above };
	}
	qsort(gaps, (size_t)n, sizeof(*gaps), by_x);
	for (int i = 0; i < n; i++)
		if (!kept || gaps[i].x > gaps[kept - 1].x * (1 + 1e-9))
			gaps[kept++] = gaps[i];
	return kept;
}

/* The gap after which they have met for the turn-th time; n: they have not. */
static int find_meeting(const struct gap *gaps, int n, int turn)
{
	for (int i = 0; i + 1 < n; i++)
		if ((gaps[i].above <= 0) != (gaps[i + 1].above <= 0) && turn-- == 0)
			return i;
	return n;
}

static void meet_between(const struct gap *g, const struct gap *next,
			 struct study_meeting *m)
{
	double part = g->above / (g->above - next->above);
	m->at = exp(g->log_x + part * (next->log_x - g->log_x));
	m->after = g->x;
	m->before = next->x;
	m->lower = g->above > 0;
}

bool study_meet(const struct study *s, const struct study_crossing *c,
		const struct run *const *runs, int turn, struct study_meeting *m)
{
	struct gap *gaps = mem_alloc(sizeof(*gaps) * (size_t)(s->n_rows + 1));
	int n = find_gaps(s, c, runs, gaps), i = find_meeting(gaps, n, turn);
	const double nowhere = (double)NAN;
	*m = (struct study_meeting){ .points = n,
				     .from = n ? gaps[0].x : nowhere,
				     .to = n ? gaps[n - 1].x : nowhere,
				     .at = nowhere,
				     .after = nowhere,
				     .before = nowhere,
				     .lower = n > 1 ? gaps[0].above > 0 : -1 };
	if (i < n)
		meet_between(&gaps[i], &gaps[i + 1], m);
	free(gaps);
	return i < n || !turn;
}

void study_meeting_text(const struct study_crossing *c, const struct study_meeting *m,
			struct str *out)
{
	const char *a = c->of[0].name, *b = c->of[1].name;
	char at[32], after[32], before[32];
	if (m->points < 2) {
		str_addf(out, "%s and %s: not measured at two of the same %s", a, b,
			 figure_table[c->x].label);
		return;
	}
	const char *lower = c->of[m->lower].name;
	if (isnan(m->at)) {
		str_addf(out,
			 "%s and %s: no crossing in the range %s ... %s; %s is lower", a,
			 b, figure_text(c->x, m->from, after, sizeof(after)),
			 figure_text(c->x, m->to, before, sizeof(before)), lower);
		return;
	}
	str_addf(out, "%s meets %s at %s = %s (between %s and %s); %s is lower before", a,
		 b, figure_table[c->x].label, figure_text(c->x, m->at, at, sizeof(at)),
		 figure_text(c->x, m->after, after, sizeof(after)),
		 figure_text(c->x, m->before, before, sizeof(before)), lower);
}
