/* From an older version of the schema to this one: a copy first, then one transaction. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "sessions/sql.h"

/* steps[v] makes version v + 1 of version v. Tables are only added, and columns at the
 * end, so that a program of the older version that has the file open goes on writing. */
static const char *const steps[STORE_VERSION] = {
	[1] = "ALTER TABLE run ADD COLUMN worst TEXT;"
	      "ALTER TABLE run ADD COLUMN top1 REAL;"
	      "ALTER TABLE run ADD COLUMN label TEXT;"
	      "ALTER TABLE run ADD COLUMN base_label TEXT;"
	      "ALTER TABLE tokens ADD COLUMN sites TEXT;"
	      "PRAGMA user_version = 2",
	[2] = "CREATE TABLE fact("
	      "  run_id INTEGER NOT NULL REFERENCES run(id),"
	      "  name_id INTEGER NOT NULL REFERENCES str(id),"
	      "  text TEXT NOT NULL,"
	      "  PRIMARY KEY(run_id, name_id)"
	      ") STRICT, WITHOUT ROWID;"
	      "PRAGMA user_version = 3",
};

/* "sessions.db.version-1-2025-07-01-142233", a number behind it while that is taken; the
 * caller frees. */
static char *copy_path(struct store *s)
{
	time_t now = (time_t)(clock_wall_ns() / 1000000000);
	struct tm tm;
	char when[40], *path = NULL, again[16] = "";
	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d-%H%M%S", &tm);
	for (int i = 2; i < 1000; i++) {
		if (asprintf(&path, "%s.version-%lld-%s%s",
			     sqlite3_db_filename(s->db, "main"), (long long)s->version,
			     when, again) < 0)
			return NULL;
		if (access(path, F_OK))
			return path;
		free(path);
		snprintf(again, sizeof(again), "-%d", i);
	}
	return NULL;
}

/* It lies on the disk, whatever happens next. */
static enum err sync_copy(struct store *s, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int failed = fd < 0 || fsync(fd) ? errno : 0;
	if (fd >= 0)
		close(fd);
	return failed ? err_set(failed == ENOSPC ? ERR_FULL : ERR_IO,
				"%s: a copy of it before the change: %s", s->path,
				strerror(failed))
		      : OK;
}

static enum err write_copy(struct store *s, const char *path)
{
	sqlite3_stmt *stmt = NULL;
	struct query q = query_open_text(s, &stmt, "VACUUM INTO ?");
	query_text(&q, path);
	if (query_next(&q))
		q.err = sql_damaged(s, "its copy");
	enum err e = query_close(&q);
	sqlite3_finalize(stmt);
	return e ? e : sync_copy(s, path);
}

/* Another process may have been faster. */
static enum err run_steps(struct store *s)
{
	enum err e = sql_begin(s);
	if (e)
		return e;
	e = sql_number(s, "PRAGMA user_version", &s->version);
	if (!e && s->version > STORE_VERSION)
		e = err_set(ERR_BUSY,
			    "%s: a newer sparsetop changed it meanwhile: open "
			    "it again",
			    s->path);
	for (int64_t v = s->version; !e && v < STORE_VERSION; v++) {
		int rc = sqlite3_exec(s->db, steps[v], NULL, NULL, NULL);
		if (rc)
			e = sql_fail(s, rc);
	}
	return sql_end(s, e);
}

enum err migrate(struct store *s)
{
	char *copy = copy_path(s);
	if (!copy)
		return err_set(ERR_NOMEM, "%s: no memory", s->path);
	int64_t from = s->version;
	enum err e = write_copy(s, copy);
	if (!e)
		e = run_steps(s);
	if (e) { /* not changed here: its copy is of no use */
		unlink(copy);
		s->version = from;
	} else {
		s->version = STORE_VERSION;
	}
	free(copy);
	return e;
}
