/* A database of an older version: brought to this one with a copy beside it, or read as
 * it is. */
#include "check.h"

#include <math.h>

#include "old_version.h"
#include "sessions/sql.h"

static char dir[64], db[128];
static int version; /* of the database */

static int set_up(int v)
{
	version = v;
	temp_dir(dir);
	snprintf(db, sizeof(db), "%s/sessions.db", dir);
	old_make(version, db, 3);
	return 0;
}

static int set_up_1(void **state)
{
	(void)state;
	return set_up(1);
}

static int set_up_2(void **state)
{
	(void)state;
	return set_up(2);
}

static int tear_down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

static struct store *open_at(const char *path, bool readonly)
{
	struct store *s;
	check_ok(store_open(&(struct store_options){ .path = path, .readonly = readonly },
			    &s));
	return s;
}

static int64_t version_of(struct store *s)
{
	int64_t v;
	check_ok(sql_number(s, "PRAGMA user_version", &v));
	return v;
}

/* The first run is what the old version stored of it; all are there. */
static void check_runs(struct store *s, int n)
{
	struct run_row rows[8];
	struct run *back, *r = old_sample(version, 4);
	int found;
	check_ok(session_run_page(s, 0, true, 0, 0, 8, rows, &found));
	assert_int_equal(found, n);
	for (int i = 0; i < found; i++)
		assert_true(rows[i].id > 3 || version > 1 || isnan(rows[i].top1));
	check_ok(store_get(s, 1, &back));
	r->session = "a";
	char *a = sample_line(r), *b = sample_line(back);
	assert_string_equal(a, b);
	free(a);
	free(b);
	run_free(back);
	run_free(r);
}

static void it_becomes_this_version(void **state)
{
	(void)state;
	char copy[512];
	struct store *s = open_at(db, false);
	assert_null(store_notice(s));
	assert_false(store_is_readonly(s));
	assert_int_equal(version_of(s), STORE_VERSION);
	check_runs(s, 3);

	struct run *r = sample_run(2), *back;
	r->uid[0] = 0;
	r->accuracy.top1 = 0.875;
	check_ok(store_put(s, 1, r));
	check_ok(store_get(s, r->id, &back));
	assert_int_equal(back->tokens.n_sites, 2);
	assert_string_equal(back->fidelity.worst, "fidelity.worst");
	assert_true(back->accuracy.top1 == 0.875);
	assert_string_equal(back->generated.text, "generated.text");
	assert_int_equal(back->generated.n_ids, 3);
	struct run_row rows[8];
	int n;
	check_ok(session_run_page(s, 0, true, 0, 0, 8, rows, &n));
	assert_int_equal(n, 4);
	assert_true(rows[0].top1 == 0.875);
	run_free(back);
	run_free(r);
	store_close(s);

	old_copy(version, dir, copy);
	assert_string_not_equal(copy, "");
	s = open_at(copy, true);
	assert_int_equal(version_of(s), version);
	check_runs(s, 3);
	store_close(s);

	s = open_at(db, false); /* once */
	check_runs(s, 4);
	store_close(s);
	old_copy(version, dir, copy);
}

/* Columns in order, of every table. */
static char *columns_of(struct store *s)
{
	return old_text(
		s->db,
		"SELECT group_concat(told) FROM (SELECT t.name || '.' || c.name || ' ' "
		"|| c.type || c.pk || c.\"notnull\" AS told "
		"FROM sqlite_schema t, pragma_table_info(t.name) c "
		"WHERE t.type = 'table' AND ?1 = '' ORDER BY t.name, c.cid)",
		"");
}

static void migrated_and_made_are_one_schema(void **state)
{
	(void)state;
	char fresh[160];
	snprintf(fresh, sizeof(fresh), "%s/fresh.db", dir);
	struct store *a = open_at(db, false), *b = open_at(fresh, false);
	char *migrated = columns_of(a), *made = columns_of(b);
	assert_true(strlen(made) > 1000);
	assert_string_equal(migrated, made);
	free(migrated);
	free(made);
	store_close(a);
	store_close(b);
}

