#include "reduce/reduction.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

const struct method *method_by_name(const char *name)
{
	for (int i = 0; methods[i]; i++)
		if (!strcmp(methods[i]->name, name))
			return methods[i];
	return NULL;
}

void method_names(struct str *out)
{
	for (int i = 0; methods[i]; i++)
		str_addf(out, "%s%s", i ? ", " : "", methods[i]->name);
}

static enum err unknown_method(const char *name)
{
	char shown[64];
	struct str names = STR_INIT;
	method_names(&names);
	enum err e = err_set(ERR_USAGE, "--method %s: this version has %s",
			     str_escaped(shown, sizeof(shown), name, strlen(name)),
			     str_get(&names));
	str_release(&names);
	return e;
}

static enum err bad_layers(const char *text, const struct tower *t)
{
	char shown[64];
	return err_set(ERR_USAGE,
		       "--prune-at %s: want embed, or layers from 0 to %d of %s in "
		       "ascending order, such as 3+6+9",
		       str_escaped(shown, sizeof(shown), text, strlen(text)),
		       (int)t->depth - 1, t->name);
}

static enum err add_layer(struct reduction *r, int64_t layer, const struct tower *t)
{
	if (r->n_layers == REDUCTION_MAX_SITES)
		return err_set(ERR_UNSUPPORTED,
			       "%s has %d layers: at most %d of them can drop tokens",
			       t->name, (int)t->depth, REDUCTION_MAX_SITES);
	r->layers[r->n_layers++] = (int)layer;
	return OK;
}

/* "3+6+9" */
static enum err read_layers(const char *text, const struct tower *t, struct reduction *r)
{
	const char *at = text;
	for (int64_t last = -1;;) {
		char *end;
		if (*at < '0' || *at > '9')
			return bad_layers(text, t);
		long layer = strtol(at, &end, 10);
		if (layer <= last || layer >= t->depth)
			return bad_layers(text, t);
		enum err e = add_layer(r, layer, t);
		if (e)
			return e;
		last = layer;
		if (!*end)
			return OK;
		if (*end != '+')
			return bad_layers(text, t);
		at = end + 1;
	}
}

/* Where a method goes when nobody said: as early as it can, or as it was published. */
static enum err place_by_method(struct reduction *r, const struct tower *t)
{
	enum err e = OK;
	switch (r->method->places) {
	case PLACES_EMBED:
		r->at_embed = r->method->stage == STAGE_BEFORE;
		return r->at_embed ? OK : add_layer(r, 0, t);
	case PLACES_QUARTERS:
		for (int64_t i = 1, last = -1; !e && i < 4; i++) {
			int64_t layer = i * t->depth / 4;
			if (layer != last)
				e = add_layer(r, layer, t);
			last = layer;
		}
		return e;
	case PLACES_ALL:
		for (int64_t i = 0; !e && i < t->depth; i++)
			e = add_layer(r, i, t);
		return e;
	}
	return e;
}

static enum err read_places(const struct knobs *k, const struct tower *t,
			    struct reduction *r)
{
	const char *at = knob_text(k, KNOB_PRUNE_AT);
	if (!r->method->score && !r->method->merges)
		return OK; /* a slider at keep 1 leaves places and summary as they are */
	return strcmp(at, "embed") ? read_layers(at, t, r) : place_by_method(r, t);
}

static const enum knob_id amounts[] = { KNOB_KEEP, KNOB_MERGE_R, KNOB_THRESHOLD };
#define N_AMOUNTS (sizeof(amounts) / sizeof(amounts[0]))

/* A knob that the method does not read would be silently ignored. */
static enum err check_used(const struct knobs *k, const struct method *m)
{
	char text[KNOB_TEXT_SIZE];
	for (size_t i = 0; i < N_AMOUNTS; i++)
		if (!(m->knobs & KNOB_BIT(amounts[i])) &&
		    !knobs_is_default(k, amounts[i]))
			return err_set(ERR_USAGE, "--%s %s: --method %s does not use it",
				       knob_table[amounts[i]].option,
				       knobs_get(k, amounts[i], text), m->name);
	return OK;
}

