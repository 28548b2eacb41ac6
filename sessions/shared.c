/*
 * Model, input and environment: rows that many runs share. Their columns are the fields
 * of the run's group of that name; a row's identity is the digest of its columns.
 */
#include "sessions/sql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "base/str.h"

static const char *const tables[SHARED_COUNT] = { "model", "input", "env" };

/* "env.blas" belongs to the table env, too. */
static bool in_table(const struct run_field *f, const char *table)
{
	size_t n = strlen(table);
	return !strncmp(f->group, table, n) && (!f->group[n] || f->group[n] == '.');
}

bool shared_has(const struct run_field *f)
{
	for (int i = 0; i < SHARED_COUNT; i++)
		if (in_table(f, tables[i]))
			return true;
	return false;
}

/* What comes after "env." stands before the key: blas_core. */
static void add_column(sqlite3_str *text, const struct run_field *f)
{
	const char *dot = strchr(f->group, '.');
	sqlite3_str_appendf(text, "%s%s%s", dot ? dot + 1 : "", dot ? "_" : "", f->key);
}

static void add_columns(sqlite3_str *text, const char *table, bool names)
{
	for (const struct run_field *f = run_fields; f->group; f++) {
		if (!in_table(f, table))
			continue;
		sqlite3_str_appendall(text, ", ");
		if (names)
			add_column(text, f);
		else
			sqlite3_str_appendall(text, "?");
	}
}

static struct query open_built(struct store *s, sqlite3_stmt **cache, sqlite3_str *built)
{
	char *text = sqlite3_str_finish(built);
	if (!text)
		return (struct query){ .store = s, .err = sql_fail(s, SQLITE_NOMEM) };
	struct query q = query_open_text(s, cache, text);
	sqlite3_free(text);
	return q;
}

static struct query open_find(struct store *s, enum sql_shared t)
{
	sqlite3_str *text = sqlite3_str_new(s->db);
	sqlite3_str_appendf(text, "SELECT id FROM %s WHERE digest = ?", tables[t]);
	return open_built(s, &s->shared_find[t], text);
}

static struct query open_add(struct store *s, enum sql_shared t)
{
	sqlite3_str *text = sqlite3_str_new(s->db);
	sqlite3_str_appendf(text, "INSERT INTO %s(digest", tables[t]);
	add_columns(text, tables[t], true);
	sqlite3_str_appendall(text, ") VALUES(?");
	add_columns(text, tables[t], false);
	sqlite3_str_appendall(text, ")");
	return open_built(s, &s->shared_add[t], text);
}

static struct query open_get(struct store *s, enum sql_shared t)
{
	sqlite3_str *text = sqlite3_str_new(s->db);
	sqlite3_str_appendall(text, "SELECT id");
	add_columns(text, tables[t], true);
	sqlite3_str_appendf(text, " FROM %s WHERE id = ?", tables[t]);
	return open_built(s, &s->shared_get[t], text);
}

static void add_to_digest(struct sha256 *sum, const struct run *r,
			  const struct run_field *f)
{
	const void *at = run_field_const(r, f);
	char number[40];
	const char *text = number;
	if (f->kind == FIELD_TEXT)
		text = *(const char *const *)at;
	else if (f->kind == FIELD_BOOL)
		snprintf(number, sizeof(number), "%d", *(const bool *)at);
	else if (isfinite(*(const double *)at))
		snprintf(number, sizeof(number), "%.17g", *(const double *)at);
	else
		text = NULL;
	sha256_add_str(sum, f->key);
	sha256_add_str(sum, text ? "=" : "");
	sha256_add_str(sum, text ? text : "");
}

static void digest_of(const struct run *r, const char *table, char hex[SHA256_HEX])
{
	struct sha256 sum;
	sha256_start(&sum);
	for (const struct run_field *f = run_fields; f->group; f++)
		if (in_table(f, table))
			add_to_digest(&sum, r, f);
	sha256_end(&sum, hex);
}

static void bind_field(struct query *q, const struct run *r, const struct run_field *f)
{
	const void *at = run_field_const(r, f);
	if (f->kind == FIELD_TEXT)
		query_text(q, *(const char *const *)at);
	else if (f->kind == FIELD_BOOL)
		query_int(q, *(const bool *)at);
	else
		query_num(q, *(const double *)at);
}

enum err shared_put(struct store *s, enum sql_shared t, const struct run *r, int64_t *id)
{
	char digest[SHA256_HEX];
	digest_of(r, tables[t], digest);
	struct query find = open_find(s, t);
	query_text(&find, digest);
	bool found = query_next(&find);
	if (found)
		*id = query_get_int(&find, 0);
	enum err e = query_close(&find);
	if (e || found)
		return e;

	struct query add = open_add(s, t);
	query_text(&add, digest);
	for (const struct run_field *f = run_fields; f->group; f++)
		if (in_table(f, tables[t]))
			bind_field(&add, r, f);
	e = query_run(&add);
	*id = sqlite3_last_insert_rowid(s->db);
	return e;
}

static void take_field(struct query *q, struct run *r, const struct run_field *f)
{
	void *at = run_field(r, f);
	if (f->kind == FIELD_TEXT)
		*(const char **)at = run_str(r, query_get_text(q));
	else if (f->kind == FIELD_BOOL)
		*(bool *)at = query_get_int(q, 0) != 0;
	else
		*(double *)at = query_get_num(q);
}

enum err shared_get(struct store *s, enum sql_shared t, int64_t id, struct run *r)
{
	struct query q = open_get(s, t);
	query_int(&q, id);
	bool found = query_next(&q);
	q.at = 1; /* after the id */
	for (const struct run_field *f = run_fields; found && f->group; f++)
		if (in_table(f, tables[t]))
			take_field(&q, r, f);
	enum err e = query_close(&q);
	return e || found ? e : sql_damaged(s, "a row that a run refers to is missing");
}
