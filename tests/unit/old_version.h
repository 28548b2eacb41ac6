/* A database of an older version, made of that version's own schema
 * (fixtures/schema_vN.sql).
 */
#ifndef TESTS_OLD_VERSION_H
#define TESTS_OLD_VERSION_H

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <unistd.h>

#include "run_sample.h"
#include "sessions/store.h"

/* What a program of that version knew of a run. */
static inline struct run *old_sample(int version, int blocks)
{
	struct run *r = sample_run(blocks);
	run_forget_group(r, "prompt");
	run_forget_group(r, "visual");
	run_forget_group(r, "language");
	run_forget_group(r, "generated");
	run_forget_group(r, "likelihood");
	run_forget_group(r, "mrss");
	run_forget_group(r, "ssm");
	run_forget_group(r, "embeddings");
	run_forget_group(r, "layouts");
	r->fidelity.kl = r->low_rank.full = r->low_rank.stored = (double)NAN;
	r->low_rank.spectrum = r->tokens.counts = NULL;
	r->low_rank.n_spectrum = r->tokens.n_counts = 0;
	if (version > 1)
		return r;
	r->tokens.sites = NULL;
	r->tokens.n_sites = 0;
	run_forget_group(r, "accuracy");
	run_forget_group(r, "zero_shot");
	run_forget_group(r, "low_rank");
	r->fidelity.worst = NULL;
	return r;
}

static inline void old_exec(sqlite3 *db, const char *sql)
{
	char *why = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &why))
		fail_msg("%s: %s", sql, why);
}

/* One text, in memory of the caller. */
static inline char *old_text(sqlite3 *db, const char *sql, const char *arg)
{
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	sqlite3_bind_text(stmt, 1, arg, -1, SQLITE_STATIC);
	char *text = sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_text(stmt, 0)
			     ? str_dup((const char *)sqlite3_column_text(stmt, 0))
			     : NULL;
	sqlite3_finalize(stmt);
	return text;
}

static inline char *old_schema(int version)
{
	char name[32];
	char *text = mem_alloc(1 << 16);
	snprintf(name, sizeof(name), "schema_v%d.sql", version);
	FILE *f = fopen(fixture(name), "r");
	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 16) - 1, f) > 1000);
	fclose(f);
	return text;
}

/* All rows of `from`, in the columns that the version has. */
static inline void old_fill(int version, const char *from, const char *to)
{
	sqlite3 *db;
	char sql[2048], *schema = old_schema(version), *tables, *rest;
	assert_int_equal(sqlite3_open(to, &db), SQLITE_OK);
	old_exec(db, schema);
	snprintf(sql, sizeof(sql), "ATTACH '%s' AS source", from);
	old_exec(db, sql);
	tables = old_text(db,
			  "SELECT group_concat(name) FROM main.sqlite_schema WHERE "
			  "type = 'table' AND name NOT LIKE 'sqlite%' AND ?1 = ''",
			  "");
	for (char *t = strtok_r(tables, ",", &rest); t; t = strtok_r(NULL, ",", &rest)) {
		char *columns = old_text(db,
					 "SELECT group_concat(name) FROM "
					 "pragma_table_info(?1, 'main')",
					 t);
		snprintf(sql, sizeof(sql),
			 "INSERT INTO main.%s(%s) SELECT %s FROM source.%s", t, columns,
			 columns, t);
		old_exec(db, sql);
		free(columns);
	}
	free(tables);
	free(schema);
	sqlite3_close(db);
}

/* A database of the version at `path` with one session "a" and `n` runs of 4 blocks. */
static inline void old_make(int version, const char *path, int n)
{
	char newer[160], uid[UID_SIZE];
	struct store *s;
	int64_t session;
	snprintf(newer, sizeof(newer), "%s-newer", path);
	check_ok(store_open(&(struct store_options){ .path = newer }, &s));
	check_ok(store_session(s, "a", &session, uid));
	for (int i = 0; i < n; i++) {
		struct run *r = old_sample(version, 4);
		r->uid[0] = i ? 0 : r->uid[0];
		check_ok(store_put(s, session, r));
		run_free(r);
	}
	store_close(s);
	old_fill(version, newer, path);
	unlink(newer);
}

/* The copy that a migration left beside a database; "": none. More than one fails. */
static inline void old_copy(int version, const char *dir, char path[512])
{
	char part[32];
	snprintf(part, sizeof(part), ".version-%d-", version);
	DIR *d = opendir(dir);
	path[0] = 0;
	for (struct dirent *e; (e = readdir(d));) {
		if (!strstr(e->d_name, part) || strstr(e->d_name, "-journal"))
			continue;
		assert_int_equal(path[0], 0);
		snprintf(path, 512, "%s/%s", dir, e->d_name);
	}
	closedir(d);
}

#endif
