/*
 * A worker that measures nothing and misbehaves on request:
 *
 *   fake_worker FOLDER [RULE...]
 *
 * Without rules it answers at once: a pass takes 10 ms times keep, an estimate is 10 %
 * above.
 *
 * It appends a line to FOLDER/log for its start ("start PID") and for what it reads
 * ("load", "load a.png", "load MODEL:TEXT", "run 0.5", "estimate 0.5", "cancel", "hash").
 * Of a model that is not called "fake" it is "load NAME"; that of another name has
 * another hash, and no batch. A rule is DEED:LINE or DEED:LINE#N: what to do on that line
 * ("start" without the number), or only the first N times the log has it, over all
 * workers of the folder.
 *
 *   die       ends by SIGKILL
 *   hang      reads and says nothing any more, also on SIGTERM
 *   hold      does nothing until it can take a byte from FOLDER/gate, a FIFO; then goes
 * on as if nothing had been, with an answer that may be late slow      works until it is
 * cancelled or superseded garbage   says something that is not of the protocol fail
 * answers with an error protocol  says hello with another number nohash    does not know
 * the weights' hash before the first run
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lines.h"
#include "profiler/protocol.h"

#define PASS_NS 1e7
#define N_SAMPLES 3
#define OTHER_SHA "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *folder;
static char **rules;
static int n_rules;
static struct line_writer *out;
static int64_t busy_id; /* of the slow request; 0: none */

/* ---- the log ---- */

static void log_path(char path[256], const char *name)
{
	snprintf(path, 256, "%s/%s", folder, name);
}

static void note(const char *line)
{
	char path[256];
	log_path(path, "log");
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || dprintf(fd, "%s\n", line) < 0)
		_exit(3);
	close(fd);
}

static int times_noted(const char *line)
{
	char path[256], got[256];
	int n = 0;
	log_path(path, "log");
	FILE *f = fopen(path, "re");
	while (f && fgets(got, sizeof(got), f)) {
		size_t len = strlen(line);
		n += !strncmp(got, line, len) && (got[len] == '\n' || got[len] == ' ');
	}
	if (f)
		fclose(f);
	return n;
}

static bool told(const char *deed, const char *line)
{
	for (int i = 0; i < n_rules; i++) {
		size_t n = strlen(deed), len = strlen(line);
		const char *at = rules[i] + n + 1;
		if (strncmp(rules[i], deed, n) || rules[i][n] != ':' ||
		    strncmp(at, line, len))
			continue;
		if (!at[len] ||
		    (at[len] == '#' && times_noted(line) <= atoi(at + len + 1)))
			return true;
	}
	return false;
}

/* ---- answers ---- */

static void send(const struct event *ev)
{
	char *line = event_encode(ev);
	if (line_writer_send(out, line))
		_exit(0);
	free(line);
}

static void send_error(int64_t id, enum err code, const char *text)
{
	struct event ev = { .type = EVENT_ERROR, .id = id, .code = code };
	ev.message = str_dup(text);
	send(&ev);
	free(ev.message);
}

/* Each input has a hash of its own. */
static void describe_input(const struct input_source *in, struct run *r)
{
	char sha[] = SHA;
	const char *source = in->dataset    ? in->dataset
			     : in->n_images ? in->images[0]
					    : "";
	const char *text = in->text ? in->text : "";
	for (size_t i = 0; source[i]; i++)
		sha[i % 64] = "0123456789abcdef"[(sha[i % 64] + source[i]) % 16];
	for (size_t i = 0; text[i]; i++)
		sha[63 - i % 64] = "0123456789abcdef"[(sha[63 - i % 64] + text[i]) % 16];
	r->input.kind = in->dataset ? "dataset" : in->n_images ? "image" : "scene";
	r->input.source = run_str(r, *source ? source : NULL);
	r->input.sha256 = run_str(r, sha);
	r->input.batch = 1;
	r->input.tokens = 100;
}

/* The last of several pictures is the worst. */
static void describe_fidelity(const struct spec *s, struct run *r)
{
	char worst[256];
	const struct input_source *in = &s->input;
	if (knob_num(&s->knobs, KNOB_KEEP) >= 1)
		return;
	r->fidelity.reference = "keep=1";
	r->fidelity.images = in->dataset && !strchr(in->dataset, '#') ? 10 : in->n_images;
	r->fidelity.cosine = r->fidelity.cosine_min = 0.5;
	snprintf(worst, sizeof(worst), "%s#9", in->dataset ? in->dataset : "");
	if (in->n_images)
		snprintf(worst, sizeof(worst), "%s", in->images[in->n_images - 1]);
	r->fidelity.worst = run_str(r, worst);
}

