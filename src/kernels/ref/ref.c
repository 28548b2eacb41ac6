/*
 * The reference backend: the shortest correct loops, in double where sums are long. It is
 * the oracle of the other backends and is never fast.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/str.h"
#include "kernels/backend.h"
#include "kernels/ref/sequence.h"

static enum err ref_open(const struct backend_opts *opts, void **self)
{
	(void)opts;
	*self = NULL;
	return OK;
}

static void ref_close(void *self) { (void)self; }

static const char *ref_engine(void *self, int64_t rows, const struct linear *l,
			      enum dtype round)
{
	(void)self, (void)rows, (void)l, (void)round;
	return "ref";
}

double ref_activate(enum act act, double u)
{
	switch (act) {
	case ACT_QUICK_GELU:
		return u / (1 + exp(-1.702 * u));
	case ACT_GELU:
		return 0.5 * u * (1 + erf(u * 0.70710678118654752440));
	case ACT_GELU_TANH:
		return 0.5 * u *
		       (1 + tanh(0.79788456080286535588 * (u + 0.044715 * u * u * u)));
	case ACT_SILU:
		return u / (1 + exp(-u));
	case ACT_RELU:
		return u < 0 ? 0 : u;
	case ACT_SIGMOID:
		return 1 / (1 + exp(-u));
	case ACT_SOFTPLUS:
		return u > 20 ? u : log1p(exp(u));
	case ACT_NONE:
		break;
	}
	return u;
}

/* A row of F32, F16 or BF16. */
static void widen_row(float *to, const struct tensor *t, int64_t row)
{
	size_t size = dtype_size(t->dtype);
	dtype_to_f32(t->dtype, (const char *)t->data + (size_t)(row * t->ld) * size, to,
		     (size_t)tensor_cols(t));
}

/* x as a product of that type sees it, packed. */
static float *rounded(const struct tensor *x, enum dtype type)
{
	size_t rows = (size_t)tensor_rows(x), cols = (size_t)tensor_cols(x);
	float *to = mem_alloc(sizeof(float) * rows * cols);
	uint16_t *half = mem_alloc(sizeof(*half) * cols);
	for (size_t i = 0; i < rows; i++) {
		const float *row = tensor_row(x, (int64_t)i);
		if (type == DT_F32) {
			memcpy(to + i * cols, row, sizeof(float) * cols);
			continue;
		}
		dtype_from_f32(type, row, half, cols);
		dtype_to_f32(type, half, to + i * cols, cols);
	}
	free(half);
	return to;
}

static void ref_linear(void *self, struct tensor y, struct tensor x,
		       const struct linear *l, struct epilogue e)
{
	(void)self;
	int64_t rows = tensor_rows(&x), in = tensor_cols(&x), out = tensor_cols(&y);
	float *w = mem_alloc(sizeof(float) * (size_t)in), *from = rounded(&x, e.round);
	for (int64_t j = 0; j < out; j++) {
		widen_row(w, &l->weight, j);
		for (int64_t i = 0; i < rows; i++) {
			const float *xi = from + i * in;
			double sum = l->bias.ndim ? (double)tensor_f32(&l->bias)[j] : 0;
			for (int64_t k = 0; k < in; k++)
				sum += (double)xi[k] * (double)w[k];
			float *to = tensor_row(&y, i) + j;
			double now = ref_activate(e.act, sum);
			*to = (float)(e.accumulate ? (double)*to + now
				      : e.multiply ? (double)*to * now
						   : now);
		}
	}
	free(from);
	free(w);
}

