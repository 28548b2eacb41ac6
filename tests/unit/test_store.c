/* The store: what goes in comes out, what people type finds it, lists stay on indices. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "run_sample.h"
#include "sessions/sql.h"
#include "sessions/store.h"

static char dir[64], db[128];

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	snprintf(db, sizeof(db), "%s/sessions.db", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

static struct store *open_store(void)
{
	struct store *s;
	check_ok(store_open(&(struct store_options){ .path = db }, &s));
	return s;
}

static enum err try_open(const char *path, bool readonly)
{
	struct store *s;
	enum err e = store_open(
		&(struct store_options){ .path = path, .readonly = readonly }, &s);
	store_close(s);
	return e;
}

static int64_t open_session(struct store *s, const char *name)
{
	int64_t id;
	char uid[UID_SIZE];
	check_ok(store_session(s, name, &id, uid));
	return id;
}

/* A run of its own uid that started at `ns`. */
static int64_t put(struct store *s, int64_t session, double ns, bool trail,
		   const char *keep)
{
	struct run *r = sample_run(1);
	r->uid[0] = 0;
	r->started_ns = ns;
	r->trail = trail;
	check_ok(knobs_set(&r->knobs, KNOB_KEEP, keep));
	check_ok(store_put(s, session, r));
	int64_t id = r->id;
	run_free(r);
	return id;
}

static void check_same(struct store *s, const struct run *r)
{
	struct run *back;
	check_ok(store_get(s, r->id, &back));
	char *a = sample_line(r), *b = sample_line(back);
	assert_string_equal(a, b);
	assert_int_equal(back->id, r->id);
	assert_int_equal(back->trail, r->trail);
	free(a);
	free(b);
	run_free(back);
}

static void what_goes_in_comes_out(void **state)
{
	(void)state;
	struct store *s = open_store();
	int64_t session = open_session(s, "pruning");
	struct run *full = sample_run(12), *empty = run_create(), *odd = sample_run(1);
	check_ok(store_put(s, session, full));
	check_same(s, full);

	empty->state = RUN_FAILED;
	empty->error = "the worker was killed (signal 9)";
	empty->trail = true;
	check_ok(store_put(s, session, empty));
	assert_int_equal(strlen(empty->uid), UID_SIZE - 1);
	assert_string_equal(empty->session, "pruning");
	assert_true(isfinite(empty->started_ns));
	check_same(s, empty);

	odd->uid[0] = 0;
	odd->tokens.kept = NULL;
	odd->tokens.n_kept = 137;
	odd->tokens.per_layer[1] = 1 / 3.0;
	odd->wall.samples_ns[3] = (double)NAN;
	odd->generated.n_ids = 0; /* asked, and it said nothing */
	odd->generated.text = "a \xe6\x97 cut, \"quotes\", \x1b[2J and \xf0\x9f\x98\x80";
	odd->language.name = NULL;
	odd->model.source = "/models/\xff\x1b[2J, \"it's\"";
	odd->fidelity.reference = NULL;
	odd->fidelity.cosine = odd->fidelity.images = odd->fidelity.cosine_p5 =
		(double)NAN;
	check_ok(knobs_set(&odd->knobs, KNOB_THREADS, "7"));
	check_ok(store_put(s, session, odd));
	check_same(s, odd);
	store_close(s);

	s = open_store(); /* and in another process, so to speak */
	check_same(s, full);
	check_same(s, empty);
	store_close(s);
	run_free(full);
	run_free(empty);
	run_free(odd);
}

