/* Labels from lists and files, and CLIP's prompts. */
#include "check.h"

#include "base/str.h"
#include "image/cifar.h"
#include "text/labels.h"

static char dir[64];

static int up(void **state)
{
	(void)state;
	temp_dir(dir);
	return 0;
}

static int down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

static const char *put(const char *bytes, size_t n)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/labels", dir);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
	return path;
}

static const char *put_text(const char *text) { return put(text, strlen(text)); }

static void check_names(const char *from, const char *joined)
{
	struct labels l;
	struct str s = STR_INIT;
	check_ok(labels_read(from, &l));
	for (int i = 0; i < l.count; i++)
		str_addf(&s, "%s%s", i ? "|" : "", l.names[i]);
	assert_string_equal(str_get(&s), joined);
	assert_int_equal(labels_prompts(&l), 1);
	str_clear(&s);
	labels_add_prompt(&l, l.count - 1, 0, &s);
	assert_string_equal(str_get(&s), l.names[l.count - 1]);
	str_release(&s);
	labels_release(&l);
}

static void a_list_has_commas(void **state)
{
	(void)state;
	check_names("cat,dog", "cat|dog");
	check_names(" a photo of a cat ,\tdog", "a photo of a cat|dog");
	check_names("cat", "cat");
	check_names("caf\xc3\xa9,crane,crane", "caf\xc3\xa9|crane|crane");
	check_names("a/b,c.txt", "a/b|c.txt");
}

static void a_file_has_lines(void **state)
{
	(void)state;
	check_names(put_text("cat\ndog\n"), "cat|dog");
	check_names(put_text("\xef\xbb\xbf"
			     "cat\r\n\r\n  \n dog, the\r\nlast"),
		    "cat|dog, the|last");
}

static void what_holds_no_labels_is_refused(void **state)
{
	(void)state;
	struct labels l;
	check_err(labels_read("", &l), ERR_FORMAT, "--labels: label 1 is empty");
	check_err(labels_read("cat,,dog", &l), ERR_FORMAT, "--labels: label 2 is empty");
	check_err(labels_read("cat, ", &l), ERR_FORMAT, "--labels: label 2 is empty");
	check_err(labels_read("cat,d\xffg", &l), ERR_FORMAT,
		  "--labels: label 2: byte 2 (0xff) is not UTF-8");
	assert_null(l.names);
	check_err(labels_read("no/such", &l), ERR_NOTFOUND, "no/such: ");
	check_err(labels_read("such.txt", &l), ERR_NOTFOUND, "such.txt: ");
	check_err(labels_read(dir, &l), ERR_FORMAT, "not a regular file");
	check_err(labels_read(put_text(""), &l), ERR_FORMAT, "labels: empty file");
	check_err(labels_read(put_text("\n \r\n\t\n"), &l), ERR_FORMAT,
		  "labels: no label in it");
	check_err(labels_read(put_text("\xef\xbb\xbf"), &l), ERR_FORMAT,
		  "labels: no label in it");
	check_err(labels_read(put_text("cat\nd\xc3\n"), &l), ERR_FORMAT,
		  "labels: line 2: byte 2 (0xc3) is not UTF-8");
	check_err(labels_read(put("cat\nd\0g\n", 8), &l), ERR_FORMAT,
		  "labels: line 2: byte 2 (0x00) is not UTF-8");
	assert_int_equal(l.count, 0);
}

static void labels_have_limits(void **state)
{
	(void)state;
	struct labels l;
	struct str s = STR_INIT;
	for (int i = 0; i < LABEL_MAX_BYTES; i++)
		str_add(&s, "x");
	check_ok(labels_read(put_text(str_get(&s)), &l));
	labels_release(&l);
	str_add(&s, "x");
	check_err(labels_read(put_text(str_get(&s)), &l), ERR_FORMAT,
		  "line 1: 1025 bytes; a label has at most 1024");
	str_clear(&s);
	for (int i = 0; i < LABELS_MAX; i++)
		str_addf(&s, "%d\n", i);
	check_ok(labels_read(put_text(str_get(&s)), &l));
	assert_int_equal(l.count, LABELS_MAX);
	assert_string_equal(l.names[LABELS_MAX - 1], "9999");
	labels_release(&l);
	str_add(&s, "more");
	check_err(labels_read(put_text(str_get(&s)), &l), ERR_FORMAT,
		  "line 10001: more than 10000 labels");
	str_release(&s);
}

static void cifar_has_18_prompts_a_class(void **state)
{
	(void)state;
	struct labels l;
	struct str all = STR_INIT, one = STR_INIT;
	labels_cifar10(&l);
	assert_int_equal(l.count, 10);
	assert_string_equal(l.names[2], cifar_classes[2]);
	assert_int_equal(labels_prompts(&l), 18);
	for (int i = 0; i < 18; i++) {
		str_clear(&one);
		labels_add_prompt(&l, 2, i, &one);
		str_addf(&all, "%s\n", str_get(&one));
	}
	/* In the order of the paper's repository. */
	assert_string_equal(str_get(&all), "a photo of a bird.\n"
					   "a blurry photo of a bird.\n"
					   "a black and white photo of a bird.\n"
					   "a low contrast photo of a bird.\n"
					   "a high contrast photo of a bird.\n"
					   "a bad photo of a bird.\n"
					   "a good photo of a bird.\n"
					   "a photo of a small bird.\n"
					   "a photo of a big bird.\n"
					   "a photo of the bird.\n"
					   "a blurry photo of the bird.\n"
					   "a black and white photo of the bird.\n"
					   "a low contrast photo of the bird.\n"
					   "a high contrast photo of the bird.\n"
					   "a bad photo of the bird.\n"
					   "a good photo of the bird.\n"
					   "a photo of the small bird.\n"
					   "a photo of the big bird.\n");
	str_release(&one);
	str_release(&all);
	labels_release(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_has_commas),
		cmocka_unit_test_setup_teardown(a_file_has_lines, up, down),
		cmocka_unit_test_setup_teardown(what_holds_no_labels_is_refused, up,
						down),
		cmocka_unit_test_setup_teardown(labels_have_limits, up, down),
		cmocka_unit_test(cifar_has_18_prompts_a_class),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
