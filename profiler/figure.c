#include "profiler/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

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

static double rank_stored(const struct run *r)
{
	return r->low_rank.stored / r->low_rank.full;
}

/* Factors hold as much for every rank. */
static double rank_break_even_stored(const struct run *r)
{
	return floor(knob_num(&r->knobs, KNOB_RANK) / rank_stored(r) + 1e-9);
}

typedef bool (*pick_fn)(const struct layer *);

static bool is_any(const struct layer *l)
{
	(void)l;
	return true;
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

/* Whether it is of the tree's top-level group of that name. */
static bool is_below(const struct layer *l, const char *top)
{
	size_t n = strlen(top);
	return l->path && !strncmp(l->path, top, n) && (!l->path[n] || l->path[n] == '.');
}

static bool is_visual(const struct layer *l) { return is_below(l, "visual"); }
static bool is_embedding(const struct layer *l) { return is_below(l, "embeddings"); }
static bool is_decoder(const struct layer *l) { return is_below(l, "decoder"); }
static bool is_head(const struct layer *l) { return is_below(l, "head"); }

/* "qkv" of "visual.blocks.3.attn.qkv": which part of an attention it is; NULL: of none.
 */
static const char *attention_part(const struct layer *l)
{
	const char *path = l->path ? l->path : "";
	if (!strncmp(path, "attn.", 5))
		return path + 5;
	const char *at = strstr(path, ".attn.");
	return at ? at + 6 : NULL;
}

/* Its factors ("out.a") are of a part, too. */
static bool is_part(const struct layer *l, const char *const *names)
{
	const char *part = attention_part(l);
	size_t n = part ? strcspn(part, ".") : 0;
	for (; part && *names; names++)
		if (strlen(*names) == n && !strncmp(part, *names, n))
			return true;
	return false;
}

static bool is_attention_part(const struct layer *l) { return attention_part(l) != NULL; }

static bool is_sdpa(const struct layer *l)
{
	return is_part(l, (const char *const[]){ "sdpa", NULL });
}

/* However the projections were fused. */
static bool is_qkv(const struct layer *l)
{
	static const char *const names[] = { "qkv", "q", "k", "v", "qk", "kv", NULL };
	return is_part(l, names);
}

static bool is_rotary(const struct layer *l)
{
	return is_part(l,
		       (const char *const[]){ "rotary", "rotary_q", "rotary_k", NULL });
}

static bool is_out(const struct layer *l)
{
	return is_part(l, (const char *const[]){ "out", NULL });
}

/* Which layers are no other's parent; the caller frees. */
static bool *leaves_of(const struct run *r)
{
	bool *leaf = mem_alloc((size_t)r->n_layers + 1);
	memset(leaf, true, (size_t)r->n_layers);
	for (int i = 0; i < r->n_layers; i++)
		if (r->layers[i].parent >= 0)
			leaf[r->layers[i].parent] = false;
	return leaf;
}

/* The leaves that `of` picks: their share of those that `in` picks. NaN: there are none.
 */
static double share(const struct run *r, enum metric_id metric, pick_fn of, pick_fn in)
{
	double part = (double)NAN, all = 0;
	bool *leaf = leaves_of(r);
	for (int i = 0; i < r->n_layers; i++) {
		const struct layer *l = &r->layers[i];
		double v = l->v[metric];
		if (isnan(v) || !leaf[i] || !in(l))
			continue;
		all += v;
		if (of(l))
			part = v + (isnan(part) ? 0 : part);
	}
	free(leaf);
	return part / all;
}

static const struct {
	const char *source;
	enum metric_id metric;
	pick_fn of, in;
} shares[] = {
	{ "attention_time", METRIC_wall_ns, is_attention, is_any },
	{ "attention_work", METRIC_flops, is_attention, is_any },
	{ "projection_time", METRIC_wall_ns, is_projection, is_any },
	{ "projection_work", METRIC_flops, is_projection, is_any },
	{ "visual_time", METRIC_wall_ns, is_visual, is_any },
	{ "embedding_time", METRIC_wall_ns, is_embedding, is_any },
	{ "decoder_time", METRIC_wall_ns, is_decoder, is_any },
	{ "head_time", METRIC_wall_ns, is_head, is_any },
	{ "attn_sdpa", METRIC_wall_ns, is_sdpa, is_attention_part },
	{ "attn_qkv", METRIC_wall_ns, is_qkv, is_attention_part },
	{ "attn_rotary", METRIC_wall_ns, is_rotary, is_attention_part },
	{ "attn_out", METRIC_wall_ns, is_out, is_attention_part },
};

static const struct {
	const char *source;
	double (*of)(const struct run *);
} derived[] = {
	{ "kept", run_kept },
	{ "gmac", gmac },
	{ "sequence", sequence },
	{ "rank_stored", rank_stored },
	{ "rank_break_even_stored", rank_break_even_stored },
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
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		if (!strcmp(shares[i].source, f->source))
			return share(r, shares[i].metric, shares[i].of, shares[i].in) *
			       f->scale;
	return field_of(r, f->source) * f->scale;
}

bool figure_is_fidelity(enum figure_id id)
{
	const char *source = figure_table[id].source;
	return !strncmp(source, "fidelity.", 9) || !strncmp(source, "accuracy.", 9) ||
	       !strncmp(source, "likelihood.", 11);
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
