/* image: a picture's own size and its patches, as Qwen2-VL's processor makes them. */
#include "check.h"

#include "base/sha256.h"
#include "fixture_tensors.h"
#include "image/preprocess.h"

/* The list under this key of a JSON file of tests/oracle/vlm_preprocess_fixtures.py. */
static json_t *read_list(const char *file, const char *key)
{
	char name[64];
	json_t *all;
	snprintf(name, sizeof(name), "vlm_preprocess/%s", file);
	check_ok(json_read_file(fixture(name), 1 << 20, &all));
	json_t *list = json_incref(json_object_get(all, key));
	json_decref(all);
	assert_true(json_array_size(list) > 0);
	return list;
}

static int64_t number_at(const json_t *row, size_t i)
{
	return json_integer_value(json_array_get(row, i));
}

static int64_t number_of(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	assert_true(json_is_integer(v));
	return json_integer_value(v);
}

static enum smart_resize_limit limit_of(int64_t n)
{
	return n < 0   ? SMART_RESIZE_SHRUNK
	       : n > 0 ? SMART_RESIZE_GROWN
		       : SMART_RESIZE_ROUNDED;
}

static void sizes_are_the_references(void **state)
{
	(void)state;
	json_t *rows = read_list("smart_resize.json", "sizes"), *row;
	size_t i;
	json_array_foreach(rows, i, row)
	{
		int64_t h = 0, w = 0;
		enum smart_resize_limit limit;
		check_ok(smart_resize(number_at(row, 0), number_at(row, 1),
				      (int)number_at(row, 2), number_at(row, 3),
				      number_at(row, 4), &h, &w, &limit));
		if (h != number_at(row, 5) || w != number_at(row, 6) ||
		    limit != limit_of(number_at(row, 7)))
			fail_msg("row %zu: %lld x %lld, limit %d", i, (long long)h,
				 (long long)w, limit);
	}
	assert_true(json_array_size(rows) > 300);
	json_decref(rows);
}

static void a_strip_is_refused(void **state)
{
	(void)state;
	json_t *rows = read_list("smart_resize.json", "refused"), *row;
	size_t i;
	json_array_foreach(rows, i, row)
	{
		int64_t h, w;
		char sides[48];
		snprintf(sides, sizeof(sides), "%lld x %lld pixels",
			 (long long)number_at(row, 1), (long long)number_at(row, 0));
		check_err(smart_resize(number_at(row, 0), number_at(row, 1), 28, 3136,
				       12845056, &h, &w, NULL),
			  ERR_FORMAT, sides);
	}
	json_decref(rows);
}

static void check_hash(const char *name, const void *data, size_t n, const json_t *want)
{
	struct sha256 s;
	char hex[SHA256_HEX];
	sha256_start(&s);
	sha256_add(&s, data, n);
	sha256_end(&s, hex);
	if (strcmp(hex, json_string_value(want)) != 0)
		fail_msg("%s differs", name);
}

/* Where the rows themselves are kept, the first that differs is said. */
static void check_rows(const struct fixture_tensors *f, const char *name,
		       const float *rows, size_t n)
{
	if (!json_object_get(f->header, name))
		return;
	struct fixture_tensor want = fixture_tensor_of(f, name);
	const char *bytes = want.data; /* the file aligns nothing */
	assert_int_equal((size_t)want.dim[0] * (size_t)want.dim[1], n);
	for (size_t i = 0; i < n; i++) {
		float expected;
		memcpy(&expected, bytes + i * sizeof(float), sizeof(float));
		if (memcmp(&rows[i], &expected, sizeof(float)) != 0)
			fail_msg("%s: value %zu of row %zu is %.9g, wanted %.9g", name,
				 i % (size_t)want.dim[1], i / (size_t)want.dim[1],
				 (double)rows[i], (double)expected);
	}
}

static void check_grid(const json_t *c, const struct patch_grid *g)
{
	assert_int_equal(g->width, number_of(c, "width"));
	assert_int_equal(g->height, number_of(c, "height"));
	assert_int_equal(g->columns, number_of(c, "columns"));
	assert_int_equal(g->rows, number_of(c, "rows"));
	assert_int_equal(g->limit, limit_of(number_of(c, "limit")));
}

