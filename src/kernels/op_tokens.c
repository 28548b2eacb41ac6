/* Ops that score, select, move, make and merge tokens. */
#include "kernels/op.h"

#include <assert.h>

#include "kernels/op_span.h"

static void end_score(struct pass *p, const struct tensor *x, const struct tensor *score,
		      struct op_count c)
{
	c.kind = "score";
	c.bytes_written = bytes_of(score);
	c.tokens_in = c.tokens_out = tokens_of(p, x);
	op_end(p, &c);
}

void op_token_norms(struct pass *p, const char *name, struct tensor score,
		    struct tensor x, int heads)
{
	if (!op_begin(p, name))
		return;
	p->backend->token_norms(p->self, score, x, heads);
	end_score(p, &x, &score,
		  (struct op_count){ .flops = 2 * (double)tensor_count(&x),
				     .bytes_read = bytes_of(&x) });
}

void op_random_scores(struct pass *p, const char *name, struct tensor score,
		      struct tensor x, uint64_t key)
{
	if (!op_begin(p, name))
		return;
	p->backend->random_scores(p->self, score, key);
	end_score(p, &x, &score, (struct op_count){ 0 });
}

void op_cls_scores(struct pass *p, const char *name, struct tensor score, struct tensor q,
		   struct tensor k, int heads, float scale)
{
	if (!op_begin(p, name))
		return;
	p->backend->cls_scores(p->self, score, q, k, heads, scale);
	double mac = (double)tensor_count(&k);
	end_score(p, &k, &score,
		  (struct op_count){
			  .flops = 2 * mac + 5 * heads * (double)tensor_rows(&k),
			  .flops_fvcore = mac,
			  .flops_torch = 2 * mac,
			  .bytes_read = bytes_of(&k),
		  });
}

/* Rows of the source that are no candidates, of all items. */
static int64_t fixed_rows(const struct selection *s)
{
	int64_t n = s->items * s->front;
	for (int64_t b = 0; b < s->items; b++)
		n += s->in.back.data ? segments_back(&s->in, s->back, b) : s->back;
	return n;
}

/* Whether how many rows stay depends on the scores. */
static bool depends_on_values(const struct select_opts *o)
{
	return o->by != SELECT_COUNT && o->by != SELECT_PART;
}

/* Of a part of every item: exact where their lengths are known. */
static int64_t rows_of_parts(const struct selection *s, const struct select_opts *o)
{
	int64_t rows = fixed_rows(s);
	for (int64_t b = 0; b < s->items; b++) {
		int64_t begin, n;
		segments_rows(&s->in, 0, b, &begin, &n);
		n -= o->front + segments_back(&s->in, o->back, b);
		int64_t kept = select_part(o, n);
		rows += o->cls + kept + (o->made && kept < n);
	}
	return rows;
}

/* Else an upper bound. */
static int64_t most_of_part(const struct selection *s, const struct select_opts *o,
			    int64_t most)
{
	int64_t extra = s->items * (o->cls + o->made), fixed = fixed_rows(s);
	int64_t candidates = most - extra - fixed;
	int64_t each = o->tile > 1 ? o->tile : 1; /* that rounding adds, at most */
	int64_t rows = fixed + (int64_t)((double)candidates * o->value) + s->items * each;
	return extra + (rows < most - extra ? rows : most - extra);
}

/* How many rows a selection without data has. */
static int64_t expect_rows(const struct pass *p, const struct selection *s,
			   const struct select_opts *o, int64_t most)
{
	int64_t extra = s->items * (o->cls + o->made);
	if (o->by == SELECT_COUNT)
		return s->items * (o->count + o->front + o->back) + extra;
	if (o->by == SELECT_PART && s->in.length.data)
		return rows_of_parts(s, o);
	if (o->by == SELECT_PART)
		return most_of_part(s, o, most);
	if (!p->expected || p->n_selected >= p->n_expected)
		return most;
	double share = p->expected[p->n_selected];
	int64_t rows = (int64_t)((double)(most - extra) * share + 0.5) + extra;
	return rows < s->items ? s->items : rows > most ? most : rows;
}

void op_select(struct pass *p, const char *name, struct selection *s, struct tensor score,
	       const struct select_opts *o)
{
	int64_t room = s->rows.dim[0], candidates = tensor_count(&score);
	s->front = o->front;
	s->back = o->back;
	s->by_value = depends_on_values(o);
	s->rows.dim[0] = expect_rows(p, s, o, candidates + s->items * (o->cls + o->made));
	assert(s->rows.dim[0] <= room);
	if (o->by == SELECT_COUNT)
		s->out = (struct segments){ 0 };
	if (!op_begin(p, name))
		return;
	int64_t rows = p->backend->select(p->self, s, score, o);
	if (!p->backend->dry)
		s->rows.dim[0] = rows;
	p->n_selected += s->by_value;
	op_end(p, &(struct op_count){
			  .kind = "select",
			  .flops = (double)candidates,
			  .bytes_read = bytes_of(&score),
			  .bytes_written = bytes_of(&s->rows),
			  .tokens_in = tokens_per_item(p, candidates, s->items),
			  .tokens_out = tokens_per_item(p, s->rows.dim[0], s->items),
		  });
}

