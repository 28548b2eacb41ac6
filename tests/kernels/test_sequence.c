/* Ops on sequences of the cpu backend against the reference. */
#include <math.h>

#include "check.h"

#include "bed.h"
#include "kernels/cpu/vec.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static const struct tensor none;
static const int64_t lengths[] = { 1, 2, 3, 13, 64, 300 };
static const int64_t widths[] = { 1, 3, 5, 16, 37, 64, 97 };

/* ---- conv1d ---- */

static struct conv conv_of(int64_t d, int64_t k, bool bias)
{
	struct conv c = { .weight = bed_random(bed_pick(0, 3), -1, 1, DIMS(d, k)) };
	if (bias)
		c.bias = bed_random(0, -1, 1, DIMS(d));
	return c;
}

/* A sum of k products of magnitudes up to 1 and a bias in another order: half a rounding
 * of the sum for each at worst, and an activation that is exact to a few and at most
 * doubles what is wrong before it. */
static double conv_error(int64_t k)
{
	return 2 * EPS * (double)(k + 1) * (0.25 * sqrt((double)k) + 2);
}

static void compare_conv(int64_t b, int64_t t, int64_t d, int64_t k, enum act act,
			 int64_t gap, bool carried)
{
	struct conv conv = conv_of(d, k, bed_pick(0, 1));
	struct tensor x = bed_random(gap, -1, 1, DIMS(b, t, d));
	struct tensor y = bed_random(0, 0, 0, DIMS(b, t, d)), want = bed_copy(y);
	struct tensor past = { 0 }, past_want = { 0 };
	if (carried && k > 1) {
		past = bed_random(0, -1, 1, DIMS(b, k - 1, d));
		past_want = bed_copy(past);
	}
	bed_cpu->conv1d(bed_self, y, x, &conv, act, past);
	bed_ref->conv1d(NULL, want, x, &conv, act, past_want);
	bed_same("conv1d", y, want, 0, conv_error(k));
	if (past.ndim)
		bed_same("past", past, past_want, 0, 0);
	bed_clear();
}

static void run_conv(void)
{
	static const int64_t taps[] = { 1, 2, 3, 4, 5, 8, 9, 15, 63, 70 };
	for (size_t k = 0; k < COUNT(taps); k++)
		for (size_t t = 0; t < COUNT(lengths); t++) {
			int64_t d = widths[(size_t)bed_pick(0, COUNT(widths) - 1)];
			enum act act = k & 1 ? ACT_SILU : ACT_NONE;
			compare_conv(bed_pick(1, 3), lengths[t], d, taps[k], act,
				     bed_pick(0, 5), t & 1);
			compare_conv(1, lengths[t], 40, taps[k], act, 40, !(t & 1));
		}
	compare_conv(3, 500, 20, 4, ACT_SILU, 0, true); /* threads share the tiles */
	compare_conv(2, 700, 17, 63, ACT_NONE, 1, false);
}

static void conv1d(void **state)
{
	(void)state;
	bed_on_threads(run_conv);
}

static struct tensor rows_of(struct tensor x, int64_t first, int64_t count)
{
	x.data = tensor_row(&x, first);
	x.dim[x.ndim - 2] = count;
	return x;
}

/* In pieces with the past carried, to the bit: sums have one order whatever the tile. */
static void run_chunked_conv(void)
{
	static const int64_t taps[] = { 2, 4, 63 };
	for (size_t i = 0; i < COUNT(taps); i++) {
		int64_t k = taps[i], d = 37, length = 201;
		struct conv conv = conv_of(d, k, true);
		struct tensor x = bed_random(2, -1, 1, DIMS(1, length, d));
		struct tensor y = bed_random(0, 0, 0, DIMS(1, length, d));
		struct tensor want = bed_copy(y),
			      past = bed_random(0, 0, 0, DIMS(1, k - 1, d));
		bed_cpu->conv1d(bed_self, want, x, &conv, ACT_NONE, none);
		for (int64_t t = 0, n = 1; t < length; t += n, n = bed_pick(1, 70)) {
			n = t + n > length ? length - t : n;
			bed_cpu->conv1d(bed_self, rows_of(y, t, n), rows_of(x, t, n),
					&conv, ACT_NONE, past);
		}
		bed_same("conv1d in pieces", y, want, 0, 0);
		bed_clear();
	}
}

