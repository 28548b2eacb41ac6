/* The workbench: its input, opened, held and dropped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/catalog.h"
#include "models/preset.h"
#include "models/sequences.h"
#include "models/texts.h"
#include "profiler/memory.h"
#include "profiler/workbench_private.h"

/* ---- what was there ---- */

void workbench_drop_references(struct workbench *w)
{
	reference_release(&w->reference);
	reference_release(&w->unnormed);
	states_release(&w->states);
}

void workbench_drop_input(struct workbench *w)
{
	guard_enter(w->guard);
	spec_release(&w->source);
	w->input_sha256[0] = 0;
	w->seeded = false;
	w->classes_shape = (struct tensor){ 0 };
	input_facts_release(&w->facts);
	free(w->note);
	w->note = NULL;
	guard_leave(w->guard);
	prompt_release(&w->prompt);
	labels_release(&w->labels);
	input_list_release(&w->list);
	input_release(&w->input);
	image_release(&w->shown);
	workbench_drop_references(w);
}

enum err workbench_settle(const struct workbench *w, struct knobs *k)
{
	return sequences_settle(&w->source.input, &w->facts, k);
}

bool workbench_same_input(const struct workbench *w, const struct spec *s)
{
	const uint64_t shape = KNOB_BIT(KNOB_BATCH) | KNOB_BIT(KNOB_IMAGE_SIZE) |
			       KNOB_BIT(KNOB_SEQ) | (w->seeded ? KNOB_BIT(KNOB_SEED) : 0);
	struct knobs k = s->knobs;
	return w->source.model && input_source_equal(&w->source.input, &s->input) &&
	       !workbench_settle(w, &k) && knobs_equal(&w->source.knobs, &k, shape);
}

/* ---- whether it fits ---- */

/* "clip-vit-b16, siglip-b16": presets whose weights fit beside as many activations. */
static void presets_that_fit(const struct model *m, double activations, struct str *out)
{
	double left = memory_available_bytes() - activations;
	for (const struct preset *p = presets; p->name; p++) {
		struct catalog_facts facts;
		if (strchr(p->name, ':') || !strcmp(p->name, m->name) ||
		    catalog_look(p->name, &facts) || facts.bytes > left)
			continue;
		str_addf(out, "%s%s", out->len ? ", " : "", p->name);
	}
}

/* Before anything is read: weights and activations, with what would do instead. */
static enum err check_load(const struct model *m, double activations)
{
	double weights = model_bytes(m);
	struct str others = STR_INIT;
	enum err e = memory_check_load(m->name, weights, activations, NULL);
	if (!e)
		return OK;
	if (weights < memory_available_bytes()) /* it is the batch, or the picture */
		return memory_check(MEMORY_OF_BATCH, weights + activations);
	presets_that_fit(m, activations, &others);
	e = memory_check_load(m->name, weights, activations, str_get(&others));
	str_release(&others);
	return e;
}

/* Input and activations together, before any of them is touched. */
static enum err check_fits(const struct workbench *w, const struct knobs *k,
			   const struct input_facts *facts, const struct input *shape)
{
	const struct model *m = w->model;
	struct knobs resolved = *k;
	double input = (double)tensor_bytes(&shape->pixels) +
		       (double)tensor_bytes(&shape->patches) +
		       (double)tensor_bytes(&shape->ids) +
		       (double)tensor_bytes(&shape->sequence);
	if (model_check_knobs(m, &resolved))
		return OK; /* a run will say so; a model can be looked at all the same */
	struct run *run = run_create();
	enum err e = setting_predict(m, facts, &resolved, NULL, NULL, run, NULL);
	double activations = run->memory.peak_activation_bytes + input;
	run_free(run);
	if (!e && !w->variants[m->dtype].prepared)
		e = check_load(m, activations);
	return e ? e : memory_check(MEMORY_OF_BATCH, activations);
}

static enum err check_shape(const struct workbench *w, const struct knobs *k,
			    const struct input_facts *facts, const struct prompt *prompt)
{
	struct input shape;
	enum err e = w->model->family->shape(w->model, facts, k, &shape);
	if (e)
		return e;
	if (prompt && shape.grids)
		e = prompt_check(w->model, prompt,
				 tensor_rows(&shape.patches) / shape.items /
					 w->model->patches_per_token);
	if (!e)
		e = check_fits(w, k, facts, &shape);
	input_release(&shape);
	return e;
}

/* ---- the input ---- */

/* What a kind of model goes without. */
static const char *taken(enum input_kind takes)
{
	switch (takes) {
	case INPUT_PICTURES:
		return "takes pictures only";
	case INPUT_TEXT:
		return "takes text only";
	case INPUT_PROMPT:
		return "takes pictures, and texts about them";
	case INPUT_SEQUENCE:
		return "takes raw sequences: --input FILE.safetensors";
	}
	return "";
}

