/* One model in every kind of file: the same embeddings, bit by bit. */
#include "check.h"

#include "models/model.h"
#include "profiler/setting.h"
#include "tensor/safetensors.h"
#include "torch_writer.h"

static char dir[64];

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

static const char *in_dir(const char *name)
{
	static char path[4][160];
	static unsigned turn;
	char *p = path[turn++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void put_config(void)
{
	struct str s = STR_INIT;
	char chunk[4096];
	FILE *f = fopen(fixture("clip_tiny/config.json"), "rb");
	assert_non_null(f);
	str_add_n(&s, chunk, fread(chunk, 1, sizeof(chunk), f));
	fclose(f);
	write_str(in_dir("config.json"), &s);
	str_release(&s);
}

/* Every `step`th weight of clip_tiny from `first` on, as torch.save stores them. */
static void put_torch(const char *file, const struct safetensors *st, size_t first,
		      size_t step)
{
	struct zip_writer z = { 0 };
	struct str p = STR_INIT;
	pickle_begin(&p);
	for (size_t i = first; i < safetensors_count(st); i += step) {
		char key[16], name[32];
		const struct safetensors_entry *e = safetensors_at(st, i);
		snprintf(key, sizeof(key), "%zu", i);
		snprintf(name, sizeof(name), "archive/data/%zu", i);
		struct pickle_tensor t = pickle_f32(e->name, key, &e->tensor);
		assert_int_equal(e->tensor.dtype, DT_F32);
		pickle_tensor_of(&p, &t);
		zip_add(&z, name, e->tensor.data, (size_t)tensor_bytes(&e->tensor));
	}
	pickle_end(&p);
	zip_add(&z, "archive/data.pkl", p.s, p.len);
	zip_end64(&z, z.count, z.directory.len, z.file.len);
	write_str(in_dir(file), &z.file);
	str_release(&p);
	str_release(&z.file);
}

static void put_safetensors(const char *file, const struct safetensors *st, size_t first,
			    size_t step)
{
	struct safetensors_entry part[128];
	size_t n = 0;
	for (size_t i = first; i < safetensors_count(st); i += step) {
		assert_true(n < 128);
		part[n++] = *safetensors_at(st, i);
	}
	check_ok(safetensors_write(in_dir(file), part, n, NULL));
}

static void put_index(const char *file, const struct safetensors *st,
		      const char *const shards[2])
{
	struct str s = STR_INIT;
	str_add(&s, "{\"weight_map\":{");
	for (size_t i = 0; i < safetensors_count(st); i++)
		str_addf(&s, "%s\"%s\":\"%s\"", i ? "," : "", safetensors_at(st, i)->name,
			 shards[i % 2]);
	str_add(&s, "}}");
	write_str(in_dir(file), &s);
	str_release(&s);
}

/* image_embeds of the oracle's input; the caller frees. */
static float *embeds_of(const char *model, const char *format, int64_t *count)
{
	struct model *m;
	struct safetensors *oracle;
	struct pool *pool;
	struct setting s;
	struct knobs k;
	void *self;
	const struct backend *ref = backend_by_name("ref");
	check_ok(model_open(model, 0, &m));
	assert_string_equal(m->format, format);
	check_ok(safetensors_open(fixture("clip_tiny/oracle.safetensors"), &oracle));
	check_ok(pool_create(1, &pool));
	check_ok(ref->open(&(struct backend_opts){ pool, "" }, &self));
	check_ok(tensors_prepare(m->tensors, NULL));
	struct input in = { .pixels = safetensors_find(oracle, "pixel_values")->tensor };
	float *pixels = malloc((size_t)tensor_bytes(&in.pixels)); /* aligned */
	memcpy(pixels, in.pixels.data, (size_t)tensor_bytes(&in.pixels));
	in.pixels.data = pixels;
	knobs_init(&k);
	check_ok(model_prepare(m, &k, ref, self));
	check_ok(knobs_set(&k, KNOB_BATCH, "2"));
	check_ok(knobs_set(&k, KNOB_KEEP, "0.5"));
	check_ok(model_check_knobs(m, &k));
	check_ok(setting_init(&s, m, ref, self, pool, &in, &k));
	check_ok(setting_pass(&s, false, NULL));
	check_ok(tensors_error(m->tensors));
	*count = tensor_count(&s.out.image_embeds);
	float *out = malloc((size_t)*count * sizeof(*out));
	memcpy(out, s.out.image_embeds.data, (size_t)*count * sizeof(*out));
	setting_release(&s);
	model_unprepare(m, ref, self);
	ref->close(self);
	pool_free(pool);
	safetensors_free(oracle);
	free(pixels);
	model_free(m);
	return out;
}

/* The folder of the test is the same model as clip_tiny. */
static void same_model(const char *format)
{
	int64_t n, m;
	put_config();
	float *want = embeds_of(fixture("clip_tiny"), "safetensors", &n);
	float *got = embeds_of(dir, format, &m);
	assert_int_equal(n, m);
	assert_true(n == 2 * 32 && want[0] != 0);
	assert_memory_equal(want, got, (size_t)n * sizeof(*want));
	free(want);
	free(got);
}

static struct safetensors *clip_tiny(void)
{
	struct safetensors *st;
	check_ok(safetensors_open(fixture("clip_tiny/model.safetensors"), &st));
	return st;
}

static void as_pytorch_model_bin(void **state)
{
	(void)state;
	struct safetensors *st = clip_tiny();
	put_torch("pytorch_model.bin", st, 0, 1);
	safetensors_free(st);
	same_model("pytorch");
}

static void as_two_shards(void **state)
{
	(void)state;
	static const char *const shards[] = { "model-00001-of-00002.safetensors",
					      "model-00002-of-00002.safetensors" };
	struct safetensors *st = clip_tiny();
	put_safetensors(shards[0], st, 0, 2);
	put_safetensors(shards[1], st, 1, 2);
	put_index("model.safetensors.index.json", st, shards);
	safetensors_free(st);
	same_model("safetensors");
	struct model *m;
	check_ok(model_open(dir, 0, &m));
	assert_non_null(strstr(m->weights_files[0], ".index.json"));
	assert_string_equal(m->weights_files[2], in_dir(shards[1]));
	assert_null(m->weights_files[3]);
	model_free(m);
	/* Without the second one the model does not open, and says so. */
	assert_int_equal(unlink(in_dir(shards[1])), 0);
	check_err(model_open(dir, 0, &m), ERR_NOTFOUND, shards[1]);
	assert_non_null(strstr(err_message(), "download the model again"));
}

static void as_two_shards_of_torch(void **state)
{
	(void)state;
	static const char *const shards[] = { "pytorch_model-00001-of-00002.bin",
					      "pytorch_model-00002-of-00002.bin" };
	struct safetensors *st = clip_tiny();
	put_torch(shards[0], st, 0, 2);
	put_torch(shards[1], st, 1, 2);
	put_index("pytorch_model.bin.index.json", st, shards);
	safetensors_free(st);
	same_model("pytorch");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(as_pytorch_model_bin),
		CASE(as_two_shards),
		CASE(as_two_shards_of_torch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
