/* The protocol: every message survives a round trip; edited ones are refused or read. */
#include "check.h"

#include <math.h>

#include "base/rng.h"
#include "base/str.h"
#include "profiler/protocol.h"
#include "run_sample.h"

/* ---- one of each ---- */

static struct spec sample_spec(const char *keep)
{
	struct spec s = { .model = str_dup("a \"model\"\n\x1b[31m"),
			  .input = { .exif = true, .limit = 500 } };
	input_source_add_image(&s.input, "dir/\xff\xfe.png");
	input_source_add_image(&s.input, "b.png");
	for (const struct input_text *t = input_texts; t->name; t++)
		*input_text(&s.input, t) = str_dup(t->name); /* each another */
	knobs_init(&s.knobs);
	check_ok(knobs_set(&s.knobs, KNOB_KEEP, keep));
	check_ok(knobs_set(&s.knobs, KNOB_GEMM, "ref"));
	struct spec copy = spec_copy(&s);
	spec_release(&s);
	return copy;
}

static struct command sample_command(enum command_type type)
{
	struct command c = { .type = type, .id = 7, .measure = measure_defaults() };
	int n = type == COMMAND_RUN ? 3 : type <= COMMAND_ESTIMATE ? 1 : 0;
	c.specs = calloc((size_t)n + 1, sizeof(*c.specs));
	for (int i = 0; i < n; i++)
		c.specs[c.n_specs++] = sample_spec(i ? "0.5" : "1");
	if (type == COMMAND_RUN) {
		c.abba = true;
		c.measure = (struct measure_options){ 3.5, 20, 2, 0.005 };
		c.save_output = str_dup("out dir/x.safetensors");
	}
	if (type == COMMAND_HASH) {
		c.key = str_dup("host:1:2:3");
		c.sha256 = str_dup("00ff");
	}
	return c;
}

static struct event sample_event(enum event_type type)
{
	struct event ev = { .type = type, .id = 9 };
	if (type == EVENT_HELLO) {
		ev.protocol = PROTOCOL_VERSION;
		ev.version = str_dup("0.1");
		ev.devices = calloc(2, sizeof(*ev.devices));
		ev.n_devices = 2;
		ev.devices[0] =
			(struct device){ str_dup("cpu"), str_dup("x"), true, NULL };
		ev.devices[1] =
			(struct device){ str_dup("cuda"), NULL, false, str_dup("none") };
	}
	if (type == EVENT_LOADED || type == EVENT_ESTIMATE || type == EVENT_RESULT)
		ev.run = sample_run(2);
	if (type == EVENT_LOADED) {
		ev.why_not[KNOB_DOWNSAMPLE] = str_dup("no scan");
		ev.file_key = str_dup("key");
		ev.picture_width = 5;
		ev.picture_height = 3;
		ev.picture = malloc(45);
		for (int i = 0; i < 45; i++)
			ev.picture[i] = (uint8_t)(i * 37);
	}
	if (type == EVENT_PROGRESS) {
		ev.what = str_dup("warming up");
		ev.done = 3;
		ev.total = 10;
	}
	if (type == EVENT_SAMPLE) {
		ev.variant = 2;
		ev.sample = (struct measure_sample){ 2, true, 123456789012345678, 4711 };
	}
	if (type == EVENT_RESULT)
		ev.variant = 1;
	if (type == EVENT_ERROR) {
		ev.code = ERR_NOTFOUND;
		ev.message = str_dup("x.png: \"not\" there");
	}
	return ev;
}

/* ---- round trips ---- */