static void ref_layernorm(void *self, struct tensor y, struct tensor x,
			  const struct norm *n)
{
	(void)self;
	int64_t rows = tensor_rows(&x), d = tensor_cols(&x);
	for (int64_t i = 0; i < rows; i++) {
		const float *from = tensor_row(&x, i);
		float *to = tensor_row(&y, i);
		double mean = 0, var = 0;
		for (int64_t j = 0; j < d; j++)
			mean += (double)from[j];
		mean /= (double)d;
		for (int64_t j = 0; j < d; j++)
			var += ((double)from[j] - mean) * ((double)from[j] - mean);
		double scale = 1 / sqrt(var / (double)d + (double)n->eps);
		for (int64_t j = 0; j < d; j++)
			to[j] = (float)(((double)from[j] - mean) * scale *
						(double)tensor_f32(&n->weight)[j] +
					(double)tensor_f32(&n->bias)[j]);
	}
}

static void ref_rmsnorm(void *self, struct tensor y, struct tensor x,
			const struct norm *n)
{
	(void)self;
	int64_t rows = tensor_rows(&x), d = tensor_cols(&x);
	for (int64_t i = 0; i < rows; i++) {
		const float *from = tensor_row(&x, i);
		double sum = 0;
		for (int64_t j = 0; j < d; j++)
			sum += (double)from[j] * (double)from[j];
		double scale = 1 / sqrt(sum / (double)d + (double)n->eps);
		for (int64_t j = 0; j < d; j++)
			tensor_row(&y, i)[j] = (float)((double)from[j] * scale *
						       (double)tensor_f32(&n->weight)[j]);
	}
}

static void ref_rotary(void *self, struct tensor x, struct tensor turn, int heads)
{
	(void)self;
	int64_t width = tensor_cols(&turn), half = width / 2;
	for (int64_t i = 0; i < tensor_rows(&x); i++) {
		const float *cosine = tensor_row(&turn, i), *sine = cosine + half;
		for (int64_t h = 0; h < heads; h++) {
			float *head = tensor_row(&x, i) + h * width;
			for (int64_t j = 0; j < half; j++) {
				double a = (double)head[j], b = (double)head[half + j];
				double c = (double)cosine[j], s = (double)sine[j];
				head[j] = (float)(a * c - b * s);
				head[half + j] = (float)(b * c + a * s);
			}
		}
	}
}

/* p[0..n) = softmax of p over n scores. */
static void softmax(double *p, int64_t n)
{
	double top = -HUGE_VAL, sum = 0;
	for (int64_t j = 0; j < n; j++)
		top = p[j] > top ? p[j] : top;
	for (int64_t j = 0; j < n; j++)
		sum += p[j] = exp(p[j] - top);
	for (int64_t j = 0; j < n; j++)
		p[j] /= sum;
}

static double dot(const float *a, const float *b, int64_t n)
{
	double sum = 0;
	for (int64_t i = 0; i < n; i++)
		sum += (double)a[i] * (double)b[i];
	return sum;
}

/* One query of one head: y = softmax(q k^T scale + log size) v over n rows of k and v
 * from row0 on, columns from col; of none y = 0. `p` has room for n scores. */
static void attend(float *y, const float *q, struct tensor k, struct tensor v,
		   const float *size, int64_t row0, int64_t col, int64_t n, int64_t width,
		   double scale, double *p)
{
	for (int64_t j = 0; j < n; j++)
		p[j] = scale * dot(q, tensor_row(&k, row0 + j) + col, width) +
		       (size ? log((double)size[row0 + j]) : 0);
	softmax(p, n);
	for (int64_t c = 0; c < width; c++) {
		double out = 0;
		for (int64_t j = 0; j < n; j++)
			out += p[j] * (double)(tensor_row(&v, row0 + j) + col)[c];
		y[c] = (float)out;
	}
}

