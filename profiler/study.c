#include "profiler/study.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "profiler/plan.h"

void study_release(struct study *s)
{
	for (int i = 0; i < s->n_rows; i++) {
		free(s->rows[i].label);
		free(s->rows[i].model);
		free(s->rows[i].text);
		free(s->rows[i].note);
	}
	free(s->rows);
	for (int i = 0; i < s->n_claims; i++)
		free(s->claims[i]);
	free(s->claims);
	for (int i = 0; i < s->n_crossings; i++)
		for (int j = 0; j < 2; j++) {
			free(s->crossings[i].of[j].name);
			free(s->crossings[i].of[j].model);
		}
	free(s->name);
	free(s->title);
	free(s->source);
	free(s->hardware);
	free(s->model);
	free(s->text);
	*s = (struct study){ 0 };
}

/* ---- reading: every function takes the object at hand and stops at the first error ----
 */

/* WHAT of messages with the place in the file: "my.json: rows[3]". */
#define PLACE_SIZE 640

/* Keys that mean nothing are mistakes: a figure under a wrong name would be lost. */
static enum err check_keys(const struct json_in *in, const char *const *known)
{
	char shown[80];
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)in->object, key, value)
	{
		int i = 0;
		while (known[i] && strcmp(known[i], key))
			i++;
		if (!known[i])
			return err_set(
				ERR_FORMAT, "%s: unknown key \"%s\"", in->what,
				str_escaped(shown, sizeof(shown), key, strlen(key)));
	}
	return OK;
}

/* A text of at most STUDY_MAX_TEXT bytes, borrowed; NULL where it is missing. */
static const char *find_text(const struct json_in *in, const char *key)
{
	const char *text = json_in_str(in, key);
	if (!text || *in->err)
		return NULL;
	if (strlen(text) > STUDY_MAX_TEXT) {
		*in->err = err_set(ERR_FORMAT, "%s: \"%s\" is longer than %d bytes",
				   in->what, key, STUDY_MAX_TEXT);
		return NULL;
	}
	return text;
}

/* A copy of it. What reaches a terminal is escaped here, once. */
static char *take_text(const struct json_in *in, const char *key)
{
	const char *text = find_text(in, key);
	if (!text)
		return NULL;
	struct str s = STR_INIT;
	str_add_escaped(&s, text, strlen(text), 0);
	return str_detach(&s);
}

/* What a model reads: as it is, line ends and all. */
static char *take_input_text(const struct json_in *in, const char *key)
{
	const char *text = find_text(in, key);
	if (text && !*text)
		*in->err = err_set(ERR_FORMAT, "%s: \"%s\" is empty", in->what, key);
	return *in->err ? NULL : str_dup(text);
}

static char *need_text(const struct json_in *in, const char *key)
{
	char *text = take_text(in, key);
	if (!*in->err && (!text || !*text))
		*in->err = err_set(ERR_FORMAT, "%s: \"%s\" is missing", in->what, key);
	return text;
}

/* A mistake of a knob's value is one of the file, not of the command line. */
static enum err bad_knob(enum err e, const struct json_in *in)
{
	return e == ERR_USAGE ? err_set(ERR_FORMAT, "%s: %s", in->what, err_message())
			      : e;
}

/* Calls fn for every knob of an object: text or number by the knob's name. */
static enum err each_knob(const struct json_in *in, const char *group,
			  enum err (*fn)(void *, enum knob_id, const char *), void *ctx)
{
	char shown[80], number[KNOB_TEXT_SIZE];
	const struct json_in knobs = json_in_object(in, group);
	const char *key;
	json_t *value;
	enum err e = *in->err;
	json_object_foreach((json_t *)(uintptr_t)knobs.object, key, value)
	{
		enum knob_id id = knob_find(key);
		const char *text = json_string_value(value);
		if (json_is_number(value)) {
			snprintf(number, sizeof(number), "%.10g",
				 json_number_value(value));
			text = number;
		}
		if (!e && (id == KNOB_COUNT || !text))
			e = err_set(ERR_FORMAT,
				    id == KNOB_COUNT
					    ? "%s: %s: there is no knob \"%s\""
					    : "%s: %s: \"%s\" is no text and no number",
				    in->what, group,
				    str_escaped(shown, sizeof(shown), key, strlen(key)));
		if (!e)
			e = bad_knob(fn(ctx, id, text), in);
	}
	return e;
}

