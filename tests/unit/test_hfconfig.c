/* hfconfig: defaults, ranges, and the first error that sticks; the hash of a file. */
#include "check.h"

#include <math.h>
#include <sys/stat.h>

#include "tensor/file_hash.h"
#include "tensor/hfconfig.h"

static void sparse_configs_give_defaults(void **state)
{
	(void)state;
	struct hfconfig *c;
	check_ok(hfconfig_parse("{\"model_type\":\"clip\",\"none\":null,"
				"\"vision_config\":{\"patch_size\":16,\"eps\":1e-05,"
				"\"whole\":2,\"bias\":true,\"inner\":{\"x\":3}}}",
				"config.json", &c));
	const struct hfconfig *v = hfconfig_sub(c, "vision_config"),
			      *missing = hfconfig_sub(c, "text_config"),
			      *none = hfconfig_sub(c, "none");
	assert_string_equal(hfconfig_str(c, "model_type", NULL), "clip");
	assert_string_equal(hfconfig_str(v, "hidden_act", "quick_gelu"), "quick_gelu");
	assert_null(hfconfig_str(c, "none", NULL));
	assert_int_equal(hfconfig_int(v, "patch_size", 32, 1, 1024), 16);
	assert_int_equal(hfconfig_int(v, "image_size", 224, 1, 4096), 224);
	assert_int_equal(hfconfig_int(c, "none", 7, 1, 4096), 7);
	assert_true(hfconfig_num(v, "eps", 1, 0, 1) == 1e-5);
	assert_true(hfconfig_num(v, "whole", 1, 0, 10) == 2);
	assert_true(isnan(hfconfig_num(v, "no", (double)NAN, 0, 1)));
	assert_true(hfconfig_bool(v, "bias", false));
	assert_true(hfconfig_bool(v, "no", true));
	assert_int_equal(hfconfig_int(hfconfig_sub(v, "inner"), "x", 0, 0, 9), 3);
	assert_int_equal(hfconfig_int(missing, "patch_size", 5, 1, 9), 5);
	assert_int_equal(hfconfig_int(none, "patch_size", 6, 1, 9), 6);
	assert_int_equal(hfconfig_int(hfconfig_sub(missing, "deep"), "x", 4, 1, 9), 4);
	assert_true(hfconfig_has(v, "patch_size"));
	assert_false(hfconfig_has(c, "none"));
	assert_false(hfconfig_has(missing, "patch_size"));
	assert_true(json_is_object(hfconfig_json(v)));
	assert_string_equal(hfconfig_label(v), "config.json");
	check_ok(hfconfig_error(c));
	hfconfig_free(c);
}

static void ask_int(const struct hfconfig *c) { hfconfig_int(c, "k", 1, 1, 100000); }
static void ask_num(const struct hfconfig *c) { hfconfig_num(c, "k", 1, 0, 1); }
static void ask_bool(const struct hfconfig *c) { hfconfig_bool(c, "k", true); }
static void ask_str(const struct hfconfig *c) { hfconfig_str(c, "k", "x"); }
static void ask_sub(const struct hfconfig *c) { hfconfig_sub(c, "k"); }

static void wrong_values_are_refused_by_name(void **state)
{
	(void)state;
	static const struct {
		void (*ask)(const struct hfconfig *);
		const char *value, *fact;
	} cases[] = {
		{ ask_int, "0", "\"v.k\" is 0, which is not in 1 ... 100000" },
		{ ask_int, "-768", "\"v.k\" is -768, which is not in" },
		{ ask_int, "100001", "\"v.k\" is 100001, which is not in" },
		{ ask_int, "9223372036854775807", "9223372036854775807, which is not" },
		{ ask_int, "16.0", "\"v.k\" is not an integer" },
		{ ask_int, "1e30", "\"v.k\" is not an integer" },
		{ ask_int, "\"16\"", "\"v.k\" is not an integer" },
		{ ask_int, "true", "\"v.k\" is not an integer" },
		{ ask_int, "[16]", "\"v.k\" is not an integer" },
		{ ask_num, "-0.5", "\"v.k\" is -0.5, which is not in 0 ... 1" },
		{ ask_num, "1e300", "\"v.k\" is 1e+300, which is not in 0 ... 1" },
		{ ask_num, "\"1\"", "\"v.k\" is not a number" },
		{ ask_num, "{}", "\"v.k\" is not a number" },
		{ ask_bool, "1", "\"v.k\" is not true or false" },
		{ ask_bool, "\"true\"", "\"v.k\" is not true or false" },
		{ ask_str, "1", "\"v.k\" is not a string" },
		{ ask_sub, "1", "\"v.k\" is not an object" },
		{ ask_sub, "[]", "\"v.k\" is not an object" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];
		snprintf(text, sizeof(text), "{\"v\":{\"k\":%s,\"bad\":[]}}",
			 cases[i].value);
		struct hfconfig *c;
		check_ok(hfconfig_parse(text, "a.json", &c));
		cases[i].ask(hfconfig_sub(c, "v"));
		check_err(hfconfig_error(c), ERR_FORMAT, cases[i].fact);
		assert_non_null(strstr(err_message(), "a.json: "));
		/* The first one stays; the getter gave the default. */
		assert_int_equal(hfconfig_int(hfconfig_sub(c, "v"), "bad", 9, 0, 9), 9);
		check_err(hfconfig_error(c), ERR_FORMAT, cases[i].fact);
		hfconfig_free(c);
	}
}