static int64_t count(struct store *s, const char *table)
{
	char sql[80];
	sqlite3_stmt *stmt;
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	assert_int_equal(sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static void a_known_uid_is_left_alone(void **state)
{
	(void)state;
	struct store *s = open_store();
	int64_t session = open_session(s, "a"), other = open_session(s, "b");
	struct run *r = sample_run(2);
	check_ok(store_put(s, session, r));
	int64_t id = r->id;
	r->id = 0;
	r->device = "cuda";
	check_ok(store_put(s, other, r));
	assert_int_equal(r->id, id);
	assert_int_equal(count(s, "run"), 1);
	struct run *back;
	check_ok(store_get(s, id, &back));
	assert_string_equal(back->device, "cpu");
	run_free(back);
	run_free(r);
	check_err(store_get(s, 99, &back), ERR_NOTFOUND, "99");
	store_close(s);
}

static void what_runs_share_is_one_row(void **state)
{
	(void)state;
	struct store *s = open_store();
	int64_t session = open_session(s, "a");
	put(s, session, 1, false, "1");
	int64_t names = count(s, "str");
	put(s, session, 2, false, "0.7");
	assert_int_equal(count(s, "model"), 1);
	assert_int_equal(count(s, "env"), 1);
	assert_int_equal(count(s, "input"), 1);
	assert_int_equal(count(s, "str"), names);
	store_close(s);
}

static void sessions_have_names(void **state)
{
	(void)state;
	struct store *s = open_store();
	char uid[UID_SIZE], again[UID_SIZE];
	int64_t a, b, id;
	check_ok(store_session(s, "pruning", &a, uid));
	check_ok(store_session(s, "pruning", &b, again));
	assert_int_equal(a, b);
	assert_string_equal(uid, again);
	check_ok(store_session(s, NULL, &a, uid));
	check_ok(store_session(s, NULL, &b, again));
	assert_int_not_equal(a, b);
	check_err(store_session(s, "", &a, uid), ERR_USAGE, "--session");
	check_err(store_session(s, "a\033[2J", &a, uid), ERR_USAGE, "\\x1b");
	char longname[200];
	memset(longname, 'x', sizeof(longname));
	longname[199] = 0;
	check_err(store_session(s, longname, &a, uid), ERR_USAGE, "95");

	check_ok(store_find_session(s, "pruning", &id));
	check_ok(store_find_session(s, again, &id));
	assert_int_equal(id, b);
	check_err(store_find_session(s, "prunin", &id), ERR_NOTFOUND, "\"prunin\"");
	check_err(store_find_session(s, "0", &id), ERR_USAGE, "more than one");
	store_close(s);
}

static void runs_are_found_by_what_people_type(void **state)
{
	(void)state;
	struct store *s = open_store();
	int64_t id, session = open_session(s, "a/b");
	check_err(store_find_run(s, "last", &id), ERR_NOTFOUND, "no run");
	struct run *r = sample_run(1);
	r->started_ns = 2000;
	memcpy(r->uid, "ab90a5d2-7c3e-7abc-8def-0123456789ab", UID_SIZE);
	check_ok(store_put(s, session, r));
	int64_t second = r->id;
	r->started_ns = 1000;
	memcpy(r->uid, "abc0a5d2-7c3e-7abc-8def-0123456789ab", UID_SIZE);
	check_ok(store_put(s, session, r));
	int64_t first = r->id;
	run_free(r);

	check_ok(store_find_run(s, "last", &id));
	assert_int_equal(id, second);
	check_ok(store_find_run(s, "a/b/1", &id));
	assert_int_equal(id, first);
	check_ok(store_find_run(s, "a/b/2", &id));
	assert_int_equal(id, second);
	check_ok(store_find_run(s, "2", &id));
	assert_int_equal(id, first);
	check_ok(store_find_run(s, "abc", &id));
	assert_int_equal(id, first);
	check_ok(store_find_run(s, "ABC0A5D2-7", &id));
	assert_int_equal(id, first);
	check_ok(store_find_run(s, "ab90a5d2-7c3e-7abc-8def-0123456789ab", &id));
	assert_int_equal(id, second);

	static const char *const bad[] = {
		"",       "3",     "0",     "-1",
		"a/b/3",  "a/b/0", "a/b/x", "c/1",
		"/1",     "abd",   "%",     "ab%",
		"latest", "a/b/",  "1e3",   "99999999999999999999",
		"a\033"
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(store_find_run(s, bad[i], &id), ERR_NOTFOUND);
		assert_int_equal(id, 0);
	}
	check_err(store_find_run(s, "a\033", &id), ERR_NOTFOUND, "\\x1b");
	check_err(store_find_run(s, "ab", &id), ERR_USAGE, "more than one");
	store_close(s);
}

static void cells_find_the_latest_done_run(void **state)
{
	(void)state;
	struct store *s = open_store();
	int64_t id, a = open_session(s, "a"), b = open_session(s, "b");
	char cell[RUN_CELL_SIZE];
	struct run *r = sample_run(1);
	check_ok(knobs_set(&r->knobs, KNOB_KEEP, "0.5"));
	assert_true(run_cell(r, cell));
	check_ok(store_find_cell(s, cell, 0, &id));
	assert_int_equal(id, 0);
	int64_t first = put(s, a, 1000, true, "0.5");
	int64_t second = put(s, b, 2000, false, "0.5");
	put(s, a, 3000, false, "0.7");
	r->uid[0] = 0;
	r->state = RUN_FAILED;
	r->started_ns = 4000;
	check_ok(store_put(s, a, r));
	run_free(r);
	check_ok(store_find_cell(s, cell, 0, &id));
	assert_int_equal(id, second);
	check_ok(store_find_cell(s, cell, a, &id));
	assert_int_equal(id, first);
	store_close(s);
}

static void lists_are_paged_newest_first(void **state)
{
	(void)state;
	struct store *s = open_store();
	int64_t a = open_session(s, "a"), b = open_session(s, "b");
	int64_t ids[10];
	for (int i = 0; i < 10; i++) /* pairs that start at the same time */
		ids[i] = put(s, i == 9 ? b : a, 1000 + i / 2, i % 3 == 0, "0.7");

	struct run_row rows[4];
	int n, seen = 0;
	int64_t ns = 0, id = 0;
	do {
		check_ok(session_run_page(s, 0, true, ns, id, 4, rows, &n));
		for (int i = 0; i < n; i++)
			assert_int_equal(rows[i].id, ids[9 - seen++]);
		ns = n ? rows[n - 1].started_ns : 0;
		id = n ? rows[n - 1].id : 0;
	} while (n == 4);
	assert_int_equal(seen, 10);
	check_ok(session_run_page(s, a, false, 0, 0, 4, rows, &n));
	assert_int_equal(n, 4);
	assert_int_equal(rows[0].id, ids[8]);
	assert_int_equal(rows[1].id, ids[7]);
	assert_int_equal(rows[2].id, ids[5]);
	assert_string_equal(rows[0].model, "model.name");
	assert_string_equal(rows[0].state, "done");
	assert_non_null(strstr(rows[0].knobs, "keep=0.7"));
	assert_true(rows[0].keep == 0.7 && rows[0].kept == 3 && rows[0].batch == 1);

	struct session_row sessions[4];
	check_ok(session_page(s, 0, 0, 4, sessions, &n));
	assert_int_equal(n, 2);
	assert_string_equal(sessions[0].name, "b");
	assert_int_equal(sessions[1].runs, 9);
	assert_int_equal(sessions[1].trail, 3);
	assert_int_equal(sessions[1].last_ns, 1004);
	assert_string_equal(sessions[1].model, "model.name");
	check_ok(
		session_page(s, sessions[0].created_ns, sessions[0].id, 4, sessions, &n));
	assert_int_equal(n, 1);
	assert_string_equal(sessions[0].name, "a");

	check_ok(store_keep(s, ids[6]));
	check_ok(store_keep(s, ids[6]));
	check_ok(store_keep(s, 12345));
	check_ok(session_page(s, 0, 0, 4, sessions, &n));
	assert_int_equal(sessions[1].trail, 2);
	check_ok(session_run_page(s, a, false, 0, 0, 4, rows, &n));
	assert_int_equal(rows[2].id, ids[6]);
	store_close(s);
}

/* Points of a model among what was stored last. */
static void points_of_a_model(void **state)
{
	(void)state;
	struct point_row rows[8];
	struct store *s = open_store();
	int64_t a = open_session(s, "a"), b = open_session(s, "b");
	int n;
	int64_t first = put(s, a, 1000, true, "0.5"),
		second = put(s, b, 2000, false, "0.7");
	struct run *r = sample_run(1);
	r->model.name = r->model.sha256 = "another";
	r->uid[0] = 0;
	r->started_ns = 3000;
	check_ok(store_put(s, a, r));
	run_free(r);
	check_ok(session_points(s, "model.name", NULL, 100, 8, rows, &n));
	assert_int_equal(n, 2);
	const struct point_row *p = rows[0].id == first ? &rows[0] : &rows[1];
	assert_int_equal(p->id, first);
	assert_int_equal(p->session_id, a);
	assert_true(knob_num(&p->knobs, KNOB_KEEP) == 0.5);
	assert_true(p->lo_ns > 1000 && p->hi_ns > 1000 && p->flops > 1000);
	assert_string_equal(p->host, "env.host");
	check_ok(session_points(s, "no such", "another", 100, 8, rows, &n));
	assert_int_equal(n, 1);
	check_ok(session_points(s, "model.name", NULL, 2, 8, rows,
				&n)); /* the latest two */
	assert_int_equal(n, 1);
	assert_int_equal(rows[0].id, second);
	check_ok(session_points(s, "model.name", NULL, 100, 1, rows, &n));
	assert_int_equal(n, 1);
	store_close(s);
}

/* What a million rows rest on: no statement of a list reads more rows than it shows. */
static void lists_run_on_indices(void **state)
{
	(void)state;
	static const enum sql_id listed[] = {
		SQL_SESSION_PAGE,
		SQL_RUN_PAGE,
		SQL_RUN_PAGE_TRAIL,
		SQL_RUN_PAGE_SESSION,
		SQL_RUN_PAGE_SESSION_TRAIL,
		SQL_RUN_LAST,
		SQL_RUN_CELL,
		SQL_RUN_CELL_IN_SESSION,
		SQL_RUN_PREFIX,
		SQL_RUN_NTH,
		SQL_LAYER_GET,
		SQL_SAMPLE_GET,
		SQL_METRIC_GET,
		SQL_FACT_GET,
		SQL_WARNING_GET,
		SQL_SESSION_PREFIX,
		SQL_RUN_POINTS,
	};
	struct store *s = open_store();
	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++) {
		char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql_text[listed[i]]);
		sqlite3_stmt *stmt;
		assert_int_equal(sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL),
				 SQLITE_OK);
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			const char *plan = (const char *)sqlite3_column_text(stmt, 3);
			bool ordered_scan =
				strstr(plan, "SCAN run USING COVERING INDEX") &&
				listed[i] == SQL_RUN_LAST; /* LIMIT 1 of it */
			/* The newest rows by the index, as many as it is told. */
			ordered_scan |=
				listed[i] == SQL_RUN_POINTS &&
				(strstr(plan, "SCAN run USING INDEX run_by_start") ||
				 !strcmp(plan, "SCAN r"));
			if ((strstr(plan, "SCAN") && !ordered_scan &&
			     !strstr(plan, "SCAN CONSTANT")) ||
			    strstr(plan, "TEMP B-TREE"))
				fail_msg("%s: %s", sql, plan);
		}
		sqlite3_finalize(stmt);
		sqlite3_free(sql);
	}
	store_close(s);
}

