#include "profiler/classes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "models/texts.h"
#include "profiler/memory.h"
#include "profiler/setting.h"

#define BATCH 32                   /* texts in one pass */
#define LOGIT_SCALE_DEFAULT 2.6592 /* ln(1 / 0.07): CLIP before training */

struct tower {
	const struct classes_tower *how;
	struct model *model;
	struct tokenizer *tokenizer;
	struct tensor scale; /* the logarithm of the logit scale; data-less: not stored */
	struct tensor ids;   /* I32 [texts, T] */
	struct knobs knobs;
};

/* ---- opening ---- */

static void ask_scale(struct tower *t)
{
	struct tensor stored;
	struct tensors *tensors = t->model->tensors;
	if (tensors_find(tensors, "logit_scale", &stored) && tensor_count(&stored) == 1)
		t->scale = tensors_get(tensors, "logit_scale", stored.ndim, stored.dim);
}

static enum err open_tower(struct tower *t)
{
	const struct classes_tower *how = t->how;
	enum err e = model_open_for(how->model, how->seed, INPUT_TEXT, &t->model);
	if (e)
		return err_context(e, "text tower");
	if (t->model->family->takes != INPUT_TEXT)
		return err_set(ERR_UNSUPPORTED,
			       "%s (%s) has no text tower to tell what labels mean; CLIP "
			       "has one",
			       t->model->name, t->model->family->name);
	ask_scale(t);
	e = texts_open_tokenizer(t->model, how->vocab, &t->tokenizer);
	return e ? e : tensors_error(t->model->tensors);
}

static void close_tower(struct tower *t)
{
	if (t->model)
		model_unprepare(t->model, t->how->backend, t->how->backend_self);
	model_free(t->model);
	tokenizer_free(t->tokenizer);
	free(t->ids.data);
}

/* ---- computing ---- */

