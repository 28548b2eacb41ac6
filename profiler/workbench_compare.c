/* The workbench: how close a technique comes to its base, over all pictures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "profiler/accuracy.h"
#include "profiler/fidelity.h"
#include "profiler/likelihood.h"
#include "profiler/states.h"
#include "profiler/workbench_private.h"

bool workbench_has_technique(const struct model *m, const struct knobs *k)
{
	struct knobs base = knobs_base(k);
	return !knobs_equal(k, &base, m->family->knobs);
}

static bool is_language(const struct outputs *out) { return out->token_logits.ndim; }

/* One setting over all pictures: a technique compared with its base, or a base alone
 * where there are labels to be right about, or a text to expect. */
struct comparison {
	struct workbench *w;
	const struct work_watch *watch;
	/* The measured setting where one batch holds all there is, so that no third set
	 * of activations is needed; else NULL. */
	struct setting *measured;
	struct setting own_base, own_technique;
	struct setting *base, *technique; /* own, or the measured one */
	bool ready;                       /* both are set up for the batch at hand */
	bool has_technique;
	struct input in; /* the batch at hand */
	int64_t items;   /* new pictures in it: the last batch may go around */
	bool known;      /* the base's outputs are there from an earlier run */
	const struct classes *classes;   /* NULL: none */
	int *labels;                     /* [items] */
	struct fidelity fidelity, mixed; /* mixed: see run_fidelity */
	struct accuracy accuracy;
	struct likelihood likelihood;
	struct states_match match; /* of the layers, in the first batch */
	bool too_long;             /* a text whose logits nobody keeps */
	int base_class;            /* of item 0; -1: not known */
	struct knobs knobs, base_knobs;
	struct str reference; /* the base's canonical knobs */
	char *key;            /* of its outputs */
};

/* What the base's outputs depend on, beyond the model: its knobs, and the pictures as
 * they are now. */
static char *reference_key(const struct workbench *w, const char *base_knobs)
{
	char hex[SHA256_HEX];
	struct sha256 s;
	sha256_start(&s);
	sha256_add_str(&s, base_knobs);
	sha256_add_str(&s, w->input_sha256);
	input_list_hash(&w->list, 0, &s);
	sha256_end(&s, hex);
	return str_dup(hex);
}

/* A text counts as one: it is the same in every item. */
static int64_t pictures_of(const struct workbench *w)
{
	bool differ = w->seeded || w->source.input.input;
	return w->list.n ? w->list.n : differ ? w->input.items : 1;
}

static void comparison_init(struct comparison *c, struct workbench *w,
			    struct setting *measured, const struct work_watch *watch)
{
	const struct knobs *k = &measured->knobs;
	*c = (struct comparison){ .w = w,
				  .watch = watch,
				  .in = w->input,
				  .base_class = -1,
				  .knobs = *k,
				  .base_knobs = knobs_base(k) };
	c->measured = pictures_of(w) <= w->input.items ? measured : NULL;
	knobs_canonical(&c->base_knobs, w->model->family->knobs, &c->reference);
	c->key = reference_key(w, str_get(&c->reference));
	c->has_technique = workbench_has_technique(w->model, k);
	c->known = reference_holds(&w->reference, c->key) &&
		   (c->has_technique || !is_language(&measured->out));
	c->classes = workbench_classes(w);
	c->labels = mem_alloc(sizeof(*c->labels) * (size_t)w->input.items);
	if (c->known)
		return;
	reference_begin(&w->reference, c->key, pictures_of(w));
	reference_begin(&w->unnormed, c->key, pictures_of(w));
}

static void drop_settings(struct comparison *c)
{
	if (!c->ready)
		return;
	setting_release(&c->own_technique);
	setting_release(&c->own_base);
	c->own_technique = c->own_base = (struct setting){ 0 };
	c->ready = false;
}

static void comparison_release(struct comparison *c)
{
	drop_settings(c);
	str_release(&c->reference);
	fidelity_release(&c->fidelity);
	fidelity_release(&c->mixed);
	states_match_release(&c->match);
	free(c->labels);
	free(c->key);
}

/* On the model of these knobs, with its weights; also where it is of another type than
 * the current one. */
static enum err set_up(struct comparison *c, struct setting *s, const struct knobs *k)
{
	struct workbench *w = c->w;
	struct variant *v;
	enum err e = workbench_variant(w, model_dtype(k), &v);
	if (!e)
		e = workbench_prepare_variant(w, v, k, c->watch);
	if (!e)
		e = setting_init(s, v->model, w->backend, w->backend_self, w->pool,
				 &c->in, k);
	s->still_wanted = c->watch->still_wanted;
	s->ctx = c->watch->ctx;
	return e;
}

