/*
 * The result object: the encoder writes every key, null where nothing was measured; the
 * decoder trusts nothing. encode(decode(encode(x))) is encode(x), byte for byte.
 */
#include "profiler/run_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define MAX_INTEGER 9007199254740992.0 /* beyond, doubles skip integers */

/* Groups that are null where their first field is not known: there are no figures either.
 */
static const char *const optional_groups[] = { "fidelity", "accuracy",  "zero_shot",
					       "low_rank", "prompt",    "visual",
					       "language", "generated", "likelihood",
					       "mrss",     "ssm",       "embeddings",
					       "layouts" };
#define N_OPTIONAL (sizeof(optional_groups) / sizeof(optional_groups[0]))

static bool group_is_known(const struct run *r, const char *group)
{
	const struct run_field *f = run_fields;
	while (strcmp(f->group, group) != 0)
		f++;
	const void *first = run_field_const(r, f);
	return f->kind == FIELD_TEXT ? *(const char *const *)first != NULL
				     : !isnan(*(const double *)first);
}

/* ---- encoding ---- */

/* The object of a group: "env.blas" is `blas` in `env`. Made where missing. */
static json_t *group_object(json_t *root, const char *group)
{
	const char *dot = strchr(group, '.');
	size_t n = dot ? (size_t)(dot - group) : strlen(group);
	char key[32];
	snprintf(key, sizeof(key), "%.*s", (int)n, group);
	json_t *o = json_object_get(root, key);
	if (!o) {
		o = json_object();
		json_put(root, key, o);
	}
	return dot ? group_object(o, dot + 1) : o;
}

static void put_field(json_t *o, const struct run *r, const struct run_field *f)
{
	const void *at = run_field_const(r, f);
	switch (f->kind) {
	case FIELD_NUM:
	case FIELD_COUNT:
		json_put_num(o, f->key, *(const double *)at);
		break;
	case FIELD_TEXT:
		json_put_str(o, f->key, *(const char *const *)at);
		break;
	case FIELD_BOOL:
		json_put(o, f->key, json_boolean(*(const bool *)at));
		break;
	case FIELD_NUMS: {
		const double *v = *(double *const *)at;
		if (v)
			json_put_nums(o, f->key, v, (size_t)run_field_n_const(r, f));
		else
			json_put(o, f->key, json_null());
		break;
	}
	}
}

static json_t *knobs_object(const struct run *r)
{
	json_t *o = json_object();
	char name[KNOB_TEXT_SIZE], text[KNOB_TEXT_SIZE], *end;
	for (int i = 0; i < KNOB_COUNT; i++) {
		enum knob_id id = (enum knob_id)i;
		if (!(r->knob_mask & KNOB_BIT(i)))
			continue;
		/* By way of its text, so that the canonical text survives the trip. */
		knobs_get(&r->knobs, id, text);
		enum knob_kind kind = knob_table[i].kind;
		double v = strtod(text, &end);
		bool number = (kind == KNOB_NUMBER || kind == KNOB_INTEGER) && !*end;
		json_put(o, knob_json_name(id, name),
			 number ? json_number_or_null(v) : json_text(text));
	}
	json_put_num(o, "kept", run_kept(r));
	return o;
}

static json_t *layer_object(const struct run *r, const struct layer *l)
{
	json_t *o = json_object();
	json_put_str(o, "path", l->path);
	json_put_str(o, "parent", l->parent < 0 ? NULL : r->layers[l->parent].path);
	json_put_str(o, "kind", l->kind);
	for (int m = 0; m < METRIC_COUNT; m++)
		json_put_num(o, metric_table[m].name, l->v[m]);
	json_put_str(o, "engine", l->engine);
	return o;
}

static void put_layers(json_t *o, const struct run *r)
{
	json_t *layers = json_array();
	for (int i = 0; i < r->n_layers; i++)
		json_array_append_new(layers, layer_object(r, &r->layers[i]));
	json_put(o, "layers", layers);
}

