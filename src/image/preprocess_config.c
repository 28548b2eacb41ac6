/* Reading preprocessor_config.json. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "image/preprocess.h"

enum { CONFIG_MAX_BYTES = 1 << 20, CLIP_SIDE = 224 };

/* Of a grid; far beyond any model's, and no product of them overflows. */
enum { MAX_PATCH = 1024, MAX_FRAMES = 16, MAX_MERGE = 16 };

struct preprocess_config preprocess_clip_defaults(int side)
{
	return (struct preprocess_config){
		.do_resize = true,
		.shortest_edge = side,
		.do_crop = true,
		.crop_width = side,
		.crop_height = side,
		.do_rescale = true,
		.rescale_factor = 1.0 / 255.0,
		.do_normalize = true,
		.mean = { 0.48145466f, 0.4578275f, 0.40821073f },
		.std = { 0.26862954f, 0.26130258f, 0.27577711f },
	};
}

struct preprocess_config preprocess_siglip_defaults(int side)
{
	return (struct preprocess_config){
		.do_resize = true,
		.resize_width = side,
		.resize_height = side,
		.do_rescale = true,
		.rescale_factor = 1.0 / 255.0,
		.do_normalize = true,
		.mean = { 0.5f, 0.5f, 0.5f },
		.std = { 0.5f, 0.5f, 0.5f },
	};
}

struct preprocess_config preprocess_qwen_defaults(void)
{
	return (struct preprocess_config){
		.do_resize = true,
		.do_rescale = true,
		.rescale_factor = 1.0 / 255.0,
		.do_normalize = true,
		.mean = { 0.48145466f, 0.4578275f, 0.40821073f },
		.std = { 0.26862954f, 0.26130258f, 0.27577711f },
		.grid = true,
		.patch_size = 14,
		.temporal_patch_size = 2,
		.merge_size = 2,
		.min_pixels = 56 * 56,
		.max_pixels = 28 * 28 * 16384,
	};
}

/* What the processor takes for keys that its file lacks. */
static struct preprocess_config qwen_without_keys(int side)
{
	(void)side;
	struct preprocess_config c = preprocess_qwen_defaults();
	c.max_pixels = 28 * 28 * 1280;
	return c;
}

static int scaled(int size, int trained, int side)
{
	int64_t to = ((int64_t)size * side + trained / 2) / trained;
	return to < 1 ? 1 : to > PREPROCESS_MAX_SIDE ? PREPROCESS_MAX_SIDE : (int)to;
}

struct preprocess_config preprocess_at(const struct preprocess_config *c, int trained,
				       int side)
{
	struct preprocess_config at = *c;
	assert(!c->grid);
	if (at.shortest_edge)
		at.shortest_edge = scaled(c->shortest_edge, trained, side);
	else if (at.do_resize) {
		at.resize_width = scaled(c->resize_width, trained, side);
		at.resize_height = scaled(c->resize_height, trained, side);
	}
	if (at.do_crop) {
		at.crop_width = scaled(c->crop_width, trained, side);
		at.crop_height = scaled(c->crop_height, trained, side);
	}
	return at;
}

/* Remembers the first error; each reader below does nothing after one. */
struct reader {
	const json_t *object;
	const char *what;
	enum err err;
};

/* A key that is null is as one that is missing: SigLIP's files have such. To the
 * reference it is "false" for some keys: that difference is accepted. */
static const json_t *member(const struct reader *r, const char *key)
{
	const json_t *v = json_object_get(r->object, key);
	return json_is_null(v) ? NULL : v;
}

static void refuse(struct reader *r, const char *key, const char *wanted)
{
	if (r->err == OK)
		r->err =
			err_set(ERR_FORMAT, "%s: \"%s\" is not %s", r->what, key, wanted);
}

/* A key that is missing keeps the default. */
static void read_bool(struct reader *r, const char *key, bool *out)
{
	const json_t *v = member(r, key);
	if (v && !json_is_boolean(v))
		refuse(r, key, "true or false");
	else if (v)
		*out = json_is_true(v);
}

static void read_integer(struct reader *r, const char *key, const json_t *v, int64_t max,
			 int64_t *out)
{
	char wanted[48];
	json_int_t number = json_integer_value(v); /* 0 of what is no integer */
	snprintf(wanted, sizeof(wanted), "an integer from 1 to %lld", (long long)max);
	if (number < 1 || number > max)
		refuse(r, key, wanted);
	else
		*out = number;
}

static void read_side(struct reader *r, const char *key, const json_t *v, int *out)
{
	int64_t side = *out;
	read_integer(r, key, v, PREPROCESS_MAX_SIDE, &side);
	*out = (int)side;
}