/* Whether the first batch's layers are compared with those of the base, which takes a
 * pass of it unless they are held from an earlier run. */
static bool wants_states(const struct comparison *c, int64_t first)
{
	return c->has_technique && !first && !states_hold(&c->w->states, c->key);
}

/* Batches of pictures of any size differ in shape: each has settings of its own. */
static enum err make_ready(struct comparison *c, int64_t first)
{
	enum err e = OK;
	if (c->ready && c->in.grids)
		drop_settings(c);
	if (c->ready)
		return OK;
	c->ready = true; /* half of it is released the same way */
	c->technique = c->has_technique && c->measured ? c->measured : &c->own_technique;
	c->base = !c->has_technique && c->measured ? c->measured : &c->own_base;
	if (c->has_technique && !c->measured)
		e = set_up(c, &c->own_technique, &c->knobs);
	if (e || c->base == c->measured || (c->known && !wants_states(c, first)))
		return e;
	return set_up(c, &c->own_base, &c->base_knobs);
}

/* ---- what is compared of an item ---- */

/* Rows of the tokens of item b among those of all items. */
static struct tensor tokens_of(const struct outputs *out, int64_t b, int64_t *names)
{
	struct tensor t = out->image_embeds;
	int64_t first = 0, n = 0;
	for (int64_t i = 0; i <= b; i++) {
		first += n;
		n = trace_left(&out->trace, i, names);
	}
	t.data = tensor_row(&t, first);
	t.dim[0] = n;
	return t;
}

static int64_t *room_for_names(const struct outputs *out)
{
	return mem_alloc(sizeof(int64_t) *
			 (size_t)(out->trace.patches + TRACE_MAX_SITES));
}

/* One row for each item: what is kept of a base, and compared as it is; of a language
 * model the logits of all positions. */
static struct tensor rows_of(const struct outputs *out)
{
	const struct tensor *s = &out->sequence, *t = &out->token_logits;
	if (t->ndim)
		return tensor_of(DT_F32, t->data, DIMS(t->dim[0], t->dim[1] * t->dim[2]));
	if (s->ndim) /* all of it */
		return tensor_of(DT_F32, s->data, DIMS(s->dim[0], s->dim[1] * s->dim[2]));
	if (out->class_logits.ndim || out->kept_layers)
		return out->pooled;
	return out->image_embeds.ndim ? out->image_embeds : out->text_embeds;
}

static bool by_token(const struct outputs *out)
{
	return out->by_token && !out->token_logits.ndim;
}

/* All tokens of item b as one row. */
static struct tensor flat_tokens(const struct outputs *out, int64_t b)
{
	int64_t *names = room_for_names(out);
	struct tensor t = tokens_of(out, b, names);
	free(names);
	return tensor_of(DT_F32, t.data, DIMS(1, tensor_count(&t)));
}

static void keep_base(struct comparison *c)
{
	struct reference *known = &c->w->reference;
	const struct outputs *out = &c->base->out;
	if (c->known)
		return;
	struct tensor rows = rows_of(out);
	if (!by_token(out)) {
		reference_add(known, &rows, c->items);
		return;
	}
	for (int64_t b = 0; b < c->items; b++) {
		rows = flat_tokens(out, b);
		reference_add(known, &rows, 1);
	}
}

/* Tokens that are left against the same ones of the base [1, all of them P]; what was
 * made of several has no counterpart. */
static enum err compare_tokens(struct comparison *c, int64_t b, struct tensor base)
{
	const struct outputs *out = &c->technique->out;
	int64_t *names = room_for_names(out), n = 0,
		cols = tensor_cols(&out->image_embeds);
	struct tensor mine = tokens_of(out, b, names);
	float *rows = malloc(sizeof(float) * (size_t)(2 * mine.dim[0] * cols + 1));
	float *theirs = rows + mine.dim[0] * cols;
	for (int64_t i = 0; rows && i < mine.dim[0]; i++) {
		if (names[i] >= trace_count(&out->trace, b))
			continue;
		size_t bytes = sizeof(float) * (size_t)cols;
		memcpy(rows + n * cols, tensor_row(&mine, i), bytes);
		memcpy(theirs + n * cols, tensor_f32(&base) + names[i] * cols, bytes);
		n++;
	}
	struct tensor x = tensor_of(DT_F32, rows, DIMS(1, n * cols));
	struct tensor ref = tensor_of(DT_F32, theirs, DIMS(1, n * cols));
	if (rows)
		fidelity_add(&c->fidelity, &x, &ref, 1);
	free(rows);
	free(names);
	return rows ? OK : err_set(ERR_NOMEM, "no memory to compare tokens");
}