static void conv1d_in_pieces(void **state)
{
	(void)state;
	bed_on_threads(run_chunked_conv);
}

/* ---- scan ---- */

struct scan_case {
	struct tensor y, x, delta, b, c, state;
	struct ssm ssm;
};

static struct scan_case scan_of(int64_t b, int64_t t, int64_t d, int64_t n, int64_t gap)
{
	return (struct scan_case){
		.y = bed_random(0, 0, 0, DIMS(b, t, d)),
		.x = bed_random(gap, -1, 1, DIMS(b, t, d)),
		.delta = bed_random(2 * gap, 0.0005, 0.3, DIMS(b, t, d)),
		.b = bed_random(gap + n, -1, 1, DIMS(b, t, n)),
		.c = bed_random(gap + n, -1, 1, DIMS(b, t, n)),
		.state = bed_random(0, -1, 1, DIMS(b, d, n)),
		.ssm = { .a = bed_random(0, -16, -0.01, DIMS(d, n)),
			 .skip = bed_random(0, -1, 1, DIMS(d)) },
	};
}

static void scan_by(const struct backend *backend, void *self, struct scan_case s,
		    float step, bool fresh)
{
	backend->scan(self, s.y, s.x, s.delta, s.b, s.c, &s.ssm, step, s.state, fresh);
}

/*
 * A step multiplies the state by e^(d a), which is off by 2e-7 and as much again for what
 * |d a| is wrong by where that matters (e^-z z < 0.4), and adds products that are off by
 * a rounding or two. A state forgets like 1 / (1 - e^(d a)), here after at most 1 / (0.01
 * x 0.15) = 600 steps on average, while it is at most as large as what has been added
 * with its signs: about d sqrt(steps).
 */
static double scan_error(int64_t t, int64_t n)
{
	double steps = (double)(t < 600 ? t : 600);
	return 4e-7 * (1 + 0.3 * sqrt(steps)) * (2 + sqrt((double)n) * 2);
}

static void compare_scan(int64_t b, int64_t t, int64_t d, int64_t n, int64_t gap,
			 float step, bool fresh)
{
	struct scan_case mine = scan_of(b, t, d, n, gap), want = mine;
	want.y = bed_copy(mine.y);
	want.state = bed_copy(mine.state);
	if (fresh) /* whatever is there */
		mine.state = bed_random(0, (double)NAN, (double)NAN, mine.state.ndim,
					mine.state.dim);
	scan_by(bed_cpu, bed_self, mine, step, fresh);
	scan_by(bed_ref, NULL, want, step, fresh);
	bed_same("scan", mine.y, want.y, 0, scan_error(t, n));
	bed_same("state", mine.state, want.state, 0, scan_error(t, 1));
	bed_clear();
}

static void run_scan(void)
{
	static const int64_t states[] = { 1, 3, 4, 8, 16, 21, 64 };
	for (size_t n = 0; n < COUNT(states); n++)
		for (size_t t = 0; t < COUNT(lengths); t++) {
			int64_t d = widths[(size_t)bed_pick(0, COUNT(widths) - 1)];
			compare_scan(bed_pick(1, 3), lengths[t], d, states[n],
				     bed_pick(0, 4), t & 1 ? 1 : 2, n & 1);
		}
	compare_scan(1, 33, 1536, 16, 0, 1, false);
	compare_scan(2, 1, 1536, 16, 48, 1, true);
}

static void scan(void **state)
{
	(void)state;
	bed_on_threads(run_scan);
}

/* Step by step and in pieces: only the order of the sum over the states may differ. */
static void run_chunked_scan(void)
{
	for (int64_t most = 1; most <= 70; most += 23) {
		struct scan_case s = scan_of(1, 150, 37, 16, 2), want = s, piece = s;
		want.y = bed_copy(s.y);
		want.state = bed_copy(s.state);
		scan_by(bed_cpu, bed_self, want, 1, true);
		for (int64_t t = 0, n; t < 150; t += n) {
			n = bed_pick(1, most);
			n = t + n > 150 ? 150 - t : n;
			piece.y = rows_of(s.y, t, n), piece.x = rows_of(s.x, t, n);
			piece.delta = rows_of(s.delta, t, n);
			piece.b = rows_of(s.b, t, n), piece.c = rows_of(s.c, t, n);
			scan_by(bed_cpu, bed_self, piece, 1, t == 0);
		}
		bed_same("scan in pieces", s.y, want.y, 0, scan_error(150, 16));
		bed_same("state in pieces", s.state, want.state, 0, scan_error(150, 1));
		bed_clear();
	}
}

