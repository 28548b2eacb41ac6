/* CIFAR-10's binary files: records, folders, and files that are none. */
#include "check.h"

#include <sys/stat.h>

#include "image/cifar.h"

enum { RECORD = 3073 };

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

static const char *in_dir(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* Byte `i` of record r, but for the label: planes and pixels differ. */
static uint8_t value(int r, int i) { return (uint8_t)(r * 31 + i * 7 + i / 251); }

/* `records` records with the labels first, first + 1 ... mod 10. */
static void put(const char *name, int records, int first)
{
	FILE *f = fopen(in_dir(name), "wb");
	assert_non_null(f);
	for (int r = 0; r < records; r++) {
		fputc((first + r) % 10, f);
		for (int i = 0; i < RECORD - 1; i++)
			fputc(value(first + r, i), f);
	}
	fclose(f);
}

static void put_bytes(const char *name, size_t n, int byte)
{
	FILE *f = fopen(in_dir(name), "wb");
	assert_non_null(f);
	for (size_t i = 0; i < n; i++)
		fputc(byte, f);
	fclose(f);
}

static void check_record(const struct cifar *c, int64_t i, int record)
{
	struct image im;
	int label = -1;
	check_ok(cifar_record(c, i, &im, &label));
	assert_int_equal(label, record % 10);
	assert_int_equal(im.width, 32);
	assert_int_equal(im.height, 32);
	for (int pixel = 0; pixel < 1024; pixel++)
		for (int plane = 0; plane < 3; plane++)
			assert_int_equal(im.rgb[3 * pixel + plane],
					 value(record, plane * 1024 + pixel));
	image_release(&im);
}

static void a_file_gives_its_records(void **state)
{
	(void)state;
	struct cifar *c;
	put("any.bin", 12, 3);
	check_ok(cifar_open(in_dir("any.bin"), 0, &c));
	assert_int_equal(cifar_count(c), 12);
	for (int i = 0; i < 12; i++)
		check_record(c, i, 3 + i);
	cifar_free(c);
	check_ok(cifar_open(in_dir("any.bin"), 5, &c));
	assert_int_equal(cifar_count(c), 5);
	cifar_free(c);
	check_ok(cifar_open(in_dir("any.bin"), 1000, &c));
	assert_int_equal(cifar_count(c), 12);
	cifar_free(c);
	assert_string_equal(cifar_classes[0], "airplane");
	assert_string_equal(cifar_classes[9], "truck");
}

static void a_folder_gives_the_batches_in_order_or_the_test_batch(void **state)
{
	(void)state;
	struct cifar *c;
	put("data_batch_3.bin", 2, 30);
	put("data_batch_1.bin", 3, 10);
	put("data_batch_2.bin", 1, 20);
	check_ok(cifar_open(dir, 0, &c));
	assert_int_equal(cifar_count(c), 6);
	const int order[] = { 10, 11, 12, 20, 30, 31 };
	for (int i = 0; i < 6; i++)
		check_record(c, i, order[i]);
	cifar_free(c);
	put("test_batch.bin", 4, 50);
	check_ok(cifar_open(dir, 0, &c));
	assert_int_equal(cifar_count(c), 4);
	check_record(c, 3, 53);
	cifar_free(c);
}

static void what_is_no_cifar_is_refused(void **state)
{
	(void)state;
	struct cifar *c;
	check_err(cifar_open(in_dir("none.bin"), 0, &c), ERR_NOTFOUND,
		  "none.bin: No such");
	assert_null(c);
	check_err(cifar_open(dir, 0, &c), ERR_NOTFOUND,
		  "neither test_batch.bin nor data_batch_1.bin is here");
	put_bytes("empty.bin", 0, 0);
	check_err(cifar_open(in_dir("empty.bin"), 0, &c), ERR_FORMAT,
		  "empty.bin: empty file");
	const size_t wrong[] = { 1, RECORD - 1, RECORD + 1, 2 * RECORD - 1 };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char fact[64];
		snprintf(fact, sizeof(fact), "cut.bin: %zu bytes are not a multiple of",
			 wrong[i]);
		put_bytes("cut.bin", wrong[i], 0);
		check_err(cifar_open(in_dir("cut.bin"), 0, &c), ERR_FORMAT, fact);
	}
	put_bytes("hundred.bin", (size_t)3074 * 2, 0);
	check_err(cifar_open(in_dir("hundred.bin"), 0, &c), ERR_FORMAT,
		  "CIFAR-100 is not read");
	put_bytes("data_batch_1.bin", (size_t)RECORD * 2, 0);
	put_bytes("data_batch_4.bin", (size_t)RECORD - 1, 0);
	check_err(cifar_open(dir, 0, &c), ERR_FORMAT, "data_batch_4.bin: 3072 bytes");
}

static void a_label_above_9_is_refused_within_the_limit(void **state)
{
	(void)state;
	struct cifar *c;
	put("bad.bin", 3, 0);
	FILE *f = fopen(in_dir("bad.bin"), "r+b");
	assert_non_null(f);
	fseek(f, (long)RECORD * 2, SEEK_SET);
	fputc(10, f);
	fclose(f);
	check_err(cifar_open(in_dir("bad.bin"), 0, &c), ERR_FORMAT,
		  "bad.bin: record 2 has the label 10, which is not in 0 ... 9");
	check_ok(cifar_open(in_dir("bad.bin"), 2, &c));
	cifar_free(c);
}

static void a_file_that_changes_is_an_error(void **state)
{
	(void)state;
	struct cifar *c;
	struct image im;
	int label;
	put("live.bin", 3, 0);
	check_ok(cifar_open(in_dir("live.bin"), 0, &c));
	assert_int_equal(truncate(in_dir("live.bin"), RECORD + 10), 0);
	check_ok(cifar_record(c, 0, &im, &label));
	image_release(&im);
	check_err(cifar_record(c, 1, &im, &label), ERR_IO, "live.bin: shrank");
	assert_null(im.rgb);
	put_bytes("live.bin", (size_t)RECORD * 3, 200);
	check_err(cifar_record(c, 1, &im, &label), ERR_FORMAT, "has the label 200");
	assert_null(im.rgb);
	cifar_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_gives_its_records, up, down),
		cmocka_unit_test_setup_teardown(
			a_folder_gives_the_batches_in_order_or_the_test_batch, up, down),
		cmocka_unit_test_setup_teardown(what_is_no_cifar_is_refused, up, down),
		cmocka_unit_test_setup_teardown(
			a_label_above_9_is_refused_within_the_limit, up, down),
		cmocka_unit_test_setup_teardown(a_file_that_changes_is_an_error, up,
						down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
