/* The worker as a process: what it answers, when, and how it ends. */
#include "check.h"

#include <math.h>

#include "proc.h"
#include "profiler/protocol.h"

#define TINY "clip-vit-b32:tiny"
#define LONG 100000 /* samples: minutes, unless it is cancelled */

static struct proc w;
static char dir[64];

/* ---- talking ---- */

static const char *type_of(const json_t *o)
{
	const char *type = json_string_value(json_object_get(o, "type"));
	return type ? type : "";
}

static int64_t id_of(const json_t *o)
{
	return json_integer_value(json_object_get(o, "id"));
}

static bool is(const json_t *o, const char *type, int64_t id)
{
	return !strcmp(type_of(o), type) && id_of(o) == id;
}

/* The next message that is no progress; the caller's. */
static json_t *next(void)
{
	for (;;) {
		json_t *o = proc_line(&w);
		if (!o)
			fail_msg("the worker ended: %s", str_get(&w.err_text));
		if (strcmp(type_of(o), "progress"))
			return o;
		json_decref(o);
	}
}

/* Reads on until this message comes; the caller's. An end of `id` that is not it fails.
 */
static json_t *await(const char *type, int64_t id)
{
	for (;;) {
		json_t *o = next();
		if (is(o, type, id))
			return o;
		if (is(o, "error", id) || is(o, "done", id))
			fail_msg("%s instead of %s: %s", type_of(o), type,
				 json_string_value(json_object_get(o, "message")));
		json_decref(o);
	}
}

static void expect(const char *type, int64_t id) { json_decref(await(type, id)); }

static void expect_error(int64_t id, const char *code)
{
	json_t *o = await("error", id);
	assert_string_equal(json_string_value(json_object_get(o, "code")), code);
	const char *message = json_string_value(json_object_get(o, "message"));
	assert_true(message && *message && !strchr(message, '\n'));
	json_decref(o);
}