static void commands(void **state)
{
	(void)state;
	for (int type = COMMAND_LOAD; type <= COMMAND_QUIT; type++) {
		struct command c = sample_command((enum command_type)type), back;
		char *line = command_encode(&c);
		assert_null(strchr(line, '\n'));
		check_ok(command_decode(line, &back));
		char *again = command_encode(&back);
		assert_string_equal(line, again);
		assert_int_equal(back.type, c.type);
		assert_int_equal(back.n_specs, c.n_specs);
		for (int i = 0; i < c.n_specs; i++)
			assert_true(knobs_equal(&c.specs[i].knobs, &back.specs[i].knobs,
						~UINT64_C(0)));
		if (type == COMMAND_RUN) {
			assert_true(back.abba && back.measure.samples == 20 &&
				    back.measure.noise == 0.005);
			const struct input_source *in = &back.specs[0].input;
			assert_true(in->exif && in->n_images == 2 && in->limit == 500);
			for (const struct input_text *t = input_texts; t->name; t++)
				assert_string_equal(input_text_const(in, t), t->name);
			assert_true(input_source_equal(in, &back.specs[1].input));
			in = &c.specs[0].input; /* a name that is not UTF-8 is escaped */
			assert_false(input_source_equal(in, &back.specs[1].input));
		}
		free(line);
		free(again);
		command_release(&c);
		command_release(&back);
	}
}

static void events(void **state)
{
	(void)state;
	for (int type = EVENT_HELLO; type <= EVENT_DONE; type++) {
		struct event ev = sample_event((enum event_type)type), back;
		char *line = event_encode(&ev);
		assert_null(strchr(line, '\n'));
		check_ok(event_decode(line, &back));
		char *again = event_encode(&back);
		assert_string_equal(line, again);
		assert_int_equal(back.type, ev.type);
		assert_int_equal(back.id, 9);
		assert_int_equal(back.code, ev.code);
		if (type == EVENT_LOADED) {
			assert_memory_equal(back.picture, ev.picture, 45);
			assert_string_equal(back.why_not[KNOB_DOWNSAMPLE], "no scan");
		}
		if (type == EVENT_SAMPLE)
			assert_true(back.sample.watched && back.sample.variant == 2 &&
				    back.sample.start_ns == 123456789012345678);
		free(line);
		free(again);
		event_release(&ev);
		event_release(&back);
	}
}

static void defaults(void **state)
{
	struct command c;
	(void)state;
	check_ok(command_decode(
		"{\"type\":\"run\",\"id\":1,\"specs\":[{\"model\":\"m\"}]}", &c));
	struct measure_options d = measure_defaults();
	assert_true(c.measure.budget_s == d.budget_s && c.measure.noise == d.noise);
	assert_true(isnan(c.measure.samples) && isnan(c.measure.warmup) && !c.abba);
	struct knobs k;
	knobs_init(&k);
	assert_true(knobs_equal(&k, &c.specs[0].knobs, ~UINT64_C(0)));
	command_release(&c);
}

/* ---- what is refused ---- */