static void check_case(const struct fixture_tensors *f, const json_t *c)
{
	const char *name = json_string_value(json_object_get(c, "name"));
	int side = (int)number_of(c, "side");
	char file[64];
	struct preprocess_config cfg;
	struct patch_grid grid;
	struct image im, shown;
	snprintf(file, sizeof(file), "images/%s",
		 json_string_value(json_object_get(c, "picture")));
	check_ok(preprocess_read_grid(json_object_get(c, "config"), name, &cfg));
	check_ok(image_load(fixture(file), false, &im));
	check_ok(preprocess_grid(&cfg, im.width, im.height, side, &grid));
	check_grid(c, &grid);
	size_t n = (size_t)(grid.rows * grid.columns) * preprocess_patch_floats(&cfg);
	float *rows = malloc(n * sizeof(float));
	check_ok(preprocess_patches(&cfg, &im, side, rows, &shown));
	check_rows(f, name, rows, n);
	check_hash(name, rows, n * sizeof(float), json_object_get(c, "sha256"));
	assert_int_equal(shown.width, grid.width);
	assert_int_equal(shown.height, grid.height);
	check_hash(name, shown.rgb, (size_t)shown.width * (size_t)shown.height * 3,
		   json_object_get(c, "shown_sha256"));
	image_release(&shown);
	image_release(&im);
	free(rows);
}

static void patches_are_the_references(void **state)
{
	(void)state;
	struct fixture_tensors f =
		fixture_tensors_open("vlm_preprocess/patches.safetensors");
	json_t *cases = read_list("cases.json", "cases"), *c;
	size_t i;
	json_array_foreach(cases, i, c) { check_case(&f, c); }
	assert_true(json_array_size(cases) >= 12);
	assert_true(json_object_size(f.header) >= 8);
	json_decref(cases);
	fixture_tensors_release(&f);
}

/* Each pixel says where it is: the order of the rows, and of the values in one. */
static void merged_patches_are_neighbours(void **state)
{
	(void)state;
	enum { P = 2, SIDE = 8, ROW = 3 * 2 * P * P };
	/* (column, row) of the patches, in the order of the rows */
	static const int order[][2] = {
		{ 0, 0 }, { 1, 0 }, { 0, 1 }, { 1, 1 }, { 2, 0 }, { 3, 0 },
		{ 2, 1 }, { 3, 1 }, { 0, 2 }, { 1, 2 }, { 0, 3 }, { 1, 3 },
		{ 2, 2 }, { 3, 2 }, { 2, 3 }, { 3, 3 },
	};
	struct preprocess_config cfg = preprocess_qwen_defaults();
	struct image im;
	float out[16 * ROW];
	cfg.patch_size = P;
	cfg.do_resize = cfg.do_rescale = cfg.do_normalize = false;
	check_ok(image_alloc("test", SIDE, SIDE, &im));
	for (int i = 0; i < SIDE * SIDE * 3; i++)
		im.rgb[i] = (uint8_t)i;
	check_ok(preprocess_patches(&cfg, &im, 0, out, NULL));
	for (int i = 0; i < 16 * ROW; i++) {
		int c = i % ROW / 8, y = i % 4 / 2, x = i % 2; /* both frames alike */
		int row = order[i / ROW][1] * P + y, column = order[i / ROW][0] * P + x;
		assert_true(out[i] == (float)im.rgb[(row * SIDE + column) * 3 + c]);
	}
	image_release(&im);
}