static enum err check_summary(const struct reduction *r)
{
	const struct method *m = r->method;
	if (r->summary == SUMMARY_OFF)
		return OK;
	if (m->merges)
		return err_set(ERR_USAGE, "--summary: --method %s drops no tokens",
			       m->name);
	if (m->fuses)
		return err_set(
			ERR_USAGE,
			"--summary: --method %s makes a token of the dropped itself",
			m->name);
	return OK;
}

static enum err check_needs(const struct method *m, const struct tower *t)
{
	if ((m->needs & NEEDS_CLS) && !t->cls)
		return err_set(
			ERR_USAGE,
			"--method %s: it needs the attention of a class token, and "
			"%s has none",
			m->name, t->name);
	if (t->placed && (m->merges || m->fuses))
		return err_set(ERR_USAGE,
			       "--method %s: tokens of %s carry rotary rows of their "
			       "place in the picture, and one made of several has none",
			       m->name, t->name);
	return OK;
}

static enum err check_threshold(const struct knobs *k, const struct reduction *r)
{
	if (!(r->method->knobs & KNOB_BIT(KNOB_THRESHOLD)))
		return OK;
	if (isnan(r->threshold))
		return err_set(ERR_USAGE, "--method %s needs --threshold",
			       r->method->name);
	if (r->quantile && r->threshold > 1)
		return err_set(ERR_USAGE,
			       "--threshold %g: a quantile lies between 0 and 1",
			       knob_num(k, KNOB_THRESHOLD));
	return OK;
}

static enum summary read_summary(const struct knobs *k)
{
	const char *text = knob_text(k, KNOB_SUMMARY);
	return !strcmp(text, "dropped") ? SUMMARY_DROPPED
	       : !strcmp(text, "all")   ? SUMMARY_ALL
					: SUMMARY_OFF;
}

enum err reduction_read(const struct knobs *k, const struct tower *t, struct reduction *r)
{
	*r = (struct reduction){
		.method = method_by_name(knob_text(k, KNOB_METHOD)),
		.keep = knob_num(k, KNOB_KEEP),
		.merge_r = (int64_t)knob_num(k, KNOB_MERGE_R),
		.threshold = knob_num(k, KNOB_THRESHOLD),
		.quantile = !strcmp(knob_text(k, KNOB_THRESHOLD_SCALE), "quantile"),
		.padded = !strcmp(knob_text(k, KNOB_LAYOUT), "padded"),
		.summary = read_summary(k),
		.seed = (uint64_t)knob_num(k, KNOB_SEED),
		.unit = t->unit > 1 ? t->unit : 1,
	};
	if (!r->method)
		return unknown_method(knob_text(k, KNOB_METHOD));
	enum err e = check_needs(r->method, t);
	if (!e)
		e = check_used(k, r->method);
	if (!e)
		e = check_threshold(k, r);
	if (!e)
		e = check_summary(r);
	return e ? e : read_places(k, t, r);
}

void reduction_settle(struct knobs *k)
{
	const struct method *m = method_by_name(knob_text(k, KNOB_METHOD));
	struct knobs defaults;
	knobs_init(&defaults);
	for (size_t i = 0; m && i < N_AMOUNTS; i++)
		if (!(m->knobs & KNOB_BIT(amounts[i])))
			k->v[amounts[i]] = defaults.v[amounts[i]];
}

bool reduction_at(const struct reduction *r, int layer)
{
	for (int i = 0; i < r->n_layers; i++)
		if (r->layers[i] == layer)
			return true;
	return false;
}

int reduction_sites(const struct reduction *r) { return r->at_embed + r->n_layers; }

bool reduction_is_ragged(const struct reduction *r)
{
	struct select_opts o = { .by = SELECT_COUNT };
	if (r->method->rule)
		r->method->rule(r, 1, 0, &o);
	return o.by != SELECT_COUNT;
}
