#include "profiler/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define ORDER_SEED 1 /* any: what matters is that a resumed sweep has the same order */
#define ALL_KNOBS (KNOB_BIT(KNOB_COUNT) - 1)

void plan_init(struct plan *p, const struct knobs *fixed)
{
	*p = (struct plan){ .fixed = *fixed };
}

static void axis_release(struct plan_axis *a)
{
	for (int i = 0; i < a->n; i++)
		free(a->values[i]);
	free(a->values);
	*a = (struct plan_axis){ 0 };
}

void plan_release(struct plan *p)
{
	for (int i = 0; i < p->n_axes; i++)
		axis_release(&p->axes[i]);
	free(p->points);
	*p = (struct plan){ 0 };
}

/* ---- lists ---- */

static enum err add_value(struct plan_axis *a, const char *text)
{
	char value[KNOB_TEXT_SIZE];
	struct knobs k;
	knobs_init(&k);
	enum err e = knobs_set(&k, a->knob, text);
	if (e)
		return e;
	if (a->n == PLAN_MAX_VALUES)
		return err_set(ERR_USAGE, "--%s: more than %d values",
			       knob_table[a->knob].option, PLAN_MAX_VALUES);
	a->values = mem_grow(a->values, (size_t)a->n + 1, sizeof(*a->values));
	a->values[a->n++] = str_dup(knobs_get(&k, a->knob, value));
	return OK;
}

/* Values of a range, both ends in it; up or down as the ends stand. */
static enum err add_steps(struct plan_axis *a, double lo, double hi, double step,
			  bool factor)
{
	double sign = hi < lo ? -1 : 1;
	for (int i = 0; i <= PLAN_MAX_VALUES; i++) {
		char text[KNOB_TEXT_SIZE];
		double v = factor ? lo * pow(step, sign * i) : lo + sign * i * step;
		/* Steps such as 0.1 are not exact: the end is reached all the same. */
		double beyond = sign * (v - hi) - 1e-9 * fabs(hi);
		if (beyond > 0)
			break;
		snprintf(text, sizeof(text), "%.10g", v);
		enum err e = add_value(a, text);
		if (e)
			return e;
	}
	return OK;
}

static enum err bad_range(enum knob_id id, const char *text)
{
	char shown[80];
	return err_set(ERR_USAGE, "--%s %s: want a range as LO..HI/STEP or LO..HIxFACTOR",
		       knob_table[id].option,
		       str_escaped(shown, sizeof(shown), text, strlen(text)));
}

static enum err add_range(struct plan_axis *a, const char *text, const char *dots)
{
	char first[KNOB_TEXT_SIZE], *end;
	/* On its own: "1." is a number too. */
	snprintf(first, sizeof(first), "%.*s", (int)(dots - text), text);
	double lo = strtod(first, &end);
	if (end == first || *end)
		return bad_range(a->knob, text);
	double hi = strtod(dots + 2, &end);
	bool factor = *end == 'x';
	if (end == dots + 2 || (!factor && *end != '/'))
		return bad_range(a->knob, text);
	const char *from = end + 1;
	double step = strtod(from, &end);
	bool moves = factor ? step > 1 && lo > 0 && hi > 0 : step > 0;
	if (end == from || *end || !moves || !isfinite(lo) || !isfinite(hi) ||
	    !isfinite(step))
		return bad_range(a->knob, text);
	return add_steps(a, lo, hi, step, factor);
}

static enum err add_item(struct plan_axis *a, const char *text)
{
	enum knob_kind kind = knob_table[a->knob].kind;
	bool number = kind == KNOB_NUMBER || kind == KNOB_INTEGER;
	/* A number may begin with its point: ".5...9/.1" is .5 to .9. */
	const char *dots = number ? strstr(text, "..") : NULL;
	return dots ? add_range(a, text, dots) : add_value(a, text);
}

static enum err parse_list(struct plan_axis *a, const char *list)
{
	enum err e = OK;
	char *copy = str_dup(list), *next = copy;
	while (!e && next) {
		char *item = strsep(&next, ",");
		e = *item ? add_item(a, item)
			  : err_set(ERR_USAGE, "--%s: an empty value in the list",
				    knob_table[a->knob].option);
	}
	free(copy);
	return e;
}

enum err plan_add(struct plan *p, enum knob_id id, const char *list)
{
	struct plan_axis axis = { .knob = id };
	enum err e = parse_list(&axis, list);
	if (e) {
		axis_release(&axis);
		return e;
	}
	int at = 0;
	while (at < p->n_axes && p->axes[at].knob != id)
		at++;
	if (at < p->n_axes)
		axis_release(&p->axes[at]);
	else
		p->n_axes++;
	p->axes[at] = axis;
	return OK;
}

/* ---- points ---- */

/* Points that are there, found by the hash of their canonical knobs. */
struct index {
	uint64_t *hash; /* [n_points] */
};

static uint64_t hash_of(const struct knobs *k)
{
	struct str s = STR_INIT;
	knobs_canonical(k, ALL_KNOBS, &s);
	uint64_t h = rng_key(0, str_get(&s));
	str_release(&s);
	return h;
}

/* The point of these knobs, made where there is none. -1: there are too many. */
static int point_of(struct plan *p, struct index *index, const struct knobs *k)
{
	uint64_t h = hash_of(k);
	for (int i = 0; i < p->n_points; i++)
		if (index->hash[i] == h && knobs_equal(&p->points[i].knobs, k, ALL_KNOBS))
			return i;
	if (p->n_points == PLAN_MAX_POINTS)
		return -1;
	int n = p->n_points++;
	if ((n & (n - 1)) == 0) { /* a point is large: not once for each of thousands */
		size_t room = 2 * (size_t)n + 1;
		p->points = mem_grow(p->points, room, sizeof(*p->points));
		index->hash = mem_grow(index->hash, room, sizeof(*index->hash));
	}
	index->hash[n] = h;
	p->points[n] = (struct plan_point){ .knobs = *k };
	return n;
}

