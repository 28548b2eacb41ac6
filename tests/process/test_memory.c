/*
 * Memory of whole runs: a vision tower of Qwen2-VL's kind, stored in BF16, is used where
 * it lies in its file, and what cannot fit is refused before anything is made.
 */
#include "check.h"

#include <math.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "proc.h"

#ifndef __has_feature
#define __has_feature(what) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZED true
#else
#define SANITIZED false
#endif

#define MIB 0x1p20
#define PATCH 14 /* pixels a side */
#define MERGE 4  /* patches in a token */

static char dir[64];
static struct proc p;

static int set_up(void **state)
{
	(void)state;
	temp_dir(dir);
	setenv("HF_HUB_CACHE", dir, 1);
	setenv("HOME", dir, 1);
	unsetenv("SPARSETOP_MEMORY");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unsetenv("SPARSETOP_MEMORY");
	proc_release(&p);
	temp_dir_remove(dir);
	return 0;
}

/* ---- a checkpoint ---- */

struct tower {
	int64_t width, heads, depth;
};

struct checkpoint {
	struct str header;
	int64_t bytes;             /* of the tensors so far */
	int64_t matrices, vectors; /* elements */
};

static void put_tensor(struct checkpoint *c, const char *name, const char *shape,
		       int64_t count)
{
	int64_t end = c->bytes + 2 * count;
	str_addf(&c->header,
		 "%s\"visual.%s\":{\"dtype\":\"BF16\",\"shape\":[%s],"
		 "\"data_offsets\":[%lld,%lld]}",
		 c->bytes ? "," : "{", name, shape, (long long)c->bytes, (long long)end);
	c->bytes = end;
}

static void put_vector(struct checkpoint *c, const char *prefix, const char *what,
		       int64_t n)
{
	char name[96], shape[32];
	snprintf(name, sizeof(name), "%s.%s", prefix, what);
	snprintf(shape, sizeof(shape), "%lld", (long long)n);
	put_tensor(c, name, shape, n);
	c->vectors += n;
}

static void put_norm(struct checkpoint *c, const char *prefix, int64_t n)
{
	put_vector(c, prefix, "weight", n);
	put_vector(c, prefix, "bias", n);
}

static void put_linear(struct checkpoint *c, const char *prefix, int64_t in, int64_t out)
{
	char name[96], shape[48];
	snprintf(name, sizeof(name), "%s.weight", prefix);
	snprintf(shape, sizeof(shape), "%lld,%lld", (long long)out, (long long)in);
	put_tensor(c, name, shape, out * in);
	c->matrices += out * in;
	put_vector(c, prefix, "bias", out);
}

static void put_block(struct checkpoint *c, int64_t i, int64_t d)
{
	char name[64];
#define NAME(suffix)                                                                     \
	(snprintf(name, sizeof(name), "blocks.%lld." suffix, (long long)i), name)
	put_norm(c, NAME("norm1"), d);
	put_linear(c, NAME("attn.qkv"), d, 3 * d);
	put_linear(c, NAME("attn.proj"), d, d);
	put_norm(c, NAME("norm2"), d);
	put_linear(c, NAME("mlp.fc1"), d, 4 * d);
	put_linear(c, NAME("mlp.fc2"), 4 * d, d);
#undef NAME
}

static void put_tower(struct checkpoint *c, const struct tower *t)
{
	int64_t d = t->width, kernels = d * 3 * 2 * PATCH * PATCH;
	char shape[48];
	snprintf(shape, sizeof(shape), "%lld,3,2,%d,%d", (long long)d, PATCH, PATCH);
	put_tensor(c, "patch_embed.proj.weight", shape, kernels);
	c->matrices += kernels;
	for (int64_t i = 0; i < t->depth; i++)
		put_block(c, i, d);
	put_norm(c, "merger.ln_q", d);
	put_linear(c, "merger.mlp.0", MERGE * d, MERGE * d);
	put_linear(c, "merger.mlp.2", MERGE * d, d);
	str_add(&c->header, "}");
	while (c->header.len % 8) /* as its writers do: or data could not be used there */
		str_add(&c->header, " ");
}