static void a_grid_that_is_refused(void **state)
{
	(void)state;
	struct preprocess_config cfg = preprocess_qwen_defaults();
	struct patch_grid g;
	struct image im, shown;
	float out[1];
	check_err(preprocess_grid(&cfg, 4020, 20, 0, &g), ERR_FORMAT, "4020 x 20");
	assert_int_equal(g.rows, 0);
	check_ok(preprocess_grid(&cfg, 4020, 20, 56, &g)); /* a square of a strip */
	assert_int_equal(g.columns, 4);
	check_err(preprocess_grid(&cfg, 20, 20, 28 * 500, &g), ERR_FORMAT,
		  "14000 x 14000 pixels, more than the limit");
	cfg.do_resize = false;
	check_ok(preprocess_grid(&cfg, 56, 28, 0, &g));
	assert_int_equal(g.columns, 4);
	assert_int_equal(g.rows, 2);
	check_err(preprocess_grid(&cfg, 56, 29, 0, &g), ERR_FORMAT, "56 x 29");
	check_ok(image_alloc("test", 56, 29, &im));
	check_err(preprocess_patches(&cfg, &im, 0, out, &shown), ERR_FORMAT,
		  "multiple of 28");
	assert_null(shown.rgb);
	image_release(&im);
}

static enum err read_text(const char *text, struct preprocess_config *out)
{
	json_t *v;
	check_ok(json_read(text, strlen(text), "p.json", &v));
	enum err e = preprocess_read_grid(v, "p.json", out);
	json_decref(v);
	return e;
}

static void a_config_has_the_processors_defaults(void **state)
{
	(void)state;
	struct preprocess_config cfg, own = preprocess_qwen_defaults();
	const struct preprocess_config clip = preprocess_clip_defaults(224);
	assert_int_equal(own.max_pixels, 12845056);
	check_ok(read_text("{}", &cfg));
	assert_true(cfg.grid && cfg.do_resize && cfg.do_rescale && cfg.do_normalize);
	assert_true(!cfg.do_crop);
	assert_int_equal(cfg.patch_size, 14);
	assert_int_equal(cfg.temporal_patch_size, 2);
	assert_int_equal(cfg.merge_size, 2);
	assert_int_equal(cfg.min_pixels, 3136);
	assert_int_equal(cfg.max_pixels, 1003520); /* not that of the published files */
	assert_memory_equal(cfg.mean, clip.mean, sizeof(clip.mean));
	assert_memory_equal(cfg.std, clip.std, sizeof(clip.std));
	assert_true(cfg.rescale_factor == 1.0 / 255.0);
}

static void check_limits(const char *text, int64_t min, int64_t max)
{
	struct preprocess_config cfg;
	check_ok(read_text(text, &cfg));
	assert_int_equal(cfg.min_pixels, min);
	assert_int_equal(cfg.max_pixels, max);
}

static void limits_in_every_spelling(void **state)
{
	(void)state;
	struct preprocess_config cfg;
	check_limits("{\"min_pixels\": 3136, \"max_pixels\": 12845056}", 3136, 12845056);
	check_limits("{\"size\": {\"shortest_edge\": 5, \"longest_edge\": 9}}", 5, 9);
	check_limits("{\"size\": {\"min_pixels\": 5, \"max_pixels\": 9}}", 5, 9);
	/* the reference's order of precedence; a null is no value */
	check_limits("{\"size\": {\"min_pixels\": 5, \"max_pixels\": 9},"
		     " \"min_pixels\": 6, \"max_pixels\": null}",
		     6, 9);
	check_limits("{\"max_pixels\": 178956970}", 3136, 178956970);
	check_ok(read_text("{\"image_processor_type\": \"Qwen2VLImageProcessorFast\","
			   " \"patch_size\": 16, \"temporal_patch_size\": 1,"
			   " \"merge_size\": 3, \"do_center_crop\": true}",
			   &cfg));
	assert_int_equal(cfg.patch_size, 16);
	assert_int_equal(cfg.temporal_patch_size, 1);
	assert_int_equal(cfg.merge_size, 3);
	assert_true(!cfg.do_crop);
	check_ok(read_text("{\"image_processor_type\": \"Qwen2_5_VLImageProcessor\"}",
			   &cfg));
}