static void what_is_no_config_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "",
					   "{",
					   "{} {}",
					   "{\"a\":1,\"a\":2}",
					   "{\"a\":NaN}",
					   "{\"a\":99999999999999999999}",
					   "{\"a\":\"\xff\"}",
					   "[]",
					   "null",
					   "1" };
	struct hfconfig *c;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		check_err(hfconfig_parse(bad[i], "a.json", &c), ERR_FORMAT, "a.json: ");
		assert_null(c);
	}
	check_err(hfconfig_open_file("/no/such/config.json", &c), ERR_NOTFOUND,
		  "/no/such/config.json");
	check_err(hfconfig_open_file("/", &c), ERR_IO, "/: ");
	check_err(hfconfig_open_file("/no/\033[31m", &c), ERR_NOTFOUND,
		  "/no/\\x1b[31m: ");
}

static void files_are_read_and_hashed(void **state)
{
	(void)state;
	char dir[64], path[128], hex[SHA256_HEX];
	snprintf(path, sizeof(path), "%s/config.json", temp_dir(dir));
	FILE *f = fopen(path, "w");
	fputs("abc", f);
	fclose(f);
	check_ok(file_sha256(path, NULL, NULL, hex)); /* FIPS 180-4's own examples */
	assert_string_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	struct hfconfig *c;
	check_err(hfconfig_open_file(path, &c), ERR_FORMAT, path);
	f = fopen(path, "w");
	for (int i = 0; i < 1000000; i++)
		fputc('a', f);
	fclose(f);
	check_ok(file_sha256(path, NULL, NULL, hex));
	assert_string_equal(
		hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	f = fopen(path, "w");
	fputs("{\"n\": 7}\n", f);
	fclose(f);
	check_ok(hfconfig_open_file(path, &c));
	assert_int_equal(hfconfig_int(c, "n", 0, 0, 9), 7);
	assert_string_equal(hfconfig_label(c), path);
	hfconfig_free(c);
	check_err(file_sha256(dir, NULL, NULL, hex), ERR_FORMAT, "not a regular file");
	temp_dir_remove(dir);
	check_err(file_sha256(path, NULL, NULL, hex), ERR_NOTFOUND, path);
}

struct watch {
	int64_t calls, done, total;
};

static bool stop_after_two(void *ctx, int64_t done, int64_t total)
{
	struct watch *w = ctx;
	w->done = done;
	w->total = total;
	return ++w->calls < 2;
}

static void hashing_reports_and_can_be_cancelled(void **state)
{
	(void)state;
	char dir[64], path[128], hex[SHA256_HEX];
	snprintf(path, sizeof(path), "%s/big", temp_dir(dir));
	FILE *f = fopen(path, "w");
	fclose(f);
	assert_int_equal(truncate(path, 5 << 20), 0);
	struct watch w = { 0 };
	check_err(file_sha256(path, stop_after_two, &w, hex), ERR_CANCELLED, path);
	assert_int_equal(w.calls, 2);
	assert_int_equal(w.done, 2 << 20);
	assert_int_equal(w.total, 5 << 20);
	temp_dir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sparse_configs_give_defaults),
		cmocka_unit_test(wrong_values_are_refused_by_name),
		cmocka_unit_test(what_is_no_config_is_refused),
		cmocka_unit_test(files_are_read_and_hashed),
		cmocka_unit_test(hashing_reports_and_can_be_cancelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
