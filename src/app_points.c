/* Points of a curve: which belong to it, in which order, where it breaks even. */
#include "app_points.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool app_point_fits(const struct knobs *run, const struct knobs *present, uint64_t mask,
		    enum knob_id knob)
{
	struct knobs mine = *run, wanted = *present;
	wanted.v[knob] = mine.v[knob];
	knobs_resolve_method(&mine);
	knobs_resolve_method(&wanted);
	return knobs_equal(&mine, &wanted, mask);
}

/* keep 0.7 and 0.701 of 196 tokens are one setting. */
static bool same_setting(const struct app_curve *c, const struct app_point *a,
			 const struct app_point *b)
{
	if (c->knob == KNOB_KEEP && !isnan(a->kept) && !isnan(b->kept))
		return a->kept == b->kept && a->base == b->base;
	return fabs(a->x - b->x) < 1e-9 && a->base == b->base;
}

static bool is_better(const struct app_point *a, const struct app_point *b)
{
	if (a->here != b->here)
		return a->here;
	return a->started_ns > b->started_ns ||
	       (a->started_ns == b->started_ns && a->run_id > b->run_id);
}

void app_curve_add(struct app_curve *c, const struct app_point *p)
{
	if (isnan(p->x) || isnan(p->p50_ns))
		return;
	for (int i = 0; i < c->n; i++)
		if (same_setting(c, &c->points[i], p)) {
			if (is_better(p, &c->points[i]))
				c->points[i] = *p;
			return;
		}
	c->points = mem_grow(c->points, (size_t)c->n + 1, sizeof(*c->points));
	c->points[c->n++] = *p;
}

static int by_x(const void *a, const void *b)
{
	const struct app_point *p = a, *q = b;
	int order = (p->x > q->x) - (p->x < q->x);
	return order ? order : q->base - p->base;
}

/* How far a value is from switching the knob off, where that is a number. */
static double strength(enum knob_id knob, double x)
{
	struct knobs off;
	knobs_init(&off);
	double at = knob_num(&off, knob);
	return isnan(at) ? x : fabs(x - at);
}

/* The points with the technique on, its strongest setting first. The caller frees. */
static struct app_point *by_strength(const struct app_curve *c, int *n)
{
	struct app_point *p = mem_alloc(sizeof(*p) * (size_t)(c->n + 1));
	*n = 0;
	for (int i = 0; i < c->n; i++) {
		int at = (*n)++;
		if (c->points[i].base) {
			--*n;
			continue;
		}
		double mine = strength(c->knob, c->points[i].x);
		for (; at > 0 && strength(c->knob, p[at - 1].x) < mine; at--)
			p[at] = p[at - 1];
		p[at] = c->points[i];
	}
	return p;
}

static struct app_break find_break(const struct app_curve *c)
{
	struct app_break b = { .kind = BREAK_UNKNOWN, .x = (double)NAN };
	int n, faster = 0;
	if (isnan(c->base.p50_ns) || knob_table[c->knob].group != KNOB_TECHNIQUE)
		return b;
	struct app_point *p = by_strength(c, &n);
	for (int i = 0; i < n; i++) {
		double now = p[i].p50_ns - c->base.p50_ns;
		double before = i ? p[i - 1].p50_ns - c->base.p50_ns : now;
		faster += now < 0;
		if ((now < 0) == (before < 0))
			continue;
		if (before < 0 && b.kind != BREAK_AT) {
			b.kind = BREAK_AT;
			b.x = p[i - 1].x +
			      (p[i].x - p[i - 1].x) * before / (before - now);
			b.noisy = !(p[i - 1].hi_ns < c->base.lo_ns) ||
				  !(p[i].lo_ns > c->base.hi_ns);
		}
		b.crossings++;
	}
	if (n && b.kind != BREAK_AT)
		b.kind = faster ? BREAK_ALWAYS : BREAK_NEVER;
	free(p);
	return b;
}

void app_curve_finish(struct app_curve *c)
{
	if (c->n)
		qsort(c->points, (size_t)c->n, sizeof(*c->points), by_x);
	c->breaks = find_break(c);
}

void app_curve_release(struct app_curve *c)
{
	free(c->points);
	*c = (struct app_curve){ .knob = c->knob };
}
