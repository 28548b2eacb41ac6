/* The dry backend: shapes only. op.c counts; here nothing is computed. */
#include "kernels/backend.h"

static enum err dry_open(const struct backend_opts *opts, void **self)
{
	(void)opts;
	*self = NULL;
	return OK;
}

static void dry_close(void *self) { (void)self; }

static const char *dry_engine(void *self, int64_t rows, const struct linear *l,
			      enum dtype round)
{
	(void)self, (void)rows, (void)l, (void)round;
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

static void dry_rotary(void *self, struct tensor x, struct tensor turn, int heads)
{
	(void)self, (void)x, (void)turn, (void)heads;
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

static void dry_embed(void *self, struct tensor y, struct tensor x, struct tensor rows,
		      struct tensor cls, struct tensor pos)
{
	(void)self, (void)y, (void)x, (void)rows, (void)cls, (void)pos;
}

static void dry_two(void *self, struct tensor y, struct tensor x)
{
	(void)self, (void)y, (void)x;
}

static void dry_three(void *self, struct tensor y, struct tensor x, struct tensor z)
{
	(void)self, (void)y, (void)x, (void)z;
}

static void dry_four(void *self, struct tensor y, struct tensor x, struct tensor z,
		     struct tensor w)
{
	(void)self, (void)y, (void)x, (void)z, (void)w;
}

static void dry_token_norms(void *self, struct tensor score, struct tensor x, int heads)
{
	(void)self, (void)score, (void)x, (void)heads;
}

static void dry_random_scores(void *self, struct tensor score, uint64_t key)
{
	(void)self, (void)score, (void)key;
}

static void dry_cls_scores(void *self, struct tensor score, struct tensor q,
			   struct tensor k, int heads, float scale)
{
	(void)self, (void)score, (void)q, (void)k, (void)heads, (void)scale;
}

static int64_t dry_select(void *self, struct selection *s, struct tensor score,
			  const struct select_opts *o)
{
	(void)self, (void)score, (void)o;
	return s->rows.dim[0];
}

static void dry_make(void *self, struct tensor y, struct tensor x,
		     const struct selection *s, enum made made, struct tensor score)
{
	(void)self, (void)y, (void)x, (void)s, (void)made, (void)score;
}

static void dry_match(void *self, struct tensor into, struct tensor k, int heads,
		      int64_t r, bool cls, struct tensor work)
{
	(void)self, (void)into, (void)k, (void)heads, (void)r, (void)cls, (void)work;
}

static void dry_merge(void *self, struct tensor y, struct tensor y_size, struct tensor x,
		      struct tensor size, struct tensor into)
{
	(void)self, (void)y, (void)y_size, (void)x, (void)size, (void)into;
}

static void dry_ends(void *self, struct tensor rows, struct tensor ids, int32_t end)
{
	(void)self, (void)rows, (void)ids, (void)end;
}

static void dry_splice(void *self, struct tensor y, struct tensor a, struct tensor b,
		       int64_t before)
{
	(void)self, (void)y, (void)a, (void)b, (void)before;
}

static void dry_skip_first(void *self, struct tensor y, struct tensor x,
			   const struct segments *rows)
{
	(void)self, (void)y, (void)x, (void)rows;
}

static void dry_runs(void *self, struct tensor start, struct tensor length,
		     struct tensor ids, int unit)
{
	(void)self, (void)start, (void)length, (void)ids, (void)unit;
}

static void dry_conv1d(void *self, struct tensor y, struct tensor x, const struct conv *c,
		       enum act act, struct tensor past)
{
	(void)self, (void)y, (void)x, (void)c, (void)act, (void)past;
}

static void dry_scan(void *self, struct tensor y, struct tensor x, struct tensor delta,
		     struct tensor b, struct tensor c, const struct ssm *ssm, float step,
		     struct tensor state, bool fresh)
{
	(void)self, (void)y, (void)x, (void)delta, (void)b, (void)c, (void)ssm;
	(void)step, (void)state, (void)fresh;
}

static void dry_resample(void *self, struct tensor y, struct tensor x, int r)
{
	(void)self, (void)y, (void)x, (void)r;
}

static void dry_blend(void *self, struct tensor y, struct tensor low, struct tensor g,
		      int r)
{
	(void)self, (void)y, (void)low, (void)g, (void)r;
}

const struct backend dry_backend = {
	.name = "dry",
	.dry = true,
	.open = dry_open,
	.close = dry_close,
	.engine = dry_engine,
	.linear = dry_linear,
	.layernorm = dry_layernorm,
	.rmsnorm = dry_layernorm,
	.rotary = dry_rotary,
	.attention = dry_attention,
	.patches = dry_patches,
	.embed = dry_embed,
	.gather = dry_three,
	.token_norms = dry_token_norms,
	.random_scores = dry_random_scores,
	.cls_scores = dry_cls_scores,
	.select = dry_select,
	.make = dry_make,
	.match = dry_match,
	.merge = dry_merge,
	.normalize = dry_two,
	.lookup = dry_four,
	.ends = dry_ends,
	.splice = dry_splice,
	.skip_first = dry_skip_first,
	.runs = dry_runs,
	.order = dry_two,
	.conv1d = dry_conv1d,
	.scan = dry_scan,
	.gate = dry_two,
	.downsample = dry_resample,
	.upsample = dry_resample,
	.blend = dry_blend,
	.variation = dry_two,
	.mean_rows = dry_skip_first,
	.taps = dry_three,
};
