/* image: files to pixels, and files that are not what they claim. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/str.h"
#include "fixture_tensors.h"
#include "image/image.h"

static char dir[64], path[128];

static int make_dir(void **state)
{
	(void)state;
	temp_dir(dir);
	snprintf(path, sizeof(path), "%s/picture", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

/* Overwritten, not truncated first: some file systems flush a file that is. */
static void write_file(const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(ftruncate(fd, (off_t)n), 0);
	assert_int_equal(close(fd), 0);
}

/* Loads these bytes as a file. */
static enum err load(const void *bytes, size_t n, struct image *out)
{
	write_file(bytes, n);
	return image_load(path, false, out);
}

/* The same of a file that must be refused; the message names it. */
static void refuses(const void *bytes, size_t n, enum err code, const char *part)
{
	struct image im;
	check_err(load(bytes, n, &im), code, part);
	assert_non_null(strstr(err_message(), path));
	assert_null(im.rgb);
}

#define REFUSES(text, code, part) refuses(text, sizeof(text) - 1, code, part)

/* And of which not even the size is told. */
static void refuses_size(const void *bytes, size_t n, enum err code, const char *part)
{
	int width = 1, height = 1;
	write_file(bytes, n);
	check_err(image_size(path, true, &width, &height), code, part);
	assert_non_null(strstr(err_message(), path));
	assert_true(width == 0 && height == 0);
}

#define REFUSES_SIZE(text, code, part) refuses_size(text, sizeof(text) - 1, code, part)

