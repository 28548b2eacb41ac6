/* What tokens are ranked by. */
#include "kernels/cpu/cpu.h"

struct scores {
	struct cpu *cpu;
	struct tensor score, x;
	int heads;
	uint64_t key;
};

static void run_token_norms(void *ctx, int thread, int threads)
{
	const struct scores *s = ctx;
	int64_t begin, end, width = tensor_cols(&s->x) / s->heads;
	pool_share(tensor_rows(&s->x), 16, thread, threads, &begin, &end);
	for (int64_t i = begin; i < end; i++) {
		double sum = 0;
		for (int64_t h = 0; h < s->heads; h++)
			sum += s->cpu->vec->norm(tensor_row(&s->x, i) + h * width, width);
		tensor_f32(&s->score)[i] = (float)(sum / s->heads);
	}
}

void cpu_token_norms(void *self, struct tensor score, struct tensor x, int heads)
{
	struct scores s = { .cpu = self, .score = score, .x = x, .heads = heads };
	cpu_run(self, tensor_count(&x), run_token_norms, &s);
}

static void run_random_scores(void *ctx, int thread, int threads)
{
	const struct scores *s = ctx;
	int64_t begin, end;
	pool_share(tensor_count(&s->score), 16, thread, threads, &begin, &end);
	s->cpu->vec->uniform(tensor_f32(&s->score) + begin, end - begin, s->key,
			     (uint32_t)begin);
}

void cpu_random_scores(void *self, struct tensor score, uint64_t key)
{
	struct scores s = { .cpu = self, .score = score, .key = key };
	cpu_run(self, tensor_count(&score), run_random_scores, &s);
}

/* The attention of row 0: the softmax of one head of one item is a unit of work, then the
 * heads are summed in their order. */
struct cls_scores {
	struct cpu *cpu;
	struct tensor score, q, k;
	int64_t heads, width, tokens;
	float scale;
	float *shares; /* [B, heads, T], in the scratch of thread 0 */
};

static void attend_head(const struct cls_scores *s, int64_t unit)
{
	const struct vec *vec = s->cpu->vec;
	int64_t b = unit / s->heads, column = unit % s->heads * s->width;
	int64_t row = b * s->tokens;
	float *p = s->shares + unit * s->tokens;
	vec->gemv(p, s->tokens, tensor_row(&s->q, row) + column, s->q.ld, 1,
		  tensor_row(&s->k, row) + column, DT_F32, s->k.ld, s->tokens, s->width,
		  false);
	float top = vec->scale_max(p, s->tokens, s->scale, -__builtin_inff());
	float sum = vec->exp_sum(p, s->tokens, top);
	vec->scale(p, p, 1 / sum, s->tokens);
}

static void run_heads(void *ctx, int thread, int threads)
{
	const struct cls_scores *s = ctx;
	int64_t begin, end;
	pool_share(s->k.dim[0] * s->heads, 1, thread, threads, &begin, &end);
	for (int64_t unit = begin; unit < end; unit++)
		attend_head(s, unit);
}

static void run_sums(void *ctx, int thread, int threads)
{
	const struct cls_scores *s = ctx;
	int64_t begin, end;
	pool_share(s->k.dim[0], 1, thread, threads, &begin, &end);
	for (int64_t b = begin; b < end; b++)
		s->cpu->vec->mean(tensor_f32(&s->score) + b * s->tokens,
				  s->shares + b * s->heads * s->tokens, (int)s->heads,
				  s->tokens);
}

void cpu_cls_scores(void *self, struct tensor score, struct tensor q, struct tensor k,
		    int heads, float scale)
{
	struct cpu *c = self;
	int64_t shares = k.dim[0] * heads * k.dim[1];
	cpu_reserve(c, sizeof(float) * (size_t)shares);
	struct cls_scores s = {
		.cpu = c,
		.score = score,
		.q = q,
		.k = k,
		.heads = heads,
		.width = k.dim[2] / heads,
		.tokens = k.dim[1],
		.scale = scale,
		.shares = cpu_scratch(c, 0),
	};
	cpu_run(c, tensor_count(&k), run_heads, &s);
	cpu_run(c, shares, run_sums, &s);
}