static void ask(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void ask(const char *fmt, ...)
{
	char line[4096];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	proc_write(&w, line);
}

#define SPEC(keep) "{\"model\":\"" TINY "\",\"knobs\":{\"keep\":\"" keep "\"}}"

static void ask_run(int id, int samples)
{
	ask("{\"type\":\"run\",\"id\":%d,\"samples\":%d,\"warmup\":1,\"budget_s\":1000,"
	    "\"specs\":[" SPEC("0.5") "]}\n",
	    id, samples);
}

static int start(void **state)
{
	(void)state;
	proc_start(&w, (const char *const[]){ program(), "worker", NULL });
	return 0;
}

/* It ends by itself, whatever it was doing, and complains about nothing. */
static int stop(void **state)
{
	(void)state;
	if (w.pid)
		assert_int_equal(proc_finish(&w), 0);
	proc_release(&w);
	return 0;
}

/* ---- cases ---- */

static void hello_first(void **state)
{
	(void)state;
	json_t *o = proc_line(&w);
	assert_string_equal(type_of(o), "hello");
	assert_int_equal(json_integer_value(json_object_get(o, "protocol")),
			 PROTOCOL_VERSION);
	const json_t *cpu = json_array_get(json_object_get(o, "devices"), 0);
	const json_t *cuda = json_array_get(json_object_get(o, "devices"), 1);
	assert_string_equal(json_string_value(json_object_get(cpu, "name")), "cpu");
	assert_true(json_is_true(json_object_get(cpu, "available")));
	assert_true(json_is_false(json_object_get(cuda, "available")));
	assert_true(json_is_string(json_object_get(cuda, "reason")));
	json_decref(o);
}

static void load_says_what_it_is(void **state)
{
	(void)state;
	ask("{\"type\":\"load\",\"id\":1,\"specs\":[" SPEC("1") "]}\n");
	json_t *o = await("loaded", 1);
	const json_t *result = json_object_get(o, "result");
	const json_t *model = json_object_get(result, "model");
	assert_string_equal(json_string_value(json_object_get(model, "family")),
			    "clip_vit");
	assert_true(json_is_true(json_object_get(model, "random_weights")));
	const json_t *why = json_object_get(o, "why_not");
	assert_true(json_is_string(json_object_get(why, "downsample")));
	assert_true(json_is_string(json_object_get(why, "mrss")));
	assert_null(json_object_get(why, "keep"));
	const json_t *picture = json_object_get(o, "picture");
	assert_int_equal(json_integer_value(json_object_get(picture, "width")), 64);
	json_decref(o);
	expect("done", 1);
}

/* A screen that starts with a knob that the model lacks shows the model, not an error. */
static void load_ignores_techniques(void **state)
{
	(void)state;
	ask("{\"type\":\"load\",\"id\":1,\"specs\":[{\"model\":\"" TINY
	    "\",\"knobs\":{\"threshold\":\"3\"}}]}\n");
	expect("loaded", 1);
	expect("done", 1);
}

static void estimates_need_a_model(void **state)
{
	(void)state;
	ask("{\"type\":\"estimate\",\"id\":1,\"specs\":[" SPEC("0.5") "]}\n");
	expect_error(1, "notfound");
	ask_run(2, 1);
	expect("done", 2);
	ask("{\"type\":\"estimate\",\"id\":3,\"specs\":[" SPEC("0.5") "]}\n");
	json_t *o = await("estimate", 3);
	const json_t *wall = json_object_get(json_object_get(o, "result"), "wall");
	assert_true(json_number_value(json_object_get(wall, "p50_ns")) > 0);
	json_decref(o);
	ask("{\"type\":\"estimate\",\"id\":4,\"specs\":[{\"model\":\"" TINY
	    "\",\"knobs\":{\"downsample\":\"2\"}}]}\n");
	expect_error(4, "usage");
	ask("{\"type\":\"estimate\",\"id\":5,\"specs\":[{\"model\":\"other\"}]}\n");
	expect_error(5, "notfound");
}

/* The warnings of an estimate with these knobs; the caller frees. */
static char *estimate_warnings(int id, const char *knobs)
{
	ask("{\"type\":\"estimate\",\"id\":%d,\"specs\":[{\"model\":\"" TINY
	    "\",\"knobs\":{%s}}]}\n",
	    id, knobs);
	json_t *o = await("estimate", id);
	const json_t *r = json_object_get(o, "result");
	char *line = json_line(json_object_get(r, "warnings"));
	json_decref(o);
	return line;
}

/* What was measured with other threads or another engine says nothing of these. */
static void estimates_of_other_threads(void **state)
{
	static const char *const others[] = { "\"threads\":\"2\"",
					      "\"threads\":\"1\",\"gemm\":\"native\"" };
	(void)state;
	ask("{\"type\":\"run\",\"id\":1,\"samples\":1,\"warmup\":0,\"specs\":[{\"model\":"
	    "\"" TINY "\",\"knobs\":{\"threads\":\"1\"}}]}\n");
	expect("done", 1);
	char *text = estimate_warnings(2, "\"threads\":\"1\"");
	assert_string_equal(text, "[]"); /* every op was measured */
	free(text);
	for (int i = 0; i < 2; i++) {
		text = estimate_warnings(3 + i, others[i]);
		assert_non_null(strstr(text, "rates of 1 threads and --gemm auto"));
		free(text);
	}
	/* A load with other threads opens another backend: nothing is learned of it. */
	ask("{\"type\":\"load\",\"id\":5,\"specs\":[{\"model\":\"" TINY
	    "\",\"knobs\":{\"threads\":\"2\"}}]}\n");
	expect("done", 5);
	text = estimate_warnings(6, "\"threads\":\"2\"");
	assert_non_null(strstr(text, "never measured"));
	free(text);
}

/* An estimate refuses what a run would refuse, and needs no weights of that seed. */
static void estimates_check_the_setting(void **state)
{
	(void)state;
	ask_run(1, 1);
	expect("done", 1);
	ask("{\"type\":\"estimate\",\"id\":2,\"specs\":[{\"model\":\"" TINY
	    "\",\"knobs\":{\"device\":\"abacus\"}}]}\n");
	expect_error(2, "usage");
	ask("{\"type\":\"estimate\",\"id\":3,\"specs\":[{\"model\":\"" TINY
	    "\",\"knobs\":{\"device\":\"cuda\"}}]}\n");
	expect_error(3, "unavailable");
	char first[65] = "";
	for (int id = 4; id < 6; id++) {
		ask("{\"type\":\"estimate\",\"id\":%d,\"specs\":[{\"model\":\"" TINY
		    "\",\"knobs\":{\"seed\":\"%d\"}}]}\n",
		    id, id - 4);
		json_t *o = await("estimate", id);
		const json_t *r = json_object_get(o, "result");
		assert_true(json_number_value(json_object_get(json_object_get(r, "flops"),
							      "ours")) > 0);
		const char *sha256 = json_string_value(
			json_object_get(json_object_get(r, "model"), "sha256"));
		assert_string_not_equal(sha256, first); /* another model all the same */
		snprintf(first, sizeof(first), "%s", sha256);
		json_decref(o);
	}
}

static void estimate_during_a_run(void **state)
{
	(void)state;
	ask_run(1, LONG);
	expect("sample", 1);
	for (int id = 2; id < 12; id++) {
		ask("{\"type\":\"estimate\",\"id\":%d,\"specs\":[" SPEC("0.25") "]}\n",
		    id);
		for (json_t *o;; json_decref(o)) {
			o = next();
			assert_false(is(o, "done", 1) || is(o, "error", 1));
			if (is(o, "estimate", id)) {
				json_decref(o);
				break;
			}
		}
	}
	ask("{\"type\":\"cancel\",\"id\":1}\n");
	expect_error(1, "cancelled");
}

static void cancel_and_go_on(void **state)
{
	(void)state;
	ask_run(1, LONG);
	expect("sample", 1);
	ask("{\"type\":\"cancel\",\"id\":1}\n");
	expect_error(1, "cancelled");
	ask_run(2, 3);
	int samples = 0;
	for (json_t *o; (o = next()) != NULL; json_decref(o)) {
		assert_int_equal(id_of(o), 2); /* nothing more is said of 1 */
		samples += !strcmp(type_of(o), "sample");
		if (is(o, "done", 2)) {
			json_decref(o);
			break;
		}
	}
	assert_int_equal(samples, 6); /* plain and instrumented */
}

/* A cancel that comes late for something older takes nothing back. */
static void old_cancels_change_nothing(void **state)
{
	(void)state;
	/* Ops long enough that both cancels arrive within one. */
	ask("{\"type\":\"run\",\"id\":10,\"samples\":%d,\"warmup\":1,\"budget_s\":1000,"
	    "\"specs\":[{\"model\":\"" TINY
	    "\",\"knobs\":{\"batch\":\"256\",\"threads\":\"1\"}}]}\n",
	    LONG);
	expect("sample", 10);
	ask("{\"type\":\"cancel\",\"id\":10}\n{\"type\":\"cancel\",\"id\":3}\n");
	expect_error(10, "cancelled");
}

static void cancel_before_it_starts(void **state)
{
	(void)state;
	ask("{\"type\":\"run\",\"id\":1,\"samples\":%d,\"budget_s\":1000,\"specs\":"
	    "[" SPEC("1") "]}\n{\"type\":\"cancel\",\"id\":1}\n",
	    LONG);
	expect_error(1, "cancelled");
}

static void newest_wins(void **state)
{
	(void)state;
	ask_run(1, LONG);
	expect("sample", 1);
	for (int id = 2; id <= 5; id++)
		ask_run(id, id == 5 ? 2 : LONG);
	int ended[6] = { 0 };
	for (json_t *o; !ended[5]; json_decref(o)) {
		o = next();
		if (strcmp(type_of(o), "error") && strcmp(type_of(o), "done"))
			continue;
		assert_in_range(id_of(o), 1, 5);
		ended[id_of(o)]++;
		assert_string_equal(type_of(o), id_of(o) == 5 ? "done" : "error");
	}
	for (int id = 1; id <= 5; id++)
		assert_int_equal(ended[id], 1); /* every request is answered, once */
}

static void abba(void **state)
{
	(void)state;
	ask("{\"type\":\"run\",\"id\":1,\"order\":\"abba\",\"samples\":4,\"warmup\":1,"
	    "\"specs\":[" SPEC("1") "," SPEC("0.5") "]}\n");
	static const int order[] = { 0, 1, 1, 0, 0, 1, 1, 0 };
	int n = 0, watched[2] = { 0 }, results = 0;
	for (json_t *o;; json_decref(o)) {
		o = next();
		int64_t variant = json_integer_value(json_object_get(o, "variant"));
		if (is(o, "sample", 1)) {
			assert_true(n < 16);
			assert_int_equal(variant, order[n++ / 2]);
			watched[variant] +=
				json_array_size(json_object_get(o, "flags")) > 0;
		}
		if (is(o, "result", 1)) {
			const json_t *r = json_object_get(o, "result");
			const json_t *keep =
				json_object_get(json_object_get(r, "knobs"), "keep");
			assert_int_equal(variant, results++);
			assert_true(json_number_value(keep) == (variant ? 0.5 : 1));
		}
		if (is(o, "done", 1)) {
			json_decref(o);
			break;
		}
	}
	assert_int_equal(n, 16);
	assert_int_equal(watched[0], 4);
	assert_int_equal(watched[1], 4);
	assert_int_equal(results, 2);
}

static double memory_of(const json_t *run, const char *key)
{
	const json_t *memory = json_object_get(run, "memory");
	return json_number_value(json_object_get(memory, key));
}

static bool warns(const json_t *run, const char *part)
{
	const json_t *all = json_object_get(run, "warnings");
	for (size_t i = 0; i < json_array_size(all); i++)
		if (strstr(json_string_value(json_array_get(all, i)), part))
			return true;
	return false;
}

/* The model in one type after the other: what it was loaded for is announced, the picture
 * stays, an estimate knows every type, and what takes turns is there at the same time. */
static void types_of_one_model(void **state)
{
#define TYPED(dtype) "{\"model\":\"" TINY "\",\"knobs\":{\"dtype\":\"" dtype "\"}}"
	static const char *const types[] = { TYPED("fp32"), TYPED("bf16"), TYPED("fp16"),
					     TYPED("bf16"), TYPED("fp32") };
	double bytes[5], read[5];
	char picture[80] = "";
	(void)state;
	for (int i = 0; i < 5; i++) {
		ask("{\"type\":\"run\",\"id\":%d,\"samples\":1,\"warmup\":0,\"specs\":[%"
		    "s]}"
		    "\n",
		    1 + i, types[i]);
		expect("loaded", 1 + i);
		json_t *o = await("result", 1 + i), *run = json_object_get(o, "result");
		bytes[i] = memory_of(run, "model_bytes");
		read[i] = json_number_value(
			json_object_get(json_object_get(run, "bytes"), "read"));
		assert_false(warns(run, "take turns"));
		const char *sha256 = json_string_value(
			json_object_get(json_object_get(run, "input"), "sha256"));
		assert_true(!i || !strcmp(picture, sha256));
		snprintf(picture, sizeof(picture), "%s", sha256);
		json_decref(o);
		expect("done", 1 + i);
	}
	assert_true(bytes[1] < 0.6 * bytes[0] && bytes[2] == bytes[1]);
	assert_true(bytes[3] == bytes[1] && bytes[4] == bytes[0]);
	for (int i = 0; i < 3; i++) { /* of what is loaded, and of what is not */
		ask("{\"type\":\"estimate\",\"id\":%d,\"specs\":[%s]}\n", 10 + i,
		    types[i]);
		json_t *o = await("estimate", 10 + i),
		       *run = json_object_get(o, "result");
		assert_true(json_number_value(json_object_get(
				    json_object_get(run, "bytes"), "read")) == read[i]);
		assert_true(json_number_value(json_object_get(
				    json_object_get(run, "wall"), "p50_ns")) > 0);
		json_decref(o);
	}
	ask("{\"type\":\"run\",\"id\":20,\"order\":\"abba\",\"samples\":2,\"warmup\":0,"
	    "\"specs\":[%s,%s]}\n",
	    types[0], types[1]);
	for (int i = 0; i < 2; i++) {
		json_t *o = await("result", 20), *run = json_object_get(o, "result");
		assert_true(memory_of(run, "model_bytes") == bytes[i]);
		assert_true(warns(run, "take turns"));
		assert_int_equal(json_is_null(json_object_get(run, "fidelity")), i == 0);
		json_decref(o);
	}
	expect("done", 20);
#undef TYPED
}

/* Another type with another length or batch: what was loaded for the first is not taken
 * for what the second asks for. */
static void another_type_of_another_shape(void **state)
{
#define SHAPED(dtype, seq, batch)                                                        \
	"{\"model\":\"mamba-130m:tiny\",\"knobs\":{\"dtype\":\"" dtype                   \
	"\",\"seq\":\"" seq "\",\"batch\":\"" batch "\"}}"
	static const struct {
		const char *spec;
		double tokens, flops;
	} runs[] = {
		{ SHAPED("fp32", "24", "2"), 24, 48 },
		{ SHAPED("bf16", "8", "2"), 8, 16 },
		{ SHAPED("fp32", "8", "1"), 8, 8 },
		{ SHAPED("fp16", "8", "3"), 8, 24 },
		{ SHAPED("fp16", "24", "1"), 24, 24 },
	};
	double each = 0;
	(void)state;
	for (int i = 0; i < (int)(sizeof(runs) / sizeof(runs[0])); i++) {
		ask("{\"type\":\"run\",\"id\":%d,\"samples\":1,\"warmup\":0,\"specs\":[%"
		    "s]}\n",
		    1 + i, runs[i].spec);
		json_t *o = await("result", 1 + i), *run = json_object_get(o, "result");
		double tokens = json_number_value(
			json_object_get(json_object_get(run, "input"), "tokens"));
		double flops = json_number_value(
			json_object_get(json_object_get(run, "flops"), "torch"));
		each = i ? each : flops / runs[i].flops;
		if (tokens != runs[i].tokens || flops != each * runs[i].flops)
			fail_msg("%s: %g tokens, %g FLOPs", runs[i].spec, tokens, flops);
		json_decref(o);
		expect("done", 1 + i);
	}
#undef SHAPED
}

/* Factors, and projections of their own, are made for each of them. */
static void settings_bring_what_they_need(void **state)
{
	(void)state;
	ask("{\"type\":\"run\",\"id\":1,\"samples\":1,\"warmup\":0,\"specs\":[" SPEC(
		"1") ",{\"model\":\"" TINY "\",\"knobs\":{\"rank\":\"4\"}},{\"model\":"
		     "\"" TINY "\",\"knobs\":{\"method\":\"kqnorm\",\"keep\":\"0.5\","
		     "\"fused_qkv\":\"off\"}}]}\n");
	expect("done", 1);
	ask("{\"type\":\"run\",\"id\":2,\"specs\":[{\"model\":\"" TINY
	    "\",\"knobs\":{\"threads\":\"1\"}},{\"model\":\"" TINY
	    "\",\"knobs\":{\"threads\":\"2\"}}]}\n");
	expect_error(2, "usage");
}

/* Fidelity of one run at `keep` on a photograph and on dir/x.png. */
static double cosine_of(int id, const char *keep)
{
	ask("{\"type\":\"run\",\"id\":%d,\"samples\":1,\"warmup\":0,\"specs\":[{"
	    "\"model\":"
	    "\"" TINY "\",\"images\":[\"%s\",\"%s/x.png\"],\"knobs\":{\"keep\":\"%s\"}}]}"
	    "\n",
	    id, fixture("images/rgb.png"), dir, keep);
	json_t *o = await("result", id);
	const json_t *f = json_object_get(json_object_get(o, "result"), "fidelity");
	assert_true(json_number_value(json_object_get(f, "images")) == 2);
	double cosine = json_number_value(json_object_get(f, "cosine"));
	json_decref(o);
	expect("done", id);
	return cosine;
}

/* The base's outputs are kept between runs, but never for another picture. */
static void fidelity_from_run_to_run(void **state)
{
	char path[128];
	(void)state;
	snprintf(path, sizeof(path), "%s/x.png", dir);
	assert_int_equal(symlink(fixture("images/wide.png"), path), 0);
	double first = cosine_of(1, "0.5"), other = cosine_of(2, "0.25");
	assert_true(first > 0 && first < 1 && other != first);
	assert_true(cosine_of(3, "0.5") == first);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(fixture("images/rgba.png"), path), 0);
	double changed = cosine_of(4, "0.5");
	assert_true(changed != first);
	stop(state); /* and a fresh worker says the same */
	start(state);
	assert_true(cosine_of(1, "0.5") == changed);
	unlink(path);
}

