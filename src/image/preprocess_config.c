/* Reading preprocessor_config.json. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "image/preprocess.h"

enum { CONFIG_MAX_BYTES = 1 << 20 };

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

static int scaled(int size, int trained, int side)
{
	int64_t to = ((int64_t)size * side + trained / 2) / trained;
	return to < 1 ? 1 : to > PREPROCESS_MAX_SIDE ? PREPROCESS_MAX_SIDE : (int)to;
}

struct preprocess_config preprocess_at(const struct preprocess_config *c, int trained,
				       int side)
{
	struct preprocess_config at = *c;
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

static void read_side(struct reader *r, const char *key, const json_t *v, int *out)
{
	char wanted[40];
	json_int_t side = json_integer_value(v); /* 0 of what is no integer */
	snprintf(wanted, sizeof(wanted), "an integer from 1 to %d", PREPROCESS_MAX_SIDE);
	if (side < 1 || side > PREPROCESS_MAX_SIDE)
		refuse(r, key, wanted);
	else
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

/* Another processor may share the keys and mean something else by them. */
static const struct {
	const char *type;
	struct preprocess_config (*defaults)(int side);
} processors[] = {
	{ "CLIPImageProcessor", preprocess_clip_defaults },
	{ "CLIPImageProcessorFast", preprocess_clip_defaults },
	{ "CLIPFeatureExtractor", preprocess_clip_defaults },
	{ "SiglipImageProcessor", preprocess_siglip_defaults },
	{ "SiglipImageProcessorFast", preprocess_siglip_defaults },
};

/* Which processor it is tells what a missing key means. */
static void read_type(struct reader *r, const char *key, struct preprocess_config *out)
{
	enum { SIDE = 224 };
	const json_t *v = member(r, key);
	const char *type = json_string_value(v);
	if (!v || r->err)
		return;
	if (!type) {
		refuse(r, key, "a string");
		return;
	}
	for (size_t i = 0; i < sizeof(processors) / sizeof(processors[0]); i++)
		if (!strcmp(type, processors[i].type)) {
			*out = processors[i].defaults(SIDE);
			return;
		}
	char shown[80];
	str_escaped(shown, sizeof(shown), type, strlen(type));
	r->err = err_set(ERR_UNSUPPORTED,
			 "%s: \"%s\" is %s: only CLIPImageProcessor and "
			 "SiglipImageProcessor are known",
			 r->what, key, shown);
}

enum err preprocess_read(const json_t *object, const char *what,
			 struct preprocess_config *out)
{
	enum { CLIP_SIDE = 224 };
	struct reader r = { object, what, OK };
	bool converts = true; /* checked only: a picture here is RGB in any case */
	*out = preprocess_clip_defaults(CLIP_SIDE);
	if (!json_is_object(object))
		return err_set(ERR_FORMAT, "%s: not a JSON object", what);
	read_type(&r, "feature_extractor_type", out);
	read_type(&r, "image_processor_type", out);
	read_bool(&r, "do_convert_rgb", &converts);
	read_bool(&r, "do_resize", &out->do_resize);
	read_bool(&r, "do_center_crop", &out->do_crop);
	read_bool(&r, "do_rescale", &out->do_rescale);
	read_bool(&r, "do_normalize", &out->do_normalize);
	read_size(&r, out);
	read_crop_size(&r, out);
	read_factor(&r, &out->rescale_factor);
	read_colours(&r, "image_mean", false, out->mean);
	read_colours(&r, "image_std", true, out->std);
	if (out->do_resize)
		read_resample(&r);
	return r.err;
}

enum err preprocess_read_file(const char *path, struct preprocess_config *out)
{
	json_t *object;
	enum err e = json_read_file(path, CONFIG_MAX_BYTES, &object);
	if (e)
		return e;
	e = preprocess_read(object, path, out);
	json_decref(object);
	return e;
}
