/* image: the eight EXIF orientations, and blocks that are damaged. */
#include "check.h"

#include "image/exif.h"

/* A TIFF block with the one entry, as a camera would write it. */
static const uint8_t big[] = { 'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
			       3,   0,   0, 0,   1, 0, 6, 0, 0, 0, 0, 0,    0 };
static const uint8_t little[] = { 'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3,
				  0,   1,   0,   0, 0, 8, 0, 0, 0, 0, 0,    0, 0 };

static void both_byte_orders(void **state)
{
	(void)state;
	assert_int_equal(exif_orientation(big, sizeof(big)), 6);
	assert_int_equal(exif_orientation(little, sizeof(little)), 8);
}

static void damaged_blocks_say_nothing(void **state)
{
	(void)state;
	for (size_t n = 0; n < 20; n++) {
		uint8_t *cut = malloc(n + 1); /* exact, so that a sanitizer sees more */
		memcpy(cut + 1, big, n);
		assert_int_equal(exif_orientation(cut + 1, n), 1);
		free(cut);
	}
	uint8_t bad[sizeof(big)];
	for (size_t i = 0; i < sizeof(big); i++) {
		memcpy(bad, big, sizeof(big));
		bad[i] = 0xff;
		int o = exif_orientation(bad, sizeof(bad));
		assert_true(o == 1 || o == 6);
	}
}

static void turns_all_ways(void **state)
{
	(void)state;
	/* a b / c d / e f, and what each orientation must show */
	static const char stored[] = "abcdef";
	static const struct {
		int orientation, width;
		const char *shown;
	} cases[] = {
		{ 1, 2, "abcdef" }, { 2, 2, "badcfe" }, { 3, 2, "fedcba" },
		{ 4, 2, "efcdab" }, { 5, 3, "acebdf" }, { 6, 3, "ecafdb" },
		{ 7, 3, "fdbeca" }, { 8, 3, "bdface" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct image im;
		check_ok(image_alloc("test", 2, 3, &im));
		for (int p = 0; p < 6; p++)
			memset(im.rgb + 3 * p, stored[p], 3);
		check_ok(exif_apply(&im, cases[i].orientation));
		assert_int_equal(im.width, cases[i].width);
		assert_int_equal(im.height, 6 / cases[i].width);
		for (int p = 0; p < 6; p++)
			assert_int_equal(im.rgb[3 * p + 1], cases[i].shown[p]);
		image_release(&im);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_byte_orders),
		cmocka_unit_test(damaged_blocks_say_nothing),
		cmocka_unit_test(turns_all_ways),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
