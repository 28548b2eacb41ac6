/*
 * A pass: how a model computes.
 *
 * Ops allocate their result in the pass's arena, open a span, call the backend and close
 * the span with what they counted. The first failure (no memory, cancelled) sticks: later
 * ops do nothing and pass_end() reports it, so a model reads like its paper, without
 * error checks.
 *
 * The same model code runs on every backend. On `dry` the arena has no memory and nothing
 * is computed, but shapes, FLOPs, bytes and the peak of the arena are those of the real
 * pass.
 *
 * FLOP conventions (struct op_count): `flops` is ours: 2 per multiply-add, and 1 for
 * every other arithmetic operation on an element (bias 1, residual 1, gate 1, layer norm
 * 8, RMS norm 4, activations 5, rotary 3, softmax 5 per score, position 1, L2 norm 2,
 * select 1 per score, a mean of tokens or a merge 2 per element that enters, normalising
 * 3, a scan 9 per element of the state and token, a gate 6, a blend 3);
 * `fvcore` counts 1 per multiply-add, 5 per element of an affine layer norm and no
 * attention products; `torch` counts 2 per multiply-add of matrix products and
 * convolutions and nothing else.
 */
#ifndef KERNELS_OP_H
#define KERNELS_OP_H

#include "base/arena.h"
#include "kernels/backend.h"

struct op_count {
	const char *kind;   /* "linear", "attention", ...: static */
	const char *engine; /* of a matrix product, else NULL */
	double flops, flops_fvcore, flops_torch;
	double bytes_read, bytes_written; /* each operand once */
	int64_t tokens_in, tokens_out;    /* per item; 0: not a token operation */
	int64_t m, n, k;                  /* of the matrix product; 0: none */
};

/* Implemented by the profiler; NULL in a pass that is not watched. */
struct tracer {
	void (*open)(struct tracer *, const char *name);
	void (*close)(struct tracer *,
		      const struct op_count *); /* NULL: a group of ops */
};

/* Looks on while a pass computes; of a dry pass it is not told. Layers are the numbered
 * groups of spans ("blocks.3"), in the order that they run. */
struct witness {
	void *ctx;
	/* x [B, t, D]: tokens first ... first + t of every item, as they leave a layer.
	 * Ragged rows: [1, R, D]. */
	void (*hidden)(void *ctx, int layer, int64_t first, const struct tensor *x);
	/* state [B, D, N] of a layer's scan after `position` tokens. */
	void (*state)(void *ctx, int layer, int64_t position, const struct tensor *state);
	/* g [B, t, D] or [D]: how far a blend opens to its coarse branch (op_blend). */
	void (*gate)(void *ctx, const struct tensor *g);
	/* Tokens between two states that are asked for, at least; 0: as they come. */
	int64_t every;
};

struct pass {
	const struct backend *backend;
	void *self; /* the backend's */
	struct arena *arena;
	struct tracer *tracer;         /* or NULL */
	const struct witness *witness; /* or NULL; entries may be NULL */
	/* Asked between two ops; false cancels the pass. NULL: never cancelled. */
	bool (*still_wanted)(void *ctx);
	void *still_ctx;
	/*
	 * Mixed precision. BF16, F16: what enters a product whose weights are held in
	 * that type is rounded to it (struct epilogue). Nothing else is: sums, biases,
	 * activations, norms, softmax, the residual stream, scan states, and what ops
	 * hand to each other stay F32. F32: nothing is rounded, whatever weights are held
	 * in.
	 */
	enum dtype dtype;
	/* Items of the batch, by which tokens of an item are told; 0: what dim[0] says.
	 */
	int64_t items;
	/* Rows that one row of a tensor stands for, while tokens that go together are
	 * looked at as rows: so tokens are counted alike everywhere; 0, as 1: itself. */
	int64_t unit;
	/*
	 * How many rows a selection leaves may depend on values. A dry pass then takes
	 * the share expected[i] of the i-th such selection's rows (as measured before),
	 * and without it all of them: an upper bound. What attends to each other keeps
	 * the proportions that it has in the input.
	 */
	const double *expected;
	int n_expected;
	int n_selected; /* such selections so far; 0 at the start of a pass */
	enum err err;
};

/* Tells the witness, where there is one and the pass is sound. */
void pass_hidden(const struct pass *, int layer, int64_t first, const struct tensor *x);

/* OK, or the first failure of the pass (its message is the thread's). */
enum err pass_end(struct pass *) MUST_CHECK;

/* Memory of the pass; a data-less tensor and a sticking error when there is none. */
struct tensor pass_tensor(struct pass *, enum dtype, int ndim, const int64_t *dim);

/* Temporaries made between mark and release die together. */
size_t pass_mark(const struct pass *);
void pass_release(struct pass *, size_t mark);

/* A group of ops: the path of what runs inside is NAME.OP; `index` < 0 for a plain name.
 */
void span_open(struct pass *, const char *name, int index);
void span_close(struct pass *);

/* act(x W^T + b): [.., in] -> [.., out] */
struct tensor op_linear(struct pass *, const char *name, struct tensor x,
			const struct linear *, enum act);
