/*
 * The store when the disk is full or broken, the process is killed, memory runs out:
 * whatever was stored before stays, nothing partial is seen, and asking again works.
 */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "../unit/old_version.h"
#include "../unit/run_sample.h"
#include "fault_vfs.h"
#include "sessions/store.h"

static char dir[64], db[128];
static int64_t session;

/* A database with one run in it; run 1. */
static int set_up(void **state)
{
	(void)state;
	struct store *s;
	struct run *r = sample_run(4);
	char uid[UID_SIZE];
	fault_arm(FAULT_NONE, 0, false);
	temp_dir(dir);
	snprintf(db, sizeof(db), "%s/sessions.db", dir);
	check_ok(store_open(&(struct store_options){ .path = db }, &s));
	check_ok(store_session(s, "a", &session, uid));
	check_ok(store_put(s, session, r));
	store_close(s);
	run_free(r);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fault_arm(FAULT_NONE, 0, false);
	temp_dir_remove(dir);
	return 0;
}

/* The database as set_up left it, without making it again. */
static void restore(const char *bytes, size_t n)
{
	char journal[160];
	snprintf(journal, sizeof(journal), "%s-journal", db);
	unlink(journal);
	FILE *f = fopen(db, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static size_t remember(char **bytes)
{
	FILE *f = fopen(db, "r");
	assert_non_null(f);
	*bytes = malloc(1 << 20);
	size_t n = fread(*bytes, 1, 1 << 20, f);
	fclose(f);
	return n;
}

/* Another run, with names that the database has not seen. */
static struct run *another(void)
{
	struct run *r = sample_run(12);
	r->uid[0] = 0;
	r->started_ns += 1e9;
	r->model.name = "another";
	run_warn(r, "never said before");
	return r;
}

/* The runs that a new connection sees are whole, run 1 among them; returns how many. */
static int check_whole(void)
{
	struct store *s;
	struct run_row rows[8];
	struct session_row sessions[2];
	int n, n_sessions;
	check_ok(store_open(&(struct store_options){ .path = db }, &s));
	check_ok(session_run_page(s, 0, true, 0, 0, 8, rows, &n));
	assert_true(n >= 1);
	assert_int_equal(rows[n - 1].id, 1);
	for (int i = 0; i < n; i++) {
		struct run *r;
		check_ok(store_get(s, rows[i].id, &r));
		assert_int_equal(r->n_layers, i == n - 1 ? 32 : 96);
		assert_int_equal(r->n_warnings, i == n - 1 ? 2 : 3);
		assert_int_equal(r->wall.n_samples, 30);
		for (int k = 0; k < 30; k++)
			assert_true(isfinite(r->wall.samples_ns[k]));
		run_free(r);
	}
	check_ok(session_page(s, 0, 0, 2, sessions, &n_sessions));
	assert_int_equal(sessions[0].runs, n);
	store_close(s);
	return n;
}

/* Fails at the nth operation for every n until one goes through; returns how many failed.
 */
static int fail_everywhere(enum fault kind, bool stays, enum err wanted)
{
	int failed = 0, unsure = 0;
	char *bytes;
	size_t n = remember(&bytes);
	for (int at = 1;; at++) {
		struct store *s;
		struct run *r = another();
		check_ok(store_open(&(struct store_options){ .path = db }, &s));
		fault_arm(kind, at, stays);
		enum err e = store_put(s, session, r);
		bool reached = fault.seen >= at;
		fault_arm(FAULT_NONE, 0, false);
		if (reached) {
			assert_int_equal(e, wanted);
			assert_non_null(strstr(err_message(), db));
			assert_int_equal(r->id, 0);
			int runs = check_whole();
			assert_true(runs == 1 || (runs == 2 && wanted == ERR_IO));
			unsure += runs == 2;
			check_ok(store_put(s, session, r)); /* asked again */
			failed++;
		} else {
			check_ok(e);
		}
		assert_int_equal(check_whole(), 2);
		run_free(r);
		store_close(s);
		restore(bytes, n);
		if (!reached)
			break;
	}
	free(bytes);
	/* After the journal was truncated the run is there, whatever the last sync says.
	 */
	assert_true(unsure <= 1);
	return failed;
}

static void a_full_disk_loses_nothing(void **state)
{
	(void)state;
	assert_true(fail_everywhere(FAULT_FULL, false, ERR_FULL) > 10);
	assert_true(fail_everywhere(FAULT_FULL, true, ERR_FULL) > 10);
}

static void a_broken_disk_loses_nothing(void **state)
{
	(void)state;
	assert_true(fail_everywhere(FAULT_BROKEN, false, ERR_IO) > 10);
	/* The rollback fails, too, and is left to the next open. */
	assert_true(fail_everywhere(FAULT_BROKEN, true, ERR_IO) > 10);
}

/* In a child: store another run, killed at the nth operation. 0: it went through. */
static int killed_at(int at)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct store *s;
		if (store_open(&(struct store_options){ .path = db }, &s))
			_exit(2);
		fault_arm(FAULT_KILL, at, false);
		_exit(store_put(s, session, another()) ? 3 : 0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return 1;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	return 0;
}

static void a_kill_in_mid_transaction_leaves_the_earlier_runs(void **state)
{
	(void)state;
	int killed = 0;
	char *bytes;
	size_t n = remember(&bytes);
	while (killed_at(killed + 1)) {
		int now = check_whole();
		/* All of it or nothing; killed after the commit point it is there. */
		assert_true(now == 1 || now == 2);
		killed++;
		restore(bytes, n);
	}
	assert_int_equal(check_whole(), 2);
	free(bytes);
	assert_true(killed > 10);
}

static int remount_full(void)
{
	char uid[UID_SIZE];
	struct store *s;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=512k"))
		return 77;
	if (store_open(&(struct store_options){ .path = db }, &s) ||
	    store_session(s, "a", &session, uid))
		return 1;
	int stored = 0;
	enum err e;
	for (;; stored++) {
		struct run *r = another();
		e = store_put(s, session, r);
		run_free(r);
		if (e)
			break;
	}
	if (e != ERR_FULL || stored < 2)
		return 2;
	store_close(s);
	if (store_open(&(struct store_options){ .path = db }, &s))
		return 3;
	struct run_row rows[64];
	int n;
	if (session_run_page(s, 0, true, 0, 0, 64, rows, &n) ||
	    n != (stored < 64 ? stored : 64))
		return 4;
	/* The same with more room. */
	if (mount(NULL, dir, NULL, MS_REMOUNT, "size=4m"))
		return 5;
	struct run *r = another();
	e = store_put(s, session, r);
	run_free(r);
	store_close(s);
	return e ? 6 : 0;
}

static void a_full_file_system(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (pid == 0)
		_exit(remount_full());
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip_because("a tmpfs cannot be mounted here (needs root); the injected "
			     "fault covers the same path");
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- memory ---- */

static struct {
	sqlite3_mem_methods real;
	int left; /* allocations that still succeed; < 0: all */
} memory = { .left = -1 };

static bool memory_is_out(void)
{
	if (memory.left > 0)
		memory.left--;
	return memory.left == 0;
}

static void *scarce_malloc(int n)
{
	return memory_is_out() ? NULL : memory.real.xMalloc(n);
}

static void *scarce_realloc(void *p, int n)
{
	return memory_is_out() ? NULL : memory.real.xRealloc(p, n);
}

static void install_scarce_memory(void)
{
	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory.real);
	sqlite3_mem_methods scarce = memory.real;
	scarce.xMalloc = scarce_malloc;
	scarce.xRealloc = scarce_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &scarce);
}

static void no_memory_while_storing(void **state)
{
	(void)state;
	int failed = 0;
	for (int left = 1;; left += 1 + left / 20) {
		struct store *s;
		struct run *r = another();
		check_ok(store_open(&(struct store_options){ .path = db }, &s));
		memory.left = left;
		enum err e = store_put(s, session, r);
		memory.left = -1;
		if (!e) { /* SQLite can do without some */
			run_free(r);
			store_close(s);
			break;
		}
		failed++;
		assert_int_equal(e, ERR_NOMEM);
		assert_int_equal(check_whole(), 1);
		run_free(r);
		store_close(s);
	}
	assert_true(failed > 10);
	assert_int_equal(check_whole(), 2);
}

/* The whole run, or an error that says why; never a part of it. */
static void no_memory_while_reading(void **state)
{
	(void)state;
	enum err e;
	int failed = 0;
	struct run *r = sample_run(4);
	r->session = "a";
	char *wanted = sample_line(r);
	run_free(r);
	for (int left = 1;; left++, failed++) {
		struct store *s;
		check_ok(store_open(&(struct store_options){ .path = db }, &s));
		memory.left = left;
		e = store_get(s, 1, &r);
		memory.left = -1;
		store_close(s);
		if (!e) {
			char *line = sample_line(r);
			assert_string_equal(line, wanted);
			free(line);
			run_free(r);
			break;
		}
		if (e != ERR_NOMEM)
			fail_msg("%d: %s: %s", left, err_name(e), err_message());
	}
	free(wanted);
	assert_true(failed > 10);
}

static void no_memory_while_opening(void **state)
{
	(void)state;
	enum err e;
	int failed = 0;
	for (int left = 1;; left++, failed++) {
		struct store *s;
		memory.left = left;
		e = store_open(&(struct store_options){ .path = db }, &s);
		memory.left = -1;
		store_close(s);
		if (!e)
			break;
		assert_int_equal(e, ERR_NOMEM);
	}
	assert_true(failed > 10);
	assert_int_equal(check_whole(), 1);
}

/* ---- from version 1 to this one, by all steps ---- */

static void restore_old(const char *bytes, size_t n)
{
	char copy[512];
	old_copy(1, dir, copy);
	if (copy[0])
		unlink(copy);
	restore(bytes, n);
}

/* Instead of the database of set_up; the bytes are the caller's. */
static size_t make_old(char **bytes)
{
	unlink(db);
	old_make(1, db, 1);
	return remember(bytes);
}

/* The file opens, its run is whole, and the copy, where one is left, says the same. */
static void check_migration(bool copy_expected)
{
	char copy[512];
	struct store *s;
	struct run *r;
	assert_int_equal(check_whole(), 1);
	old_copy(1, dir, copy);
	if (copy_expected)
		assert_string_not_equal(copy, "");
	if (!copy[0])
		return;
	check_ok(store_open(&(struct store_options){ .path = copy, .readonly = true },
			    &s));
	check_ok(store_get(s, 1, &r));
	assert_int_equal(r->n_layers, 32);
	run_free(r);
	store_close(s);
}

/* Opens with the nth operation failing, for every n until one goes through. */
static int fail_migration(enum fault kind, bool stays, enum err wanted)
{
	int failed = 0;
	char *bytes, copy[512];
	size_t n = make_old(&bytes);
	for (int at = 1;; at++) {
		struct store *s;
		fault_arm(kind, at, stays);
		enum err e = store_open(&(struct store_options){ .path = db }, &s);
		bool reached = fault.seen >= at;
		fault_arm(FAULT_NONE, 0, false);
		if (reached && wanted == ERR_FULL && !e) {
			struct run *r; /* it can be read as it is */
			assert_true(store_is_readonly(s));
			assert_non_null(strstr(store_notice(s), "older version"));
			check_ok(store_get(s, 1, &r));
			run_free(r);
		} else if (reached && !(stays && e == ERR_READONLY)) {
			assert_int_equal(e, wanted);
		} else if (!reached) {
			check_ok(e);
		}
		store_close(s);
		old_copy(1, dir, copy);
		assert_int_equal(copy[0] == 0, reached);
		check_migration(!reached);
		restore_old(bytes, n);
		if (!reached)
			break;
		failed++;
	}
	free(bytes);
	return failed;
}

static void a_migration_without_room_loses_nothing(void **state)
{
	(void)state;
	assert_true(fail_migration(FAULT_FULL, false, ERR_FULL) > 10);
	assert_true(fail_migration(FAULT_FULL, true, ERR_FULL) > 10);
}

static void a_migration_on_a_broken_disk_loses_nothing(void **state)
{
	(void)state;
	assert_true(fail_migration(FAULT_BROKEN, false, ERR_IO) > 10);
	assert_true(fail_migration(FAULT_BROKEN, true, ERR_IO) > 10);
}

static bool migration_killed_at(int at)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct store *s;
		fault_arm(FAULT_KILL, at, false);
		_exit(store_open(&(struct store_options){ .path = db }, &s) ? 3 : 0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return true;
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

/* What it had written of the copy may be left; the file itself is of one version. */
static void a_killed_migration_loses_nothing(void **state)
{
	(void)state;
	int killed = 0;
	char *bytes, command[128];
	size_t n = make_old(&bytes);
	while (migration_killed_at(killed + 1)) {
		killed++;
		assert_int_equal(check_whole(), 1);
		snprintf(command, sizeof(command), "rm -f %s.version-1-*", db);
		assert_int_equal(system(command), 0);
		restore(bytes, n);
	}
	check_migration(true);
	free(bytes);
	assert_true(killed > 10);
}

static void no_memory_while_migrating(void **state)
{
	(void)state;
	enum err e;
	int failed = 0;
	char *bytes;
	size_t n = make_old(&bytes);
	for (int left = 1;; left += 1 + left / 20, failed++) {
		struct store *s;
		memory.left = left;
		e = store_open(&(struct store_options){ .path = db }, &s);
		memory.left = -1;
		store_close(s);
		if (!e)
			break;
		assert_int_equal(e, ERR_NOMEM);
		check_migration(false);
		restore_old(bytes, n);
	}
	check_migration(true);
	free(bytes);
	assert_true(failed > 10);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_full_disk_loses_nothing),
		CASE(a_broken_disk_loses_nothing),
		CASE(a_kill_in_mid_transaction_leaves_the_earlier_runs),
		CASE(a_full_file_system),
		CASE(no_memory_while_storing),
		CASE(no_memory_while_reading),
		CASE(no_memory_while_opening),
		CASE(a_migration_without_room_loses_nothing),
		CASE(a_migration_on_a_broken_disk_loses_nothing),
		CASE(a_killed_migration_loses_nothing),
		CASE(no_memory_while_migrating),
	};
	install_scarce_memory(); /* before SQLite is first used */
	fault_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
