/* tensors: sets of weights from files and from seeds. */
#include "check.h"

#include <math.h>
#include <stdatomic.h>

#include "base/pool.h"
#include "tensor/file_source.h"
#include "tensor/random_source.h"
#include "tensor/safetensors.h"

static char dir[64];
static char path[128];

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	snprintf(path, sizeof(path), "%s/model.safetensors", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

/* A file whose header is `blanks` bytes longer than 8 would have it, so that the data can
 * be put at any alignment. Tensors: q, k [2, 3] F32; h [4] F16; b [2] BF16; d [] F64;
 * i [1] I64; none [0, 3] F32. */
static void write_weights(int blanks)
{
	static const char header[] =
		"{\"q\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
		"\"k\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[24,48]},"
		"\"h\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[48,56]},"
		"\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[56,60]},"
		"\"d\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[60,68]},"
		"\"i\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[68,76]},"
		"\"none\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[76,76]}}";
	unsigned char data[76] = { 0 };
	float *f = (float *)(void *)data;
	for (int i = 0; i < 12; i++)
		f[i] = (float)(i + 1);
	const uint16_t half[] = { 0x3C00, 0xC000, 0x0001, 0x7C00 },
		       brain[] = { 0x3FC0, 1 };
	const double third = 1.0 / 3.0;
	memcpy(data + 48, half, 8);
	memcpy(data + 56, brain, 4);
	memcpy(data + 60, &third, 8);
	int pad = (int)((8 - (sizeof(header) - 1) % 8) % 8) + blanks;
	uint64_t n = sizeof(header) - 1 + (size_t)pad;
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	fwrite(&n, 8, 1, file); /* this machine is little-endian */
	fprintf(file, "%s%*s", header, pad, "");
	fwrite(data, 1, sizeof(data), file);
	assert_int_equal(fclose(file), 0);
}

static void values_are(const struct tensor *t, const float *wanted)
{
	for (int64_t i = 0; i < tensor_count(t); i++)
		if (memcmp(&tensor_f32(t)[i], &wanted[i], sizeof(float)))
			fail_msg("[%lld] is %g, not %g", (long long)i,
				 (double)tensor_f32(t)[i], (double)wanted[i]);
}

struct crew {
	struct pool *pool;
	int64_t last, total, stop_at;
	int calls;
};

static void crew_parallel(void *ctx, void (*fn)(void *, int, int), void *arg)
{
	pool_run(((struct crew *)ctx)->pool, fn, arg);
}

static bool crew_progress(void *ctx, int64_t done, int64_t total)
{
	struct crew *c = ctx;
	assert_true(done >= c->last && done <= total);
	c->last = done;
	c->total = total;
	c->calls++;
	return done < c->stop_at;
}

static void file_weights_at_any_alignment(void **state)
{
	(void)state;
	/* Threads of a pool flush denormals: no value may depend on that. */
	struct crew c = { .stop_at = INT64_MAX };
	check_ok(pool_create(2, &c.pool));
	struct tensors_work work = { &c, crew_parallel, crew_progress };
	for (int blanks = 0; blanks < 8; blanks++) {
		write_weights(blanks);
		struct tensors *t;
		check_ok(tensors_open_file(path, &t));
		struct tensor q = tensors_get(t, "q", DIMS(2, 3));
		struct tensor k = tensors_get(t, "k", DIMS(2, 3));
		struct tensor h = tensors_get(t, "h", DIMS(4));
		struct tensor b = tensors_get(t, "b", DIMS(2));
		struct tensor d = tensors_get(t, "d", 0, NULL);
		struct tensor none = tensors_get(t, "none", DIMS(0, 3));
		const char *names[] = { "k", "q" };
		struct tensor kq = tensors_get_stacked(t, names, 2, DIMS(4, 3));
		c.last = 0;
		check_ok(tensors_prepare(t, &work));
		/* In place exactly where it can be: then q and k are neighbours. */
		assert_int_equal(tensor_f32(&k) == tensor_f32(&q) + 6, blanks % 4 == 0);
		assert_int_equal((uintptr_t)q.data % 4, 0);
		values_are(&q, (float[]){ 1, 2, 3, 4, 5, 6 });
		values_are(&k, (float[]){ 7, 8, 9, 10, 11, 12 });
		values_are(&kq, (float[]){ 7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6 });
		values_are(&h, (float[]){ 1, -2, 0x1p-24f, INFINITY });
		values_are(&b, (float[]){ 1.5f, 0x1p-133f });
		values_are(&d, (float[]){ (float)(1.0 / 3.0) });
		assert_int_equal(tensor_count(&none), 0);
		assert_int_equal(kq.ld, 3);
		assert_int_equal((uintptr_t)kq.data % 64, 0);
		assert_int_equal(tensors_params(t), 6 + 6 + 4 + 2 + 1 + 12);
		assert_int_equal(tensors_bytes(t), 4 * 31);
		/* Asked again: the same memory, counted once. */
		assert_ptr_equal(tensors_get(t, "h", DIMS(4)).data, h.data);
		assert_ptr_equal(tensors_get_stacked(t, names, 2, DIMS(4, 3)).data,
				 kq.data);
		assert_int_equal(tensors_params(t), 31);
		struct tensor stored;
		assert_true(tensors_find(t, "h", &stored));
		assert_int_equal(stored.dtype, DT_F16);
		assert_false(tensors_find(t, "missing", &stored));
		assert_false(tensors_is_generated(t));
		assert_string_equal(tensors_format(t), "safetensors");
		check_ok(tensors_error(t));
		tensors_free(t);
	}
	pool_free(c.pool);
}

/* Where it lies, whoever else asks; only an odd address makes it F32. */
static void file_weights_as_they_are_stored(void **state)
{
	(void)state;
	struct crew c = { .stop_at = INT64_MAX };
	check_ok(pool_create(2, &c.pool));
	struct tensors_work work = { &c, crew_parallel, crew_progress };
	for (int blanks = 0; blanks < 8; blanks++) {
		bool even = blanks % 2 == 0;
		struct tensor in_file;
		struct tensors *t;
		write_weights(blanks);
		check_ok(tensors_open_file(path, &t));
		tensors_generate_as(t, DT_F16); /* nothing is generated here */
		struct tensor h = tensors_get_stored(t, "h", DIMS(4));
		struct tensor wide = tensors_get(t, "h", DIMS(4));
		struct tensor b = tensors_get_stored(t, "b", DIMS(2));
		struct tensor q = tensors_get_stored(t, "q", DIMS(2, 3));
		struct tensor d = tensors_get_stored(t, "d", 0, NULL);
		c.last = 0;
		check_ok(tensors_prepare(t, &work));
		assert_int_equal(h.dtype, even ? DT_F16 : DT_F32);
		assert_int_equal(b.dtype, even ? DT_BF16 : DT_F32);
		assert_int_equal(q.dtype, DT_F32);
		assert_int_equal(d.dtype, DT_F32); /* F64 is no type of a weight */
		assert_true(tensors_find(t, "h", &in_file));
		assert_int_equal(h.data == in_file.data, even);
		assert_true(tensors_find(t, "b", &in_file));
		assert_int_equal(b.data == in_file.data, even);
		assert_ptr_equal(tensors_get(t, "q", DIMS(2, 3)).data, q.data);
		values_are(&wide, (float[]){ 1, -2, 0x1p-24f, INFINITY });
		values_are(&d, (float[]){ (float)(1.0 / 3.0) });
		if (!even) {
			assert_ptr_equal(h.data, wide.data);
			values_are(&b, (float[]){ 1.5f, 0x1p-133f });
		}
		/* h is held twice, but is one tensor. */
		assert_int_equal(tensors_params(t), 4 + 2 + 6 + 1);
		assert_int_equal(tensors_bytes(t),
				 even ? 8 + 16 + 4 + 24 + 4 : 16 + 8 + 24 + 4);
		assert_int_equal(c.total, tensors_bytes(t));
		assert_int_equal(c.last, c.total);
		assert_ptr_equal(tensors_get_stored(t, "h", DIMS(4)).data, h.data);
		assert_ptr_equal(tensors_get(t, "h", DIMS(4)).data, wide.data);
		assert_int_equal(tensors_params(t), 13);
		tensors_free(t);
	}
	pool_free(c.pool);
}

/* Stacked halves stay halves where all parts are; one that is F32 makes all of them so.
 */
static void stacked_as_they_are_stored(void **state)
{
	static const char *const halves[] = { "h", "h" }, *const floats[] = { "q", "k" };
	static const char *const parts[] = { "x", "y" };
	static const uint16_t bits[] = { 0x3C00, 0xC000, 0x0001, 0x7C00 };
	struct tensors *t;
	(void)state;
	write_weights(0);
	check_ok(tensors_open_file(path, &t));
	struct tensor h = tensors_get_stacked_stored(t, halves, 2, DIMS(8));
	struct tensor f = tensors_get_stacked_stored(t, floats, 2, DIMS(4, 3));
	struct tensor wide = tensors_get_stacked(t, halves, 2, DIMS(8));
	check_ok(tensors_prepare(t, NULL));
	assert_int_equal(h.dtype, DT_F16);
	assert_int_equal(f.dtype, DT_F32);
	assert_int_equal(wide.dtype, DT_F32);
	assert_memory_equal(h.data, bits, sizeof(bits));
	assert_memory_equal((uint16_t *)h.data + 4, bits, sizeof(bits));
	values_are(&f, (float[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 });
	assert_ptr_equal(tensors_get_stacked_stored(t, halves, 2, DIMS(8)).data, h.data);
	tensors_free(t);

	t = tensors_create_random(7, "test");
	tensors_generate_as(t, DT_BF16);
	struct tensor xy = tensors_get_stacked_stored(t, parts, 2, DIMS(4, 3));
	struct tensor y = tensors_get_stored(t, "y", DIMS(2, 3));
	check_ok(tensors_prepare(t, NULL));
	assert_int_equal(xy.dtype, DT_BF16);
	assert_memory_equal((uint16_t *)xy.data + 6, y.data, 6 * sizeof(uint16_t));
	tensors_free(t);
}

/* In the type that was asked for, whatever they are stored in. */
static void file_weights_in_another_type(void **state)
{
	static const enum dtype types[] = { DT_F16, DT_BF16 };
	static const float q[] = { 1, 2, 3, 4, 5, 6 },
			   h[] = { 1, -2, 0x1p-24f, INFINITY };
	static const char *const parts[] = { "q", "k" };
	(void)state;
	write_weights(0);
	for (int i = 0; i < 2; i++) {
		const enum dtype type = types[i];
		uint16_t wanted[6];
		struct tensor in_file, all[4];
		struct tensors *t;
		check_ok(tensors_open_file(path, &t));
		tensors_hold_as(t, type);
		all[0] = tensors_get_stored(t, "q", DIMS(2, 3));
		all[1] = tensors_get_stored(t, "h", DIMS(4));
		all[2] = tensors_get_stored(t, "b", DIMS(2));
		all[3] = tensors_get_stacked_stored(t, parts, 2, DIMS(4, 3));
		struct tensor norm = tensors_get(t, "h", DIMS(4));
		check_ok(tensors_prepare(t, NULL));
		for (int j = 0; j < 4; j++)
			assert_int_equal(all[j].dtype, type);
		dtype_from_f32(type, q, wanted, 6);
		assert_memory_equal(all[0].data, wanted, 12);
		assert_memory_equal(all[3].data, wanted, 12);
		dtype_from_f32(type, h, wanted, 4);
		assert_memory_equal(all[1].data, wanted, 8);
		values_are(&norm, h); /* what is no weight of a product stays F32 */
		assert_true(tensors_find(t, type == DT_F16 ? "h" : "b", &in_file));
		assert_ptr_equal(all[type == DT_F16 ? 1 : 2].data, in_file.data);
		assert_int_equal(tensors_bytes(t), 2 * (6 + 4 + 2 + 12) + 16);
		tensors_free(t);
	}
}

/* The pages of a mapped file, by how many of them this process has in memory. */
static double resident(const struct tensor *t)
{
	unsigned long long begin, end, at = (uintptr_t)t->data;
	double kib = 0;
	char line[256];
	bool inside = false;
	FILE *f = fopen("/proc/self/smaps", "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx ", &begin, &end) == 2)
			inside = at >= begin && at < end;
		else if (inside && sscanf(line, "Rss: %lf", &kib) == 1)
			break;
	}
	fclose(f);
	return kib * 1024;
}