static void refused_commands(void **state)
{
	static const char *const lines[] = {
		"",
		"null",
		"[]",
		"{}",
		"{\"type\":\"dance\",\"id\":1}",
		"{\"type\":7}",
		"{\"type\":\"run\",\"id\":1}",
		"{\"type\":\"run\",\"id\":1,\"specs\":[]}",
		"{\"type\":\"run\",\"id\":1,\"specs\":[7]}",
		"{\"type\":\"run\",\"id\":1,\"specs\":[{}]}",
		"{\"type\":\"run\",\"id\":1,\"specs\":{\"model\":\"m\"}}",
		"{\"type\":\"run\",\"id\":-1,\"specs\":[{\"model\":\"m\"}]}",
		"{\"type\":\"run\",\"id\":1.5,\"specs\":[{\"model\":\"m\"}]}",
		"{\"type\":\"run\",\"id\":1e30,\"specs\":[{\"model\":\"m\"}]}",
		"{\"type\":\"run\",\"id\":9223372036854775807,\"specs\":[{\"model\":"
		"\"m\"}]}",
		"{\"type\":\"run\",\"specs\":[{\"model\":\"m\"}]}",
		"{\"type\":\"load\",\"id\":0,\"specs\":[{\"model\":\"m\"}]}",
		"{\"type\":\"run\",\"id\":1,\"samples\":0,\"specs\":[{\"model\":\"m\"}]}",
		"{\"type\":\"run\",\"id\":1,\"samples\":\"9\",\"specs\":[{\"model\":"
		"\"m\"}]}",
		"{\"type\":\"run\",\"id\":1,\"warmup\":-3,\"specs\":[{\"model\":\"m\"}]}",
		"{\"type\":\"run\",\"id\":1,\"specs\":[{\"model\":\"m\",\"images\":[3]}]"
		"}",
		"{\"type\":\"run\",\"id\":1,\"specs\":[{\"model\":\"m\",\"images\":\"x\"}"
		"]}",
		"{\"type\":\"run\",\"id\":1,\"specs\":[{\"model\":\"m\",\"exif\":1}]}",
		"{\"type\":\"run\",\"id\":1,\"specs\":[{\"model\":\"m\",\"labels\":1}]}",
		"{\"type\":\"run\",\"id\":1,\"specs\":[{\"model\":\"m\",\"limit\":0}]}",
		"{\"type\":\"run\",\"id\":1,\"specs\":[{\"model\":\"m\",\"limit\":1.5}]}",
		"{\"type\":\"run\",\"id\":1,\"specs\":[{\"model\":\"m\",\"knobs\":[]}]}",
		"{\"type\":\"run\",\"id\":1,\"specs\":[{\"model\":\"m\",\"knobs\":{"
		"\"keep\":1}}]}",
		"{\"type\":\"run\",\"id\":1,\"specs\":[{\"model\":\"m\",\"knobs\":{"
		"\"keep\":\"7\"}}]}",
		"{\"type\":\"run\",\"id\":1,\"specs\":[{\"model\":\"m\",\"knobs\":{"
		"\"nope\":\"7\"}}]}",
		"{\"type\":\"cancel\",\"id\":1,\"specs\":[{\"model\":\"m\"}]}",
		"{\"type\":\"quit\"} x",
		"{\"type\":\"quit\",\"type\":\"quit\"}",
	};
	struct command c;
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		enum err e = command_decode(lines[i], &c);
		if (!e)
			fail_msg("accepted: %s", lines[i]);
		assert_null(strchr(err_message(), '\n'));
		assert_null(c.specs); /* nothing is left to release */
	}
}

static void refused_events(void **state)
{
	static const char *const lines[] = {
		"garbage",
		"{\"type\":\"result\",\"id\":1}",
		"{\"type\":\"loaded\",\"id\":1,\"result\":null}",
		"{\"type\":\"result\",\"id\":1,\"result\":[]}",
		"{\"type\":\"result\",\"id\":1,\"result\":{\"result_version\":99}}",
		"{\"type\":\"sample\",\"id\":1,\"variant\":64}",
		"{\"type\":\"sample\",\"id\":1,\"variant\":-1}",
		"{\"type\":\"sample\",\"id\":1,\"wall_ns\":-5}",
		"{\"type\":\"error\",\"id\":1,\"message\":[]}",
		"{\"type\":\"hello\",\"protocol\":\"1\"}",
		/* what a front shows must be there */
		"{\"type\":\"hello\",\"protocol\":1,\"devices\":[{}]}",
		"{\"type\":\"hello\",\"protocol\":1,\"devices\":[7]}",
		"{\"type\":\"hello\",\"protocol\":1,\"version\":null}",
		"{\"type\":\"progress\",\"id\":1}",
	};
	struct event ev;
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (event_decode(lines[i], &ev) == OK)
			fail_msg("accepted: %s", lines[i]);
}

/* A front that waits for its request must not take a failure for nothing at all. */
static void an_error_is_an_error(void **state)
{
	static const char *const lines[] = {
		"{\"type\":\"error\",\"id\":1,\"code\":\"ok\"}",
		"{\"type\":\"error\",\"id\":1,\"code\":\"\"}",
		"{\"type\":\"error\",\"id\":1}",
	};
	struct event ev;
	(void)state;
	assert_string_equal(err_name(OK), "ok");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		check_ok(event_decode(lines[i], &ev));
		assert_int_equal(ev.code, ERR_WORKER);
		event_release(&ev);
	}
}