static void ref_attention(void *self, struct tensor y, struct tensor q, struct tensor k,
			  struct tensor v, const struct attn_opts *opts)
{
	(void)self;
	int64_t width = q.dim[2] / opts->heads, items = q.dim[0];
	if (segments_ragged(&opts->key_rows))
		items = opts->key_rows.length.dim[0];
	int group = opts->kv_heads ? opts->heads / opts->kv_heads : 1;
	double *p = mem_alloc(sizeof(double) * (size_t)tensor_rows(&k));
	const float *size = opts->key_size.ndim ? opts->key_size.data : NULL;
	for (int64_t b = 0; b < items; b++) {
		int64_t q0, nq, k0, nk;
		segments_rows(&opts->query_rows, q.dim[1], b, &q0, &nq);
		segments_rows(&opts->key_rows, k.dim[1], b, &k0, &nk);
		for (int64_t h = 0; h < opts->heads; h++)
			for (int64_t i = 0; i < nq; i++)
				attend(tensor_row(&y, q0 + i) + h * width,
				       tensor_row(&q, q0 + i) + h * width, k, v, size, k0,
				       h / group * width,
				       opts->causal ? nk - nq + i + 1 : nk, width,
				       (double)opts->scale, p);
	}
	free(p);
}

static void ref_patches(void *self, struct tensor y, struct tensor image, int patch)
{
	(void)self;
	int64_t rows = image.dim[2], cols = image.dim[3], across = cols / patch;
	float *to = tensor_f32(&y);
	for (int64_t b = 0; b < image.dim[0]; b++)
		for (int64_t n = 0; n < y.dim[1]; n++)
			for (int64_t c = 0; c < 3; c++)
				for (int64_t r = 0; r < patch; r++) {
					int64_t row = n / across * patch + r;
					const float *from =
						tensor_f32(&image) +
						((b * 3 + c) * rows + row) * cols +
						n % across * patch;
					memcpy(to, from, sizeof(float) * (size_t)patch);
					to += patch;
				}
}

static void ref_embed(void *self, struct tensor y, struct tensor x, struct tensor rows,
		      struct tensor cls, struct tensor pos)
{
	(void)self;
	const int32_t *row = rows.ndim ? rows.data : NULL;
	int64_t n = x.dim[1], lead = cls.ndim ? 1 : 0;
	for (int64_t i = 0; i < tensor_rows(&y); i++) {
		int64_t at = i % (n + lead) - lead; /* all in order */
		int64_t from = row ? row[i] : at < 0 ? ROW_CLS : i / (n + lead) * n + at;
		if (from < ROW_CLS)
			continue;
		const float *a = from < 0 ? tensor_f32(&cls) : tensor_row(&x, from);
		const float *p = tensor_row(&pos, from < 0 ? 0 : lead + from % n);
		for (int64_t j = 0; j < tensor_cols(&y); j++)
			tensor_row(&y, i)[j] = a[j] + p[j];
	}
}

static void ref_gather(void *self, struct tensor y, struct tensor x, struct tensor rows)
{
	(void)self;
	const int32_t *row = rows.data;
	size_t bytes = sizeof(float) * (size_t)tensor_cols(&y);
	for (int64_t i = 0; i < tensor_rows(&y); i++)
		if (row[i] >= 0)
			memcpy(tensor_row(&y, i), tensor_row(&x, row[i]), bytes);
		else if (row[i] == ROW_PAD)
			memset(tensor_row(&y, i), 0, bytes);
}

static void ref_token_norms(void *self, struct tensor score, struct tensor x, int heads)
{
	(void)self;
	int64_t width = tensor_cols(&x) / heads;
	for (int64_t i = 0; i < tensor_rows(&x); i++) {
		double sum = 0;
		for (int64_t h = 0; h < heads; h++) {
			const float *part = tensor_row(&x, i) + h * width;
			sum += sqrt(dot(part, part, width));
		}
		tensor_f32(&score)[i] = (float)(sum / heads);
	}
}

static void ref_random_scores(void *self, struct tensor score, uint64_t key)
{
	(void)self;
	for (int64_t i = 0; i < tensor_count(&score); i++)
		tensor_f32(&score)[i] = rng_uniform(key, (uint32_t)i);
}

