/*
 * How the rooms' files talk to SQLite: prepared statements kept by the store, values
 * bound in order, codes turned into `enum err` in one place.
 */
#ifndef SESSIONS_SQL_H
#define SESSIONS_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "sessions/store.h"

enum sql_id {
#define SQL(id, text) SQL_##id,
#include "sessions/sql.def"
#undef SQL
	SQL_LAYER_ADD, /* these two iterate metric.def */
	SQL_LAYER_GET,
	SQL_COUNT
};

/* Rows that many runs share: the groups of run_fields that have a table of that name. */
enum sql_shared { SHARED_MODEL, SHARED_INPUT, SHARED_ENV, SHARED_COUNT };

struct store {
	sqlite3 *db;
	char *path; /* as messages show it: escaped */
	char *notice;
	bool readonly, newer;
	int64_t version; /* of the file */
	sqlite3_stmt *stmt[SQL_COUNT];
	sqlite3_stmt *shared_find[SHARED_COUNT], *shared_add[SHARED_COUNT],
		*shared_get[SHARED_COUNT];
};

#define STORE_VERSION 3

extern const char *const sql_text[SQL_COUNT];
extern const char *const sql_text_1[SQL_COUNT]; /* reading a file of version 1 */

/* A statement being filled in and read. Columns and parameters are taken in order. */
struct query {
	struct store *store;
	sqlite3_stmt *stmt;
	int at;       /* last parameter bound, or next column */
	enum err err; /* the first failure sticks */
};

struct query query_open(struct store *, enum sql_id);
/* The same of a statement that the caller keeps in *cache, made from `text` when NULL. */
struct query query_open_text(struct store *, sqlite3_stmt **cache, const char *text);

/* Texts are borrowed until query_run or query_close. NaN and NULL become NULL. */
void query_int(struct query *, int64_t);
void query_num(struct query *, double);
void query_text(struct query *, const char *);
void query_null(struct query *);

enum err query_run(struct query *) MUST_CHECK; /* a statement without rows, to its end */
bool query_next(struct query *);               /* true: a row; else look at err */
enum err query_close(struct query *) MUST_CHECK;

int64_t query_get_int(struct query *, int64_t if_null);
double query_get_num(struct query *);
const char *query_get_text(struct query *); /* NULL for NULL; until the next row */

/* ERR_ of SQLite's last error, the message naming the file. */
enum err sql_fail(struct store *, int rc);
/* ERR_FORMAT: the file holds what cannot be. */
enum err sql_damaged(struct store *, const char *fact);

enum err sql_begin(struct store *) MUST_CHECK;
/* Commits when e is OK, else rolls back; returns the first failure. */
enum err sql_end(struct store *, enum err e) MUST_CHECK;

/* A PRAGMA or a SELECT of one number; 0 where there is none. */
enum err sql_number(struct store *, const char *sql, int64_t *) MUST_CHECK;

/*
 * Brings a file of an older version to STORE_VERSION: a copy of it beside it first, then
 * all steps in one transaction. After an error the file is what it was, and the copy is
 * gone.
 */
enum err migrate(struct store *) MUST_CHECK;

/* The row of the model, input or environment of a run, made if missing; and back. */
enum err shared_put(struct store *, enum sql_shared, const struct run *,
		    int64_t *id) MUST_CHECK;
enum err shared_get(struct store *, enum sql_shared, int64_t id, struct run *) MUST_CHECK;
bool shared_has(const struct run_field *); /* is it in one of those rows */

/* Where a field of run_fields is kept. */
enum field_home {
	HOME_SHARED, /* a column of a row that many runs share */
	HOME_COLUMN, /* a column, or a table, of its own: store_put.c and store_get.c know
		      */
	HOME_METRIC, /* by its name: a number */
	HOME_FACT    /* by its name: a text, or a list as JSON */
};
enum field_home field_home(const struct run_field *);

/* "wall.p50_ns": its name in the tables metric and fact. Returns buf. */
#define FIELD_NAME_SIZE 64
const char *field_name(const struct run_field *, char buf[FIELD_NAME_SIZE]);

#endif