static void every_metric_has_a_column(void **state)
{
	(void)state;
	struct store *s = open_store();
	for (int m = 0; m < METRIC_COUNT; m++)
		assert_int_equal(sqlite3_table_column_metadata(s->db, NULL, "layer",
							       metric_table[m].name, NULL,
							       NULL, NULL, NULL, NULL),
				 SQLITE_OK);
	store_close(s);
}

static void files_are_hashed_once(void **state)
{
	(void)state;
	struct store *s = open_store();
	char hex[65];
	check_ok(store_file_hash_get(s, "host:1:2:3:4.5", hex));
	assert_string_equal(hex, "");
	check_ok(store_file_hash_put(s, "host:1:2:3:4.5", "c0ffee"));
	check_ok(store_file_hash_get(s, "host:1:2:3:4.5", hex));
	assert_string_equal(hex, "c0ffee");
	check_ok(store_file_hash_put(s, "host:1:2:3:4.5", "decaf"));
	check_ok(store_file_hash_get(s, "host:1:2:3:4.5", hex));
	assert_string_equal(hex, "decaf");
	check_ok(store_file_hash_get(s, "host:1:2:3:4.6", hex)); /* another mtime */
	assert_string_equal(hex, "");
	store_close(s);
}

static void default_place(void **state)
{
	(void)state;
	struct store *s;
	struct stat st;
	char wanted[160];
	setenv("XDG_DATA_HOME", dir, 1);
	unsetenv("SPARSETOP_DB");
	check_ok(store_open(&(struct store_options){ 0 }, &s));
	snprintf(wanted, sizeof(wanted), "%s/sparsetop/sessions.db", dir);
	assert_string_equal(store_path(s), wanted);
	assert_null(store_notice(s));
	store_close(s);
	snprintf(wanted, sizeof(wanted), "%s/sparsetop", dir);
	assert_int_equal(stat(wanted, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);

	unsetenv("XDG_DATA_HOME");
	setenv("HOME", dir, 1);
	check_ok(store_open(&(struct store_options){ 0 }, &s));
	snprintf(wanted, sizeof(wanted), "%s/.local/share/sparsetop/sessions.db", dir);
	assert_string_equal(store_path(s), wanted);
	store_close(s);

	setenv("SPARSETOP_DB", db, 1);
	check_ok(store_open(&(struct store_options){ 0 }, &s));
	assert_string_equal(store_path(s), db);
	store_close(s);
	unsetenv("SPARSETOP_DB");
	check_err(try_open("/dev/null/x/sessions.db", false), ERR_IO, "--db FILE");
	check_err(try_open(dir, false), ERR_IO, dir);
	check_err(try_open("", false), ERR_USAGE, "--db");
	snprintf(wanted, sizeof(wanted), "%s/none.db", dir);
	check_err(try_open(wanted, true), ERR_NOTFOUND, "none.db");
	assert_int_equal(access(wanted, F_OK), -1);
}

static void exec_raw(const char *path, const char *sql)
{
	sqlite3 *raw;
	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(raw);
}

static size_t read_all(const char *path, char **bytes)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	*bytes = malloc((size_t)st.st_size + 1);
	assert_int_equal(read(fd, *bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	return (size_t)st.st_size;
}

/* Opening fails with a message, and not a byte of the file has changed. */
static void check_refused(enum err code, const char *part)
{
	char *before, *after;
	size_t n = read_all(db, &before);
	check_err(try_open(db, false), code, part);
	assert_non_null(strstr(err_message(), db));
	assert_int_equal(read_all(db, &after), n);
	assert_memory_equal(before, after, n);
	free(before);
	free(after);
}

static void files_that_are_not_ours_are_left_alone(void **state)
{
	(void)state;
	exec_raw(db, "CREATE TABLE songs(title)");
	check_refused(ERR_FORMAT, "another application");
	exec_raw(db, "PRAGMA application_id = 7; DROP TABLE songs");
	check_refused(ERR_FORMAT, "another application");
	FILE *f = fopen(db, "w");
	for (int i = 0; i < 1000; i++)
		fputs("a long letter to somebody\n", f);
	fclose(f);
	check_refused(ERR_FORMAT, "not a database");
	f = fopen(db, "w");
	fputs("short", f);
	fclose(f);
	check_refused(ERR_FORMAT, "not a database");
}

static void an_empty_file_becomes_ours(void **state)
{
	(void)state;
	fclose(fopen(db, "w"));
	check_err(try_open(db, true), ERR_NOTFOUND, "no sessions");
	check_ok(try_open(db, false));
	check_ok(try_open(db, true));
}

static void a_newer_version_is_read_only(void **state)
{
	(void)state;
	struct store *s = open_store();
	int64_t id = put(s, open_session(s, "a"), 1000, false, "0.7"), session;
	char uid[UID_SIZE], *before, *after;
	store_close(s);
	char sql[96];
	snprintf(sql, sizeof(sql),
		 "PRAGMA user_version = %d; ALTER TABLE run ADD COLUMN mood TEXT",
		 STORE_VERSION + 1);
	exec_raw(db, sql);
	size_t n = read_all(db, &before);
	s = open_store();
	assert_true(store_is_readonly(s));
	assert_non_null(strstr(store_notice(s), "newer"));
	struct run *r;
	check_ok(store_get(s, id, &r));
	r->uid[0] = 0;
	check_err(store_put(s, 1, r), ERR_READONLY, "newer");
	check_err(store_session(s, "b", &session, uid), ERR_READONLY, db);
	run_free(r);
	store_close(s);
	assert_int_equal(read_all(db, &after), n);
	assert_memory_equal(before, after, n);
	free(before);
	free(after);

	exec_raw(db, "ALTER TABLE layer RENAME COLUMN wall_ns TO wall");
	s = open_store();
	check_err(store_get(s, id, &r), ERR_UNSUPPORTED, "newer version");
	store_close(s);
}

/* Cut at many lengths: an error or the run, never a crash, and the file as it was. */
static void a_truncated_file_is_refused(void **state)
{
	(void)state;
	struct store *s = open_store();
	int64_t id = put(s, open_session(s, "a"), 1000, false, "0.7");
	store_close(s);
	char *bytes, *now;
	size_t n = read_all(db, &bytes);
	for (size_t cut = 2; cut < n; cut += cut < 600 ? 13 : 4096 - 511) {
		assert_int_equal(truncate(db, 0), 0);
		FILE *f = fopen(db, "w");
		fwrite(bytes, 1, cut, f);
		fclose(f);
		enum err e = store_open(&(struct store_options){ .path = db }, &s);
		if (!e) {
			struct run *r;
			e = store_get(s, id, &r);
			run_free(r);
		}
		assert_int_equal(e, ERR_FORMAT);
		assert_non_null(strstr(err_message(), db));
		store_close(s);
		assert_int_equal(read_all(db, &now), cut);
		assert_memory_equal(bytes, now, cut);
		free(now);
	}
	free(bytes);
}

/* Bytes of every page replaced: errors or runs, and sanitizers silent. */
static void a_damaged_file_is_survived(void **state)
{
	(void)state;
	struct store *s = open_store();
	int64_t id = put(s, open_session(s, "a"), 1000, false, "0.7");
	store_close(s);
	char *bytes;
	size_t n = read_all(db, &bytes);
	int refused = 0;
	for (uint32_t round = 0; round < 150; round++) {
		char *copy = malloc(n);
		memcpy(copy, bytes, n);
		for (uint32_t i = 0; i < 40; i++)
			copy[100 + rng_bits(round, 2 * i) % (n - 100)] =
				(char)rng_bits(round, 2 * i + 1);
		FILE *f = fopen(db, "w");
		fwrite(copy, 1, n, f);
		fclose(f);
		free(copy);
		struct run *r = NULL;
		enum err e = store_open(&(struct store_options){ .path = db }, &s);
		if (!e)
			e = store_get(s, id, &r);
		refused += e != OK;
		if (e && e != ERR_FORMAT && e != ERR_NOTFOUND)
			fail_msg("%s: %s", err_name(e), err_message());
		run_free(r);
		store_close(s);
	}
	assert_true(refused > 20);
	free(bytes);
}

static void damaged_sites_are_named(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"[", "{}", "7", "[7]",
		"[{\"path\":\"embed\",\"layer\":-1,\"alive\":[-3]}]"
	};
	struct store *s = open_store();
	struct run *r;
	char sql[160];
	int64_t id = put(s, open_session(s, "a"), 1000, false, "0.7");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(sql, sizeof(sql), "UPDATE tokens SET sites = '%s'", bad[i]);
		exec_raw(db, sql);
		check_err(store_get(s, id, &r), ERR_FORMAT, "sites");
	}
	exec_raw(db, "UPDATE tokens SET sites = NULL");
	check_ok(store_get(s, id, &r));
	assert_null(r->tokens.sites);
	run_free(r);
	store_close(s);
}