/* What was copied from a file is in memory once: two bytes an element, not six. */
static void copied_pages_are_given_back(void **state)
{
	(void)state;
	enum { N = 3 << 20 };
	static const char header[] = "{\"w\":{\"dtype\":\"F32\",\"shape\":[3145728],"
				     "\"data_offsets\":[0,12582912]}}     ";
	float *w = malloc(sizeof(float) * N);
	assert_non_null(w);
	for (int i = 0; i < N; i++)
		w[i] = (float)(i % 251) / 8;
	uint64_t length = sizeof(header) - 1;
	FILE *f = fopen(path, "wbe");
	assert_non_null(f);
	assert_int_equal(fwrite(&length, 8, 1, f), 1);
	assert_int_equal(fwrite(header, length, 1, f), 1);
	assert_int_equal(fwrite(w, sizeof(float), N, f), N);
	fclose(f);
	for (int half = 0; half < 2; half++) {
		struct tensor in_file;
		struct tensors *t;
		check_ok(tensors_open_file(path, &t));
		tensors_hold_as(t, half ? DT_BF16 : DT_F32);
		struct tensor held = tensors_get_stored(t, "w", DIMS(N));
		check_ok(tensors_prepare(t, NULL));
		assert_true(tensors_find(t, "w", &in_file));
		double share = resident(&in_file) / (sizeof(float) * N);
		if (half)
			assert_true(share < 0.25); /* what was read ahead */
		else
			assert_true(share > 0.9);
		float last;
		dtype_to_f32(held.dtype,
			     (char *)held.data + (N - 1) * dtype_size(held.dtype), &last,
			     1);
		assert_true(last == w[N - 1]);
		assert_memory_equal(in_file.data, w, sizeof(float) * N); /* comes again */
		tensors_free(t);
	}
	free(w);
}

