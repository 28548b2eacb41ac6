/* Ops that score, select, gather, make and merge tokens, against the reference. */
#include <math.h>

#include "check.h"

#include "bed.h"
#include "kernels/cpu/vec.h"

static struct tensor random_ints(int64_t low, int64_t high, int ndim, const int64_t *dim)
{
	struct tensor t = bed_i32(ndim, dim);
	for (int64_t i = 0; i < tensor_count(&t); i++)
		((int32_t *)t.data)[i] = (int32_t)bed_pick(low, high);
	return t;
}

/* ---- rows ---- */

static void compare_embed(int64_t b, int64_t n, int64_t d, bool cls_token, int64_t picked)
{
	int64_t lead = cls_token;
	struct tensor x = bed_random(2, -1, 1, DIMS(b, n, d)), rows = { 0 }, cls = { 0 };
	struct tensor pos = bed_random(0, -1, 1, DIMS(lead + n, d));
	struct tensor y = bed_random(0, -1, 1, DIMS(b, lead + n, d));
	if (cls_token)
		cls = bed_random(0, -1, 1, DIMS(d));
	if (picked) {
		rows = random_ints(cls_token ? ROW_PAD : 0, b * n - 1, DIMS(picked));
		y = bed_random(0, -1, 1, DIMS(1, picked, d));
	}
	struct tensor want = bed_copy(y);
	bed_cpu->embed(bed_self, y, x, rows, cls, pos);
	bed_ref->embed(NULL, want, x, rows, cls, pos);
	bed_same("embed", y, want, 0, 0);
	bed_clear();
}

static void run_embed(void)
{
	compare_embed(1, 1, 1, true, 0);
	compare_embed(3, 50, 33, true, 0);
	compare_embed(3, 50, 32, false, 0);
	compare_embed(2, 196, 100, true, 198);
	compare_embed(2, 196, 65, false, 77);
	compare_embed(8, 49, 17, true, 8);
}

static void embed(void **state)
{
	(void)state;
	bed_on_threads(run_embed);
}

static void compare_gather(int64_t from, int64_t to, int64_t d, int64_t gap)
{
	struct tensor x = bed_random(gap, -1, 1, DIMS(1, from, d));
	struct tensor rows = random_ints(ROW_PAD, from - 1, DIMS(to));
	struct tensor y = bed_random(0, -1, 1, DIMS(1, to, d)), want = bed_copy(y);
	bed_cpu->gather(bed_self, y, x, rows);
	bed_ref->gather(NULL, want, x, rows);
	bed_same("gather", y, want, 0, 0);
	bed_clear();
}

static void run_gather(void)
{
	compare_gather(1, 1, 1, 0);
	compare_gather(5, 400, 3, 2);
	compare_gather(400, 200, 129, 0);
	struct tensor x = random_ints(-5, 5, DIMS(7, 1)),
		      rows = random_ints(0, 6, DIMS(3));
	struct tensor y = bed_i32(DIMS(3, 1));
	bed_cpu->gather(bed_self, y, x, rows);
	for (int i = 0; i < 3; i++)
		assert_int_equal(((int32_t *)y.data)[i],
				 ((int32_t *)x.data)[((int32_t *)rows.data)[i]]);
}

static void gather(void **state)
{
	(void)state;
	bed_on_threads(run_gather);
}

/* In double until the last rounding, as the reference: one bit, where the exact quotient
 * lies at a rounding boundary. */
static void run_normalize(void)
{
	for (int64_t d = 1; d < 800; d = d * 2 + 1) {
		struct tensor x = bed_random(d % 3, -3, 3, DIMS(31, d));
		struct tensor y = bed_random(0, 0, 0, DIMS(31, d)), want = bed_copy(y);
		tensor_row(&x, 3)[d / 2] = NAN;
		for (int64_t i = 0; i < d; i++)
			tensor_row(&x, 7)[i] = 0; /* NaN too */
		bed_cpu->normalize(bed_self, y, x);
		bed_ref->normalize(NULL, want, x);
		bed_same("normalize", y, want, EPS, 0);
		bed_clear();
	}
}

static void normalize(void **state)
{
	(void)state;
	bed_on_threads(run_normalize);
}

