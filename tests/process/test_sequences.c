/*
 * Inputs of sequence models as scripts give them: raw sequences of a file or of the seed,
 * texts and ids that come again to fill a length; what batch and length then are; presets
 * that bring a workload.
 */
#include "check.h"

#include <math.h>
#include <sys/stat.h>

#include "proc.h"
#include "result.h"
#include "tensor/safetensors.h"

#define QUICK "--samples", "1", "--warmup", "0", "--threads", "1"
#define ENCODER "-m", "encoder-2l:tiny" /* D 64 */
#define PROXY "-m", "mrss-proxy:tiny"
#define MAMBA "-m", "mamba-130m:tiny"

static char dir[64];
static struct proc p;

static int set_up(void **state)
{
	char path[128];
	(void)state;
	temp_dir(dir);
	snprintf(path, sizeof(path), "%s/s.db", dir);
	setenv("SPARSETOP_DB", path, 1);
	setenv("HOME", dir, 1);
	setenv("TERM", "dumb", 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	proc_release(&p);
	temp_dir_remove(dir);
	return 0;
}

static const char *in_dir(const char *file)
{
	static char path[4][160];
	static unsigned turn;
	char *to = path[turn++ % 4];
	snprintf(to, sizeof(path[0]), "%s/%s", dir, file);
	return to;
}

#define WANT(status, ...)                                                                \
	do {                                                                             \
		proc_release(&p);                                                        \
		int got_ = PROGRAM(&p, "run", QUICK, "--json", __VA_ARGS__);             \
		if (got_ != (status))                                                    \
			fail_msg("status %d, want %d: %s", got_, status,                 \
				 str_get(&p.err_text));                                  \
	} while (0)
#define REFUSED(status, part, ...)                                                       \
	do {                                                                             \
		WANT(status, __VA_ARGS__);                                               \
		said(part);                                                              \
	} while (0)

/* One line on stderr with these words. */
static void said(const char *part)
{
	const char *text = str_get(&p.err_text), *end = strchr(text, '\n');
	if (!end || end[1] || !strstr(text, part))
		fail_msg("want one line with \"%s\": %s", part, text);
}

static json_t *run(const char *const *argv)
{
	proc_release(&p);
	if (program_run(&p, argv))
		fail_msg("it failed: %s", str_get(&p.err_text));
	json_t *o = proc_line(&p);
	assert_non_null(o);
	return o;
}
#define RUN(...)                                                                         \
	run((const char *const[]){ program(), "run", QUICK, "--json", __VA_ARGS__, NULL })

static void same_text(const json_t *o, const char *path, const char *want)
{
	const char *s = json_string_value(at(o, path));
	if (!s || strcmp(s, want) != 0)
		fail_msg("%s is \"%s\", want \"%s\"", path, s ? s : "no text", want);
}

static void same_number(const json_t *o, const char *path, double want)
{
	const json_t *v = at(o, path);
	if (!json_is_number(v) || json_number_value(v) < want ||
	    json_number_value(v) > want)
		fail_msg("%s is %g, want %g", path, json_number_value(v), want);
}

/* Batch and length, wherever a result tells them. */
static void same_workload(const json_t *o, int batch, int seq)
{
	same_number(o, "input.batch", batch);
	same_number(o, "input.tokens", seq);
	same_number(o, "knobs.batch", batch);
	same_number(o, "knobs.seq", seq);
}

/* A warning that begins so; NULL: there is none. */
static const char *warning(const json_t *o, const char *begin)
{
	size_t i;
	json_t *w;
	json_array_foreach(json_object_get(o, "warnings"), i, w)
	{
		const char *text = json_string_value(w);
		if (!strncmp(text, begin, strlen(begin)))
			return text;
	}
	return NULL;
}

/* ---- files ---- */

static const char *put(const char *file, const char *name, enum dtype dtype, int ndim,
		       const int64_t *dim, float first)
{
	struct tensor t = tensor_of(dtype, NULL, ndim, dim);
	float *values = mem_alloc((size_t)tensor_bytes(&t) + sizeof(float));
	for (int64_t i = 0; i < tensor_bytes(&t) / 4; i++)
		values[i] = (float)(i * 37 % 101) / 101;
	values[0] = first;
	t.data = values;
	const struct safetensors_entry entry = { name, t };
	const char *path = in_dir(file);
	check_ok(safetensors_write(path, &entry, 1, NULL));
	free(values);
	return path;
}
#define PUT(file, first, ...) put(file, "input", DT_F32, DIMS(__VA_ARGS__), first)

static void write_text(const char *file, const char *text)
{
	FILE *f = fopen(in_dir(file), "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* ---- raw sequences ---- */

static void a_file(void **state)
{
	(void)state;
	const char *path = PUT("a.safetensors", 0.5F, 3, 20, 64);
	json_t *o = RUN(ENCODER, "--input", path);
	same_text(o, "input.kind", "sequence");
	same_text(o, "input.source", path);
	same_workload(o, 3, 20);
	/* Explicit numbers that are right say nothing new. */
	json_t *same = RUN(ENCODER, "--input", path, "--batch", "3", "--seq", "20");
	same_text(same, "input.sha256", json_string_value(at(o, "input.sha256")));
	const char *other = PUT("b.safetensors", 0.25F, 3, 20, 64);
	json_t *another = RUN(ENCODER, "--input", other);
	assert_string_not_equal(json_string_value(at(o, "input.sha256")),
				json_string_value(at(another, "input.sha256")));
	json_decref(another);
	json_decref(same);
	json_decref(o);
}

static void numbers_that_are_not_the_files(void **state)
{
	(void)state;
	const char *path = PUT("a.safetensors", 0.5F, 3, 20, 64);
	REFUSED(2, "has sequences, a batch of 3", ENCODER, "--input", path, "--batch",
		"5");
	said("--batch 5: --input ");
	REFUSED(2, "has sequences, a batch of 3", ENCODER, "--input", path, "--batch",
		"1");
	REFUSED(2, "has sequences of tokens, each 20", ENCODER, "--input", path, "--seq",
		"21");
	said("--seq 21: --input ");
}

static void files_that_are_none(void **state)
{
	(void)state;
	static const int64_t dim[] = { 2, 4, 64 };
	const char *const bad = in_dir("bad.safetensors");
#define BAD(part) REFUSED(1, part, ENCODER, "--input", bad)
	REFUSED(1, "--input: ", ENCODER, "--input", in_dir("nowhere.safetensors"));
	said("No such file");
	write_text("bad.safetensors", "these are not the tensors");
	BAD("bad.safetensors");
	put("bad.safetensors", "inputs", DT_F32, 3, dim, 0);
	BAD("no tensor `input`");
	put("bad.safetensors", "input", DT_I64, 3, dim, 0);
	BAD("`input` is I64, not F32");
	PUT("bad.safetensors", 0, 20, 64);
	BAD("`input` is [20, 64]: want [B, T, D]");
	PUT("bad.safetensors", 0, 2, 4, 65);
	BAD("`input` is [2, 4, 65]: encoder-2l:tiny takes rows of 64");
	PUT("bad.safetensors", 0, 2, 0, 64);
	BAD("`input` is [2, 0, 64]: there is nothing in it");
	PUT("bad.safetensors", 0, 0, 4, 64);
	BAD("there is nothing in it");
	PUT("bad.safetensors", 0, 5000, 1, 64);
	BAD("that is too long");
	PUT("bad.safetensors", (float)NAN, 2, 4, 64);
	BAD("`input` at [0, 0, 0] is no finite number");
	PUT("bad.safetensors", (float)INFINITY, 2, 4, 64);
	BAD("is no finite number");
#undef BAD
}

static void what_a_model_does_not_take(void **state)
{
	(void)state;
	const char *path = PUT("a.safetensors", 0.5F, 3, 20, 64);
	REFUSED(2, "--input and --text", ENCODER, "--input", path, "--text", "a");
	REFUSED(2, "--input and -i", ENCODER, "--input", path, "-i", "a.png");
	REFUSED(2, "--input: is empty", ENCODER, "--input", "");
	REFUSED(1, "--input: clip-vit-b32:tiny (clip_vit) takes pictures only", "-m",
		"clip-vit-b32:tiny", "--input", path);
	REFUSED(1, "--input: mamba-130m:tiny (mamba) takes text only", MAMBA, "--input",
		path);
	REFUSED(1, "--text: encoder-2l:tiny (encoder) takes raw sequences", ENCODER,
		"--text", "a");
	REFUSED(1, "--tokens: mrss-proxy:tiny (mrss_proxy) takes raw sequences", PROXY,
		"--tokens", path);
	REFUSED(1, "-i: encoder-2l:tiny (encoder) takes raw sequences", ENCODER, "-i",
		fixture("images/rgb.png"));
	REFUSED(1, "-i: mamba-130m:tiny (mamba) takes text only", MAMBA, "-i",
		fixture("images/rgb.png"));
}

static void seeded(void **state)
{
	(void)state;
	json_t *o = RUN(ENCODER), *again = RUN(ENCODER),
	       *other = RUN(ENCODER, "--seed", "7");
	const char *sha = json_string_value(at(o, "input.sha256"));
	same_text(o, "input.kind", "seeded");
	assert_true(json_is_null(at(o, "input.source")));
	same_workload(o, 4, 32); /* as the preset has it */
	same_text(again, "input.sha256", sha);
	assert_string_not_equal(json_string_value(at(other, "input.sha256")), sha);
	json_decref(other);
	json_decref(again);
	json_decref(o);
	o = RUN(ENCODER, "--batch", "2", "--seq", "5");
	same_workload(o, 2, 5);
	json_decref(o);
	/* A checkpoint brings no workload, and its weights do not follow the seed. */
	o = RUN("-m", fixture("encoder_tiny"), "--seq", "7");
	other = RUN("-m", fixture("encoder_tiny"), "--seq", "7", "--seed", "1");
	same_workload(o, 1, 7);
	same_text(o, "model.sha256", json_string_value(at(other, "model.sha256")));
	assert_string_not_equal(json_string_value(at(o, "input.sha256")),
				json_string_value(at(other, "input.sha256")));
	json_decref(other);
	json_decref(o);
}

/* ---- presets that bring a workload ---- */

static void a_workload(void **state)
{
	(void)state;
	json_t *o = RUN(PROXY);
	same_workload(o, 2, 128);
	same_text(o, "knobs.mrss", "both");
	assert_true(json_is_object(at(o, "fidelity"))); /* to its base, which is off */
	/* Its own gates, which are open about half way. */
	double gate = json_number_value(at(o, "mrss.gate_mean"));
	assert_true(gate > 0.4 && gate < 0.6);
	json_decref(o);
	o = RUN(PROXY, "--mrss", "off");
	same_text(o, "knobs.mrss", "off");
	assert_true(json_is_null(at(o, "fidelity")));
	json_decref(o);
	/* The file rules, and the branches are the preset's all the same. */
	o = RUN(PROXY, "--input", PUT("a.safetensors", 0, 3, 9, 64), "--downsample", "4");
	same_workload(o, 3, 9);
	same_text(o, "knobs.mrss", "both");
	assert_non_null(warning(o, "4 does not divide 9 tokens"));
	json_decref(o);
}

/* What a person reads is what they asked for. */
static void in_words(void **state)
{
	(void)state;
	proc_release(&p);
	assert_int_equal(PROGRAM(&p, "run", QUICK, PROXY, "--no-store"), 0);
	assert_null(strstr(str_get(&p.out_text), "--mrss"));
	assert_null(strstr(str_get(&p.out_text), "--batch"));
	proc_release(&p);
	assert_int_equal(PROGRAM(&p, "run", QUICK, PROXY, "--no-store", "--mrss", "off"),
			 0);
	assert_non_null(strstr(str_get(&p.out_text), "--mrss off"));
}

/* A sweep that is asked for again finds what it has stored, wherever its numbers are
 * from. */
static void a_sweep_goes_on(void **state)
{
	(void)state;
	const char *path = PUT("a.safetensors", 0.5F, 3, 20, 64);
	const char *const sources[][2] = { { "--input", path }, { "--seed", "3" } };
	for (int i = 0; i < 2; i++)
		for (int turn = 0; turn < 2; turn++) {
			proc_release(&p);
			int status = PROGRAM(&p, "sweep", QUICK, ENCODER, sources[i][0],
					     sources[i][1], "--keep", "1,.5", "--session",
					     i ? "seeded" : "file");
			if (status)
				fail_msg("%d: %s", status, str_get(&p.err_text));
			const char *want = turn ? "0 measured now, 2 from before"
						: "2 measured now, 0 from before";
			if (!strstr(str_get(&p.out_text), want))
				fail_msg("lacks \"%s\": %s", want, str_get(&p.out_text));
		}
}

/* ---- texts ---- */

static void a_text_that_comes_again(void **state)
{
	(void)state;
	json_t *o = RUN(MAMBA, "--text", "hello");
	same_text(o, "input.kind", "text");
	same_text(o, "input.source", "hello");
	same_workload(o, 1, 5); /* bytes, since a preset has no vocabulary */
	assert_non_null(warning(o, "no vocabulary: the bytes of the text"));
	json_decref(o);
	o = RUN(MAMBA, "--text", "hello", "--seq", "12", "--batch", "2");
	same_workload(o, 2, 12);
	assert_non_null(strstr(warning(o, "no vocabulary"),
			       "the text of 5 tokens is repeated to 12"));
	json_decref(o);
	o = RUN(MAMBA, "--text", "hello", "--seq", "3");
	same_workload(o, 1, 3);
	assert_non_null(
		strstr(warning(o, "no vocabulary"), "the text of 5 tokens is cut to 3"));
	json_decref(o);
}

/* A repeated text is the text written out. */
static void ids_that_come_again(void **state)
{
	(void)state;
	write_text("ids", "5 6 7\n");
	write_text("more", "5 6 7 5 6 7 5");
	json_t *o = RUN(MAMBA, "--tokens", in_dir("ids"), "--seq", "7");
	json_t *out = RUN(MAMBA, "--tokens", in_dir("more"));
	same_text(o, "input.kind", "tokens");
	same_workload(o, 1, 7);
	same_workload(out, 1, 7);
	assert_non_null(warning(o, "the text of 3 tokens is repeated to 7"));
	assert_null(warning(out, "the text of"));
	same_text(o, "input.sha256", json_string_value(at(out, "input.sha256")));
	json_decref(out);
	json_decref(o);
	o = RUN(MAMBA, "--seq", "9");
	same_text(o, "input.kind", "seeded");
	same_workload(o, 1, 9);
	json_decref(o);
}

static void ids_that_are_none(void **state)
{
	(void)state;
	const char *const ids = in_dir("bad_ids");
	write_text("bad_ids", "");
	REFUSED(1, "bad_ids: empty file", MAMBA, "--tokens", ids);
	write_text("bad_ids", " \n");
	REFUSED(1, "no numbers in it", MAMBA, "--tokens", ids);
	write_text("bad_ids", "1 512");
	REFUSED(1, "\"512\" is no token of mamba-130m:tiny: want 0 to 511", MAMBA,
		"--tokens", ids);
	write_text("bad_ids", "1 -1");
	REFUSED(1, "\"-1\" is no token", MAMBA, "--tokens", ids);
	write_text("bad_ids", "1 two");
	REFUSED(1, "\"two\" is no token", MAMBA, "--tokens", ids);
	REFUSED(1, "--tokens: ", MAMBA, "--tokens", in_dir("nowhere"));
	REFUSED(2, "--seq 0", MAMBA, "--seq", "0");
	REFUSED(2, "--text: is empty", MAMBA, "--text", "");
}

/* CLIP's text tower alone, as CLIPTextModelWithProjection is saved. */
static void make_text_tower(const char *folder)
{
	char path[200];
	json_t *config = json_load_file(fixture("clip_text/config.json"), 0, NULL);
	assert_non_null(config);
	json_t *text = json_object_get(config, "text_config");
	assert_int_equal(mkdir(in_dir(folder), 0755), 0);
	snprintf(path, sizeof(path), "%s/%s/config.json", dir, folder);
	assert_int_equal(json_dump_file(text, path, 0), 0);
	snprintf(path, sizeof(path), "%s/%s/model.safetensors", dir, folder);
	assert_int_equal(symlink(fixture("clip_text/model.safetensors"), path), 0);
	json_decref(config);
}

/* Another tower reads texts, and pads them. */
static void a_text_that_does_not(void **state)
{
	(void)state;
	json_t *o = RUN("-m", fixture("clip_tiny"), "--text", "a b");
	same_text(o, "input.kind", "text");
	assert_null(warning(o, "the text of"));
	json_decref(o);
	make_text_tower("tower");
	REFUSED(2, "reads a text: give --text or --tokens", "-m", in_dir("tower"));
}

/* ---- outputs ---- */

static const struct tensor *saved(const struct safetensors *f, const char *name,
				  enum dtype dtype, int ndim, const int64_t *dim)
{
	const struct safetensors_entry *e = safetensors_find(f, name);
	if (!e)
		fail_msg("no %s", name);
	assert_true(e->tensor.dtype == dtype && e->tensor.ndim == ndim);
	for (int i = 0; i < ndim; i++)
		assert_int_equal(e->tensor.dim[i], dim[i]);
	return &e->tensor;
}

static void saved_outputs(void **state)
{
	(void)state;
	const char *const path = in_dir("out.safetensors");
	struct safetensors *f;
	json_t *o = RUN(ENCODER, "--threshold", "0.5", "--threshold-scale", "quantile",
			"--save-output", path);
	check_ok(safetensors_open(path, &f));
	saved(f, "pooled", DT_F32, DIMS(4, 64));
	const int64_t *counts =
		saved(f, "kept_counts", DT_I64, DIMS(2, 4))->data; /* 32, 16, 8 */
	assert_true(counts[0] == 16 && counts[7] == 8);
	same_number(o, "layouts.longest", 8);
	assert_int_equal(json_array_size(at(o, "tokens.counts")), 8);
	safetensors_free(f);
	json_decref(o);
	o = RUN(PROXY, "--save-output", path);
	check_ok(safetensors_open(path, &f));
	saved(f, "output", DT_F32, DIMS(2, 128, 64));
	safetensors_free(f);
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file),
		cmocka_unit_test(numbers_that_are_not_the_files),
		cmocka_unit_test(files_that_are_none),
		cmocka_unit_test(what_a_model_does_not_take),
		cmocka_unit_test(seeded),
		cmocka_unit_test(a_workload),
		cmocka_unit_test(in_words),
		cmocka_unit_test(a_sweep_goes_on),
		cmocka_unit_test(a_text_that_comes_again),
		cmocka_unit_test(ids_that_come_again),
		cmocka_unit_test(ids_that_are_none),
		cmocka_unit_test(a_text_that_does_not),
		cmocka_unit_test(saved_outputs),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