/* Knobs, and which of them are set. */
struct setting {
	struct knobs knobs;
	uint64_t given;
};

static enum err set_knob(void *ctx, enum knob_id id, const char *text)
{
	struct setting *s = ctx;
	s->given |= KNOB_BIT(id);
	return knobs_set(&s->knobs, id, text);
}

static enum err add_axis(void *ctx, enum knob_id id, const char *list)
{
	return plan_add(ctx, id, list);
}

static enum err unknown_figure(const struct json_in *in, const char *group,
			       const char *name)
{
	char shown[80];
	struct str known = STR_INIT;
	for (int i = 0; i < FIGURE_COUNT; i++)
		str_addf(&known, "%s%s", i ? ", " : "", figure_table[i].name);
	enum err e = err_set(
		ERR_FORMAT, "%s: %s: \"%s\" is none of the figures %s", in->what, group,
		str_escaped(shown, sizeof(shown), name, strlen(name)), str_get(&known));
	str_release(&known);
	return e;
}

static enum err take_published(const struct json_in *in, double *published)
{
	const struct json_in o = json_in_object(in, "published");
	const char *key;
	json_t *value;
	enum err e = *in->err;
	for (int i = 0; i < FIGURE_COUNT; i++)
		published[i] = (double)NAN;
	json_object_foreach((json_t *)(uintptr_t)o.object, key, value)
	{
		enum figure_id id = figure_find(key);
		if (!e && id == FIGURE_COUNT)
			e = unknown_figure(in, "published", key);
		else if (!e && !json_is_number(value))
			e = err_set(ERR_FORMAT, "%s: published: \"%s\" is not a number",
				    in->what, figure_table[id].name);
		if (!e)
			published[id] = json_number_value(value);
	}
	return e;
}

/* ---- rows ---- */

static struct study_row *add_row(struct study *s)
{
	if ((s->n_rows & (s->n_rows - 1)) == 0)
		s->rows = mem_grow(s->rows, 2 * (size_t)s->n_rows + 1, sizeof(*s->rows));
	struct study_row *row = &s->rows[s->n_rows++];
	*row = (struct study_row){ 0 };
	for (int i = 0; i < FIGURE_COUNT; i++)
		row->published[i] = (double)NAN;
	return row;
}

static int find_row(const struct study *s, const char *label, int before)
{
	for (int i = 0; i < before; i++)
		if (str_equal(s->rows[i].label, label))
			return i;
	return -1;
}

/* "against": the label of a row above; without it the first row. */
static enum err take_against(const struct json_in *in, const struct study *s,
			     struct study_row *row)
{
	int me = s->n_rows - 1;
	char *label = take_text(in, "against");
	row->against = 0;
	if (label)
		row->against = str_equal(label, row->label) ? me : find_row(s, label, me);
	if (row->against < 0)
		*in->err = err_set(ERR_FORMAT, "%s: \"against\": no row above is \"%s\"",
				   in->what, label);
	free(label);
	return *in->err;
}

static enum err read_row(const json_t *json, const char *what,
			 const struct setting *shared, struct study *s)
{
	static const char *const known[] = { "label",   "model",     "text", "knobs",
					     "against", "published", "note", NULL };
	enum err e = OK;
	const struct json_in in = { json, what, &e };
	if (!json_is_object(json))
		return err_set(ERR_FORMAT, "%s: not an object", what);
	struct study_row *row = add_row(s);
	struct setting mine = *shared;
	row->label = need_text(&in, "label");
	row->model = take_text(&in, "model");
	row->text = take_input_text(&in, "text");
	row->note = take_text(&in, "note");
	if (!e)
		e = check_keys(&in, known);
	if (!e && find_row(s, row->label, s->n_rows - 1) >= 0)
		e = err_set(ERR_FORMAT, "%s: a row above is \"%s\" too", what,
			    row->label);
	if (!e)
		e = each_knob(&in, "knobs", set_knob, &mine);
	row->knobs = mine.knobs;
	row->given = mine.given;
	if (!e)
		e = take_against(&in, s, row);
	knobs_resolve_method(&row->knobs);
	return e ? e : take_published(&in, row->published);
}

