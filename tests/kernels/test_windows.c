/* Products whose rows are windows of a sequence, and the convolution made of them. */
#include <math.h>

#include "check.h"

#include "bed.h"
#include "kernels/op_sequence.h"

/* Windows of w rows of x [S, D], each a row further: a view [S - w + 1, w D]. */
static struct tensor windows(struct tensor x, int64_t w)
{
	struct tensor t = x;
	t.dim[0] = x.dim[0] - w + 1;
	t.dim[1] = w * x.dim[1];
	return t;
}

static struct tensor unfolded(struct tensor view)
{
	struct tensor t = bed_random(0, 0, 0, DIMS(view.dim[0], view.dim[1]));
	for (int64_t i = 0; i < view.dim[0]; i++)
		memcpy(tensor_row(&t, i), tensor_row(&view, i),
		       sizeof(float) * (size_t)view.dim[1]);
	return t;
}

/* As in test_linear.c: roundings of a sum of k products of numbers up to 1. */
static double tolerance(int64_t k) { return (2 + sqrt((double)k)) * (double)k * EPS / 3; }

static void compare(int64_t length, int64_t d, int64_t w, int64_t out, bool add)
{
	char what[96];
	snprintf(what, sizeof(what), "%d windows of %d x %d, %d out, add %d", (int)length,
		 (int)w, (int)d, (int)out, add);
	struct tensor view = windows(bed_random(0, -1, 1, DIMS(length + w - 1, d)), w);
	struct linear l = { .weight = bed_random(bed_pick(0, 3), -1, 1, DIMS(out, w * d)),
			    .bias = bed_random(0, -1, 1, DIMS(out)) };
	struct tensor y = bed_random(0, -1, 1, DIMS(length, out));
	struct tensor want = bed_copy(y), apart = bed_copy(y);
	struct epilogue e = { .accumulate = add };
	check_ok(bed_cpu->prepare(bed_self, &l));
	bed_cpu->linear(bed_self, y, view, &l, e);
	bed_ref->linear(NULL, want, view, &l, e);
	bed_ref->linear(NULL, apart, unfolded(view), &l, e);
	bed_same(what, want, apart, 0, 0);
	bed_same(what, y, want, 0, tolerance(w * d));
	bed_cpu->unprepare(bed_self, &l);
	bed_clear();
}

static void with_engine(const char *name)
{
	for (int threads = 0; threads <= 3; threads++) {
		bed_open(threads, name);
		compare(1, 3, 5, 4, false);
		compare(2, 1, 2, 1, true);
		compare(13, 7, 3, 17, false);
		compare(64, 16, 20, 33, true);
		compare(530, 8, 3, 5, false);   /* more than a block of rows */
		compare(40, 64, 33, 64, false); /* more than one of columns */
		compare(515, 50, 22, 9, true);  /* both */
		for (int i = 0; i < 8; i++)
			compare(bed_pick(1, 70), bed_pick(1, 20), bed_pick(2, 30),
				bed_pick(1, 40), i & 1);
		bed_close();
	}
}

static void engines(void **state)
{
	static const char *const names[] = { "auto", "native", "ref" };
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		with_engine(names[i]);
}

/* Narrow numbers of W, which an engine widens. */
static void half_weights(void **state)
{
	(void)state;
	bed_open(2, "auto");
	for (enum dtype type = DT_F16; type <= DT_BF16; type++) {
		struct tensor view = windows(bed_random(0, -1, 1, DIMS(100, 60)), 30);
		struct linear l = { .weight = bed_narrow(
					    bed_random(1, -1, 1, DIMS(8, 1800)), type) };
		struct tensor y = bed_random(0, 0, 0, DIMS(71, 8)), want = bed_copy(y);
		check_ok(bed_cpu->prepare(bed_self, &l));
		bed_cpu->linear(bed_self, y, view, &l, (struct epilogue){ 0 });
		bed_ref->linear(NULL, want, view, &l, (struct epilogue){ 0 });
		bed_same(dtype_name(type), y, want, 0, tolerance(1800));
		bed_cpu->unprepare(bed_self, &l);
	}
	bed_close();
	bed_clear();
}

struct counter {
	struct tracer tracer;
	struct op_count count;
};

static void on_open(struct tracer *t, const char *name)
{
	(void)t;
	assert_string_equal(name, "conv");
}

static void on_close(struct tracer *t, const struct op_count *c)
{
	((struct counter *)t)->count = *c;
}

/* y[b, t] = sum of W's w blocks of columns times rows t ... t + w - 1: written out. */
static void same_as_loops(struct tensor y, struct tensor x, const struct linear *l)
{
	int64_t d = x.dim[2], w = l->weight.dim[1] / d;
	for (int64_t r = 0; r < tensor_rows(&y); r++)
		for (int64_t o = 0; o < y.dim[2]; o++) {
			int64_t first = r / y.dim[1] * x.dim[1] + r % y.dim[1];
			double sum = 0;
			for (int64_t i = 0; i < w * d; i++)
				sum += (double)tensor_row(&l->weight, o)[i] *
				       (double)tensor_row(&x, first + i / d)[i % d];
			if (fabs(sum - (double)tensor_row(&y, r)[o]) > tolerance(w * d))
				fail_msg("row %d column %d", (int)r, (int)o);
		}
}

static void a_convolution_of_items(void **state)
{
	(void)state;
	struct counter c = { .tracer = { on_open, on_close } };
	struct arena arena;
	check_ok(arena_init(&arena, 1 << 20));
	bed_open(2, "auto");
	struct linear l = { .weight = bed_random(0, -1, 1, DIMS(6, 5 * 4)) };
	check_ok(bed_cpu->prepare(bed_self, &l));
	struct pass p = {
		.backend = bed_cpu, .self = bed_self, .arena = &arena, .tracer = &c.tracer
	};
	struct tensor x = bed_random(0, -1, 1, DIMS(3, 21, 4));
	struct tensor y = op_windows(&p, "conv", x, &l);
	check_ok(pass_end(&p));
	assert_int_equal(y.dim[1], 17);
	same_as_loops(y, x, &l);
	assert_true(c.count.flops_torch == 2.0 * 3 * 17 * 6 * 20);
	/* x once, however many windows hold a row. */
	assert_true(c.count.bytes_read == 4.0 * (3 * 21 * 4 + 6 * 20));
	assert_true(c.count.bytes_written == 4.0 * 3 * 17 * 6);
	assert_true(c.count.m == 51 && c.count.n == 6 && c.count.k == 20);
	bed_cpu->unprepare(bed_self, &l);
	bed_close();
	bed_clear();
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(engines),
		cmocka_unit_test(half_weights),
		cmocka_unit_test(a_convolution_of_items),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
