/*
 * Opening and closing. What holds for every connection:
 *  - nothing is written before the file is known to be ours (or empty);
 *  - the schema is not trusted: no triggers, no views, no writable_schema;
 *  - TRUNCATE and FULL: what was committed survives a power cut (README.md).
 */
#include "sessions/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "sessions/place.h"
#include "sessions/sql.h"

extern const char schema_sql[]; /* schema.sql, by embed.py */

#define STORE_APPLICATION 0x73707470 /* "sptp", in the file's header */

enum content { CONTENT_EMPTY, CONTENT_OLDER, CONTENT_OURS, CONTENT_NEWER };

static enum err notice(struct store *s, const char *text)
{
	free(s->notice);
	if (asprintf(&s->notice, "%s: %s", s->path, text) >= 0)
		return OK;
	s->notice = NULL;
	return err_set(ERR_NOMEM, "%s: no memory", s->path);
}

static enum err harden(struct store *s)
{
	static const struct {
		int option, value;
	} options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
		{ SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
	};
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		int rc = sqlite3_db_config(s->db, options[i].option, options[i].value,
					   NULL);
		if (rc)
			return sql_fail(s, rc);
	}
	int rc = sqlite3_exec(s->db, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0",
			      NULL, NULL, NULL);
	return rc ? sql_fail(s, rc) : OK;
}

/* SQLite reads what is missing of the last page as zeros. */
static enum err check_size(struct store *s)
{
	int64_t pages, page_size;
	struct stat st;
	enum err e = sql_number(s, "PRAGMA page_count", &pages);
	if (!e)
		e = sql_number(s, "PRAGMA page_size", &page_size);
	if (e || stat(sqlite3_db_filename(s->db, "main"), &st))
		return e;
	return st.st_size >= pages * page_size ? OK
					       : sql_damaged(s, "its end is missing");
}

static enum err identify(struct store *s, enum content *content)
{
	int64_t application, tables;
	enum err e = sql_number(s, "PRAGMA application_id", &application);
	if (!e)
		e = sql_number(s, "PRAGMA user_version", &s->version);
	if (!e)
		e = sql_number(s, "SELECT count(*) FROM sqlite_schema", &tables);
	if (e)
		return e;
	*content = CONTENT_EMPTY;
	if (application == 0 && s->version == 0 && tables == 0)
		return OK;
	if (application != STORE_APPLICATION)
		return err_set(
			ERR_FORMAT,
			"%s: a database of another application; it was left as it is",
			s->path);
	if (s->version < 1)
		return sql_damaged(s, "it has no version");
	*content = s->version > STORE_VERSION   ? CONTENT_NEWER
		   : s->version < STORE_VERSION ? CONTENT_OLDER
						: CONTENT_OURS;
	return check_size(s);
}

/* Another process may be doing the same: who comes second finds it done. */
static enum err create_schema(struct store *s)
{
	enum content content = CONTENT_EMPTY;
	char ids[96];
	enum err e = sql_begin(s);
	if (e)
		return e;
	e = identify(s, &content);
	if (!e && content == CONTENT_EMPTY) {
		snprintf(ids, sizeof(ids),
			 "PRAGMA application_id = %d; PRAGMA user_version = %d",
			 STORE_APPLICATION, STORE_VERSION);
		int rc = sqlite3_exec(s->db, schema_sql, NULL, NULL, NULL);
		if (!rc)
			rc = sqlite3_exec(s->db, ids, NULL, NULL, NULL);
		if (rc)
			e = sql_fail(s, rc);
		s->version = STORE_VERSION;
	}
	return sql_end(s, e);
}

static enum err set_durability(struct store *s)
{
	int rc = sqlite3_exec(s->db,
			      "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL",
			      NULL, NULL, NULL);
	return rc ? sql_fail(s, rc) : OK;
}

static enum err cannot_open(struct store *s, int rc, bool must_exist)
{
	int why = s->db ? sqlite3_system_errno(s->db) : 0;
	if ((rc & 0xFF) != SQLITE_CANTOPEN)
		return sql_fail(s, rc);
	if (why == ENOENT && must_exist)
		return err_set(ERR_NOTFOUND, "%s: there is no such database", s->path);
	if (why == ENOENT) /* SQLite's second try, to read what it may not make */
		why = EACCES;
	return err_set(
		why == EACCES || why == EROFS ? ERR_READONLY : ERR_IO,
		"%s: cannot be opened%s%s; use --db FILE or SPARSETOP_DB for another "
		"place",
		s->path, why ? ": " : "", why ? strerror(why) : "");
}