static void a_config_that_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *part;
	} bad[] = {
		{ "[]", "not a JSON object" },
		{ "{\"patch_size\": 0}", "\"patch_size\" is not an integer from 1 to " },
		{ "{\"patch_size\": 1025}", "\"patch_size\"" },
		{ "{\"patch_size\": \"14\"}", "\"patch_size\"" },
		{ "{\"patch_size\": {\"height\": 14, \"width\": 14}}", "\"patch_size\"" },
		{ "{\"temporal_patch_size\": 17}", "\"temporal_patch_size\"" },
		{ "{\"temporal_patch_size\": 2.0}", "\"temporal_patch_size\"" },
		{ "{\"merge_size\": -2}", "\"merge_size\"" },
		{ "{\"merge_size\": 17}", "\"merge_size\"" },
		{ "{\"min_pixels\": 0}", "\"min_pixels\"" },
		{ "{\"max_pixels\": 178956971}", "from 1 to 178956970" },
		{ "{\"max_pixels\": 9223372036854775807}", "\"max_pixels\"" },
		{ "{\"max_pixels\": true}", "\"max_pixels\"" },
		{ "{\"min_pixels\": 10, \"max_pixels\": 9}", "10 is more than" },
		{ "{\"size\": 224}", "\"size\"" },
		{ "{\"size\": {\"shortest_edge\": 224}}", "\"longest_edge\"" },
		{ "{\"size\": {\"height\": 3, \"width\": 3}}", "\"max_pixels\"" },
		{ "{\"size\": {\"shortest_edge\": 3, \"longest_edge\": null}}",
		  "\"size.longest_edge\"" },
		{ "{\"size\": {\"min_pixels\": 0, \"max_pixels\": 3}}",
		  "\"size.min_pixels\"" },
		{ "{\"image_mean\": [1, 2]}", "\"image_mean\"" },
		{ "{\"image_processor_type\": 3}", "\"image_processor_type\"" },
	};
	struct preprocess_config cfg;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		check_err(read_text(bad[i].text, &cfg), ERR_FORMAT, bad[i].part);
		assert_non_null(strstr(err_message(), "p.json: "));
	}
	check_err(read_text("{\"resample\": 2}", &cfg), ERR_UNSUPPORTED, "bilinear");
	check_err(preprocess_read_grid_file("/no/such/file", &cfg), ERR_NOTFOUND,
		  "/no/such");
}

/* The message has the processor of the file and the one that the model takes. */
static void the_other_kinds_processor_is_refused(void **state)
{
	(void)state;
	static const char *const fixed[] = {
		"{\"image_processor_type\": \"CLIPImageProcessor\"}",
		"{\"feature_extractor_type\": \"CLIPFeatureExtractor\"}",
		"{\"image_processor_type\": \"SiglipImageProcessor\"}",
	};
	static const char *const grids[] = {
		"{\"image_processor_type\": \"Qwen2VLImageProcessor\"}",
		"{\"image_processor_type\": \"Qwen2_5_VLImageProcessor\"}",
	};
	struct preprocess_config cfg;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		check_err(read_text(fixed[i], &cfg), ERR_UNSUPPORTED,
			  ": this model takes Qwen2VLImageProcessor");
	assert_non_null(strstr(err_message(), "is SiglipImageProcessor"));
	for (size_t i = 0; i < sizeof(grids) / sizeof(grids[0]); i++) {
		json_t *v;
		check_ok(json_read(grids[i], strlen(grids[i]), "p.json", &v));
		check_err(preprocess_read(v, "p.json", &cfg), ERR_UNSUPPORTED,
			  ": this model takes CLIPImageProcessor or SiglipImage");
		json_decref(v);
	}
	assert_non_null(strstr(err_message(), "is Qwen2_5_VLImageProcessor"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_the_references),
		cmocka_unit_test(a_strip_is_refused),
		cmocka_unit_test(patches_are_the_references),
		cmocka_unit_test(merged_patches_are_neighbours),
		cmocka_unit_test(a_grid_that_is_refused),
		cmocka_unit_test(a_config_has_the_processors_defaults),
		cmocka_unit_test(limits_in_every_spelling),
		cmocka_unit_test(a_config_that_is_refused),
		cmocka_unit_test(the_other_kinds_processor_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