static bool sweeps_amount(const struct plan *p)
{
	for (int a = 0; a < p->n_axes; a++)
		if (p->axes[a].knob == KNOB_KEEP || p->axes[a].knob == KNOB_MERGE_R ||
		    p->axes[a].knob == KNOB_THRESHOLD)
			return true;
	return false;
}

/* Factors alone are of the coarse branch; in a grid of both knobs no scan has none. */
static void resolve_mrss(const struct plan *p, struct knobs *k)
{
	struct knobs defaults;
	bool swept = false;
	for (int a = 0; a < p->n_axes; a++)
		swept = swept || p->axes[a].knob == KNOB_MRSS;
	if (!swept)
		knobs_resolve_mrss(k);
	knobs_init(&defaults);
	if (knobs_is_default(k, KNOB_MRSS))
		k->v[KNOB_DOWNSAMPLE] = defaults.v[KNOB_DOWNSAMPLE];
}

/* Where an amount is swept to nothing, auto is none: where tokens would go, and what
 * would stand for them, is then without meaning, not an error of that point. */
static void resolve(const struct plan *p, struct knobs *k)
{
	static const enum knob_id idle[] = { KNOB_PRUNE_AT, KNOB_SUMMARY,
					     KNOB_THRESHOLD_SCALE, KNOB_LAYOUT };
	bool chosen = knob_text(k, KNOB_METHOD)[0] != 0;
	struct knobs defaults;
	resolve_mrss(p, k);
	knobs_resolve_method(k);
	if (chosen && p->settle)
		p->settle(k);
	if (chosen || strcmp(knob_text(k, KNOB_METHOD), "none") != 0 || !sweeps_amount(p))
		return;
	knobs_init(&defaults);
	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++)
		k->v[idle[i]] = defaults.v[idle[i]];
}

static enum err add_point(struct plan *p, struct index *index, struct knobs k)
{
	resolve(p, &k);
	const struct knobs base = knobs_base(&k);
	int b = point_of(p, index, &base);
	int i = b < 0 ? -1 : point_of(p, index, &k);
	if (i < 0)
		return err_set(ERR_USAGE, "more than %d settings", PLAN_MAX_POINTS);
	p->points[b].base = p->points[i].base = b;
	p->points[i].asked = true;
	return OK;
}

/* The next combination, the last axis fastest; false: that was the last. */
static bool turn(const struct plan *p, int *at)
{
	for (int a = p->n_axes - 1; a >= 0; a--) {
		if (++at[a] < p->axes[a].n)
			return true;
		at[a] = 0;
	}
	return false;
}

static enum err knobs_at(const struct plan *p, const int *at, struct knobs *k)
{
	enum err e = OK;
	*k = p->fixed;
	for (int a = 0; !e && a < p->n_axes; a++)
		e = knobs_set(k, p->axes[a].knob, p->axes[a].values[at[a]]);
	return e;
}

enum err plan_build(struct plan *p)
{
	int at[KNOB_COUNT] = { 0 };
	struct index index = { 0 };
	struct knobs k;
	enum err e;
	free(p->points);
	p->points = NULL;
	p->n_points = 0;
	do {
		e = knobs_at(p, at, &k);
		if (!e)
			e = add_point(p, &index, k);
	} while (!e && turn(p, at));
	free(index.hash);
	return e;
}

/* ---- what a point is called, when it runs ---- */

uint64_t plan_varies(const struct plan *p)
{
	uint64_t varies = 0;
	for (int id = 0; id < KNOB_COUNT; id++)
		for (int i = 1; i < p->n_points && !(varies & KNOB_BIT(id)); i++)
			if (!knobs_equal(&p->points[0].knobs, &p->points[i].knobs,
					 KNOB_BIT(id)))
				varies |= KNOB_BIT(id);
	return varies;
}

void plan_label(const struct plan *p, int point, uint64_t varies, struct str *out)
{
	const struct knobs *k = &p->points[point].knobs;
	for (int a = 0; a < p->n_axes; a++) {
		uint64_t bit = KNOB_BIT(p->axes[a].knob);
		if (!(varies & bit))
			continue;
		if (out->len)
			str_add(out, " ");
		knobs_canonical(k, bit, out);
		varies &= ~bit;
	}
	if (varies && out->len)
		str_add(out, " ");
	knobs_canonical(k, varies, out);
}

static void shuffle(int *list, int n, uint64_t key)
{
	for (int i = n - 1; i > 0; i--) {
		int j = (int)(rng_bits(key, (uint32_t)i) % (uint32_t)(i + 1));
		int moved = list[i];
		list[i] = list[j];
		list[j] = moved;
	}
}

/* What a point is compared with may be compared with another, which comes before it. */
static int root_of(const int *base, int i)
{
	while (base[i] < i)
		i = base[i];
	return i;
}

void plan_order_of(const int *base, int n, int *order)
{
	int done = 0;
	for (int b = 0; b < n; b++) {
		if (base[b] != b)
			continue;
		order[done++] = b;
		int first = done;
		for (int i = 0; i < n; i++)
			if (i != b && base[i] != i && root_of(base, i) == b)
				order[done++] = i;
		shuffle(order + first, done - first, rng_key(ORDER_SEED, "order"));
	}
}

void plan_order(const struct plan *p, int *order)
{
	int *base = mem_alloc(sizeof(*base) * (size_t)(p->n_points + 1));
	for (int i = 0; i < p->n_points; i++)
		base[i] = p->points[i].base;
	plan_order_of(base, p->n_points, order);
	free(base);
}
