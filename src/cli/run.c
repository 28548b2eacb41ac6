/* sparsetop run: one measurement, stored, printed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/table.h"
#include "sessions/session.h"
#include "sessions/store.h"

#define GROUPS                                                                           \
	(OPTIONS_MODEL | OPTIONS_MEASURE | OPTIONS_STORE | OPTIONS_SESSION |             \
	 OPTIONS_WORKER | OPTIONS_JSON | OPTIONS_TABLE | OPTIONS_SAVE)

struct target {
	struct store *store; /* NULL: --no-store */
	int64_t session_id;
	char session_uid[UID_SIZE];
};

static enum err open_target(struct target *t, const struct options *o)
{
	*t = (struct target){ 0 };
	if (o->no_store)
		return OK;
	enum err e = o->session ? session_check_name(o->session) : OK;
	return e ? e
		 : store_open(&(struct store_options){ .path = o->db, .busy_ms = 10000 },
			      &t->store);
}

static enum err put(struct target *t, const struct options *o, struct run *run)
{
	enum err e = OK;
	if (!t->session_id)
		e = store_session(t->store, o->session, &t->session_id, t->session_uid);
	return e ? e : store_put(t->store, t->session_id, run);
}

static struct command make_command(const struct options *o)
{
	struct command c = { .n_specs = 1, .measure = measure_defaults() };
	c.specs = mem_alloc(sizeof(*c.specs));
	c.specs[0] = (struct spec){ .model = str_dup(o->model),
				    .input = input_source_copy(&o->input),
				    .knobs = o->knobs };
	if (!isnan(o->budget_s))
		c.measure.budget_s = o->budget_s;
	if (!isnan(o->noise))
		c.measure.noise = o->noise;
	c.measure.samples = o->samples;
	c.measure.warmup = o->warmup;
	c.save_output = str_dup(o->save_output);
	return c;
}

/* A run that failed after its model was loaded is worth remembering. */
static void put_failure(struct target *t, const struct options *o, struct client *client,
			double started_ns)
{
	char message[1024];
	snprintf(message, sizeof(message), "%s", err_message());
	struct run *failed = client->described;
	client->described = NULL;
	failed->state = RUN_FAILED;
	failed->error = run_str(failed, message);
	run_set_technique(failed, &o->knobs);
	knobs_resolve_method(&failed->knobs);
	failed->started_ns = started_ns;
	failed->ended_ns = (double)clock_wall_ns();
	if (put(t, o, failed))
		fprintf(stderr, "sparsetop: the failed run is not stored: %s\n",
			err_message());
	run_free(failed);
}

static enum err measure_and_store(struct target *t, const struct options *o,
				  struct run **out)
{
	struct client client;
	struct command c = make_command(o);
	double started_ns = (double)clock_wall_ns();
	enum err e = client_start(&client, o, t->store);
	if (e)
		goto done;
	e = client_run(&client, &c, out);
	if (!e && t->store)
		e = put(t, o, *out);
	else if (e && e != ERR_CANCELLED && e != ERR_USAGE && t->store &&
		 client.described) {
		char message[1024];
		snprintf(message, sizeof(message), "%s", err_message());
		put_failure(t, o, &client, started_ns);
		e = err_set(e, "%s", message);
	}
	client_stop(&client);
done:
	command_release(&c);
	return e;
}

/* The latest base run of the same workload, for the speed-up; NULL: none is stored. */
static struct run *find_base(struct target *t, const struct run *run)
{
	char cell[RUN_CELL_SIZE];
	int64_t id;
	struct run *base = NULL;
	if (!t->store || !run_base_cell(run, cell) ||
	    store_find_cell(t->store, cell, 0, &id) || !id ||
	    store_get(t->store, id, &base))
		return NULL;
	return base;
}

static enum err print(struct target *t, const struct options *o, const struct run *run)
{
	if (o->json) {
		json_t *object = run_to_json(run);
		char *line = json_line(object);
		printf("%s\n", line);
		free(line);
		json_decref(object);
		return OK;
	}
	struct run *base = find_base(t, run);
	table_print_headline(run, base);
	run_free(base);
	return table_print_layers(run, o->group_by, o->sort, o->limit);
}

static enum err run_command(int argc, char **argv)
{
	struct options o;
	struct target t;
	struct run *run = NULL;
	enum err e = options_parse(&o, GROUPS, argc, argv);
	if (e)
		return e;
	if (o.help) {
		printf("usage: sparsetop run -m MODEL [-i IMAGE...] [knobs] "
		       "[--json]\n\n");
		options_print_help(GROUPS);
		goto done;
	}
	/* What cannot be printed or stored is found out before minutes are spent. */
	e = table_check(o.group_by, o.sort);
	if (!e)
		e = open_target(&t, &o);
	if (e)
		goto done;
	e = measure_and_store(&t, &o, &run);
	if (run) {
		enum err stored = e;
		char message[1024];
		snprintf(message, sizeof(message), "%s", err_message());
		e = print(&t, &o, run);
		if (stored) /* the result is on the screen, but it is not stored */
			e = err_set(stored, "this run is not stored: %s", message);
	}
	store_close(t.store);
done:
	run_free(run);
	options_release(&o);
	return e;
}

const struct command_line run_command_line = {
	.name = "run",
	.synopsis = "run -m MODEL [-i IMAGE...] [--keep R ...] [--json]",
	.help = "measure one setting, layer by layer",
	.run = run_command,
};