/* Texts and lists without a column: names that this version does not know are left alone.
 */
static void facts_are_read_by_their_names(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "7", "{}", "null" };
	struct store *s = open_store();
	struct run *r;
	char sql[256];
	int64_t id = put(s, open_session(s, "a"), 1000, false, "0.7");
	exec_raw(db, "INSERT INTO str(s) VALUES('generated.mood'), ('run.error');"
		     "INSERT INTO fact SELECT 1, id, 'sad' FROM str "
		     "WHERE s IN ('generated.mood', 'run.error', 'wall.p50_ns', "
		     "'fidelity.worst')");
	exec_raw(db, "UPDATE fact SET text = '[1,2.5,null]' WHERE name_id = "
		     "(SELECT id FROM str WHERE s = 'generated.ids')");
	check_ok(store_get(s, id, &r));
	assert_string_equal(r->generated.text, "generated.text");
	assert_string_equal(r->fidelity.worst, "fidelity.worst");
	assert_string_equal(r->language.name, "language.name");
	assert_int_equal(r->generated.n_ids, 3);
	assert_true(r->generated.ids[1] == 2.5 && isnan(r->generated.ids[2]));
	run_free(r);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(sql, sizeof(sql),
			 "UPDATE fact SET text = '%s' WHERE name_id = "
			 "(SELECT id FROM str WHERE s = 'generated.ids')",
			 bad[i]);
		exec_raw(db, sql);
		check_err(store_get(s, id, &r), ERR_FORMAT, "facts");
	}
	exec_raw(db, "DELETE FROM fact");
	check_ok(store_get(s, id, &r));
	assert_null(r->generated.text);
	assert_null(r->generated.ids);
	run_free(r);
	store_close(s);
}

