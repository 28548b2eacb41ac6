/* base: strings, arenas, JSON, lines, mailbox, pool, uid, hash. */
#include "check.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>

#include "base/arena.h"
#include "base/cpu_isa.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/mailbox.h"
#include "base/pool.h"
#include "base/sha256.h"
#include "base/str.h"
#include "base/uid.h"

static void errors_keep_message_and_context(void **state)
{
	(void)state;
	enum err e = err_set(ERR_FORMAT, "%s: %d", "a file", 7);
	assert_int_equal(err_context(e, "loading"), ERR_FORMAT);
	assert_string_equal(err_message(), "loading: a file: 7");
	assert_int_equal(err_set(ERR_IO, "%s again", err_message()), ERR_IO);
	assert_string_equal(err_message(), "loading: a file: 7 again");
	for (int i = 0; i < ERR_COUNT; i++)
		assert_int_equal(err_by_name(err_name((enum err)i)), i);
	assert_int_equal(err_by_name("no such"), ERR_WORKER);
	assert_int_equal(err_exit_status(ERR_USAGE), 2);
	assert_int_equal(err_exit_status(ERR_CANCELLED), 130);
	assert_int_equal(err_exit_status(ERR_NOMEM), 1);
}

static void escapes_what_a_terminal_would_obey(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "plain", "plain" },
		{ "a\033[31mb", "a\\x1b[31mb" },
		{ "tab\there", "tab\\x09here" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "\xc2\x9b"
		  "1m",
		  "\\xc2\\x9b1m" }, /* C1: the one-byte CSI */
		{ "bad\xff\xfe", "bad\\xff\\xfe" },
		{ "over\xc0\xaf", "over\\xc0\\xaf" },
		{ "back\\slash", "back\\\\slash" },
		{ "cut\xe2\x82", "cut\\xe2\\x82" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char buf[64];
		str_escaped(buf, sizeof(buf), cases[i].in, strlen(cases[i].in));
		assert_string_equal(buf, cases[i].out);
	}
	char small[12];
	str_escaped(small, sizeof(small), "a long long text", 16);
	assert_true(strlen(small) < sizeof(small));
	assert_non_null(strstr(small, "..."));
}

static void arena_predicts_its_own_peak(void **state)
{
	(void)state;
	struct arena dry, real;
	arena_init_dry(&dry);
	void *p;
	for (int round = 0; round < 3; round++) {
		size_t mark = arena_mark(&dry);
		assert_true(arena_alloc(&dry, 1000, &p));
		assert_true(arena_alloc(&dry, 3, &p));
		assert_null(p);
		arena_reset(&dry, mark);
	}
	assert_int_equal(dry.peak, 1024 + 64);
	check_ok(arena_init(&real, dry.peak));
	assert_true(arena_alloc(&real, 1000, &p));
	assert_int_equal((uintptr_t)p % ARENA_ALIGN, 0);
	assert_true(arena_alloc(&real, 3, &p));
	assert_false(arena_alloc(&real, 1, &p));
	assert_null(p);
	assert_false(arena_alloc(&real, SIZE_MAX - 8, &p));
	arena_release(&real);
}

static void json_is_strict(void **state)
{
	(void)state;
	static const char *const bad[] = { "{\"a\":1,\"a\":2}",
					   "{\"a\":1} x",
					   "{\"a\":\"\xff\"}",
					   "{\"a\":1e999}",
					   "[1,]",
					   "",
					   "{'a':1}" };
	json_t *v;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_err(json_read(bad[i], strlen(bad[i]), "a.json", &v), ERR_FORMAT,
			  "a.json");
	const char *good =
		"{\"n\":2.5,\"i\":7,\"s\":\"x\",\"z\":null,\"o\":{\"b\":true}}";
	check_ok(json_read(good, strlen(good), "a.json", &v));
	enum err e = OK;
	struct json_in in = { v, "a.json", &e };
	assert_true(json_in_num(&in, "n") == 2.5);
	assert_true(isnan(json_in_num(&in, "z")));
	assert_string_equal(json_in_str(&in, "s"), "x");
	struct json_in o = json_in_object(&in, "o"),
		       none = json_in_object(&in, "missing");
	assert_true(json_in_bool(&o, "b"));
	assert_true(isnan(json_in_num(&none, "n")));
	assert_int_equal(json_in_int(&in, "i", 0, 10, -1), 7);
	assert_int_equal(e, OK);
	assert_int_equal(json_in_int(&in, "i", 0, 5, -1), -1);
	assert_int_equal(e, ERR_FORMAT);
	json_decref(v);
	json_t *out = json_object();
	json_put_num(out, "nan", (double)NAN);
	json_put_num(out, "whole", 3.0);
	json_put_num(out, "part", 0.7);
	json_put_str(out, "bytes", "a\xff");
	char *line = json_line(out);
	assert_string_equal(
		line, "{\"nan\":null,\"whole\":3,\"part\":0.7,\"bytes\":\"a\\\\xff\"}");
	free(line);
	json_decref(out);
}

