#include "sessions/session.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "sessions/sql.h"
#include "sessions/store.h"

#define NAME_SIZE sizeof(((struct session_row *)0)->name)

/* ---- making ---- */

enum err session_check_name(const char *name)
{
	char shown[120];
	struct str escaped = STR_INIT;
	size_t n = strlen(name);
	str_add_escaped(&escaped, name, n, 0);
	bool plain = n && n < NAME_SIZE && escaped.len == n;
	str_release(&escaped);
	if (plain)
		return OK;
	return err_set(
		ERR_USAGE,
		"--session \"%s\": want 1 to %zu bytes without control characters or \\",
		str_escaped(shown, sizeof(shown), name, n), NAME_SIZE - 1);
}

static enum err find_by_name(struct store *s, const char *name, int64_t *id,
			     char uid[UID_SIZE])
{
	struct query q = query_open(s, SQL_SESSION_FIND);
	query_text(&q, name);
	*id = query_next(&q) ? query_get_int(&q, 0) : 0;
	if (*id)
		snprintf(uid, UID_SIZE, "%s", query_get_text(&q));
	return query_close(&q);
}

/* "2025-07-01-142233", a number behind it while that is taken. */
static enum err name_by_time(struct store *s, char name[NAME_SIZE])
{
	time_t now = (time_t)(clock_wall_ns() / 1000000000);
	struct tm tm;
	char uid[UID_SIZE], stem[40];
	int64_t id = 1;
	enum err e = OK;
	localtime_r(&now, &tm);
	strftime(stem, sizeof(stem), "%Y-%m-%d-%H%M%S", &tm);
	snprintf(name, NAME_SIZE, "%s", stem);
	for (int i = 2; !e && id; i++) {
		e = find_by_name(s, name, &id, uid);
		if (!e && id)
			snprintf(name, NAME_SIZE, "%s-%d", stem, i);
	}
	return e;
}

static enum err add(struct store *s, const char *name, int64_t *id, char uid[UID_SIZE])
{
	struct query q = query_open(s, SQL_SESSION_ADD);
	uid_make(uid);
	query_text(&q, uid);
	query_text(&q, name);
	query_int(&q, clock_wall_ns());
	enum err e = query_run(&q);
	*id = sqlite3_last_insert_rowid(s->db);
	return e;
}

enum err store_session(struct store *s, const char *name, int64_t *session_id,
		       char uid[UID_SIZE])
{
	char timed[NAME_SIZE];
	enum err e = name ? session_check_name(name) : OK;
	if (!e)
		e = sql_begin(s);
	if (e)
		return e;
	*session_id = 0;
	if (name)
		e = find_by_name(s, name, session_id, uid);
	else
		e = name_by_time(s, timed);
	if (!e && !*session_id)
		e = add(s, name ? name : timed, session_id, uid);
	return sql_end(s, e);
}

enum err store_keep(struct store *s, int64_t run_id)
{
	enum err e = sql_begin(s);
	if (e)
		return e;
	struct query keep = query_open(s, SQL_RUN_KEEP);
	query_int(&keep, run_id);
	e = query_run(&keep);
	if (!e && sqlite3_changes(s->db)) {
		struct query count = query_open(s, SQL_RUN_KEEP_COUNT);
		query_int(&count, run_id);
		e = query_run(&count);
	}
	return sql_end(s, e);
}

/* ---- lists ---- */

/* What fits, whole characters only. */
static void copy_text(char *to, size_t size, const char *from)
{
	size_t n = 0;
	for (int len = 1; from && from[n]; n += (size_t)len) {
		len = utf8_len(from + n, strnlen(from + n, 4));
		len = len ? len : 1;
		if (n + (size_t)len >= size)
			break;
	}
	memcpy(to, from ? from : "", n);
	to[n] = 0;
}

#define COPY_TEXT(q, to) copy_text(to, sizeof(to), query_get_text(q))

static void bind_key(struct query *q, int64_t before_ns, int64_t before_id)
{
	bool first = !before_ns && !before_id;
	query_int(q, first ? INT64_MAX : before_ns);
	query_int(q, first ? INT64_MAX : before_id);
}

static void take_session(struct query *q, struct session_row *row)
{
	row->id = query_get_int(q, 0);
	COPY_TEXT(q, row->uid);
	COPY_TEXT(q, row->name);
	row->created_ns = query_get_int(q, 0);
	row->runs = query_get_int(q, 0);
	row->trail = query_get_int(q, 0);
	row->last_ns = query_get_int(q, 0);
	COPY_TEXT(q, row->model);
}

enum err session_page(struct store *s, int64_t before_ns, int64_t before_id, int max,
		      struct session_row *rows, int *n)
{
	struct query q = query_open(s, SQL_SESSION_PAGE);
	bind_key(&q, before_ns, before_id);
	query_int(&q, max);
	for (*n = 0; *n < max && query_next(&q); (*n)++)
		take_session(&q, &rows[*n]);
	return query_close(&q);
}

static void take_run(struct query *q, struct run_row *row)
{
	row->id = query_get_int(q, 0);
	row->session_id = query_get_int(q, 0);
	COPY_TEXT(q, row->uid);
	row->started_ns = query_get_int(q, 0);
	COPY_TEXT(q, row->model);
	COPY_TEXT(q, row->device);
	COPY_TEXT(q, row->state);
	COPY_TEXT(q, row->knobs);
	row->keep = query_get_num(q);
	row->kept = query_get_num(q);
	row->cosine = query_get_num(q);
	row->p50_ns = query_get_num(q);
	row->min_ns = query_get_num(q);
	row->batch = query_get_num(q);
	row->trail = query_get_int(q, 0) != 0;
	COPY_TEXT(q, row->error);
	row->top1 = query_get_num(q);
}

enum err session_run_page(struct store *s, int64_t session_id, bool trail,
			  int64_t before_ns, int64_t before_id, int max,
			  struct run_row *rows, int *n)
{
	enum sql_id sql =
		session_id ? (trail ? SQL_RUN_PAGE_SESSION_TRAIL : SQL_RUN_PAGE_SESSION)
			   : (trail ? SQL_RUN_PAGE_TRAIL : SQL_RUN_PAGE);
	struct query q = query_open(s, sql);
	bind_key(&q, before_ns, before_id);
	query_int(&q, max);
	if (session_id)
		query_int(&q, session_id);
	for (*n = 0; *n < max && query_next(&q); (*n)++)
		take_run(&q, &rows[*n]);
	return query_close(&q);
}
