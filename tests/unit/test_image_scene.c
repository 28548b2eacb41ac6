/* image: the built-in scene is the same everywhere and worth pruning. */
#include "check.h"

#include "base/sha256.h"
#include "image/scene.h"

/* A change of the drawing changes every stored result on it: do it knowingly. */
static void the_same_bytes_everywhere(void **state)
{
	(void)state;
	struct image im;
	struct sha256 s;
	char hex[SHA256_HEX];
	check_ok(scene_draw(&im));
	assert_int_equal(im.width, SCENE_WIDTH);
	assert_int_equal(im.height, SCENE_HEIGHT);
	sha256_start(&s);
	sha256_add(&s, im.rgb, (size_t)im.width * (size_t)im.height * 3);
	sha256_end(&s, hex);
	assert_string_equal(
		hex, "777be6fdab3c9f533f9c3a9e397ee743eb55e96fe5b3ec13d6c46a006500ef50");
	image_release(&im);
}

/* Mean absolute step of green to the right neighbour, in 1/256, over a square. */
static int detail(const struct image *im, int left, int top, int side)
{
	int sum = 0;
	for (int y = top; y < top + side; y++)
		for (int x = left; x < left + side - 1; x++) {
			const uint8_t *px = im->rgb + (y * im->width + x) * 3;
			sum += abs(px[4] - px[1]);
		}
	return sum * 256 / (side * (side - 1));
}

/* In the centred square, cut into 12 x 12 patches: many calm ones, some full of edges. */
static void calm_and_busy_patches(void **state)
{
	(void)state;
	enum { SIDE = SCENE_HEIGHT / 12, LEFT = (SCENE_WIDTH - SCENE_HEIGHT) / 2 };
	struct image im;
	int calm = 0, busy = 0;
	check_ok(scene_draw(&im));
	for (int y = 0; y < 12; y++)
		for (int x = 0; x < 12; x++) {
			int d = detail(&im, LEFT + x * SIDE, y * SIDE, SIDE);
			calm += d < 2 * 256;
			busy += d > 6 * 256;
		}
	assert_in_range(calm, 60, 110);
	assert_in_range(busy, 12, 50);
	image_release(&im);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_bytes_everywhere),
		cmocka_unit_test(calm_and_busy_patches),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
