#include "bench.h"

#include <math.h>

#include "models/input.h"

#define RTOL 1e-4
#define ATOL 1e-5 /* of the largest value of the tensor */

const struct bench_way bench_ways[] = {
	{ "ref", "", 1, "on", "packed" },       { "ref", "", 1, "off", "padded" },
	{ "cpu", "auto", 1, "on", "packed" },   { "cpu", "auto", 2, "off", "padded" },
	{ "cpu", "native", 2, "on", "packed" }, { "cpu", "ref", 3, "on", "padded" },
	{ NULL, NULL, 0, NULL, NULL },
};

/* ---- a backend that records what goes through its norms ---- */

static struct bench *recording; /* NULL: passes that nobody looks into */
static const struct backend *real;
static struct backend spy;

static void forget(struct bench *b)
{
	for (int i = 0; i < b->n_norms; i++) {
		free(b->norms[i].in);
		free(b->norms[i].out);
	}
	b->n_norms = 0;
}

static float *copy_of(const float *from, int64_t n)
{
	float *to = malloc(sizeof(float) * (size_t)n);
	return memcpy(to, from, sizeof(float) * (size_t)n);
}

typedef void norm_fn(void *self, struct tensor y, struct tensor x, const struct norm *);

static void record(norm_fn *run, void *self, struct tensor y, struct tensor x,
		   const struct norm *norm)
{
	struct bench *b = recording;
	if (!b) {
		run(self, y, x, norm);
		return;
	}
	assert_true(b->n_norms < BENCH_MAX_NORMS);
	struct bench_norm *n = &b->norms[b->n_norms++];
	/* Rows may be a view of a larger tensor (CLS of every item): all of it counts. */
	n->rows = tensor_rows(&x);
	n->in_count = n->rows * x.ld;
	n->in = copy_of(x.data, n->in_count);
	run(self, y, x, norm);
	n->out_count = tensor_count(&y);
	n->out = copy_of(y.data, n->out_count);
	n->weight = norm->weight.data;
}

static void spy_layernorm(void *self, struct tensor y, struct tensor x,
			  const struct norm *norm)
{
	record(real->layernorm, self, y, x, norm);
}

static void spy_rmsnorm(void *self, struct tensor y, struct tensor x,
			const struct norm *norm)
{
	record(real->rmsnorm, self, y, x, norm);
}

/* ---- the bench ---- */

void bench_open(struct bench *b, const char *folder, const char *stem,
		enum input_kind kind, const struct bench_way *way)
{
	bench_open_as(b, folder, stem, kind, way, DT_F32);
}

void bench_open_as(struct bench *b, const char *folder, const char *stem,
		   enum input_kind kind, const struct bench_way *way, enum dtype dtype)
{
	char path[128];
	*b = (struct bench){ .way = way, .folder = folder, .backend = &spy };
	check_ok(model_open_as(fixture(folder), 0, kind, dtype, &b->model));
	snprintf(path, sizeof(path), "%s/%s.safetensors", folder, stem);
	check_ok(safetensors_open(fixture(path), &b->oracle));
	check_ok(pool_create(way->threads, &b->pool));
	real = backend_by_name(way->backend);
	recording = NULL;
	spy = *real;
	spy.layernorm = spy_layernorm;
	spy.rmsnorm = spy_rmsnorm;
	check_ok(real->open(&(struct backend_opts){ b->pool, way->gemm }, &b->self));
	check_ok(tensors_prepare(b->model->tensors, NULL));
}

void bench_close(struct bench *b)
{
	model_unprepare(b->model, real, b->self);
	real->close(b->self);
	pool_free(b->pool);
	safetensors_free(b->oracle);
	model_free(b->model);
	forget(b);
}

const char *bench_what(const struct bench *b, const char *name)
{
	static char what[192];
	const struct bench_way *w = b->way;
	snprintf(what, sizeof(what), "%s %s/%s x%d qkv %s %s: %s", b->folder, w->backend,
		 w->gemm, w->threads, w->fused_qkv, w->layout, name);
	return what;
}

const struct tensor *bench_find(const struct bench *b, const char *group, const char *key)
{
	char name[128];
	snprintf(name, sizeof(name), "%s%s%s", group, *group ? "." : "", key);
	const struct safetensors_entry *e = safetensors_find(b->oracle, name);
	return e ? &e->tensor : NULL;
}

const struct tensor *bench_want(const struct bench *b, const char *group, const char *key)
{
	const struct tensor *t = bench_find(b, group, key);
	if (!t)
		fail_msg("%s: the oracle has no %s.%s", b->folder, group, key);
	return t;
}