static void compare_lookup(int64_t t, enum dtype type, bool positions)
{
	struct tensor table = bed_random(2, -1, 1, DIMS(90, 2 * t + 1)), pos = { 0 };
	struct tensor ids = random_ints(0, 89, DIMS(3, t));
	struct tensor y = bed_random(0, 1, 2, DIMS(3, t, 2 * t + 1)), want = bed_copy(y);
	if (positions)
		pos = bed_random(0, -1, 1, DIMS(t + 2, 2 * t + 1));
	if (type != DT_F32)
		table = bed_narrow(table, type);
	bed_cpu->lookup(bed_self, y, table, ids, pos);
	bed_ref->lookup(NULL, want, table, ids, pos);
	bed_same("lookup", y, want, 0, 0);
	/* and what the reference reads is the table */
	struct tensor wide = bed_widen(table);
	for (int64_t c = 0; !positions && c < tensor_cols(&y); c++)
		assert_true(tensor_row(&want, 1)[c] ==
			    tensor_row(&wide, ((int32_t *)ids.data)[1])[c]);
	bed_clear();
}

static void run_lookup(void)
{
	for (int64_t t = 1; t < 80; t = t * 4 + 3)
		for (enum dtype type = DT_F32; type <= DT_BF16; type++) {
			compare_lookup(t, type, true);
			compare_lookup(t, type, false);
		}
}

static void lookup(void **state)
{
	(void)state;
	bed_on_threads(run_lookup);
}

/* ---- scores ---- */

/* Sums in double: at most the last bit of F32 may differ, and only where the exact root
 * lies at a rounding boundary. */
static void run_token_norms(void)
{
	for (int64_t d = 1; d < 800; d = d * 2 + 1)
		for (int64_t n = 1; n < 200; n = n * 5 + 2) {
			int heads = (int)bed_pick(1, 5);
			struct tensor x = bed_random(d % 3, -3, 3, DIMS(2, n, d * heads));
			struct tensor score = bed_random(0, 0, 0, DIMS(2 * n));
			struct tensor want = bed_copy(score);
			if (n == 7)
				tensor_row(&x, 3)[d / 2] = NAN;
			if (n == 37)
				tensor_row(&x, 30)[d - 1] =
					1e38f; /* its square is not F32 */
			bed_cpu->token_norms(bed_self, score, x, heads);
			bed_ref->token_norms(NULL, want, x, heads);
			bed_same("token norms", score, want, EPS, 0);
			bed_clear();
		}
}

static void token_norms(void **state)
{
	(void)state;
	bed_on_threads(run_token_norms);
}

static void run_random_scores(void)
{
	for (int64_t n = 1; n < 40000; n = n * 7 + 3) {
		struct tensor score = bed_random(0, 0, 0, DIMS(3 * n)),
			      want = bed_copy(score);
		bed_cpu->random_scores(bed_self, score, 0x123456789ABCDEFu + (uint64_t)n);
		bed_ref->random_scores(NULL, want, 0x123456789ABCDEFu + (uint64_t)n);
		bed_same("random scores", score, want, 0, 0);
		bed_clear();
	}
}

static void random_scores(void **state)
{
	(void)state;
	bed_on_threads(run_random_scores);
}

/* Relative: of the exponential of a score, as in attention, and of its sum. */
static double softmax_tolerance(int64_t width, double spread, double scale)
{
	double magnitude = (double)width * spread * spread * scale;
	return EPS * (12 + 2 * magnitude * (2 + sqrt((double)width) / 2));
}

static void run_cls_scores(void)
{
	for (int64_t t = 1; t < 300; t = t * 3 + 2)
		for (int64_t width = 1; width < 100; width = 2 * width + 3) {
			int heads = (int)bed_pick(1, 5);
			int64_t b = bed_pick(1, 4), d = heads * width;
			struct tensor qkv = bed_random(0, -2, 2, DIMS(b, t, 3 * d));
			struct tensor q = tensor_columns(qkv, 0, d);
			struct tensor k = tensor_columns(qkv, d, d);
			struct tensor score = bed_random(0, 0, 0, DIMS(b * t));
			struct tensor want = bed_copy(score);
			float scale = 1 / sqrtf((float)width);
			if (t == 17)
				tensor_row(&k, 3)[0] = NAN; /* all of the item */
			bed_cpu->cls_scores(bed_self, score, q, k, heads, scale);
			bed_ref->cls_scores(NULL, want, q, k, heads, scale);
			bed_same("cls scores", score, want,
				 softmax_tolerance(width, 2, (double)scale), 0);
			bed_clear();
		}
}