/* A source like that of torch.save's views: half numbers that do not lie in a row. */
static bool scattered_find(void *self, const char *name, struct tensor *stored)
{
	*stored = tensor_of(DT_BF16, NULL, DIMS(2, 2));
	return !strcmp(name, self);
}

static void scattered_fill(void *self, const char *name, const struct tensor *shape,
			   int64_t begin, int64_t end, float *out)
{
	(void)self, (void)name, (void)shape;
	for (int64_t i = begin; i < end; i++)
		*out++ = (float)i;
}

static const char *scattered_file(void *self, const char *name)
{
	return strcmp(name, self) ? NULL : "part-2";
}

static void what_lies_in_no_row_becomes_f32(void **state)
{
	(void)state;
	static const struct tensors_source scattered = { .name = "scattered",
							 .find = scattered_find,
							 .fill = scattered_fill,
							 .file_of = scattered_file };
	static char name[] = "w";
	struct tensors *t = tensors_create(&scattered, name, "all");
	struct tensor w = tensors_get_stored(t, "w", DIMS(2, 2));
	check_ok(tensors_prepare(t, NULL));
	assert_int_equal(w.dtype, DT_F32);
	values_are(&w, (float[]){ 0, 1, 2, 3 });
	assert_int_equal(tensors_bytes(t), 16);
	/* A message begins with the file that has the tensor, where a set has several. */
	tensors_get_stored(t, "w", DIMS(4));
	check_err(tensors_error(t), ERR_FORMAT, "part-2: tensor w is [2, 2], the model");
	tensors_free(t);
	t = tensors_create(&scattered, name, "all");
	tensors_get_stored(t, "x", DIMS(4));
	check_err(tensors_error(t), ERR_FORMAT, "all: there is no tensor x");
	tensors_free(t);
}