struct tensor bench_copy(const struct tensor *t)
{
	struct tensor copy = *t;
	copy.data = malloc((size_t)tensor_bytes(t));
	memcpy(copy.data, t->data, (size_t)tensor_bytes(t));
	return copy;
}

static void set_knob(struct knobs *k, const char *option, const char *value)
{
	enum knob_id id = knob_find(option);
	if (id == KNOB_COUNT)
		fail_msg("no knob %s", option);
	check_ok(knobs_set(k, id, value));
}

static bool has_knob(const struct bench *b, enum knob_id id)
{
	return b->model->family->knobs & KNOB_BIT(id);
}

static struct knobs knobs_of_way(const struct bench *b, int64_t batch)
{
	struct knobs k;
	char text[24];
	knobs_init(&k);
	snprintf(text, sizeof(text), "%lld", (long long)batch);
	set_knob(&k, "batch", text);
	if (has_knob(b, KNOB_FUSED_QKV))
		set_knob(&k, "fused-qkv", b->way->fused_qkv);
	if (has_knob(b, KNOB_LAYOUT))
		set_knob(&k, "layout", b->way->layout);
	set_knob(&k, "dtype",
		 b->model->dtype == DT_BF16  ? "bf16"
		 : b->model->dtype == DT_F16 ? "fp16"
					     : "fp32");
	return k;
}

struct knobs bench_knobs(const struct bench *b, int64_t batch, const char *const *more)
{
	struct knobs k = knobs_of_way(b, batch);
	for (; *more; more += 2)
		set_knob(&k, more[0], more[1]);
	check_ok(model_check_knobs(b->model, &k));
	return k;
}

void bench_run(struct bench *b, struct setting *s, const struct input *input,
	       const struct knobs *k)
{
	forget(b);
	check_ok(model_prepare(b->model, k, real, b->self));
	check_ok(setting_init(s, b->model, b->backend, b->self, b->pool, input, k));
	recording = b;
	check_ok(setting_pass(s, false, NULL));
	recording = NULL;
}

/* ---- comparing ---- */

void bench_same(const char *what, const char *part, const float *got, int64_t n,
		const struct tensor *want)
{
	const float *r = want->data;
	double largest = 0;
	if (n != tensor_count(want))
		fail_msg("%s %s: %lld values, want %lld", what, part, (long long)n,
			 (long long)tensor_count(want));
	for (int64_t i = 0; i < n; i++)
		largest = fmax(largest, fabs((double)r[i]));
	for (int64_t i = 0; i < n; i++) {
		double off = fabs((double)got[i] - (double)r[i]);
		if (!(off <= RTOL * fabs((double)r[i]) + ATOL * largest))
			fail_msg("%s %s: element %lld is %.9g, want %.9g", what, part,
				 (long long)i, (double)got[i], (double)r[i]);
	}
}

/* One item's list against a row of the oracle, which ends at -1 or where it is full. */
static void same_list(const char *what, const char *part, int64_t item,
		      const int64_t *got, int64_t n, const struct tensor *want)
{
	int64_t width = want->dim[1], end = 0;
	const int64_t *r = (const int64_t *)want->data + item * width;
	while (end < width && r[end] >= 0)
		end++;
	if (n != end)
		fail_msg("%s %s: item %lld has %lld, want %lld", what, part,
			 (long long)item, (long long)n, (long long)end);
	for (int64_t i = 0; i < n; i++)
		if (got[i] != r[i])
			fail_msg("%s %s: item %lld entry %lld is %lld, want %lld", what,
				 part, (long long)item, (long long)i, (long long)got[i],
				 (long long)r[i]);
}

void bench_same_kept(const char *what, const struct trace *t, const struct tensor *want)
{
	size_t patches = (size_t)(t->patches * t->unit);
	int32_t *kept = malloc(sizeof(*kept) * patches);
	int64_t *wide = malloc(sizeof(*wide) * patches);
	assert_int_equal(t->items, want->dim[0]);
	for (int64_t item = 0; item < t->items; item++) {
		int64_t n = trace_kept_patches(t, item, kept);
		for (int64_t i = 0; i < n; i++)
			wide[i] = kept[i];
		same_list(what, "kept", item, wide, n, want);
	}
	free(wide);
	free(kept);
}

/* What the oracle has of a site; NULL where it has none of that. */
struct site_want {
	const struct tensor *alive, *scores, *stayed, *groups;
};

static struct site_want want_site(const struct bench *b, const char *name, int site)
{
	char key[32];
	struct site_want w;
	snprintf(key, sizeof(key), "site.%d.alive", site);
	w.alive = bench_find(b, name, key);
	snprintf(key, sizeof(key), "site.%d.scores", site);
	w.scores = bench_find(b, name, key);
	snprintf(key, sizeof(key), "site.%d.stayed", site);
	w.stayed = bench_find(b, name, key);
	snprintf(key, sizeof(key), "groups.%d", site);
	w.groups = bench_find(b, name, key);
	return w;
}