static void cls_scores(void **state)
{
	(void)state;
	bed_on_threads(run_cls_scores);
}

/* ---- selecting ---- */

enum pattern { PLAIN, TIES, ALIKE, ODD, PATTERNS };

static struct tensor scores_of(enum pattern pattern, int64_t n)
{
	static const float odd[] = { NAN,  -NAN,      0.0f,  -0.0f,  INFINITY,
				     0.5f, -INFINITY, 1e30f, -1e-30f };
	struct tensor score = bed_random(0, pattern == PLAIN ? -0.3 : 0, 1, DIMS(n));
	for (int64_t i = 0; i < n; i++) {
		float *s = &tensor_f32(&score)[i];
		*s = pattern == TIES    ? (float)bed_pick(-1, 4) / 4
		     : pattern == ALIKE ? 0.3f
		     : pattern == ODD   ? odd[bed_pick(0, 8)]
					: *s;
	}
	return score;
}

static int64_t shortest(struct segments in, int64_t items, int64_t rows)
{
	int64_t n = rows / items;
	for (int64_t b = 0; segments_ragged(&in) && b < items; b++) {
		int64_t length = ((int32_t *)in.length.data)[b];
		n = b == 0 || length < n ? length : n;
	}
	return n;
}

/* Any rule that fits items of at least `n` tokens. */
static struct select_opts any_rule(int64_t n)
{
	struct select_opts o = { .by = (int)bed_pick(SELECT_COUNT, SELECT_PART),
				 .cls = (int)bed_pick(0, 1),
				 .made = (int)bed_pick(0, 1),
				 .padded = bed_pick(0, 1) };
	o.front = (int)bed_pick(0, n < 2 ? n : 2);
	o.back = (int)bed_pick(0, n - o.front < 2 ? n - o.front : 2);
	o.count = bed_pick(0, n - o.front - o.back);
	o.value = (double)bed_pick(0, 20) / 20;
	o.tile = bed_pick(0, 5);
	return o;
}

static struct selection select_by(const struct backend *b, void *self, struct segments in,
				  int64_t items, struct tensor score,
				  const struct select_opts *o)
{
	struct selection s = bed_selection(in, items, tensor_count(&score), o);
	int64_t room = s.rows.dim[0];
	s.rows.dim[0] = b->select(self, &s, score, o);
	assert_true(s.rows.dim[0] <= room);
	return s;
}

static void compare_select(int64_t items, int64_t tokens, bool ragged, enum pattern p)
{
	struct segments in = { 0 };
	int64_t rows = items * tokens;
	char what[160];
	if (ragged)
		in = bed_segments(items, tokens, &rows);
	struct select_opts o = any_rule(shortest(in, items, rows));
	if (ragged && o.by != SELECT_COUNT && bed_pick(0, 1))
		bed_count_back(&in, items, o.back);
	struct tensor score = scores_of(p, rows);
	snprintf(what, sizeof(what),
		 "select by %d, %d, %g of %d x %d%s, pattern %d, front %d, back %d, cls "
		 "%d, made %d%s",
		 (int)o.by, (int)o.count, o.value, (int)items, (int)tokens,
		 ragged ? " ragged" : "", (int)p, o.front, o.back, o.cls, o.made,
		 o.padded ? ", padded" : "");
	struct selection got = select_by(bed_cpu, bed_self, in, items, score, &o);
	struct selection want = select_by(bed_ref, NULL, in, items, score, &o);
	bed_same_i32(what, got.rows, want.rows);
	if (segments_ragged(&want.out)) {
		bed_same_i32(what, got.out.start, want.out.start);
		bed_same_i32(what, got.out.length, want.out.length);
		if (want.out.back.ndim)
			bed_same_i32(what, got.out.back, want.out.back);
	}
	bed_clear();
}

