#include "bed.h"

#include <math.h>

#include "check.h"

#include "base/rng.h"
#include "kernels/cpu/vec.h"

const struct backend *bed_cpu, *bed_ref;
void *bed_self;

static struct pool *pool;
static uint32_t counter;
static void *memory[256];
static int used;

static double uniform(double low, double high)
{
	return low + (high - low) * (double)rng_uniform(0x5EED5EED5EEDu, counter++);
}

int64_t bed_pick(int64_t low, int64_t high)
{
	return low +
	       (int64_t)(rng_bits(0xC0FFEE, counter++) % (uint64_t)(high - low + 1));
}

static void *keep(size_t bytes)
{
	assert_true(used < 256);
	void *p = malloc(bytes ? bytes : 1);
	assert_non_null(p);
	return memory[used++] = p;
}

void bed_clear(void)
{
	while (used)
		free(memory[--used]);
}

static struct tensor blank(int64_t gap, int ndim, const int64_t *dim)
{
	struct tensor t = tensor_of(DT_F32, NULL, ndim, dim);
	t.ld += gap;
	size_t count = (size_t)(tensor_rows(&t) * t.ld - gap);
	t.data = keep(sizeof(float) * count);
	for (size_t i = 0; i < count; i++)
		tensor_f32(&t)[i] = NAN;
	return t;
}

struct tensor bed_random(int64_t gap, double low, double high, int ndim,
			 const int64_t *dim)
{
	struct tensor t = blank(gap, ndim, dim);
	for (int64_t i = 0; i < tensor_rows(&t); i++)
		for (int64_t j = 0; j < tensor_cols(&t); j++)
			tensor_row(&t, i)[j] = (float)uniform(low, high);
	return t;
}

struct tensor bed_i32(int ndim, const int64_t *dim)
{
	struct tensor t = tensor_of(DT_I32, NULL, ndim, dim);
	t.data = keep((size_t)tensor_bytes(&t));
	memset(t.data, 0xFF, (size_t)tensor_bytes(&t));
	return t;
}

static int32_t *ints(struct tensor *t, int64_t count)
{
	*t = bed_i32(DIMS(count));
	return t->data;
}

struct segments bed_segments(int64_t items, int64_t most, int64_t *rows)
{
	struct segments s = { 0 };
	int32_t *start = ints(&s.start, items), *length = ints(&s.length, items);
	*rows = bed_pick(0, 3);
	for (int64_t b = 0; b < items; b++) {
		start[b] = (int32_t)*rows;
		length[b] = (int32_t)bed_pick(1, most);
		*rows += length[b] + bed_pick(0, 3);
	}
	return s;
}

void bed_count_back(struct segments *s, int64_t items, int most)
{
	int32_t *back = ints(&s->back, items);
	for (int64_t b = 0; b < items; b++)
		back[b] = (int32_t)bed_pick(0, most);
}

struct selection bed_selection(struct segments in, int64_t items, int64_t rows,
			       const struct select_opts *o)
{
	int64_t longest = segments_ragged(&in) ? 1 : rows / items;
	for (int64_t b = 0; segments_ragged(&in) && b < items; b++)
		if (((int32_t *)in.length.data)[b] > longest)
			longest = ((int32_t *)in.length.data)[b];
	struct selection s = { .in = in, .items = items };
	s.front = o->front;
	s.back = o->back;
	ints(&s.rows, items * (longest + o->cls + o->made));
	if (o->by != SELECT_COUNT) {
		ints(&s.out.start, items);
		ints(&s.out.length, items);
		if (in.back.ndim)
			ints(&s.out.back, items);
	}
	return s;
}

struct tensor bed_copy(struct tensor from)
{
	struct tensor t = blank(from.ld - tensor_cols(&from), from.ndim, from.dim);
	for (int64_t i = 0; i < tensor_rows(&t); i++)
		memcpy(tensor_row(&t, i), tensor_row(&from, i),
		       sizeof(float) * (size_t)tensor_cols(&t));
	return t;
}

struct tensor bed_abs(struct tensor from)
{
	struct tensor t = bed_copy(from);
	for (int64_t i = 0; i < tensor_rows(&t); i++)
		for (int64_t j = 0; j < tensor_cols(&t); j++)
			tensor_row(&t, i)[j] = fabsf(tensor_row(&t, i)[j]);
	return t;
}

/* Toward zero; what is too small for a normal F16 is subnormal, what is too large its
 * infinity. */
static uint16_t f16_of(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof(bits));
	uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
	double magnitude = fabs((double)x);
	if (isnan(x))
		return sign | 0x7E00;
	if (magnitude < 0x1p-14)
		return sign | (uint16_t)(magnitude * 0x1p24);
	if (magnitude >= 0x1p16)
		return sign | 0x7C00;
	return sign | (uint16_t)(((bits & 0x7FFFFFFF) - (112u << 23)) >> 13);
}

