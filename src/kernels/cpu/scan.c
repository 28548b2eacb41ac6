/* The selective scan (Gu and Dao 2023): blocks of channels, each walked by one thread. */
#include <assert.h>
#include <string.h>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/tiles.h"

/*
 * Steps that one block goes before the next one does: neighbouring blocks then read the
 * same few pages, while a block's state still costs nothing to fetch.
 */
#define SCAN_TILE 32
#define SCAN_FEW 2 /* fewer steps than this are not worth transposing A and the state */

struct scan {
	struct cpu *cpu;
	struct tensor y, x, delta, b, c, state;
	const struct ssm *ssm;
	float step;
	bool fresh;
};

/* Channels from d on, from step t of item b on. */
static struct scan_part part_of(const struct scan *s, int64_t b, int64_t t, int64_t d)
{
	int64_t row = b * s->x.dim[1] + t, n = s->ssm->a.dim[1];
	return (struct scan_part){
		.x = tensor_row(&s->x, row) + d,
		.delta = tensor_row(&s->delta, row) + d,
		.b = tensor_row(&s->b, row),
		.c = tensor_row(&s->c, row),
		.skip = tensor_f32(&s->ssm->skip) + d,
		.y = tensor_row(&s->y, row) + d,
		.ld_x = s->x.ld,
		.ld_delta = s->delta.ld,
		.ld_b = s->b.ld,
		.ld_c = s->c.ld,
		.ld_y = s->y.ld,
		.n = n,
		.step = s->step,
		.a = tensor_row(&s->ssm->a, d),
		.ld_a = s->ssm->a.ld,
		.state = tensor_row(&s->state, b * s->x.dim[2] + d),
	};
}

static void scan_tiles(const struct scan *s, int64_t b, int64_t begin, int64_t end,
		       const float *a, float *state)
{
	const struct vec_sequence *vec = s->cpu->vec->sequence;
	int64_t n = s->ssm->a.dim[1], length = s->x.dim[1];
	for (int64_t t = 0; t < length; t += SCAN_TILE)
		for (int64_t d = begin; d < end; d += vec->lanes) {
			struct scan_part p = part_of(s, b, t, d);
			p.steps = least(length - t, SCAN_TILE);
			p.channels = least(end - d, vec->lanes);
			p.a = a + (d - begin) * n;
			p.state = state + (d - begin) * n;
			vec->scan_block(&p);
		}
}

/* Channels [begin, end) of item b, begin at a multiple of the lanes. */
static void scan_channels(const struct scan *s, int64_t b, int64_t begin, int64_t end,
			  float *scratch)
{
	const struct vec_sequence *vec = s->cpu->vec->sequence;
	int64_t n = s->ssm->a.dim[1], lanes = vec->lanes;
	float *a = scratch, *state = a + ceil_div(end - begin, lanes) * lanes * n;
	for (int64_t d = begin; d < end; d += lanes) {
		struct scan_part p = part_of(s, b, 0, d);
		int64_t count = least(end - d, lanes), at = (d - begin) * n;
		vec->to_lanes(a + at, p.a, p.ld_a, count, n, LOG2_E);
		if (s->fresh)
			memset(state + at, 0, sizeof(float) * (size_t)(lanes * n));
		else
			vec->to_lanes(state + at, p.state, n, count, n, 1);
	}
	scan_tiles(s, b, begin, end, a, state);
	for (int64_t d = begin; d < end; d += lanes) {
		struct scan_part p = part_of(s, b, 0, d);
		vec->from_lanes(p.state, n, state + (d - begin) * n,
				least(end - d, lanes), n);
	}
}

static void scan_few(const struct scan *s, int64_t b, int64_t begin, int64_t end)
{
	struct scan_part p = part_of(s, b, 0, begin);
	p.steps = s->x.dim[1];
	p.channels = end - begin;
	if (s->fresh)
		memset(p.state, 0, sizeof(float) * (size_t)(p.channels * p.n));
	s->cpu->vec->sequence->scan_steps(&p);
}

static void run_scan(void *ctx, int thread, int threads)
{
	const struct scan *s = ctx;
	int64_t lanes = s->cpu->vec->sequence->lanes, channels = s->x.dim[2];
	int64_t blocks = ceil_div(channels, lanes), begin, end;
	pool_share(s->x.dim[0] * blocks, 1, thread, threads, &begin, &end);
	while (begin < end) {
		int64_t b = begin / blocks, last = least(end, (b + 1) * blocks);
		int64_t d = begin % blocks * lanes;
		int64_t d_end = least((last - b * blocks) * lanes, channels);
		if (s->x.dim[1] < SCAN_FEW)
			scan_few(s, b, d, d_end);
		else
			scan_channels(s, b, d, d_end, cpu_scratch(s->cpu, thread));
		begin = last;
	}
}

void cpu_scan(void *self, struct tensor y, struct tensor x, struct tensor delta,
	      struct tensor b, struct tensor c, const struct ssm *ssm, float step,
	      struct tensor state, bool fresh)
{
	struct cpu *cpu = self;
	struct scan s = { cpu, y, x, delta, b, c, state, ssm, step, fresh };
	int64_t lanes = cpu->vec->sequence->lanes, n = ssm->a.dim[1];
	if (x.dim[1] >= SCAN_FEW)
		cpu_reserve(cpu, 2 * sizeof(float) *
					 (size_t)(ceil_div(x.dim[2], lanes) * lanes * n));
	assert(state.ld == n);
	cpu_run(cpu, tensor_count(&x) * n / 2, run_scan, &s);
}