static void run_select(void)
{
	for (int64_t n = 1; n < 300; n += n / 3 + 1)
		for (int i = 0; i < 64; i++)
			compare_select(bed_pick(1, n > 60 ? 2 : 5), n, i & 1,
				       (enum pattern)(i / 2 % PATTERNS));
	compare_select(20, 150, true, PLAIN);
	compare_select(20, 150, false, TIES);
}

static void select_keeps_what_the_rule_says(void **state)
{
	(void)state;
	bed_on_threads(run_select);
}

/* Few enough to be read: NaN is lowest, the lower index goes first, kept rows ascend. */
static void run_select_by_hand(void)
{
	float scores[] = { 9, 0.1f, 0.4f, NAN, 0.4f, 0.1f, 0.4f, 9 };
	struct tensor score = tensor_of(DT_F32, scores, DIMS(8));
	static const struct {
		struct select_opts opts;
		int32_t rows[9];
		int count;
	} cases[] = {
		{ { .by = SELECT_COUNT, .count = 2 }, { -1, 0, 2, 4, 7, -2 }, 6 },
		{ { .by = SELECT_COUNT, .count = 4 }, { -1, 0, 1, 2, 4, 6, 7, -2 }, 8 },
		{ { .by = SELECT_COUNT, .count = 0 }, { -1, 0, 7, -2 }, 4 },
		{ { .by = SELECT_ABOVE, .value = 0.2 }, { -1, 0, 2, 4, 6, 7, -2 }, 7 },
		{ { .by = SELECT_ABOVE, .value = 3 }, { -1, 0, 2, 7, -2 }, 5 },
		{ { .by = SELECT_QUANTILE, .value = 0 },
		  { -1, 0, 1, 2, 3, 4, 5, 6, 7 },
		  9 },
		{ { .by = SELECT_QUANTILE, .value = 0.5 }, { -1, 0, 2, 4, 6, 7, -2 }, 7 },
		{ { .by = SELECT_SHARE, .value = 0.5 }, { -1, 0, 2, 4, 7, -2 }, 6 },
		{ { .by = SELECT_SHARE, .value = 0.9 }, { -1, 0, 1, 2, 4, 6, 7, -2 }, 8 },
		{ { .by = SELECT_PART, .value = 0.5 }, { -1, 0, 2, 4, 6, 7, -2 }, 7 },
		{ { .by = SELECT_PART, .value = 0.1 }, { -1, 0, 2, 7, -2 }, 5 },
		{ { .by = SELECT_PART, .value = 1 }, { -1, 0, 1, 2, 3, 4, 5, 6, 7 }, 9 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct select_opts o = cases[i].opts;
		o.front = o.back = o.cls = o.made = 1;
		struct selection s = select_by(bed_cpu, bed_self, (struct segments){ 0 },
					       1, score, &o);
		assert_int_equal(s.rows.dim[0], cases[i].count);
		assert_memory_equal(s.rows.data, cases[i].rows,
				    sizeof(int32_t) * (size_t)cases[i].count);
	}
}

static void select_by_hand(void **state)
{
	(void)state;
	bed_on_threads(run_select_by_hand);
}

/* ---- making ---- */

/*
 * The error of a sum of n terms is below n roundings of the sum of their magnitudes, a
 * half EPS each: n / 2 EPS for a mean of values below 1; times n for a sum whose weights
 * are below 1. Two more for the weights' products and the division.
 */
static void compare_make(int64_t items, int64_t tokens, int64_t d, bool ragged,
			 enum made made)
{
	struct segments in = { 0 };
	int64_t rows = items * tokens;
	if (ragged)
		in = bed_segments(items, tokens, &rows);
	int64_t least = shortest(in, items, rows);
	struct select_opts o = any_rule(least);
	o.made = 1;
	if (ragged && o.by != SELECT_COUNT && bed_pick(0, 1))
		bed_count_back(&in, items, o.back);
	/* A count drops from every item or from none: then nothing is made. */
	if (o.by == SELECT_COUNT && o.count == least - o.front - o.back && !o.count--)
		return;
	struct tensor score = scores_of(TIES, rows);
	struct selection s = select_by(bed_ref, NULL, in, items, score, &o);
	struct tensor x = bed_random(3, -1, 1, DIMS(1, rows, d));
	struct tensor y = bed_random(0, -1, 1, DIMS(1, s.rows.dim[0], d));
	struct tensor want = bed_copy(y);
	bed_cpu->make(bed_self, y, x, &s, made, score);
	bed_ref->make(NULL, want, x, &s, made, score);
	double n = (double)tokens;
	bed_same("make", y, want, 2 * EPS,
		 n / 2 * EPS * (made == MADE_SUM_DROPPED ? n : 1));
	bed_clear();
}

static void run_make(void)
{
	for (int64_t n = 1; n < 220; n += n / 2 + 1)
		for (int i = 0; i < 18; i++)
			compare_make(bed_pick(1, 4), n, bed_pick(1, 150), i & 1,
				     (enum made)(i / 2 % 3));
}

static void make(void **state)
{
	(void)state;
	bed_on_threads(run_make);
}

/* ---- merging ---- */

static struct tensor match_by(const struct backend *b, void *self, struct tensor k,
			      int heads, int64_t r, bool cls)
{
	struct tensor into = bed_i32(DIMS(tensor_rows(&k)));
	struct tensor work = bed_random(
		0, 0, 0, DIMS(tensor_rows(&k) * (tensor_cols(&k) / heads + 2)));
	b->match(self, into, k, heads, r, cls, work);
	return into;
}

/* Two highest scores of a row nearer than this may be taken for each other: a metric is
 * off by some EPS and a product of two unit vectors of `width` by sqrt(width) of them. */
#define GAP 1e-5

/* The cosines of a row of A with all of B; whether the best stands out; its value. */
static bool stands_out(struct tensor k, int64_t first, int64_t i, int heads, double *best)
{
	int64_t t = k.dim[1], width = k.dim[2] / heads;
	double second = -2;
	*best = -2;
	for (int64_t j = 1; j < t; j += 2) {
		double dot = 0, a2 = 0, b2 = 0;
		for (int64_t c = 0; c < width; c++) {
			double a = 0, b = 0;
			for (int64_t h = 0; h < heads; h++) {
				a += (double)tensor_row(&k, first + i)[h * width + c];
				b += (double)tensor_row(&k, first + j)[h * width + c];
			}
			dot += a * b, a2 += a * a, b2 += b * b;
		}
		dot /= sqrt(a2 * b2);
		second = fmax(second, fmin(dot, *best));
		*best = fmax(dot, *best);
	}
	return *best - second > GAP;
}

static int falling(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x < y) - (x > y);
}