static enum err too_many_rows(const struct json_in *in)
{
	return err_set(ERR_FORMAT, "%s: more than %d rows", in->what, STUDY_MAX_ROWS);
}

static enum err read_rows(const struct json_in *in, const struct setting *shared,
			  struct study *s)
{
	char place[PLACE_SIZE];
	const json_t *rows = json_in_array(in, "rows");
	size_t n = json_array_size(rows);
	enum err e = *in->err;
	if (!e && n > STUDY_MAX_ROWS)
		return too_many_rows(in);
	for (size_t i = 0; !e && i < n; i++) {
		snprintf(place, sizeof(place), "%s: rows[%zu]", in->what, i);
		e = read_row(json_array_get(rows, i), place, shared, s);
	}
	return e;
}

/* The points of a grid become rows below those that were written out. */
static enum err add_grid(const struct json_in *in, const struct plan *p, uint64_t given,
			 struct study *s)
{
	uint64_t varies = plan_varies(p);
	int first = s->n_rows;
	for (int a = 0; !varies && a < p->n_axes;
	     a++) /* a single point needs a name too */
		varies = KNOB_BIT(p->axes[a].knob);
	if (first + p->n_points > STUDY_MAX_ROWS)
		return too_many_rows(in);
	for (int i = 0; i < p->n_points; i++) {
		struct study_row *row = add_row(s);
		struct str label = STR_INIT;
		row->knobs = p->points[i].knobs;
		row->given = given;
		row->against = first + p->points[i].base;
		plan_label(p, i, varies, &label);
		row->label = str_detach(&label);
	}
	return OK;
}

static enum err read_grid(const struct json_in *in, const struct setting *shared,
			  struct study *s)
{
	struct plan p;
	/* A base is one: no technique is left to a preset. */
	uint64_t given = shared->given;
	for (int i = 0; i < KNOB_COUNT; i++)
		if (knob_table[i].group == KNOB_TECHNIQUE)
			given |= KNOB_BIT(i);
	plan_init(&p, &shared->knobs);
	enum err e = each_knob(in, "grid", add_axis, &p);
	for (int a = 0; a < p.n_axes; a++)
		given |= KNOB_BIT(p.axes[a].knob);
	if (!e && p.n_axes)
		e = bad_knob(plan_build(&p), in);
	if (!e && p.n_axes)
		e = add_grid(in, &p, given, s);
	plan_release(&p);
	return e;
}

/* ---- the rest ---- */

static enum err read_columns(const struct json_in *in, struct study *s)
{
	const json_t *columns = json_in_array(in, "columns");
	size_t n = json_array_size(columns);
	enum err e = *in->err;
	if (!e && (n < 1 || n > FIGURE_COUNT))
		return err_set(ERR_FORMAT,
			       "%s: \"columns\": want 1 to %d names of figures", in->what,
			       FIGURE_COUNT);
	for (size_t i = 0; !e && i < n; i++) {
		const char *name = json_string_value(json_array_get(columns, i));
		enum figure_id id = figure_find(name ? name : "");
		if (id == FIGURE_COUNT)
			return unknown_figure(in, "columns", name ? name : "");
		for (int j = 0; j < s->n_columns; j++)
			if (s->columns[j] == id)
				return err_set(ERR_FORMAT,
					       "%s: \"columns\": %s stands twice",
					       in->what, figure_table[id].name);
		s->columns[s->n_columns++] = id;
	}
	return e;
}

static enum err read_claims(const struct json_in *in, struct study *s)
{
	const json_t *claims = json_in_array(in, "claims");
	size_t n = json_array_size(claims);
	if (*in->err)
		return *in->err;
	if (n > STUDY_MAX_CLAIMS)
		return err_set(ERR_FORMAT, "%s: more than %d claims", in->what,
			       STUDY_MAX_CLAIMS);
	s->claims = mem_alloc(sizeof(char *) * (n + 1));
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(claims, i));
		size_t bytes = text ? strlen(text) : 0;
		if (!bytes || bytes > STUDY_MAX_TEXT)
			return err_set(ERR_FORMAT,
				       "%s: claims[%zu] is no text of 1 to %d bytes",
				       in->what, i, STUDY_MAX_TEXT);
		struct str claim = STR_INIT;
		str_add_escaped(&claim, text, bytes, 0);
		s->claims[s->n_claims++] = str_detach(&claim);
	}
	return OK;
}

