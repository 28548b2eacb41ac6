#include "profiler/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define ROWS 192
#define WIDTH 768
#define ROUNDS 5

/* The fastest of a few rounds: the others were disturbed. */
static double fastest_s(void (*work)(void *), void *ctx)
{
	double best = HUGE_VAL;
	for (int i = 0; i < ROUNDS; i++) {
		int64_t start = clock_now_ns();
		work(ctx);
		best = fmin(best, (double)(clock_now_ns() - start) * 1e-9);
	}
	return best;
}

struct product {
	const struct backend *backend;
	void *self;
	struct tensor x, y;
	struct linear w;
	enum dtype round;
};

static void multiply(void *ctx)
{
	struct product *p = ctx;
	p->backend->linear(p->self, p->y, p->x, &p->w,
			   (struct epilogue){ .round = p->round });
}

struct copy {
	char *to, *from;
	size_t n;
};

static void copy_bytes(void *ctx)
{
	struct copy *c = ctx;
	memcpy(c->to, c->from, c->n);
}

/* Zeros in any type: x, w and y one after the other. */
static double product_rate(const struct backend *b, void *self, enum dtype type,
			   float *memory)
{
	float *x = memory, *w = x + ROWS * WIDTH, *y = w + WIDTH * WIDTH;
	struct product p = {
		.backend = b,
		.self = self,
		.x = tensor_of(DT_F32, x, DIMS(ROWS, WIDTH)),
		.y = tensor_of(DT_F32, y, DIMS(ROWS, WIDTH)),
		.w.weight = tensor_of(type, w, DIMS(WIDTH, WIDTH)),
		.round = type,
	};
	if (b->prepare && b->prepare(self, &p.w))
		return (double)NAN;
	double rate = 2.0 * ROWS * WIDTH * WIDTH / fastest_s(multiply, &p);
	if (b->unprepare)
		b->unprepare(self, &p.w);
	return rate;
}

double calibrate_product(const struct backend *b, void *self, enum dtype type)
{
	size_t n = sizeof(float) * (2 * ROWS * WIDTH + WIDTH * WIDTH);
	float *memory = aligned_alloc(ARENA_ALIGN, n);
	if (!memory)
		return (double)NAN;
	memset(memory, 0, n);
	double rate = product_rate(b, self, type, memory);
	free(memory);
	return rate;
}

void calibrate(const struct backend *b, void *self, double *flops_per_s,
	       double *bytes_per_s)
{
	size_t n = 16u << 20; /* beyond the caches of one core */
	*flops_per_s = calibrate_product(b, self, DT_F32);
	*bytes_per_s = (double)NAN;
	char *memory = aligned_alloc(ARENA_ALIGN, 2 * n);
	if (!memory)
		return;
	memset(memory, 0, 2 * n);
	struct copy c = { memory, memory + n, n };
	*bytes_per_s = 2 * (double)n / fastest_s(copy_bytes, &c); /* read and written */
	free(memory);
}
