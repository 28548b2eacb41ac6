#include "models/mamba_memory.h"

#include <stdlib.h>
#include <string.h>

typedef struct tensor make_fn(void *ctx, int ndim, const int64_t *dim);

static struct mamba_branch make_branch(const struct mamba_sizes *s, int64_t items,
				       make_fn *make, void *ctx)
{
	return (struct mamba_branch){
		.past = make(ctx, DIMS(items, s->kernel - 1, s->inner)),
		.state = make(ctx, DIMS(items, s->inner, s->states)),
	};
}

static struct tensor in_pass(void *ctx, int ndim, const int64_t *dim)
{
	return pass_tensor(ctx, DT_F32, ndim, dim);
}

struct mamba_memory mamba_memory_of_pass(struct pass *p, const struct mamba_sizes *s,
					 int64_t items, enum mrss_mode mode)
{
	struct mamba_memory m = { 0 };
	if (mode == MRSS_OFF || mode == MRSS_BOTH)
		m.high = make_branch(s, items, in_pass, p);
	if (mode != MRSS_OFF)
		m.low = make_branch(s, items, in_pass, p);
	return m;
}

static struct tensor on_heap(void *ctx, int ndim, const int64_t *dim)
{
	bool *ok = ctx;
	struct tensor t = tensor_of(DT_F32, NULL, ndim, dim);
	t.data = calloc((size_t)tensor_count(&t) + 1, sizeof(float)); /* may be empty */
	*ok = *ok && t.data;
	return t;
}

enum err mamba_memory_of_steps(struct mamba_memory *m, const struct mamba_sizes *s)
{
	bool ok = true;
	m->high = make_branch(s, 1, on_heap, &ok);
	m->low = make_branch(s, 1, on_heap, &ok);
	m->held = on_heap(&ok, DIMS(1, s->inner));
	return ok ? OK : err_set(ERR_NOMEM, "no memory for the state of a scan");
}

void mamba_memory_release(struct mamba_memory *m)
{
	free(m->high.past.data);
	free(m->high.state.data);
	free(m->low.past.data);
	free(m->low.state.data);
	free(m->held.data);
	*m = (struct mamba_memory){ 0 };
}

static void clear(const struct tensor *t)
{
	if (t->ndim && t->data)
		memset(t->data, 0, (size_t)tensor_bytes(t));
}

void mamba_memory_forget(const struct mamba_memory *m)
{
	const struct tensor *const all[] = { &m->high.past, &m->high.state, &m->low.past,
					     &m->low.state, &m->held };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		clear(all[i]);
}

static double branch_bytes(const struct mamba_branch *b)
{
	return (double)tensor_bytes(&b->past) + (double)tensor_bytes(&b->state);
}

double mamba_memory_bytes(const struct mamba_memory *m, enum mrss_mode mode)
{
	double high = branch_bytes(&m->high);
	double low = branch_bytes(&m->low) + (double)tensor_bytes(&m->held);
	return (mode == MRSS_OFF || mode == MRSS_BOTH ? high : 0) +
	       (mode == MRSS_OFF ? 0 : low);
}
