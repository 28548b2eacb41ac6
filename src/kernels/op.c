#include "kernels/op.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "kernels/op_span.h"

const struct backend *backend_by_name(const char *name)
{
	for (int i = 0; backends[i]; i++)
		if (!strcmp(backends[i]->name, name))
			return backends[i];
	return NULL;
}

enum err pass_end(struct pass *p) { return p->err; }

void pass_hidden(const struct pass *p, int layer, int64_t first, const struct tensor *x)
{
	if (!p->err && p->witness && p->witness->hidden && x->data)
		p->witness->hidden(p->witness->ctx, layer, first, x);
}

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

bool op_begin(struct pass *p, const char *name)
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

void op_end(struct pass *p, const struct op_count *c)
{
	if (p->tracer)
		p->tracer->close(p->tracer, c);
}

int64_t tokens_of(const struct pass *p, const struct tensor *t)
{
	if (t->ndim != 3)
		return 0;
	return tokens_per_item(p, tensor_rows(t), p->items ? p->items : t->dim[0]);
}

struct tensor selection_shape(const struct selection *s, enum dtype dtype, int64_t width)
{
	int64_t rows = s->rows.dim[0];
	if (segments_ragged(&s->out))
		return tensor_of(dtype, NULL, DIMS(1, rows, width));
	return tensor_of(dtype, NULL, DIMS(s->items, rows / s->items, width));
}

static double act_flops(enum act act) { return act == ACT_NONE ? 0 : 5; }

