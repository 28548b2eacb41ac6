/* A subcommand: one file, one word in meson.build. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/err.h"

struct command_line {
	const char *name, *synopsis, *help;
	/* argv[0] is the command's name. What it returns decides the exit status; its
	 * message is printed by main. */
	enum err (*run)(int argc, char **argv);
};

extern const struct command_line *const command_lines[]; /* NULL-terminated */

#endif