static void scan_in_pieces(void **state)
{
	(void)state;
	bed_on_threads(run_chunked_scan);
}

/* What each backend of bed_on_threads leaves of one case, made anew from the same. */
static float *first_scan;

static void run_same_bits(void)
{
	static const struct {
		int64_t t, d;
	} shapes[] = { { 100, 150 }, { 1, 1200 } };
	static struct scan_case s[COUNT(shapes)];
	static float kept[2][100 * 150];
	static float in[5][2 * 100 * 150];
	for (size_t i = 0; i < COUNT(shapes); i++) {
		int64_t t = shapes[i].t, d = shapes[i].d, n = 16;
		for (size_t j = 0; j < COUNT(in); j++)
			for (size_t e = 0; e < COUNT(in[0]); e++)
				in[j][e] =
					0.3f * (float)(1 + (e * 37 + j * 11) % 101) / 101;
		struct tensor a = tensor_of(DT_F32, in[4], DIMS(d, n));
		for (int64_t e = 0; e < d * n; e++)
			tensor_f32(&a)[e] *= -50;
		s[i] = (struct scan_case){
			.y = bed_random(0, 0, 0, DIMS(1, t, d)),
			.x = tensor_of(DT_F32, in[0], DIMS(1, t, d)),
			.delta = tensor_of(DT_F32, in[1], DIMS(1, t, d)),
			.b = tensor_of(DT_F32, in[2], DIMS(1, t, n)),
			.c = tensor_of(DT_F32, in[3], DIMS(1, t, n)),
			.state = bed_random(0, 0, 0, DIMS(1, d, n)),
			.ssm = { .a = a, .skip = tensor_of(DT_F32, in[0], DIMS(d)) },
		};
		scan_by(bed_cpu, bed_self, s[i], 1, true);
		size_t bytes = (size_t)tensor_bytes(&s[i].y);
		if (!first_scan)
			memcpy(kept[i], s[i].y.data, bytes);
		else
			assert_memory_equal(kept[i], s[i].y.data, bytes);
		bed_clear();
	}
	first_scan = kept[0];
}

static void threads_change_no_bit(void **state)
{
	(void)state;
	first_scan = NULL;
	bed_on_threads(run_same_bits);
}

/* A hand-made scan: one channel, one state that halves at every step. */
static void a_state_that_halves(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		float x[] = { 8, 0, 0, 4, 0, 0, 0 }, delta[] = { 1, 1, 1, 1, 1, 1, 1 };
		float one[] = { 1, 1, 1, 1, 1, 1, 1 }, y[7], a = -0.69314718f, skip = 10;
		float s = 0;
		const float want[] = { 88, 4, 2, 45, 2.5f, 1.25f, 0.625f };
		struct ssm ssm = { tensor_of(DT_F32, &a, DIMS(1, 1)),
				   tensor_of(DT_F32, &skip, DIMS(1)) };
		struct tensor ones = tensor_of(DT_F32, one, DIMS(1, 7, 1));
		bed_open(0, "ref");
		(i ? bed_cpu : bed_ref)
			->scan(i ? bed_self : NULL, tensor_of(DT_F32, y, DIMS(1, 7, 1)),
			       tensor_of(DT_F32, x, DIMS(1, 7, 1)),
			       tensor_of(DT_F32, delta, DIMS(1, 7, 1)), ones, ones, &ssm,
			       1, tensor_of(DT_F32, &s, DIMS(1, 1, 1)), true);
		bed_close();
		for (int t = 0; t < 7; t++)
			assert_float_equal(y[t], want[t], 1e-5);
		assert_float_equal(s, 0.625, 1e-6);
	}
}

