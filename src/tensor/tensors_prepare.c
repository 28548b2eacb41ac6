/* Preparing: pieces cut into chunks that threads take one after the other. */
#include "tensor/tensors_private.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/str.h"

#define CHUNK ((int64_t)1 << 18) /* elements: some milliseconds of work at most */
#define ROUNDED 8192             /* elements: 32 KiB on the stack */
#define PAGE 4096

struct chunk {
	const struct piece *piece;
	int64_t begin, end;
	/* Where its numbers lie in a mapped file, if they are copied from there. */
	const char *from;
	size_t from_size;
};

struct job {
	struct tensors *set;
	const struct tensors_work *work;
	struct chunk *chunk;
	int count;
	atomic_int next;
	atomic_llong done; /* bytes, as `total` */
	int64_t total;
	atomic_bool stop;
};

/* Where the numbers of a piece that is a copy lie in a mapped file, so that their pages
 * can be given back; no data: they do not, or nobody knows. */
static struct tensor mapped_of(const struct tensors *t, const struct piece *p)
{
	struct tensor stored = { 0 };
	if (p->in_place || !t->source->mapped || !t->source->find ||
	    !t->source->find(t->self, p->name, &stored))
		stored.data = NULL;
	return stored;
}

static void cut_into_chunks(struct job *j, const struct piece *p)
{
	const struct tensor stored = mapped_of(j->set, p);
	const size_t size = dtype_size(stored.dtype);
	const char *from = stored.data;
	int64_t n = tensor_count(&p->to);
	j->total += tensor_bytes(&p->to);
	size_t more = (size_t)((n + CHUNK - 1) / CHUNK);
	j->chunk = mem_grow(j->chunk, (size_t)j->count + more, sizeof(*j->chunk));
	for (int64_t at = 0, end; at < n; at = end) {
		end = at + CHUNK < n ? at + CHUNK : n;
		j->chunk[j->count++] = (struct chunk){
			.piece = p,
			.begin = at,
			.end = end,
			.from = from ? from + (size_t)at * size : NULL,
			.from_size = (size_t)(end - at) * size,
		};
	}
}

static int64_t bytes_of(const struct chunk *c)
{
	return (c->end - c->begin) * (int64_t)dtype_size(c->piece->to.dtype);
}

static char *start_of(const struct chunk *c)
{
	const struct tensor *to = &c->piece->to;
	return (char *)to->data + (size_t)c->begin * dtype_size(to->dtype);
}

static void touch(const struct chunk *c)
{
	const volatile char *p = start_of(c);
	int64_t n = bytes_of(c);
	for (int64_t i = 0; i < n; i += PAGE)
		(void)p[i];
	(void)p[n - 1];
}

/* Whole pages of the file that were copied: they would count as memory of ours. */
static void give_back(const struct chunk *c)
{
	uintptr_t begin = ((uintptr_t)c->from + PAGE - 1) / PAGE * PAGE;
	uintptr_t end = ((uintptr_t)c->from + c->from_size) / PAGE * PAGE;
	if (c->from && begin < end) /* advice: a refusal costs memory only */
		madvise((void *)begin, end - begin, MADV_DONTNEED);
}

/* What is generated in halves was so before it is held in others. */
static void round_as_generated(const struct tensors *t, float *x, size_t n)
{
	uint16_t half[ROUNDED];
	if (!tensors_is_generated(t) || t->generated == DT_F32)
		return;
	dtype_from_f32(t->generated, x, half, n);
	dtype_to_f32(t->generated, half, x, n);
}

/* What the source gives as F32 is rounded before it leaves the cache. */
static void fill_rounded(const struct tensors *t, const struct chunk *c)
{
	const struct piece *p = c->piece;
	float wide[ROUNDED];
	char *to = start_of(c);
	for (int64_t at = c->begin, n; at < c->end; at += n) {
		n = c->end - at < ROUNDED ? c->end - at : ROUNDED;
		t->source->fill(t->self, p->name, &p->to, at, at + n, wide);
		round_as_generated(t, wide, (size_t)n);
		dtype_from_f32(p->to.dtype, wide, to, (size_t)n);
		to += (size_t)n * dtype_size(p->to.dtype);
	}
}

static void prepare_chunk(const struct tensors *t, const struct chunk *c)
{
	const struct piece *p = c->piece;
	if (p->in_place)
		touch(c);
	else if (p->to.dtype != DT_F32)
		fill_rounded(t, c);
	else
		t->source->fill(t->self, p->name, &p->to, c->begin, c->end,
				tensor_f32(&p->to) + c->begin);
	give_back(c);
}

static void report(struct job *j)
{
	const struct tensors_work *w = j->work;
	if (w && w->progress && !w->progress(w->ctx, atomic_load(&j->done), j->total))
		atomic_store(&j->stop, true);
}

static void prepare_chunks(void *arg, int thread, int threads)
{
	(void)threads;
	struct job *j = arg;
	while (!atomic_load(&j->stop)) {
		int i = atomic_fetch_add(&j->next, 1);
		if (i >= j->count)
			break;
		prepare_chunk(j->set, &j->chunk[i]);
		atomic_fetch_add(&j->done, bytes_of(&j->chunk[i]));
		if (thread == 0)
			report(j);
	}
}

enum err tensors_prepare_one(struct tensors *t, const struct tensor *given)
{
	struct job j = { .set = t };
	if (t->error)
		return tensors_error(t);
	for (int i = 0; i < t->piece_count; i++)
		if (t->piece[i].to.data == given->data)
			cut_into_chunks(&j, &t->piece[i]);
	prepare_chunks(&j, 0, 1);
	free(j.chunk);
	return tensors_error(t);
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