static enum err take_figure(const struct json_in *in, const char *key,
			    enum figure_id *out)
{
	const char *name = json_in_str(in, key);
	*out = figure_find(name ? name : "");
	if (!*in->err && *out == FIGURE_COUNT)
		*in->err = unknown_figure(in, key, name ? name : "");
	return *in->err;
}

static enum err read_slope(const json_t *json, const char *what, struct study_slope *to)
{
	static const char *const known[] = { "x", "y", "group", NULL };
	char shown[80];
	enum err e = OK;
	const struct json_in in = { json, what, &e };
	if (!json_is_object(json))
		return err_set(ERR_FORMAT, "%s: not an object", what);
	const char *group = json_in_str(&in, "group");
	to->group = group ? knob_find(group) : KNOB_COUNT;
	if (!e)
		e = check_keys(&in, known);
	if (!e && group && to->group == KNOB_COUNT)
		e = err_set(ERR_FORMAT, "%s: \"group\": there is no knob \"%s\"", what,
			    str_escaped(shown, sizeof(shown), group, strlen(group)));
	if (!e)
		e = take_figure(&in, "x", &to->x);
	return e ? e : take_figure(&in, "y", &to->y);
}

static enum err read_slopes(const struct json_in *in, struct study *s)
{
	char place[PLACE_SIZE];
	const json_t *slopes = json_in_array(in, "slopes");
	size_t n = json_array_size(slopes);
	enum err e = *in->err;
	if (!e && n > STUDY_MAX_SLOPES)
		return err_set(ERR_FORMAT, "%s: more than %d slopes", in->what,
			       STUDY_MAX_SLOPES);
	for (size_t i = 0; !e && i < n; i++) {
		snprintf(place, sizeof(place), "%s: slopes[%zu]", in->what, i);
		e = read_slope(json_array_get(slopes, i), place, &s->slopes[i]);
		s->n_slopes++;
	}
	return e;
}

/* One of two lines: which rows are its points. */
static enum err read_series(const struct json_in *parent, const char *key,
			    struct study_series *to)
{
	static const char *const known[] = { "name", "model", "knobs", NULL };
	char what[PLACE_SIZE + 8];
	const struct json_in found = json_in_object(parent, key);
	struct setting which = { .given = 0 };
	enum err e = *parent->err;
	snprintf(what, sizeof(what), "%s: %s", parent->what, key);
	if (!e && !found.object)
		return err_set(ERR_FORMAT, "%s is missing", what);
	const struct json_in in = { found.object, what, &e };
	knobs_init(&which.knobs);
	if (!e)
		e = check_keys(&in, known);
	to->name = e ? NULL : need_text(&in, "name");
	to->model = e ? NULL : take_text(&in, "model");
	if (!e)
		e = each_knob(&in, "knobs", set_knob, &which);
	knobs_resolve_method(&which.knobs); /* as those of rows are */
	to->knobs = which.knobs;
	to->given = which.given;
	return e;
}

static enum err read_crossing(const json_t *json, const char *what,
			      struct study_crossing *to)
{
	static const char *const known[] = { "x", "y", "a", "b", NULL };
	enum err e = OK;
	const struct json_in in = { json, what, &e };
	if (!json_is_object(json))
		return err_set(ERR_FORMAT, "%s: not an object", what);
	e = check_keys(&in, known);
	if (!e)
		e = take_figure(&in, "x", &to->x);
	if (!e)
		e = take_figure(&in, "y", &to->y);
	if (!e)
		e = read_series(&in, "a", &to->of[0]);
	return e ? e : read_series(&in, "b", &to->of[1]);
}

static enum err read_crossings(const struct json_in *in, struct study *s)
{
	char place[PLACE_SIZE];
	const json_t *crossings = json_in_array(in, "crossings");
	size_t n = json_array_size(crossings);
	enum err e = *in->err;
	if (!e && n > STUDY_MAX_SLOPES)
		return err_set(ERR_FORMAT, "%s: more than %d crossings", in->what,
			       STUDY_MAX_SLOPES);
	for (size_t i = 0; !e && i < n; i++) {
		snprintf(place, sizeof(place), "%s: crossings[%zu]", in->what, i);
		s->n_crossings++;
		e = read_crossing(json_array_get(crossings, i), place, &s->crossings[i]);
	}
	return e;
}