static void a_later_get_is_filled_by_a_later_prepare(void **state)
{
	(void)state;
	write_weights(0);
	struct tensors *t;
	check_ok(tensors_open_file(path, &t));
	struct tensor h = tensors_get(t, "h", DIMS(4));
	check_ok(tensors_prepare(t, NULL));
	struct tensor b = tensors_get(t, "b", DIMS(2));
	tensor_f32(&h)[0] = 7; /* ours: not filled again */
	check_ok(tensors_prepare(t, NULL));
	assert_true(tensor_f32(&h)[0] == 7);
	assert_true(tensor_f32(&b)[0] == 1.5f);
	tensors_free(t);
}

static void the_first_failed_get_sticks(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int64_t dim[2];
		int ndim;
		const char *fact;
	} cases[] = {
		{ "nowhere.weight",
		  { 2, 3 },
		  2,
		  "there is no tensor nowhere.weight, which the model needs as [2, 3]" },
		{ "q", { 3, 2 }, 2, "tensor q is [2, 3], the model needs [3, 2]" },
		{ "q", { 6 }, 1, "tensor q is [2, 3], the model needs [6]" },
		{ "i", { 1 }, 1, "tensor i is I64, which is no weight" },
		{ "q",
		  { INT64_MAX, 3 },
		  2,
		  "cannot have shape [9223372036854775807, 3]" },
		{ "q", { -2, 3 }, 2, "cannot have shape [-2, 3]" },
	};
	write_weights(0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tensors *t;
		check_ok(tensors_open_file(path, &t));
		struct tensor x =
			tensors_get(t, cases[i].name, cases[i].ndim, cases[i].dim);
		assert_null(x.data);
		/* Later gets, failing or not, give nothing and change nothing. */
		assert_null(tensors_get(t, "k", DIMS(2, 3)).data);
		assert_null(tensors_get(t, "other", DIMS(2, 3)).data);
		check_err(tensors_error(t), ERR_FORMAT, cases[i].fact);
		assert_non_null(strstr(err_message(), path));
		check_err(tensors_prepare(t, NULL), ERR_FORMAT, cases[i].fact);
		tensors_free(t);
	}
	struct tensors *t;
	check_ok(tensors_open_file(path, &t));
	const char *names[] = { "q", "v" };
	assert_null(tensors_get_stacked(t, names, 2, DIMS(4, 3)).data);
	check_err(tensors_error(t), ERR_FORMAT, "there is no tensor v");
	assert_int_equal(tensors_params(t), 0);
	tensors_free(t);
	t = tensors_create_random(0, "preset");
	assert_null(tensors_get(t, "x", DIMS(INT64_C(1) << 50)).data);
	check_err(tensors_error(t), ERR_NOMEM, "preset: no memory for tensor x");
	tensors_free(t);
}

