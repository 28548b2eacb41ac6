#include "kernels/op.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const struct backend *backend_by_name(const char *name)
{
	for (int i = 0; backends[i]; i++)
		if (!strcmp(backends[i]->name, name))
			return backends[i];
	return NULL;
}

enum err pass_end(struct pass *p) { return p->err; }

size_t pass_mark(const struct pass *p) { return arena_mark(p->arena); }

void pass_release(struct pass *p, size_t mark) { arena_reset(p->arena, mark); }

struct tensor pass_tensor(struct pass *p, enum dtype dtype, int ndim, const int64_t *dim)
{
	struct tensor t = tensor_of(dtype, NULL, ndim, dim);
	if (!p->err && !arena_alloc(p->arena, (size_t)tensor_bytes(&t), &t.data))
		p->err = err_set(ERR_NOMEM, "activations do not fit into %zu MiB",
				 p->arena->size >> 20);
	return t;
}

void span_open(struct pass *p, const char *name, int index)
{
	if (p->err || !p->tracer)
		return;
	char text[64];
	if (index < 0)
		snprintf(text, sizeof(text), "%s", name);
	else
		snprintf(text, sizeof(text), "%s.%d", name, index);
	p->tracer->open(p->tracer, text);
}

void span_close(struct pass *p)
{
	if (!p->err && p->tracer)
		p->tracer->close(p->tracer, NULL);
}

/* Opens an op's span; false when the pass has failed or was cancelled. */
static bool op_begin(struct pass *p, const char *name)
{
	if (p->err)
		return false;
	if (p->still_wanted && !p->still_wanted(p->still_ctx)) {
		p->err = err_set(ERR_CANCELLED, "cancelled");
		return false;
	}
	if (p->tracer)
		p->tracer->open(p->tracer, name);
	return true;
}

static void op_end(struct pass *p, const struct op_count *c)
{
	if (p->tracer)
		p->tracer->close(p->tracer, c);
}

/* Tokens of an item: the dimension before the last of a [B, T, D]. */
static int64_t tokens_of(const struct tensor *t) { return t->ndim == 3 ? t->dim[1] : 0; }

static double bytes_of(const struct tensor *t) { return (double)tensor_bytes(t); }

static double act_flops(enum act act) { return act == ACT_NONE ? 0 : 5; }

/* What any x W^T + b costs. */
static struct op_count count_linear(struct pass *p, const struct tensor *y,
				    const struct tensor *x, const struct linear *l,
				    struct epilogue e)
{
	int64_t m = tensor_rows(x), k = tensor_cols(x), n = tensor_cols(y);
	double mac = (double)m * (double)n * (double)k, out = (double)m * (double)n;
	double per_output =
		(l->bias.ndim ? 1 : 0) + (e.accumulate ? 1 : 0) + act_flops(e.act);
	double bias_bytes = l->bias.ndim ? bytes_of(&l->bias) : 0;
	return (struct op_count){
		.kind = "linear",
		.engine = p->backend->engine(p->self, m),
		.flops = 2 * mac + per_output * out,
		.flops_fvcore = mac,
		.flops_torch = 2 * mac,
		.bytes_read = bytes_of(x) + bytes_of(&l->weight) + bias_bytes +
			      (e.accumulate ? bytes_of(y) : 0),
		.bytes_written = bytes_of(y),
		.tokens_in = tokens_of(x),
		.tokens_out = tokens_of(y),
		.m = m,
		.n = n,
		.k = k,
	};
}

static void run_linear(struct pass *p, struct tensor y, struct tensor x,
		       const struct linear *l, struct epilogue e)
{
	assert(tensor_cols(&x) == l->weight.dim[1] &&
	       tensor_cols(&y) == l->weight.dim[0]);
	assert(tensor_rows(&x) == tensor_rows(&y));
	p->backend->linear(p->self, y, x, l, e);
	struct op_count c = count_linear(p, &y, &x, l, e);
	op_end(p, &c);
}

struct tensor op_linear(struct pass *p, const char *name, struct tensor x,
			const struct linear *l, enum act act)
{
	struct tensor shape = x;
	shape.dim[x.ndim - 1] = l->weight.dim[0];
	struct tensor y = pass_tensor(p, DT_F32, x.ndim, shape.dim);
	if (op_begin(p, name))
		run_linear(p, y, x, l, (struct epilogue){ .act = act });
	return y;
}

void op_linear_add(struct pass *p, const char *name, struct tensor y, struct tensor x,
		   const struct linear *l)
{
	if (op_begin(p, name))
		run_linear(p, y, x, l, (struct epilogue){ .accumulate = true });
}