/* Decays that leave nothing, growth past every number, and NaN, as the reference. */
static void run_extremes(void)
{
	static const double decay[] = { 1e-30, 80, 86, 87.5, 89, 150, 1e4, 1e30 };
	for (size_t i = 0; i < COUNT(decay); i++)
		for (int64_t t = 1; t <= 6; t += 5) {
			struct scan_case mine = scan_of(1, t, 20, 17, 0), want;
			for (int64_t e = 0; e < tensor_count(&mine.ssm.a); e++)
				tensor_f32(&mine.ssm.a)[e] = (float)-decay[i];
			for (int64_t e = 0; e < tensor_count(&mine.delta); e++)
				tensor_f32(&mine.delta)[e] = 1;
			if (i == 2)
				tensor_f32(&mine.delta)[3] = NAN;
			if (i == 1) /* of a decay that is no denormal yet */
				tensor_f32(&mine.x)[3] = INFINITY;
			bool grows = i == 1 || (i == 5 && t == 1);
			if (grows)
				tensor_f32(&mine.delta)[5] = -1;
			want = mine;
			want.y = bed_copy(mine.y);
			want.state = bed_copy(mine.state);
			scan_by(bed_cpu, bed_self, mine, 1, false);
			scan_by(bed_ref, NULL, want, 1, false);
			bed_same("state", mine.state, want.state, 1e-5, 1e-5);
			if (i != 5) /* a sum of infinities is one in double only */
				bed_same("scan", mine.y, want.y, 3e-5, 1e-5);
			bed_clear();
		}
}

static void scan_at_the_extremes(void **state)
{
	(void)state;
	bed_on_threads(run_extremes);
}

/* ---- the others ---- */

static void compare_gate(int64_t b, int64_t t, int64_t d, int64_t gap)
{
	struct tensor y = bed_random(gap, -3, 3, DIMS(b, t, d)), want = bed_copy(y);
	struct tensor z = bed_random(d + gap, -20, 20, DIMS(b, t, d));
	bed_cpu->gate(bed_self, y, z);
	bed_ref->gate(NULL, want, z);
	bed_same("gate", y, want, 2e-6, 0); /* silu within 80 is exact to 6e-6 */
	bed_clear();
}

static void compare_resampling(int64_t b, int64_t t, int64_t d, int r, int64_t gap)
{
	int64_t n = (t + r - 1) / r;
	struct tensor x = bed_random(gap, -1, 1, DIMS(b, t, d));
	struct tensor low = bed_random(0, 0, 0, DIMS(b, n, d)), want = bed_copy(low);
	bed_cpu->downsample(bed_self, low, x, r);
	bed_ref->downsample(NULL, want, x, r);
	bed_same("downsample", low, want, 0, 0);
	struct tensor up = bed_random(0, 0, 0, DIMS(b, t, d)), up_want = bed_copy(up);
	bed_cpu->upsample(bed_self, up, low, r);
	bed_ref->upsample(NULL, up_want, low, r);
	bed_same("upsample", up, up_want, 0, 0);
	/* Two products and a sum of magnitudes up to 1. */
	for (int all = 0; all < 2; all++) {
		struct tensor g = all ? bed_random(0, 0, 1, DIMS(d))
				      : bed_random(gap, 0, 1, DIMS(b, t, d));
		struct tensor y = bed_copy(x), y_want = bed_copy(x);
		bed_cpu->blend(bed_self, y, low, g, r);
		bed_ref->blend(NULL, y_want, low, g, r);
		bed_same("blend", y, y_want, 0, 2 * EPS);
	}
	bed_clear();
}

static void run_rows(void)
{
	for (size_t t = 0; t < COUNT(lengths); t++)
		for (size_t d = 0; d < COUNT(widths); d++) {
			int64_t b = bed_pick(1, 3), gap = bed_pick(0, 3);
			compare_gate(b, lengths[t], widths[d], gap);
			compare_resampling(b, lengths[t], widths[d], (int)bed_pick(1, 16),
					   gap);
		}
}

static void gates_and_resolutions(void **state)
{
	(void)state;
	bed_on_threads(run_rows);
}

