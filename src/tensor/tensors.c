#include "tensor/tensors.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "tensor/slabs.h"

/* What somebody asked for. */
struct held {
	char *key; /* the names, joined by + */
	struct tensor tensor;
};

/* One tensor of the source and where it goes (or lies). */
struct piece {
	char *name;
	struct tensor shape;
	float *out;
	bool in_place;
};

struct tensors {
	const struct tensors_source *source;
	void *self;
	char *label;
	struct held *held;
	struct piece *piece;
	int held_count, piece_count;
	int prepared; /* pieces [0, prepared) are filled */
	struct slabs slabs;
	int64_t params;
	enum err error;
	char message[768];
};

struct tensors *tensors_create(const struct tensors_source *source, void *self,
			       const char *label)
{
	struct tensors *t = mem_alloc(sizeof(*t));
	t->source = source;
	t->self = self;
	t->label = str_dup(label);
	return t;
}

void tensors_free(struct tensors *t)
{
	if (!t)
		return;
	for (int i = 0; i < t->held_count; i++)
		free(t->held[i].key);
	for (int i = 0; i < t->piece_count; i++)
		free(t->piece[i].name);
	free(t->held);
	free(t->piece);
	slabs_release(&t->slabs);
	if (t->source->free)
		t->source->free(t->self);
	free(t->label);
	free(t);
}

const char *tensors_label(const struct tensors *t) { return t->label; }

const char *tensors_format(const struct tensors *t) { return t->source->name; }

bool tensors_is_generated(const struct tensors *t) { return !t->source->find; }

bool tensors_find(const struct tensors *t, const char *name, struct tensor *stored)
{
	return t->source->find && t->source->find(t->self, name, stored);
}

int64_t tensors_params(const struct tensors *t) { return t->params; }

int64_t tensors_bytes(const struct tensors *t)
{
	return t->params * (int64_t)sizeof(float);
}

