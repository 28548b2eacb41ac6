#include "sessions/sql.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/str.h"

const char *const sql_text_1[SQL_COUNT] = {
#define SQL(id, text) [SQL_##id] = text,
#define SINCE2(column) "NULL"
#include "sessions/sql.def"
#undef SINCE2
};

const char *const sql_text[SQL_COUNT] = {
#define SINCE2(column) column
#include "sessions/sql.def"
#undef SINCE2
#undef SQL
	[SQL_LAYER_ADD] =
		"INSERT INTO layer(run_id, idx, parent, name_id, kind_id, engine_id"
#define METRIC(name, ...) ", " #name
#include "profiler/metric.def"
#undef METRIC
		") VALUES(?, ?, ?, ?, ?, ?"
#define METRIC(name, ...) ", ?"
#include "profiler/metric.def"
#undef METRIC
		")",
	[SQL_LAYER_GET] = "SELECT l.idx, l.parent, n.s, k.s, e.s"
#define METRIC(name, ...) ", l." #name
#include "profiler/metric.def"
#undef METRIC
			  " FROM layer l JOIN str n ON n.id = l.name_id"
			  " LEFT JOIN str k ON k.id = l.kind_id"
			  " LEFT JOIN str e ON e.id = l.engine_id"
			  " WHERE l.run_id = ? ORDER BY l.idx",
};

static enum err fail_readonly(struct store *s)
{
	return err_set(ERR_READONLY, "%s: it or its folder cannot be written", s->path);
}

static enum err fail_io(struct store *s)
{
	int why = sqlite3_system_errno(s->db);
	switch (why) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return err_set(ERR_FULL, "%s: %s", s->path, strerror(why));
	case EACCES:
	case EPERM:
	case EROFS:
	case EBADF: /* the journal is somebody else's: SQLite opened it to read */
		return fail_readonly(s);
	default:
		return err_set(ERR_IO, "%s: %s%s%s", s->path, sqlite3_errmsg(s->db),
			       why ? ": " : "", why ? strerror(why) : "");
	}
}

enum err sql_fail(struct store *s, int rc)
{
	switch (rc & 0xFF) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(ERR_BUSY, "%s: another process is using it", s->path);
	case SQLITE_FULL:
		return err_set(ERR_FULL, "%s: no space left", s->path);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return fail_readonly(s);
	case SQLITE_NOMEM:
		return err_set(ERR_NOMEM, "%s: no memory", s->path);
	case SQLITE_NOTADB:
		return err_set(ERR_FORMAT, "%s: not a database of sparsetop", s->path);
	case SQLITE_CORRUPT:
		return sql_damaged(s, sqlite3_errmsg(s->db));
	case SQLITE_ERROR: /* tables or columns that are not there */
		if (s->newer)
			return err_set(ERR_UNSUPPORTED, "%s: of a newer version: %s",
				       s->path, sqlite3_errmsg(s->db));
		return sql_damaged(s, sqlite3_errmsg(s->db));
	default:
		return fail_io(s);
	}
}

enum err sql_damaged(struct store *s, const char *fact)
{
	char shown[200];
	return err_set(ERR_FORMAT,
		       "%s: damaged (%s); nothing was changed, --db FILE starts another",
		       s->path, str_escaped(shown, sizeof(shown), fact, strlen(fact)));
}

struct query query_open_text(struct store *s, sqlite3_stmt **cache, const char *text)
{
	struct query q = { .store = s };
	if (!*cache) {
		int rc = sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT,
					    cache, NULL);
		if (rc)
			q.err = sql_fail(s, rc);
	}
	q.stmt = *cache;
	return q;
}

struct query query_open(struct store *s, enum sql_id id)
{
	bool old = s->version == 1 && sql_text_1[id];
	return query_open_text(s, &s->stmt[id], old ? sql_text_1[id] : sql_text[id]);
}

static void bound(struct query *q, int rc)
{
	if (rc && !q->err)
		q->err = sql_fail(q->store, rc);
}

void query_int(struct query *q, int64_t v)
{
	if (!q->err)
		bound(q, sqlite3_bind_int64(q->stmt, ++q->at, v));
}

void query_null(struct query *q)
{
	if (!q->err)
		bound(q, sqlite3_bind_null(q->stmt, ++q->at));
}

void query_num(struct query *q, double v)
{
	if (!isfinite(v))
		query_null(q);
	else if (!q->err)
		bound(q, sqlite3_bind_double(q->stmt, ++q->at, v));
}

static bool is_utf8(const char *text, size_t n)
{
	for (int len; n > 0; text += len, n -= (size_t)len)
		if (!(len = utf8_len(text, n)))
			return false;
	return true;
}

void query_text(struct query *q, const char *text)
{
	if (q->err)
		return;
	size_t n = text ? strlen(text) : 0;
	if (!text || is_utf8(text, n)) {
		bound(q, sqlite3_bind_text(q->stmt, ++q->at, text, text ? (int)n : 0,
					   SQLITE_STATIC));
		return;
	}
	/* As the result object has it: a TEXT column that is not UTF-8 helps nobody. */
	struct str s = STR_INIT;
	str_add_escaped(&s, text, n, 0);
	bound(q, sqlite3_bind_text(q->stmt, ++q->at, str_get(&s), (int)s.len,
				   SQLITE_TRANSIENT));
	str_release(&s);
}

bool query_next(struct query *q)
{
	if (q->err)
		return false;
	q->at = 0;
	int rc = sqlite3_step(q->stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		q->err = sql_fail(q->store, rc);
	return rc == SQLITE_ROW;
}

enum err query_close(struct query *q)
{
	if (q->stmt) {
		sqlite3_reset(q->stmt);
		sqlite3_clear_bindings(q->stmt);
		q->stmt = NULL;
	}
	return q->err;
}

enum err query_run(struct query *q)
{
	bool row = query_next(q);
	assert(!row);
	(void)row;
	return query_close(q);
}

int64_t query_get_int(struct query *q, int64_t if_null)
{
	int i = q->at++;
	return sqlite3_column_type(q->stmt, i) == SQLITE_NULL
		       ? if_null
		       : sqlite3_column_int64(q->stmt, i);
}

double query_get_num(struct query *q)
{
	int i = q->at++;
	return sqlite3_column_type(q->stmt, i) == SQLITE_NULL
		       ? (double)NAN
		       : sqlite3_column_double(q->stmt, i);
}

const char *query_get_text(struct query *q)
{
	return (const char *)sqlite3_column_text(q->stmt, q->at++);
}

enum err sql_number(struct store *s, const char *sql, int64_t *v)
{
	sqlite3_stmt *stmt = NULL;
	struct query q = query_open_text(s, &stmt, sql);
	*v = query_next(&q) ? query_get_int(&q, 0) : 0;
	enum err e = query_close(&q);
	sqlite3_finalize(stmt);
	return e;
}

enum err sql_begin(struct store *s)
{
	if (s->readonly)
		return err_set(ERR_READONLY, "%s",
			       s->notice ? s->notice
					 : "the database was opened read-only");
	struct query q = query_open(s, SQL_BEGIN);
	return query_run(&q);
}

enum err sql_end(struct store *s, enum err e)
{
	if (!e) {
		struct query commit = query_open(s, SQL_COMMIT);
		e = query_run(&commit);
	}
	/* Some failures have rolled back by themselves. What a rollback itself says is of
	 * no use: the journal undoes the rest at the next open. */
	if (e && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return e;
}