/* The option that gives what this model does not take; NULL: none. */
static const char *foreign_option(const struct model *m, const struct input_source *s)
{
	enum input_kind takes = m->family->takes;
	bool pictures = takes == INPUT_PICTURES || takes == INPUT_PROMPT;
	bool texts = takes == INPUT_TEXT || takes == INPUT_PROMPT;
	if (s->input && takes != INPUT_SEQUENCE)
		return "--input";
	if ((s->text || s->tokens) && !texts)
		return s->text ? "--text" : "--tokens";
	if (s->n_images && !pictures)
		return "-i";
	if (s->dataset && !pictures)
		return "--dataset";
	return s->labels && !pictures ? "--labels" : NULL;
}

/* Inputs that this model, or this version, cannot take. */
static enum err check_input(const struct model *m, const struct input_source *s)
{
	bool text = s->text || s->tokens;
	enum err e = input_source_check(s);
	const char *foreign = e ? NULL : foreign_option(m, s);
	if (!e && text && (s->n_images || s->dataset) && m->family->takes == INPUT_TEXT)
		e = err_set(ERR_USAGE,
			    "--text and -i: %s looks at a text or at pictures, not both",
			    m->name);
	/* What a language model reads has no classes to be told apart by. */
	if (!e && s->labels && m->family->knobs & KNOB_BIT(KNOB_LANGUAGE_MODEL))
		e = err_set(
			ERR_UNSUPPORTED,
			"--labels: %s (%s) has no text tower to tell what labels mean; "
			"CLIP has one",
			m->name, m->family->name);
	if (!e && foreign)
		e = err_set(ERR_UNSUPPORTED, "%s: %s (%s) %s", foreign, m->name,
			    m->family->name, taken(m->family->takes));
	return e;
}

/* The same ids around a picture at another place are another prompt. */
static void hash_prompt(const struct prompt *p, char sha256[SHA256_HEX])
{
	struct sha256 s;
	sha256_start(&s);
	sha256_add_str(&s, sha256);
	sha256_add(&s, &p->before, sizeof(p->before));
	sha256_add(&s, p->ids, sizeof(*p->ids) * (size_t)p->n);
	sha256_end(&s, sha256);
}

/* The ids of the prompt in every item. */
static enum err fill_prompt(const struct prompt *p, struct input *in)
{
	size_t row = sizeof(int32_t) * (size_t)p->n;
	if (!p->n)
		return OK;
	in->ids.data = malloc(row * (size_t)in->items);
	if (!in->ids.data)
		return err_set(ERR_NOMEM, "no memory for %lld prompts",
			       (long long)in->items);
	for (int64_t b = 0; b < in->items; b++)
		memcpy((char *)in->ids.data + (size_t)b * row, p->ids, row);
	return OK;
}

/* What was opened, until it takes the place of what was there. */
struct opened {
	struct input_list list;
	struct input_facts facts;
	struct prompt prompt;
	struct input in;
	struct image shown;
	struct labels labels;
	struct str note;
	struct knobs knobs; /* with the batch and length of what goes in */
	bool seeded;
	char sha256[SHA256_HEX];
};

static void opened_release(struct opened *o)
{
	input_list_release(&o->list);
	input_facts_release(&o->facts);
	prompt_release(&o->prompt);
	input_release(&o->in);
	image_release(&o->shown);
	labels_release(&o->labels);
	str_release(&o->note);
}

/* What of knobs and memory follows from an input whose facts are known. */
static enum err settle_opened(struct workbench *w, const struct spec *s, struct opened *o)
{
	enum err e = sequences_settle(&s->input, &o->facts, &o->knobs);
	return e ? e : check_shape(w, &o->knobs, &o->facts, NULL);
}

static enum err open_text(struct workbench *w, const struct spec *s, struct opened *o)
{
	const struct model *m = w->model;
	struct texts t;
	enum err e = texts_read(m, &s->input, &t);
	if (!e && m->family->repeats_text && t.ids.ndim)
		o->facts.length = t.ids.dim[1];
	if (!e)
		e = settle_opened(w, s, o);
	if (!e)
		e = texts_fill(m, &t, &o->knobs, &o->in, &o->note, o->sha256);
	o->seeded = !t.ids.ndim;
	if (!e && m->family->repeats_text) { /* to tell what comes out */
		o->prompt.tokenizer = t.tokenizer;
		o->prompt.bytes = t.bytes;
		t.tokenizer = NULL;
	}
	texts_release(&t);
	return e;
}

