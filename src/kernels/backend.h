/*
 * A backend: one table of functions that compute, with the shapes of the ops in op.h.
 * What is counted (FLOPs, bytes, tokens) and what is allocated is op.c's business and the
 * same for all of them; a kernel only computes. Kernels do not allocate, log or know
 * layers.
 *
 * All tensors are F32 unless said otherwise; B items, T or N tokens, D channels, H heads.
 * Rows of inputs may be `ld` apart (views); outputs are contiguous unless said otherwise.
 * Outputs never overlap inputs except where said.
 */
#ifndef KERNELS_BACKEND_H
#define KERNELS_BACKEND_H

#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"
#include "tensor/tensor.h"

enum act {
	ACT_NONE,
	ACT_QUICK_GELU,
	ACT_GELU,
	ACT_GELU_TANH,
	ACT_SILU,
	ACT_RELU,
	ACT_SIGMOID,
	ACT_SOFTPLUS /* log(1 + e^u); u itself from 20 on, as PyTorch has it */
};

/*
 * y = x W^T + b: weight [out, in] as checkpoints hold it, F32, or F16 or BF16 (2-byte
 * aligned; products widen it on the way, exactly); bias [out] F32 or data-less.
 */
struct linear {
	struct tensor weight, bias;
	void *prepared; /* the backend's, by prepare(); NULL: none */
};

struct norm {
	struct tensor weight, bias; /* [D]; an RMS norm has no bias (ndim 0) */
	float eps;
};

/* A causal convolution of every channel by itself: weight [D, k], the last column meets
 * the present; bias [D], or ndim 0. */
struct conv {
	struct tensor weight, bias;
};

/* A diagonal state-space model (Gu and Dao 2023): a [D, N] < 0, skip [D]. */
struct ssm {
	struct tensor a, skip;
};

/*
 * Which rows belong to which item. Where every item has as many, a tensor is [B, T, ..]
 * and this is empty (ndim 0). Ragged: the tensor is [1, R, ..] and item b has `length[b]`
 * rows from `start[b]` on; rows between two items are padding, belong to nobody and may
 * hold anything finite. The last `back[b]` of them were made of several tokens: items
 * drop at different sites, so not all have as many.
 *
 * The same tells what attends to each other where that is less than an item: the windows
 * of a vision tower. Their number has nothing to do with that of items, and some may be
 * empty (length 0).
 */
struct segments {
	struct tensor start, length; /* I32 [B] */
	struct tensor back;          /* I32 [B], or ndim 0 where nobody counts them */
};

static inline bool segments_ragged(const struct segments *s) { return s->start.ndim; }

/* The rows [begin, begin + n) of item b, of `each` rows an item where not ragged. */
static inline void segments_rows(const struct segments *s, int64_t each, int64_t b,
				 int64_t *begin, int64_t *n)
{
	bool ragged = segments_ragged(s);
	*begin = ragged ? ((const int32_t *)s->start.data)[b] : b * each;
	*n = ragged ? ((const int32_t *)s->length.data)[b] : each;
}

/* The last rows of item b that are no candidates: `each`, unless they are counted. */
static inline int64_t segments_back(const struct segments *s, int64_t each, int64_t b)
{
	return s->back.ndim ? ((const int32_t *)s->back.data)[b] : each;
}

struct attn_opts {
	int heads;    /* of q */
	int kv_heads; /* of k and v, divides heads: query head h reads h / (heads /
			 kv_heads); 0: as many as q */
	float scale;  /* of q k^T, usually 1 / sqrt(D / heads) */
	bool causal;  /* query i of an item sees keys 0 .. Tk - Tq + i; Tq <= Tk */
	/* F32 [B, Tk], or ndim 0: how many tokens a key stands for; its log is added to
	 * the logits (proportional attention, Bolya et al. 2023). Not with ragged rows.
	 */
	struct tensor key_size;
	/* Rows of q and y, and of k and v. Both empty, both ragged (self-attention), or
	 * only those of the keys (q is [B, Tq, D] then). */
	struct segments query_rows, key_rows;
};

/* What a row of a selection holds besides a row number of its source. */
#define ROW_CLS (-1)  /* the class token, which is added there */
#define ROW_MADE (-2) /* a token that the technique makes of several */
#define ROW_PAD (-3)  /* nothing: padding of a ragged set */

