/* sparsetop doctor: is everything as it should be, and what to do where it is not. */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu_isa.h"
#include "base/json.h"
#include "base/pool.h"
#include "cli/client.h"
#include "kernels/backend.h"
#include "profiler/env.h"
#include "profiler/memory.h"
#include "sessions/store.h"

#define GROUPS (OPTIONS_JSON | OPTIONS_STORE | OPTIONS_WORKER)

struct report {
	json_t *checks;
	bool json, bad;
};

static void say(struct report *r, bool ok, const char *name, const char *text)
{
	r->bad = r->bad || !ok;
	if (!r->json) {
		printf("%-5s %-10s %s\n", ok ? "ok" : "!", name, text);
		return;
	}
	json_t *o = json_object();
	json_put_str(o, "check", name);
	json_put(o, "ok", json_boolean(ok));
	json_put_str(o, "detail", text);
	json_array_append_new(r->checks, o);
}

static void check_cpu(struct report *r)
{
	char cpu[64], text[160];
	cpu_model_name(cpu, sizeof(cpu));
	snprintf(text, sizeof(text),
		 "%s, %s, %d CPUs for this process, %.1f GiB available", cpu,
		 isa_name(cpu_isa()), pool_cpus_allowed(),
		 memory_available_bytes() / 0x1p30);
	say(r, cpu_isa() >= ISA_AVX2, "cpu", text);
}

/* The backend as a worker would open it, with what multiplies in a pass of this type. */
static void check_products(struct report *r, const char *check, enum dtype type)
{
	char text[640];
	void *self;
	struct pool *pool = NULL;
	struct run *run = run_create();
	const struct backend *cpu = backend_by_name("cpu");
	enum err e = pool_create(1, &pool);
	if (!e)
		e = cpu->open(&(struct backend_opts){ pool, "auto" }, &self);
	if (e) {
		say(r, false, check, err_message());
	} else {
		env_describe(run, cpu, self, type, pool_size(pool));
		snprintf(text, sizeof(text), "%s %s, %s kernels%s%s",
			 run->env.blas_name ? run->env.blas_name : "none",
			 run->env.blas_version ? run->env.blas_version : "",
			 run->env.blas_core ? run->env.blas_core : "no",
			 run->n_warnings ? ": " : "",
			 run->n_warnings ? run->warnings[0] : "");
		/* A CPU that has no bf16, or a machine without oneDNN, is a healthy one.
		 */
		say(r, type != DT_F32 || (run->env.blas_core && !run->n_warnings), check,
		    text);
		cpu->close(self);
	}
	pool_free(pool);
	run_free(run);
}

static void check_worker(struct report *r, const struct options *o)
{
	struct client c;
	char text[512];
	if (client_start(&c, o, NULL)) {
		say(r, false, "worker", err_message());
		return;
	}
	snprintf(text, sizeof(text), "version %s, protocol %d", c.hello.version,
		 c.hello.protocol);
	say(r, true, "worker", text);
	for (int i = 0; i < c.hello.n_devices; i++) {
		const struct device *d = &c.hello.devices[i];
		snprintf(text, sizeof(text), "%s: %s", d->name,
			 d->available ? d->detail ? d->detail : "available"
			 : d->reason  ? d->reason
				      : "not available");
		/* A machine without a GPU is a healthy machine. */
		say(r, d->available || strcmp(d->name, "cpu"), "device", text);
	}
	client_stop(&c);
}

static void check_store(struct report *r, const struct options *o)
{
	struct store *s;
	char text[768];
	if (store_open(&(struct store_options){ .path = o->db, .busy_ms = 1000 }, &s)) {
		say(r, false, "database", err_message());
		return;
	}
	const char *notice = store_notice(s);
	snprintf(text, sizeof(text), "%s%s%s", store_path(s), notice ? ": " : "",
		 notice ? notice : "");
	say(r, !notice, "database", text);
	store_close(s);
}

static void check_terminal(struct report *r)
{
	const char *term = getenv("TERM");
	char text[160];
	setlocale(LC_ALL, "");
	const char *charset = nl_langinfo(CODESET);
	bool known = term && *term && strcmp(term, "dumb");
	snprintf(text, sizeof(text), "TERM=%s, %s%s", term ? term : "", charset,
		 known ? "" : ": set TERM to run the screen; commands work without");
	/* A script has no terminal, and needs none. */
	say(r, known || !isatty(STDOUT_FILENO), "terminal", text);
}

static enum err doctor_command(int argc, char **argv)
{
	struct options o;
	struct report r = { .checks = json_array() };
	enum err e = options_parse(&o, GROUPS, argc, argv);
	if (!e && o.n_rest)
		e = err_set(ERR_USAGE, "doctor takes no arguments");
	if (!e && o.help)
		printf("usage: sparsetop doctor [--json] [--db FILE]\n");
	if (!e && !o.help) {
		r.json = o.json;
		check_cpu(&r);
		check_products(&r, "blas", DT_F32);
		check_products(&r, "bf16", DT_BF16);
		check_worker(&r, &o);
		check_store(&r, &o);
		check_terminal(&r);
	}
	if (!e && o.json && !o.help) {
		json_t *all = json_object();
		json_put(all, "ok", json_boolean(!r.bad));
		json_put(all, "checks", json_incref(r.checks));
		char *line = json_line(all);
		printf("%s\n", line);
		free(line);
		json_decref(all);
	}
	if (!e && r.bad)
		e = err_set(ERR_UNAVAILABLE, "doctor: not everything is as it should be");
	json_decref(r.checks);
	options_release(&o);
	return e;
}

const struct command_line doctor_command_line = {
	.name = "doctor",
	.synopsis = "doctor [--json]",
	.help = "check CPU, BLAS, worker, database and terminal",
	.run = doctor_command,
};
