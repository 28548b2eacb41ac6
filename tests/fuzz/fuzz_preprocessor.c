/* preprocessor_config.json of both kinds, and what its sizes make of a picture. */
#include "fuzz.h"
#include "image/preprocess.h"

static void check_fixed(const json_t *object)
{
	struct preprocess_config c;
	int64_t width, height;
	if (preprocess_read(object, "preprocessor", &c))
		return;
	fuzz_check(!c.grid, "the kind that was asked for");
	preprocess_size(&c, 640, 3, &width, &height);
	fuzz_check(width > 0 && height > 0, "something comes out");
}

static void check_cut(const struct preprocess_config *c, const struct patch_grid *g)
{
	fuzz_check(g->rows > 0 && g->rows % c->merge_size == 0 &&
			   g->rows * c->patch_size == g->height,
		   "whole patches from top to bottom");
	fuzz_check(g->columns > 0 && g->columns % c->merge_size == 0 &&
			   g->columns * c->patch_size == g->width,
		   "whole patches from left to right");
	fuzz_check((int64_t)g->width * g->height <= IMAGE_MAX_PIXELS, "not too large");
	fuzz_check(preprocess_patch_floats(c) > 0, "a patch has values");
}

/* A small picture is cut too: whether its size is large depends on the limits. */
static void check_grid(const json_t *object)
{
	enum { WIDTH = 9, HEIGHT = 5, MAX_FLOATS = 1 << 18 };
	static float out[MAX_FLOATS];
	static uint8_t rgb[WIDTH * HEIGHT * 3];
	const struct image im = { WIDTH, HEIGHT, rgb };
	struct preprocess_config c;
	struct patch_grid g;
	if (preprocess_read_grid(object, "preprocessor", &c))
		return;
	fuzz_check(c.grid, "the kind that was asked for");
	if (!preprocess_grid(&c, 640, 427, 0, &g))
		check_cut(&c, &g);
	if (!preprocess_grid(&c, 640, 427, c.patch_size * c.merge_size, &g))
		check_cut(&c, &g);
	if (preprocess_grid(&c, WIDTH, HEIGHT, 0, &g))
		return;
	check_cut(&c, &g);
	size_t patches = (size_t)g.rows * (size_t)g.columns;
	if (patches <= MAX_FLOATS / preprocess_patch_floats(&c))
		fuzz_check(!preprocess_patches(&c, &im, 0, out, NULL), "it is cut");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	json_t *object;
	if (json_read((const char *)data, n, "preprocessor", &object))
		return 0;
	check_fixed(object);
	check_grid(object);
	json_decref(object);
	return 0;
}