/* The same to the memory of y. */
void op_linear_to(struct pass *, const char *name, struct tensor y, struct tensor x,
		  const struct linear *, enum act);
/* y += x W^T + b, in place */
void op_linear_add(struct pass *, const char *name, struct tensor y, struct tensor x,
		   const struct linear *);
/* y *= x W^T + b, in place */
void op_linear_mul(struct pass *, const char *name, struct tensor y, struct tensor x,
		   const struct linear *);
struct tensor op_layernorm(struct pass *, const char *name, struct tensor x,
			   const struct norm *);
/* The same, to x itself. */
void op_layernorm_in_place(struct pass *, const char *name, struct tensor x,
			   const struct norm *);
struct tensor op_rmsnorm(struct pass *, const char *name, struct tensor x,
			 const struct norm *);
/* Turns x in place, which may be a view of columns; `turn` as backend.h says. */
void op_rotary(struct pass *, const char *name, struct tensor x, struct tensor turn,
	       int heads);
/* q [B, Tq, D], k, v [B, Tk, D or less] -> [B, Tq, D] */
struct tensor op_attention(struct pass *, const char *name, struct tensor q,
			   struct tensor k, struct tensor v, const struct attn_opts *);
/* A convolution of stride p as a matrix product: image [B, 3, S, S'] -> [B, N, 3 p p] */
struct tensor op_patches(struct pass *, const char *name, struct tensor image, int patch);
/*
 * x [B, N, D] + position rows, and the class token where there is one (ndim 0: none), as
 * backend.h says. `s` NULL: all rows in order, after the class token. [B, T, D], or [1,
 * R, D] where the selection is ragged.
 */
struct tensor op_embed(struct pass *, const char *name, struct tensor x,
		       const struct selection *s, struct tensor cls, struct tensor pos);
/*
 * Scores of the rows of x (or k), to the memory of `score` [R]: it has to outlive what
 * else is made there. token_norms: the L2 norm of each row, or the mean of those of its
 * `heads` parts; random_scores: uniform; cls_scores: the attention of row 0 of each item
 * to all its rows, q, k [B, T, D].
 */
void op_token_norms(struct pass *, const char *name, struct tensor score, struct tensor x,
		    int heads);
void op_random_scores(struct pass *, const char *name, struct tensor score,
		      struct tensor x, uint64_t key);
void op_cls_scores(struct pass *, const char *name, struct tensor score, struct tensor q,
		   struct tensor k, int heads, float scale);
/*
 * Fills a selection whose tensors have room: rows for all that could stay, out [items]
 * each for a ragged one. Sets the size of s->rows, and makes s->out empty where every
 * item keeps as many.
 */
void op_select(struct pass *, const char *name, struct selection *s, struct tensor score,
	       const struct select_opts *);
/* The selected rows of x, to the memory of `y` (of at least that size); made rows are
 * left open, then op_make fills them. [B, T, D], or [1, R, D] where ragged. */
struct tensor op_gather(struct pass *, const char *name, struct tensor y, struct tensor x,
			const struct selection *s);
void op_make(struct pass *, const char *name, struct tensor y, struct tensor x,
	     const struct selection *s, enum made, struct tensor score);
/* into I32 [B T] (the caller's memory), see backend.h */
void op_match(struct pass *, const char *name, struct tensor into, struct tensor k,
	      int heads, int64_t r, bool cls);
/* To the memory of y and y_size; size ndim 0: ones. [B, T - r, D] */
struct tensor op_merge(struct pass *, const char *name, struct tensor y,
		       struct tensor y_size, struct tensor x, struct tensor size,
		       struct tensor into);
struct tensor op_normalize(struct pass *, const char *name, struct tensor x);
/* ids I32 [B, T] -> [B, T, D]; pos ndim 0: no positions */
struct tensor op_lookup(struct pass *, const char *name, struct tensor table,
			struct tensor ids, struct tensor pos);
/* Where texts end (backend.h): I32 [B] of ids I32 [B, T]; 1 FLOP per id. */
struct tensor op_ends(struct pass *, const char *name, struct tensor ids, int32_t end);
/* a [B or 1, T, D] with b [B, K, D] after its first `before` rows: [B, T + K, D] */
struct tensor op_splice(struct pass *, const char *name, struct tensor a, struct tensor b,
			int64_t before);
/* Without the first row of every item: x [B, T, D] -> [B, T - 1, D]; [1, R, D] of ragged
 * `rows`, packed -> [1, R - B, D]. */
struct tensor op_skip_first(struct pass *, const char *name, struct tensor x,
			    const struct segments *rows);
/* Segments of equal ids (backend.h), into `out`, whose start and length I32 [G] have
 * room. */
void op_runs(struct pass *, const char *name, struct segments *out, struct tensor ids,
	     int unit);
/* The order I32 [U] that sorts keys I32 [U]; 1 FLOP per key. */
struct tensor op_order(struct pass *, const char *name, struct tensor keys);

/* A selection's shape of a tensor of `width` columns: [items, T, width], or [1, R, width]
 * where it is ragged; no data. */
struct tensor selection_shape(const struct selection *, enum dtype, int64_t width);

#endif