static enum err encode(struct tower *t, const struct labels *labels)
{
	int prompts = labels_prompts(labels), n = labels->count * prompts;
	char **texts = mem_alloc(sizeof(*texts) * (size_t)n);
	for (int i = 0; i < n; i++) {
		struct str text = STR_INIT;
		labels_add_prompt(labels, i / prompts, i % prompts, &text);
		texts[i] = str_detach(&text);
	}
	enum err e = texts_encode(t->model, t->tokenizer, (const char *const *)texts, n,
				  &t->ids);
	for (int i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
	return e;
}

static enum err set_knob(struct knobs *k, enum knob_id id, int64_t value)
{
	char text[32];
	snprintf(text, sizeof(text), "%lld", (long long)value);
	return knobs_set(k, id, text);
}

static void on_every_thread(void *ctx, void (*fn)(void *, int, int), void *arg)
{
	const struct classes_tower *how = ctx;
	pool_run(how->pool, fn, arg);
}

static bool weights_progress(void *ctx, int64_t done, int64_t total)
{
	const struct classes_tower *how = ctx;
	how->on_progress(how->ctx, "preparing the text tower", (double)done,
			 (double)total);
	return how->still_wanted(how->ctx);
}

static enum err prepare(struct tower *t)
{
	struct classes_tower how = *t->how;
	const struct tensors_work work = { &how, on_every_thread, weights_progress };
	int64_t n = t->ids.dim[0];
	knobs_init(&t->knobs);
	enum err e = set_knob(&t->knobs, KNOB_BATCH, n < BATCH ? n : BATCH);
	if (!e)
		e = set_knob(&t->knobs, KNOB_SEQ, t->ids.dim[1]);
	if (!e)
		e = model_check_knobs(t->model, &t->knobs);
	if (!e)
		e = memory_check("the text tower's weights", model_bytes(t->model));
	if (!e)
		e = tensors_prepare(t->model->tensors, &work);
	return e ? e : model_prepare(t->model, &t->knobs, how.backend, how.backend_self);
}

/* All texts through the tower: embeds [texts, P], the caller's to free. The last batch
 * begins so early that it is full. */
static enum err run_tower(struct tower *t, struct tensor *embeds)
{
	struct setting s;
	const struct classes_tower *how = t->how;
	int64_t n = t->ids.dim[0], batch = n < BATCH ? n : BATCH;
	struct input in = { .ids = tensor_of(DT_I32, t->ids.data,
					     DIMS(batch, t->ids.dim[1])) };
	enum err e = setting_init(&s, t->model, how->backend, how->backend_self,
				  how->pool, &in, &t->knobs);
	s.still_wanted = how->still_wanted;
	s.ctx = how->ctx;
	for (int64_t first = 0; !e && first < n; first += batch) {
		int64_t from = first + batch > n ? n - batch : first;
		how->on_progress(how->ctx, "reading the labels", (double)first,
				 (double)n);
		in.ids.data = (int32_t *)t->ids.data + from * t->ids.dim[1];
		e = setting_pass(&s, false, NULL);
		if (e)
			break;
		int64_t cols = tensor_cols(&s.out.text_embeds);
		if (!embeds->data) {
			void *rows = malloc(sizeof(float) * (size_t)(n * cols));
			if (!rows) {
				e = err_set(ERR_NOMEM, "no memory for %lld texts",
					    (long long)n);
				break;
			}
			*embeds = tensor_of(DT_F32, rows, DIMS(n, cols));
		}
		memcpy(tensor_row(embeds, from), s.out.text_embeds.data,
		       sizeof(float) * (size_t)(batch * cols));
	}
	setting_release(&s);
	return e;
}

/* ---- from texts to classes ---- */

/* to += row / |row| */
static void add_normalised(double *to, const float *row, int64_t n)
{
	double square = 0;
	for (int64_t i = 0; i < n; i++)
		square += (double)row[i] * (double)row[i];
	for (int64_t i = 0; i < n; i++)
		to[i] += (double)row[i] / sqrt(square);
}

/* Label c: the mean direction of its texts, of length `scale`. */
static void mean_direction(const struct tensor *texts, int64_t c, int64_t prompts,
			   double scale, float *to)
{
	int64_t cols = tensor_cols(texts);
	double *mean = mem_alloc(sizeof(*mean) * (size_t)cols), square = 0;
	for (int64_t i = 0; i < prompts; i++)
		add_normalised(mean, tensor_row(texts, c * prompts + i), cols);
	for (int64_t i = 0; i < cols; i++)
		square += mean[i] * mean[i];
	for (int64_t i = 0; i < cols; i++)
		to[i] = (float)(mean[i] / sqrt(square) * scale);
	free(mean);
}

static double logit_scale(const struct tower *t)
{
	const float *stored = t->scale.data;
	return exp(stored ? (double)*stored
			  : hfconfig_num(t->model->config, "logit_scale_init_value",
					 LOGIT_SCALE_DEFAULT, -20, 20));
}

/* Takes `texts`. */
static void make(struct classes *c, const struct tower *t, struct tensor texts,
		 int64_t count, int64_t prompts)
{
	int64_t cols = tensor_cols(&texts);
	c->linear.weight =
		tensor_of(DT_F32, mem_alloc(sizeof(float) * (size_t)(count * cols)),
			  DIMS(count, cols));
	for (int64_t i = 0; i < count; i++)
		mean_direction(&texts, i, prompts, logit_scale(t),
			       tensor_row(&c->linear.weight, i));
	if (prompts > 1)
		for (int64_t i = 0; i < count;
		     i++) /* row i is read before it is written */
			mean_direction(&texts, i, prompts, 1, tensor_row(&texts, i));
	c->embeds = tensor_of(DT_F32, texts.data, DIMS(count, cols));
}

enum err classes_make(const struct classes_tower *how, const struct labels *labels,
		      struct classes *out)
{
	struct tower t = { .how = how };
	struct tensor texts = { 0 };
	*out = (struct classes){ 0 };
	enum err e = open_tower(&t);
	if (!e)
		e = encode(&t, labels);
	if (!e)
		e = prepare(&t);
	if (!e)
		e = run_tower(&t, &texts);
	if (!e) /* the file may have shrunk meanwhile */
		e = tensors_error(t.model->tensors);
	if (!e)
		make(out, &t, texts, labels->count, labels_prompts(labels));
	else
		free(texts.data);
	close_tower(&t);
	return e;
}

void classes_release(struct classes *c)
{
	free(c->linear.weight.data);
	free(c->embeds.data);
	*c = (struct classes){ 0 };
}
