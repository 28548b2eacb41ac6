/* argv -> subcommand; without one, the screen. The only place that turns errors into text
 * and an exit status. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

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
		printf("       sparsetop %-42s %s\n", command_lines[i]->synopsis,
		       command_lines[i]->help);
	printf("\nMODEL is a preset (sparsetop models), a folder with config.json, a "
	       "checkpoint\n"
	       "file, or owner/name in the local hub cache. COMMAND --help tells the "
	       "rest.\n");
}

static enum err dispatch(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		print_help();
		return OK;
	}
	if (argc > 1 && !strcmp(argv[1], "--version"))
		return find("version")->run(1, argv);
	const struct command_line *c = argc > 1 ? find(argv[1]) : NULL;
	if (c)
		return c->run(argc - 1, argv + 1);
	if (argc > 1 && argv[1][0] != '-')
		return err_set(ERR_USAGE, "%s is not a command; try --help", argv[1]);
	return err_set(ERR_USAGE, "the screen is not built yet");
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	enum err e = dispatch(argc, argv);
	if (e)
		fprintf(stderr, "sparsetop: %s\n", err_message());
	return err_exit_status(e);
}