static FILE *create(const char *folder, const char *file)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/%s", folder, file);
	FILE *f = fopen(path, "wbe");
	assert_non_null(f);
	return f;
}

/* Between 2^-7 and 2^-6, of either sign: no time or memory depends on them. */
static void write_values(FILE *f, int64_t bytes)
{
	uint16_t some[8192];
	uint32_t seed = 1;
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		seed = seed * 1664525 + 1013904223;
		some[i] = (uint16_t)(0x3c00 | (seed >> 16 & 0x807f));
	}
	for (int64_t n; bytes > 0; bytes -= n) {
		n = bytes < (int64_t)sizeof(some) ? bytes : (int64_t)sizeof(some);
		assert_int_equal(fwrite(some, 1, (size_t)n, f), n);
	}
}

static void write_config(const char *folder, const struct tower *t)
{
	FILE *f = create(folder, "config.json");
	fprintf(f,
		"{\"model_type\":\"qwen2_vl\",\"hidden_size\":%lld,\"vision_config\":{"
		"\"depth\":%lld,\"embed_dim\":%lld,\"num_heads\":%lld,\"mlp_ratio\":4,"
		"\"hidden_size\":%lld,\"patch_size\":%d}}",
		(long long)t->width, (long long)t->depth, (long long)t->width,
		(long long)t->heads, (long long)t->width, PATCH);
	assert_int_equal(fclose(f), 0);
}

/* What its weights take: matrices as they are stored, norms and biases as floats. */
static double write_tower(const char *folder, const struct tower *t)
{
	struct checkpoint c = { 0 };
	put_tower(&c, t);
	assert_int_equal(mkdir(folder, 0700), 0);
	write_config(folder, t);
	FILE *f = create(folder, "model.safetensors");
	uint64_t header = c.header.len;
	for (int i = 0; i < 8; i++)
		fputc((int)(header >> (8 * i) & 0xff), f);
	fputs(str_get(&c.header), f);
	write_values(f, c.bytes);
	assert_int_equal(fclose(f), 0);
	str_release(&c.header);
	return 2.0 * (double)c.matrices + 4.0 * (double)c.vectors;
}

/* ---- a run ---- */

struct memory {
	double peak, weights, activations;
};

/* Of this program's children that ended, and of theirs: the largest at any time. */
static double children_peak(void)
{
	struct rusage u;
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &u), 0);
	return (double)u.ru_maxrss * 1024;
}

static void skip_where_memory_means_nothing(void)
{
	if (SANITIZED)
		skip_because("sanitizers have memory of their own beside everything");
}

static double field(const json_t *run, const char *key)
{
	const json_t *memory = json_object_get(run, "memory");
	return json_number_value(json_object_get(memory, key));
}

/* A pass over a square picture of so many pixels. By OpenBLAS, which takes weights as
 * they lie; the native engine packs a copy of them. */
static struct memory run_tower(const char *folder, const char *side)
{
	proc_release(&p);
	int status = PROGRAM(&p, "run", "-m", folder, "--image-size", side, "--gemm",
			     "openblas", "--threads", "2", "--samples", "1", "--warmup",
			     "0", "--no-store", "--json");
	if (status && strstr(str_get(&p.err_text), "libopenblas"))
		skip_because("no OpenBLAS");
	if (status)
		fail_msg("status %d: %s", status, str_get(&p.err_text));
	p.read_to = 0;
	json_t *run = proc_line(&p);
	struct memory m = { field(run, "peak_rss_bytes"), field(run, "model_bytes"),
			    field(run, "peak_activation_bytes") };
	json_decref(run);
	if (!m.peak)
		skip_because("/proc/self/clear_refs cannot be written");
	return m;
}

/* As wide as the published tower, so that activations outweigh the picture and the
 * program itself as they do there, and of two blocks. */
