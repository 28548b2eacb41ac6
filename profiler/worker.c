/*
 * Two threads. The reader parses commands, answers `estimate` itself (an op can take 70
 * ms, the answer may not) and puts `load` and `run` into a one-slot mailbox. The main
 * thread computes. Between two ops it looks at `cancelled_up_to`: requests carry growing
 * ids, so one number says which of them nobody waits for any more.
 */
#include "profiler/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu_isa.h"
#include "base/lines.h"
#include "base/mailbox.h"
#include "base/str.h"
#include "profiler/workbench.h"

#define PROGRESS_NS 50000000 /* progress is told 20 times a second */

struct worker {
	struct line_reader in;
	struct line_writer *out;
	struct mailbox *jobs;
	struct workbench *bench;
	atomic_llong cancelled_up_to;
	int64_t job_id;      /* of the main thread */
	int64_t progress_ns; /* when progress was last told */
};

/* A front that is gone ends the worker: nobody is left to compute for. */
static void send(struct worker *w, const struct event *ev)
{
	char *line = event_encode(ev);
	if (line_writer_send(w->out, line))
		_exit(0);
	free(line);
}

static void send_error(struct worker *w, int64_t id, enum err code)
{
	char *message = str_dup(err_message());
	send(w,
	     &(struct event){
		     .type = EVENT_ERROR, .id = id, .code = code, .message = message });
	free(message);
}

/* ---- the reader thread ---- */

static void answer_estimate(struct worker *w, const struct command *c)
{
	struct run *run;
	enum err e = workbench_estimate(w->bench, &c->specs[0], &run);
	if (e) {
		send_error(w, c->id, e);
		return;
	}
	send(w, &(struct event){ .type = EVENT_ESTIMATE, .id = c->id, .run = run });
	run_free(run);
}

static void refuse(struct worker *w, struct command *c)
{
	enum err e = err_set(ERR_CANCELLED, "superseded by a newer request");
	send_error(w, c->id, e);
	command_release(c);
	free(c);
}

/* Only ever forward: a cancel that comes late must not take back a newer one. */
static void cancel_up_to(struct worker *w, int64_t id)
{
	long long now = atomic_load(&w->cancelled_up_to);
	while (now < id && !atomic_compare_exchange_weak(&w->cancelled_up_to, &now, id))
		;
}

static void enqueue(struct worker *w, const struct command *c)
{
	struct command *job = mem_alloc(sizeof(*job));
	*job = *c;
	cancel_up_to(w, c->id - 1);
	struct command *displaced = mailbox_put(w->jobs, job);
	if (displaced)
		refuse(w, displaced);
}

/* False on `quit`. Takes what the command owns. */
static bool obey(struct worker *w, struct command *c)
{
	switch (c->type) {
	case COMMAND_LOAD:
	case COMMAND_RUN:
		enqueue(w, c);
		return true;
	case COMMAND_ESTIMATE:
		answer_estimate(w, c);
		break;
	case COMMAND_CANCEL:
		cancel_up_to(w, c->id);
		break;
	case COMMAND_HASH:
		workbench_know_hash(w->bench, c->key, c->sha256);
		break;
	case COMMAND_QUIT:
		command_release(c);
		return false;
	}
	command_release(c);
	return true;
}

static void *reader_main(void *arg)
{
	struct worker *w = arg;
	for (;;) {
		for (char *line; (line = line_reader_next(&w->in)) != NULL;) {
			struct command c;
			enum err e = command_decode(line, &c);
			if (e)
				send_error(w, 0, e);
			else if (!obey(w, &c))
				_exit(0);
		}
		/* No orderly end: an op may be computing, and all memory is ours alone.
		 */
		if (w->in.eof || line_reader_fill(&w->in))
			_exit(0);
	}
}

/* ---- the main thread ---- */

static bool still_wanted(void *ctx)
{
	const struct worker *w = ctx;
	return atomic_load_explicit(&w->cancelled_up_to, memory_order_relaxed) <
	       w->job_id;
}