static void read_width_height(struct reader *r, const char *key, const json_t *v,
			      int *width, int *height)
{
	if (json_object_size(v) != 2 || !json_object_get(v, "width") ||
	    !json_object_get(v, "height")) {
		refuse(r, key, "a side or an object of \"height\" and \"width\"");
		return;
	}
	read_side(r, key, json_object_get(v, "width"), width);
	read_side(r, key, json_object_get(v, "height"), height);
}

/* An integer, {"shortest_edge"} or {"height", "width"}. */
static void read_size(struct reader *r, struct preprocess_config *out)
{
	const json_t *v = member(r, "size");
	if (!v)
		return;
	const json_t *edge = json_object_get(v, "shortest_edge");
	out->shortest_edge = 0;
	if (json_is_integer(v))
		read_side(r, "size", v, &out->shortest_edge);
	else if (edge && json_object_size(v) == 1)
		read_side(r, "size", edge, &out->shortest_edge);
	else if (json_is_object(v) && !edge)
		read_width_height(r, "size", v, &out->resize_width, &out->resize_height);
	else
		refuse(r, "size",
		       "an integer, {\"shortest_edge\"} or {\"height\", "
		       "\"width\"}");
}

/* An integer or {"height", "width"}. */
static void read_crop_size(struct reader *r, struct preprocess_config *out)
{
	const json_t *v = member(r, "crop_size");
	if (json_is_integer(v)) {
		read_side(r, "crop_size", v, &out->crop_width);
		out->crop_height = out->crop_width;
	} else if (v) {
		read_width_height(r, "crop_size", v, &out->crop_width, &out->crop_height);
	}
}

static void read_factor(struct reader *r, double *out)
{
	const json_t *v = member(r, "rescale_factor");
	if (!v)
		return;
	*out = json_number_value(v);
	if (!json_is_number(v) || !(*out > 0.0) || !isfinite(*out))
		refuse(r, "rescale_factor", "a positive number");
}

static void read_colours(struct reader *r, const char *key, bool positive, float *out)
{
	const json_t *v = member(r, key);
	if (!v)
		return;
	bool good = json_array_size(v) == 3; /* 0 of what is no array */
	for (size_t i = 0; good && i < 3; i++) {
		const json_t *number = json_array_get(v, i);
		out[i] = (float)json_number_value(number);
		good = json_is_number(number) && isfinite(out[i]) &&
		       (!positive || out[i] > 0.0f);
	}
	if (!good)
		refuse(r, key, positive ? "3 positive numbers" : "3 numbers");
}

static void read_resample(struct reader *r)
{
	static const char *const filters[] = { "nearest", "Lanczos", "bilinear",
					       "bicubic", "box",     "Hamming" };
	enum { BICUBIC = 3, FILTERS = sizeof(filters) / sizeof(filters[0]) };
	const json_t *v = member(r, "resample");
	json_int_t filter = json_integer_value(v);
	if (!v || r->err)
		return;
	if (!json_is_integer(v) || filter < 0 || filter >= FILTERS)
		refuse(r, "resample", "a filter from 0 to 5");
	else if (filter != BICUBIC)
		r->err = err_set(ERR_UNSUPPORTED,
				 "%s: \"resample\" asks for the %s filter: only bicubic "
				 "(3) is known",
				 r->what, filters[filter]);
}

static void read_member(struct reader *r, const char *key, int64_t max, int64_t *out)
{
	const json_t *v = member(r, key);
	if (v)
		read_integer(r, key, v, max, out);
}

static void read_count(struct reader *r, const char *key, int max, int *out)
{
	int64_t count = *out;
	read_member(r, key, max, &count);
	*out = (int)count;
}

/* The limits of a grid's area, as newer and as older files spell them. */
static void read_grid_size(struct reader *r, struct preprocess_config *out)
{
	const json_t *v = member(r, "size");
	const json_t *shortest = json_object_get(v, "shortest_edge");
	const json_t *longest = json_object_get(v, "longest_edge");
	const json_t *min = json_object_get(v, "min_pixels");
	const json_t *max = json_object_get(v, "max_pixels");
	if (shortest && longest) {
		read_integer(r, "size.shortest_edge", shortest, IMAGE_MAX_PIXELS,
			     &out->min_pixels);
		read_integer(r, "size.longest_edge", longest, IMAGE_MAX_PIXELS,
			     &out->max_pixels);
	} else if (min && max) {
		read_integer(r, "size.min_pixels", min, IMAGE_MAX_PIXELS,
			     &out->min_pixels);
		read_integer(r, "size.max_pixels", max, IMAGE_MAX_PIXELS,
			     &out->max_pixels);
	} else if (v) {
		refuse(r, "size",
		       "{\"shortest_edge\", \"longest_edge\"} or {\"min_pixels\", "
		       "\"max_pixels\"}");
	}
}