static void ref_cls_scores(void *self, struct tensor score, struct tensor q,
			   struct tensor k, int heads, float scale)
{
	(void)self;
	int64_t t = k.dim[1], width = k.dim[2] / heads;
	double *p = mem_alloc(sizeof(double) * (size_t)t);
	double *sum = mem_alloc(sizeof(double) * (size_t)t);
	for (int64_t b = 0; b < k.dim[0]; b++) {
		memset(sum, 0, sizeof(double) * (size_t)t);
		for (int64_t h = 0; h < heads; h++) {
			const float *cls = tensor_row(&q, b * t) + h * width;
			for (int64_t j = 0; j < t; j++)
				p[j] = (double)scale *
				       dot(cls, tensor_row(&k, b * t + j) + h * width,
					   width);
			softmax(p, t);
			for (int64_t j = 0; j < t; j++)
				sum[j] += p[j];
		}
		for (int64_t j = 0; j < t; j++)
			tensor_f32(&score)[b * t + j] = (float)(sum[j] / heads);
	}
	free(p);
	free(sum);
}

/* ---- selecting ---- */

/* Whether token a goes before token b: higher score, then lower index; NaN last. */
static bool ahead(const float *s, int64_t a, int64_t b)
{
	if (isnan(s[a]) || isnan(s[b]))
		return isnan(s[a]) && isnan(s[b]) ? a < b : !isnan(s[a]);
	return s[a] > s[b] || (!(s[a] < s[b]) && a < b);
}

/* order[rank] = candidate, the best first. */
static void rank_all(const float *s, int64_t n, int64_t *order)
{
	for (int64_t i = 0; i < n; i++) {
		int64_t rank = 0; /* how many go before i */
		for (int64_t j = 0; j < n; j++)
			rank += j != i && ahead(s, j, i);
		order[rank] = i;
	}
}

/* How many of n ranked candidates stay. */
static int64_t count_kept(const float *s, const int64_t *order, int64_t n,
			  const struct select_opts *o)
{
	double limit = o->value, sum = 0, total = 0;
	int64_t count = 0;
	if (o->by == SELECT_COUNT)
		return o->count;
	if (o->by == SELECT_PART) {
		count = (int64_t)((double)n * limit);
		count = count < 1 ? 1 : count;
		while (o->tile > 1 && count % o->tile)
			count++;
		return count < n ? count : n;
	}
	if (o->by == SELECT_SHARE) {
		for (int64_t i = 0; i < n; i++)
			total += isnan(s[i]) ? 0 : (double)s[i];
		while (count < n && (count == 0 || sum < limit * total)) {
			float best = s[order[count++]];
			sum += isnan(best) ? 0 : (double)best;
		}
		return count;
	}
	if (o->by == SELECT_QUANTILE) {
		if (limit <= 0 || !n)
			return n;
		double at = limit * (double)(n - 1);
		int64_t low = (int64_t)at; /* from the lowest */
		double a = (double)s[order[n - 1 - low]];
		double b = low + 1 < n ? (double)s[order[n - 2 - low]] : a;
		limit = a + (b - a) * (at - (double)low);
	}
	while (count < n && (double)s[order[count]] > limit)
		count++;
	return count || !n ? count : 1;
}

/* One item, whose last `*back` rows are no candidates (and then those of its result): its
 * rows to `out`; returns how many. */
static int64_t select_item(int32_t *out, const float *score, int64_t begin, int64_t n,
			   const struct select_opts *o, int64_t *back)
{
	int64_t many = n - o->front - *back, m = 0;
	const float *s = score + begin + o->front;
	int64_t *order = mem_alloc(sizeof(int64_t) * (size_t)(many + 1));
	bool *stays = mem_alloc((size_t)many + 1);
	rank_all(s, many, order);
	int64_t kept = count_kept(s, order, many, o);
	for (int64_t i = 0; i < kept; i++)
		stays[order[i]] = true;
	if (o->cls)
		out[m++] = ROW_CLS;
	for (int64_t i = 0; i < n; i++) {
		bool candidate = i >= o->front && i < n - *back;
		if (!candidate || stays[i - o->front])
			out[m++] = (int32_t)(begin + i);
	}
	if (o->made && kept < many) {
		out[m++] = ROW_MADE;
		++*back;
	}
	free(order);
	free(stays);
	return m;
}