/* Which tokens stay. In each item the first `front` rows and the last `back` rows (of a
 * source that counts them: as many as it says) always do; those between are the
 * candidates. */
struct select_opts {
	enum {
		SELECT_COUNT,    /* the `count` highest */
		SELECT_ABOVE,    /* those with score > value; at least the best */
		SELECT_QUANTILE, /* those above the item's own quantile `value`, which is
				    interpolated linearly; 0: all */
		SELECT_SHARE,    /* the fewest highest that hold `value` of the sum */
		SELECT_PART      /* of items of any length: the max(1, (int)(n value))
				    highest of an item's n candidates */
	} by;
	int64_t count;
	double value;
	int64_t tile; /* SELECT_PART: rounded up to a multiple of it; 0, as 1: as it is */
	int front, back;
	int cls;     /* 1: a ROW_CLS comes first */
	int made;    /* 1: a ROW_MADE comes last in items that drop something */
	bool padded; /* ragged: every item gets as many rows as the longest */
};

/* SELECT_PART: how many of an item's n candidates stay. */
static inline int64_t select_part(const struct select_opts *o, int64_t n)
{
	int64_t count = (int64_t)((double)n * o->value);
	count = count < 1 ? 1 : count;
	if (o->tile > 1)
		count = (count + o->tile - 1) / o->tile * o->tile;
	return count < n ? count : n;
}

/* The rows of a selection, by item: [cls] front kept [back] [made] */
struct selection {
	struct tensor rows; /* I32 [R]: row of the source (over all items), or ROW_ */
	struct segments in; /* of the source */
	struct segments out;
	int64_t items;
	int front, back;
	bool by_value; /* how many rows there are depends on scores */
};

/* What a made token is. */
enum made {
	MADE_MEAN_DROPPED,
	MADE_MEAN_ALL,    /* of all candidates */
	MADE_SUM_DROPPED, /* weighted by their scores, not normalised (EViT) */
};

/* Of the sums that tell how much a sequence varies: factors 2, 4, 8, 16; the energy. */
enum {
	VARIATION_FACTORS = 4,
	VARIATION_ENERGY = VARIATION_FACTORS,
	VARIATION_SUMS = VARIATION_FACTORS + 1
};

/*
 * What is done to a matrix product while it is still in the cache: act(x W^T + b), or
 * with `accumulate` y + x W^T + b (a residual connection), or with `multiply` y (x W^T +
 * b) (a gate); act must be ACT_NONE with either.
 *
 * And before it: with `round` F16 or BF16, the type of W then, x is rounded to that type
 * (to the nearest, ties to even). Products and sums are F32 (or exact) all the same.
 */
struct epilogue {
	enum act act;
	bool accumulate, multiply;
	enum dtype round; /* DT_F32: x as it is */
};

struct backend_opts {
	struct pool *pool; /* borrowed for the backend's life; ref and dry ignore it */
	const char *gemm;  /* engine by name; "" or "auto": the backend's choice */
};

/* What multiplies matrices, for the environment of a run; "" where it is not known. */
struct blas_info {
	char name[32]; /* the library, or our engine */
	char core[32]; /* the kernels that are in use, as the library calls them */
	char version[32];
	char warning[256]; /* why this is not what it should be; "" */
};

struct backend {
	const char *name;
	bool dry; /* computes nothing: data of its tensors is NULL */

	enum err (*open)(const struct backend_opts *, void **self);
	void (*close)(void *self);
	/* What multiplies so many rows, rounded to `round`, by a matrix ("openblas"), as
	 * stored with a layer. */
	const char *(*engine)(void *self, int64_t rows, const struct linear *,
			      enum dtype round);
	/* What multiplies in a pass of this type; NULL: nothing to say. */
	void (*describe)(void *self, enum dtype, struct blas_info *);
	/* Packs or uploads a weight once; ERR_NOMEM. NULL entries: nothing to prepare. */
	enum err (*prepare)(void *self, struct linear *);
	void (*unprepare)(void *self, struct linear *);

