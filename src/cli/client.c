#include "cli/client.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "profiler/memory.h"
#include "sessions/store.h"

#define HELLO_S 60 /* a worker behind a job queue or a slow line may take its time */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig) { interrupted = sig; }

static bool progress_wanted(void) { return isatty(STDERR_FILENO); }

static void clear_progress(void)
{
	if (progress_wanted())
		fprintf(stderr, "\r\033[K");
}

static void show_progress(const struct client *c, const struct event *ev)
{
	if (!progress_wanted())
		return;
	fprintf(stderr, "\r\033[K%s%s", c->prefix, ev->what);
	if (ev->total > 0 && ev->done <= ev->total)
		fprintf(stderr, " %.0f %%", 100 * ev->done / ev->total);
	else
		fprintf(stderr, " %.0f", ev->done);
	fflush(stderr);
}

/* Waits until the worker says something, ends, or ^C; OK with *got set when it did. */
static enum err wait_event(struct client *c, struct event *ev)
{
	char why[512];
	enum err e;
	for (;;) {
		if (handle_next(&c->worker, ev, &e))
			return e;
		if (handle_ended(&c->worker, why, sizeof(why)))
			return err_set(ERR_WORKER, "%s", why);
		struct pollfd fds[3];
		int n = handle_fds(&c->worker, fds);
		const struct timespec soon = { .tv_nsec = 20000000 };
		if (c->hello_by_ns && clock_now_ns() > c->hello_by_ns)
			return err_set(ERR_WORKER, "the worker said nothing for %d s",
				       HELLO_S);
		if (ppoll(fds, (nfds_t)n, n && !c->hello_by_ns ? NULL : &soon,
			  &c->while_waiting) < 0 &&
		    errno != EINTR)
			return err_set(ERR_IO, "poll: %s", strerror(errno));
		if (interrupted)
			return err_set(ERR_CANCELLED, "cancelled");
		e = handle_pump(&c->worker);
		if (e)
			return e;
	}
}

enum err client_start(struct client *c, const struct options *o, struct store *store)
{
	*c = (struct client){ .store = store, .given = o->given, .next_id = 1 };
	const struct sigaction act = { .sa_handler = on_interrupt };
	sigset_t ends;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* They come while we wait, never between a look at the flag and the wait. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, &c->while_waiting);
	sigdelset(&c->while_waiting, SIGINT);
	sigdelset(&c->while_waiting, SIGTERM);
	c->hello_by_ns = clock_now_ns() + HELLO_S * INT64_C(1000000000);
	enum err e = handle_start(&c->worker, o->worker);
	if (!e)
		e = wait_event(c, &c->hello);
	c->hello_by_ns = 0;
	if (!e && (c->hello.type != EVENT_HELLO || c->hello.protocol != PROTOCOL_VERSION))
		e = err_set(ERR_WORKER, "the worker speaks protocol %d, this program %d",
			    c->hello.protocol, PROTOCOL_VERSION);
	if (e)
		client_stop(c);
	return e;
}

void client_stop(struct client *c)
{
	handle_stop(&c->worker, 1000);
	event_release(&c->hello);
	run_free(c->described);
	c->described = NULL;
	free(c->file_key);
	c->file_key = NULL;
}

/* The hash of the weights, where an earlier run has found it: it takes a second per GB.
 */
static void offer_hash(struct client *c)
{
	char hex[65];
	if (!c->store || !c->file_key ||
	    store_file_hash_get(c->store, c->file_key, hex) || !hex[0])
		return;
	if (!c->described->model.sha256)
		c->described->model.sha256 = run_str(c->described, hex);
	struct command know = { .type = COMMAND_HASH, .id = c->next_id - 1 };
	know.key = str_dup(c->file_key);
	know.sha256 = str_dup(hex);
	if (handle_send(&c->worker, &know))
		know.id = 0; /* the worker is gone: the next read says so */
	command_release(&know);
}

