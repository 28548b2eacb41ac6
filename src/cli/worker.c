#include <stdio.h>

#include "cli/options.h"
#include "profiler/worker.h"

static enum err worker_command(int argc, char **argv)
{
	struct options o;
	enum err e = options_parse(&o, 0, argc, argv);
	if (e)
		return e;
	if (o.help)
		printf("usage: sparsetop worker\n\nReads commands from stdin and writes "
		       "events to stdout, one JSON object per line.\n");
	else if (o.n_rest)
		e = err_set(ERR_USAGE, "worker takes no arguments");
	else
		e = worker_main();
	options_release(&o);
	return e;
}

const struct command_line worker_command_line = {
	.name = "worker",
	.synopsis = "worker",
	.help = "the process that computes; speaks JSON Lines on stdin and stdout",
	.run = worker_command,
};