/* The name becomes that of a session and is typed again. */
static enum err check_name(const struct json_in *in, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			n = 0;
	if (n < 1 || n > 64)
		return err_set(ERR_FORMAT,
			       "%s: \"name\": want 1 to 64 letters, digits, - _ and .",
			       in->what);
	return OK;
}

static enum err read_head(const struct json_in *in, struct study *s)
{
	static const char *const known[] = { "name",    "title",     "source", "hardware",
					     "model",   "text",      "knobs",  "budget_s",
					     "columns", "claims",    "slopes", "rows",
					     "grid",    "crossings", NULL };
	s->name = need_text(in, "name");
	if (!*in->err)
		s->title = need_text(in, "title");
	if (!*in->err)
		s->model = need_text(in, "model");
	s->text = take_input_text(in, "text");
	s->source = take_text(in, "source");
	s->hardware = take_text(in, "hardware");
	s->budget_s = json_in_num(in, "budget_s");
	enum err e = *in->err;
	if (!e && !isnan(s->budget_s) && !(s->budget_s > 0 && s->budget_s <= 3600))
		e = err_set(ERR_FORMAT, "%s: \"budget_s\": want seconds up to 3600",
			    in->what);
	if (!e)
		e = check_keys(in, known);
	return e ? e : check_name(in, s->name);
}

static void spread_text(struct study *s)
{
	for (int i = 0; i < s->n_rows; i++)
		if (!s->rows[i].text)
			s->rows[i].text = str_dup(s->text);
}

static enum err read_study(const json_t *json, const char *what, struct study *s)
{
	enum err e = OK;
	struct setting shared = { .given = 0 };
	const struct json_in in = { json, what, &e };
	knobs_init(&shared.knobs);
	if (!json_is_object(json))
		return err_set(ERR_FORMAT, "%s: not an object", what);
	e = read_head(&in, s);
	if (!e)
		e = each_knob(&in, "knobs", set_knob, &shared);
	if (!e)
		e = read_columns(&in, s);
	if (!e)
		e = read_claims(&in, s);
	if (!e)
		e = read_slopes(&in, s);
	if (!e)
		e = read_crossings(&in, s);
	if (!e)
		e = read_rows(&in, &shared, s);
	if (!e)
		e = read_grid(&in, &shared, s);
	if (!e && !s->n_rows)
		e = err_set(ERR_FORMAT, "%s: neither \"rows\" nor a \"grid\"", what);
	spread_text(s);
	return e;
}

static enum err take_study(json_t *json, const char *what, struct study *out)
{
	*out = (struct study){ 0 };
	enum err e = read_study(json, what, out);
	json_decref(json);
	if (e)
		study_release(out);
	return e;
}

enum err study_parse(const char *text, size_t n, const char *what, struct study *out)
{
	json_t *json;
	*out = (struct study){ 0 };
	if (n > STUDY_MAX_BYTES)
		return err_set(ERR_FORMAT, "%s: larger than %d KiB", what,
			       STUDY_MAX_BYTES >> 10);
	enum err e = json_read(text, n, what, &json);
	return e ? e : take_study(json, what, out);
}

enum err study_read(const char *path, struct study *out)
{
	char what[512];
	json_t *json;
	*out = (struct study){ 0 };
	enum err e = json_read_file(path, STUDY_MAX_BYTES, &json);
	str_escaped(what, sizeof(what), path, strlen(path));
	return e ? e : take_study(json, what, out);
}

static enum err no_such_study(const char *name)
{
	char shown[80];
	struct str names = STR_INIT;
	for (int i = 0; study_texts[i]; i++)
		str_addf(&names, "%s%s", i ? ", " : "", study_texts[i]->name);
	enum err e = err_set(ERR_USAGE, "there is no study %s; there are %s",
			     str_escaped(shown, sizeof(shown), name, strlen(name)),
			     str_get(&names));
	str_release(&names);
	return e;
}

enum err study_builtin(const char *name, struct study *out)
{
	*out = (struct study){ 0 };
	for (int i = 0; study_texts[i]; i++) {
		const struct study_text *t = study_texts[i];
		if (!strcmp(t->name, name))
			return study_parse(t->text, strlen(t->text), t->name, out);
	}
	return no_such_study(name);
}