static void lines_arrive_whole(void **state)
{
	(void)state;
	int fd[2];
	assert_int_equal(pipe(fd), 0);
	struct line_writer *w = line_writer_create(fd[1]);
	check_ok(line_writer_send(w, "first"));
	check_ok(line_writer_send(w, ""));
	assert_int_equal(write(fd[1], "half", 4), 4);
	struct line_reader r;
	line_reader_init(&r, fd[0]);
	check_ok(line_reader_fill(&r));
	assert_string_equal(line_reader_next(&r), "first");
	assert_string_equal(line_reader_next(&r), "");
	assert_null(line_reader_next(&r));
	check_ok(line_writer_send(w, " and half"));
	close(fd[1]);
	while (!r.eof)
		check_ok(line_reader_fill(&r));
	assert_string_equal(line_reader_next(&r), "half and half");
	assert_null(line_reader_next(&r));
	line_reader_release(&r);
	line_writer_free(w);
	close(fd[0]);
}

static void mailbox_keeps_the_newest(void **state)
{
	(void)state;
	struct mailbox *m = mailbox_create();
	int a, b;
	assert_null(mailbox_put(m, &a));
	assert_ptr_equal(mailbox_put(m, &b), &a);
	assert_ptr_equal(mailbox_take(m), &b);
	mailbox_close(m);
	assert_null(mailbox_take(m));
	mailbox_free(m);
}

struct sum_job {
	int64_t part[64];
	int64_t count;
};

static void sum_share(void *ctx, int thread, int threads)
{
	struct sum_job *j = ctx;
	int64_t begin, end;
	pool_share(j->count, 16, thread, threads, &begin, &end);
	j->part[thread] = 0;
	for (int64_t i = begin; i < end; i++)
		j->part[thread] += i;
}

static void pool_covers_every_share_once(void **state)
{
	(void)state;
	for (int threads = 1; threads <= 5; threads++) {
		struct pool *p;
		check_ok(pool_create(threads, &p));
		pool_watch(p, true);
		int64_t before = pool_cpu_ns(p);
		for (int64_t n = 0; n < 300; n++) {
			struct sum_job j = { .count = n };
			pool_run(p, sum_share, &j);
			int64_t sum = 0;
			for (int t = 0; t < threads; t++)
				sum += j.part[t];
			assert_int_equal(sum, n ? n * (n - 1) / 2 : 0);
		}
		assert_true(pool_cpu_ns(p) > before);
		pool_free(p);
	}
}

static void uids_are_version_7_and_sort_by_time(void **state)
{
	(void)state;
	char a[UID_SIZE], b[UID_SIZE];
	uid_make(a);
	usleep(2000); /* the clock of a uid ticks in milliseconds */
	uid_make(b);
	assert_int_equal(strlen(a), UID_SIZE - 1);
	assert_int_equal(a[14], '7');
	assert_true(strchr("89ab", a[19]) != NULL);
	assert_true(strcmp(a, b) < 0);
}

static void sha256_of_abc(void **state)
{
	(void)state;
	struct sha256 s;
	char hex[SHA256_HEX];
	sha256_start(&s);
	sha256_add(&s, "a", 1);
	sha256_add(&s, "bc", 2);
	sha256_end(&s, hex); /* FIPS 180-4's own example */
	assert_string_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void isa_has_a_blas_core(void **state)
{
	(void)state;
	char cpu[64];
	cpu_model_name(cpu, sizeof(cpu));
	assert_true(cpu[0] != 0);
	if (cpu_isa() >= ISA_AVX2)
		assert_non_null(cpu_openblas_core());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_keep_message_and_context),
		cmocka_unit_test(escapes_what_a_terminal_would_obey),
		cmocka_unit_test(arena_predicts_its_own_peak),
		cmocka_unit_test(json_is_strict),
		cmocka_unit_test(lines_arrive_whole),
		cmocka_unit_test(mailbox_keeps_the_newest),
		cmocka_unit_test(pool_covers_every_share_once),
		cmocka_unit_test(uids_are_version_7_and_sort_by_time),
		cmocka_unit_test(sha256_of_abc),
		cmocka_unit_test(isa_has_a_blas_core),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