/* Remembers the hash for the next time; a database that refuses costs only that. */
static void remember_hash(struct client *c, const struct run *run)
{
	if (c->store && c->file_key && run->model.sha256 &&
	    store_file_hash_put(c->store, c->file_key, run->model.sha256))
		clear_progress();
}

static enum err remote_error(const struct event *ev)
{
	return err_set(ev->code, "%s", ev->message ? ev->message : "the worker failed");
}

/* A result has no identity before it arrives: the front gives it one, stored or not. */
static struct run *take_result(struct event *ev)
{
	struct run *run = ev->run;
	ev->run = NULL;
	uid_make(run->uid);
	run->ended_ns = (double)clock_wall_ns();
	return run;
}

/* What it will take is said before it is taken. */
static void show_need(const struct client *c)
{
	const struct run *r = c->described;
	char weights[16], activations[16];
	if (!progress_wanted() || isnan(r->memory.peak_activation_bytes))
		return;
	clear_progress();
	fprintf(stderr, "%s%s needs %s of weights and %s of activations\n", c->prefix,
		r->model.name,
		memory_text(r->memory.model_bytes, weights, sizeof(weights)),
		memory_text(r->memory.peak_activation_bytes, activations,
			    sizeof(activations)));
}

static void take_loaded(struct client *c, struct event *ev)
{
	c->loaded = true;
	run_free(c->described);
	c->described = ev->run;
	ev->run = NULL;
	show_need(c);
	free(c->file_key);
	c->file_key = str_dup(ev->file_key);
	offer_hash(c);
}

/* The worker takes a batch of 1 for nobody's choice; the user may have made it. */
static enum err check_batch(const struct client *c, const struct spec *s)
{
	double has = knob_num(&c->described->knobs, KNOB_BATCH);
	char shown[256];
	if (!s->input.input || !(c->given & KNOB_BIT(KNOB_BATCH)) ||
	    has == knob_num(&s->knobs, KNOB_BATCH))
		return OK;
	return err_set(
		ERR_USAGE, "--batch %.10g: --input %s has sequences, a batch of %.10g",
		knob_num(&s->knobs, KNOB_BATCH),
		str_escaped(shown, sizeof(shown), s->input.input, strlen(s->input.input)),
		has);
}

/* Sends it and takes what comes until `last`, an error, the worker's end or ^C. */
static enum err converse(struct client *c, struct command *command, enum event_type last,
			 struct run **out)
{
	command->id = c->next_id++;
	enum err e = handle_send(&c->worker, command);
	for (bool done = false; !e && !done;) {
		struct event ev = { 0 };
		e = wait_event(c, &ev);
		if (e || (ev.id != command->id && ev.type != EVENT_HELLO)) {
			event_release(&ev);
			continue;
		}
		if (ev.type == EVENT_LOADED) {
			take_loaded(c, &ev);
			e = check_batch(c, &command->specs[0]);
		} else if (ev.type == EVENT_PROGRESS) {
			show_progress(c, &ev);
		} else if (ev.type == EVENT_RESULT && out &&
			   ev.variant < command->n_specs) {
			run_free(out[ev.variant]);
			out[ev.variant] = take_result(&ev);
		} else if (ev.type == EVENT_ERROR) {
			e = remote_error(&ev);
		}
		done = ev.type == last || ev.type == EVENT_DONE;
		event_release(&ev);
	}
	clear_progress();
	return e;
}

enum err client_load(struct client *c, struct command *load)
{
	load->type = COMMAND_LOAD;
	enum err e = converse(c, load, EVENT_LOADED, NULL);
	if (!e && !c->described)
		e = err_set(ERR_WORKER, "the worker is done but described no model");
	return e;
}

enum err client_run(struct client *c, struct command *run, struct run **out)
{
	run->type = COMMAND_RUN;
	for (int i = 0; i < run->n_specs; i++)
		out[i] = NULL;
	enum err e = converse(c, run, EVENT_DONE, out);
	for (int i = 0; !e && i < run->n_specs; i++)
		if (!out[i])
			e = err_set(ERR_WORKER, "the worker is done but sent no result");
	if (!e)
		remember_hash(c, out[0]);
	return e;
}
