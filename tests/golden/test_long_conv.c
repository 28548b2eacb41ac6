/* Long convolutions and what is left of them at a rank (tests/oracle). */
#include <math.h>

#include "bench.h"

#include "models/input.h"

static const char *const names[] = { "long", "short", "one" };

static struct input input_of(const struct bench *b, const char *name)
{
	const struct tensor *x = bench_want(b, name, "x");
	return (struct input){ .items = x->dim[0], .sequence = bench_copy(x) };
}

/* Knobs of a case at a rank (0: all of the kernel). */
static struct knobs knobs_at(const struct bench *b, const struct input *in, int rank)
{
	char seq[24], number[24];
	snprintf(seq, sizeof(seq), "%d", (int)in->sequence.dim[1]);
	snprintf(number, sizeof(number), "%d", rank);
	return bench_knobs(b, in->items,
			   (const char *const[]){ "rank", number, "seq", seq, NULL });
}

static void same_facts(const char *what, const struct bench *b,
		       const struct low_rank_facts *f, int rank)
{
	char key[32];
	const struct tensor *sigma = bench_want(b, "", "sigma");
	snprintf(key, sizeof(key), "error.%d", rank);
	double error = (double)*tensor_f32(bench_want(b, "", key));
	struct tensor kernel;
	assert_true(tensors_find(b->model->tensors, "kernel", &kernel));
	double l = (double)kernel.dim[0], d = (double)kernel.dim[1];
	bench_same(what, "spectrum", f->spectrum, f->n_spectrum, sigma);
	assert_int_equal(f->matrices, 1);
	if (fabs(f->rel_error - error) > 1e-6)
		fail_msg("%s: the error is %g, want %g", what, f->rel_error, error);
	assert_true(f->full == l * d * d && f->stored == rank * (l + d * d));
	/* One rank less is cheaper than the kernel, one more is not. */
	double even = (double)f->break_even;
	assert_true(even * (l * d + d * d) <= l * d * d);
	assert_true((even + 1) * (l * d + d * d) > l * d * d);
}

/* What torch's counter counts of the same convolutions. */
static void same_flops(const char *what, const struct bench *b, const char *name,
		       const char *key, const struct knobs *k)
{
	char flops[48];
	struct run *run = run_create();
	snprintf(flops, sizeof(flops), "flops.%s", key);
	double want = (double)*(const int64_t *)bench_want(b, name, flops)->data;
	check_ok(setting_predict(b->model, NULL, k, NULL, NULL, run, NULL));
	if (run->flops.torch < want || run->flops.torch > want)
		fail_msg("%s: torch counts %.0f, we %.0f", what, want, run->flops.torch);
	assert_true(run->flops.fvcore == want / 2);
	run_free(run);
}

static void check_rank(struct bench *b, const char *name, const struct input *in,
		       int rank)
{
	char key[32];
	struct setting s;
	const struct knobs k = knobs_at(b, in, rank);
	snprintf(key, sizeof(key), rank ? "rank.%d" : "full", rank);
	const struct tensor *want = bench_find(b, name, key);
	const char *what = bench_what(b, key);
	if (!want)
		return;
	bench_run(b, &s, in, &k);
	assert_int_equal(s.out.tokens, in->sequence.dim[1]);
	bench_same(what, name, tensor_f32(&s.out.sequence), tensor_count(&s.out.sequence),
		   want);
	if (rank)
		same_facts(what, b, &s.out.low_rank, rank);
	else
		assert_int_equal(s.out.low_rank.matrices, 0);
	same_flops(what, b, name, key, &k);
	setting_release(&s);
}

static void check_folder(const char *folder)
{
	for (const struct bench_way *way = bench_ways; way->backend; way++) {
		struct bench b;
		bench_open(&b, folder, "oracle", INPUT_SEQUENCE, way);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			struct input in = input_of(&b, names[i]);
			for (int rank = 0; rank <= 64; rank++)
				if (rank <= bench_want(&b, "", "sigma")->dim[0])
					check_rank(&b, names[i], &in, rank);
			input_release(&in);
		}
		bench_close(&b);
	}
}

static void kernels(void **state)
{
	(void)state;
	check_folder("long_conv");
	check_folder("long_conv_narrow");
}

static void a_rank_that_is_not_there(void **state)
{
	struct model *m;
	struct knobs k;
	(void)state;
	check_ok(model_open_for(fixture("long_conv_narrow"), 0, INPUT_SEQUENCE, &m));
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_RANK, "9"));
	check_ok(model_check_knobs(m, &k));
	check_ok(knobs_set(&k, KNOB_RANK, "10"));
	check_err(model_check_knobs(m, &k), ERR_USAGE,
		  "is [40, 3, 3], as a matrix 40 x 9: at most 9");
	model_free(m);
}

/* ---- files ---- */

static char dir[64];