/* Moves the items, which lie one after the other, apart, so that each has `longest` rows.
 */
static int64_t pad_items(struct selection *s, int64_t longest)
{
	int32_t *start = s->out.start.data, *length = s->out.length.data;
	int32_t *rows = s->rows.data;
	for (int64_t b = s->items - 1; b >= 0; b--) {
		memmove(rows + b * longest, rows + start[b],
			sizeof(int32_t) * (size_t)length[b]);
		for (int64_t i = length[b]; i < longest; i++)
			rows[b * longest + i] = ROW_PAD;
		start[b] = (int32_t)(b * longest);
	}
	return s->items * longest;
}

static int64_t ref_select(void *self, struct selection *s, struct tensor score,
			  const struct select_opts *o)
{
	(void)self;
	int64_t total = 0, longest = 0, t = tensor_count(&score) / s->items;
	for (int64_t b = 0; b < s->items; b++) {
		int64_t begin, n;
		segments_rows(&s->in, t, b, &begin, &n);
		int64_t back = segments_back(&s->in, o->back, b);
		int64_t m = select_item((int32_t *)s->rows.data + total, score.data,
					begin, n, o, &back);
		if (s->out.back.ndim)
			((int32_t *)s->out.back.data)[b] = (int32_t)back;
		if (segments_ragged(&s->out)) {
			((int32_t *)s->out.start.data)[b] = (int32_t)total;
			((int32_t *)s->out.length.data)[b] = (int32_t)m;
		}
		total += m;
		longest = m > longest ? m : longest;
	}
	return o->padded && segments_ragged(&s->out) ? pad_items(s, longest) : total;
}

static bool holds(const int32_t *rows, int64_t n, int64_t row)
{
	for (int64_t i = 0; i < n; i++)
		if (rows[i] == row)
			return true;
	return false;
}

/* The made row of one item of `n` rows from `begin` on (those that
 * always stay at its end not among them), of which `rows` [m] stayed. */
static void make_item(float *to, struct tensor x, int64_t begin, int64_t n,
		      const int32_t *rows, int64_t m, const struct selection *s,
		      enum made made, const float *score)
{
	for (int64_t c = 0; c < tensor_cols(&x); c++) {
		double sum = 0, count = 0;
		for (int64_t i = begin + s->front; i < begin + n; i++) {
			if (made != MADE_MEAN_ALL && holds(rows, m, i))
				continue;
			double w = made == MADE_SUM_DROPPED ? (double)score[i] : 1;
			sum += w * (double)tensor_row(&x, i)[c];
			count++;
		}
		to[c] = (float)(made == MADE_SUM_DROPPED ? sum : sum / count);
	}
}

static void ref_make(void *self, struct tensor y, struct tensor x,
		     const struct selection *s, enum made made, struct tensor score)
{
	(void)self;
	const int32_t *rows = s->rows.data;
	for (int64_t b = 0; b < s->items; b++) {
		int64_t in0, n, out0, m;
		segments_rows(&s->in, tensor_rows(&x) / s->items, b, &in0, &n);
		segments_rows(&s->out, tensor_rows(&y) / s->items, b, &out0, &m);
		n -= segments_back(&s->in, s->back, b);
		for (int64_t i = out0; i < out0 + m; i++)
			if (rows[i] == ROW_MADE)
				make_item(tensor_row(&y, i), x, in0, n, rows + out0, m, s,
					  made, score.data);
	}
}

/* ---- merging ---- */

/* The normalised metric of one row: the mean over heads of k. */
static void metric_of(float *to, const float *k, int heads, int64_t width)
{
	double norm = 0;
	for (int64_t c = 0; c < width; c++) {
		double sum = 0;
		for (int64_t h = 0; h < heads; h++)
			sum += (double)k[h * width + c];
		to[c] = (float)(sum / heads);
		norm += sum / heads * sum / heads;
	}
	for (int64_t c = 0; c < width; c++)
		to[c] = (float)((double)to[c] / sqrt(norm));
}

