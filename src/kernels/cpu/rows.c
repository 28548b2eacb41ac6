/* The ops that treat every row alike: each thread takes a run of rows of y. */
#include <string.h>

#include "kernels/cpu/cpu.h"

struct rows {
	const struct vec *vec;
	void (*of_row)(const struct rows *, int64_t row);
	int64_t count;
	struct tensor y, x, pick, cls, pos; /* pick: I32, which row of x */
	const struct norm *norm;
	const struct segments *segments;
	int64_t patch, before;
	int heads;
};

static void run_rows(void *ctx, int thread, int threads)
{
	const struct rows *r = ctx;
	int64_t begin, end;
	pool_share(r->count, 1, thread, threads, &begin, &end);
	for (int64_t i = begin; i < end; i++)
		r->of_row(r, i);
}

/* One call for every row of `t`. */
static void rows_of(struct cpu *c, struct rows r, const struct tensor *t)
{
	r.vec = c->vec;
	r.count = tensor_rows(t);
	cpu_run(c, tensor_count(t), run_rows, &r);
}

static void all_rows(struct cpu *c, struct rows r) { rows_of(c, r, &r.y); }

static void layernorm_row(const struct rows *r, int64_t i)
{
	r->vec->layernorm(tensor_row(&r->y, i), tensor_row(&r->x, i),
			  tensor_f32(&r->norm->weight), tensor_f32(&r->norm->bias),
			  tensor_cols(&r->x), r->norm->eps);
}

void cpu_layernorm(void *self, struct tensor y, struct tensor x, const struct norm *norm)
{
	all_rows(self,
		 (struct rows){ .of_row = layernorm_row, .y = y, .x = x, .norm = norm });
}

static void rmsnorm_row(const struct rows *r, int64_t i)
{
	r->vec->rmsnorm(tensor_row(&r->y, i), tensor_row(&r->x, i),
			tensor_f32(&r->norm->weight), tensor_cols(&r->x), r->norm->eps);
}

void cpu_rmsnorm(void *self, struct tensor y, struct tensor x, const struct norm *norm)
{
	all_rows(self,
		 (struct rows){ .of_row = rmsnorm_row, .y = y, .x = x, .norm = norm });
}

static void rotary_row(const struct rows *r, int64_t i)
{
	r->vec->rotate(tensor_row(&r->y, i), tensor_row(&r->x, i), r->heads,
		       tensor_cols(&r->x));
}

void cpu_rotary(void *self, struct tensor x, struct tensor turn, int heads)
{
	all_rows(self, (struct rows){
			       .of_row = rotary_row, .y = x, .x = turn, .heads = heads });
}

/* One patch: 3 colours of `patch` runs of `patch` pixels. */
static void patches_row(const struct rows *r, int64_t i)
{
	int64_t height = r->x.dim[2], width = r->x.dim[3], patch = r->patch;
	int64_t b = i / r->y.dim[1], n = i % r->y.dim[1], across = width / patch;
	float *to = tensor_row(&r->y, i);
	for (int64_t c = 0; c < 3; c++) {
		int64_t row = (b * 3 + c) * height + n / across * patch;
		const float *from = tensor_f32(&r->x) + row * width + n % across * patch;
		for (int64_t j = 0; j < patch; j++, from += width, to += patch)
			memcpy(to, from, sizeof(float) * (size_t)patch);
	}
}

void cpu_patches(void *self, struct tensor y, struct tensor image, int patch)
{
	all_rows(self,
		 (struct rows){
			 .of_row = patches_row, .y = y, .x = image, .patch = patch });
}

/* The row of x that row i of y is made of, or ROW_. */
static int64_t embedded(const struct rows *r, int64_t i, int64_t lead)
{
	const int32_t *pick = r->pick.data;
	if (r->pick.ndim)
		return pick[i];
	int64_t n = r->x.dim[1], at = i % (n + lead) - lead;
	return at < 0 ? ROW_CLS : i / (n + lead) * n + at;
}

static void embed_row(const struct rows *r, int64_t i)
{
	int64_t lead = r->cls.ndim ? 1 : 0, from = embedded(r, i, lead);
	if (from < ROW_CLS)
		return;
	int64_t at = from < 0 ? 0 : lead + from % r->x.dim[1];
	r->vec->add(tensor_row(&r->y, i),
		    from < 0 ? tensor_f32(&r->cls) : tensor_row(&r->x, from),
		    tensor_row(&r->pos, at), tensor_cols(&r->y));
}