/* The first failure stays. */
static void fail(struct tensors *, enum err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void fail(struct tensors *t, enum err code, const char *fmt, ...)
{
	if (t->error)
		return;
	char fact[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(fact, sizeof(fact), fmt, ap);
	va_end(ap);
	t->error = code;
	snprintf(t->message, sizeof(t->message), "%s: %s", t->label, fact);
}

enum err tensors_error(const struct tensors *t)
{
	if (t->error)
		return err_set(t->error, "%s", t->message);
	return t->source->check ? t->source->check(t->self) : OK;
}

static bool same_shape(const struct tensor *t, int ndim, const int64_t *dim)
{
	return t->ndim == ndim && !memcmp(t->dim, dim, (size_t)ndim * sizeof(*dim));
}

static bool is_float(enum dtype d)
{
	return d == DT_F32 || d == DT_F16 || d == DT_BF16 || d == DT_F64;
}

/* A source that could not look (a shard is missing) has the better message. */
static void fail_to_find(struct tensors *t, const char *name, const struct tensor *wanted)
{
	char want[96];
	enum err e = t->source->check ? t->source->check(t->self) : OK;
	if (!e) {
		fail(t, ERR_FORMAT, "there is no tensor %s, which the model needs as %s",
		     name, shape_text(wanted->ndim, wanted->dim, want, sizeof(want)));
	} else if (!t->error) {
		t->error = e;
		snprintf(t->message, sizeof(t->message), "%s", err_message());
	}
}

/* The stored tensor where it is what the model wants; else the set fails. */
static bool look_up(struct tensors *t, const char *name, const struct tensor *wanted,
		    struct tensor *stored)
{
	char is[96], want[96];
	*stored = *wanted;
	if (!t->source->find)
		return true;
	if (!t->source->find(t->self, name, stored))
		fail_to_find(t, name, wanted);
	else if (!same_shape(stored, wanted->ndim, wanted->dim))
		fail(t, ERR_FORMAT, "tensor %s is %s, the model needs %s", name,
		     shape_text(stored->ndim, stored->dim, is, sizeof(is)),
		     shape_text(wanted->ndim, wanted->dim, want, sizeof(want)));
	else if (!is_float(stored->dtype))
		fail(t, ERR_FORMAT, "tensor %s is %s, which is no weight", name,
		     dtype_name(stored->dtype));
	return t->error == OK;
}

static float *reserve(struct tensors *t, const char *name, const struct tensor *shape)
{
	float *p = slabs_alloc(&t->slabs, (size_t)tensor_bytes(shape));
	if (!p)
		fail(t, ERR_NOMEM, "no memory for tensor %s of %lld MiB", name,
		     (long long)(tensor_bytes(shape) >> 20));
	return p;
}

static void add_piece(struct tensors *t, const char *name, const struct tensor *shape,
		      float *out, bool in_place)
{
	t->piece = mem_grow(t->piece, (size_t)t->piece_count + 1, sizeof(*t->piece));
	t->piece[t->piece_count++] = (struct piece){
		.name = str_dup(name), .shape = *shape, .out = out, .in_place = in_place
	};
}

/* Takes key. */
static struct tensor hold(struct tensors *t, char *key, const struct tensor *tensor)
{
	t->held = mem_grow(t->held, (size_t)t->held_count + 1, sizeof(*t->held));
	t->held[t->held_count++] = (struct held){ .key = key, .tensor = *tensor };
	t->params += tensor_count(tensor);
	return *tensor;
}

static const struct tensor *find_held(const struct tensors *t, const char *key,
				      const struct tensor *wanted)
{
	for (int i = 0; i < t->held_count; i++)
		if (!strcmp(t->held[i].key, key) &&
		    same_shape(&t->held[i].tensor, wanted->ndim, wanted->dim))
			return &t->held[i].tensor;
	return NULL;
}

/* An F32 shape without data, or an empty one where no memory could hold it. */
static struct tensor wanted_shape(struct tensors *t, const char *name, int ndim,
				  const int64_t *dim)
{
	int64_t count, bytes;
	if (shape_count(ndim, dim, &count) &&
	    !__builtin_mul_overflow(count, (int64_t)sizeof(float), &bytes))
		return tensor_of(DT_F32, NULL, ndim, dim);
	char text[128];
	fail(t, ERR_FORMAT, "tensor %s cannot have shape %s", name,
	     shape_text(ndim, dim, text, sizeof(text)));
	return tensor_of(DT_F32, NULL, DIMS(0));
}

static bool usable_in_place(const struct tensor *stored)
{
	return stored->data && stored->dtype == DT_F32 &&
	       (uintptr_t)stored->data % _Alignof(float) == 0;
}

struct tensor tensors_get(struct tensors *t, const char *name, int ndim,
			  const int64_t *dim)
{
	struct tensor wanted = wanted_shape(t, name, ndim, dim), stored;
	if (t->error)
		return wanted;
	const struct tensor *known = find_held(t, name, &wanted);
	if (known)
		return *known;
	if (!look_up(t, name, &wanted, &stored))
		return wanted;
	bool in_place = usable_in_place(&stored);
	wanted.data = in_place ? stored.data : reserve(t, name, &wanted);
	if (!wanted.data)
		return wanted;
	add_piece(t, name, &wanted, wanted.data, in_place);
	return hold(t, str_dup(name), &wanted);
}

static char *joined(const char *const *names, int n)
{
	struct str s = STR_INIT;
	for (int i = 0; i < n; i++)
		str_addf(&s, "%s%s", i ? "+" : "", names[i]);
	return str_detach(&s);
}

/* Every part is there before anything is reserved. */
static bool look_up_parts(struct tensors *t, const char *const *names, int parts,
			  const struct tensor *part)
{
	struct tensor stored;
	for (int i = 0; i < parts; i++)
		if (!look_up(t, names[i], part, &stored))
			return false;
	return true;
}

struct tensor tensors_get_stacked(struct tensors *t, const char *const *names, int parts,
				  int ndim, const int64_t *dim)
{
	assert(parts > 0 && ndim > 0 && dim[0] % parts == 0);
	struct tensor wanted = wanted_shape(t, names[0], ndim, dim);
	if (t->error)
		return wanted;
	struct tensor part = wanted;
	part.dim[0] /= parts;
	part.ld = tensor_cols(&part);
	char *key = joined(names, parts);
	const struct tensor *known = find_held(t, key, &wanted);
	if (known)
		wanted = *known;
	else if (look_up_parts(t, names, parts, &part))
		wanted.data = reserve(t, key, &wanted);
	if (known || !wanted.data) {
		free(key);
		return wanted;
	}
	for (int i = 0; i < parts; i++)
		add_piece(t, names[i], &part,
			  (float *)wanted.data + i * tensor_count(&part), false);
	return hold(t, key, &wanted);
}

/* Preparing: pieces cut into chunks that threads take one after the other. */

#define CHUNK                                                                            \
	((int64_t)1 << 18) /* elements: 1 MiB, some milliseconds of work at most         \
			    */
#define TOUCH 1024         /* elements: one read per page of 4 KiB */

struct chunk {
	const struct piece *piece;
	int64_t begin, end;
};

struct job {
	struct tensors *set;
	const struct tensors_work *work;
	struct chunk *chunk;
	int count;
	atomic_int next;
	atomic_llong done; /* elements */
	int64_t total;
	atomic_bool stop;
};

static void cut_into_chunks(struct job *j, const struct piece *p)
{
	int64_t n = tensor_count(&p->shape);
	j->total += n;
	size_t more = (size_t)((n + CHUNK - 1) / CHUNK);
	j->chunk = mem_grow(j->chunk, (size_t)j->count + more, sizeof(*j->chunk));
	for (int64_t at = 0; at < n; at += CHUNK)
		j->chunk[j->count++] =
			(struct chunk){ p, at, at + CHUNK < n ? at + CHUNK : n };
}

static void touch(const struct chunk *c)
{
	const volatile float *p = c->piece->out;
	for (int64_t i = c->begin; i < c->end; i += TOUCH)
		(void)p[i];
	(void)p[c->end - 1];
}

static void report(struct job *j)
{
	const struct tensors_work *w = j->work;
	const long long size = sizeof(float);
	if (w && w->progress &&
	    !w->progress(w->ctx, atomic_load(&j->done) * size, j->total * size))
		atomic_store(&j->stop, true);
}

static void prepare_chunks(void *arg, int thread, int threads)
{
	(void)threads;
	struct job *j = arg;
	const struct tensors *t = j->set;
	while (!atomic_load(&j->stop)) {
		int i = atomic_fetch_add(&j->next, 1);
		if (i >= j->count)
			break;
		const struct chunk *c = &j->chunk[i];
		if (c->piece->in_place)
			touch(c);
		else
			t->source->fill(t->self, c->piece->name, &c->piece->shape,
					c->begin, c->end, c->piece->out + c->begin);
		atomic_fetch_add(&j->done, c->end - c->begin);
		if (thread == 0)
			report(j);
	}
}

enum err tensors_prepare(struct tensors *t, const struct tensors_work *work)
{
	if (t->error)
		return tensors_error(t);
	struct job j = { .set = t, .work = work };
	for (int i = t->prepared; i < t->piece_count; i++)
		cut_into_chunks(&j, &t->piece[i]);
	report(&j);
	if (work && work->parallel)
		work->parallel(work->ctx, prepare_chunks, &j);
	else
		prepare_chunks(&j, 0, 1);
	if (!atomic_load(&j.stop))
		report(&j); /* the last chunk may have been another thread's */
	free(j.chunk);
	if (atomic_load(&j.stop))
		return err_set(ERR_CANCELLED, "%s: loading was cancelled", t->label);
	t->prepared = t->piece_count;
	return tensors_error(t);
}
