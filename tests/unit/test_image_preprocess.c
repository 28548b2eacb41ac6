/* image: preprocessing and its configuration. */
#include "check.h"

#include <math.h>

#include "fixture_tensors.h"
#include "image/preprocess.h"

static struct image solid(int width, int height, uint8_t value)
{
	struct image im;
	check_ok(image_alloc("test", width, height, &im));
	memset(im.rgb, value, (size_t)width * (size_t)height * 3);
	return im;
}

/* "rgb.png.32": one size for both; "wide.png.24.17": edge and crop. */
static struct preprocess_config config_of(const char *name, char *file)
{
	int edge, crop;
	const char *dot = strchr(strchr(name, '.') + 1, '.');
	int n = sscanf(dot, ".%d.%d", &edge, &crop);
	sprintf(file, "images/%.*s", (int)(dot - name), name);
	struct preprocess_config cfg = preprocess_clip_defaults(edge);
	if (n == 2)
		cfg.crop_width = cfg.crop_height = crop;
	return cfg;
}

static void check_values(const struct fixture_tensors *f, const char *name)
{
	char file[64];
	struct preprocess_config cfg = config_of(name, file);
	struct fixture_tensor want = fixture_tensor_of(f, name);
	size_t n = (size_t)(want.dim[0] * want.dim[1] * want.dim[2]);
	float *out = malloc(n * sizeof(float)), *expected = malloc(n * sizeof(float));
	struct image im;
	int64_t width, height;
	memcpy(expected, want.data, n * sizeof(float)); /* the file aligns nothing */
	check_ok(image_load(fixture(file), false, &im));
	preprocess_size(&cfg, im.width, im.height, &width, &height);
	assert_int_equal(width, want.dim[2]);
	assert_int_equal(height, want.dim[1]);
	check_ok(preprocess_run(&cfg, &im, out, NULL));
	/* The picture is exact; a JPEG's pixels may differ by 2 (of 255 / std). */
	float tolerance = strstr(name, ".jpg") ? 0.035f : 1e-6f;
	for (size_t i = 0; i < n; i++)
		if (!(fabsf(out[i] - expected[i]) <= tolerance))
			fail_msg("%s: value %zu is %.9g, wanted %.9g", name, i,
				 (double)out[i], (double)expected[i]);
	image_release(&im);
	free(out);
	free(expected);
}

static void values_are_the_references(void **state)
{
	(void)state;
	struct fixture_tensors f = fixture_tensors_open("preprocess.safetensors");
	const char *name;
	json_t *entry;
	json_object_foreach(f.header, name, entry) { check_values(&f, name); }
	assert_true(json_object_size(f.header) >= 8);
	fixture_tensors_release(&f);
}

static void the_crop_is_the_references(void **state)
{
	(void)state;
	struct image wide, want, shown;
	const struct preprocess_config cfg = preprocess_clip_defaults(224);
	static float out[3 * 224 * 224];
	if (access(fixture("crop224.png"), R_OK))
		skip_because("crop224.png is missing: made by tests/oracle/make.py");
	check_ok(image_load(fixture("images/wide.png"), false, &wide));
	check_ok(image_load(fixture("crop224.png"), false, &want));
	check_ok(preprocess_run(&cfg, &wide, out, &shown));
	assert_int_equal(shown.width, want.width);
	assert_memory_equal(shown.rgb, want.rgb, 224 * 224 * 3);
	image_release(&wide);
	image_release(&want);
	image_release(&shown);
}

static void sizes_are_cut_not_rounded(void **state)
{
	(void)state;
	static const int cases[][4] = {
		{ 640, 427, 335, 224 }, { 427, 640, 224, 335 }, { 224, 224, 224, 224 },
		{ 1, 3, 224, 672 },     { 3, 2, 336, 224 },     { 512, 384, 298, 224 },
	};
	struct preprocess_config cfg = preprocess_clip_defaults(224);
	int64_t width, height;
	cfg.do_crop = false;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		preprocess_size(&cfg, cases[i][0], cases[i][1], &width, &height);
		assert_int_equal(width, cases[i][2]);
		assert_int_equal(height, cases[i][3]);
	}
	preprocess_size(&cfg, 178956970, 1, &width, &height);
	assert_true(width == INT64_C(178956970) * 224);
	cfg.do_crop = true;
	preprocess_size(&cfg, 640, 427, &width, &height);
	assert_int_equal(width, 224);
}

