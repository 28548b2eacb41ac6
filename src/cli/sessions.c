/* sparsetop sessions: what is stored. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/str.h"
#include "cli/options.h"
#include "cli/table.h"
#include "sessions/store.h"

#define GROUPS (OPTIONS_STORE | OPTIONS_JSON | OPTIONS_TABLE)
#define PAGE 64

static void print_json(json_t *o)
{
	char *line = json_line(o);
	printf("%s\n", line);
	free(line);
	json_decref(o);
}

static const char *time_text(int64_t ns, char *buf, size_t size)
{
	time_t t = (time_t)(ns / 1000000000);
	struct tm tm;
	if (!ns || !localtime_r(&t, &tm) ||
	    !strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(buf, size, "--");
	return buf;
}

static void print_session(const struct session_row *s, bool json)
{
	char when[32], name[128], model[128];
	if (!json) {
		printf("%-24s %6lld %6lld  %s  %s\n",
		       str_escaped(name, sizeof(name), s->name, strlen(s->name)),
		       (long long)s->runs, (long long)s->trail,
		       time_text(s->last_ns ? s->last_ns : s->created_ns, when,
				 sizeof(when)),
		       str_escaped(model, sizeof(model), s->model, strlen(s->model)));
		return;
	}
	json_t *o = json_object();
	json_put_str(o, "uid", s->uid);
	json_put_str(o, "name", s->name);
	json_put(o, "created_ns", json_integer(s->created_ns));
	json_put(o, "last_ns", s->last_ns ? json_integer(s->last_ns) : json_null());
	json_put(o, "runs", json_integer(s->runs));
	json_put(o, "trail", json_integer(s->trail));
	json_put_str(o, "model", s->model[0] ? s->model : NULL);
	print_json(o);
}

static enum err list_sessions(struct store *store, const struct options *o)
{
	struct session_row rows[PAGE];
	int64_t at_ns = 0, at_id = 0;
	int n, left = o->limit < 0 ? INT32_MAX : o->limit;
	if (!o->json)
		printf("%-24s %6s %6s  %-19s  %s\n", "session", "runs", "trail",
		       "last run", "model");
	do {
		enum err e = session_page(store, at_ns, at_id, left < PAGE ? left : PAGE,
					  rows, &n);
		if (e)
			return e;
		for (int i = 0; i < n; i++)
			print_session(&rows[i], o->json);
		if (n) {
			at_ns = rows[n - 1].created_ns;
			at_id = rows[n - 1].id;
		}
		left -= n;
	} while (n == PAGE && left > 0);
	return OK;
}

static void print_run(const struct run_row *r, bool json)
{
	char when[32], ms[16], model[128], tail[512];
	if (!json) {
		const char *text = r->error[0] ? r->error : r->knobs;
		printf("%6lld  %-6s %s  %8s ms  %s  %s\n", (long long)r->id, r->state,
		       time_text(r->started_ns, when, sizeof(when)),
		       metric_text(UNIT_NS, r->p50_ns, ms, sizeof(ms)),
		       str_escaped(model, sizeof(model), r->model, strlen(r->model)),
		       str_escaped(tail, sizeof(tail), text, strlen(text)));
		return;
	}
	json_t *o = json_object();
	json_put(o, "run", json_integer(r->id));
	json_put_str(o, "uid", r->uid);
	json_put_str(o, "state", r->state);
	json_put(o, "started_ns", json_integer(r->started_ns));
	json_put_str(o, "model", r->model);
	json_put_str(o, "device", r->device);
	json_put_str(o, "knobs", r->knobs);
	json_put_num(o, "p50_ns", r->p50_ns);
	json_put_num(o, "cosine", r->cosine);
	json_put_num(o, "top1", r->top1);
	json_put(o, "trail", json_boolean(r->trail));
	json_put_str(o, "error", r->error[0] ? r->error : NULL);
	print_json(o);
}

static enum err show_session(struct store *store, int64_t id, const struct options *o)
{
	struct run_row rows[PAGE];
	int64_t at_ns = 0, at_id = 0;
	int n, left = o->limit < 0 ? INT32_MAX : o->limit;
	do {
		enum err e = session_run_page(store, id, true, at_ns, at_id,
					      left < PAGE ? left : PAGE, rows, &n);
		if (e)
			return e;
		for (int i = 0; i < n; i++)
			print_run(&rows[i], o->json);
		if (n) {
			at_ns = rows[n - 1].started_ns;
			at_id = rows[n - 1].id;
		}
		left -= n;
	} while (n == PAGE && left > 0);
	return OK;
}

static enum err show_run(struct store *store, int64_t id, const struct options *o)
{
	struct run *run;
	enum err e = store_get(store, id, &run);
	if (e)
		return e;
	if (o->json) {
		print_json(run_to_json(run));
	} else {
		table_print_headline(run, NULL);
		e = table_print_layers(run, o->group_by, o->sort, o->limit);
	}
	run_free(run);
	return e;
}

static enum err show(struct store *store, const char *what, const struct options *o)
{
	int64_t run, session;
	enum err e = store_find(store, what, &run, &session);
	if (e)
		return e;
	return run ? show_run(store, run, o) : show_session(store, session, o);
}

static bool is_list(const struct options *o)
{
	return !o->n_rest || (o->n_rest == 1 && !strcmp(o->rest[0], "list"));
}

static enum err check_usage(const struct options *o)
{
	if (!is_list(o) && (strcmp(o->rest[0], "show") || o->n_rest < 2))
		return err_set(ERR_USAGE,
			       "sessions: want `list` or `show RUN|SESSION...`");
	return table_check(o->group_by, o->sort);
}

static enum err dispatch(struct store *store, const struct options *o)
{
	enum err e = OK;
	if (is_list(o))
		return list_sessions(store, o);
	for (int i = 1; !e && i < o->n_rest; i++)
		e = show(store, o->rest[i], o);
	return e;
}

static enum err sessions_command(int argc, char **argv)
{
	struct options o;
	struct store *store = NULL;
	enum err e = options_parse(&o, GROUPS, argc, argv);
	if (e)
		return e;
	if (o.help) {
		printf("usage: sparsetop sessions list | show RUN|SESSION...\n\nRUN is a "
		       "number, "
		       "a uid or its unique prefix, last, or SESSION/N.\n\n");
		options_print_help(GROUPS);
	} else {
		e = check_usage(&o);
		if (!e)
			e = store_open(&(struct store_options){ .path = o.db,
								.must_exist = true,
								.busy_ms = 10000 },
				       &store);
		if (e == ERR_NOTFOUND && is_list(&o)) { /* an empty list is no mistake */
			fprintf(stderr, "sparsetop: %s: nothing is stored yet\n",
				err_message());
			options_release(&o);
			return OK;
		}
		if (!e && store_notice(store))
			fprintf(stderr, "sparsetop: %s\n", store_notice(store));
		if (!e)
			e = dispatch(store, &o);
		store_close(store);
	}
	options_release(&o);
	return e;
}

const struct command_line sessions_command_line = {
	.name = "sessions",
	.synopsis = "sessions list | show RUN|SESSION [--json]",
	.help = "what is stored",
	.run = sessions_command,
};
