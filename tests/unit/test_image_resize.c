/* image: the resize that has to equal Pillow's in every bit. */
#include "check.h"

#include <math.h>

#include "base/rng.h"
#include "fixture_tensors.h"
#include "image/resize.h"

static struct image image_of(int width, int height, const uint8_t *rgb)
{
	struct image im;
	check_ok(image_alloc("test", width, height, &im));
	memcpy(im.rgb, rgb, (size_t)width * (size_t)height * 3);
	return im;
}

/* "a.32x45" was made from "a.in". */
static void check_resize(const struct fixture_tensors *f, const char *name)
{
	char source[32];
	struct image out;
	snprintf(source, sizeof(source), "%.*s.in", (int)strcspn(name, "."), name);
	struct fixture_tensor in = fixture_tensor_of(f, source);
	struct fixture_tensor want = fixture_tensor_of(f, name);
	struct image im = image_of(in.dim[1], in.dim[0], in.data);
	check_ok(image_resize(&im, want.dim[1], want.dim[0], &out));
	if (memcmp(out.rgb, want.data, (size_t)want.dim[0] * (size_t)want.dim[1] * 3))
		fail_msg("%s differs", name);
	image_release(&out);
	image_release(&im);
}

static void equals_pillow(void **state)
{
	(void)state;
	struct fixture_tensors f = fixture_tensors_open("resize.safetensors");
	const char *name;
	json_t *entry;
	json_object_foreach(f.header, name, entry)
	{
		if (!strstr(name, ".in"))
			check_resize(&f, name);
	}
	assert_true(json_object_size(f.header) > 10);
	fixture_tensors_release(&f);
}

static struct image noise(int width, int height)
{
	struct image im;
	uint64_t key = rng_key(5, "noise");
	check_ok(image_alloc("test", width, height, &im));
	for (int i = 0; i < width * height * 3; i++)
		im.rgb[i] = (uint8_t)(rng_bits(key, (uint32_t)i) >> 24);
	return im;
}

static double keys(double x)
{
	x = fabs(x);
	return x < 1   ? (1.5 * x - 2.5) * x * x + 1
	       : x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5
		       : 0;
}

/* One output of one axis, by the shortest loop: `stride` bytes between its samples. */
static uint8_t one(const uint8_t *from, size_t stride, int in, int out, int at)
{
	double scale = (double)in / out, wide = scale < 1 ? 1 : scale;
	double center = (at + 0.5) * scale, sum = 0;
	int begin = (int)fmax(center - 2 * wide + 0.5, 0);
	int end = (int)fmin(center + 2 * wide + 0.5, in);
	int64_t total = 1 << 21;
	for (int i = begin; i < end; i++)
		sum += keys((i - center + 0.5) * (1 / wide));
	for (int i = begin; i < end; i++) {
		double w = keys((i - center + 0.5) * (1 / wide)) / sum * (1 << 22);
		total += (int64_t)(w < 0 ? w - 0.5 : w + 0.5) * from[(size_t)i * stride];
	}
	total >>= 22;
	return total < 0 ? 0 : total > 255 ? 255 : (uint8_t)total;
}

/* Both axes of the whole picture by one(). */
static struct image plain_resize(const struct image *in, int width, int height)
{
	struct image rows, out;
	size_t line = (size_t)width * 3;
	check_ok(image_alloc("test", width, in->height, &rows));
	check_ok(image_alloc("test", width, height, &out));
	for (int y = 0; y < in->height; y++)
		for (int i = 0; i < width * 3; i++)
			rows.rgb[(size_t)y * line + (size_t)i] =
				one(in->rgb + (size_t)y * (size_t)in->width * 3 + i % 3,
				    3, in->width, width, i / 3);
	for (int y = 0; y < height; y++)
		for (int i = 0; i < width * 3; i++)
			out.rgb[(size_t)y * line + (size_t)i] =
				one(rows.rgb + i, line, in->height, height, y);
	image_release(&rows);
	return out;
}

static void equals_the_plain_loops(void **state)
{
	(void)state;
	static const int sizes[][4] = { { 1, 1, 5, 3 },     { 7, 5, 7, 5 },
					{ 9, 30, 20, 4 },   { 61, 43, 8, 8 },
					{ 33, 2, 100, 77 }, { 10000, 2, 1, 1 },
					{ 3, 12000, 2, 2 } };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const int *s = sizes[i];
		struct image in = noise(s[0], s[1]), want = plain_resize(&in, s[2], s[3]);
		struct image out;
		check_ok(image_resize(&in, s[2], s[3], &out));
		assert_memory_equal(out.rgb, want.rgb, (size_t)(s[2] * s[3] * 3));
		image_release(&in);
		image_release(&out);
		image_release(&want);
	}
}

/* All bright: the sums of thousands of taps must not overflow on their way. */
static void white_stays_white(void **state)
{
	(void)state;
	static const int widths[] = { 1, 2, 100, 4096, 30011 };
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		struct image in, out;
		check_ok(image_alloc("test", widths[i], 3, &in));
		memset(in.rgb, 255, (size_t)widths[i] * 9);
		check_ok(image_resize(&in, 2, 2, &out));
		for (int p = 0; p < 12; p++)
			assert_in_range(out.rgb[p], 254, 255);
		image_release(&in);
		image_release(&out);
	}
}

static void a_window_is_a_part_of_the_whole(void **state)
{
	(void)state;
	static const int sizes[][2] = { { 20, 15 }, { 61, 43 }, { 90, 130 } };
	struct image in = noise(61, 43), whole, part;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int width = sizes[i][0], height = sizes[i][1];
		struct image_window w = { 3, 5, width - 7, height - 6 };
		check_ok(image_resize(&in, width, height, &whole));
		check_ok(image_resize_window(&in, width, height, w, &part));
		for (int y = 0; y < w.height; y++)
			assert_memory_equal(part.rgb + y * w.width * 3,
					    whole.rgb + ((y + w.y) * width + w.x) * 3,
					    (size_t)w.width * 3);
		image_release(&whole);
		image_release(&part);
	}
	image_release(&in);
}

/* Only the window costs anything: the whole would be 10^11 pixels. */
static void a_window_of_something_huge(void **state)
{
	(void)state;
	struct image in = noise(50000, 1), part;
	struct image_window w = { INT64_C(199999000), 200, 16, 16 };
	check_ok(image_resize_window(&in, INT64_C(400000000), 400, w, &part));
	assert_int_equal(part.width, 16);
	image_release(&part);
	image_release(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_pillow),
		cmocka_unit_test(equals_the_plain_loops),
		cmocka_unit_test(white_stays_white),
		cmocka_unit_test(a_window_is_a_part_of_the_whole),
		cmocka_unit_test(a_window_of_something_huge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
