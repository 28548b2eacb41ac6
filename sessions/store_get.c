/* A run back from the store. The file may be damaged: what it says is checked. */
#include "sessions/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sessions/sql.h"

struct ids {
	int64_t shared[SHARED_COUNT];
	int64_t n_samples; /* -1: none were kept */
	int64_t n_layers;
};

static enum err take_state(struct store *s, const char *text, enum run_state *state)
{
	for (int i = 0; text && i < RUN_ESTIMATE; i++)
		if (!strcmp(text, run_state_name((enum run_state)i))) {
			*state = (enum run_state)i;
			return OK;
		}
	return sql_damaged(s, "a run's state");
}

static enum err take_knobs(struct store *s, const char *text, struct run *r)
{
	return knobs_parse_canonical(text ? text : "", &r->knobs, &r->knob_mask)
		       ? sql_damaged(s, "a run's knobs")
		       : OK;
}

static enum err take_run(struct store *s, struct query *q, struct run *r, struct ids *ids)
{
	const char *uid = query_get_text(q);
	snprintf(r->uid, sizeof(r->uid), "%s", uid ? uid : "");
	r->session = run_str(r, query_get_text(q));
	for (int t = 0; t < SHARED_COUNT; t++)
		ids->shared[t] = query_get_int(q, 0);
	r->device = run_str(r, query_get_text(q));
	enum err e = take_knobs(s, query_get_text(q), r);
	int64_t kept = query_get_int(q, 0);
	r->tokens.n_kept = kept > 0 && kept <= INT32_MAX ? (int)kept : 0;
	enum err state_err = take_state(s, query_get_text(q), &r->state);
	r->trail = query_get_int(q, 0) != 0;
	r->error = run_str(r, query_get_text(q));
	r->started_ns = query_get_num(q);
	r->ended_ns = query_get_num(q);
	ids->n_samples = query_get_int(q, -1);
	ids->n_layers = query_get_int(q, 0);
	r->wall.stopped_by = run_str(r, query_get_text(q));
	r->fidelity.reference = run_str(r, query_get_text(q));
	r->fidelity.worst = run_str(r, query_get_text(q));
	r->zero_shot.label = run_str(r, query_get_text(q));
	r->zero_shot.base_label = run_str(r, query_get_text(q));
	if (ids->n_samples > RUN_MAX_VALUES || ids->n_layers < 0 ||
	    ids->n_layers > RUN_MAX_LAYERS)
		return sql_damaged(s, "a run's number of layers or samples");
	return e ? e : state_err;
}

static enum err get_run(struct store *s, int64_t id, struct run *r, struct ids *ids)
{
	struct query q = query_open(s, SQL_RUN_GET);
	query_int(&q, id);
	bool found = query_next(&q);
	enum err taken = found ? take_run(s, &q, r, ids) : OK;
	enum err e = query_close(&q);
	if (e || taken)
		return e ? e : taken;
	return found ? OK
		     : err_set(ERR_NOTFOUND, "%s: no run %lld", s->path, (long long)id);
}

static enum err get_samples(struct store *s, int64_t n, struct run *r)
{
	if (n < 0)
		return OK;
	r->wall.samples_ns = scratch_alloc(&r->mem, (size_t)n * sizeof(double));
	r->wall.n_samples = (int)n;
	for (int i = 0; i < n; i++)
		r->wall.samples_ns[i] = (double)NAN;
	struct query q = query_open(s, SQL_SAMPLE_GET);
	query_int(&q, r->id);
	while (query_next(&q)) {
		int64_t rep = query_get_int(&q, -1);
		if (rep >= 0 && rep < n)
			r->wall.samples_ns[rep] = query_get_num(&q);
	}
	return query_close(&q);
}

/* What numbers_text wrote. */
static double *take_numbers(struct run *r, const char *text, int *n)
{
	if (!text || *text != '[')
		return NULL;
	size_t count = text[1] != ']';
	for (const char *c = text; *c; c++)
		count += *c == ',';
	if (count > RUN_MAX_VALUES)
		return NULL;
	double *v = scratch_alloc(&r->mem, count * sizeof(*v));
	const char *at = text + 1;
	for (size_t i = 0; i < count; i++) {
		char *end;
		v[i] = strtod(at, &end);
		if (end == at)
			v[i] = (double)NAN; /* null */
		at += strcspn(at, ",");
		at += *at == ',';
	}
	*n = (int)count;
	return v;
}

/* What put_tokens wrote: the file may be damaged, so it is read like any other. */
static enum err take_sites(struct store *s, const char *text, struct run *r)
{
	enum err e = OK;
	json_t *sites, *o;
	if (!text)
		return OK;
	if (json_read(text, strlen(text), s->path, &sites))
		return sql_damaged(s, "a run's sites");
	o = json_object();
	json_put(o, "sites", sites);
	run_sites_from_json(r, &(struct json_in){ o, s->path, &e }, "sites");
	json_decref(o);
	return e ? sql_damaged(s, "a run's sites") : OK;
}