/* Settings that share no model or batch cannot take turns. */
static void strangers(void **state)
{
	(void)state;
	ask("{\"type\":\"run\",\"id\":1,\"specs\":[" SPEC(
		"1") ",{\"model\":\"" TINY "\",\"knobs\":{\"batch\":\"2\"}}]}\n");
	expect_error(1, "usage");
}

static void nonsense(void **state)
{
	static const char *const lines[] = {
		"hi",
		"",
		"{}",
		"[1,2",
		"\"run\"",
		"{\"type\":\"run\",\"id\":3}",
		"{\"type\":\"estimate\",\"id\":1,\"specs\":[{\"model\":3}]}",
		"\xff\xfe",
		"{\"type\":\"run\",\"id\":1,\"specs\":[{\"model\":\"x\",\"knobs\":{"
		"\"keep\":"
		"\"-1\"}}]}",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		ask("%s\n", lines[i]);
		json_t *o = await("error", 0);
		assert_true(json_is_string(json_object_get(o, "message")));
		json_decref(o);
	}
	ask_run(1, 1);
	expect("done", 1);
}

static void failures_leave_it_alive(void **state)
{
	(void)state;
	ask("{\"type\":\"load\",\"id\":1,\"specs\":[{\"model\":\"/nowhere\"}]}\n");
	expect_error(1, "notfound");
	ask("{\"type\":\"run\",\"id\":2,\"specs\":[{\"model\":\"" TINY
	    "\",\"images\":[\"/no.png\"]}]}\n");
	expect_error(2, "notfound");
	ask("{\"type\":\"run\",\"id\":3,\"specs\":[{\"model\":\"" TINY
	    "\",\"knobs\":{\"gemm\":\"magic\"}}]}\n");
	expect_error(3, "usage");
	ask("{\"type\":\"run\",\"id\":4,\"samples\":1,\"save_output\":"
	    "\"/dev/null/x.safetensors\",\"specs\":[" SPEC("1") "]}\n");
	expect_error(4, "io");
	ask_run(5, 1);
	expect("done", 5);
}