struct tensor op_gather(struct pass *p, const char *name, struct tensor y,
			struct tensor x, const struct selection *s)
{
	struct tensor to = selection_shape(s, x.dtype, tensor_cols(&x));
	to.data = y.data;
	if (!op_begin(p, name))
		return to;
	assert(tensor_bytes(&to) <= tensor_bytes(&y));
	p->backend->gather(p->self, to, x, s->rows);
	op_end(p, &(struct op_count){
			  .kind = "gather",
			  .bytes_read = bytes_of(&to),
			  .bytes_written = bytes_of(&to),
			  .tokens_in = tokens_of(p, &x),
			  .tokens_out = tokens_of(p, &to),
		  });
	return to;
}

void op_make(struct pass *p, const char *name, struct tensor y, struct tensor x,
	     const struct selection *s, enum made made, struct tensor score)
{
	if (!op_begin(p, name))
		return;
	p->backend->make(p->self, y, x, s, made, score);
	/* All candidates, or what did not stay; the made rows of y are none of it. */
	int64_t from =
		tensor_rows(&x) -
		(made == MADE_MEAN_ALL ? fixed_rows(s) : tensor_rows(&y) - s->items);
	double read = (double)(from > 0 ? from : 0) * (double)tensor_cols(&x);
	op_end(p, &(struct op_count){
			  .kind = "make",
			  .flops = 2 * read,
			  .bytes_read = sizeof(float) * read,
			  .bytes_written = (double)s->items * (double)tensor_cols(&y) *
					   sizeof(float),
			  .tokens_in = tokens_of(p, &x),
			  .tokens_out = tokens_per_item(p, s->items, s->items),
		  });
}

void op_match(struct pass *p, const char *name, struct tensor into, struct tensor k,
	      int heads, int64_t r, bool cls)
{
	size_t mark = pass_mark(p);
	int64_t t = k.dim[1], width = k.dim[2] / heads, even = (t + 1) / 2;
	struct tensor work = pass_tensor(p, DT_F32, DIMS(tensor_rows(&k) * (width + 2)));
	if (op_begin(p, name)) {
		p->backend->match(p->self, into, k, heads, r, cls, work);
		double mac = (double)k.dim[0] * (double)even * (double)(t - even) *
			     (double)width;
		op_end(p, &(struct op_count){
				  .kind = "match",
				  .flops = 2 * mac + (double)tensor_count(&k) +
					   3 * (double)(tensor_rows(&k) * width),
				  .flops_fvcore = mac,
				  .flops_torch = 2 * mac,
				  .bytes_read = bytes_of(&k),
				  .bytes_written = bytes_of(&into),
				  .tokens_in = t,
				  .tokens_out = t - r,
			  });
	}
	pass_release(p, mark);
}

struct tensor op_merge(struct pass *p, const char *name, struct tensor y,
		       struct tensor y_size, struct tensor x, struct tensor size,
		       struct tensor into)
{
	if (!op_begin(p, name))
		return y;
	p->backend->merge(p->self, y, y_size, x, size, into);
	op_end(p, &(struct op_count){
			  .kind = "merge",
			  .flops = 2 * (double)tensor_count(&x),
			  .bytes_read = bytes_of(&x),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = x.dim[1],
			  .tokens_out = y.dim[1],
		  });
	return y;
}

struct tensor op_splice(struct pass *p, const char *name, struct tensor a,
			struct tensor b, int64_t before)
{
	struct tensor y =
		pass_tensor(p, DT_F32, DIMS(b.dim[0], a.dim[1] + b.dim[1], b.dim[2]));
	if (!op_begin(p, name))
		return y;
	assert(a.ndim == 3 && b.ndim == 3 && a.dim[2] == b.dim[2] && before >= 0 &&
	       before <= a.dim[1] && (a.dim[0] == 1 || a.dim[0] == b.dim[0]));
	p->backend->splice(p->self, y, a, b, before);
	op_end(p, &(struct op_count){
			  .kind = "splice",
			  .bytes_read = bytes_of(&a) + bytes_of(&b),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = a.dim[1],
			  .tokens_out = y.dim[1],
		  });
	return y;
}

struct tensor op_skip_first(struct pass *p, const char *name, struct tensor x,
			    const struct segments *rows)
{
	bool ragged = segments_ragged(rows);
	int64_t items = ragged ? rows->length.dim[0] : x.dim[0];
	struct tensor y = pass_tensor(
		p, DT_F32, DIMS(x.dim[0], x.dim[1] - (ragged ? items : 1), x.dim[2]));
	if (!op_begin(p, name))
		return y;
	p->backend->skip_first(p->self, y, x, rows);
	op_end(p, &(struct op_count){
			  .kind = "gather",
			  .bytes_read = bytes_of(&y),
			  .bytes_written = bytes_of(&y),
			  .tokens_in = tokens_of(p, &x),
			  .tokens_out = tokens_of(p, &y),
		  });
	return y;
}

void op_runs(struct pass *p, const char *name, struct segments *out, struct tensor ids,
	     int unit)
{
	if (!op_begin(p, name))
		return;
	p->backend->runs(p->self, out->start, out->length, ids, unit);
	op_end(p, &(struct op_count){
			  .kind = "runs",
			  .bytes_read = bytes_of(&ids),
			  .bytes_written = bytes_of(&out->start) + bytes_of(&out->length),
		  });
}

struct tensor op_order(struct pass *p, const char *name, struct tensor keys)
{
	struct tensor rows = pass_tensor(p, DT_I32, DIMS(tensor_count(&keys)));
	if (!op_begin(p, name))
		return rows;
	p->backend->order(p->self, rows, keys);
	op_end(p, &(struct op_count){
			  .kind = "order",
			  .flops = (double)tensor_count(&keys),
			  .bytes_read = bytes_of(&keys),
			  .bytes_written = bytes_of(&rows),
		  });
	return rows;
}
