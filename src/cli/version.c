#include <stdio.h>

#include "cli/command.h"

static enum err version_command(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return err_set(ERR_USAGE, "version takes no arguments");
	printf("sparsetop %s\n", SPARSETOP_VERSION);
	return OK;
}

const struct command_line version_command_line = {
	.name = "version",
	.synopsis = "version",
	.help = "print the version",
	.run = version_command,
};