/* Another batch is another input; estimates keep coming while it changes hands. */
static void estimates_while_inputs_change(void **state)
{
	(void)state;
	ask("{\"type\":\"load\",\"id\":1,\"specs\":[{\"model\":\"" TINY
	    "\",\"images\":[\"%s\"]}]}\n",
	    fixture("images/rgb.png"));
	expect("done", 1);
	int64_t id = 2;
	for (int round = 0; round < 25; round++) {
		struct str all = STR_INIT;
		int64_t run = id++;
		str_addf(&all,
			 "{\"type\":\"run\",\"id\":%lld,\"samples\":1,\"warmup\":0,"
			 "\"specs\":[{\"model\":\"" TINY
			 "\",\"images\":[\"%s\"],\"knobs\":{\"batch\":\"%d\"}}]}\n",
			 (long long)run, fixture("images/rgb.png"), 1 + round % 2);
		for (int i = 0; i < 12; i++)
			str_addf(&all,
				 "{\"type\":\"estimate\",\"id\":%lld,\"specs\":[" SPEC(
					 "0.5") "]}\n",
				 (long long)id++);
		proc_write(&w, str_get(&all));
		str_release(&all);
		bool done = false;
		for (int estimates = 0; estimates < 12 || !done;) {
			json_t *o = next();
			assert_string_not_equal(type_of(o), "error");
			estimates += !strcmp(type_of(o), "estimate");
			done = done || is(o, "done", run);
			json_decref(o);
		}
	}
}