static enum err get_tokens(struct store *s, struct run *r)
{
	struct query q = query_open(s, SQL_TOKENS_GET);
	enum err taken = OK;
	query_int(&q, r->id);
	if (query_next(&q)) {
		r->tokens.per_layer =
			take_numbers(r, query_get_text(&q), &r->tokens.n_layers);
		r->tokens.kept = take_numbers(r, query_get_text(&q), &r->tokens.n_kept);
		taken = take_sites(s, query_get_text(&q), r);
	}
	enum err e = query_close(&q);
	return e ? e : taken;
}

static const char *join_path(struct run *r, const char *parent, const char *name)
{
	size_t n = strlen(parent) + strlen(name) + 2;
	char *path = scratch_alloc(&r->mem, n);
	snprintf(path, n, "%s.%s", parent, name);
	return path;
}

/* False when the row is none that store_put can have written. */
static bool take_layer(struct query *q, struct run *r, int i)
{
	struct layer *l = &r->layers[i];
	if (query_get_int(q, -1) != i)
		return false;
	int64_t parent = query_get_int(q, -1);
	const char *name = query_get_text(q);
	if (parent < -1 || parent >= i || !name || strlen(name) > RUN_MAX_TEXT)
		return false;
	l->parent = (int)parent;
	if (parent < 0) {
		l->path = l->name = run_str(r, name);
	} else {
		const char *above = r->layers[parent].path;
		if (strlen(above) + strlen(name) >= RUN_MAX_TEXT)
			return false;
		l->path = join_path(r, above, name);
		l->name = l->path + strlen(above) + 1;
	}
	l->kind = run_str(r, query_get_text(q));
	l->engine = run_str(r, query_get_text(q));
	for (int m = 0; m < METRIC_COUNT; m++)
		l->v[m] = query_get_num(q);
	return true;
}

static enum err get_layers(struct store *s, int64_t n, struct run *r)
{
	run_add_layers(r, (int)n);
	struct query q = query_open(s, SQL_LAYER_GET);
	query_int(&q, r->id);
	int i = 0;
	while (query_next(&q) && i < n && take_layer(&q, r, i))
		i++;
	enum err e = query_close(&q);
	return e || i == n ? e : sql_damaged(s, "a run's layers");
}

/* The field of this name where it is kept so; NULL: there is none, in this version. */
static const struct run_field *find_field(const char *name, enum field_home home)
{
	char buf[FIELD_NAME_SIZE];
	for (const struct run_field *f = run_fields; name && f->group; f++)
		if (!strcmp(field_name(f, buf), name))
			return field_home(f) == home ? f : NULL;
	return NULL;
}

static enum err get_metrics(struct store *s, struct run *r)
{
	struct query q = query_open(s, SQL_METRIC_GET);
	query_int(&q, r->id);
	while (query_next(&q)) {
		const struct run_field *f = find_field(query_get_text(&q), HOME_METRIC);
		double value = query_get_num(&q);
		if (f)
			*(double *)run_field(r, f) = value;
	}
	return query_close(&q);
}

/* False when the text is none that store_put can have written. */
static bool take_fact(struct run *r, const struct run_field *f, const char *text)
{
	if (f->kind != FIELD_NUMS) {
		*(const char **)run_field(r, f) = run_str(r, text);
		return true;
	}
	double *v = take_numbers(r, text, run_field_n(r, f));
	*(double **)run_field(r, f) = v;
	return v != NULL;
}

static enum err get_facts(struct store *s, struct run *r)
{
	bool taken = true;
	if (s->version < 3)
		return OK;
	struct query q = query_open(s, SQL_FACT_GET);
	query_int(&q, r->id);
	while (taken && query_next(&q)) {
		const struct run_field *f = find_field(query_get_text(&q), HOME_FACT);
		const char *text = query_get_text(&q);
		taken = !f || take_fact(r, f, text);
	}
	enum err e = query_close(&q);
	return e || taken ? e : sql_damaged(s, "a run's facts");
}

static enum err get_warnings(struct store *s, struct run *r)
{
	struct query q = query_open(s, SQL_WARNING_GET);
	query_int(&q, r->id);
	r->warnings = scratch_alloc(&r->mem, RUN_MAX_WARNINGS * sizeof(*r->warnings));
	while (query_next(&q) && r->n_warnings < RUN_MAX_WARNINGS)
		r->warnings[r->n_warnings++] = run_str(r, query_get_text(&q));
	return query_close(&q);
}

static enum err get_all(struct store *s, struct run *r)
{
	struct ids ids = { .n_samples = -1 };
	enum err e = get_run(s, r->id, r, &ids);
	for (int t = 0; t < SHARED_COUNT && !e; t++)
		e = shared_get(s, (enum sql_shared)t, ids.shared[t], r);
	if (!e)
		e = get_samples(s, ids.n_samples, r);
	if (!e)
		e = get_tokens(s, r);
	if (!e)
		e = get_layers(s, ids.n_layers, r);
	if (!e)
		e = get_metrics(s, r);
	if (!e)
		e = get_facts(s, r);
	return e ? e : get_warnings(s, r);
}

enum err store_get(struct store *s, int64_t id, struct run **out)
{
	*out = NULL;
	struct run *r = run_create();
	r->id = id;
	enum err e = get_all(s, r);
	if (e)
		run_free(r);
	else
		*out = r;
	return e;
}