static void it_is_read_without_writing(void **state)
{
	(void)state;
	char copy[512];
	struct store *s = open_at(db, true);
	assert_int_equal(version_of(s), version);
	check_runs(s, 3);
	struct session_row row;
	int n;
	check_ok(session_page(s, 0, 0, 1, &row, &n));
	assert_int_equal(row.runs, 3);
	store_close(s);
	old_copy(version, dir, copy);
	assert_string_equal(copy, "");
	s = open_at(db, true);
	assert_int_equal(version_of(s), version);
	store_close(s);
}

static void a_busy_file_is_tried_again(void **state)
{
	(void)state;
	char copy[512];
	sqlite3 *other;
	struct store *s;
	assert_int_equal(sqlite3_open(db, &other), SQLITE_OK);
	old_exec(other, "BEGIN IMMEDIATE");
	check_err(store_open(&(struct store_options){ .path = db }, &s), ERR_BUSY,
		  "another process");
	old_copy(version, dir, copy);
	assert_string_equal(copy, "");
	old_exec(other, "COMMIT");
	sqlite3_close(other);
	s = open_at(db, false);
	assert_int_equal(version_of(s), STORE_VERSION);
	check_runs(s, 3);
	store_close(s);
}

/* A program of the old version that has it open meanwhile goes on. */
static void an_old_writer_goes_on(void **state)
{
	(void)state;
	sqlite3 *old;
	assert_int_equal(sqlite3_open(db, &old), SQLITE_OK);
	old_exec(old, "SELECT * FROM run");
	struct store *s = open_at(db, false);
	old_exec(old, "INSERT INTO tokens(run_id, per_layer, kept) "
		      "VALUES(99, '[1]', '[1]')");
	check_runs(s, 3);
	store_close(s);
	sqlite3_close(old);
}

static void a_damaged_file_is_left_as_it_is(void **state)
{
	(void)state;
	char copy[512];
	struct store *s;
	FILE *f = fopen(db, "r+");
	for (long page = 3; page < 12; page++) {
		fseek(f, page * 4096, SEEK_SET);
		for (int i = 0; i < 64; i++)
			fputc(0xff, f);
	}
	fclose(f);
	check_err(store_open(&(struct store_options){ .path = db }, &s), ERR_FORMAT,
		  "damaged");
	old_copy(version, dir, copy);
	assert_string_equal(copy, "");
}

/* Between looking at the file and changing it, a newer program was faster. */
static void a_newer_program_is_faster(void **state)
{
	(void)state;
	char copy[512];
	struct store s = { .path = db, .version = version };
	assert_int_equal(sqlite3_open(db, &s.db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(s.db, "PRAGMA user_version = 99", NULL, NULL, NULL),
			 SQLITE_OK);
	check_err(migrate(&s), ERR_BUSY, "newer sparsetop");
	assert_int_equal(version_of(&s), 99);
	sqlite3_finalize(s.stmt[SQL_BEGIN]);
	assert_int_equal(sqlite3_close(s.db), SQLITE_OK);
	old_copy(version, dir, copy);
	assert_string_equal(copy, "");
	struct store *again = open_at(db, false);
	assert_true(store_is_readonly(again));
	store_close(again);
}

#define CASE(f)                                                                          \
	{ #f ", version 1", f, set_up_1, tear_down, NULL },                              \
	{                                                                                \
#f ", version 2", f, set_up_2, tear_down, NULL                           \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_becomes_this_version),
		CASE(migrated_and_made_are_one_schema),
		CASE(it_is_read_without_writing),
		CASE(a_busy_file_is_tried_again),
		CASE(a_newer_program_is_faster),
		CASE(an_old_writer_goes_on),
		CASE(a_damaged_file_is_left_as_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