static uint16_t bf16_of(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof(bits));
	return isnan(x) ? 0x7FC0 : (uint16_t)(bits >> 16);
}

struct tensor bed_narrow(struct tensor from, enum dtype type)
{
	struct tensor t = from;
	int64_t rows = tensor_rows(&t), cols = tensor_cols(&t);
	size_t count = (size_t)((rows - 1) * t.ld + cols);
	uint16_t *to = (uint16_t *)keep(sizeof(uint16_t) * (count + 1)) + 1;
	memset(to, 0xFF, sizeof(uint16_t) * count); /* NaN of either */
	for (int64_t i = 0; i < rows; i++)
		for (int64_t j = 0; j < cols; j++) {
			float x = tensor_row(&from, i)[j];
			to[i * t.ld + j] = type == DT_F16 ? f16_of(x) : bf16_of(x);
		}
	t.dtype = type;
	t.data = to;
	return t;
}

struct tensor bed_widen(struct tensor from)
{
	struct tensor t = blank(from.ld - tensor_cols(&from), from.ndim, from.dim);
	for (int64_t i = 0; i < tensor_rows(&t); i++)
		dtype_to_f32(from.dtype,
			     (const char *)from.data +
				     (size_t)(i * from.ld) * dtype_size(from.dtype),
			     tensor_row(&t, i), (size_t)tensor_cols(&t));
	return t;
}

void bed_open(int threads, const char *gemm)
{
	bed_cpu = backend_by_name("cpu");
	bed_ref = backend_by_name("ref");
	assert_non_null(bed_cpu);
	assert_non_null(bed_ref);
	if (threads)
		check_ok(pool_create(threads, &pool));
	check_ok(bed_cpu->open(&(struct backend_opts){ .pool = pool, .gemm = gemm },
			       &bed_self));
}

void bed_close(void)
{
	bed_cpu->close(bed_self);
	pool_free(pool);
	pool = NULL;
	bed_clear();
}

static bool same(double got, double want, double tolerance)
{
	if (isnan(want) || isnan(got))
		return isnan(want) && isnan(got);
	return got == want || fabs(got - want) <= tolerance;
}

static void compare(const char *what, struct tensor got, struct tensor want,
		    const struct tensor *each, double relative, double absolute)
{
	assert_int_equal(tensor_count(&got), tensor_count(&want));
	for (int64_t i = 0; i < tensor_rows(&got); i++) {
		for (int64_t j = 0; j < tensor_cols(&got); j++) {
			double g = (double)tensor_row(&got, i)[j];
			double w = (double)tensor_row(&want, i)[j];
			double tolerance = each ? (double)tensor_row(each, i)[j]
						: absolute + relative * fabs(w);
			if (!same(g, w, tolerance))
				fail_msg("%s: [%d, %d] is %.9g, wanted %.9g +- %.3g",
					 what, (int)i, (int)j, g, w, tolerance);
		}
		for (int64_t j = tensor_cols(&got);
		     i + 1 < tensor_rows(&got) && j < got.ld; j++)
			if (!isnan(tensor_row(&got, i)[j]))
				fail_msg("%s: wrote past row %d", what, (int)i);
	}
}

void bed_same(const char *what, struct tensor got, struct tensor want, double relative,
	      double absolute)
{
	compare(what, got, want, NULL, relative, absolute);
}

void bed_same_each(const char *what, struct tensor got, struct tensor want,
		   struct tensor tolerance)
{
	compare(what, got, want, &tolerance, 0, 0);
}

void bed_same_i32(const char *what, struct tensor got, struct tensor want)
{
	const int32_t *g = got.data, *w = want.data;
	assert_int_equal(tensor_count(&got), tensor_count(&want));
	for (int64_t i = 0; i < tensor_count(&got); i++)
		if (g[i] != w[i])
			fail_msg("%s: [%d] is %d, wanted %d", what, (int)i, g[i], w[i]);
}

void bed_on_threads(void (*run)(void))
{
	for (int threads = 0; threads <= 3; threads++) {
		bed_open(threads, "ref");
		run();
		bed_close();
	}
}

void bed_require_isa(void)
{
	const char *asked = getenv("SPARSETOP_ISA");
	if (!asked || !strcmp(asked, isa_name(vec_for(cpu_isa())->isa)))
		return;
	printf("1..0 # SKIP this CPU has no %s (its level is %s)\n", asked,
	       isa_name(cpu_isa()));
	exit(0);
}
