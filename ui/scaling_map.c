#include "ui/scaling_map.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the length of a sequence follows from. */
#define LENGTHS (KNOB_BIT(KNOB_SEQ) | KNOB_BIT(KNOB_IMAGE_SIZE))

/* ---- series ---- */

bool scaling_is_of(const struct scaling_series *s, const char *model,
		   const struct knobs *knobs)
{
	struct knobs a = s->first->knobs, b = *knobs;
	knobs_resolve_method(&a);
	knobs_resolve_method(&b);
	return !strcmp(s->first->model, model) &&
	       knobs_equal(&a, &b, s->first->knob_mask & ~LENGTHS);
}

static void add_point(struct scaling_series *s, const struct app_setting *setting)
{
	int at = s->n;
	for (int i = 0; i < s->n; i++)
		if (s->points[i].tokens == setting->tokens)
			return;
	s->points = mem_grow(s->points, (size_t)s->n + 1, sizeof(*s->points));
	for (; at > 0 && s->points[at - 1].tokens > setting->tokens; at--)
		s->points[at] = s->points[at - 1];
	s->points[at] = (struct scaling_point){ setting->tokens, setting->p50_ns };
	s->n++;
}

static double slope_of(const struct scaling_series *s)
{
	double x = 0, y = 0, xx = 0, xy = 0;
	if (s->n < SCALING_FIT_LEAST)
		return (double)NAN;
	for (int i = 0; i < s->n; i++) {
		x += log(s->points[i].tokens) / s->n;
		y += log(s->points[i].p50_ns) / s->n;
	}
	for (int i = 0; i < s->n; i++) {
		double dx = log(s->points[i].tokens) - x;
		xx += dx * dx;
		xy += dx * (log(s->points[i].p50_ns) - y);
	}
	return xy / xx;
}

/* ---- what tells them apart ---- */

static uint64_t knobs_that_differ(const struct scaling_map *m)
{
	uint64_t differ = 0;
	for (int i = 1; i < m->n; i++)
		for (int k = 0; k < KNOB_COUNT; k++)
			if (!knobs_equal(&m->series[0].first->knobs,
					 &m->series[i].first->knobs, KNOB_BIT(k)))
				differ |= KNOB_BIT(k);
	return differ & ~LENGTHS;
}

static bool models_differ(const struct scaling_map *m)
{
	for (int i = 1; i < m->n; i++)
		if (strcmp(m->series[0].first->model, m->series[i].first->model) != 0)
			return true;
	return false;
}

static void make_label(struct scaling_series *s, uint64_t differ, bool model)
{
	struct str out = STR_INIT;
	const char *name = s->first->model;
	differ &= s->first->knob_mask;
	if (model)
		str_add_escaped(&out, name, strlen(name), 64);
	for (int k = 0; k < KNOB_COUNT; k++) {
		enum knob_id id = (enum knob_id)k;
		char value[KNOB_TEXT_SIZE];
		if (!(differ & KNOB_BIT(k)) || knobs_is_default(&s->first->knobs, id))
			continue;
		knobs_get(&s->first->knobs, id, value);
		str_addf(&out, "%s%s ", out.len ? " " : "", knob_table[k].option);
		str_add_escaped(&out, value, strlen(value), KNOB_TEXT_SIZE);
	}
	if (!out.len && differ)
		str_add(&out, "base");
	else if (!out.len)
		str_add_escaped(&out, name, strlen(name), 64);
	snprintf(s->label, sizeof(s->label), "%s", str_get(&out));
	str_release(&out);
}

/* ---- making ---- */

static void offer(struct scaling_map *m, const struct app_setting *s)
{
	if (!(s->tokens > 0) || !(s->p50_ns > 0))
		return;
	for (int i = 0; i < m->n; i++)
		if (scaling_is_of(&m->series[i], s->model, &s->knobs)) {
			add_point(&m->series[i], s);
			return;
		}
	if (m->n == SCALING_SERIES_MAX) {
		m->more++;
		return;
	}
	m->series[m->n] = (struct scaling_series){ .first = s };
	add_point(&m->series[m->n++], s);
}

/* Another setting of the same workload has one length, and no series. */
static bool has_lengths(const struct app_setting *list, int n, int i)
{
	const struct scaling_series alone = { .first = &list[i] };
	for (int k = 0; k < n; k++)
		if (list[k].tokens != list[i].tokens && list[k].tokens > 0 &&
		    scaling_is_of(&alone, list[k].model, &list[k].knobs))
			return true;
	return false;
}

void scaling_map_make(struct scaling_map *m, const struct app_setting *list, int n)
{
	*m = (struct scaling_map){ .n = 0 };
	for (int i = 0; i < n; i++)
		if (has_lengths(list, n, i))
			offer(m, &list[i]);
	uint64_t differ = knobs_that_differ(m);
	bool model = models_differ(m);
	for (int i = 0; i < m->n; i++) {
		make_label(&m->series[i], differ, model);
		m->series[i].slope = slope_of(&m->series[i]);
	}
}

void scaling_map_release(struct scaling_map *m)
{
	for (int i = 0; i < m->n; i++)
		free(m->series[i].points);
	m->n = 0;
}

/* ---- crossing ---- */

/* Log of the time at a length between the first and the last. */
static double log_time(const struct scaling_series *s, double tokens)
{
	for (int i = 0; i < s->n; i++) {
		const struct scaling_point *p = &s->points[i];
		if (p->tokens == tokens)
			return log(p->p50_ns);
		if (p->tokens > tokens && i > 0) {
			double at = log(tokens / p[-1].tokens) /
				    log(p->tokens / p[-1].tokens);
			return log(p[-1].p50_ns) + at * log(p->p50_ns / p[-1].p50_ns);
		}
	}
	return (double)NAN;
}

/* The next length of either after `tokens`. */
static double next_length(const struct scaling_series *a, const struct scaling_series *b,
			  double tokens)
{
	double next = (double)INFINITY;
	for (int i = 0; i < a->n; i++)
		if (a->points[i].tokens > tokens)
			next = fmin(next, a->points[i].tokens);
	for (int i = 0; i < b->n; i++)
		if (b->points[i].tokens > tokens)
			next = fmin(next, b->points[i].tokens);
	return next;
}

struct scaling_cross scaling_cross(const struct scaling_series *a,
				   const struct scaling_series *b)
{
	const double none = (double)NAN;
	struct scaling_cross c = { none, none, 0, none, none };
	double from = fmax(a->points[0].tokens, b->points[0].tokens);
	double to = fmin(a->points[a->n - 1].tokens, b->points[b->n - 1].tokens);
	if (!(from <= to))
		return c;
	c.from = from;
	c.to = to;
	for (double x = from, next; (next = next_length(a, b, x)) <= to; x = next) {
		double now = log_time(a, x) - log_time(b, x);
		double then = log_time(a, next) - log_time(b, next);
		if ((now < 0) == (then < 0))
			continue;
		double at = exp(log(x) + log(next / x) * now / (now - then));
		if (!c.n++) {
			c.tokens = at;
			c.ns = exp(log_time(a, at));
		}
	}
	return c;
}