static void on_progress(void *ctx, const char *what, double done, double total)
{
	struct worker *w = ctx;
	int64_t now = clock_now_ns();
	if (now - w->progress_ns < PROGRESS_NS && done < total)
		return;
	w->progress_ns = now;
	struct event ev = {
		.type = EVENT_PROGRESS, .id = w->job_id, .done = done, .total = total
	};
	ev.what = str_dup(what);
	send(w, &ev);
	free(ev.what);
}

static void on_sample(void *ctx, const struct measure_sample *s)
{
	struct worker *w = ctx;
	send(w, &(struct event){ .type = EVENT_SAMPLE,
				 .id = w->job_id,
				 .variant = s->variant,
				 .sample = *s });
}

/* Model and input of specs[0], announced when they changed or when a load asks for them.
 */
static enum err open_spec(struct worker *w, const struct command *c,
			  const struct work_watch *watch)
{
	bool changed;
	enum err e = workbench_open(w->bench, &c->specs[0], &changed);
	if (e)
		return e;
	if (changed || c->type == COMMAND_LOAD) {
		struct event ev = { .type = EVENT_LOADED, .id = c->id };
		workbench_describe(w->bench, &ev);
		send(w, &ev);
		event_release(&ev);
	}
	return workbench_prepare(w->bench, &c->specs[0].knobs, watch);
}

static enum err run_specs(struct worker *w, const struct command *c,
			  const struct work_watch *watch)
{
	struct run **runs = mem_alloc(sizeof(*runs) * (size_t)c->n_specs);
	enum err e = workbench_run(w->bench, c, watch, runs);
	for (int i = 0; !e && i < c->n_specs; i++)
		send(w, &(struct event){ .type = EVENT_RESULT,
					 .id = c->id,
					 .variant = i,
					 .run = runs[i] });
	for (int i = 0; i < c->n_specs; i++)
		run_free(runs[i]);
	free(runs);
	return e;
}

static void do_job(struct worker *w, struct command *c)
{
	const struct work_watch watch = { w, still_wanted, on_progress, on_sample };
	w->job_id = c->id;
	w->progress_ns = 0;
	enum err e = open_spec(w, c, &watch);
	if (!e && c->type == COMMAND_RUN)
		e = run_specs(w, c, &watch);
	if (e)
		send_error(w, c->id, e);
	else
		send(w, &(struct event){ .type = EVENT_DONE, .id = c->id });
	command_release(c);
	free(c);
}

static void say_hello(struct worker *w)
{
	char cpu[64], detail[128];
	cpu_model_name(cpu, sizeof(cpu));
	snprintf(detail, sizeof(detail), "%s, %s, %d CPUs", cpu, isa_name(cpu_isa()),
		 pool_cpus_allowed());
	char name_cpu[] = "cpu", name_cuda[] = "cuda", version[] = SPARSETOP_VERSION;
	char reason[] = "this version has no GPU backend";
	struct device devices[] = {
		{ .name = name_cpu, .detail = detail, .available = true },
		{ .name = name_cuda, .reason = reason },
	};
	send(w, &(struct event){ .type = EVENT_HELLO,
				 .protocol = PROTOCOL_VERSION,
				 .version = version,
				 .devices = devices,
				 .n_devices = 2 });
}

/* fd 1 is the protocol's alone: it is moved away, and what prints to it reaches stderr.
 */
static int take_stdout(void)
{
	int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	return fd;
}

enum err worker_main(void)
{
	struct worker w = { 0 };
	pthread_t reader;
	signal(SIGPIPE, SIG_IGN);
	int fd = take_stdout();
	if (fd < 0)
		return err_set(ERR_IO, "worker: stdout is closed");
	line_reader_init(&w.in, STDIN_FILENO);
	w.out = line_writer_create(fd);
	w.jobs = mailbox_create();
	w.bench = workbench_create();
	say_hello(&w);
	if (pthread_create(&reader, NULL, reader_main, &w))
		return err_set(ERR_IO, "worker: cannot start its reader thread");
	for (struct command *c; (c = mailbox_take(w.jobs)) != NULL;)
		do_job(&w, c);
	return OK;
}