static void a_tower_and_half_its_activations_again(void **state)
{
	static const struct tower tower = { .width = 1280, .heads = 16, .depth = 2 };
	const double patches = 64 * 64;
	char folder[96];
	(void)state;
	skip_where_memory_means_nothing();
	snprintf(folder, sizeof(folder), "%s/wide", dir);
	double weights = write_tower(folder, &tower);
	struct memory m = run_tower(folder, "896");
	assert_true(m.weights == weights);
	/* The residual stream, its norm, and the four times as wide middle of the MLP:
	 * nothing else may be alive then. */
	double set = (1 + 1 + 4) * patches * (double)tower.width * sizeof(float);
	if (m.activations < 100 * MIB || m.activations > 1.02 * set)
		fail_msg("activations take %.1f MiB, want %.1f", m.activations / MIB,
			 set / MIB);
	assert_true(m.peak > m.weights + m.activations);
	/* While it was loaded, too. */
	double most = m.weights + 1.5 * m.activations, ever = children_peak();
	print_message("# at most %.1f MiB, want %.1f: weights %.1f, activations %.1f\n",
		      fmax(m.peak, ever) / MIB, most / MIB, m.weights / MIB,
		      m.activations / MIB);
	assert_true(m.peak <= most && ever <= most);
}

static void more_blocks_cost_their_weights_once(void **state)
{
	static const struct tower tower[] = { { .width = 320, .heads = 4, .depth = 2 },
					      { .width = 320, .heads = 4, .depth = 26 } };
	struct memory m[2];
	(void)state;
	skip_where_memory_means_nothing();
	for (int i = 0; i < 2; i++) {
		char folder[96];
		snprintf(folder, sizeof(folder), "%s/%d-blocks", dir,
			 (int)tower[i].depth);
		double weights = write_tower(folder, &tower[i]);
		m[i] = run_tower(folder, "224");
		assert_true(m[i].weights == weights);
	}
	assert_true(m[0].activations == m[1].activations);
	double more = m[1].peak - m[0].peak, weights = m[1].weights - m[0].weights;
	if (more < 0.9 * weights || more > weights + 4 * MIB)
		fail_msg("24 blocks cost %.1f MiB and have %.1f", more / MIB,
			 weights / MIB);
}

/* ---- the type of a pass ---- */

static const char *word(const json_t *run, const char *object, const char *key)
{
	const char *s =
		json_string_value(json_object_get(json_object_get(run, object), key));
	return s ? s : "";
}

/* One worker, one type after the other: while one is measured the others are not there,
 * also where the base was needed in between. The picture stays the same. */
static void a_type_has_its_own_weights_only(void **state)
{
	(void)state;
	skip_where_memory_means_nothing();
	proc_release(&p);
	int status = PROGRAM(&p, "sweep", "-m", "clip-vit-b32", "--dtype",
			     "fp32,bf16,fp16", "--samples", "1", "--warmup", "0",
			     "--threads", "2", "--no-store", "--json");
	if (status)
		fail_msg("status %d: %s", status, str_get(&p.err_text));
	p.read_to = 0;
	json_t *run[3];
	for (int i = 0; i < 3; i++)
		run[i] = proc_line(&p);
	double wide = field(run[0], "model_bytes"),
	       peak = field(run[0], "peak_rss_bytes");
	for (int i = 1; i < 3; i++) {
		double half = field(run[i], "model_bytes");
		double now = field(run[i], "peak_rss_bytes");
		assert_true(half > 0.49 * wide && half < 0.51 * wide);
		/* What a process keeps of earlier runs, and panels, cost the rest. */
		if (peak && !(peak - now > 0.8 * (wide - half)))
			fail_msg("%s: the peak fell from %.1f to %.1f MiB for %.1f MiB",
				 word(run[i], "knobs", "dtype"), peak / MIB, now / MIB,
				 (wide - half) / MIB);
		assert_string_equal(word(run[i], "input", "sha256"),
				    word(run[0], "input", "sha256"));
		assert_non_null(
			strstr(word(run[i], "fidelity", "reference"), "dtype=fp32"));
	}
	for (int i = 0; i < 3; i++)
		json_decref(run[i]);
}