static void match_item(int32_t *into, struct tensor k, int64_t b, int heads, int64_t r,
		       bool cls, float *metric)
{
	int64_t t = k.dim[1], width = k.dim[2] / heads, even = (t + 1) / 2;
	float *best = metric + t * width, *partner = best + t;
	for (int64_t i = 0; i < t; i++)
		metric_of(metric + i * width, tensor_row(&k, b * t + i), heads, width);
	for (int64_t i = 0; i < even; i++) {
		best[i] = cls && i == 0 ? NAN : -HUGE_VALF; /* NaN goes last */
		partner[i] = 0;
		for (int64_t j = 0; 2 * j + 1 < t && !(cls && i == 0); j++) {
			float s = (float)dot(metric + 2 * i * width,
					     metric + (2 * j + 1) * width, width);
			if (s > best[i]) {
				best[i] = s;
				partner[i] = (float)j;
			}
		}
	}
	int64_t at = b * (t - r), unmerged = 0;
	for (int64_t i = 0; i < even; i++) {
		int64_t rank = 0;
		for (int64_t j = 0; j < even; j++)
			rank += j != i && ahead(best, j, i);
		into[2 * i] = (int32_t)(at + (rank < r ? even - r + (int64_t)partner[i]
						       : unmerged++));
	}
	for (int64_t j = 0; 2 * j + 1 < t; j++)
		into[2 * j + 1] = (int32_t)(at + even - r + j);
}

static void ref_match(void *self, struct tensor into, struct tensor k, int heads,
		      int64_t r, bool cls, struct tensor work)
{
	(void)self;
	for (int64_t b = 0; b < k.dim[0]; b++)
		match_item((int32_t *)into.data + b * k.dim[1], k, b, heads, r, cls,
			   work.data);
}

static void ref_merge(void *self, struct tensor y, struct tensor y_size, struct tensor x,
		      struct tensor size, struct tensor into)
{
	(void)self;
	const int32_t *to = into.data;
	for (int64_t o = 0; o < tensor_rows(&y); o++) {
		double weight = 0;
		for (int64_t i = 0; i < tensor_rows(&x); i++)
			if (to[i] == o)
				weight += size.ndim ? (double)tensor_f32(&size)[i] : 1;
		tensor_f32(&y_size)[o] = (float)weight;
		for (int64_t c = 0; c < tensor_cols(&x); c++) {
			double sum = 0;
			for (int64_t i = 0; i < tensor_rows(&x); i++)
				if (to[i] == o)
					sum += (size.ndim ? (double)tensor_f32(&size)[i]
							  : 1) *
					       (double)tensor_row(&x, i)[c];
			tensor_row(&y, o)[c] = (float)(sum / weight);
		}
	}
}

static void ref_normalize(void *self, struct tensor y, struct tensor x)
{
	(void)self;
	for (int64_t i = 0; i < tensor_rows(&x); i++) {
		const float *from = tensor_row(&x, i);
		double norm = sqrt(dot(from, from, tensor_cols(&x)));
		for (int64_t c = 0; c < tensor_cols(&x); c++)
			tensor_row(&y, i)[c] = (float)((double)from[c] / norm);
	}
}

static void ref_lookup(void *self, struct tensor y, struct tensor table,
		       struct tensor ids, struct tensor pos)
{
	(void)self;
	for (int64_t i = 0; i < tensor_rows(&y); i++) {
		int64_t id = ((const int32_t *)ids.data)[i], n = tensor_cols(&y);
		float *to = tensor_row(&y, i);
		widen_row(to, &table, id);
		for (int64_t c = 0; pos.ndim && c < n; c++)
			to[c] += tensor_row(&pos, i % y.dim[1])[c];
	}
}