static enum err open_sequence(struct workbench *w, const struct spec *s, struct opened *o)
{
	enum err e = sequences_facts(w->model, &s->input, &o->facts);
	o->seeded = !s->input.input;
	if (!e)
		e = settle_opened(w, s, o);
	return e ? e : sequences_load(w->model, &s->input, &o->knobs, &o->in, o->sha256);
}

static enum err open_prompt(struct workbench *w, const struct spec *s, struct opened *o)
{
	enum err e = prompt_read(w->model, &s->input, &o->prompt);
	o->facts.prompt = o->prompt.n;
	o->facts.before = o->prompt.before;
	if (!e && o->prompt.bytes)
		str_add(&o->note,
			"no vocabulary: the bytes of the text are taken as tokens");
	return e;
}

/* What is to say of a prompt and of pictures stands side by side. */
static enum err load_pictures(struct workbench *w, const struct spec *s, struct opened *o)
{
	struct str sizes = STR_INIT;
	enum err e = input_load(w->model, &o->list, s->input.exif, 0, &s->knobs,
				&o->facts, &o->in, &o->shown, &sizes, o->sha256);
	if (sizes.len)
		str_addf(&o->note, "%s%s", o->note.len ? "; " : "", str_get(&sizes));
	str_release(&sizes);
	return e;
}

static enum err open_pictures(struct workbench *w, const struct spec *s, struct opened *o)
{
	const struct model *m = w->model;
	bool prompt = m->family->takes == INPUT_PROMPT;
	enum err e = input_list_make(&s->input, &o->list);
	if (!e) /* before minutes are spent: what is no picture further down the list */
		e = input_list_check(&o->list, (int64_t)knob_num(&s->knobs, KNOB_BATCH));
	if (!e)
		e = input_facts_read(m, &o->list, s->input.exif, 0, &s->knobs, &o->facts);
	if (!e && prompt)
		e = open_prompt(w, s, o);
	/* The activations come on top and are larger: a batch that fails, fails at once.
	 */
	if (!e)
		e = check_shape(w, &s->knobs, &o->facts, prompt ? &o->prompt : NULL);
	if (!e)
		e = load_pictures(w, s, o);
	if (!e && prompt)
		e = fill_prompt(&o->prompt, &o->in);
	if (!e && prompt)
		hash_prompt(&o->prompt, o->sha256);
	return e ? e : workbench_open_labels(&s->input, &o->labels, o->sha256);
}

/* Takes what was opened. */
static void take_over(struct workbench *w, const struct spec *s, struct opened *o)
{
	workbench_drop_input(w);
	w->list = o->list;
	w->prompt = o->prompt;
	w->input = o->in;
	w->shown = o->shown;
	w->labels = o->labels;
	guard_enter(w->guard);
	w->facts = o->facts;
	w->note = str_detach(&o->note);
	w->source = spec_copy(s);
	w->source.knobs = o->knobs;
	w->seeded = o->seeded;
	memcpy(w->input_sha256, o->sha256, sizeof(o->sha256));
	guard_leave(w->guard);
}

enum err workbench_open_input(struct workbench *w, const struct spec *s)
{
	struct opened o = { .note = STR_INIT, .knobs = s->knobs };
	enum input_kind takes = w->model->family->takes;
	enum err e = check_input(w->model, &s->input);
	if (!e && takes == INPUT_TEXT)
		e = open_text(w, s, &o);
	else if (!e && takes == INPUT_SEQUENCE)
		e = open_sequence(w, s, &o);
	else if (!e)
		e = open_pictures(w, s, &o);
	if (e)
		opened_release(&o);
	else
		take_over(w, s, &o);
	return e;
}

enum err workbench_load_batch(struct workbench *w, const struct knobs *k, int64_t first,
			      struct input *in)
{
	struct input_facts facts;
	bool exif = w->source.input.exif;
	enum err e = input_facts_read(w->model, &w->list, exif, first, k, &facts);
	facts.prompt = w->facts.prompt;
	facts.before = w->facts.before;
	if (!e)
		e = input_load(w->model, &w->list, exif, (int)first, k, &facts, in, NULL,
			       NULL, NULL);
	if (!e && w->prompt.n) {
		e = fill_prompt(&w->prompt, in);
		if (e)
			input_release(in);
	}
	input_facts_release(&facts);
	return e;
}

enum err workbench_keep_input(struct workbench *w, const struct spec *s)
{
	struct knobs k = s->knobs;
	enum err e = workbench_settle(w, &k);
	if (e)
		return e;
	guard_enter(w->guard);
	w->source.knobs = k;
	guard_leave(w->guard);
	return OK;
}