/* Without a resize: where the crop begins when a margin is odd, inside and outside. */
static void odd_margins(void **state)
{
	(void)state;
	struct preprocess_config cfg = preprocess_clip_defaults(4);
	struct image im = solid(7, 3, 9), shown;
	float out[3 * 4 * 4];
	cfg.do_resize = false;
	for (int x = 0; x < 7; x++)
		im.rgb[3 * x] = (uint8_t)(10 + x);
	check_ok(preprocess_run(&cfg, &im, out, &shown));
	assert_int_equal(shown.rgb[0], 0);      /* the extra black row is on top */
	assert_int_equal(shown.rgb[4 * 3], 11); /* floor(3 / 2) = 1 column is cut */
	assert_int_equal(shown.rgb[3 * 4 * 3 + 3], 9); /* the last row is the picture's */
	assert_true(out[0] == (0.0f - cfg.mean[0]) / cfg.std[0]);
	image_release(&im);
	image_release(&shown);
}

static void arithmetic_can_be_switched_off(void **state)
{
	(void)state;
	struct preprocess_config cfg = preprocess_clip_defaults(2);
	struct image im = solid(2, 2, 51);
	float out[12];
	cfg.do_normalize = false;
	check_ok(preprocess_run(&cfg, &im, out, NULL));
	assert_true(out[11] == (float)(51.0 * (1.0 / 255.0)));
	cfg.do_rescale = false;
	check_ok(preprocess_run(&cfg, &im, out, NULL));
	assert_true(out[0] == 51.0f);
	image_release(&im);
}

static void a_strip_costs_no_more_than_its_crop(void **state)
{
	(void)state;
	struct preprocess_config cfg = preprocess_clip_defaults(8192);
	struct image im = solid(20000, 1, 128), shown;
	float out[3 * 2 * 2];
	cfg.crop_width = cfg.crop_height = 2;
	check_ok(preprocess_run(&cfg, &im, out, &shown));
	assert_int_equal(shown.rgb[0], 128);
	image_release(&shown);
	cfg.do_crop = false;
	check_err(preprocess_run(&cfg, &im, out, &shown), ERR_FORMAT, "163840000 x 8192");
	assert_null(shown.rgb);
	image_release(&im);
}

static enum err read_text(const char *text, struct preprocess_config *out)
{
	json_t *v;
	check_ok(json_read(text, strlen(text), "p.json", &v));
	enum err e = preprocess_read(v, "p.json", out);
	json_decref(v);
	return e;
}

static void a_config_has_clips_defaults(void **state)
{
	(void)state;
	struct preprocess_config cfg, clip = preprocess_clip_defaults(224);
	check_ok(read_text("{}", &cfg));
	assert_memory_equal(&cfg.mean, &clip.mean, sizeof(clip.mean));
	assert_memory_equal(&cfg.std, &clip.std, sizeof(clip.std));
	assert_int_equal(cfg.shortest_edge, 224);
	assert_int_equal(cfg.crop_height, 224);
	assert_true(cfg.do_resize && cfg.do_crop && cfg.do_rescale && cfg.do_normalize);
	assert_true(cfg.rescale_factor == 1.0 / 255.0);
}

