#include "cli/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/client.h"
#include "sessions/session.h"
#include "sessions/store.h"

struct work {
	struct runner *r;
	struct store *store; /* NULL: --no-store */
	int64_t session_id;  /* 0: not made yet */
	char session_uid[UID_SIZE];
	struct client client;
	bool started;
	const struct cell *loaded; /* its workload is what the client describes */
	int visited, reported;
	double spent_s; /* in cells that were measured */
};

/* ---- the worker ---- */

static struct input_source input_of(const struct runner *r, const struct cell *cell)
{
	struct input_source in = input_source_copy(&r->o->input);
	if (cell->text) {
		free(in.text);
		in.text = str_dup(cell->text);
	}
	return in;
}

static struct command command_of(const struct runner *r, const struct cell *cell)
{
	const struct options *o = r->o;
	struct command c = { .n_specs = 1, .measure = measure_defaults() };
	c.specs = mem_alloc(sizeof(*c.specs));
	c.specs[0] = (struct spec){ .model = str_dup(cell->model),
				    .input = input_of(r, cell),
				    .knobs = cell->knobs };
	if (!isnan(r->budget_s))
		c.measure.budget_s = r->budget_s;
	if (!isnan(o->budget_s))
		c.measure.budget_s = o->budget_s;
	if (!isnan(o->noise))
		c.measure.noise = o->noise;
	c.measure.samples = o->samples;
	c.measure.warmup = o->warmup;
	return c;
}

static enum err start(struct work *w)
{
	enum err e = w->started ? OK : client_start(&w->client, w->r->o, w->store);
	w->started = e == OK;
	return e;
}

static void stop(struct work *w)
{
	if (w->started)
		client_stop(&w->client);
	w->started = false;
	w->loaded = NULL;
}

/* Whether both have model and input in common, and so both hashes. */
static bool same_workload(const struct cell *a, const struct cell *b)
{
	uint64_t mask = KNOB_BIT(KNOB_DEVICE);
	for (int i = 0; i < KNOB_COUNT; i++)
		if (knob_table[i].group == KNOB_WORKLOAD)
			mask |= KNOB_BIT(i);
	return !strcmp(a->model, b->model) && str_equal(a->text, b->text) &&
	       knobs_equal(&a->knobs, &b->knobs, mask);
}

static enum err load(struct work *w, const struct cell *cell)
{
	enum err e = start(w);
	if (e || (w->loaded && same_workload(w->loaded, cell)))
		return e;
	struct command c = command_of(w->r, cell);
	w->loaded = NULL;
	e = client_load(&w->client, &c);
	if (!e)
		w->loaded = cell;
	command_release(&c);
	return e;
}

/* ---- the store ---- */

static enum err open_session(struct work *w)
{
	if (!w->store || w->session_id)
		return OK;
	return store_session(w->store, w->r->session, &w->session_id, w->session_uid);
}

static void note_session(struct work *w, const struct run *run)
{
	if (run->session)
		snprintf(w->r->session_name, sizeof(w->r->session_name), "%s",
			 run->session);
}

/* The run of this cell that the session holds, or NULL in *out. */
static enum err find_stored(struct work *w, const struct cell *cell, struct run **out)
{
	char id[RUN_CELL_SIZE];
	int64_t run_id = 0;
	struct run *described = w->client.described;
	*out = NULL;
	if (!w->store || !w->r->session)
		return OK;
	enum err e = open_session(w);
	if (e)
		return e;
	run_set_technique(described, &cell->knobs);
	if (run_cell(described, id))
		e = store_find_cell(w->store, id, w->session_id, &run_id);
	if (!e && run_id)
		e = store_get(w->store, run_id, out);
	return e;
}

static enum err put(struct work *w, struct run *run)
{
	if (!w->store)
		return OK;
	enum err e = open_session(w);
	if (!e)
		e = store_put(w->store, w->session_id, run);
	if (!e)
		note_session(w, run);
	return e;
}

/* ---- one cell ---- */

/* What is known of a cell that failed: model and input, when it got so far. */
static struct run *failed_run(struct work *w, const struct cell *cell, double started_ns)
{
	struct run *run = w->started && w->loaded ? w->client.described : NULL;
	if (run)
		w->client.described = NULL;
	else
		run = run_create();
	w->loaded = NULL;
	run->state = RUN_FAILED;
	run->error = run_str(run, err_message());
	if (!run->model.source)
		run->model.source = run_str(run, cell->model);
	if (run->model.name)
		run_set_technique(run, &cell->knobs);
	else
		run->knobs = cell->knobs;
	run->started_ns = started_ns;
	run->ended_ns = (double)clock_wall_ns();
	uid_make(run->uid);
	return run;
}