static struct str read_fixture(const char *name)
{
	struct str s = STR_INIT;
	char chunk[4096];
	FILE *f = fopen(fixture(name), "rb");
	if (!f)
		skip_because("%s is missing: made by tests/oracle/make.py",
			     fixture(name));
	for (size_t n; (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
		str_add_n(&s, chunk, n);
	fclose(f);
	return s;
}

/* The largest difference; libjpeg versions may round differently, the rest may not. */
static int worst_difference(const struct image *im, const struct fixture_tensor *want)
{
	const uint8_t *expected = want->data;
	int worst = 0;
	assert_int_equal(im->height, want->dim[0]);
	assert_int_equal(im->width, want->dim[1]);
	for (int i = 0; i < im->width * im->height * 3; i++) {
		int d = abs(im->rgb[i] - expected[i]);
		worst = d > worst ? d : worst;
	}
	return worst;
}

static void pixels_are_pillows(void **state)
{
	(void)state;
	struct fixture_tensors f = fixture_tensors_open("images/images.safetensors");
	const char *name;
	json_t *entry;
	json_object_foreach(f.header, name, entry)
	{
		char file[64];
		struct image im;
		snprintf(file, sizeof(file), "images/%s", name);
		struct fixture_tensor want = fixture_tensor_of(&f, name);
		check_ok(image_load(fixture(file), false, &im));
		int worst = worst_difference(&im, &want);
		if (worst > (strstr(name, ".jpg") ? 2 : 0))
			fail_msg("%s differs by up to %d", name, worst);
		image_release(&im);
	}
	assert_true(json_object_size(f.header) >= 30);
	fixture_tensors_release(&f);
}

/* What the header says is what comes out of a file that is read. */
static void check_size_of(const char *file, bool exif)
{
	struct image im;
	int width, height;
	check_ok(image_load(file, exif, &im));
	check_ok(image_size(file, exif, &width, &height));
	assert_int_equal(width, im.width);
	assert_int_equal(height, im.height);
	image_release(&im);
}

static void sizes_are_the_pictures(void **state)
{
	(void)state;
	struct fixture_tensors f = fixture_tensors_open("images/images.safetensors");
	const char *name;
	json_t *entry;
	json_object_foreach(f.header, name, entry)
	{
		char file[64];
		snprintf(file, sizeof(file), "images/%s", name);
		check_size_of(fixture(file), false);
		check_size_of(fixture(file), true);
	}
	assert_true(json_object_size(f.header) >= 30);
	fixture_tensors_release(&f);
}

static void orientation_only_on_request(void **state)
{
	(void)state;
	struct fixture_tensors f = fixture_tensors_open("images/images.safetensors");
	struct image stored, upright;
	check_ok(image_load(fixture("images/exif6.jpg"), false, &stored));
	check_ok(image_load(fixture("images/exif6.jpg"), true, &upright));
	assert_int_equal(stored.width, 37);
	assert_int_equal(upright.width, stored.height);
	assert_int_equal(upright.height, stored.width);
	for (int y = 0; y < upright.height; y++)
		for (int x = 0; x < upright.width; x++) {
			int from = (stored.height - 1 - x) * stored.width + y;
			assert_memory_equal(upright.rgb + (y * upright.width + x) * 3,
					    stored.rgb + from * 3, 3);
		}
	image_release(&stored);
	image_release(&upright);
	fixture_tensors_release(&f);
}

static void pnm_by_hand(void **state)
{
	(void)state;
	static const char grey[] = "P5 # a comment\n2#\n 1\n#\n255\n\x07\xfe";
	static const char scaled[] = "P6\n2 1\n4\n\x00\x01\x02\x03\x04\x09trailing";
	static const uint8_t want_grey[] = { 7, 7, 7, 254, 254, 254 };
	/* 127.5 goes to the even 128; more than maxval is white */
	static const uint8_t want_scaled[] = { 0, 64, 128, 191, 255, 255 };
	struct image im;
	check_ok(load(grey, sizeof(grey) - 1, &im));
	assert_int_equal(im.width, 2);
	assert_int_equal(im.height, 1);
	assert_memory_equal(im.rgb, want_grey, sizeof(want_grey));
	image_release(&im);
	check_ok(load(scaled, sizeof(scaled) - 1, &im));
	assert_memory_equal(im.rgb, want_scaled, sizeof(want_scaled));
	image_release(&im);
	image_release(&im); /* an empty one too */
}

static void bad_pnm(void **state)
{
	(void)state;
	REFUSES("P6", ERR_FORMAT, "known format");
	REFUSES("P6\n", ERR_FORMAT, "truncated");
	REFUSES("P6\n1 1\n255", ERR_FORMAT, "truncated");
	REFUSES("P6\n1 1\n255\nab", ERR_FORMAT, "truncated");
	REFUSES("P6\n1 1\n256\nabcde", ERR_FORMAT, "truncated");
	REFUSES("P6\n1 1\n#", ERR_FORMAT, "truncated");
	REFUSES("P6\n0 1\n255\n", ERR_FORMAT, "0 x 1");
	REFUSES("P6\n1 0\n255\n", ERR_FORMAT, "1 x 0");
	REFUSES("P6\n-1 1\n255\nabc", ERR_FORMAT, "width");
	REFUSES("P6\n1 x\n255\nabc", ERR_FORMAT, "height");
	REFUSES("P6\n1 1\n0\nabc", ERR_FORMAT, "maxval");
	REFUSES("P6\n1 1\n65536\nabcdef", ERR_FORMAT, "maxval");
	REFUSES("P6\n12345678901 1\n255\nabc", ERR_FORMAT, "width");
	REFUSES("P6\n9999999999 9999999999\n255\nabc", ERR_FORMAT, "limit of 178956970");
	REFUSES("P6\n13378 13377\n255\nabc", ERR_FORMAT, "limit of 178956970");
	REFUSES("P6\n13377 13377\n255\nabc", ERR_FORMAT, "truncated");
	REFUSES("P5\n178956970 1\n65535\nabc", ERR_FORMAT, "truncated");
	REFUSES("P6x1 1\n255\nabc", ERR_FORMAT, "known format (PNG, JPEG, PPM/PGM)");
}

static void not_pictures(void **state)
{
	(void)state;
	REFUSES("", ERR_FORMAT, "empty");
	REFUSES("P", ERR_FORMAT, "known format (PNG, JPEG, PPM/PGM)");
	REFUSES("hello\n", ERR_FORMAT, "known format (PNG, JPEG, PPM/PGM)");
	REFUSES("\x89PNG\r\n\x1a", ERR_FORMAT, "known format (PNG, JPEG, PPM/PGM)");
	REFUSES("GIF89a......", ERR_UNSUPPORTED, "GIF");
	REFUSES("RIFF\x10\0\0\0WEBPVP8 ", ERR_UNSUPPORTED, "WebP");
	REFUSES("P3\n1 1\n255\n1 2 3\n", ERR_UNSUPPORTED, "plain PPM");
}

static void not_even_files(void **state)
{
	(void)state;
	struct image im;
	char other[160];
	check_err(image_load(dir, false, &im), ERR_IO, "directory");
	snprintf(other, sizeof(other), "%s/no\033such", dir);
	check_err(image_load(other, false, &im), ERR_NOTFOUND, "no\\x1bsuch");
	snprintf(other, sizeof(other), "%s/fifo", dir);
	assert_int_equal(mkfifo(other, 0600), 0);
	check_err(image_load(other, false, &im), ERR_IO, "not a regular file");
	write_file("P5\n1 1\n255\nx", 12);
	assert_int_equal(chmod(path, 0), 0);
	if (geteuid() != 0)
		check_err(image_load(path, false, &im), ERR_IO, "denied");
	assert_int_equal(chmod(path, 0600), 0);
}

/* One of each kind; small, because every byte of each is tried. */
static const char *const samples[] = {
	"images/one.png",     "images/grey1.png", "images/palette4_interlaced.png",
	"images/exif6.jpg",   "images/cmyk.jpg",  "images/rgb_trns.png",
	"images/grey16.png",  "images/grey.pgm",  "images/progressive.jpg",
	"images/rgb1000.ppm",
};

/* Of the first n bytes of a sample: the whole one's size, or refused as a picture is. */
static void check_size_of_rest(const char *sample, size_t n)
{
	int width, height, whole_width, whole_height;
	check_ok(image_size(fixture(sample), true, &whole_width, &whole_height));
	enum err e = image_size(path, true, &width, &height);
	if (e == OK && (width != whole_width || height != whole_height))
		fail_msg("%s cut to %zu bytes: %d x %d", sample, n, width, height);
	if (e != OK && e != ERR_FORMAT)
		fail_msg("%s cut to %zu bytes: %s", sample, n, err_name(e));
	assert_true(e == OK || strstr(err_message(), path));
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct str s = read_fixture(samples[i]);
		for (size_t n = 0; n < s.len; n++) {
			struct image im;
			enum err e = load(s.s, n, &im);
			if (e != ERR_FORMAT)
				fail_msg("%s cut to %zu bytes: %s", samples[i], n,
					 err_name(e));
			assert_non_null(strstr(err_message(), path));
			assert_null(im.rgb);
			check_size_of_rest(samples[i], n);
		}
		str_release(&s);
	}
}

/* A size that is not refused is the one that the picture has. */
static void check_size_of_damaged(const struct image *im, size_t at)
{
	int width, height;
	if (image_size(path, false, &width, &height)) {
		if (im->rgb)
			fail_msg("byte %zu: a picture, but no size: %s", at,
				 err_message());
		assert_non_null(strstr(err_message(), path));
		assert_int_equal(width, 0);
	} else if (im->rgb) {
		assert_int_equal(width, im->width);
		assert_int_equal(height, im->height);
	}
}

/* Whatever a damaged byte makes of a file: a picture or an error, and no more than that.
 */
static void every_damaged_byte_is_survived(void **state)
{
	(void)state;
	static const uint8_t damage[] = { 0x00, 0xff, 0x80, 0x01 };
	size_t refused = 0;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct str s = read_fixture(samples[i]);
		for (size_t at = 0; at < s.len; at++) {
			char kept = s.s[at];
			struct image im;
			s.s[at] = (char)(kept ^ damage[at % 4] ^ (at % 4 ? 0 : 0x55));
			if (load(s.s, s.len, &im)) {
				refused++;
				assert_non_null(strstr(err_message(), path));
				assert_null(im.rgb);
			}
			check_size_of_damaged(&im, at);
			image_release(&im);
			s.s[at] = kept;
		}
		str_release(&s);
	}
	assert_true(refused > 1000);
}