/* What any x W^T + b costs. */
static struct op_count count_linear(struct pass *p, const struct tensor *y,
				    const struct tensor *x, const struct linear *l,
				    struct epilogue e)
{
	int64_t m = tensor_rows(x), k = tensor_cols(x), n = tensor_cols(y);
	double mac = (double)m * (double)n * (double)k, out = (double)m * (double)n;
	bool updates = e.accumulate || e.multiply;
	double per_output = (l->bias.ndim ? 1 : 0) + (updates ? 1 : 0) + act_flops(e.act);
	double bias_bytes = l->bias.ndim ? bytes_of(&l->bias) : 0;
	return (struct op_count){
		.kind = "linear",
		.engine = p->backend->engine(p->self, m, l, e.round),
		.flops = 2 * mac + per_output * out,
		.flops_fvcore = mac,
		.flops_torch = 2 * mac,
		.bytes_read = bytes_of(x) + bytes_of(&l->weight) + bias_bytes +
			      (updates ? bytes_of(y) : 0),
		.bytes_written = bytes_of(y),
		.tokens_in = tokens_of(p, x),
		.tokens_out = tokens_of(p, y),
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
	e.round = product_type(p, l);
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
	op_linear_to(p, name, y, x, l, act);
	return y;
}

void op_linear_to(struct pass *p, const char *name, struct tensor y, struct tensor x,
		  const struct linear *l, enum act act)
{
	if (op_begin(p, name))
		run_linear(p, y, x, l, (struct epilogue){ .act = act });
}

void op_linear_add(struct pass *p, const char *name, struct tensor y, struct tensor x,
		   const struct linear *l)
{
	if (op_begin(p, name))
		run_linear(p, y, x, l, (struct epilogue){ .accumulate = true });
}

void op_linear_mul(struct pass *p, const char *name, struct tensor y, struct tensor x,
		   const struct linear *l)
{
	if (op_begin(p, name))
		run_linear(p, y, x, l, (struct epilogue){ .multiply = true });
}

static void layernorm(struct pass *p, const char *name, struct tensor y, struct tensor x,
		      const struct norm *norm)
{
	if (!op_begin(p, name))
		return;
	p->backend->layernorm(p->self, y, x, norm);
	double elements = (double)tensor_count(&x);
	op_end(p, &(struct op_count){
			  .kind = "layernorm",
			  .flops = 8 * elements,
			  .flops_fvcore = 5 * elements,
			  .bytes_read = bytes_of(&x) + bytes_of(&norm->weight) +
					bytes_of(&norm->bias),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = tokens_of(p, &x),
			  .tokens_out = tokens_of(p, &y),
		  });
}

struct tensor op_layernorm(struct pass *p, const char *name, struct tensor x,
			   const struct norm *norm)
{
	struct tensor y = pass_tensor(p, DT_F32, x.ndim, x.dim);
	layernorm(p, name, y, x, norm);
	return y;
}

void op_layernorm_in_place(struct pass *p, const char *name, struct tensor x,
			   const struct norm *norm)
{
	layernorm(p, name, x, x, norm);
}

struct tensor op_rmsnorm(struct pass *p, const char *name, struct tensor x,
			 const struct norm *norm)
{
	struct tensor y = pass_tensor(p, DT_F32, x.ndim, x.dim);
	if (!op_begin(p, name))
		return y;
	p->backend->rmsnorm(p->self, y, x, norm);
	op_end(p, &(struct op_count){
			  .kind = "rmsnorm",
			  .flops = 4 * (double)tensor_count(&x),
			  .bytes_read = bytes_of(&x) + bytes_of(&norm->weight),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = tokens_of(p, &x),
			  .tokens_out = tokens_of(p, &y),
		  });
	return y;
}

void op_rotary(struct pass *p, const char *name, struct tensor x, struct tensor turn,
	       int heads)
{
	if (!op_begin(p, name))
		return;
	assert(tensor_rows(&x) == tensor_rows(&turn) &&
	       tensor_cols(&x) == heads * tensor_cols(&turn));
	p->backend->rotary(p->self, x, turn, heads);
	op_end(p, &(struct op_count){
			  .kind = "rotary",
			  .flops = 3 * (double)tensor_count(&x),
			  .bytes_read = bytes_of(&x) + bytes_of(&turn),
			  .bytes_written = bytes_of(&x),
			  .tokens_in = tokens_of(p, &x),
			  .tokens_out = tokens_of(p, &x),
		  });
}

/* Pairs of a query and a key, over all segments. Of ragged rows without data: of segments
 * that are all alike. In a dry pass lengths may be those of before rows went, of which
 * each segment has lost the same part. */
static double count_scores(const struct pass *p, const struct tensor *q,
			   const struct tensor *k, const struct attn_opts *opts)
{
	int64_t segments = opts->key_rows.length.dim[0];
	const int32_t *queries = opts->query_rows.length.data,
		      *keys = opts->key_rows.length.data;
	double each = (double)q->dim[1], rows = (double)tensor_rows(k);
	double sum = 0, all_keys = 0, all_queries = 0;
	if (!segments_ragged(&opts->key_rows))
		return (double)q->dim[0] * each * (double)k->dim[1];
	if (!keys)
		return (double)tensor_rows(q) * rows / (double)segments;
	for (int64_t b = 0; b < segments; b++) {
		double n = queries ? (double)queries[b] : each;
		sum += n * (double)keys[b];
		all_queries += n;
		all_keys += (double)keys[b];
	}
	if (!p->backend->dry || all_queries <= 0 || all_keys <= 0)
		return sum;
	return sum * ((double)tensor_rows(q) / all_queries) * (rows / all_keys);
}

struct tensor op_attention(struct pass *p, const char *name, struct tensor q,
			   struct tensor k, struct tensor v, const struct attn_opts *opts)
{
	struct tensor y = pass_tensor(p, DT_F32, q.ndim, q.dim);
	if (!op_begin(p, name))
		return y;
	assert(!opts->kv_heads || opts->heads % opts->kv_heads == 0);
	p->backend->attention(p->self, y, q, k, v, opts);
	double scores = count_scores(p, &q, &k, opts);
	double mac = 2 * scores * (double)q.dim[2];
	op_end(p,
	       &(struct op_count){
		       .kind = "attention",
		       .flops = 2 * mac + 5 * scores * opts->heads,
		       .flops_torch = 2 * mac,
		       /* The scores stay in the cache: no memory of theirs is counted. */
		       .bytes_read = bytes_of(&q) + bytes_of(&k) + bytes_of(&v),
		       .bytes_written = bytes_of(&y),
		       .tokens_in = tokens_of(p, &q),
		       .tokens_out = tokens_of(p, &q),
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
		       const struct selection *s, struct tensor cls, struct tensor pos)
{
	struct tensor shape = tensor_of(
		DT_F32, NULL, DIMS(x.dim[0], x.dim[1] + (cls.ndim ? 1 : 0), x.dim[2]));
	struct tensor rows = { 0 };
	if (s) {
		shape = selection_shape(s, DT_F32, x.dim[2]);
		rows = s->rows;
	}
	struct tensor y = pass_tensor(p, DT_F32, shape.ndim, shape.dim);
	if (!op_begin(p, name))
		return y;
	p->backend->embed(p->self, y, x, rows, cls, pos);
	op_end(p, &(struct op_count){
			  .kind = "embed",
			  .flops = (double)tensor_count(&y),
			  .bytes_read = 2 * bytes_of(&y),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = tokens_of(p, &x),
			  .tokens_out = tokens_of(p, &y),
		  });
	return y;
}

struct tensor op_normalize(struct pass *p, const char *name, struct tensor x)
{
	struct tensor y = pass_tensor(p, DT_F32, x.ndim, x.dim);
	if (!op_begin(p, name))
		return y;
	p->backend->normalize(p->self, y, x);
	op_end(p, &(struct op_count){
			  .kind = "normalize",
			  .flops = 3 * (double)tensor_count(&x),
			  .bytes_read = bytes_of(&x),
			  .bytes_written = bytes_of(&y),
		  });
	return y;
}

struct tensor op_lookup(struct pass *p, const char *name, struct tensor table,
			struct tensor ids, struct tensor pos)
{
	struct tensor y =
		pass_tensor(p, DT_F32, DIMS(ids.dim[0], ids.dim[1], table.dim[1]));
	if (!op_begin(p, name))
		return y;
	p->backend->lookup(p->self, y, table, ids, pos);
	double elements = (double)tensor_count(&y);
	op_end(p, &(struct op_count){
			  .kind = "lookup",
			  .flops = pos.ndim ? elements : 0,
			  .bytes_read = elements * (double)dtype_size(table.dtype) +
					(pos.ndim ? bytes_of(&y) : 0),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = ids.dim[1],
			  .tokens_out = ids.dim[1],
		  });
	return y;
}

struct tensor op_ends(struct pass *p, const char *name, struct tensor ids, int32_t end)
{
	struct tensor rows = pass_tensor(p, DT_I32, DIMS(ids.dim[0]));
	if (!op_begin(p, name))
		return rows;
	p->backend->ends(p->self, rows, ids, end);
	op_end(p, &(struct op_count){
			  .kind = "ends",
			  .flops = (double)tensor_count(&ids),
			  .bytes_read = bytes_of(&ids),
			  .bytes_written = bytes_of(&rows),
		  });
	return rows;
}
