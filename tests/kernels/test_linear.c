/* Products of the cpu backend, every engine, against the reference. */
#include <math.h>
#include <string.h>

#include "check.h"

#include "bed.h"

static const char *engine; /* of the running case */
static enum dtype type;    /* of its weights */
static bool mixed;         /* x is rounded to it */

static struct linear weights(int64_t out, int64_t in, bool bias)
{
	int64_t gap = type == DT_F32 ? 0 : bed_pick(0, 3);
	struct linear l = { .weight = bed_random(gap, -1, 1, DIMS(out, in)) };
	if (type != DT_F32)
		l.weight = bed_narrow(l.weight, type);
	if (bias)
		l.bias = bed_random(0, -1, 1, DIMS(out));
	return l;
}

/*
 * Sums of k products in F32 in any order differ from the exact one by a few roundings of
 * the sum of magnitudes: their number grows with sqrt(k) (errors of both signs), and the
 * worst of many elements is a few times that. An activation has slope 1.13 at most, and
 * 2e-6 of its own.
 */
static struct tensor tolerance(struct tensor y, struct tensor x, const struct linear *l,
			       struct epilogue e)
{
	struct linear magnitude = { .weight = bed_abs(bed_widen(l->weight)) };
	if (l->bias.ndim)
		magnitude.bias = bed_abs(l->bias);
	struct tensor t = bed_abs(y);
	e.act = ACT_NONE;
	bed_ref->linear(NULL, t, bed_abs(x), &magnitude, e);
	double roundings = 2 + sqrt((double)tensor_cols(&x));
	for (int64_t i = 0; i < tensor_rows(&t); i++)
		for (int64_t j = 0; j < tensor_cols(&t); j++)
			tensor_row(&t, i)[j] *= (float)(1.2 * roundings * EPS);
	return t;
}

static void compare(int64_t m, int64_t n, int64_t k, bool bias, struct epilogue e,
		    int64_t gap)
{
	char what[128];
	e.round = mixed ? type : DT_F32;
	snprintf(what, sizeof(what),
		 "%s %s%s %dx%dx%d bias %d act %d add %d mul %d gap %d", engine,
		 dtype_name(type), mixed ? " mixed" : "", (int)m, (int)n, (int)k, bias,
		 e.act, e.accumulate, e.multiply, (int)gap);
	struct linear l = weights(n, k, bias);
	struct tensor x = bed_random(gap, -1, 1, DIMS(m, k));
	struct tensor y = bed_random(gap, -1, 1, DIMS(m, n)), want = bed_copy(y);
	struct tensor each = tolerance(y, x, &l, e);
	check_ok(bed_cpu->prepare(bed_self, &l));
	bed_cpu->linear(bed_self, y, x, &l, e);
	bed_ref->linear(NULL, want, x, &l, e);
	bed_same_each(what, y, want, each);
	bed_cpu->unprepare(bed_self, &l);
	bed_clear();
}

static void odd_shapes(void)
{
	static const int64_t shapes[][3] = {
		{ 1, 1, 1 },    { 1, 17, 5 },     { 2, 31, 64 },    { 3, 1, 7 },
		{ 3, 33, 257 }, { 5, 16, 256 },   { 7, 97, 255 },   { 8, 512, 768 },
		{ 11, 13, 17 }, { 12, 32, 512 },  { 13, 130, 300 }, { 50, 95, 96 },
		{ 99, 64, 40 }, { 193, 67, 513 }, { 400, 48, 29 },  { 20, 19, 3301 },
	};
	static const struct epilogue ends[] = {
		{ .act = ACT_NONE }, { .act = ACT_QUICK_GELU }, { .act = ACT_GELU },
		{ .act = ACT_SILU }, { .accumulate = true },    { .multiply = true },
	};
	const size_t kinds = sizeof(ends) / sizeof(*ends);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		for (size_t j = 0; j < (type == DT_F32 ? kinds : 1); j++)
			compare(shapes[i][0], shapes[i][1], shapes[i][2],
				(i + j) % 3 != 0,
				ends[(j + i * (type != DT_F32)) % kinds],
				(int64_t)((i + j) % 4));
	for (size_t i = 0; i < (mixed ? 8 : 24); i++)
		compare(bed_pick(1, 70), bed_pick(1, 90), bed_pick(1, 300), i & 1,
			ends[i % kinds], bed_pick(0, 9));
	if (mixed)
		return;
	/* More than one piece of those that are multiplied, both ways. */
	compare(390, 530, 7, true, (struct epilogue){ .multiply = true }, 1);
	compare(5, 3300, 19, false, (struct epilogue){ .multiply = true }, 0);
}

/* A NaN or infinity in a row of x reaches that row of y and no other. */
static void poison_stays_in_its_row(void)
{
	static const float poisons[] = { NAN, INFINITY, -INFINITY };
	struct linear l = weights(45, 70, true);
	check_ok(bed_cpu->prepare(bed_self, &l));
	for (int64_t m = 1; m <= 30; m += 29)
		for (int i = 0; i < 3; i++) {
			struct tensor x = bed_random(0, -1, 1, DIMS(m, 70));
			struct tensor y = bed_random(0, -1, 1, DIMS(m, 45));
			struct tensor want = bed_copy(y);
			tensor_row(&x, m / 2)[69] = poisons[i];
			bed_cpu->linear(bed_self, y, x, &l, (struct epilogue){ 0 });
			bed_ref->linear(NULL, want, x, &l, (struct epilogue){ 0 });
			bed_same(engine, y, want, 1e-4, 1e-4);
		}
	bed_cpu->unprepare(bed_self, &l);
	bed_clear();
}