static void text_for_people(void **state)
{
	struct event ev;
	(void)state;
	check_ok(event_decode(
		"{\"type\":\"error\",\"id\":1,\"message\":\"a\\u001b[2J\\n\\u009bb\"}",
		&ev));
	assert_string_equal(ev.message, "a\\x1b[2J\\x0a\\xc2\\x9bb");
	event_release(&ev);
	check_ok(event_decode(
		"{\"type\":\"error\",\"id\":1,\"message\":\"a\\\\x1b \\u00b5\"}", &ev));
	assert_string_equal(ev.message, "a\\x1b \u00b5"); /* escaped before: not again */
	event_release(&ev);
}

/* ---- fuzzing: cut, overwritten, spliced; sanitizers watch ---- */

static uint32_t drawn;

static uint32_t draw(uint32_t below) { return rng_bits(42, drawn++) % below; }

static char *mutate(const char *line)
{
	static const char *const splices[] = { "\"",  "{",     "}",
					       "[",   "]",     "null",
					       "-1",  "1e999", "99999999999999999999",
					       ",",   ":",     "\\ud800",
					       "true" };
	struct str s = STR_INIT;
	str_add(&s, line);
	for (uint32_t n = 1 + draw(3); n && s.len; n--) {
		size_t at = draw((uint32_t)s.len);
		const char *splice = splices[draw(sizeof(splices) / sizeof(splices[0]))];
		size_t gone = draw(8);
		gone = gone > s.len - at ? s.len - at : gone;
		struct str t = STR_INIT;
		str_add_n(&t, s.s, at);
		if (draw(3))
			str_add(&t, splice);
		else
			str_add_n(&t, (char[]){ (char)(1 + draw(255)) }, 1);
		str_add_n(&t, s.s + at + gone, s.len - at - gone);
		str_release(&s);
		s = t;
	}
	return str_detach(&s);
}

static void try_command(const char *line)
{
	struct command c;
	if (command_decode(line, &c) == OK) {
		free(command_encode(&c));
		command_release(&c);
	}
}

static void try_event(const char *line)
{
	struct event ev;
	if (event_decode(line, &ev) == OK) {
		free(event_encode(&ev));
		event_release(&ev);
	}
}

static void fuzz(const char *line, void (*try)(const char *))
{
	size_t n = strlen(line), step = n > 400 ? n / 200 : 1;
	char *cut = str_dup(line);
	for (size_t at = n; at-- > 0;)
		if (at < 200 || at % step == 0) {
			cut[at] = 0;
			try(cut);
		}
	free(cut);
	for (int i = 0; i < 300; i++) {
		char *edited = mutate(line);
		try(edited);
		free(edited);
	}
}

static void fuzz_commands(void **state)
{
	(void)state;
	for (int type = COMMAND_LOAD; type <= COMMAND_QUIT; type++) {
		struct command c = sample_command((enum command_type)type);
		char *line = command_encode(&c);
		fuzz(line, try_command);
		free(line);
		command_release(&c);
	}
}

static void fuzz_events(void **state)
{
	(void)state;
	for (int type = EVENT_HELLO; type <= EVENT_DONE; type++) {
		struct event ev = sample_event((enum event_type)type);
		char *line = event_encode(&ev);
		fuzz(line, try_event);
		free(line);
		event_release(&ev);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),        cmocka_unit_test(events),
		cmocka_unit_test(defaults),        cmocka_unit_test(refused_commands),
		cmocka_unit_test(refused_events),  cmocka_unit_test(an_error_is_an_error),
		cmocka_unit_test(text_for_people), cmocka_unit_test(fuzz_commands),
		cmocka_unit_test(fuzz_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