static void what_contradicts_the_config_names_both(void **state)
{
	(void)state;
	char text[256];
	write_weights(0);
	for (int stored = 0; stored < 2; stored++) {
		struct tensors *t;
		struct tensor (*ask)(struct tensors *, const char *, int,
				     const int64_t *) =
			stored ? tensors_get_stored : tensors_get;
		check_ok(tensors_open_file(path, &t));
		tensors_set_config_label(t, "first.json");
		tensors_set_config_label(t, "clip/config.json");
		assert_null(ask(t, "q", DIMS(3, 2)).data);
		snprintf(text, sizeof(text),
			 "%s: tensor q is [2, 3], but clip/config.json makes it [3, 2]",
			 path);
		check_err(tensors_error(t), ERR_FORMAT, text);
		tensors_free(t);
		check_ok(tensors_open_file(path, &t));
		tensors_set_config_label(t, "clip/config.json");
		assert_null(ask(t, "nowhere", DIMS(3)).data);
		snprintf(text, sizeof(text),
			 "%s: there is no tensor nowhere, which the model of "
			 "clip/config.json needs as [3]",
			 path);
		check_err(tensors_error(t), ERR_FORMAT, text);
		tensors_free(t);
	}
}

static void a_shrunken_file_is_reported(void **state)
{
	(void)state;
	static float x[1 << 16];
	struct safetensors_entry e = { "x", tensor_of(DT_F32, x, DIMS(1 << 16)) };
	check_ok(safetensors_write(path, &e, 1, NULL));
	struct tensors *t;
	check_ok(tensors_open_file(path, &t));
	struct tensor w = tensors_get(t, "x", DIMS(1 << 16));
	assert_non_null(w.data);
	check_ok(tensors_error(t));
	assert_int_equal(truncate(path, 1000), 0);
	check_err(tensors_prepare(t, NULL), ERR_IO, "shrank while it was read");
	assert_true(tensor_f32(&w)[65535] == 0);
	check_err(tensors_error(t), ERR_IO, path);
	tensors_free(t);
}