static json_t *time_stamp(double ns)
{
	/* Beyond 2^53, where json_put_num would round to its digits. */
	if (!(ns >= 0 && ns < 9.2e18))
		return json_null();
	return json_integer((json_int_t)ns);
}

json_t *run_to_json(const struct run *r)
{
	json_t *o = json_object();
	json_put(o, "result_version", json_integer(RUN_RESULT_VERSION));
	json_put_str(o, "uid", r->uid[0] ? r->uid : NULL);
	json_put_str(o, "session", r->session);
	json_put(o, "started_ns", time_stamp(r->started_ns));
	json_put_str(o, "state", run_state_name(r->state));
	json_put_str(o, "error", r->error);
	const struct run_field *f = run_fields;
	for (; f->group && (!strcmp(f->group, "model") || !strcmp(f->group, "input"));
	     f++)
		put_field(group_object(o, f->group), r, f);
	json_put_str(o, "device", r->device);
	json_put(o, "knobs", knobs_object(r));
	for (; f->group && strcmp(f->group, "env"); f++)
		put_field(group_object(o, f->group), r, f);
	for (size_t i = 0; i < N_OPTIONAL; i++)
		if (!group_is_known(r, optional_groups[i]))
			json_put(o, optional_groups[i], json_null());
	json_put(json_object_get(o, "tokens"), "sites", run_sites_to_json(r));
	put_layers(o, r);
	for (; f->group; f++)
		put_field(group_object(o, f->group), r, f);
	json_t *warnings = json_array();
	for (int i = 0; i < r->n_warnings; i++)
		json_array_append_new(warnings, json_text(r->warnings[i]));
	json_put(o, "warnings", warnings);
	return o;
}

/* ---- decoding ---- */

void run_json_refuse(const struct json_in *in, const char *key, const char *fact)
{
	char shown[80];
	if (*in->err == OK)
		*in->err = err_set(ERR_FORMAT, "%s: \"%s\" %s", in->what,
				   str_escaped(shown, sizeof(shown), key, strlen(key)),
				   fact);
}

const char *run_json_text(struct run *r, const struct json_in *in, const char *key)
{
	const char *text = json_in_str(in, key);
	if (text && strlen(text) > RUN_MAX_TEXT) {
		run_json_refuse(in, key, "is too long");
		text = NULL;
	}
	return run_str(r, text);
}

static double take_count(const struct json_in *in, const char *key)
{
	double v = json_in_num(in, key);
	if (!isnan(v) && !(v >= 0 && v <= MAX_INTEGER && v == floor(v)))
		run_json_refuse(in, key, "is not a count");
	return v;
}

const json_t *run_json_array(const struct json_in *in, const char *key, size_t max)
{
	const json_t *a = json_in_array(in, key);
	if (json_array_size(a) <= max)
		return a;
	run_json_refuse(in, key, "has too many elements");
	return NULL;
}

double *run_json_numbers(struct run *r, const struct json_in *in, const char *key, int *n)
{
	const json_t *a = run_json_array(in, key, RUN_MAX_VALUES);
	if (!a)
		return NULL;
	*n = (int)json_array_size(a);
	double *v = scratch_alloc(&r->mem, (size_t)*n * sizeof(*v));
	for (int i = 0; i < *n; i++) {
		const json_t *e = json_array_get(a, (size_t)i);
		v[i] = json_is_number(e) ? json_number_value(e) : (double)NAN;
		if (!json_is_number(e) && !json_is_null(e))
			run_json_refuse(in, key, "holds something that is not a number");
	}
	return v;
}

static void take_field(struct run *r, const struct json_in *in, const struct run_field *f)
{
	void *at = run_field(r, f);
	switch (f->kind) {
	case FIELD_NUM:
		*(double *)at = json_in_num(in, f->key);
		break;
	case FIELD_COUNT:
		*(double *)at = take_count(in, f->key);
		break;
	case FIELD_TEXT:
		*(const char **)at = run_json_text(r, in, f->key);
		break;
	case FIELD_BOOL:
		*(bool *)at = json_in_bool(in, f->key);
		break;
	case FIELD_NUMS:
		*(double **)at = run_json_numbers(r, in, f->key, run_field_n(r, f));
		break;
	}
}

