/* Finding runs and sessions by what people type, and by what was measured. */
#include "sessions/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sessions/sql.h"

static enum err none(struct store *s, const char *what, const char *selector)
{
	char shown[120];
	return err_set(ERR_NOTFOUND, "%s: no %s \"%s\"", s->path, what,
		       str_escaped(shown, sizeof(shown), selector, strlen(selector)));
}

/* The id that the query finds, 0 for none; two rows are one too many. */
static enum err one(struct query *q, const char *what, const char *selector, int64_t *id)
{
	struct store *s = q->store;
	char shown[120];
	*id = query_next(q) ? query_get_int(q, 0) : 0;
	bool more = *id && query_next(q);
	enum err e = query_close(q);
	if (e || !more)
		return e;
	*id = 0;
	return err_set(ERR_USAGE, "%s: \"%s\" is more than one %s; give more of the uid",
		       s->path,
		       str_escaped(shown, sizeof(shown), selector, strlen(selector)),
		       what);
}

/* The row whose uid begins with the selector. */
static enum err by_prefix(struct store *s, enum sql_id sql, const char *what,
			  const char *selector, int64_t *id)
{
	char uid[UID_SIZE];
	size_t n = strlen(selector);
	*id = 0;
	if (n == 0 || n >= sizeof(uid) ||
	    strspn(selector, "0123456789abcdefABCDEF-") != n)
		return OK;
	for (size_t i = 0; i <= n; i++)
		uid[i] = selector[i] >= 'A' && selector[i] <= 'F'
				 ? (char)(selector[i] - 'A' + 'a')
				 : selector[i];
	struct query q = query_open(s, sql);
	query_text(&q, uid);
	return one(&q, what, selector, id);
}

/* A number in decimal digits, else 0. */
static int64_t number_of(const char *text)
{
	char *end;
	errno = 0;
	long long v = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : 0;
	return v > 0 && !errno && !*end ? v : 0;
}

static enum err by_number(struct store *s, int64_t number, int64_t *id)
{
	struct query q = query_open(s, SQL_RUN_BY_ID);
	query_int(&q, number);
	*id = query_next(&q) ? query_get_int(&q, 0) : 0;
	return query_close(&q);
}

static enum err last(struct store *s, int64_t *id)
{
	struct query q = query_open(s, SQL_RUN_LAST);
	*id = query_next(&q) ? query_get_int(&q, 0) : 0;
	enum err e = query_close(&q);
	return e || *id ? e : err_set(ERR_NOTFOUND, "%s: no run is stored yet", s->path);
}

/* SESSION/N */
static enum err nth(struct store *s, const char *selector, const char *slash, int64_t *id)
{
	int64_t session_id;
	char *name = strndup(selector, (size_t)(slash - selector));
	if (!name)
		return err_set(ERR_NOMEM, "%s: no memory", s->path);
	enum err e = store_find_session(s, name, &session_id);
	free(name);
	if (e)
		return e;
	struct query q = query_open(s, SQL_RUN_NTH);
	query_int(&q, session_id);
	query_int(&q, number_of(slash + 1) - 1);
	*id = query_next(&q) ? query_get_int(&q, 0) : 0;
	e = query_close(&q);
	return e || *id ? e : none(s, "run", selector);
}

enum err store_find_run(struct store *s, const char *selector, int64_t *id)
{
	*id = 0;
	if (!strcmp(selector, "last"))
		return last(s, id);
	const char *slash = strrchr(selector, '/');
	if (slash)
		return number_of(slash + 1) ? nth(s, selector, slash, id)
					    : none(s, "run", selector);
	/* Digits are a number before they are the beginning of a uid. */
	enum err e = OK;
	if (number_of(selector))
		e = by_number(s, number_of(selector), id);
	if (!e && !*id)
		e = by_prefix(s, SQL_RUN_PREFIX, "run", selector, id);
	return e || *id ? e : none(s, "run", selector);
}

enum err store_find_session(struct store *s, const char *selector, int64_t *id)
{
	struct query q = query_open(s, SQL_SESSION_FIND);
	query_text(&q, selector);
	enum err e = one(&q, "session", selector, id);
	if (!e && !*id)
		e = by_prefix(s, SQL_SESSION_PREFIX, "session", selector, id);
	return e || *id ? e : none(s, "session", selector);
}

enum err store_find(struct store *s, const char *selector, int64_t *run_id,
		    int64_t *session_id)
{
	char shown[120], ambiguous[512];
	*session_id = 0;
	enum err e = store_find_run(s, selector, run_id);
	if (e != ERR_NOTFOUND && e != ERR_USAGE)
		return e;
	/* The beginning of several runs may be the name of a session. */
	bool several = e == ERR_USAGE;
	snprintf(ambiguous, sizeof(ambiguous), "%s", err_message());
	e = store_find_session(s, selector, session_id);
	if (several && (e == ERR_NOTFOUND || e == ERR_USAGE))
		return err_set(ERR_USAGE, "%s", ambiguous);
	if (e != ERR_NOTFOUND)
		return e;
	return err_set(e,
		       "%s: no run or session of that name; `sparsetop sessions list` "
		       "shows what there is",
		       str_escaped(shown, sizeof(shown), selector, strlen(selector)));
}

enum err store_find_cell(struct store *s, const char *cell, int64_t session_id,
			 int64_t *id)
{
	struct query q =
		query_open(s, session_id ? SQL_RUN_CELL_IN_SESSION : SQL_RUN_CELL);
	query_text(&q, cell);
	if (session_id)
		query_int(&q, session_id);
	*id = query_next(&q) ? query_get_int(&q, 0) : 0;
	return query_close(&q);
}
