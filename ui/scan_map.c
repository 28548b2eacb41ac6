#include "ui/scan_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const scan_part_names[SCAN_PARTS] = {
	[SCAN_SCAN] = "scan",       [SCAN_CONV] = "conv1d",
	[SCAN_X_PROJ] = "x_proj",   [SCAN_DT_PROJ] = "dt_proj",
	[SCAN_IN_PROJ] = "in_proj", [SCAN_OUT_PROJ] = "out_proj",
	[SCAN_LINEAR] = "products", [SCAN_RESAMPLE] = "down, up",
	[SCAN_GATE] = "gate",       [SCAN_NORM] = "norm",
	[SCAN_EMBED] = "embedding", [SCAN_HEAD] = "head",
	[SCAN_REST] = "rest",
};

/* By the last word of the name first: a projection is a "linear" like any other. */
static const struct {
	const char *name, *kind; /* NULL: any */
	enum scan_part part;
} rules[] = {
	{ "in_proj", NULL, SCAN_IN_PROJ },   { "x_proj", NULL, SCAN_X_PROJ },
	{ "dt_proj", NULL, SCAN_DT_PROJ },   { "out_proj", NULL, SCAN_OUT_PROJ },
	{ "head", NULL, SCAN_HEAD },         { "lm_head", NULL, SCAN_HEAD },
	{ "logits", NULL, SCAN_HEAD },       { "gate", NULL, SCAN_GATE },
	{ NULL, "scan", SCAN_SCAN },         { NULL, "conv1d", SCAN_CONV },
	{ NULL, "gate", SCAN_GATE },         { NULL, "downsample", SCAN_RESAMPLE },
	{ NULL, "upsample", SCAN_RESAMPLE }, { NULL, "blend", SCAN_RESAMPLE },
	{ NULL, "resample", SCAN_RESAMPLE }, { NULL, "rmsnorm", SCAN_NORM },
	{ NULL, "layernorm", SCAN_NORM },    { NULL, "lookup", SCAN_EMBED },
	{ NULL, "embed", SCAN_EMBED },       { NULL, "linear", SCAN_LINEAR },
};

static enum scan_part part_of(const struct layer *l)
{
	const char *name = l->name ? l->name : "", *dot = strrchr(name, '.');
	const char *kind = l->kind ? l->kind : "";
	name = dot ? dot + 1 : name;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if ((!rules[i].name || !strcmp(rules[i].name, name)) &&
		    (!rules[i].kind || !strcmp(rules[i].kind, kind)))
			return rules[i].part;
	return SCAN_REST;
}

static void add(double *sum, double v)
{
	if (!isnan(v))
		*sum = isnan(*sum) ? v : *sum + v;
}

static void add_layer(struct scan_map *m, const struct layer *l)
{
	enum scan_part part = part_of(l);
	add(&m->ns[part], l->v[METRIC_wall_ns]);
	add(&m->flops[part], l->v[METRIC_flops]);
	add(&m->whole_ns, l->v[METRIC_wall_ns]);
	add(&m->whole_flops, l->v[METRIC_flops]);
	m->layers[part]++;
}

void scan_map_make(struct scan_map *m, const struct run *run)
{
	bool *inside = mem_alloc((size_t)run->n_layers + 1); /* some layer's parent */
	*m = (struct scan_map){ .whole_ns = (double)NAN, .whole_flops = (double)NAN };
	for (int i = 0; i < SCAN_PARTS; i++)
		m->ns[i] = m->flops[i] = (double)NAN;
	for (int i = 0; i < run->n_layers; i++)
		if (run->layers[i].parent >= 0)
			inside[run->layers[i].parent] = true;
	for (int i = 0; i < run->n_layers; i++)
		if (!inside[i])
			add_layer(m, &run->layers[i]);
	free(inside);
}

bool scan_map_is_sequence(const struct scan_map *m)
{
	return m->layers[SCAN_SCAN] > 0 || m->layers[SCAN_CONV] > 0;
}

bool scan_map_scales(const struct scan_map *m, enum scan_part part)
{
	if (part == SCAN_LINEAR) /* of a branch that is a convolution and a product */
		return !m->layers[SCAN_SCAN];
	return part <= SCAN_DT_PROJ;
}

double scan_map_share(const struct scan_map *m)
{
	double ns = (double)NAN;
	for (int i = 0; i < SCAN_PARTS; i++)
		if (scan_map_scales(m, (enum scan_part)i))
			add(&ns, m->ns[i]);
	return ns / m->whole_ns;
}

double scan_best(double share, double r, bool beside)
{
	return 1 / ((beside ? 1 : 1 - share) + share / r);
}