	/* y [.., out] (may have any ld when accumulating or multiplying), x [.., in];
	 * rows of x may overlap (ld < in) where there is no act and nothing is
	 * multiplied. */
	void (*linear)(void *self, struct tensor y, struct tensor x,
		       const struct linear *, struct epilogue);
	/* y, x [.., D]; y may be x. Two-pass variance, over D. */
	void (*layernorm)(void *self, struct tensor y, struct tensor x,
			  const struct norm *);
	/* y, x [.., D]; y may be x: y = weight x / sqrt(mean of x^2 over D + eps) */
	void (*rmsnorm)(void *self, struct tensor y, struct tensor x,
			const struct norm *);
	/*
	 * Rotary positions (Su et al. 2021), in place: x [.., heads * W] (any ld), turn
	 * [R, W] with a row for each row of x, cosines and then sines [c | s] of W / 2
	 * angles. In each head (a, b) = (first half, second half) becomes (a c - b s, b c
	 * + a s).
	 */
	void (*rotary)(void *self, struct tensor x, struct tensor turn, int heads);
	/* y [B, Tq, D]; q [B, Tq, D], k, v [B, Tk, D kv_heads / heads], heads side by
	 * side in D; the softmax over Tk is exact F32. */
	void (*attention)(void *self, struct tensor y, struct tensor q, struct tensor k,
			  struct tensor v, const struct attn_opts *);
	/* y [B, N, 3 p p] of image [B, 3, S, S'], patches row by row, each as (c, y, x).
	 */
	void (*patches)(void *self, struct tensor y, struct tensor image, int patch);
	/*
	 * y [.., D], a row for each of `rows` I32: row r of x [B, N, D] plus its own row
	 * of pos; ROW_CLS: cls [D] + pos[0]; others are left alone. pos [N + 1, D]
	 * begins with that of the class token; [N, D] and no cls (ndim 0) where a model
	 * has none.
	 */
	void (*embed)(void *self, struct tensor y, struct tensor x, struct tensor rows,
		      struct tensor cls, struct tensor pos);
	/* y[i] = x[rows[i]], elements of 4 bytes of any type; negative rows: y[i] is left
	 * alone, ROW_PAD: zero. y and x do not overlap. */
	void (*gather)(void *self, struct tensor y, struct tensor x, struct tensor rows);
	/* score [R] of x [.., D]: the mean over `heads` equal parts of the row of their
	 * L2 norm. */
	void (*token_norms)(void *self, struct tensor score, struct tensor x, int heads);
	/* score[i] = rng_uniform(key, i) (base/rng.h) */
	void (*random_scores)(void *self, struct tensor score, uint64_t key);
	/* score [B T] of q, k [B, T, D]: the mean over heads of softmax(q_0 k^T scale),
	 * the attention of row 0 to every row. */
	void (*cls_scores)(void *self, struct tensor score, struct tensor q,
			   struct tensor k, int heads, float scale);
	/*
	 * Fills s->rows (room for all that could stay) from the scores [R] of the
	 * source's rows, kept rows ascending; among equals the lowest row goes first; NaN
	 * counts as the lowest score. Not SELECT_COUNT: fills s->out (I32 [B] each) too.
	 * s->out.back only where it has room.
	 * Returns how many rows there are.
	 */
	int64_t (*select)(void *self, struct selection *s, struct tensor score,
			  const struct select_opts *);
	/* Writes the ROW_MADE rows of y, selected by s from x; `score` [R] of the
	 * source's rows for MADE_SUM_DROPPED. */
	void (*make)(void *self, struct tensor y, struct tensor x,
		     const struct selection *s, enum made, struct tensor score);
	/*
	 * Bipartite soft matching (Bolya et al. 2023): the tokens of an item fall into A
	 * (even) and B (odd); the metric is the mean over heads of k [B, T, D],
	 * normalised; the r tokens of A with the best partner in B are merged into it;
	 * row 0 never is where `cls` (r is at most how many that leaves). Fills into I32
	 * [B T]: the row of the output [B, T - r] that takes each; the unmerged of A in
	 * order, then B. Equal scores: the lowest index. `work` F32 [B T (D / heads +
	 * 2)].
	 */
	void (*match)(void *self, struct tensor into, struct tensor k, int heads,
		      int64_t r, bool cls, struct tensor work);
	/* y [B, T - r, D], y_size [B, T - r]: sums of size * x over `into`, divided by
	 * the sum of sizes. size [B, T], or ndim 0: all ones. */
	void (*merge)(void *self, struct tensor y, struct tensor y_size, struct tensor x,
		      struct tensor size, struct tensor into);
	/* y = x / |x|, by rows */
	void (*normalize)(void *self, struct tensor y, struct tensor x);
	/* y[i] = table[ids[i]] + pos[i % T], ids I32 [B, T], y [B, T, D]; table F32, F16
	 * or BF16; pos ndim 0: nothing is added. */
	void (*lookup)(void *self, struct tensor y, struct tensor table,
		       struct tensor ids, struct tensor pos);
	/*
	 * rows[b] I32 [B]: the row, over all items, at which text b of ids I32 [B, T]
	 * ends: the first that holds `end`, or row 0 of the item where none does; with
	 * end < 0 the first that holds the item's highest id.
	 */
	void (*ends)(void *self, struct tensor rows, struct tensor ids, int32_t end);
	/* y [B, T + K, D]: per item the first `before` rows of a, all of b, the rest of
	 * a; a [B, T, D], or [1, T, D] for all items alike, b [B, K, D]; no views. */
	void (*splice)(void *self, struct tensor y, struct tensor a, struct tensor b,
		       int64_t before);
	/* y: the rows of x but the first of every item, packed; items of x [B, T, D], or
	 * as `rows` says. */
	void (*skip_first)(void *self, struct tensor y, struct tensor x,
			   const struct segments *rows);
	/*
	 * Where runs of equal ids lie: ids I32 [U] ascending, 0 <= id < G; start, length
	 * I32 [G]: start[g], length[g] are those of the rows with id g, times `unit`; an
	 * id that is not there has length 0.
	 */
	void (*runs)(void *self, struct tensor start, struct tensor length,
		     struct tensor ids, int unit);
	/* rows I32 [U]: the order that sorts keys I32 [U], which are all different. */
	void (*order)(void *self, struct tensor rows, struct tensor keys);