/* Whether no decision of an item's matching hangs on rounding: neither whom a token of A
 * would go to nor which r of them go. */
static bool is_clear(struct tensor k, int64_t b, int heads, int64_t r, bool cls)
{
	double best[200];
	int64_t t = k.dim[1], even = (t + 1) / 2;
	assert_true(even <= 200);
	for (int64_t i = 0; i < even; i++)
		if (!stands_out(k, b * t, 2 * i, heads, &best[i]))
			return false;
	best[0] = cls ? -2 : best[0];
	qsort(best, (size_t)even, sizeof(*best), falling);
	return r == 0 || r == even || best[r - 1] - best[r] > GAP;
}

static void redraw(struct tensor k, int64_t b)
{
	for (int64_t i = b * k.dim[1]; i < (b + 1) * k.dim[1]; i++)
		for (int64_t c = 0; c < k.dim[2]; c++)
			tensor_row(&k, i)[c] = (float)bed_pick(-1000, 1000) / 1000;
}

static void compare_match(int64_t items, int64_t t, int heads, int64_t width)
{
	bool cls = bed_pick(0, 1);
	int64_t most = (t + 1) / 2 - cls, r = t > 1 ? bed_pick(0, most) : 0;
	char what[96];
	struct tensor k = bed_random(2, -1, 1, DIMS(items, t, heads * width));
	for (int64_t b = 0; b < items; b++)
		while (t > 2 && !is_clear(k, b, heads, r, cls))
			redraw(k, b);
	snprintf(what, sizeof(what), "match %d of %d x %d, %d heads of %d", (int)r,
		 (int)items, (int)t, heads, (int)width);
	bed_same_i32(what, match_by(bed_cpu, bed_self, k, heads, r, cls),
		     match_by(bed_ref, NULL, k, heads, r, cls));
	bed_clear();
}

/* All in exact arithmetic: rows of four entries of 1 or -1, whose norm is 2, so that
 * equal scores are equal in every backend, and many are. */