static struct run *describe(const struct spec *s, bool with_hash)
{
	struct run *r = run_create();
	bool other = strcmp(s->model, "fake") != 0;
	r->model.name = run_str(r, s->model);
	r->model.family = "clip_vit";
	r->model.format = "none";
	r->model.params = 1000;
	r->model.bytes = 4000;
	r->model.sha256 = with_hash ? other ? OTHER_SHA : SHA : NULL;
	describe_input(&s->input, r);
	r->device = "cpu";
	r->knobs = s->knobs;
	knobs_resolve_method(&r->knobs);
	r->knob_mask = KNOB_BIT(KNOB_METHOD) | KNOB_BIT(KNOB_KEEP) |
		       KNOB_BIT(KNOB_PRUNE_AT) | KNOB_BIT(KNOB_BATCH) |
		       KNOB_BIT(KNOB_SEED) | KNOB_BIT(KNOB_THREADS) |
		       KNOB_BIT(KNOB_GEMM) | KNOB_BIT(KNOB_DEVICE);
	if (other)
		r->knob_mask &= ~KNOB_BIT(KNOB_BATCH);
	if (!strcmp(s->model, "scan"))
		r->knob_mask |= KNOB_BIT(KNOB_MRSS) | KNOB_BIT(KNOB_DOWNSAMPLE) |
				KNOB_BIT(KNOB_SEQ) | KNOB_BIT(KNOB_THRESHOLD) |
				KNOB_BIT(KNOB_THRESHOLD_SCALE);
	return r;
}

static void set_times(struct run *r, double ns)
{
	struct run_wall *w = &r->wall;
	double samples[N_SAMPLES];
	for (int i = 0; i < N_SAMPLES; i++)
		samples[i] = ns;
	w->min_ns = w->p50_ns = w->mean_ns = w->max_ns = r->whole.p50_ns = ns;
	w->ci95_lo_ns = w->ci95_hi_ns = ns;
	w->sd_ns = 0;
	r->flops.ours = 1000 * ns;
	if (r->state == RUN_ESTIMATE)
		return;
	w->n = N_SAMPLES;
	w->warmup = 1;
	w->stopped_by = "samples";
	w->samples_ns = run_doubles(r, samples, N_SAMPLES);
	w->n_samples = N_SAMPLES;
}

static void answer_load(const struct command *c)
{
	struct event ev = { .type = EVENT_LOADED, .id = c->id };
	ev.run = describe(&c->specs[0], !told("nohash", "start"));
	ev.why_not[KNOB_RANK] = str_dup("its projections are dense");
	ev.file_key = told("nohash", "start") ? str_dup("host:1:2:3") : NULL;
	send(&ev);
	event_release(&ev);
	send(&(struct event){ .type = EVENT_DONE, .id = c->id });
}

/* False, with an error sent, where the model lacks a knob that is set. */
static bool has_knobs(const struct command *c)
{
	if (knobs_is_default(&c->specs[0].knobs, KNOB_RANK))
		return true;
	send_error(c->id, ERR_USAGE,
		   "--rank: fake does not have this knob: its projections are dense");
	return false;
}

static void send_run(const struct command *c, enum run_state state)
{
	struct event ev = { .id = c->id };
	double ns = PASS_NS * knob_num(&c->specs[0].knobs, KNOB_KEEP);
	ev.type = state == RUN_ESTIMATE ? EVENT_ESTIMATE : EVENT_RESULT;
	ev.run = describe(&c->specs[0], true);
	ev.run->state = state;
	ev.run->started_ns = (double)clock_wall_ns();
	if (state == RUN_DONE)
		describe_fidelity(&c->specs[0], ev.run);
	set_times(ev.run, state == RUN_ESTIMATE ? 1.1 * ns : ns);
	send(&ev);
	event_release(&ev);
}

static void send_sample(const struct command *c)
{
	const double keep = knob_num(&c->specs[0].knobs, KNOB_KEEP);
	send(&(struct event){ .type = EVENT_SAMPLE,
			      .id = c->id,
			      .sample = { .start_ns = clock_now_ns(),
					  .wall_ns = (int64_t)(PASS_NS * keep) } });
}

static void answer_run(const struct command *c)
{
	if (!has_knobs(c))
		return;
	for (int i = 0; i < N_SAMPLES; i++)
		send_sample(c);
	send_run(c, RUN_DONE);
	send(&(struct event){ .type = EVENT_DONE, .id = c->id });
}