/* Denormals count as zero in the pool's threads; nothing else may become of them. */
static void denormals_are_nothing(void)
{
	struct linear l = weights(40, 64, false);
	check_ok(bed_cpu->prepare(bed_self, &l));
	struct tensor x = bed_random(0, 1e-40, 1e-39, DIMS(20, 64));
	struct tensor y = bed_random(0, -1, 1, DIMS(20, 40)),
		      want = bed_random(0, 0, 0, DIMS(20, 40));
	bed_cpu->linear(bed_self, y, x, &l, (struct epilogue){ 0 });
	bed_same(engine, y, want, 0, 1e-36);
	bed_cpu->unprepare(bed_self, &l);
	bed_clear();
}

static void with_engine(const char *name)
{
	engine = name;
	const struct backend *cpu = backend_by_name("cpu");
	void *probe;
	const struct linear packed = { .prepared = &probe };
	if (cpu->open(&(struct backend_opts){ .gemm = name }, &probe))
		skip_because("%s", err_message());
	cpu->close(probe);
	for (int threads = 0; threads <= 3; threads++) {
		bed_open(threads, name);
		assert_string_equal(bed_cpu->engine(bed_self, 64, &packed, DT_F32), name);
		for (type = DT_F32; type <= DT_BF16; type++)
			odd_shapes();
		mixed = true;
		for (type = DT_F16; type <= DT_BF16 && threads % 2 == 0; type++)
			odd_shapes();
		mixed = false;
		type = DT_F32;
		poison_stays_in_its_row();
		denormals_are_nothing();
		bed_close();
	}
}

static void openblas(void **state)
{
	(void)state;
	with_engine("openblas");
	bed_open(0, "openblas"); /* more than one panel, both ways */
	type = DT_BF16;
	compare(17, 1500, 1537, true, (struct epilogue){ .accumulate = true }, 1);
	type = DT_F32;
	bed_close();
}

static void onednn(void **state)
{
	(void)state;
	with_engine("onednn");
	bed_open(2, "onednn"); /* more than one block, and more than one panel */
	compare(2100, 190, 20, true, (struct epilogue){ .act = ACT_GELU }, 1);
	type = DT_BF16;
	compare(50, 1500, 1537, true, (struct epilogue){ .accumulate = true }, 1);
	mixed = true;
	compare(300, 1200, 96, true, (struct epilogue){ .accumulate = true }, 1);
	/* More shapes than are kept. */
	for (int64_t m = 20; m < 220; m++)
		compare(m, 17, 7, false, (struct epilogue){ 0 }, 0);
	mixed = false;
	type = DT_F32;
	bed_close();
}

/* Of BF16 by BF16 `auto` takes who multiplies them as they are, and nobody else. */
static void auto_takes_what_multiplies_bf16(void **state)
{
	(void)state;
	const struct linear l = { .weight = tensor_of(DT_BF16, NULL, DIMS(8, 8)) };
	struct blas_info info;
	bed_open(2, "auto");
	const char *plain = bed_cpu->engine(bed_self, 64, &l, DT_F32);
	const char *chosen = bed_cpu->engine(bed_self, 64, &l, DT_BF16);
	bed_cpu->describe(bed_self, DT_BF16, &info);
	if (info.warning[0]) {
		assert_non_null(strstr(info.warning, "widened"));
		assert_string_equal(chosen, plain);
	} else {
		assert_string_equal(chosen, "onednn");
		assert_string_equal(info.name, "oneDNN");
	}
	assert_string_equal(bed_cpu->engine(bed_self, 64, &l, DT_F16), plain);
	assert_string_equal(bed_cpu->engine(bed_self, 1, &l, DT_BF16), "gemv");
	engine = "auto";
	mixed = true;
	type = DT_BF16;
	compare(64, 100, 300, true, (struct epilogue){ .act = ACT_SILU }, 2);
	compare(64, 100, 300, true, (struct epilogue){ .multiply = true }, 2);
	mixed = false;
	type = DT_F32;
	bed_close();
}

static void native(void **state)
{
	(void)state;
	with_engine("native");
}

static void ref(void **state)
{
	(void)state;
	with_engine("ref");
}

/* What a thread adds up does not depend on how many there are, where k is not divided. */
static void native_does_not_depend_on_the_threads(void **state)
{
	(void)state;
	struct tensor first = { 0 };
	struct linear l = weights(300, 500, true);
	struct tensor x = bed_random(0, -1, 1, DIMS(150, 500));
	for (int threads = 1; threads <= 3; threads++) {
		struct pool *pool;
		void *self;
		check_ok(pool_create(threads, &pool));
		const struct backend *b = backend_by_name("cpu");
		check_ok(b->open(&(struct backend_opts){ .pool = pool, .gemm = "native" },
				 &self));
		check_ok(b->prepare(self, &l));
		struct tensor y = bed_random(0, 0, 0, DIMS(150, 300));
		b->linear(self, y, x, &l, (struct epilogue){ .act = ACT_QUICK_GELU });
		b->unprepare(self, &l);
		b->close(self);
		pool_free(pool);
		if (threads == 1)
			first = y;
		assert_memory_equal(y.data, first.data, sizeof(float) * 150 * 300);
	}
	bed_clear();
}

int main(void)
{
	bed_require_isa();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openblas),
		cmocka_unit_test(onednn),
		cmocka_unit_test(auto_takes_what_multiplies_bf16),
		cmocka_unit_test(native),
		cmocka_unit_test(ref),
		cmocka_unit_test(native_does_not_depend_on_the_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