/* Four tensors of which one is several chunks long and no multiple of one. */
enum { BIG = 3 * 1000 * 1000 };

static struct tensors *generate(int threads, uint64_t seed, struct tensor out[4])
{
	struct crew c = { .stop_at = INT64_MAX };
	check_ok(pool_create(threads, &c.pool));
	struct tensors *t = tensors_create_random(seed, "preset");
	assert_true(tensors_is_generated(t));
	const char *qk[] = { "q.weight", "k.weight" };
	out[0] = tensors_get(t, "fc.weight", DIMS(1000, 3000));
	out[1] = tensors_get(t, "norm.weight", DIMS(999));
	out[2] = tensors_get(t, "fc.bias", DIMS(7));
	out[3] = tensors_get_stacked(t, qk, 2, DIMS(6, 5));
	struct tensors_work work = { &c, crew_parallel, crew_progress };
	check_ok(tensors_prepare(t, &work));
	assert_int_equal(c.total, 4 * (BIG + 999 + 7 + 30));
	assert_int_equal(c.last, c.total);
	assert_true(c.calls >= 2);
	pool_free(c.pool);
	return t;
}

static void random_weights_do_not_depend_on_threads(void **state)
{
	(void)state;
	struct tensor a[4], b[4], c[4];
	struct tensors *one = generate(1, 5, a), *three = generate(3, 5, b),
		       *other = generate(2, 6, c);
	for (int i = 0; i < 4; i++) {
		assert_memory_equal(a[i].data, b[i].data, (size_t)tensor_bytes(&a[i]));
		assert_int_not_equal(
			memcmp(a[i].data, c[i].data, (size_t)tensor_bytes(&a[i])), 0);
	}
	/* Nor on fusing. */
	struct tensors *parts = tensors_create_random(5, "preset");
	struct tensor k = tensors_get(parts, "k.weight", DIMS(3, 5));
	check_ok(tensors_prepare(parts, NULL));
	assert_memory_equal(k.data, tensor_row(&a[3], 3), 15 * sizeof(float));
	tensors_free(parts);
	tensors_free(one);
	tensors_free(three);
	tensors_free(other);
}