static struct json_in group_in(const struct json_in *in, const char *group)
{
	const char *dot = strchr(group, '.');
	if (!dot)
		return json_in_object(in, group);
	char key[32];
	snprintf(key, sizeof(key), "%.*s", (int)(dot - group), group);
	struct json_in outer = json_in_object(in, key);
	return group_in(&outer, dot + 1);
}

static void check_kept(const struct run *r, const struct json_in *in)
{
	const double *kept = r->tokens.kept;
	for (int i = 0; kept && i < r->tokens.n_kept; i++) {
		double least = i ? kept[i - 1] + 1 : 0;
		if (!(kept[i] >= least && kept[i] <= INT32_MAX &&
		      kept[i] == floor(kept[i])))
			run_json_refuse(in, "kept", "is not an ascending list of tokens");
	}
}

static void check_ids(const struct run *r, const struct json_in *in)
{
	for (int i = 0; i < r->generated.n_ids; i++) {
		double id = r->generated.ids[i];
		if (!(id >= 0 && id <= INT32_MAX && id == floor(id)))
			run_json_refuse(in, "ids", "is not a list of token ids");
	}
}

static void take_fields(struct run *r, const struct json_in *in)
{
	for (const struct run_field *f = run_fields; f->group && *in->err == OK; f++) {
		struct json_in group = group_in(in, f->group);
		take_field(r, &group, f);
	}
	check_kept(r, in);
	check_ids(r, in);
	const struct json_in tokens = json_in_object(in, "tokens");
	if (*in->err == OK)
		run_sites_from_json(r, &tokens, "sites");
	for (size_t i = 0; i < N_OPTIONAL; i++)
		if (!group_is_known(r, optional_groups[i]))
			run_forget_group(r, optional_groups[i]);
}

static void take_state(struct run *r, const struct json_in *in)
{
	const char *state = json_in_str(in, "state");
	for (int s = 0; state && run_state_name((enum run_state)s); s++)
		if (!strcmp(state, run_state_name((enum run_state)s))) {
			r->state = (enum run_state)s;
			return;
		}
	run_json_refuse(in, "state", "is none that a run can have");
}

static bool is_uid(const char *s)
{
	for (int i = 0; i < UID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (!s[i] || !strchr(dash ? "-" : "0123456789abcdef", s[i]))
			return false;
	}
	return !s[UID_SIZE - 1];
}

static void take_head(struct run *r, const struct json_in *in)
{
	long long version = json_in_int(in, "result_version", 0, INT32_MAX, 0);
	if (version != RUN_RESULT_VERSION && *in->err == OK)
		*in->err = err_set(ERR_FORMAT,
				   "%s: result_version is %lld, this program reads %d",
				   in->what, version, RUN_RESULT_VERSION);
	const char *uid = json_in_str(in, "uid");
	if (uid && !is_uid(uid))
		run_json_refuse(in, "uid", "is not a uid");
	else if (uid)
		snprintf(r->uid, sizeof(r->uid), "%s", uid);
	r->session = run_json_text(r, in, "session");
	long long ns = json_in_int(in, "started_ns", 0, 9200000000000000000LL, -1);
	r->started_ns = ns < 0 ? (double)NAN : (double)ns;
	take_state(r, in);
	r->error = run_json_text(r, in, "error");
	r->device = run_json_text(r, in, "device");
}

static void take_knob(struct run *r, const struct json_in *in, const char *key,
		      const json_t *value)
{
	char number[40];
	const char *text = json_string_value(value);
	enum knob_id id = knob_find(key);
	if (json_is_number(value)) {
		snprintf(number, sizeof(number), "%.17g", json_number_value(value));
		text = number;
	}
	if (id == KNOB_COUNT || !text) {
		run_json_refuse(in, key,
				id == KNOB_COUNT ? "is no knob" : "has no value");
		return;
	}
	if (knobs_set(&r->knobs, id, text) && *in->err == OK)
		*in->err = err_context(ERR_FORMAT, "%s", in->what);
	r->knob_mask |= KNOB_BIT(id);
}

