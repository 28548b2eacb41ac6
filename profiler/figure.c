#include "profiler/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct figure figure_table[FIGURE_COUNT] = {
#define FIGURE(id, lab, src, scl, dec, rat, hlp)                                         \
	[FIGURE_##id] = { .name = #id,                                                   \
			  .label = lab,                                                  \
			  .source = src,                                                 \
			  .scale = scl,                                                  \
			  .decimals = dec,                                               \
			  .has_ratio = rat,                                              \
			  .help = hlp },
#include "profiler/figure.def"
#undef FIGURE
};

enum figure_id figure_find(const char *name)
{
	for (int i = 0; i < FIGURE_COUNT; i++)
		if (!strcmp(figure_table[i].name, name))
			return (enum figure_id)i;
	return FIGURE_COUNT;
}

/* ---- what is not a field of the result object ---- */

static double gmac(const struct run *r)
{
	return r->flops.torch / 2 / r->input.batch * 1e-9;
}

static double sequence(const struct run *r)
{
	for (int i = r->n_layers - 1; i >= 0; i--)
		if (str_equal(r->layers[i].kind, "attention"))
			return r->layers[i].v[METRIC_tokens_in];
	return (double)NAN;
}

static bool is_attention(const struct layer *l)
{
	return str_equal(l->kind, "attention");
}

/* The final projections of image and text, and their low-rank factors. */
static bool is_projection(const struct layer *l)
{
	return l->path && strstr(l->path, "head.projection");
}

/* The share of the leaves that `of` picks in the sum over all leaves. */
static double share(const struct run *r, enum metric_id metric,
		    bool (*of)(const struct layer *))
{
	double part = (double)NAN, all = 0;
	for (int i = 0; i < r->n_layers; i++) {
		double v = r->layers[i].v[metric];
		if (isnan(v) || !run_layer_is_leaf(r, i))
			continue;
		all += v;
		if (of(&r->layers[i]))
			part = v + (isnan(part) ? 0 : part);
	}
	return part / all;
}

static double attention_time(const struct run *r)
{
	return share(r, METRIC_wall_ns, is_attention);
}

static double attention_work(const struct run *r)
{
	return share(r, METRIC_flops, is_attention);
}

static double projection_time(const struct run *r)
{
	return share(r, METRIC_wall_ns, is_projection);
}

static double projection_work(const struct run *r)
{
	return share(r, METRIC_flops, is_projection);
}

static const struct {
	const char *source;
	double (*of)(const struct run *);
} derived[] = {
	{ "kept", run_kept },
	{ "gmac", gmac },
	{ "sequence", sequence },
	{ "attention_time", attention_time },
	{ "attention_work", attention_work },
	{ "projection_time", projection_time },
	{ "projection_work", projection_work },
};

/* A field of the result object by its path, "wall.p50_ns"; NaN: there is none. */
static double field_of(const struct run *r, const char *path)
{
	const char *dot = strrchr(path, '.');
	if (!dot)
		return (double)NAN;
	size_t n = (size_t)(dot - path);
	for (const struct run_field *f = run_fields; f->group; f++)
		if ((f->kind == FIELD_NUM || f->kind == FIELD_COUNT) &&
		    strlen(f->group) == n && !strncmp(f->group, path, n) &&
		    !strcmp(f->key, dot + 1))
			return *(const double *)run_field_const(r, f);
	return (double)NAN;
}

double figure_of(const struct run *r, enum figure_id id)
{
	const struct figure *f = &figure_table[id];
	if (r->state == RUN_FAILED)
		return (double)NAN;
	for (size_t i = 0; i < sizeof(derived) / sizeof(derived[0]); i++)
		if (!strcmp(derived[i].source, f->source))
			return derived[i].of(r) * f->scale;
	return field_of(r, f->source) * f->scale;
}

bool figure_is_fidelity(enum figure_id id)
{
	const char *source = figure_table[id].source;
	return !strncmp(source, "fidelity.", 9) || !strncmp(source, "accuracy.", 9);
}

const char *figure_text(enum figure_id id, double value, char *buf, size_t size)
{
	int decimals = figure_table[id].decimals;
	/* As many digits as a time of a small model needs. */
	if (decimals && fabs(value) < 1 && figure_table[id].has_ratio)
		decimals = 3;
	if (isnan(value))
		snprintf(buf, size, "--");
	else
		snprintf(buf, size, "%.*f", decimals, value);
	return buf;
}