static void report_failure(const struct cell *cell)
{
	fprintf(stderr, "sparsetop: %s: %s\n", cell->label, cell->run->error);
}

/* It failed and the others go on. A setting that nobody can run is not worth storing. */
static enum err fail(struct work *w, struct cell *cell, enum err why, double started_ns)
{
	bool described = w->started && w->loaded;
	cell->run = failed_run(w, cell, started_ns);
	cell->state = CELL_FAILED;
	w->r->failed++;
	report_failure(cell);
	if (why == ERR_WORKER)
		stop(w);
	return described && why != ERR_USAGE ? put(w, cell->run) : OK;
}

/* The model and text that all cells share cannot be opened: what holds for the first
 * holds for all. A setting that is too large or refused says nothing about the next. */
static bool hopeless(const struct work *w, enum err e)
{
	const struct runner *r = w->r;
	if (e == ERR_CANCELLED)
		return true;
	if (e == ERR_USAGE || e == ERR_NOMEM || e == ERR_UNAVAILABLE || w->visited ||
	    w->client.loaded)
		return false;
	for (int i = 1; i < r->n; i++)
		if (strcmp(r->cells[i].model, r->cells[0].model) ||
		    !str_equal(r->cells[i].text, r->cells[0].text))
			return false;
	return true;
}

static enum err measure_cell(struct work *w, struct cell *cell)
{
	struct command c = command_of(w->r, cell);
	enum err e = client_run(&w->client, &c, &cell->run);
	command_release(&c);
	return e;
}

/* Nobody knew the hash of the weights before they were read: now the next cells can be
 * found. */
static void learn_hash(struct work *w, const struct run *run)
{
	struct run *described = w->client.described;
	if (described && !described->model.sha256 && run->model.sha256)
		described->model.sha256 = run_str(described, run->model.sha256);
}

static enum err visit(struct work *w, struct cell *cell)
{
	double started_ns = (double)clock_wall_ns();
	enum err e = load(w, cell);
	if (!e) {
		enum err lost = find_stored(w, cell, &cell->run);
		if (lost)
			return lost;
	}
	if (cell->run) {
		cell->state = CELL_STORED;
		w->r->stored++;
		note_session(w, cell->run);
		return OK;
	}
	if (!e)
		e = measure_cell(w, cell);
	if (e)
		return hopeless(w, e) ? e : fail(w, cell, e, started_ns);
	learn_hash(w, cell->run);
	cell->state = CELL_MEASURED;
	w->r->measured++;
	w->spent_s += ((double)clock_wall_ns() - started_ns) * 1e-9;
	return put(w, cell->run);
}

/* ---- all of them ---- */

/* "3/9 keep=0.7 (2 min left) ": before what the worker is doing. */
static void set_prefix(struct work *w, const struct cell *cell)
{
	char left[32] = "";
	const struct runner *r = w->r;
	double s = w->spent_s / r->measured * (r->n - w->visited);
	if (r->measured && s < 100)
		snprintf(left, sizeof(left), " (%.0f s left)", s);
	else if (r->measured)
		snprintf(left, sizeof(left), " (%.0f min left)", ceil(s / 60));
	snprintf(w->client.prefix, sizeof(w->client.prefix), "%d/%d %.32s%s ",
		 w->visited + 1, r->n, cell->label, left);
}

/* In the order of the table, whatever was measured first: each once all above are there,
 * and in the end those that are. */
static enum err report(struct work *w, bool end)
{
	const struct runner *r = w->r;
	enum err e = OK;
	for (; !e && w->reported < r->n; w->reported++) {
		const struct cell *cell = &r->cells[w->reported];
		if (cell->state == CELL_WAITING && !end)
			break;
		if (cell->state != CELL_WAITING && r->on_cell)
			e = r->on_cell(r->ctx, cell);
	}
	return e;
}

static enum err visit_all(struct work *w)
{
	enum err e = OK;
	for (; !e && w->visited < w->r->n; w->visited++) {
		struct cell *cell = &w->r->cells[w->r->order[w->visited]];
		e = start(w);
		if (e)
			break;
		set_prefix(w, cell);
		e = visit(w, cell);
		if (!e)
			e = report(w, false);
	}
	return e;
}

