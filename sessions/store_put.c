/* A run into the store: all its rows in one transaction, or nothing. */
#include "sessions/store.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "sessions/sql.h"

/* The id of a text that many rows share; NULL has none. */
static enum err intern(struct store *s, const char *text, int64_t *id)
{
	struct query find = query_open(s, SQL_STR_FIND);
	query_text(&find, text);
	bool found = query_next(&find);
	if (found)
		*id = query_get_int(&find, 0);
	enum err e = query_close(&find);
	if (e || found)
		return e;
	struct query add = query_open(s, SQL_STR_ADD);
	query_text(&add, text);
	e = query_run(&add);
	*id = sqlite3_last_insert_rowid(s->db);
	return e;
}

static void bind_id(struct query *q, int64_t id)
{
	if (id)
		query_int(q, id);
	else
		query_null(q);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Nearest rank; NaN without samples. The one figure of the table that a run does not
 * have. */
static double percentile95(const struct run *r, double *sorted)
{
	int n = r->wall.n_samples;
	if (n < 1 || !r->wall.samples_ns)
		return (double)NAN;
	memcpy(sorted, r->wall.samples_ns, (size_t)n * sizeof(*sorted));
	qsort(sorted, (size_t)n, sizeof(*sorted), by_value);
	return sorted[(int)ceil(0.95 * n) - 1];
}

static void bind_knob(struct query *q, const struct run *r, enum knob_id id)
{
	if (r->knob_mask & KNOB_BIT(id))
		query_num(q, knob_num(&r->knobs, id));
	else
		query_null(q);
}

static void bind_setting(struct query *q, const struct run *r)
{
	bind_knob(q, r, KNOB_KEEP);
	query_num(q, run_kept(r));
	query_num(q, r->fidelity.cosine);
	bind_knob(q, r, KNOB_DOWNSAMPLE);
	bind_knob(q, r, KNOB_THRESHOLD);
	bind_knob(q, r, KNOB_BATCH);
	bind_knob(q, r, KNOB_THREADS);
	query_text(q, r->knob_mask & KNOB_BIT(KNOB_DTYPE)
			      ? knob_text(&r->knobs, KNOB_DTYPE)
			      : NULL);
}

static void bind_outcome(struct query *q, const struct run *r, double p95_ns)
{
	query_text(q, run_state_name(r->state));
	query_int(q, r->trail);
	query_text(q, r->error);
	query_int(q, (int64_t)r->started_ns);
	query_num(q, r->ended_ns);
	query_num(q, r->wall.samples_ns ? r->wall.n_samples : (double)NAN);
	query_num(q, r->wall.min_ns);
	query_num(q, r->wall.p50_ns);
	query_num(q, p95_ns);
	query_num(q, r->wall.max_ns);
	query_int(q, r->n_layers);
	query_text(q, r->wall.stopped_by);
	query_text(q, r->fidelity.reference);
	query_text(q, r->fidelity.worst);
	query_num(q, r->accuracy.top1);
	query_text(q, r->zero_shot.label);
	query_text(q, r->zero_shot.base_label);
}

static enum err put_run(struct store *s, int64_t session_id, const struct run *r,
			int64_t *id)
{
	int64_t shared[SHARED_COUNT];
	enum err e = OK;
	for (int t = 0; t < SHARED_COUNT && !e; t++)
		e = shared_put(s, (enum sql_shared)t, r, &shared[t]);
	if (e)
		return e;

	size_t n = r->wall.samples_ns ? (size_t)r->wall.n_samples : 0;
	double *sorted = malloc((n + 1) * sizeof(*sorted));
	if (!sorted)
		return err_set(ERR_NOMEM, "%s: no memory for %zu samples", s->path, n);
	double p95_ns = percentile95(r, sorted);
	free(sorted);

	char cell[RUN_CELL_SIZE];
	struct str knobs = STR_INIT;
	knobs_canonical(&r->knobs, r->knob_mask, &knobs);
	struct query q = query_open(s, SQL_RUN_ADD);
	query_text(&q, r->uid);
	query_int(&q, session_id);
	for (int t = 0; t < SHARED_COUNT; t++)
		query_int(&q, shared[t]);
	query_text(&q, run_cell(r, cell) ? cell : NULL);
	query_text(&q, r->device);
	query_text(&q, str_get(&knobs));
	bind_setting(&q, r);
	bind_outcome(&q, r, p95_ns);
	e = query_run(&q);
	*id = sqlite3_last_insert_rowid(s->db);
	str_release(&knobs);
	return e;
}

static enum err put_samples(struct store *s, int64_t run_id, const struct run *r)
{
	enum err e = OK;
	for (int i = 0; r->wall.samples_ns && i < r->wall.n_samples && !e; i++) {
		struct query q = query_open(s, SQL_SAMPLE_ADD);
		query_int(&q, run_id);
		query_int(&q, i);
		query_num(&q, r->wall.samples_ns[i]);
		e = query_run(&q);
	}
	return e;
}

/* "[1,2.5,null]", in memory of sqlite; NULL for NULL (then *e says whether that is
 * right). */
static char *numbers_text(struct store *s, const double *v, int n, enum err *e)
{
	if (!v || *e)
		return NULL;
	char number[40];
	sqlite3_str *text = sqlite3_str_new(s->db);
	sqlite3_str_appendall(text, "[");
	for (int i = 0; i < n; i++) {
		/* C's, not SQLite's: every digit has to come back. */
		if (isfinite(v[i]))
			snprintf(number, sizeof(number), "%.17g", v[i]);
		else
			snprintf(number, sizeof(number), "null");
		sqlite3_str_appendall(text, i ? "," : "");
		sqlite3_str_appendall(text, number);
	}
	sqlite3_str_appendall(text, "]");
	char *done = sqlite3_str_finish(text);
	if (!done)
		*e = sql_fail(s, SQLITE_NOMEM);
	return done;
}

static enum err put_tokens(struct store *s, int64_t run_id, const struct run *r)
{
	enum err e = OK;
	if (!r->tokens.per_layer && !r->tokens.kept && !r->tokens.sites)
		return OK;
	char *per_layer = numbers_text(s, r->tokens.per_layer, r->tokens.n_layers, &e);
	char *kept = numbers_text(s, r->tokens.kept, r->tokens.n_kept, &e);
	json_t *sites = run_sites_to_json(r);
	char *sites_text = json_is_null(sites) ? NULL : json_line(sites);
	json_decref(sites);
	if (!e) {
		struct query q = query_open(s, SQL_TOKENS_ADD);
		query_int(&q, run_id);
		query_text(&q, per_layer);
		query_text(&q, kept);
		query_text(&q, sites_text);
		e = query_run(&q);
	}
	free(sites_text);
	sqlite3_free(per_layer);
	sqlite3_free(kept);
	return e;
}

static enum err put_layer(struct store *s, int64_t run_id, int idx, const struct layer *l)
{
	const char *texts[3] = { l->name, l->kind, l->engine };
	int64_t ids[3] = { 0 };
	for (int i = 0; i < 3; i++) {
		enum err e = texts[i] ? intern(s, texts[i], &ids[i]) : OK;
		if (e)
			return e;
	}
	struct query q = query_open(s, SQL_LAYER_ADD);
	query_int(&q, run_id);
	query_int(&q, idx);
	if (l->parent < 0)
		query_null(&q);
	else
		query_int(&q, l->parent);
	for (int i = 0; i < 3; i++)
		bind_id(&q, ids[i]);
	for (int m = 0; m < METRIC_COUNT; m++)
		query_num(&q, l->v[m]);
	return query_run(&q);
}

static enum err put_metric(struct store *s, int64_t run_id, const struct run_field *f,
			   double value)
{
	char name[FIELD_NAME_SIZE];
	int64_t name_id;
	enum err e = intern(s, field_name(f, name), &name_id);
	if (e)
		return e;
	struct query q = query_open(s, SQL_METRIC_ADD);
	query_int(&q, run_id);
	query_int(&q, name_id);
	query_num(&q, value);
	return query_run(&q);
}

/* The numbers that have no table of their own. */
static enum err put_metrics(struct store *s, int64_t run_id, const struct run *r)
{
	enum err e = OK;
	for (const struct run_field *f = run_fields; f->group && !e; f++) {
		if (field_home(f) != HOME_METRIC)
			continue;
		double v = *(const double *)run_field_const(r, f);
		if (isfinite(v))
			e = put_metric(s, run_id, f, v);
	}
	return e;
}

static enum err put_fact(struct store *s, int64_t run_id, const struct run_field *f,
			 const char *text)
{
	char name[FIELD_NAME_SIZE];
	int64_t name_id;
	enum err e = intern(s, field_name(f, name), &name_id);
	if (e)
		return e;
	struct query q = query_open(s, SQL_FACT_ADD);
	query_int(&q, run_id);
	query_int(&q, name_id);
	query_text(&q, text);
	return query_run(&q);
}

static enum err put_list_fact(struct store *s, int64_t run_id, const struct run *r,
			      const struct run_field *f)
{
	enum err e = OK;
	const double *v = *(double *const *)run_field_const(r, f);
	char *text = numbers_text(s, v, run_field_n_const(r, f), &e);
	if (text)
		e = put_fact(s, run_id, f, text);
	sqlite3_free(text);
	return e;
}

/* The texts and lists that have no column. */
static enum err put_facts(struct store *s, int64_t run_id, const struct run *r)
{
	enum err e = OK;
	for (const struct run_field *f = run_fields; f->group && !e; f++) {
		if (field_home(f) != HOME_FACT)
			continue;
		if (f->kind == FIELD_NUMS) {
			e = put_list_fact(s, run_id, r, f);
			continue;
		}
		assert(f->kind == FIELD_TEXT);
		const char *text = *(const char *const *)run_field_const(r, f);
		if (text)
			e = put_fact(s, run_id, f, text);
	}
	return e;
}

static enum err put_warning(struct store *s, int64_t run_id, int seq, const char *text)
{
	int64_t text_id;
	enum err e = intern(s, text, &text_id);
	if (e)
		return e;
	struct query q = query_open(s, SQL_WARNING_ADD);
	query_int(&q, run_id);
	query_int(&q, seq);
	query_int(&q, text_id);
	return query_run(&q);
}

static enum err count_in_session(struct store *s, int64_t session_id, bool trail)
{
	struct query q = query_open(s, SQL_SESSION_COUNT);
	query_int(&q, session_id);
	query_int(&q, trail);
	return query_run(&q);
}

static enum err put_all(struct store *s, int64_t session_id, const struct run *r,
			int64_t *id)
{
	enum err e = put_run(s, session_id, r, id);
	if (!e)
		e = put_samples(s, *id, r);
	if (!e)
		e = put_tokens(s, *id, r);
	for (int i = 0; i < r->n_layers && !e; i++)
		e = put_layer(s, *id, i, &r->layers[i]);
	if (!e)
		e = put_metrics(s, *id, r);
	if (!e)
		e = put_facts(s, *id, r);
	for (int i = 0; i < r->n_warnings && !e; i++)
		e = put_warning(s, *id, i, r->warnings[i]);
	return e ? e : count_in_session(s, session_id, r->trail);
}

static enum err find_uid(struct store *s, const char *uid, int64_t *id)
{
	struct query q = query_open(s, SQL_RUN_BY_UID);
	query_text(&q, uid);
	*id = query_next(&q) ? query_get_int(&q, 0) : 0;
	return query_close(&q);
}

static enum err session_name(struct store *s, int64_t id, char *name, size_t size)
{
	struct query q = query_open(s, SQL_SESSION_NAME);
	query_int(&q, id);
	bool found = query_next(&q);
	if (found)
		snprintf(name, size, "%s", query_get_text(&q));
	enum err e = query_close(&q);
	return e || found ? e : err_set(ERR_NOTFOUND, "%s: no such session", s->path);
}

enum err store_put(struct store *s, int64_t session_id, struct run *r)
{
	assert(r->state != RUN_ESTIMATE);
	int64_t id = 0;
	char name[sizeof(((struct session_row *)0)->name)];
	/* Also where it fails: when the disk refuses the last sync nobody can tell
	 * whether the run is there, and the second try must not store it twice. */
	if (!r->uid[0])
		uid_make(r->uid);
	if (!isfinite(r->started_ns))
		r->started_ns = (double)clock_wall_ns();

	enum err e = sql_begin(s);
	if (e)
		return e;
	e = find_uid(s, r->uid, &id);
	bool known = id != 0;
	if (!e && !known)
		e = session_name(s, session_id, name, sizeof(name));
	if (!e && !known)
		e = put_all(s, session_id, r, &id);
	e = sql_end(s, e);
	if (e)
		return e;
	r->id = id;
	if (!known && !str_equal(r->session, name))
		r->session = run_str(r, name);
	return OK;
}