	/* ---- sequences (op_sequence.h): y, x [B, T, D], items after one another ---- */

	/*
	 * y[t] = act(bias + sum over j < k of weight[j] x[t - (k - 1) + j]). `past` [B,
	 * k - 1, D]: the rows before the first, replaced by the last ones; ndim 0:
	 * zeros.
	 */
	void (*conv1d)(void *self, struct tensor y, struct tensor x, const struct conv *,
		       enum act, struct tensor past);
	/*
	 * The selective scan, with d = step delta[t]:
	 *   S = exp(d a) S + d x[t] b[t];  y[t] = S c[t] + skip x[t]
	 * delta [B, T, D], b, c [B, T, N], any ld; state S [B, D, N] is where it starts
	 * and ends, `fresh`: it starts from zero whatever is there.
	 */
	void (*scan)(void *self, struct tensor y, struct tensor x, struct tensor delta,
		     struct tensor b, struct tensor c, const struct ssm *, float step,
		     struct tensor state, bool fresh);
	/* y *= silu(z), in place; any ld */
	void (*gate)(void *self, struct tensor y, struct tensor z);
	/* y [B, ceil(T / r), D]: rows 0, r, 2 r ... of each item of x */
	void (*downsample)(void *self, struct tensor y, struct tensor x, int r);
	/* y[t] = x[t / r], y [B, T, D], x [B, ceil(T / r), D] */
	void (*upsample)(void *self, struct tensor y, struct tensor x, int r);
	/* y[t] = g low[t / r] + (1 - g) y[t], in place; g [B, T, D], or [D] for all rows
	 * alike; low [B, ceil(T / r), D] */
	void (*blend)(void *self, struct tensor y, struct tensor low, struct tensor g,
		      int r);
	/*
	 * Adds to sums [B, VARIATION_SUMS + D] for each item of x [B, t, D]: at i <
	 * VARIATION_FACTORS, with r = 2^(i + 1), the sum over t of |x[t] - x[t - t mod
	 * r]|^2; at VARIATION_ENERGY that of |x[t]|^2; then the sum of the rows.
	 */
	void (*variation)(void *self, struct tensor sums, struct tensor x);
	/* y [B, D]: the mean of the rows of each item of x, whose rows are `rows` */
	void (*mean_rows)(void *self, struct tensor y, struct tensor x,
			  const struct segments *rows);
	/* y[t][i D + d] = sum over l <= min(t, L - 1) of taps[i][l] x[t - l][d]; taps [r,
	 * L], y [B, T, r D] */
	void (*taps)(void *self, struct tensor y, struct tensor x, struct tensor taps);
};

extern const struct backend *const backends[];           /* NULL-terminated */
const struct backend *backend_by_name(const char *name); /* NULL: none */

#endif