static void answer(const struct command *c)
{
	if (c->type == COMMAND_LOAD)
		answer_load(c);
	else if (c->type == COMMAND_RUN)
		answer_run(c);
	else if (c->type == COMMAND_ESTIMATE && has_knobs(c))
		send_run(c, RUN_ESTIMATE);
}

/* ---- deeds ---- */

static void hold(void)
{
	char path[256], byte;
	log_path(path, "gate");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &byte, 1) != 1)
		_exit(4);
	close(fd);
}

static void hang(void)
{
	signal(SIGTERM, SIG_IGN);
	for (;;)
		pause();
}

/* What may be done on any line. */
static void misbehave(const char *line)
{
	if (told("die", line))
		kill(getpid(), SIGKILL);
	if (told("hang", line))
		hang();
	if (told("hold", line))
		hold();
	if (told("garbage", line) && line_writer_send(out, "Segmentation fault"))
		_exit(0);
}

static void stop_busy(void)
{
	if (!busy_id)
		return;
	send_error(busy_id, ERR_CANCELLED, "cancelled");
	busy_id = 0;
}

static void name_line(const struct command *c, char line[80])
{
	static const char *const names[] = {
		[COMMAND_LOAD] = "load", [COMMAND_ESTIMATE] = "estimate",
		[COMMAND_RUN] = "run",   [COMMAND_CANCEL] = "cancel",
		[COMMAND_HASH] = "hash", [COMMAND_QUIT] = "quit",
	};
	char keep[KNOB_TEXT_SIZE];
	if (c->type == COMMAND_RUN || c->type == COMMAND_ESTIMATE)
		snprintf(line, 80, "%s %s", names[c->type],
			 knobs_get(&c->specs[0].knobs, KNOB_KEEP, keep));
	else if (c->type == COMMAND_LOAD && c->specs[0].input.text)
		snprintf(line, 80, "load %.30s:%.30s", c->specs[0].model,
			 c->specs[0].input.text);
	else if (c->type == COMMAND_LOAD && strcmp(c->specs[0].model, "fake") != 0)
		snprintf(line, 80, "load %s", c->specs[0].model);
	else if (c->type == COMMAND_LOAD && c->specs[0].input.n_images)
		snprintf(line, 80, "load %.60s", c->specs[0].input.images[0]);
	else if (c->type == COMMAND_LOAD && c->specs[0].input.dataset)
		snprintf(line, 80, "load %.60s", c->specs[0].input.dataset);
	else
		snprintf(line, 80, "%s", names[c->type]);
}

static void obey(const struct command *c)
{
	char line[80];
	name_line(c, line);
	note(line);
	misbehave(line);
	if (c->type == COMMAND_QUIT)
		_exit(0);
	if (c->type == COMMAND_LOAD || c->type == COMMAND_RUN ||
	    (c->type == COMMAND_CANCEL && c->id >= busy_id))
		stop_busy();
	if (told("fail", line)) {
		send_error(c->id, ERR_NOMEM, "fake: wanted 1000 GiB");
	} else if (told("slow", line)) {
		busy_id = c->id;
		if (c->type == COMMAND_RUN)
			send_sample(c);
	} else {
		answer(c);
	}
}

static void say_hello(void)
{
	char line[80], name[] = "cpu", detail[] = "fake", version[] = "0";
	struct device cpu = { .name = name, .detail = detail, .available = true };
	snprintf(line, sizeof(line), "start %d", (int)getpid());
	note(line);
	misbehave("start");
	bool other = told("protocol", "start");
	send(&(struct event){ .type = EVENT_HELLO,
			      .protocol = PROTOCOL_VERSION + (other ? 1 : 0),
			      .version = version,
			      .devices = &cpu,
			      .n_devices = 1 });
}

int main(int argc, char **argv)
{
	struct line_reader in;
	if (argc < 2)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a hanging one does not outlive its test */
	folder = argv[1];
	rules = argv + 2;
	n_rules = argc - 2;
	out = line_writer_create(STDOUT_FILENO);
	line_reader_init(&in, STDIN_FILENO);
	say_hello();
	while (!line_reader_fill(&in) && !in.eof) {
		for (char *line; (line = line_reader_next(&in)) != NULL;) {
			struct command c;
			if (command_decode(line, &c))
				_exit(5);
			obey(&c);
			command_release(&c);
		}
	}
	_exit(0);
}
