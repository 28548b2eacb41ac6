/*
 * Options of all subcommands, parsed one way. A command names the groups it takes;
 * whatever else is given is a usage error that says so.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "app.h"
#include "base/knobs.h"
#include "cli/command.h"
#include "models/input_source.h"
#include "profiler/plan.h"

enum option_group {
	OPTIONS_MODEL = 1 << 0,   /* -m, what goes in, and the knobs */
	OPTIONS_MEASURE = 1 << 1, /* --budget --samples --warmup --noise */
	OPTIONS_STORE = 1 << 2,   /* --db */
	OPTIONS_SESSION = 1 << 3, /* --session --no-store */
	OPTIONS_WORKER = 1 << 4,  /* --worker */
	OPTIONS_JSON = 1 << 5,    /* --json */
	OPTIONS_TABLE = 1 << 6,   /* --group-by --sort --limit */
	OPTIONS_SAVE = 1 << 7,    /* --save-output */
	OPTIONS_EXPORT = 1 << 8,  /* --format -o */
	OPTIONS_SCREEN = 1 << 9,  /* --ascii --no-mouse --plain --readonly */
	OPTIONS_LISTS = 1 << 10,  /* knobs take lists: `plan` instead of `knobs` */
	OPTIONS_STUDY = 1 << 11,  /* --file; no model by default */
	OPTIONS_METHODS = 1 << 12 /* --methods */
};

struct options {
	const char *model;         /* NULL: OPTIONS_STUDY, and not given */
	struct input_source input; /* owned */
	struct knobs knobs;        /* with those that a preset brings (models/preset.h) */
	uint64_t given;            /* KNOB_BITs of those on the command line */
	double budget_s, samples, warmup, noise; /* NaN: not given */
	const char *db, *session, *worker;
	bool no_store, json, ascii, no_mouse, plain, readonly, methods, help;
	const char *group_by, *sort, *save_output, *format, *output;
	struct plan plan; /* OPTIONS_LISTS: an axis for every knob that was given */
	bool lists;
	const char *file;
	int limit;   /* rows of a table; -1: not given, or it is the dataset's */
	char **rest; /* what is left: the command's own arguments */
	int n_rest;
};

/* Every command takes these, so that a script may always give them. */
#define OPTIONS_EVERYWHERE (OPTIONS_STORE | OPTIONS_WORKER)

/* ERR_USAGE; ERR_UNSUPPORTED for a path that is not UTF-8. `groups` is a set of enum
 * option_group. */
enum err options_parse(struct options *, unsigned groups, int argc,
		       char **argv) MUST_CHECK;
void options_release(struct options *);
void options_print_help(unsigned groups);

#endif
