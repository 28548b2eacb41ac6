#include "cli/command.h"
#include "profiler/worker.h"

static enum err worker_command(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return err_set(ERR_USAGE, "worker takes no arguments");
	return worker_main();
}

const struct command_line worker_command_line = {
	.name = "worker",
	.synopsis = "worker",
	.help = "the process that computes; speaks JSON Lines on stdin and stdout",
	.run = worker_command,
};