static uint32_t crc32_of(const uint8_t *bytes, size_t n)
{
	uint32_t crc = ~0u;
	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void put_u32(char *at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		at[i] = (char)(v >> (24 - 8 * i));
}

/* The file with another width and height in a header whose checksum is right. */
static void png_that_lies(struct str *s, uint32_t width, uint32_t height,
			  const char *part)
{
	put_u32(s->s + 16, width);
	put_u32(s->s + 20, height);
	put_u32(s->s + 29, crc32_of((const uint8_t *)s->s + 12, 17));
	refuses(s->s, s->len, ERR_FORMAT, part);
	if (strcmp(part, "PNG") != 0) /* the header alone gives it away */
		refuses_size(s->s, s->len, ERR_FORMAT, part);
}

static void png_sizes_that_lie(void **state)
{
	(void)state;
	struct str s = read_fixture("images/rgb_trns.png");
	png_that_lies(&s, 0, 19, "width is zero");
	png_that_lies(&s, 23, 0, "height is zero");
	png_that_lies(&s, 0xffffffff, 19, "out of range");
	png_that_lies(&s, 0x7fffffff, 0x7fffffff, "limit");
	png_that_lies(&s, 100000, 100000, "limit of 178956970");
	png_that_lies(&s, 13377, 13377, "PNG");
	png_that_lies(&s, 23, 20, "PNG");
	str_release(&s);
}

enum { AFTER_HEADER = 33, END_CHUNK = 12 }; /* of a PNG, in bytes */

/* The PNG with an eXIf chunk put at this offset. */
static struct str with_orientation(const struct str *s, size_t at, char orientation)
{
	static const char tiff[] = "MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\0\0\0\0\0\0\0";
	enum { TIFF_BYTES = sizeof(tiff) - 1, ORIENTATION = 19 };
	struct str turned = STR_INIT;
	char chunk[8 + TIFF_BYTES + 4];
	put_u32(chunk, TIFF_BYTES);
	memcpy(chunk + 4, "eXIf", 4);
	memcpy(chunk + 8, tiff, TIFF_BYTES);
	chunk[8 + ORIENTATION] = orientation;
	put_u32(chunk + 8 + TIFF_BYTES,
		crc32_of((const uint8_t *)chunk + 4, 4 + TIFF_BYTES));
	str_add_n(&turned, s->s, at);
	str_add_n(&turned, chunk, sizeof(chunk));
	str_add_n(&turned, s->s + at, s->len - at);
	return turned;
}

/* Half a turn, asked for behind the header. */
static void png_orientation(void **state)
{
	(void)state;
	enum { HALF_TURN = 3 };
	struct str s = read_fixture("images/rgb_trns.png");
	struct str turned = with_orientation(&s, AFTER_HEADER, HALF_TURN);
	struct image stored, upright;
	check_ok(load(turned.s, turned.len, &stored));
	check_ok(image_load(path, true, &upright));
	int last = stored.width * stored.height - 1;
	assert_int_equal(upright.width, stored.width);
	for (int i = 0; i <= last; i++)
		assert_memory_equal(upright.rgb + 3 * i, stored.rgb + 3 * (last - i), 3);
	image_release(&stored);
	image_release(&upright);
	str_release(&turned);
	str_release(&s);
}

/* Before the pixels and behind them; but what follows the end is no part of the picture.
 */
static void png_turned_sizes(void **state)
{
	(void)state;
	enum { QUARTER_TURN = 6 };
	struct str s = read_fixture("images/rgb_trns.png");
	const size_t places[] = { AFTER_HEADER, s.len - END_CHUNK, s.len };
	int width, height;
	for (size_t i = 0; i < 3; i++) {
		struct str turned = with_orientation(&s, places[i], QUARTER_TURN);
		write_file(turned.s, turned.len);
		check_size_of(path, false);
		check_size_of(path, true);
		check_ok(image_size(path, true, &width, &height));
		assert_int_equal(width, i < 2 ? 19 : 23);
		str_release(&turned);
	}
	str_release(&s);
}

static void a_size_is_refused_as_its_picture_is(void **state)
{
	(void)state;
	int width, height;
	REFUSES_SIZE("", ERR_FORMAT, "empty");
	REFUSES_SIZE("hello\n", ERR_FORMAT, "known format (PNG, JPEG, PPM/PGM)");
	REFUSES_SIZE("GIF89a......", ERR_UNSUPPORTED, "GIF");
	REFUSES_SIZE("P6\n13377 13377\n255\nabc", ERR_FORMAT, "truncated");
	REFUSES_SIZE("P6\n0 1\n255\n", ERR_FORMAT, "0 x 1");
	REFUSES_SIZE("P6\n13378 13377\n255\nabc", ERR_FORMAT, "limit of 178956970");
	check_err(image_size(dir, false, &width, &height), ERR_IO, "directory");
	check_err(image_size("/no/such", false, &width, &height), ERR_NOTFOUND,
		  "/no/such");
}

/* Offset of the height in the JPEG's frame header. */
static size_t frame_size_at(const struct str *s)
{
	for (size_t i = 2; i + 9 < s->len;) {
		uint8_t marker = (uint8_t)s->s[i + 1];
		if (marker == 0xc0 || marker == 0xc2)
			return i + 5;
		i += 2 + ((size_t)(uint8_t)s->s[i + 2] << 8 | (uint8_t)s->s[i + 3]);
	}
	fail_msg("no frame header");
	return 0;
}

static void jpeg_sizes_that_lie(void **state)
{
	(void)state;
	static const char big[4] = "\xea\x60\xea\x60", zero[4] = { 0 };
	struct str s = read_fixture("images/rgb420.jpg");
	size_t at = frame_size_at(&s);
	memcpy(s.s + at, big, sizeof(big)); /* 60000 x 60000 */
	refuses(s.s, s.len, ERR_FORMAT, "limit of 178956970");
	refuses_size(s.s, s.len, ERR_FORMAT, "limit of 178956970");
	memset(s.s + at, 0xff, 4);
	refuses(s.s, s.len, ERR_FORMAT, "JPEG");
	memcpy(s.s + at, zero, sizeof(zero));
	refuses(s.s, s.len, ERR_FORMAT, "JPEG");
	refuses_size(s.s, s.len, ERR_FORMAT, "JPEG");
	str_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pixels_are_pillows),
		cmocka_unit_test(sizes_are_the_pictures),
		cmocka_unit_test(orientation_only_on_request),
		cmocka_unit_test(pnm_by_hand),
		cmocka_unit_test(bad_pnm),
		cmocka_unit_test(not_pictures),
		cmocka_unit_test(not_even_files),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_damaged_byte_is_survived),
		cmocka_unit_test(png_sizes_that_lie),
		cmocka_unit_test(png_orientation),
		cmocka_unit_test(png_turned_sizes),
		cmocka_unit_test(a_size_is_refused_as_its_picture_is),
		cmocka_unit_test(jpeg_sizes_that_lie),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