static void compare_match_of_ties(int64_t items, int64_t t, int heads, int64_t width)
{
	bool cls = bed_pick(0, 1);
	int64_t r = bed_pick(0, (t + 1) / 2 - cls);
	struct tensor k = bed_random(1, 0, 0, DIMS(items, t, heads * width));
	for (int64_t i = 0; i < items * t; i++)
		for (int64_t c = 0, at = bed_pick(0, 3); c < 4; c++)
			for (int64_t h = 0, sign = bed_pick(0, 1) * 2 - 1; h < heads; h++)
				tensor_row(&k, i)[h * width + 4 * c + at % 4] =
					(float)sign;
	if (bed_pick(0, 1)) /* and some that have no score */
		tensor_row(&k, 2 * bed_pick(0, items * t / 2 - 1))[0] = NAN;
	bed_same_i32("match of ties", match_by(bed_cpu, bed_self, k, heads, r, cls),
		     match_by(bed_ref, NULL, k, heads, r, cls));
	bed_clear();
}

static void run_match(void)
{
	static const int64_t widths[] = { 5, 7, 16, 64, 65, 300 };
	compare_match(3, 1, 2, 8);
	compare_match(2, 2, 1, 1);
	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++)
		for (int64_t t = 3; t < 60; t += 1 + t / 2)
			compare_match(bed_pick(1, 4), t, (int)bed_pick(1, 5), widths[i]);
	compare_match(1, 197, 3, 64);
	for (int i = 0; i < 40; i++)
		compare_match_of_ties(bed_pick(1, 3), bed_pick(2, 70), 1 << (i % 3),
				      16 + i);
	compare_match_of_ties(1, 577, 1, 16); /* B is more than one block of scores */
}

static void match_takes_the_most_alike(void **state)
{
	(void)state;
	bed_on_threads(run_match);
}

/* Up to T rows go into one: T / 2 EPS of the greatest magnitude, see make(); their
 * weights add two. Rows that go alone stay exactly as they are. */
static void compare_merge(int64_t items, int64_t t, int64_t out, int64_t d, bool sized)
{
	struct tensor x = bed_random(2, -1, 1, DIMS(items, t, d)), size = { 0 };
	struct tensor into = bed_i32(DIMS(items * t));
	struct tensor y = bed_random(0, 1, 2, DIMS(items, out, d)), want = bed_copy(y);
	struct tensor y_size = bed_random(0, 0, 0, DIMS(items, out));
	struct tensor want_size = bed_copy(y_size);
	if (sized)
		size = bed_random(0, 1, 7, DIMS(items, t));
	for (int64_t i = 0; i < items * t; i++) {
		int64_t to = i % t < out ? i % t : bed_pick(0, out - 1);
		((int32_t *)into.data)[i] = (int32_t)(i / t * out + to);
	}
	bed_cpu->merge(bed_self, y, y_size, x, size, into);
	bed_ref->merge(NULL, want, want_size, x, size, into);
	double sum = (double)(t - out + 1) / 2 + 2;
	bed_same("merge", y, want, 0, out == t ? 0 : EPS * sum);
	bed_same("merged sizes", y_size, want_size, EPS, 0);
	bed_clear();
}

static void run_merge(void)
{
	compare_merge(1, 1, 1, 1, true);
	for (int64_t t = 1; t < 220; t += 1 + t)
		for (int i = 0; i < 8; i++)
			compare_merge(bed_pick(1, 4), t, i & 2 ? t : bed_pick(1, t),
				      bed_pick(1, 90), i & 1);
}

static void merge(void **state)
{
	(void)state;
	bed_on_threads(run_merge);
}

int main(void)
{
	bed_require_isa();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(embed),
		cmocka_unit_test(gather),
		cmocka_unit_test(normalize),
		cmocka_unit_test(lookup),
		cmocka_unit_test(token_norms),
		cmocka_unit_test(random_scores),
		cmocka_unit_test(cls_scores),
		cmocka_unit_test(select_keeps_what_the_rule_says),
		cmocka_unit_test(select_by_hand),
		cmocka_unit_test(make),
		cmocka_unit_test(match_takes_the_most_alike),
		cmocka_unit_test(merge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