static enum err compare_all_tokens(struct comparison *c, int64_t first)
{
	enum err e = OK;
	for (int64_t b = 0; !e && b < c->items; b++)
		e = compare_tokens(c, b,
				   c->known ? reference_row(&c->w->reference, first + b)
					    : flat_tokens(&c->base->out, b));
	return e;
}

/* ---- language models ---- */

/* What the model says after the whole text: one row for each item. */
static struct tensor last_logits(const struct tensor *t)
{
	int64_t length = t->dim[1], cols = t->dim[2];
	struct tensor rows =
		tensor_of(DT_F32, tensor_row(t, length - 1), DIMS(t->dim[0], cols));
	rows.ld = length * cols;
	return rows;
}

/* [items, T, V] of the base, whose text may be longer where a technique drops tokens of
 * the picture. */
static struct tensor base_logits(const struct comparison *c, int64_t first, int64_t vocab)
{
	if (!c->known)
		return c->base->out.token_logits;
	struct tensor rows = reference_rows(&c->w->reference, first, c->items);
	return tensor_of(DT_F32, rows.data,
			 DIMS(rows.dim[0], tensor_cols(&rows) / vocab, vocab));
}

static struct likelihood_text text_of(const struct comparison *c)
{
	const struct workbench *w = c->w;
	int64_t given = w->facts.length, all = tensor_cols(&c->in.ids);
	return (struct likelihood_text){
		.ids = c->in.ids,
		.before = w->prompt.before,
		.once = w->model->family->repeats_text && given < all ? given : 0,
	};
}

static enum err compare_logits(struct comparison *c, int64_t first)
{
	const struct setting *any = c->has_technique ? c->technique : c->base;
	struct tensor mine = any->out.token_logits, none = { 0 };
	struct tensor base = base_logits(c, first, mine.dim[2]);
	const struct likelihood_text text = text_of(c);
	if (c->has_technique) {
		struct tensor last = last_logits(&mine), base_last = last_logits(&base);
		fidelity_add(&c->fidelity, &last, &base_last, c->items);
	}
	c->too_long = mine.dim[1] < tensor_cols(&c->in.ids);
	if (c->too_long)
		return OK;
	if (!c->has_technique)
		return likelihood_add(&c->likelihood, &mine, &none, &text, c->items,
				      c->w->pool);
	return likelihood_add(&c->likelihood, &mine, &base, &text, c->items, c->w->pool);
}

/* ---- batch by batch ---- */

static enum err read_labels(struct comparison *c, int64_t first)
{
	enum err e = OK;
	for (int64_t i = 0; !e && i < c->items; i++)
		e = input_list_label(&c->w->list, first + i, &c->labels[i]);
	return e;
}

static void count_classes(struct comparison *c, const struct tensor *base)
{
	const struct tensor *technique = &c->technique->out.image_embeds;
	if (!c->classes)
		return;
	accuracy_add(&c->accuracy, &c->classes->linear.weight,
		     c->has_technique ? technique : base, c->has_technique ? base : NULL,
		     c->labels, c->items);
}

/* The base's state before its norm with the technique's after it, where a model has both.
 */
static void compare_mixed(struct comparison *c, int64_t first)
{
	struct reference *known = &c->w->unnormed;
	struct tensor base = c->base->out.unnormed;
	if (!c->known && base.ndim)
		reference_add(known, &base, c->items);
	if (!c->has_technique || !c->technique->out.unnormed.ndim)
		return;
	if (c->known && !reference_holds(known, c->key))
		return; /* there was no room for them */
	if (c->known)
		base = reference_rows(known, first, c->items);
	fidelity_add(&c->mixed, &c->technique->out.pooled, &base, c->items);
}

static enum err compare_rows(struct comparison *c, int64_t first)
{
	struct tensor base = c->known ? reference_rows(&c->w->reference, first, c->items)
				      : rows_of(&c->base->out);
	if (c->has_technique) {
		struct tensor rows = rows_of(&c->technique->out);
		fidelity_add(&c->fidelity, &rows, &base, c->items);
	}
	compare_mixed(c, first);
	count_classes(c, &base);
	if (!first && c->classes && c->has_technique)
		c->base_class =
			accuracy_class(&c->classes->linear.weight, tensor_row(&base, 0));
	return OK;
}