static void take_knobs(struct run *r, const struct json_in *top)
{
	struct json_in in = json_in_object(top, "knobs");
	/* The iterators of jansson take what they do not change as not const. */
	json_t *o = (json_t *)(uintptr_t)in.object;
	const char *key;
	json_t *value;
	json_object_foreach(o, key, value) if (*in.err == OK && strcmp(key, "kept"))
		take_knob(r, &in, key, value);

	double kept = take_count(&in, "kept");
	if (kept > INT32_MAX)
		run_json_refuse(&in, "kept", "is too large");
	else if (r->tokens.kept && kept != run_kept(r) &&
		 !(isnan(kept) && isnan(run_kept(r))))
		run_json_refuse(&in, "kept", "is not the number of the tokens kept");
	else if (!isnan(kept))
		r->tokens.n_kept = (int)kept;
}

/* `index`: path -> number of the layer, of those before. */
static void take_parent(const struct json_in *in, struct layer *l, const json_t *index)
{
	const char *parent = json_in_str(in, "parent");
	l->name = l->path;
	if (!parent)
		return;
	const json_t *at = json_object_get(index, parent);
	size_t n = strlen(parent);
	if (!at)
		run_json_refuse(in, "parent", "of a layer does not precede it");
	else if (strncmp(l->path, parent, n) || l->path[n] != '.')
		run_json_refuse(in, "path",
				"of a layer does not begin with its parent's");
	else {
		l->parent = (int)json_integer_value(at);
		l->name = l->path + n + 1;
	}
}

static void take_layer(struct run *r, const struct json_in *in, int i, json_t *index)
{
	struct layer *l = &r->layers[i];
	l->path = run_json_text(r, in, "path");
	if (!l->path || !*l->path || json_object_get(index, l->path)) {
		run_json_refuse(in, "path", "of a layer is missing or not unique");
		return;
	}
	take_parent(in, l, index);
	json_put(index, l->path, json_integer(i));
	l->kind = run_json_text(r, in, "kind");
	if (!l->kind)
		run_json_refuse(in, "kind", "of a layer is missing");
	l->engine = run_json_text(r, in, "engine");
	for (int m = 0; m < METRIC_COUNT; m++)
		l->v[m] = json_in_num(in, metric_table[m].name);
}

static void take_layers(struct run *r, const struct json_in *in)
{
	const json_t *a = run_json_array(in, "layers", RUN_MAX_LAYERS);
	int n = (int)json_array_size(a);
	json_t *index = json_object();
	run_add_layers(r, n);
	for (int i = 0; i < n && *in->err == OK; i++) {
		struct json_in layer = { json_array_get(a, (size_t)i), in->what,
					 in->err };
		if (!json_is_object(layer.object))
			run_json_refuse(in, "layers",
					"holds something that is not an object");
		else
			take_layer(r, &layer, i, index);
	}
	json_decref(index);
}

static void take_warnings(struct run *r, const struct json_in *in)
{
	const json_t *a = run_json_array(in, "warnings", RUN_MAX_WARNINGS);
	int n = (int)json_array_size(a);
	r->warnings = scratch_alloc(&r->mem, (size_t)n * sizeof(*r->warnings));
	for (int i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(a, (size_t)i));
		if (!text || strlen(text) > RUN_MAX_TEXT) {
			run_json_refuse(in, "warnings",
					"holds something that is not a short text");
			return;
		}
		r->warnings[r->n_warnings++] = run_str(r, text);
	}
}

enum err run_from_json(const json_t *v, const char *what, struct run **out)
{
	*out = NULL;
	if (!json_is_object(v))
		return err_set(ERR_FORMAT, "%s: not a result object", what);
	enum err e = OK;
	struct json_in in = { v, what, &e };
	struct run *r = run_create();
	take_head(r, &in);
	take_fields(r, &in);
	if (!e)
		take_knobs(r, &in);
	if (!e)
		take_layers(r, &in);
	take_warnings(r, &in);
	if (e) {
		run_free(r);
		return e;
	}
	*out = r;
	return OK;
}