static void quits(void **state)
{
	(void)state;
	ask_run(1, LONG);
	expect("sample", 1);
	ask("{\"type\":\"quit\"}\n");
	/* stdin stays open: it is the message that ends it. */
	while (proc_pump(&w))
		;
	assert_int_equal(proc_finish(&w), 0);
}

/* The end of its stdin, in the middle of a run: `stop` checks the status. */
static void ends_with_its_input(void **state)
{
	(void)state;
	ask_run(1, LONG);
	expect("sample", 1);
	assert_int_equal(proc_finish(&w), 0);
}

/* A front that is gone: nobody reads any more. */
static void ends_with_its_reader(void **state)
{
	int status;
	(void)state;
	ask_run(1, LONG);
	expect("sample", 1);
	proc_close(&w.out);
	while (proc_pump(&w))
		;
	assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
	w.pid = 0;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- pictures of any size, and prompts about them ---- */

#define FEW "\"samples\":1,\"warmup\":0"

static void put_file(const char *name, const char *bytes, size_t n)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void put_picture(const char *name, int width, int height)
{
	struct str pgm = STR_INIT;
	str_addf(&pgm, "P5\n%d %d\n255\n", width, height);
	for (int i = 0; i < width * height; i++)
		str_add_n(&pgm, "a", 1);
	put_file(name, str_get(&pgm), pgm.len);
	str_release(&pgm);
}

static double number_in(const json_t *result, const char *group, const char *key)
{
	return json_number_value(json_object_get(json_object_get(result, group), key));
}

/* 16 tokens and 32: nothing of the batch is twice what the first has. */
static void check_batch_tokens(const json_t *result)
{
	double pass = number_in(result, "wall", "p50_ns");
	assert_true(number_in(result, "visual", "tokens") == 16);
	assert_true(number_in(result, "visual", "batch_tokens") == 48);
	assert_true(fabs(number_in(result, "visual", "ns_per_token") * 48 / pass - 1) <
		    1e-9);
}

static void pictures_that_differ_in_size(void **state)
{
	char specs[512];
	(void)state;
	put_picture("a.pgm", 32, 32);
	put_picture("b.pgm", 32, 64);
	snprintf(specs, sizeof(specs),
		 "\"specs\":[{\"model\":\"%s\",\"images\":[\"%s/a.pgm\",\"%s/b.pgm\"],"
		 "\"knobs\":{\"batch\":\"2\"}}]}\n",
		 fixture("qwen2_tiny"), dir, dir);
	ask("{\"type\":\"run\",\"id\":1," FEW ",%s", specs);
	json_t *o = await("result", 1);
	const json_t *result = json_object_get(o, "result");
	check_batch_tokens(result);
	double rate = number_in(result, "throughput", "items_per_s") * 4 * 48 / 2;
	assert_true(fabs(number_in(result, "throughput", "tokens_per_s") / rate - 1) <
		    1e-9);
	json_decref(o);
	expect("done", 1);
	ask("{\"type\":\"estimate\",\"id\":2,%s", specs);
	o = await("estimate", 2);
	check_batch_tokens(json_object_get(o, "result"));
	json_decref(o);
}

static void hash_of_prompt(int id, const char *ids, char hash[65])
{
	put_file("ids.txt", ids, strlen(ids));
	ask("{\"type\":\"run\",\"id\":%d," FEW ",\"specs\":[{\"model\":\"%s\",\"images\":"
	    "[\"%s/a.pgm\"],\"tokens\":\"%s/ids.txt\"}]}\n",
	    id, fixture("qwen2_tiny"), dir, dir);
	json_t *o = await("result", id);
	const json_t *input = json_object_get(json_object_get(o, "result"), "input");
	snprintf(hash, 65, "%s", json_string_value(json_object_get(input, "sha256")));
	json_decref(o);
	expect("done", id);
}

/* The same ids, the picture at another place: another input. */
static void prompts_by_where_the_picture_stands(void **state)
{
	char first[65], second[65], again[65];
	(void)state;
	put_picture("a.pgm", 32, 32);
	hash_of_prompt(1, "7 315 8 9", first);
	stop(state);
	start(state);
	hash_of_prompt(1, "7 8 315 9", second);
	stop(state);
	start(state);
	hash_of_prompt(1, "7 315 8 9", again);
	assert_string_equal(first, again);
	assert_string_not_equal(first, second);
}

/* What is to say of the text and of the picture, which is larger than the limit. */
static void what_is_said_of_prompts(void **state)
{
	(void)state;
	put_picture("s.pgm", 10, 10);
	ask("{\"type\":\"run\",\"id\":1," FEW
	    ",\"specs\":[{\"model\":\"qwen2-vl-2b:tiny\","
	    "\"images\":[\"%s/s.pgm\"],\"text\":\"What?\"}]}\n",
	    dir);
	json_t *o = await("result", 1);
	char *warnings =
		json_line(json_object_get(json_object_get(o, "result"), "warnings"));
	assert_non_null(strstr(warnings, "bytes of the text"));
	assert_non_null(strstr(warnings, "s.pgm: 10 x 10 pixels are under the limit"));
	free(warnings);
	json_decref(o);
	expect("done", 1);
}

/* A picture that cannot be read is named once. */
static void broken_picture(void **state)
{
	(void)state;
	put_file("broken.pgm", "P5\n9 9\n255\nabc", 13);
	ask("{\"type\":\"load\",\"id\":1,\"specs\":[{\"model\":\"%s\",\"images\":"
	    "[\"%s/broken.pgm\"]}]}\n",
	    fixture("qwen2_tiny"), dir);
	json_t *o = await("error", 1);
	const char *message = json_string_value(json_object_get(o, "message"));
	const char *name = strstr(message, "broken.pgm");
	assert_true(name && !strstr(name + 1, "broken.pgm"));
	json_decref(o);
}

static int group_set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	temp_dir(dir);
	setenv("HF_HUB_CACHE", dir, 1);
	setenv("HOME", dir, 1);
	return 0;
}

static int group_tear_down(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(hello_first),
		CASE(load_says_what_it_is),
		CASE(load_ignores_techniques),
		CASE(estimates_need_a_model),
		CASE(estimates_of_other_threads),
		CASE(estimates_check_the_setting),
		CASE(estimate_during_a_run),
		CASE(cancel_and_go_on),
		CASE(old_cancels_change_nothing),
		CASE(cancel_before_it_starts),
		CASE(newest_wins),
		CASE(abba),
		CASE(types_of_one_model),
		CASE(another_type_of_another_shape),
		CASE(settings_bring_what_they_need),
		CASE(fidelity_from_run_to_run),
		CASE(strangers),
		CASE(nonsense),
		CASE(failures_leave_it_alive),
		CASE(estimates_while_inputs_change),
		CASE(pictures_that_differ_in_size),
		CASE(prompts_by_where_the_picture_stands),
		CASE(what_is_said_of_prompts),
		CASE(broken_picture),
		CASE(quits),
		CASE(ends_with_its_input),
		CASE(ends_with_its_reader),
	};
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