static enum err pass_of(struct setting *s, const struct input *in,
			const struct witness *witness)
{
	const struct input *own = s->input;
	s->input = in;
	s->witness = witness;
	enum err e = setting_pass(s, false, NULL);
	s->witness = NULL;
	s->input = own;
	return e;
}

/* The base first: what a technique's layers are compared with. */
static enum err run_both(struct comparison *c, int64_t first)
{
	struct states *states = &c->w->states;
	int64_t every = c->in.ids.ndim ? states_every(tensor_cols(&c->in.ids)) : 0;
	enum err e = OK;
	if (wants_states(c, first)) {
		struct witness records = states_record(states, c->key);
		records.every = every;
		e = pass_of(c->base, &c->in, &records);
	} else if (!c->known && c->base != c->measured) { /* that has just run */
		e = pass_of(c->base, &c->in, NULL);
	}
	if (e) /* half of the base's layers would pass for all of them */
		states_release(states);
	if (e || !c->has_technique)
		return e;
	c->match.base = states;
	c->match.trace = &c->technique->out.trace;
	struct witness compares = states_compare(&c->match);
	compares.every = every;
	if (!states_hold(states, c->key))
		compares.hidden = NULL, compares.state = NULL;
	e = pass_of(c->technique, &c->in, first ? NULL : &compares);
	if (e || states->bytes > STATES_KEEP_BYTES)
		states_release(states);
	return e;
}

/* On the pixels of c->in, which begin at picture `first`. */
static enum err compare_batch(struct comparison *c, int64_t first)
{
	enum err e = make_ready(c, first);
	if (!e)
		e = read_labels(c, first);
	if (!e)
		e = run_both(c, first);
	if (e)
		return e;
	keep_base(c);
	const struct setting *any = c->has_technique ? c->technique : c->base;
	if (is_language(&any->out))
		return compare_logits(c, first);
	return by_token(&any->out) && c->has_technique ? compare_all_tokens(c, first)
						       : compare_rows(c, first);
}

static enum err compare_all(struct comparison *c)
{
	struct workbench *w = c->w;
	int64_t batch = w->input.items, n = pictures_of(w);
	const char *what = c->has_technique ? "comparing with the base" : "recognising";
	enum err e = OK;
	for (int64_t first = 0; !e && first < n; first += batch) {
		c->watch->on_progress(c->watch->ctx, what, (double)first, (double)n);
		if (first)
			e = workbench_load_batch(w, &c->knobs, first, &c->in);
		if (e)
			break;
		c->items = batch < n - first ? batch : n - first;
		e = compare_batch(c, first);
		if (!first)
			continue;
		if (c->in.grids)
			drop_settings(c);
		input_release(&c->in);
	}
	return e;
}

static void report(const struct comparison *c, struct run *run)
{
	const struct workbench *w = c->w;
	if (c->has_technique) {
		fidelity_report(&c->fidelity, str_get(&c->reference), run);
		run->fidelity.cosine_mixed = fidelity_mean(&c->mixed);
		if (w->list.n)
			run->fidelity.worst = run_str(
				run,
				input_list_name(&w->list, fidelity_worst(&c->fidelity)));
	}
	accuracy_report(&c->accuracy, run);
	likelihood_report(&c->likelihood, run);
	if (w->seeded) /* nobody said this text */
		run_forget_group(run, "likelihood");
	if (c->too_long)
		run_warn(run, "the text is too long to keep all of its logits: "
			      "likelihood and divergence are not known");
	states_report(&c->match, run);
	if (run->zero_shot.label && c->base_class >= 0 && c->base_class < w->labels.count)
		run->zero_shot.base_label = run_str(run, w->labels.names[c->base_class]);
}

enum err workbench_compare(struct workbench *w, struct setting *measured,
			   const struct work_watch *watch, struct run *run)
{
	struct comparison c;
	comparison_init(&c, w, measured, watch);
	enum err e = compare_all(&c);
	const struct model *base = c.own_base.model;
	if (!e && base) /* its file may have shrunk meanwhile */
		e = tensors_error(base->tensors);
	if (!e)
		report(&c, run);
	comparison_release(&c);
	return e;
}
