#include "profiler/protocol.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/str.h"

#define MAX_SPECS 64
#define MAX_IMAGES 65536
#define MAX_ID (INT64_C(1) << 52) /* survives a JSON number */

static const char *const command_names[] = {
	[COMMAND_LOAD] = "load", [COMMAND_ESTIMATE] = "estimate",
	[COMMAND_RUN] = "run",   [COMMAND_CANCEL] = "cancel",
	[COMMAND_HASH] = "hash", [COMMAND_QUIT] = "quit",
};

static const char *const event_names[] = {
	[EVENT_HELLO] = "hello",       [EVENT_LOADED] = "loaded",
	[EVENT_ESTIMATE] = "estimate", [EVENT_PROGRESS] = "progress",
	[EVENT_SAMPLE] = "sample",     [EVENT_RESULT] = "result",
	[EVENT_ERROR] = "error",       [EVENT_DONE] = "done",
};

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static int find_name(const char *const *names, int n, const char *name)
{
	for (int i = 0; name && i < n; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

/* ---- specs ---- */

void spec_release(struct spec *s)
{
	free(s->model);
	input_source_release(&s->input);
	*s = (struct spec){ 0 };
}

struct spec spec_copy(const struct spec *s)
{
	struct spec copy = *s;
	copy.model = str_dup(s->model);
	copy.input = input_source_copy(&s->input);
	return copy;
}

static void put_input(json_t *o, const struct input_source *s)
{
	json_t *images = json_array();
	for (int i = 0; i < s->n_images; i++)
		json_array_append_new(images, json_text(s->images[i]));
	json_put(o, "images", images);
	json_put(o, "exif", json_boolean(s->exif));
	for (const struct input_text *t = input_texts; t->name; t++)
		if (input_text_const(s, t))
			json_put_str(o, t->name, input_text_const(s, t));
	if (s->limit > 0)
		json_put_num(o, "limit", s->limit);
}

static json_t *spec_to_json(const struct spec *s)
{
	char name[KNOB_TEXT_SIZE], value[KNOB_TEXT_SIZE];
	json_t *o = json_object(), *knobs = json_object();
	json_put_str(o, "model", s->model);
	put_input(o, &s->input);
	for (int i = 0; i < KNOB_COUNT; i++)
		if (!knobs_is_default(&s->knobs, (enum knob_id)i))
			json_put_str(knobs, knob_json_name((enum knob_id)i, name),
				     knobs_get(&s->knobs, (enum knob_id)i, value));
	json_put(o, "knobs", knobs);
	return o;
}

static enum err knobs_from_json(const struct json_in *in, struct knobs *k)
{
	const char *name;
	json_t *value;
	knobs_init(k);
	if (!in->object)
		return OK;
	json_object_foreach((json_t *)(uintptr_t)in->object, name, value)
	{
		enum knob_id id = knob_find(name);
		if (id == KNOB_COUNT || !json_is_string(value))
			return err_set(ERR_FORMAT, "%s: not a knob with a text value",
				       in->what);
		enum err e = knobs_set(k, id, json_string_value(value));
		if (e)
			return e;
	}
	return OK;
}

static enum err input_from_json(const struct json_in *in, struct input_source *s)
{
	const json_t *images = json_in_array(in, "images");
	size_t n = json_array_size(images);
	s->exif = json_in_bool(in, "exif");
	for (const struct input_text *t = input_texts; t->name; t++)
		*input_text(s, t) = str_dup(json_in_str(in, t->name));
	s->limit = (double)json_in_int(in, "limit", 1, INT32_MAX, 0);
	if (!*in->err && n > MAX_IMAGES)
		return err_set(ERR_FORMAT, "%s: a spec with too many images", in->what);
	for (size_t i = 0; !*in->err && i < n; i++) {
		const char *path = json_string_value(json_array_get(images, i));
		if (!path)
			return err_set(ERR_FORMAT, "%s: an image is not a string",
				       in->what);
		input_source_add_image(s, path);
	}
	return *in->err;
}

static enum err spec_from_json(const json_t *json, const char *what, struct spec *s)
{
	enum err e = OK;
	const struct json_in in = { json, what, &e };
	*s = (struct spec){ 0 };
	if (!json_is_object(json))
		return err_set(ERR_FORMAT, "%s: a spec is not an object", what);
	s->model = str_dup(json_in_str(&in, "model"));
	if (!e && !s->model)
		e = err_set(ERR_FORMAT, "%s: a spec without model", what);
	if (!e)
		e = input_from_json(&in, &s->input);
	if (e)
		return e;
	const struct json_in knobs = json_in_object(&in, "knobs");
	return e ? e : knobs_from_json(&knobs, &s->knobs);
}

/* ---- commands ---- */

void command_release(struct command *c)
{
	for (int i = 0; i < c->n_specs; i++)
		spec_release(&c->specs[i]);
	free(c->specs);
	free(c->save_output);
	free(c->key);
	free(c->sha256);
	*c = (struct command){ 0 };
}

static json_t *message(const char *type, int64_t id)
{
	json_t *o = json_object();
	json_put_str(o, "type", type);
	json_put(o, "id", json_integer(id));
	return o;
}

static char *finish(json_t *o)
{
	char *line = json_line(o);
	json_decref(o);
	return line;
}

char *command_encode(const struct command *c)
{
	json_t *o = message(command_names[c->type], c->id), *specs = json_array();
	for (int i = 0; i < c->n_specs; i++)
		json_array_append_new(specs, spec_to_json(&c->specs[i]));
	if (c->n_specs)
		json_put(o, "specs", specs);
	else
		json_decref(specs);
	if (c->type == COMMAND_RUN) {
		json_put_str(o, "order", c->abba ? "abba" : "abab");
		json_put_num(o, "budget_s", c->measure.budget_s);
		json_put_num(o, "samples", c->measure.samples);
		json_put_num(o, "warmup", c->measure.warmup);
		json_put_num(o, "noise", c->measure.noise);
		json_put_str(o, "save_output", c->save_output);
	} else if (c->type == COMMAND_HASH) {
		json_put_str(o, "key", c->key);
		json_put_str(o, "sha256", c->sha256);
	}
	return finish(o);
}

/* A number of a measurement: missing means the default, else it must lie in [lo, hi]. */
static double option(const struct json_in *in, const char *key, double missing, double lo,
		     double hi)
{
	double v = json_in_num(in, key);
	if (isnan(v))
		return missing;
	if ((v < lo || v > hi) && *in->err == OK)
		*in->err = err_set(ERR_FORMAT, "%s: %s %g is not in %g..%g", in->what,
				   key, v, lo, hi);
	return v;
}

static enum err decode_command(const struct json_in *in, struct command *c)
{
	const struct measure_options d = measure_defaults();
	const char *order = json_in_str(in, "order");
	int type =
		find_name(command_names, COUNT(command_names), json_in_str(in, "type"));
	if (type < 0)
		return err_set(ERR_FORMAT, "%s: unknown type", in->what);
	c->type = (enum command_type)type;
	/* What is answered, or names what is to be cancelled, needs a number of its own.
	 */
	bool numbered = type != COMMAND_HASH && type != COMMAND_QUIT;
	c->id = json_in_int(in, "id", numbered, MAX_ID, 0);
	if (!*in->err && numbered && !c->id)
		return err_set(ERR_FORMAT, "%s: %s without an id", in->what,
			       command_names[type]);
	c->abba = order && !strcmp(order, "abba");
	c->measure.budget_s = option(in, "budget_s", d.budget_s, 0, 1e6);
	c->measure.samples = option(in, "samples", d.samples, 1, MEASURE_MAX_SAMPLES);
	c->measure.warmup = option(in, "warmup", d.warmup, 0, 1e6);
	c->measure.noise = option(in, "noise", d.noise, 0, 1);
	c->save_output = str_dup(json_in_str(in, "save_output"));
	c->key = str_dup(json_in_str(in, "key"));
	c->sha256 = str_dup(json_in_str(in, "sha256"));
	const json_t *specs = json_in_array(in, "specs");
	size_t n = json_array_size(specs);
	bool wanted =
		type == COMMAND_LOAD || type == COMMAND_ESTIMATE || type == COMMAND_RUN;
	if (!*in->err && (n > MAX_SPECS || wanted != (n > 0)))
		return err_set(ERR_FORMAT, "%s: %s with %zu specs", in->what,
			       command_names[type], n);
	c->specs = mem_alloc(sizeof(*c->specs) * (n + 1));
	for (size_t i = 0; !*in->err && i < n; i++) {
		c->n_specs++;
		*in->err =
			spec_from_json(json_array_get(specs, i), in->what, &c->specs[i]);
	}
	return *in->err;
}

/* Reads one line as an object and hands it to `decode`. */
#define DECODE(line, what_, out, decode, release)                                        \
	do {                                                                             \
		json_t *json_;                                                           \
		memset(out, 0, sizeof(*(out)));                                          \
		enum err e_ = json_read(line, strlen(line), what_, &json_);              \
		if (e_)                                                                  \
			return e_;                                                       \
		const struct json_in in_ = { json_, what_, &e_ };                        \
		if (!json_is_object(json_))                                              \
			e_ = err_set(ERR_FORMAT, "%s: not an object", what_);            \
		else                                                                     \
			e_ = decode(&in_, out);                                          \
		json_decref(json_);                                                      \
		if (e_)                                                                  \
			release(out);                                                    \
		return e_;                                                               \
	} while (0)

enum err command_decode(const char *line, struct command *out)
{
	DECODE(line, "command", out, decode_command, command_release);
}

/* ---- events ---- */

void event_release(struct event *ev)
{
	free(ev->version);
	for (int i = 0; i < ev->n_devices; i++) {
		free(ev->devices[i].name);
		free(ev->devices[i].detail);
		free(ev->devices[i].reason);
	}
	free(ev->devices);
	run_free(ev->run);
	for (int i = 0; i < KNOB_COUNT; i++)
		free(ev->why_not[i]);
	free(ev->file_key);
	free(ev->picture);
	free(ev->what);
	free(ev->message);
	*ev = (struct event){ 0 };
}

static void encode_hello(json_t *o, const struct event *ev)
{
	json_t *devices = json_array();
	json_put(o, "protocol", json_integer(ev->protocol));
	json_put_str(o, "version", ev->version);
	for (int i = 0; i < ev->n_devices; i++) {
		json_t *d = json_object();
		json_put_str(d, "name", ev->devices[i].name);
		json_put_str(d, "detail", ev->devices[i].detail);
		json_put(d, "available", json_boolean(ev->devices[i].available));
		json_put_str(d, "reason", ev->devices[i].reason);
		json_array_append_new(devices, d);
	}
	json_put(o, "devices", devices);
}

static void encode_loaded(json_t *o, const struct event *ev)
{
	char name[KNOB_TEXT_SIZE];
	json_t *why = json_object();
	for (int i = 0; i < KNOB_COUNT; i++)
		if (ev->why_not[i])
			json_put_str(why, knob_json_name((enum knob_id)i, name),
				     ev->why_not[i]);
	json_put(o, "why_not", why);
	json_put_str(o, "file_key", ev->file_key);
	if (!ev->picture)
		return;
	size_t bytes = 3 * (size_t)ev->picture_width * (size_t)ev->picture_height;
	char *text = base64_encode(ev->picture, bytes);
	json_t *picture = json_object();
	json_put(picture, "width", json_integer(ev->picture_width));
	json_put(picture, "height", json_integer(ev->picture_height));
	json_put_str(picture, "rgb", text);
	json_put(o, "picture", picture);
	free(text);
}

char *event_encode(const struct event *ev)
{
	json_t *o = message(event_names[ev->type], ev->id);
	if (ev->type == EVENT_HELLO)
		encode_hello(o, ev);
	if (ev->type == EVENT_LOADED)
		encode_loaded(o, ev);
	if (ev->type == EVENT_RESULT || ev->type == EVENT_SAMPLE)
		json_put(o, "variant", json_integer(ev->variant));
	if (ev->run)
		json_put(o, "result", run_to_json(ev->run));
	if (ev->type == EVENT_PROGRESS) {
		json_put_str(o, "what", ev->what);
		json_put_num(o, "done", ev->done);
		json_put_num(o, "total", ev->total);
	}
	if (ev->type == EVENT_SAMPLE) {
		json_t *flags = json_array();
		if (ev->sample.watched)
			json_array_append_new(flags, json_string("instrumented"));
		json_put(o, "start_ns", json_integer(ev->sample.start_ns));
		json_put(o, "wall_ns", json_integer(ev->sample.wall_ns));
		json_put(o, "flags", flags);
	}
	if (ev->type == EVENT_ERROR) {
		json_put_str(o, "code", err_name(ev->code));
		json_put_str(o, "message", ev->message);
	}
	return finish(o);
}

/* Text of a worker for people. What would steer a terminal is escaped, once: the worker's
 * own escapes stay as they are. NULL where it is missing; the caller frees. */
static char *take_text(const struct json_in *in, const char *key)
{
	const char *text = json_in_str(in, key);
	bool plain = true;
	for (const char *p = text; p && *p; p++) {
		unsigned char c = (unsigned char)p[0], next = (unsigned char)p[1];
		plain = plain && c >= 0x20 && c != 0x7f && !(c == 0xc2 && next < 0xa0);
	}
	if (!text || plain)
		return str_dup(text);
	struct str s = STR_INIT;
	str_add_escaped(&s, text, strlen(text), 0);
	return str_detach(&s);
}

static void decode_hello(const struct json_in *in, struct event *ev)
{
	ev->protocol = (int)json_in_int(in, "protocol", 0, 1 << 30, 0);
	ev->version = take_text(in, "version");
	if (!ev->version && *in->err == OK)
		*in->err = err_set(ERR_FORMAT, "%s: hello without a version", in->what);
	const json_t *devices = json_in_array(in, "devices");
	size_t n = json_array_size(devices);
	if (n > 64)
		n = 64;
	ev->devices = mem_alloc(sizeof(*ev->devices) * (n + 1));
	for (size_t i = 0; i < n; i++) {
		const struct json_in d = { json_array_get(devices, i), in->what,
					   in->err };
		struct device *to = &ev->devices[ev->n_devices++];
		to->name = take_text(&d, "name");
		if (!to->name && *in->err == OK)
			*in->err = err_set(ERR_FORMAT, "%s: a device without a name",
					   in->what);
		to->detail = take_text(&d, "detail");
		to->available = json_in_bool(&d, "available");
		to->reason = take_text(&d, "reason");
	}
}

static void decode_loaded(const struct json_in *in, struct event *ev)
{
	char name[KNOB_TEXT_SIZE];
	const struct json_in why = json_in_object(in, "why_not");
	for (int i = 0; i < KNOB_COUNT; i++)
		ev->why_not[i] = take_text(&why, knob_json_name((enum knob_id)i, name));
	ev->file_key = str_dup(json_in_str(in, "file_key"));
	const struct json_in picture = json_in_object(in, "picture");
	const char *rgb = json_in_str(&picture, "rgb");
	int w = (int)json_in_int(&picture, "width", 1, 8192, 0);
	int h = (int)json_in_int(&picture, "height", 1, 8192, 0);
	if (!rgb || !w || !h)
		return;
	ev->picture = base64_decode(rgb, 3 * (size_t)w * (size_t)h);
	ev->picture_width = w;
	ev->picture_height = h;
	if (!ev->picture && *in->err == OK)
		*in->err =
			err_set(ERR_FORMAT, "%s: a picture of another size than it says",
				in->what);
}

static bool has_flag(const struct json_in *in, const char *flag)
{
	const json_t *flags = json_in_array(in, "flags"), *f;
	size_t i;
	json_array_foreach((json_t *)(uintptr_t)flags, i,
			   f) if (json_is_string(f) &&
				  !strcmp(json_string_value(f), flag)) return true;
	return false;
}

/* An error is never OK, whatever the sender calls it. */
static enum err error_code(const char *name)
{
	enum err code = err_by_name(name);
	return code ? code : ERR_WORKER;
}

static enum err decode_event(const struct json_in *in, struct event *ev)
{
	int type = find_name(event_names, COUNT(event_names), json_in_str(in, "type"));
	if (type < 0)
		return err_set(ERR_FORMAT, "%s: unknown type", in->what);
	ev->type = (enum event_type)type;
	ev->id = json_in_int(in, "id", 0, MAX_ID, 0);
	ev->variant = (int)json_in_int(in, "variant", 0, MAX_SPECS - 1, 0);
	const json_t *result = json_object_get(in->object, "result");
	if (result && !json_is_null(result))
		*in->err = run_from_json(result, in->what, &ev->run);
	bool wanted =
		type == EVENT_LOADED || type == EVENT_ESTIMATE || type == EVENT_RESULT;
	if (!*in->err && wanted && !ev->run)
		return err_set(ERR_FORMAT, "%s: %s without a result", in->what,
			       event_names[type]);
	if (type == EVENT_HELLO)
		decode_hello(in, ev);
	if (type == EVENT_LOADED)
		decode_loaded(in, ev);
	ev->what = take_text(in, "what");
	if (!*in->err && type == EVENT_PROGRESS && !ev->what)
		return err_set(ERR_FORMAT, "%s: progress of nothing", in->what);
	ev->done = json_in_num(in, "done");
	ev->total = json_in_num(in, "total");
	ev->sample.variant = ev->variant;
	ev->sample.start_ns = json_in_int(in, "start_ns", 0, INT64_MAX, 0);
	ev->sample.wall_ns = json_in_int(in, "wall_ns", 0, INT64_MAX, 0);
	ev->sample.watched = has_flag(in, "instrumented");
	if (type == EVENT_ERROR)
		ev->code = error_code(json_in_str(in, "code"));
	ev->message = take_text(in, "message");
	return *in->err;
}

enum err event_decode(const char *line, struct event *out)
{
	DECODE(line, "worker", out, decode_event, event_release);
}