static void ref_ends(void *self, struct tensor rows, struct tensor ids, int32_t end)
{
	(void)self;
	int64_t length = ids.dim[1];
	for (int64_t b = 0; b < ids.dim[0]; b++) {
		const int32_t *text = (const int32_t *)ids.data + b * length;
		int64_t at = 0;
		for (int64_t i = length - 1; i >= 0; i--)
			if (end < 0 ? text[i] >= text[at] : text[i] == end)
				at = i;
		((int32_t *)rows.data)[b] = (int32_t)(b * length + at);
	}
}

static void ref_splice(void *self, struct tensor y, struct tensor a, struct tensor b,
		       int64_t before)
{
	(void)self;
	for (int64_t i = 0; i < tensor_rows(&y); i++) {
		int64_t item = i / y.dim[1], at = i % y.dim[1];
		bool is_b = at >= before && at < before + b.dim[1];
		int64_t row = item * b.dim[1] + at - before;
		if (!is_b)
			row = (a.dim[0] > 1 ? item * a.dim[1] : 0) + at -
			      (at < before ? 0 : b.dim[1]);
		memcpy(tensor_row(&y, i), tensor_row(is_b ? &b : &a, row),
		       sizeof(float) * (size_t)tensor_cols(&y));
	}
}

static void ref_skip_first(void *self, struct tensor y, struct tensor x,
			   const struct segments *rows)
{
	(void)self;
	int64_t items = segments_ragged(rows) ? rows->length.dim[0] : x.dim[0], at = 0;
	for (int64_t b = 0; b < items; b++) {
		int64_t begin, n;
		segments_rows(rows, x.dim[1], b, &begin, &n);
		for (int64_t i = 1; i < n; i++)
			memcpy(tensor_row(&y, at++), tensor_row(&x, begin + i),
			       sizeof(float) * (size_t)tensor_cols(&x));
	}
}

static void ref_runs(void *self, struct tensor start, struct tensor length,
		     struct tensor ids, int unit)
{
	(void)self;
	const int32_t *id = ids.data;
	for (int64_t g = 0; g < tensor_count(&start); g++) {
		int32_t before = 0, equal = 0;
		for (int64_t i = 0; i < tensor_count(&ids); i++) {
			before += id[i] < g;
			equal += id[i] == g;
		}
		((int32_t *)start.data)[g] = before * unit;
		((int32_t *)length.data)[g] = equal * unit;
	}
}

static void ref_order(void *self, struct tensor rows, struct tensor keys)
{
	(void)self;
	const int32_t *key = keys.data;
	for (int64_t i = 0; i < tensor_count(&keys); i++) {
		int64_t rank = 0; /* how many go before i */
		for (int64_t j = 0; j < tensor_count(&keys); j++)
			rank += key[j] < key[i];
		((int32_t *)rows.data)[rank] = (int32_t)i;
	}
}

const struct backend ref_backend = {
	.name = "ref",
	.open = ref_open,
	.close = ref_close,
	.engine = ref_engine,
	.linear = ref_linear,
	.layernorm = ref_layernorm,
	.rmsnorm = ref_rmsnorm,
	.rotary = ref_rotary,
	.attention = ref_attention,
	.patches = ref_patches,
	.embed = ref_embed,
	.gather = ref_gather,
	.token_norms = ref_token_norms,
	.random_scores = ref_random_scores,
	.cls_scores = ref_cls_scores,
	.select = ref_select,
	.make = ref_make,
	.match = ref_match,
	.merge = ref_merge,
	.normalize = ref_normalize,
	.lookup = ref_lookup,
	.ends = ref_ends,
	.splice = ref_splice,
	.skip_first = ref_skip_first,
	.runs = ref_runs,
	.order = ref_order,
	.conv1d = ref_conv1d,
	.scan = ref_scan,
	.gate = ref_gate,
	.downsample = ref_downsample,
	.upsample = ref_upsample,
	.blend = ref_blend,
	.variation = ref_variation,
	.mean_rows = ref_mean_rows,
	.taps = ref_taps,
};