static void a_config_in_every_spelling(void **state)
{
	(void)state;
	struct preprocess_config cfg;
	check_ok(read_text("{\"size\": 336, \"crop_size\": 330, \"resample\": 3,"
			   " \"feature_extractor_type\": \"CLIPFeatureExtractor\"}",
			   &cfg));
	assert_int_equal(cfg.shortest_edge, 336);
	assert_int_equal(cfg.crop_width, 330);
	assert_int_equal(cfg.crop_height, 330);
	check_ok(
		read_text("{\"size\": {\"shortest_edge\": 32}, \"crop_size\":"
			  " {\"height\": 30, \"width\": 28}, \"image_mean\": [0, 0.5, 1],"
			  " \"image_std\": [1, 2, 3], \"do_center_crop\": true}",
			  &cfg));
	assert_int_equal(cfg.shortest_edge, 32);
	assert_int_equal(cfg.crop_height, 30);
	assert_int_equal(cfg.crop_width, 28);
	assert_true(cfg.mean[1] == 0.5f && cfg.std[2] == 3.0f);
	check_ok(read_text("{\"size\": {\"height\": 20, \"width\": 10},"
			   " \"do_center_crop\": false, \"do_normalize\": false}",
			   &cfg));
	assert_int_equal(cfg.shortest_edge, 0);
	assert_int_equal(cfg.resize_width, 10);
	assert_int_equal(cfg.resize_height, 20);
	assert_true(!cfg.do_crop && !cfg.do_normalize);
	check_ok(read_text("{\"do_resize\": false, \"resample\": 2}", &cfg));
}

static void a_config_that_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *part;
	} bad[] = {
		{ "[]", "not a JSON object" },
		{ "{\"size\": 0}", "\"size\"" },
		{ "{\"size\": 8193}", "1 to 8192" },
		{ "{\"size\": 224.0}", "\"size\"" },
		{ "{\"size\": \"224\"}", "\"size\"" },
		{ "{\"size\": {}}", "\"size\"" },
		{ "{\"size\": {\"shortest_edge\": -1}}", "\"size\"" },
		{ "{\"size\": {\"height\": 3}}", "\"size\"" },
		{ "{\"size\": {\"height\": 3, \"width\": 99999}}", "\"size\"" },
		{ "{\"size\": {\"height\": 3, \"shortest_edge\": 3}}", "\"size\"" },
		{ "{\"crop_size\": {\"shortest_edge\": 3}}", "\"crop_size\"" },
		{ "{\"crop_size\": 99999}", "\"crop_size\"" },
		{ "{\"crop_size\": [3, 3]}", "\"crop_size\"" },
		{ "{\"do_resize\": 1}", "\"do_resize\" is not true or false" },
		{ "{\"do_convert_rgb\": 1}", "\"do_convert_rgb\"" },
		{ "{\"image_mean\": [1, 2]}", "\"image_mean\"" },
		{ "{\"image_mean\": [1, 2, \"3\"]}", "\"image_mean\"" },
		{ "{\"image_mean\": 0.5}", "\"image_mean\"" },
		{ "{\"image_std\": [1, 0, 1]}", "\"image_std\"" },
		{ "{\"image_std\": [1, 1e-60, 1]}", "\"image_std\"" },
		{ "{\"image_std\": [1, 1, 1e60]}", "\"image_std\"" },
		{ "{\"rescale_factor\": 0}", "\"rescale_factor\"" },
		{ "{\"rescale_factor\": \"1/255\"}", "\"rescale_factor\"" },
		{ "{\"resample\": 6}", "\"resample\"" },
		{ "{\"resample\": \"bicubic\"}", "\"resample\"" },
		{ "{\"image_processor_type\": 3}", "\"image_processor_type\"" },
	};
	struct preprocess_config cfg;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		check_err(read_text(bad[i].text, &cfg), ERR_FORMAT, bad[i].part);
		assert_non_null(strstr(err_message(), "p.json: "));
	}
	check_err(read_text("{\"resample\": 2}", &cfg), ERR_UNSUPPORTED, "bilinear");
	check_err(read_text("{\"resample\": 1}", &cfg), ERR_UNSUPPORTED, "Lanczos");
	check_err(read_text("{\"image_processor_type\": \"Vi\\u001bT\"}", &cfg),
		  ERR_UNSUPPORTED, "Vi\\x1bT");
	check_err(preprocess_read_file("/no/such/file", &cfg), ERR_NOTFOUND, "/no/such");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_the_references),
		cmocka_unit_test(the_crop_is_the_references),
		cmocka_unit_test(sizes_are_cut_not_rounded),
		cmocka_unit_test(odd_margins),
		cmocka_unit_test(arithmetic_can_be_switched_off),
		cmocka_unit_test(a_strip_costs_no_more_than_its_crop),
		cmocka_unit_test(a_config_has_clips_defaults),
		cmocka_unit_test(a_config_in_every_spelling),
		cmocka_unit_test(a_config_that_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