/* What is done is shown, also where the rest is not. */
static enum err finish(struct work *w, enum err e)
{
	char message[1024];
	snprintf(message, sizeof(message), "%s", err_message());
	enum err shown = report(w, true);
	return e ? err_set(e, "%s", message) : shown;
}

static enum err cancelled(const struct runner *r)
{
	int done = r->measured + r->stored;
	if (!r->session_name[0])
		return err_set(ERR_CANCELLED, "cancelled after %d of %d settings", done,
			       r->n);
	return err_set(ERR_CANCELLED,
		       "cancelled: %d of %d settings are stored; the same command %s%s%s",
		       done, r->n, r->session ? "" : "with --session ",
		       r->session ? "" : r->session_name,
		       r->session ? "goes on" : " goes on");
}

enum err runner_run(struct runner *r)
{
	struct work w = { .r = r };
	const struct options *o = r->o;
	enum err e = r->session ? session_check_name(r->session) : OK;
	if (!e && !o->no_store)
		e = store_open(&(struct store_options){ .path = o->db, .busy_ms = 10000 },
			       &w.store);
	if (!e)
		e = finish(&w, visit_all(&w));
	stop(&w);
	store_close(w.store);
	if (e == ERR_CANCELLED)
		return cancelled(r);
	if (!e && r->failed)
		e = err_set(ERR_UNSUPPORTED, "%d of %d settings failed", r->failed, r->n);
	return e;
}

void runner_release(struct runner *r)
{
	for (int i = 0; i < r->n; i++)
		run_free(r->cells[i].run);
}

/* ---- the end of a table ---- */

static bool same_machine(const struct run_env *a, const struct run_env *b)
{
	return str_equal(a->host, b->host) && str_equal(a->cpu, b->cpu) &&
	       str_equal(a->blas_name, b->blas_name) &&
	       str_equal(a->blas_core, b->blas_core);
}

static void print_machine(const struct run_env *env)
{
	char buf[512];
	const char *const parts[] = { env->cpu, env->isa, env->blas_name,
				      env->blas_core };
	const char *gap = "machine    ";
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!parts[i])
			continue;
		printf("%s%s", gap,
		       str_escaped(buf, sizeof(buf), parts[i], strlen(parts[i])));
		gap = ", ";
	}
	if (!isnan(env->n_cpu))
		printf(", %.0f CPUs", env->n_cpu);
	printf("\n");
}

/* Every machine once: runs of a resumed session may be from several. */
static int print_machines(const struct runner *r)
{
	int machines = 0;
	for (int i = 0; i < r->n; i++) {
		const struct run *run = r->cells[i].run;
		int j = 0;
		if (!run || run->state != RUN_DONE)
			continue;
		while (j < i && (!r->cells[j].run || r->cells[j].run->state != RUN_DONE ||
				 !same_machine(&r->cells[j].run->env, &run->env)))
			j++;
		if (j < i)
			continue;
		print_machine(&run->env);
		machines++;
	}
	return machines;
}

bool runner_is_random(const struct runner *r)
{
	for (int i = 0; i < r->n; i++)
		if (r->cells[i].run && r->cells[i].run->model.random_weights)
			return true;
	return false;
}

#define NOISY 0.05 /* half the interval of a median: ratios beyond that mean little */

/* Rows run one after the other: what a neighbour did meanwhile is part of their ratios.
 */
static void print_noise(const struct runner *r)
{
	int noisy = 0, done = 0;
	for (int i = 0; i < r->n; i++) {
		const struct run *run = r->cells[i].run;
		if (!run || run->state != RUN_DONE)
			continue;
		done++;
		double half = (run->wall.ci95_hi_ns - run->wall.ci95_lo_ns) / 2;
		noisy += !(half <= NOISY * run->wall.p50_ns);
	}
	if (noisy)
		printf("warning    noisy: %d of %d medians are known to worse than "
		       "+-%.0f %%, or from too few samples\n",
		       noisy, done, 100 * NOISY);
}

void runner_print_end(const struct runner *r)
{
	if (runner_is_random(r))
		printf("(random)   random weights: fidelity and accuracy mean nothing "
		       "for a "
		       "trained model\n");
	if (print_machines(r) > 1)
		printf("warning    rows of different machines: their times do not "
		       "compare\n");
	print_noise(r);
	if (r->session_name[0])
		printf("session    %s: %d measured now, %d from before%s\n",
		       r->session_name, r->measured, r->stored,
		       r->stored ? " (another --session measures them again)" : "");
}
