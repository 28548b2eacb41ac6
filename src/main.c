/*
 * argv -> subcommand; without one, the screen. The only place that turns errors into text
 * and an exit status.
 */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/options.h"
#include "models/input.h"
#include "models/preset.h"
#include "tensor/model_source.h"
#include "ui/ui.h"

#define FLUSH_MS 10000 /* as long as any command waits for a busy database */
#define SCREEN_OPTIONS                                                                   \
	(OPTIONS_MODEL | OPTIONS_MEASURE | OPTIONS_STORE | OPTIONS_SESSION |             \
	 OPTIONS_WORKER | OPTIONS_SCREEN)

static const struct command_line *find(const char *name)
{
	for (int i = 0; command_lines[i]; i++)
		if (!strcmp(command_lines[i]->name, name))
			return command_lines[i];
	return NULL;
}

static void print_help(void)
{
	printf("usage: sparsetop [-m MODEL] [-i IMAGE...] [knobs]     the screen\n");
	for (int i = 0; command_lines[i]; i++)
		printf("       sparsetop %-50s %s\n", command_lines[i]->synopsis,
		       command_lines[i]->help);
	printf("\nMODEL is a preset (sparsetop models), a folder with config.json, a "
	       "checkpoint\n"
	       "file, or owner/name in the local hub cache. COMMAND --help tells the "
	       "rest.\n\n"
	       "options of the screen:\n");
	options_print_help(SCREEN_OPTIONS);
}

/*
 * What can be found out in a millisecond is said before the screen opens. With a worker
 * somewhere else the paths are that machine's.
 */
static enum err check_paths(const struct options *o)
{
	struct model_source source = { 0 };
	struct input_list list = { 0 };
	if (o->worker)
		return OK;
	enum err e =
		preset_by_name(o->model) ? OK : model_source_resolve(o->model, &source);
	if (!e)
		e = input_list_make(&o->input, &list);
	model_source_release(&source);
	input_list_release(&list);
	return e;
}

static enum err run_screen(const struct options *o)
{
	struct app *app;
	const struct app_options opt = {
		.model = o->model,
		.input = &o->input,
		.knobs = o->knobs,
		.db = o->db,
		.session = o->session,
		.worker = o->worker,
		.budget_s = o->budget_s,
		.noise = o->noise,
		.samples = o->samples,
		.warmup = o->warmup,
		.readonly = o->readonly || o->no_store,
	};
	const struct ui_options ui = {
		.ascii = o->ascii,
		.no_mouse = o->no_mouse,
		.plain = o->plain,
	};
	enum err e = app_create(&opt, &app);
	if (e)
		return e;
	e = ui_run(app, &ui);
	int lost = app_flush(app, FLUSH_MS);
	if (!e && lost)
		e = err_set(ERR_IO, "%d run(s) could not be stored: %s", lost,
			    app->message);
	app_free(app);
	return e;
}

static enum err screen(int argc, char **argv)
{
	struct options o;
	static char name[] =
		"sparsetop"; /* for messages, whatever path it was called by */
	argv[0] = name;
	enum err e = options_parse(&o, SCREEN_OPTIONS, argc, argv);
	if (e)
		return e;
	if (o.help) {
		print_help();
	} else {
		e = check_paths(&o);
		if (!e)
			e = run_screen(&o);
	}
	options_release(&o);
	return e;
}

static enum err dispatch(int argc, char **argv)
{
	char shown[80];
	if (argc > 1 && !strcmp(argv[1], "--version"))
		return find("version")->run(1, argv);
	const struct command_line *c = argc > 1 ? find(argv[1]) : NULL;
	if (c)
		return c->run(argc - 1, argv + 1);
	if (argc > 1 && argv[1][0] != '-')
		return err_set(
			ERR_USAGE, "%s is not a command; try --help",
			str_escaped(shown, sizeof(shown), argv[1], strlen(argv[1])));
	return screen(argc, argv);
}

/* A result that never reached its reader is no result. */
static enum err finish_output(void)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return OK;
	return err_set(errno == ENOSPC ? ERR_FULL : ERR_IO, "stdout: %s",
		       errno ? strerror(errno) : "cannot be written");
}

/* A reader that has seen enough and closed the pipe needs no message. */
static bool reader_has_left(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
	return ferror(stdout) && poll(&out, 1, 0) == 1 && (out.revents & POLLERR);
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	enum err e = dispatch(argc, argv);
	if (!e)
		e = finish_output();
	if (e && !reader_has_left())
		fprintf(stderr, "sparsetop: %s\n", err_message());
	return err_exit_status(e);
}
