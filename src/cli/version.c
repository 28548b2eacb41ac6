#include <stdio.h>

#include "cli/options.h"

static enum err version_command(int argc, char **argv)
{
	struct options o;
	enum err e = options_parse(&o, 0, argc, argv);
	if (e)
		return e;
	if (o.help)
		printf("usage: sparsetop version\n");
	else if (o.n_rest)
		e = err_set(ERR_USAGE, "version takes no arguments");
	else
		printf("sparsetop %s\n", SPARSETOP_VERSION);
	options_release(&o);
	return e;
}

const struct command_line version_command_line = {
	.name = "version",
	.synopsis = "version",
	.help = "print the version",
	.run = version_command,
};