/* ---- what cannot fit ---- */

/* Exit status 1 and one line on stderr with all of these words (NULL ends them). */
static void refused(const char *memory, const char *const *argv, const char *const *words)
{
	setenv("SPARSETOP_MEMORY", memory, 1);
	proc_release(&p);
	int status = program_run(&p, argv);
	const char *said = str_get(&p.err_text), *end = strchr(said, '\n');
	unsetenv("SPARSETOP_MEMORY");
	assert_int_equal(status, 1);
	assert_string_equal(str_get(&p.out_text), "");
	assert_true(end && !end[1]);
	for (; *words; words++)
		if (!strstr(said, *words))
			fail_msg("lacks \"%s\": %s", *words, said);
}

#define REFUSED(memory, words, ...)                                                      \
	refused(memory,                                                                  \
		(const char *const[]){ program(), "run", "--no-store", "--json",         \
				       __VA_ARGS__, NULL },                              \
		(const char *const *)(words))

/* Looked at first, since nothing has been large so far. */
static void refused_before_weights_are_made(void **state)
{
	static const char *const model[] = {
		"qwen2-vl-2b-visual: ",
		" GiB are needed (1.24 GiB of weights, ",
		" MiB of activations), 512 MiB are available; presets that would fit: ",
		"clip-vit-b16",
		NULL,
	};
	static const char *const picture[] = { " MiB are needed, 1500 MiB are available",
					       NULL };
	static const char *const none[] = { "10.0 MiB are available", NULL };
	(void)state;
	REFUSED("512M", model, "-m", "qwen2-vl-2b-visual");
	const char *would = strstr(str_get(&p.err_text), "would fit");
	assert_null(strstr(would, "qwen2-vl-7b-visual"));
	REFUSED("1500M", picture, "-m", "qwen2-vl-2b-visual", "--image-size", "2240");
	REFUSED("10M", none, "-m", "qwen2-vl-2b-visual");
	assert_null(strstr(str_get(&p.err_text), "would fit"));
	if (!SANITIZED)
		assert_true(children_peak() < 256 * MIB);
}

static void a_checkpoint_that_cannot_fit(void **state)
{
	static const struct tower tower = { .width = 320, .heads = 4, .depth = 26 };
	static const char *const words[] = { " MiB are needed (66.0 MiB of weights, ",
					     " 64.0 MiB are available", NULL };
	char folder[96];
	(void)state;
	snprintf(folder, sizeof(folder), "%s/refused", dir);
	write_tower(folder, &tower);
	REFUSED("64M", words, "-m", folder, "--image-size", "224");
}

/* What knobs need beyond the weights is looked at before it is made, too. */
static void what_a_knob_needs_cannot_fit(void **state)
{
	static const char *const table[] = { "--embeddings mamba-1.4b: ",
					     "other embeddings: ", " MiB are needed, ",
					     "64 MiB are available", NULL };
	static const char *const factors[] = { "the factors of a kernel: ",
					       "16 MiB are available", NULL };
	(void)state;
	REFUSED("64M", table, "-m", "mamba-130m:tiny", "--embeddings", "mamba-1.4b");
	REFUSED("16M", factors, "-m", "long-conv:s4d", "--rank", "3");
	if (!SANITIZED)
		assert_true(children_peak() < 256 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_before_weights_are_made),
		cmocka_unit_test(what_a_knob_needs_cannot_fit),
		cmocka_unit_test(a_checkpoint_that_cannot_fit),
		cmocka_unit_test(more_blocks_cost_their_weights_once),
		cmocka_unit_test(a_tower_and_half_its_activations_again),
		/* Last: the peak of all children is looked at above. */
		cmocka_unit_test(a_type_has_its_own_weights_only),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