static void put_config(void)
{
	char path[96];
	snprintf(path, sizeof(path), "%s/config.json", dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("{\"model_type\": \"long_conv\"}", f);
	fclose(f);
}

static void put_kernel(const char *name, struct tensor t)
{
	char path[96];
	const struct safetensors_entry entry = { name, t };
	snprintf(path, sizeof(path), "%s/model.safetensors", dir);
	check_ok(safetensors_write(path, &entry, 1, NULL));
}

static void refused(const char *name, int ndim, const int64_t *dim, const char *part)
{
	struct model *m;
	struct tensor t = tensor_of(DT_F32, NULL, ndim, dim);
	t.data = calloc((size_t)tensor_count(&t) + 1, sizeof(float));
	put_kernel(name, t);
	check_err(model_open_for(dir, 0, INPUT_SEQUENCE, &m), ERR_FORMAT, part);
	assert_non_null(strstr(err_message(), "model.safetensors"));
	free(t.data);
}

static void kernels_that_are_none(void **state)
{
	(void)state;
	temp_dir(dir);
	put_config();
	refused("weights", DIMS(4, 2, 2), "there is no tensor kernel");
	refused("kernel", DIMS(4, 2), "tensor kernel is [4, 2]: want [L, D, D]");
	refused("kernel", DIMS(4, 2, 2, 1), "[4, 2, 2, 1]: want [L, D, D]");
	refused("kernel", DIMS(4, 2, 3), "[4, 2, 3]: want [L, D, D]");
	refused("kernel", DIMS(0, 2, 2), "[0, 2, 2]: it is empty");
	refused("kernel", DIMS(4, 0, 0), "[4, 0, 0]: it is empty");
	refused("kernel", DIMS((1 << 20) + 1, 1, 1), "at most [1048576, 16384, 16384]");
	temp_dir_remove(dir);
}

static void kernels_of_no_numbers(void **state)
{
	static const float bad[] = { NAN, INFINITY, -INFINITY };
	(void)state;
	temp_dir(dir);
	put_config();
	for (int i = 0; i < 3; i++)
		for (int rank = 0; rank < 2; rank++) {
			float values[12] = { 1 };
			struct model *m;
			struct knobs k;
			values[9] = bad[i];
			put_kernel("kernel", tensor_of(DT_F32, values, DIMS(3, 2, 2)));
			check_ok(model_open_for(dir, 0, INPUT_SEQUENCE, &m));
			check_ok(tensors_prepare(m->tensors, NULL));
			knobs_init(&k);
			check_ok(knobs_set(&k, KNOB_RANK, rank ? "1" : "0"));
			check_err(model_prepare(m, &k, backend_by_name("ref"), NULL),
				  ERR_FORMAT,
				  "model.safetensors: tensor kernel at [2, 0, 1] is no "
				  "finite number");
			model_free(m);
		}
	temp_dir_remove(dir);
}

/* ---- presets ---- */

static double error_at(const char *preset, const char *rank)
{
	struct model *m;
	struct knobs k;
	struct setting s;
	struct pool *pool;
	const struct backend *ref = backend_by_name("ref");
	check_ok(pool_create(1, &pool));
	check_ok(model_open_for(preset, 3, INPUT_SEQUENCE, &m));
	check_ok(tensors_prepare(m->tensors, NULL));
	knobs_init(&k);
	check_ok(knobs_set(&k, KNOB_RANK, rank));
	struct input in;
	check_ok(m->family->shape(m, NULL, &k, &in));
	in.sequence.data = calloc((size_t)tensor_count(&in.sequence), sizeof(float));
	check_ok(model_prepare(m, &k, ref, NULL));
	check_ok(setting_init(&s, m, ref, NULL, pool, &in, &k));
	check_ok(setting_pass(&s, false, NULL));
	double error = s.out.low_rank.rel_error;
	setting_release(&s);
	input_release(&in);
	model_free(m);
	pool_free(pool);
	return error;
}

/* One is made of 16 states, the other of nothing. */
static void presets_differ_in_rank(void **state)
{
	(void)state;
	assert_true(error_at("long-conv:s4d:tiny", "16") < 1e-5);
	assert_true(error_at("long-conv:s4d:tiny", "8") < 1e-2);
	assert_true(error_at("long-conv:random:tiny", "16") > 0.3);
}

/* K[l] = C diag(exp(step l a)) B: a product of what three taps say. */
static void taps_of_a_state_space_fade(void **state)
{
	struct model *m;
	(void)state;
	check_ok(model_open_for("long-conv:s4d:tiny", 3, INPUT_SEQUENCE, &m));
	assert_true(m->random_weights && model_params(m) == 32 * 8 * 8);
	struct tensor k = tensors_get(m->tensors, "kernel", DIMS(32, 8, 8));
	check_ok(tensors_prepare(m->tensors, NULL));
	double first = 0, last = 0;
	for (int i = 0; i < 64; i++) {
		first += fabs((double)tensor_f32(&k)[i]);
		last += fabs((double)tensor_f32(&k)[31 * 64 + i]);
	}
	assert_true(first > 0 && last > 0 && last < 0.6 * first);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernels),
		cmocka_unit_test(a_rank_that_is_not_there),
		cmocka_unit_test(kernels_that_are_none),
		cmocka_unit_test(kernels_of_no_numbers),
		cmocka_unit_test(presets_differ_in_rank),
		cmocka_unit_test(taps_of_a_state_space_fade),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
