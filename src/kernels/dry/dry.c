/* The dry backend: shapes only. op.c counts; here nothing is computed. */
#include "kernels/backend.h"

static enum err dry_open(const struct backend_opts *opts, void **self)
{
	(void)opts;
	*self = NULL;
	return OK;
}

static void dry_close(void *self) { (void)self; }

static const char *dry_engine(void *self, int64_t rows)
{
	(void)self, (void)rows;
	return NULL;
}

static void dry_linear(void *self, struct tensor y, struct tensor x,
		       const struct linear *l, struct epilogue e)
{
	(void)self, (void)y, (void)x, (void)l, (void)e;
}

static void dry_layernorm(void *self, struct tensor y, struct tensor x,
			  const struct norm *n)
{
	(void)self, (void)y, (void)x, (void)n;
}

static void dry_attention(void *self, struct tensor y, struct tensor q, struct tensor k,
			  struct tensor v, const struct attn_opts *opts)
{
	(void)self, (void)y, (void)q, (void)k, (void)v, (void)opts;
}

static void dry_patches(void *self, struct tensor y, struct tensor image, int patch)
{
	(void)self, (void)y, (void)image, (void)patch;
}

static void dry_embed(void *self, struct tensor y, struct tensor x, struct tensor kept,
		      struct tensor cls, struct tensor pos)
{
	(void)self, (void)y, (void)x, (void)kept, (void)cls, (void)pos;
}

static void dry_two(void *self, struct tensor out, struct tensor in)
{
	(void)self, (void)out, (void)in;
}

static void dry_random_scores(void *self, struct tensor score, uint64_t key)
{
	(void)self, (void)score, (void)key;
}

const struct backend dry_backend = {
	.name = "dry",
	.dry = true,
	.open = dry_open,
	.close = dry_close,
	.engine = dry_engine,
	.linear = dry_linear,
	.layernorm = dry_layernorm,
	.attention = dry_attention,
	.patches = dry_patches,
	.embed = dry_embed,
	.row_norms = dry_two,
	.random_scores = dry_random_scores,
	.select = dry_two,
};
