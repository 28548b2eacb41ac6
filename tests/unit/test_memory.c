/* memory: what the kernel's files say is left, and what is said of it. */
#include "check.h"

#include <math.h>
#include <sys/stat.h>

#include "profiler/memory.h"

#define GIB 0x1p30
#define MIB 0x1p20

static char dir[64];

static int set_up(void **state)
{
	(void)state;
	unsetenv("SPARSETOP_MEMORY");
	temp_dir(dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unsetenv("SPARSETOP_MEMORY");
	temp_dir_remove(dir);
	return 0;
}

/* The same number; NaN is one. */
static void same(const char *what, double got, double wanted)
{
	if (!(got == wanted || (isnan(got) && isnan(wanted))))
		fail_msg("%s: %.17g, wanted %.17g", what, got, wanted);
}

static void fields_of_the_kernels_files(void **state)
{
	(void)state;
	static const char meminfo[] = "MemTotal:       24684084 kB\n"
				      "MemFree:        23450808 kB\n"
				      "MemAvailable:   24143664 kB\n"
				      "HugePages_Total:       7\n";
	static const char stat[] = "anon 4096\ninactive_file_x 1\ntotal_inactive_file 2\n"
				   "inactive_file 916107264\nempty \nlast 9";
	same("kB", memory_field(meminfo, "MemAvailable"), 24143664.0 * 1024);
	same("no unit", memory_field(meminfo, "HugePages_Total"), 7);
	same("first", memory_field(stat, "anon"), 4096);
	same("not a longer name", memory_field(stat, "inactive_file"), 916107264);
	same("without a newline", memory_field(stat, "last"), 9);
	/* Not the beginning of a longer name, nor the end of one. */
	same("Mem", memory_field(meminfo, "Mem"), (double)NAN);
	same("Available", memory_field(meminfo, "Available"), (double)NAN);
	same("no number", memory_field(stat, "empty"), (double)NAN);
	same("no text", memory_field("", "anon"), (double)NAN);
	same("cut off", memory_field("anon", "anon"), (double)NAN);
	same("cut off", memory_field("anon ", "anon"), (double)NAN);
}

static void sizes_that_people_write(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		double bytes;
	} cases[] = {
		{ "2G", 2 * GIB },
		{ "512M", 512 * MIB },
		{ "64k", 65536 },
		{ "1T", 1024 * GIB },
		{ "12345", 12345 },
		{ "0", 0 },
		{ "1.5G", 1.5 * GIB },
		{ " 1.5 GiB\n", 1.5 * GIB },
		{ "3gb", 3 * GIB },
		{ "7B", 7 },
		{ "2Gi", 2 * GIB },
		{ "", (double)NAN },
		{ " ", (double)NAN },
		{ "G", (double)NAN },
		{ ".5G", (double)NAN },
		{ "-1G", (double)NAN },
		{ "2X", (double)NAN },
		{ "2GG", (double)NAN },
		{ "2 G of it", (double)NAN },
		{ "1,5G", (double)NAN },
		{ "0x10", (double)NAN },
		{ "1e9", (double)NAN },
		{ "inf", (double)NAN },
		{ "nan", (double)NAN },
		{ "1.2.3G", (double)NAN },
		{ "2\xff", (double)NAN },
		{ "lots", (double)NAN },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		same(cases[i].text, memory_parse(cases[i].text), cases[i].bytes);
	char long_text[4096];
	memset(long_text, '9', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = 0;
	assert_true(isinf(memory_parse(long_text)));
}

static void groups_by_their_controller(void **state)
{
	(void)state;
	static const char both[] =
		"9:name=systemd:/\n5:cpu,cpuacct:/c\n"
		"4:memory:/docker/a:b\n3:memory_x:/no\n0::/user.slice\n";
	static const struct {
		const char *text, *controller, *path; /* NULL: none */
	} cases[] = {
		{ both, "memory", "/docker/a:b" },
		{ both, "", "/user.slice" },
		{ both, "cpu", "/c" },
		{ both, "cpuacct", "/c" },
		{ both, "cpuac", NULL },
		{ both, "pids", NULL },
		{ "0::/", "", "/" },
		{ "0::/a/b", "", "/a/b" },
		{ "0::", "", NULL },
		{ "0::relative", "", NULL },
		{ "0:", "", NULL },
		{ "0", "", NULL },
		{ "\n\n0:\n:\n::\n", "", NULL },
		{ "4:memory", "memory", NULL },
		{ "", "memory", NULL },
	};
	char path[32];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool there = memory_group(cases[i].text, cases[i].controller, path,
					  sizeof(path));
		if (there != (cases[i].path != NULL))
			fail_msg("\"%s\" in \"%s\"", cases[i].controller, cases[i].text);
		if (there)
			assert_string_equal(path, cases[i].path);
	}
	char small[11];
	assert_false(memory_group("0::/user.slice\n", "", small, sizeof(small)));
	assert_true(memory_group("0::/user.slic\n", "", small, sizeof(small)));
}

static void what_a_group_leaves(void **state)
{
	(void)state;
	static const struct {
		const char *limit, *usage;
		double inactive, left;
	} cases[] = {
		{ "1000\n", "300\n", (double)NAN, 700 },
		{ "1000\n", "300\n", 100, 800 },
		{ "1000\n", "300\n", 400, 1000 }, /* never above the limit */
		{ "1000\n", "1200\n", 100, 0 },
		{ "1000\n", "", 100, 1000 },
		{ "0\n", "0\n", 0, 0 },
		{ "max\n", "300\n", 100, (double)NAN },
		{ "", "300\n", 100, (double)NAN },
		{ "-1\n", "300\n", 100, (double)NAN },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		same(cases[i].limit,
		     memory_group_left(cases[i].limit, cases[i].usage, cases[i].inactive),
		     cases[i].left);
}

/* Writes a file under the test's folder, and the folders above it. */
static void put(const char *below, const char *text)
{
	char path[320];
	snprintf(path, sizeof(path), "%s/%s", dir, below);
	for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = 0;
		mkdir(path, 0755);
	}
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void every_group_above_counts(void **state)
{
	(void)state;
	same("no files", memory_groups_left(dir), (double)NAN);
	put("proc/self/cgroup", "0::/a/b\n");
	same("no groups", memory_groups_left(dir), (double)NAN);
	put("sys/fs/cgroup/a/b/memory.max", "max\n");
	put("sys/fs/cgroup/a/b/memory.current", "100\n");
	same("no limit", memory_groups_left(dir), (double)NAN);
	put("sys/fs/cgroup/a/memory.max", "5000\n");
	put("sys/fs/cgroup/a/memory.current", "4000\n");
	put("sys/fs/cgroup/a/memory.stat", "anon 7\ninactive_file 500\n");
	same("that above", memory_groups_left(dir), 1500);
	put("sys/fs/cgroup/a/b/memory.max", "300\n");
	same("its own", memory_groups_left(dir), 200);
	put("sys/fs/cgroup/a/memory.current", "4900\n");
	put("sys/fs/cgroup/a/memory.stat", "");
	same("the least", memory_groups_left(dir), 100);
	/* In a container the path is that of the world outside. */
	put("proc/self/cgroup", "0::/elsewhere/c\n");
	put("sys/fs/cgroup/memory.max", "9000\n");
	same("its root", memory_groups_left(dir), 9000);
	put("proc/self/cgroup", "0::/../../x\n");
	same("outside", memory_groups_left(dir), 9000);
	put("proc/self/cgroup", "0::/\n");
	same("the root", memory_groups_left(dir), 9000);
}

static void version_1_has_its_own_names(void **state)
{
	(void)state;
	put("proc/self/cgroup", "4:memory:/job/7\n1:cpu:/\n0::/\n");
	put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	put("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "8000\n");
	put("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "3000\n");
	put("sys/fs/cgroup/memory/job/memory.stat",
	    "inactive_file 1\ntotal_inactive_file 1000\n");
	same("job", memory_groups_left(dir), 6000);
	put("sys/fs/cgroup/memory/job/7/memory.limit_in_bytes", "500\n");
	same("7", memory_groups_left(dir), 500);
}

static void the_environment_can_only_lower(void **state)
{
	(void)state;
	static const char *const nonsense[] = { "", "lots", "-5", "2X", "999999T" };
	assert_true(memory_available_bytes() > MIB);
	setenv("SPARSETOP_MEMORY", "1M", 1);
	same("1M", memory_available_bytes(), MIB);
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		setenv("SPARSETOP_MEMORY", nonsense[i], 1);
		double left = memory_available_bytes();
		assert_true(left > MIB && left < 1e18);
	}
}

static void checks_say_what_is_needed_and_left(void **state)
{
	(void)state;
	setenv("SPARSETOP_MEMORY", "7372.8K", 1); /* 7.2 MiB */
	check_ok(memory_check("this", 7 * MIB));
	check_ok(memory_check("this", (double)NAN));
	check_err(memory_check("this", 8 * MIB), ERR_NOMEM,
		  "this: 8 MiB are needed, 7 MiB are available");
	check_ok(memory_check_load("m", 6 * MIB, MIB, "a"));
	check_ok(memory_check_load("m", 6 * MIB, (double)NAN, "a"));
	check_err(
		memory_check_load("qwen2-vl-7b", 15.1 * GIB, 0.3 * GIB, "a, b, c"),
		ERR_NOMEM,
		"qwen2-vl-7b: 15.4 GiB are needed (15.1 GiB of weights, 307 MiB of "
		"activations), 7.20 MiB are available; presets that would fit: a, b, c");
	check_err(memory_check_load("m", 8 * MIB, (double)NAN, ""), ERR_NOMEM,
		  "(8.00 MiB of weights, -- of activations)");
	static const char *const nobody[] = { NULL, "" };
	for (size_t i = 0; i < 2; i++) {
		/* Neither alone is too much. */
		check_err(memory_check_load("m", 6 * MIB, 5 * MIB, nobody[i]), ERR_NOMEM,
			  "m: 11.0 MiB are needed");
		assert_null(strstr(err_message(), ";"));
	}
}

static void sizes_have_three_digits(void **state)
{
	(void)state;
	static const struct {
		double bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.00 KiB" },
		{ 412 * MIB, "412 MiB" },
		{ 99.94 * MIB, "99.9 MiB" },
		{ 99.96 * MIB, "100 MiB" },
		{ 9.994 * MIB, "9.99 MiB" },
		{ 9.996 * MIB, "10.0 MiB" },
		{ 1023.4 * MIB, "1023 MiB" },
		{ 1023.6 * MIB, "1.00 GiB" },
		{ 1.27 * GIB, "1.27 GiB" },
		{ 15.4 * GIB, "15.4 GiB" },
		{ 2048 * GIB, "2.00 TiB" },
		{ 2048.0 * 1024 * GIB, "2048 TiB" },
		{ (double)NAN, "--" },
		{ (double)INFINITY, "--" },
		{ -1, "--" },
	};
	char buf[16];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(memory_text(cases[i].bytes, buf, sizeof(buf)),
				    cases[i].text);
	memory_text(1e300, buf, sizeof(buf)); /* cut off, not written past the end */
	assert_int_equal(strlen(buf), sizeof(buf) - 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(fields_of_the_kernels_files),
		CASE(sizes_that_people_write),
		CASE(groups_by_their_controller),
		CASE(what_a_group_leaves),
		CASE(every_group_above_counts),
		CASE(version_1_has_its_own_names),
		CASE(the_environment_can_only_lower),
		CASE(checks_say_what_is_needed_and_left),
		CASE(sizes_have_three_digits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