static enum err connect(struct store *s, const char *path, bool readonly, bool must_exist,
			int busy_ms)
{
	int flags = readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	if (!readonly && !must_exist)
		flags |= SQLITE_OPEN_CREATE;
	flags |= SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX;
	int rc = sqlite3_open_v2(path, &s->db, flags, NULL);
	if (rc)
		return cannot_open(s, rc, readonly || must_exist);
	sqlite3_busy_timeout(s->db, busy_ms);
	s->readonly = sqlite3_db_readonly(s->db, "main") == 1;
	return harden(s);
}

static void disconnect(struct store *s)
{
	for (int i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(s->stmt[i]);
	for (int i = 0; i < SHARED_COUNT; i++) {
		sqlite3_finalize(s->shared_find[i]);
		sqlite3_finalize(s->shared_add[i]);
		sqlite3_finalize(s->shared_get[i]);
	}
	sqlite3_close(s->db);
	s->db = NULL;
	memset(s->stmt, 0, sizeof(s->stmt));
}

static enum err reopen_readonly(struct store *s, const char *path, int busy_ms,
				const char *why)
{
	disconnect(s);
	enum err e = connect(s, path, true, true, busy_ms);
	return e ? e : notice(s, why);
}

/* A newer version may mean by its columns what this one does not know: look, do not
 * write. */
static enum err open_newer(struct store *s, const char *path, int busy_ms)
{
	s->newer = true;
	return reopen_readonly(
		s, path, busy_ms,
		"written by a newer sparsetop: it can be read here, new runs are "
		"not stored in it");
}

/* Where there is no room for the new version, the old one can be read all the same. */
static enum err open_older(struct store *s, const char *path, int busy_ms)
{
	char why[512];
	enum err e = migrate(s);
	if (e != ERR_FULL && e != ERR_READONLY)
		return e;
	snprintf(why, sizeof(why),
		 "of an older version, and not brought to this one (%s): it can be read, "
		 "new runs are not stored in it",
		 err_message());
	e = reopen_readonly(s, path, busy_ms, why);
	/* Not where a change that was not undone is left to the next writer. */
	return e ? e : sql_number(s, "PRAGMA user_version", &s->version);
}

static enum err prepare(struct store *s, const char *path, const struct store_options *o)
{
	enum content content;
	enum err e = connect(s, path, o->readonly, o->must_exist, o->busy_ms);
	if (!e)
		e = identify(s, &content);
	if (e)
		return e;
	if (content == CONTENT_NEWER)
		return open_newer(s, path, o->busy_ms);
	if (s->readonly && content == CONTENT_EMPTY)
		return o->readonly
			       ? err_set(ERR_NOTFOUND, "%s: holds no sessions yet",
					 s->path)
			       : err_set(ERR_READONLY, "%s: cannot be written", s->path);
	if (s->readonly)
		return o->readonly
			       ? OK
			       : notice(s,
					"cannot be written: new runs are not stored; use "
					"--db FILE or SPARSETOP_DB for another place");
	e = set_durability(s);
	if (!e && content == CONTENT_EMPTY)
		e = create_schema(s);
	if (!e && content == CONTENT_OLDER)
		e = open_older(s, path, o->busy_ms);
	return e;
}

static enum err open_at(struct store *s, const char *path, const struct store_options *o)
{
	struct str shown = STR_INIT;
	str_add_escaped(&shown, path, strlen(path), 400);
	s->path = str_detach(&shown);
	enum err e = o->readonly || o->must_exist ? OK : place_make_folders(path);
	if (!e)
		e = prepare(s, path, o);
	const char *network = e ? NULL : place_network(path);
	if (network && !s->notice) {
		char text[160];
		snprintf(text, sizeof(text),
			 "lies on %s, where two machines that write at once can damage "
			 "it; use "
			 "--db FILE on a local disk",
			 network);
		e = notice(s, text);
	}
	return e;
}

enum err store_open(const struct store_options *o, struct store **out)
{
	char *path;
	*out = NULL;
	enum err e = place_path(o->path, &path);
	if (e)
		return e;
	struct store *s = calloc(1, sizeof(*s));
	e = s ? open_at(s, path, o) : err_set(ERR_NOMEM, "%s: no memory", path);
	free(path);
	if (e)
		store_close(s);
	else
		*out = s;
	return e;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	disconnect(s);
	free(s->path);
	free(s->notice);
	free(s);
}

const char *store_path(const struct store *s) { return s->path; }
bool store_is_readonly(const struct store *s) { return s->readonly; }
const char *store_notice(const struct store *s) { return s->notice; }
