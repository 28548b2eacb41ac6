/*
 * The store: one SQLite file that keeps every run. The front owns it; a worker never sees
 * it.
 *
 * journal_mode TRUNCATE and synchronous FULL: a run that was committed survives a power
 * cut. A run is one transaction. Every function can fail with ERR_BUSY (another process
 * is writing), ERR_FULL, ERR_READONLY, ERR_IO, ERR_FORMAT (not our file, or corrupt) or
 * ERR_NOMEM; the message names the file, and nothing that was stored before is touched.
 */
#ifndef SESSIONS_STORE_H
#define SESSIONS_STORE_H

#include "profiler/run.h"
#include "sessions/session.h"

struct store;

struct store_options {
	const char
		*path; /* NULL: SPARSETOP_DB, else XDG_DATA_HOME/sparsetop/sessions.db */
	bool readonly;
	bool must_exist; /* looking makes no database: ERR_NOTFOUND where there is none */
	int busy_ms; /* how long a command waits for another writer: 10000; the TUI: 0 */
};

/*
 * Creates the file and its folders when missing. A file of a newer version is opened
 * read-only: store_is_readonly() and store_notice() say so.
 */
enum err store_open(const struct store_options *, struct store **out) MUST_CHECK;
void store_close(struct store *);
const char *store_path(const struct store *);
bool store_is_readonly(const struct store *);
const char *store_notice(const struct store *); /* NULL: nothing to say */

/* The session of that name, made if missing; name NULL: a new one, named by its time. */
enum err store_session(struct store *, const char *name, int64_t *session_id,
		       char uid[UID_SIZE]) MUST_CHECK;

/*
 * Stores a done or failed run with all samples and layers in one transaction; gives it an
 * id, the session's name, and a uid and a start where it has none. A run whose uid is
 * already there is left alone: OK. So after an error the same run can be put again, and
 * is stored once.
 */
enum err store_put(struct store *, int64_t session_id, struct run *) MUST_CHECK;

/* The whole run back; what store_put wrote and store_get reads encode to equal JSON. */
enum err store_get(struct store *, int64_t id, struct run **out) MUST_CHECK;

/* RUN as the contract says: a number, a uid or its unique prefix, `last`, SESSION/N.
 * ERR_NOTFOUND; ERR_USAGE for a prefix of several. */
enum err store_find_run(struct store *, const char *selector, int64_t *id) MUST_CHECK;
/* SESSION: a name, a uid or its unique prefix. */
enum err store_find_session(struct store *, const char *selector, int64_t *id) MUST_CHECK;

/* RUN, and where there is no such run, SESSION: one of both ids, the other is 0. */
enum err store_find(struct store *, const char *selector, int64_t *run_id,
		    int64_t *session_id) MUST_CHECK;

/* The latest done run of a cell, in a session (0: in any); *id 0 when there is none. */
enum err store_find_cell(struct store *, const char *cell, int64_t session_id,
			 int64_t *id) MUST_CHECK;

/* Keeps a stop of the slider: no longer part of the trail. */
enum err store_keep(struct store *, int64_t run_id) MUST_CHECK;

/*
 * The hash of a file already hashed. The key tells this content of the file from another
 * and comes from the worker that sees the file (host, device, inode, size, mtime). hex
 * "": unknown.
 */
enum err store_file_hash_get(struct store *, const char *key, char hex[65]) MUST_CHECK;
enum err store_file_hash_put(struct store *, const char *key, const char *hex) MUST_CHECK;

#endif