static void read_grid(struct reader *r, struct preprocess_config *out)
{
	read_count(r, "patch_size", MAX_PATCH, &out->patch_size);
	read_count(r, "temporal_patch_size", MAX_FRAMES, &out->temporal_patch_size);
	read_count(r, "merge_size", MAX_MERGE, &out->merge_size);
	read_grid_size(r, out);
	read_member(r, "min_pixels", IMAGE_MAX_PIXELS, &out->min_pixels);
	read_member(r, "max_pixels", IMAGE_MAX_PIXELS, &out->max_pixels);
	if (r->err == OK && out->min_pixels > out->max_pixels)
		r->err = err_set(
			ERR_FORMAT,
			"%s: \"min_pixels\" %lld is more than \"max_pixels\" %lld",
			r->what, (long long)out->min_pixels, (long long)out->max_pixels);
}

/* Another processor may share the keys and mean something else by them. */
static const struct {
	const char *type;
	bool grid;
	struct preprocess_config (*defaults)(int side);
} processors[] = {
	{ "CLIPImageProcessor", false, preprocess_clip_defaults },
	{ "CLIPImageProcessorFast", false, preprocess_clip_defaults },
	{ "CLIPFeatureExtractor", false, preprocess_clip_defaults },
	{ "SiglipImageProcessor", false, preprocess_siglip_defaults },
	{ "SiglipImageProcessorFast", false, preprocess_siglip_defaults },
	{ "Qwen2VLImageProcessor", true, qwen_without_keys },
	{ "Qwen2VLImageProcessorFast", true, qwen_without_keys },
	{ "Qwen2_5_VLImageProcessor", true, qwen_without_keys },
};

/* Which processor it is tells what a missing key means. */
static void read_type(struct reader *r, const char *key, struct preprocess_config *out)
{
	const json_t *v = member(r, key);
	const char *type = json_string_value(v);
	if (!v || r->err)
		return;
	if (!type) {
		refuse(r, key, "a string");
		return;
	}
	for (size_t i = 0; i < sizeof(processors) / sizeof(processors[0]); i++)
		if (processors[i].grid == out->grid &&
		    !strcmp(type, processors[i].type)) {
			*out = processors[i].defaults(CLIP_SIDE);
			return;
		}
	char shown[80];
	str_escaped(shown, sizeof(shown), type, strlen(type));
	r->err = err_set(ERR_UNSUPPORTED, "%s: \"%s\" is %s: this model takes %s",
			 r->what, key, shown,
			 out->grid ? "Qwen2VLImageProcessor"
				   : "CLIPImageProcessor or SiglipImageProcessor");
}

/* What all processors have. */
static void read_common(struct reader *r, struct preprocess_config *out)
{
	bool converts = true; /* checked only: a picture here is RGB in any case */
	read_bool(r, "do_convert_rgb", &converts);
	read_bool(r, "do_resize", &out->do_resize);
	read_bool(r, "do_rescale", &out->do_rescale);
	read_bool(r, "do_normalize", &out->do_normalize);
	read_factor(r, &out->rescale_factor);
	read_colours(r, "image_mean", false, out->mean);
	read_colours(r, "image_std", true, out->std);
	if (out->do_resize)
		read_resample(r);
}

/* *out has the defaults of the kind that is wanted. */
static enum err read_object(const json_t *object, const char *what,
			    struct preprocess_config *out)
{
	struct reader r = { object, what, OK };
	if (!json_is_object(object))
		return err_set(ERR_FORMAT, "%s: not a JSON object", what);
	read_type(&r, "feature_extractor_type", out);
	read_type(&r, "image_processor_type", out);
	read_common(&r, out);
	if (out->grid) {
		read_grid(&r, out);
	} else {
		read_bool(&r, "do_center_crop", &out->do_crop);
		read_size(&r, out);
		read_crop_size(&r, out);
	}
	return r.err;
}

static enum err read_file(const char *path, struct preprocess_config *out)
{
	json_t *object;
	enum err e = json_read_file(path, CONFIG_MAX_BYTES, &object);
	if (e)
		return e;
	e = read_object(object, path, out);
	json_decref(object);
	return e;
}

enum err preprocess_read(const json_t *object, const char *what,
			 struct preprocess_config *out)
{
	*out = preprocess_clip_defaults(CLIP_SIDE);
	return read_object(object, what, out);
}

enum err preprocess_read_file(const char *path, struct preprocess_config *out)
{
	*out = preprocess_clip_defaults(CLIP_SIDE);
	return read_file(path, out);
}

enum err preprocess_read_grid(const json_t *object, const char *what,
			      struct preprocess_config *out)
{
	*out = qwen_without_keys(0);
	return read_object(object, what, out);
}

enum err preprocess_read_grid_file(const char *path, struct preprocess_config *out)
{
	*out = qwen_without_keys(0);
	return read_file(path, out);
}