/* Summed in double: the one rounding of the result. */
static void run_means(void)
{
	for (size_t d = 0; d < COUNT(widths); d++) {
		int64_t items = bed_pick(1, 3), rows, t = bed_pick(1, 300);
		struct segments ragged = bed_segments(items, 200, &rows), even = { 0 };
		struct tensor y = bed_random(0, 0, 0, DIMS(items, widths[d]));
		struct tensor want = bed_copy(y);
		struct tensor x = bed_random(3, -1, 2, DIMS(1, rows, widths[d]));
		bed_cpu->mean_rows(bed_self, y, x, &ragged);
		bed_ref->mean_rows(NULL, want, x, &ragged);
		bed_same("mean of ragged items", y, want, EPS, 1e-12);
		x = bed_random(0, -1, 2, DIMS(items, t, widths[d]));
		bed_cpu->mean_rows(bed_self, y, x, &even);
		bed_ref->mean_rows(NULL, want, x, &even);
		bed_same("mean", y, want, EPS, 1e-12);
		bed_clear();
	}
}

static void means(void **state)
{
	(void)state;
	bed_on_threads(run_means);
}

static void compare_taps(int64_t b, int64_t t, int64_t d, int64_t r, int64_t l)
{
	struct tensor taps = bed_random(bed_pick(0, 2), -1, 1, DIMS(r, l));
	struct tensor x = bed_random(bed_pick(0, 4), -1, 1, DIMS(b, t, d));
	struct tensor y = bed_random(0, 0, 0, DIMS(b, t, r * d)), want = bed_copy(y);
	bed_cpu->taps(bed_self, y, x, taps);
	bed_ref->taps(NULL, want, x, taps);
	bed_same("taps", y, want, 0, conv_error(l < t ? l : t));
	bed_clear();
}

static void run_taps(void)
{
	static const int64_t counts[] = { 1, 2, 5, 12, 13, 31 };
	static const int64_t reaches[] = { 1, 7, 64, 300, 513 };
	for (size_t r = 0; r < COUNT(counts); r++)
		for (size_t l = 0; l < COUNT(reaches); l++)
			compare_taps(bed_pick(1, 2), bed_pick(1, 200), bed_pick(1, 70),
				     counts[r], reaches[l]);
	compare_taps(1, 600, 32, 3, 512);
}

static void taps(void **state)
{
	(void)state;
	bed_on_threads(run_taps);
}

/* The future, other items and other channels never reach an output: poisoned, they would
 * be seen. */
static void run_causality(void)
{
	struct tensor x = bed_random(0, -1, 1, DIMS(2, 100, 33));
	for (int64_t t = 40; t < 100; t++)
		for (int64_t d = 0; d < 33; d++)
			if (t > 60 || d == 7)
				tensor_row(&x, t)[d] = NAN; /* of item 0 */
	struct conv conv = conv_of(33, 9, true);
	struct tensor y = bed_random(0, 0, 0, DIMS(2, 100, 33)), want = bed_copy(y);
	bed_cpu->conv1d(bed_self, y, x, &conv, ACT_NONE, none);
	bed_ref->conv1d(NULL, want, x, &conv, ACT_NONE, none);
	bed_same("conv1d beside NaN", y, want, 0, conv_error(9));
	struct tensor weights = bed_random(0, -1, 1, DIMS(5, 17));
	struct tensor many = bed_random(0, 0, 0, DIMS(2, 100, 5 * 33));
	struct tensor many_want = bed_copy(many);
	bed_cpu->taps(bed_self, many, x, weights);
	bed_ref->taps(NULL, many_want, x, weights);
	bed_same("taps beside NaN", many, many_want, 0, conv_error(17));
}

static void nothing_reaches_what_it_must_not(void **state)
{
	(void)state;
	bed_on_threads(run_causality);
}

int main(void)
{
	bed_require_isa();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conv1d),
		cmocka_unit_test(conv1d_in_pieces),
		cmocka_unit_test(scan),
		cmocka_unit_test(scan_in_pieces),
		cmocka_unit_test(threads_change_no_bit),
		cmocka_unit_test(a_state_that_halves),
		cmocka_unit_test(scan_at_the_extremes),
		cmocka_unit_test(gates_and_resolutions),
		cmocka_unit_test(means),
		cmocka_unit_test(taps),
		cmocka_unit_test(nothing_reaches_what_it_must_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