static void two_writers(void **state)
{
	(void)state;
	struct store *a = open_store(), *b = open_store();
	int64_t session = open_session(a, "a");
	struct run *r = sample_run(1);
	check_ok(sql_begin(a));
	check_err(store_put(b, session, r), ERR_BUSY, "another process");
	assert_int_equal(r->id, 0);
	check_ok(sql_end(a, OK));
	check_ok(store_put(b, session, r)); /* asked again, it works */
	check_same(a, r);
	run_free(r);
	store_close(a);
	store_close(b);
}

/* As somebody who may not write: root may always, so the child becomes nobody. */
static int as_nobody(int (*try)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		if (getuid() == 0 && setuid(65534))
			_exit(99);
		_exit(try());
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int read_but_not_write(void)
{
	struct store *s;
	struct run *r;
	if (store_open(&(struct store_options){ .path = db }, &s))
		return 1;
	if (store_get(s, 1, &r))
		return 2;
	r->uid[0] = 0;
	enum err e = store_put(s, 1, r);
	run_free(r);
	if (e != ERR_READONLY || !strstr(err_message(), db))
		return 3;
	bool file = access(db, W_OK) != 0;
	if (file && (!store_is_readonly(s) || !strstr(store_notice(s), "--db FILE")))
		return 4;
	store_close(s);
	return 0;
}

static int create_in_folder(void)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/new/sessions.db", dir);
	if (try_open(path, false) != ERR_READONLY ||
	    !strstr(err_message(), "SPARSETOP_DB"))
		return 1;
	snprintf(path, sizeof(path), "%s/new.db", dir);
	if (try_open(path, false) != ERR_READONLY ||
	    !strstr(err_message(), "SPARSETOP_DB"))
		return 2;
	return 0;
}