/* The generator's F32 values, rounded: across chunks, by any number of threads. */
static void random_weights_in_half_precision(void **state)
{
	(void)state;
	static const enum dtype types[] = { DT_BF16, DT_F16, DT_F32 };
	static uint16_t wanted[BIG];
	struct crew c = { .stop_at = INT64_MAX };
	check_ok(pool_create(2, &c.pool));
	struct tensors_work work = { &c, crew_parallel, crew_progress };
	for (size_t i = 0; i < 3; i++) {
		const char *names[] = { "fc.weight", "v.weight" };
		struct tensors *t = tensors_create_random(5, "preset");
		tensors_generate_as(t, types[i]);
		struct tensor half = tensors_get_stored(t, "fc.weight", DIMS(1000, 3000));
		struct tensor wide = tensors_get(t, "fc.weight", DIMS(1000, 3000));
		struct tensor both =
			tensors_get_stacked(t, names, 2, DIMS(2 * 1000, 3000));
		c.last = 0;
		check_ok(tensors_prepare(t, &work));
		assert_int_equal(half.dtype, types[i]);
		assert_int_equal((uintptr_t)half.data % 64, 0);
		assert_int_equal(wide.dtype, DT_F32);
		assert_int_equal(both.dtype, DT_F32);
		assert_memory_equal(both.data, wide.data, 4 * BIG);
		int64_t bytes = types[i] == DT_F32 ? 4 * 3 * BIG : (2 + 4 + 8) * BIG;
		assert_int_equal(tensors_bytes(t), bytes);
		assert_int_equal(c.total, bytes);
		assert_int_equal(c.last, bytes);
		assert_int_equal(tensors_params(t), 3 * BIG);
		assert_int_equal(half.data == wide.data, types[i] == DT_F32);
		if (types[i] != DT_F32) {
			dtype_from_f32(types[i], tensor_f32(&wide), wanted, BIG);
			assert_memory_equal(half.data, wanted, 2 * BIG);
		}
		tensors_free(t);

		/* Held in another type: rounded from what it stands for. */
		float *stands_for = malloc(sizeof(float) * BIG);
		assert_non_null(stands_for);
		t = tensors_create_random(5, "preset");
		tensors_generate_as(t, types[i]);
		tensors_hold_as(t, DT_F16);
		struct tensor held = tensors_get_stored(t, "fc.weight", DIMS(1000, 3000));
		wide = tensors_get(t, "fc.weight", DIMS(1000, 3000));
		check_ok(tensors_prepare(t, NULL));
		assert_int_equal(held.dtype, DT_F16);
		memcpy(stands_for, wide.data, sizeof(float) * BIG);
		if (types[i] != DT_F32) {
			dtype_from_f32(types[i], tensor_f32(&wide), wanted, BIG);
			dtype_to_f32(types[i], wanted, stands_for, BIG);
		}
		dtype_from_f32(DT_F16, stands_for, wanted, BIG);
		assert_memory_equal(held.data, wanted, 2 * BIG);
		free(stands_for);
		tensors_free(t);
	}
	pool_free(c.pool);
}

/* These bits are stored in users' sessions: a change makes old runs incomparable. */
static void random_weights_never_change(void **state)
{
	(void)state;
	struct tensors *t = tensors_create_random(0, "preset");
	struct tensor w = tensors_get(t, "a.weight", DIMS(2, 4));
	struct tensor n = tensors_get(t, "a.norm.weight", DIMS(2));
	check_ok(tensors_prepare(t, NULL));
	static const float wanted[] = { 0x1.b6aca60000000p-1f, 0x1.b4050a0000000p-3f,
					0x1.bb598e0000000p-2f, 0x1.6784860000000p-4f,
					0x1.10d18a0000000p-3f, -0x1.b968a20000000p-1f,
					0x1.3ea1c40000000p-2f, -0x1.9d5d360000000p-1f,
					0x1.fbffe00000000p-1f, 0x1.00783a0000000p+0f };
	values_are(&w, wanted);
	values_are(&n, wanted + 8);
	tensors_free(t);
}

static void moments(const struct tensor *t, double *mean, double *deviation)
{
	double sum = 0, squares = 0, n = (double)tensor_count(t);
	for (int64_t i = 0; i < tensor_count(t); i++)
		sum += (double)tensor_f32(t)[i];
	*mean = sum / n;
	for (int64_t i = 0; i < tensor_count(t); i++) {
		double d = (double)tensor_f32(t)[i] - *mean;
		squares += d * d;
	}
	*deviation = sqrt(squares / n);
}

static void random_weights_have_their_spread(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int64_t dim[4];
		int ndim;
		double mean, deviation;
	} cases[] = {
		{ "layers.0.mlp.fc1.weight", { 400, 256 }, 2, 0, 1 / 16.0 },
		{ "embeddings.patch_embedding.weight",
		  { 100, 3, 16, 16 },
		  4,
		  0,
		  1 / 27.7128 },
		{ "embeddings.position_embedding.weight", { 400, 256 }, 2, 0, .02 },
		{ "backbone.embedding.weight", { 400, 256 }, 2, 0, .02 },
		{ "embeddings.class_embedding", { 100000 }, 1, 0, .02 },
		{ "pre_layrnorm.weight", { 100000 }, 1, 1, .02 },
		{ "post_layernorm.bias", { 100000 }, 1, 0, .02 },
		{ "self_attn.in_proj_bias", { 100000 }, 1, 0, .02 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tensors *t = tensors_create_random(1, "preset");
		struct tensor w =
			tensors_get(t, cases[i].name, cases[i].ndim, cases[i].dim);
		check_ok(tensors_prepare(t, NULL));
		double mean, deviation, wide = cases[i].deviation;
		moments(&w, &mean, &deviation);
		/* 70,000 values and more: five standard errors. */
		assert_true(fabs(mean - cases[i].mean) < 5 * wide / 260);
		assert_true(fabs(deviation - wide) < 0.01 * wide);
		tensors_free(t);
	}
}