struct tensor op_layernorm(struct pass *p, const char *name, struct tensor x,
			   const struct norm *norm)
{
	struct tensor y = pass_tensor(p, DT_F32, x.ndim, x.dim);
	if (!op_begin(p, name))
		return y;
	p->backend->layernorm(p->self, y, x, norm);
	double elements = (double)tensor_count(&x);
	op_end(p, &(struct op_count){
			  .kind = "layernorm",
			  .flops = 8 * elements,
			  .flops_fvcore = 5 * elements,
			  .bytes_read = bytes_of(&x) + bytes_of(&norm->weight) +
					bytes_of(&norm->bias),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = tokens_of(&x),
			  .tokens_out = tokens_of(&y),
		  });
	return y;
}

struct tensor op_attention(struct pass *p, const char *name, struct tensor q,
			   struct tensor k, struct tensor v, const struct attn_opts *opts)
{
	struct tensor y = pass_tensor(p, DT_F32, q.ndim, q.dim);
	if (!op_begin(p, name))
		return y;
	p->backend->attention(p->self, y, q, k, v, opts);
	double scores = (double)q.dim[0] * (double)q.dim[1] * (double)k.dim[1];
	double mac = 2 * scores * (double)q.dim[2];
	op_end(p,
	       &(struct op_count){
		       .kind = "attention",
		       .flops = 2 * mac + 5 * scores * opts->heads,
		       .flops_torch = 2 * mac,
		       /* The scores stay in the cache: no memory of theirs is counted. */
		       .bytes_read = bytes_of(&q) + bytes_of(&k) + bytes_of(&v),
		       .bytes_written = bytes_of(&y),
		       .tokens_in = q.dim[1],
		       .tokens_out = q.dim[1],
	       });
	return y;
}

struct tensor op_patches(struct pass *p, const char *name, struct tensor image, int patch)
{
	int64_t n = (image.dim[2] / patch) * (image.dim[3] / patch);
	struct tensor y =
		pass_tensor(p, DT_F32, DIMS(image.dim[0], n, 3 * patch * patch));
	if (!op_begin(p, name))
		return y;
	p->backend->patches(p->self, y, image, patch);
	op_end(p, &(struct op_count){
			  .kind = "patches",
			  .bytes_read = bytes_of(&y),
			  .bytes_written = bytes_of(&y),
			  .tokens_out = n,
		  });
	return y;
}

struct tensor op_embed(struct pass *p, const char *name, struct tensor x,
		       struct tensor kept, struct tensor cls, struct tensor pos)
{
	int64_t count = kept.ndim ? kept.dim[1] : x.dim[1];
	struct tensor y = pass_tensor(p, DT_F32, DIMS(x.dim[0], 1 + count, x.dim[2]));
	if (!op_begin(p, name))
		return y;
	p->backend->embed(p->self, y, x, kept, cls, pos);
	op_end(p, &(struct op_count){
			  .kind = "embed",
			  .flops = (double)tensor_count(&y),
			  .bytes_read = 2 * bytes_of(&y),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = x.dim[1],
			  .tokens_out = 1 + count,
		  });
	return y;
}

struct tensor op_row_norms(struct pass *p, const char *name, struct tensor x)
{
	struct tensor score = pass_tensor(p, DT_F32, DIMS(x.dim[0], x.dim[1]));
	if (!op_begin(p, name))
		return score;
	p->backend->row_norms(p->self, score, x);
	op_end(p, &(struct op_count){
			  .kind = "score",
			  .flops = 2 * (double)tensor_count(&x),
			  .bytes_read = bytes_of(&x),
			  .bytes_written = bytes_of(&score),
			  .tokens_in = x.dim[1],
			  .tokens_out = x.dim[1],
		  });
	return score;
}

struct tensor op_random_scores(struct pass *p, const char *name, struct tensor x,
			       uint64_t key)
{
	struct tensor score = pass_tensor(p, DT_F32, DIMS(x.dim[0], x.dim[1]));
	if (!op_begin(p, name))
		return score;
	p->backend->random_scores(p->self, score, key);
	op_end(p, &(struct op_count){
			  .kind = "score",
			  .bytes_written = bytes_of(&score),
			  .tokens_in = x.dim[1],
			  .tokens_out = x.dim[1],
		  });
	return score;
}

struct tensor op_select(struct pass *p, const char *name, struct tensor score,
			int64_t count)
{
	struct tensor kept = pass_tensor(p, DT_I32, DIMS(score.dim[0], count));
	if (!op_begin(p, name))
		return kept;
	p->backend->select(p->self, kept, score);
	op_end(p, &(struct op_count){
			  .kind = "select",
			  .flops = (double)tensor_count(&score),
			  .bytes_read = bytes_of(&score),
			  .bytes_written = bytes_of(&kept),
			  .tokens_in = score.dim[1],
			  .tokens_out = count,
		  });
	return kept;
}