static void a_file_or_folder_that_may_not_be_written(void **state)
{
	(void)state;
	struct store *s = open_store();
	put(s, open_session(s, "a"), 1000, false, "0.7");
	store_close(s);
	chmod(dir, 0755);
	chmod(db, 0444);
	assert_int_equal(as_nobody(read_but_not_write), 0);
	assert_int_equal(as_nobody(create_in_folder), 0);
	chmod(db, 0666);
	chmod(dir, 0555);
	assert_int_equal(as_nobody(read_but_not_write), 0);
	chmod(dir, 0755);
	check_ok(try_open(db, false));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_goes_in_comes_out),
		CASE(a_known_uid_is_left_alone),
		CASE(what_runs_share_is_one_row),
		CASE(sessions_have_names),
		CASE(runs_are_found_by_what_people_type),
		CASE(cells_find_the_latest_done_run),
		CASE(lists_are_paged_newest_first),
		CASE(points_of_a_model),
		CASE(lists_run_on_indices),
		CASE(every_metric_has_a_column),
		CASE(files_are_hashed_once),
		CASE(default_place),
		CASE(files_that_are_not_ours_are_left_alone),
		CASE(an_empty_file_becomes_ours),
		CASE(a_newer_version_is_read_only),
		CASE(a_truncated_file_is_refused),
		CASE(a_damaged_file_is_survived),
		CASE(damaged_sites_are_named),
		CASE(facts_are_read_by_their_names),
		CASE(two_writers),
		CASE(a_file_or_folder_that_may_not_be_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