static bool listed(const struct tensor *lists, int64_t item, int64_t name)
{
	const int64_t *row = (const int64_t *)lists->data + item * lists->dim[1];
	for (int64_t i = 0; i < lists->dim[1]; i++)
		if (row[i] == name)
			return true;
	return false;
}

/* The oracle lists candidates only, a story every token: summaries are passed over. */
static void same_story(const char *what, const struct site_want *w, int64_t item,
		       struct trace_story *s)
{
	int64_t n = 0, m = 0;
	for (int64_t i = 0; i < s->n_alive; i++)
		if (listed(w->alive, item, s->alive[i])) {
			if (s->scores)
				s->scores[n] = s->scores[i];
			s->alive[n++] = s->alive[i];
		}
	for (int64_t i = 0; i < s->n_kept; i++)
		if (listed(w->alive, item, s->kept[i]))
			s->kept[m++] = s->kept[i];
	same_list(what, "alive", item, s->alive, n, w->alive);
	same_list(what, "stayed", item, s->kept, m, w->stayed);
	assert_non_null(s->scores);
	struct tensor row = tensor_of(
		DT_F32, (float *)w->scores->data + item * w->scores->dim[1], DIMS(n));
	bench_same(what, "scores", s->scores, n, &row);
}

static void same_sites(const char *what, const struct bench *b, const char *name,
		       const struct trace *t)
{
	for (int i = 0; i < t->n; i++) {
		struct site_want w = want_site(b, name, i);
		for (int64_t item = 0; item < t->items; item++) {
			struct trace_story s;
			trace_tell(t, i, item, &s);
			if (w.groups)
				same_list(what, "groups", item, s.groups, t->patches,
					  w.groups);
			else if (w.alive)
				same_story(what, &w, item, &s);
			else
				fail_msg("%s: site %d is one too many", what, i);
			trace_story_release(&s);
		}
	}
	struct site_want beyond = want_site(b, name, t->n);
	if (beyond.alive || beyond.groups)
		fail_msg("%s: %d sites are too few", what, t->n);
}

/* ---- cases ---- */

/* Which norm is which, by a pass in which nothing is dropped. CLIP: one before the
 * blocks, two in each, one behind. SigLIP: two in each, one behind, one in the head.
 * Qwen: two in each, one behind, and those of a language model. */
struct norm_names {
	int first; /* of the blocks */
	const void *weight[BENCH_MAX_NORMS];
};

static const struct bench_norm *last_of(const struct bench *b, const void *weight)
{
	for (int i = b->n_norms - 1; i >= 0; i--)
		if (b->norms[i].weight == weight)
			return &b->norms[i];
	fail_msg("%s: a norm is missing", b->folder);
	return NULL;
}

static void name_norms(struct norm_names *names, struct bench *b,
		       const struct input *input, const struct knobs *of_case)
{
	struct setting s;
	struct knobs k = knobs_base(of_case);
	check_ok(model_check_knobs(b->model, &k));
	bench_run(b, &s, input, &k);
	names->first = s.out.trace.cls;
	for (int i = 0; i < b->n_norms; i++)
		names->weight[i] = b->norms[i].weight;
	setting_release(&s);
}

/* Rows of all items that block l's MLP reads. */
static int64_t rows_of(const struct tensor *counts, int l, bool padded)
{
	int64_t sum = 0, most = 0, items = counts->dim[0];
	for (int64_t item = 0; item < items; item++) {
		int64_t n = ((const int64_t *)counts->data)[item * counts->dim[1] + l];
		sum += n;
		most = n > most ? n : most;
	}
	return padded ? items * most : sum;
}

/* The rows that each block's MLP reads, and what the last block leaves. */
static void same_rows(const char *what, const struct bench *b, const char *name,
		      const struct norm_names *names, bool ragged)
{
	const struct tensor *counts = bench_want(b, name, "counts");
	const struct tensor *hidden = bench_find(b, name, "hidden");
	bool padded = has_knob(b, KNOB_LAYOUT) && !strcmp(b->way->layout, "padded");
	int depth = (int)counts->dim[1];
	for (int l = 0; l < depth; l++) {
		int64_t rows = rows_of(counts, l, padded);
		const void *ln2 = names->weight[names->first + 2 * l + 1];
		if (last_of(b, ln2)->rows != rows)
			fail_msg("%s: the MLP of block %d has %lld rows, want %lld", what,
				 l, (long long)last_of(b, ln2)->rows, (long long)rows);
	}
	if (!hidden) /* a tower that hands its tokens on has no norm behind its blocks */
		return;
	const struct bench_norm *post =
		last_of(b, names->weight[names->first + 2 * depth]);
	/* Of ragged rows the class tokens are gathered: there is nothing to see. */
	if (!ragged || post->in_count == tensor_count(hidden))
		bench_same(what, "hidden", post->in, post->in_count, hidden);
}