void cpu_embed(void *self, struct tensor y, struct tensor x, struct tensor rows,
	       struct tensor cls, struct tensor pos)
{
	all_rows(self, (struct rows){ .of_row = embed_row,
				      .y = y,
				      .x = x,
				      .pick = rows,
				      .cls = cls,
				      .pos = pos });
}

static void gather_row(const struct rows *r, int64_t i)
{
	int32_t from = ((const int32_t *)r->pick.data)[i];
	size_t bytes = sizeof(float) * (size_t)tensor_cols(&r->y);
	if (from >= 0)
		memcpy(tensor_row(&r->y, i), tensor_row(&r->x, from), bytes);
	else if (from == ROW_PAD)
		memset(tensor_row(&r->y, i), 0, bytes);
}

void cpu_gather(void *self, struct tensor y, struct tensor x, struct tensor rows)
{
	all_rows(self,
		 (struct rows){ .of_row = gather_row, .y = y, .x = x, .pick = rows });
}

/* Row `at` of an item, of the outer tensor (cls) or of what is put into it (x). */
static const float *spliced(const struct rows *r, int64_t item, int64_t at)
{
	int64_t inner = r->x.dim[1], outer = r->cls.dim[1], i = at - r->before;
	if (i >= 0 && i < inner)
		return tensor_row(&r->x, item * inner + i);
	return tensor_row(&r->cls, (r->cls.dim[0] > 1 ? item * outer : 0) +
					   (i < 0 ? at : at - inner));
}

static void splice_row(const struct rows *r, int64_t i)
{
	int64_t each = r->y.dim[1];
	memcpy(tensor_row(&r->y, i), spliced(r, i / each, i % each),
	       sizeof(float) * (size_t)tensor_cols(&r->y));
}

void cpu_splice(void *self, struct tensor y, struct tensor a, struct tensor b,
		int64_t before)
{
	all_rows(self, (struct rows){ .of_row = splice_row,
				      .y = y,
				      .x = b,
				      .cls = a,
				      .before = before });
}

/* One item: its rows but the first lie together, and so do they in y. */
static void skip_first_item(const struct rows *r, int64_t b)
{
	int64_t begin, n, skipped = b + 1;
	segments_rows(r->segments, r->x.dim[1], b, &begin, &n);
	if (n > 1)
		memcpy(tensor_row(&r->y, begin + 1 - skipped),
		       tensor_row(&r->x, begin + 1),
		       sizeof(float) * (size_t)((n - 1) * tensor_cols(&r->x)));
}

void cpu_skip_first(void *self, struct tensor y, struct tensor x,
		    const struct segments *rows)
{
	struct rows r = { .of_row = skip_first_item, .y = y, .x = x, .segments = rows };
	struct cpu *c = self;
	r.vec = c->vec;
	r.count = segments_ragged(rows) ? rows->length.dim[0] : x.dim[0];
	cpu_run(c, tensor_count(&y), run_rows, &r);
}

static void normalize_row(const struct rows *r, int64_t i)
{
	const float *from = tensor_row(&r->x, i);
	int64_t n = tensor_cols(&r->x);
	r->vec->divide(tensor_row(&r->y, i), from, r->vec->norm(from, n), n);
}

void cpu_normalize(void *self, struct tensor y, struct tensor x)
{
	all_rows(self, (struct rows){ .of_row = normalize_row, .y = y, .x = x });
}

static void lookup_row(const struct rows *r, int64_t i)
{
	const struct tensor *table = &r->x;
	int64_t id = ((const int32_t *)r->pick.data)[i], n = tensor_cols(table);
	float *to = tensor_row(&r->y, i);
	const char *from = (const char *)table->data +
			   (size_t)(id * table->ld) * dtype_size(table->dtype);
	r->vec->widen(to, from, table->dtype, n);
	if (r->pos.ndim)
		r->vec->add(to, to, tensor_row(&r->pos, i % r->y.dim[1]), n);
}

void cpu_lookup(void *self, struct tensor y, struct tensor table, struct tensor ids,
		struct tensor pos)
{
	all_rows(self, (struct rows){ .of_row = lookup_row,
				      .y = y,
				      .x = table,
				      .pick = ids,
				      .pos = pos });
}
