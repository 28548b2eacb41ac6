#include "profiler/rates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/model.h"

#define POINTS 8 /* sizes remembered per op: the latest */

struct point {
	double work, ns;
};

/* What one op, by its path and the type of the pass, took at several sizes. */
struct op_rate {
	char *path;
	enum dtype type;
	struct point points[POINTS];
	int n, next;
};

struct rates {
	struct op_rate *ops;
	int n;
	double flops_per_s[DT_COUNT]; /* NaN: not known */
	double bytes_per_s;
};

struct rates *rates_create(void)
{
	struct rates *r = mem_alloc(sizeof(*r));
	rates_calibrate(r, (double)NAN, (double)NAN);
	return r;
}

void rates_forget(struct rates *r)
{
	for (int i = 0; i < r->n; i++)
		free(r->ops[i].path);
	free(r->ops);
	r->ops = NULL;
	r->n = 0;
}

void rates_free(struct rates *r)
{
	if (!r)
		return;
	rates_forget(r);
	free(r);
}

void rates_calibrate(struct rates *r, double flops_per_s, double bytes_per_s)
{
	for (int i = 0; i < DT_COUNT; i++)
		r->flops_per_s[i] = (double)NAN;
	r->flops_per_s[DT_F32] = flops_per_s;
	r->bytes_per_s = bytes_per_s;
}

void rates_calibrate_type(struct rates *r, enum dtype type, double flops_per_s)
{
	r->flops_per_s[type] = flops_per_s;
}

/* The size of an op: its arithmetic, or for one that only moves data its bytes. */
static double work_of(const struct layer *l)
{
	double flops = l->v[METRIC_flops];
	return flops > 0 ? flops : l->v[METRIC_bytes_read] + l->v[METRIC_bytes_written];
}

static struct op_rate *find(const struct rates *r, const char *path, enum dtype type)
{
	for (int i = 0; i < r->n; i++)
		if (r->ops[i].type == type && !strcmp(r->ops[i].path, path))
			return &r->ops[i];
	return NULL;
}

static void remember(struct op_rate *op, struct point p)
{
	for (int i = 0; i < op->n; i++)
		if (fabs(op->points[i].work / p.work - 1) < 1e-9) {
			op->points[i] = p; /* the same size again: the newer counts */
			return;
		}
	op->points[op->next] = p;
	op->next = (op->next + 1) % POINTS;
	op->n += op->n < POINTS;
}

void rates_learn(struct rates *r, const struct run *run)
{
	enum dtype type = model_dtype(&run->knobs);
	for (int i = 0; i < run->n_layers; i++) {
		const struct layer *l = &run->layers[i];
		struct point p = { work_of(l), l->v[METRIC_wall_ns] };
		if (!run_layer_is_leaf(run, i) || !(p.work > 0) || !(p.ns > 0))
			continue;
		struct op_rate *op = find(r, l->path, type);
		if (!op) {
			r->ops = mem_grow(r->ops, (size_t)r->n + 1, sizeof(*r->ops));
			op = &r->ops[r->n++];
			*op = (struct op_rate){ .path = str_dup(l->path), .type = type };
		}
		remember(op, p);
	}
}

/*
 * Between two measured sizes the time is a straight line, outside of them it follows the
 * nearest one's rate.
 */
static double interpolate(const struct op_rate *op, double work)
{
	const struct point *below = NULL, *above = NULL;
	for (int i = 0; i < op->n; i++) {
		const struct point *p = &op->points[i];
		if (p->work <= work && (!below || p->work > below->work))
			below = p;
		if (p->work >= work && (!above || p->work < above->work))
			above = p;
	}
	if (below && above && above->work > below->work)
		return below->ns + (above->ns - below->ns) * (work - below->work) /
					   (above->work - below->work);
	const struct point *nearest = below ? below : above;
	return nearest->ns * work / nearest->work;
}

/* Only products are of the type of the pass. */
static double calibrated(const struct rates *r, const struct layer *l, enum dtype type)
{
	double bytes = l->v[METRIC_bytes_read] + l->v[METRIC_bytes_written];
	double rate = r->flops_per_s[DT_F32];
	if (l->kind && !strcmp(l->kind, "linear") && !isnan(r->flops_per_s[type]))
		rate = r->flops_per_s[type];
	double compute = l->v[METRIC_flops] / rate * 1e9;
	double move = bytes / r->bytes_per_s * 1e9;
	return fmax(compute, move);
}

struct tally {
	int guessed, leaves;
};

static struct tally estimate(const struct rates *r, bool learned, struct run *run)
{
	double total = 0;
	enum dtype type = model_dtype(&run->knobs);
	struct tally n = { 0, 0 };
	for (int i = run->n_layers - 1; i >= 0; i--) {
		struct layer *l = &run->layers[i];
		if (run_layer_is_leaf(run, i)) {
			const struct op_rate *op =
				learned ? find(r, l->path, type) : NULL;
			l->v[METRIC_wall_ns] =
				op ? interpolate(op, work_of(l)) : calibrated(r, l, type);
			n.guessed += !op;
			n.leaves++;
		}
		l->v[METRIC_self_ns] = (double)NAN;
		if (l->parent < 0) {
			total += l->v[METRIC_wall_ns];
			continue;
		}
		double *up = &run->layers[l->parent].v[METRIC_wall_ns];
		*up = l->v[METRIC_wall_ns] + (isnan(*up) ? 0 : *up);
	}
	run->wall.p50_ns = run->whole.layer_sum_ns = total;
	run->throughput.items_per_s = run->input.batch / total * 1e9;
	return n;
}

void rates_estimate(const struct rates *r, struct run *run)
{
	struct tally n = estimate(r, true, run);
	if (n.guessed)
		run_warn(run,
			 "%d of %d ops were never measured: their time is estimated from "
			 "calibrated rates of this machine",
			 n.guessed, n.leaves);
	enum dtype type = model_dtype(&run->knobs);
	if (n.guessed && isnan(r->flops_per_s[type]) && !isnan(r->flops_per_s[DT_F32]))
		run_warn(run,
			 "--dtype %s was not measured yet: estimated as if it took "
			 "as long as fp32",
			 knob_text(&run->knobs, KNOB_DTYPE));
}

void rates_estimate_calibrated(const struct rates *r, struct run *run)
{
	estimate(r, false, run);
}