static void random_states_have_memory(void **state)
{
	(void)state;
	struct tensors *t = tensors_create_random(1, "preset");
	struct tensor rates = tensors_get(t, "layers.0.mixer.A_log", DIMS(3, 16));
	struct tensor bias = tensors_get(t, "layers.0.mixer.dt_proj.bias", DIMS(4000));
	check_ok(tensors_prepare(t, NULL));
	for (int i = 0; i < 48; i++)
		assert_true(fabs((double)tensor_f32(&rates)[i] - log(i % 16 + 1)) < 1e-6);
	double least = 1, most = 0, middle = 0;
	for (int i = 0; i < 4000; i++) {
		double step = log1p(exp((double)tensor_f32(&bias)[i]));
		least = fmin(least, step);
		most = fmax(most, step);
		middle += step < 0.01;
	}
	assert_true(least > 0.000999 && least < 0.0011);
	assert_true(most < 0.1001 && most > 0.09);
	assert_true(fabs(middle / 4000 - 0.5) < 0.05);
	tensors_free(t);
}

static bool last_row_is_blank(const struct tensor *w)
{
	char none[3000 * 4] = { 0 };
	return !memcmp(tensor_row_any(w, 999), none, 3000 * dtype_size(w->dtype));
}

static void cancel_and_resume(enum dtype dtype)
{
	struct crew c = { .stop_at = (int64_t)dtype_size(dtype)
				     << 18 }; /* after the first chunk */
	check_ok(pool_create(1, &c.pool));
	struct tensors *t = tensors_create_random(5, "preset");
	tensors_generate_as(t, dtype);
	struct tensor w = tensors_get_stored(t, "fc.weight", DIMS(1000, 3000));
	struct tensors_work work = { &c, crew_parallel, crew_progress };
	check_err(tensors_prepare(t, &work), ERR_CANCELLED, "preset: loading");
	assert_int_equal(c.calls, 2); /* before and after that chunk */
	assert_true(last_row_is_blank(&w));
	check_ok(tensors_error(t));
	c.stop_at = INT64_MAX;
	c.last = 0;
	check_ok(tensors_prepare(t, &work));
	assert_false(last_row_is_blank(&w));
	/* Before anything was done, too. */
	tensors_get(t, "more", DIMS(10));
	c.stop_at = 0;
	c.last = 0;
	check_err(tensors_prepare(t, &work), ERR_CANCELLED, "preset: loading");
	tensors_free(t);
	pool_free(c.pool);
}

static void cancelled_loading_can_be_resumed(void **state)
{
	(void)state;
	cancel_and_resume(DT_F32);
	cancel_and_resume(DT_BF16);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(file_weights_at_any_alignment),
		CASE(file_weights_as_they_are_stored),
		CASE(stacked_as_they_are_stored),
		CASE(file_weights_in_another_type),
		CASE(copied_pages_are_given_back),
		CASE(what_lies_in_no_row_becomes_f32),
		CASE(a_later_get_is_filled_by_a_later_prepare),
		CASE(the_first_failed_get_sticks),
		CASE(what_contradicts_the_config_names_both),
		CASE(a_shrunken_file_is_reported),
		CASE(random_weights_do_not_depend_on_threads),
		CASE(random_weights_in_half_precision),
		CASE(random_weights_never_change),
		CASE(random_weights_have_their_spread),
		CASE(random_states_have_memory),
		CASE(cancelled_loading_can_be_resumed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
