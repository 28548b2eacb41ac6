/*
 * The workbench: the loaded model in the types (--dtype) that are asked of it.
 *
 * Each type is a model object of its own over the same files or the same seed, since what
 * differs is the memory of weights. While a setting is measured only the types of its
 * plan are there, so that the peak is what such a run needs; the base that a technique is
 * compared with is opened after that, and closed before the next.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "profiler/calibrate.h"
#include "profiler/memory.h"
#include "profiler/workbench_private.h"
#include "tensor/random_source.h"

struct variant *workbench_current(struct workbench *w)
{
	return &w->variants[w->model->dtype];
}

static void drop_linears(struct workbench *w, struct variant *v)
{
	if (v->linears_prepared)
		model_unprepare(v->model, w->backend, w->backend_self);
	v->linears_prepared = false;
}

void workbench_drop_linears(struct workbench *w)
{
	for (int i = 0; i < DT_COUNT; i++)
		drop_linears(w, &w->variants[i]);
}

void workbench_keep_variants(struct workbench *w, unsigned types)
{
	for (int i = 0; i < DT_COUNT; i++) {
		struct variant *v = &w->variants[i];
		if (types >> i & 1 || !v->model || v->model == w->model)
			continue;
		drop_linears(w, v);
		model_free(v->model);
		*v = (struct variant){ 0 };
	}
}

/* A file as it is now, on this machine; "-" where it is not there. */
static void add_file_key(struct str *key, const char *path)
{
	struct stat st;
	if (stat(path, &st)) {
		str_add(key, ":-");
		return;
	}
	str_addf(key, ":%llx:%llx:%lld:%lld.%09ld", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino, (long long)st.st_size,
		 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* Identifies a list of files: their content was hashed under this key. One file is named
 * by what it is, several by a digest of that. */
static char *files_key(char *const *files)
{
	char host[256] = "";
	if (!files)
		return NULL;
	gethostname(host, sizeof(host) - 1);
	struct str key = STR_INIT, shards = STR_INIT;
	str_add(&key, host);
	add_file_key(&key, files[0]);
	for (char *const *f = files + 1; *f; f++)
		add_file_key(&shards, *f);
	if (files[1]) {
		struct sha256 s;
		char hex[SHA256_HEX];
		sha256_start(&s);
		sha256_add_str(&s, str_get(&shards));
		sha256_end(&s, hex);
		str_addf(&key, "+%s", hex);
	}
	str_release(&shards);
	return str_detach(&key);
}

/* The files may have been replaced since the model was loaded. */
static enum err check_same_files(const struct workbench *w, const struct model *m)
{
	char *key = files_key(m->weights_files);
	bool same = str_equal(key, w->key);
	free(key);
	return same ? OK
		    : err_set(ERR_IO, "%s: the file changed since it was loaded",
			      m->source);
}

static enum err open_as(const struct workbench *w, enum dtype type, struct model **out)
{
	const struct model *m = w->model;
	enum err e = model_open_as(m->name, m->seed, m->family->takes, type, out);
	if (!e)
		e = check_same_files(w, *out);
	if (!e)
		return OK;
	model_free(*out);
	*out = NULL;
	return e;
}

enum err workbench_variant(struct workbench *w, enum dtype type, struct variant **out)
{
	*out = &w->variants[type];
	return (*out)->model ? OK : open_as(w, type, &(*out)->model);
}

enum err workbench_switch(struct workbench *w, const struct spec *s, bool *changed)
{
	struct variant *v;
	enum err e = workbench_variant(w, model_dtype(&s->knobs), &v);
	if (e || v->model == w->model)
		return e;
	guard_enter(w->guard);
	w->model = v->model;
	guard_leave(w->guard);
	*changed = true;
	return OK;
}

enum err workbench_sketch(struct workbench *w, enum dtype type, const struct model **out)
{
	enum err e = OK;
	*out = w->model;
	if (w->model->dtype == type)
		return OK;
	if (w->sketch && w->sketch->dtype != type) {
		model_free(w->sketch);
		w->sketch = NULL;
	}
	if (!w->sketch)
		e = open_as(w, type, &w->sketch);
	*out = w->sketch;
	return e;
}

/* ---- weights ---- */

struct prepare_work {
	struct pool *pool;
	const struct work_watch *watch;
};

static void on_every_thread(void *ctx, void (*fn)(void *, int, int), void *arg)
{
	const struct prepare_work *work = ctx;
	pool_run(work->pool, fn, arg);
}

static bool weights_progress(void *ctx, int64_t done, int64_t total)
{
	const struct prepare_work *work = ctx;
	const struct work_watch *watch = work->watch;
	char what[48], size[16];
	snprintf(what, sizeof(what), "preparing %s of weights",
		 memory_text((double)total, size, sizeof(size)));
	watch->on_progress(watch->ctx, what, (double)done, (double)total);
	return watch->still_wanted(watch->ctx);
}

static enum err read_weights(struct workbench *w, struct variant *v,
			     const struct work_watch *watch)
{
	struct prepare_work work = { w->pool, watch };
	const struct tensors_work how = { &work, on_every_thread, weights_progress };
	if (v->prepared)
		return OK;
	enum err e = memory_check("weights of this model", model_bytes(v->model));
	if (!e)
		e = tensors_prepare(v->model->tensors, &how);
	v->prepared = e == OK;
	return e;
}

/* What a technique compares with is its base: where it is of the same type, that runs
 * too. */
static enum err prepare_linears(struct workbench *w, struct variant *v,
				const struct knobs *k, const struct work_watch *watch)
{
	struct knobs mine = *k, base = knobs_base(k);
	knobs_resolve_method(&mine);
	v->model->still_wanted = watch->still_wanted;
	v->model->still_ctx = watch->ctx;
	v->model->check_memory = memory_check;
	v->linears_prepared = true; /* half of them is undone the same way */
	enum err e = model_prepare(v->model, &mine, w->backend, w->backend_self);
	if (!e && model_dtype(&base) == v->model->dtype)
		e = model_prepare(v->model, &base, w->backend, w->backend_self);
	v->model->still_wanted = NULL; /* the watch is of this piece of work alone */
	return e;
}

/* Once for each type, after the backend was opened. */
static void calibrate_type(struct workbench *w, enum dtype type)
{
	double flops_per_s, bytes_per_s;
	if (!w->calibrated) {
		calibrate(w->backend, w->backend_self, &flops_per_s, &bytes_per_s);
		guard_enter(w->guard);
		rates_calibrate(w->rates, flops_per_s, bytes_per_s);
		guard_leave(w->guard);
		w->calibrated = 1u << DT_F32;
	}
	if (w->calibrated >> type & 1)
		return;
	flops_per_s = calibrate_product(w->backend, w->backend_self, type);
	guard_enter(w->guard);
	rates_calibrate_type(w->rates, type, flops_per_s);
	guard_leave(w->guard);
	w->calibrated |= 1u << type;
}

enum err workbench_prepare_variant(struct workbench *w, struct variant *v,
				   const struct knobs *k, const struct work_watch *watch)
{
	enum err e = read_weights(w, v, watch);
	if (e)
		return e;
	e = prepare_linears(w, v, k, watch);
	if (e) {
		drop_linears(w, v);
		return e;
	}
	calibrate_type(w, v->model->dtype);
	return OK;
}

/* ---- another model ---- */

void workbench_drop_model(struct workbench *w)
{
	workbench_drop_input(w);
	workbench_drop_classes(w);
	guard_enter(w->guard);
	w->model = NULL;
	model_free(w->sketch);
	w->sketch = NULL;
	w->sha256[0] = 0;
	w->shares.n = 0;
	saliencies_release(&w->saliencies);
	rates_forget(w->rates);
	guard_leave(w->guard);
	workbench_keep_variants(w, 0);
	free(w->key);
	w->key = NULL;
}

uint64_t workbench_seed(const struct knobs *k)
{
	return (uint64_t)knob_num(k, KNOB_SEED);
}

enum input_kind workbench_kind(const struct spec *s)
{
	if (s->input.input)
		return INPUT_SEQUENCE;
	return s->input.text || s->input.tokens ? INPUT_TEXT : INPUT_PICTURES;
}

/* One checkpoint may hold a tower for pictures and one for text: two models here. */
bool workbench_same_model(const struct model *m, const struct spec *s)
{
	return m && str_equal(m->name, s->model) && model_serves(m, workbench_kind(s)) &&
	       (!m->random_weights || m->seed == workbench_seed(&s->knobs));
}

/* A preset's identity: its name and seed; the generator's version, since it may change.
 */
void workbench_hash_preset(const struct model *m, uint64_t seed_number,
			   char hex[SHA256_HEX])
{
	char seed[48];
	struct sha256 s;
	sha256_start(&s);
	sha256_add_str(&s, "preset");
	sha256_add_str(&s, m->name);
	snprintf(seed, sizeof(seed), "%llu %d", (unsigned long long)seed_number,
		 RANDOM_SOURCE_VERSION);
	sha256_add_str(&s, seed);
	sha256_end(&s, hex);
}

enum err workbench_open_model(struct workbench *w, const struct spec *s)
{
	struct model *m;
	enum dtype type = model_dtype(&s->knobs);
	enum err e = model_open_as(s->model, workbench_seed(&s->knobs), workbench_kind(s),
				   type, &m);
	if (e)
		return e;
	workbench_drop_model(w);
	w->key = files_key(m->weights_files);
	guard_enter(w->guard);
	w->model = m;
	w->variants[type].model = m;
	if (m->random_weights)
		workbench_hash_preset(m, m->seed, w->sha256);
	guard_leave(w->guard);
	return OK;
}