static struct knobs knobs_of_case(const struct bench *b, int64_t batch,
				  const json_t *object)
{
	const char *more[2 * KNOB_COUNT + 1] = { NULL };
	int n = 0;
	for (void *i = json_object_iter((json_t *)(uintptr_t)object); i;
	     i = json_object_iter_next((json_t *)(uintptr_t)object, i)) {
		more[n++] = json_object_iter_key(i);
		more[n++] = json_string_value(json_object_iter_value(i));
	}
	return bench_knobs(b, batch, more);
}

static struct input input_of_case(const struct bench *b, const json_t *knobs)
{
	char key[32];
	const json_t *size = json_object_get(knobs, "image-size");
	if (b->model->preprocess.grid)
		return bench_grids(b, "", bench_find(b, "", "ids"));
	snprintf(key, sizeof(key), "pixel_values.%s",
		 size ? json_string_value(size) : "");
	/* The oracle's first size has no number. */
	const struct tensor *pixels = bench_find(b, "", key);
	if (!pixels)
		pixels = bench_want(b, "", "pixel_values");
	return (struct input){ .pixels = bench_copy(pixels) };
}

json_t *bench_json(const char *path)
{
	json_error_t error;
	json_t *json = json_load_file(fixture(path), 0, &error);
	if (!json)
		fail_msg("%s: %s", path, error.text);
	return json;
}

void bench_each_case(const char *folder, const char *stem, enum input_kind kind,
		     const struct bench_way *way, bench_case_fn *fn)
{
	struct bench b;
	char path[128];
	size_t i;
	json_t *row;
	bench_open(&b, folder, stem, kind, way);
	snprintf(path, sizeof(path), "%s/%s.json", folder, stem);
	json_t *cases = bench_json(path);
	assert_true(json_array_size(cases) > 0);
	json_array_foreach(cases, i, row)
	{
		const json_t *object = json_object_get(row, "knobs");
		struct input input = input_of_case(&b, object);
		int64_t batch = input.grids ? input.items : input.pixels.dim[0];
		struct knobs k = knobs_of_case(&b, batch, object);
		fn(&b, json_string_value(json_object_get(row, "name")), &input, &k);
		input_release(&input);
	}
	json_decref(cases);
	bench_close(&b);
}

static void same_facts(const char *what, const struct bench *b, const char *name,
		       const struct low_rank_facts *facts)
{
	const struct tensor *error = bench_find(b, name, "error.visual");
	const struct tensor *break_even = bench_find(b, name, "break_even");
	if (!error)
		return;
	assert_int_equal(facts->matrices, 1);
	assert_int_equal(facts->break_even, *(const int64_t *)break_even->data);
	if (fabs(facts->rel_error - (double)*tensor_f32(error)) > 1e-6)
		fail_msg("%s: the error is %g, want %g", what, facts->rel_error,
			 (double)*tensor_f32(error));
}

void bench_same_case(struct bench *b, const char *name, const struct input *input,
		     const struct knobs *k, struct setting *s)
{
	const char *what = bench_what(b, name);
	bool ragged = !strcmp(knob_text(k, KNOB_METHOD), "threshold") ||
		      !strcmp(knob_text(k, KNOB_METHOD), "adaptive");
	struct norm_names names;
	name_norms(&names, b, input, k);
	bench_run(b, s, input, k);
	bench_same_kept(what, &s->out.trace, bench_want(b, name, "kept"));
	same_sites(what, b, name, &s->out.trace);
	same_rows(what, b, name, &names, ragged);
	bench_same(what, "image_embeds", tensor_f32(&s->out.image_embeds),
		   tensor_count(&s->out.image_embeds),
		   bench_want(b, name, "image_embeds"));
	same_facts(what, b, name, &s->out.low_rank);
}

static void check_case(struct bench *b, const char *name, const struct input *input,
		       const struct knobs *k)
{
	struct setting s;
	bench_same_case(b, name, input, k, &s);
	setting_release(&s);
}

void bench_cases(const char *folder, const char *stem)
{
	for (const struct bench_way *way = bench_ways; way->backend; way++)
		bench_each_case(folder, stem, INPUT_PICTURES, way, check_case);
}
